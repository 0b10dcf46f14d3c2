"""A program that trains on so many rows for so many epochs, from its checkpoint on, and writes down what it does."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import trimtab as tt

x, rows, epochs = map(float, sys.argv[1:4])
folder, resume = Path(sys.argv[4]), sys.argv[5:]
trial = tt.this_trial()
assert trial is not None
assert trial.fidelity == {"rows": rows, "epoch": epochs}
assert not resume or Path(resume[0]) == folder == trial.checkpoint_dir
assert bool(resume) >= (trial.checkpoint is not None), "what is gone on from is in the command line"
loss = 9.0
for epoch in trial.steps():
    with Path(os.environ["DONE"]).open("a", encoding="utf-8") as lines:
        lines.write(f"{trial.number} {trial.attempt} {epoch} {rows:g} {os.getppid()} {os.getpid()}\n")
    time.sleep(0.05)
    loss = (x - 0.3) ** 2 + 1.0 / epoch + 10.0 / rows
    trial.mark_checkpoint(epoch)
    print(json.dumps({"epoch": epoch, "rows": rows, "loss": loss}), flush=True)
    if trial.should_stop:
        sys.exit(0)
print(json.dumps({"rows": rows, "loss": loss}), flush=True)
