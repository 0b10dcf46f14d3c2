"""The contract of schedulers, as tests that a plugin's author runs.

from trimtab.testing.schedulers import SchedulerContract

class TestMine(SchedulerContract):
    @pytest.fixture
    def make(self):
        return lambda: Mine(eta=3)
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from trimtab.errors import PluginError
from trimtab.ledger.event import FAILURE_KINDS, Origin
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.schedule.protocol import Assignment, Fresh, Halt, Request, Scheduler, Wait
from trimtab.study.plan import Plan, continued_row
from trimtab.study.plugin import named, settings_of
from trimtab.testing.optimizers import table_bytes
from trimtab.testing.simulation import PROBLEMS, Simulation, landscape

Make: TypeAlias = Callable[[], Scheduler]


class SchedulerContract:
    """What every scheduler must do. Override the fixture `make`."""

    problems: tuple[str, ...] = ("continuous", "fidelity", "two fidelities", "two objectives")
    """On which of `simulation.PROBLEMS` it is tried; name those that it is made for."""

    n_trials = 40
    """How long the histories are."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", metafunc.cls.problems)

    @property
    def _usual(self) -> str:
        return "fidelity" if "fidelity" in self.problems else self.problems[0]

    @pytest.fixture
    def make(self) -> Make:
        """Return a function that makes the scheduler anew."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `make` that returns a factory of a Scheduler."
        )

    def test_assignments_and_verdicts_make_sense(self, make: Make, name: str) -> None:
        run, scheduler = Simulation(PROBLEMS[name]), make()
        _run(run, scheduler, self.n_trials)
        assert 0 < len(run.table) <= self.n_trials, "fewer only if it waits while nothing runs: it is through"

    def test_it_has_no_memory_outside_the_table(self, make: Make, name: str) -> None:
        """A scheduler that comes fresh to each decision decides as one that saw everything."""
        known, fresh = Simulation(PROBLEMS[name]), Simulation(PROBLEMS[name])
        _run(known, make(), self.n_trials)
        _run(fresh, _Forgetful(make), self.n_trials)
        assert fresh.records == known.records

    def test_one_object_serves_several_studies(self, make: Make, name: str) -> None:
        """As when it is passed to one `tune` after the other, or to `replay`."""
        again, first = Simulation(PROBLEMS[name], seed=1), Simulation(PROBLEMS[name], seed=1)
        scheduler = make()
        _run(Simulation(PROBLEMS[name]), scheduler, self.n_trials)
        _run(again, scheduler, self.n_trials)
        _run(first, make(), self.n_trials)
        assert again.records == first.records

    def test_deciding_changes_nothing(self, make: Make, name: str) -> None:
        run, scheduler = Simulation(PROBLEMS[name]), make()
        _run(run, scheduler, self.n_trials)
        before = table_bytes(run.table)
        assert _wanted(run, scheduler) == _wanted(run, scheduler)
        if len(run.table.curves.row):
            last = int(run.table.curves.row[-1])
            assert scheduler.judge(run.table, last) == scheduler.judge(run.table, last)
        assert table_bytes(run.table) == before

    def test_no_global_generator_is_touched(self, make: Make) -> None:
        ours, theirs = random.getstate(), np.random.get_state()  # noqa: NPY002 - this is the one to leave alone
        _run(Simulation(PROBLEMS[self._usual]), make(), self.n_trials)
        assert random.getstate() == ours
        assert str(np.random.get_state()) == str(theirs)  # noqa: NPY002 - as above

    @pytest.mark.parametrize("failure", FAILURE_KINDS)
    def test_when_everything_fails_it_goes_on(self, make: Make, name: str, failure: str) -> None:
        run, scheduler = Simulation(PROBLEMS[name]), make()
        for _ in range(self.n_trials):
            number = _assign(run, scheduler)
            if number is None:
                break  # it is through
            run.start(number)
            run.fail(number, failure)

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf", 0.0, 1.7e308, -1.7e308, 5e-324])
    def test_reports_of_any_size_are_judged(self, make: Make, name: str, value: float | str) -> None:
        run, scheduler = Simulation(PROBLEMS[name]), make()
        for _ in range(self.n_trials):
            number = _assign(run, scheduler)
            if number is None:
                break
            run.start(number)
            halted = None
            for step in (1.0, 2.0, 3.0):
                run.report(number, step, **dict.fromkeys(run.problem.metric_names, value))
                halted = halted or _judge(run, scheduler, number)
            if halted is None:
                run.tell(number)
            else:
                run.stop(number)

    def test_settings_make_it_again(self, make: Make) -> None:
        settings = settings_of(make())
        assert json.loads(json.dumps(settings)) == settings
        again = named("schedulers", str(settings["name"]), settings)
        assert settings_of(again) == settings
        runs = [Simulation(PROBLEMS[self._usual]) for _ in range(2)]
        _run(runs[0], make(), self.n_trials)
        _run(runs[1], again, self.n_trials)
        assert runs[0].records == runs[1].records


class _Forgetful:
    """A scheduler that is made anew for each decision."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def assign(self, table: TrialTable, request: Request) -> Assignment:
        return self._make().assign(table, request)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        return self._make().judge(table, row)

    def to_json(self) -> dict[str, object]:
        return self._make().to_json()


def _wanted(run: Simulation, scheduler: Scheduler) -> Assignment:
    number = len(run.table)
    return scheduler.assign(run.table, Request(number, run.seed))


def _assign(run: Simulation, scheduler: Scheduler) -> int | None:
    """Put the next trial on record as the scheduler assigns it, and return its number; None if it waits."""
    table = run.table
    try:
        assigned = Plan(settings_of(scheduler), scheduler).assign(table, run.seed, None)
    except PluginError as error:
        raise AssertionError(str(error)) from None
    if isinstance(assigned, Wait):
        return None
    if isinstance(assigned, Fresh):
        x = table.space.sample(np.random.default_rng(len(table)), 1)[0]
        return run.put(x, Origin("random"), fidelity=assigned.fidelity)
    x = continued_row(table, assigned)
    return run.put(x, Origin("scheduler"), fidelity=assigned.fidelity, parent=assigned.parent)


def _judge(run: Simulation, scheduler: Scheduler, number: int) -> Halt | None:
    try:
        return Plan(settings_of(scheduler), scheduler).judge(run.table, number)
    except PluginError as error:
        raise AssertionError(str(error)) from None


def _run(run: Simulation, scheduler: Scheduler, n: int) -> None:
    """Run n trials, up to four at once, that report at each whole step and sometimes fail."""
    rng = np.random.default_rng(0)
    running: dict[int, float] = {}
    waits = False
    while len(run.table) < n or running:
        if len(running) < 4 and len(run.table) < n and not waits:
            assigned = _assign(run, scheduler)
            if assigned is not None:
                run.start(assigned)
                parent = int(run.table.parent[assigned])
                reached = run.table.fidelity[parent, :1] if parent >= 0 else np.zeros(1)
                running[assigned] = float(reached[0]) if len(reached) else 0.0
            elif not running:
                return  # it is through
            waits = assigned is None
            continue
        number = int(rng.choice(list(running)))
        fidelity = run.table.fidelity[number]
        end = fidelity[0] if len(fidelity) else 3.0
        running[number] += 1.0
        if rng.random() < 0.02:
            run.fail(number)
        elif running[number] > end:
            run.tell(number)
        else:
            values = landscape(run.problem, run.table.x[number])
            run.report(number, running[number], **{key: value / running[number] for key, value in values.items()})
            if _judge(run, scheduler, number) is not None:
                run.stop(number, **values)
        if run.table.state[number] in (COMPLETE, STOPPED, FAILED):
            del running[number]
            waits = False
