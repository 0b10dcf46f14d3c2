"""What did early looks decide? The results at each fidelity, and whether the order there holds further up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, text
from trimtab.analysis.sample import metric_of, step_place
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem

TITLE = "What did early looks decide?"

MOST: Final = 12
"""Fidelities that are shown: with more different ones, those with most results."""

FEWEST: Final = 5
"""Trials seen at two fidelities of which a rank correlation is said: with fewer it is chance."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Trials that ended at one fidelity.

    Attributes:
        at: the fidelity.
        n_complete, n_stopped: how many were run to there, and how many were stopped there.
        n_continued: how many went on from there as another trial.
        best, median: of the metric; nan without a finite one.
        agreement: the rank correlation with the same lines of descent one rung up; nan of few.
    """

    at: float
    n_complete: int
    n_stopped: int
    n_continued: int
    best: float
    median: float
    agreement: float


@quiet()
def rungs(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with results at each fidelity."""
    which = metric_of(problem, metric)
    if not problem.fidelities:
        return NotApplicable("rungs", TITLE, "The study has no fidelity: every trial is run whole.")
    over = table.rows(COMPLETE, STOPPED)
    if not len(over):
        return NotApplicable("rungs", TITLE, "No trial is complete or stopped yet.")
    place = step_place(problem)
    at = table.fidelity[over, place].copy()
    at[np.isnan(at)] = problem.fidelities[place].high
    stopped = np.flatnonzero(table.state[over] == STOPPED)
    at[stopped] = _reached(table, over[stopped], at[stopped])
    values = table.y[over, problem.metrics.index(which)]
    levels, counts = np.unique(at, return_counts=True)
    levels = np.sort(levels[np.argsort(-counts, kind="stable")[:MOST]])
    data = tuple(_rungs(table, over, at, values, levels, which))
    return Card(
        "rungs",
        TITLE,
        _sentence(data, problem.fidelities[place].name, which),
        data,
        _figure(problem, which, over, at, values, levels),
    )


def _reached(table: TrialTable, rows: Ints, at: Floats) -> Floats:
    """Return the last steps that trials reported, and where they were to end if they reported none."""
    reports = table.curves
    last = np.full(len(table), -np.inf)
    np.maximum.at(last, reports.row, reports.step)
    found = last[rows]
    return np.where(np.isfinite(found), found, at)


def _rungs(table: TrialTable, over: Ints, at: Floats, values: Floats, levels: Floats, metric: Metric) -> list[Rung]:
    parents = np.zeros(len(table), dtype=bool)
    parents[table.parent[table.parent >= 0]] = True
    by_row = np.full(len(table), np.nan)
    by_row[over] = values * metric.sign
    found = []
    for level in levels.tolist():
        mask = at == level
        rows = over[mask]
        finite = by_row[rows][np.isfinite(by_row[rows])]
        children = over[np.isin(table.parent[over], rows)]
        pairs = np.stack([by_row[table.parent[children]], by_row[children]])
        best, median = (float(np.min(finite)), float(np.median(finite))) if len(finite) else (np.nan, np.nan)
        n_complete, n_stopped = (int((table.state[rows] == state).sum()) for state in (COMPLETE, STOPPED))
        agreement = _correlation(pairs[:, np.isfinite(pairs).all(axis=0)])
        continued = int(parents[rows].sum())
        found.append(Rung(level, n_complete, n_stopped, continued, best * metric.sign, median * metric.sign, agreement))
    return found


def _correlation(pairs: Floats) -> float:
    """Return the rank correlation of [2, n]; nan of few, or where nothing differs."""
    if pairs.shape[1] < FEWEST:
        return float("nan")
    a, b = (np.unique(row, return_inverse=True)[1].reshape(-1).astype(np.float64) for row in pairs)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _sentence(data: tuple[Rung, ...], name: str, metric: Metric) -> str:
    top = data[-1]
    n_early = sum(rung.n_complete + rung.n_stopped - rung.n_continued for rung in data[:-1])
    best = f"; the best {metric.name} there is {text(top.best)}" if top.best == top.best else ""
    if not n_early and len(data) == 1:
        return f"All {counted(top.n_complete + top.n_stopped, 'trial')} ended at {name} {text(top.at)}{best}."
    said = f"{counted(n_early, 'trial')} ended before {name} {text(top.at)}, {top.n_complete:,} got there{best}."
    misled = [rung for rung in data[:-1] if rung.agreement == rung.agreement and rung.agreement < 0.5]
    sure = [rung for rung in data[:-1] if rung.agreement >= 0.5]
    if misled:
        said += f" The order at {name} {text(misled[0].at)} foretells little of that further up"
        said += f" (rank correlation {misled[0].agreement:.2f})."
    elif sure:
        said += f" The order at {name} {text(sure[0].at)} holds further up (rank correlation {sure[0].agreement:.2f})."
    return said


def _figure(problem: Problem, metric: Metric, over: Ints, at: Floats, values: Floats, levels: Floats) -> fig.Figure:
    shown = np.flatnonzero(np.isin(at, levels) & np.isfinite(values))
    part = shown[fig.thinned(len(shown), most=1000)]
    place = np.searchsorted(levels, at[part]).astype(np.float64)
    spread = 0.5 * ((over[part] * 0.6180339887) % 1.0 - 0.5)  # side by side, as the trial's number falls
    middle = np.arange(len(levels), dtype=np.float64)
    ticks = tuple((float(i), text(level)) for i, level in enumerate(levels.tolist()))
    medians = np.array(
        [np.median(values[shown][at[shown] == level]) if (at[shown] == level).any() else np.nan for level in levels]
    )
    name = problem.fidelities[step_place(problem)].name
    panel = fig.Panel(
        marks=(
            fig.Points(x=place + spread, y=values[part], tone="quiet", numbers=over[part], name="ended there"),
            fig.Line(x=middle, y=medians, name="median"),
            fig.Points(x=middle, y=medians, shape="diamond"),
        ),
        x=fig.Axis(label=name, scale=fig.PLACES, low=-0.5, high=len(levels) - 0.5, ticks=ticks),
        y=metric_axis(metric, values[shown]),
    )  # fmt: skip
    return fig.Figure(panels=(panel,), label=f"{metric.name} of trials by the {name} at which they ended")
