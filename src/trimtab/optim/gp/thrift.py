"""What a row costs, and whether it ends in time: what counts against it where a budget says so.

Cost cooling (Lee et al., 2020, arXiv 2003.10870): while all of a budget of cost is left, what is looked for is
improvement per a power of its cost; as it is spent cost counts less, and at the end not at all, since what is left buys
nothing else. Where an exchange rate says what improvement is worth, prices take its place.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.event import Remaining
from trimtab.ledger.table import TrialTable
from trimtab.model.cost import FEW, CostModel, cost_model

IN_TIME: Final = 0.9
"""A row is to end in time with this chance: with which a deadline lets it start."""

LATE: Final = 10.0
"""A row that takes e times as long as there is time is worse by so much, in the unit of log expected improvement: only
where none ends in time is one proposed, and then the shortest. By taste."""

LEAST_PRICE: Final = 1e-9
"""In the unit of labels, which span 1: less is as good as nothing, for which no index is finite."""

DIFFERS: Final = 0.25
"""By so much must logarithms of prices spread: where all cost the same the index found less than improvement alone
(decision 107), and a quarter is far below what measured costs spread by. By taste."""


class Thrift:
    """What the budget has against rows.

    Args:
        table: the trials so far.
        remaining: what is left of the budget; None where nobody counts.
        power: of its cost by which improvement is divided at first; 0 minds nothing.
        has_prices: whether `Prices` count against what costs.
    """

    def __init__(
        self, table: TrialTable, remaining: Remaining | None, power: float, *, has_prices: bool = False
    ) -> None:
        self._left_s = None if remaining is None else remaining.seconds
        self._of_cost = self._of_time = None
        if not power:
            return
        if not has_prices and remaining is not None and remaining.cost is not None and table.problem.cost is not None:
            left, spent = max(0.0, remaining.cost), float(np.nansum(table.cost))
            self.weight = power * left / (left + spent) if left + spent > 0.0 else 0.0
            self._of_cost = _known(cost_model(table, "cost"))
        if self._left_s is not None:
            self._of_time = _known(cost_model(table))

    @property
    def applies(self) -> bool:
        """Whether there is a budget that costs count against, and costs that are known."""
        return self._of_cost is not None or self._of_time is not None

    def __call__(self, x: Floats) -> Floats:
        """Return [m] what counts against rows [m, D], in the unit of log expected improvement."""
        against = np.zeros(len(x))
        if self._of_cost is not None:
            against += self.weight * np.log(self._of_cost.predict(x).median)
        if self._of_time is not None and self._left_s is not None:
            over = np.log(self._of_time.upper(x, IN_TIME) / max(self._left_s, 1e-9))
            against += LATE * np.maximum(over, 0.0)
        return against


class Prices:
    """What rows cost, in the unit of labels: by how much the objective has to get better for it.

    Labels are bent; near the best, where prices are compared with what may be gained, they are about straight.

    Args:
        table: the trials so far.
        remaining: what was told of the budget and of an exchange rate.
        x: [c, D] configurations.
        losses, labels: [c] what their labels were made of, and these.
    """

    def __init__(
        self, table: TrialTable, remaining: Remaining | None, x: Floats, losses: Floats, labels: Floats
    ) -> None:
        self._models = list[tuple[float, CostModel]]()
        if remaining is None or not remaining.must_gain:
            return
        best, median = float(losses.min()), float(np.median(losses))
        rise = float(labels.max() - np.median(labels))
        if not (median > best and np.isfinite(median - best) and rise > 0.0):
            return
        scale = rise / (median - best)
        for name, gain in remaining.must_gain.items():
            if (model := _known(cost_model(table, name))) is not None:
                self._models.append((gain * scale, model))
        if self._models and np.log(self(x)).std() < DIFFERS:
            self._models = []

    @property
    def are_known(self) -> bool:
        """Whether there is an exchange rate, and costs that it applies to, which are not all about the same."""
        return bool(self._models)

    def __call__(self, x: Floats) -> Floats:
        """Return [m] the prices of rows [m, D], above 0."""
        total = np.zeros(len(x))
        for each, model in self._models:
            total += each * model.predict(x).expected
        found: Floats = np.maximum(total, LEAST_PRICE)
        return found


def _known(model: CostModel) -> CostModel | None:
    return model if model.n >= FEW else None
