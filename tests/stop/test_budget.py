from __future__ import annotations

import numpy as np
import pytest

from trimtab.errors import ProblemError
from trimtab.ledger.event import Opened, Origin, Told
from trimtab.space.parameter import Float
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.stop.budget import Budget
from trimtab.stop.protocol import Verdict
from trimtab.stop.start import Start
from trimtab.testing.simulation import Simulation

PROBLEM = Problem(Space(x=Float(0, 1)), [minimize("loss")], [Fidelity("epoch", 1, 9)])
WHOLE = Problem(Space(x=Float(0, 1)), [minimize("loss")])
X = np.array([0.5])


@pytest.fixture
def run() -> Simulation:
    return Simulation(WHOLE)


@pytest.fixture
def stepwise() -> Simulation:
    return Simulation(PROBLEM)


def spend(run: Simulation, cost: float | None) -> None:
    number = run.enqueue(X)
    run.start(number)
    run.add(Told(number, {"loss": 1.0}, cost=cost))


def assess(run: Simulation, **limits: float) -> Verdict:
    return Budget(**limits).assess(run.problem, run.table)


def test_every_configuration_counts_once_whatever_becomes_of_it(run):
    for fate in (run.tell, run.fail, run.stop):
        number = run.enqueue(X)
        run.start(number)
        fate(number)
    lost = run.enqueue(X)
    run.start(lost)
    run.fail(lost, "lost", again=True)
    run.start(lost)
    run.put(X, Origin("asha", "promoted"), parent=0)  # whatever the scheduler is: it is no configuration more
    assert len(run.table) == 5
    assert assess(run, trials=5).remaining == 1
    verdict = assess(run, trials=4)
    assert verdict.stop
    assert not verdict.cancel, "what runs is covered"
    assert verdict.reason == "the budget of 4 configurations is used up"


def test_hours_are_those_of_work_and_end_what_runs(run):
    run.add(Opened())
    opened = run.table.now
    run.ledger.tick(opened + 3599)
    assert not assess(run, hours=1).stop
    run.ledger.tick(opened + 3600)
    verdict = assess(run, hours=1)
    assert verdict.stop
    assert verdict.cancel
    assert "1 hours" in verdict.reason


def test_no_trial_starts_that_is_expected_to_overspend(run):
    assert assess(run, cost=10).remaining == 1, "the first one tells the price"
    run.enqueue(X)
    run.start(0)
    assert "awaited" in assess(run, cost=10).reason
    run.add(Told(0, {"loss": 1.0}, cost=3.0))
    assert assess(run, cost=10).remaining == 2
    run.enqueue(X)
    assert assess(run, cost=10).remaining == 2, "what is in line has to be admitted like any other"
    assert assess(run, cost=5.9).stop
    assert "is used up: 3 was spent" in assess(run, cost=3).reason
    assert assess(run, cost=100, trials=4).remaining == 3, "the nearest limit counts"


@pytest.mark.parametrize(
    ("fidelity", "parent", "price"), [(1.0, None, 1.0), (9.0, 1, 10.0), (9.0, None, 12.0), (3.0, None, 24.0 / 20 * 3)]
)
def test_what_starts_and_what_runs_is_priced_by_how_far_it_runs(stepwise, fidelity, parent, price):
    run = stepwise

    def begin(fidelity: float, parent: int | None = None) -> int:
        number = run.put(X, Origin("asha", "a rung"), fidelity=(fidelity,), parent=parent)
        run.start(number)
        return number

    for cost, end, before in ((1.0, 1.0, None), (1.0, 1.0, None), (10.0, 9.0, 0), (12.0, 9.0, None)):
        run.add(Told(begin(end, before), {"loss": 1.0}, cost=cost))
    start = Start((fidelity,), -1 if parent is None else parent)
    assert not Budget(cost=24 + price).lacks(run.table, start)
    assert f"expected to cost {price:.4g}" in Budget(cost=24 + price - 0.1).lacks(run.table, start)
    number = begin(fidelity, parent)
    assert not Budget(cost=24 + 2 * price).lacks(run.table, start), "as much again"
    assert Budget(cost=24 + 2 * price - 0.1).lacks(run.table, start)
    run.fail(number, "lost", again=True)
    assert Budget(cost=24 + 2 * price - 0.1).lacks(run.table, start), "it will go on"
    assert not Budget(cost=24 + price).lacks(run.table, Start((fidelity,), start.parent, number=number)), "this is it"


@pytest.mark.parametrize(("price", "n"), [(0.1, 3), (0.1, 7), (0.7, 9), (1 / 3, 3), (1e-3, 1000)])
def test_rounding_takes_no_trial_away_and_gives_none(run, price, n):
    budget = Budget(cost=float(f"{price * n:.12g}"))
    done = 0
    while not budget.assess(run.problem, run.table).stop:
        spend(run, price)
        done += 1
    assert done == n


@pytest.mark.parametrize("price", [0.0, 5e-324])
def test_trials_that_cost_next_to_nothing_are_not_limited(run, price):
    spend(run, price)
    assert assess(run, cost=1e300).remaining > 1e6


def test_trials_of_unknown_cost_are_not_counted(run):
    spend(run, None)
    spend(run, 2.0)
    assert assess(run, cost=10).remaining == 4


@pytest.mark.parametrize("limits", [{}, {"trials": 0}, {"trials": 2.5}, {"trials": True}, {"hours": -1}, {"cost": "3"}])
def test_what_is_no_limit_is_refused(limits):
    with pytest.raises(ProblemError, match="Budget"):
        Budget(**limits)


def test_a_whole_number_is_a_number_of_trials():
    assert Budget.of(3) == Budget(trials=3)
    with pytest.raises(ProblemError, match="a number of trials"):
        Budget.of("3")
