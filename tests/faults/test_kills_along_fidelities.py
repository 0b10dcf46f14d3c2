"""A driver of programs is killed amid two fidelities: the same command goes on, and what was run is what is paid."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.ledger.table import COMPLETE, STOPPED
from trimtab.study.replay import replay

PROGRAM = Path(__file__).with_name("two_fidelities_program.py")
STUDY = """
name: two
command: ["{python}", "PROGRAM", "{x}", "{rows}", "{epoch}", "{checkpoint_dir}", ["{resume_from}"]]
space: {x: {float: [0.0, 1.0]}}
minimize: loss
fidelity: [{name: rows, low: 100, high: 900}, {name: epoch, low: 1, high: 9}]
optimizer: random
scheduler: SCHEDULER
budget: {trials: 3, epochs: {rows: 9000}}
stop: never
seed: 1
"""


@pytest.mark.parametrize(("scheduler", "lines"), [("sha", 6), pytest.param("asha", 5, marks=pytest.mark.soak)])
def test_a_killed_driver_of_programs_goes_on_along_two_fidelities(tmp_path: Path, scheduler: str, lines: int) -> None:
    text = STUDY.replace("PROGRAM", str(PROGRAM)).replace("SCHEDULER", scheduler)
    (tmp_path / "study.yaml").write_text(text)
    done = tmp_path / "done"
    done.touch()
    command = [str(Path(sys.executable).with_name("trimtab")), "run", "study.yaml", "--quiet"]
    env = os.environ | {"DONE": str(done)}
    driver = subprocess.Popen(command, cwd=tmp_path, env=env)
    until = time.monotonic() + 60.0
    while len(done.read_text().splitlines()) < lines:  # amid a trial, of some epochs where it may have some
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.01)
    driver.kill()  # with -9
    driver.wait()
    assert subprocess.run(command, cwd=tmp_path, env=env, timeout=120, check=False).returncode == 0
    with tt.load_study(f"sqlite:///{tmp_path}/trimtab.db", "two") as study:
        table = study.table
        assert np.isin(table.state, (COMPLETE, STOPPED)).all()
        assert (table.attempt > 1).any()
        epochs = [tuple(map(float, line.split()[:4])) for line in done.read_text().splitlines()]
        for row in range(len(table)):
            mine = [epoch for number, _, epoch, _ in epochs if number == row]
            first = 0.0 if table.parent[row] < 0 else float(table.fidelity[table.parent[row], 1])
            assert sorted(set(mine)) == list(np.arange(first + 1, max(mine) + 1)), "none is left out"
            again = len(mine) - len(set(mine))
            assert again <= table.attempt[row] - 1
            rows, end = table.fidelity[row].tolist()
            assert (table.curves.of(row)[0] <= end).all()
            ran = table.ran[row].tolist()
            assert ran[0] == pytest.approx(rows * ran[1] / end)
            unsaid = int(table.attempt[row] > 1) + int(table.state[row] == STOPPED)  # begun, and ended on the way
            assert len(set(mine)) - unsaid <= ran[1] <= len(mine), "as much as it ran"
        assert table.ran[:, 0].sum() <= 9000
        replay(study.session.journal.read()).require_equal()
