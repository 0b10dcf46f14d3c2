"""What does each parameter do? The observations along it, and what the model expects on average over all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis, parameter_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, listed, text
from trimtab.analysis.indices import free_columns, points
from trimtab.analysis.response import Response, response_of
from trimtab.analysis.sample import FEW, Sample, sample_of, too_few
from trimtab.analysis.tops import divergences
from trimtab.arrays import Floats, Ints, rng_at
from trimtab.ledger.table import TrialTable
from trimtab.numerics import blas
from trimtab.numerics.anova import Paths
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem
from trimtab.space.space import Space

TITLE = "What does each parameter do?"

SHOWN: Final = 6
"""Parameters that are shown where none is named: as many as one looks at."""

GRID, BASE, DRAWS = 21, 32, 4
"""Values along a parameter, configurations that are averaged over at each, functions that make the band: what two
seconds allow for six parameters."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one parameter does on average over all others, where it is active (Friedman, 2001, section 8.2).

    Attributes:
        name: of the parameter.
        at: [g] its values, as rows have them; labels: the same in words.
        mean: [g] the expected metric; low, high: [g] 90 % intervals of that.
    """

    name: str
    at: Floats
    labels: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats

    @property
    def span(self) -> float:
        """How much the parameter moves the expected metric."""
        return float(np.nanmax(self.mean) - np.nanmin(self.mean)) if np.isfinite(self.mean).any() else 0.0


@quiet()
def effects(problem: Problem, table: TrialTable, *, metric: str | None = None, parameter: str | None = None) -> Answer:
    """Answer with the observations along the parameters that tell most, and their average effects.

    Raises:
        ParamsError: there is no such parameter.
    """
    space = problem.space
    sample = sample_of(problem, table, metric)
    asked = None if parameter is None else space.column(parameter)
    if len(sample) < FEW:
        return too_few("effects", TITLE, table, len(sample), FEW)
    free = free_columns(space)
    if not len(free):
        return NotApplicable("effects", TITLE, "No parameter may vary.")
    if sample.losses.min() == sample.losses.max():
        every = f"All {len(sample):,} results are equal, {text(float(sample.values[0]))}: no parameter did anything."
        return NotApplicable("effects", TITLE, every)
    response = response_of(space, sample)
    if asked is not None:
        columns = np.array([asked])
    else:
        tells = np.nan_to_num(divergences(space, sample.x, sample.losses)[free], nan=-1.0)
        columns = free[np.argsort(-tells, kind="stable")][: SHOWN if response is None else 2 * SHOWN]
    found = [] if response is None else _effects(response, columns, sample.metric.sign)
    if found and asked is None:
        order = np.argsort([-one.span for one in found], kind="stable")[:SHOWN]
        columns, found = columns[order], [found[i] for i in order.tolist()]
    return Card("effects", TITLE, _sentence(found, sample), tuple(found), _figure(space, sample, columns, found))


def _effects(response: Response, columns: Ints, sign: float) -> list[Effect]:
    rng = rng_at(0, len(response.x), stream=22)
    base = points(response.space, BASE, rng)
    paths = response.paths(DRAWS, rng)
    with blas.one_thread():
        return [_effect(response, paths, base, column, sign) for column in columns.tolist()]


def _effect(response: Response, paths: list[Paths], base: Floats, column: int, sign: float) -> Effect:
    space = response.space
    parameter = space.parameters[column]
    n = parameter.n_values
    places = (np.arange(n) + 0.5) / n if n is not None and n <= GRID else np.linspace(0.0, 1.0, GRID)
    u = np.repeat(base[None], len(places), axis=0)
    u[:, :, column] = places[:, None]
    x = space.from_unit(u.reshape(-1, len(space)))
    counts = ~np.isnan(x[:, column])
    if space.constraints:
        counts &= space.satisfied(x)
    counts = counts.reshape(len(places), -1)
    z = response.features.embed(x)
    means = np.array([_averaged(values, counts) for path in paths for values in path(z)])
    values = (response.centre + response.unit * means) * sign
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    middle = (response.centre + response.unit * _averaged(response.posterior.mean(z), counts)) * sign
    at = np.where(counts, x[:, column].reshape(counts.shape), np.nan)
    at = np.array([row[~np.isnan(row)][0] if (~np.isnan(row)).any() else np.nan for row in at])
    known = ~np.isnan(at)
    labels = tuple(str(parameter.value(code)) for code in at[known].tolist())
    return Effect(space.names[column], at[known], labels, middle[known], low[known], high[known])


def _averaged(values: Floats, counts: Floats | np.ndarray) -> Floats:
    found: Floats = np.where(counts, values.reshape(counts.shape), 0.0).sum(axis=1) / counts.sum(axis=1)
    return found


def _sentence(found: list[Effect], sample: Sample) -> str:
    known = [one for one in found if len(one.at)]
    if not known:
        return f"Of {len(sample):,} results there is no model yet; this is {sample.metric.name} along each parameter."
    first = max(known, key=lambda one: one.span)
    best = int(np.argmin(first.mean * sample.metric.sign))
    worst = int(np.argmax(first.mean * sample.metric.sign))
    said = (
        f"On average over all else, {sample.metric.name} is best at {first.name} = {_short(first, best)} "
        f"({text(float(first.mean[best]))}) and worst at {_short(first, worst)} ({text(float(first.mean[worst]))})"
    )
    others = [one for one in known if one is not first]
    rest = [f"{one.name} = {_short(one, int(np.argmin(one.mean * sample.metric.sign)))}" for one in others]
    return f"{said}; next: {listed(rest)}." if rest else f"{said}."


def _short(effect: Effect, i: int) -> str:
    label = effect.labels[i]
    try:
        return text(float(label))
    except ValueError:
        return label


def _figure(space: Space, sample: Sample, columns: Ints, found: list[Effect]) -> fig.Figure:
    panels = []
    y = metric_axis(sample.metric, np.concatenate([sample.values, *(one.mean for one in found)]))
    kept = fig.thinned(len(sample), () if sample.best is None else (sample.best,), most=500)
    for i, column in enumerate(columns.tolist()):
        part = kept[~np.isnan(sample.x[kept, column])]
        at = sample.x[part, column]
        is_place = parameter_axis(space, column).scale == fig.PLACES
        if is_place:  # points on one place side by side, as the trial's number falls
            at = at + 0.5 * ((sample.rows[part] * 0.6180339887) % 1.0 - 0.5)
        marks: list[fig.Mark] = [
            fig.Points(x=at, y=sample.values[part], tone="quiet", numbers=sample.rows[part], name="trials")
        ]
        if found:
            one = found[i]
            if is_place:
                marks.append(fig.Points(x=one.at, y=one.mean, shape="diamond", name="expected, on average"))
                for place, low, high in zip(one.at.tolist(), one.low.tolist(), one.high.tolist(), strict=True):
                    marks.append(fig.Line(x=np.array([place, place]), y=np.array([low, high])))
            else:
                marks += [
                    fig.Band(x=one.at, low=one.low, high=one.high),
                    fig.Line(x=one.at, y=one.mean, name="expected, on average (90 %)"),
                ]
        if sample.best is not None and not np.isnan(sample.x[sample.best, column]):
            best = slice(sample.best, sample.best + 1)
            marks.append(
                fig.Points(x=sample.x[best, column], y=sample.values[best], tone="second", shape="diamond", name="best")
            )
        panels.append(fig.Panel(marks=tuple(marks), x=parameter_axis(space, column), y=y))
    names = ", ".join(space.names[column] for column in columns.tolist())
    return fig.Figure(panels=tuple(panels), columns=min(2, len(panels)), label=f"{sample.metric.name} along {names}")
