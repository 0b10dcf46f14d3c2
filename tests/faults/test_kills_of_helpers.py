"""Kill workers that run folds of the same trials, at any moment: each loses the fold that it has, and no other.

And now and then the driver, with all that runs.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from shared_fold_job import FOLDS

import trimtab as tt
from trimtab.ledger.event import Failed, Record, Reported, Stopped, Told
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED
from trimtab.storage.url import open_store
from trimtab.study.replay import replay

KILLS = int(os.environ.get("TRIMTAB_KILLS", "50"))
WITH_DRIVER = 10
"""Every so many kills are of the driver."""


def lines(side: Path) -> list[list[str]]:
    return [line.split() for line in side.read_text().splitlines() if line.count(" ") == 5]


def new_line(side: Path, process: subprocess.Popen[bytes], n: int) -> list[str]:
    """Wait until more than `n` folds were begun or through, and return the last."""
    while len(found := lines(side)) <= n:
        assert process.poll() is None, process.communicate()[1].decode()[-2000:]
        time.sleep(0.005)
    return found[-1]


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("executor", ["processes", "command"])
def test_a_killed_worker_loses_its_fold_and_no_other(tmp_path: Path, executor: str) -> None:
    store, rng, side = f"sqlite:///{tmp_path}/trimtab.db", random.Random(0), tmp_path / "side"
    side.touch()
    job = Path(__file__).with_name("shared_fold_job.py")
    command = [sys.executable, str(job), store, str(tmp_path), "100000", executor]
    process = None
    for kill in range(KILLS):
        if process is None:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        n = len(lines(side)) + 3 * FOLDS  # so that there is work between two kills
        worker = int(new_line(side, process, n)[4])
        time.sleep(rng.uniform(0.0, 0.04))
        if kill % WITH_DRIVER == WITH_DRIVER - 1:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            process = None
        else:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    if process is not None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    check(store, side)


def check(store: str, side: Path) -> None:
    opened = open_store(store)
    records: list[Record] = list(opened.open("folds").read())
    opened.close()
    events = [record.event for record in records]
    cells = [event for event in events if isinstance(event, Reported)]
    known = {(one.number, one.attempt, one.fold): float(one.values["loss"]) for one in cells}
    times = Counter((one.number, one.fold) for one in cells)
    assert set(times.values()) == {1}, "one that is on record is not run again"

    ended = [event for event in events if isinstance(event, (Told, Stopped, Failed))]
    of_worker = {(e.number, e.attempt) for e in ended if not isinstance(e, Failed) or e.blame == "worker"}
    workers = defaultdict(set)
    for what, number, attempt, fold, worker, loss in lines(side):
        workers[int(number), int(attempt)].add(worker)
        if what == "through" and (int(number), int(attempt)) in of_worker:  # the driver was there to hear of it
            assert known[int(number), int(attempt), int(fold)] == float(loss), "it was through, and is on record"
    assert any(len(found) > 1 for found in workers.values()), "several workers ran folds of one trial"

    study = tt.load_study(store, "folds")
    table = study.table
    n = [len(table.curves.reports(row)) for row in range(len(table))]
    assert all(n[row] == FOLDS for row in range(len(table)) if table.state[row] == COMPLETE)
    assert not (table.state == FAILED).any()
    assert (table.state == STOPPED).any(), "folds raced"
    study.close()
    replay(iter(records)).require_equal()
