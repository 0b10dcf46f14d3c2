"""Objectives that misbehave, each in its own way; run in worker processes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pickle
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import trimtab as tt


def returns_nan(trial: tt.Trial) -> float:
    return float("nan")


def returns_inf(trial: tt.Trial) -> float:
    return float("inf")


def returns_a_huge_int(trial: tt.Trial) -> int:
    return 10**400


def returns_text(trial: tt.Trial) -> str:
    return "0.5"


def returns_nothing(trial: tt.Trial) -> None:
    return None


def returns_bool(trial: tt.Trial) -> bool:
    return True


def returns_another_metric(trial: tt.Trial) -> dict[str, float]:
    return {"accuracy": 0.9}


def returns_too_many(trial: tt.Trial) -> list[float]:
    return [0.1, 0.2]


def returns_a_lock(trial: tt.Trial) -> object:
    return threading.Lock()


def raises(trial: tt.Trial) -> float:
    raise ValueError("die Lernrate ist zu groß für 学習率")


def raises_in_raising(trial: tt.Trial) -> float:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    raise OddError


def recurses(trial: tt.Trial) -> float:
    return recurses(trial)


def exits(trial: tt.Trial) -> float:
    sys.exit(3)


def exits_at_once(trial: tt.Trial) -> float:
    os._exit(5)


def segfaults(trial: tt.Trial) -> float:
    ctypes.string_at(0)
    return 0.0


def aborts(trial: tt.Trial) -> float:
    os.abort()


def is_killed(trial: tt.Trial) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def eats_memory(trial: tt.Trial) -> float:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 16)
        time.sleep(0.005)


def raises_memory_error(trial: tt.Trial) -> float:
    return float(len(bytearray(1 << 60)))


def hangs(trial: tt.Trial) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def prints_a_lot(trial: tt.Trial) -> float:
    line = "x" * 1023 + "\n"
    for _ in range(40 * 1024):
        sys.stdout.write(line)
    return 0.5


def prints_bytes(trial: tt.Trial) -> float:
    os.write(1, b"\xff\xfe\x00 not text \x80\n" * 100)
    os.write(2, b"\x00\x01\x02")
    return 0.5


def closes_its_output(trial: tt.Trial) -> float:
    os.close(1)
    os.close(2)
    return 0.5


def reports_nan(trial: tt.Trial) -> float:
    trial.report(1, loss=float("nan"))
    trial.report(2, loss=float("inf"))
    return 0.5


def reports_half_a_fold(trial: tt.Trial) -> float:
    trial.report(1, loss=0.5, fold=0.5)  # type: ignore[arg-type]
    return 0.5


def reports_a_name_a_step(trial: tt.Trial) -> float:
    for step in range(1100):
        trial.report(step, {f"loss_{step}": 0.5})
    return 0.5


def reports_text(trial: tt.Trial) -> float:
    trial.report(1, loss="low")
    return 0.5


def returns_complex(trial: tt.Trial) -> complex:
    return 0.5 + 0j


def returns_a_late_error(trial: tt.Trial) -> object:
    class Tensor:
        def __float__(self) -> float:
            raise RuntimeError("CUDA error: device-side assert triggered")

        __repr__ = __float__  # type: ignore[assignment]

    return {"loss": Tensor()}


def is_cancelled(trial: tt.Trial) -> float:
    raise asyncio.CancelledError


def sends_its_trial_away(trial: tt.Trial) -> float:
    return float(len(pickle.dumps(trial)))  # as pools of processes do


def reports_from_a_fork(trial: tt.Trial) -> float:
    said, say = os.pipe()
    if os.fork() == 0:
        try:
            trial.report(1, loss=0.5)
        except tt.errors.ObjectiveError as error:
            os.write(say, str(error).encode())
        os._exit(0)
    os.wait()
    text = os.read(said, 4096).decode()
    raise RuntimeError(re.sub(r"process \d+", "process N", text))


def leaves_a_mess(trial: tt.Trial) -> float:
    os.umask(0o777)
    os.chdir("/")
    shutil.rmtree(Path(str(trial.checkpoint_dir)).parents[1])
    return 0.5


def fine(trial: tt.Trial) -> float:
    return 0.5


def takes_a_dictionary(params: tt.Trial) -> object:
    return params["lr"]


def takes_a_number(x: tt.Trial) -> object:
    return x * 2  # type: ignore[operator]


def takes_names(lr: float, momentum: float) -> float:
    return lr * momentum


def walks_through_folds(trial: tt.Trial) -> None:
    for fold in trial.folds():
        trial.report(fold=fold, loss=0.5)


def reports_nowhere(trial: tt.Trial) -> float:
    trial.report(loss=0.5)
    return 0.5
