from __future__ import annotations

import numpy as np
import pytest

from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.stop.target import Target
from trimtab.testing.simulation import Simulation

SPACE = Space(x=Float(0, 1))


def verdict_after(metrics, *rows):
    run = Simulation(Problem(SPACE, metrics))
    for y in rows:
        number = run.enqueue(np.array([0.5]))
        run.start(number)
        run.tell(number, *y)
    return Target().assess(run.problem, run.table)


def test_without_a_target_it_never_stops():
    assert not verdict_after([minimize("loss")], [-1e300]).stop


@pytest.mark.parametrize(
    ("metrics", "short", "enough"),
    [
        ([minimize("loss", target=0.1)], [0.11], [0.1]),
        ([maximize("accuracy", target=0.9)], [0.89], [0.9]),
        ([minimize("loss", target=0.1), at_most("ms", 30)], [0.0, 31.0], [0.1, 30.0]),
        ([minimize("loss", target=0.1), maximize("speed", target=5)], [0.0, 4.0], [0.1, 5.0]),
        ([minimize("loss", target=0.1), maximize("speed")], [0.2, 9.0], [0.1, -9.0]),
    ],
)
def test_one_trial_meets_everything_or_it_goes_on(metrics, short, enough):
    assert not verdict_after(metrics, short).stop
    verdict = verdict_after(metrics, short, enough)
    assert verdict.stop
    assert verdict.cancel
    assert "is met by trial 1" in verdict.reason


def test_what_was_stopped_early_meets_no_target():
    run = Simulation(Problem(SPACE, [minimize("loss", target=0.1)]))
    run.enqueue(np.array([0.5]))
    run.start(0)
    run.stop(0, loss=0.0)
    assert not Target().assess(run.problem, run.table).stop


def test_the_reason_is_told_in_the_metric_s_own_direction():
    reason = verdict_after([maximize("accuracy", target=0.9)], [0.95]).reason
    assert reason == "the target accuracy >= 0.9 is met by trial 0 with 0.95"
