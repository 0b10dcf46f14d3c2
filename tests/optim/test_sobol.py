from __future__ import annotations

import numpy as np
import pytest

from trimtab.optim.sobol import Sobol
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation


def simulation(name: str = "continuous", seed: int = 0) -> Simulation:
    return Simulation(PROBLEMS[name], Sobol(), seed=seed)


@pytest.mark.parametrize("name", ["continuous", "log", "fifty parameters"])
def test_each_sixteenth_of_each_axis_gets_one_of_sixteen_trials(name):
    run = simulation(name)
    run.ask(16)
    cells = np.floor(run.problem.space.to_unit(run.table.x) * 16).astype(int)
    for axis in cells.T:
        assert sorted(axis) == list(range(16))


def test_enqueued_trials_leave_gaps_and_nothing_else():
    plain, gap = simulation(), simulation()
    plain.ask(5)
    gap.ask(2)
    gap.enqueue(np.array([0.1, 0.2, 1.5e6]))
    gap.ask(2)
    assert np.array_equal(np.delete(plain.table.x, 2, 0), np.delete(gap.table.x, 2, 0))


def test_one_by_one_is_as_all_at_once():
    one, all_at_once = simulation(), simulation()
    for _ in range(9):
        one.ask()
    all_at_once.ask(9)
    assert np.array_equal(one.table.x, all_at_once.table.x)


def test_constraints_hold_and_all_that_they_leave_is_covered():
    run = Simulation(
        Problem(Space(a=Float(0, 1), b=Float(0, 1), require=["a + b <= 1"]), [minimize("loss")]), Sobol(), seed=1
    )
    many = run.propose(2048).x
    assert abs(np.mean(many[:, 0] < 0.25) - 0.4375) < 0.03, "uniform over what is left"
    assert abs(np.mean(many.sum(axis=1) < 0.5) - 0.25) < 0.03
    x = run.propose(512).x
    assert x.sum(axis=1).max() <= 1
    assert len(np.unique(x, axis=0)) == 512
    cells = {(int(a * 8), int(b * 8)) for a, b in x}
    assert cells == {(i, j) for i in range(8) for j in range(8) if i + j < 8}
