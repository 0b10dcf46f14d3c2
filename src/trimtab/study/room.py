"""How much room checkpoints may take, and which go first where they take more."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Ints
from trimtab.checks import as_whole, is_whole
from trimtab.errors import ProblemError
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.space.condition import shown
from trimtab.study import best
from trimtab.study.files import Files

SIZE: Final = r"[0-9]+(\.[0-9]+)? ?([kMGT]i?)?B"
"""A number of bytes as people say it: `500 MB`, `2 GiB`."""

TOO_FULL: Final = "checkpoints"
"""The note about a study that says that checkpoints were removed from which trials might have gone on."""

UNITS: Final[dict[str, int]] = {"": 1} | {
    f"{prefix}{i}": (1024 if i else 1000) ** power for power, prefix in enumerate("kMGT", 1) for i in ("", "i")
}


def room_of(said: object) -> int | None:
    """Return how many bytes `checkpoints=` allows; None where it allows any number.

    Raises:
        ProblemError: it is no size.
    """
    said = as_whole(said)
    if said is None:
        return None
    n: float = -1
    if isinstance(said, str) and re.fullmatch(SIZE, said.strip()):
        digits = said.strip().rstrip("kMGTiB ")
        n = float(digits) * UNITS[said.strip()[len(digits) :].strip().removesuffix("B")]
    elif isinstance(said, int) and is_whole(said):
        n = said
    if not 0 < n < 2**63:
        raise ProblemError(f'checkpoints is a size such as "20 GB", or a number of bytes above 0; got {shown(said)}.')
    return int(n)


def order_of_removal(table: TrialTable, may_continue: Bools | None) -> tuple[Ints, Ints]:
    """Return (rows whose checkpoints may go, rows that go on at best if theirs stay), each in the order to remove them.

    The first can no longer be continued: the oldest go first. Of the others the worst go first, since the best are
    likeliest to be continued. Not among either are trials that run or wait, those from which one that does begins, and
    the best.

    Args:
        table: the trials.
        may_continue: [N] what the scheduler says; None where it says nothing, and so continues none.
    """
    over = np.isin(table.state, (COMPLETE, STOPPED, FAILED))
    kept = ~over
    kept[table.parent[(table.parent >= 0) & ~over]] = True
    row = best.best_row(table) if len(table.problem.objectives) == 1 else None
    kept[best.front_rows(table) if row is None else [row]] = True
    hopeful = np.zeros(len(table), dtype=np.bool_) if may_continue is None else may_continue
    loss = table.losses()[:, 0]
    others = np.flatnonzero(~kept & hopeful)
    worst_first = others[np.argsort(-np.nan_to_num(loss[others], nan=np.inf), kind="stable")]
    return np.flatnonzero(~kept & ~hopeful), worst_first


class Room:
    """Keeps the checkpoints of one study within a size.

    Args:
        files: of the study.
        most: bytes that they may take.
    """

    def __init__(self, files: Files, most: int) -> None:
        self._files = files
        self._most = most
        self._sizes: dict[int, int] = {}  # of trials that are over, which nobody writes any more

    def make(self, table: TrialTable, may_continue: Bools | None, is_free: Callable[[int], bool]) -> str:
        """Remove checkpoints until the rest fits; return what people must know of it, "" where there is nothing.

        What cannot be removed is left.

        Args:
            table: the trials, which do not change meanwhile.
            may_continue: [N] what the scheduler says of them; None where it says nothing.
            is_free: says whether nobody has come to go on with a trial since.
        """
        sizes = self._measured(table)
        total = sum(sizes.values())
        if total <= self._most:
            return ""
        spare, hopeful = order_of_removal(table, may_continue)
        total -= self._remove([row for row in spare.tolist() if row in sizes], sizes, total, is_free)
        if total <= self._most:
            return ""
        total -= self._remove([row for row in hopeful.tolist() if row in sizes], sizes, total, is_free)
        return f"they take more than {self._most:,} bytes, and " + (
            "those go that trials might still have gone on from; such a trial begins anew"
            if total <= self._most
            else "those of running trials and of the best alone take more, which stay"
        )

    def _measured(self, table: TrialTable) -> dict[int, int]:
        """Return the bytes of each trial's checkpoints, of those that have some."""
        sizes = {}
        over = np.isin(table.state, (COMPLETE, STOPPED, FAILED))
        folder = self._files.checkpoint(0).parent
        try:
            names = [entry.name for entry in os.scandir(folder) if entry.name.isdigit()]
        except OSError:
            return {}
        for row in sorted(int(name) for name in names if int(name) < len(table)):
            n = self._sizes.get(row)
            if n is None:
                n = _bytes_in(self._files.checkpoint(row))
                if over[row]:
                    self._sizes[row] = n
            sizes[row] = n
        return sizes

    def _remove(self, rows: Sequence[int], sizes: dict[int, int], total: int, is_free: Callable[[int], bool]) -> int:
        """Remove the checkpoints of these, one after the other until the rest fits; return how much that made free."""
        free = 0
        for row in rows:
            if total - free <= self._most:
                break
            if not is_free(row):
                continue
            shutil.rmtree(self._files.checkpoint(row), ignore_errors=True)
            left = _bytes_in(self._files.checkpoint(row))
            free += sizes[row] - left
            self._sizes[row] = left
        return free


def _bytes_in(folder: Path) -> int:
    """Return the bytes that the files in a folder have; what cannot be looked at has none."""
    n = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                n += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return n
