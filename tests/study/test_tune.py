"""`tt.tune`, with every local executor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import StudyNotFoundError
from trimtab.ledger.event import Assessed
from trimtab.ledger.table import COMPLETE
from trimtab.study.replay import replay
from trimtab.study.standing import Status

SPACE = tt.Space(x=tt.Float(-5.0, 5.0), y=tt.Float(-5.0, 5.0))


def bowl(trial: tt.Trial) -> dict[str, float]:
    return {"loss": trial.params["x"] ** 2 + trial.params["y"] ** 2, "cost": 2.0}


def sleeper(trial: tt.Trial) -> float:
    for step in range(1000):
        trial.report(step, loss=float(step))
        time.sleep(0.01)
    return 0.0


def breaks(trial: tt.Trial) -> float:
    raise RuntimeError("no such data set")


def sometimes(trial: tt.Trial) -> float:
    if trial.params["x"] > 0:
        raise ValueError("x is positive")
    return trial.params["x"]


class Recorder:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.seen: list[Status] = []
        self.last: Status | None = None

    def update(self, status: Status) -> None:
        self.seen.append(status)

    def close(self, status: Status) -> None:
        self.last = status


@pytest.mark.parametrize(("executor", "workers"), [("serial", 1), ("processes", 3)])
def test_tune_spends_the_budget_and_says_why_it_stopped(executor: str, workers: int) -> None:
    shown = Recorder()
    study = tt.tune(bowl, SPACE, minimize="loss", budget=20, executor=executor, workers=workers, seed=1, progress=shown)
    assert len(study.table) == 20
    assert bool(np.all(study.table.state == COMPLETE))
    assert study.best.metrics["loss"] == pytest.approx(float(np.nanmin(study.table.y)))
    assert shown.last is not None
    assert shown.last.reason == "the budget of 20 trials is used up"
    assert (shown.last.n_complete, shown.last.budget_trials) == (20, 20)
    verdict = list(study.session.journal.read())[-1].event
    assert isinstance(verdict, Assessed)
    assert verdict.stop
    assert replay(study.session.journal.read()).differing == ()


def test_the_same_call_resumes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    for budget, total in ((5, 5), (12, 12), (12, 12), (3, 12)):
        study = tt.tune(bowl, SPACE, minimize="loss", budget=budget, store=url, seed=3)
        assert len(study.table) == total
        assert study.name == "bowl"
        study.close()
    whole = tt.tune(bowl, SPACE, minimize="loss", budget=12, seed=3)
    again = tt.load_study(url, "bowl")
    np.testing.assert_array_equal(whole.table.x, again.table.x)
    again.close()


def test_a_target_ends_the_study() -> None:
    study = tt.tune(bowl, SPACE, minimize="loss", budget=500, target=5.0, optimizer="random", seed=0)
    assert study.best.metrics["loss"] <= 5.0
    assert len(study.table) < 500
    assert "target loss <= 5" in study.session.ledger.assessed.reason  # type: ignore[union-attr]


def test_a_budget_of_cost_is_not_overspent() -> None:
    study = tt.tune(bowl, SPACE, minimize="loss", budget=tt.Budget(cost=15.0), seed=0, workers=3, executor="processes")
    assert float(np.nansum(study.table.cost)) == 14.0


def test_a_cost_that_is_not_told_is_a_failed_trial() -> None:
    study = tt.tune(lambda t: 1.0, SPACE, minimize="loss", budget=tt.Budget(cost=15.0, trials=2), seed=0)
    assert "returned no 'cost'" in study.table.trial(0).error


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_budget_of_hours_stops_what_runs(executor: str) -> None:
    began = time.monotonic()
    study = tt.tune(
        sleeper, SPACE, minimize="loss", budget=tt.Budget(hours=1.0 / 3600), executor=executor, grace_s=1.0, seed=0
    )
    assert time.monotonic() - began < 8
    view = study.table.trial(0)
    assert view.state == "stopped"
    assert "hours is used up" in view.reason
    assert view.metrics["loss"] > 5
    assert len(study.table.curves.of(0)[0]) > 5


def test_one_failing_trial_ends_nothing_and_all_failing_ends_early() -> None:
    study = tt.tune(sometimes, SPACE, minimize="loss", budget=30, seed=0)
    assert {view.failure for view in map(study.table.trial, range(30)) if view.state == "failed"} == {"exception"}
    assert study.best.params["x"] <= 0
    doomed = tt.tune(breaks, SPACE, minimize="loss", budget=100, seed=0)
    assert len(doomed.table) == 20
    assert "no such data set" in doomed.session.ledger.assessed.reason  # type: ignore[union-attr]


def test_enqueued_points_run_once_over_all_runs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    points = [{"x": 0.0, "y": 0.0}, {"x": 1.0}]
    for budget in (3, 6):
        study = tt.tune(bowl, SPACE, minimize="loss", budget=budget, enqueue=points, store=url, seed=0)
        assert len(study.table) == budget
        assert study.best.number == 0
        study.close()
    assert int(np.sum(study.table.x[:, 0] == 1.0)) == 1


def test_a_command_is_tuned_like_a_function() -> None:
    program = "import trimtab, os; p = float(os.sys.argv[1]); trimtab.report(loss=p * p)"
    study = tt.tune(
        tt.Command([sys.executable, "-c", program, "{x}"]), SPACE, minimize="loss", budget=4, workers=2, seed=0
    )
    assert study.best.metrics["loss"] == pytest.approx(study.best.params["x"] ** 2)


def test_an_unguarded_script_works_with_processes(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent("""
            import trimtab as tt

            def train(trial):
                return trial.params["x"] ** 2

            study = tt.tune(train, tt.Space(x=tt.Float(-1, 1)), minimize="loss", budget=6, workers=2)
            print(len(study.table), study.best.state)
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["6", "complete"]


def wait_until_over(url: str, n: int) -> None:
    """Return once `n` trials of the study "train" are over."""
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        with contextlib.suppress(StudyNotFoundError), tt.load_study(url, "train") as study:
            if len(study.table.order) >= n:
                return
        time.sleep(0.05)
    raise AssertionError("the study does not get on")


def test_ctrl_c_puts_what_runs_back_in_line(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    url = f"sqlite:///{tmp_path}/t.db"
    script.write_text(
        textwrap.dedent(f"""
            import time
            import trimtab as tt

            def train(trial):
                time.sleep(0.2)
                return trial.params["x"] ** 2

            if __name__ == "__main__":
                space = tt.Space(x=tt.Float(-1, 1))
                tt.tune(train, space, minimize="loss", budget=40, workers=2, store={url!r}, seed=0, stop="never")
        """)
    )
    run = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True)
    wait_until_over(url, 3)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(60) != 0
    run.communicate()
    study = tt.load_study(url, "train")
    assert 0 < len(study.table) < 40
    assert study.table.n_running == 0, "nothing is left running on record"
    assert study.table.n_waiting > 0
    study.close()
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
    study = tt.load_study(url, "train")
    assert bool(np.all(study.table.state == COMPLETE))
    assert len(study.table) == 40
    assert replay(study.session.journal.read()).differing == ()
    study.close()


def test_points_of_a_generator_are_all_tried() -> None:
    points = ({"x": value} for value in (0.25, 0.5))
    study = tt.tune(
        lambda trial: trial.params["x"], tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=2, enqueue=points
    )
    assert [trial.params["x"] for trial in study.trials] == [0.25, 0.5]
