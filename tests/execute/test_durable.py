"""Trials that outlive their drivers: a stranger's executor, drivers that are killed, and who looks after what then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import spool

import trimtab as tt
from trimtab.errors import PluginError
from trimtab.ledger.event import Failed, Reported, Started, Told
from trimtab.study.heart import Heart
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_next_driver_takes_up_what_runs(how: signal.Signals, tmp_path: Path) -> None:
    store, folder = f"sqlite:///{tmp_path}/t.db", tmp_path / "spool"
    command = [sys.executable, spool.__file__, "drive", store, str(folder)]
    for n in (1, 2):
        driver = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
        wait_for(lambda n=n: n_held(store, by=n) == 3)  # a job that is not on record yet would run again
        os.kill(driver.pid, how)
        driver.communicate(timeout=60)
        assert any(spool._runs(home) for home in folder.iterdir()), "jobs go on without a driver"
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with tt.load_study(store, "spool") as study:
        table, records = study.table, list(study.session.journal.read())
        assert (len(table), table.attempt.tolist()) == (8, [1] * 8), "nothing was lost, and nothing ran twice"
        assert len(list(folder.iterdir())) == 8
        events = [record.event for record in records]
        assert not any(isinstance(event, Failed) for event in events)
        assert Counter(event.number for event in events if isinstance(event, Told)) == Counter(range(8))
        assert len(holders(store)) == 3, "each driver looked after some"
        for number in range(8):
            assert study.curve(number)["step"].tolist() == [1, 2, 3, 4, 5]
        assert max(running(events)) == 3, "an elastic executor is bounded by workers="
        assert replay(records).differing == ()


def holders(store: str) -> set[str]:
    """Return who has looked after trials under handles."""
    try:
        with tt.load_study(store, "spool") as study:
            events = [record.event for record in study.session.journal.read()]
    except tt.errors.TrimtabError:
        return set()
    return {event.worker for event in events if isinstance(event, Started) and event.handle}


def n_held(store: str, by: int) -> int:
    """Return how many trials run under handles, once so many drivers have looked after some."""
    if len(holders(store)) < by:
        return 0
    with tt.load_study(store, "spool") as study:
        return sum(bool(study.table.handle(number)) for number in study.table.running)


def wait_for(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(events: list[object]) -> list[int]:
    now: set[int] = set()
    counts = []
    for event in events:
        if isinstance(event, Started):
            now.add(event.number)
        elif isinstance(event, Told):
            now.discard(event.number)
        counts.append(len(now))
    return counts


def test_a_job_that_is_gone_runs_again(tmp_path: Path) -> None:
    store, folder = f"sqlite:///{tmp_path}/t.db", tmp_path / "spool"
    command = [sys.executable, spool.__file__, "drive", store, str(folder)]
    driver = subprocess.Popen(command, stderr=subprocess.PIPE)
    wait_for(lambda: n_held(store, by=1) == 3)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    victim = next(home for home in sorted(folder.iterdir()) if spool._runs(home))
    os.kill(int((victim / "pid").read_text()), signal.SIGKILL)
    assert subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0
    with tt.load_study(store, "spool") as study:
        assert sorted(study.table.attempt.tolist()) == [1] * 7 + [2]


def test_a_claim_names_who_it_is_for() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0)
    number = study.dispatch.claim(lease_s=0.05, worker="node-7")
    assert study.table.worker(number) == "node-7"
    assert study.dispatch.reap() == []
    time.sleep(0.1)
    assert study.dispatch.reap() == [number], "whoever is silent past its lease loses the trial"
    again = study.dispatch.claim(lease_s=60, worker="node-8")
    assert (again, study.table.worker(again), study.table.attempt[again]) == (number, "node-8", 2)
    assert study.dispatch.hold(again, "job 1", lease_s=60)
    assert (study.table.worker(again), study.table.handle(again)) == (study.session.worker, "job 1")
    study.tell(again, 1.0)
    assert not study.dispatch.hold(again, "job 1", lease_s=60)
    with pytest.raises(tt.errors.LateResultError):
        study.tell(number, 0.5, attempt=1)
    reports = [record for record in study.session.journal.read() if isinstance(record.event, Reported)]
    assert not reports


class Misnaming(SimulatedExecutor):
    """Names what it runs by what it is told to."""

    traits = frozenset({"in_process", "durable"})

    def __init__(self, handle: object) -> None:
        super().__init__(lambda trial: trial.params["x"], workers=1)
        self.handle = handle

    def submit(self, task):
        super().submit(task)
        return self.handle


@pytest.mark.parametrize("handle", ["", None, 3, b"job", ("job",)])
def test_a_handle_that_is_none_is_refused_and_the_log_stays_whole(handle: object, tmp_path: Path) -> None:
    options = {"minimize": "loss", "budget": 1, "store": f"sqlite:///{tmp_path}/t.db", "name": "t", "progress": False}
    objective, space = (lambda trial: trial.params["x"]), tt.Space(x=tt.Float(0, 1))
    with pytest.raises(PluginError, match=r"names what it runs by a text that is not empty; it said .* of trial 0"):
        tt.tune(objective, space, executor=Misnaming(handle), **options)
    with tt.tune(objective, space, resume="always", **options) as study:
        assert [trial.state for trial in study.trials] == ["complete"]


def test_a_trial_that_was_taken_over_is_not_taken_from_who_did(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0, store=url)
    number = study.dispatch.claim(lease_s=0.2, worker="node-7")
    assert study.dispatch.hold(number, "job 1", lease_s=0.2)
    time.sleep(0.3)
    with tt.load_study(url, "study") as other:
        heart = Heart(other.dispatch, lease_s=60)
        assert other.dispatch.hold(number, "job 1", lease_s=60)
        heart.take_over(number, 1)
        assert study.dispatch.abandoned() == []
        heart.stop()
