"""How did the best value come about? Results in the order in which trials ended, the best so far, its honest figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, counted, text
from trimtab.analysis.honest import Honest, honest_of, last_runs
from trimtab.analysis.response import response_of
from trimtab.analysis.sample import Sample, sample_of, too_few
from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "How did the best value come about?"

LATE = 5
"""A best value that did not change for the last fifth of the trials is said to stand. By taste."""


@dataclass(frozen=True, slots=True)
class History:
    """Results in the order in which they came.

    Attributes:
        numbers: [n] trials; values: [n] what they gave; ok: [n] whether they met all constraints.
        best: [n] the best value so far, nan until a trial met all constraints.
        improved: places at which it changed.
        honest: the best value, and what it is likely to give again; None without any.
    """

    numbers: Ints
    values: Floats
    ok: Bools
    best: Floats
    improved: Ints
    honest: Honest | None


@quiet()
def history(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with results, the best so far, and the honest figure of the best."""
    sample = sample_of(problem, table, metric)
    if not len(sample):
        return too_few("history", TITLE, table, 0, 1)
    sign = sample.metric.sign
    losses = np.where(sample.ok, sample.losses, np.inf)
    running = np.minimum.accumulate(losses)
    best = np.where(np.isfinite(running), running * sign, np.nan)
    improved = np.flatnonzero(np.diff(running, prepend=np.inf) < 0)
    place = sample.best
    honest = last_runs(table, sample)
    if honest is None and place is not None:
        honest = honest_of(sample, place, response_of(problem.space, sample))
    data = History(sample.rows, sample.values, sample.ok, best, improved, honest)
    return Card("history", TITLE, _sentence(data, sample.metric.name, sample.at), data, _figure(data, sample))


def _sentence(data: History, name: str, at: str) -> str:
    n, honest = len(data.values), data.honest
    where = f" {at}" if at else ""
    if honest is None:
        return f"None of {counted(n, 'result')}{' at' + where if at else ''} meets the constraints."
    if honest.by == "last":
        between = f"{text(honest.low)} to {text(honest.high)}"
        return (
            f"{honest.n_runs} fresh runs of the winner gave {name} = {text(honest.expected)} ({between}), where the "
            f"search had seen {text(honest.seen)}."
        )
    said = f"The best {name} is {text(honest.seen)}, of trial {honest.number}"
    if at:
        said += f" (at {at})"
    last = int(data.improved[-1]) + 1
    if n > 1:
        said += f", found as result {last:,} of {n:,}"
        said += "; it has stood since" if (n - last) * LATE >= n else ""
    if honest.by == "seen":
        return f"{said}."
    how = f"the mean of its {honest.n_runs} runs" if honest.by == "repeats" else "by the model of all trials"
    between = f"{text(honest.low)} to {text(honest.high)}, {how}"
    return f"{said}. Run again, it is likely to give {text(honest.expected)} ({between})."


def _figure(data: History, sample: Sample) -> fig.Figure:

    n = len(data.values)
    at = np.arange(1, n + 1, dtype=np.float64)
    kept = fig.thinned(n, data.improved)
    ok = data.ok[kept]
    marks: list[fig.Mark] = []
    for mask, name, tone, shape in ((ok, "results", "quiet", "dot"), (~ok, "missed a constraint", "bad", "cross")):
        if mask.any():
            part = kept[mask]
            marks.append(
                fig.Points(
                    x=at[part], y=data.values[part], name=name, tone=tone, shape=shape, numbers=data.numbers[part]
                )
            )
    if np.isfinite(data.best).any():
        steps = np.append(data.improved, n - 1)
        marks.append(fig.Line(x=at[steps], y=data.best[steps], name="best so far", is_step=True))
    honest = data.honest
    if honest is not None and honest.by != "seen":
        x = np.array([1.0, float(n)])
        marks.append(fig.Band(x=x, low=np.full(2, honest.low), high=np.full(2, honest.high), tone="second"))
        marks.append(fig.Rule(at=honest.expected, name="the best, run again (90 %)", tone="second"))
    panel = fig.Panel(marks=tuple(marks), x=fig.Axis(label="results, in the order in which they came"),
                      y=metric_axis(sample.metric, data.values))  # fmt: skip
    return fig.Figure(panels=(panel,), label=f"{sample.metric.name} over {counted(n, 'result')}, and the best so far")
