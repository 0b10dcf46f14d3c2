"""A study whose folds race, for those who kill it: it notes on the side which fold was through, and what it gave."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import trimtab as tt

FOLDS = 4


def objective(trial: tt.Trial) -> None:
    folder = Path(sys.argv[2])
    for fold in trial.folds():
        time.sleep(0.004)
        rng = np.random.default_rng((trial.seed, fold))
        loss = (trial.params["x"] - 0.3) ** 2 + 0.2 * fold + 0.02 * float(rng.normal())
        trial.report(fold=fold, loss=loss)  # what follows is not reached where the race ended the trial
        with (folder / "side").open("a") as file:
            file.write(f"{trial.number} {trial.attempt} {fold} {loss!r}\n")
            file.flush()
            os.fsync(file.fileno())


if __name__ == "__main__":
    tt.tune(
        objective, tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss", folds=FOLDS, budget=int(sys.argv[3]),
        store=sys.argv[1], name="folds", optimizer="random", seed=0, progress=False, finalize=False,
    )  # fmt: skip
