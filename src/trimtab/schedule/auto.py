"""The default: early stopping where it pays, measured as the study goes on; whole trials else.

With exactly one declared fidelity one of three things is done:

* *Stopping.* Trials that report as they go start as whole ones and are halved asynchronously (Li et al., 2020): at each
  rung a trial ends that is outside the best 1/eta of those that got there. Some trials are let through whatever they
  show: the first few, and one for each so much that is spent. From these it is measured how rungs rank trials beside
  the end; the rungs whose ranks say little are passed over, all of them if need be.
* *Looking first.* Where trials report nothing before their end, one at a lower fidelity is a trial of its own, and on a
  share of the data nothing of it carries over. A few configurations are run at the lowest rung and then whole, for a
  twentieth of what whole trials take. If that is cheap and ranks as the end does, new trials begin there, and the best
  1/eta go on to the end. If it ranks otherwise the next rung is tried; if it is not cheap, none.
* *Whole trials*, until and unless one of these is found to pay.

Without a fidelity, or with several, all trials run whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.schedule.protocol import Assignment, Continue, Fresh, Halt, Request
from trimtab.schedule.rungs import (
    Configs,
    Seen,
    check_eta,
    check_low,
    has_child,
    ladder,
    one_fidelity,
    outside,
    spearman,
)

FIRST: Final = 3
"""Trials that are let through at the beginning."""

MEASURING: Final = 0.1
"""The share of the cost that later goes into trials that are let through."""

AT_LEAST: Final = 3
"""Configurations at a rung before the first is stopped there."""

MISLEADING: Final = 0.3
"""A rung whose ranks correlate less with those of the end is passed over (Spearman)."""

BELIEF: Final = 0.7, 5.0
"""The correlation that is expected of a rung before any is measured, and how many trials that is worth."""

DEAR: Final = 0.5
"""What a trial that is stopped at a rung takes of a whole one, beyond which the rung is passed over: half of the saving
is gone, and the next rung knows more."""

LOOKS: Final = 0.05
"""The share of what whole trials took that is spent on looking whether lower fidelities pay."""

WHOLE_FIRST: Final = 5
"""Whole trials before the first look."""

PAIRS: Final = 8
"""Configurations that are run at a rung and whole before it is used."""

CHEAP: Final = 0.25
"""What a trial at a rung may take of a whole one, where nothing carries over."""

RANKS: Final = 0.5, 3.0
"""The correlation from which on such a rung is used, and how many trials the doubt is worth that it is 0."""


class Auto:
    """Stops trials early where that pays, and lets them run whole elsewhere.

    Args:
        eta: of how many trials one goes on.
        low: the lowest rung; the fidelity's lowest if None.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Auto().to_json()
        {'name': 'auto', 'eta': 3, 'low': None}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, low: float | None = None) -> None:
        self.eta = check_eta("Auto", eta)
        self.low = check_low("Auto", low)
        self._judging = Seen(self.eta, self.low)
        self._assigning = Seen(self.eta, self.low)  # of its own: it may be shown a table that stands at an older record
        self._configs = Configs()

    def assign(self, table: TrialTable, request: Request) -> Assignment:  # noqa: ARG002 - the protocol's signature
        whole = Fresh(table.problem.whole)
        if not self._assigning.follow(table) or self._assigning.any_early:
            return whole
        return self._looked(table) or whole

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        seen = self._judging
        if not seen.follow(table):
            return None
        k = seen.just_reached(table, row)
        if k is None or is_let_through(seen, row, self.eta):
            return None
        if k < lowest_rung(seen, table, self.eta):
            return None
        return outside(seen, table, row, k, self.eta, AT_LEAST)

    def _looked(self, table: TrialTable) -> Fresh | Continue | None:
        """Return what looking at lower fidelities asks for; None for a whole trial."""
        fidelity = one_fidelity(table.problem)
        if fidelity is None:
            return None
        rungs = ladder(fidelity, self.eta, self.low)
        ladder_ = Looks(table, rungs)
        children = has_child(table)
        k, pays = ladder_.rung, ladder_.pays
        if k is None:
            return None
        if pays:
            there = self._configs.done(table, rungs[k])
            best = there.best(self.eta)
            due = best[~children[best]]
            if len(due):
                why = f"among the best {len(best)} of {len(there.rows)} trials at {fidelity.name} {rungs[k]:g}"
                return Continue(int(due[0]), (fidelity.high,), why=f"{why}; {ladder_.why}")
            return Fresh((rungs[k],))
        waiting = ladder_.fresh[k][(table.state[ladder_.fresh[k]] == COMPLETE) & ~children[ladder_.fresh[k]]]
        if len(waiting):
            return Continue(int(waiting[0]), (fidelity.high,), why=f"to see how {fidelity.name} {rungs[k]:g} ranks it")
        return Fresh((rungs[k],)) if ladder_.may_look(k) else None

    def may_continue(self, table: TrialTable) -> Bools:
        fidelity = one_fidelity(table.problem)
        high = -1.0 if fidelity is None else fidelity.high
        fidelities = table.fidelity[:, 0] if fidelity is not None else np.zeros(len(table))
        found: Bools = ~np.isin(table.state, (FAILED, STOPPED)) & (fidelities < high) & ~has_child(table)
        return found

    def to_json(self) -> dict[str, object]:
        return {"name": "auto", "eta": self.eta, "low": self.low}


def is_let_through(seen: Seen, row: int, eta: int) -> bool:
    """Return whether a trial is run to its end whatever it shows, so that rungs can be compared with the end."""
    return row < FIRST or row % _period(seen, eta) == 0


def _period(seen: Seen, eta: int) -> int:
    """Return of how many trials one is let through: those between take 1/MEASURING times what it takes."""
    ends = np.append(seen.levels, seen.top)
    typical = float(ends[0] + (np.diff(ends) * float(eta) ** -np.arange(1, len(ends))).sum())
    return math.ceil(seen.top / (MEASURING * typical))


def let_through(seen: Seen, table: TrialTable, eta: int) -> Ints:
    """Return the trials that were let through and are complete: of all that were proposed, a fair sample."""
    period = _period(seen, eta)
    rows = np.unique(np.append(np.arange(min(FIRST, len(table))), np.arange(0, len(table), period)))
    found: Ints = rows[(table.state[rows] == COMPLETE) & (table.fidelity[rows, 0] == seen.top)]
    return found


def correlation(seen: Seen, table: TrialTable, rows: Ints, k: int) -> tuple[float, int]:
    """Return how rung k ranks trials beside the end (Spearman, nan where it cannot be said), and how many there are."""
    index = table.problem.metrics.index(table.problem.objectives[0])
    early, late = seen.losses(rows, k), table.losses()[rows, index]
    known = ~np.isnan(early) & ~np.isnan(late)
    return spearman(early[known], late[known]), int(known.sum())


def lowest_rung(seen: Seen, table: TrialTable, eta: int) -> int:
    """Return the first rung at which trials are stopped: it is cheap, and neither it nor those above mislead.

    What was measured is weighed against what is usual, so that three trials do not decide alone.
    """
    rows = let_through(seen, table, eta)
    usual, worth = BELIEF
    for k in range(len(seen.levels) - 1, -1, -1):
        measured, n = correlation(seen, table, rows, k)
        if not math.isnan(measured) and (n * measured + worth * usual) / (n + worth) < MISLEADING:
            return k + 1
    return _first_cheap(seen, table)


def _first_cheap(seen: Seen, table: TrialTable) -> int:
    """Return the first rung at which a stopped trial took clearly less than a whole one."""
    price = costs(table)
    whole = price[(table.state == COMPLETE) & (table.fidelity[:, 0] == seen.top)]
    whole = whole[whole > 0]
    if len(whole) < FIRST:
        return 0
    limit = DEAR * float(np.median(whole))
    furthest = (~np.isnan(seen.at)).sum(axis=1) - 1
    for k in range(len(seen.levels)):
        at_rung = price[(table.state == STOPPED) & (furthest == k)]
        at_rung = at_rung[at_rung > 0]
        if len(at_rung) < FIRST or float(np.median(at_rung)) <= limit:
            return k
    return len(seen.levels)


def costs(table: TrialTable) -> Floats:
    """Return [N] what trials took: their cost where the problem declares one, else seconds; nan where unknown."""
    return table.cost if table.problem.cost is not None else table.seconds


@dataclass
class Looks:
    """What was learned by running configurations at lower fidelities first.

    Args:
        table: the trials.
        rungs: ascending, the last the highest fidelity.

    Attributes:
        rung: the rung that is used or looked at; None where none is.
        pays: whether it is used.
        why: a clause that says so.
        fresh: of each rung, the trials that began there.
    """

    table: TrialTable
    rungs: tuple[float, ...]

    def __post_init__(self) -> None:
        table = self.table
        self.price = costs(table)
        at, begins = table.fidelity[:, 0], table.parent < 0
        self.fresh = [np.flatnonzero(begins & (at == rung)) for rung in self.rungs[:-1]]
        whole = (table.state == COMPLETE) & (at == self.rungs[-1])
        self.n_whole = int(whole.sum())
        self.spent_whole = float(np.nansum(self.price[whole]))
        self.rung: int | None = None
        self.pays = False
        self.why = ""
        self._decide()

    def _decide(self) -> None:
        if self.n_whole < WHOLE_FIRST or not self.spent_whole > 0:
            return
        for k in range(len(self.rungs) - 1):
            low, high = self._pairs(k)
            ratio = self._ratio(low, high)
            if len(low) and ratio > (CHEAP if len(low) >= FIRST else DEAR):
                return  # and those above are dearer
            if len(low) < PAIRS:
                self.rung = k
                return
            index = self.table.problem.metrics.index(self.table.problem.objectives[0])
            losses = self.table.losses()[:, index]
            found = spearman(losses[low], losses[high])
            least, doubt = RANKS
            if len(low) * found / (len(low) + doubt) >= least:
                self.rung, self.pays = k, True
                self.why = f"{ratio:.2g} of the cost, rank correlation {found:.2f}"
                return

    def _pairs(self, k: int) -> tuple[Ints, Ints]:
        """Return (trials at a rung, the whole trials that went on with them), both complete, without those chosen."""
        table = self.table
        rows = np.flatnonzero(
            (table.parent >= 0) & (table.state == COMPLETE) & (table.fidelity[:, 0] == self.rungs[-1])
        )
        rows = rows[table.fidelity[table.parent[rows], 0] == self.rungs[k]][:PAIRS]  # the first: those after are chosen
        return table.parent[rows].astype(np.int64), rows

    def _ratio(self, low: Ints, high: Ints) -> float:
        """Return what trials at a rung took of what whole ones of the same configurations did."""
        below, above = float(np.nansum(self.price[low])), float(np.nansum(self.price[high]))
        return below / above if above > 0 else math.inf

    def may_look(self, k: int) -> bool:
        """Return whether one more look at rung k is within what is spent on looking, and none is under way."""
        table, rows = self.table, self.fresh[k]
        over = np.isin(table.state[rows], (COMPLETE, FAILED, STOPPED))
        if not over.all():
            return False
        children = np.flatnonzero(np.isin(table.parent, rows))
        if not np.isin(table.state[children], (COMPLETE, FAILED, STOPPED)).all():
            return False
        looks = np.concatenate(self.fresh)
        spent = float(np.nansum(self.price[looks]))
        low, high = self._pairs(k)
        ratio = self._ratio(low, high) if len(low) else self.rungs[k] / self.rungs[-1]
        return spent + ratio * self.spent_whole / self.n_whole <= LOOKS * self.spent_whole
