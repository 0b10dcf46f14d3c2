"""Which configurations users put in line, so that a script that resumes does not put them there again."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.table import TrialTable


class Line:
    """Which configurations users put in line, and as which trials; reads on as the table grows."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._n_read = self._width = 0

    def find(self, table: TrialTable, given: Floats) -> int | None:
        """Return the trial that a user put in line as this configuration (nan where free); None if nobody did."""
        if self._width != len(table.space):  # with a parameter more, all keys are longer
            self._numbers, self._n_read, self._width = {}, 0, len(table.space)
        for row in range(self._n_read, len(table)):
            if table.is_enqueued(row):
                partial = table.given(row)
                self._numbers.setdefault(key_of_line(table.x[row] if partial is None else partial, self._width), row)
        self._n_read = len(table)
        return self._numbers.get(key_of_line(given, self._width))


def key_of_line(x: Floats, width: int) -> bytes:
    """Return what tells a configuration from others; one from before the space grew lacks the last parameters."""
    key = np.full(width, np.inf)
    key[: len(x)] = np.nan_to_num(x, nan=np.inf) + 0.0  # -0.0 is 0.0
    return key.tobytes()
