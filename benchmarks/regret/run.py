"""Runs optimizers on tasks and appends one JSON line a run; what is on file is not run again.

python benchmarks/regret/run.py --optimizers trimtab,optuna-tpe --tasks report --seeds 10
python benchmarks/regret/run.py --optimizers trimtab,optuna-cmaes --tasks report-long --trials 1000 --seeds 5

Every optimizer is a process of its own environment (see adapters/), asked and told one trial at a time. Trials run on a
simulated clock: with several workers, results arrive in the order of the tasks' own run-times. A line holds the curve
of the true loss of the configuration that would be chosen after each trial, as the points where it changes.
"""

from __future__ import annotations

import argparse
import fnmatch
import heapq
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from envs import python_of
from fronts import dominated, scaled
from task import Outcome, Task
from tasks import half, load, names

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "regret"

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "trimtab": ("trimtab", {}),
    "trimtab-unstaged": ("trimtab", {"stages": False}),
    "trimtab-imputed": ("trimtab", {"imputed": True}),
    "trimtab-gp": ("trimtab", {"optimizer": "gp"}),
    "trimtab-tpe": ("trimtab", {"optimizer": "tpe"}),
    "trimtab-cmaes": ("trimtab", {"optimizer": "cmaes"}),
    "random": ("trimtab", {"optimizer": "random"}),
    "optuna-tpe": ("optuna", {"sampler": "tpe"}),
    "optuna-gp": ("optuna", {"sampler": "gp"}),
    "optuna-cmaes": ("optuna", {"sampler": "cmaes"}),
    "optuna-nsga2": ("optuna", {"sampler": "nsga2"}),
    "hyperopt": ("hyperopt", {}),
    "smac": ("smac", {}),
    "smac-bb": ("smac", {"facade": "bb"}),
    "nevergrad": ("nevergrad", {}),
    "hebo": ("hebo", {}),
    "ax": ("ax", {}),
    "vizier": ("vizier", {}),
}
"""Name in the results: adapter and its options."""


class Adapter:
    """A process that holds one library, and speaks the protocol of adapters/wire.py."""

    def __init__(self, name: str) -> None:
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self._process = subprocess.Popen(
            [str(python_of(name)), str(HERE / "adapters" / f"{name}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | dict.fromkeys(threads, "1"),
        )

    def send(self, **message: Any) -> dict[str, Any]:
        """Return the answer to a message.

        Raises:
            RuntimeError: the library raised, or its process is gone.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the adapter has no pipes")
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise RuntimeError(f"the adapter is gone: {error}") from None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the adapter ended"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Curve:
    """The true loss of the configuration that would be chosen, after each trial.

    Attributes:
        points: [trial, loss] wherever it changed.
    """

    points: list[tuple[int, float]] = field(default_factory=list)

    def add(self, n: int, loss: float) -> None:
        shown = float(f"{loss:.9g}")
        if not self.points or self.points[-1][1] != shown:
            self.points.append((n, shown))


class Covered:
    """The share of a task's box that its results leave undominated, which is the loss of a study of several objectives.

    Args:
        task: whose box it is.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._points: list[tuple[float, ...]] = []

    def add(self, outcome: Outcome) -> float:
        """Take in a result; return the share."""
        y = (outcome.true, *(outcome.metrics[name] for name in self._task.objectives))
        self._points.append(scaled(self._task, y))
        return 1.0 - dominated(self._points)


@dataclass(frozen=True)
class Plan:
    """What is run how.

    Attributes:
        optimizer: a key of OPTIMIZERS.
        task: the name of a task.
        seed, n_trials, workers: of the run.
    """

    optimizer: str
    task: str
    seed: int
    n_trials: int
    workers: int


def run(plan: Plan, task: Task, adapter: Adapter, options: dict[str, Any]) -> dict[str, Any]:
    """Return the record of one run."""
    started = adapter.send(
        op="start",
        space=list(task.space),
        seed=plan.seed,
        n_trials=plan.n_trials,
        workers=plan.workers,
        noisy=task.is_noisy,
        options=options,
        **({"objectives": list(task.objectives)} if task.objectives else {}),
        **({"limits": dict(task.limits)} if task.limits else {}),
    )
    curve, told, repeats = Curve(), dict[int, Outcome](), dict[str, int]()
    running: list[tuple[float, int, Outcome]] = []
    cpu_s, wall_s, clock, failed = list[float](), 0.0, 0.0, list[int]()
    best: int | None = None
    broken, covered = list[int](), Covered(task)
    while len(told) < plan.n_trials:
        while len(cpu_s) < plan.n_trials and len(running) < plan.workers:
            asked = adapter.send(op="ask")
            cpu_s.append(asked["cpu"])
            wall_s += asked["wall"]
            key = repr(sorted(asked["params"].items()))
            repeats[key] = repeats.get(key, -1) + 1
            noise = task.noise_seed(plan.seed, asked["params"], repeats[key])
            outcome = task.evaluate(asked["params"], noise)
            heapq.heappush(running, (clock + outcome.seconds, asked["id"], outcome))
        clock, number, outcome = heapq.heappop(running)
        works = math.isfinite(outcome.loss)
        loss = outcome.loss if works else None
        if task.objectives or task.limits:
            answer = adapter.send(op="tell", id=number, loss=loss, metrics=dict(outcome.metrics))
        else:
            answer = adapter.send(op="tell", id=number, loss=loss)
        cpu_s[len(told)] += answer["cpu"]
        wall_s += answer["wall"]
        told[number] = outcome
        if not works:
            failed.append(len(told))
        elif not task.is_allowed(outcome):
            broken.append(len(told))
        elif task.objectives:
            curve.add(len(told), covered.add(outcome))
            continue
        elif best is None or outcome.loss < told[best].loss:
            best = number
        # an optimizer may have its own mind of which one is best; what breaks limits never is
        chosen = best if task.limits else answer.get("best", best)
        if chosen is not None and not task.objectives:
            curve.add(len(told), told[chosen].true)
    return {
        **vars(plan),
        "curve": curve.points,
        "failed": failed,
        **({"broken": broken} if task.limits else {}),
        "cpu_ms": round(1000 * sum(cpu_s) / len(cpu_s), 2),
        "wall_ms": round(1000 * wall_s / len(cpu_s), 2),
        "clock_s": float(f"{clock:.5g}"),
        "version": started["version"],
        "date": date.today().isoformat(),
    }


class Runner:
    """Works through plans in threads, each with its own adapters, and appends what they give."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self._folder = folder
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._started: list[Adapter] = []
        self.failures = 0

    def done(self) -> set[Plan]:
        """Return what is on file."""
        found = set()
        for path in self._folder.glob("*.jsonl"):
            text = path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:  # killed while it wrote a line: that run is done again
                path.write_text(whole, encoding="utf-8")
            for line in whole.splitlines():
                record = json.loads(line)
                found.add(Plan(*(record[key] for key in Plan.__dataclass_fields__)))
        return found

    def close(self) -> None:
        """End every adapter."""
        for adapter in self._started:
            adapter.kill()

    def _start(self, name: str) -> Adapter:
        adapter = Adapter(name)
        self._started.append(adapter)
        return adapter

    def __call__(self, plan: Plan, task: Task) -> None:
        name, options = OPTIMIZERS[plan.optimizer]
        adapters = self._mine.__dict__.setdefault("adapters", {})
        adapter = adapters.pop(name, None) or self._start(name)
        clock = threading.Timer(self._limit_s, adapter.kill)
        clock.daemon = True
        begun = time.perf_counter()
        clock.start()
        try:
            record = run(plan, task, adapter, options)
        except RuntimeError as error:
            adapter.kill()
            lasted = time.perf_counter() - begun
            with self._lock:
                self.failures += 1
                print(f"{plan}: failed after {lasted:.0f} s: {error}", file=sys.stderr, flush=True)
            return
        finally:
            clock.cancel()
        adapters[name] = adapter
        with self._lock, (self._folder / f"{plan.optimizer}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def chosen_tasks(patterns: str) -> list[str]:
    """Return the tasks of a comma-separated list of halves ("tune", "report", "report-long", ...), names and globs."""
    known = names()
    parts = patterns.split(",")
    found = [n for n in known if any(part == half(n) or fnmatch.fnmatchcase(n, part) for part in parts)]
    if not found:
        raise SystemExit(f"no task is called {patterns!r}; known are tune, report, special and {', '.join(known)}.")
    return found


def plans(args: argparse.Namespace) -> Iterator[Plan]:
    """Yield what is asked for: seed by seed, so that what is on file is even at any time."""
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for task in chosen_tasks(args.tasks):
            for optimizer in args.optimizers.split(","):
                yield Plan(optimizer, task, seed, args.trials, args.workers)


def run_all(plans: Sequence[Plan], folder: Path, jobs: int, limit_s: float) -> int:
    """Run those of the plans that are not on file; return the exit code: 1 if one failed."""
    folder.mkdir(parents=True, exist_ok=True)
    runner = Runner(folder, limit_s)
    done = runner.done()
    due = [plan for plan in plans if plan not in done]
    tasks = load({plan.task for plan in due})
    due = [plan for plan in due if plan.task in tasks]  # of the others, load has said what they lack
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(runner, due, [tasks[plan.task] for plan in due]))
    runner.close()
    return 1 if runner.failures else 0


def main(argv: Sequence[str] | None = None) -> int:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--optimizers", default="trimtab", help=f"of {', '.join(OPTIMIZERS)}")
    parser.add_argument("--tasks", default="report", help="tune, report, special, tune-long, report-long, names, globs")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1, help="trials that run at once, on the simulated clock")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which a run is given up")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    if unknown := set(args.optimizers.split(",")) - set(OPTIMIZERS):
        parser.error(f"unknown optimizers: {', '.join(sorted(unknown))}; known are {', '.join(OPTIMIZERS)}.")
    return run_all(list(plans(args)), args.out, args.jobs, args.limit)


if __name__ == "__main__":
    sys.exit(main())
