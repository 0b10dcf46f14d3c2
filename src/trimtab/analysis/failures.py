"""Where and why do trials fail? Causes by kind and text, and the region of the space where they are at home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.axes import parameter_axis
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, listed
from trimtab.analysis.groups import Region, region_of, same_but_numbers
from trimtab.arrays import Bools, Ints
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem
from trimtab.space.space import Space

TITLE = "Where and why do trials fail?"

MOST_TEXTS: Final = 5000
"""Errors that are read, the latest: reading each of a hundred thousand takes seconds and says nothing new."""

MOST_CAUSES: Final = 8
"""Causes that are shown; the data have all."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures of one kind whose errors differ only in numbers and paths.

    Attributes:
        kind: of failure; error: what the errors have in common; n: how many; example: the first trial.
    """

    kind: str
    error: str
    n: int
    example: int


@dataclass(frozen=True, slots=True)
class Failures:
    """What failed.

    Attributes:
        n, n_over: failed trials, and all that are over.
        causes: the most frequent first.
        region: where failures are at home; None where nothing tells.
    """

    n: int
    n_over: int
    causes: tuple[Cause, ...]
    region: Region | None


@quiet()
def failures(problem: Problem, table: TrialTable) -> Answer:
    """Answer with the causes of failures, and where in the space they happen."""
    over = table.rows(COMPLETE, STOPPED, FAILED)
    failed = table.state[over] == FAILED
    n = int(failed.sum())
    if not len(over):
        return NotApplicable(
            "failures", TITLE, "No trial is over yet." if len(table) else "No trial was asked for yet."
        )
    if not n:
        return NotApplicable("failures", TITLE, f"None of {counted(len(over), 'trial')} failed.")
    region = region_of(problem.space, table.x[over], failed)
    data = Failures(n, len(over), tuple(_causes(table, over[failed])), region)
    return Card("failures", TITLE, _sentence(data), data, _figure(problem.space, table, over, failed, data))


def _causes(table: TrialTable, rows: Ints) -> list[Cause]:
    found: dict[tuple[str, str], Cause] = {}
    for row in rows[-MOST_TEXTS:].tolist():
        key = FAILURE_KINDS[int(table.failure[row])], same_but_numbers(table.error(row))
        before = found.get(key)
        found[key] = Cause(*key, 1, row) if before is None else Cause(*key, before.n + 1, before.example)
    return sorted(found.values(), key=lambda cause: (-cause.n, cause.example))


def _sentence(data: Failures) -> str:
    causes = [
        f"{cause.n:,} x {cause.kind}" + (f" ({_short(cause.error)})" if cause.error else "") for cause in data.causes
    ]
    said = f"{data.n:,} of {counted(data.n_over, 'trial')} failed: {listed(causes, most=2)}."
    region = data.region
    if data.n == data.n_over:
        return said
    if region is None:
        return f"{said} No single parameter tells where."
    return (
        f"{said} Mostly where {region.said}: {region.inside:,} of {region.n_inside:,} failed there, "
        f"{region.outside:,} of {region.n_outside:,} elsewhere."
    )


def _short(error: str, most: int = 80) -> str:
    return error if len(error) <= most else f"{error[: most - 1]}…"


def _figure(space: Space, table: TrialTable, over: Ints, failed: Bools, data: Failures) -> fig.Figure:
    shown = data.causes[:MOST_CAUSES][::-1]
    names = tuple(
        (float(i), f"{cause.kind}: {cause.error}" if cause.error else cause.kind) for i, cause in enumerate(shown)
    )
    bars = fig.Bars(value=np.array([cause.n for cause in shown], dtype=np.float64), tone="bad")
    panels = [
        fig.Panel(
            marks=(bars,),
            x=fig.Axis(label="trials that failed so"),
            y=fig.Axis(scale=fig.PLACES, low=-0.6, high=len(shown) - 0.4, ticks=names),
        )
    ]
    if data.region is not None:
        column = data.region.column
        known = np.flatnonzero(~np.isnan(table.x[over, column]))
        part = known[fig.thinned(len(known), most=800)]
        spread = 0.6 * ((over[part] * 0.6180339887) % 1.0 - 0.5)  # side by side, as the trial's number falls
        marks = tuple(
            fig.Points(
                x=table.x[over[part], column][mask], y=(place + spread[mask]).astype(np.float64), name=name, tone=tone,
                shape=shape, numbers=over[part][mask],
            )
            for mask, place, name, tone, shape in (
                (~failed[part], 0.0, "went well", "quiet", "dot"), (failed[part], 1.0, "failed", "bad", "cross")
            )
        )  # fmt: skip
        lanes = fig.Axis(scale=fig.PLACES, low=-0.6, high=1.6, ticks=((0.0, "went well"), (1.0, "failed")))
        panels.append(fig.Panel(marks=marks, x=parameter_axis(space, column), y=lanes))
    return fig.Figure(panels=tuple(panels), label=f"Causes of {counted(data.n, 'failure')}")
