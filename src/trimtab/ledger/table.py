"""The trial table: what happened, as columns.

Row i is trial i: one evaluation of one configuration at one fidelity. Letters: N rows, D parameters, M metrics,
F fidelities, R reports, K trials that are over. Every array handed out is a read-only view of a growing buffer; it does
not change length, so whoever keeps one keeps the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab import plugins
from trimtab.arrays import Floats, Ints
from trimtab.errors import TrialError
from trimtab.explain import Explained
from trimtab.ledger.event import FAILURE_KINDS, Origin
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.space.space import Space
from trimtab.text import visible

WAITING, RUNNING, COMPLETE, STOPPED, FAILED = range(5)
STATES = ("waiting", "running", "complete", "stopped", "failed")

_FIRST_CAPACITY = 16


class Column:
    """A growing array of rows with a read-only face.

    Attributes:
        rows: the buffer, written by the ledger alone; capacity beyond `n` is filled with `fill`.
    """

    __slots__ = ("_face", "_fill", "n", "rows")

    def __init__(self, dtype: Any, fill: float = 0, width: int | None = None) -> None:
        shape = (_FIRST_CAPACITY,) if width is None else (_FIRST_CAPACITY, width)
        self._fill = fill
        self.n = 0
        self._set(np.full(shape, fill, dtype=dtype))

    def _set(self, rows: NDArray[Any]) -> None:
        self.rows = rows
        self._face = rows.view()
        self._face.flags.writeable = False

    def add(self, value: object) -> None:
        """Append one row."""
        if self.n == len(self.rows):
            self.reserve(self.n + 1)
        self.rows[self.n] = value
        self.n += 1

    def skip(self) -> None:
        """Append one row of the fill value."""
        if self.n == len(self.rows):
            self.reserve(self.n + 1)
        self.n += 1

    def reserve(self, n: int) -> None:
        """Make room for `n` rows, growing by half so that appending stays cheap on average."""
        capacity = len(self.rows)
        if n > capacity:
            grown = np.full((max(n, capacity + (capacity >> 1)), *self.rows.shape[1:]), self._fill, self.rows.dtype)
            grown[: self.n] = self.rows[: self.n]
            self._set(grown)

    def extend(self, n: int) -> None:
        """Append rows of the fill value until there are `n`; what is there already stays."""
        self.reserve(n)
        self.n = max(self.n, n)

    def widen(self) -> None:
        """Add one more component to every row."""
        wider = np.full((len(self.rows), self.rows.shape[1] + 1), self._fill, self.rows.dtype)
        wider[:, :-1] = self.rows
        self._set(wider)

    def load(self, rows: NDArray[Any]) -> None:
        """Replace the content."""
        self.n = 0
        self.reserve(len(rows))
        self.rows[: len(rows)] = rows
        self.n = len(rows)

    @property
    def view(self) -> NDArray[Any]:
        return self._face[: self.n]


class Interned:
    """Strings (or other hashables) as small integers."""

    __slots__ = ("codes", "values")

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.values: list[Any] = list(values)
        self.codes: dict[Any, int] = {value: code for code, value in enumerate(self.values)}

    def code(self, value: Any) -> int:
        code = self.codes.get(value)
        if code is None:
            code = self.codes[value] = len(self.values)
            self.values.append(value)
        return code


@dataclass(frozen=True, slots=True)
class Curves:
    """Every report of every trial, in the order of the log.

    Attributes:
        row: [R] the trial.
        step: [R] the step, in the unit of the fidelity.
        y: [R, M] the metrics, nan where one was not reported.
        attempt: [R] the attempt that reported.
        names: the M metrics.
        extra: of each metric that was reported and not declared, (indices of reports [r], values [r]).
    """

    row: Ints
    step: Floats
    y: Floats
    attempt: Ints
    names: tuple[str, ...] = ()
    extra: Mapping[str, tuple[Ints, Floats]] = field(default_factory=dict)

    def of(self, number: int) -> tuple[Floats, Floats]:
        """Return (steps [r], metrics [r, M]) of one trial, sorted by step; of a step reported twice, the last."""
        rows = np.flatnonzero(self.row == number)
        steps, y = self.step[rows], self.y[rows]
        order = np.argsort(steps, kind="stable")
        steps, y = steps[order], y[order]
        last = np.append(steps[1:] != steps[:-1], True) if len(steps) else np.zeros(0, dtype=bool)
        return steps[last], y[last]

    def metrics(self, number: int) -> tuple[Floats, dict[str, Floats]]:
        """Return (steps [r], {metric: values [r]}) of one trial, with what was not declared.

        Steps are sorted. At each, a metric has the value that was reported for it last, nan where none was.
        """
        reports = np.flatnonzero(self.row == number)
        steps, at = np.unique(self.step[reports], return_inverse=True)
        found = {name: np.full(len(steps), np.nan) for name in self.names}
        for i, name in enumerate(self.names):
            values = self.y[reports, i]
            known = ~np.isnan(values)
            found[name][at[known]] = values[known]
        for name, (indices, values) in self.extra.items():
            mine = self.row[indices] == number
            if mine.any():
                found[name] = np.full(len(steps), np.nan)
                found[name][at[np.searchsorted(reports, indices[mine])]] = values[mine]
        return steps, found


@dataclass(frozen=True, slots=True)
class TrialView(Explained):
    """One trial as it stood when it was looked at.

    Attributes:
        number: counts from 0.
        params: the active parameters.
        metrics: what was told (or last reported before the trial was stopped), declared or not.
        state: "waiting", "running", "complete", "stopped" or "failed"; "proposed" where `Study.peek` looked ahead.
        why: why this configuration was proposed, and by which engine (`origin`).
        attempt: how many times it was started.
        worker: who ran it last.
        seconds, cost: what it took, all attempts together; None when unknown.
        failure, error: the kind of failure and its message, empty when none; kept from the last failed attempt.
        reason: why it was stopped early.
        fidelity: where it was to end.
        parent: the trial whose line of descent it continues.
        asked_at, started_at, ended_at: seconds since the epoch.
        notes: what people and programs wrote about it; tags: its labels.
    """

    number: int
    params: dict[str, Any]
    metrics: dict[str, float]
    state: str
    origin: str = ""
    why: str = ""
    attempt: int = 0
    worker: str = ""
    seconds: float | None = None
    cost: float | None = None
    failure: str = ""
    error: str = ""
    reason: str = ""
    fidelity: dict[str, float] = field(default_factory=dict)
    parent: int | None = None
    asked_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        said = [f"trial {self.number}: {self.state}"]
        if self.failure:
            first = next(iter(self.error.splitlines()), "")
            said.append(f"{self.failure}: {first}" if first else self.failure)
        said += [self.reason] if self.reason else []
        said += [
            ", ".join(f"{name}={value!r}" for name, value in pairs.items()) for pairs in (self.metrics, self.params)
        ]
        return f"<{visible('; '.join(part for part in said if part))}>"

    def _repr_html_(self) -> str:
        shown: str = plugins.load("html", "trial")(self)
        return shown


def _known(value: float) -> float | None:
    return None if value != value else float(value)


class TrialTable:
    """Read-only columns over the rows of a ledger. Only a `Ledger` makes and fills one."""

    def __init__(self, problem: Problem) -> None:
        n_metrics, n_fidelities = len(problem.metrics), len(problem.fidelities)
        self._problem = problem
        self._signs = np.asarray(problem.signs, dtype=np.float64)
        self._c = {
            "state": Column(np.int8),
            "x": Column(np.float64, np.nan, len(problem.space)),
            "y": Column(np.float64, np.nan, n_metrics),
            "errors": Column(np.float64, np.nan, n_metrics),
            "cost": Column(np.float64, np.nan),
            "seconds": Column(np.float64, np.nan),
            "fidelity": Column(np.float64, np.nan, n_fidelities),
            "parent": Column(np.int64, -1),
            "attempt": Column(np.int32),
            "asked_at": Column(np.float64, np.nan),
            "started_at": Column(np.float64, np.nan),
            "ended_at": Column(np.float64, np.nan),
            "lease_s": Column(np.float64, np.nan),
            "failure": Column(np.int8, -1),
            "origin": Column(np.int32),
            "worker": Column(np.int32, -1),
            "touched": Column(np.int64),
            "n_lost": Column(np.int32),
            "n_lost_with_driver": Column(np.int32),
        }
        self._order = Column(np.int64)
        self._curve_row = Column(np.int64)
        self._curve_step = Column(np.float64)
        self._curve_attempt = Column(np.int32)
        self._curve_y = Column(np.float64, np.nan, n_metrics)
        self._curve_extra: dict[str, tuple[Column, Column]] = {}  # reports and values: few reports have them
        self._extra: dict[str, Column] = {}
        self._origins = Interned()
        self._workers = Interned()
        self._errors: dict[int, str] = {}
        self._reasons: dict[int, str] = {}
        self._notes: dict[int, dict[str, Any]] = {}
        self._study_notes: dict[str, Any] = {}
        self._given: dict[int, Sequence[float | None]] = {}
        self._waiting: dict[int, None] = {}
        self._again: dict[int, None] = {}  # of those that wait, the ones whose configuration was begun
        self._running: dict[int, None] = {}
        self._n_children = 0
        self._now = 0.0
        self._elapsed = 0.0
        self._session_start: float | None = None
        self._last_at = 0.0

    # What it is about

    @property
    def problem(self) -> Problem:
        return self._problem

    @property
    def space(self) -> Space:
        return self._problem.space

    def __len__(self) -> int:
        return self._c["state"].n

    def __repr__(self) -> str:
        states = [f"{n} {state}" for code, state in enumerate(STATES) if (n := int((self.state == code).sum()))]
        columns = f"x [{len(self)}, {len(self.space)}], y [{len(self)}, {len(self.problem.metrics)}]"
        return (
            f"<TrialTable: {len(self)} trials ({', '.join(states) or 'none yet'}); columns state, {columns}, cost, ...>"
        )

    def _repr_html_(self) -> str:
        shown: str = plugins.load("html", "table")(self)
        return shown

    # Columns

    @property
    def state(self) -> NDArray[np.int8]:
        """[N] WAITING, RUNNING, COMPLETE, STOPPED or FAILED."""
        return self._c["state"].view

    @property
    def x(self) -> Floats:
        """[N, D] the configurations, in the parameters' own units, nan where inactive."""
        return self._c["x"].view

    @property
    def y(self) -> Floats:
        """[N, M] the metrics as told, nan where there is none."""
        return self._c["y"].view

    @property
    def errors(self) -> Floats:
        """[N, M] the standard errors of `y` as told, nan where none was and for metrics that have none."""
        return self._c["errors"].view

    @property
    def cost(self) -> Floats:
        """[N] the cost as told, all attempts together; nan where none was."""
        return self._c["cost"].view

    @property
    def seconds(self) -> Floats:
        """[N] the wall time of the trial's code, all attempts together; nan where unknown."""
        return self._c["seconds"].view

    @property
    def fidelity(self) -> Floats:
        """[N, F] the assigned fidelities."""
        return self._c["fidelity"].view

    @property
    def parent(self) -> Ints:
        """[N] the trial that this one continues, -1 for none."""
        return self._c["parent"].view

    @property
    def attempt(self) -> NDArray[np.int32]:
        """[N] how many times it was started."""
        return self._c["attempt"].view

    @property
    def asked_at(self) -> Floats:
        """[N] seconds since the epoch."""
        return self._c["asked_at"].view

    @property
    def started_at(self) -> Floats:
        """[N] seconds since the epoch, of the last attempt; nan before the first."""
        return self._c["started_at"].view

    @property
    def ended_at(self) -> Floats:
        """[N] seconds since the epoch; nan until it is over."""
        return self._c["ended_at"].view

    @property
    def lease_s(self) -> Floats:
        """[N] seconds for which the worker may be silent; nan for ever."""
        return self._c["lease_s"].view

    @property
    def failure(self) -> NDArray[np.int8]:
        """[N] index into `FAILURE_KINDS` of the last failed attempt, -1 for none."""
        return self._c["failure"].view

    @property
    def touched(self) -> Ints:
        """[N] the sequence number of the last record about the row."""
        return self._c["touched"].view

    @property
    def n_lost(self) -> NDArray[np.int32]:
        """[N] attempts that were lost in a row, the trial perhaps being to blame, and that came no further than before.

        A trial that goes on from its checkpoint and was lost again comes further, and begins to count anew.
        """
        return self._c["n_lost"].view

    @property
    def n_lost_with_driver(self) -> NDArray[np.int32]:
        """[N] those of `n_lost` with which the whole driver ended, and whatever else it ran."""
        return self._c["n_lost_with_driver"].view

    @property
    def order(self) -> Ints:
        """[K] the rows that are over, in the order in which they ended."""
        return self._order.view

    @property
    def curves(self) -> Curves:
        return Curves(
            self._curve_row.view,
            self._curve_step.view,
            self._curve_y.view,
            self._curve_attempt.view,
            self._problem.metric_names,
            {name: (reports.view, values.view) for name, (reports, values) in self._curve_extra.items()},
        )

    @property
    def extra(self) -> Mapping[str, Floats]:
        """[N] each: metrics that were told and not declared, nan where missing."""
        for column in self._extra.values():
            column.extend(len(self))
        return {name: column.view for name, column in self._extra.items()}

    # Time

    @property
    def now(self) -> float:
        """The time of the last record or tick, in seconds since the epoch."""
        return max(self._now, self._last_at)

    @property
    def session_start(self) -> float:
        """When the study was last opened, in seconds since the epoch."""
        return self._session_start if self._session_start is not None else self._last_at

    @property
    def elapsed(self) -> float:
        """Seconds for which the study was worked on: from each opening to its last record, the present one to now."""
        return self._elapsed + (self.now - self._session_start if self._session_start is not None else 0.0)

    # Readings

    def losses(self) -> Floats:
        """Return [N, M] the metrics turned so that smaller is better."""
        losses: Floats = self.y * self._signs
        return losses

    def rows(self, *states: int) -> Ints:
        """Return the rows in any of `states`, in the order of their numbers."""
        mask = np.zeros(len(self), dtype=bool)
        for state in states:
            mask |= self.state == state
        return np.flatnonzero(mask)

    @property
    def waiting(self) -> list[int]:
        """The rows that were asked and wait for a worker, in the order in which they began to wait."""
        return list(self._waiting)

    @property
    def running(self) -> list[int]:
        """The rows that run, in the order in which they started."""
        return list(self._running)

    @property
    def first_waiting(self) -> int:
        """The row that has waited longest; there must be one."""
        return next(iter(self._waiting))

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def first_again(self) -> int | None:
        """The first row that waits to go on with what was begun: a lost one, or a child; None if there is none."""
        return next(iter(self._again), None)

    @property
    def n_again(self) -> int:
        return len(self._again)

    @property
    def n_begun(self) -> int:
        """How many configurations were handed out, to whatever end: `n_lines` without those still in line."""
        return self.n_lines - (self.n_waiting - self.n_again)

    @property
    def n_running(self) -> int:
        return len(self._running)

    @property
    def n_lines(self) -> int:
        """How many configurations there are: rows without those that continue another."""
        return len(self) - self._n_children

    def furthest(self) -> Ints:
        """Return the last row of each line of descent: those that nobody continues."""
        last = np.ones(len(self), dtype=bool)
        last[self.parent[self.parent >= 0]] = False
        return np.flatnonzero(last)

    def root(self, number: int) -> int:
        """Return the first trial of the line of descent of `number`."""
        parent = self._c["parent"].rows
        while parent[number] >= 0:
            number = int(parent[number])
        return number

    def given(self, number: int) -> Floats | None:
        """Return [D] the values that were fixed before the trial was proposed, None when none were."""
        given = self._given.get(number)
        return None if given is None else np.array(given, dtype=np.float64)

    def has_come_further(self, number: int) -> bool:
        """Return whether the present attempt at a trial reported a later step than any attempt before it."""
        mine = self._curve_row.view == number
        steps, attempts = self._curve_step.view[mine], self._curve_attempt.view[mine]
        now = steps[attempts == self.attempt[number]]
        return bool(len(now) and now.max() > steps[attempts < self.attempt[number]].max(initial=-np.inf))

    def n_lost_if_now(self, number: int) -> int:
        """Return what `n_lost` will be once the present attempt is lost too."""
        return 1 if self.has_come_further(number) else int(self.n_lost[number]) + 1

    def is_enqueued(self, number: int) -> bool:
        """Return True if a user put the trial in line."""
        return number in self._given or self.origin(number).by == "user"

    def is_begun(self, number: int) -> bool:
        """Return True if an attempt at the trial failed, or the trial goes on with another one's."""
        return bool(self._c["failure"].rows[number] >= 0 or self._c["parent"].rows[number] >= 0)

    def changed_since(self, seq: int) -> Ints:
        """Return the rows about which there is a record after `seq`."""
        return np.flatnonzero(self.touched > seq)

    def worker(self, number: int) -> str:
        code = int(self._c["worker"].rows[number])
        return "" if code < 0 else str(self._workers.values[code])

    def origin(self, number: int) -> Origin:
        origin: Origin = self._origins.values[int(self._c["origin"].rows[number])]
        return origin

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was written about the study as a whole."""
        return dict(self._study_notes)

    def error(self, number: int) -> str:
        """Return the message of the last failed attempt, empty when there is none."""
        return self._errors.get(number, "")

    def reason(self, number: int) -> str:
        """Return why the trial was stopped early, empty when it was not."""
        return self._reasons.get(number, "")

    def notes_of(self, number: int) -> dict[str, Any]:
        """Return what was written about one trial, its tags left out."""
        return {key: value for key, value in self._notes.get(number, {}).items() if not key.startswith(TAG)}

    def tags(self, number: int) -> tuple[str, ...]:
        """Return the tags that a trial has, sorted."""
        notes = self._notes.get(number, {})
        return tuple(sorted(key.removeprefix(TAG) for key, on in notes.items() if key.startswith(TAG) and on))

    def trial(self, number: int) -> TrialView:
        """Return one trial as it stands now.

        Raises:
            TrialError: there is no such trial.
        """
        if not 0 <= number < len(self):
            raise TrialError(no_such_trial(number, len(self)))
        return next(self.trials([number]))

    def trials(self, numbers: Sequence[int]) -> Iterator[TrialView]:
        """Yield these trials, as `trial` returns them; many are read a stretch at a time, which is faster."""
        for begin in range(0, len(numbers), STRETCH):
            yield from self._stretch(np.asarray(numbers[begin : begin + STRETCH], dtype=np.int64))

    def _stretch(self, rows: Ints) -> Iterator[TrialView]:
        c = {name: self._c[name].rows[rows].tolist() for name in _VIEWED}
        names = (*self._problem.metric_names, *self._extra)
        extra = [column[rows].tolist() for column in self.extra.values()]
        ends = tuple(fidelity.name for fidelity in self._problem.fidelities)
        for i, (number, params) in enumerate(zip(rows.tolist(), self.space.decode(self.x[rows]), strict=True)):
            origin: Origin = self._origins.values[c["origin"][i]]
            failure, parent = c["failure"][i], c["parent"][i]
            metrics = zip(names, (*c["y"][i], *(column[i] for column in extra)), strict=True)
            yield TrialView(
                number=number,
                params=params,
                metrics={name: value for name, value in metrics if value == value},
                state=STATES[c["state"][i]],
                origin=origin.by,
                why=origin.why,
                attempt=c["attempt"][i],
                worker=self.worker(number),
                seconds=_known(c["seconds"][i]),
                cost=_known(c["cost"][i]),
                failure=FAILURE_KINDS[failure] if failure >= 0 else "",
                error=self.error(number),
                reason=self.reason(number),
                fidelity={name: end for name, end in zip(ends, c["fidelity"][i], strict=True) if end == end},
                parent=None if parent < 0 else parent,
                asked_at=_known(c["asked_at"][i]),
                started_at=_known(c["started_at"][i]),
                ended_at=_known(c["ended_at"][i]),
                notes=self.notes_of(number),
                tags=self.tags(number),
            )


STRETCH = 2048
"""Trials that are read at once: enough to make the cost of reading columns small, few enough to need little memory."""

_VIEWED = (
    "state", "y", "cost", "seconds", "fidelity", "parent", "attempt", "asked_at", "started_at", "ended_at", "failure",
    "origin",
)  # fmt: skip

TAG = "tag:"
"""A note whose key begins so is a tag; its value says whether the tag is on."""


def no_such_trial(number: object, n: int) -> str:
    """Return what to say of a trial that is none of the `n` there are."""
    there = f"they are numbered 0 to {n - 1}" if n else "no trial was asked yet"
    return f"there is no trial {shown(number)}; {there}."
