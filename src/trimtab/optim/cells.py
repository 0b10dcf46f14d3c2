"""Where in the unit cube the values of a space lie: a discrete value has a cell, a real number a point."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.space.parameter import INT
from trimtab.space.space import Space


class Cells:
    """The cells of one space's values."""

    def __init__(self, space: Space) -> None:
        n_values = np.array([parameter.n_values or 0 for parameter in space.parameters], dtype=np.float64)
        is_log = (space.kind == INT) & np.array([bool(getattr(p, "log", False)) for p in space.parameters])
        # Cells are of one width, but on a logarithmic scale: there an integer reaches half a unit to both sides.
        self._half_cell = np.where((n_values > 0) & ~is_log, 0.5 / np.maximum(n_values, 1.0), 0.0)
        self._half_unit = np.where((n_values > 0) & is_log, 0.5, 0.0)
        self._space = space

    def edges(self, x: Floats) -> tuple[Floats, Floats]:
        """Return [n, D] the lower and upper edges of the cells of rows [n, D], both the same where there is none."""
        low = high = self._space.to_unit(x)
        if self._half_unit.any():
            low, high = self._space.to_unit(x - self._half_unit), self._space.to_unit(x + self._half_unit)
        return low - self._half_cell, high + self._half_cell
