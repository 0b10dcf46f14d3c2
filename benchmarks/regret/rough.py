"""Landscapes on which a smooth model is wrong: tables of Adam runs by the nearest entry, and a needle.

TaskSet (Metz et al., 2020): 1,000 Adam configurations in eight logarithmic parameters on each of four text tasks, of
which any other configuration has the loss of the nearest one, after all 50 steps.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
from task import Outcome, Params, Task

from spaces import real

FOLDER = Path(os.environ.get("TRIMTAB_BENCH_DATA") or Path(__file__).parents[3] / "shared" / "bench-data") / "taskset"

TABLES = (
    "imdb_patch128_LSTM128_avg_bs64",
    "imdb_patch32_GRU64_avg_bs128",
    "imdb_patch32_LSTM128_bs128",
    "imdb_patch32_VRNN64_tanh_avg_bs128",
)
DIVERGED = 10.0
"""The loss of what diverged, and the most that any other counts."""

WIDTH = 0.4
"""Of the hole in a needle, of each range."""

NAMES = (*(f"taskset/{name}" for name in TABLES), "needle/d3", "needle/d4")


@cache
def _table(name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the parameters, their logarithms [1000, 8], and the losses [1000]."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"the taskset tasks need {path}: set TRIMTAB_BENCH_DATA to the folder of the data.")
    rows = json.loads(path.read_text(encoding="utf-8"))
    keys = list(rows[0]["hp"])
    x = np.log10(np.array([[row["hp"][key] for key in keys] for row in rows]).clip(1e-12))
    losses = np.array([row["valid"]["loss"][-1] for row in rows], dtype=np.float64)
    return keys, x, np.nan_to_num(losses, nan=DIVERGED, posinf=DIVERGED).clip(max=DIVERGED)


def best(name: str) -> float:
    """Return the smallest loss."""
    family, detail = name.split("/")
    if family == "taskset":
        return float(_table(detail)[2].min())
    return 0.0


def make(name: str) -> Task:
    """Return a task.

    Raises:
        FileNotFoundError: the data is absent.
    """
    family, detail = name.split("/")
    return _nearest(name, detail) if family == "taskset" else _needle(name, int(detail[1:]))


def _nearest(name: str, detail: str) -> Task:
    keys, x, losses = _table(detail)
    low, high = x.min(axis=0), x.max(axis=0)
    known = (x - low) / (high - low)
    bounds = zip(keys, low.tolist(), high.tolist(), strict=True)
    space = tuple(real(key, 10.0**a, 10.0**b, 10.0 ** (0.5 * (a + b)), log=True) for key, a, b in bounds)

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        wanted = (np.log10([params[key] for key in keys]) - low) / (high - low)
        loss = float(losses[np.square(wanted - known).sum(axis=1).argmin()])
        return Outcome(loss, loss)

    return Task(name, space, evaluate, best=0.0, median=1.0, tags=frozenset({"table"}))


def _needle(name: str, n: int) -> Task:
    """Return a plain of 1 with a hole of 0 in it, about 0.7 of each range."""
    keys = [f"x{i}" for i in range(n)]
    space = tuple(real(key, 0.0, 1.0, 0.25) for key in keys)

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        loss = float(any(abs(params[key] - 0.7) > 0.5 * WIDTH for key in keys))
        return Outcome(loss, loss)

    return Task(name, space, evaluate, best=0.0, median=1.0, tags=frozenset({"function"}))
