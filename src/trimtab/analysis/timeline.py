"""What were the workers doing? Who ran what when, and how much of the time nobody did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.analysis.card import Answer, Card, NotApplicable, counted, percent
from trimtab.arrays import Floats, Ints
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, STOPPED, TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

TITLE = "What were the workers doing?"

LANES: Final = 24
"""Workers that are drawn, those that ran most. As many as have room."""

CELLS: Final = 700
"""Gaps shorter than such a part of the whole are not drawn: no screen shows them."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Who ran what when. Of a trial that was run several times, the last attempt counts.

    Attributes:
        workers: from the one that ran most trials on.
        numbers, worker, begin, end: [n] trials, who ran them (a place in `workers`), and from when to when.
        busy: [w] the share of the time between the first start and the last end that each was at work.
    """

    workers: tuple[str, ...]
    numbers: Ints
    worker: Ints
    begin: Floats
    end: Floats
    busy: Floats


@quiet()
def timeline(problem: Problem, table: TrialTable) -> Answer:  # noqa: ARG001 - every question is asked with both
    """Answer with the times at which workers ran trials."""
    rows = table.rows(RUNNING, COMPLETE, STOPPED, FAILED)
    begin = table.started_at[rows]
    end = np.where(np.isnan(table.ended_at[rows]), table.now, table.ended_at[rows])
    known = np.isfinite(begin) & np.isfinite(end) & (end >= begin)
    rows, begin, end = rows[known], begin[known], end[known]
    if not len(rows):
        return NotApplicable("timeline", TITLE, "No trial was started yet.")
    names = np.array([table.worker(row) for row in rows.tolist()])
    unique, place, counts = np.unique(names, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    worker = rank[place.reshape(-1)]
    whole = float(end.max() - begin.min())
    busy = np.array([_covered(begin[worker == i], end[worker == i]) for i in range(min(len(order), 10 * LANES))])
    share = busy / whole if whole > 0 else np.ones(len(busy))
    data = Timeline(tuple(unique[order].tolist()), rows, worker, begin, end, share)
    return Card("timeline", TITLE, _sentence(data, whole), data, _figure(table, data, whole))


def _covered(begin: Floats, end: Floats) -> float:
    """Return how long at least one of the stretches lasts."""
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], np.maximum.accumulate(end[order])
    starts = np.append(True, begin[1:] > end[:-1])
    last = np.append(np.flatnonzero(starts)[1:] - 1, len(end) - 1)
    return float((end[last] - begin[starts]).sum())


def _sentence(data: Timeline, whole: float) -> str:
    n = len(data.workers)
    mean = float(data.busy.mean())
    who = "One worker" if n == 1 else f"{n:,} workers"
    work = f"at work {percent(mean)} of the time" if n == 1 else f"each at work {percent(mean)} of the time on average"
    return f"{who} ran {counted(len(data.numbers), 'trial')} in {duration(whole)}, {work}."


def duration(seconds: float) -> str:
    """Return a duration in words: `0.4 s`, `12 s`, `3.2 min`, `5.1 h`, `2.3 days`."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _figure(table: TrialTable, data: Timeline, whole: float) -> fig.Figure:
    n = min(len(data.workers), LANES)
    kinds = (
        ((COMPLETE,), "complete", "main"), ((STOPPED,), "stopped early", "second"), ((FAILED,), "failed", "bad"),
        ((RUNNING,), "running", "third"),
    )  # fmt: skip
    origin = float(data.begin.min())
    states = table.state[data.numbers]
    marks: list[fig.Mark] = []
    for codes, name, tone in kinds:
        mask = np.isin(states, codes) & (data.worker < n)
        if not mask.any():
            continue
        lane, begin, end = _merged(
            data.worker[mask], data.begin[mask], data.end[mask], whole / CELLS if mask.sum() > fig.MOST_DRAWN else 0.0
        )
        marks.append(fig.Spans(begin=begin, end=end, lane=(n - 1 - lane).astype(np.float64), name=name, tone=tone))
    ticks = tuple((float(n - 1 - i), data.workers[i] or "by hand") for i in range(n))
    is_clock = origin > 86400.0 * 365  # a clock of this age, none that was simulated from 0
    panel = fig.Panel(
        marks=tuple(marks),
        x=fig.Axis(
            label="" if is_clock else "seconds",
            scale=fig.TIME if is_clock else fig.LINEAR,
            low=origin,
            high=float(data.end.max()) if whole > 0 else None,
        ),
        y=fig.Axis(scale=fig.PLACES, low=-0.6, high=n - 0.4, ticks=ticks),
    )
    return fig.Figure(panels=(panel,), label=f"When {counted(len(data.workers), 'worker')} ran trials")


def _merged(lane: Ints, begin: Floats, end: Floats, gap: float) -> tuple[Ints, Floats, Floats]:
    """Return stretches of each lane, those together that no gap parts which could be seen."""
    order = np.lexsort((begin, lane))
    lane, begin, end = lane[order], begin[order], end[order]
    if gap <= 0:
        return lane, begin, end
    starts = np.append(True, (lane[1:] != lane[:-1]) | (begin[1:] > end[:-1] + gap))
    last = np.append(np.flatnonzero(starts)[1:] - 1, len(end) - 1)
    return lane[starts], begin[starts], np.maximum(end[last], begin[starts])
