"""The loop in simulated time: days of many workers pass in seconds, budgets and verdicts go by the simulated clock."""

from __future__ import annotations

import time

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.event import Started, Stopped
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))
HOUR = 3600.0


def train(trial: tt.Trial) -> float:
    for epoch in range(1, 4):
        trial.report(epoch, loss=trial.params["x"] / epoch)
    return trial.params["x"]


def fails(trial: tt.Trial) -> float:
    if trial.number % 5 == 0:
        raise ValueError("bad luck")
    return train(trial)


def tuned(executor: SimulatedExecutor, **more) -> tt.Study:
    options = {"budget": 20, "optimizer": "random"} | more
    return tt.tune(train, SPACE, minimize="loss", executor=executor, seed=0, progress=False, **options)


def test_thousands_of_trials_of_weeks_pass_in_seconds() -> None:
    executor = SimulatedExecutor(train, workers=50, seconds=lambda task, step: HOUR * (1 + task.number % 3))
    began = time.process_time()
    study = tuned(executor, budget=tt.Budget(trials=1_500, hours=24 * 365), stop="never")  # else the odds end it
    took = time.process_time() - began
    assert took < 35
    table = study.table
    assert (len(table), table.n_running) == (1_500, 0)
    assert (table.state == COMPLETE).all()
    simulated = executor.clock.now()
    assert simulated == pytest.approx(1_500 / 50 * 6 * HOUR, rel=0.05)
    assert table.elapsed == pytest.approx(simulated, rel=0.01)
    assert set(np.unique(table.seconds / HOUR).tolist()) == {3.0, 6.0, 9.0}


def test_a_budget_of_hours_goes_by_the_simulated_clock() -> None:
    executor = SimulatedExecutor(train, workers=4, seconds=lambda task, step: HOUR)
    study = tuned(executor, budget=tt.Budget(hours=2))  # a trial takes 3, which nobody knows
    assert executor.clock.now() == pytest.approx(2 * HOUR, abs=HOUR)
    assert study.session.ledger.assessed.reason == "the budget of 2 hours is used up"
    stopped = study.table.rows(STOPPED)
    assert len(stopped) == 4, "what ran was stopped"
    events = [r.event for r in study.session.journal.read() if isinstance(r.event, Stopped)]
    assert all(event.values for event in events), "with what it reported last"
    before = study.session.clock.now()
    time.sleep(0.01)
    assert study.session.clock.now() > before, "afterwards time passes as everywhere"


def test_what_cannot_end_within_the_hours_does_not_start() -> None:
    executor = SimulatedExecutor(train, workers=4, seconds=lambda task, step: HOUR)
    study = tuned(executor, budget=tt.Budget(hours=10))
    assert executor.clock.now() == pytest.approx(9 * HOUR, abs=HOUR)
    assert study.session.ledger.assessed.reason.startswith("60 min are left of 10 hours")
    assert not len(study.table.rows(STOPPED))


def test_the_same_happens_each_time() -> None:
    logs = []
    for _ in range(2):
        executor = SimulatedExecutor(fails, workers=3, seconds=lambda task, step: 1.0 + task.number % 2)
        with tuned(executor, budget=30, optimizer="tpe") as study:
            logs.append([record.event for record in study.session.journal.read()][1:])
            assert (study.table.state == FAILED).sum() == 6
            assert replay(study.session.journal.read()).differing == ()
    kinds = [[(type(event).__name__, getattr(event, "number", None)) for event in log] for log in logs]
    assert kinds[0] == kinds[1]


def test_a_lost_machine_is_made_up_for() -> None:
    class Losing(SimulatedExecutor):
        def poll(self, timeout):
            if self.clock.now() > 3 and not self.began.get(-1):
                self.began[-1] = 1
                self.lose(next(iter(self._running.values())).task.number)
            return super().poll(timeout)

    executor = Losing(train, workers=3)
    study = tuned(executor, budget=9)
    assert (study.table.state == COMPLETE).all()
    assert sorted(study.table.attempt.tolist()) == [1] * 8 + [2]
    starts = [record.event for record in study.session.journal.read() if isinstance(record.event, Started)]
    assert len(starts) == 10


def test_workers_bound_an_elastic_one() -> None:
    executor = SimulatedExecutor(train, workers=None)
    study = tuned(executor, budget=9, workers=4)
    now, most = 0, 0
    for record in study.session.journal.read():
        now += {"Started": 1, "Told": -1}.get(type(record.event).__name__, 0)
        most = max(most, now)
    assert most == 4
