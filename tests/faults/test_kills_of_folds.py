"""Kill a study whose folds race, at any moment: no fold that was through is lost, and none is run twice."""

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
import pytest
from fold_job import FOLDS

import trimtab as tt
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Reported
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.storage.url import open_store
from trimtab.study.replay import replay

KILLS = int(os.environ.get("TRIMTAB_KILLS", "50"))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_no_cell_is_lost(tmp_path: Path) -> None:
    store, rng, side = f"sqlite:///{tmp_path}/trimtab.db", random.Random(0), tmp_path / "side"
    side.touch()
    budget = 400 * KILLS  # more than can be done before the last kill
    command = [sys.executable, str(Path(__file__).with_name("fold_job.py")), store, str(tmp_path), str(budget)]
    for _ in range(KILLS):
        before = side.stat().st_size
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while side.stat().st_size == before:  # how long coming to work takes depends on what else the machine does
            assert process.poll() is None, process.communicate()[1].decode()[-2000:]
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 1.5))
        assert process.poll() is None, f"the study ended before {KILLS} kills"
        process.send_signal(signal.SIGKILL)
        process.communicate()

    done = [line.split() for line in side.read_text().splitlines()]
    opened = open_store(store)
    records = list(opened.open("folds").read())
    opened.close()
    cells = [record.event for record in records if isinstance(record.event, Reported)]
    known = {(one.number, one.attempt, one.fold): float(one.values["loss"]) for one in cells}
    assert len(done) > 2 * KILLS
    for number, attempt, fold, loss in done:
        assert known[int(number), int(attempt), int(fold)] == float(loss), "it was through, and is on record"
    times = Counter((one.number, one.fold) for one in cells)
    assert set(times.values()) == {1}, "one that is on record is not run again"
    assert all(one.step == AT_END for one in cells)

    study = tt.load_study(store, "folds")
    state, n = study.table.state, np.array([len(study.table.curves.reports(row)) for row in range(len(study.table))])
    study.close()
    assert (n[state == COMPLETE] == FOLDS).all()
    assert (state == STOPPED).any(), "folds raced"
    assert (n[state == STOPPED] < FOLDS).all()
    replay(iter(records)).require_equal()
