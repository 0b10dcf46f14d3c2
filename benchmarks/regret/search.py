"""The smallest loss of a task whose optimum nobody knows: a local search from the best of random configurations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from task import Params, Task, draw

N_STARTS = 10
STEPS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def smallest(task: Task, tried: Sequence[tuple[float, Params]], seed: int = 1) -> float:
    """Return the smallest true loss among configurations that were tried, and among what the best of them lead to."""
    rng = np.random.default_rng(seed)
    starts = sorted(tried, key=lambda item: item[0] if math.isfinite(item[0]) else math.inf)[:N_STARTS]
    n_steps = len(tried) // (2 * N_STARTS)
    return min(_refined(task, params, loss, n_steps, rng) for loss, params in starts)


def _refined(task: Task, params: Params, loss: float, n_steps: int, rng: np.random.Generator) -> float:
    for i in range(n_steps):
        step = STEPS[i * len(STEPS) // n_steps]
        moved = neighbour(task, params, step, rng)
        if (new := _true(task, moved)) < loss:
            params, loss = moved, new
    return loss


def neighbour(task: Task, params: Params, step: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return a neighbour: one or two parameters moved, all conditions kept."""
    chosen = set(
        rng.choice(len(task.space), size=min(len(task.space), int(rng.integers(1, 3))), replace=False).tolist()
    )
    moved: dict[str, Any] = {}
    for i, p in enumerate(task.space):
        when = p.get("when")
        if when is not None and (when["name"] not in moved or moved[when["name"]] not in when["in"]):
            continue
        old = params.get(p["name"])
        if old is None or (i in chosen and p["kind"] == "categorical"):
            moved[p["name"]] = draw(p, float(rng.random()))
        elif i in chosen:
            moved[p["name"]] = draw(p, min(max(place(p, old) + step * float(rng.normal()), 0.0), 1.0 - 1e-12))
        else:
            moved[p["name"]] = old
    return moved


def place(p: Mapping[str, Any], value: Any) -> float:
    """Return where in [0, 1] a value lies on its parameter's own scale: what `draw` turns into the value."""
    if "choices" in p:
        return (p["choices"].index(value) + 0.5) / len(p["choices"])
    low, high = p["low"], p["high"]
    if p["kind"] == "int":
        low, high = low - 0.5, high + 0.5
    return math.log(value / low) / math.log(high / low) if p.get("log") else (value - low) / (high - low)


def _true(task: Task, params: Params) -> float:
    true = task.evaluate(params, 0).true
    return true if math.isfinite(true) else math.inf
