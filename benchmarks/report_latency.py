"""How long a report takes while a model computes: one thread reports, another asks `gp`, in memory and on SQLite.

    python benchmarks/report_latency.py

Wall time, for that is what a trial waits: on a machine whose processors or disk others use, it is theirs too, as the
figures without asks show. The other thread asks without
a pause, so that a model computes most of the time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time

import numpy as np

import trimtab as tt
from _figures import Figures

SPACE = tt.Space({f"x{i}": tt.Float(0.0, 1.0) for i in range(5)})
PAUSE_S = 0.01
"""Between reports: a trial computes between two of them."""


def reported(store: str | None, n_trials: int, n_reports: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the milliseconds that each report took without asks and beside them, and how many asks there were."""
    rng = np.random.default_rng(0)
    with tt.create_study(SPACE, minimize="loss", optimizer="gp", seed=0, store=store) as study:
        points = [dict(zip(SPACE.names, row.tolist(), strict=True)) for row in rng.random((n_trials, len(SPACE)))]
        study.enqueue_all(points)
        for point in points:
            study.tell(study.ask(), sum((value - 0.3) ** 2 for value in point.values()))
        study.tell(study.ask(), 0.5)  # the model is made
        trial = study.ask()
        is_over = threading.Event()
        n_asked = 0

        def ask() -> None:
            nonlocal n_asked
            while not is_over.is_set():
                study.tell(study.ask(), float(rng.random()))
                n_asked += 1

        def report(steps: range) -> np.ndarray:
            took = []
            for step in steps:
                time.sleep(PAUSE_S)
                began = time.perf_counter()
                trial.report(step, loss=1.0)
                took.append((time.perf_counter() - began) * 1e3)
            return np.array(took)

        alone = report(range(n_reports // 2))
        asking = threading.Thread(target=ask)
        asking.start()
        beside = report(range(n_reports // 2, n_reports // 2 + n_reports))
        is_over.set()
        asking.join()
    return alone, beside, n_asked


def main() -> int:
    about, *_ = (__doc__ or "").splitlines()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--trials", type=int, default=300, help="that are over when the reports begin")
    parser.add_argument("--reports", type=int, default=500)
    arguments = parser.parse_args()
    figures = Figures(__file__, about, "scipy")
    with tempfile.TemporaryDirectory() as folder:
        for where, store in (("in memory", None), ("SQLite", f"sqlite:///{folder}/t.db")):
            alone, took, n_asked = reported(store, arguments.trials, arguments.reports)
            label = f"a report beside asks at {arguments.trials:,} trials, {where}"
            figures.add(f"{label}, median of {len(took):,}", float(np.median(took)), "ms")
            figures.add(f"{label}, 95th percentile", float(np.percentile(took, 95)), "ms", at_most=10.0)
            figures.add(f"{label}, the slowest", float(took.max()), "ms")
            figures.add(f"the same without asks, {where}, 95th percentile", float(np.percentile(alone, 95)), "ms")
            figures.add(f"asks made meanwhile, {where}", n_asked, "asks", at_least=1)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
