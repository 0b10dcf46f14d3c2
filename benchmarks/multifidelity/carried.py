"""How far off losses are that were carried from where trials were stopped to the end, and how far they say they are.

python benchmarks/multifidelity/carried.py --half tune

Random configurations are stopped as `auto` stops them, on LCBench and TaskSet, from the lowest rung whose rank
correlation with the end is 0.5; tasks without one are left out. For 10, 15, 30 and 100 of them, three draws a task:

* `cover`: how many of the stopped ones would have come to within the 90 % interval around their carried loss;
* `rank`: how the carried losses of all rank beside the end (Spearman);
* `model`, with --model, for 30 and 80 and one draw: how a Gaussian process that was told of them ranks others that it
  was not told of, and `alone`, of the whole trials alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from curves import MAKERS, half_of, make

import trimtab as tt
from trimtab.arrays import Floats
from trimtab.ledger.event import Origin
from trimtab.model.fidelities import Curve, Results, carried
from trimtab.model.lines import Z_90, Scale
from trimtab.model.settings import MODEL
from trimtab.optim.gp import Gp
from trimtab.schedule.rungs import spearman
from trimtab.testing.simulation import Simulation

N_POOL = 400
FIRST, LET_THROUGH, ETA = 5, 13, 3


def stopped_at(losses: Floats, lowest: int) -> list[int]:
    """Return [n] the last step, counted from 0, that each configuration gets to under `auto`'s rule."""
    last = losses.shape[1] - 1
    seen: list[list[float]] = [[] for _ in range(last)]
    ends = []
    for j, curve in enumerate(losses.tolist()):
        end = last
        for k, loss in enumerate(curve[:last]):
            seen[k].append(loss)
            better = sum(other < loss for other in seen[k])
            if j >= FIRST and j % LET_THROUGH and k >= lowest and better >= len(seen[k]) / ETA:
                end = k
                break
        ends.append(end)
    return ends


def cover(losses: Floats, steps: Floats, ends: list[int]) -> tuple[float, float]:
    """Return (the share of stopped ones within their intervals, the rank correlation of all with the end)."""
    n = len(losses)
    at = np.array([[steps[end]] for end in ends])
    curves: list[Curve] = [(steps[: end + 1], losses[i, : end + 1, None]) for i, end in enumerate(ends)]
    last = losses[np.arange(n), ends][:, None]
    found = carried(Results(np.arange(n), last, np.zeros((n, 1)), np.zeros((n, 0))), at, at[:, 0], curves, MODEL)
    top = at[:, 0] == steps[-1]
    scale = Scale.of(last[top, 0], last[:, 0])
    mine, truth = found.losses[:, 0], losses[:, -1]
    deviation = scale.bent(mine) - scale.bent(mine - np.sqrt(found.known[:, 0]))  # `known` is of the better side
    is_within = np.abs(scale.bent(truth) - scale.bent(mine)) <= Z_90 * deviation
    return float(is_within[~top].mean()), spearman(mine, truth)


def model(space: tt.Space, x: Floats, losses: Floats, task: Any, n: int, lowest: int, *, alone: bool) -> float:
    """Return how a process that was told of the first n ranks the others."""
    run, engine = Simulation(tt.Problem(space, (tt.minimize("loss"),), (task.fidelity,))), Gp()
    state = engine.init(run.problem)
    ends, last = stopped_at(losses[:n], lowest), losses.shape[1] - 1
    for i, end in enumerate(ends):
        number = run.put(x[i], Origin("benchmark"), fidelity=(task.fidelity.high,))
        run.start(number)
        for k in range(min(end + 1, last)):
            run.report(number, task.steps[k], loss=float(losses[i, k]))
        if end == last:
            run.tell(number, float(losses[i, -1]))
        else:
            run.stop(number, loss=float(losses[i, end]))
        if end == last or not alone:
            engine.tell(state, run.table, number)
    found = state.surrogate.model(state.observations, None)
    return spearman(-found.posterior.mean(found.features.embed(x[n:])), losses[n:, -1])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half", default="tune,report")
    parser.add_argument("--model", action="store_true")
    args = parser.parse_args(argv)
    figures: dict[tuple[str, str, int], list[float]] = {}
    for name in MAKERS:
        family = name.split("/")[0]
        if family not in ("lcbench", "taskset") or half_of(name) not in args.half:
            continue
        task = make(name)
        x = task.space.sample(np.random.default_rng(5), N_POOL)
        losses, _ = task.curves(task.space.decode(x))
        ranks = [spearman(losses[:, k], losses[:, -1]) for k in range(len(task.steps))]
        lowest = next((k for k in range(len(ranks)) if min(ranks[k:]) >= 0.5), None)
        if lowest is None:
            continue
        for n in (10, 15, 30, 100):
            for draw in range(3):
                order = np.random.default_rng([draw, n]).permutation(N_POOL)[:n]
                ends = stopped_at(losses[order], lowest)
                if min(ends) < len(task.steps):
                    within, rank = cover(losses[order], np.array(task.at), ends)
                    figures.setdefault((family, "cover", n), []).append(within)
                    figures.setdefault((family, "rank", n), []).append(rank)
        for n in (30, 80) if args.model else ():
            order = np.random.default_rng(3).permutation(N_POOL)
            for what in ("model", "alone"):
                told = model(task.space, x[order], losses[order], task, n, lowest, alone=what == "alone")
                figures.setdefault((family, what, n), []).append(told)
    for (family, what, n), values in sorted(figures.items()):
        print(f"{family:8} {what:6} {n:4}  {np.nanmean(values):.3f}  of {len(values)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
