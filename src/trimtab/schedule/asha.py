"""Asynchronous successive halving (Li et al., 2020, "A System for Massively Parallel Hyperparameter Tuning")."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools
from trimtab.errors import ProblemError
from trimtab.ledger.table import FAILED, TrialTable
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request
from trimtab.schedule.rungs import (
    At,
    Configs,
    Seen,
    at_text,
    check_count,
    check_eta,
    check_low,
    diagonal,
    has_child,
    outside,
    uncounted,
    undeclared,
)
from trimtab.space.condition import shown
from trimtab.space.problem import Problem

MODES = ("stop", "promote")


class Asha:
    """Lets the best 1/eta of each rung go on, without waiting for the others (Li et al., 2020, algorithm 2).

    The rungs are the fidelity's lowest and each eta times the one before. In the mode "stop" every trial starts as a
    whole one and ends at the first rung at which it is outside the best part of those that got there before (as Syne
    Tune's stopping variant; Salinas et al., 2022): nothing is started twice, and no checkpoint is needed. In the mode
    "promote" trials end at their rung, and the best go on as new ones, from a copy of the checkpoint: what came early
    and was passed later is not trained on, and where nothing carries over each rung is paid in full.

    With several fidelities "stop" goes by the steps of the one that counts them, as `Trial.steps` does, and "promote"
    along the diagonal, on which all rise together. Without any all trials run whole.

    Args:
        eta: of how many trials one goes on.
        mode: "stop" or "promote".
        low: the lowest rung; the fidelity's lowest if None.
        at_least: with so many configurations at a rung the first is stopped there; "promote" always asks for eta.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Asha(eta=4).to_json()
        {'name': 'asha', 'eta': 4, 'mode': 'stop', 'low': None, 'at_least': 3}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, mode: str = "stop", low: float | None = None, at_least: int = 3) -> None:
        if mode not in MODES:
            raise ProblemError(f'Asha expects mode= to be "stop" or "promote"; got {shown(mode)}.')
        self.eta = check_eta("Asha", eta)
        self.mode = mode
        self.low = check_low("Asha", low)
        self.at_least = check_count("Asha", "at_least", at_least)
        self._seen = Seen(self.eta, self.low)
        self._configs = Configs()

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue:  # noqa: ARG002 - the protocol's signature
        if self.mode == "stop" or not table.problem.fidelities:
            return Fresh(table.problem.whole)
        rungs = diagonal(table.problem, self.eta, self.low)
        return promoted(table, self._configs, rungs, self.eta) or Fresh(rungs[0])

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        if self.mode == "promote" or not self._seen.follow(table):
            return None
        k = self._seen.just_reached(table, row)
        return None if k is None else outside(self._seen, table, row, k, self.eta, self.at_least)

    def needs(self, problem: Problem) -> str:
        return uncounted(problem) if self.mode == "stop" else undeclared(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        return np.zeros(len(table), dtype=np.bool_) if self.mode == "stop" else open_ended(table)

    def to_json(self) -> dict[str, object]:
        return {"name": "asha", "eta": self.eta, "mode": self.mode, "low": self.low, "at_least": self.at_least}


def promoted(table: TrialTable, configs: Configs, rungs: tuple[At, ...], eta: int, more: str = "") -> Continue | None:
    """Return the promotion that is due, from the highest rung of which there is one; None if none is.

    Args:
        table: all that is on record.
        configs: brought up to date with it.
        rungs: ascending, the last the highest to which trials are promoted.
        eta: of how many trials one goes on.
        more: a clause that the reason ends with.
    """
    children = has_child(table)
    for rung, above in zip(rungs[-2::-1], rungs[:0:-1], strict=True):
        there = configs.done(table, rung)
        best = there.best(eta)
        due = best[~children[best]]
        if len(due):
            why = f"among the best {len(best)} of {len(there.rows)} trials at {at_text(table.problem, rung)}"
            return Continue(int(due[0]), above, why=f"{why}, {more}" if more else why)
    return None


def open_ended(table: TrialTable) -> Bools:
    """Return [N] whether each trial may yet be promoted: below the top, not failed, and continued by none so far.

    None may without a fidelity.
    """
    is_below = (table.fidelity < np.array(table.problem.whole)).any(axis=1)
    found: Bools = (table.state != FAILED) & is_below & ~has_child(table)
    return found
