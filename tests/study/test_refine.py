"""The next study: a changed space, the old trials as evidence, no budget spent on them, and a log that replays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import ProblemError, SpaceError, StudyMismatchError, TrimtabError
from trimtab.ledger import snapshot
from trimtab.space.revise import mapped, revised
from trimtab.study.lineage import Lineage
from trimtab.study.replay import replay

SPACE = tt.Space(
    x=tt.Float(0, 1),
    m=tt.Float(0, 1, default=0.5),
    k=tt.Categorical(["a", "b"]),
    n=tt.Int(1, 9),
    deep=tt.Float(1e-3, 1.0, log=True, when=tt.given("k") == "b"),
)


def loss(params: dict[str, Any]) -> float:
    return float((params["x"] - 1.7) ** 2) + 0.1 * params.get("m", 0.0) + (0.3 if params.get("k") == "b" else 0.0)


def objective(trial: tt.Trial) -> dict[str, float]:
    if trial.params["n"] == 9:
        raise ValueError("nine is too many")
    return {"loss": loss(trial.params), "cost": 2.0}


@pytest.fixture(scope="module")
def first() -> tt.Study:
    study = tt.tune(
        objective, SPACE, minimize="loss", cost="cost", budget=24, seed=1, optimizer="random", progress=False, name="f"
    )
    study.tag(3, "odd")
    study.note("why", "it looked good", 3)
    return study


def test_old_trials_are_evidence_that_no_budget_counts(first: tt.Study) -> None:
    following = tt.refine(first, widen={"x": (None, 3.0)})
    assert following.name == "f-2"
    assert len(following.table) == following.table.n_evidence == 24
    assert following.table.n_begun == 0
    assert np.isnan(following.table.spent).all()
    # the numbers are those of the order in which trials ended, and each says which it was
    for trial in following.trials:
        was = first.trials[trial.notes["evidence"]["trial"]]
        assert (trial.params, trial.metrics, trial.state, trial.cost) == (was.params, was.metrics, was.state, was.cost)
        assert trial.failure == was.failure
        assert trial.tags == was.tags
    assert any(trial.tags == ("odd",) and trial.notes["why"] == "it looked good" for trial in following.trials)
    assert any(trial.state == "failed" for trial in following.trials)
    tuned = tt.tune(
        objective, following.space, minimize="loss", cost="cost", budget=10, store=following, progress=False
    )
    assert tuned.table.n_begun == 10
    assert tuned.best.params["x"] > 1.0 > first.best.params["x"]
    costly = tt.tune(
        objective, following.space, minimize="loss", cost="cost", store=following, progress=False,
        budget=tt.Budget(cost=24.0),
    )  # fmt: skip
    assert np.nansum(costly.table.spent) <= 24.0 < np.nansum(costly.table.cost)
    found = replay(tuned.session.journal.read())
    assert found.differing == ()
    assert found.given == 24
    assert found.suggestions == len(costly.table) - 24


def test_what_no_longer_fits_stays_behind_and_is_said(first: tt.Study) -> None:
    following = tt.refine(
        first,
        narrow={"x": (0.5, None)},
        hold={"m": 0.25},
        add={"new": tt.Int(0, 3, default=0)},
        drop=["n"],
        name="next",
    )
    lineage = Lineage.of(following.session.ledger.created.provenance)
    assert lineage is not None
    fits = [trial.number for trial in first.trials if trial.params["x"] >= 0.5]
    assert sorted(trial.notes["evidence"]["trial"] for trial in following.trials) == fits
    assert lineage.left_out == {"x": [n for n in first.table.order.tolist() if n not in fits]}
    assert lineage.study == "f"
    assert "m: was free, is now held at 0.25" in lineage.changes
    for trial in following.trials:
        said, was = trial.notes["evidence"], first.trials[trial.notes["evidence"]["trial"]]
        assert trial.params["m"] == was.params["m"]
        assert said["held"] == {"m": was.params["m"]}
        assert said["dropped"] == {"n": was.params["n"]}
        assert said["assumed"] == {"new": 0}
    asked = following.ask()
    assert asked.params["m"] == 0.25
    assert asked.params["x"] >= 0.5


def test_a_new_parameter_without_a_default_is_inactive_in_old_trials(first: tt.Study) -> None:
    following = tt.refine(first, add={"new": tt.Float(0, 1)})
    assert all("new" not in trial.params for trial in following.trials)
    assert "new" in following.ask().params


def test_a_refined_study_is_kept_in_its_store_and_comes_back(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 't.db'}"
    with tt.tune(
        objective, SPACE, minimize="loss", budget=6, seed=0, store=store, name="s", optimizer="random", progress=False
    ) as study:
        tt.refine(study, widen={"x": (None, 2.0)})
        third = tt.refine(tt.load_study(store, "s-2"), widen={"x": (None, 3.0)})
        assert third.name == "s-3"
        third.close()
    with tt.load_study(store, "s-3") as again:
        assert again.table.n_evidence == len(again.table) == 6
        restored = snapshot.load(snapshot.save(again.session.ledger))
        assert restored.table.n_evidence == 6
        assert restored.table.n_begun == 0


def test_curves_come_along_and_are_not_judged_again() -> None:
    space = tt.Space(x=tt.Float(0, 1))

    def train(trial: tt.Trial) -> float:
        for step in range(1, 10):
            trial.report(step, loss=trial.params["x"] + 1.0 / step, other=step)
        return float(trial.params["x"])

    study = tt.tune(
        train, space, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9), scheduler="median",
        optimizer="random", budget=14, seed=3, progress=False,
    )  # fmt: skip
    following = tt.refine(study, widen={"x": (-1.0, None)})
    for trial in following.trials:
        was = study.curve(trial.notes["evidence"]["trial"])
        assert {name: values.tolist() for name, values in following.curve(trial.number).items()} == {
            name: values.tolist() for name, values in was.items()
        }
    tuned = tt.tune(
        train, following.space, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9), scheduler="median", budget=6,
        store=following, progress=False,
    )  # fmt: skip
    assert len(tuned.table) == 20
    found = replay(tuned.session.journal.read())
    assert found.differing == found.differing_verdicts == ()


def test_of_a_line_of_descent_the_last_trial_comes_along() -> None:
    space = tt.Space(x=tt.Float(0, 1))
    study = tt.tune(
        lambda trial: trial.params["x"], space, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 9), scheduler="sha",
        optimizer="random", budget=12, seed=0, progress=False,
    )  # fmt: skip
    assert (study.table.parent >= 0).any()
    following = tt.refine(study, widen={"x": (-1.0, None)})
    assert (following.table.parent < 0).all()
    assert len(following.table) == len(study.table.furthest())


def test_a_changed_space_is_answered_with_a_way_on() -> None:
    study = tt.tune(objective, SPACE, minimize="loss", budget=3, seed=0, optimizer="random", progress=False)
    space = revised(SPACE, widen={"x": (None, 2.0)})
    with pytest.raises(StudyMismatchError, match=r"tt\.refine\(study, space=space\)"):
        tt.tune(objective, space, minimize="loss", budget=6, store=study, optimizer="random", progress=False)
    following = tt.refine(study, space=space)
    tuned = tt.tune(objective, space, minimize="loss", budget=3, store=following, optimizer="random", progress=False)
    assert tuned.table.n_begun == 3


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({}, ProblemError, "needs a change"),
        ({"widen": {"x": (0.2, 0.8)}}, SpaceError, "not around its range, 0 to 1"),
        ({"narrow": {"x": (0.0, 2.0)}}, SpaceError, "not inside of its range, 0 to 1"),
        ({"widen": {"x": 3.0}}, SpaceError, r"x takes \(low, high\)"),
        ({"widen": {"lx": (0, 3)}}, SpaceError, "did you mean 'x'"),
        ({"widen": {"k": ["a"]}}, SpaceError, "k has no other range than before"),
        ({"narrow": {"k": ["c"]}}, SpaceError, "must be one of 'a', 'b', got 'c'"),
        ({"hold": ["m"]}, SpaceError, "expects values by name"),
        ({"drop": ["q"]}, SpaceError, "is no parameter of this space"),
        ({"add": {"x": tt.Float(0, 1)}}, SpaceError, "already has a parameter 'x'"),
        ({"space": SPACE, "drop": ["m"]}, ProblemError, "got space= and drop="),
        ({"space": "lr"}, ProblemError, r"space= to be a tt\.Space"),
    ],
)
def test_changes_that_cannot_be_meant(
    first: tt.Study, changes: dict[str, Any], error: type[TrimtabError], says: str
) -> None:
    with pytest.raises(error, match=says):
        tt.refine(first, **changes)


def test_what_only_a_choice_that_is_gone_needed_goes_with_it() -> None:
    space = tt.Space(
        {
            "k": tt.Categorical(["a", "b"]),
            "under_b": tt.Float(0, 1, when=tt.given("k") == "b"),
            "x": tt.Int(0, 8, step=2),
        },
        require=["under_b < 0.5 or k == 'a'"],
        fixed={"x": 4},
    )
    narrow = revised(space, narrow={"k": ["a"], "x": (0, 4)})
    assert narrow.names == ("k", "x")
    assert narrow.fixed == {"x": 4}
    assert revised(space, narrow={"k": ["a"]}, drop=["under_b"]).names == ("k", "x")
    assert revised(space, narrow={"x": (0, 2)}, free=["x"])["x"].high == 2


@settings(max_examples=30, deadline=None)
@given(
    low=st.floats(-5, 0),
    high=st.floats(1, 5),
    keep=st.sampled_from([["a"], ["b"], ["a", "b"]]),
    seed=st.integers(0, 99),
)
def test_rows_are_mapped_by_value(low: float, high: float, keep: list[str], seed: int) -> None:
    was = tt.Space(x=tt.Float(0, 1), k=tt.Categorical(["a", "b"]), n=tt.Int(1, 9))
    x = was.sample(np.random.default_rng(seed), 20)
    widen: dict[str, Any] = {"x": (low, high)} if (low, high) != (0, 1) else {"k": ["c"]}
    now = revised(was, widen=widen, narrow={} if len(keep) == 2 else {"k": keep})
    rows, misfits = mapped(was, now, x)
    for before, row, misfit in zip(was.decode(x), rows, misfits, strict=True):
        assert misfit == ("" if before["k"] in keep else "k")
        if not misfit:
            assert now.decode(row)[0] == before
            assert now.misfit(row.tolist()) is None
