"""What takes minutes: `make soak`."""

from __future__ import annotations

import random
from pathlib import Path

import psutil
import pytest
from test_kills import Job, assert_no_orphans, kill_at_random_moments

import trimtab as tt
from trimtab.ledger.table import COMPLETE

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]


def value(trial: tt.Trial) -> float:
    return float(trial.params["x"])


def test_eight_thousand_trials_in_workers_do_not_grow_the_driver(tmp_path: Path) -> None:
    about = {"minimize": "loss", "optimizer": "random", "executor": "processes", "workers": 2, "seed": 0}
    about["stop"] = "never"
    space, url = tt.Space(x=tt.Float(0, 1)), f"sqlite:///{tmp_path}/trimtab.db"
    tt.tune(value, space, budget=1000, store=url, name="a", **about).close()
    driver = psutil.Process()
    before, files = driver.memory_info().rss, driver.num_fds()
    study = tt.tune(value, space, budget=9000, store=url, name="a", **about)
    assert study.table.state.tolist() == [COMPLETE] * 9000
    study.close()
    assert driver.memory_info().rss - before < 40e6
    assert driver.num_fds() <= files + 2
    assert driver.children(recursive=True) == []


@pytest.mark.parametrize("workers", [1, 8])
def test_driver_killed_at_random_moments_on_postgresql(tmp_path: Path, postgresql_url: str, workers: int) -> None:
    seconds, budget = (0.02, 2000) if workers == 1 else (0.15, 3000)
    job = Job(tmp_path, postgresql_url, budget, seconds=seconds, more=("--workers", str(workers)))
    kill_at_random_moments(job, random.Random(workers), 50, 0.8 if workers == 1 else 1.8)
    job.finish()
    job.check()
    assert_no_orphans(job)


def test_driver_killed_at_random_moments_with_the_default_engine(tmp_path: Path) -> None:
    job = Job(
        tmp_path, f"sqlite:///{tmp_path}/trimtab.db", 800, seconds=0.2, more=("--workers", "4", "--optimizer", "auto")
    )
    kill_at_random_moments(job, random.Random(5), 20, 1.3)
    job.finish()
    job.check()
    assert_no_orphans(job)
