"""What does one objective cost in another? The trials that none beats in everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, text
from trimtab.analysis.sample import sample_of, too_few
from trimtab.arrays import Bools, Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.model.dominance import undominated
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem

TITLE = "What does one objective cost in another?"

CHUNK: Final = 2000
"""Rows among which fronts are found first: the front of all is among those, and each row is compared with few."""

MOST_PANELS: Final = 4


@dataclass(frozen=True, slots=True)
class FrontData:
    """The front.

    Attributes:
        names: [K] objectives.
        numbers: [f] trials on it, from the best in the first objective on; values: [f, K] what they gave.
        n_beaten: feasible trials that are not on it; n_infeasible: those that missed a constraint.
    """

    names: tuple[str, ...]
    numbers: Ints
    values: Floats
    n_beaten: int
    n_infeasible: int


@quiet()
def front(problem: Problem, table: TrialTable) -> Answer:
    """Answer with the front of several objectives."""
    objectives = problem.objectives
    if len(objectives) < 2:
        return NotApplicable(
            "front", TITLE, f"The study has one objective, {objectives[0].name}: its front is its best trial."
        )
    sample = sample_of(problem, table)
    if not len(sample):
        return too_few("front", TITLE, table, 0, 1)
    columns = [problem.metrics.index(metric) for metric in objectives]
    values = table.y[sample.rows][:, columns]
    losses = values * np.array([metric.sign for metric in objectives])
    met = np.flatnonzero(sample.ok & np.isfinite(losses).all(axis=1))
    if not len(met):
        return NotApplicable("front", TITLE, f"None of {counted(len(sample), 'result')} meets the constraints.")
    on = met[none_beats(losses[met])]
    on = on[np.lexsort(losses[on].T[::-1])]
    data = FrontData(
        tuple(metric.name for metric in objectives),
        sample.rows[on],
        values[on],
        len(met) - len(on),
        len(sample) - len(met),
    )
    is_on = np.zeros(len(sample), dtype=bool)
    is_on[on] = True
    return Card(
        "front", TITLE, _sentence(data, objectives), data, _figure(objectives, values, sample.rows, sample.ok, is_on)
    )


def none_beats(losses: Floats) -> Ints:
    """Return the rows of [n, K] that no other is as good as in every column and better in one, ascending."""
    if losses.shape[1] == 2:
        order = np.lexsort((losses[:, 1], losses[:, 0]))
        first, second = losses[order].T
        best = np.minimum.accumulate(np.append(np.inf, second[:-1]))
        same = np.append(False, (first[1:] == first[:-1]) & (second[1:] == second[:-1]))
        leads = (second < best) & ~same
        group = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
        found: Ints = np.sort(order[leads[group]])
        return found
    rows = np.arange(len(losses))
    if len(rows) > CHUNK:
        parts = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
        rows = np.concatenate([part[undominated(losses[part])] for part in parts])
    return rows[undominated(losses[rows])]


def _sentence(data: FrontData, objectives: tuple[Metric, ...]) -> str:
    n = len(data.numbers)
    if n == 1:
        each = ", ".join(f"{name} {text(float(value))}" for name, value in zip(data.names, data.values[0], strict=True))
        return f"One trial, {data.numbers[0]}, is best in everything: {each}."
    ends = [
        f"{metric.name} from {text(float(data.values[int(np.argmin(data.values[:, k] * metric.sign)), k]))} to "
        f"{text(float(data.values[int(np.argmax(data.values[:, k] * metric.sign)), k]))}"
        for k, metric in enumerate(objectives)
    ]
    return f"{n:,} trials are on the front, which no trial beats in everything: {', '.join(ends)}."


def _figure(objectives: tuple[Metric, ...], values: Floats, numbers: Ints, ok: Bools, is_on: Bools) -> fig.Figure:
    kept = fig.thinned(len(values), np.flatnonzero(is_on)[: fig.MOST_DRAWN])
    panels = []
    for k in range(1, min(len(objectives), MOST_PANELS + 1)):
        marks: list[fig.Mark] = []
        for mask, name, tone, shape in (
            (ok & ~is_on, "beaten", "quiet", "dot"),
            (~ok, "missed a constraint", "bad", "cross"),
            (is_on, "on the front", "main", "diamond"),
        ):
            part = kept[mask[kept]]
            if len(part):
                marks.append(
                    fig.Points(
                        x=values[part, 0], y=values[part, k], name=name, tone=tone, shape=shape, numbers=numbers[part]
                    )
                )
        if len(objectives) == 2:
            line = np.flatnonzero(is_on)
            line = line[np.lexsort((values[line, 1], values[line, 0]))]
            line = line[fig.thinned(len(line))]
            marks.insert(0, fig.Line(x=values[line, 0], y=values[line, 1], tone="main", is_step=False))
        x, y = (metric_axis(metric, values[ok | is_on, i]) for metric, i in ((objectives[0], 0), (objectives[k], k)))
        panels.append(fig.Panel(marks=tuple(marks), x=x, y=y))
    names = ", ".join(metric.name for metric in objectives)
    return fig.Figure(
        panels=tuple(panels), columns=1 if len(panels) == 1 else 2, label=f"Trials by {names}, and their front"
    )
