"""The trials of a study as a sequence, for people who look at them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from trimtab import plugins
from trimtab.ledger.table import TrialTable, TrialView


class Trials(Sequence[TrialView]):
    """Trials by number, as they stood when the study was last read; `trials[-1]` is the last that was asked for.

    Each is made when it is looked at. `study.table` has the same as columns, for arithmetic.
    """

    __slots__ = ("_rows", "_table")

    def __init__(self, table: TrialTable, rows: range | None = None) -> None:
        self._table = table
        self._rows = range(len(table)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> TrialView: ...
    @overload
    def __getitem__(self, index: slice) -> Trials: ...
    def __getitem__(self, index: int | slice) -> TrialView | Trials:
        if isinstance(index, slice):
            return Trials(self._table, self._rows[index])
        return self._table.trial(self._rows[index])

    def __repr__(self) -> str:
        if not self._rows:
            return "<no trials>"
        return f"<{len(self)} trials, {self._rows[0]} to {self._rows[-1]}>"

    def _repr_html_(self) -> str:
        return plugins.drawn("trials", self._table, self._rows)
