"""Whole runs: every trial is a new configuration at the highest fidelity, and none is ended early."""

from __future__ import annotations

from trimtab.ledger.table import TrialTable
from trimtab.schedule.protocol import Fresh, Request


class Whole:
    """The scheduler that leaves trials alone.

    Example:
        >>> Whole().to_json()
        {'name': 'whole'}
    """

    def assign(self, table: TrialTable, request: Request) -> Fresh:  # noqa: ARG002 - the protocol's signature
        return Fresh(table.problem.whole)

    def judge(self, table: TrialTable, row: int) -> None:
        """Let it run."""

    def to_json(self) -> dict[str, object]:
        return {"name": "whole"}
