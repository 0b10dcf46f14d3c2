"""Objectives that leave memory behind in their process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

held = []
MB = 1_000_000


def take(megabytes):
    return bytearray(os.urandom(1000)) * (megabytes * 1000)


def leaks(trial):
    """Leave 30 MB, and hold 60 more for as long as the watch may take to look twice."""
    held.append(take(30))
    mine = take(60)
    time.sleep(0.12)
    return {"loss": len(mine), "pid": os.getpid(), "held": len(held)}


def leaks_in_a_process(trial):
    """Keep a process for later trials that grows by 30 MB each time; hold 60 MB."""
    if not held:
        code = (
            "import sys; held = []\nfor line in sys.stdin: held.append(bytearray(b'x') * 30_000_000); print(flush=True)"
        )
        held.append(subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    held[0].stdin.write(b"\n")
    held[0].stdin.flush()
    held[0].stdout.readline()
    mine = take(60)
    time.sleep(0.12)
    return {"loss": len(mine), "pid": os.getpid(), "held": 1}


def leaks_then_gives_back(trial):
    """The first leaks 150 MB, the second gives that back and holds 260 MB itself."""
    if trial.params["x"] == 0:
        held.append(take(150))
        return 0.0
    held.clear()
    mine = take(260)
    time.sleep(0.5)
    return float(len(mine))


def leaks_and_devours(trial):
    """Leave 50 MB; the third trial holds 250 MB of its own."""
    held.append(take(50))
    mine = take(250 if trial.params["x"] == 2 else 20)
    time.sleep(0.5 if trial.params["x"] == 2 else 0.0)
    return float(len(mine))


def runs_out_where_others_left_too_little(trial):
    """Fail for want of memory in a process in which earlier trials left much, or always if x is 3."""
    if len(held) >= 2 or trial.params["x"] == 3:
        raise MemoryError("Unable to allocate 1 GiB")
    held.append(take(40))
    return {"loss": 0.0, "pid": os.getpid()}


class OutOfMemoryError(RuntimeError):
    """As torch calls it; its own memory is not this process's, so that nobody sees it from outside."""


def runs_out_of_device_memory(trial):
    held.append(None)
    if len(held) > 2 or trial.params["x"] == 3:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
    return {"loss": 0.0, "pid": os.getpid()}


def is_killed_where_others_left_too_little(trial):
    """As by the kernel when the machine is full."""
    if held:
        os.kill(os.getpid(), 9)
    held.append(None)
    return {"loss": 0.0, "pid": os.getpid()}
