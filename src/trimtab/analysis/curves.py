"""How do trials learn? Their reports on the way, and why some were stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import metric_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, listed
from trimtab.analysis.groups import grouped
from trimtab.analysis.sample import Sample, metric_of, sample_of, step_place
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem

TITLE = "How do trials learn?"

DRAWN: Final = 60
"""Curves that are drawn: the best, and an even choice of the others. More make a felt."""

MOST_REASONS: Final = 5000
"""Reasons that are read, the latest."""

STEPS: Final = 200
"""Points of a curve that are drawn."""

STILL: Final = 0.05
"""A trial that gained so much of all that it gained in the last quarter of its steps might have gone on. By taste."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One trial's reports: steps [r] and values [r], averaged over folds where it has some; `end` is its state."""

    number: int
    steps: Floats
    values: Floats
    end: str


@dataclass(frozen=True, slots=True)
class CurvesData:
    """What was reported.

    Attributes:
        curves: of the trials that are drawn.
        n: trials that reported; n_stopped: trials that were stopped early.
        reasons: (why, how often), alike but for numbers.
        n_late: of the best trials drawn, those that still gained in the last quarter of their steps; n_best: how many
            these are.
    """

    curves: tuple[Curve, ...]
    n: int
    n_stopped: int
    reasons: tuple[tuple[str, int], ...]
    n_late: int
    n_best: int


@quiet()
def curves(problem: Problem, table: TrialTable, *, metric: str | None = None) -> Answer:
    """Answer with what trials reported by step, and why some were stopped."""
    which = metric_of(problem, metric)
    reports = table.curves
    rows = np.unique(reports.row).astype(np.int64)
    if not len(rows):
        said = (
            "No trial reported on its way, as trial.report(step, ...) does."
            if len(table)
            else "No trial was asked for yet."
        )
        return NotApplicable("curves", TITLE, said)
    sample = sample_of(problem, table, metric)
    best = _best_first(sample, rows)
    chosen = np.union1d(best[:5], rows[fig.thinned(len(rows), most=DRAWN)])
    column = problem.metrics.index(which)
    found = [curve for row in chosen.tolist() if (curve := _curve(table, row, column)) is not None]
    if not found:
        return NotApplicable("curves", TITLE, f"No trial reported a finite {which.name} on its way.")
    stopped = table.rows(STOPPED)
    reasons = grouped(table.reason(row) for row in stopped[-MOST_REASONS:].tolist())
    top = [curve for curve in found if curve.number in set(best[:5].tolist()) and len(curve.steps) >= 4]
    late = sum(_late_gain(curve, which) >= STILL for curve in top)
    data = CurvesData(tuple(found), len(rows), len(stopped), tuple(reasons), late, len(top))
    return Card("curves", TITLE, _sentence(data, which, problem), data, _figure(data, which, problem, best))


def _best_first(sample: Sample, rows: Ints) -> Ints:
    """Return the trials that reported, from the best result on."""
    met = np.flatnonzero(sample.ok & np.isin(sample.rows, rows))
    found: Ints = sample.rows[met[np.argsort(sample.losses[met], kind="stable")]]
    return found


def _curve(table: TrialTable, row: int, column: int) -> Curve | None:
    whole = table.curves.of(row)
    parts = [whole] if len(whole[0]) else [table.curves.of(row, fold) for fold in table.curves.folds(row)]
    steps = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1][:, column] for part in parts])
    known = np.isfinite(values)
    if not known.any():
        return None
    at, place = np.unique(steps[known], return_inverse=True)
    counts = np.bincount(place)
    means = np.bincount(place, weights=values[known] / counts[place])
    kept = fig.thinned(len(at), most=STEPS)
    return Curve(row, at[kept], means[kept].astype(np.float64), _STATES.get(int(table.state[row]), "running"))


_STATES: Final = {COMPLETE: "complete", STOPPED: "stopped", FAILED: "failed"}


def _late_gain(curve: Curve, metric: Metric) -> float:
    """Return the share of what a trial gained on its way that came in the last quarter of its steps."""
    losses = curve.values * metric.sign
    until = losses[curve.steps <= curve.steps[0] + 0.75 * (curve.steps[-1] - curve.steps[0])]
    best = float(losses.min())
    whole = float(losses[0]) - best
    return (float(until.min()) - best) / whole if whole > 0 else 0.0


def _sentence(data: CurvesData, metric: Metric, problem: Problem) -> str:
    said = f"{counted(data.n, 'trial')} reported {metric.name} on the way"
    if data.n_stopped:
        why = listed([f"{reason or 'no reason given'} ({n:,})" for reason, n in data.reasons], most=2)
        said += f"; {data.n_stopped:,} were stopped early: {why}"
    elif problem.fidelities:
        said += "; none was stopped early"
    said += "."
    if data.n_best >= 3 and data.n_late / data.n_best >= 0.6:
        said += (
            f" {data.n_late} of the best {data.n_best} were still improving in the last quarter: longer runs may give "
            "more."
        )
    return said


def _figure(data: CurvesData, metric: Metric, problem: Problem, best: Ints) -> fig.Figure:
    tones = {
        "complete": ("quiet", "complete"),
        "stopped": ("second", "stopped early"),
        "failed": ("bad", "failed"),
        "running": ("third", "running"),
    }
    first = int(best[0]) if len(best) else -1
    marks: list[fig.Mark] = []
    for curve in data.curves:
        tone, name = tones[curve.end]
        if curve.number == first:
            continue
        marks.append(fig.Line(x=curve.steps, y=curve.values, tone=tone, name=name))
        if curve.end != "complete" or len(curve.steps) == 1:
            shape = "cross" if curve.end in ("stopped", "failed") else "dot"
            marks.append(
                fig.Points(
                    x=curve.steps[-1:], y=curve.values[-1:], tone=tone, shape=shape, numbers=np.array([curve.number])
                )
            )
    for curve in data.curves:
        if curve.number == first:
            marks.append(fig.Line(x=curve.steps, y=curve.values, tone="main", name=f"the best, trial {first}"))
            if len(curve.steps) == 1:
                marks.append(fig.Points(x=curve.steps, y=curve.values, tone="main", shape="diamond"))
    step = problem.fidelities[step_place(problem)] if problem.fidelities else None
    all_values = np.concatenate([curve.values for curve in data.curves])
    x = fig.Axis(label="step" if step is None else step.name)
    panel = fig.Panel(marks=tuple(marks), x=x, y=metric_axis(metric, all_values))
    return fig.Figure(
        panels=(panel,),
        label=f"{metric.name} by step, of {counted(len(data.curves), 'trial')}",
    )
