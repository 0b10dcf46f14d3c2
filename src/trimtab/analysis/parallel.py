"""Which configurations did well? Every trial as a line across all parameters, the best on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.card import Answer, Card, NotApplicable, listed, text
from trimtab.analysis.indices import free_columns
from trimtab.analysis.sample import FEW, Sample, sample_of, too_few
from trimtab.analysis.tops import divergences
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.parameter import CATEGORICAL, ORDINAL
from trimtab.space.problem import Problem
from trimtab.space.space import Space

TITLE = "Which configurations did well?"

LINES: Final = 200
"""Trials drawn: half the best, half an even choice of the others. More make a felt."""

MOST: Final = 9
"""Parameters drawn: those that tell the best trials most. As many as have room side by side."""

TOP: Final = 0.1
"""The best tenth is what the sentence is about."""


@dataclass(frozen=True, slots=True)
class Parallel:
    """The lines.

    Attributes:
        names: [k] parameters, in the order of the space.
        numbers: [n] trials drawn, from the worst to the best.
        u: [n, k] their values as places in [0, 1], nan where not active.
        values: [n] the metric.
        ranges: of each parameter, the least and the largest value among the best tenth of all trials, in words.
    """

    names: tuple[str, ...]
    numbers: Ints
    u: Floats
    values: Floats
    ranges: tuple[tuple[str, str], ...]


@quiet()
def parallel(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with trials as lines, coloured by the metric."""
    space = problem.space
    sample = sample_of(problem, table, metric)
    if len(sample) < FEW:
        return too_few("parallel", TITLE, table, len(sample), FEW)
    columns = free_columns(space)
    if not len(columns):
        return NotApplicable("parallel", TITLE, "No parameter may vary.")
    if len(columns) > MOST:
        tells = np.nan_to_num(divergences(space, sample.x, sample.losses)[columns], nan=-1.0)
        columns = np.sort(columns[np.argsort(-tells, kind="stable")[:MOST]])
    order = np.argsort(sample.losses, kind="stable")
    others = order[LINES // 2 :]
    kept = np.concatenate([order[: LINES // 2], others[fig.thinned(len(others), most=LINES // 2)]])[::-1]
    top = order[: max(1, int(np.ceil(TOP * len(order))))]
    data = Parallel(
        tuple(space.names[c] for c in columns.tolist()),
        sample.rows[kept],
        space.to_unit(sample.x[kept])[:, columns],
        sample.values[kept],
        tuple(_range(space, c, sample.x[top, c]) for c in columns.tolist()),
    )
    return Card("parallel", TITLE, _sentence(data, sample, len(top)), data, _figure(space, columns, data, sample))


def _range(space: Space, column: int, codes: Floats) -> tuple[str, str]:
    known = codes[~np.isnan(codes)]
    if not len(known):
        return "", ""
    parameter = space.parameters[column]
    if parameter.kind == CATEGORICAL:
        used, counts = np.unique(known, return_counts=True)
        return _said(parameter.value(float(used[np.argmax(counts)]))), ""
    return _said(parameter.value(float(known.min()))), _said(parameter.value(float(known.max())))


def _said(value: object) -> str:
    return text(value) if isinstance(value, float) else str(value)


def _sentence(data: Parallel, sample: Sample, n_top: int) -> str:
    said = [
        f"{name} {low} to {high}" if high else f"{name} mostly {low}"
        for name, (low, high) in zip(data.names, data.ranges, strict=True) if low
    ]  # fmt: skip
    who = "best trial has" if n_top == 1 else f"best {n_top:,} of {len(sample):,} trials have"
    if n_top == 1:
        said = [f"{name} = {low}" for name, (low, _) in zip(data.names, data.ranges, strict=True) if low]
    return f"The {who} {listed(said, most=4)}."


def _figure(space: Space, columns: Ints, data: Parallel, sample: Sample) -> fig.Figure:
    k, n = len(columns), len(data.numbers)
    share = np.linspace(1.0, 0.0, n) if n > 1 else np.zeros(n)
    lows, highs = zip(*(_ends(space, c) for c in columns.tolist()), strict=True)
    at = np.arange(k, dtype=np.float64)
    panel = fig.Panel(
        marks=(
            fig.Strands(y=data.u, share=share, label=f"{sample.metric.name}, by rank"),
            fig.Words(x=at, y=np.ones(k), texts=highs),
            fig.Words(x=at, y=np.zeros(k), texts=lows, above=False),
        ),
        x=fig.Axis(
            scale=fig.PLACES, low=-0.4, high=k - 0.6, ticks=tuple((float(i), name) for i, name in enumerate(data.names))
        ),
        y=fig.Axis(low=-0.08, high=1.08, is_shown=False),
    )
    return fig.Figure(
        panels=(panel,), label=f"{n:,} trials as lines across {k} parameters, coloured by {sample.metric.name}"
    )


def _ends(space: Space, column: int) -> tuple[str, str]:
    parameter = space.parameters[column]
    if parameter.kind in (CATEGORICAL, ORDINAL):
        return _said(parameter.value(0.0)), _said(parameter.value(float((parameter.n_values or 1) - 1)))
    return text(float(parameter.low)), text(float(parameter.high))  # type: ignore[attr-defined]  # a number has ends
