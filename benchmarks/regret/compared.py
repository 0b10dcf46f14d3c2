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

N_CHECKED = 3
OURS = "trimtab"
WORST = 3.0
"""What a regret counts as at most in a mean over tasks, and a run of which nothing is allowed."""


def at(record: dict[str, Any], n: int) -> float:
    """Return the loss that is on record after n trials; infinite where nothing was allowed by then."""
    known = [loss for trial, loss in record["curve"] if trial <= n]
    return float(known[-1]) if known else math.inf


def checked(n: int) -> tuple[int, int, int]:
    """Return after how many trials a run of n is looked at."""
    return (100, 300, n) if n > 300 else (25, 50, n)


def figures(record: dict[str, Any], scale: dict[str, float]) -> list[float]:
    """Return what a row shows of one run."""
    losses = [at(record, n) for n in checked(record["n_trials"])]
    if half(record["task"]).endswith("front"):
        found = [1.0 - loss if math.isfinite(loss) else 0.0 for loss in losses]
    else:
        found = [(loss - scale["best"]) / (scale["median"] - scale["best"]) for loss in losses]
    if "broken" not in record:
        return found
    late = record["n_trials"] // 2
    n_late = sum(n > late for n in record["broken"])
    first = record["curve"][0][0] if record["curve"] else math.inf
    return [*found, first, n_late / (record["n_trials"] - late)]


def runs(folder: Path) -> dict[tuple[str, int, str], list[list[float]]]:
    """Return the figures of the runs in a folder, by task, number of trials and optimizer."""
    scales = json.loads(SCALES.read_text(encoding="utf-8"))
    runs: dict[tuple[str, int, str], list[list[float]]] = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl")):
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            key = record["task"], record["n_trials"], record["optimizer"]
            runs[key].append(figures(record, scales[record["task"]]))
    return runs


def rows(folder: Path) -> list[str]:
    """Return the table of the runs in a folder, a line a row."""
    lines = [
        "| task | after | optimizer | runs | regret or share | first allowed | broken late |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for (task, n, optimizer), of in sorted(runs(folder).items()):
        means = [_mean(column) for column in zip(*of, strict=True)]
        cells = [f"{value:.3g}" if math.isfinite(value) else "none" for value in means]
        cells += [""] * (N_CHECKED + 2 - len(cells))
        values, *others = " / ".join(cells[:N_CHECKED]), *cells[N_CHECKED:]
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
    means: dict[tuple[str, int], dict[str, dict[str, tuple[int, list[float]]]]] = defaultdict(lambda: defaultdict(dict))
    for (task, n, optimizer), of in runs(folder).items():
        kinds = [*[WORST] * N_CHECKED, n + 1.0, 1.0]
        of = [[min(value, most) for value, most in zip(run, kinds, strict=False)] for run in of]
        means[group(task), n][optimizer][task] = len(of), [_mean(column) for column in zip(*of, strict=True)]
    lines = [
        "| tasks | after | beside | runs of each | Trimtab | it | ahead on | first allowed | broken late |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, n), by in sorted(means.items()):
        more = 1 if "front" in name else -1
        for optimizer in sorted(set(by) - {OURS}):
            shared = sorted(set(by[optimizer]) & set(by[OURS]))
            if not shared:
                continue
            pairs = [(by[OURS][task][1], by[optimizer][task][1]) for task in shared]
            ours, its = ([_mean(column) for column in zip(*side, strict=True)] for side in zip(*pairs, strict=True))
            ahead = [sum(more * (a[i] - b[i]) > 0 for a, b in pairs) for i in range(N_CHECKED)]
            counts = [by[optimizer][task][0] for task in shared]
            several = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
            cells = [" / ".join(f"{v:.3g}" for v in side[:N_CHECKED]) for side in (ours, its)]
            cells.append(" / ".join(map(str, ahead)))
            cells += [f"{a:.3g} : {b:.3g}" for a, b in zip(ours[N_CHECKED:], its[N_CHECKED:], strict=True)]
            cells += [""] * (5 - len(cells))
            lines.append(f"| {len(shared)} {name} | {_after(n)} | {optimizer} | {several} | {' | '.join(cells)} |")
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
