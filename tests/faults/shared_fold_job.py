"""A study in which two trials run at once on four workers, so that two of them help with the folds of the others.

It notes on the side which fold was begun and which was through, by which process; as programs, what was begun alone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import trimtab as tt
from trimtab.ledger.table import TrialTable
from trimtab.schedule.auto import Auto
from trimtab.schedule.protocol import Assignment, Request, Wait

FOLDS = 5


PROGRAM = """
echo "begun $2 $3 $4 $$ -" >> $1/side
sleep 0.03
echo "$5 $4" | awk '{ print "{\\"loss\\": " ($1 - 0.3)^2 + 0.2 * $2 "}" }'
"""


class TwoAtOnce(Auto):
    """The default scheduler, which waits while two trials run."""

    def assign(self, table: TrialTable, request: Request) -> Assignment:
        return Wait("two run") if table.n_running >= 2 else super().assign(table, request)


def objective(trial: tt.Trial) -> None:
    folder = Path(sys.argv[2])
    for fold in trial.folds():
        rng = np.random.default_rng((trial.seed, fold))
        loss = (trial.params["x"] - 0.3) ** 2 + 0.2 * fold + 0.02 * float(rng.normal())
        _note(folder, f"begun {trial.number} {trial.attempt} {fold} {os.getpid()} {loss!r}")
        time.sleep(0.02)
        trial.report(fold=fold, loss=loss)  # what follows is not reached where the race ended the trial
        _note(folder, f"through {trial.number} {trial.attempt} {fold} {os.getpid()} {loss!r}")


def _note(folder: Path, line: str) -> None:
    with (folder / "side").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    program = ["sh", "-c", PROGRAM.replace("{", "{{").replace("}", "}}"), "sh", sys.argv[2]]
    command = tt.Command([*program, "{number}", "{attempt}", "{fold}", "{x}"])
    tt.tune(
        command if sys.argv[4] == "command" else objective, tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss",
        folds=FOLDS, budget=int(sys.argv[3]), workers=4, executor=sys.argv[4], scheduler=TwoAtOnce(),
        store=sys.argv[1], name="folds", optimizer="random", seed=0, progress=False, finalize=False, retries=1000,
    )  # fmt: skip
