"""What the runs on file say: how much cheaper than random search, and regret against cost.

python benchmarks/multifidelity/report.py --half report
python benchmarks/multifidelity/report.py --half report --common benchmarks/results/multifidelity/{runs,peers}.jsonl

* `cheaper`: 100 whole trials over what it took to reach what the best of 100 random ones gives in half of all cases;
  the median over tasks of the geometric mean over seeds. What never got there counts as 1.
* regret at 10, 30 and 100 % of the budget: (loss in the end of the incumbent - best) / (median - best), where best and
  median are those of 10,000 random configurations; the mean over tasks and seeds, 1 before there is an incumbent.
* `missed`: of the trials that were stopped, how many would have been better in the end than the last incumbent.
* a run that was broken off counts up to there: where some did not get to a share, the figure is of the others, and how
  many these are stands beside it.
* `worst`: the largest ratio over tasks of its mean regret to that of whole trials, at each share of the budget, both
  raised by 0.001.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from curves import half_of
from run import RESULTS, scale_of

from trimtab.arrays import Floats

Line = dict[str, Any]
Runs = dict[str, list[Line]]
Key = tuple[str, int, str, str]
"""Of a family or a task, workers, an engine and a scheduler."""

SHARES = (0.1, 0.3, 1.0)
FLOOR = 0.001


def regret_at(line: Line, share: float) -> float:
    if line.get("broken off", 1.0) < share:
        return np.nan
    best, median, *_ = scale_of(line["task"])
    loss = next((loss for at, loss in reversed(line["trace"]) if at <= share), median)
    return min(1.0, max(0.0, (loss - best) / (median - best)))


def cheaper(line: Line) -> float:
    target = scale_of(line["task"])[2]
    if "broken off" in line and all(loss > target for _, loss in line["trace"]):
        return np.nan
    return 1.0 / max(next((at for at, loss in line["trace"] if loss <= target), 1.0), 1e-4)


def summary(tasks: Runs, whole: Runs) -> list[str]:
    """Return the cells of one group of runs, by task, beside whole trials on the same tasks and seeds."""
    every = [line for runs in tasks.values() for line in runs]
    factors = np.array([np.exp(np.mean([np.log(cheaper(line)) for line in runs])) for runs in tasks.values()])
    mine, theirs = [], []
    for name, runs in tasks.items():
        seeds = {line["seed"] for line in runs}
        beside = [line for line in whole.get(name, ()) if line["seed"] in seeds]
        mine.append([np.mean([regret_at(line, share) for line in runs]) for share in SHARES])
        if len({line["seed"] for line in beside}) == len(seeds):
            theirs.append([np.mean([regret_at(line, share) for line in beside]) for share in SHARES])
    regrets = np.array(mine)
    worst = "-"
    if len(theirs) == len(mine):
        ratios = (regrets + FLOOR) / (np.array(theirs) + FLOOR)
        worst = " ".join(f"{ratio:.2f}" for ratio in ratios.max(axis=0))
    totals = [str(sum(line.get(key, 0) for line in every)) for key in ("trials", "stopped", "missed")]
    cpu = f"{np.mean([line['cpu'] for line in every]):.1f}"
    means = [known_mean(column) for column in regrets.T]
    return [str(len(tasks)), str(len(every)), known_median(factors), *means, worst, *totals, cpu]


def known_mean(values: Floats) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "-"
    return f"{known.mean():.4f}" + ("" if len(known) == len(values) else f" ({len(known)})")


def known_median(values: Floats) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "-"
    return f"{np.median(known):.1f}" + ("" if len(known) == len(values) else f" ({len(known)})")


def common(groups: dict[Key, Runs]) -> dict[Key, Runs]:
    """Return of all groups the tasks and seeds that those of the same family and as many workers have."""
    kept: dict[Key, Runs] = {}
    for key, runs in groups.items():
        there = [{(line["task"], line["seed"]) for each in groups[other].values() for line in each}
                 for other in groups if other[:2] == key[:2]]  # fmt: skip
        pairs = set.intersection(*there)
        mine = {task: [line for line in lines if (task, line["seed"]) in pairs] for task, lines in runs.items()}
        mine = {task: lines for task, lines in mine.items() if lines}
        if mine:
            kept[key] = mine
    return kept


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--by-task", action="store_true")
    parser.add_argument("--tasks", default="*")
    parser.add_argument("--common", action="store_true", help="only tasks and seeds that all have at so many workers")
    parser.add_argument("files", nargs="*", type=Path, default=[RESULTS / "runs.jsonl", RESULTS / "peers.jsonl"])
    args = parser.parse_args(argv)
    groups: dict[Key, Runs] = {}
    for path in args.files:
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if half_of(line["task"]) in args.half and any(fnmatch(line["task"], p) for p in args.tasks.split(",")):
                about = line["task"] if args.by_task else line["task"].split("/")[0]
                key = about, line["workers"], line["engine"], line["scheduler"]
                groups.setdefault(key, {}).setdefault(line["task"], []).append(line)
    if args.common:
        groups = common(groups)
    head = ["tasks", "workers", "engine", "scheduler", "of", "n", "cheaper", *(f"{share:.0%}" for share in SHARES)]
    head += ["worst", "trials", "stopped", "missed", "CPU s"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for key in sorted(groups):
        whole = groups.get((*key[:3], "whole"), {})
        print("| " + " | ".join([*map(str, key), *summary(groups[key], whole)]) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
