"""Kill anything at any time, and the same command goes on: real processes, real signals.

So many kills befall each study; `test_history.py` mixes them with faults of other kinds. TRIMTAB_KILLS sets another
number.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

import trimtab as tt
from trimtab.ledger.event import Asked, Created, Opened, Started, Told
from trimtab.ledger.table import COMPLETE
from trimtab.storage.url import open_store
from trimtab.study.replay import replay

JOB = Path(__file__).parent / "job.py"
KILLS = int(os.environ.get("TRIMTAB_KILLS", "8"))


class Job:
    """The job's command line and its environment."""

    def __init__(self, folder: Path, store: str, budget: int, *, seconds: float, more: tuple[str, ...] = ()) -> None:
        self.store = store
        self.starts = folder / "starts"
        self.starts.mkdir(exist_ok=True)
        self.budget = budget
        self.command = [sys.executable, str(JOB), "--store", store, "--budget", str(budget), *more]
        self.environment = os.environ | {
            "TRIMTAB_FAULT_STARTS": str(self.starts),
            "TRIMTAB_FAULT_SECONDS": str(seconds),
        }
        self.log = folder / "job.log"

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def finish(self) -> None:
        done = subprocess.run(self.command, env=self.environment, capture_output=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr.decode()[-3000:]

    def check(self) -> Counter[str]:
        """Check the whole promise on the log; return how many records of each kind there are."""
        store = open_store(self.store)
        records = list(store.open("faults").read())
        store.close()
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        asked = [r.event.number for r in records if isinstance(r.event, Asked)]
        told = Counter(r.event.number for r in records if isinstance(r.event, Told))
        assert asked == list(range(self.budget)), "every trial was asked once, in order"
        assert told == Counter(range(self.budget)), "every trial is complete, none told twice"
        attempts = {(r.event.number, r.event.attempt) for r in records if isinstance(r.event, Started)}
        ran = {tuple(map(int, path.name.split("-")[:2])) for path in self.starts.iterdir()}
        assert ran <= attempts, "nothing ran that is not on record"
        study = tt.load_study(self.store, "faults")
        assert bool(np.all(study.table.state == COMPLETE))
        study.close()
        replayed = replay(iter(records))
        assert replayed.suggestions == self.budget
        assert replayed.differing == ()
        return Counter(type(r.event).__name__ for r in records)


def assert_no_orphans(job: Job) -> None:
    """Nothing of the job's is left running."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        left = [p for p in psutil.process_iter(["environ"]) if _belongs(p, job)]
        if not left:
            return
        time.sleep(0.2)
    raise AssertionError(f"still running: {left}")


def _belongs(process: psutil.Process, job: Job) -> bool:
    environment = process.info["environ"] or {}
    running = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return running and environment.get("TRIMTAB_FAULT_STARTS") == str(job.starts)


def kill_at_random_moments(job: Job, rng: random.Random, kills: int, longest: float) -> None:
    """Kill the driver so often: by turns up to `longest` seconds after it came to work, and at any time up to then."""
    opening = 0.0
    for i in range(kills):
        n_begun = len(list(job.starts.iterdir()))
        process, began = job.start(), time.monotonic()
        if i % 2:
            time.sleep(rng.uniform(0.05, opening + longest))
        else:  # how long coming to work takes depends on what else the machine does
            while len(list(job.starts.iterdir())) == n_begun:
                assert process.poll() is None, job.log.read_text()[-2000:]
                time.sleep(0.02)
            opening = time.monotonic() - began
            time.sleep(rng.uniform(0.0, longest))
        assert process.poll() is None, f"the study ended before {kills} kills:\n{job.log.read_text()[-2000:]}"
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 8])
def test_driver_killed_at_random_moments(tmp_path: Path, workers: int) -> None:
    # More than can be done before the last kill, on however fast a machine.
    seconds, budget = (0.02, 40 * KILLS) if workers == 1 else (0.15, 60 * KILLS)
    job = Job(
        tmp_path,
        f"sqlite:///{tmp_path}/trimtab.db",
        budget,
        seconds=seconds,
        more=("--workers", str(workers)),
    )
    kill_at_random_moments(job, random.Random(workers), KILLS, 0.8 if workers == 1 else 1.8)
    job.finish()
    kinds = job.check()
    assert kinds[Created.__name__] == 1
    assert kinds[Opened.__name__] >= KILLS // 2, "half of the kills hit a driver that was at work"
    assert_no_orphans(job)


@pytest.mark.timeout(600)
def test_workers_killed_at_random_moments(tmp_path: Path) -> None:
    job = Job(
        tmp_path,
        f"sqlite:///{tmp_path}/trimtab.db",
        24 * KILLS,
        seconds=0.1,
        more=("--workers", "8", "--retries", "20"),
    )
    rng = random.Random(3)
    driver = job.start()
    kills = 0
    while kills < KILLS:
        assert driver.poll() is None, f"the study ended after {kills} kills:\n{job.log.read_text()[-2000:]}"
        time.sleep(rng.uniform(0.02, 0.4))
        workers = psutil.Process(driver.pid).children(recursive=True)
        if workers and any(job.starts.iterdir()):
            rng.choice(workers).kill()
            kills += 1
    assert driver.wait(240) == 0, job.log.read_text()[-3000:]
    job.check()
    assert_no_orphans(job)


@pytest.mark.timeout(300)
def test_six_drivers_share_one_sqlite_file(tmp_path: Path) -> None:
    share(Job(tmp_path, f"sqlite:///{tmp_path}/trimtab.db", 300, seconds=0.01))


@pytest.mark.timeout(300)
def test_six_drivers_share_one_postgresql_database(tmp_path: Path, postgresql_url: str) -> None:
    share(Job(tmp_path, postgresql_url, 300, seconds=0.01))


def share(job: Job) -> None:
    """Six drivers on one store: the budget holds exactly, nothing runs twice, nobody sees a lock."""
    drivers = [job.start() for _ in range(6)]
    codes = [driver.wait(240) for driver in drivers]
    log = job.log.read_text()
    assert codes == [0] * 6, log[-3000:]
    assert "locked" not in log
    job.check()
    ran = Counter(int(path.name.split("-")[0]) for path in job.starts.iterdir())
    assert ran == Counter(range(job.budget)), "every trial ran exactly once"
    store = open_store(job.store)
    workers = {r.event.worker for r in store.open("faults").read() if isinstance(r.event, Started)}
    store.close()
    assert len(workers) > 1, "more than one driver took part"
