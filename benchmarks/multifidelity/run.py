"""Runs schedulers on whole learning curves in simulated time, and appends a JSON line a run.

python benchmarks/multifidelity/run.py --schedulers whole,auto --tasks "lcbench/*" --half tune --seeds 2

What is on file is not run again. The budget of a run is what 100 whole trials of random configurations take, over all
workers together. On file are, whenever the incumbent changes, the share of the budget that was spent and the
incumbent's loss in the end: the incumbent is the best of those that were run furthest.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from curves import MAKERS, CurveTask, half_of, make

import trimtab as tt
from trimtab.ledger.table import COMPLETE, STOPPED, TrialTable
from trimtab.schedule.asha import Asha
from trimtab.testing.simulated import Tabulated

RESULTS = Path(__file__).parents[1] / "results" / "multifidelity"
N_WHOLE = 100
"""What the budget is worth in whole trials."""

SCHEDULERS: dict[str, Any] = {
    **{name: name for name in ("whole", "auto", "median", "sha", "hyperband", "asha", "pasha")},
    "asha-promote": Asha(mode="promote"),
}


@lru_cache(maxsize=64)
def scale_of(name: str) -> tuple[float, float, float, float]:
    """Return (best, median, what the best of 100 random ones gives in half of all cases, cost of a whole trial)."""
    path = RESULTS / "scales.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if name not in known:
        losses, cost = make(name).scale()
        target = float(np.quantile(losses, 1.0 - 0.5 ** (1.0 / N_WHOLE)))
        known[name] = float(losses[0]), float(np.median(losses)), target, cost
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(known, indent=0) + "\n", encoding="utf-8")
    best, median, target, cost = known[name]
    return best, median, target, cost


def run(task: CurveTask, scheduler: Any, engine: str, workers: int, seed: int, share: float) -> dict[str, Any]:
    """Return what is put on file of one run."""
    *_, cost = scale_of(task.name)
    table_of = Tabulated(task.look(), steps=task.steps, carries_over=task.carries_over)
    total = N_WHOLE * cost * share
    began = time.process_time()
    executor = table_of.executor(workers)
    study = tt.tune(
        table_of, task.space, minimize="loss", fidelity=task.fidelity, budget=tt.Budget(hours=total / workers / 3600),
        stop="never", finalize=False,
        optimizer=engine, scheduler=scheduler, executor=executor, seed=seed, progress=False, workers=workers,
    )  # fmt: skip
    cpu = time.process_time() - began
    table = study.table
    trace = incumbents(task, table, N_WHOLE * cost / workers)
    states = {"complete": int((table.state == COMPLETE).sum()), "stopped": int((table.state == STOPPED).sum())}
    missed = better_than_the_best(task, table, trace[-1][1] if trace else np.inf)
    return {"trace": trace, "trials": len(table), **states, "missed": missed, "cpu": round(cpu, 2)}


def better_than_the_best(task: CurveTask, table: TrialTable, best: float) -> int:
    """Return how many of the stopped trials would have been better in the end than the last incumbent."""
    rows = np.flatnonzero(table.state == STOPPED)
    if not len(rows):
        return 0
    losses, _ = task.curves(table.space.decode(table.x[rows]))
    return int((losses[:, -1] < best).sum())


def incumbents(task: CurveTask, table: TrialTable, unit: float) -> list[tuple[float, float]]:
    """Return (share of the budget spent, loss in the end) of each incumbent."""
    begin = float(np.nanmin(table.started_at))
    rows = np.flatnonzero(table.state == COMPLETE)
    rows = rows[np.argsort(table.ended_at[rows], kind="stable")]
    trace: list[tuple[float, float]] = []
    best, furthest = np.inf, -np.inf
    for row in rows.tolist():
        at, loss = float(table.fidelity[row, 0]), float(table.y[row, 0])
        if at > furthest or (at == furthest and loss < best):
            best, furthest = loss, at
            end = float(task.curves(table.space.decode(table.x[[row]]))[0][0, -1])
            trace.append((round(float(table.ended_at[row] - begin) / unit, 5), end))
    return trace


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedulers", default="whole,auto")
    parser.add_argument("--engines", default="random")
    parser.add_argument("--tasks", default="*")
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the budget, to stop early")
    parser.add_argument("--out", type=Path, default=RESULTS / "runs.jsonl")
    parser.add_argument("--label", default="", help="appended to the scheduler's name, for variants")
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = args.out.read_text(encoding="utf-8").splitlines() if args.out.is_file() else []
    keys = ("task", "scheduler", "engine", "workers", "seed")
    there = {tuple(json.loads(line)[key] for key in keys) for line in lines}
    names = [n for n in MAKERS if half_of(n) in args.half and any(fnmatch.fnmatch(n, p) for p in args.tasks.split(","))]
    for seed in range(args.seeds):
        for name in names:
            task = make(name)
            for workers in map(int, args.workers.split(",")):
                for engine in args.engines.split(","):
                    for scheduler in args.schedulers.split(","):
                        line = dict(zip(keys, (name, scheduler + args.label, engine, workers, seed), strict=True))
                        if tuple(line.values()) in there:
                            continue
                        line |= run(task, SCHEDULERS[scheduler], engine, workers, seed, args.share)
                        with args.out.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
