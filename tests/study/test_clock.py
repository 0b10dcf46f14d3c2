"""Clocks that are set while a study runs: no hour passes that did not pass, and no time goes back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.clock import LEAP_S, LogClock, SimulatedClock, SteadyClock, steady
from trimtab.ledger.table import COMPLETE, RUNNING
from trimtab.storage.url import open_store

SPACE = tt.Space(x=tt.Float(0, 1))
HOURS = 7200.0


@pytest.fixture(params=[HOURS, -HOURS], ids=["forwards", "backwards"])
def set_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what sets this process's wall clock, by two hours."""
    real = time.time

    def set_it() -> None:
        monkeypatch.setattr(time, "time", lambda: real() + request.param)

    return set_it


def times(store: str, name: str = "study") -> list[float]:
    opened = open_store(store)
    found = [record.at for record in opened.open(name).read()]
    opened.close()
    return found


# ---- a whole run, with the clock of the machine set under it

DRIVER = """
import os, select, sys, time, trimtab as tt

store, by = sys.argv[1:]
real = time.time

def train(trial):
    if trial.number == 2:
        if by == "itself":
            time.time = lambda: real() + float(os.environ["STEP"])
        else:
            with open(by, "w") as file:
                file.write(os.environ["STEP"] + "s")
    began = time.time()
    select.select([], [], [], 0.2)  # libfaketime breaks time.sleep
    if trial.number == 3:
        assert abs(began - real_at_start) > 3600 or by == "itself", "the clock was not set"
    return trial.params["x"]

real_at_start = time.time()
study = tt.tune(train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=tt.Budget(trials=8, hours=0.5), store=store,
                name="study", lease_s=1.0, seed=0, workers=int(os.environ["WORKERS"]))
print((study.table.state == 2).sum(), study.table.elapsed, study.table.seconds.max(), study.table.attempt.max())
"""


def faketime() -> str:
    """Return the path of libfaketime, which lies to a real process about the wall clock alone."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.fail("this test needs libfaketime: apt-get install faketime")
    return str(found[-1])


@pytest.mark.parametrize("step", ["+7200", "-7200"])
@pytest.mark.parametrize("how", ["libfaketime", "itself"])
def test_a_run_whose_clock_is_set(tmp_path: Path, step: str, how: str) -> None:
    environment = os.environ | {"STEP": step, "WORKERS": "1"}
    by = "itself"
    if how == "libfaketime":
        library = faketime()
        by = str(tmp_path / "clock")
        (tmp_path / "clock").write_text("+0s")
        environment |= {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": by,
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
    store = f"sqlite:///{tmp_path}/trimtab.db"
    command = [sys.executable, "-c", DRIVER, store, by]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    n_trials, elapsed, longest, attempts = map(float, done.stdout.split())
    assert (n_trials, attempts) == (8, 1)
    assert 1.6 <= elapsed < 10
    assert longest < 5
    assert times(store) == sorted(times(store))
    # Another process, by the new time: what happened between two runs does not count.
    study = tt.load_study(store, "study")
    study.tell(study.ask(), 0.5)
    assert study.table.elapsed < 15
    assert times(store) == sorted(times(store))
    study.close()


# ---- ask and tell


@pytest.mark.parametrize("where", ["memory", "sqlite", "postgresql"])
def test_asking_and_telling_while_the_clock_is_set(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, set_clock: Callable[[], None]
) -> None:
    urls = {"memory": lambda: None, "sqlite": lambda: f"sqlite:///{tmp_path}/trimtab.db"}
    store = urls.get(where, lambda: request.getfixturevalue("postgresql_url"))()
    study = tt.create_study(SPACE, minimize="loss", store=store, optimizer="random", seed=0)
    held, trial = study.ask(lease_s=60), study.ask(lease_s=60)
    set_clock()
    assert study.dispatch.reap() == []
    study.tell(trial, 0.5)
    study.tell(study.ask(), 0.5)
    assert study.table.seconds[1:].max() < 5
    assert study.table.elapsed < 5
    assert study.table.state[held.number] == RUNNING
    study.close()


def test_a_process_that_comes_by_another_clock(tmp_path: Path, set_clock: Callable[[], None]) -> None:
    """Each goes by the time at which it came; the log's goes on, and nobody is robbed of a trial."""
    store = f"sqlite:///{tmp_path}/trimtab.db"
    first = tt.create_study(SPACE, minimize="loss", store=store, optimizer="random", seed=0)
    trial = first.ask()
    set_clock()
    second = tt.load_study(store, "study")
    second.tell(second.ask(), 0.5)
    held = second.ask(lease_s=60)
    first.session.sync()
    assert first.dispatch.reap() == []
    first.tell(trial, 0.25)
    first.tell(first.ask(lease_s=60), 0.25)
    second.session.sync()
    assert second.dispatch.reap() == []
    second.tell(held, 0.5)
    assert times(store) == sorted(times(store))
    assert first.table.seconds[~(first.table.seconds != first.table.seconds)].max() < 5
    assert second.table.state.tolist() == [COMPLETE] * 4
    for study in (first, second):
        study.session.sync()
        assert study.table.elapsed < 10
        study.close()


def slowly(trial: tt.Trial) -> float:
    time.sleep(0.2)
    return trial.params["x"]


def test_a_budget_of_hours_goes_on_by_another_clock(tmp_path: Path, set_clock: Callable[[], None]) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    about = {"minimize": "loss", "store": store, "name": "study", "seed": 0}
    tt.tune(slowly, SPACE, budget=tt.Budget(trials=3, hours=1), **about).close()
    set_clock()
    study = tt.tune(slowly, SPACE, budget=tt.Budget(trials=6, hours=1), **about)
    assert study.table.state.tolist() == [COMPLETE] * 6
    assert 1.2 <= study.table.elapsed < 10


# ---- the clocks themselves


def test_a_steady_clock_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    before = clock.now()
    assert abs(before - time.time()) < 1
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= clock.now() - before < 1


def test_a_steady_clock_approaches_another_by_so_much() -> None:
    clock = SteadyClock(lambda: 1000.0)
    clock.approach(1000.2, at_most=0.3)
    assert 1000.19 < clock.now() < 1000.5
    clock.approach(2000.0, at_most=0.3)
    assert 1000.4 < clock.now() < 1001


def test_the_time_of_a_log_never_goes_back() -> None:
    machine = SimulatedClock(1000.0)
    clock = LogClock(machine.now)
    assert clock.now() == 1000.0
    clock.hear(900.0)
    assert clock.now() == 1000.0
    clock.hear(1000.0 + LEAP_S / 2)
    assert clock.has_run_evenly_for(1e6)
    clock.hear(5000.0)
    assert clock.now() == 5000.0
    assert not clock.has_run_evenly_for(10.0)
    machine.advance(3.0)
    assert clock.now() == 5003.0
    back = SimulatedClock(10.0)
    clock._read = back.now
    assert clock.now() == 5003.0
    with pytest.raises(ValueError, match="never goes backwards"):
        back.advance(-1)


def test_steady_time_counts_what_passes() -> None:
    before = steady()
    time.sleep(0.05)
    assert 0.04 < steady() - before < 5
