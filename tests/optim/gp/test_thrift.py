"""What a budget has against what costs more, and against what does not end in time."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.ledger.event import Remaining, Told
from trimtab.model.cost import cost_model
from trimtab.optim.gp import Gp
from trimtab.optim.gp.thrift import Prices, Thrift
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_most, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SPACE = Space(x=Float(0, 1), size=Float(0, 1))
CHEAP, DEAR = np.array([[0.5, 0.1]]), np.array([[0.5, 0.9]])


def study(n: int = 12, left: Remaining | None = None) -> Simulation:
    """Return a study in which a trial costs, and takes, from 1 to 100 by its size, and the size makes no difference."""
    run = Simulation(Problem(SPACE, (minimize("loss"),), cost="price"), Gp())
    run.dispatch.remaining = lambda: left
    for x in SPACE.sample(np.random.default_rng(0), n):
        number = run.enqueue(x)
        run.start(number)
        price = float(100.0 ** x[1])
        run.add(Told(number, {"loss": (x[0] - 0.3) ** 2, "price": price}, seconds=price, cost=price))
    return run


def next_size(left: Remaining | None) -> float:
    """Return the size of the next trial of a study."""
    run = study(left=left)
    number = run.next()
    assert number is not None
    return float(run.table.x[number, 1])


def test_cost_counts_less_as_the_budget_is_spent() -> None:
    table = study().table
    spent = float(table.cost.sum())
    weights = []
    for left in (9 * spent, spent, 0.0):
        thrift = Thrift(table, Remaining(cost=left), 1.0)
        weights.append(float((thrift(DEAR) - thrift(CHEAP))[0]) / np.log(100.0**0.8))
    assert weights == pytest.approx([0.9, 0.5, 0.0], rel=0.1)


def test_what_does_not_end_in_time_is_held_against() -> None:
    table = study().table
    thrift = Thrift(table, Remaining(seconds=10.0), 1.0)
    assert thrift(CHEAP)[0] == 0.0
    assert thrift(DEAR)[0] > 10.0
    assert Thrift(table, Remaining(seconds=1000.0), 1.0)(DEAR)[0] == 0.0


@pytest.mark.parametrize("left", [None, Remaining(trials=9), Remaining(cost=9.0)])
def test_without_a_budget_or_without_costs_it_says_nothing(left: Remaining | None) -> None:
    run = study(12 if left is None or left.cost is None else 2)
    assert not Thrift(run.table, left, 1.0).applies


def test_proposals_are_cheaper_under_a_budget_of_cost() -> None:
    blind, minds = (next_size(left) for left in (None, Remaining(cost=1e6)))
    assert minds < blind
    assert minds < 0.2


def test_near_a_deadline_only_what_ends_in_time_is_proposed() -> None:
    assert 100.0 ** next_size(Remaining(seconds=5.0)) < 6.0


@pytest.mark.parametrize("n", [12, 13])  # the index, and improvement per power of the price, by turns
@pytest.mark.parametrize("unit", ["cost", "seconds"])
def test_with_an_exchange_rate_what_costs_more_than_it_may_gain_is_not_proposed(n: int, unit: str) -> None:
    run = study(n, Remaining(must_gain={unit: 1e-2}))
    number = run.next()
    assert number is not None
    assert run.table.x[number, 1] < 0.2


LOSSES, LABELS = np.array([0.0, 1.0, 2.0]), np.array([0.4, 0.1, -0.4])
RATE = Remaining(must_gain={"cost": 0.5})
THREE = np.array([[0.5, 0.1], [0.5, 0.5], [0.5, 0.9]])


def test_prices_are_in_the_unit_of_labels() -> None:
    table = study(40).table
    prices = Prices(table, RATE, THREE, LOSSES, LABELS)
    expected = cost_model(table, "cost").predict(THREE).expected
    assert prices(THREE) == pytest.approx(0.15 * expected)  # half of the way to the median, which is 0.3 in labels


def test_without_a_rate_or_without_costs_that_differ_there_are_no_prices() -> None:
    table = study().table
    assert Prices(table, RATE, THREE, LOSSES, LABELS).are_known
    assert not Prices(table, None, THREE, LOSSES, LABELS).are_known
    assert not Prices(table, Remaining(cost=9.0), THREE, LOSSES, LABELS).are_known
    assert not Prices(study(2).table, RATE, THREE, LOSSES, LABELS).are_known
    assert not Prices(table, RATE, THREE, np.zeros(3), np.zeros(3)).are_known
    assert not Prices(table, RATE, THREE[[0, 0, 0]], LOSSES, LABELS).are_known


def test_with_constraints_the_index_keeps_them() -> None:
    problem = Problem(SPACE, (minimize("loss"), at_most("memory", 0.6)), cost="price")
    run = Simulation(problem, Gp())
    run.dispatch.remaining = lambda: Remaining(must_gain={"cost": 1e-4})
    for _ in range(20):
        number = run.next()
        assert number is not None
        run.start(number)
        x, size = run.table.x[number]
        told = {"loss": (x - 0.3) ** 2 - size, "memory": size, "price": 10.0**size}
        run.add(Told(number, told, seconds=1.0, cost=told["price"]))
    assert run.table.x[12:, 1].min() < 0.6
    assert (run.table.x[12:, 1] <= 0.6).mean() >= 0.5
