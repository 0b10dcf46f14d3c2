"""LCBench through the network that YAHPO Gym fitted to it: MLPs on OpenML tasks, 52 epochs each."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from task import Outcome, Params, Task

from spaces import integer, real

FOLDER = Path(os.environ.get("TRIMTAB_BENCH_DATA") or Path(__file__).parents[3] / "shared" / "bench-data") / "lcbench"

OPENML = (
    *("3945", "126025", "146212", "167152", "167181", "167190"),
    *("168329", "168335", "168910", "189865", "189905", "189909"),
)
"""Every third of the 34, in the order of config_space.json."""

LONG = ("126026", "126029", "167104", "167184")
"""Those that long studies are run on."""

NAMES = (*(f"lcbench/{task}" for task in OPENML), *(f"long-lcbench/{task}" for task in LONG))

N_SEARCH = 200_000
"""Random configurations to find the smallest loss among."""
EPOCHS = 52
INPUTS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
"""What follows the epoch in the network's input, in YAHPO Gym's order."""

SPACE = (
    integer("batch_size", 16, 512, 91, log=True),
    real("learning_rate", 1e-4, 0.1, 3e-3, log=True),
    real("max_dropout", 0.0, 1.0, 0.5),
    integer("max_units", 64, 1024, 256, log=True),
    real("momentum", 0.1, 0.99, 0.545),
    integer("num_layers", 1, 5, 3),
    real("weight_decay", 1e-5, 0.1, 0.05),
)


@cache
def _network() -> tuple[Any, dict[str, int]]:
    """Return the session and the codes of the OpenML tasks."""
    path = FOLDER / "model.onnx"
    if not path.is_file():
        raise FileNotFoundError(f"the lcbench tasks need {path}: set TRIMTAB_BENCH_DATA to the folder of the data.")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    codes = json.loads((FOLDER / "encoding.json").read_text(encoding="utf-8"))["OpenML_task_id"]
    return session, codes


def make(name: str) -> Task:
    """Return a task.

    Raises:
        FileNotFoundError: the data is absent.
    """
    session, codes = _network()
    code = np.array([[codes[name.split("/")[1]]]], dtype=np.int32)

    def evaluate(params: Params, seed: int) -> Outcome:  # noqa: ARG001
        numbers = np.array([[EPOCHS, *(params[key] for key in INPUTS)]], dtype=np.float32)
        seconds, accuracy, *_ = session.run(None, {"x_cat": code, "x_cont": numbers})[0][0].tolist()
        return Outcome(100.0 - accuracy, 100.0 - accuracy, max(seconds, 0.0))

    return Task(name, SPACE, evaluate, best=0.0, median=1.0, tags=frozenset({"surrogate"}))
