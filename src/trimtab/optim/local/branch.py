"""What may be varied about one row: its branch of the space, as unit places and choices.

A branch is what has the same parameters as the row. A choice that decides about other parameters is the row's own.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.optim.place import place
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space


class Branch:
    """The branch of one row [D].

    Attributes:
        row: [D].
        numeric: [P] the columns of its numeric parameters that may be varied.
        categorical: [Q] those of its choices.
        n_choices: [Q] how many there are of each.
        group: [R] which of its choices a one-hot coordinate belongs to.
        cell: [P] the width of the cells of discrete values in the unit cube; 0 of the others.
    """

    def __init__(self, space: Space, row: Floats) -> None:
        held = space.fixed_row()
        free = np.array([parameter.n_values != 1 for parameter in space.parameters], dtype=bool) & ~np.isnan(row)
        if held is not None:
            free &= np.isnan(held)
        is_categorical = space.kind == CATEGORICAL
        decides = {name for p in space.parameters if p.when is not None for name in p.when.names()}
        names = np.array([name in decides for name in space.names], dtype=bool)
        self.space, self.row = space, row
        self.numeric: Ints = np.flatnonzero(free & ~is_categorical & ~names)
        self.categorical: Ints = np.flatnonzero(free & is_categorical & ~names)
        n_values = np.array([parameter.n_values or 0 for parameter in space.parameters], dtype=np.int64)
        self.n_choices: Ints = n_values[self.categorical]
        self.group: Ints = np.repeat(np.arange(len(self.categorical)), self.n_choices)
        counts = n_values[self.numeric].astype(np.float64)
        self.cell: Floats = np.where(counts > 0, 1.0 / np.maximum(counts, 1.0), 0.0)
        self._base = np.nan_to_num(space.to_unit(row), nan=0.5)

    @property
    def n_free(self) -> int:
        """How many parameters may be varied."""
        return len(self.numeric) + len(self.categorical)

    def contains(self, x: Floats) -> Bools:
        """Return [n] which of the rows [n, D] have the same parameters, and the same choices that decide about them."""
        others = np.ones(len(self.row), dtype=bool)
        others[self.numeric] = others[self.categorical] = False
        same = (x == self.row) | (np.isnan(x) & np.isnan(self.row))
        found: Bools = same[:, others].all(axis=1) & ~np.isnan(x[:, ~others]).any(axis=1)
        return found

    def places(self, x: Floats) -> Floats:
        """Return [n, P] the unit places of rows [n, D] of the branch."""
        return self.space.to_unit(x)[:, self.numeric]

    def choices(self, x: Floats) -> Floats:
        """Return [n, R] one-hot coordinates, scaled so that two different choices are 1 apart."""
        codes = x[:, self.categorical]
        at = np.arange(len(self.group)) - np.repeat(np.cumsum(self.n_choices) - self.n_choices, self.n_choices)
        found: Floats = (codes[:, self.group] == at) * 0.5**0.5
        return found

    def rows(self, u: Floats, codes: Floats, given: Floats | None) -> tuple[Floats, Bools]:
        """Return ([n, D] rows at places [n, P] with choices [n, Q], [n] which may be tried)."""
        every = np.repeat(self._base[None], len(u), axis=0)
        every[:, self.numeric] = u
        every[:, self.categorical] = (codes + 0.5) / self.n_choices
        return place(self.space, every, given)
