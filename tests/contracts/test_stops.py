"""Every stopping rule of ours keeps the contract, and the contract finds those that do not."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from trimtab.stop.budget import Budget
from trimtab.stop.failures import AllFailed
from trimtab.stop.patience import Patience
from trimtab.stop.protocol import Verdict
from trimtab.stop.target import Target
from trimtab.stop.worth import Worth
from trimtab.testing.stops import AT_MOST_S, Make, StopContract

RULES = {
    "trials": lambda: Budget(trials=25),
    "hours": lambda: Budget(hours=0.02),
    "cost": lambda: Budget(cost=10.0),
    "target": Target,
    "all failed": lambda: AllFailed(patience=5),
    "patience": lambda: Patience(5),
    "worth": lambda: Worth(budget=Budget(trials=60)),
    "worth of a trial": lambda: Worth(budget=Budget(hours=1), rate="0.1 = 30 trials"),
}


class TestOurRules(StopContract):
    @pytest.fixture(params=RULES.values(), ids=RULES.keys())
    def make(self, request: pytest.FixtureRequest) -> Make:
        return request.param


GO_ON = Verdict(stop=False, reason="", rule="mine")


class Counting:
    """Remembers how often it was asked."""

    def __init__(self) -> None:
        self.n = 0

    def assess(self, problem, table):
        self.n += 1
        return replace(GO_ON, remaining=self.n)


class Silent:
    """Ends a study and does not say why."""

    def assess(self, problem, table):
        return replace(GO_ON, stop=len(table) > 10)


class TwoNames:
    def assess(self, problem, table):
        return replace(GO_ON, rule="few" if len(table) < 20 else "many")


class Bold:
    """Says something that is no verdict."""

    def assess(self, problem, table):
        return len(table) > 10


class Backwards:
    def assess(self, problem, table):
        return replace(GO_ON, expected_gain=0.5, gain_interval=(1.0, 0.0))


class Dice:
    def assess(self, problem, table):
        return replace(GO_ON, expected_gain=float(np.random.random()))  # noqa: NPY002 - to be found


class Slow:
    def assess(self, problem, table):
        until = time.thread_time() + AT_MOST_S * len(table) / 500
        while time.thread_time() < until:
            pass
        return GO_ON


class Live:
    """Goes by the clock of the machine."""

    def assess(self, problem, table):
        return replace(GO_ON, next_cost=time.perf_counter())


class Moody:
    """Asks for more each time that it is asked."""

    def __init__(self) -> None:
        self.n = 0.0

    def assess(self, problem, table):
        return GO_ON

    def must_gain(self, table):
        self.n += 1.0
        return {"cost": self.n}


class Hourly:
    """Prices improvements in what no trial is known to take."""

    def assess(self, problem, table):
        return GO_ON

    def must_gain(self, table):
        return {"gpu_hours": 0.01}


@pytest.mark.parametrize(
    ("make", "test"),
    [
        (Moody, "test_what_an_improvement_must_bring_follows_from_the_table"),
        (Hourly, "test_what_an_improvement_must_bring_follows_from_the_table"),
        (Counting, "test_assessing_changes_nothing"),
        (Counting, "test_it_has_no_memory_outside_the_table"),
        (Silent, "test_verdicts_make_sense"),
        (TwoNames, "test_verdicts_make_sense"),
        (Bold, "test_verdicts_make_sense"),
        (Backwards, "test_verdicts_make_sense"),
        (Dice, "test_no_global_generator_is_touched"),
        (Live, "test_the_log_says_the_same_again"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_contract_bites(make, test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(StopContract(), test)(make, StopContract.problems["target"])


def test_the_contract_bites_the_slow() -> None:
    with pytest.raises(AssertionError, match="read columns"):
        StopContract().test_it_is_quick(Slow)
