"""A stranger's executor whose workers help with folds, through the real session: killed at any time, and replayed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import crew
import pytest
from crew import FOLDS, Crew, Deadly, drive, loss_of

import trimtab as tt
from trimtab.execute.protocol import Executor, SharesFolds
from trimtab.ledger.event import Failed, Reported
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.study.replay import replay
from trimtab.testing.executors import BEHAVIOURS, SharingExecutorContract


@pytest.fixture(scope="module", autouse=True)
def _leaves_no_process() -> Iterator[None]:
    """End the process that multiprocessing keeps beside whatever it spawns: tests elsewhere count what is left."""
    yield
    resource_tracker._resource_tracker._stop()


class TestACrewKeepsTheContract(SharingExecutorContract):
    @pytest.fixture
    def make(self):
        return lambda behaviour, workers, resources: Crew(BEHAVIOURS[behaviour], workers)


def checked(study: tt.Study) -> dict[int, set[float]]:
    """Check what must hold of a study, whoever died in it; return which workers reported of each trial."""
    table, records = study.table, list(study.session.journal.read())
    assert set(table.state.tolist()) <= {COMPLETE, STOPPED}
    cells = [record.event for record in records if isinstance(record.event, Reported)]
    assert set(Counter((cell.number, cell.fold) for cell in cells).values()) == {1}, "each fold is through once"
    workers = defaultdict(set)
    for cell in cells:
        assert cell.values["loss"] == loss_of(study.trials[cell.number].params, cell.fold)
        workers[cell.number].add(cell.values["worker"])
    for row in table.rows(COMPLETE).tolist():
        losses = [loss_of(study.trials[row].params, fold) for fold in range(FOLDS)]
        assert study.trials[row].metrics["loss"] == pytest.approx(sum(losses) / FOLDS, rel=1e-15)
    replay(records).require_equal()
    return workers


def test_a_stranger_is_known_by_what_it_can_do() -> None:
    with_workers = Crew(BEHAVIOURS["returns"], 1)
    assert isinstance(with_workers, Executor)
    assert isinstance(with_workers, SharesFolds)
    with_workers.close()


def test_workers_that_are_killed_cost_their_folds_alone(tmp_path: Path) -> None:
    deaths = (2, 5, 9, 14, 17)
    with drive(f"sqlite:///{tmp_path}/t.db", Deadly(tmp_path, deaths)) as study:
        workers = checked(study)
        begun = [mark.read_text().split() for mark in sorted(tmp_path.glob("[0-9]*"))]
        assert max(map(len, workers.values())) > 1, "some had help"
        lost = [record.event for record in study.session.journal.read() if isinstance(record.event, Failed)]
        first = {(int(number), int(attempt)): pid for number, attempt, _, pid in reversed(begun)}
        died = [begun[n] for n in deaths if n < len(begun)]
        of_first = sum(first[int(number), int(attempt)] == pid for number, attempt, _, pid in died)
        assert len(lost) == of_first, "a helper that dies loses no attempt"


def test_a_driver_that_is_killed_loses_what_ran_and_no_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    driver = subprocess.Popen(
        [sys.executable, crew.__file__, url, str(tmp_path)], start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("[0-9]*"))) < FOLDS + 2:
        assert driver.poll() is None, driver.communicate()[1].decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    with drive(url, Deadly(tmp_path), resume="always") as study:
        checked(study)
        assert len(study.table) == 6
        assert max(study.table.attempt) == 2
