"""The median stopping rule (Golovin et al., 2017, "Google Vizier", section 3.2.1)."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.ledger.columns import Column
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.schedule.protocol import Fresh, Halt, Request
from trimtab.schedule.rungs import check_count, check_low, is_whole_otherwise, uncounted
from trimtab.space.problem import Problem, counted

MOST_STEPS = 256
"""Steps of which the averages are kept: with 20,000 trials 40 MB. Those of others are computed when they are needed."""


class Median:
    """Ends a trial whose best loss by a step is worse than the median of what others had on average up to that step.

    The others are the trials that are complete, at whatever steps they reported; the average is over their reports.
    Of several objectives the first counts. It needs no declared fidelity: a report's step is enough.

    Args:
        at_least: with so many complete trials to compare with the first is stopped: Vizier's users are told five, as
            Optuna's are.
        low: at steps below none is stopped; None for any step.

    Raises:
        ProblemError: an option that cannot be.

    Example:
        >>> Median().to_json()
        {'name': 'median', 'at_least': 5, 'low': None}
    """

    ends_diverged = True

    def __init__(self, at_least: int = 5, low: float | None = None) -> None:
        self.at_least = check_count("Median", "at_least", at_least)
        self.low = check_low("Median", low)
        self._averages = _Averages()

    def assign(self, table: TrialTable, request: Request) -> Fresh:  # noqa: ARG002 - the protocol's signature
        return Fresh(table.problem.whole)

    def judge(self, table: TrialTable, row: int) -> Halt | None:
        reports = table.curves.reports(row)
        fidelities = table.problem.fidelities
        if not len(reports) or (fidelities and counted(fidelities) is None):
            return None
        if not is_whole_otherwise(table, np.array([row]))[0]:
            return None
        step = float(table.curves.step[reports[-1]])
        if self.low is not None and step < self.low:
            return None
        metric = table.problem.objectives[0]
        at, losses = table.loss_curve(row)
        mine = losses[at <= step, table.problem.metrics.index(metric)]
        averages = self._averages.up_to(table, step)
        if len(averages) < self.at_least or np.isnan(mine).all():
            return None
        best, median = float(np.nanmin(mine)), float(np.median(averages))
        if not best > median:
            return None
        return Halt(
            f"stopped at step {step:g}: its best {metric.name} so far, {best * metric.sign:.4g}, is worse than the "
            f"median of what {len(averages)} complete trials had on average by then, {median * metric.sign:.4g}"
        )

    def needs(self, problem: Problem) -> str:
        return uncounted(problem)

    def may_continue(self, table: TrialTable) -> Bools:
        return np.zeros(len(table), dtype=np.bool_)

    def to_json(self) -> dict[str, object]:
        return {"name": "median", "at_least": self.at_least, "low": self.low}


class _Averages:
    """What complete trials had on average up to a step: of each step that was asked for, in the order of their ends.

    It is brought up to date with each table that goes on from the one before, else made anew.
    """

    def __init__(self) -> None:
        self._problem: Problem | None = None
        self._head = 0
        self._known: dict[float, tuple[int, Column]] = {}

    def up_to(self, table: TrialTable, step: float) -> Floats:
        """Return [n] the average first loss of each complete trial that reported by then."""
        if self._problem is not table.problem or table.head < self._head:
            self._problem, self._known = table.problem, {}
        self._head = table.head
        n, averages = self._known.pop(step, (0, Column(np.float64)))
        index = table.problem.metrics.index(table.problem.objectives[0])
        new = table.order[n:]
        for row in new[(table.state[new] == COMPLETE) & is_whole_otherwise(table, new)].tolist():
            at, losses = table.loss_curve(row)
            theirs = losses[at <= step, index]
            known = theirs[~np.isnan(theirs)]
            if len(known):
                averages.add(float(np.mean(np.clip(known, -1e300, 1e300))))
        self._known[step] = len(table.order), averages  # the last that was asked for is the last to go
        if len(self._known) > MOST_STEPS:
            del self._known[next(iter(self._known))]
        view: Floats = averages.view
        return view
