"""Whole runs: every trial is a new configuration at the highest fidelity, and none is ended early."""

from __future__ import annotations

from trimtab.ledger.table import TrialTable
from trimtab.schedule.protocol import Assignment, Fresh


class Whole:
    """The scheduler that leaves trials alone.

    Example:
        >>> Whole().to_json()
        {'name': 'whole'}
    """

    def assign(self, table: TrialTable) -> Assignment:
        return Fresh(tuple(fidelity.high for fidelity in table.problem.fidelities))

    def judge(self, table: TrialTable, row: int) -> None:
        """Let it run."""

    def to_json(self) -> dict[str, object]:
        return {"name": "whole"}
