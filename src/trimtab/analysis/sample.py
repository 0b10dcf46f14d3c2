"""The trials that an analysis looks at: those that can be compared with each other, and one metric of theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis.card import NotApplicable, counted
from trimtab.arrays import Bools, Floats, Ints
from trimtab.errors import ProblemError
from trimtab.ledger.cells import counts
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, WAITING, TrialTable
from trimtab.model.feasibility import met
from trimtab.plugins import did_you_mean
from trimtab.space.problem import Metric, Problem
from trimtab.space.problem import counted as counted_place

FEW = 3
"""Of fewer results than this no analysis says anything about parameters."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Complete trials that were run equally far, in the order in which they ended.

    Attributes:
        metric: which one is looked at; column: its place in the table.
        rows: [n] the trials.
        x: [n, D] their configurations.
        values: [n] the metric as it was told.
        losses: [n] the same, smaller is better; a constraint's are turned so that smaller is farther on its good side.
        ok: [n] whether all constraints were met.
        at: where they were run to, in words; empty without fidelities.
    """

    metric: Metric
    column: int
    rows: Ints
    x: Floats
    values: Floats
    losses: Floats
    ok: Bools
    at: str

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Ints | Bools) -> Sample:
        """Return some of them."""
        return Sample(
            self.metric, self.column, self.rows[which], self.x[which], self.values[which], self.losses[which],
            self.ok[which], self.at,
        )  # fmt: skip

    @property
    def best(self) -> int | None:
        """The place of the smallest loss among those that met every constraint; None if none did."""
        met_all = np.flatnonzero(self.ok)
        return int(met_all[np.argmin(self.losses[met_all])]) if len(met_all) else None


def metric_of(problem: Problem, name: str | None) -> Metric:
    """Return the metric of a name; the first objective for None.

    Raises:
        ProblemError: there is none of that name.
    """
    if name is None:
        return problem.objectives[0]
    for metric in problem.metrics:
        if metric.name == name:
            return metric
    known = ", ".join(problem.metric_names)
    raise ProblemError(f"there is no metric {name!r}{did_you_mean(name, problem.metric_names)}; there are: {known}.")


def step_place(problem: Problem) -> int:
    """Return which fidelity trials are shown by: the one that reports' steps are of, the first where none counts."""
    return counted_place(problem.fidelities) or 0


def sample_of(problem: Problem, table: TrialTable, metric: str | None = None) -> Sample:
    """Return the complete trials that were run to the highest fidelity of any of them.

    Of trials that continue each other without going further, the last counts. Where a constraint is the metric, trials
    that did not measure it are left out.
    """
    which = metric_of(problem, metric)
    column = problem.metrics.index(which)
    done = table.order[table.state[table.order] == COMPLETE]
    at = ""
    if problem.fidelities and len(done):
        ends = table.fidelity[done]
        top = ends[np.lexsort(ends.T[::-1])[-1]]
        done = done[(ends == top).all(axis=1)]
        at = ", ".join(f"{one.name} {end:g}" for one, end in zip(problem.fidelities, top, strict=True))
    if problem.folds is not None and len(done):  # a mean over some folds says less than one over all
        n = counts(table)[done]
        done = done[(n == n.max()) | (n == 0)]
    parents = table.parent[done]
    done = done[~np.isin(done, parents[parents >= 0])]
    values = table.y[done, column]
    known = np.isfinite(values)
    done, values = done[known], values[known]
    ok = met(problem, table.y[done])
    return Sample(which, column, done, table.x[done], values, values * which.sign, ok, at)


def too_few(question: str, title: str, table: TrialTable, n: int, need: int, what: str = "result") -> NotApplicable:
    """Return why nothing is said where n results are there and `need` are needed."""
    if not len(table):
        return NotApplicable(question, title, "No trial was asked for yet.")
    if n:
        there = "there is 1" if n == 1 else f"there are {n:,}"
        return NotApplicable(question, title, f"It takes {counted(need, what)} to say, and {there} so far.")
    n_failed, n_stopped = (int((table.state == state).sum()) for state in (FAILED, STOPPED))
    n_open = int(((table.state == RUNNING) | (table.state == WAITING)).sum())
    ends = ((n_failed, "failed"), (n_stopped, "stopped early"), (n_open, "not over"))
    parts = [f"{count:,} {verb}" for count, verb in ends if count]
    why = f": of {counted(len(table), 'trial')}, {', '.join(parts)}" if parts else ""
    return NotApplicable(question, title, f"No trial gave a result that can be compared{why}.")
