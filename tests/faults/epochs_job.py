"""A study whose trials train epoch by epoch with checkpoints, and write down each epoch that they begin."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import trimtab as tt

LAST = 9


def train(trial: tt.Trial) -> float:
    file = trial.checkpoint_dir / "state.json"
    state = json.loads(file.read_text()) if trial.checkpoint is not None else {"epoch": 0, "loss": 2.0}
    if state["epoch"] < (trial.checkpoint or 0):
        raise RuntimeError(f"the checkpoint of epoch {trial.checkpoint} has the state of epoch {state['epoch']}")
    for epoch in trial.steps():
        _put_down(trial, epoch)
        time.sleep(0.05)
        state = {"epoch": epoch, "loss": (trial.params["x"] - 0.3) ** 2 + 1.0 / epoch}
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(state))
        draft.replace(file)
        trial.mark_checkpoint(epoch)
        trial.report(epoch, loss=state["loss"])
    return float(state["loss"])


def _put_down(trial: tt.Trial, epoch: int) -> None:
    """Write down that an epoch is begun: of which trial, in which attempt, by which process."""
    with Path(os.environ["BEGUN"]).open("a", encoding="utf-8") as lines:
        lines.write(f"{trial.number} {trial.attempt} {epoch} {os.getpid()}\n")


if __name__ == "__main__":
    tt.tune(
        train, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, LAST), scheduler="asha",
        budget=int(sys.argv[2]), store=sys.argv[1], name="epochs", workers=2, retries=1000, stop="never",
        optimizer="random", seed=0, progress=False, finalize=False,
    ).close()  # fmt: skip
