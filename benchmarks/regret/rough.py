"""Landscapes on which a smooth model is wrong: tables by the nearest entry, a forest's steps, a needle, noise alone.

TaskSet (Metz et al., 2020): 1,000 Adam configurations in eight logarithmic parameters on each of four text tasks, of
of which any other configuration has the loss of the nearest one, after all 50 steps. NAS-Bench-201 by the nearest entry
has its six operations as numbers, in the order of the table. A forest is fitted to few trainings of LCBench.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import search
import surrogates
import tabular
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

TILT = 0.5
"""What the middle of a tilted plain is above its lowest corner; the noise on it has a standard deviation of 1."""

N_FITTED, N_TREES, MIN_LEAF = 300, 20, 5
"""Of a forest: trainings that it is fitted to, its trees, and trainings in a leaf: some hundred steps a parameter."""
N_SEARCH = 20_000
"""Random configurations to find a forest's smallest loss among."""

NAMES = (
    *(f"taskset/{name}" for name in TABLES),
    *("needle/d3", "needle/d4"),
    *("nearest/nasbench201-cifar10", "nearest/nasbench201-cifar100"),
    *("steps/lcbench-3945", "steps/lcbench-126025"),
    *("flat/d4", "flat/tilted-d4"),
)


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
    if family == "nearest":
        return min(tabular.Table(*detail.split("-")).truth)
    if family == "steps":
        task, rng = make(name), np.random.default_rng(0)
        sampled = [task.sample(rng) for _ in range(N_SEARCH)]
        losses = _forest(detail).predict(np.array([list(params.values()) for params in sampled]))
        return search.smallest(task, list(zip(losses.tolist(), sampled, strict=True)))
    return 0.0


def make(name: str) -> Task:
    """Return a task.

    Raises:
        FileNotFoundError: the data is absent.
        ModuleNotFoundError: scikit-learn, which fits the forests, is absent.
    """
    family, detail = name.split("/")
    if family == "taskset":
        return _nearest(name, detail)
    if family == "nearest":
        return _numbered(name, tabular.Table(*detail.split("-")))
    if family == "steps":
        return _steps(name, _forest(detail))
    if family == "flat":
        return _flat(name, int(detail[-1]), TILT if detail.startswith("tilted") else 0.0)
    return _needle(name, int(detail[1:]))


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


def _numbered(name: str, table: tabular.Table) -> Task:
    """Return a table whose choices are numbers from 0 to 1: each in the middle of its share of the range."""
    choices = {p["name"]: p["choices"] for p in table.space}
    space = tuple(real(key, 0.0, 1.0, 0.5) for key in choices)

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        nearest = {key: of[min(int(params[key] * len(of)), len(of) - 1)] for key, of in choices.items()}
        loss = table(nearest, 0).true
        return Outcome(loss, loss)

    return Task(name, space, evaluate, best=0.0, median=1.0, tags=frozenset({"table"}))


@cache
def _forest(detail: str) -> Any:
    """Return a random forest that is fitted to random trainings."""
    from sklearn.ensemble import RandomForestRegressor

    task, rng = surrogates.make(detail.replace("-", "/")), np.random.default_rng(0)
    tried = [task.sample(rng) for _ in range(N_FITTED)]
    losses = [task.evaluate(params, 0).true for params in tried]
    forest = RandomForestRegressor(N_TREES, min_samples_leaf=MIN_LEAF, random_state=0)
    return forest.fit(np.array([list(params.values()) for params in tried]), losses)


def _steps(name: str, forest: Any) -> Task:
    keys = [p["name"] for p in surrogates.SPACE]

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        loss = float(forest.predict(np.array([[params[key] for key in keys]]))[0])
        return Outcome(loss, loss)

    return Task(name, surrogates.SPACE, evaluate, best=0.0, median=1.0, tags=frozenset({"surrogate"}))


def _flat(name: str, n: int, tilt: float) -> Task:
    """Return a plain with noise on it. On one that is not tilted every choice is as good, at a regret of 1."""
    keys = [f"x{i}" for i in range(n)]
    space = tuple(real(key, 0.0, 1.0, 0.25) for key in keys)

    def evaluate(params: Params, seed: int) -> Outcome:
        true = 1.0 if tilt == 0.0 else 2.0 * tilt * sum(params[key] for key in keys) / n
        return Outcome(true + float(np.random.default_rng(seed).normal()), true)

    return Task(name, space, evaluate, best=0.0, median=1.0, is_noisy=True, tags=frozenset({"function"}))
