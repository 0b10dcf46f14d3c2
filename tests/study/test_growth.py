"""What an optimizer knows when its space learns a parameter: what it knew before, whenever the study was opened."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.arrays import Floats, Ints
from trimtab.ledger import snapshot
from trimtab.ledger.table import TrialTable
from trimtab.numerics import gp, input_warp
from trimtab.optim.protocol import Grows, Optimizer, Proposal, Request
from trimtab.space.problem import Problem
from trimtab.study.engine import Engine
from trimtab.study.plugin import settings_of
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1), kind=tt.Categorical(["a", "b"]))
GROWTHS: dict[int, list[tuple[str, tt.Float | tt.Int | tt.Categorical]]] = {
    4: [("early", tt.Float(0, 1))],
    16: [("layers", tt.Int(1, 9)), ("rate", tt.Float(1e-5, 1.0, log=True, when=tt.given("kind") == "a"))],
    24: [("mode", tt.Categorical(["p", "q", "r"]))],
}
"""What the space learns, and before which trial, while another runs: at first, between two doublings, one with a
condition, and past the second."""


class Told:
    """Remembers every call, and proposes what depends on all of them."""

    def to_json(self) -> dict[str, object]:
        return {}

    def init(self, problem: Problem) -> list[tuple[Any, ...]]:
        return [("init", len(problem.space))]

    def tell(self, state: list[tuple[Any, ...]], table: TrialTable, row: int) -> list[tuple[Any, ...]]:
        assert table.x.shape[1] == len(table.space)
        return [*state, ("tell", row, len(table.space), table.x[row].tobytes(), table.y[row].tobytes())]

    def ask(self, state: list[tuple[Any, ...]], table: TrialTable, request: Request) -> Proposal:
        return Proposal(table.space.sample(request.rng, len(state) % 5 + 1, request.given)[-1:], "told")


class Kept(Told):
    """Keeps what it was told when the space grows."""

    def grow(self, state: list[tuple[Any, ...]], table: TrialTable, rows: Ints) -> list[tuple[Any, ...]]:
        assert np.isnan(table.x[rows, -1]).all()
        return [*state, ("grow", len(table.space), tuple(rows.tolist()))]


def run(optimizer: str | Optimizer[Any], url: str | None = None, *, n: int = 30, opened: float = 0.0) -> tt.Study:
    """Return a study of a space that grows while trials run.

    Args:
        optimizer: by which engine.
        url: the store; in memory if None.
        n: how many trials.
        opened: how likely it is that the study is opened again before a trial, by another process as it were.
    """
    chance = np.random.default_rng(0)
    study = tt.create_study(SPACE, minimize="loss", optimizer=optimizer, seed=5, store=url, name="s")
    running: list[int] = []
    for number in range(n):
        for name, parameter in GROWTHS.get(number, []):
            study.add_parameter(name, parameter)
        if chance.random() < opened and url is not None:
            study.close()
            study = tt.load_study(url, "s", optimizer=None if isinstance(optimizer, str) else optimizer)
        running.append(study.ask().number)
        if number % 4 == 3:
            continue  # two run at once from here on, for a while
        for one in running:
            p = study.trials[one].params
            loss = (p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2 + p.get("layers", 3) / 90 + (p["kind"] == "b") * 0.1
            study.tell(one, failed="oom") if p["x"] > 0.95 else study.tell(one, loss)
        running = []
    return study


@pytest.mark.parametrize("optimizer", ["random", "tpe", "gp", "auto", Told(), Kept()])
def test_live_opened_again_and_replayed_it_proposes_the_same(tmp_path: Path, optimizer: str | Optimizer[Any]) -> None:
    live = run(optimizer)
    opened = run(optimizer, f"sqlite:///{tmp_path}/t.db", opened=0.3)
    np.testing.assert_array_equal(opened.table.x, live.table.x)
    for study in (live, opened):
        replayed = replay(list(study.session.journal.read()), None if isinstance(optimizer, str) else optimizer)
        assert (replayed.suggestions, replayed.differing) == (30, ())


@pytest.mark.parametrize("optimizer", ["gp", Kept()])
def test_a_state_that_was_pickled_goes_on(optimizer: str | Optimizer[Any]) -> None:
    study = run(optimizer)
    engine = study.dispatch.engine
    expected = engine.propose(study.table, 5, ())
    engine.state = pickle.loads(pickle.dumps(engine.state))
    np.testing.assert_array_equal(engine.propose(study.table, 5, ()).x, expected.x)


def test_who_keeps_what_it_learned_is_told_each_trial_once_in_the_space_of_its_time() -> None:
    study = run(Kept())
    calls = study.dispatch.engine.state
    assert [call[:2] for call in calls if call[0] != "tell"] == [
        ("init", 3), ("grow", 4), ("grow", 5), ("grow", 6), ("grow", 7),
    ]  # fmt: skip
    told = [call[1] for call in calls if call[0] == "tell"]
    assert told == study.table.order.tolist()[: len(told)]
    width = 3
    seen: list[int] = []
    for call in calls[1:]:
        if call[0] == "grow":
            width += 1
            assert list(call[2]) == seen
        else:
            assert call[2] == width
            seen.append(call[1])


def test_who_does_not_begins_anew() -> None:
    study = run(Told())
    calls = study.dispatch.engine.state
    assert calls[0] == ("init", 7)
    assert {call[2] for call in calls[1:]} == {7}


def test_a_growth_that_failed_halfway_is_learned_anew() -> None:
    """The state may be half changed: all is told again."""

    class Breaks(Kept):
        n = 0

        def grow(self, state: list[tuple[Any, ...]], table: TrialTable, rows: Ints) -> list[tuple[Any, ...]]:
            Breaks.n += 1
            if Breaks.n == 2:
                raise ValueError("broken")
            return super().grow(state, table, rows)

    study = run(Kept())
    engine = Engine(settings_of(Breaks()), study.table, Breaks())
    with pytest.raises(ValueError, match="broken"):
        engine.propose(study.table, 5, ())
    engine.propose(study.table, 5, ())
    other = Engine(settings_of(Kept()), study.table, Kept())
    other.propose(study.table, 5, ())
    assert engine.state == other.state


def test_a_snapshot_remembers_when_the_space_grew() -> None:
    study = run("random")
    restored = snapshot.load(bytes(snapshot.save(study.session.ledger)))
    assert restored is not None
    assert [growth.n_over for growth in restored.table.growths] == [3, 15, 15, 23]
    for mine, its in zip(study.table.growths, restored.table.growths, strict=True):
        assert mine.n_over == its.n_over
        assert mine.problem.to_json() == its.problem.to_json()
    assert Engine({"name": "random"}, restored.table).propose(restored.table, 5, ()).x.shape == (1, 7)


def test_a_snapshot_whose_growths_cannot_be_is_not_used() -> None:
    study = run("random")
    ledger = study.session.ledger
    ledger.contents.growths.reverse()
    assert snapshot.load(bytes(snapshot.save(ledger))) is None


def test_the_table_as_the_space_saw_it_before() -> None:
    table = run("random").table
    for i, growth in enumerate(table.growths):
        then = table.narrowed(i)
        assert then.problem is growth.problem
        assert then.growths == table.growths[:i]
        over = table.order[: growth.n_over]
        assert then.x.shape[1] == 3 + i
        np.testing.assert_array_equal(then.x[over], table.x[over, : 3 + i])
        assert np.isnan(table.x[over, 3 + i :]).all()
        np.testing.assert_array_equal(then.y, table.y)


def test_a_frozen_table_does_not_grow() -> None:
    study = run("random")
    still = study.table.frozen()
    study.add_parameter("late", tt.Float(0, 1))
    assert (len(still.growths), len(still.space)) == (4, 7)
    assert (len(study.table.growths), len(study.table.space)) == (5, 8)


@pytest.mark.parametrize("optimizer", ["gp", "auto"])
def test_growth_costs_no_more_than_three_ordinary_proposals(monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    """By evaluations of the likelihood, at 103 trials: between two lengths at which a fit is due."""
    n_evaluations = 0
    likelihood = gp.slopes

    def counted(*args: Any) -> tuple[float, Floats, Floats]:
        nonlocal n_evaluations
        n_evaluations += 1
        return likelihood(*args)

    monkeypatch.setattr(gp, "slopes", counted)
    monkeypatch.setattr(input_warp, "slopes", counted)
    study = tt.create_study(
        tt.Space({f"x{i}": tt.Float(0, 1) for i in range(6)}), minimize="loss", optimizer=optimizer, seed=0
    )
    rng = np.random.default_rng(0)
    costs: list[int] = []
    for number in range(110):
        if number < 94:
            study.enqueue({f"x{i}": float(value) for i, value in enumerate(rng.random(6))})
        if number == 103:
            study.add_parameter("new", tt.Float(0, 1))
        n_evaluations = 0
        trial = study.ask()
        costs.append(n_evaluations)
        study.tell(trial, sum((i + 1) * (value - 0.3) ** 2 for i, value in enumerate(trial.params.values())))
    ordinary = max(costs[97:103])
    assert ordinary > 0, "a fit is due every five trials"
    assert max(costs[103:]) <= 3 * ordinary
    assert max(costs[94:97]) > 3 * ordinary, "which a fit that starts anew takes"


def test_which_optimizers_keep_what_they_learned() -> None:
    assert isinstance(Kept(), Grows)
    assert not isinstance(Told(), Grows)
