"""Tables of recorded runs: with limits, of several objectives, of steps, of results that are off, of long studies.

python benchmarks/regret/compared.py benchmarks/results/regret/metrics
python benchmarks/regret/compared.py benchmarks/results/regret/off --by half

One row a task and an optimizer, in Markdown, with how many runs it is the mean of: regret after 25, 50 and all
trials, of long studies after 100, 300 and all; with limits the trials up to the first that keeps them, and the share
of the second half that breaks one; of several objectives what is covered of the box, in the place of regret. By
halves, there is one row an optimizer, with means over the tasks that it and Trimtab ran, and on how many of them
Trimtab is ahead.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks import SCALES, half

OURS = "trimtab"
WORST = 3.0
"""What a regret counts as at most in a mean over tasks, and a run of which nothing is allowed."""


def at(record: dict[str, Any], n: int) -> float:
    """Return the loss that is on record after n trials; infinite where nothing was allowed by then."""
    known = [loss for trial, loss in record["curve"] if trial <= n]
    return float(known[-1]) if known else math.inf


def checked(n: int) -> list[int]:
    """Return after how many trials a run of n is looked at."""
    return [*(early for early in ((100, 300) if n > 300 else (25, 50)) if early < n), n]


def figures(record: dict[str, Any], scale: dict[str, float], n: int) -> list[float]:
    """Return what a row shows of the first n trials of one run."""
    losses = [at(record, after) for after in checked(n)]
    if half(record["task"]).endswith("front"):
        found = [1.0 - loss if math.isfinite(loss) else 0.0 for loss in losses]
    else:
        found = [(loss - scale["best"]) / (scale["median"] - scale["best"]) for loss in losses]
    if "broken" not in record:
        return found
    late = n // 2
    n_late = sum(late < number <= n for number in record["broken"])
    first = record["curve"][0][0] if record["curve"] and record["curve"][0][0] <= n else math.inf
    return [*found, first, n_late / (n - late)]


Runs = dict[tuple[str, int, str], list[dict[str, Any]]]


def runs(folder: Path) -> Runs:
    """Return the runs in a folder, by task, number of trials and optimizer."""
    runs: Runs = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl")):
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            runs[record["task"], record["n_trials"], record["optimizer"]].append(record)
    return runs


def rows(folder: Path) -> list[str]:
    """Return the table of the runs in a folder, a line a row."""
    lines = [
        "| task | after | optimizer | runs | regret or share | first allowed | broken late |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    scales = json.loads(SCALES.read_text(encoding="utf-8"))
    for (task, n, optimizer), of in sorted(runs(folder).items()):
        each = [figures(record, scales[task], n) for record in of]
        means = [_mean(column) for column in zip(*each, strict=True)]
        cells = [f"{value:.3g}" if math.isfinite(value) else "none" for value in means]
        n_losses = len(checked(n))
        values, *others = " / ".join(cells[:n_losses]), *(cells[n_losses:] or ["", ""])
        lines.append(f"| {task} | {_after(n)} | {optimizer} | {len(of)} | {values} | {' | '.join(others)} |")
    return lines


def _after(n: int) -> str:
    return " / ".join(map(str, checked(n)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def group(task: str) -> str:
    """Return what a task is summed up with: its half, and of results that are off, their kind."""
    return f"{half(task)} {task.rsplit('-', 1)[1]}" if task.startswith("off/") else half(task)


def summary(folder: Path) -> list[str]:
    """Return the table of each optimizer beside Trimtab, a line a row."""
    scales = json.loads(SCALES.read_text(encoding="utf-8"))

    def means(of: Sequence[dict[str, Any]], n: int) -> list[float]:
        most = [*[WORST] * len(checked(n)), n + 1.0, 1.0]
        each = [figures(record, scales[record["task"]], n) for record in of]
        return [
            _mean([min(value, limit) for value in column])
            for column, limit in zip(zip(*each, strict=True), most, strict=False)  # the last two are of limits
        ]

    known = runs(folder)
    ours_of = {task: (n, of) for (task, n, optimizer), of in sorted(known.items()) if optimizer == OURS}
    by: dict[tuple[str, int, str], dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for (task, n, optimizer), of in known.items():
        if optimizer != OURS and n <= ours_of.get(task, (0, []))[0]:
            by[group(task), n, optimizer][task] = of
    lines = [
        "| tasks | after | beside | runs of each | Trimtab | it | ahead on | first allowed | broken late |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, n, optimizer), of_task in sorted(by.items()):
        more = 1 if "front" in name else -1
        pairs = [(means(ours_of[task][1], n), means(of, n)) for task, of in of_task.items()]
        counts = [len(of) for of in of_task.values()]
        n_losses = len(checked(n))
        ours, its = ([_mean(column) for column in zip(*side, strict=True)] for side in zip(*pairs, strict=True))
        ahead = [sum(more * (a[i] - b[i]) > 0 for a, b in pairs) for i in range(n_losses)]
        several = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
        cells = [" / ".join(f"{v:.3g}" for v in side[:n_losses]) for side in (ours, its)]
        cells.append(" / ".join(map(str, ahead)))
        cells += [f"{a:.3g} : {b:.3g}" for a, b in zip(ours[n_losses:], its[n_losses:], strict=True)]
        cells += [""] * (5 - len(cells))
        lines.append(f"| {len(pairs)} {name} | {_after(n)} | {optimizer} | {several} | {' | '.join(cells)} |")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--by", choices=("task", "half"), default="task")
    args = parser.parse_args(argv)
    print("\n".join((rows if args.by == "task" else summary)(args.folder)))


if __name__ == "__main__":
    main()
