"""Runs other libraries on the same learning curves at the same simulated cost, and appends a JSON line a run.

python benchmarks/multifidelity/peers.py --ways optuna-hyperband,optuna-median --half report --seeds 2

It is run in an environment that has the library beside Trimtab; `report.py` reads the file as those of `run.py`.
One worker, defaults all of them. A trial reports at the steps at which ours do, and costs what the table says of the
step that it got to; what does not end within the budget is not counted. Incumbents are the best of whole trials.

optuna-hyperband  TPE with HyperbandPruner from the fidelity's lowest to its highest, a factor of 3
optuna-median     TPE with MedianPruner
optuna-whole      TPE on whole trials
dehb              DEHB from the fidelity's lowest to its highest, a factor of 3; each rung is paid in full or, where
                  trials carry over, less what the configuration had been trained before
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from curves import MAKERS, CurveTask, half_of, make
from run import N_WHOLE, RESULTS, scale_of

from trimtab.arrays import Floats
from trimtab.space.parameter import Float, Int

Line = dict[str, Any]


class Spending:
    """What one run has spent and found.

    Args:
        task: what is tuned.
        total: the budget, in simulated seconds.
    """

    def __init__(self, task: CurveTask, total: float) -> None:
        self._task, self._total, self.spent = task, total, 0.0
        self._best = np.inf
        self._stopped: list[float] = []
        self.trace: list[tuple[float, float]] = []
        self.trials = 0

    @property
    def is_over(self) -> bool:
        return self.spent >= self._total

    def curve(self, params: Mapping[str, Any]) -> tuple[Floats, Floats]:
        losses, seconds = self._task.curves([dict(params)])
        return losses[0], seconds[0]

    def trial(self, losses: Floats, seconds: float, *, is_whole: bool) -> None:
        """Count a trial that took so long."""
        self.trials += 1
        self.spent += seconds
        if self.is_over:
            return
        end = float(losses[-1])
        if not is_whole:
            self._stopped.append(end)
        elif end < self._best:
            self._best = end
            self.trace.append((round(self.spent / self._total, 5), end))

    def line(self) -> Line:
        missed = sum(end < self._best for end in self._stopped)
        return {"trace": self.trace, "trials": self.trials, "stopped": len(self._stopped), "missed": missed}


def _parameters(task: CurveTask) -> dict[str, Float | Int]:
    by_name = {name: task.space[name] for name in task.space.names}
    return {name: p for name, p in by_name.items() if isinstance(p, Float | Int)}


def run_optuna(task: CurveTask, spending: Spending, seed: int, pruner: str) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruners: dict[str, Callable[[], Any]] = {
        "hyperband": lambda: optuna.pruners.HyperbandPruner(
            min_resource=int(task.fidelity.low), max_resource=int(task.fidelity.high), reduction_factor=3
        ),
        "median": optuna.pruners.MedianPruner,
        "whole": optuna.pruners.NopPruner,
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruners[pruner]())

    def objective(trial: Any) -> float:
        params = {}
        for name, p in _parameters(task).items():
            suggest = trial.suggest_int if isinstance(p, Int) else trial.suggest_float
            params[name] = suggest(name, p.low, p.high, log=p.log)
        losses, seconds = spending.curve(params)
        for k, step in enumerate(task.steps):
            trial.report(float(losses[k]), int(step))
            if trial.should_prune():
                spending.trial(losses, float(seconds[k]), is_whole=False)
                raise optuna.TrialPruned
        spending.trial(losses, float(seconds[-1]), is_whole=True)
        return float(losses[-1])

    while not spending.is_over:
        study.optimize(objective, n_trials=1)


def run_dehb(task: CurveTask, spending: Spending, seed: int, _: str) -> None:
    import ConfigSpace
    from dehb import DEHB

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, p in _parameters(task).items():
        kind = (
            ConfigSpace.UniformIntegerHyperparameter if isinstance(p, Int) else ConfigSpace.UniformFloatHyperparameter
        )
        space.add(kind(name, lower=p.low, upper=p.high, log=p.log))
    low, high = task.fidelity.low, task.fidelity.high
    dehb = DEHB(
        f=lambda *_: None, cs=space, min_fidelity=low, max_fidelity=high, eta=3, n_workers=1, seed=seed,
        output_path=str(Path(tempfile.gettempdir(), "trimtab-dehb")), log_level="ERROR",
    )  # fmt: skip
    steps = np.array([*task.steps, high])
    trained: dict[tuple[Any, ...], float] = {}
    while not spending.is_over:
        job = dehb.ask()
        params = {name: job["config"][name] for name in _parameters(task)}
        losses, seconds = spending.curve(params)
        k = int(np.abs(steps - job["fidelity"]).argmin())
        key = tuple(params.values())
        taken = float(seconds[k]) - (trained.get(key, 0.0) if task.carries_over else 0.0)
        trained[key] = max(trained.get(key, 0.0), float(seconds[k]))
        spending.trial(losses, max(0.0, taken), is_whole=k == len(steps) - 1)
        dehb.tell(job, {"fitness": float(losses[k]), "cost": taken})


WAYS: dict[str, tuple[Callable[[CurveTask, Spending, int, str], None], str, str]] = {
    "optuna-hyperband": (run_optuna, "optuna-tpe", "hyperband"),
    "optuna-median": (run_optuna, "optuna-tpe", "median"),
    "optuna-whole": (run_optuna, "optuna-tpe", "whole"),
    "dehb": (run_dehb, "dehb", "dehb"),
}
"""What runs a way, and what stands on file as its engine and its scheduler."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ways", default="optuna-hyperband,optuna-median")
    parser.add_argument("--tasks", default="lcbench/*,taskset/*")
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.jsonl")
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = args.out.read_text(encoding="utf-8").splitlines() if args.out.is_file() else []
    keys = ("task", "scheduler", "engine", "workers", "seed")
    there = {tuple(json.loads(line)[key] for key in keys) for line in lines}
    names = [n for n in MAKERS if half_of(n) in args.half and any(fnmatch.fnmatch(n, p) for p in args.tasks.split(","))]
    for seed in range(args.seeds):
        for name in names:
            for way in args.ways.split(","):
                runner, engine, scheduler = WAYS[way]
                line: Line = dict(zip(keys, (name, scheduler, engine, 1, seed), strict=True))
                if tuple(line.values()) in there:
                    continue
                task = make(name)
                spending = Spending(task, N_WHOLE * scale_of(name)[3])
                began = time.process_time()
                runner(task, spending, seed, scheduler)
                line |= spending.line() | {"cpu": round(time.process_time() - began, 2)}
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
