"""Records whole studies, a log a file: what rules that stop a study are judged on afterwards.

python benchmarks/regret/record.py --trials 200 --seeds 5

Logs go to benchmarks/.cache/worth/<task>-<seed>.jsonl, or where TRIMTAB_TRACES says. What is there is not recorded
again. A trial takes a second in them; the seconds that the task says are told as the metric `cost`.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from task import Outcome, Params, Task
from tasks import half, load

import trimtab as tt
from spaces import Parameter
from trimtab import plugins
from trimtab.ledger.codec import encode_record
from trimtab.ledger.event import Told
from trimtab.space.problem import Problem, minimize
from trimtab.testing.simulation import Simulation

FOLDER = Path(os.environ.get("TRIMTAB_TRACES") or Path(__file__).parents[1] / ".cache" / "worth")

TASKS = (
    *("hpobench/car", "hpobench/phoneme", "hpobench/vehicle", "hpobench/australian", "hpobench/kc1"),
    *("hpobench/segment", "hpobench/blood_transfusion", "hpobench/credit_g"),
    *("hpolib/naval_propulsion", "hpolib/parkinsons_telemonitoring", "hpolib/protein_structure"),
    *("hpolib/slice_localization", "nasbench201/cifar10", "nasbench201/cifar100"),
    *("lcbench/3945", "lcbench/126025", "lcbench/146212", "lcbench/167152", "lcbench/167181", "lcbench/167190"),
    *("lcbench/168329", "lcbench/168335", "lcbench/168910", "lcbench/189865", "lcbench/189905", "lcbench/189909"),
    *("bbob/f8-d5", "bbob/f5-d10", "bbob/f15-d10", "bbob/f14-d5", "bbob/f21-d5", "bbob/f17-d10"),
    *("bbob/f1-d20", "bbob/f6-d20", "mixint/f3-d10", "mixint/f2-d5", "mixint/f9-d5", "mixint/f11-d10"),
    *("mixint/f7-d20", "mixint/f13-d20", "mixint/f20-d10", "mixint/f22-d5"),
)


def parameter(p: Parameter) -> Any:
    """Return a parameter of Trimtab's. None of these tasks has conditions."""
    if "choices" in p:
        return (tt.Categorical if p["kind"] == "categorical" else tt.Ordinal)(p["choices"], default=p["default"])
    kind = tt.Int if p["kind"] == "int" else tt.Float
    return kind(p["low"], p["high"], log=p.get("log", False), default=p["default"])


def file_of(task: str, seed: int) -> Path:
    return FOLDER / f"{task.replace('/', '--')}-{seed}.jsonl"


def noisy(task: Task, share: float) -> Task:
    """Return a task to whose losses noise is added, so much of what is between the best loss and the median one."""

    def evaluate(params: Params, noise_seed: int) -> Outcome:
        found = task.evaluate(params, noise_seed)
        off = np.random.default_rng(noise_seed).normal() * share * (task.median - task.best)
        return dataclasses.replace(found, loss=found.loss + off)

    return dataclasses.replace(task, evaluate=evaluate)


def record(task: Task, seed: int, n_trials: int, optimizer: str) -> None:
    """Run a study and write its log."""
    problem = Problem(tt.Space({p["name"]: parameter(p) for p in task.space}), (minimize("loss"),), cost="cost")
    run = Simulation(problem, plugins.load("optimizers", optimizer)(), seed)
    for _ in range(n_trials):
        number = run.next()
        if number is None:
            break
        run.start(number)
        params = problem.space.decode(run.table.x[number : number + 1])[0]
        outcome = task.evaluate(params, task.noise_seed(seed, params, number))
        if math.isnan(outcome.loss):
            run.fail(number, "nan")
        else:
            told = {"loss": outcome.loss, "cost": outcome.seconds, "true": outcome.true}
            run.add(Told(number, told, int(run.table.attempt[number]), seconds=outcome.seconds, cost=outcome.seconds))
    path = file_of(task.name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(b"".join(encode_record(one) + b"\n" for one in run.records))
    partial.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Records studies.")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--optimizer", default="auto", help="of a folder of its own, by TRIMTAB_TRACES")
    parser.add_argument("--noise", type=float, default=0.0, help="of the way from the best loss to the median one")
    parser.add_argument("--tasks", default="*", metavar="GLOB")
    args = parser.parse_args(argv)
    tasks = load(TASKS)
    for seed in range(args.first, args.first + args.seeds):
        for name, task in tasks.items():
            if fnmatch.fnmatch(name, args.tasks) and not file_of(name, seed).exists():
                record(noisy(task, args.noise) if args.noise else task, seed, args.trials, args.optimizer)
                print(half(name), name, seed, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
