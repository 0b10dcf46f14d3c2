"""The fold: records in, table out. Touches no file and no clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trimtab.arrays import MASK64, Floats
from trimtab.errors import ProblemError, SpaceError, StoreCorruptError
from trimtab.ledger import attempts
from trimtab.ledger.chain import Head
from trimtab.ledger.columns import Column
from trimtab.ledger.contents import Contents, Growth
from trimtab.ledger.event import (
    EVIDENCE,
    FAILURE_KINDS,
    Asked,
    Assessed,
    Created,
    Event,
    Extended,
    Failed,
    Grown,
    Judged,
    Noted,
    Opened,
    Record,
    Reported,
    Returned,
    Started,
    Stopped,
    Told,
)
from trimtab.ledger.journal import LONGEST_NAME
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, TrialTable
from trimtab.space.condition import shown
from trimtab.space.parameter import parameter_from_json
from trimtab.space.problem import Problem


def problem_of(created: Created, data: object) -> Problem:
    """Return a problem that a log holds, with the space as it was for those who began the log."""
    problem = Problem.from_json(data)
    return problem if created.exact_ends else replace(problem, space=problem.space.with_rounded_ends())


class Ledger:
    """What a log says, so far.

    Attributes:
        head: the sequence number of the last record folded in.
        link: that record's link.
        created: the first record's event.
        optimizer: the settings of the engine in force, {"name": ..., **options}.
        contents: what is folded in, which nobody else writes.
        table: the trials: what others see of it.
    """

    def __init__(self, created: Created, at: float) -> None:
        _check_created(created)
        self.head = 1
        self.link = ""
        self.created = created
        self.optimizer: dict[str, Any] = created.optimizer
        self.opened: list[dict[str, Any]] = []
        self.contents = Contents(problem_of(created, created.problem), created.past, created.portfolio)
        _check_past(created, self.contents.problem)
        self.table = TrialTable(self.contents)
        self._grown_work = 0
        self.contents.session_start = self.contents.last_at = at
        self.contents.head = self.head

    @classmethod
    def begin(cls, first: Record | None) -> Ledger:
        """Return the ledger after its first record.

        Raises:
            StoreCorruptError: the log does not begin as a log begins.
        """
        if first is None:
            raise StoreCorruptError("the study's log is empty; a log begins with its creation.")
        if first.seq != 1 or not isinstance(first.event, Created):
            raise StoreCorruptError(f"a log begins with record 1, created; this one begins with {_name(first)}.")
        try:
            ledger = cls(first.event, first.at)
        except (SpaceError, ProblemError) as error:
            raise StoreCorruptError(f"{_name(first)} holds no problem that can be read: {error}") from None
        ledger.link = first.link
        return ledger

    @property
    def assessed(self) -> Assessed | None:
        """The last verdict on the study, if any."""
        verdicts = self.contents.verdicts
        return verdicts[-1][1] if verdicts else None

    @property
    def reached(self) -> Head:
        """How far the log was folded in."""
        return Head(self.head, self.link)

    def apply(self, record: Record) -> None:
        """Fold one record in.

        Raises:
            StoreCorruptError: the record does not follow from those before it.
        """
        if record.seq != self.head + 1:
            raise StoreCorruptError(f"record {self.head + 1} is missing: the log goes on with {_name(record)}.")
        fold = _FOLDS.get(type(record.event))
        if fold is None:
            raise StoreCorruptError(f"{_name(record)} stands in the middle of a log.")
        fold(self, record.event, record)
        self.head = self.contents.head = record.seq
        self.link = record.link
        if record.at > self.contents.last_at:
            self.contents.last_at = record.at

    def tick(self, now: float) -> None:
        """Let time pass without a record."""
        self.contents.now = max(self.contents.now, now)

    def _opened(self, event: Opened, record: Record) -> None:
        contents = self.contents
        if contents.session_start is not None:
            contents.elapsed += contents.last_at - contents.session_start
        contents.session_start = max(record.at, contents.last_at)
        self.opened.append(event.provenance)
        if event.optimizer is not None:
            _check_settings("optimizer", event.optimizer)
            self.optimizer = event.optimizer

    def _asked(self, event: Asked, record: Record) -> None:
        contents = self.contents
        c = contents.columns
        row = c["state"].n
        if event.number != row:
            raise StoreCorruptError(f"{_name(record)} is trial {event.number} where trial {row} was due.")
        self._check_asked(event, record)
        c["state"].add(WAITING)
        c["x"].add(event.x)
        c["asked_at"].add(record.at)
        c["origin"].add(contents.origins.code(event.origin))
        c["touched"].add(record.seq)
        for name in _FILLED_LATER:
            c[name].skip()
        if event.fidelity:
            c["fidelity"].rows[row] = event.fidelity
        if event.parent is not None:
            c["parent"].rows[row] = event.parent
            contents.n_children += 1
            contents.again[row] = None
        if event.given is not None:
            contents.given[row] = event.given
        contents.n_evidence += event.origin.by == EVIDENCE
        contents.waiting[row] = None

    def _check_asked(self, event: Asked, record: Record) -> None:
        """Raise StoreCorruptError if a proposal does not fit the problem, or what stands before it."""
        problem = self.contents.problem
        for x in (event.x, event.given):
            misfit = None if x is None else problem.space.misfit(x)
            if misfit is not None:
                raise StoreCorruptError(f"{_name(record)}: {misfit}")
        if event.fidelity and len(event.fidelity) != len(problem.fidelities):
            raise StoreCorruptError(
                f"{_name(record)} has {len(event.fidelity)} fidelities where the problem has {len(problem.fidelities)}."
            )
        if event.head >= record.seq:
            raise StoreCorruptError(f"{_name(record)} was proposed from record {event.head}, which comes later.")
        if event.parent is not None and event.parent >= event.number:
            raise StoreCorruptError(f"{_name(record)} continues trial {event.parent}, which was not asked before.")

    def _row(self, number: int, state: int, record: Record) -> int:
        c = self.contents.columns["state"]
        if not 0 <= number < c.n or c.rows[number] != state:
            raise StoreCorruptError(f"{_name(record)} is about trial {number}, which was not {_STATE_NAMES[state]}.")
        self.contents.columns["touched"].rows[number] = record.seq
        return number

    def _started(self, event: Started, record: Record) -> None:
        if event.handle and self._is_running(event):
            self._handed_over(event, record)
            return
        row = self._row(event.number, WAITING, record)
        contents = self.contents
        c = contents.columns
        c["state"].rows[row] = RUNNING
        c["attempt"].rows[row] = event.attempt
        c["worker"].rows[row] = contents.workers.code(event.worker)
        c["started_at"].rows[row] = record.at
        c["lease_s"].rows[row] = math.nan if event.lease_s is None else event.lease_s
        c["begins"].rows[row] = math.nan if event.begins is None else event.begins
        c["begun_at"].rows[row] = contents.elapsed_at(record.at)
        contents.needs.pop(row, None)
        if event.resources:
            contents.needs[row] = event.resources
        del contents.waiting[row]
        contents.again.pop(row, None)
        contents.handles.pop(row, None)
        contents.running[row] = None

    def _is_running(self, event: Started) -> bool:
        c = self.contents.columns
        return event.number < c["state"].n and c["state"].rows[event.number] == RUNNING

    def _handed_over(self, event: Started, record: Record) -> None:
        """Take in what an executor calls an attempt that runs, and who looks after it from here on."""
        contents, row = self.contents, event.number
        c = contents.columns
        if event.attempt != c["attempt"].rows[row]:
            raise StoreCorruptError(
                f"{_name(record)} is about attempt {event.attempt} at trial {row}, which does not run."
            )
        c["worker"].rows[row] = contents.workers.code(event.worker)
        c["lease_s"].rows[row] = math.nan if event.lease_s is None else event.lease_s
        c["touched"].rows[row] = record.seq
        contents.handles[row] = event.handle

    def _reported(self, event: Reported, record: Record) -> None:
        row = self._row(event.number, RUNNING, record)
        contents = self.contents
        folds = contents.problem.folds
        if event.fold is not None and folds is not None and event.fold >= folds:
            raise StoreCorruptError(f"{_name(record)} is about fold {event.fold} of a problem that has {folds}.")
        contents.curves.add(record.seq, row, event.attempt, event.fold, event.step, event.values)
        if event.fold is None and not contents.is_gradual:
            contents.is_gradual = attempts.is_early(contents, row, event.step)

    def _judged(self, event: Judged, record: Record) -> None:
        row = self._row(event.number, RUNNING, record)
        if event.attempt == self.contents.columns["attempt"].rows[row]:
            self.contents.halts[row] = (event.attempt, event.reason)

    def _told(self, event: Told, record: Record) -> None:
        row = self._row(event.number, RUNNING, record)
        missing = [m.name for m in self.contents.problem.objectives if m.name not in event.values]
        if missing:
            raise StoreCorruptError(f"{_name(record)} completes trial {row} without its {missing[0]!r}.")
        self._values(row, event.values)
        attempts.settle(self.contents, row, record.at, event.seconds, is_complete=True)
        self._over(row, COMPLETE, record.at, event.seconds, event.cost)

    def _stopped(self, event: Stopped, record: Record) -> None:
        row = self._row(event.number, RUNNING, record)
        self._values(row, event.values)
        self.contents.reasons[row] = event.reason
        attempts.settle(self.contents, row, record.at, event.seconds)
        self._over(row, STOPPED, record.at, event.seconds, event.cost)

    def _failed(self, event: Failed, record: Record) -> None:
        if event.failure not in FAILURE_KINDS:
            kinds = ", ".join(FAILURE_KINDS)
            raise StoreCorruptError(f"{_name(record)} is a failure of an unknown kind; there are: {kinds}.")
        row = self._row(event.number, RUNNING, record)
        contents = self.contents
        contents.columns["failure"].rows[row] = FAILURE_KINDS.index(event.failure)
        if event.error:
            contents.errors[row] = event.error
        attempts.settle(contents, row, record.at, event.seconds)
        if not event.again:
            self._over(row, FAILED, record.at, event.seconds, event.cost)
            return
        self._spent(row, event.seconds, event.cost)
        if event.blame:
            self._lost(row, event.blame)
        self._wait(row)

    def _returned(self, event: Returned, record: Record) -> None:
        self._wait(self._row(event.number, RUNNING, record))

    def _wait(self, row: int) -> None:
        contents = self.contents
        contents.columns["state"].rows[row] = WAITING
        del contents.running[row]
        contents.waiting[row] = None
        if self.table.is_begun(row):
            contents.again[row] = None

    def _lost(self, row: int, blame: str) -> None:
        contents = self.contents
        c = contents.columns
        if self.table.has_come_further(row):
            c["n_lost"].rows[row] = c["n_lost_with_driver"].rows[row] = 0
        c["n_lost"].rows[row] += 1
        c["n_lost_with_driver"].rows[row] += blame == "driver"

    def _values(self, row: int, values: Mapping[str, float]) -> None:
        contents = self.contents
        names = contents.problem.metric_names
        if values:
            contents.columns["y"].rows[row] = [values.get(name, math.nan) for name in names]
            for i, key in contents.problem.errors:
                contents.columns["errors"].rows[row, i] = values.get(key, math.nan)
        if len(values) > len(names) or not values.keys() <= set(names):
            for name, value in values.items():
                if name not in names:
                    column = contents.extra.get(name)
                    if column is None:
                        column = contents.extra[name] = Column(np.float64, math.nan)
                    column.extend(row + 1)
                    column.rows[row] = value

    def _spent(self, row: int, seconds: float | None, cost: float | None) -> None:
        for name, amount in (("seconds", seconds), ("cost", cost)):
            if amount is not None:
                column = self.contents.columns[name].rows
                before = float(column[row])
                column[row] = amount if before != before else before + amount

    def _over(self, row: int, state: int, at: float, seconds: float | None, cost: float | None) -> None:
        contents = self.contents
        contents.columns["state"].rows[row] = state
        contents.columns["ended_at"].rows[row] = at
        self._spent(row, seconds, cost)
        contents.order.add(row)
        del contents.running[row]

    def _noted(self, event: Noted, record: Record) -> None:
        contents = self.contents
        if event.number is None:
            contents.study_notes[event.key] = event.value
            contents.noted_at.pop(event.key, None)  # it becomes the last
            contents.noted_at[event.key] = record.seq
            return
        if not 0 <= event.number < len(self.table):
            raise StoreCorruptError(f"{_name(record)} is about trial {event.number}, which was never asked.")
        contents.notes[event.number] = {**contents.notes.get(event.number, {}), event.key: event.value}
        contents.columns["touched"].rows[event.number] = record.seq

    def _grown(self, event: Grown, record: Record) -> None:
        contents = self.contents
        if not self.may_grow():
            raise StoreCorruptError(f"{_name(record)} is one parameter too many for a study to grow by.")
        try:
            space = self.table.space.with_parameter(event.name, parameter_from_json(event.parameter, event.name))
        except SpaceError as error:
            raise StoreCorruptError(f"{_name(record)} holds no parameter that can be read: {error}") from None
        self._grown_work += len(space)
        contents.growths.append(Growth(contents.order.n, contents.problem))
        contents.problem = replace(contents.problem, space=space)
        contents.columns["x"].widen()

    def _extended(self, event: Extended, record: Record) -> None:
        row = self._row(event.number, RUNNING, record)
        x = self.contents.columns["x"]
        if event.attempt != self.contents.columns["attempt"].rows[row]:
            raise StoreCorruptError(f"{_name(record)} is about trial {row}, of which another attempt runs.")
        fault = self._fault_of_extension(x.rows[row], event.x)
        if fault:
            raise StoreCorruptError(f"{_name(record)}: {fault}")
        if not self.contents.is_extended:
            self.contents.is_extended = True
            x.part()  # tables that stand still share its rows up to here
        x.rows[row] = event.x

    def _fault_of_extension(self, before: Floats, after: tuple[float | None, ...]) -> str:
        misfit = self.contents.problem.space.misfit(after)
        if misfit is not None:
            return misfit
        kept = ~np.isnan(before)
        changed = before[kept] != np.array(after, dtype=np.float64)[kept]
        return "a value that the trial had is another one." if changed.any() else ""

    def may_grow(self) -> bool:
        """Return whether the space may get one more parameter: each makes the whole space again."""
        return self._grown_work + len(self.table.space) < MAX_GROWN

    def _assessed(self, event: Assessed, record: Record) -> None:
        self.contents.verdicts.append((record.seq, event))


MAX_GROWN = 50_000
"""Parameters of all spaces that a study grew through, added up: of 300 that came one by one, made in a second."""

_FILLED_LATER = (
    "y", "errors", "cost", "seconds", "fidelity", "parent", "attempt", "started_at", "ended_at", "lease_s", "failure",
    "worker", "n_lost", "n_lost_with_driver", "ran", "unseen", "begins", "begun_at",
)  # fmt: skip
_STATE_NAMES = ("waiting", "running", "complete", "stopped", "failed")
_FOLDS: dict[type[Event], Any] = {
    Opened: Ledger._opened,
    Asked: Ledger._asked,
    Started: Ledger._started,
    Reported: Ledger._reported,
    Judged: Ledger._judged,
    Told: Ledger._told,
    Stopped: Ledger._stopped,
    Failed: Ledger._failed,
    Noted: Ledger._noted,
    Returned: Ledger._returned,
    Grown: Ledger._grown,
    Extended: Ledger._extended,
    Assessed: Ledger._assessed,
}


def _check_created(created: Created) -> None:
    """Raise StoreCorruptError if a study begins as none does."""
    if not created.name or len(created.name) > LONGEST_NAME or not created.name.isprintable():
        raise StoreCorruptError(
            f"record 1 (created) gives the study the name {shown(created.name)}, which none can bear."
        )
    if not 0 <= created.seed <= MASK64:
        raise StoreCorruptError(f"record 1 (created) has the seed {shown(created.seed)}, which is none.")
    for key in ("optimizer", "scheduler"):
        _check_settings(key, getattr(created, key))


def _check_past(created: Created, problem: Problem) -> None:
    """Raise StoreCorruptError if what a study took from others cannot be, or is no part of it."""
    for past in created.past:
        if not len(past.x) == len(past.losses) == len(past.trials):
            raise StoreCorruptError(f"record 1 (created) has rows of {shown(past.study)} without a loss or a number.")
        misfit = next(filter(None, map(problem.space.misfit, past.x)), None)
        if misfit is not None:
            raise StoreCorruptError(f"record 1 (created) took from {shown(past.study)} what does not fit: {misfit}")
    for place, row in created.portfolio:
        if place >= len(created.past) or row >= len(created.past[place].x):
            raise StoreCorruptError("record 1 (created) begins with a trial that it took from no study.")


def _check_settings(key: str, settings: Mapping[str, Any]) -> None:
    if not isinstance(settings.get("name"), str):
        raise StoreCorruptError(f"the log names no {key}: expected {{'name': ..., **options}}, got {shown(settings)}.")


def _name(record: Record) -> str:
    return f"record {record.seq} ({type(record.event).__name__.lower()})"
