"""A study with a stranger's scheduler, or a registered one, to be run, killed and run again."""

from __future__ import annotations

import argparse
import time
from typing import Any

import strangers

import trimtab as tt

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))
EPOCHS = tt.Fidelity("epoch", 1, 9)
POINT = {"x": 0.25, "y": 0.75}
MARK = "begun-by-"
PAUSE_S = 0.0


def train(trial: tt.Trial) -> float:
    """Learn a little each epoch, from where the checkpoint ends; refuse a folder that holds another line's marks."""
    folder = trial.checkpoint_dir
    marks = {int(path.name.removeprefix(MARK)) for path in folder.glob(f"{MARK}*")}
    if any(mark > trial.number for mark in marks) or (trial.parent is not None and trial.parent not in marks):
        raise RuntimeError(f"trial {trial.number}, which goes on with {trial.parent}, finds the marks of {marks}")
    (folder / f"{MARK}{trial.number}").touch()
    loss = loss_of(trial.params, (trial.checkpoint or 0) or 1)
    for epoch in trial.steps():
        time.sleep(PAUSE_S)
        loss = loss_of(trial.params, epoch)
        trial.mark_checkpoint(epoch)
        trial.report(epoch, loss=loss)
    return loss


def loss_of(params: dict[str, Any], epoch: float) -> float:
    return float((params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2 + (0.2 + params["x"]) / epoch)


def slowly(trial: tt.Trial) -> float:
    global PAUSE_S
    PAUSE_S = 0.01
    return train(trial)


def tuned(scheduler: Any, **more: Any) -> tt.Study:
    """Return the study of a scheduler: 16 configurations at most, one of them a user's."""
    options: dict[str, Any] = {"objective": train, "optimizer": "random", "budget": 16} | more
    return tt.tune(
        options.pop("objective"), SPACE, minimize="loss", fidelity=EPOCHS, enqueue=[POINT], scheduler=scheduler,
        name="stranger", seed=3, progress=False, **options,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("scheduler")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    # Drivers are killed that did nothing wrong, however often: no trial must be taken for the cause.
    named = getattr(strangers, arguments.scheduler, None)
    tuned(
        named() if named else arguments.scheduler, objective=slowly, store=arguments.store, workers=arguments.workers,
        retries=1000,
    ).close()  # fmt: skip
