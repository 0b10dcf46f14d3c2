from __future__ import annotations

import numpy as np

from trimtab.model.feasibility import split
from trimtab.optim.ranking import ranks
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space


def free(losses: list[list[float]]) -> np.ndarray:
    return ranks(np.array(losses), np.zeros((len(losses), 0)))


def test_metrics_are_parted_into_losses_and_excess():
    metrics = (minimize("a"), at_most("memory", 3.0), maximize("b"), at_least("speed", 10.0))
    losses, excess = split(
        Problem(Space(x=Float(0, 1)), metrics), np.array([[1.0, 5.0, 2.0, 12.0], [0.0, 2.0, 4.0, 7.0]])
    )
    assert losses.tolist() == [[1.0, -2.0], [0.0, -4.0]]
    assert excess.tolist() == [[2.0, 0.0], [0.0, 3.0]]


def test_one_objective_is_ranked_and_equal_losses_tie():
    assert free([[3.0], [1.0], [1.0], [2.0]]).tolist() == [2, 0, 0, 1]
    assert free([[1.7e308], [-1.7e308], [5e-324]]).tolist() == [2, 0, 1]


def test_fronts_come_one_after_the_other():
    rank = free([[0.0, 4.0], [2.0, 2.0], [4.0, 0.0], [3.0, 3.0], [4.0, 4.0]])
    assert max(rank[:3]) < rank[3] < rank[4]


def test_within_a_front_the_lonelier_is_first():
    """Of five on a line of ranks the ends are first; a copy of another is no lonelier than it."""
    rank = free([[0.0, 9.0], [1.0, 8.0], [2.0, 7.0], [9.0, 0.0]])
    assert rank[0] == rank[3] == 0
    assert rank[1] > 0


def test_who_broke_a_constraint_comes_after_all_who_met_them():
    losses = np.array([[5.0], [1.0], [2.0], [0.0]])
    excess = np.array([[0.0, 0.0], [1e-9, 0.0], [0.0, 0.0], [3.0, 1e300]])
    assert ranks(losses, excess).tolist() == [1, 2, 0, 3]


def test_where_all_broke_one_the_least_is_best():
    assert ranks(np.array([[0.0], [1.0], [2.0]]), np.array([[3.0], [2.0], [1.0]])).tolist() == [2, 1, 0]


def test_a_front_is_what_nobody_dominates():
    losses = np.random.default_rng(0).random((60, 3))
    rank = free(losses.tolist())
    dominated = np.array([((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any() for row in losses])
    assert rank[~dominated].max() < rank[dominated].min()
