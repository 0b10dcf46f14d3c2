"""Which trial of a front to take: by a preference that is told afterwards.

A preference only chooses among the trials that none beats; it does not change what is tried next. Losses are compared
as shares of the front's range in each objective, from the best on the front (0) to the worst there (1), so that units
do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.checks import as_real, is_number
from trimtab.errors import NoBestError, ProblemError
from trimtab.execute.plain import show
from trimtab.ledger.table import TrialTable
from trimtab.model.feasibility import split
from trimtab.numerics.arithmetic import quiet
from trimtab.plugins import did_you_mean
from trimtab.space.problem import Problem
from trimtab.study import best

RHO = 0.05
"""What the sum counts beside the worst objective, so that nothing on the front is taken that is only weakly best:
ParEGO's (Knowles, 2006, eq. 2)."""

WAYS = 'knee=True, weights={"loss": 2}, reference={"loss": 0.1, ...}, order=["loss", ...]'


class Preference:
    """What decides between the trials of a front.

    Args:
        problem: whose objectives are meant.
        knee: take the knee: the trial farthest from the hyperplane through the ends of the front, on the better side
            (Das, 1999, for two objectives; of more, the plane through the corners of the front's box, which there
            always is).
        weights: how much each objective counts, those left out 1: the least weighted distance from the best of each,
            by the worst objective (the augmented Chebyshev norm, Steuer & Choo, 1983), which reaches hollow parts of
            a front too.
        reference: a value for each objective to aim at, within reach or not: what falls least short of it in its
            worst objective, or goes farthest beyond it (the achievement function of Wierzbicki, 1980).
        order: the objectives that matter, the most important first: the best in the first, of those the best in the
            second, and so on.
        within: with `order`, how far from the best still counts as best: {"accuracy": "1%"} of the best value, or
            {"accuracy": 0.005} in its own unit.

    Raises:
        ProblemError: none or several ways of choosing, no such objective, or a value that is none.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        knee: bool = False,
        weights: Mapping[str, float] | None = None,
        reference: Mapping[str, float] | None = None,
        order: Sequence[str] | str | None = None,
        within: Mapping[str, float | str] | None = None,
    ) -> None:
        ways = [bool(knee), weights is not None, reference is not None, order is not None]
        if sum(ways) != 1:
            got = "none of them" if not any(ways) else "more than one of them"
            raise ProblemError(f"say how to choose from the front, by one of {WAYS}; got {got}.")
        if within is not None and order is None:
            raise ProblemError(f"within= goes with order=, as order={[m.name for m in problem.objectives]!r}.")
        self._objectives = problem.objectives
        self._weights: Floats | None = None
        self._at: Floats | None = None
        self._share: Floats | float = 1.0
        self._order: list[int] = []
        self._within: dict[int, float | str] = {}
        if weights is not None:
            given = self._values("weights", weights)
            if any(weight < 0.0 for weight in given.values()):
                raise ProblemError(f"weights are 0 or more, got {show(dict(weights))}.")
            self._weights = np.array([given.get(i, 1.0) for i in range(len(self._objectives))])
            if not self._weights.any():
                raise ProblemError(f"one of the weights is above 0, got {show(dict(weights))}.")
            self._share = self._weights / self._weights.max()  # sums of large ones would be too large to compare
        elif reference is not None:
            given = self._values("reference", reference)
            lacking = [metric.name for i, metric in enumerate(self._objectives) if i not in given]
            if lacking:
                raise ProblemError(f"a reference has a value for every objective; {', '.join(lacking)} is missing.")
            self._at = np.array([given[i] * metric.sign for i, metric in enumerate(self._objectives)])
        elif order is not None:
            names = [order] if isinstance(order, str) else list(order)
            self._order = [self._column("order", name) for name in names]
            if not names or len(set(self._order)) < len(names):
                raise ProblemError(f"order names objectives, each once, got {show(names)}.")
            for name, tolerance in self._mapping("within", {} if within is None else within).items():
                if self._column("within", name) not in self._order:
                    raise ProblemError(f"within has {name!r}, and order does not; it has: {', '.join(names)}.")
                self._within[self._column("within", name)] = _tolerance(name, tolerance)

    @quiet()
    def pick(self, losses: Floats) -> int:
        """Return which of the rows [n, K] of a front is taken, of equals the earliest; n is above 0."""
        if self._order:
            return self._in_order(losses)
        low, high = losses.min(axis=0), losses.max(axis=0)
        half = high / 2 - low / 2  # halves: the difference of two large numbers may overflow
        half[half == 0.0] = 1.0
        if self._weights is None and self._at is None:
            # The plane through the corners (1, 0, ...), (0, 1, ...) is that of the points whose shares add up to 1.
            return int(np.argmin(((losses / 2 - low / 2) / half).sum(axis=1)))
        at = low if self._at is None else self._at
        short = (losses / 2 - at / 2) / half * self._share
        return int(np.argmin(short.max(axis=1) + RHO * short.sum(axis=1)))

    def __str__(self) -> str:
        """In words, as `trial 7 is ...` goes on."""
        names = [metric.name for metric in self._objectives]
        if self._order:
            parts = []
            for i in self._order[:-1]:
                near = self._within.get(i)
                parts.append(
                    f"among the best in {names[i]}"
                    if near is None
                    else f"within {near if isinstance(near, str) else f'{near:g}'} of the best {names[i]}"
                )
            parts.append(f"the best in {names[self._order[-1]]}")
            return ", ".join(parts)
        if self._weights is not None:
            given = ", ".join(f"{name} {weight:g}" for name, weight in zip(names, self._weights, strict=True))
            return f"the nearest to the best of each, with the weights {given}"
        if self._at is not None:
            aims = zip(self._objectives, self._at, strict=True)
            return f"the nearest to {', '.join(f'{metric.name} = {aim * metric.sign:g}' for metric, aim in aims)}"
        return f"the knee of the front of {' and '.join(names)}"

    def _in_order(self, losses: Floats) -> int:
        left = np.arange(len(losses))
        for i in self._order:
            column = losses[left, i]
            least, near = column.min(), self._within.get(i, 0.0)
            room = abs(least) * float(near[:-1]) / 100.0 if isinstance(near, str) else near
            left = left[column <= least + room]
        rest = [i for i in range(losses.shape[1]) if i not in self._order]
        by = [losses[left, i] for i in (self._order[-1], *self._order[:-1], *rest)]
        return int(left[np.lexsort(by[::-1])[0]])

    def _values(self, key: str, given: Mapping[str, float]) -> dict[int, float]:
        found = {}
        for name, value in self._mapping(key, given).items():
            real = as_real(value)
            if not is_number(real):
                raise ProblemError(f"{key} has a finite number for {name!r}, got {show(value)}.")
            found[self._column(key, name)] = float(real)  # type: ignore[arg-type]  # it is a number
        return found

    def _mapping(self, key: str, given: object) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            example = self._objectives[0].name
            raise ProblemError(f"{key} is a mapping of objectives, as {{{example!r}: 2}}, got {show(given)}.")
        return given

    def _column(self, key: str, name: object) -> int:
        names = [metric.name for metric in self._objectives]
        if name not in names:
            near = did_you_mean(str(name), names)
            raise ProblemError(f"{key} names no objective with {show(name)}{near}; there are: {', '.join(names)}.")
        return names.index(str(name))


def _tolerance(name: str, given: object) -> float | str:
    """Return a tolerance: a number, or a share of the best value as text, "1%"."""
    if isinstance(given, str) and given.endswith("%"):
        try:
            share = float(given[:-1])
        except ValueError:
            share = math.nan
        if 0.0 <= share < math.inf:
            return f"{share:g}%"
    elif is_number(real := as_real(given)) and float(real) >= 0.0:  # type: ignore[arg-type]  # it is a number
        return float(real)  # type: ignore[arg-type]
    raise ProblemError(f'within has a number of 0 or more, or a share as "1%", for {name!r}, got {show(given)}.')


def chosen_row(table: TrialTable, preference: Preference, fidelity: best.Fidelity | None = None) -> int:
    """Return the row of the front that a preference takes.

    Raises:
        NoBestError: no trial is complete and meets every constraint; the message says why.
    """
    rows = best.front_rows(table, fidelity)
    if not len(rows):
        raise NoBestError(best.why_none(table, fidelity))
    losses, _ = split(table.problem, table.y[rows])
    return int(rows[preference.pick(losses)])
