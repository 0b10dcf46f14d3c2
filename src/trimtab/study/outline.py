"""The outline of an ordinary study: the little that a list shows, folded without a table.

Ordinary is a study with one objective in which no trial was stopped, continued or run twice, and no parameter added.
Of anything else, and of a log that does not follow from itself, there is no outline: the ledger knows what to make of
it. A test holds that the two agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trimtab.errors import TrimtabError
from trimtab.ledger.event import (
    EVIDENCE,
    Asked,
    Assessed,
    Created,
    Failed,
    Noted,
    Opened,
    Record,
    Reported,
    Started,
    Told,
)
from trimtab.ledger.table import COMPLETE, FAILED, RUNNING, WAITING
from trimtab.model.feasibility import over
from trimtab.space.problem import Metric, metrics_from_json


class Outline:
    """What is known of an ordinary study.

    Attributes:
        states: of each trial.
        objective: the one there is; constraints: on outcomes.
        n_feasible: complete trials that met every constraint.
        ended: why the study is over; None while it goes on.
        created: its first record's event.
        parameters, metrics: their names.
        n_evidence: how many trials an earlier study ran.
        notes: about the study as a whole.
    """

    def __init__(self, created: Created) -> None:
        self.created = created
        self.n_evidence = 0
        self.states: list[int] = []
        self.ended: str | None = None
        self._metrics = metrics_from_json(created.problem["metrics"])
        [self.objective] = [metric for metric in self._metrics if metric.is_objective]
        self.constraints = [metric for metric in self._metrics if not metric.is_objective]
        self.metrics = tuple(metric.name for metric in self._metrics)
        self.parameters = tuple(each["name"] for each in created.problem["space"]["parameters"])
        self._n_parameters = len(self.parameters)
        self.notes: dict[str, Any] = {}
        self._runs: list[tuple[Any, ...]] = []
        self._told: list[tuple[float, int]] = []

    @classmethod
    def of(cls, records: Sequence[Record]) -> Outline | None:
        """Return the outline of a log; None where there is none."""
        try:
            outline = cls(records[0].event)  # type: ignore[arg-type]  # anything but Created has no problem
            for record in records[1:]:
                _STEPS[type(record.event)](outline, record.event)
        except (AttributeError, LookupError, TypeError, ValueError, TrimtabError):  # the ledger says what it is
            return None
        is_once = len(set(outline._runs)) == len(outline._runs)
        is_comparable = len({fidelity for _, fidelity in outline._runs}) <= 1
        return outline if is_once and is_comparable and isinstance(records[0].event, Created) else None

    @property
    def n_feasible(self) -> int:
        """How many complete trials met every constraint."""
        return len(self._told)

    def best(self) -> tuple[int, float] | None:
        """Return the trial whose result is best, the earliest of equals, and its value; None while there is none."""
        if not self._told:
            return None
        loss, number = min(self._told)
        return number, loss * self.objective.sign

    def _asked(self, event: Asked) -> None:
        if event.number != len(self.states) or event.parent is not None or len(event.x) != self._n_parameters:
            raise ValueError
        self.n_evidence += event.origin.by == EVIDENCE
        self.states.append(WAITING)
        self._runs.append((event.x, event.fidelity))

    def _started(self, event: Started) -> None:
        self._move(event.number, WAITING, RUNNING)

    def _failed(self, event: Failed) -> None:
        self._move(event.number, RUNNING, WAITING if event.again else FAILED)

    def _told_(self, event: Told) -> None:
        self._move(event.number, RUNNING, COMPLETE)
        if all(_meets(metric, event.values) for metric in self._metrics):
            self._told.append((event.values[self.objective.name] * self.objective.sign, event.number))

    def _reported(self, event: Reported) -> None:
        self._move(event.number, RUNNING, RUNNING)

    def _noted(self, event: Noted) -> None:
        if event.number is None:
            self.notes[event.key] = event.value
        elif not 0 <= event.number < len(self.states):
            raise ValueError

    def _opened(self, event: Opened) -> None:
        """Nothing that a list shows."""

    def _assessed(self, event: Assessed) -> None:
        self.ended = event.reason if event.stop else None

    def _move(self, number: int, before: int, after: int) -> None:
        if number < 0 or self.states[number] != before:
            raise ValueError
        self.states[number] = after


_STEPS: dict[type, Callable[[Outline, Any], None]] = {
    Asked: Outline._asked,
    Started: Outline._started,
    Failed: Outline._failed,
    Told: Outline._told_,
    Reported: Outline._reported,
    Noted: Outline._noted,
    Opened: Outline._opened,
    Assessed: Outline._assessed,
}


def _meets(metric: Metric, values: Mapping[str, float]) -> bool:
    """Return whether a result is within the metric's bound, if it has one."""
    return metric.bound is None or over(metric, metric.bound, values.get(metric.name, math.inf * metric.sign)) <= 0.0
