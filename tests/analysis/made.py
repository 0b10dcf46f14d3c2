"""Studies in memory, told what they are to hold, without running anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trimtab.ledger.event import Asked, Created, Event, Failed, Origin, Record, Reported, Started, Told
from trimtab.ledger.ledger import Ledger
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space

Tell = Callable[[int, Mapping[str, Any]], Mapping[str, float] | str | None]
"""Of a trial's number and configuration: its metrics, the text of a failure, or None where it still runs."""


def table_of(
    problem: Problem, n: int, tell: Tell, *, x: np.ndarray | None = None, reports: int = 0, folds: int = 0
) -> TrialTable:
    """Return the table of n trials, one a second, on two workers in turn."""
    rows = problem.space.sample(np.random.default_rng(0), n) if x is None else x
    params = problem.space.decode(rows)
    events: list[Event] = [Created(1, "made", problem.to_json(), 0, {"name": "random"}, {"name": "whole"})]
    origin = Origin("random", "drawn at random")
    for number in range(n):
        cells = tuple(None if value != value else float(value) for value in rows[number].tolist())
        events += [
            Asked(number, cells, len(events), origin, tuple(problem.whole)),
            Started(number, f"w{number % 2}"),
        ]
        told = tell(number, params[number])
        if isinstance(told, Mapping):
            events += [
                Reported(number, float(step), {key: value + 1.0 / step for key, value in told.items()}, 1, fold)
                for fold in (range(folds) if folds else [None])
                for step in range(1, reports + 1)
            ]
            events.append(Told(number, dict(told), seconds=1.0 + number % 3))
        elif isinstance(told, str):
            events.append(Failed(number, "exception", told, seconds=0.5))
    ledger = Ledger.begin(Record(1, 1.79e9, events[0]))
    for seq, event in enumerate(events[1:], 2):
        ledger.apply(Record(seq, 1.79e9 + seq, event))
    return ledger.table


def bowl(space: Space) -> Problem:
    """Return the problem of one loss."""
    return Problem(space, minimize("loss"))
