"""What did it cost? The best value against what was spent, and what a trial takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, percent, text
from trimtab.analysis.sample import Sample, sample_of
from trimtab.analysis.timeline import duration
from trimtab.arrays import Floats
from trimtab.ledger.table import FAILED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "What did it cost?"


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent.

    Attributes:
        unit: "s" for seconds of trials, else the cost metric's name or "cost".
        total: all trials together; on_failed: of that, on those that failed.
        each: [n] what trials took, those that are known.
        spent: [b] what had been spent when results came, all trials that were over by then; best: [b] the best then.
    """

    unit: str
    total: float
    on_failed: float
    each: Floats
    spent: Floats
    best: Floats


@quiet()
def cost(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with what was spent, in the unit of the study's cost, or else in seconds of trials."""
    sample = sample_of(problem, table, metric)
    order = table.order
    unit, column = ("s", table.seconds)
    if np.isfinite(table.cost[order]).any():
        unit, column = problem.cost or "cost", table.cost
    each = column[order]
    if not np.isfinite(each).any():
        said = "No trial is over yet." if len(table) else "No trial was asked for yet."
        return NotApplicable("cost", TITLE, said if not len(order) else "It is not known what trials took.")
    spent = np.cumsum(np.where(np.isfinite(each), each, 0.0))
    at = np.full(len(table), np.nan)
    at[order] = spent
    losses = np.where(sample.ok, sample.losses, np.inf)
    best = np.minimum.accumulate(losses) if len(losses) else losses
    changed = np.flatnonzero(np.diff(best, prepend=np.inf) < 0)
    failed = table.state[order] == FAILED
    data = Cost(
        unit,
        float(spent[-1]),
        float(np.where(failed & np.isfinite(each), each, 0.0).sum()),
        each[np.isfinite(each)],
        np.append(at[sample.rows[changed]], spent[-1]) if len(changed) else np.zeros(0),
        np.append(best[changed], best[-1]) * sample.metric.sign if len(changed) else np.zeros(0),
    )
    return Card("cost", TITLE, _sentence(data), data, _figure(data, sample))


def _amount(value: float, unit: str) -> str:
    return duration(value) if unit == "s" else f"{text(value)} {unit}"


def _sentence(data: Cost) -> str:
    middle = float(np.median(data.each))
    said = (
        f"{counted(len(data.each), 'trial')} took {_amount(data.total, data.unit)} together, "
        f"{_amount(middle, data.unit)} each in the middle"
    )
    if data.total > 0 and data.on_failed > 0:
        said += f"; {percent(data.on_failed / data.total)} went into trials that failed"
    if len(data.spent) > 1 and data.total > 0:
        said += f". The best came after {percent(float(data.spent[-2]) / data.total)} of it"
    return f"{said}."


def _figure(data: Cost, sample: Sample) -> fig.Figure:
    what = "seconds of trials" if data.unit == "s" else data.unit
    panels = []
    if len(data.spent):
        kept = fig.thinned(len(data.spent), (len(data.spent) - 1,))
        panels.append(
            fig.Panel(
                marks=(fig.Line(x=data.spent[kept], y=data.best[kept], is_step=True, name="best so far"),),
                x=fig.Axis(label=f"{what}, all trials together"),
                y=metric_axis(sample.metric, data.best),
            )
        )
    top = float(np.quantile(data.each, 0.99))
    inside = data.each[data.each <= top]
    counts, edges = np.histogram(inside, bins=min(30, max(5, int(np.sqrt(len(inside))))))
    histogram = fig.Columns(left=edges[:-1], right=edges[1:], value=counts.astype(np.float64))
    panels.append(fig.Panel(marks=(histogram,), x=fig.Axis(label=f"{what} of a trial"), y=fig.Axis(label="trials")))
    return fig.Figure(panels=tuple(panels), columns=len(panels), label=f"The best {sample.metric.name} against {what}")
