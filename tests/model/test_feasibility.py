from __future__ import annotations

import numpy as np

from trimtab.model.feasibility import met, over, split, worst
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_least, at_most, maximize
from trimtab.space.space import Space

SPACE = Space(x=Float(0, 1))
PROBLEM = Problem(SPACE, (at_most("ms", 30), maximize("score"), at_least("recall", 0.5)))


def test_objectives_are_turned_and_constraints_say_by_how_much_they_are_broken() -> None:
    losses, excess = split(PROBLEM, np.array([[29.0, 0.9, 0.4], [30.0, 0.1, 0.5], [31.0, 0.2, 0.9]]))
    assert losses.tolist() == [[-0.9], [-0.1], [-0.2]]
    assert np.allclose(excess, [[0.0, 0.1], [0.0, 0.0], [1.0, 0.0]])


def test_a_metric_that_is_not_known_breaks_its_constraint_wholly() -> None:
    y = np.array([[np.nan, 0.9, 0.6], [30.0, 0.9, 0.6]])
    assert worst(PROBLEM, y).tolist() == [np.inf, 0.0]
    assert met(PROBLEM, y).tolist() == [False, True]


def test_more_than_a_float_holds_is_broken_wholly() -> None:
    largest = np.finfo(float).max
    assert worst(Problem(SPACE, (maximize("score"), at_most("ms", -largest))), np.array([0.0, largest])) == np.inf


def test_without_constraints_all_are_met() -> None:
    assert met(Problem(SPACE, (maximize("score"),)), np.array([[1.0], [np.nan]])).tolist() == [True, True]


def test_a_limit_is_met_by_the_value_itself() -> None:
    assert [over(m, m.bound or 0.0, y) <= 0.0 for m in PROBLEM.constraints for y in (0.4, 0.5, 30.0, 30.5)] == [
        True, True, True, False, False, True, True, True,
    ]  # fmt: skip
