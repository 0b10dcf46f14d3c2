"""Which results none beats: as good in every objective, and better in one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trimtab.arrays import Bools, Floats


def undominated(losses: NDArray[np.generic]) -> Bools:
    """Return [n] whether no other row [n, K] is as good in every column and better in one; smaller is better."""
    alive = np.ones(len(losses), dtype=bool)
    for i in np.lexsort(losses.T[::-1]).tolist():  # whoever dominates comes before
        if alive[i]:
            alive &= ~((losses >= losses[i]).all(axis=1) & (losses > losses[i]).any(axis=1))
    return alive


class Front:
    """What none beats, as results come in.

    Args:
        n: how many columns a result has.
    """

    def __init__(self, n: int) -> None:
        self._rows: Floats = np.empty((0, n))

    def add(self, row: Floats) -> bool:
        """Take in a result [n]; return whether none before was as good in every column."""
        if (self._rows <= row).all(axis=1).any():
            return False
        self._rows = np.concatenate([self._rows[~(row <= self._rows).all(axis=1)], row[None]])
        return True
