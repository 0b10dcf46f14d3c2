"""Replay: recompute every suggestion from the log before it, and compare bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.errors import ReplayError
from trimtab.ledger.event import Asked, Record
from trimtab.ledger.ledger import Ledger
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer
from trimtab.schedule.protocol import Continue, Scheduler
from trimtab.study import provenance
from trimtab.study.engine import Engine
from trimtab.study.plugin import is_made_by, make


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        records: how many records the log has.
        suggestions: how many suggestions were recomputed.
        given: how many trials had no suggestion to recompute: enqueued by a user, or continued by the scheduler.
        differing: the trials whose suggestion came out otherwise.
        computed_with: what its drivers say it was computed with, each version and kind of processor once.
    """

    records: int
    suggestions: int
    given: int
    differing: tuple[int, ...]
    computed_with: tuple[str, ...] = ()

    def require_equal(self) -> None:
        """Raise ReplayError if a suggestion differed; it says what computed the log, and what computes here."""
        if not self.differing:
            return
        here = arithmetic_of(provenance.versions())
        if not self.computed_with:
            why = f"this log does not say with what it was computed; here is {here}."
        elif self.computed_with == (here,):
            why = f"both were computed with {here}, so the optimiser is not the one that proposed them."
        else:
            why = f"this log was computed with {'; and with '.join(self.computed_with)}; here is {here}."
        raise ReplayError(
            f"{len(self.differing)} of {self.suggestions} suggestions differ from the log, first that of trial "
            f"{self.differing[0]}: {why}"
        )


def arithmetic_of(told: Mapping[str, object]) -> str:
    """Return what a driver's provenance says of what last bits depend on; nothing where it says nothing."""
    return f"trimtab {told['trimtab']}, {told['arithmetic']}" if {"trimtab", "arithmetic"} <= told.keys() else ""


@quiet()
def replay(
    records: Iterable[Record], optimizer: Optimizer[Any] | None = None, scheduler: Scheduler | None = None
) -> Replayed:
    """Fold a log again, recomputing each suggestion from the records up to its `head`.

    Args:
        records: the whole log.
        optimizer: what the study was made by, where that is no registered plugin.
        scheduler: likewise.

    Raises:
        StoreCorruptError: the log does not follow from itself.
        PluginError: what made it is not registered here, and was not passed.
    """
    stream = iter(records)
    ledger = Ledger.begin(next(stream, None))
    plan: Scheduler | None = scheduler if scheduler and is_made_by(scheduler, ledger.created.scheduler) else None
    engine: Engine | None = None
    pending: deque[Record] = deque()  # read, and not yet folded in: a suggestion may be older than its record
    n_suggestions = n_given = 0
    differing: list[int] = []
    for record in stream:
        asked = record.event
        if isinstance(asked, Asked):
            while pending and pending[0].seq <= asked.head:
                ledger.apply(pending.popleft())
            table = ledger.table
            plan = plan or make("schedulers", ledger.created.scheduler)
            assigned = plan.assign(table)
            if asked.origin.by == "user" or isinstance(assigned, Continue):
                n_given += 1
            else:
                if engine is None or not engine.serves(ledger.optimizer, table.problem):
                    engine = Engine(ledger.optimizer, table.problem, optimizer)
                given = None if asked.given is None else np.array(asked.given, dtype=np.float64)
                proposal = engine.propose(table, ledger.created.seed, assigned.fidelity, given)
                n_suggestions += 1
                x = np.array(asked.x, dtype=np.float64)
                same = len(proposal.x) == 1 and _bits(proposal.x[0]) == _bits(x)
                if not same or asked.fidelity != assigned.fidelity or asked.number != len(table):
                    differing.append(asked.number)
        pending.append(record)
    while pending:
        ledger.apply(pending.popleft())
    drivers = [ledger.created.provenance, *ledger.opened]
    computed_with = tuple(dict.fromkeys(found for driver in drivers if (found := arithmetic_of(driver))))
    return Replayed(ledger.head, n_suggestions, n_given, tuple(differing), computed_with)


def _bits(x: Floats) -> bytes:
    return np.where(np.isnan(x), np.nan, x).tobytes()
