"""What reports cost as a study gets long: to put on record, to fold, to follow, and to read one trial's curve.

    python benchmarks/reports.py
    python benchmarks/reports.py --reports 100000

1,000 trials run at once and report in turn, until there are 1,000,000 reports: each of a declared metric and of another
one, every second of a fold. They are put on record 100 at a time, as a driver does that hears many workers, in memory
and in SQLite as durable as it comes; after each batch the news since the batch before are read. Times are CPU time,
user and system. Means are of the whole run, the snapshots that a study saves on its way included; whether it stays flat
is seen from the median batch of the first tenth and of the last. Then the log is folded without a store, which shows
what the reports take of memory. Each of the three runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

import trimtab as tt
from _figures import Figures
from trimtab.ledger import snapshot
from trimtab.ledger.event import Event, Origin, Record, Reported
from trimtab.space.problem import Problem, minimize
from trimtab.testing.simulation import Simulation

N_TRIALS = 1_000
BATCH = 100
"""Reports in one commit."""
FLAT = 1.3
"""How many times what the first tenth cost the last one may, as in overhead.py; what grows with the study does more."""
RECORD_US = {"in memory": 25, "SQLite": 50}
"""CPU time of one report: a thousand trials that report once a second then take a twentieth of a core at most."""
FOLD_US = 10
NEWS_US = 2
CURVE_MS = 1
REPORT_BYTES = 120
"""Memory of a report: 58 bytes of columns and index, and room for the next ones in columns that have just grown."""
SPACE = tt.Space(x=tt.Float(0.0, 1.0))


def reported(i: int) -> Reported:
    step = i // N_TRIALS
    values = {"loss": 1.0 / (1 + step), "grad": float(i % 7)}
    return Reported(i % N_TRIALS, float(step // 2), values, 1, 0 if step % 2 else None)


def batches(n: int) -> Iterator[list[Event]]:
    for begin in range(0, n, BATCH):
        yield [reported(i) for i in range(begin, begin + BATCH)]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return CPU microseconds a report of a batch, and what was returned."""
    began = time.process_time()
    found = work()
    return (time.process_time() - began) / BATCH * 1e6, found


def held() -> int:
    """Return the bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def recorded(n: int, store: str | None) -> dict[str, list[float]]:
    """Put n reports on record and follow them; return what each batch cost."""
    costs: dict[str, list[float]] = {"put on record": [], "read as news": []}
    with tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0, store=store) as study:
        for _ in range(N_TRIALS):
            study.ask()
        seq = study.table.head
        for events in batches(n):
            cost, _ = timed(lambda events=events: study.session.commit(lambda: events))
            costs["put on record"].append(cost)
            cost, news = timed(lambda seq=seq: study.table.since(seq))
            costs["read as news"].append(cost)
            if len(news.reports) != BATCH:
                raise SystemExit(f"{len(news.reports)} reports are new where {BATCH} are")
            seq = news.head
    return costs


def folded(n: int) -> dict[str, Any]:
    """Fold n reports without a store; return what each batch cost, and what can be done with them."""
    run = Simulation(Problem(SPACE, (minimize("loss"),)))
    for x in SPACE.sample(np.random.default_rng(0), N_TRIALS):
        run.start(run.put(x, Origin("user")))
    ledger = run.ledger

    def fold(events: list[Event]) -> None:
        for event in events:
            ledger.apply(Record(ledger.head + 1, float(ledger.head), event))

    before = held()
    costs = [timed(lambda events=events: fold(events))[0] for events in batches(n)]
    memory = (held() - before) / n
    curves = [timed(lambda number=number: ledger.table.curves.metrics(number, 0))[0] for number in range(N_TRIALS)]
    saving, blob = timed(lambda: snapshot.save(ledger))
    loading, restored = timed(lambda: snapshot.load(blob))
    if len(restored.table.curves) != n:
        raise SystemExit("the snapshot does not hold all reports")
    return {
        "fold": costs,
        "bytes": memory,
        "median_ms": median(curves) * BATCH / 1e3,
        "most_ms": sorted(curves)[int(0.99 * N_TRIALS)] * BATCH / 1e3,
        "save_s": saving * BATCH / 1e6,
        "load_s": loading * BATCH / 1e6,
        "mb": len(blob) / 2**20,
    }


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `work` returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def add_costs(figures: Figures, what: str, costs: list[float], at_most: float) -> None:
    tenth = len(costs) // 10
    first, last = median(costs[:tenth]), median(costs[-tenth:])
    figures.add(f"{what}, mean", mean(costs), "µs", at_most=at_most)
    figures.add(f"{what}, first tenth", first, "µs")
    figures.add(f"{what}, last tenth", last, "µs")
    figures.add("the latter over the former", last / first, "times", at_most=FLAT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=1_000_000, help="a multiple of 1,000, at least 10,000")
    n = parser.parse_args().reports
    if n < 10_000 or n % 1_000:
        parser.error("--reports is a multiple of 1,000, at least 10,000")
    figures = Figures(__file__, __doc__)
    with tempfile.TemporaryDirectory() as folder:
        for where, store in (("in memory", None), ("SQLite", f"sqlite:///{folder}/study.db")):
            costs = alone(recorded, n, store)
            add_costs(figures, f"put a report on record, {where}", costs["put on record"], RECORD_US[where])
            add_costs(figures, f"read it as news, {where}", costs["read as news"], NEWS_US)
    found = alone(folded, n)
    add_costs(figures, "fold a report", found["fold"], FOLD_US)
    figures.add(f"read the curve of one trial of {N_TRIALS:,}, median", found["median_ms"], "ms", at_most=CURVE_MS)
    figures.add("what 99 of 100 take at most", found["most_ms"], "ms", at_most=CURVE_MS)
    figures.add(f"memory of a report, of {n:,}", found["bytes"], "bytes", at_most=REPORT_BYTES)
    figures.add(f"save a snapshot of {n:,} reports", found["save_s"], "s", at_most=1)
    figures.add("its size", found["mb"], "MB")
    figures.add("open it", found["load_s"], "s", at_most=1)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
