"""Can the model be believed? Each result against what a model of the results before it expected (Dawid, 1984)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, percent
from trimtab.analysis.honest import Z
from trimtab.analysis.response import NEEDED, response_of
from trimtab.analysis.sample import sample_of, too_few
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem

TITLE = "Can the model be believed?"

FIRST: Final = 16
"""Results before the first forecast: of fewer a model is mostly its prior."""

BLOCKS: Final = 4
"""Times that a model is made anew, each for the results that come until the next."""

ROWS: Final = 120
"""Results forecast in each block, an even choice."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Forecasts and what came.

    Attributes:
        numbers: [n] trials.
        expected, low, high: [n] what was expected, with 90 % intervals; came: [n] what came.
        coverage: the share of results within their interval, where 90 % should be.
        explained: the share of their variance that forecasts explain; below 0 where their mean would be nearer.
    """

    numbers: Ints
    expected: Floats
    low: Floats
    high: Floats
    came: Floats
    coverage: float
    explained: float


@quiet()
def calibration(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with forecasts of results by models of those before them."""
    sample = sample_of(problem, table, metric)
    n = len(sample)
    if n < FIRST + NEEDED:
        return too_few("calibration", TITLE, table, n, FIRST + NEEDED)
    edges = np.unique(np.geomspace(FIRST, n, BLOCKS + 1).astype(np.int64))
    parts: list[tuple[Ints, Floats, Floats]] = []
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        response = response_of(problem.space, sample.take(np.arange(begin)))
        if response is None:
            continue
        rows = begin + fig.thinned(end - begin, most=ROWS)
        mean, deviation = response.predict(sample.x[rows])
        parts.append((rows, mean, np.hypot(deviation, response.noise)))
    if not parts:
        return NotApplicable(
            "calibration", TITLE, "All results are equal, or all configurations: there is nothing to foretell."
        )
    rows, mean, deviation = (np.concatenate(column) for column in zip(*parts, strict=True))
    came = sample.losses[rows]
    inside = np.abs(came - mean) <= Z * deviation
    spread = float(np.square(came - np.median(came)).clip(max=1e300).mean())
    explained = 1.0 - float(np.square(came - mean).clip(max=1e300).mean()) / spread if spread > 0 else float("nan")
    sign = sample.metric.sign
    ends = np.sort(np.stack([(mean - Z * deviation) * sign, (mean + Z * deviation) * sign]), axis=0)
    data = Calibration(sample.rows[rows], mean * sign, ends[0], ends[1], came * sign, float(inside.mean()), explained)
    return Card("calibration", TITLE, _sentence(data), data, _figure(data, sample.metric))


def _sentence(data: Calibration) -> str:
    within = (
        f"{percent(data.coverage)} of {counted(len(data.came), 'result')} lay within the 90 % intervals that a model "
        "of the results before them gave"
    )
    width = 1.645 * np.sqrt(0.09 / len(data.came))
    if data.coverage < 0.9 - width - 0.05:
        verdict = "its intervals are too narrow"
    elif data.coverage > 0.9 + width + 0.02:
        verdict = "its intervals are rather too wide"
    else:
        verdict = "its intervals can be believed"
    tells = (
        f"its forecasts explain {percent(data.explained)} of the differences"
        if data.explained > 0.05
        else "its forecasts say little of the differences between them"
    )
    return f"{within}: {verdict}, and {tells}."


def _figure(data: Calibration, metric: Metric) -> fig.Figure:
    kept = fig.thinned(len(data.came), most=300)
    axis = metric_axis(metric, np.concatenate([data.came, data.expected]))
    both = np.concatenate([data.came[kept], data.expected[kept]])
    ends = np.array(
        [axis.low if axis.low is not None else both.min(), axis.high if axis.high is not None else both.max()]
    )
    lines = [
        fig.Line(x=np.array([e, e]), y=np.array([low, high]), tone="quiet")
        for e, low, high in zip(
            data.expected[kept][:120].tolist(),
            data.low[kept][:120].tolist(),
            data.high[kept][:120].tolist(),
            strict=True,
        )
    ]
    inside = (data.came >= data.low) & (data.came <= data.high)
    marks: list[fig.Mark] = [*lines, fig.Line(x=ends, y=ends, tone="quiet", is_dashed=True, name="as expected")]
    for mask, name, tone, shape in (
        (inside, "within its interval", "main", "dot"),
        (~inside, "outside", "bad", "cross"),
    ):
        part = kept[mask[kept]]
        if len(part):
            marks.append(
                fig.Points(
                    x=data.expected[part],
                    y=data.came[part],
                    name=name,
                    tone=tone,
                    shape=shape,
                    numbers=data.numbers[part],
                )
            )
    ax = fig.Axis(label=f"{metric.name} that was expected", scale=axis.scale, low=axis.low, high=axis.high)
    ay = fig.Axis(label=f"{metric.name} that came", scale=axis.scale, low=axis.low, high=axis.high)
    return fig.Figure(
        panels=(fig.Panel(marks=tuple(marks), x=ax, y=ay),), label=f"{metric.name} that came against what was expected"
    )
