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
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
import pytest

from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import FAILURE_KINDS, Event
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.schedule.protocol import Assignment, Collects, Continue, Halt, Refuses, Request, Scheduler
from trimtab.space.problem import counted
from trimtab.study.plugin import named, settings_of
from trimtab.study.replay import replay
from trimtab.testing.optimizers import table_bytes
from trimtab.testing.simulation import PROBLEMS, Simulation, landscape

Make: TypeAlias = Callable[[], Scheduler]

_PROBLEMS: Final = PROBLEMS | {"folds": replace(PROBLEMS["continuous"], folds=4)}


class SchedulerContract:
    """What every scheduler must do. Override the fixture `make`."""

    problems: tuple[str, ...] = ("continuous", "fidelity", "two fidelities", "two objectives")
    """On which of `simulation.PROBLEMS` it is tried, and "folds", whose trials go through folds; name those that it is
    made for."""

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
        run = _run(name, make(), self.n_trials)
        assert 0 < len(run.table) <= self.n_trials, "fewer only if it waits while nothing runs: it is through"

    def test_it_has_no_memory_outside_the_table(self, make: Make, name: str) -> None:
        """A scheduler that comes fresh to each decision decides as one that saw everything."""
        known, fresh = _run(name, make(), self.n_trials), _run(name, _Forgetful(make), self.n_trials)
        assert _events(fresh) == _events(known)

    def test_one_object_serves_several_studies(self, make: Make, name: str) -> None:
        """As when it is passed to one `tune` after the other, or to `replay`."""
        scheduler = make()
        _run(name, scheduler, self.n_trials)
        again, first = (_run(name, each, self.n_trials, seed=1) for each in (scheduler, make()))
        assert _events(again) == _events(first)

    def test_deciding_changes_nothing(self, make: Make, name: str) -> None:
        scheduler = make()
        run = _run(name, scheduler, self.n_trials)
        before = table_bytes(run.table)
        assert _wanted(run, scheduler) == _wanted(run, scheduler)
        if len(run.table.curves.row):
            last = int(run.table.curves.row[-1])
            assert scheduler.judge(run.table, last) == scheduler.judge(run.table, last)
        assert table_bytes(run.table) == before

    def test_what_it_lets_go_of_it_never_asks_for(self, make: Make, name: str) -> None:
        """A scheduler that says which trials it will not continue says so of each, and for good."""
        if not isinstance(make(), Collects):
            return
        watched = _Watched(make())
        _run(name, watched, self.n_trials)
        assert watched.n_said, "it was asked"

    def test_it_does_not_refuse_everything(self, make: Make) -> None:
        """Of a scheduler that refuses problems (`Refuses`): it says so in a text, of any problem."""
        scheduler = make()
        if not isinstance(scheduler, Refuses):
            return
        said = {name: scheduler.refuses(problem) for name, problem in _PROBLEMS.items()}
        assert all(isinstance(why, str) for why in said.values()), said
        assert not all(said[name] for name in self.problems), "it is tried on problems that it takes"

    def test_no_global_generator_is_touched(self, make: Make) -> None:
        ours, theirs = random.getstate(), np.random.get_state()  # noqa: NPY002 - this is the one to leave alone
        _run(self._usual, make(), self.n_trials)
        assert random.getstate() == ours
        assert str(np.random.get_state()) == str(theirs)  # noqa: NPY002 - as above

    @pytest.mark.parametrize("failure", FAILURE_KINDS)
    def test_when_everything_fails_it_goes_on(self, make: Make, name: str, failure: str) -> None:
        run = Simulation(_PROBLEMS[name], scheduler=make())
        for _ in range(self.n_trials):
            number = run.next()
            if number is None:
                break  # it is through
            run.start(number)
            run.fail(number, failure)

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf", 0.0, 1.7e308, -1.7e308, 5e-324])
    def test_reports_of_any_size_are_judged(self, make: Make, name: str, value: float | str) -> None:
        run = Simulation(_PROBLEMS[name], scheduler=make())
        for _ in range(self.n_trials):
            number = run.next()
            if number is None:
                break
            run.start(number)
            for step in (1.0, 2.0, 3.0):
                halted = run.report(number, step, **dict.fromkeys(run.problem.metric_names, value))
            if halted:
                run.stop(number)
            else:
                run.tell(number)

    def test_settings_make_it_again(self, make: Make) -> None:
        settings = settings_of(make())
        assert json.loads(json.dumps(settings)) == settings
        again = named("schedulers", str(settings["name"]), settings)
        assert settings_of(again) == settings
        runs = [_run(self._usual, scheduler, self.n_trials) for scheduler in (make(), again)]
        assert _events(runs[0]) == _events(runs[1])

    def test_the_log_replays(self, make: Make, name: str) -> None:
        """Assigned and judged again, from the log before, everything comes out as it was."""
        run = _run(name, make(), self.n_trials)
        replay(run.records, scheduler=make()).require_equal()


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


class _Watched:
    """A scheduler that collects, and is asked before each assignment what it collects."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._gone: set[int] = set()
        self.n_said = 0

    def assign(self, table: TrialTable, request: Request) -> Assignment:
        assert isinstance(self._scheduler, Collects)
        said = self._scheduler.may_continue(table)
        assert said.shape == (len(table),)
        assert said.dtype == np.bool_
        self.n_said += 1
        assert not said[sorted(self._gone)].any(), "once it lets go of a trial that is over, that is for good"
        self._gone |= set(np.flatnonzero(~said & np.isin(table.state, (COMPLETE, STOPPED, FAILED))).tolist())
        assigned = self._scheduler.assign(table, request)
        assert not isinstance(assigned, Continue) or assigned.parent not in self._gone
        return assigned

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        return self._scheduler.judge(table, row)

    def to_json(self) -> dict[str, object]:
        return self._scheduler.to_json()


def _wanted(run: Simulation, scheduler: Scheduler) -> Assignment:
    number = len(run.table)
    return scheduler.assign(run.table, Request(number, run.seed))


def _events(run: Simulation) -> list[Event]:
    """Return what happened in a study, without what it was created with."""
    return [record.event for record in run.records[1:]]


def _run(name: str, scheduler: Scheduler, n: int, seed: int = 0) -> Simulation:
    """Return a study of n trials, up to four at once, that report at each whole step and sometimes fail."""
    run = Simulation(_PROBLEMS[name], seed=seed, scheduler=scheduler)
    rng = np.random.default_rng(0)
    place = counted(run.problem.fidelities) or 0
    running: dict[int, float] = {}
    waits = False
    while len(run.table) < n or running:
        if len(running) < 4 and len(run.table) < n and not waits:
            assigned = run.next()
            if assigned is not None:
                run.start(assigned)
                parent = int(run.table.parent[assigned])
                is_further = parent >= 0 and bool(run.problem.fidelities)
                running[assigned] = float(run.table.fidelity[parent, place]) if is_further else 0.0
            elif not running:
                break  # it is through
            waits = assigned is None
            continue
        number = int(rng.choice(list(running)))
        fidelity = run.table.fidelity[number]
        end = fidelity[place] if len(fidelity) else float(run.problem.folds or 3)
        running[number] += 1.0
        if rng.random() < 0.02:
            run.fail(number)
        elif running[number] > end:
            run.tell(number)
        else:
            values = landscape(run.problem, run.table.x[number])
            if run.problem.folds is not None:
                if _report_fold(run, number, int(running[number]) - 1, values):
                    run.stop(number, **values)
            elif run.report(number, running[number], **{key: value / running[number] for key, value in values.items()}):
                run.stop(number, **values)
        if run.table.state[number] in (COMPLETE, STOPPED, FAILED):
            del running[number]
            waits = False
    return run


def _report_fold(run: Simulation, number: int, fold: int, values: dict[str, float]) -> str:
    """Report one fold: every fold is harder than the one before, and has a part of its own in each trial."""
    rng = np.random.default_rng((run.seed, number, fold))
    said = {name: value + 0.5 * fold + 0.01 * float(rng.normal()) for name, value in values.items()}
    return run.report(number, AT_END, fold, **said)
