"""How a kernel sees a configuration: coordinates in which Euclidean distance is the distance that is meant.

A numeric parameter is one coordinate, its place in the unit interval. A categorical of k choices is k one-hot
ones, each scaled by 1/sqrt 2, so that two different choices are 1 apart. A conditional parameter's coordinates are 0
where it is inactive, and each condition adds a coordinate that says whether it holds: two configurations that both
have the parameter differ by its value, two that both lack it do not differ by it, and one of each differs by a learned
scale. As squared distances of an embedding these are positive definite whatever the tree.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.numerics.input_warp import Curves
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space


class Features:
    """The embedding of one space.

    Numeric coordinates may be warped (see `warped`).

    Attributes:
        group: [Q] which hyperparameter scales each coordinate.
        n_groups: how many there are.
        columns: [G] the parameter that each hyperparameter belongs to; of a condition, the first that it decides about.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        held = space.fixed_row()
        free = np.ones(len(space), dtype=bool) if held is None else np.isnan(held)
        groups: list[int] = []
        owners: list[int] = []
        self._numeric: list[tuple[int, int]] = []
        self._one_hot: list[tuple[int, int, int]] = []
        self._indicator: list[tuple[int, int]] = []
        conditions: dict[str, int] = {}
        n_groups = 0
        for column, parameter in enumerate(space.parameters):
            if not free[column]:
                continue
            if parameter.when is not None and repr(parameter.when) not in conditions:
                conditions[repr(parameter.when)] = n_groups
                self._indicator.append((column, len(groups)))
                groups.append(n_groups)
                owners.append(column)
                n_groups += 1
            if parameter.n_values == 1:
                continue
            if parameter.kind == CATEGORICAL:
                k = int(parameter.n_values or 1)
                self._one_hot.append((column, len(groups), k))
                groups += [n_groups] * k
            else:
                self._numeric.append((column, len(groups)))
                groups.append(n_groups)
            owners.append(column)
            n_groups += 1
        self.group: Ints = np.array(groups, dtype=np.int64)
        self.n_groups = n_groups
        self.columns: Ints = np.array(owners, dtype=np.int64)
        self._columns = np.array([column for column, _ in self._numeric], dtype=np.int64)
        self._places = np.array([place for _, place in self._numeric], dtype=np.int64)
        self._curves: Curves | None = None

    def warped(self, curves: Curves | None) -> Features:
        """Return the same embedding with its numeric coordinates seen through these curves; None: as they are."""
        features = copy(self)
        features._curves = curves
        return features

    @property
    def is_warped(self) -> bool:
        """Whether a warp moves coordinates."""
        return self._curves is not None

    @property
    def numeric(self) -> Ints:
        """[P] the columns of the space that are numeric and free."""
        return self._columns

    @property
    def places(self) -> Ints:
        """[P] their coordinates."""
        return self._places

    def embed(self, x: Floats) -> Floats:
        """Return [n, Q] coordinates of rows [n, D]."""
        z = np.zeros((len(x), len(self.group)))
        active: Bools = ~np.isnan(x)
        z[:, self._places] = self._coordinates(x, self.unit(x))
        for column, place, _ in self._one_hot:
            rows = np.flatnonzero(active[:, column])
            z[rows, place + x[rows, column].astype(np.int64)] = 0.5**0.5
        for column, place in self._indicator:
            z[:, place] = active[:, column]
        return z

    def unit(self, x: Floats) -> Floats:
        """Return [n, P] the places of rows' numeric parameters in [0, 1], a half where inactive."""
        u = self._space.to_unit(x)[:, self._columns]
        return np.where(np.isnan(u), 0.5, u)

    def active(self, x: Floats) -> Bools:
        """Return [n, P] whether the numeric parameters are active."""
        return ~np.isnan(x[:, self._columns])

    def gradient(self, gradient_z: Floats, x: Floats, u: Floats) -> Floats:
        """Return [n, P] the gradient by the numeric parameters' unit places, at u [n, P], from that by z [n, Q]."""
        gradient = np.where(self.active(x), gradient_z[:, self._places], 0.0)
        return gradient if self._curves is None else gradient * self._curves.slope(u)

    def move(self, z: Floats, x: Floats, u: Floats) -> Floats:
        """Return [n, Q] `z` with its numeric coordinates at unit places u [n, P], where active."""
        moved = z.copy()
        moved[:, self._places] = self._coordinates(x, u)
        return moved

    def _coordinates(self, x: Floats, u: Floats) -> Floats:
        warped = u if self._curves is None else self._curves(u)
        return np.where(self.active(x), warped - 0.5, 0.0)
