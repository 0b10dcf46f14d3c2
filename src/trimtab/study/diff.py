"""What two trials differ in: their parameters, and what came of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.explain import Explained
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.keys import same as same_as
from trimtab.text import visible


@dataclass(frozen=True, slots=True)
class Diff(Explained):
    """Two trials beside each other.

    Attributes:
        a, b: their numbers.
        params: {name: (of a, of b)} of the parameters in which they differ; None where one is inactive.
        same: the parameters that are equal.
        metrics: {name: (of a, of b)} of every metric that one of them has; None where the other has not.
        better: which of the two is better in each objective: "a", "b" or "" where that cannot be said. Where a
            configuration ran several times it is judged by its mean, as `study.best` does.
        states: their states.
        runs: {objective: ((mean, runs) of a's configuration, of b's)} where one of them ran several times.
    """

    a: int
    b: int
    params: dict[str, tuple[Any, Any]]
    same: dict[str, Any]
    metrics: dict[str, tuple[float | None, float | None]]
    better: dict[str, str] = field(default_factory=dict)
    states: tuple[str, str] = ("", "")
    runs: dict[str, tuple[tuple[float, int], tuple[float, int]]] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [f"trial {self.a} ({self.states[0]}) and trial {self.b} ({self.states[1]})"]
        if not self.params:
            lines.append(f"  the same configuration, all of {len(self.same)} parameters")
        lines += [f"  {name}: {_shown(a)} and {_shown(b)}" for name, (a, b) in self.params.items()]
        if self.params and self.same:
            lines.append(f"  the same: {', '.join(self.same)}")
        for name, (a, b) in self.metrics.items():
            number = {"a": self.a, "b": self.b}.get(self.better.get(name, ""))
            means = " and ".join(f"{mean:.6g} over {n}" for mean, n in self.runs.get(name, ()))
            lines.append(
                f"  {name}: {_shown(a)} and {_shown(b)}"
                + (f" (the means over all runs: {means})" if means else "")
                + (f", trial {number} is better" if number is not None else "")
            )
        return "\n".join(map(visible, lines))


def diff(table: TrialTable, a: int, b: int) -> Diff:
    """Return what trials `a` and `b` differ in.

    Raises:
        TrialError: there is no such trial.
    """
    one, other = table.trial(a), table.trial(b)
    params: dict[str, tuple[Any, Any]] = {}
    same: dict[str, Any] = {}
    for name in table.space.names:
        if name not in one.params and name not in other.params:
            continue
        pair = (one.params.get(name), other.params.get(name))
        if name in one.params and name in other.params and _is_same(*pair):
            same[name] = pair[0]
        else:
            params[name] = pair
    names = dict.fromkeys((*one.metrics, *other.metrics))
    metrics = {name: (one.metrics.get(name), other.metrics.get(name)) for name in names}
    better, runs = {}, {}
    for metric in table.problem.objectives:
        x, y = metrics.get(metric.name, (None, None))
        several = [_runs(table, number, metric.name) for number in (one.number, other.number)]
        if x is not None and y is not None and params and max(n for _, n in several) > 1 and all(n for _, n in several):
            runs[metric.name] = several[0], several[1]
            (x, _), (y, _) = several
        is_known = x is not None and y is not None and one.state == other.state == "complete"
        better[metric.name] = "" if not is_known or x == y else "a" if x * metric.sign < y * metric.sign else "b"  # type: ignore[operator]  # both are known
    return Diff(one.number, other.number, params, same, metrics, better, (one.state, other.state), runs)


def _runs(table: TrialTable, number: int, metric: str) -> tuple[float, int]:
    """Return (mean, how many) of the complete runs of a trial's configuration that were run as far as it was."""
    alike = (table.state == COMPLETE) & same_as(table.x, table.x[number])
    alike &= (table.fidelity == table.fidelity[number]).all(axis=1) | np.isnan(table.fidelity).all(axis=1)
    values = table.y[alike, table.problem.metric_names.index(metric)]
    return (float(values.mean()) if len(values) else math.nan), len(values)


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # a choice may be True beside 1


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
