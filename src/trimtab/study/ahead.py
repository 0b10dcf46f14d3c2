"""Proposals made ahead: while trials run, for the worker that asks next, so that it need not wait for one.

A worker asks when its trial is over, so a proposal that was made ahead knows at least one result less than one made
on the spot. It is used where that is the smaller evil:

* it lacks at most `n_running // MISSING_SHARE` results. Proposals in parallel lack the results of all trials that run
  anyway; this adds a quarter of that at most, and nothing where fewer than four trials run at once;
* making one takes longer than `WAIT_SHARE` of the time that a trial takes. Where trials are slow, waiting costs next to
  nothing, and every proposal is made on the spot from all that is known.

`Asked.head` says what a proposal was made from, as ever: a replay recomputes it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from trimtab.ledger.event import Asked
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem

MISSING_SHARE: Final = 4
WAIT_SHARE: Final = 0.05

LATEST: Final = 20
"""How many of the latest trials say how long one takes."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A proposal made ahead.

    Attributes:
        asked: the proposal; None where nothing was left to try.
        number: the trial that it is for.
        problem, optimizer: what it was made for, and by which engine.
        n_over: how many trials were over.
        most: how many more may be over when it is used.
    """

    asked: Asked | None
    number: int
    problem: Problem
    optimizer: dict[str, Any]
    n_over: int
    most: int

    def is_for(self, table: TrialTable, optimizer: dict[str, Any], most: int) -> bool:
        """Return whether it is the next trial's, and lacks at most so many results."""
        return (
            self.number == len(table)
            and self.problem is table.problem
            and self.optimizer == optimizer
            and len(table.order) - self.n_over <= most
        )


def n_missing(table: TrialTable) -> int:
    """Return how many results a proposal may lack that is made ahead now."""
    return table.n_running // MISSING_SHARE


def pays(table: TrialTable, propose_s: float) -> bool:
    """Return whether waiting `propose_s` for a proposal is long beside the time that a trial takes."""
    seconds = table.seconds[table.order[-LATEST:]]
    known = seconds[~np.isnan(seconds)]
    return bool(len(known)) and propose_s > WAIT_SHARE * float(np.median(known))
