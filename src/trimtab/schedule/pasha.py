"""PASHA (Bohdal et al., 2023, "PASHA: Efficient HPO and NAS with Progressive Resource Allocation")."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.schedule.asha import open_ended, promoted
from trimtab.schedule.protocol import Continue, Fresh, Halt, Request
from trimtab.schedule.rungs import At, Configs, check_eta, check_low, diagonal, is_at, undeclared
from trimtab.space.problem import Problem, counted

PERCENTILE = 90.0
"""Of the distances between curves that cross, the one below which two configurations count as equal (section 4.3)."""

MOST_LINES = 64
"""Trials of the top rung whose curves are compared in pairs, the latest ones: 2,000 pairs take a millisecond."""


class Pasha:
    """ASHA by promotion whose top rung is low at first, and grows while the two top rungs rank otherwise (algorithm 1).

    Where early ranks are right, most of the training that ASHA pays for is saved. The price: the best configuration may
    never have been trained to the end. Two rungs agree where each configuration of the upper one is, at its place, as
    good on the lower one as the one that has that place there, up to what curves differ by that cross again and again
    (soft ranking, section 4.2). The top rung has grown once a trial was promoted to it.

    Of several objectives the first counts for that. With several fidelities the rungs lie on the diagonal, on which all
    rise together. Without any all trials run whole.

    Args:
        eta: of how many trials one goes on.
        low: the lowest rung; the fidelity's lowest if None.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Pasha().to_json()
        {'name': 'pasha', 'eta': 3, 'low': None}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, low: float | None = None) -> None:
        self.eta = check_eta("Pasha", eta)
        self.low = check_low("Pasha", low)
        self._configs = Configs()
        self._agreed: tuple[tuple[Problem, bytes], bool] | None = None

    def assign(self, table: TrialTable, request: Request) -> Fresh | Continue:  # noqa: ARG002 - the protocol's signature
        if not table.problem.fidelities:
            return Fresh(table.problem.whole)
        rungs = diagonal(table.problem, self.eta, self.low)
        top = self._top(table, rungs)
        return promoted(table, self._configs, rungs[: top + 1], self.eta) or Fresh(rungs[0])

    def _top(self, table: TrialTable, rungs: tuple[At, ...]) -> int:
        """Return the highest rung to which trials are promoted now."""
        last = len(rungs) - 1
        ours = table.parent >= 0
        top = max(1, *(k for k, rung in enumerate(rungs) if k == 0 or is_at(table, rung)[ours].any()))
        if top >= last:
            return last
        rows = np.flatnonzero(is_at(table, rungs[top]) & (table.state == COMPLETE) & (table.parent >= 0))
        key = table.problem, rows.tobytes()
        if (
            self._agreed is None or self._agreed[0][0] is not key[0] or self._agreed[0][1] != key[1]
        ):  # what is complete stays as it is
            self._agreed = key, agree(table, rows)
        return top if self._agreed[1] else top + 1

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        """Let it run: trials end at their rungs."""

    def needs(self, problem: Problem) -> str:
        return undeclared(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        return open_ended(table)

    def to_json(self) -> dict[str, object]:
        return {"name": "pasha", "eta": self.eta, "low": self.low}


def agree(table: TrialTable, rows: Ints) -> bool:
    """Return whether trials of the top rung rank there as they did on the rung below; a single one does."""
    losses = table.losses()[:, table.problem.metrics.index(table.problem.objectives[0])]
    rows = rows[np.isfinite(losses[rows]) & np.isfinite(losses[table.parent[rows]])]
    if len(rows) < 2:
        return True
    above, below = losses[rows], losses[table.parent[rows]]
    by_above, by_below = np.argsort(above, kind="stable"), np.argsort(below, kind="stable")
    off = np.abs(below[by_above] - below[by_below])
    return not off.any() or bool((off <= _noise(table, rows[-MOST_LINES:])).all())


def _noise(table: TrialTable, rows: Ints) -> float:
    """Return by how much curves of these trials differ in the end that cross twice and more; 0 where none do."""
    curves = [_curve(table, row) for row in rows.tolist()]
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[step] for step in steps] for curve in curves])
    first, second = np.triu_indices(len(rows), 1)
    differences = values[first] - values[second]
    signs = np.sign(differences)
    crossings = (signs[:, 1:] * signs[:, :-1] < 0).sum(axis=1)
    crossing: Floats = np.abs(differences[crossings >= 2, -1]) if len(steps) else np.zeros(0)
    return float(np.percentile(crossing, PERCENTILE)) if len(crossing) else 0.0


def _curve(table: TrialTable, row: int) -> dict[float, float]:
    """Return what a line of descent showed at its steps and at its ends, up to a trial."""
    index = table.problem.metrics.index(table.problem.objectives[0])
    place = counted(table.problem.fidelities) or 0
    line = [row]
    while table.parent[line[-1]] >= 0:
        line.append(int(table.parent[line[-1]]))
    found: dict[float, float] = {}
    for one in reversed(line):
        steps, losses = table.loss_curve(one)
        found |= dict(zip(steps.tolist(), losses[:, index].tolist(), strict=True))
        found[float(table.fidelity[one, place])] = float(table.losses()[one, index])
    return {step: loss for step, loss in found.items() if np.isfinite(loss)}
