"""The default: early stopping where it pays, measured as the study goes on; whole trials else.

With a declared fidelity one of three things is done:

* *Stopping.* Trials that report as they go start as whole ones and are halved asynchronously (Li et al., 2020): at each
  rung a trial ends that is outside the best 1/eta of those that got there. It begins once some whole trials have shown
  that a rung ranks as the end does; the rungs below that say little are passed over, all of them if need be. Now and
  then one trial is let through whatever it shows, so that this goes on being measured.
* *Looking first.* Where trials report nothing before their end, one at a lower fidelity is a trial of its own, and on a
  share of the data nothing of it carries over. A few configurations are run at the lowest rung and then whole, for a
  twentieth of what whole trials take. If that is cheap and ranks as the end does, new trials begin there, and the best
  1/eta go on to the end. If it ranks otherwise the next rung is tried; if it is not cheap, none.
* *Whole trials*, until and unless one of these is found to pay.

Of several fidelities, trials are stopped by the one that counts steps, at the highest of all others; a look is at the
lowest rung of the diagonal, on which all rise together. Without any fidelity all trials run whole.

A trial that breaks a constraint on its way ends once others have shown that it stays broken
(`trimtab.schedule.bounds`).

Where a trial goes through folds, these race, with a fidelity or without (`trimtab.schedule.folds`).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.schedule.asha import open_ended, promoted
from trimtab.schedule.bounds import broken
from trimtab.schedule.folds import Race, shuffled
from trimtab.schedule.protocol import Assignment, Continue, Fresh, Halt, Request
from trimtab.schedule.rungs import (
    At,
    Configs,
    Seen,
    at_text,
    check_eta,
    check_low,
    check_race,
    diagonal,
    has_child,
    is_at,
    is_whole_run,
    outside,
    spearman,
    uncounted,
)
from trimtab.space.problem import Problem

FIRST: Final = 5
"""Whole trials before any is stopped, as with Vizier and Optuna: of fewer no rank correlation says much."""

MEASURING: Final = 0.1
"""The share of the cost that later goes into trials that are let through. By taste."""

MOST_PERIOD: Final = 2**31
"""Where a whole trial takes so many times what those take that are stopped, as from 1e-300 to 1, the first alone is let
through; a multiple of the share that is spared is still a number."""

AT_LEAST: Final = 3
"""Configurations at a rung before the first is stopped there."""

RANKS: Final = 0.5
"""The rank correlation with the end from which on a rung is used. Decision 50 has what less and more gave."""

DOUBT: Final = 2.0
"""How many trials the doubt is worth that a rank correlation is 0: five trials must show 0.7 to be believed to have
0.5, twenty 0.55."""

DEAR: Final = 0.5
"""What a trial that is stopped at a rung takes of a whole one, beyond which the rung is passed over: half of the saving
is gone, and the next rung knows more."""

LOOKS: Final = 0.05
"""The share of what whole trials took that is spent on looking whether lower fidelities pay."""

UNSEEN: Final = 0.5
"""What a look is taken to cost of a whole trial until one has told: the first stays within that share where half of a
whole trial is fixed (decision 112)."""

PAIRS: Final = 8
"""Configurations that are run at a rung and whole before it is used."""

CHEAP: Final = 0.125
"""What a trial at a rung may take of a whole one, where nothing carries over. At a fifth, on a ladder that ranks by
0.5, nothing was won in the end, and a third was lost on the way (decision 50)."""


class Auto:
    """Stops trials early where that pays, and lets them run whole elsewhere.

    Args:
        eta: of how many trials one goes on.
        low: the lowest rung; the fidelity's lowest if None.
        race: whether trials end early by their folds.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Auto().to_json()
        {'name': 'auto', 'eta': 3, 'low': None}
    """

    ends_diverged = True

    def __init__(self, eta: int = 3, low: float | None = None, *, race: bool = True) -> None:
        self.eta = check_eta("Auto", eta)
        self.low = check_low("Auto", low)
        self.race = check_race("Auto", race)
        self._race = Race()
        self._judging = Seen(self.eta, self.low)
        self._assigning = Seen(self.eta, self.low)  # of its own: it may be shown a table that stands at an older record
        self._configs = Configs()
        self._known: tuple[Problem, int, int] | None = None

    def assign(self, table: TrialTable, request: Request) -> Assignment:  # noqa: ARG002 - the protocol's signature
        whole = Fresh(table.problem.whole)
        if not table.problem.fidelities or (self._assigning.follow(table) and self._assigning.any_early):
            return whole
        return self._looked(table) or whole

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        beaten = self._race.judge(table, row) if self.race else None
        beaten = beaten or broken(table, row)
        if beaten is not None:
            return beaten
        seen = self._judging
        if not seen.follow(table):
            return None
        k = seen.just_reached(table, row)
        if k is None or row % period(seen.levels, seen.top, self.eta) == 0:
            return None
        if k < self._lowest(table):
            return None
        return outside(seen, table, row, k, self.eta, AT_LEAST)

    def folds(self, table: TrialTable, row: int, seed: int) -> list[int]:
        return self._race.order(table, row, seed) if self.race else shuffled(seed, table.problem.folds or 0)

    def _lowest(self, table: TrialTable) -> int:
        """Return the lowest rung at which trials are stopped; it changes when trials end."""
        n = len(table.order)
        if self._known is None or self._known[0] is not table.problem or self._known[1] != n:
            self._known = table.problem, n, lowest_rung(self._judging, table, self.eta)
        return self._known[2]

    def _looked(self, table: TrialTable) -> Fresh | Continue | None:
        """Return what looking at lower fidelities asks for; None for a whole trial."""
        rungs = diagonal(table.problem, self.eta, self.low)
        looks = Looks(table, rungs)
        k = looks.rung
        if k is None:
            return None
        waiting = looks.waiting()
        if len(waiting):
            why = f"to see how {at_text(table.problem, rungs[k])} ranks it"
            return Continue(int(waiting[0]), rungs[-1], why=why)
        if looks.pays:
            found = promoted(table, self._configs, looks.used, self.eta, looks.why)
            return found or Fresh(rungs[k])
        return Fresh(rungs[k]) if looks.may_look() else None

    def needs(self, problem: Problem) -> str:
        return uncounted(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        if not table.problem.fidelities:
            return np.ones(len(table), dtype=np.bool_)  # none is stopped, so there is nothing to remove
        found: Bools = open_ended(table) & (table.state != STOPPED)
        return found

    def to_json(self) -> dict[str, object]:
        racing = {} if self.race else {"race": False}  # as it was written before folds raced
        return {"name": "auto", "eta": self.eta, "low": self.low} | racing


def period(levels: Floats, top: float, eta: int) -> int:
    """Return of how many trials one is let through: those between take 1/MEASURING times what it takes."""
    ends = np.append(levels, top)
    typical = float(ends[0] + (np.diff(ends) * float(eta) ** -np.arange(1, len(ends))).sum())
    spared = MEASURING * typical
    return MOST_PERIOD if spared * MOST_PERIOD <= top else math.ceil(top / spared)


def fair(seen: Seen, table: TrialTable, eta: int) -> Ints:
    """Return the whole trials that are complete and were not chosen: a fair sample of what is proposed.

    These are the ones that ended before the first was stopped, and those that were let through.
    """
    order = table.order
    stopped = np.flatnonzero(table.state[order] == STOPPED)
    before = order[: stopped[0]] if len(stopped) else order
    later = np.arange(0, len(table), period(seen.levels, seen.top, eta))
    rows = np.union1d(before, later)
    found: Ints = rows[(table.state[rows] == COMPLETE) & is_whole_run(table)[rows]]
    return found


def correlation(seen: Seen, table: TrialTable, rows: Ints, k: int) -> tuple[float, int]:
    """Return how rung k ranks trials beside the end (Spearman, nan where it cannot be said), and how many there are."""
    index = table.problem.metrics.index(table.problem.objectives[0])
    early, late = seen.losses(rows, k), table.losses()[rows, index]
    known = ~np.isnan(early) & ~np.isnan(late)
    return spearman(early[known], late[known]), int(known.sum())


def ranks_well(measured: float, n: int) -> bool:
    """Return whether a rank correlation that n trials show is believed to be high enough."""
    return n >= FIRST and n * measured / (n + DOUBT) >= RANKS  # False of nan: who all look alike are not ranked


def lowest_rung(seen: Seen, table: TrialTable, eta: int) -> int:
    """Return the first rung at which trials are stopped: it is cheap, and it and those above rank as the end does."""
    rows = fair(seen, table, eta)
    ranking = len(seen.levels)
    while ranking and ranks_well(*correlation(seen, table, rows, ranking - 1)):
        ranking -= 1
    return max(ranking, _first_cheap(seen, table))


def _first_cheap(seen: Seen, table: TrialTable) -> int:
    """Return the first rung at which a stopped trial took clearly less than a whole one."""
    price = costs(table)
    whole = price[(table.state == COMPLETE) & is_whole_run(table)]
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


class Looks:
    """What was learned by running configurations at lower fidelities first.

    Args:
        table: the trials.
        rungs: ascending, the last the highest fidelity.

    Attributes:
        rung: the rung that is used or looked at; None where none is.
        pays: whether it is used.
        used: the rungs that are used, the highest fidelity last.
        why: a clause that says so.
    """

    def __init__(self, table: TrialTable, rungs: tuple[At, ...]) -> None:
        self._table, self._rungs = table, rungs
        self._price = costs(table)
        self._work = [math.prod(rung) for rung in rungs]
        self._fresh = [np.flatnonzero((table.parent < 0) & is_at(table, rung)) for rung in rungs[:-1]]
        whole = (table.state == COMPLETE) & is_at(table, rungs[-1])
        self._n_whole = int(whole.sum())
        self._spent_whole = float(np.nansum(self._price[whole]))
        self.rung: int | None = None
        self.pays = False
        self.used: tuple[At, ...] = ()
        self.why = ""
        self._decide()

    def _decide(self) -> None:
        if self._n_whole < FIRST or not self._spent_whole > 0:
            return
        index = self._table.problem.metrics.index(self._table.problem.objectives[0])
        losses = self._table.losses()[:, index]
        for k in range(len(self._rungs) - 1):
            low, high = self._pairs(k)
            ratio = self._ratio(low, high)
            if len(low) and ratio > (CHEAP if len(low) > 1 else 2.0 * CHEAP):
                return  # and those above are dearer
            found = spearman(losses[low], losses[high])
            if len(low) < PAIRS or ranks_well(found, len(low)):
                self.rung, self.pays = k, len(low) >= PAIRS
                self.used = self._cheap_ones(k, ratio)
                self.why = f"which take {ratio:.2g} of a whole run and rank as the end does, by {found:.2f}"
                return

    def _cheap_ones(self, k: int, ratio: float) -> tuple[At, ...]:
        """Return the rungs from the k-th on that cost little, if costs grow evenly from there; and the highest."""
        low, top = self._work[k], self._work[-1]
        share = [ratio + (1.0 - ratio) * (work - low) / (top - low) for work in self._work[k:]]
        cheap = [rung for rung, each in zip(self._rungs[k:], share, strict=True) if each <= CHEAP]
        return (*cheap, self._rungs[-1])

    def waiting(self) -> Ints:
        """Return the trials at a rung that is looked at which are to be run whole, and are not yet."""
        if self.rung is None or self.pays:
            return np.zeros(0, dtype=np.int64)
        rows = self._fresh[self.rung]
        found: Ints = rows[(self._table.state[rows] == COMPLETE) & ~has_child(self._table)[rows]]
        return found

    def _pairs(self, k: int) -> tuple[Ints, Ints]:
        """Return (trials at a rung, the whole trials that went on with them), both complete, without those chosen."""
        table = self._table
        is_whole = (table.state == COMPLETE) & is_at(table, self._rungs[-1])
        rows = np.flatnonzero((table.parent >= 0) & is_whole)
        rows = rows[is_at(table, self._rungs[k])[table.parent[rows]]][:PAIRS]  # those after it are chosen
        return table.parent[rows].astype(np.int64), rows

    def _ratio(self, low: Ints, high: Ints) -> float:
        """Return what trials at a rung took of what whole ones of the same configurations did."""
        below, above = float(np.nansum(self._price[low])), float(np.nansum(self._price[high]))
        return below / above if above > 0 else math.inf

    def may_look(self) -> bool:
        """Return whether one more look is within what is spent on looking, and none is under way."""
        if self.rung is None:
            return False
        table, rows, k = self._table, self._fresh[self.rung], self.rung
        over = np.isin(table.state, (COMPLETE, FAILED, STOPPED))
        if not over[rows].all() or not over[np.isin(table.parent, rows)].all():
            return False
        spent = float(np.nansum(self._price[np.concatenate(self._fresh)]))
        low, high = self._pairs(k)
        ratio = self._ratio(low, high) if len(low) else UNSEEN
        return spent + ratio * self._spent_whole / self._n_whole <= LOOKS * self._spent_whole
