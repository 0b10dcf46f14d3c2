"""Objectives on a device that is only made up: once its context is broken, all that comes after in the process fails.

`BROKEN` stands for the context: it belongs to the process, as that of a GPU does.
"""

from __future__ import annotations

import json
import os
import sys
import time
import types
from pathlib import Path

ASSERT = "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`."
BROKEN = []


class UsesTheDevice:
    """Break the device in the trial that is to; fail wherever it is broken.

    How it is broken, by `how`: "raises" at once; "catches" the error and returns a result; "hides" it behind another
    error; "forgets" it over another.
    """

    __name__ = "uses_the_device"

    def __init__(self, folder, how, culprit, error=ASSERT):
        self.folder, self.how, self.culprit, self.error = str(folder), how, culprit, error

    def __call__(self, trial):
        (Path(self.folder) / f"{trial.number}-{trial.attempt}-{os.getpid()}").touch()
        if BROKEN:
            raise RuntimeError(BROKEN[0])
        if trial.number == self.culprit:
            BROKEN.append(self.error)
            if self.how == "raises":
                raise RuntimeError(self.error)
            if self.how == "hides":
                try:
                    raise RuntimeError(self.error)
                except RuntimeError as error:
                    raise ValueError("training failed") from error
            if self.how == "forgets":
                raise ValueError("training failed")
        return {"loss": 1.0}


class Tensor:
    """A scalar on the device: whoever asks for its value waits for what runs, and meets its error."""

    shape = ()

    def __init__(self, error):
        self.error = error

    def __float__(self):
        raise self.error

    def __repr__(self):
        raise self.error


def returns_a_late_error(trial):
    error = {"cuda": RuntimeError(ASSERT), "memory": MemoryError("host"), "odd": KeyError("odd")}[trial.params["how"]]
    return {"loss": Tensor(error)}


def reports_a_late_error(trial):
    trial.report(1, loss=Tensor(RuntimeError(ASSERT)))
    return 1


def hangs_as_it_ends(trial):
    """Break the device, and hold the process at its end as a dead group of processes does."""
    import atexit

    if trial.number == 0:
        atexit.register(time.sleep, 3600)
        raise RuntimeError(ASSERT)
    return {"loss": 1.0, "pid": os.getpid()}


def says(trial):
    raise RuntimeError(json.loads(trial.params["text"]))


def with_a_device_that_answers(trial):
    """Use a stand-in for PyTorch whose device answers between trials; fail by it in the third one."""
    cuda = types.SimpleNamespace(is_initialized=lambda: True, synchronize=lambda: None)
    sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)
    if trial.number == 2:
        raise RuntimeError(ASSERT)
    return 1
