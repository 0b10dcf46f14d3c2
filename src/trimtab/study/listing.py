"""Rows for people and for frames: a short table that a notebook shows, and pandas takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, overload

from trimtab import plugins
from trimtab.errors import MissingExtraError
from trimtab.explain import Explained
from trimtab.text import visible

R = TypeVar("R")

MOST_SHOWN = 20
"""Rows that a representation shows: as many as a person reads."""


class Listing(Sequence[R], Generic[R], Explained):
    """Some rows, each an object, with what a table of them shows.

    Args:
        rows: the objects.
        columns: the table: equally long lists by heading, None where there is nothing to show.
    """

    __slots__ = ("_columns", "_rows")

    def __init__(self, rows: Sequence[R], columns: dict[str, list[Any]]) -> None:
        self._rows = tuple(rows)
        self._columns = columns

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...
    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        return self._rows[index]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The table as lists by heading."""
        return {name: list(values) for name, values in self._columns.items()}

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame, one row each.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "frames", "for to_pandas()") from None
        return pd.DataFrame(self._columns)

    def __repr__(self) -> str:
        if not self._rows:
            return "<no rows>"
        cells = {name: [name, *map(_cell, values[:MOST_SHOWN])] for name, values in self._columns.items()}
        wide = {name: max(map(len, texts)) for name, texts in cells.items()}
        lines = [
            "  ".join(texts[i].ljust(wide[name]) for name, texts in cells.items()).rstrip()
            for i in range(min(len(self), MOST_SHOWN) + 1)
        ]
        more = len(self) - MOST_SHOWN
        return "\n".join([*lines, f"... and {more} more"] if more > 0 else lines)

    def _repr_html_(self) -> str:
        return plugins.drawn("listing", self._columns)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else visible(str(value))
