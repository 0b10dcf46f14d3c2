"""Drives an executor through a few trials; shared by the tests of this folder and by the scripts that they run."""

from __future__ import annotations

import time
from pathlib import Path

from trimtab.execute.protocol import Exited, Lost, Task


def make_task(folder, number=0, *, attempt=1, metrics=("loss",), params=None, **more):
    return Task(
        number=number,
        attempt=attempt,
        token=f"s/{number}/{attempt}",
        params={"x": float(number)} if params is None else params,
        fidelity=more.pop("fidelity", {}),
        resume_from=None,
        metrics=metrics,
        checkpoint_dir=Path(folder) / "lines" / str(number),
        log_dir=Path(folder) / "trials" / str(number) / f"attempt-{attempt}",
        study="s",
        **more,
    )


def run(executor, *tasks, patience=60.0):
    """Run tasks one after the other; return how each ended, and everything that was said."""
    ended, heard = [], []
    for task in tasks:
        executor.submit(task)
        deadline = time.monotonic() + patience
        while not any(isinstance(m, (Exited, Lost)) and m.number == task.number for m in heard):
            assert time.monotonic() < deadline, heard
            heard += executor.poll(0.5)
        ended += [m for m in heard if isinstance(m, (Exited, Lost)) and m.number == task.number]
    return ended, heard


def until(executor, is_enough, patience=60.0):
    """Poll until the messages are enough; return them."""
    heard = []
    deadline = time.monotonic() + patience
    while not is_enough(heard):
        assert time.monotonic() < deadline, heard
        heard += executor.poll(0.5)
    return heard
