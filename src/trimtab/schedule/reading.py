"""What became of trials at each rung: a reading of the table, for those who want to see whether early stopping pays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.schedule.auto import FIRST, costs, fair, ranks_well
from trimtab.schedule.rungs import Seen, is_at, spearman


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung, the highest fidelity among them. Counts are of configurations.

    Attributes:
        level: the fidelity.
        entered: how many got there.
        stopped: how many of them were stopped there, or between there and the next.
        went_on: how many of them got to the next rung; what was not seen here did not go on from here.
        correlation: the rank correlation between here and the next rung, of those that got to both; nan where unknown.
        with_end: the same between here and the highest fidelity. Both are of those that were let on, so they are low
            where these were well chosen.
        n_to_end: how many `with_end` is of.
        unchosen: the rank correlation with the end of whole trials that no rung chose: those that ended before the
            first was stopped, and those that `auto` lets through; nan where unknown.
        n_unchosen: how many `unchosen` is of.
        let_on: how many got to the end although they were outside the best part here.
        wrong: how many of these are in the best part in the end: of stopped ones nobody knows it.
        saved: what the stopped ones would have cost more as whole trials, in the unit of the cost metric, else in
            seconds; nan where it cannot be said.
    """

    level: float
    entered: int
    stopped: int
    went_on: int
    correlation: float
    with_end: float
    n_to_end: int
    unchosen: float
    n_unchosen: int
    let_on: int
    wrong: int
    saved: float

    @property
    def misleads(self) -> bool | None:
        """Whether ranks here say too little of the end for trials to be ended by them; None while too few show it."""
        if self.n_unchosen < FIRST:
            return None
        return not ranks_well(self.unchosen, self.n_unchosen)


def rungs_of(table: TrialTable, eta: int = 3, low: float | None = None, *, lets_through: bool = False) -> list[Rung]:
    """Return what became of trials at each rung; nothing without a fidelity that counts steps.

    Args:
        table: all that is on record.
        eta: the factor between rungs, and of how many trials one goes on.
        low: the lowest rung; the fidelity's lowest if None.
        lets_through: whether the scheduler lets trials through now and then, as `auto` does.
    """
    seen = Seen(eta, low)
    if not seen.follow(table):
        return []
    lines = _lines(table)
    levels = np.append(seen.levels, seen.top)
    losses = _losses(seen, table, levels, lines)
    at = ~np.isnan(losses)
    stopped = np.zeros(len(losses), dtype=np.bool_)
    ended = np.flatnonzero(table.state == STOPPED)
    stopped[lines[ended]] = True
    spent = np.bincount(lines, weights=np.nan_to_num(costs(table)), minlength=len(losses))
    whole = spent[at[:, -1] & (spent > 0)]
    usual = float(np.median(whole)) if len(whole) else math.nan
    unchosen = _unchosen(seen, table, eta, lets_through=lets_through)
    furthest = np.where(at.any(axis=1), len(levels) - 1 - np.argmax(at[:, ::-1], axis=1), -1)
    found = []
    for k, level in enumerate(levels.tolist()):
        above = losses[:, min(k + 1, len(levels) - 1)]
        to_next, to_end = at[:, k] & ~np.isnan(above), at[:, k] & at[:, -1]
        halted = stopped & (furthest == k)
        fairly = unchosen[at[unchosen, k]]
        let_on = to_end & ~_best(losses[:, k], eta)
        found.append(
            Rung(
                level=level,
                entered=int(at[:, k].sum()),
                stopped=int(halted.sum()),
                went_on=int((at[:, k] & (furthest > k)).sum()),
                correlation=spearman(losses[to_next, k], above[to_next]) if k + 1 < len(levels) else math.nan,
                with_end=spearman(losses[to_end, k], losses[to_end, -1]),
                n_to_end=int(to_end.sum()),
                unchosen=spearman(losses[fairly, k], losses[fairly, -1]),
                n_unchosen=len(fairly),
                let_on=int(let_on.sum()),
                wrong=int((let_on & _best(losses[:, -1], eta)).sum()),
                saved=float(np.maximum(usual - spent[halted], 0.0).sum()) if halted.any() else 0.0,
            )
        )
    return found


def _unchosen(seen: Seen, table: TrialTable, eta: int, *, lets_through: bool) -> Ints:
    """Return the whole trials that are complete and were not chosen, none of which goes on with another."""
    rows = fair(seen, table, eta)
    if not lets_through:
        order = table.order
        stopped = np.flatnonzero(table.state[order] == STOPPED)
        rows = np.intersect1d(rows, order[: stopped[0]]) if len(stopped) else rows
    found: Ints = rows[table.parent[rows] < 0]
    return found


def _lines(table: TrialTable) -> Ints:
    """Return [N] the trial with which each one's line of descent begins."""
    lines = np.arange(len(table))
    for row in np.flatnonzero(table.parent >= 0).tolist():
        lines[row] = lines[table.parent[row]]
    return lines


def _losses(seen: Seen, table: TrialTable, levels: Floats, lines: Ints) -> Floats:
    """Return [N, K] the first objective's loss of each line at each level, by the trial with which it begins."""
    index = table.problem.metrics.index(table.problem.objectives[0])
    losses = np.full((len(table), len(levels)), np.nan)
    rows, whole = np.arange(len(table)), table.problem.whole
    for k, level in enumerate(levels.tolist()):
        shown = seen.losses(rows, k) if k < len(levels) - 1 else np.full(len(table), np.nan)
        is_end = (table.state == COMPLETE) & is_at(table, (*whole[: seen.place], level, *whole[seen.place + 1 :]))
        shown = np.where(is_end, table.losses()[:, index], shown)
        known = np.flatnonzero(~np.isnan(shown))
        losses[lines[known], k] = shown[known]
    return losses


def _best(losses: Floats, eta: int) -> np.typing.NDArray[np.bool_]:
    """Return [N] whether each is among the best 1/eta of those that are known."""
    n = int((~np.isnan(losses)).sum())
    found = np.zeros(len(losses), dtype=np.bool_)
    found[np.argsort(losses, kind="stable")[: math.ceil(n / eta)]] = True  # nan comes last
    return found
