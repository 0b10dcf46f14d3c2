"""A stopping rule that knows what an improvement is worth, as a stranger would write one.

Run as a script it is a driver that tests kill: `haggler.py STORE`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import trimtab as tt
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict

SPACE = tt.Space(x=tt.Float(0.0, 1.0), size=tt.Float(1.0, 30.0, log=True))
PAUSE_S = 0.0


class Haggler:
    """Asks for more the more was spent; ends a study in which too much was."""

    def __init__(self, most: float = 1e6, scale: float = 1e-4) -> None:
        self.most = most
        self.scale = scale

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        spent = float(table.cost[table.order].sum())
        return Verdict(stop=spent > self.most, reason=f"{spent:g} is spent", rule="haggler")

    def must_gain(self, table: TrialTable) -> dict[str, float]:
        n = len(table.order)
        return {"cost": self.scale * n} if n >= 5 else {}


def train(trial: tt.Trial) -> dict[str, float]:
    """Return a loss that is a little lower for what costs far more."""
    x, size = trial.params["x"], trial.params["size"]
    time.sleep(PAUSE_S)
    return {"loss": (x - 0.3) ** 2 + 0.02 / size, "cost": size}


def tuned(stop: Any, store: str | None = None, **more: Any) -> tt.Study:
    options: dict[str, Any] = {"optimizer": "gp", "budget": 16, "resume": "always"} | more
    return tt.tune(
        train, SPACE, minimize="loss", cost="cost", stop=stop, store=store, name="haggler", seed=2, progress=False,
        finalize=False, executor="serial", retries=1000, **options,
    )  # fmt: skip


if __name__ == "__main__":
    PAUSE_S = 0.05
    tuned([Haggler()], sys.argv[1]).close()
