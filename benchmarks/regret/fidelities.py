"""What engines make of results at lower fidelities, on synthetic learning curves that may cross.

python benchmarks/regret/fidelities.py --seeds 10

Trials are run by successive halving (rungs of 1, 3, 9 and 27 epochs, a third goes on) or stopped where they are worse
than the median. Shown is the regret of the best configuration that was trained for 27 epochs, once 5, 10 and 20 times
27 epochs were spent: the mean over tasks and seeds of its logarithm, turned back. "ignored" is the same engine, told
of no trial that ended earlier.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.event import Origin
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.optim.gp import Gp
from trimtab.optim.protocol import Proposal, Request
from trimtab.optim.tpe import Tpe
from trimtab.space.parameter import Float, Int
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

EPOCHS = 27
RUNGS = (1, 3, 9, EPOCHS)
CHECKED = (5, 10, 20)
SPACE = Space(
    lr=Float(1e-5, 1, log=True), decay=Float(1e-6, 1e-1, log=True), width=Int(8, 512, log=True), drop=Float(0, 1)
)
PROBLEM = Problem(SPACE, (minimize("loss"),), (Fidelity("epoch", 1, EPOCHS, log=True),))

Curve = Callable[[Floats, float], float]
"""From unit places [4] and an epoch to a loss."""


def _final(u: Floats, at: float) -> float:
    return float(3.0 * (u[0] - at) ** 2 + 0.6 * (u[1] - 0.4) ** 2 + 0.4 * (u[2] - 0.8) ** 2 + 0.3 * (u[3] - 0.2) ** 2)


def parallel(u: Floats, epoch: float) -> float:
    """Curves of one shape: what leads once leads always."""
    return _final(u, 0.35) + 2.0 * epoch**-0.7


def crossing(u: Floats, epoch: float) -> float:
    """Large rates lead early, small ones in the end."""
    return _final(u, 0.35) + 2.0 * epoch ** -(0.2 + 1.2 * float(u[0]))


def large(u: Floats, epoch: float) -> float:
    """Wide nets begin worse, and end better."""
    return _final(u, 0.45) + (0.5 + 2.5 * float(u[2])) * epoch**-0.8


def misleading(u: Floats, epoch: float) -> float:
    """Early losses say the contrary of the late ones."""
    share = np.log(epoch) / np.log(EPOCHS)
    return float(share * _final(u, 0.3) + (1.0 - share) * (2.0 - _final(u, 0.3)))


CURVES: dict[str, Curve] = {f.__name__: f for f in (parallel, crossing, large, misleading)}


class Ignoring:
    """An engine that is told only of whole trials."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def init(self, problem: Problem) -> Any:
        return self._engine.init(problem)

    def tell(self, state: Any, table: TrialTable, row: int) -> Any:
        is_whole = table.state[row] == COMPLETE and table.fidelity[row, 0] == EPOCHS
        return self._engine.tell(state, table, row) if is_whole else state

    def ask(self, state: Any, table: TrialTable, request: Request) -> Proposal:
        proposal: Proposal = self._engine.ask(state, table, request)
        return proposal

    def to_json(self) -> dict[str, object]:
        return {"name": "gp"}


ENGINES: dict[str, Callable[[], Any]] = {
    "gp": Gp, "gp ignored": lambda: Ignoring(Gp()), "tpe": Tpe, "tpe ignored": lambda: Ignoring(Tpe())
}  # fmt: skip


class Study:
    """A study on the clock of epochs.

    Attributes:
        regret: of the best whole trial, after so many epochs.
    """

    def __init__(self, engine: Any, curve: Curve, noise: float, seed: int) -> None:
        self.run = Simulation(PROBLEM, engine, seed)
        self._curve, self._noise, self._rng = curve, noise, np.random.default_rng(seed)
        self.best, self.spent = np.inf, 0
        self.regret: dict[int, float] = {}
        grid = SPACE.to_unit(SPACE.sample(np.random.default_rng(0), 20_000))
        self._least = min(curve(u, EPOCHS) for u in [*grid, *np.array([[0.3, 0.4, 0.8, 0.2], [0.35, 0.4, 0.8, 0.2]])])

    def loss(self, number: int, epoch: float) -> float:
        u = SPACE.to_unit(self.run.table.x[number])
        return self._curve(u, epoch) + self._noise * float(self._rng.normal())

    def spend(self, number: int, epochs: int, *, is_whole: bool) -> None:
        """Count what a trial took, and what it was worth."""
        self.spent += epochs
        if is_whole:
            true = self._curve(SPACE.to_unit(self.run.table.x[number]), EPOCHS)
            self.best = min(self.best, max(true - self._least, 1e-4))
        for n in CHECKED:
            if self.spent >= n * EPOCHS:
                self.regret.setdefault(n, min(self.best, 1.0))

    @property
    def is_over(self) -> bool:
        return self.spent >= CHECKED[-1] * EPOCHS


def halving(study: Study) -> None:
    """Promote the best third of each rung (Li et al., 2020, algorithm 2)."""
    run, promoted = study.run, set[int]()
    while not study.is_over:
        parent, rung = _promotable(run.table, promoted)
        if parent is None:
            head, proposal = run.ledger.head, run.propose(fidelity=RUNGS[:1])
            number = run.put(proposal.x[0], Origin(proposal.by, proposal.reason(0)), head=head, fidelity=[RUNGS[0]])
            began = 0
        else:
            promoted.add(parent)
            number = run.put(run.table.x[parent], Origin("asha", ""), fidelity=[RUNGS[rung]], parent=parent)
            began = RUNGS[rung - 1]
        end = RUNGS[rung if parent is not None else 0]
        run.start(number)
        run.tell(number, study.loss(number, end))
        study.spend(number, end - began, is_whole=end == EPOCHS)


def _promotable(table: TrialTable, promoted: set[int]) -> tuple[int | None, int]:
    for rung in reversed(range(len(RUNGS) - 1)):
        rows = np.flatnonzero((table.state == COMPLETE) & (table.fidelity[:, 0] == RUNGS[rung]))
        best = rows[np.argsort(table.y[rows, 0], kind="stable")][: len(rows) // 3]
        for row in best.tolist():
            if row not in promoted:
                return row, rung + 1
    return None, 0


def median(study: Study) -> None:
    """Stop what is worse than the median of the others at the same epoch (Golovin et al., 2017, section 3.2.1)."""
    run, seen = study.run, dict[int, list[float]]()
    while not study.is_over:
        [number] = run.ask()
        run.start(number)
        stopped = 0
        for epoch in range(1, EPOCHS + 1):
            loss = study.loss(number, epoch)
            run.report(number, epoch, loss=loss)
            others = seen.setdefault(epoch, [])
            if epoch >= 3 and len(others) >= 4 and loss > float(np.median(others)):
                stopped = epoch
                break
            others.append(loss)
        if stopped:
            run.stop(number, loss=loss)
        else:
            run.tell(number, loss)
        study.spend(number, stopped or EPOCHS, is_whole=not stopped)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--noise", type=float, default=0.02)
    args = parser.parse_args(argv)
    for scheduler in (halving, median):
        for engine in args.engines.split(","):
            logs: dict[str, list[list[float]]] = {}
            for name, curve in CURVES.items():
                for seed in range(args.seeds):
                    study = Study(ENGINES[engine](), curve, args.noise, seed)
                    scheduler(study)
                    logs.setdefault(name, []).append([float(np.log(study.regret[n])) for n in CHECKED])
            means = {name: np.exp(np.mean(rows, axis=0)).round(4).tolist() for name, rows in logs.items()}
            every = np.concatenate([np.array(rows) for rows in logs.values()])
            error = (every.std(axis=0) / np.sqrt(len(every))).round(3).tolist()
            line = {"scheduler": scheduler.__name__, "engine": engine, "at": CHECKED, "regret": means}
            line |= {"all": np.exp(every.mean(axis=0)).round(4).tolist(), "se_log": error}
            print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
