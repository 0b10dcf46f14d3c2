"""Leases: whoever is silent past one loses the trial, this process's own threads too, but no driver its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.clock import SimulatedClock
from trimtab.errors import LateResultError
from trimtab.ledger.event import FORMAT_VERSION, Created
from trimtab.ledger.table import COMPLETE, RUNNING
from trimtab.storage.memory import MemoryStore
from trimtab.study.session import Session
from trimtab.study.study import Study

SPACE = tt.Space(x=tt.Float(0, 1))


def at_hand(clock: SimulatedClock) -> Study:
    """Return a study whose store's clock is in our hand."""
    store = MemoryStore(clock)
    problem = tt.Problem(SPACE, (tt.minimize("loss"),))
    created = Created(FORMAT_VERSION, "study", problem.to_json(), 0, {"name": "random"}, {"name": "whole"})
    return Study(Session(store, store.create("study", [created])))


def test_a_lease_runs_out_within_one_process() -> None:
    clock = SimulatedClock(1e9)
    study = at_hand(clock)
    slow = study.ask(lease_s=60)
    clock.advance(59)
    assert study.ask(lease_s=60).number == 1
    clock.advance(2)
    again = study.ask(lease_s=60)
    assert (again.number, again.attempt) == (slow.number, 2)
    with pytest.raises(LateResultError, match="attempt 1 at trial 0 was given up for lost and attempt 2 took over"):
        study.tell(slow, 0.5)
    study.tell(again, 0.25)
    assert study.table.y[0, 0] == 0.25


def test_a_lease_that_nobody_took_over_can_still_be_told() -> None:
    clock = SimulatedClock(1e9)
    study = at_hand(clock)
    slow = study.ask(lease_s=60)
    clock.advance(3600)
    study.tell(slow, 0.5)
    assert study.table.state.tolist() == [COMPLETE]


def test_whoever_reports_keeps_the_trial_within_one_process() -> None:
    clock = SimulatedClock(1e9)
    study = at_hand(clock)
    trial = study.ask(lease_s=60)
    for step in range(5):
        clock.advance(50)
        trial.report(step, loss=0.5)
    assert study.dispatch.reap() == []


def test_a_trial_without_a_lease_is_held_for_ever() -> None:
    clock = SimulatedClock(1e9)
    study = at_hand(clock)
    study.ask()
    clock.advance(1e8)
    assert study.ask().number == 1


def test_threads_take_over_from_a_thread_that_died(tmp_path: Path) -> None:
    study = tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{tmp_path}/trimtab.db", seed=0)
    thread = threading.Thread(target=lambda: study.ask(lease_s=0.2))
    thread.start()
    thread.join()
    time.sleep(0.3)
    again = study.ask(lease_s=0.2)
    assert (again.number, again.attempt) == (0, 2)


def slowly(trial: tt.Trial) -> float:
    time.sleep(0.5)
    return 1.0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_driver_keeps_its_own_trials(tmp_path: Path, workers: int) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    study = tt.tune(slowly, SPACE, minimize="loss", budget=2, workers=workers, store=store, lease_s=0.2, seed=0)
    assert study.table.attempt.tolist() == [1, 1]
    assert study.dispatch.kept == set()


# ---- suspended

DRIVER = """
import sys, time, trimtab as tt

def train(trial):
    print("begun", trial.number, flush=True)
    time.sleep(1.0)
    return trial.params["x"]

study = tt.tune(train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, store=sys.argv[1], name="study",
                workers=int(sys.argv[2]), lease_s=0.5, seed=0)
"""


def start(store: str, workers: int) -> subprocess.Popen[str]:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, store, str(workers)], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    if workers == 1:
        assert driver.stdout.readline() == "begun 0\n"
    else:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with tt.load_study(store, "study") as study:
                    if study.table.running:
                        break
            except tt.errors.TrimtabError:
                pass
            time.sleep(0.05)
    return driver


@pytest.mark.parametrize("workers", [1, 2])
def test_a_driver_that_was_suspended_goes_on_with_its_trial(tmp_path: Path, workers: int) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    driver = start(store, workers)
    os.kill(driver.pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(driver.pid, signal.SIGCONT)
    driver.communicate(timeout=60)
    assert driver.returncode == 0
    study = tt.load_study(store, "study")
    assert (study.table.attempt.tolist(), study.table.state.tolist()) == ([1], [COMPLETE])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_driver_that_was_suspended_finds_its_trial_taken_over(tmp_path: Path, workers: int) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    driver = start(store, workers)
    os.kill(driver.pid, signal.SIGSTOP)
    time.sleep(1.5)
    study = tt.load_study(store, "study")
    again = study.ask()
    assert (again.number, again.attempt) == (0, 2)
    os.kill(driver.pid, signal.SIGCONT)
    time.sleep(2.0)
    study.session.sync()
    assert (study.table.state.tolist(), study.table.attempt.tolist()) == ([RUNNING], [2])
    study.tell(again, 7.0)
    driver.communicate(timeout=60)
    assert driver.returncode == 0
    study.session.sync()
    assert study.table.y[0, 0] == 7.0
    assert study.table.trial(0).notes["late result"]["attempt"] == 1
