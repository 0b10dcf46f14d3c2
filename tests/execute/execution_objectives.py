"""Objectives of a module, as users have them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

import numpy as np

FACTOR = 2.0


def doubles(trial):
    return FACTOR * trial.params["x"]


def scaled(factor, trial):
    return factor * trial.params["x"]


class Model:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, trial):
        return self.factor * trial.params["x"]

    def train(self, trial):
        return self.factor + trial.params["x"]

    class Inner:
        @staticmethod
        def nested(trial):
            return 7


def returns_what_no_pickle_holds(trial):
    return {"loss": np.float32(0.5), "model": lambda: 1, "lock": __import__("threading").Lock(), "raw": b"\xff"}


def returns_from_a_device(trial):
    return np.array(3.0)


def writes_in_every_way(trial):
    print("from Python")
    sys.stdout.buffer.write(b"\xff\xfe no text\n")
    print("lone surrogate \udce9")
    ctypes.CDLL(None).puts(b"from C")
    os.write(1, b"from a descriptor\n")
    subprocess.run(["sh", "-c", "echo from a program; echo its complaint >&2"], check=True)
    print("complaint", file=sys.stderr)
    return 0


def writes_without_end(trial):
    line = b"x" * 99 + b"\n"
    os.write(1, b"first\n")
    for _ in range(int(trial.params["x"])):
        os.write(1, line * 10_000)
    os.write(1, b"last\n")
    return 0


def reads_stdin(trial):
    return len(sys.stdin.read())


def starts_a_program_and_hangs(trial):
    program = subprocess.Popen(["sleep", "3600"])
    stray = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    trial.note("program", program.pid)
    trial.note("stray", stray.pid)
    time.sleep(3600)


def starts_a_program_and_dies(trial):
    trial.note("program", subprocess.Popen(["sleep", "3600"]).pid)
    os._exit(4)


def hangs_on_sigint(trial):
    trial.report(1, loss=1)
    time.sleep(3600)


def cleans_up(trial):
    try:
        trial.report(1, loss=1)
        time.sleep(3600)
    finally:
        (trial.checkpoint_dir / "cleaned").touch()


def holds_the_interpreter(trial):
    trial.report(1, loss=1)
    ctypes.PyDLL(None).sleep(3600)  # C code that does not let go of the interpreter's lock


def dies_by_signal(trial):
    os.kill(os.getpid(), int(trial.params["signal"]))
    time.sleep(3600)


def fills_its_memory(trial):
    if trial.params["x"] == 0:
        raise MemoryError("Unable to allocate 1 TiB")
    return os.getpid()


def says_who_it_is(trial):
    return {
        "loss": 0,
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "environment": dict(os.environ),
        "argv": list(sys.argv),
        "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    }


def counts_files_of_programs(trial):
    listed = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True, check=True).stdout
    return len(listed.split())


def forks_shared_memory(trial):
    shared = np.ones(15_000_000)  # 120 MB
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            float(shared.sum())  # reads pages, and shares them
            time.sleep(0.6)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return float(shared[0])


def talks(trial):
    for step in range(int(trial.params["x"])):
        trial.report(step, loss=step)
    return 0


def ignores_sigterm(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trial.report(1, loss=1)
    time.sleep(3600)


def closes_its_streams(trial):
    sys.stdout.close()
    sys.stderr.close()
    return 1
