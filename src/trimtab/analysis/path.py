"""The question of what made the best better than the default: `ablation` as a card."""

from __future__ import annotations

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.ablation import Path, ablation
from trimtab.analysis.card import Answer, Card, NotApplicable, listed, percent, text
from trimtab.analysis.honest import Z
from trimtab.analysis.response import NEEDED, response_of
from trimtab.analysis.sample import sample_of, too_few
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem

TITLE = "What made the best better than the default?"

MOST_SHOWN = 12
MATERIAL = 0.05
"""Changes shown; a change that gains less than this share of the whole is not named. By taste."""


@quiet()
def path(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with the changes from the default configuration to the best, in the order in which they gain most."""
    sample = sample_of(problem, table, metric)
    place = sample.best
    if len(sample) < NEEDED or place is None:
        return too_few("path", TITLE, table, len(sample), NEEDED)
    response = response_of(problem.space, sample)
    if response is None:
        return NotApplicable(
            "path", TITLE, "All results are equal, or all configurations: no change made a difference."
        )
    data = ablation(response, sample.x[place])
    if not data.steps:
        return NotApplicable("path", TITLE, "The best configuration is the default one.")
    return Card("path", TITLE, _sentence(data, sample.metric), data, _figure(data, sample.metric))


def _sentence(data: Path, metric: Metric) -> str:
    begin, end = data.begin * metric.sign, (data.begin - data.gain) * metric.sign
    said = f"By the model, {metric.name} goes from {text(begin)} at the default to {text(end)} at the best"
    if not data.is_sure:
        return f"{said}; that is no more than is uncertain of the default (± {text(Z * data.deviation)})."
    gained = sum(max(step.gain, 0.0) for step in data.steps)  # what some changes lose again left out
    main = [step for step in data.steps if step.gain >= MATERIAL * gained]
    shares = [f"{step.name} = {_value(step.now)} ({percent(step.gain / gained)} of the gain)" for step in main]
    return f"{said}: {listed(shares)}." if shares else f"{said}."


def _value(value: object) -> str:
    return text(value) if isinstance(value, float) else str(value)


def _figure(data: Path, metric: Metric) -> fig.Figure:
    steps = data.steps[:MOST_SHOWN]
    names = [f"{step.name} = {_value(step.now)}" for step in steps]
    losses = np.array([data.begin, *(step.loss for step in steps)]) * metric.sign
    places = np.arange(len(losses), dtype=np.float64)[::-1]
    ticks = tuple(zip(places.tolist(), ["default", *names], strict=True))
    panel = fig.Panel(
        marks=(
            fig.Line(x=losses, y=places, tone="quiet"),
            fig.Points(x=losses, y=places, tone="main", shape="diamond"),
        ),
        x=fig.Axis(label=f"{metric.name} that is expected after each change"),
        y=fig.Axis(scale=fig.PLACES, low=-0.6, high=len(losses) - 0.4, ticks=ticks),
    )
    return fig.Figure(panels=(panel,), label=f"Expected {metric.name} from the default to the best, a change at a time")
