"""Objectives that start processes and keep some of them for the next trial."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor

import psutil

SLEEP = ["sleep", "3600"]
kept = {}


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def squares(x):
    return x * x, os.getpid()


def keeps_what_it_holds(trial):
    """In the first trial start a pool, a service in a session of its own, and a program; say whether they live on."""
    if not kept:
        context = multiprocessing.get_context("fork")
        kept["pool"] = context.Pool(2)
        kept["spawned"] = multiprocessing.get_context("spawn").Pool(1)
        kept["server"] = multiprocessing.get_context("forkserver").Pool(1)
        kept["executor"] = ProcessPoolExecutor(1)
        kept["executor"].submit(squares, 1).result()
        kept["service"] = subprocess.Popen(SLEEP, start_new_session=True)
        kept["program"] = subprocess.Popen(SLEEP)
        if importlib.util.find_spec("ptyprocess"):
            kept["session"] = importlib.import_module("ptyprocess").PtyProcess.spawn(SLEEP)
    pids = {process.pid for name in ("pool", "spawned", "server") for process in kept[name]._pool}
    for name in ("pool", "spawned", "server"):
        assert [square for square, _ in kept[name].map(squares, range(4))] == [0, 1, 4, 9]
    pids |= {kept["executor"].submit(squares, 2).result()[1], kept["service"].pid, kept["program"].pid}
    pids |= {kept["session"].pid} if "session" in kept else set()
    return {"loss": sum(map(is_alive, pids)), "pids": sorted(pids), "worker": os.getpid()}


def loky(trial):
    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=2, timeout=60)
    pids = {pid for _, pid in executor.map(squares, range(8))}
    return {"loss": 0, "pids": sorted(pids)}


def drops_its_children(trial):
    """Leave processes behind; say which, and which of those before still live."""
    before = kept.setdefault("left", [])
    living = [pid for pid in before if is_alive(pid)]
    shell = subprocess.run(
        ["sh", "-c", "sleep 3600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True, check=True
    )
    session = subprocess.Popen(SLEEP, start_new_session=True)
    forked = os.fork()
    if not forked:
        os.setsid()
        time.sleep(3600)
        os._exit(0)
    while os.getsid(forked) != forked:
        time.sleep(0.001)
    before += [subprocess.Popen(SLEEP).pid, session.pid, int(shell.stdout), forked]
    return {"loss": 0, "left": list(before), "living": living, "worker": os.getpid()}


def lets_its_line_go(trial):
    """Close a file that is not its own, and have another one under its number."""
    os.close(5)
    kept["file"] = (trial.checkpoint_dir / "mine").open("wb", buffering=0)
    kept["file"].write(b"kept")
    return {"loss": 0, "number": kept["file"].fileno()}


if "TRIMTAB_TEST_DAEMON" in os.environ:  # as a module starts a service when it is imported
    subprocess.run(["setsid", "--fork", "sleep", "3600", os.environ["TRIMTAB_TEST_DAEMON"]], check=True)
