"""What a trial is likely to come to that has shown something at a rung: the evidence of the trials that ran whole."""

from __future__ import annotations

import math

import numpy as np

from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.lines import Line, Scale, fitted
from trimtab.model.settings import MODEL
from trimtab.schedule.rungs import Seen
from trimtab.space.problem import Problem


class Forecast:
    """Says how likely a trial is to end as the best, read anew whenever trials have ended.

    Args:
        seen: what trials showed at rungs; whoever asks has brought it up to date.
    """

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._known: tuple[Problem, int] | None = None
        self._lines: dict[int, tuple[Line, Scale, float] | None] = {}

    def chance(self, table: TrialTable, row: int, k: int) -> float:
        """Return how likely trial `row`, by what it showed at rung k, is to end better than all whole trials so far.

        It is nan where that cannot be said: of several objectives, with constraints, or as long as no two whole trials
        were seen at that rung.
        """
        if len(table.problem.metrics) > 1:
            return math.nan
        if self._known is None or self._known[0] is not table.problem or self._known[1] != len(table.order):
            self._known = table.problem, len(table.order)
            self._lines = {}
        if k not in self._lines:
            self._lines[k] = self._line(table, k)
        found = self._lines[k]
        if found is None:
            return math.nan
        line, scale, best = found
        there, variance = line.followed(np.array([self._seen.loss(row, k)]), np.zeros(1), scale)
        off = float(scale.bent(np.array([best]))[0] - scale.bent(there)[0]) / math.sqrt(2.0 * float(variance[0]))
        return 0.5 * math.erfc(-off)

    def _line(self, table: TrialTable, k: int) -> tuple[Line, Scale, float] | None:
        """Return the line from rung k to the end, the scale of what it misses, and the best loss there."""
        seen = self._seen
        rows = np.flatnonzero((table.state == COMPLETE) & (table.fidelity[:, 0] == seen.top))
        index = table.problem.metrics.index(table.problem.objectives[0])
        end = table.losses()[rows, index]
        rows, end = rows[np.isfinite(end)], end[np.isfinite(end)]
        early = seen.losses(rows, k)
        both = np.flatnonzero(np.isfinite(early))[-MODEL.carried_rows :]
        if len(both) < 2:
            return None
        scale = Scale.of(end, end)
        return fitted(early[both], end[both], scale, MODEL), scale, float(end.min())
