"""The trial table: what happened, as columns.

Row i is trial i: one evaluation of one configuration at one fidelity. Letters: N rows, D parameters, M metrics,
F fidelities, R reports, K trials that are over. Every array handed out is a read-only view of a growing buffer: it
does not change length, and what is known of a trial when it is asked for stays as it is. What comes later (`state`,
`y`, `cost` and the like) may show in an array that was kept; `frozen` gives a table in which nothing does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab import plugins
from trimtab.arrays import Bools, Floats, Ints
from trimtab.errors import TrialError
from trimtab.explain import Explained
from trimtab.ledger.attempts import ONE_CPU
from trimtab.ledger.contents import Contents, Growth
from trimtab.ledger.curves import Curves
from trimtab.ledger.event import EVIDENCE, FAILURE_KINDS, FINALIZE, Assessed, Origin, Past
from trimtab.ledger.news import News, notes_since, verdicts_since
from trimtab.ledger.states import COMPLETE, FAILED, RUNNING, STATES, STOPPED, WAITING
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.space.space import Space
from trimtab.text import visible

SEARCH_SCORE = "search score"
"""What the objective of the best trial is while nothing was run again to see how lucky it was."""


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
        figure: of `Study.best`, what its objective is: "search score", the luckiest of many, or a fresh run beside the
            mean of all of them; empty elsewhere.
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
    figure: str = field(default="", compare=False)

    def __repr__(self) -> str:
        said = [f"trial {self.number}: {self.state}"]
        if self.failure:
            first = next(iter(self.error.splitlines()), "")
            said.append(f"{self.failure}: {first}" if first else self.failure)
        said += [self.reason] if self.reason else []
        said += [] if self.parent is None else [f"goes on with trial {self.parent}"]
        said += [
            ", ".join(f"{name}={value!r}" for name, value in pairs.items()) for pairs in (self.metrics, self.params)
        ]
        said += [self.figure] if self.figure not in ("", SEARCH_SCORE) else []
        return f"<{visible('; '.join(part for part in said if part))}>"

    def _repr_html_(self) -> str:
        return plugins.drawn("trial", self)


def _known(value: float) -> float | None:
    return None if value != value else float(value)


class TrialTable:
    """Read-only columns over the rows of a ledger. Only a `Ledger` makes and fills one."""

    def __init__(self, contents: Contents) -> None:
        self._contents, self._c = contents, contents.columns

    # What it is about

    @property
    def problem(self) -> Problem:
        """What is tuned."""
        return self._contents.problem

    @property
    def space(self) -> Space:
        """What may be tried."""
        return self._contents.problem.space

    @property
    def past(self) -> tuple[Past, ...]:
        """What the study took from those that it learns from; their rows are of the space as it began."""
        return self._contents.past

    @property
    def portfolio(self) -> tuple[tuple[int, int], ...]:
        """What is tried first of what did well there: (which of `past`, which of its rows)."""
        return self._contents.portfolio

    def __len__(self) -> int:
        return self._c["state"].n

    def __repr__(self) -> str:
        states = [f"{n} {state}" for code, state in enumerate(STATES) if (n := int((self.state == code).sum()))]
        columns = f"x [{len(self)}, {len(self.space)}], y [{len(self)}, {len(self.problem.metrics)}]"
        return (
            f"<TrialTable: {len(self)} trials ({', '.join(states) or 'none yet'}); columns state, {columns}, cost, ...>"
        )

    def _repr_html_(self) -> str:
        return plugins.drawn("table", self)

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
    def is_evidence(self) -> Bools:
        """[N] whether an earlier study ran the trial, and this one only learns from it: no budget counts it."""
        codes = [code for code, origin in enumerate(self._contents.origins.values) if origin.by == EVIDENCE]
        found: Bools = np.isin(self._c["origin"].view, codes)
        return found

    @property
    def n_evidence(self) -> int:
        """How many trials an earlier study ran."""
        return self._contents.n_evidence

    @property
    def spent(self) -> Floats:
        """[N] the cost of what this study ran itself: `cost`, nan for evidence."""
        if not self.n_evidence:
            return self.cost
        return np.where(self.is_evidence, np.nan, self.cost)

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
    def ran(self) -> Floats:
        """[N, F] how much of each fidelity was run, in all attempts that are over: what `ledger.attempts` counts."""
        return self._c["ran"].view

    @property
    def unseen(self) -> Floats:
        """[N, F] how much more may have been run, in attempts that ended early and had reported nothing."""
        return self._c["unseen"].view

    @property
    def begins(self) -> Floats:
        """[N] the step from whose checkpoint the present attempt went on; nan where there was none on record."""
        return self._c["begins"].view

    @property
    def begun_at(self) -> Floats:
        """[N] what `elapsed` was when the present attempt was started; nan before the first."""
        return self._c["begun_at"].view

    @property
    def used(self) -> Mapping[str, float]:
        """For how many seconds each resource was taken by attempts that are over: "worker", "cpu", "gpu" and others.

        "worker" is the time of the attempts themselves. Of one whose end nobody saw, it is how long the study was
        worked on from its start until it was given up for lost.
        """
        return dict(self._contents.used)

    @property
    def is_gradual(self) -> bool:
        """Whether some trial reported before it reached its fidelity: then one that reports nothing did not get far."""
        return self._contents.is_gradual

    def resources(self, number: int) -> Mapping[str, float]:
        """Return what the present attempt at a trial takes, by name; one cpu where nothing was said."""
        return dict(self._contents.needs.get(number, ONE_CPU))

    @property
    def order(self) -> Ints:
        """[K] the rows that are over, in the order in which they ended."""
        return self._contents.order.view

    @property
    def growths(self) -> tuple[Growth, ...]:
        """Each time that the space learned a parameter: how many trials were over, and what the problem had been."""
        return tuple(self._contents.growths)

    @property
    def curves(self) -> Curves:
        """Every report of every trial so far."""
        return self._contents.curves.view

    def unknown_metrics(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are neither declared nor were reported before."""
        return self._contents.curves.unknown(names)

    @property
    def extra(self) -> Mapping[str, Floats]:
        """[N] each: metrics that were told and not declared, nan where missing."""
        rows = np.arange(len(self))
        return {name: column.at(rows) for name, column in list(self._contents.extra.items())}

    # Time

    @property
    def now(self) -> float:
        """The time of the last record or tick, in seconds since the epoch."""
        return max(self._contents.now, self._contents.last_at)

    @property
    def session_start(self) -> float:
        """When the study was last opened, in seconds since the epoch."""
        return self._contents.session_start if self._contents.session_start is not None else self._contents.last_at

    @property
    def elapsed(self) -> float:
        """Seconds for which the study was worked on: from each opening to its last record, the present one to now."""
        return self._contents.elapsed + (
            self.now - self._contents.session_start if self._contents.session_start is not None else 0.0
        )

    # Readings

    def frozen(self) -> TrialTable:
        """Return the table as it stands now, which no record changes that comes later."""
        return TrialTable(self._contents.frozen())

    def narrowed(self, growth: int) -> TrialTable:
        """Return the table as the space saw it before one of the `growths`: x has only the columns that it had then.

        Of trials that were over by then, these are all values that they ever had. It is a view, as the arrays are.
        """
        return TrialTable(self._contents.narrowed(growth))

    def losses(self) -> Floats:
        """Return [N, M] the metrics turned so that smaller is better."""
        losses: Floats = self.y * self._contents.signs
        return losses

    def loss_curve(self, number: int, fold: int | None = None) -> tuple[Floats, Floats]:
        """Return (steps [r], what trial `number` reported by then [r, M]), as `curves.of`, turned as `losses` are."""
        steps, y = self.curves.of(number, fold)
        return steps, y * self._contents.signs

    def rows(self, *states: int) -> Ints:
        """Return the rows in any of `states`, in the order of their numbers."""
        mask = np.zeros(len(self), dtype=bool)
        for state in states:
            mask |= self.state == state
        return np.flatnonzero(mask)

    @property
    def waiting(self) -> list[int]:
        """The rows that were asked and wait for a worker, in the order in which they began to wait."""
        return list(self._contents.waiting)

    @property
    def running(self) -> list[int]:
        """The rows that run, in the order in which they started."""
        return list(self._contents.running)

    @property
    def first_waiting(self) -> int:
        """The row that has waited longest; there must be one."""
        return next(iter(self._contents.waiting))

    @property
    def n_waiting(self) -> int:
        """How many rows were asked and wait for a worker."""
        return len(self._contents.waiting)

    @property
    def first_again(self) -> int | None:
        """The first row that waits to go on with what was begun: a lost one, or a child; None if there is none."""
        return next(iter(self._contents.again), None)

    @property
    def again(self) -> list[int]:
        """The rows that wait to go on with what was begun, in the order in which they began to wait."""
        return list(self._contents.again)

    @property
    def n_again(self) -> int:
        """How many of them go on with what was begun, as `first_again` does."""
        return len(self._contents.again)

    @property
    def n_begun(self) -> int:
        """How many configurations were handed out, to whatever end: neither those still in line nor evidence."""
        return self.n_lines - self.n_evidence - (self.n_waiting - self.n_again)

    @property
    def n_running(self) -> int:
        """How many rows run."""
        return len(self._contents.running)

    @property
    def n_lines(self) -> int:
        """How many configurations there are: rows without those that continue another."""
        return len(self) - self._contents.n_children

    def furthest(self) -> Ints:
        """Return the last row of each line of descent: those that nobody continues."""
        last = np.ones(len(self), dtype=bool)
        last[self.parent[self.parent >= 0]] = False
        return np.flatnonzero(last)

    def given(self, number: int) -> Floats | None:
        """Return [D] the values that were fixed before the trial was proposed, None when none were."""
        given = self._contents.given.get(number)
        return None if given is None else np.array(given, dtype=np.float64)

    def has_come_further(self, number: int) -> bool:
        """Return whether the present attempt at a trial reported a later step of some fold than all before it."""
        return self.curves.came_further(number, int(self.attempt[number]))

    def n_lost_if_now(self, number: int) -> int:
        """Return what `n_lost` will be once the present attempt is lost too."""
        return 1 if self.has_come_further(number) else int(self.n_lost[number]) + 1

    def is_enqueued(self, number: int) -> bool:
        """Return True if a user put the trial in line, or brought it as evidence: no engine proposed it."""
        return number in self._contents.given or self.origin(number).by in ("user", EVIDENCE)

    def is_replicate(self, number: int) -> bool:
        """Return True if the trial runs a finalist again, at the end of the study."""
        return self.origin(number).by == FINALIZE

    def is_begun(self, number: int) -> bool:
        """Return True if an attempt at the trial failed, or the trial goes on with another one's."""
        return bool(self._c["failure"].rows[number] >= 0 or self._c["parent"].rows[number] >= 0)

    def changed_since(self, seq: int) -> Ints:
        """Return the rows about which there is a record after `seq`."""
        return np.flatnonzero(self.touched > seq)

    @property
    def head(self) -> int:
        """The sequence number of the last record that the table holds."""
        return self._contents.head

    @property
    def verdicts(self) -> tuple[tuple[int, Assessed], ...]:
        """The verdicts of stopping rules, each with the sequence number of its record, in the order of the log."""
        return tuple(self._contents.verdicts)

    def verdict(self, rule: str) -> Assessed | None:
        """Return what a stopping rule said last, None if it never said anything that is on record."""
        return next((said for _, said in reversed(self._contents.verdicts) if said.rule == rule), None)

    def since(self, seq: int) -> News:
        """Return what came after record `seq`; its `head` is what to ask with next. 0 asks for everything."""
        return News(
            head=self._contents.head,
            rows=self.changed_since(seq),
            reports=self.curves.since(seq),
            verdicts=verdicts_since(self._contents.verdicts, seq),
            notes=notes_since(self._contents.study_notes, self._contents.noted_at, seq),
        )

    def worker(self, number: int) -> str:
        """Return who ran a trial last; empty where nobody did."""
        code = int(self._c["worker"].rows[number])
        return "" if code < 0 else str(self._contents.workers.values[code])

    def origin(self, number: int) -> Origin:
        """Return which engine, scheduler or user a trial comes from, and why."""
        origin: Origin = self._contents.origins.values[int(self._c["origin"].rows[number])]
        return origin

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was written about the study as a whole."""
        return dict(self._contents.study_notes)

    def noted_at(self, key: str) -> int:
        """Return the sequence number of the last note of that key about the study; 0 where there is none."""
        return self._contents.noted_at.get(key, 0)

    def error(self, number: int) -> str:
        """Return the message of the last failed attempt, empty when there is none."""
        return self._contents.errors.get(number, "")

    def reason(self, number: int) -> str:
        """Return why the trial was stopped early, empty when it was not."""
        return self._contents.reasons.get(number, "")

    def handle(self, number: int) -> str:
        """Return what the executor calls the present attempt at a trial, empty where it did not say."""
        return self._contents.handles.get(number, "")

    def halted(self, number: int) -> str:
        """Return why the scheduler wants the present attempt to end, empty where it does not."""
        attempt, reason = self._contents.halts.get(number, (0, ""))
        return reason if attempt == self._c["attempt"].rows[number] else ""

    def notes_of(self, number: int) -> dict[str, Any]:
        """Return what was written about one trial, its tags left out."""
        return {key: value for key, value in self._contents.notes.get(number, {}).items() if not key.startswith(TAG)}

    def tags(self, number: int) -> tuple[str, ...]:
        """Return the tags that a trial has, sorted."""
        notes = self._contents.notes.get(number, {})
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
        extras = list(self._contents.extra.items())
        names = (*self._contents.problem.metric_names, *(name for name, _ in extras))
        extra = [column.at(rows).tolist() for _, column in extras]
        ends = tuple(fidelity.name for fidelity in self._contents.problem.fidelities)
        for i, (number, params) in enumerate(zip(rows.tolist(), self.space.decode(self.x[rows]), strict=True)):
            origin: Origin = self._contents.origins.values[c["origin"][i]]
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


__all__ = ["COMPLETE", "FAILED", "RUNNING", "STATES", "STOPPED", "WAITING", "TrialTable", "TrialView"]

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
