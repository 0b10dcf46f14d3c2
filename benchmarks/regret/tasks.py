"""The benchmark tasks: their names, their halves, and how to load them.

python benchmarks/regret/tasks.py                      # lists them
python benchmarks/regret/tasks.py --scales "bbob/*"    # measures best and median anew, into scales.json

Defaults are tuned on the half "tune" and judged on the half "report". Which task is in which half is fixed by its place
in its family: the first, third, fifth are to tune, the others to report. Special tasks are in neither. Tasks of long
studies, of 1,000 trials, have halves of their own, "long-tune" and "long-report".
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
from typing import Literal

import coco
import live
import numpy as np
import search
import surrogates
import synthetic
import tabular
import trees
from task import Task

SCALES = Path(__file__).with_name("scales.json")

MODULES: tuple[ModuleType, ...] = (tabular, surrogates, coco, live, synthetic, trees)
"""Each has NAMES; `make`, from a name to a task that has no scale yet; and `best` if the smallest losses are known."""
SPECIAL = frozenset({"sparse", "dense", "crash", "tree"})
LONG = frozenset({"long-bbob", "long-mixint", "long-lcbench"})

N_MEDIAN = 2000
N_SEARCH = 20_000

Half = Literal["tune", "report", "special", "long-tune", "long-report"]

_MODULES = {name: module for module in MODULES for name in module.NAMES}


def _halves() -> dict[str, Half]:
    halves: dict[str, Half] = {}
    seen: dict[str, int] = {}
    for name in _MODULES:
        family = name.split("/")[0]
        seen[family] = seen.get(family, 0) + 1
        is_first = seen[family] % 2 == 1
        if family in LONG:
            halves[name] = "long-tune" if is_first else "long-report"
        else:
            halves[name] = "special" if family in SPECIAL else "tune" if is_first else "report"
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
    task = module.make(name)
    rng = np.random.default_rng(0)
    n = N_MEDIAN if hasattr(module, "best") else getattr(module, "N_SEARCH", N_SEARCH)
    sampled = [task.sample(rng) for _ in range(n)]
    tried = [(task.evaluate(params, 0).true, params) for params in sampled]
    median = statistics.median([loss for loss, _ in tried[:N_MEDIAN] if np.isfinite(loss)])
    best = module.best(name) if hasattr(module, "best") else search.smallest(task, tried)
    return {"best": float(f"{best:.12g}"), "median": float(f"{median:.6g}")}


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
