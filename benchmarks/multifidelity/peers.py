"""Runs other libraries on the same learning curves at the same simulated cost, and appends a JSON line a run.

python benchmarks/multifidelity/peers.py --ways optuna-hyperband,optuna-median --half report --seeds 2 --workers 1,4

It is run in an environment that has the library beside Trimtab; `report.py` reads the file as those of `run.py`, and
`adapters.py` says what the ways are. Workers are simulated: each result is told when it would be there. A trial reports
at the steps at which ours do, and costs what the table says of the step that it got to; one that is resumed or promoted
costs what is missing, or all of it where nothing carries over. What does not end within the budget is not counted.
Incumbents are the best of whole trials.
"""

from __future__ import annotations

import argparse
import fnmatch
import heapq
import json
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from adapters import WAYS, Job, Peer, seeded
from curves import MAKERS, CurveTask, half_of, make
from run import N_WHOLE, RESULTS, scale_of

Line = dict[str, Any]


class Running:
    """A job on its way.

    Args:
        task: what is tuned.
        job: what was asked for.
        begun: the fidelity at which it begins, 0 if anew.
        now: when it begins.

    Attributes:
        losses: [S] what it gives at `task.at`.
    """

    def __init__(self, task: CurveTask, job: Job, begun: float, now: float) -> None:
        losses, seconds = task.curves([job.params])
        self.job, self.losses, self._seconds, self._task = job, losses[0], seconds[0], task
        self.began = now - (float(self._seconds[task.at.index(begun)]) if begun else 0.0)
        self.steps = [*(step for step in task.steps if begun < step < job.end), job.end]
        self.before = now

    def loss(self, step: float) -> float:
        return float(self.losses[self._task.at.index(step)])

    def due(self) -> float:
        """Return when it gets to its next step."""
        return max(self.before, self.began + float(self._seconds[self._task.at.index(self.steps[0])]))


def run(task: CurveTask, peer: Peer, workers: int, limit_s: float) -> Line:
    """Return what is put on file of one run.

    Args:
        task: what is tuned.
        peer: what tunes it.
        workers: how many simulated ones.
        limit_s: seconds of CPU time after which it is broken off; on file is then at which share of the budget.
    """
    total = N_WHOLE * scale_of(task.name)[3] / workers
    due: list[tuple[float, int, Running]] = []
    order, idle, now = count(), workers, 0.0
    trace: list[tuple[float, float]] = []
    jobs, best = 0, np.inf
    reached: dict[Any, float] = {}
    short: dict[Any, float] = {}
    """What configurations that were not run whole would have given in the end."""
    began = time.process_time()
    while time.process_time() - began < limit_s:
        while idle:
            job = peer.ask()
            if job is None:
                break
            begun = reached.get(job.key, 0.0) if task.carries_over else 0.0
            running = Running(task, job, begun if begun < job.end else 0.0, now)
            if begun >= job.end:
                running.steps, running.began = [job.end], -np.inf  # it was there before, and takes no time
            heapq.heappush(due, (running.due(), next(order), running))
            idle -= 1
        if not due:
            break
        now, _, running = heapq.heappop(due)
        if now >= total:
            break
        job, step = running.job, running.steps.pop(0)
        loss, running.before = running.loss(step), now
        reached[job.key] = max(reached.get(job.key, 0.0), step)
        if running.steps and peer.report(job, step, loss):
            heapq.heappush(due, (running.due(), next(order), running))
            continue
        idle, jobs, end = idle + 1, jobs + 1, float(running.losses[-1])
        is_whole = step == task.fidelity.high
        if not running.steps:
            peer.end(job, loss, now - running.began)
        if not is_whole:
            short[job.key] = end
            continue
        short.pop(job.key, None)
        if end < best:
            best = end
            trace.append((round(now / total, 5), end))
    missed = sum(end < best for end in short.values())
    line: Line = {"trace": trace, "trials": jobs, "stopped": len(short), "missed": missed}
    return line | ({} if now >= total else {"broken off": round(now / total, 3)})


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ways", default="optuna-hyperband,optuna-median")
    parser.add_argument("--tasks", default="lcbench/*,taskset/*")
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--limit", type=float, default=np.inf, help="seconds of CPU time after which a run breaks off")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.jsonl")
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = args.out.read_text(encoding="utf-8").splitlines() if args.out.is_file() else []
    keys = ("task", "scheduler", "engine", "workers", "seed")
    there = {tuple(json.loads(line)[key] for key in keys) for line in lines}
    names = [n for n in MAKERS if half_of(n) in args.half and any(fnmatch.fnmatch(n, p) for p in args.tasks.split(","))]
    for seed in range(args.seeds):
        for name in names:
            for workers in map(int, args.workers.split(",")):
                for way in args.ways.split(","):
                    maker, engine, scheduler = WAYS[way]
                    line: Line = dict(zip(keys, (name, scheduler, engine, workers, seed), strict=True))
                    if tuple(line.values()) in there:
                        continue
                    task = make(name)
                    seeded(seed)
                    began = time.process_time()
                    line |= run(task, maker(task, seed, scheduler), workers, args.limit)
                    line["cpu"] = round(time.process_time() - began, 2)
                    with args.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
