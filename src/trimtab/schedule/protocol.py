"""What a scheduler is: how far to run a trial, judged from the table alone.

A trial is one row of the table: one configuration, run to one fidelity. A scheduler says of the next row what it is to
be, and of each report whether the trial goes on:

* `Fresh(fidelity)`: a configuration of the optimiser's, run up to `fidelity`. Small fidelities make many cheap trials.
* `Continue(parent, fidelity)`: what successive halving calls a promotion (Jamieson and Talwalkar, 2016; ASHA: Li et
  al., 2020). A new row goes on where `parent` ended, from a copy of its checkpoint. With another `x` it is the exploit
  and explore of population-based training (Jaderberg et al., 2017).
* `Wait(reason)`: nothing, until something that runs has ended: what synchronous Hyperband needs (Li et al., 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from trimtab.arrays import Bools, Rng
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable

STREAM = 1
"""The stream of a trial's generator that is the scheduler's; the optimiser draws from stream 0."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of the trial that is to be assigned.

    Attributes:
        number: of the trial: `len(table)`.
        rng: the scheduler's generator of that trial, `rng_at(seed, number, STREAM)`: the same each time it is asked.
        seed: the study's seed, for what belongs to all trials together.
        remaining: what is left of the budget; None where nobody counts (ask and tell).
    """

    number: int
    rng: Rng
    seed: int
    remaining: Remaining | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """Run a new configuration up to `fidelity` ([F]; empty where the problem has none)."""

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


class Scheduler(Protocol):
    """Says how far to run. Has no memory outside the table, and changes nothing.

    All it says is a function of its arguments: a replay asks again and compares, bit for bit. It may keep what follows
    from the table alone, such as an index of rows that it brings up to date; it may be made anew at any moment.
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

        Args:
            table: all that is on record up to that report.
            row: the trial that reported.
        """
        ...

    def to_json(self) -> dict[str, object]:
        """Return {"name": the plugin's name, **options}: `plugins.load("schedulers", name)(**options)` is its equal."""
        ...


@runtime_checkable
class Collects(Protocol):
    """A scheduler that knows which trials it will never continue again, so that their checkpoints can be removed."""

    def may_continue(self, table: TrialTable) -> Bools:
        """Return [N] whether each trial may still become a parent. Once False for a row that is over, always False."""
        ...
