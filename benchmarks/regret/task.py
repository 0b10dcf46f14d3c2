"""What a benchmark task is: a space that every library can be told, a noisy objective, and the truth behind it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What one evaluation gives. Losses: smaller is better.

    Attributes:
        loss: what the optimizer is told, noise and all; nan if the trial fails.
        true: the loss without noise, what regret is measured in; nan if the trial fails.
        seconds: how long the trial would have run, for the simulated clock.
        metrics: what else is told, by name: further objectives, smaller is better, and what has a limit.
    """

    loss: float
    true: float
    seconds: float = 1.0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One problem.

    Attributes:
        name: "family/detail".
        space: the parameters, in order, each a mapping with
            name; kind "float", "int", "ordinal" or "categorical"; default;
            low, high, log (float and int); choices (ordinal: ascending numbers, and categorical);
            priority: optional, 1 for what a user would tune first; few libraries can be told.
            when: optional, {"name": an earlier parameter, "in": [its values]}, the condition for being active.
        evaluate: (active parameters, seed of the noise) -> outcome; a pure function of both.
        best: the smallest true loss that is known.
        median: the median true loss of random configurations. Regret is (true - best) / (median - best).
        is_noisy: whether two evaluations of one configuration differ.
        limits: the most that some of an outcome's metrics may be; what breaks one does not count.
        objectives: those of an outcome's metrics that are minimised beside the loss. Then the loss of a study is
            the share of `box` that its results leave undominated, and `best` and `median` are such shares.
        box: (ideal, reference) of the loss and the objectives, between which the hypervolume is measured.
    """

    name: str
    space: tuple[Mapping[str, Any], ...]
    evaluate: Callable[[Params, int], Outcome]
    best: float
    median: float
    is_noisy: bool = False
    tags: frozenset[str] = field(default_factory=frozenset)
    limits: Mapping[str, float] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()
    box: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def is_allowed(self, outcome: Outcome) -> bool:
        """Return whether an outcome keeps all limits."""
        return all(outcome.metrics[name] <= limit for name, limit in self.limits.items())

    @property
    def family(self) -> str:
        return self.name.split("/", maxsplit=1)[0]

    def regret(self, true: float) -> float:
        """Return the normalised regret of a true loss: 0 for the best known, 1 for the median."""
        return (true - self.best) / (self.median - self.best)

    def noise_seed(self, seed: int, params: Params, repeat: int = 0) -> int:
        """Return the seed of an evaluation's noise: the same for every optimizer that tries the same thing."""
        text = repr((self.name, seed, repeat, sorted(params.items())))
        return zlib.crc32(text.encode())

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return active parameters drawn uniformly, on each parameter's own scale."""
        params: dict[str, Any] = {}
        for p in self.space:
            when = p.get("when")
            if when is not None and (when["name"] not in params or params[when["name"]] not in when["in"]):
                continue
            params[p["name"]] = draw(p, float(rng.random()))
        return params


def draw(p: Mapping[str, Any], u: float) -> Any:
    """Return the value at place `u` in [0, 1) of a parameter."""
    if "choices" in p:
        return p["choices"][int(u * len(p["choices"]))]
    low, high = p["low"], p["high"]
    if p["kind"] == "int":
        low, high = low - 0.5, high + 0.5
    value = float(np.exp(np.log(low) + u * np.log(high / low))) if p.get("log") else low + u * (high - low)
    return min(max(round(value), p["low"]), p["high"]) if p["kind"] == "int" else min(max(value, low), high)
