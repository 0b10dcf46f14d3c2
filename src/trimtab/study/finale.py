"""The end of a study whose results are noisy: when its last runs begin, and what the driver is told of them.

Part of the budget is kept for them. Once the search is over, by whatever verdict, and results are noisy, it is put on
record which configurations are run again and how often (`analysis.halving`); from there on the log alone says which run
is next. So any driver goes on with them, a killed one comes back to them, and a replay finds them again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from typing import Final as Constant

import numpy as np

from trimtab.analysis.final import final, is_last
from trimtab.analysis.halving import LEAST_RUNS, Due, Exact, Stage, Won, follow, n_finalists, note, replicates
from trimtab.arrays import Floats
from trimtab.errors import ProblemError
from trimtab.ledger.event import FINALIZE, Asked, Event, Noted, Origin, Remaining
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.keys import same
from trimtab.schedule.protocol import Wait
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict
from trimtab.study import best
from trimtab.study.purse import Purse
from trimtab.study.session import Session
from trimtab.study.verdicts import assessed

if TYPE_CHECKING:
    from trimtab.analysis.noise import Noise

SEARCH_OVER: Constant = "search over"
"""The rule by which a search ends that is not to go on: all that the budget covers is for the last runs."""

ALL_FAILED: Constant = "all failed"
"""The rule that ends a study of which nothing ever worked."""

SHARE: Constant = 0.3
MOST: Constant = 30
LARGE: Constant = 0.1
"""What is kept of a budget: three tenths of it, but no more than 30 trials, or than a tenth where that is more. Of 60
to 100 trials, the true regret of the pick was least between a quarter and a third of the budget."""

ESTIMATED: Constant = 0.8
"""What is taken for left where time or cost decide, of what it is expected to be: trials differ."""


def reserve(budget: int) -> int:
    """Return how many of so many trials are kept for running the best again; 0 where they are too few."""
    runs = max(min(math.ceil(SHARE * budget), MOST), math.floor(LARGE * budget))
    return runs if runs >= LEAST_RUNS else 0


def check_finalize(finalize: object, problem: Problem, trials: int | None) -> None:
    """Refuse a wish for last runs that cannot be.

    Raises:
        ProblemError: it is none, there are several objectives, or the budget is too small.
    """
    if finalize is not None and not isinstance(finalize, bool):
        raise ProblemError(
            f"finalize is True (run the best again at the end), False, or None (where results are noisy); "
            f"got {shown(finalize)}."
        )
    if finalize is not True:
        return
    if len(problem.objectives) > 1:
        raise ProblemError(
            "finalize=True chooses one winner, so it needs one objective; with several, run those of study.best_trials "
            "again by study.enqueue."
        )
    if trials is not None and not reserve(trials):
        least = next(n for n in range(trials, 10 * LEAST_RUNS) if reserve(n))
        raise ProblemError(
            f"finalize=True keeps {SHARE:.0%} of the budget for running the best again, {LEAST_RUNS} trials at least, "
            f"which takes a budget of {least} trials; got {trials}."
        )


class Finale:
    """Decides about the last runs of one study, for one driver.

    Args:
        session: of the study.
        wanted: True to run finalists again whatever is known of noise, None to do so where results are noisy.
        purse: what may be spent.
        workers: how many trials run at once.
        goes_on: whether the search is to use up the budget, whatever ended it before.
    """

    def __init__(
        self,
        session: Session,
        wanted: bool | None,  # noqa: FBT001 - as tune takes it
        purse: Purse,
        workers: int,
        *,
        goes_on: bool = False,
    ) -> None:
        self._goes_on = goes_on
        self._session = session
        self._purse = purse
        self._wanted = wanted
        self._workers = workers
        self._noise: Noise | None = None
        self._n_looked = -1

    # While the search goes on

    def kept(self) -> Verdict | None:
        """Return the verdict that ends the search, where what is left of the budget is kept for the last runs."""
        if self.is_open:
            return Verdict(stop=True, reason="the best are run again", rule=FINALIZE)
        table = self._session.table
        left = self._left(table)
        if left is None:
            return None
        runs = reserve(_n_new(table) + left)
        if not runs or left > runs or not self._is_needed(table):
            return None
        continues = set(self._purse.of(table).to_json()) == {"trials"}
        reason = f"the search has used its part of the budget, all but the last {left:,} trials"
        return Verdict(stop=True, reason=reason, rule=FINALIZE, continues=continues, remaining=0)

    def _left(self, table: TrialTable) -> int | None:
        """Return how many whole trials the budget still has, as far as can be told; None where it cannot."""
        budget = self._purse.of(table)
        if set(budget.to_json()) == {"trials"}:
            return budget.remaining(table).trials
        whole = (table.state == COMPLETE) & (table.fidelity == np.array(table.problem.whole)).all(axis=1)
        seconds, cost = _mean(table.seconds[whole]), _mean(table.cost[whole])
        remaining = budget.remaining(table)
        counts = [math.inf if remaining.trials is None else float(remaining.trials)]
        if remaining.seconds is not None:
            counts.append(_over(self._workers * remaining.seconds, seconds))
        if remaining.cost is not None:
            counts.append(_over(remaining.cost, cost))
        ends = {fidelity.name: float(fidelity.high) for fidelity in table.problem.fidelities}
        all_seconds = float(np.nansum(table.seconds))
        for line in budget.spending(table):
            if line.unit in ends:
                counts.append(_over(line.left, ends[line.unit]))
            elif line.unit not in ("trials", "hours", "cost"):  # of machines, by the hour
                counts.append(_over(line.left, line.spent * seconds / all_seconds if all_seconds > 0 else math.nan))
        least = min(counts) if not any(map(math.isnan, counts)) else math.inf
        return math.floor(least) if math.isfinite(least) else None

    def _is_needed(self, table: TrialTable) -> bool:
        """Return whether there is something to run again, and reason to, and it was not done already."""
        if len(table.problem.objectives) > 1 or is_last(table):
            return False
        stage = Stage.of(table)
        n_known = 0 if stage is None else stage.at
        if self._noise is None or table.n_begun > 2 * self._n_looked or n_known >= self._n_looked:
            from trimtab.analysis.noise import noise  # imported when used: it knows models

            if not finalists(table, 1):
                return False
            self._noise, self._n_looked = noise(table), table.n_begun
        is_wanted = self._noise.is_noisy or (self._wanted is True and not self._noise.is_exact)
        return is_wanted and bool(finalists(table, 1))  # which costs more than to ask whether it is wanted

    # From the end of the search on

    @property
    def is_open(self) -> bool:
        """Whether last runs were begun that have not come to their end."""
        table = self._session.table
        stage = Stage.of(table)
        return stage is not None and not isinstance(follow(table, stage), Won | Exact)

    def begin(self, over: Verdict) -> bool:
        """Put on record that the last runs begin, if they are to; return whether any are to be done.

        Args:
            over: the verdict that ended the search.
        """
        if self.is_open:
            return True
        if over.rule == ALL_FAILED or not self._is_needed(self._session.table):
            return False

        def build() -> Sequence[Event]:
            table = self._session.table
            left = self._left(table)
            if self.is_open or left is None:  # another driver was quicker
                return []
            kept = left if over.rule == SEARCH_OVER else reserve(_n_new(table) + min(left, _n_new(table)))
            runs = min(left, kept)
            if runs < LEAST_RUNS:
                return []
            known = self._noise
            if known is None:
                return []
            budget = self._purse.of(table).to_json()
            why = known.why if known.is_noisy else "it was asked for"
            rows = finalists(table, n_finalists(runs))
            said = note(
                table, rows, runs, probe=not known.is_measured, why=why, budget=budget, ended=self._why_over(over)
            )
            return [Noted(FINALIZE, said)]

        self._session.commit(build)
        return self.is_open

    def _why_over(self, over: Verdict) -> str:
        """Return why the search ended: who wants no more of it does not say why it had ended before."""
        before = self._session.ledger.assessed
        if over.rule == SEARCH_OVER:
            return before.reason if before is not None and before.stop else ""
        return over.reason

    def next(self, remaining: Remaining | None) -> Asked | Wait | None:
        """Return the next of the last runs; `Wait` while runs must end first, None where they are over."""
        session, table = self._session, self._session.table
        stage = Stage.of(table)
        due = None if stage is None else follow(table, stage)
        if stage is None or isinstance(due, Won | Exact):
            return None
        if not isinstance(due, Due):
            return Wait("what is run again decides what is run next")
        return Asked(
            number=len(table),
            x=tuple(stage.x[due.config].tolist()),
            head=session.ledger.head,
            origin=Origin(FINALIZE, why(stage, due)),
            fidelity=table.problem.whole,
            remaining=remaining,
        )

    def verdict(self) -> Verdict:
        """Return whether the last runs go on: until they are over, or the budget is."""
        table = self._session.table
        found = final(table)
        if found is not None:
            stage = Stage.of(table)
            ended = "" if stage is None or not stage.ended else f"{stage.ended}; then the best were run again: "
            return Verdict(stop=True, reason=f"{ended}{found}", rule=FINALIZE, remaining=0)
        return assessed(self._purse, table)

    @property
    def is_over(self) -> bool:
        """Whether the last runs are over, and the search did not go on since."""
        table = self._session.table
        return is_last(table) and final(table) is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do: the last runs are over, and nobody asked for more than was asked for then.

        More is another budget, a trial in line, or to go on whatever ended the search.
        """
        table = self._session.table
        said = table.notes.get(FINALIZE)
        if self._goes_on or table.n_waiting or not isinstance(said, Mapping) or not self.is_over:
            return False
        return said.get("budget") == self._purse.of(table).to_json()

    @property
    def is_exact(self) -> bool:
        """Whether the last runs showed that there is no noise."""
        found = final(self._session.table)
        return found is not None and found.is_exact

    @property
    def said(self) -> str:
        """What there is to say of the last runs when they begin: a sentence."""
        stage = Stage.of(self._session.table)
        if stage is None:
            return ""
        n = len(stage.x) - (stage.default >= 0)
        what = "the best configuration" if n == 1 else f"the best {n} configurations"
        rival = " and the default" if stage.default >= 0 else ""
        return f"{what}{rival} run again on fresh seeds, {stage.runs} trials: {stage.why}"


def _n_new(table: TrialTable) -> int:
    """Return how many trials were begun since earlier last runs ended: what those took is no part of a new reserve."""
    stage = Stage.of(table)
    return table.n_begun if stage is None else max(0, len(table) - stage.at - len(replicates(table, stage)))


def _mean(values: Floats) -> float:
    """Return the mean of what is known of some trials; nan where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _over(left: float, price: float) -> float:
    """Return how many trials of a price are left, rather fewer than more; nan where the price is not known."""
    return math.inf if price == 0 else ESTIMATED * left / price


def why(stage: Stage, due: Due) -> str:
    """Return why a finalist is run again, a clause."""
    row = int(stage.rows[due.config])
    what = "the default configuration" if row < 0 else f"trial {row}"
    if due.config == stage.default and row >= 0:
        what += ", the default configuration,"
    to = "for its figure" if due.confirms else "to choose"
    return f"runs {what} again on a fresh seed, {to}: run {due.run + 1} of {stage.runs}"


def finalists(table: TrialTable, most: int) -> list[int]:
    """Return the trials of the best few configurations that can be run again, the best first.

    One whose values changed on the way, as those of a population do, is no configuration; nor is one that lacks a
    value of a parameter that the space learned later.
    """
    found: list[int] = []
    for ranked in best.ranking(table):
        row = ranked.row
        x = table.x[row]
        parent = int(table.parent[row])
        while parent >= 0 and same(table.x[parent], x):
            parent = int(table.parent[parent])
        if parent < 0 and not (table.space.active(x) & np.isnan(x)).any():
            found.append(row)
        if len(found) == most:
            break
    return found


class SearchOver:
    """The rule of whoever wants no more search."""

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:  # noqa: ARG002 - the protocol's signature
        return Verdict(stop=True, reason="the search is over", rule=SEARCH_OVER, remaining=0)
