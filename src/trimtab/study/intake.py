"""From what an executor says to what is put on record: a function of the table and of the messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from trimtab.errors import ObjectiveError
from trimtab.execute import protocol as execute
from trimtab.ledger.curves import AT_END, WHOLE
from trimtab.ledger.event import Event, Failed, Noted, Reported, Stopped, Told
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import counted
from trimtab.study import values
from trimtab.study.cells import Cells
from trimtab.study.lost import PARTIAL, is_running, lose, must_run_whole
from trimtab.study.plan import DIVERGED
from trimtab.study.reported import Reports
from trimtab.study.unheard import ROUNDING
from trimtab.study.values import nothing_returned


class Intake:
    """Takes in one batch of messages.

    Args:
        table: how the trials stand before it.
        retries: how often a trial is run again that may be to blame for its end.
        cost_required: whether every trial must tell its cost.
        need: what the study lacks for trials to be ended early.
    """

    def __init__(self, table: TrialTable, *, retries: int, cost_required: bool, need: str = "") -> None:
        self._table = table
        self._retries = retries
        self._cost_required = cost_required
        self._reports = Reports(table, need)
        self._new: dict[int, list[Reported]] = {}
        self._over: set[int] = set()

    def events(self, messages: Iterable[execute.Message]) -> list[Event]:
        """Return what to put on record; what comes from a superseded attempt becomes a note."""
        return [event for message in messages for event in self._events(message)]

    def _events(self, message: execute.Message) -> list[Event]:
        number = message.number
        if number in self._over or isinstance(message, execute.Started):
            return []
        if not is_running(self._table, number, message.attempt):
            return [_late(message)] if isinstance(message, execute.Exited) else []
        match message:
            case execute.Reported():
                return self._report(message)
            case execute.Noted():
                return [Noted(message.key, values.plain(message.value), number)]
        self._over.add(number)
        if isinstance(message, execute.Exited):
            return self._exit(message)
        blame = "worker" if message.blames_trial else ""
        return [lose(self._table, number, message.reason, blame=blame, retries=self._retries)]

    def _report(self, message: execute.Reported) -> list[Event]:
        number, step = message.number, message.step
        try:
            event, notes = self._reports.take(number, message.attempt, step, message.values, message.fold)
        except ObjectiveError as unusable:
            return [Noted("unusable report", f"step {step:g}: {unusable}", number)]
        self._new.setdefault(number, []).append(event)
        return [event, *notes]

    def _exit(self, message: execute.Exited) -> list[Event]:
        number, attempt, seconds = message.number, message.attempt, message.seconds
        problem = self._table.problem
        if message.stopped is not None and message.stopped.startswith(DIVERGED):
            return [Failed(number, "nan", message.stopped, attempt, seconds=seconds)]
        if message.stopped is not None:
            last = self._last(number, attempt) or self._cells(number).means()
            return [Stopped(number, message.stopped, attempt, last, seconds, last.get(problem.cost or "cost"))]
        result = self._of_earlier(number, attempt)
        if result is not None:
            return [Told(number, result.values, attempt, seconds, result.cost)]
        if message.failure is not None:
            return [Failed(number, message.failure, values.error_text(message.error), attempt, seconds=seconds)]
        try:
            returned = message.values
            cells = self._cells(number)
            if returned is None and cells.folds:
                returned = cells.result()
            elif returned is None:
                returned = self._of_reports(number, message.error)
            elif returned is not None and message.own is not None:
                returned = cells.completed(returned, message.own)
                if returned is None:
                    return [lose(self._table, number, PARTIAL, blame="", retries=self._retries)]
            elif returned is not None and cells.folds:
                returned = cells.carried(returned, self._own(number, attempt))
            result = values.check(problem, returned, cost_required=self._cost_required)
        except values.NotFiniteError as unusable:
            return [Failed(number, "nan", str(unusable), attempt, seconds=seconds)]
        except ObjectiveError as unusable:
            return [Failed(number, "exception", str(unusable), attempt, seconds=seconds)]
        told = Told(number, result.values, attempt, seconds, result.cost)
        return [*(Noted(key, value, number) for key, value in result.notes.items()), told]

    def _of_earlier(self, number: int, attempt: int) -> values.Result | None:
        """Return the result of a trial that had reported all its folds when its worker was lost; None of any other.

        This attempt had no fold left, so that what its objective makes of those that it has seen is of none.
        """
        cells, n = self._cells(number), self._table.problem.folds
        if n is None or len(cells.folds) < n or self._own(number, attempt) or must_run_whole(self._table, number):
            return None
        try:
            return values.check(self._table.problem, cells.result(), cost_required=self._cost_required)
        except ObjectiveError:  # it has more to tell than its folds do
            return None

    def _of_reports(self, number: int, missed: str) -> dict[str, float]:
        """Return the result of a trial that returned nothing: what it reported at the fidelity that it was to go to.

        A step says how much of the fidelity was run, so that such a report is of all that the trial was to run.

        Args:
            number: the trial.
            missed: what a program says that it did not give; empty of a function.

        Raises:
            ObjectiveError: there is no such report, or it lacks an objective or a constraint.
        """
        table, problem = self._table, self._table.problem
        place = counted(problem.fidelities) if problem.folds is None else None
        missed = missed or nothing_returned(problem)
        if place is None:
            raise ObjectiveError(missed)
        end, name = float(table.fidelity[number, place]), problem.fidelities[place].name
        reached = end * (1.0 - ROUNDING)
        steps: list[float] = []
        found: dict[str, float] = {}
        for step, said in self._reported(number):
            steps.append(step)
            if step >= reached:
                found |= said
        lacks = [metric for metric in problem.metric_names if metric not in found]
        if not steps:
            raise ObjectiveError(missed)
        if max(steps) < reached:
            raise ObjectiveError(
                f"{missed} Its last report is of {name} {max(steps):g}; one of {name} {end:g}, to which it was to go, "
                "would have been its result."
            )
        if lacks:
            raise ObjectiveError(f"{missed} Its last report, which could be its result, has no {lacks[0]!r}.")
        return found

    def _reported(self, number: int) -> Iterator[tuple[float, dict[str, float]]]:
        """Yield (step, values) of each report of a trial as a whole, in their order; a later one of a step counts."""
        curves = self._table.curves
        places = curves.reports(number)
        for place in places[curves.fold[places] == WHOLE].tolist():
            declared = dict(zip(curves.names, curves.y[place].tolist(), strict=True))
            others = {name: float(values[0]) for name, (_, values) in curves.undeclared.of(np.array([place])).items()}
            # the table does not tell nan from what was not reported; what was said as nan has ended the trial before
            yield (
                float(curves.step[place]),
                {name: value for name, value in declared.items() if value == value} | others,
            )
        for event in self._new.get(number, ()):
            if event.fold is None:
                yield event.step, {name: float(value) for name, value in event.values.items()}

    def _cells(self, number: int) -> Cells:
        return Cells(self._table, number, self._new.get(number, ()))

    def _own(self, number: int, attempt: int) -> list[int]:
        """Return the folds that an attempt reported."""
        curves = self._table.curves
        places = curves.reports(number)
        places = places[(curves.attempt[places] == attempt) & (curves.step[places] == AT_END)]
        new = [event.fold for event in self._new.get(number, ()) if event.step == AT_END and event.fold is not None]
        return sorted({*curves.fold[places].tolist(), *new} - {WHOLE})

    def _last(self, number: int, attempt: int) -> dict[str, float]:
        """Return the last finite value of each metric that an attempt reported for the trial as a whole."""
        curves = self._table.curves
        reports = curves.reports(number)
        reports = reports[(curves.attempt[reports] == attempt) & (curves.fold[reports] == WHOLE)]
        found = {}
        columns = {name: (np.arange(len(reports)), curves.y[reports, i]) for i, name in enumerate(curves.names)}
        for name, (_, reported) in (columns | curves.undeclared.of(reports)).items():
            finite = reported[np.isfinite(reported)]
            if len(finite):
                found[name] = float(finite[-1])
        for event in self._new.get(number, ()):
            if event.fold is None:
                found |= {
                    name: value
                    for name, value in event.values.items()
                    if isinstance(value, float) and math.isfinite(value)
                }
        return found


def _late(message: execute.Exited) -> Noted:
    late = {"attempt": message.attempt, "result": repr(message.values)[:200], "error": message.error[:200]}
    return Noted("late result", late, message.number)
