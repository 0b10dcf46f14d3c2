"""The map between rows in the parameters' own units and the unit cube, all columns at a time.

Inside, columns stand in four groups: a line, a logarithmic line, cells of equal width in the logarithm (integers), and
cells of equal width (steps, integers, choices). Each then has a linear coordinate, which is the value, its logarithm or
the number of the cell, and every operation runs once over the slice that it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.space.grid import Grid
from trimtab.space.parameter import CATEGORICAL, Float, Int, Parameter

_LINE, _LOG_LINE, _LOG_CELLS, _CELLS = range(4)
_NO_GRID: Final = Grid(0.0, 1.0, 1.0, 1)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The scale of one column.

    The point u of the unit interval has the coordinate start + u·span, which is clipped to low .. high; the value of
    coordinate c has the point (c - origin) / span.
    """

    group: int
    start: float
    span: float
    origin: float
    low: float
    high: float
    grid: Grid = _NO_GRID


def _scale(parameter: Parameter) -> _Scale:
    grid = parameter.grid
    if isinstance(parameter, Float) and grid is None:
        low, high = parameter.low, parameter.high
        if parameter.log:
            first, last = float(np.log(low)), float(np.log(high))
            if last > first:  # else they are so near each other that their logarithms are equal, and a line will do
                return _Scale(_LOG_LINE, first, last - first, first, low, high)
        return _Scale(_LINE, low, high - low, low, low, high)
    if isinstance(parameter, Int) and parameter.log:
        low, high = float(parameter.low), float(parameter.high)
        first, last = float(np.log(low - 0.5)), float(np.log(high + 0.5))
        return _Scale(_LOG_CELLS, first, last - first, first, low, high)
    if grid is None:
        raise TypeError(f"{parameter!r} is no parameter with a scale")
    return _Scale(_CELLS, 0.0, float(grid.n), -0.5, 0.0, float(grid.n - 1), grid)


class Codec:
    """The scales of a space's columns, without its conditions.

    A uniform point of the unit cube becomes a uniform value: log-uniform where `log` is set, every cell of equal
    probability where values are discrete. Integers on a logarithmic scale are log-uniform over the reals from low - 1/2
    to high + 1/2, then rounded.

    Args:
        parameters: in the order of the columns.
        exact_ends: whether the ends of a logarithmic line are its bounds to the bit. Without, they are off by the
            rounding error of a logarithm and its exponential, as in logs of before; replaying one needs it so.
    """

    def __init__(self, parameters: Sequence[Parameter], *, exact_ends: bool = True) -> None:
        scales = [_scale(parameter) for parameter in parameters]
        order = sorted(range(len(scales)), key=lambda column: scales[column].group)
        in_order = order == list(range(len(scales)))
        self._order = None if in_order else np.array(order)
        self._inverse = None if in_order else np.argsort(order)
        sorted_scales = [scales[column] for column in order]
        self._start, self._span, self._origin, self._low, self._high = np.array(
            [(scale.start, scale.span, scale.origin, scale.low, scale.high) for scale in sorted_scales]
        ).T.copy()
        self._stop = self._start + self._span
        groups = [scale.group for scale in sorted_scales]
        ends = [sum(group < i for group in groups) for i in range(5)]
        self._logarithmic = _slice(ends[_LOG_LINE], ends[_LOG_CELLS + 1])
        self._log_line = _slice(ends[_LOG_LINE], ends[_LOG_LINE + 1]) if exact_ends else None
        self._log_cells = _slice(ends[_LOG_CELLS], ends[_LOG_CELLS + 1])
        self._cells = _slice(ends[_CELLS], ends[_CELLS + 1])
        grids = [scale.grid for scale in sorted_scales if scale.group == _CELLS]
        self._offset, self._stride, self._unit = (
            np.array([getattr(grid, key) for grid in grids]) for key in ("offset", "stride", "scale")
        )

    def from_unit(self, u: Floats) -> Floats:
        """Return the rows [..., D] of points [..., D] of the unit cube; what lies outside is moved to its edge."""
        u = self._sorted(u)
        x = u * self._span
        x += self._start
        if self._logarithmic is not None:
            logs, line = x[..., self._logarithmic], self._log_line
            if line is None:
                np.exp(logs, out=logs)
            else:
                at_low, at_high = x[..., line] <= self._start[line], x[..., line] >= self._stop[line]
                np.exp(logs, out=logs)
                np.copyto(x[..., line], self._low[line], where=at_low)
                np.copyto(x[..., line], self._high[line], where=at_high)
        if self._log_cells is not None:
            whole = x[..., self._log_cells]
            np.rint(whole, out=whole)
        if self._cells is not None:
            cells = x[..., self._cells]
            np.floor(cells, out=cells)
        np.maximum(x, self._low, out=x)
        np.minimum(x, self._high, out=x)
        np.copyto(x, self._high, where=u >= 1.0)  # low + (high - low) may miss high by a rounding error
        return self._unsorted(self._from_cells(x))

    def to_unit(self, x: Floats) -> Floats:
        """Return the points [..., D] of rows [..., D]: middles of cells where values are discrete; nan for nan."""
        u = self._to_cells(self._sorted(x))
        if self._logarithmic is not None:
            logs = u[..., self._logarithmic]
            np.log(logs, out=logs)
        u -= self._origin
        u /= self._span
        return self._unsorted(u)

    def snap(self, x: Floats) -> Floats:
        """Return rows [..., D] with each value moved to the nearest that its parameter can take; nan for nan."""
        x = self._to_cells(self._sorted(x))
        if self._log_cells is not None:
            whole = x[..., self._log_cells]
            np.rint(whole, out=whole)
        np.maximum(x, self._low, out=x)
        np.minimum(x, self._high, out=x)
        return self._unsorted(self._from_cells(x))

    def defaults(self, parameters: Sequence[Parameter]) -> tuple[Floats, Bools]:
        """Return [D] the values to start from, and [D] which of them a parameter names itself.

        The others are the middle of their range, or the first choice of a `Categorical`.
        """
        row = self.from_unit(np.full(len(parameters), 0.5))
        named = np.zeros(len(parameters), dtype=np.bool_)
        for column, parameter in enumerate(parameters):
            code = parameter.default_code()
            if code is not None:
                row[column], named[column] = code, True
            elif parameter.kind == CATEGORICAL:
                row[column] = 0.0
            elif isinstance(parameter, Float) and parameter.step is None:  # 0.001 rather than 0.0010000000000000002
                row[column] = min(max(float(f"{row[column]:.12g}"), parameter.low), parameter.high)
        return row, named

    def _sorted(self, x: Floats) -> Floats:
        return x if self._order is None else x.take(self._order, axis=-1)

    def _unsorted(self, x: Floats) -> Floats:
        return x if self._inverse is None else x.take(self._inverse, axis=-1)

    def _to_cells(self, x: Floats) -> Floats:
        """Return a copy of sorted rows with the value of a cell replaced by the cell's number."""
        x = x.copy() if self._order is None else x
        if self._cells is not None:
            cells = x[..., self._cells]
            cells *= self._unit
            cells -= self._offset
            cells /= self._stride
            np.rint(cells, out=cells)
        return x

    def _from_cells(self, x: Floats) -> Floats:
        """Replace the number of a cell by its value, in sorted rows `x` themselves."""
        if self._cells is not None:
            cells = x[..., self._cells]
            cells *= self._stride
            cells += self._offset
            cells /= self._unit
        return x


def _slice(start: int, stop: int) -> slice | None:
    return slice(start, stop) if stop > start else None
