"""An engine as a stranger would write it, which learns from past studies; and a study by it that is killed at a trial.

python nearby.py STORE NUMBER    # NUMBER: the trial at which the process kills itself; -1 for none
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.optim.protocol import Proposal, Request

SPACE = tt.Space(lr=tt.Float(1e-5, 1.0, log=True), width=tt.Int(8, 512, log=True), act=tt.Categorical(["relu", "gelu"]))


class Nearby:
    """Tries what did well in past studies, and then near the best that is known: here, and while that is little, there.

    The state is a list of (row, loss).
    """

    def __init__(self, step: float = 0.1) -> None:
        self.step = step

    def learns(self, problem: tt.Problem) -> bool:
        return len(problem.objectives) == 1

    def init(self, problem: tt.Problem) -> list[tuple[Any, float]]:
        return []

    def tell(self, state: list[tuple[Any, float]], table: Any, row: int) -> list[tuple[Any, float]]:
        loss = float(table.losses()[row][0])
        return [*state, (table.x[row].copy(), loss)] if loss == loss else state

    def ask(self, state: list[tuple[Any, float]], table: Any, request: Request) -> Proposal:
        space, rows, whys = table.space, [], []
        past = [np.array([[np.nan if v is None else v for v in row] for row in one.x]) for one in table.past]
        first = [
            space.canonical(np.where(np.isnan(past[i][j]), space.default_row(), past[i][j])) for i, j in table.portfolio
        ]
        pool = sorted(state, key=lambda pair: pair[1])[:3]
        bases = [x for x, _ in pool] if len(state) > 5 or not first else first
        for i in range(request.number, request.number + request.n):
            if i < len(first):
                study = table.past[table.portfolio[i][0]].study
                rows.append(first[i])
                whys.append(f"the best of {study}")
                continue
            base = bases[i % len(bases)] if bases else space.default_row()
            moved = np.clip(space.to_unit(base) + self.step * request.rng.standard_normal(len(space)), 0.0, 1.0)
            rows.append(space.canonical(space.from_unit(moved)))
            whys.append("near the best that is known")
        return Proposal(np.array(rows), "nearby", tuple(whys))

    def to_json(self) -> dict[str, object]:
        return {"name": "nearby:Nearby", "step": self.step}


def loss(params: dict[str, Any], at: float = -2.0) -> float:
    return float((np.log10(params["lr"]) - at) ** 2 + 0.2 * (np.log2(params["width"]) - 6.0) ** 2)


def main(store: str, number: int) -> None:
    def train(trial: tt.Trial) -> float:
        if trial.number == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss(trial.params)

    tt.tune(
        train, SPACE, minimize="loss", budget=9, optimizer=Nearby(), learn_from=["a", "b"], seed=4, store=store,
        name="next", progress=False, finalize=False, resume="always",
    ).close()  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
