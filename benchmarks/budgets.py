"""Whether studies keep their budgets: many simulated ones, each beside a count of its own of what was really spent.

    python benchmarks/budgets.py --studies 1000

Each study draws its scheduler, its number of workers, whether checkpoints carry over, how long and how dear an epoch
of each configuration is, how many workers die, and one limit. Epochs and cost are counted by the objective itself,
attempt by attempt; trials, hours and what machines take are read from the study's table, so that these figures say
whether a limit was kept by the study's own count, not whether that count is right.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Task
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor

TOP = 9
SCHEDULERS = ("whole", "median", "asha", "sha", "hyperband", "pasha", "auto")
LIMITS = ("epochs", "trials", "cost", "worker_hours", "gpu_hours", "money", "hours", "deadline")
LOST = 0.03
"""Of all reports, after which the worker dies: about every fourth whole trial."""


MARK_EVERY = 2
"""Epochs between checkpoints: what was run since is run again by whoever goes on, and paid again."""


@dataclass
class Count:
    """What one study really spent, as the objective saw it.

    Attributes:
        epochs: that were run.
        last: the simulated seconds of the last one of each attempt, which a limit on time may cut.
        busy: the simulated seconds of all attempts.
        cost, dearest: of all epochs, and of the dearest.
    """

    epochs: int = 0
    busy: float = 0.0
    last: float = 0.0
    cost: float = 0.0
    dearest: float = 0.0


class World:
    """A training in simulated time, whose workers die now and then.

    Args:
        seed: of what is drawn.
        carries_over: whether what was marked as a checkpoint is gone on from.
        spread: how much dearer one configuration is than another, as a factor.
    """

    def __init__(self, seed: int, *, carries_over: bool, spread: float, workers: int) -> None:
        self.count = Count()
        self._rng = np.random.default_rng(seed)
        self._carries_over, self._spread = carries_over, spread
        self.executor = SimulatedExecutor(self.train, workers=workers, seconds=self._seconds)

    def price(self, params: dict[str, Any]) -> float:
        """Return the seconds, and the cost, of one epoch."""
        return float(self._spread ** params["width"])

    def _seconds(self, task: Task, step: float) -> float:  # noqa: ARG002 - as it is called
        seconds = 60.0 * self.price(task.params)
        self.count.busy += seconds
        self.count.last = max(self.count.last, seconds)
        return seconds

    def train(self, trial: tt.Trial) -> dict[str, float]:
        begin = 1 if trial.checkpoint is None else trial.checkpoint + 1
        end = int(trial.fidelity["epoch"])
        price, loss = self.price(trial.params), 0.0
        for epoch in range(begin, end + 1):
            self.count.epochs += 1
            self.count.cost += price
            self.count.dearest = max(self.count.dearest, price)
            loss = (trial.params["x"] - 0.3) ** 2 + 1 / epoch
            if self._carries_over and epoch % MARK_EVERY == 0:
                trial.mark_checkpoint(epoch)
            trial.report(epoch, loss=loss, cost=price * (epoch - begin + 1))
        loss = loss or (trial.params["x"] - 0.3) ** 2 + 1 / end
        return {"loss": loss, "cost": price * (end - begin + 1)}


def limit_of(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return a budget of one kind, from one to ten whole trials or so."""
    size = float(np.exp(rng.uniform(np.log(1.0), np.log(10.0)))) * TOP
    match kind:
        case "trials":
            return {"trials": max(1, int(size / TOP))}
        case "epochs" | "cost":
            return {kind: size}
        case "money":
            return {"money": size / 60, "prices": {"gpu": 0.9, "cpu": 0.05}}
        case "deadline":
            return {"deadline": size * 60}
        case "gpu_hours":
            return {kind: 2 * size / 60}
    return {kind: size / 60}


def run(seed: int) -> tuple[str, float, float, str, bool]:
    """Run one study; return its limit, by what share it was overspent, its scheduler, whether it replays.

    And by what share it was overspent beyond one step of each trial that ran at its end.
    """
    rng = np.random.default_rng(seed)
    kind, scheduler = LIMITS[seed % len(LIMITS)], str(rng.choice(SCHEDULERS))
    workers, spread = int(rng.choice([1, 2, 4, 8, 32])), float(rng.choice([1.0, 4.0]))
    world = World(seed, carries_over=bool(rng.random() < 0.5), spread=spread, workers=workers)
    asked = limit_of(kind, rng)
    if kind == "deadline":
        asked = {"deadline": datetime.now().astimezone() + timedelta(seconds=asked["deadline"])}
    limit = next(iter(asked.values()))
    lose = _Losing(world.executor, rng)
    study = tt.tune(
        world.train, tt.Space(x=tt.Float(0, 1), width=tt.Float(0, 1)), minimize="loss", cost="cost",
        fidelity=tt.Fidelity("epoch", 1, TOP), budget=tt.Budget(**asked), scheduler=scheduler, executor=lose,
        optimizer="random", seed=seed, progress=False, stop="never", resources=tt.Resources(gpus=2), retries=1000,
    )  # fmt: skip
    table = study.table
    real = {
        "trials": float(table.n_begun), "epochs": float(world.count.epochs), "cost": world.count.cost,
        "hours": table.elapsed / 3600, "worker_hours": table.used.get("worker", 0.0) / 3600,
        "gpu_hours": table.used.get("gpu", 0.0) / 3600,
        "money": (0.9 * table.used.get("gpu", 0.0) + 0.05 * table.used.get("cpu", 0.0)) / 3600,
        "deadline": table.elapsed,
    }  # fmt: skip
    end = float(limit) if not isinstance(limit, datetime) else limit.timestamp() - table.session_start
    step = world.count.last / 3600
    slack = {"worker_hours": workers * step, "gpu_hours": 2 * workers * step, "hours": step, "deadline": 3600 * step}
    slack["cost"] = workers * world.count.dearest
    slack["money"] = 1.85 * workers * step
    over = real[kind] - end
    name = kind if kind != "cost" else f"cost, {'equal' if spread == 1.0 else 'unequal'} prices"
    same = not replay(study.session.journal.read()).differing
    return name, over / end, (over - slack.get(kind, 0.0)) / end, scheduler, same


class _Losing:
    """An executor whose workers die now and then, as another one runs them."""

    def __init__(self, executor: SimulatedExecutor, rng: np.random.Generator) -> None:
        self._executor, self._rng = executor, rng
        self.traits, self.clock = executor.traits, executor.clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def poll(self, timeout: float) -> Any:
        said = self._executor.poll(timeout)
        for message in said:
            if type(message).__name__ == "Reported" and self._rng.random() < LOST:
                self._executor.lose(message.number)
        return said


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--studies", type=int, default=1000)
    ask.add_argument("--first", type=int, default=0)
    told = ask.parse_args()
    shares: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    differing = Counter[str]()
    last = told.first + told.studies - 1
    for seed in range(told.first, last + 1):
        try:
            kind, over, beyond, scheduler, same = run(seed)
        except ExecutorError as error:
            raise SystemExit(f"study {seed}: {error}") from None
        shares[kind].append((over, beyond, seed))
        differing["same" if same else f"differs under {scheduler}"] += 1
        if seed == last or (seed + 1) % 100 == 0:
            show(shares, differing)


def show(shares: dict[str, list[tuple[float, float, int]]], differing: Counter[str]) -> None:
    """Print the table of what was found so far."""
    print(
        f"{'limit':22} {'studies':>7} {'overspent':>9} {'by at most':>10} {'beyond a step':>13} {'spent, median':>13}"
    )
    for kind, found in sorted(shares.items()):
        over, beyond = np.array([one[0] for one in found]), np.array([one[1] for one in found])
        print(
            f"{kind:22} {len(found):7} {int((over > 1e-9).sum()):9} {max(0.0, over.max()):10.1%} "
            f"{int((beyond > 1e-9).sum()):13} {1 + np.median(over):13.1%}   worst: {found[int(over.argmax())][2]}"
        )
    print("replayed:", dict(differing), flush=True)


if __name__ == "__main__":
    main()
