"""A preference among objectives steers: proposals go to the part of the front that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.arrays import Bools, Floats
from trimtab.errors import ProblemError, StudyMismatchError
from trimtab.study.replay import replay
from trimtab.surfaces.cli import facts

PLANE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))
OBJECTIVES = [tt.minimize("size"), tt.maximize("accuracy")]
"""Of units of their own: on the front y is 0.3, and size is 1,000 x."""


def measured(params: dict[str, Any]) -> dict[str, float]:
    off = 3 * (params["y"] - 0.3) ** 2
    return {"size": 1000 * params["x"], "accuracy": 0.9 * float(np.sqrt(params["x"])) - off}


def studied(prefer: tt.Preference | None, n: int, optimizer: str = "gp", batch: int = 1) -> tt.Study:
    study = tt.create_study(PLANE, objectives=OBJECTIVES, prefer=prefer, optimizer=optimizer, seed=2)
    while len(study.table) < n:
        for trial in [study.ask() for _ in range(batch)]:
            study.tell(trial, measured(trial.params))
    return study


@cache
def without() -> tt.Study:
    return studied(None, 18)


def near(y: Floats) -> Bools:
    """Return where a twentieth more of accuracy is worth a sixth more of size, or more: small, and good for that."""
    return y[:, 0] < 200


def close(y: Floats) -> Bools:
    """Return the small ones of those within 0.1 of the best accuracy."""
    return (y[:, 1] > 0.79) & (y[:, 0] < 850)


def beyond(y: Floats) -> Bools:
    return (y[:, 0] < 500) & (y[:, 1] > 0.5)


@pytest.mark.parametrize(
    ("prefer", "is_wanted"),
    [
        (tt.Preference(weights={"size": 4}), near),
        (tt.Preference(reference={"size": 500, "accuracy": 0.5}), beyond),
        (tt.Preference(reference={"size": 50, "accuracy": 0.4}), near),
        (tt.Preference(order=["accuracy", "size"], within={"accuracy": 0.1}), close),
    ],
    ids=["weights", "reference", "out of reach", "order"],
)
def test_more_trials_lie_where_they_are_wanted(prefer: tt.Preference, is_wanted: Callable[[Floats], Bools]) -> None:
    steered, all_of_it = studied(prefer, 18), without()
    n_steered, n_without = (int(is_wanted(study.table.y[8:]).sum()) for study in (steered, all_of_it))
    assert n_steered >= 5
    assert n_steered > n_without
    assert steered.best.number == steered.choose().number
    assert is_wanted(steered.table.y[[steered.best.number]]).all()
    lines = dict(facts.study_lines(steered))
    assert lines["prefers"] == str(prefer)
    assert facts.study_facts(steered)["best"]["number"] == steered.best.number


def test_densities_follow_a_preference_too() -> None:
    prefer = tt.Preference(weights={"size": 8})
    steered, all_of_it = studied(prefer, 60, "tpe"), studied(None, 60, "tpe")
    assert near(steered.table.y[20:]).sum() > near(all_of_it.table.y[20:]).sum()


def test_parallel_trials_and_replay() -> None:
    study = studied(tt.Preference(order=["accuracy", "size"], within={"accuracy": "5%"}), 12, batch=3)
    assert any("improves accuracy with a chance of" in trial.why for trial in study.trials)
    assert any("is as near the best of what comes before as may be" in trial.why for trial in study.trials)
    assert not replay(study.session.journal.read()).differing


def test_a_preference_is_on_record_and_kept(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    prefer = tt.Preference(weights={"size": 2})
    tt.create_study(PLANE, objectives=OBJECTIVES, prefer=prefer, store=store, name="s", seed=0)
    assert tt.load_study(store, "s").problem.preference == prefer
    with pytest.raises(StudyMismatchError, match="prefer: was the nearest to the best of each"):
        tt.tune(lambda _: 0, PLANE, objectives=OBJECTIVES, budget=1, store=store, name="s", progress=False)


def test_what_a_problem_has_not_cannot_be_preferred() -> None:
    with pytest.raises(ProblemError, match="order names no objective with 'acuracy'"):
        tt.create_study(PLANE, objectives=OBJECTIVES, prefer=tt.Preference(order="acuracy"))
    with pytest.raises(ProblemError, match="prefer is such as"):
        tt.create_study(PLANE, objectives=OBJECTIVES, prefer={"order": "size"})  # type: ignore[arg-type]


def test_of_many_objectives_a_preference_needs_no_hypervolume() -> None:
    names = list("abcdef")
    prefer = tt.Preference(reference=dict.fromkeys(names, 0.5))
    study = tt.create_study(PLANE, objectives=[tt.minimize(n) for n in names], prefer=prefer, optimizer="gp", seed=0)
    for _ in range(9):
        trial = study.ask()
        study.tell(trial, {n: abs(trial.params["x"] - i / 5) + trial.params["y"] for i, n in enumerate(names)})
    assert "adds to what is preferred of the front" in study.trials[8].why
