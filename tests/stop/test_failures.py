from __future__ import annotations

import numpy as np
import pytest

from trimtab.ledger.event import Opened
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.stop.failures import AllFailed
from trimtab.stop.protocol import Verdict
from trimtab.testing.simulation import Simulation


@pytest.fixture
def run() -> Simulation:
    run = Simulation(Problem(Space(x=Float(0, 1)), [minimize("loss")]))
    run.add(Opened())
    return run


def begin(run: Simulation) -> int:
    number = run.enqueue(np.array([0.5]))
    run.start(number)
    return number


def verdict(run: Simulation) -> Verdict:
    return AllFailed(patience=3).assess(run.problem, run.table)


def test_when_nothing_ever_worked_it_gives_up_and_counts_the_causes(run):
    for kind in ("oom", "oom"):
        run.fail(begin(run), kind)
    assert not verdict(run).stop
    run.fail(begin(run), "exception")
    assert verdict(run).stop
    assert verdict(run).cancel
    assert verdict(run).reason.startswith("all 3 trials failed (")
    assert "2 x oom" in verdict(run).reason
    assert verdict(run).reason.endswith("the first said: a simulated oom")


@pytest.mark.parametrize("fate", ["tell", "stop"])
def test_one_trial_that_worked_is_enough_to_go_on(run, fate):
    getattr(run, fate)(begin(run))
    for _ in range(10):
        run.fail(begin(run))
    assert not verdict(run).stop


def test_whoever_opens_it_again_gets_a_new_chance(run):
    for _ in range(3):
        run.fail(begin(run))
    assert verdict(run).stop
    run.add(Opened())
    assert not verdict(run).stop
    for _ in range(3):
        assert not verdict(run).stop
        run.fail(begin(run))
    assert verdict(run).stop


def test_lost_attempts_are_no_failures(run):
    number = begin(run)
    for _ in range(5):
        run.fail(number, "lost", again=True)
        run.start(number)
    assert not verdict(run).stop
