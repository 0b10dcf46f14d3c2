"""Which checkpoints nobody needs any more, and their removal."""

from __future__ import annotations

import shutil

import numpy as np

from trimtab.arrays import Bools, Ints
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.study.files import Files


def spent(table: TrialTable, may_continue: Bools) -> Ints:
    """Return the rows whose checkpoints nobody can go on from, and which are nobody's result.

    That is a trial that is over and may not be continued, and either was stopped early, or was continued by trials
    that are all over: these began with copies of their own. What nobody continued stays: it is a result.
    """
    over = np.isin(table.state, (COMPLETE, STOPPED, FAILED))
    parents = table.parent[table.parent >= 0]
    is_parent = np.zeros(len(table), dtype=np.bool_)
    is_parent[parents] = True
    is_used = np.zeros(len(table), dtype=np.bool_)
    is_used[table.parent[(table.parent >= 0) & ~over]] = True
    return np.flatnonzero(over & ~may_continue & ~is_used & (is_parent | (table.state == STOPPED)))


class Collector:
    """Removes the checkpoints of one study that nobody needs."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._gone: set[int] = set()

    def collect(self, table: TrialTable, may_continue: Bools) -> None:
        """Remove what is spent; what cannot be removed is left."""
        for row in spent(table, may_continue).tolist():
            if row not in self._gone:
                self._gone.add(row)
                shutil.rmtree(self._files.checkpoint(row), ignore_errors=True)
