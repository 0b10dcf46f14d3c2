"""What the runs on file say: how much cheaper than random search, and regret against cost.

python benchmarks/multifidelity/report.py --half report

* `cheaper`: 100 whole trials over what it took to reach what the best of 100 random ones gives in half of all cases;
  the median over tasks of the geometric mean over seeds. What never got there counts as 1.
* regret at 10, 30 and 100 % of the budget: (loss in the end of the incumbent - best) / (median - best), where best and
  median are those of 10,000 random configurations; the mean over tasks and seeds, 1 before there is an incumbent.
* `worst`: the largest ratio over tasks of its mean regret to that of whole trials, at each share of the budget, both
  raised by 0.001.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from curves import half_of
from run import RESULTS, scale_of

SHARES = (0.1, 0.3, 1.0)
FLOOR = 0.001


def regret_at(line: dict, share: float) -> float:
    best, median, *_ = scale_of(line["task"])
    loss = next((loss for at, loss in reversed(line["trace"]) if at <= share), median)
    return min(1.0, max(0.0, (loss - best) / (median - best)))


def cheaper(line: dict) -> float:
    target = scale_of(line["task"])[2]
    return 1.0 / max(next((at for at, loss in line["trace"] if loss <= target), 1.0), 1e-4)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--by-task", action="store_true")
    parser.add_argument("files", nargs="*", type=Path, default=[RESULTS / "runs.jsonl"])
    args = parser.parse_args(argv)
    lines = [json.loads(line) for path in args.files for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if half_of(line["task"]) in args.half]
    groups: dict[tuple, dict[str, list[dict]]] = {}
    for line in lines:
        key = (
            line["task"] if args.by_task else line["task"].split("/")[0],
            line["workers"],
            line["engine"],
            line["scheduler"],
        )
        groups.setdefault(key, {}).setdefault(line["task"], []).append(line)
    print(
        "| tasks | workers | engine | scheduler | n | cheaper | "
        + " | ".join(f"{s:.0%}" for s in SHARES)
        + " | worst | trials | CPU s |"
    )
    print("|" + "---|" * 11)
    for key in sorted(groups):
        tasks = groups[key]
        factor = np.median([np.exp(np.mean([np.log(cheaper(line)) for line in runs])) for runs in tasks.values()])
        means = {name: [np.mean([regret_at(line, s) for line in runs]) for s in SHARES] for name, runs in tasks.items()}
        ratios = []
        for name, runs in tasks.items():
            seeds = {line["seed"] for line in runs}
            whole = groups.get((*key[:3], "whole"), {}).get(name, ())
            whole = [line for line in whole if line["seed"] in seeds]
            if whole:
                base = [np.mean([regret_at(line, s) for line in whole]) for s in SHARES]
                ratios.append(
                    [(mine + FLOOR) / (theirs + FLOOR) for mine, theirs in zip(means[name], base, strict=True)]
                )
        worst = " ".join(f"{r:.2f}" for r in np.max(ratios, axis=0)) if ratios else ""
        every = [line for runs in tasks.values() for line in runs]
        shown = " | ".join(f"{value:.4f}" for value in np.mean(list(means.values()), axis=0))
        cells = [
            *key,
            len(every),
            f"{factor:.1f}",
            shown,
            worst,
            int(np.mean([line["trials"] for line in every])),
            f"{np.mean([line['cpu'] for line in every]):.1f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
