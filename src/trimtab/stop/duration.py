"""How long a trial takes that is to start: what a deadline asks before it lets one begin."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable

ENOUGH: Final = 3
"""Trials from which a duration is told: one or two may have been the odd ones."""

QUANTILE: Final = 0.9
"""Of ten trials nine are not longer: what begins is to end with its result, and not be cut short."""


def expected_seconds(table: TrialTable, amount: Floats) -> float | None:
    """Return how long a trial will take, rather more than less; None while too few are known.

    Args:
        table: all that is on record.
        amount: [F] how much of each fidelity it is to run.
    """
    if len(table.problem.fidelities) == 1:
        pace = _pace(table)
        return None if pace is None else pace * float(amount[0])
    known = np.isfinite(table.seconds) & (table.state == COMPLETE)
    return _high(table.seconds[known])


def _pace(table: TrialTable) -> float | None:
    """Return the seconds of one unit of the fidelity."""
    known: Bools = np.isfinite(table.seconds) & np.isin(table.state, (COMPLETE, STOPPED)) & (table.ran[:, 0] > 0)
    return _high(table.seconds[known] / table.ran[known, 0])


def _high(values: Floats) -> float | None:
    if len(values) < ENOUGH:
        return None
    # An order statistic, and no mean of two: what is said is then what some trial took.
    k = math.ceil(QUANTILE * len(values)) - 1
    return float(np.partition(values, k)[k])
