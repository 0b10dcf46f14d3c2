"""What the runs on file say: how much cheaper than random search, and regret against cost.

python benchmarks/multifidelity/report.py --half report

* `cheaper`: 100 whole trials over what it took to reach what the best of 100 random ones gives in half of all cases;
  the median over tasks of the geometric mean over seeds. What never got there counts as 1.
* regret at 10, 30 and 100 % of the budget: (loss in the end of the incumbent - best) / (median - best), where best and
  median are those of 10,000 random configurations; the mean over tasks and seeds, 1 before there is an incumbent.
* `missed`: of the trials that were stopped, how many would have been better in the end than the last incumbent.
* `worst`: the largest ratio over tasks of its mean regret to that of whole trials, at each share of the budget, both
  raised by 0.001.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from curves import half_of
from run import RESULTS, scale_of

Line = dict[str, Any]
Runs = dict[str, list[Line]]

SHARES = (0.1, 0.3, 1.0)
FLOOR = 0.001


def regret_at(line: Line, share: float) -> float:
    best, median, *_ = scale_of(line["task"])
    loss = next((loss for at, loss in reversed(line["trace"]) if at <= share), median)
    return min(1.0, max(0.0, (loss - best) / (median - best)))


def cheaper(line: Line) -> float:
    target = scale_of(line["task"])[2]
    return 1.0 / max(next((at for at, loss in line["trace"] if loss <= target), 1.0), 1e-4)


def summary(tasks: Runs, whole: Runs) -> list[str]:
    """Return the cells of one group of runs, by task, beside whole trials on the same tasks and seeds."""
    every = [line for runs in tasks.values() for line in runs]
    factor = np.median([np.exp(np.mean([np.log(cheaper(line)) for line in runs])) for runs in tasks.values()])
    mine, theirs = [], []
    for name, runs in tasks.items():
        seeds = {line["seed"] for line in runs}
        beside = [line for line in whole.get(name, ()) if line["seed"] in seeds]
        mine.append([np.mean([regret_at(line, share) for line in runs]) for share in SHARES])
        if len({line["seed"] for line in beside}) == len(seeds):
            theirs.append([np.mean([regret_at(line, share) for line in beside]) for share in SHARES])
    means = np.mean(mine, axis=0)
    worst = "-"
    if len(theirs) == len(mine):
        ratios = (np.array(mine) + FLOOR) / (np.array(theirs) + FLOOR)
        worst = " ".join(f"{ratio:.2f}" for ratio in ratios.max(axis=0))
    totals = [str(sum(line.get(key, 0) for line in every)) for key in ("trials", "stopped", "missed")]
    cpu = f"{np.mean([line['cpu'] for line in every]):.1f}"
    return [str(len(every)), f"{factor:.1f}", *(f"{mean:.4f}" for mean in means), worst, *totals, cpu]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--by-task", action="store_true")
    parser.add_argument("files", nargs="*", type=Path, default=[RESULTS / "runs.jsonl"])
    args = parser.parse_args(argv)
    groups: dict[tuple[str, int, str, str], Runs] = {}
    for path in args.files:
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if half_of(line["task"]) in args.half:
                about = line["task"] if args.by_task else line["task"].split("/")[0]
                key = about, line["workers"], line["engine"], line["scheduler"]
                groups.setdefault(key, {}).setdefault(line["task"], []).append(line)
    head = ["tasks", "workers", "engine", "scheduler", "n", "cheaper", *(f"{share:.0%}" for share in SHARES)]
    head += ["worst", "trials", "stopped", "missed", "CPU s"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for key in sorted(groups):
        whole = groups.get((*key[:3], "whole"), {})
        print("| " + " | ".join([*map(str, key), *summary(groups[key], whole)]) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
