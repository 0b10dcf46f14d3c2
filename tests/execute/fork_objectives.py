"""Objectives that fork, start threads, and leave things behind; each by the parameter `how`."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time

from trimtab.errors import ObjectiveError

CAME_OUT = 21
"""Exit code of a child that was refused what it asked for, and knows it."""


def wait_for(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def forks(trial):
    """Fork a child that does as `how` says; return what became of it."""
    how = trial.params["how"]
    pid = os.fork()
    if pid:
        return {"loss": 1, "child": wait_for(pid)}
    if how == "raises":
        raise ValueError("a fault of the child")
    if how == "returns":
        return {"loss": -100}
    if how == "exits":
        sys.exit(7)
    if how == "cancelled":
        raise asyncio.CancelledError
    if how == "interrupted":
        raise KeyboardInterrupt
    if how == "terminated":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    if how in ("reports", "notes"):
        try:
            trial.report(1, loss=-100) if how == "reports" else trial.note("key", "of the child")
        except ObjectiveError as refused:
            os._exit(CAME_OUT if "is a fork of it" in str(refused) else 22)
    os._exit(23)


def child_reports(trial):
    try:
        trial.report(1, loss=-100)
    except ObjectiveError:
        sys.exit(CAME_OUT)


def forks_with_multiprocessing(trial):
    process = multiprocessing.get_context("fork").Process(target=child_reports, args=(trial,))
    process.start()
    process.join()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        squares = pool.map(abs, [-1, -2, -3])
    trial.report(1, loss=0.5)
    return {"loss": sum(squares), "child": process.exitcode}


def leaves_a_child_running(trial):
    """Leave a child that sleeps; it has the worker's files open."""
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    return 1


LEFT = []


def leaves_a_thread_running(trial):
    """Leave a thread that reports, and asks whether to end, in the next trial."""

    def go_on():
        try:
            for step in range(10_000):
                trial.report(step, loss=-100)
                time.sleep(0.001)
        except BaseException as error:
            LEFT.append(type(error).__name__)

    if trial.number:
        deadline = time.monotonic() + 10
        while not LEFT and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"loss": 1, "thread": LEFT[0]}
    threading.Thread(target=go_on, daemon=True).start()
    time.sleep(0.05)
    return {"loss": 1}


def reports_in_threads(trial):
    def report(first):
        for step in range(first, first + 200):
            trial.report(step, loss=step, text="x" * 20_000)

    threads = [threading.Thread(target=report, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1
