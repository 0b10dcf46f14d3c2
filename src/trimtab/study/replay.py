"""Replay: recompute every suggestion and every verdict from the log before it, and compare bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trimtab.analysis.halving import is_due
from trimtab.arrays import Floats
from trimtab.errors import ReplayError
from trimtab.ledger.event import EVIDENCE, FINALIZE, Asked, Extended, Judged, Record, Remaining, Reported, Started
from trimtab.ledger.ledger import Ledger
from trimtab.numerics.arithmetic import quiet
from trimtab.optim.protocol import Optimizer, Proposal
from trimtab.schedule.protocol import Continue, Scheduler, Wait
from trimtab.study import arms, provenance
from trimtab.study.engine import Engine
from trimtab.study.plan import Plan, continued_row


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        records: how many records the log has.
        suggestions: how many suggestions were recomputed: the engines' and, where trials continue others, the
            scheduler's.
        given: how many trials had no suggestion to recompute: users put them in line.
        differing: the trials whose suggestion came out otherwise.
        computed_with: what its drivers say it was computed with, each version and kind of processor once.
        reports: how many reports were judged again.
        differing_verdicts: the trials of which the scheduler's verdict came out otherwise.
    """

    records: int
    suggestions: int
    given: int
    differing: tuple[int, ...]
    computed_with: tuple[str, ...] = ()
    reports: int = 0
    differing_verdicts: tuple[int, ...] = ()

    def require_equal(self) -> None:
        """Raise ReplayError if a suggestion differed; it says what computed the log, and what computes here."""
        if not self.differing:
            if self.differing_verdicts:
                raise ReplayError(
                    f"the scheduler judges {len(self.differing_verdicts)} trials otherwise than the log has it, first "
                    f"trial {self.differing_verdicts[0]}: it is not the scheduler that judged them, or looks at more "
                    "than the table."
                )
            return
        here = arithmetic_of(provenance.versions())
        if not self.computed_with:
            why = f"this log does not say with what it was computed; here is {here}."
        elif self.computed_with == (here,):
            why = f"both were computed with {here}, so the optimizer is not the one that proposed them."
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
    """Fold a log again, recomputing each suggestion from the records up to its `head`, and each verdict on a report.

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
    fold = _Replay(ledger, optimizer, scheduler)
    pending: deque[Record] = deque()  # read, and not yet folded in: a suggestion may be older than its record
    for record in stream:
        asked = record.event
        if isinstance(asked, Asked | Extended):
            while pending and pending[0].seq <= asked.head:
                fold.apply(pending.popleft())
            if isinstance(asked, Asked):
                fold.ask_again(asked)
            else:
                fold.extend_again(asked)
        pending.append(record)
    while pending:
        fold.apply(pending.popleft())
    drivers = [ledger.created.provenance, *ledger.opened]
    return Replayed(
        ledger.head,
        fold.n_suggestions,
        fold.n_given,
        tuple(fold.differing),
        tuple(dict.fromkeys(found for driver in drivers if (found := arithmetic_of(driver)))),
        fold.n_reports,
        tuple(dict.fromkeys(fold.differing_verdicts)),
    )


class _Replay:
    """Everything that was decided, decided again on the way through a log."""

    def __init__(self, ledger: Ledger, optimizer: Optimizer[Any] | None, scheduler: Scheduler | None) -> None:
        self.ledger = ledger
        self.n_suggestions = self.n_given = self.n_reports = 0
        self.differing: list[int] = []
        self.differing_verdicts: list[int] = []
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._engine: Engine | None = None
        self._due: dict[int, tuple[Judged, float]] = {}  # verdicts that are not on record yet, and when they were due

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.ledger.created.scheduler, self._scheduler)

    def ask_again(self, asked: Asked) -> None:
        """Compare a trial with what the scheduler and the engine make of the records up to its `head`."""
        table = self.ledger.table
        if asked.origin.by in ("user", EVIDENCE):
            self.n_given += 1
            return
        self.n_suggestions += 1
        if asked.number != len(table) or not self._is_same(asked):
            self.differing.append(asked.number)

    def _is_same(self, asked: Asked) -> bool:
        ledger, table = self.ledger, self.ledger.table
        x = np.array(asked.x, dtype=np.float64)
        if asked.origin.by == FINALIZE:
            return asked.parent is None and asked.fidelity == table.problem.whole and is_due(table, x)
        fidelity, given = asked.fidelity, None
        if asked.given is None:
            assigned = self._plan.assign(table, ledger.created.seed, asked.remaining)
            if isinstance(assigned, Wait) or assigned.fidelity != fidelity:
                return False
            if isinstance(assigned, Continue):
                return assigned.parent == asked.parent and _bits(continued_row(table, assigned)) == _bits(x)
        else:  # a user's, completed by the engine: the scheduler was not asked
            given = np.array(asked.given, dtype=np.float64)
        if asked.parent is not None:
            return False
        proposal = self._proposed(fidelity, given, asked.remaining)
        return len(proposal.x) == 1 and _bits(proposal.x[0]) == _bits(x)

    def extend_again(self, extended: Extended) -> None:
        """Compare values that a running trial gained with what the engine makes of the records up to its `head`."""
        table, row = self.ledger.table, extended.number
        if extended.origin.by == "user":
            self.n_given += 1
            return
        self.n_suggestions += 1
        proposal = self._proposed(tuple(table.fidelity[row].tolist()), table.x[row].copy(), None, row)
        if len(proposal.x) != 1 or _bits(proposal.x[0]) != _bits(np.array(extended.x, dtype=np.float64)):
            self.differing.append(row)

    def _proposed(
        self,
        fidelity: tuple[float, ...],
        given: Floats | None,
        remaining: Remaining | None,
        extends: int | None = None,
    ) -> Proposal:
        ledger, table = self.ledger, self.ledger.table
        if self._engine is None or not self._engine.serves(ledger.optimizer, table):
            self._engine = Engine(ledger.optimizer, table, self._optimizer)
        if ledger.created.in_arms and given is None:
            return arms.propose(self._engine, table, ledger.created.seed, fidelity, remaining)[0]
        return self._engine.propose(table, ledger.created.seed, fidelity, given, remaining, extends)

    def apply(self, record: Record) -> None:
        """Fold a record in; compare a verdict with what the scheduler says after the same report."""
        event, table = record.event, self.ledger.table
        if isinstance(event, Judged) and self._due.pop(event.number, (None,))[0] != event:
            self.differing_verdicts.append(event.number)
        self.ledger.apply(record)
        if isinstance(event, Started):
            self._due.pop(event.number, None)  # the attempt before ended before it could be told
        elif isinstance(event, Reported) and not table.halted(event.number) and not self._is_evidence(event.number):
            self._judge_again(event, record)

    def _is_evidence(self, number: int) -> bool:
        """Return whether a trial was run elsewhere, where its reports were judged."""
        table = self.ledger.table
        return table.n_evidence > 0 and table.origin(number).by == EVIDENCE

    def _judge_again(self, event: Reported, record: Record) -> None:
        number = event.number
        if number in self._due:
            if record.at > self._due[number][1]:  # in a later batch: the driver had been told, and did not say so
                self.differing_verdicts.append(number)
            return
        self.n_reports += 1
        with quiet():
            halt = self._plan.judge(self.ledger.table, number, event)
        if halt is not None:
            self._due[number] = (Judged(number, halt.reason, record.seq, event.attempt), record.at)


def _bits(x: Floats) -> bytes:
    return np.where(np.isnan(x), np.nan, x).tobytes()
