"""How good is a trial as a rule? The share of trials up to each value, early ones and late ones apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, counted, text
from trimtab.analysis.sample import FEW, Sample, sample_of, too_few
from trimtab.arrays import Floats
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "How good is a trial as a rule?"

APART_FROM: Final = 10
"""From so many results on, the first and the second half are told apart."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Results by size.

    Attributes:
        values: [n] sorted from the best on.
        quartiles: best, first quartile, median, third quartile, worst.
        halves: medians of the first and of the second half of the trials; None of few.
    """

    values: Floats
    quartiles: tuple[float, float, float, float, float]
    halves: tuple[float, float] | None


@quiet()
def distribution(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with the empirical distribution of results."""
    sample = sample_of(problem, table, metric)
    if len(sample) < FEW:
        return too_few("distribution", TITLE, table, len(sample), FEW)
    sign, n = sample.metric.sign, len(sample)
    losses = np.sort(sample.losses)
    quartiles = (float(value) * sign for value in _quantiles(losses, [0, 25, 50, 75, 100]))
    halves = None
    if n >= APART_FROM:
        halves = tuple(
            float(_quantiles(part, [50])[0]) * sign for part in (sample.losses[: n // 2], sample.losses[n // 2 :])
        )
    data = Distribution(losses * sign, tuple(quartiles), halves)  # type: ignore[arg-type]  # five, and two
    return Card("distribution", TITLE, _sentence(data, sample), data, _figure(data, sample))


def _quantiles(values: Floats, percents: list[int]) -> Floats:
    found: Floats = np.percentile(values, percents, method="inverted_cdf")  # no sums, which may overflow
    return found


def _sentence(data: Distribution, sample: Sample) -> str:
    best, first, middle, third, worst = map(text, data.quartiles)
    if best == worst and data.quartiles[0] == data.quartiles[4]:
        return f"All {len(sample):,} results are equal: {sample.metric.name} = {best}."
    said = (
        f"Half of {counted(len(sample), 'result')} have {sample.metric.name} between {first} and {third}, "
        f"around {middle}; the best is {best}, the worst {worst}."
    )
    if data.halves is not None:
        early, late = data.halves
        if early != late:
            turn = "better" if late * sample.metric.sign < early * sample.metric.sign else "worse"
            said += f" The later half of the trials is {turn}: {text(late)} in the middle, after {text(early)}."
    return said


def _figure(data: Distribution, sample: Sample) -> fig.Figure:
    n = len(sample)
    parts = [("all trials", sample.losses, "main", False)]
    if data.halves is not None:
        parts += [
            ("first half", sample.losses[: n // 2], "quiet", True),
            ("second half", sample.losses[n // 2 :], "second", True),
        ]
    marks = []
    for name, losses, tone, is_dashed in parts:
        values = np.sort(losses)
        kept = fig.thinned(len(values), (len(values) - 1,), most=400)
        marks.append(
            fig.Line(
                x=values[kept] * sample.metric.sign,
                y=(kept + 1) / len(values),
                name=name,
                tone=tone,
                is_step=True,
                is_dashed=is_dashed,
            )
        )
    share = fig.Axis(label="share of trials as good or better", low=0.0, high=1.0)
    panel = fig.Panel(marks=tuple(marks), x=metric_axis(sample.metric, sample.values), y=share)
    return fig.Figure(panels=(panel,), label=f"The share of trials up to each {sample.metric.name}")
