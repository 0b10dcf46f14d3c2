"""Losses put together from a term a parameter, each 0 at its best place, so that the optimum is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from search import place
from task import Outcome, Params

BEST = 0.1
"""The smallest loss of every landscape: that at the best place of all terms."""


@dataclass(frozen=True)
class Term:
    """What one parameter adds to the loss.

    Attributes:
        name: of the parameter.
        weight: about the most that the term adds.
        optimum: the best place, in [0, 1] on the parameter's own scale; ignored with offsets.
        shape: "bowl", "cliff" (steep beyond the optimum), "needle" (flat away from it) or "waves".
        offsets: instead of a shape, what each choice adds, as a share of the weight; 0 for the best one.
        leans: (another parameter, its best place, how far): moves the optimum as the other is moved from its best.
    """

    name: str
    weight: float
    optimum: float = 0.5
    shape: str = "bowl"
    offsets: tuple[float, ...] = ()
    leans: tuple[str, float, float] | None = None


def _depth(shape: str, d: float) -> float:
    """Return the height of a valley at distance `d` from its bottom, 0 at 0."""
    if shape == "cliff":
        return min(1.0, (d / 0.3) ** 2) if d > 0 else (-d / 0.8) ** 1.5
    if shape == "needle":
        return 1.0 - math.exp(-((d / 0.2) ** 2))
    if shape == "waves":
        return 0.85 * (d / 0.7) ** 2 + 0.15 * math.sin(3.5 * math.pi * d) ** 2
    return (d / 0.7) ** 2


class Landscape:
    """A loss over a space; only the terms of active parameters count.

    Attributes:
        space: the parameters.
        terms: of those that matter.
    """

    def __init__(self, space: Sequence[Mapping[str, Any]], terms: Sequence[Term]) -> None:
        self.space = tuple(space)
        self.terms = tuple(terms)
        self._by_name = {p["name"]: p for p in space}

    def places(self, params: Params) -> dict[str, float]:
        """Return where each active parameter lies in [0, 1]."""
        return {name: place(self._by_name[name], value) for name, value in params.items()}

    def __call__(self, params: Params) -> float:
        u, total = self.places(params), BEST
        for term in self.terms:
            if term.name not in params:
                continue
            if term.offsets:
                total += term.weight * term.offsets[self._by_name[term.name]["choices"].index(params[term.name])]
                continue
            optimum = term.optimum
            if term.leans is not None and term.leans[0] in u:
                other, best, far = term.leans
                optimum = min(max(optimum + far * (u[other] - best), 0.0), 1.0)
            total += term.weight * _depth(term.shape, u[term.name] - optimum)
        return total


def outcome(true: float, seed: int, sd: float) -> Outcome:
    """Return a loss with noise of this standard deviation, after a run-time about a minute."""
    rng = np.random.default_rng(seed)
    return Outcome(true + sd * float(rng.normal()), true, 60.0 * math.exp(0.4 * float(rng.normal())))
