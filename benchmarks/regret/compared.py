"""Tables of recorded runs: with limits, of several objectives, of steps, of results that are off, of long studies.

python benchmarks/regret/compared.py benchmarks/results/regret/metrics
python benchmarks/regret/compared.py benchmarks/results/regret/off

One row a task and an optimizer, in Markdown, with how many runs it is the mean of: regret after 25, 50 and all trials;
with limits the trials up to the first that keeps them, and the share of the second half that breaks one; of several
objectives what is covered of the box, in the place of regret.
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

CHECKED = (25, 50)


def at(record: dict[str, Any], n: int) -> float:
    """Return the loss that is on record after n trials; infinite where nothing was allowed by then."""
    known = [loss for trial, loss in record["curve"] if trial <= n]
    return float(known[-1]) if known else math.inf


def figures(record: dict[str, Any], scale: dict[str, float]) -> list[float]:
    """Return what a row shows of one run."""
    losses = [at(record, n) for n in (*CHECKED, record["n_trials"])]
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


def rows(folder: Path) -> list[str]:
    """Return the table of the runs in a folder, a line a row."""
    scales = json.loads(SCALES.read_text(encoding="utf-8"))
    runs: dict[tuple[str, int, str], list[list[float]]] = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl")):
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            key = record["task"], record["n_trials"], record["optimizer"]
            runs[key].append(figures(record, scales[record["task"]]))
    lines = [
        "| task | trials | optimizer | runs | at 25 | at 50 | at all | first allowed | broken late |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (task, n, optimizer), of in sorted(runs.items()):
        means = [sum(column) / len(of) for column in zip(*of, strict=True)]
        cells = [f"{value:.3g}" if math.isfinite(value) else "none" for value in means]
        cells += [""] * (len(CHECKED) + 3 - len(cells))
        lines.append(f"| {task} | {n} | {optimizer} | {len(of)} | {' | '.join(cells)} |")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path)
    print("\n".join(rows(parser.parse_args(argv).folder)))


if __name__ == "__main__":
    main()
