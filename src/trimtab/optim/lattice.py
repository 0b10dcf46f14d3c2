"""The points of a grid in their order, of which none is made before it is needed.

Every parameter has an axis, its values to try. A point is written as digits, one index per axis, slowest axis first;
read as a number of mixed radix they are its rank. A parameter that is inactive has digit 0, so that it never multiplies
the grid, and walking the ranks passes over all others, whole branches at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from operator import mul

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.space.space import Space


class Lattice:
    """A grid over a space.

    Args:
        space: the space; its conditions and constraints say which points there are.
        axes: [D] of each parameter the values to try, in its own unit, ascending.
        must: [D] whether a parameter must be active; None where none must.

    Attributes:
        size: every rank lies below it. It is the number of points of a space without conditions and constraints.
    """

    def __init__(self, space: Space, axes: Sequence[Floats], must: Bools | None = None) -> None:
        self._space = space
        self._axes = [np.asarray(axis, dtype=np.float64) for axis in axes]
        self._order = np.array(slowest_first(space))
        self._radices = [len(axes[column]) for column in self._order.tolist()]
        *weights, self.size = accumulate(reversed(self._radices), mul, initial=1)
        self._weights = weights[::-1]
        self._must = np.zeros(len(space), dtype=np.bool_) if must is None else must[self._order]
        self._is_walled = bool(space.constraints) or bool(self._must.any())

    def rows(self, ranks: Sequence[int]) -> Floats:
        """Return [n, D] the rows of points."""
        digits = np.array([self._digits(rank) for rank in ranks], dtype=np.int64).reshape(-1, len(self._order))
        return self._rows(digits)[0]

    def ranks(self, x: Floats) -> list[int]:
        """Return the ranks of those of the rows [n, D] that are points of the grid."""
        active = self._space.active(x)
        on_grid = (active == ~np.isnan(x)).all(axis=1) & self._space.satisfied(x)
        digits = np.zeros(x.shape, dtype=np.int64)
        for place, column in enumerate(self._order.tolist()):
            axis, values = self._axes[column], x[:, column]
            nearest = np.minimum(np.searchsorted(axis, values), len(axis) - 1)
            lives = active[:, column]
            on_grid &= ~lives | (axis[nearest] == values)
            digits[:, place] = np.where(lives, nearest, 0)
        return [self._rank(row) for row in digits[on_grid].tolist()]

    def draw(self, uniform: Floats) -> int:
        """Return the rank that a point [D] of the unit cube falls on: a point of the grid but for the constraints."""
        digits = (uniform * self._radices).astype(np.int64)[np.newaxis]
        active = self._rows(digits)[1]
        return self._rank(np.where(active, digits, 0)[0].tolist())

    def first(self, rank: int) -> int:
        """Return the rank of the first point at or after `rank`; `size` when there is none."""
        n = 8 if self._is_walled else 1
        while rank < self.size:
            digits = self._block(rank, min(n, self.size - rank))
            x, active = self._rows(digits)
            fits = ~self._is_idle(digits, active).any(axis=1) & self._space.satisfied(x)
            if fits.any():
                return rank + int(fits.argmax())
            rank = self._pass(digits[-1], active[-1], x[-1])
            n = min(4 * n, 4096)
        return self.size

    def next(self, rank: int) -> int:
        """Return the rank of the first point after point `rank`; `size` when it is the last."""
        digits = np.array(self._digits(rank), dtype=np.int64)
        active = self._rows(digits[np.newaxis])[1][0]
        after = self._step(digits.tolist(), active.tolist(), len(digits))
        return self.first(after) if self._is_walled else after

    def _rank(self, digits: Sequence[int]) -> int:
        return sum(map(mul, digits, self._weights))

    def _digits(self, rank: int) -> list[int]:
        digits = []
        for weight in self._weights:
            digit, rank = divmod(rank, weight)
            digits.append(digit)
        return digits

    def _block(self, rank: int, n: int) -> Ints:
        """Return [n, D] the digits of n ranks in a row: those of the first, counted on with a carry."""
        digits = np.tile(np.array(self._digits(rank), dtype=np.int64), (n, 1))
        carry = np.arange(n)
        for place in range(len(self._order) - 1, -1, -1):
            carry, digits[:, place] = np.divmod(digits[:, place] + carry, self._radices[place])
            if not carry.any():
                break
        return digits

    def _rows(self, digits: Ints) -> tuple[Floats, Bools]:
        """Return ([n, D] the rows, in the order of the space, [n, D] what is active, in that of the digits)."""
        x = np.empty(digits.shape)
        for place, column in enumerate(self._order.tolist()):
            x[:, column] = self._axes[column][digits[:, place]]
        if not self._space.is_conditional:
            return x, np.ones(digits.shape, dtype=np.bool_)
        active = self._space.active(x)
        x[~active] = np.nan
        return x, active[:, self._order]

    def _is_idle(self, digits: Ints, active: Bools) -> Bools:
        """Return [n, D] where an inactive parameter varies, or one that must be active is not."""
        return ~active & ((digits > 0) | self._must)

    def _pass(self, digits: Ints, active: Bools, x: Floats) -> int:
        """Return the first rank after the branch of an impossible point.

        The branch is what shares the digits down to the place where the point became impossible. A constraint on
        parameters of which one is not yet decided holds, as one on inactive parameters does: both are nan.
        """
        idle = self._is_idle(digits, active)
        place = int(idle.argmax()) if idle.any() else len(digits)
        decided = np.full((len(x), len(x)), np.nan)
        for k in range(len(x)):
            decided[k:, self._order[k]] = x[self._order[k]]
        breaks = ~self._space.satisfied(decided)
        if breaks.any():
            place = min(place, int(breaks.argmax()) + 1)
        return self._step(digits.tolist(), active.tolist(), place)

    def _step(self, digits: Sequence[int], active: Sequence[bool], place: int) -> int:
        """Return the rank that counts one up on the fastest active axis before `place`, all faster ones at 0."""
        for k in range(place - 1, -1, -1):
            if active[k] and digits[k] + 1 < self._radices[k]:
                return self._rank([*digits[:k], digits[k] + 1])
        return self.size


def slowest_first(space: Space) -> list[int]:
    """Return the columns in the order in which a grid walks them, the slowest first.

    A parameter is walked faster than those that its condition asks about; else priority 1 is fastest, then 2, ...,
    those without a priority are slowest; else a later one is faster than an earlier one.
    """
    parents = [set(p.when.names()) if p.when is not None else set() for p in space.parameters]
    slowness = [-np.inf if p.priority is None else -p.priority for p in space.parameters]
    left = list(range(len(space)))
    order: list[int] = []
    chosen: set[str] = set()
    while left:
        column = min((c for c in left if parents[c] <= chosen), key=lambda c: (slowness[c], c))
        left.remove(column)
        order.append(column)
        chosen.add(space.names[column])
    return order


class Taken:
    """Which points of a lattice were tried, as stretches of ranks without a free point in them.

    A stretch that begins at a tried point ends at the next point of the lattice. Neighbours are merged: a grid that is
    walked in order is one stretch, however long.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Take the point `start`, after which `end` is the next."""
        i = bisect_right(self._starts, start)
        if i and self._ends[i - 1] > start:
            return
        joins_left = bool(i) and self._ends[i - 1] == start
        joins_right = i < len(self._starts) and self._starts[i] == end
        if joins_left and joins_right:
            self._ends[i - 1] = self._ends.pop(i)
            del self._starts[i]
        elif joins_left:
            self._ends[i - 1] = end
        elif joins_right:
            self._starts[i] = start
        else:
            self._starts.insert(i, start)
            self._ends.insert(i, end)

    def after(self, rank: int) -> int:
        """Return `rank`, or where it is taken the first rank after its stretch."""
        i = bisect_right(self._starts, rank)
        return self._ends[i - 1] if i and self._ends[i - 1] > rank else rank


def every_row(space: Space) -> Floats:
    """Return [n, D] every configuration of a finite space that its constraints allow."""
    lattice = Lattice(space, [_values(space, column) for column in range(len(space))])
    ranks, rank = [], lattice.first(0)
    while rank < lattice.size:
        ranks.append(rank)
        rank = lattice.next(rank)
    return lattice.rows(ranks)


def _values(space: Space, column: int) -> Floats:
    """Return the values of a parameter, ascending; the one that it is held at, if it is."""
    held = space.fixed_row()
    if held is not None and not np.isnan(held[column]):
        return held[column : column + 1]
    grid = space.parameters[column].grid
    k = space.parameters[column].n_values or 1
    return np.array([grid.value(i) for i in range(k)] if grid is not None else range(k), dtype=np.float64)
