"""Tuning tables and surrogates with a limit on the time that a training takes.

The limit is a quantile of the time of random configurations. The time that counts is the mean over a table's seeds, so
that luck does not decide whether a configuration is allowed.
"""

from __future__ import annotations

import dataclasses
import math
from types import ModuleType
from typing import Any

import numpy as np
import search
import surrogates
import tabular
from task import Outcome, Params, Task

LIMITS = {
    "hpobench-car-30": 3.686,
    "hpobench-phoneme-30": 10.1,
    "lcbench-3945-30": 142.0,
    "lcbench-168335-10": 142.6,
    "nasbench201-cifar10-30": 1565.0,
    "nasbench201-cifar100-30": 3130.0,
    "hpolib-naval_propulsion-30": 36.12,
    "hpolib-parkinsons_telemonitoring-10": 10.46,
    "lcbench-189905-30": 33.42,
    "lcbench-189909-30": 88.51,
}
"""Seconds that keep so many of a hundred random configurations, by the base and this percentage."""

METRIC = "seconds"
NAMES = tuple(f"limit/{name}" for name in LIMITS)

N_SEARCH = 20_000
"""Random configurations to find the smallest loss of a surrogate among."""


def _base(name: str) -> tuple[ModuleType, str]:
    """Return the module of the task that a limited one is made of, and its name."""
    family, detail, _ = name.removeprefix("limit/").split("-")
    return (surrogates if family == "lcbench" else tabular), f"{family}/{detail}"


def best(name: str) -> float:
    """Return the smallest true loss of what keeps the limit: by trying all of a table, by a search of a surrogate."""
    task, (module, base) = make(name), _base(name)
    if module is tabular:
        table = tabular.Table(*base.split("/"))
        seconds = np.array([sum(each) / len(each) for each in table.seconds])
        return float(np.array(table.truth)[seconds <= task.limits[METRIC]].min())

    def evaluate(params: Params, seed: int) -> Outcome:
        outcome = task.evaluate(params, seed)
        return outcome if task.is_allowed(outcome) else Outcome(math.nan, math.nan)

    kept, rng = dataclasses.replace(task, evaluate=evaluate), np.random.default_rng(0)
    sampled = [task.sample(rng) for _ in range(N_SEARCH)]
    return search.smallest(kept, [(kept.evaluate(params, 0).true, params) for params in sampled])


def make(name: str) -> Task:
    """Return a task.

    Raises:
        FileNotFoundError: the data of a surrogate is absent.
    """
    module, base = _base(name)
    of: Any = module.make(base)
    table = of.evaluate if module is tabular else None

    def evaluate(params: Params, seed: int) -> Outcome:
        found = of.evaluate(params, seed)
        seconds = found.seconds if table is None else table.mean_seconds(params)
        return dataclasses.replace(found, metrics={METRIC: seconds})

    limits = {METRIC: LIMITS[name.removeprefix("limit/")]}
    return Task(name, of.space, evaluate, 0.0, 1.0, is_noisy=of.is_noisy, tags=of.tags, limits=limits)
