"""Growing columns with a read-only face, and strings as small integers: what the table is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST_CAPACITY = 16
"""Rows that a column has room for from the start: a short study never grows one."""


class Column:
    """A growing array of rows with a read-only face.

    Attributes:
        rows: the buffer, written by the ledger alone; capacity beyond `n` is filled with `fill`.
    """

    __slots__ = ("_face", "_fill", "n", "rows")

    def __init__(self, dtype: Any, fill: float = 0, width: int | None = None) -> None:
        shape = (_FIRST_CAPACITY,) if width is None else (_FIRST_CAPACITY, width)
        self._fill = fill
        self.n = 0
        self._set(np.full(shape, fill, dtype=dtype))

    def __getstate__(self) -> tuple[NDArray[Any], float, int]:
        return self.rows, self._fill, self.n

    def __setstate__(self, state: tuple[NDArray[Any], float, int]) -> None:
        rows, self._fill, self.n = state
        self._set(rows)  # a face that was copied by itself would be another's

    def _set(self, rows: NDArray[Any]) -> None:
        face = rows.view()
        face.flags.writeable = False
        self._face, self.rows = face, rows  # `rows` last: whoever was interrupted in between grows the column again

    def add(self, value: object) -> None:
        """Append one row."""
        if self.n == len(self.rows):
            self.reserve(self.n + 1)
        self.rows[self.n] = value
        self.n += 1

    def put(self, i: int, value: object) -> None:
        """Write row i: one that is there, or the next."""
        if i >= self.n:
            if i == len(self.rows):
                self.reserve(i + 1)
            self.n = i + 1
        self.rows[i] = value

    def skip(self) -> None:
        """Append one row of the fill value."""
        if self.n == len(self.rows):
            self.reserve(self.n + 1)
        self.n += 1

    def reserve(self, n: int) -> None:
        """Make room for `n` rows, growing by half so that appending stays cheap on average."""
        capacity = len(self.rows)
        if n > capacity:
            grown = np.full((max(n, capacity + (capacity >> 1)), *self.rows.shape[1:]), self._fill, self.rows.dtype)
            grown[: self.n] = self.rows[: self.n]
            self._set(grown)

    def extend(self, n: int) -> None:
        """Append rows of the fill value until there are `n`; what is there already stays."""
        self.reserve(n)
        self.n = max(self.n, n)

    def widen(self) -> None:
        """Add one more component to every row."""
        wider = np.full((len(self.rows), self.rows.shape[1] + 1), self._fill, self.rows.dtype)
        wider[:, :-1] = self.rows
        self._set(wider)

    def part(self) -> None:
        """Go on with rows of its own, apart from those that `frozen` columns and views share."""
        self._set(self.rows.copy())

    def load(self, rows: NDArray[Any]) -> None:
        """Replace the content."""
        self.n = 0
        self.reserve(len(rows))
        self.rows[: len(rows)] = rows
        self.n = len(rows)

    def frozen(self, *, shared: bool) -> Column:
        """Return a column that stays as this one is now; `shared` where no row that is there is written again."""
        still = Column.__new__(Column)
        rows = self.rows[: self.n] if shared else self.rows[: self.n].copy()
        still.__setstate__((rows, self._fill, self.n))
        return still

    def narrowed(self, width: int) -> Column:
        """Return a column of the first components of the rows that there are now: a view of the same buffer."""
        narrow = Column.__new__(Column)
        narrow.__setstate__((self.rows[: self.n, :width], self._fill, self.n))
        return narrow

    def at(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return copies of some rows, of the fill value where there is none yet; nothing is written."""
        values = self.view
        found = np.full((len(rows), *values.shape[1:]), self._fill, values.dtype)
        is_there = rows < len(values)
        found[is_there] = values[rows[is_there]]
        found.flags.writeable = False
        return found

    @property
    def view(self) -> NDArray[Any]:
        return self._face[: self.n]


class Interned:
    """Strings (or other hashables) as small integers."""

    __slots__ = ("codes", "values")

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.values: list[Any] = list(values)
        self.codes: dict[Any, int] = {value: code for code, value in enumerate(self.values)}

    def code(self, value: Any) -> int:
        code = self.codes.get(value)
        if code is None:
            code = self.codes[value] = len(self.values)
            self.values.append(value)
        return code


def within(values: NDArray[Any], low: int, high: int | None) -> bool:
    """Return whether all values lie between the two, or above the first where the second is None."""
    return bool(((values >= low) & (high is None or values <= high)).all())
