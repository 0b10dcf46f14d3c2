"""What a scheduler is: how far to run a trial, judged from the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from trimtab.ledger.table import TrialTable


@dataclass(frozen=True, slots=True)
class Fresh:
    """Run a new configuration up to `fidelity` ([F]; empty where the problem has none)."""

    fidelity: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the line of descent of trial `parent`, up to `fidelity`."""

    parent: int
    fidelity: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Halt:
    """End the trial; `reason` is a sentence that a person can read."""

    reason: str


Assignment: TypeAlias = Fresh | Continue


class Scheduler(Protocol):
    """Says how far to run. Has no memory outside the table."""

    def assign(self, table: TrialTable) -> Assignment: ...

    def judge(self, table: TrialTable, row: int) -> Halt | None: ...

    def to_json(self) -> dict[str, object]: ...
