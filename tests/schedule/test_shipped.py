"""The schedulers that are shipped, through the real session: in simulated time, killed, replayed; and what they do."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from stranger_job import EPOCHS, POINT, SPACE, loss_of, train, tuned

import trimtab as tt
from trimtab import plugins
from trimtab.errors import StudyMismatchError
from trimtab.ledger.event import Noted, Origin
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED
from trimtab.schedule.asha import Asha
from trimtab.schedule.auto import Auto, fair
from trimtab.schedule.median import Median
from trimtab.schedule.protocol import Request
from trimtab.schedule.rungs import Seen
from trimtab.schedule.sha import Sha
from trimtab.schedule.whole import Whole
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor, Tabulated
from trimtab.testing.simulation import PROBLEMS, Simulation

NAMES = [name for name in plugins.names("schedulers") if name not in ("whole", "pbt", "pb2")]
"""A population is another kind of study, and has tests of its own."""

KILLS = int(os.environ.get("TRIMTAB_KILLS", "12"))


def checked(study: tt.Study) -> None:
    """Check everything that must hold of a study that has ended, whoever scheduled it."""
    table = study.table
    assert np.isin(table.state, (COMPLETE, STOPPED)).all(), [study.trials[n].error for n in table.rows(FAILED)]
    assert table.n_begun == 16, "the budget is used, and no more"
    assert study.trials[0].params == POINT
    for row in np.flatnonzero(table.parent >= 0).tolist():
        parent = table.parent[row]
        assert table.fidelity[row, 0] > table.fidelity[parent, 0]
        assert table.x[row].tolist() == table.x[parent].tolist()
        assert (table.parent == parent).sum() == 1
    for row in table.rows(COMPLETE).tolist():
        assert table.y[row, 0] == loss_of(table.trial(row).params, table.fidelity[row, 0])
    for row in table.rows(STOPPED).tolist():
        assert study.trials[row].reason.startswith("stopped at ")
    replay(study.session.journal.read()).require_equal()


@pytest.mark.parametrize("optimizer", ["random", "tpe"])
@pytest.mark.parametrize("name", NAMES)
def test_in_simulated_time(name: str, optimizer: str, tmp_path: Path) -> None:
    executor = SimulatedExecutor(train, workers=3, seconds=lambda task, step: 1.0 + task.number % 3)
    with tuned(name, optimizer=optimizer, executor=executor, store=f"sqlite:///{tmp_path}/t.db") as study:
        checked(study)


@pytest.mark.parametrize("name", ["auto", "asha", "hyperband", "pasha"])
def test_killed_at_any_time_it_goes_on(name: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    command = [sys.executable, str(Path(__file__).with_name("stranger_job.py")), url, name]
    rng = random.Random(name)
    for _ in range(max(1, KILLS // 12)):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.5, 2.0))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with tt.load_study(url, "stranger") as study:
        checked(study)


# The default


def test_the_default_is_auto() -> None:
    assert tt.create_study(SPACE, minimize="loss").session.ledger.created.scheduler == Auto().to_json()


def test_a_study_from_before_goes_on_with_whole_trials(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    tuned("whole", store=url, budget=3).close()
    with tuned("auto", store=url, budget=5) as study:
        assert study.session.ledger.created.scheduler == Whole().to_json()
        assert len(study.table) == 5
        replay(study.session.journal.read()).require_equal()
    with pytest.raises(StudyMismatchError, match="scheduler"):
        tuned(Auto(eta=4), store=url, budget=6)
    with pytest.raises(StudyMismatchError, match="scheduler"):
        tuned("asha", store=url, budget=6)


def steps(trial: tt.Trial) -> float:
    for step in range(1, 4):
        trial.report(step, loss=1.0 / step)
    return 1.0 / 3


def test_a_study_without_a_fidelity_says_once_what_early_stopping_needs() -> None:
    study = tt.tune(steps, SPACE, minimize="loss", budget=3, optimizer="random", progress=False)
    workers = tt.tune(steps, SPACE, minimize="loss", budget=2, optimizer="random", workers=2, progress=False)
    assert workers.table.notes == study.table.notes, "reports that come at once, too"
    notes = [record.event for record in study.session.journal.read() if isinstance(record.event, Noted)]
    assert [note.key for note in notes] == ["early stopping"]
    assert 'fidelity=tt.Fidelity("epoch", 1, N)' in study.table.notes["early stopping"]
    whole = tt.tune(steps, SPACE, minimize="loss", budget=2, optimizer="random", scheduler="whole", progress=False)
    assert whole.table.notes == {}


def test_who_reports_only_once_is_told_nothing() -> None:
    def once(trial: tt.Trial) -> float:
        trial.report(1, loss=1.0)
        return 1.0

    assert tt.tune(once, SPACE, minimize="loss", budget=2, optimizer="random", progress=False).table.notes == {}


# nan


def test_nan_in_a_report_ends_the_trial_as_failed() -> None:
    def diverges(trial: tt.Trial) -> float:
        for epoch in trial.steps():
            trial.report(epoch, loss=math.nan if epoch == 3 and trial.number == 1 else 1.0 / epoch)
        return 1.0 / 9

    for scheduler in ("auto", Median()):
        study = tt.tune(
            diverges, SPACE, minimize="loss", fidelity=EPOCHS, budget=4, optimizer="random", scheduler=scheduler,
            progress=False,
        )  # fmt: skip
        assert [trial.state for trial in study.trials].count("failed") == 1
        failed = study.trials[1]
        assert (failed.failure, failed.error) == ("nan", "diverged: loss is nan at step 3")
        assert study.curve(1)["step"].tolist() == [1, 2, 3]
        replay(study.session.journal.read()).require_equal()
    whole = tt.tune(
        diverges, SPACE, minimize="loss", fidelity=EPOCHS, budget=4, optimizer="random", scheduler="whole",
        progress=False,
    )  # fmt: skip
    assert {trial.state for trial in whole.trials} == {"complete"}


# What auto measures


def curve(kind: str):
    """Return what a table of 81 epochs tells: the loss of x at an epoch, and a minute an epoch."""

    def look(params, epoch):
        final = (params["x"] - 0.3) ** 2
        early = {"true": final, "reversed": 1.0 - final, "flat": 0.5}[kind]
        return (final if epoch == 81 else early + 0.1), 60.0 * epoch

    return look


def looked(kind: str, **more) -> tt.Study:
    table = Tabulated(curve(kind), steps=[1, 3, 9, 27])
    options = {"workers": 1, "budget": 60, "scheduler": "auto"} | more
    return tt.tune(
        table, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 81), optimizer="random",
        executor=table.executor(options["workers"]), seed=1, progress=False, **options,
    )  # fmt: skip


def test_auto_stops_once_rungs_are_seen_to_rank() -> None:
    study = looked("true")
    table = study.table
    assert (table.state[:5] == COMPLETE).all(), "no trial is stopped before five are whole"
    assert (table.state == STOPPED).sum() > 35
    assert study.best.number == int(np.argmin((table.x[:, 0] - 0.3) ** 2)), "the best configuration was let on"
    replay(study.session.journal.read()).require_equal()


@pytest.mark.parametrize("kind", ["reversed", "flat"])
def test_auto_stops_nothing_where_early_looks_mislead(kind: str) -> None:
    assert (looked(kind).table.state == COMPLETE).all()
    assert (looked("reversed", scheduler="asha").table.state == STOPPED).any()


def test_auto_passes_over_a_rung_that_is_not_cheap() -> None:
    """A start that takes most of a run: what is stopped at the first rung has paid for it."""

    def look(params, epoch):
        return curve("true")(params, epoch)[0], 5000.0 + 60.0 * epoch

    table = Tabulated(look, steps=[1, 3, 9, 27])
    study = tt.tune(
        table, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("epoch", 1, 81), budget=60,
        optimizer="random", executor=table.executor(1), seed=1, progress=False, stop="never",
    )  # fmt: skip
    assert (study.table.state[-20:] == COMPLETE).all()


def data_share(fixed: float, *, ranks: bool, **more) -> tt.Study:
    """Run a study of a share of the data, on which nothing carries over and nothing is reported before the end."""

    def look(params, share):
        final = (params["x"] - 0.3) ** 2
        return (final if share == 27 or ranks else 1.0 - final), 600.0 * (fixed + (1 - fixed) * share / 27)

    table = Tabulated(look, steps=(), carries_over=False)
    return tt.tune(
        table, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("share", 1, 27), budget=80,
        optimizer="random", executor=table.executor(1), seed=1, progress=False, stop="never", **more,
    )  # fmt: skip


def test_auto_looks_first_where_that_is_cheap_and_ranks() -> None:
    table = data_share(0.0, ranks=True).table
    fresh = table.fidelity[table.parent < 0, 0]
    assert (fresh[:5] == 27).all()
    assert (fresh[-20:] == 1).all(), "new trials begin at a 27th"
    assert (table.fidelity[-40:, 0] == 27).sum() < 15


def test_auto_runs_whole_trials_where_looking_does_not_pay() -> None:
    dear = data_share(0.5, ranks=True).table
    assert (dear.fidelity[:, 0] < 27).sum() == 1, "one look tells what it costs"
    misleading = data_share(0.0, ranks=False).table
    looks = misleading.seconds[misleading.fidelity[:, 0] < 27].sum()
    assert looks < 0.06 * misleading.seconds[misleading.fidelity[:, 0] == 27].sum()
    assert (misleading.fidelity[misleading.parent < 0, 0] == 27).sum() > 50


def test_a_fair_sample_has_none_that_was_chosen() -> None:
    table = looked("true").table
    seen = Seen(3)
    seen.follow(table)
    rows = fair(seen, table, 3)
    stopped = np.flatnonzero(table.state == STOPPED)
    assert (table.state[rows] == COMPLETE).all()
    assert rows[rows < stopped[0]].tolist() == list(range(stopped[0]))
    assert len(rows) < (table.state == COMPLETE).sum()


def test_a_budget_that_ends_amid_a_batch_still_brings_one_to_the_top() -> None:
    study = looked("true", scheduler=Sha(n=27), budget=10)
    assert study.best.fidelity == {"epoch": 81}
    assert study.table.n_begun == 10


# A thousand workers


@pytest.mark.parametrize("make", [Auto, Asha, Median, lambda: Asha(mode="promote")])
def test_decisions_take_milliseconds_at_many_trials(make) -> None:
    """At 4,000 trials; benchmarks/multifidelity/decisions.py measures 20,000."""
    run, scheduler = Simulation(PROBLEMS["fidelity"]), make()
    rng = np.random.default_rng(0)
    whole = 9.0 if scheduler.to_json().get("mode") != "promote" else 1.0
    origin = Origin("test")
    for number in range(4000):
        run.put(np.array([rng.random(), 1.0]), origin, fidelity=(whole,))
        run.start(number)
        run.report(number, 1.0, loss=float(rng.random()))
        if number % 2:
            run.tell(number, float(rng.random()))
    scheduler.assign(run.table, Request(4000, 0))
    run.report(3998, 3.0, loss=0.5)
    scheduler.judge(run.table, 3998)
    taken = []
    for number in range(0, 200, 2):
        run.report(number, 3.0, loss=float(rng.random()))
        began = time.process_time()
        scheduler.judge(run.table, number)
        scheduler.assign(run.table, Request(4000, 0))
        taken.append(time.process_time() - began)
    assert np.median(taken) < 0.005


# Problems of all kinds


@pytest.mark.parametrize("name", NAMES)
def test_two_objectives_and_a_constraint(name: str) -> None:
    def look(params, epoch):
        x = params["x"]
        return {"loss": x + 1 / epoch, "speed": x * 2 + 1 / epoch, "memory": x}, 60.0 * epoch

    table = Tabulated(look)
    study = tt.tune(
        table, tt.Space(x=tt.Float(0, 1)), objectives=[tt.minimize("loss"), tt.maximize("speed")],
        constraints=[tt.at_most("memory", 0.8)], fidelity=EPOCHS, budget=20, optimizer="random", scheduler=name,
        executor=table.executor(2), seed=0, progress=False,
    )  # fmt: skip
    assert study.table.n_begun == 20
    assert study.best_trials
    replay(study.session.journal.read()).require_equal()


@pytest.mark.parametrize("fidelity", [(1, 1), (0, 0), (0, 1), (0, 2), (0.25, 1.0), (5e-324, 1.7e308)])
@pytest.mark.parametrize("name", NAMES)
def test_fidelities_of_odd_bounds(name: str, fidelity: tuple[float, float]) -> None:
    table = Tabulated(lambda params, at: (params["x"], 60.0 * min(at, 9.0)), steps=(0.25, 0.5, 1))
    study = tt.tune(
        table, tt.Space(x=tt.Float(0, 1)), minimize="loss", fidelity=tt.Fidelity("size", *fidelity), budget=9,
        optimizer="random", scheduler=name, executor=table.executor(2), seed=0, progress=False,
    )  # fmt: skip
    assert study.table.n_begun == 9
    replay(study.session.journal.read()).require_equal()
