"""Trials that break a constraint on their way: which end early, with which sentence, and what engines make of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.model.observations import Observations
from trimtab.schedule.bounds import broken
from trimtab.space.problem import Problem
from trimtab.study.replay import replay
from trimtab.testing.simulation import Simulation

SPACE = tt.Space(x=tt.Float(0, 1))


def studied(memory: Callable[[float, int], float], *, scheduler: str = "auto", n: int = 30) -> tt.Study:
    """Return a study whose trials report a loss that says nothing on the way, and a memory."""

    def train(trial: tt.Trial) -> dict[str, float]:
        x = trial.params["x"]
        for epoch in trial.steps():
            trial.report(epoch, loss=1.0, memory=memory(x, epoch))
        return {"loss": x, "memory": memory(x, 9)}

    return tt.tune(
        train, SPACE, minimize="loss", constraints=[tt.at_most("memory", 10)], fidelity=tt.Fidelity("epoch", 1, 9),
        budget=n, optimizer="random", scheduler=scheduler, stop="never", seed=1, progress=False,
    )  # fmt: skip


def test_what_only_grows_ends_once_it_is_beyond_the_bound() -> None:
    study = studied(lambda x, epoch: 2 * x * epoch)
    table = study.table
    stopped = table.rows(STOPPED)
    assert len(stopped) >= 5
    assert (table.x[stopped, 0] > 10 / 18).all()
    first = study.trials[int(stopped[0])]
    assert first.reason.startswith("memory = ")
    assert "above its bound of 10 at epoch" in first.reason
    assert "whole trials it never went back" in first.reason
    later = np.arange(int(stopped[0]), len(table))
    is_broken = table.x[later, 0] > 10 / 18
    assert (table.state[later[is_broken & (later % 10 > 0)]] == STOPPED).all()
    assert (table.state[later[~is_broken | (later % 10 == 0)]] == COMPLETE).all()
    replay(study.session.journal.read()).require_equal()


def test_what_comes_back_is_left_to_come_back() -> None:
    study = studied(lambda x, epoch: 8 + 9 * x - epoch)
    assert not len(study.table.rows(STOPPED))


def test_what_goes_up_and_down_ends_where_none_came_back() -> None:
    study = studied(lambda x, epoch: 20 * x + epoch % 2)
    reasons = [study.trials[row].reason for row in study.table.rows(STOPPED).tolist()]
    assert reasons
    assert all("that were beyond it by then, and by no more, none came back" in reason for reason in reasons)


@pytest.mark.parametrize("scheduler", ["whole", "auto"])
def test_none_ends_where_early_stopping_is_off_or_nothing_is_feasible(scheduler: str) -> None:
    far = 0 if scheduler == "whole" else 100
    assert not len(studied(lambda x, epoch: far + 2 * x * epoch, scheduler=scheduler).table.rows(STOPPED))


def test_an_engine_learns_of_what_was_broken() -> None:
    study = studied(lambda x, epoch: 2 * x * epoch)
    seen = Observations(study.problem)
    for row in study.table.order.tolist():
        seen.tell(study.table, row)
    stopped = set(study.table.x[study.table.rows(STOPPED), 0].tolist())
    broken = {x for x, (margin,) in zip(seen.x.view[seen.config.view, 0], seen.margins.view, strict=True) if margin > 0}
    assert stopped <= broken


@pytest.mark.parametrize("place", [0, 1])
def test_of_several_fidelities_one_below_a_whole_run_in_another_is_left_alone(place: int) -> None:
    fidelities = [tt.Fidelity("rows", 0.1, 1.0)]
    fidelities.insert(place, tt.Fidelity("epoch", 1, 9))
    run = Simulation(Problem(SPACE, (tt.minimize("loss"), tt.at_most("memory", 10)), tuple(fidelities)))

    def begun(rows: float, *memory: float) -> int:
        ends = [rows]
        ends.insert(place, 9.0)
        number = run.put(np.array([0.5]), Origin("random"), fidelity=ends)
        run.start(number)
        for epoch, each in enumerate(memory, 1):
            run.report(number, epoch, loss=1.0, memory=each)
        return number

    for _ in range(11):
        run.tell(begun(1.0, 1.0, 2.0), 1.0, 9.0)
    halt = broken(run.table, begun(1.0, 5.0, 12.0))
    assert halt is not None
    assert "at epoch 2" in halt.reason
    assert broken(run.table, begun(0.1, 5.0, 12.0)) is None
