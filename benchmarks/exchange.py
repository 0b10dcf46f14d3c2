"""Whether a search that minds an exchange rate is worth more when it ends: beside searches that do not mind it.

    python benchmarks/exchange.py --seeds 4

Tasks and prices are those of benchmarks/costs.py. The budget is what 60 random trials cost on average, and an exchange
rate says that all of it is worth a share of what lies between the median of the task and its best value. Studies end
by that rate, or with the budget. Utility is what was gained over the median less what was spent, both in that unit.
Turns, as built, are the index in every second proposal, and improvement per a power of the cost in the others. Beside
them are the index alone, that power alone, the power as the budget is spent (cost cooling), and a search that minds no
cost. Each study is kept in benchmarks/.cache/exchange, and not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from _figures import Figures
from costs import MOST, Priced  # which puts the folder of tasks on the path

from task import Task  # isort:skip
from tasks import load  # isort:skip

from trimtab.ledger.event import Remaining, Told
from trimtab.optim.gp import Gp
from trimtab.space.problem import Problem, minimize
from trimtab.stop.budget import Budget
from trimtab.stop.worth import Worth
from trimtab.testing.simulation import Simulation

KEPT = Path(__file__).parent / ".cache" / "exchange"
TASKS = (
    *("bbob/f8-d5", "bbob/f14-d5", "bbob/f21-d5", "bbob/f5-d10"),
    *("mixint/f2-d5", "mixint/f9-d5", "mixint/f22-d5", "mixint/f11-d10"),
    *("lcbench/3945", "lcbench/167152", "lcbench/189905", "lcbench/168910"),
)
WORTHS = (0.5, 0.1)
"""What the budget is worth, in what lies between a task's median and its best: one that ends studies soon, and one that
lets them search."""

ARMS = ("turns", "index", "power", "cooled", "blind")
TIMES = 2.0
"""The budget, in those of benchmarks/costs.py."""

MOST_TASKS = 0.5


def study(priced: Priced, seed: int, arm: str, worth: float) -> dict[str, float]:
    """Return the utility when the study ended, and the regret, the share of the budget and the trials until then."""
    engine, task = Gp(), priced.task
    changed = {"index": {"index_every": 1}, "blind": {"thrift": 0.0}}.get(arm, {})
    engine.settings = dataclasses.replace(engine.settings, **changed)
    problem = Problem(priced.space, (minimize("loss"),), cost="price")
    scale, budget = task.median - task.best, TIMES * priced.budget
    rule = Worth(budget=Budget(cost=budget), rate=f"{worth * scale:.12g} = {budget:.12g} cost")
    run, spent, regret = Simulation(problem, engine, seed), 0.0, np.inf
    run.dispatch.remaining = lambda: Remaining(
        cost=max(0.0, 1e12 * budget if arm == "power" else budget - spent),
        must_gain=rule.must_gain(run.table) if arm in ("turns", "index") else {},
    )
    for _ in range(MOST):
        number = run.next()
        if number is None:
            break
        run.start(number)
        outcome, price = priced.run(run.table.x[number], task.noise_seed(seed, {}, number))
        spent += price
        if spent > budget:
            break
        regret = min(regret, (outcome.true - task.best) / scale)
        run.add(Told(number, {"loss": outcome.loss, "price": price}, 1, seconds=price, cost=price))
        if rule.assess(problem, run.table).stop:
            break
    share = min(1.0, spent / budget)
    return {"utility": 1.0 - regret - worth * share, "regret": regret, "spent": share, "trials": len(run.table)}


def kept(name: str, task: Task, priced: dict[str, Priced], seed: int, arm: str, worth: float) -> dict[str, float]:
    """Return what came of a study, which is run if it was not before."""
    file = KEPT / f"{name.replace('/', '--')}-{seed}-{arm}-{worth:g}.json"
    if not file.exists():
        if name not in priced:
            priced[name] = Priced(task)
        began = time.process_time()
        one = study(priced[name], seed, arm, worth)
        file.write_text(json.dumps(one), encoding="utf-8")
        print(name, seed, arm, worth, one, f"{time.process_time() - began:.1f} s CPU", file=sys.stderr, flush=True)
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compares a search that minds an exchange rate with others.")
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args(argv)
    KEPT.mkdir(parents=True, exist_ok=True)
    tasks, priced = load(TASKS), dict[str, Priced]()
    found = {
        (worth, name, seed, arm): kept(name, task, priced, seed, arm, worth)
        for seed in range(args.seeds)
        for worth in WORTHS
        for name, task in tasks.items()
        for arm in ARMS
    }
    figures = Figures(__file__, __doc__)
    for worth in WORTHS:
        means = {
            (name, arm, what): float(np.mean([found[worth, name, seed, arm][what] for seed in range(args.seeds)]))
            for name in tasks
            for arm in ARMS
            for what in ("utility", "regret", "spent")
        }
        of = f"{len(tasks)} tasks, {args.seeds} seeds, a budget worth {worth:g}"
        for what in ("utility", "regret", "spent"):
            for arm in ARMS:
                mean = float(np.mean([means[name, arm, what] for name in tasks]))
                figures.add(f"{of}: {what}, {arm}", mean, "share")
        for arm in ARMS[1:]:
            more = np.array([means[name, ARMS[0], "utility"] - means[name, arm, "utility"] for name in tasks])
            is_blind = arm == "blind"
            least = 0.0 if is_blind else None
            figures.add(f"{of}: utility of turns over {arm}", float(more.mean()), "share", at_least=least)
            share = float(np.mean(more >= 0.0))
            figures.add(f"{of}: tasks better than {arm}", share, "share", at_least=MOST_TASKS if is_blind else None)
            figures.add(f"{of}: worst task beside {arm}", float(more.min()), "share")
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
