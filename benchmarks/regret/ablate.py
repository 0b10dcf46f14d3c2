"""What each heuristic of the engine is worth: regret without it, less regret with it, on both halves of the tasks.

python benchmarks/regret/ablate.py run --seeds 3 --jobs 2     # what is on file is not run again
python benchmarks/regret/ablate.py show                       # the table so far, as Markdown

A difference is the mean over tasks of the mean over the seeds that both have; the interval holds 95 % of it over other
seeds of the same tasks, from the spread between the pairs of each task. A heuristic whose interval does not exclude
zero on either half is one to take out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import run
from report import Runs, load
from tasks import half, names

RESULTS = run.RESULTS / "ablation"
WHOLE = "ablate-nothing"
CHECKED = (25, 50, 100)
WITHIN = 1.96
"""Standard errors on either side of a difference: 95 % of a normal distribution."""

SWITCHES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "bold": {"constants": {"gp": {"has_bold_turns": False}}},
    "hundredth": {"constants": {"gp": {"material": 0.0}}},
    "replicates": {"constants": {"gp": {"has_replicates": False}}},
    "input-warps": {"constants": {"gp": {"has_input_warps": False}}},
    "steps": {"constants": {"gp": {"has_steps": False}}},
    "novelty": {"constants": {"gp": {"has_novelty": False}}},
    "guard": {"constants": {"gp": {"has_guard": False}}},
    "trust-region": {"constants": {"gp": {"has_trust_region": False}}},
    "stages": {"stages": False},
}
"""What is taken out, and how the adapter of Trimtab is told."""


def plans(seeds: int, first_seed: int) -> Iterator[run.Plan]:
    """Yield what is due: seed by seed and task by task, so that what is on file can be compared at any time."""
    for seed in range(first_seed, first_seed + seeds):
        for task in names():
            if half(task) in ("tune", "report"):
                for switch in SWITCHES:
                    yield run.Plan(f"ablate-{switch}", task, seed, max(CHECKED), 1)


def measure(args: argparse.Namespace) -> int:
    """Run what is not on file; return the exit code."""
    run.OPTIMIZERS.update({f"ablate-{name}": ("trimtab", options) for name, options in SWITCHES.items()})
    due = list(plans(args.seeds, args.first_seed))
    if args.tasks:
        wanted = set(run.chosen_tasks(args.tasks))
        due = [plan for plan in due if plan.task in wanted]
    return run.run_all(due, args.out, args.jobs, args.limit)


def difference(whole: Runs, without: Runs, tasks: Sequence[str], n: int) -> tuple[float, float, float, int] | None:
    """Return (difference after n trials, its interval's ends, pairs of runs); None where nothing is shared."""
    by_task: dict[str, list[float]] = {}
    for key in sorted(whole.keys() & without.keys()):
        if key[0] in tasks:
            by_task.setdefault(key[0], []).append(float(without[key].curve[n - 1] - whole[key].curve[n - 1]))
    if not by_task:
        return None
    pairs = [np.array(each) for each in by_task.values() if len(each) > 1]
    if not pairs:
        return None
    mean = float(np.mean([each.mean() for each in pairs]))
    error = float(np.sqrt(sum(each.var(ddof=1) / len(each) for each in pairs))) / len(pairs)
    return mean, mean - WITHIN * error, mean + WITHIN * error, sum(map(len, pairs))


def table(folder: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    runs = {name: found for (name, workers), found in load(folder).items() if workers == 1}
    whole = runs.get(WHOLE, {})
    head = [f"{kind} at {n}" for kind in ("tune", "report") for n in CHECKED]
    yield f"| without | {' | '.join(head)} | runs |"
    yield f"|---|{'---:|' * (len(head) + 1)}"
    for switch in SWITCHES:
        without = runs.get(f"ablate-{switch}", {})
        cells, n_pairs = [], 0
        for kind in ("tune", "report"):
            tasks = [name for name in names() if half(name) == kind]
            found = [difference(whole, without, tasks, n) for n in CHECKED]
            n_pairs += found[0][3] if found[0] else 0
            cells += [f"{d[0]:+.4f} ({d[1]:+.4f} to {d[2]:+.4f})" if d else "" for d in found]
        if n_pairs and switch != "nothing":
            yield f"| {switch} | {' | '.join(cells)} | {n_pairs} |"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tasks", default="", help="names and globs; by default all of both halves")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which a run is given up")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    if args.what == "run":
        return measure(args)
    print("\n".join(table(args.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
