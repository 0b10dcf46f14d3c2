"""The job that the fault tests run, kill and run again: `python tests/faults/job.py --help`.

Its objective is a function of the parameters alone, so that a trial that is run twice gives the same value; every start
of the objective is written to a file of its own, so that the tests can count what really ran.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import trimtab as tt

SPACE = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True),
    layers=tt.Int(1, 9),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0.0, 0.99, when=tt.given("optimizer").is_in(["sgd"])),
)


def objective(trial: tt.Trial) -> dict[str, float]:
    starts = Path(os.environ["TRIMTAB_FAULT_STARTS"])
    (starts / f"{trial.number}-{trial.attempt}-{os.getpid()}").touch()
    time.sleep(float(os.environ.get("TRIMTAB_FAULT_SECONDS", "0.02")))
    p = trial.params
    return {"loss": abs(p["lr"] - 1e-3) + p["layers"] + p.get("momentum", 0.5)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--budget", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--optimizer", default="random")
    # These tests kill drivers that did nothing wrong, however often; a trial must not be taken for the cause.
    parser.add_argument("--retries", type=int, default=1000)
    arguments = parser.parse_args()
    study = tt.tune(
        objective,
        SPACE,
        minimize="loss",
        budget=arguments.budget,
        stop="never",  # a search that ends by itself is not what faults are thrown at here
        store=arguments.store,
        name="faults",
        seed=7,
        workers=arguments.workers,
        optimizer=arguments.optimizer,
        retries=arguments.retries,
    )
    print(f"{len(study.table)} trials, best {study.best.metrics['loss']:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
