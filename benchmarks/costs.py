"""Whether a search that minds what trials cost finds more for the same money: beside itself when it does not.

    python benchmarks/costs.py --seeds 3

On LCBench a trial costs its training time, which its parameters decide. On the functions of COCO and its mixed-integer
suite costs are made: their logarithm is linear in the parameters, along a direction that belongs to the task, with a
standard deviation of 1.2 over the space, so that the dearest percent of trials costs some fifty times what the cheapest
does. The budget is what 30 random trials cost on average. A trial that goes beyond it does not count. Each study is
kept in benchmarks/.cache/costs, and not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _figures import Figures

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "regret"))

from record import parameter  # noqa: E402 - of the folder that was just added
from task import Task  # noqa: E402
from tasks import load, names  # noqa: E402

import trimtab as tt  # noqa: E402
from trimtab.ledger.event import Remaining, Told  # noqa: E402
from trimtab.optim.gp import Gp  # noqa: E402
from trimtab.space.problem import Problem, minimize  # noqa: E402
from trimtab.testing.simulation import Simulation  # noqa: E402

KEPT = HERE / ".cache" / "costs"
FAMILIES = ("lcbench", "bbob", "mixint")
SPREAD = 1.2
N_RANDOM = 30
MOST = 120
"""Trials of one study: a search that finds what is free would never end."""

WORST = 1.25
LEAST = 0.7


class Priced:
    """A task and what its trials cost."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.space = tt.Space({p["name"]: parameter(p) for p in task.space})
        rng = np.random.default_rng(zlib.crc32(task.name.encode()))
        direction = rng.standard_normal(len(self.space))
        self._direction = direction / np.linalg.norm(direction) * SPREAD * np.sqrt(12.0)
        x = self.space.sample(rng, 200)
        self.budget = N_RANDOM * float(np.mean([self.run(row, 0)[1] for row in x]))

    def run(self, x: np.ndarray, noise_seed: int) -> tuple[Any, float]:
        """Return the outcome of a row, and its price."""
        params = self.space.decode(x[None])[0]
        outcome = self.task.evaluate(params, noise_seed)
        if self.task.name.startswith("lcbench/"):
            return outcome, max(outcome.seconds, 1e-3)
        u = np.nan_to_num(self.space.to_unit(x[None])[0], nan=0.5)
        return outcome, float(np.exp(self._direction @ (u - 0.5)))


def study(priced: Priced, seed: int, *, minds: bool) -> dict[str, float]:
    """Return the regret when half of the budget was spent, and all of it."""
    engine = Gp()
    if not minds:
        engine.settings = dataclasses.replace(engine.settings, thrift=0.0)
    problem = Problem(priced.space, (minimize("loss"),), cost="price")
    run, task, spent = Simulation(problem, engine, seed), priced.task, 0.0
    run.dispatch.remaining = lambda: Remaining(cost=max(0.0, priced.budget - spent))
    found, regrets = np.inf, dict[float, float]()
    for _ in range(MOST):
        number = run.next()
        if number is None:
            break
        run.start(number)
        outcome, price = priced.run(run.table.x[number], task.noise_seed(seed, {}, number))
        spent += price
        for share in (0.5, 1.0):
            if share not in regrets and spent > share * priced.budget:
                regrets[share] = found
        if spent > priced.budget:
            break
        found = min(found, (outcome.true - task.best) / (task.median - task.best))
        run.add(Told(number, {"loss": outcome.loss, "price": price}, 1, seconds=price, cost=price))
    return {"half": float(regrets.get(0.5, found)), "all": float(regrets.get(1.0, found)), "trials": len(run.table)}


def results(tasks: dict[str, Task], seeds: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Return what studies found, by task and by whether they mind costs."""
    KEPT.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    priced: dict[str, Priced] = {}
    for seed in range(seeds):
        for name, task in tasks.items():
            for arm in ("minds", "blind"):
                file = KEPT / f"{name.replace('/', '--')}-{seed}-{arm}.json"
                if not file.exists():
                    if name not in priced:
                        priced[name] = Priced(task)
                    began = time.process_time()
                    one = study(priced[name], seed, minds=arm == "minds")
                    file.write_text(json.dumps(one), encoding="utf-8")
                    print(name, seed, arm, one, f"{time.process_time() - began:.1f} s CPU", file=sys.stderr, flush=True)
                one = json.loads(file.read_text(encoding="utf-8"))
                found.setdefault(name, {"minds": [], "blind": []})[arm].append(one)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compares a search that minds costs with one that does not.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", default="*", metavar="GLOB")
    args = parser.parse_args(argv)
    wanted = [name for name in names() if name.split("/")[0] in FAMILIES and fnmatch.fnmatch(name, args.tasks)]
    found = results(load(wanted), args.seeds)
    figures = Figures(__file__, __doc__)
    for when in ("half", "all"):
        ratios = []
        for arms in found.values():
            minds, blind = (float(np.mean([one[when] for one in arms[arm]])) for arm in ("minds", "blind"))
            ratios.append((minds + 1e-3) / (blind + 1e-3))
        what = f"{len(ratios)} tasks, {args.seeds} seeds, {when} of the budget"
        is_last = when == "all"
        no_worse = float(np.mean(np.array(ratios) <= 1.0))
        figures.add(f"{what}: tasks with a regret no larger", no_worse, "share", at_least=LEAST if is_last else None)
        figures.add(f"{what}: ratio of regrets, largest", max(ratios), "times", at_most=WORST if is_last else None)
        figures.add(f"{what}: ratio of regrets, median", float(np.median(ratios)), "times")
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
