"""Duplicates: configurations that were run again and gave the same to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.model.keys import numbered

LEAST: Final = 5
SHARE: Final = 0.2
"""Trials that were spent on what was known already: so many, and such a share of all."""


def repeats(sight: Sight) -> Iterator[Advice]:
    """Yield that trials were spent on results that were known to the bit."""
    n = len(sight.rows)
    if not n:
        return
    config = numbered(sight.x)
    both = numbered(np.column_stack([config.astype(np.float64), sight.losses]))
    n_again = n - len(np.unique(both))
    n_distinct = len(np.unique(config))
    if n_again < LEAST or n_again < SHARE * n:
        return
    n_all = sight.space.n_configurations
    spent = n_all is not None and n_distinct >= n_all
    rest = (
        f"The space has no more than these {n_distinct}: there is nothing left to find in it."
        if spent
        else "Widen the space, search a finer grid, or spend the trials elsewhere; where results should vary by "
        "chance, let the seed follow trial.seed."
    )
    yield Advice(
        "repeats",
        "",
        f"{n_again} of {n} trials ran a configuration that had been run before, and gave the same to the bit. {rest}",
        min(0.99, 0.6 + n_again / n / 2),
        {"again": n_again, "of": n, "distinct": n_distinct},
        "best",
        {"limit": min(10, n_distinct)},
    )
