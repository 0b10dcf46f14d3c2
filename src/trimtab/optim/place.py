"""From points of the unit cube to rows of a space in which some values are given."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.space.space import Space


def place(space: Space, u: Floats, given: Floats | None) -> tuple[Floats, Bools]:
    """Return ([n, D] the rows of points in the unit cube, [n] which of them may be tried).

    A row may be tried if it satisfies the constraints and has all given values; it lacks one that is inactive in it.

    Args:
        space: the space of the rows.
        u: [n, D] points in the unit cube.
        given: [D] values that rows must have, nan where free; None when all are.
    """
    if given is None:
        x = space.from_unit(u)
        return x, space.satisfied(x)
    is_given = ~np.isnan(given)
    x = space.from_unit(np.where(is_given, space.to_unit(given), u))
    x = space.canonical(np.where(is_given, given, x))  # the values themselves: the way through the cube rounds reals
    return x, space.satisfied(x) & has_given(space, x, given)


def has_given(space: Space, x: Floats, given: Floats) -> Bools:
    """Return [n] whether each of the rows [n, D] has all values of `given` [D].

    One at which the space holds the parameter anyway applies only where the parameter is active.
    """
    free = np.isnan(given)
    held = space.fixed_row()
    if held is not None:
        free = free | ((held == given) & np.isnan(x))
    same: Bools = (free | (x == given)).all(axis=-1)
    return same


def reflected(u: Floats) -> Floats:
    """Return points folded back into [0, 1] at the edges."""
    inside: Floats = 1.0 - np.abs(1.0 - np.abs(u) % 2.0)
    return inside
