"""Which checkpoints nobody needs any more, and their removal."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import numpy as np

from trimtab.arrays import Bools, Ints
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.study.files import Files


def spent(table: TrialTable, may_continue: Bools) -> Ints:
    """Return the rows whose checkpoints nobody can go on from, and which are nobody's result.

    That is a trial that is over and may not be continued, and either was stopped early, or was continued by trials
    that are all over, one of which is complete: these began with copies of their own. What nobody brought further
    stays: it is a result.
    """
    if may_continue.all():
        return np.zeros(0, dtype=np.int64)
    over = np.isin(table.state, (COMPLETE, STOPPED, FAILED))
    is_surpassed = np.zeros(len(table), dtype=np.bool_)
    is_surpassed[table.parent[(table.parent >= 0) & (table.state == COMPLETE)]] = True
    is_used = np.zeros(len(table), dtype=np.bool_)
    is_used[table.parent[(table.parent >= 0) & ~over]] = True
    return np.flatnonzero(over & ~may_continue & ~is_used & (is_surpassed | (table.state == STOPPED)))


class Collector:
    """Removes the checkpoints of one study that nobody needs."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._gone: set[int] = set()

    def collect(self, rows: Iterable[int]) -> None:
        """Remove those of these rows, which are spent; what cannot be removed is left."""
        for row in rows:
            if row not in self._gone:
                self._gone.add(row)
                shutil.rmtree(self._files.checkpoint(row), ignore_errors=True)
