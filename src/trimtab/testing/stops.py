"""The contract of stopping rules, as tests that a rule's author runs.

from trimtab.testing.stops import StopContract

class TestMine(StopContract):
    @pytest.fixture
    def make(self):
        return lambda: Mine(patience=3)

Tables are those of real studies, in which everything happens that may happen to one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, TypeAlias

import numpy as np
import pytest

from trimtab.errors import PluginError
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.stop.protocol import Rated, Stop, Verdict
from trimtab.study.verdicts import assessed, must_gain
from trimtab.testing.optimizers import table_bytes
from trimtab.testing.simulation import PROBLEMS, Simulation, plain_history, rough_history

Make: TypeAlias = Callable[[], Stop]

AT_MOST_S = 0.01
"""CPU seconds that a rule may take for a thousand trials: it is asked before each trial, and whoever reports waits."""


class StopContract:
    """What every stopping rule must do. Override the fixture `make`."""

    problems: ClassVar[Mapping[str, Problem]] = {
        "target": Problem(Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss", target=0.01),)),
        **{name: PROBLEMS[name] for name in ("continuous", "bounded metric", "two objectives", "fidelity")},
    }
    """On which it is tried; name those that it is made for."""

    n_trials = 40
    """How long the histories are: longer than it takes to make up its mind."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "problem" in metafunc.fixturenames:
            metafunc.parametrize("problem", metafunc.cls.problems.values(), ids=metafunc.cls.problems.keys())

    @pytest.fixture
    def make(self) -> Make:
        """Return a function that makes the rule anew."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `make` that returns a factory of a Stop.")

    def test_verdicts_make_sense(self, make: Make, problem: Problem) -> None:
        rule, said = make(), [check_verdict(make(), Simulation(problem).table)]
        said += [check_verdict(rule, run.table) for run in _growing(problem, self.n_trials)]
        names = {verdict.rule for verdict in said}
        assert len(names) == 1, f"its verdicts are kept under its name, and it has several: {', '.join(sorted(names))}"

    def test_assessing_changes_nothing(self, make: Make, problem: Problem) -> None:
        rule = make()
        for run in _growing(problem, self.n_trials):
            before = table_bytes(run.table)
            assert assessed(rule, run.table) == assessed(rule, run.table)
            assert table_bytes(run.table) == before

    def test_it_has_no_memory_outside_the_table(self, make: Make, problem: Problem) -> None:
        """A rule that comes fresh to each decision says what one says that saw everything, of other studies too."""
        rule = make()
        for seed in range(2):
            for run in _growing(problem, self.n_trials, seed):
                assert assessed(rule, run.table) == assessed(make(), run.table)

    def test_the_log_says_the_same_again(self, make: Make, problem: Problem) -> None:
        """In another process, which has only the log."""
        for run in _growing(problem, self.n_trials):
            first, *records = run.records
            ledger = Ledger.begin(first)
            for record in records:
                ledger.apply(record)
            assert assessed(make(), ledger.table) == assessed(make(), run.table)

    @pytest.mark.parametrize("failure", FAILURE_KINDS)
    def test_when_everything_fails_it_has_a_verdict(self, make: Make, problem: Problem, failure: str) -> None:
        run, rule = Simulation(problem), make()
        for _ in range(self.n_trials):
            for number in run.ask():
                run.start(number)
                run.fail(number, failure)
            check_verdict(rule, run.table)

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf", 0.0, 1.7e308, -1.7e308, 5e-324])
    def test_reports_of_any_size_are_borne(self, make: Make, problem: Problem, value: float | str) -> None:
        run, rule = Simulation(problem), make()
        for i in range(self.n_trials):
            for number in run.ask():
                run.start(number)
                run.report(number, 1.0, **dict.fromkeys(problem.metric_names, value))
                if i % 2:
                    run.stop(number)  # without a result
                elif isinstance(value, float):
                    run.tell(number, *[value] * len(problem.metric_names))
                check_verdict(rule, run.table)

    def test_what_an_improvement_must_bring_follows_from_the_table(self, make: Make, problem: Problem) -> None:
        """Of a rule that knows what one is worth (`Rated`)."""
        rule = make()
        if not isinstance(rule, Rated):
            return
        for run in _growing(problem, self.n_trials):
            before = table_bytes(run.table)
            said, anew = rule.must_gain(run.table), make()
            assert isinstance(anew, Rated)
            assert said == rule.must_gain(run.table) == anew.must_gain(run.table)
            assert table_bytes(run.table) == before
            try:
                must_gain(rule, run.table)
            except PluginError as error:
                raise AssertionError(str(error)) from None

    def test_no_global_generator_is_touched(self, make: Make, problem: Problem) -> None:
        rule = make()
        for run in _growing(problem, self.n_trials):
            ours, theirs = random.getstate(), str(np.random.get_state())  # noqa: NPY002 - this is the one to leave alone
            assessed(rule, run.table)
            assert random.getstate() == ours
            assert str(np.random.get_state()) == theirs  # noqa: NPY002 - as above

    def test_it_is_quick(self, make: Make) -> None:
        run, rule = Simulation(PROBLEMS["one parameter"]), make()
        plain_history(run, 1_000, lambda number: [1.0 + number % 7])
        took = []
        for _ in range(5):
            began = time.thread_time()
            assessed(rule, run.table)
            took.append(time.thread_time() - began)
        assert min(took) <= AT_MOST_S, (
            f"it takes {1e3 * min(took):.0f} ms for 1,000 trials; read columns, not trials one by one."
        )


def check_verdict(rule: Stop, table: TrialTable) -> Verdict:
    """Check what a rule says of a study, and return it."""
    try:
        verdict = assessed(rule, table)
    except PluginError as error:
        raise AssertionError(str(error)) from None
    assert verdict.rule, "a verdict names its rule"
    assert verdict.reason.strip() or not verdict.stop, "a verdict that ends a study says why, for a person"
    assert verdict.stop or not (verdict.cancel or verdict.wait or verdict.continues), "these are said of an end"
    assert verdict.remaining is None or verdict.remaining >= 0
    if verdict.gain_interval is not None:
        low, high = verdict.gain_interval
        assert low <= high, "an interval goes from low to high"
    return verdict


def _growing(problem: Problem, n: int, seed: int = 0) -> Iterator[Simulation]:
    """Yield a study in which everything happens, again and again as it grows."""
    run = Simulation(problem, seed=seed)
    for length in range(n // 4, n + 1, n // 4):
        rough_history(run, length, seed + length)
        yield run
