"""What a scheduler is: how far to run a trial, judged from the table alone.

A trial is one row of the table: one configuration, run to one fidelity. A scheduler says of the next row what it is to
be, and of each report whether the trial goes on:

* `Fresh(fidelity)`: a configuration of the optimizer's, run up to `fidelity`. Small fidelities make many cheap trials.
* `Continue(parent, fidelity)`: what successive halving calls a promotion (Jamieson and Talwalkar, 2016; ASHA: Li et
  al., 2020). A new row goes on where `parent` ended, from a copy of its checkpoint. With another `x` it is the exploit
  and explore of population-based training (Jaderberg et al., 2017).
* `Wait(reason)`: nothing, until something that runs has ended: what synchronous Hyperband needs (Li et al., 2018).

`row` is everywhere the number of a trial, and so its place in every column of the table. Letters: N rows, D parameters,
F fidelities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

from trimtab.arrays import Bools, Rng, rng_at
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem

STREAM = 1
"""The stream of a trial's generator that is the scheduler's; the optimizer draws from stream 0."""


@dataclass(frozen=True)
class Request:
    """What is known of the trial that is to be assigned.

    Attributes:
        number: the number that the trial will have, which is `len(table)`: trials that wait, run, failed or were
            enqueued are counted as all others.
        seed: the study's seed, for what belongs to all trials together.
        remaining: what is left of the budget before this trial: trials, seconds, cost in the unit of the cost metric;
            None where nobody counts (ask and tell). Its trials are 0 too where the space has no configuration left to
            try: what was begun can go on, and nothing begins.
    """

    number: int
    seed: int
    remaining: Remaining | None = None

    @cached_property
    def rng(self) -> Rng:
        """The scheduler's generator of that trial, `rng_at(seed, number, STREAM)`: the same each time it is asked."""
        return rng_at(self.seed, self.number, STREAM)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Run a new configuration up to `fidelity`: [F] in its own units, empty where the problem has none."""

    fidelity: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the line of descent of trial `parent`, up to `fidelity`.

    Attributes:
        parent: a trial that is complete or was stopped.
        fidelity: [F] at least the parent's.
        x: [D] another configuration to go on with, in the parameters' own units; the parent's if None.
        why: one clause for a person.
    """

    parent: int
    fidelity: tuple[float, ...]
    x: tuple[float, ...] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Start nothing now; ask again when something has ended. `reason` is a clause that a person can read.

    Where nothing runs that could end, the study ends with this reason: so a scheduler says that it is through.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """End the trial; `reason` is a sentence that a person can read."""

    reason: str


Assignment: TypeAlias = Fresh | Continue | Wait


@runtime_checkable
class Scheduler(Protocol):
    """Says how far to run. Has no memory outside the table, and changes nothing. No base class is needed.

    **Life cycle.** `assign` before each trial that neither a user enqueued nor was lost; then `judge` at each of its
    reports. All either says is a function of its arguments: a replay asks again and compares, bit for bit.

    **What is kept where.** The object holds its settings. It may keep what follows from the table alone, such as an
    index of rows that it brings up to date, but must not count on it: it is made anew with each process, and the tables
    that it is shown need not follow on one another. One object may serve several studies, and their replays, by turns.

    **Threads.** One method is called at a time, under the lock of the study, but not always in the same thread: a
    driver asks for the next trial in a thread of its own. Whoever reports waits meanwhile, so both methods take
    milliseconds at most: read columns, not trials one by one.

    **Errors.** What a method raises reaches whoever asked or reported; in `tune` it ends the run, and what ran is put
    back in line. An answer that cannot be is refused with a `PluginError`, and nothing is put on record.

    `trimtab.testing.schedulers.SchedulerContract` holds all of this as tests.
    """

    def assign(self, table: TrialTable, request: Request) -> Assignment:
        """Return what the next trial is to be.

        Asked whenever a worker is free, once nothing waits that a user enqueued or that was lost: the answer may be
        dropped and asked for again, with the same request or a later one. Among the rows are trials that a user
        enqueued, at whatever fidelity, and such as wait or run.

        Args:
            table: all that is on record.
            request: of that trial.
        """
        ...

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Return whether the running trial `row` is to end.

        Asked once for each report, in the order of the log, with the table as it stood right after that report; not
        any more once the attempt was halted. The trial ends at its next report, or of itself before.

        `table.loss_curve(row)` is what it has reported so far, and the same of any other trial.

        Args:
            table: all that is on record up to that report.
            row: the trial that reported.
        """
        ...

    def to_json(self) -> dict[str, object]:
        """Return {"name": the registered name, **options}, JSON all of it, from which an equal is made again.

        That is, `plugins.load("schedulers", name)(**options)`. Without a name the log has its place, `module:Class`.
        """
        ...


@runtime_checkable
class Collects(Protocol):
    """A scheduler that knows which trials it will never continue again, so that their checkpoints can be removed."""

    def may_continue(self, table: TrialTable) -> Bools:
        """Return [N] whether each trial may still become a parent. Once False for a row that is over, always False."""
        ...


@runtime_checkable
class ChoosesFolds(Protocol):
    """A scheduler that says in which order a trial goes through its folds."""

    def folds(self, table: TrialTable, row: int, seed: int) -> Sequence[int]:
        """Return the numbers of all folds, those first that are to be run first.

        Asked once for each attempt, as it is handed out. Those that the trial has reported before are passed over.

        Args:
            table: all that is on record.
            row: the trial.
            seed: the study's.
        """
        ...


@runtime_checkable
class EndsDiverged(Protocol):
    """A scheduler under which a trial that reports nan for an objective has failed, where a fidelity is declared.

    The failure is of the kind "nan".

    Attributes:
        ends_diverged: whether it is so; a constant.
    """

    ends_diverged: bool


@runtime_checkable
class Advises(Protocol):
    """A scheduler that can tell what a study lacks for trials to be ended early."""

    def needs(self, problem: Problem) -> str:
        """Return what is to be declared, as a sentence for whoever wrote the study; empty if nothing is."""
        ...


@runtime_checkable
class Refuses(Protocol):
    """A scheduler that cannot do without something, and says so before a study is created.

    Asked where one is about to be created, by `create_study`, `tune` and `trimtab run`, and by `trimtab check`; not of
    a study that is on record. What it says is raised as a `ProblemError`, and nothing is written.
    """

    def refuses(self, problem: Problem) -> str:
        """Return why a study of this problem is not to be created, and what to do, for a person; empty if it may be."""
        ...
