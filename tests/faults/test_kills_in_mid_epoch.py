"""Workers that are killed amid an epoch: the trial goes on from its checkpoint, and loses one epoch at most.

TRIMTAB_KILLS sets another number of kills.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from epochs_job import LAST

import trimtab as tt
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED
from trimtab.study.replay import replay

KILLS = int(os.environ.get("TRIMTAB_KILLS", "5"))


@pytest.mark.timeout(1800)
def test_a_trial_whose_worker_is_killed_goes_on_and_loses_one_epoch_at_most(tmp_path: Path) -> None:
    url, begun = f"sqlite:///{tmp_path}/t.db", tmp_path / "begun"
    begun.touch()
    budget = 6 * KILLS  # more than can be done before the last kill
    command = [sys.executable, str(Path(__file__).with_name("epochs_job.py")), url, str(budget)]
    driver = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | {"BEGUN": str(begun)})
    rng, killed = random.Random(0), set()
    while len(killed) < KILLS:
        assert driver.poll() is None, f"the study ended after {len(killed)} kills"
        time.sleep(rng.uniform(0.01, 0.2))
        at_work = {int(line.split()[3]) for line in begun.read_text().splitlines()[-2:]}
        victims = [
            child for child in psutil.Process(driver.pid).children(recursive=True) if child.pid in at_work - killed
        ]
        if victims:
            victim = rng.choice(victims)
            killed.add(victim.pid)
            victim.kill()
    assert driver.wait(1200) == 0, driver.communicate()[1][-2000:]
    driver.communicate()
    lines = [tuple(map(int, line.split())) for line in begun.read_text().splitlines()]
    with tt.load_study(url, "epochs") as study:
        table = study.table
        assert not (table.state == FAILED).any(), "none is lost"
        assert np.isin(table.state, (COMPLETE, STOPPED)).all()
        assert table.n_begun == len(table) == budget, "one number, one line of descent"
        assert (table.parent < 0).all()
        replay(study.session.journal.read()).require_equal()
        stopped = table.state == STOPPED
        attempts, reached = table.attempt.tolist(), [table.curves.of(row)[0] for row in range(len(table))]
    assert sum(attempts) - budget >= KILLS // 2, "half of the kills hit a trial"
    times = Counter((number, epoch) for number, _, epoch, _ in lines)
    for number in range(budget):
        epochs = sorted(epoch for each, epoch in times if each == number)
        assert epochs == list(range(1, len(epochs) + 1)), "none is left out"
        assert len(epochs) <= LAST
        again = sum(times[number, epoch] - 1 for epoch in epochs)
        assert again <= attempts[number] - 1, "each kill costs one epoch at most"
        assert len(set(reached[number].tolist())) == len(reached[number]), "each epoch is on record once"
        unsaid = set(epochs) - {int(epoch) for epoch in reached[number].tolist()}
        may = attempts[number] - 1 + int(stopped[number])  # killed after its checkpoint; told at its next report
        assert len(unsaid) <= may, "what was trained is on record"
