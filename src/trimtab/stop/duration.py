"""How long a trial takes that is to start: what a deadline asks before it lets one begin."""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.model.cost import cost_model, worked

ENOUGH: Final = 3
"""Trials from which a duration is told: one or two may have been the odd ones."""

QUANTILE: Final = 0.9
"""Of ten trials nine are not longer: what begins is to end with its result, and not be cut short."""


def expected_seconds(table: TrialTable, work: float, x: Floats | None = None) -> float | None:
    """Return how long a trial will take, rather more than less; None while too few are known.

    Args:
        table: all that is on record.
        work: how much it is to run, as `stop.start.works` has it.
        x: [D] its configuration, by which durations are foreseen. While nobody knows which it will be, the shortest
            trial counts that there was: only what not even that one could do is refused before it is proposed.
    """
    is_graded = bool(table.problem.fidelities)
    known = _known(table, is_graded=is_graded)
    if np.count_nonzero(known) < ENOUGH:
        return None
    if x is not None:
        model = cost_model(table)
        leg = np.array([work]) if is_graded else None
        return float(model.upper(x[None], QUANTILE, leg)[0])
    if is_graded:
        return float((table.seconds[known] / worked(table)[known]).min()) * work
    return float(table.seconds[known].min())


def _known(table: TrialTable, *, is_graded: bool) -> Bools:
    """Return which trials tell how long others will take."""
    known: Bools = np.isfinite(table.seconds) & (table.seconds > 0.0)
    if is_graded:
        known &= np.isin(table.state, (COMPLETE, STOPPED)) & (worked(table) > 0)
    else:
        known &= table.state == COMPLETE
    return known
