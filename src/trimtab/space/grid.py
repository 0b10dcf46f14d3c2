"""Grids: equally spaced values that are what their decimals say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trimtab.errors import SpaceError
from trimtab.space.arguments import EXACT, short


@dataclass(frozen=True, slots=True)
class Grid:
    """The values (offset + k·stride) / scale for k in 0 .. n-1.

    Offset and stride are whole and scale is a power of ten wherever the digits allow it. The sum is then exact and the
    quotient correctly rounded, so that the third value of Float(0.1, 1, step=0.1) is 0.3 and not 0.30000000000000004.
    """

    offset: float
    stride: float
    scale: float
    n: int

    def value(self, k: int) -> float:
        return (self.offset + k * self.stride) / self.scale

    def nearest(self, value: float) -> int:
        """Return the k whose value is nearest to `value`."""
        return min(max(round((value * self.scale - self.offset) / self.stride), 0), self.n - 1)


def decimal_grid(low: float, high: float, step: float) -> Grid:
    """Return the grid low, low + step, ..., high.

    Raises:
        SpaceError: `high` is none of them, or there are more than floats can tell apart.
    """
    from decimal import Decimal  # imported when used: few spaces have a Float with steps

    first, stride = Decimal(repr(low)), Decimal(repr(step))
    ratio = (Decimal(repr(high)) - first) / stride
    if ratio > EXACT:
        raise SpaceError(
            f"Float has more than 2**53 steps of {short(step)} from {short(low)} to {short(high)}; "
            "take a larger step or none."
        )
    last = round(ratio)
    digits = max(0, -int(first.as_tuple().exponent), -int(stride.as_tuple().exponent))
    whole_first, whole_stride = int(first.scaleb(digits)), int(stride.scaleb(digits))
    if digits <= 22 and abs(whole_first) + (last + 1) * whole_stride <= EXACT:  # 10**22 is the last exact power of ten
        grid = Grid(float(whole_first), float(whole_stride), float(10**digits), last + 1)
    else:  # more digits than a float holds: no decimal to be clean in
        grid = Grid(low, step, 1.0, last + 1)
    if abs(ratio - last) > Decimal("1e-6"):
        below = math.floor(ratio)
        raise SpaceError(
            f"Float(low={short(low)}, step={short(step)}) never reaches high={short(high)}; "
            f"the nearest highs are {short(grid.value(below))} and {short(grid.value(below + 1))}."
        )
    return grid
