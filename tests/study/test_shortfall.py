"""How far from the constraints: what comes nearest, what is farthest, in the unit of each."""

from __future__ import annotations

import math

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import TrialError
from trimtab.study.best import why_no_best
from trimtab.study.shortfall import missed, shortfall
from trimtab.testing.simulation import Simulation

LATENCY, RECALL = tt.at_most("latency", 30), tt.at_least("recall", 0.9)
PROBLEM = tt.Problem(tt.Space(x=tt.Float(0, 1)), (tt.minimize("loss"), LATENCY, RECALL))


def told(*rows: tuple[float, ...]) -> Simulation:
    run = Simulation(PROBLEM)
    for i, y in enumerate(rows):
        number = run.enqueue(np.array([i / len(rows)]))
        run.start(number)
        run.tell(number, *y)
    return run


def test_units_do_not_decide_which_comes_nearest() -> None:
    """Trial 0 misses by 0.5 in all, which is far for a recall; trial 2 by 2, which is nothing for a latency."""
    run = told((0.1, 20.0, 0.4), (0.1, 130.0, 0.8), (0.1, 32.0, 0.9), (0.1, 90.0, 0.7))
    lack = shortfall(run.table)
    assert lack is not None
    assert (lack.nearest, lack.missed) == (2, {LATENCY: 2.0})
    assert (lack.farthest, lack.n_met) == (LATENCY, 1)
    assert why_no_best(run.table) == (
        "none of the 4 complete trials meets the constraints; trial 2 comes nearest with latency = 32, 2 above its "
        "bound of 30. Farthest from being met is latency <= 30: 1 of 4 trials meet it, and miss another."
    )


def test_a_constraint_that_no_trial_meets_is_farthest() -> None:
    run = told((0.1, 20.0, 0.6), (0.1, 10.0, 0.85), (0.1, 45.0, 0.7))
    lack = shortfall(run.table)
    assert lack is not None
    assert (lack.farthest, lack.n_met, lack.closest) == (RECALL, 0, 1)
    assert lack.by == pytest.approx(0.05)
    assert "no trial meets it, and trial 1 misses it by least, by 0.05" in lack.farthest_text()


def test_of_two_that_no_trial_meets_the_one_missed_by_more_is_farthest() -> None:
    """By more of what it is usually missed by."""
    lack = shortfall(told((0.1, 31.0, 0.5), (0.1, 200.0, 0.5), (0.1, 300.0, 0.6)).table)
    assert lack is not None
    assert (lack.farthest, lack.closest) == (RECALL, 2)


def test_there_is_none_once_a_trial_meets_all_or_before_one_is_complete() -> None:
    assert shortfall(told((0.1, 20.0, 0.6), (0.1, 20.0, 0.95)).table) is None
    assert shortfall(told().table) is None


def test_a_metric_that_is_not_known_is_missed_wholly() -> None:
    run = told((0.1, math.nan, 0.95), (0.1, 1e308, 0.1))
    lack = shortfall(run.table)
    assert lack is not None
    assert (lack.nearest, lack.farthest) == (1, LATENCY)
    assert missed(PROBLEM, {"recall": 0.95}) == {LATENCY: math.inf}
    assert missed(PROBLEM, {"latency": 30, "recall": 0.9}) == {}
    nothing = shortfall(told((0.1, math.nan, 0.95)).table)
    assert nothing is not None
    assert nothing.nearest_text(run.table) == "trial 0 comes nearest with latency not known"
    assert nothing.farthest_text() == "farthest from being met is latency <= 30: latency is known of no trial"


def test_the_error_of_best_and_the_representation_say_so() -> None:
    study = tt.create_study(
        tt.Space(x=tt.Float(0, 1)), minimize="loss", constraints=[LATENCY], optimizer="random", seed=0
    )
    assert "feasible" not in repr(study)
    study.tell(study.ask(), {"loss": 1.0, "latency": 42})
    assert repr(study).endswith(": 1 trials, 0 of 1 feasible>")
    with pytest.raises(TrialError, match=r"trial 0 comes nearest with latency = 42, 12 above its bound of 30\.$"):
        _ = study.best
    study.tell(study.ask(), {"loss": 2.0, "latency": 12})
    assert repr(study).endswith(": 2 trials, 1 of 2 feasible, best loss = 2 (trial 1)>")
