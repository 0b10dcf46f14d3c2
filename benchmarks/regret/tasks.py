"""The benchmark tasks: their names, their halves, and how to load them.

python benchmarks/regret/tasks.py                      # lists them
python benchmarks/regret/tasks.py --scales "bbob/*"    # measures best and median anew, into scales.json

Defaults are tuned on the half "tune" and judged on the half "report". Which task is in which half is fixed by its place
in its family: the first, third, fifth are to tune, the others to report. Special tasks are in neither. Tasks with
limits have halves of their own, "tune-bound" and "report-bound", and so have those of several objectives, "tune-front"
and "report-front", those of long studies, of 1,000 trials, "tune-long" and "report-long", those of steps, "tune-rough"
and "report-rough", and those of which some results are off, "tune-off" and "report-off".
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

import coco
import designs
import fronts
import limited
import live
import numpy as np
import outlying
import rough
import search
import surrogates
import synthetic
import tabular
import trees
from task import Task

SCALES = Path(__file__).with_name("scales.json")

MODULES: tuple[ModuleType, ...] = (
    tabular,
    surrogates,
    coco,
    live,
    synthetic,
    trees,
    designs,
    limited,
    fronts,
    rough,
    outlying,
)
"""Each has NAMES; `make`, from a name to a task that has no scale yet; and `best` if the smallest losses are known, or
`scale` if the medians are too."""
SPECIAL = frozenset({"sparse", "dense", "crash", "tree"})
LONG = frozenset({"long-bbob", "long-mixint", "long-lcbench"})

N_MEDIAN = 2000
N_SEARCH = 20_000
N_ALLOWED = 5
"""The median of a task with limits is that of at least so many configurations that keep them."""
N_FIRST, N_STUDIES = 25, 41
"""The median of a task of several objectives is that of so many studies of so many random trials."""

KINDS = {"design": "-bound", "bbob-con": "-bound", "limit": "-bound"}
KINDS |= {"front": "-front", "biobj": "-front", "time": "-front"}
KINDS |= dict.fromkeys(LONG, "-long")
KINDS |= dict.fromkeys(("taskset", "needle", "nearest", "steps", "flat"), "-rough") | {"off": "-off"}
"""Families of tasks with limits, of several objectives, of long studies, of steps, and of results that are off have
halves of their own."""

Half = Literal[
    "tune",
    "report",
    "special",
    "tune-bound",
    "report-bound",
    "tune-front",
    "report-front",
    "tune-long",
    "report-long",
    "tune-rough",
    "report-rough",
    "tune-off",
    "report-off",
]

_MODULES = {name: module for module in MODULES for name in module.NAMES}


def _halves() -> dict[str, Half]:
    halves: dict[str, Half] = {}
    seen: dict[str, int] = {}
    for name in _MODULES:
        family = name.split("/")[0]
        seen[family] = seen.get(family, 0) + 1
        usual = "tune" if seen[family] % 2 else "report"
        halves[name] = "special" if family in SPECIAL else cast("Half", usual + KINDS.get(family, ""))
    return halves


_HALVES = _halves()


def names() -> list[str]:
    """Return the names of all tasks; needs no data."""
    return list(_HALVES)


def half(name: str) -> Half:
    """Return what a task is for: to tune defaults on, to report, or special; of a long study, one of its own halves."""
    return _HALVES[name]


def load(wanted: Iterable[str] | None = None) -> dict[str, Task]:
    """Return the tasks of these names, all of them if none are given; only the data of these is read.

    A family whose data or package is absent is left out, with a sentence on stderr that says so.

    Raises:
        KeyError: there is no such task, or scales.json lacks it.
    """
    scales = json.loads(SCALES.read_text(encoding="utf-8"))
    tasks, reasons = dict[str, Task](), dict[str, None]()
    for name in names() if wanted is None else wanted:
        try:
            task = _MODULES[name].make(name)
        except FileNotFoundError as error:
            reasons[f"skipped: {error}"] = None
        except ModuleNotFoundError as error:
            family = name.split("/")[0]
            reasons[f"skipped: the {family} tasks need the package {error.name}; the group bench has it."] = None
        else:
            tasks[name] = dataclasses.replace(task, best=scales[name]["best"], median=scales[name]["median"])
    for reason in reasons:
        print(reason, file=sys.stderr)
    return tasks


def measure(name: str) -> dict[str, float]:
    """Return the smallest true loss of a task, and the median one of random configurations."""
    module = _MODULES[name]
    if hasattr(module, "scale"):
        return cast("dict[str, float]", module.scale(name))
    task = module.make(name)
    rng = np.random.default_rng(0)
    n = N_MEDIAN if hasattr(module, "best") else getattr(module, "N_SEARCH", N_SEARCH)
    sampled = [task.sample(rng) for _ in range(n)]
    if task.objectives:
        shares = [1.0 - fronts.dominated(_scaled(task, rng)) for _ in range(N_STUDIES)]
        return {"best": float(f"{module.best(name):.6g}"), "median": float(f"{statistics.median(shares):.6g}")}
    tried = _allowed(task, sampled)
    while len(tried) < N_ALLOWED:
        tried += _allowed(task, [task.sample(rng) for _ in range(n)])
    median = statistics.median([loss for loss, _ in tried[:N_MEDIAN] if np.isfinite(loss)])
    best = module.best(name) if hasattr(module, "best") else search.smallest(task, tried)
    return {"best": float(f"{best:.12g}"), "median": float(f"{median:.6g}")}


def _allowed(task: Task, sampled: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """Return the true loss of each configuration that keeps the limits, and the configuration."""
    outcomes = [(task.evaluate(params, 0), params) for params in sampled]
    return [(outcome.true, params) for outcome, params in outcomes if task.is_allowed(outcome)]


def _scaled(task: Task, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Return random results in the box of a task of several objectives."""
    outcomes = [task.evaluate(task.sample(rng), 0) for _ in range(N_FIRST)]
    return [fronts.scaled(task, [one.true, *(one.metrics[key] for key in task.objectives)]) for one in outcomes]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Lists the tasks, or measures their scales.")
    parser.add_argument("--scales", metavar="GLOB", help="measure best and median of these tasks, into scales.json")
    args = parser.parse_args(argv)
    if args.scales is None:
        for name in names():
            print(f"{half(name):8} {name}")
        return 0
    for name in fnmatch.filter(names(), args.scales):
        scale = measure(name)
        scales = json.loads(SCALES.read_text(encoding="utf-8")) if SCALES.exists() else {}
        scales[name] = scale
        ordered = {known: scales[known] for known in names() if known in scales}
        SCALES.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
        print(name, scale, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
