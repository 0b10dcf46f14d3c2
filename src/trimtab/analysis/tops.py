"""Which parameters tell the best trials from all others: PED-ANOVA, in a millisecond, from the trials alone.

Watanabe, Bansal & Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces" (2023),
eq. 16: the Pearson divergence between the density of the best tenth along a parameter and that of all trials. A
parameter under a condition is looked at among the trials in which it was active, the best tenth of those.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.arithmetic import quiet
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space

TOP: Final = 0.1
"""The share of trials that are the best ones, as in the paper."""

FEWEST: Final = 5
"""And so many at least: below, a density is none."""

CELLS: Final = 50
"""A parameter's range is cut into so many cells at most, as the authors do."""


@quiet()
def divergences(space: Space, x: Floats, losses: Floats) -> Floats:
    """Return [D] each parameter's share of the divergence between the best trials and all; nan where it cannot be said.

    Args:
        space: what may be tried.
        x: [n, D] configurations.
        losses: [n] smaller is better.
    """
    u = space.to_unit(x)
    found = np.full(len(space), np.nan)
    for column, parameter in enumerate(space.parameters):
        active = ~np.isnan(u[:, column])
        n = int(active.sum())
        n_top = max(FEWEST, int(np.ceil(TOP * n)))
        if parameter.n_values == 1 or n < 2 * n_top:
            continue
        place, loss = u[active, column], losses[active]
        best = np.argpartition(loss, n_top - 1)[:n_top]
        n_cells = min(CELLS, parameter.n_values or CELLS)
        is_choice = parameter.kind == CATEGORICAL
        top, every = (_density(values, n_cells, is_choice=is_choice) for values in (place[best], place))
        found[column] = float((every * (top / every - 1.0) ** 2).sum())
    total = np.nansum(found)
    return found / total if total > 0 else found


def _density(u: Floats, n_cells: int, *, is_choice: bool) -> Floats:
    """Return [n_cells] the density of places [n] by Parzen windows of Scott's width, a uniform one among them."""
    cell = np.clip((u * n_cells).astype(np.int64), 0, n_cells - 1)
    counts = np.bincount(cell, minlength=n_cells).astype(np.float64)
    if not is_choice:
        width = max(1.059 * len(u) ** -0.2 * max(float(u.std()), 0.5 / n_cells), 0.5 / n_cells) * n_cells
        away = np.arange(n_cells)[:, None] - np.arange(n_cells)
        windows = np.exp(-0.5 * (away / width) ** 2)
        windows /= windows.sum(axis=0)
        counts = windows @ counts
    counts += 1.0 / n_cells
    density: Floats = counts / counts.sum()
    return density
