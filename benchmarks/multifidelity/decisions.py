"""What a decision takes where 1,000 workers report and 20,000 trials are on record, in milliseconds of CPU time.

python benchmarks/multifidelity/decisions.py --trials 20000 --population 1000

Schedulers of a population have one of as many members as there are workers, or as is said; the trials on record are
their intervals, and a quarter of the members took over from another at the end of each.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from trimtab import plugins
from trimtab.ledger.event import Origin
from trimtab.schedule.pb2 import Pb2
from trimtab.schedule.pbt import PLACE, Pbt, intervals
from trimtab.schedule.protocol import Continue, Request, Scheduler
from trimtab.space.parameter import Float
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

LIMIT_MS = 5.0
WORKERS = 1000
PROBLEM = Problem(Space(a=Float(0, 1), b=Float(0, 1)), (minimize("loss"),), (Fidelity("epoch", 1, 81, log=True),))


def grown(scheduler: Scheduler, n: int) -> Simulation:
    """Return a study of n trials, of which the last 1,000 run, decided by a scheduler that is asked now and then only.

    Trials fall off as under successive halving; those that go on with others are a quarter where there are any.
    """
    run, rng, origin = Simulation(PROBLEM), np.random.default_rng(0), Origin("benchmark")
    rungs = [1.0, 3.0, 9.0, 27.0]
    first = scheduler.assign(run.table, Request(0, 0))
    end = float(first.fidelity[0])  # type: ignore[union-attr]
    for number in range(n):
        run.put(rng.random(2), origin, fidelity=(end,))
        run.start(number)
        depth = int(rng.geometric(2 / 3)) if end > 1 else 0
        for step in rungs[:depth]:
            run.report(number, step, loss=float(rng.random()))
        if number < n - WORKERS:
            if depth > 4 or end == 1:
                run.tell(number, float(rng.random()))
            else:
                run.stop(number, loss=0.5)
    return run


def grown_population(scheduler: Pbt, n: int) -> Simulation:
    """Return a study of n intervals of a population, whose last ones run and are the last but one of each member."""
    run, rng, members = Simulation(PROBLEM), np.random.default_rng(0), scheduler.population
    ends = intervals(PROBLEM.fidelities[0], scheduler.every)
    for number in range(n):
        generation, member = divmod(number, members)
        before, x, why = number - members, rng.random(2), ""
        parent = None if generation == 0 else before
        if parent is not None and member % 4 == 0:
            parent = before - member + int(rng.integers(members))
            why = f"takes over from trial {parent}, {PLACE} {before}, the worst"
        elif parent is not None:
            x = run.table.x[before]
        run.put(x, Origin("benchmark", why), fidelity=(ends[generation],), parent=parent)
        run.start(number)
        if number < n - members:
            run.tell(number, float(rng.random()))
    return run


def measure(name: str, n: int, population: int, decisions: int = 300) -> dict[str, object]:
    """Return what decisions take: a report is judged, and the next trial is assigned."""
    kind = {"pbt": Pbt, "pb2": Pb2}.get(name)
    members = WORKERS
    if kind is None:
        scheduler: Scheduler = plugins.load("schedulers", name)()  # type: ignore[assignment]
        run = grown(scheduler, n)
    else:
        members, n = population, n // population * population
        fidelity = PROBLEM.fidelities[0]
        every = (fidelity.high - fidelity.low) / (n // population + 1)  # so many intervals, and one to go on with
        scheduler = kind(population, every)
        run = grown_population(scheduler, n)
    rng, judged, assigned = np.random.default_rng(1), [], []
    for i in range(min(decisions, members - 1) + 1):
        number = n - members + i
        if kind is not None:
            step = float(run.table.fidelity[number, 0])
        else:
            at = run.table.curves.step[run.table.curves.reports(number)]
            step = float(at.max(initial=0.0)) * 3 or 1.0
        loss = float(rng.random())
        run.report(number, step, loss=loss)
        began = time.process_time()
        scheduler.judge(run.table, number)
        middle = time.process_time()
        judged.append(middle - began)
        if kind is not None:
            run.tell(number, loss)
            middle = time.process_time()
        said = scheduler.assign(run.table, Request(len(run.table), 0))
        assigned.append(time.process_time() - middle)
        if isinstance(said, Continue):
            child = run.put(
                run.table.x[said.parent] if said.x is None else np.array(said.x), Origin("s", said.why),
                fidelity=said.fidelity, parent=said.parent,
            )  # fmt: skip
            run.start(child)
            if kind is None:
                run.tell(child, float(rng.random()))
    figures: dict[str, object] = {} if kind is None else {"population": population}
    for what, taken in (("judge", judged[1:]), ("assign", assigned[1:])):  # the first reads the table, once a process
        low, high = np.quantile(taken, [0.5, 0.99]) * 1000.0
        figures |= {f"{what} ms": round(float(low), 3), f"{what} ms p99": round(float(high), 3)}
    first = round((judged[0] + assigned[0]) * 1000.0, 1)
    return {"scheduler": name, "trials": n, **figures, "first ms": first, "limit ms": LIMIT_MS}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--population", type=int, default=WORKERS)
    parser.add_argument("--schedulers", default=",".join(plugins.names("schedulers")))
    args = parser.parse_args(argv)
    is_late = False
    for name in args.schedulers.split(","):
        line = measure(name, args.trials, args.population)
        is_late |= max(float(str(line["judge ms"])), float(str(line["assign ms"]))) > LIMIT_MS
        print(json.dumps(line), flush=True)
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
