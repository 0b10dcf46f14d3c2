"""Which parameters matter? By the model of all trials, by what tells the best ones, and on the way from the default."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.ablation import Path, ablation
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, listed, percent, text
from trimtab.analysis.indices import free_columns, indices_of
from trimtab.analysis.response import NEEDED, Response, response_of
from trimtab.analysis.sample import Sample, sample_of, too_few
from trimtab.analysis.tops import divergences
from trimtab.arrays import Floats
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "Which parameters matter?"

MOST_SHOWN = 20
"""Bars of a picture; the data have all."""

MATTERS = 0.05
"""A parameter with a smaller index is said not to matter, if its interval ends below twice as much. By taste."""

UNKNOWN = 0.2
"""A model that foretells less than this share of the variance of left-out results says nothing of parameters."""


@dataclass(frozen=True, slots=True)
class Importance:
    """One parameter.

    Attributes:
        name: of the parameter.
        share: the share of the loss's variance, over the whole space, that it takes part in (total Sobol index);
            low, high: a 90 % interval.
        at_the_top: its share of what tells the best tenth of the trials from all (PED-ANOVA); nan where not known.
        active: the share of the trials in which it was active.
    """

    name: str
    share: float
    low: float
    high: float
    at_the_top: float
    active: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """What two parameters do together, beyond what each does alone, as a share of the variance with a 90 % interval."""

    names: tuple[str, str]
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Importances:
    """What matters.

    Attributes:
        parameters: from the most important on.
        interactions: of pairs of the most important ones, the strongest first.
        path: from the default to the best; None without a best.
        explained: the share of the variance of left-out results that the model foretells.
        n: results that it rests on.
    """

    parameters: tuple[Importance, ...]
    interactions: tuple[Interaction, ...]
    path: Path | None
    explained: float
    n: int


@quiet()
def importance(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with each parameter's share of the variance, with intervals."""
    sample = sample_of(problem, table, metric)
    if len(sample) < NEEDED:
        return too_few("importance", TITLE, table, len(sample), NEEDED)
    if not len(free_columns(problem.space)):
        return NotApplicable("importance", TITLE, "No parameter may vary.")
    if sample.losses.min() == sample.losses.max():
        every = (
            f"All {len(sample):,} results are equal, {text(float(sample.values[0]))}: no parameter made a difference."
        )
        return NotApplicable("importance", TITLE, every)
    response = response_of(problem.space, sample)
    if response is None:
        return NotApplicable("importance", TITLE, f"It takes {NEEDED} different configurations to say.")
    data = _importances(response, sample)
    said = _sentence(data, sample.metric.name)
    others = [one.name for one in problem.objectives if one.name != sample.metric.name]
    if metric is None and others:
        said += f" Of {listed(others)} metric= says the same (--metric)."
    return Card("importance", TITLE, said, data, _figure(data, sample.metric.name))


def _importances(response: Response, sample: Sample) -> Importances:
    space = response.space
    found = indices_of(response)
    tops = divergences(space, sample.x, sample.losses)
    active = 1.0 - np.isnan(sample.x).mean(axis=0)
    columns = free_columns(space)
    order = columns[np.argsort(-found.total[columns], kind="stable")].tolist()
    parameters = tuple(
        Importance(space.names[i], *(float(part[i]) for part in (found.total, found.low, found.high, tops, active)))
        for i in order
    )
    pairs = tuple(
        Interaction(
            (space.names[found.pairs[k][0]], space.names[found.pairs[k][1]]),
            *(float(part[k]) for part in (found.together, found.together_low, found.together_high)),
        )
        for k in np.argsort(-found.together, kind="stable").tolist()
    )
    place = sample.best
    path = None if place is None else ablation(response, sample.x[place])
    return Importances(parameters, pairs, path, response.explained, len(sample))


def _sentence(data: Importances, name: str) -> str:
    if data.explained < UNKNOWN:
        return (
            f"{counted(data.n, 'result')} do not tell which parameters matter for {name}: a model of them foretells "
            f"{percent(max(0.0, data.explained))} of what a left-out one gives. More trials, or less noise, would."
        )
    main = [one for one in data.parameters if one.share >= MATTERS]
    idle = [one.name for one in data.parameters if one.share < MATTERS and one.high < 2 * MATTERS]
    if main:
        one = main[0]
        between = f"{percent(one.low)} to {percent(one.high)}"
        first = f"{one.name} takes part in {percent(one.share)} of what makes {name} vary ({between})"
        rest = listed([f"{one.name} in {percent(one.share)}" for one in main[1:]])
        said = f"{first}, {rest}." if rest else f"{first}."
    else:
        said = f"No parameter stands out for {name}."
    if idle:
        said += f" {listed(idle)} {'makes' if len(idle) == 1 else 'make'} no difference that can be seen."
    if data.interactions and data.interactions[0].low > MATTERS:
        pair = data.interactions[0]
        said += f" {pair.names[0]} and {pair.names[1]} depend on each other ({percent(pair.share)})."
    return said


def _figure(data: Importances, name: str) -> fig.Figure:
    shown = data.parameters[:MOST_SHOWN][::-1]
    bars = fig.Bars(
        value=_column(shown, "share"),
        low=_column(shown, "low"),
        high=_column(shown, "high"),
        name="all trials (total Sobol index, 90 %)",
    )
    tops = _column(shown, "at_the_top")
    places = np.arange(len(shown), dtype=np.float64)
    marks: list[fig.Mark] = [bars]
    if np.isfinite(tops).any():
        marks.append(
            fig.Points(x=tops, y=places, name="what tells the best tenth (PED-ANOVA)", tone="second", shape="diamond")
        )
    ticks = tuple((float(i), one.name) for i, one in enumerate(shown))
    panels = [
        fig.Panel(
            marks=tuple(marks),
            x=fig.Axis(label=f"share of the variance of {name}", low=0.0, high=1.0, ticks=_TENTHS),
            y=fig.Axis(scale=fig.PLACES, low=-0.6, high=len(shown) - 0.4, ticks=ticks),
        )
    ]
    return fig.Figure(
        panels=tuple(panels), label=f"The share of the variance of {name} that each parameter takes part in"
    )


_TENTHS = tuple((i / 5, f"{i * 20} %") for i in range(6))


def _column(shown: tuple[Importance, ...], key: str) -> Floats:
    return np.array([getattr(one, key) for one in shown], dtype=np.float64)
