"""The map between rows in the parameters' own units and the unit cube, a column group at a time.

Four groups cover every parameter: a line, a logarithmic line, cells of equal width (steps, integers, choices) and cells
of equal width in the logarithm (integers). Each group is a few vector operations, whatever the number of its columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.space.parameter import Float, Grid, Int, Parameter


class Codec:
    """The scales of a space's columns, without its conditions.

    A uniform point of the unit cube becomes a uniform value: log-uniform where `log` is set, every cell of equal
    probability where values are discrete. Integers on a logarithmic scale are log-uniform over the reals from low - 1/2
    to high + 1/2, then rounded.

    Args:
        parameters: in the order of the columns.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._n_columns = len(parameters)
        lines: list[tuple[int, float, float]] = []
        logs: list[tuple[int, float, float]] = []
        cells: list[tuple[int, Grid]] = []
        log_cells: list[tuple[int, float, float]] = []
        for column, parameter in enumerate(parameters):
            grid = parameter.grid
            if isinstance(parameter, Float) and grid is None:
                (logs if parameter.log else lines).append((column, parameter.low, parameter.high))
            elif isinstance(parameter, Int) and parameter.log and parameter.low < parameter.high:
                log_cells.append((column, float(parameter.low), float(parameter.high)))
            elif grid is not None:
                cells.append((column, grid))
        self._lines = _Line(lines) if lines else None
        self._logs = _LogLine(logs) if logs else None
        self._cells = _Cells(cells) if cells else None
        self._log_cells = _LogCells(log_cells) if log_cells else None
        self._groups = tuple(
            group for group in (self._lines, self._logs, self._cells, self._log_cells) if group is not None
        )

    def from_unit(self, u: Floats) -> Floats:
        """Return the rows [..., D] of points [..., D] of the unit cube; what lies outside is moved to its edge."""
        if len(self._groups) == 1:
            return self._groups[0].from_unit(u)
        x = np.empty(u.shape)
        for group in self._groups:
            x[..., group.columns] = group.from_unit(u[..., group.columns])
        return x

    def to_unit(self, x: Floats) -> Floats:
        """Return the points [..., D] of rows [..., D], the middle of the cell where values are discrete; nan stays nan."""
        if len(self._groups) == 1:
            return self._groups[0].to_unit(x)
        u = np.empty(x.shape)
        for group in self._groups:
            u[..., group.columns] = group.to_unit(x[..., group.columns])
        return u

    def snap(self, x: Floats) -> Floats:
        """Return rows [..., D] with each value moved to the nearest that its parameter can take; nan stays nan."""
        if len(self._groups) == 1:
            return self._groups[0].snap(x)
        snapped = np.empty(x.shape)
        for group in self._groups:
            snapped[..., group.columns] = group.snap(x[..., group.columns])
        return snapped


def _columns(columns: Sequence[int]) -> slice | Ints:
    """Return an index of the columns: a slice, which copies nothing, where they stand side by side."""
    first, last = columns[0], columns[-1]
    return slice(first, last + 1) if last - first + 1 == len(columns) else np.array(columns, dtype=np.int64)


class _Line:
    """Reals between low and high."""

    def __init__(self, bounds: Sequence[tuple[int, float, float]]) -> None:
        self.columns = _columns([column for column, _, _ in bounds])
        self.low, self.high = np.array([low for _, low, _ in bounds]), np.array([high for _, _, high in bounds])
        self._width = self.high - self.low

    def from_unit(self, u: Floats) -> Floats:
        # The last of the three ends: low + (high - low) may miss high by a rounding error.
        return np.where(u >= 1.0, self.high, self.snap(self.low + u * self._width))

    def to_unit(self, x: Floats) -> Floats:
        return (x - self.low) / self._width

    def snap(self, x: Floats) -> Floats:
        return np.minimum(np.maximum(x, self.low), self.high)


class _LogLine:
    """Reals between low and high on a logarithmic scale."""

    def __init__(self, bounds: Sequence[tuple[int, float, float]]) -> None:
        self.columns = _columns([column for column, _, _ in bounds])
        self.low, self.high = np.array([low for _, low, _ in bounds]), np.array([high for _, _, high in bounds])
        self._log_low = np.log(self.low)
        self._span = np.log(self.high) - self._log_low

    def from_unit(self, u: Floats) -> Floats:
        return np.where(u >= 1.0, self.high, self.snap(np.exp(self._log_low + u * self._span)))

    def to_unit(self, x: Floats) -> Floats:
        return (np.log(x) - self._log_low) / self._span

    def snap(self, x: Floats) -> Floats:
        return np.minimum(np.maximum(x, self.low), self.high)


class _Cells:
    """Grids, choices and constants: n cells of width 1/n."""

    def __init__(self, grids: Sequence[tuple[int, Grid]]) -> None:
        self.columns = _columns([column for column, _ in grids])
        self._offset, self._stride, self._scale, self._n = np.array(
            [(grid.offset, grid.stride, grid.scale, grid.n) for _, grid in grids], dtype=np.float64
        ).T
        self._last = self._n - 1

    def from_unit(self, u: Floats) -> Floats:
        return self._value(np.floor(u * self._n))

    def to_unit(self, x: Floats) -> Floats:
        return (self._index(x) + 0.5) / self._n

    def snap(self, x: Floats) -> Floats:
        return self._value(self._index(x))

    def _index(self, x: Floats) -> Floats:
        return np.rint((x * self._scale - self._offset) / self._stride)

    def _value(self, index: Floats) -> Floats:
        return (self._offset + np.minimum(np.maximum(index, 0.0), self._last) * self._stride) / self._scale


class _LogCells:
    """Integers on a logarithmic scale: the cell of k is log(k - 1/2) to log(k + 1/2)."""

    def __init__(self, bounds: Sequence[tuple[int, float, float]]) -> None:
        self.columns = _columns([column for column, _, _ in bounds])
        self.low, self.high = np.array([low for _, low, _ in bounds]), np.array([high for _, _, high in bounds])
        self._log_low = np.log(self.low - 0.5)
        self._span = np.log(self.high + 0.5) - self._log_low

    def from_unit(self, u: Floats) -> Floats:
        return self.snap(np.exp(self._log_low + u * self._span))

    def to_unit(self, x: Floats) -> Floats:
        return (np.log(x) - self._log_low) / self._span

    def snap(self, x: Floats) -> Floats:
        return np.minimum(np.maximum(np.rint(x), self.low), self.high)
