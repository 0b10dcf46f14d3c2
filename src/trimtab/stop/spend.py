"""What further configurations cost, and how many of them what is left of a budget covers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.ledger.table import TrialTable
from trimtab.model.cost import Z_90, cost_model, legs
from trimtab.stop.budget import Budget

LATEST: Final = 20
"""What comes next costs what so many latest trials are expected to: a search has gone to where it stays. By taste."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one more configuration costs.

    Attributes:
        mean: expected; nan where nobody knows.
        deviation: between configurations.
        doubt: how far the mean itself is uncertain, as a standard deviation.
    """

    mean: float = math.nan
    deviation: float = 0.0
    doubt: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether anybody knows."""
        return self.mean == self.mean

    def of(self, k: float) -> tuple[float, float, float]:
        """Return what k configurations cost: expected, and the ends between which it lies with 90 %."""
        spread = Z_90 * math.sqrt(k * self.deviation**2 + (k * self.doubt) ** 2)
        return k * self.mean, max(0.0, k * self.mean - spread), k * self.mean + spread


def price(table: TrialTable, of: str) -> Price:
    """Return what one more configuration is expected to cost, all trials that go on with it together.

    Args:
        table: the trials.
        of: "seconds" or "cost".
    """
    model = cost_model(table, of)
    if not model.n:
        return Price()
    rows = table.order[-LATEST:]
    predicted = model.predict(table.x[rows], legs(table, rows))
    runs = len(table.order) / max(1, n_over(table))
    spread = float(np.sqrt(np.mean(np.square(predicted.high - predicted.low)))) / (2.0 * Z_90)
    return Price(float(predicted.expected.mean()) * runs, spread * runs, spread * runs / math.sqrt(model.n))


def pace(table: TrialTable) -> float:
    """Return the seconds of wall time from one configuration that is over to the next; nan where nobody knows."""
    n, worked_s = n_over(table), worked(table)
    return worked_s / n if n and worked_s > 0.0 else math.nan


def worked(table: TrialTable) -> float:
    """Return for how many seconds the study was worked on when its last trial ended: it follows from results alone."""
    if not len(table.order):
        return 0.0
    since = max(table.session_start, float(table.ended_at[table.order[-1]]))
    return max(0.0, table.elapsed - max(0.0, table.now - since))


def n_over(table: TrialTable) -> int:
    """Return how many configurations are over."""
    return int((table.parent[table.order] < 0).sum())


def covered(budget: Budget | None, table: TrialTable) -> float:
    """Return how many more configurations come until the budget ends, those included that run; inf without a limit.

    What each has taken so far of every limit it takes on.
    """
    n, left = n_over(table), math.inf
    if budget is None:
        return left
    for line in budget.spending(table):
        if line.unit == "trials":
            left = min(left, line.limit - n)
        elif line.spent > 0.0 and n:
            left = min(left, (line.limit - line.spent) * n / line.spent)
    each_s = pace(table)
    if budget.until is not None and each_s == each_s:
        left = min(left, (budget.until - table.now) / each_s)
    return max(0.0, left)
