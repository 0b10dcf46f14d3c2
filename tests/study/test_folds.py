"""Trials that go through folds: what they report, what their result is, and what a lost worker costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import ExecutorError, ObjectiveError, ProblemError, StudyMismatchError
from trimtab.ledger.cells import reported
from trimtab.ledger.curves import AT_END

SPACE = tt.Space(x=tt.Float(0.0, 1.0))
N = 5


def losses(trial: tt.Trial) -> None:
    for fold in trial.folds():
        trial.report(fold=fold, loss=trial.params["x"] + 0.1 * fold, accuracy=1.0 - 0.1 * fold, seconds=2.0)


def tuned(objective, **options):
    defaults = {"folds": N, "budget": 4, "seed": 0, "progress": False, "optimizer": "random", "scheduler": "whole"}
    minimize = {} if "objectives" in options else {"minimize": "loss"}
    return tt.tune(objective, SPACE, **(defaults | minimize | options))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_result_is_the_mean_over_the_folds(workers):
    goals = [tt.minimize("loss", error="loss_error"), tt.maximize("accuracy")]
    study = tuned(losses, objectives=goals, cost="seconds", workers=workers)
    for trial in study.trials:
        assert trial.state == "complete"
        assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 0.2)
        assert trial.metrics["loss_error"] == pytest.approx(np.std(0.1 * np.arange(N), ddof=1) / N**0.5)
        assert trial.metrics["accuracy"] == pytest.approx(0.8)
        assert trial.cost == 10.0, "what counts as cost is added up"
        assert reported(study.table, trial.number) == list(range(N))
    assert study.curve(0, fold=2)["step"].tolist() == [AT_END]


def test_all_trials_go_through_the_folds_in_one_order_which_differs_between_studies():
    orders = set()
    for seed in range(3):
        curves = tuned(losses, seed=seed).table.curves
        [order] = {tuple(curves.fold[curves.reports(row)].tolist()) for row in range(4)}
        orders.add(order)
    assert len(orders) > 1


def test_what_is_returned_counts_where_something_is():
    def returns(trial: tt.Trial) -> float:
        losses(trial)
        return 7.0

    assert tuned(returns).best_value == 7.0


def test_a_trial_that_lacks_a_fold_and_returns_nothing_has_failed():
    def leaves(trial: tt.Trial) -> None:
        for fold in trial.folds():
            if fold != 3:
                trial.report(fold=fold, loss=0.5)

    [trial] = tuned(leaves, budget=1).trials
    assert (trial.state, trial.failure) == ("failed", "exception")
    assert trial.error == (
        "the objective returned nothing, and of its 5 folds fold 3 is missing: report each, as "
        "trial.report(fold=3, loss=0.3), or return a result."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_fold_that_diverged_is_a_trial_that_did(value):
    def diverges(trial: tt.Trial) -> None:
        for fold in trial.folds():
            trial.report(fold=fold, loss=value if fold == 2 else 0.5)

    [trial] = tuned(diverges, budget=1).trials
    assert (trial.state, trial.failure) == ("failed", "nan")
    assert "in fold 2" in trial.error


def test_what_is_reported_at_steps_of_a_fold_is_no_result_of_it():
    def trains(trial: tt.Trial) -> None:
        for fold in trial.folds():
            for epoch in range(3):
                trial.report(epoch, fold=fold, loss=1.0 - 0.1 * epoch)
            trial.report(fold=fold, loss=0.25)

    study = tuned(trains, budget=1)
    assert study.best_value == 0.25
    assert study.curve(0, fold=1)["step"].tolist() == [0, 1, 2, AT_END], "the value of the fold comes last"


def test_by_hand_a_lost_trial_goes_on_after_the_folds_that_it_reported():
    study = tt.create_study(SPACE, minimize="loss", folds=N, seed=0)
    trial = study.ask()
    first = trial.folds()
    done = [next(first), next(first)]
    for fold in done:
        trial.report(fold=fold, loss=float(fold))
    study.tell(trial, failed="lost")
    again = study.ask()
    rest = list(again.folds())
    assert sorted(done + rest) == list(range(N))
    for fold in rest[:-1]:
        again.report(fold=fold, loss=float(fold))
    with pytest.raises(ObjectiveError, match=rf"of its 5 folds fold {rest[-1]} is missing"):
        study.tell(again)
    again.report(fold=rest[-1], loss=float(rest[-1]))
    study.tell(again)
    assert study.best_value == 2.0


def test_a_killed_worker_costs_the_fold_that_it_was_in_and_no_other(tmp_path: Path):
    def dies(trial: tt.Trial) -> None:
        for n, fold in enumerate(trial.folds()):
            with (tmp_path / f"{trial.number}").open("a") as file:
                file.write(f"{fold}\n")
            if n == 2 and trial.attempt == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            trial.report(fold=fold, loss=float(fold))

    study = tuned(dies, budget=2, workers=2, store=f"sqlite:///{tmp_path}/t.db")
    for trial in study.trials:
        assert (trial.state, trial.attempt, trial.metrics["loss"]) == ("complete", 2, 2.0)
        run = (tmp_path / f"{trial.number}").read_text().split()
        assert len(run) == N + 1, "only the fold in which it died was run twice"


def test_without_folds_there_are_none_to_go_through():
    trial = tt.create_study(SPACE, minimize="loss").ask()
    with pytest.raises(ProblemError, match="this problem has none; give tune folds=5"):
        trial.folds()
    with pytest.raises(ObjectiveError, match=r"a report says at which step, .* or of which fold"):
        trial.report(loss=0.5)


PROGRAM = """
import trimtab
trial = trimtab.this_trial()
for fold in trial.folds():
    trial.report(fold=fold, loss=trial.params["x"] + fold)
"""
SHELL = 'for fold in 0 1 2 3 4; do echo "{{\\"fold\\": $fold, \\"loss\\": $fold}}"; done'


@pytest.mark.parametrize("arguments", [[sys.executable, "-c", PROGRAM], ["sh", "-c", SHELL]])
def test_a_program_goes_through_its_folds(arguments, tmp_path: Path):
    study = tuned(tt.Command(arguments), budget=1, name="program", store=f"sqlite:///{tmp_path}/t.db")
    [trial] = study.trials
    assert trial.state == "complete", trial.error
    shift = trial.params["x"] if arguments[0] == sys.executable else 0.0
    assert trial.metrics["loss"] == pytest.approx(2.0 + shift)


ONE = """
import json, os, signal, sys
import trimtab
fold, x, number, attempt = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
assert list(trimtab.this_trial().folds()) == [fold]
with open(f"ran-{number}", "a") as file:
    file.write(f"{fold} ")
if len(open(f"ran-{number}").read().split()) == 3 and attempt == "1" and sys.argv[5] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
if fold == 3 and sys.argv[5] == "fails":
    sys.exit("no such data set")
print(json.dumps({"step": 1, "loss": 99.0}))
print(json.dumps({"loss": x + fold, "size": fold}))
"""


def by_fold(tmp_path: Path, how: str, **options) -> tt.Study:
    arguments = [
        sys.executable,
        "-c",
        ONE.replace("{", "{{").replace("}", "}}"),
        "{fold}",
        "{x}",
        "{number}",
        "{attempt}",
    ]
    command = tt.Command([*arguments, how], cwd=tmp_path)
    return tuned(command, **({"budget": 1, "name": "one", "store": f"sqlite:///{tmp_path}/t.db"} | options))


def test_a_program_with_a_fold_runs_once_for_each(tmp_path: Path):
    study = by_fold(tmp_path, "runs")
    [trial] = study.trials
    assert trial.state == "complete", trial.error
    assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 2.0)
    assert trial.metrics["size"] == 2.0
    assert sorted(map(int, (tmp_path / "ran-0").read_text().split())) == list(range(N))
    assert study.curve(0, fold=4)["step"].tolist() == [1, AT_END], "what it prints on its way is of its fold"


def test_a_killed_program_costs_its_fold_and_no_other(tmp_path: Path):
    [trial] = by_fold(tmp_path, "dies").trials
    assert (trial.state, trial.attempt) == ("complete", 2)
    ran = (tmp_path / "ran-0").read_text().split()
    assert len(ran) == N + 1
    assert ran[2] == ran[3], "it goes on where it was killed"


def test_a_program_that_fails_in_one_fold_is_a_trial_that_failed(tmp_path: Path):
    [trial] = by_fold(tmp_path, "fails").trials
    assert (trial.state, trial.failure) == ("failed", "exception")
    assert "no such data set" in trial.error


def test_the_limit_of_time_is_that_of_all_folds_together(tmp_path: Path):
    command = tt.Command(["sh", "-c", "sleep 0.5; echo '{{\"loss\": {fold}}}'"])
    [trial] = tuned(command, budget=1, name="slow", resources=tt.Resources(limit_s=1.2)).trials
    assert (trial.state, trial.failure) == ("failed", "timeout")


def test_instances_keep_their_names(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/t.db"
    study = tuned(losses, folds=["wine", 11, 0.5], budget=1, name="named", store=url)
    assert study.problem.folds == 3
    assert study.problem.fold_names == ("wine", "11", "0.5")
    with tt.load_study(url, "named") as again:
        assert again.problem == study.problem
        assert again.ask().fold_name(0) == "wine"
    with pytest.raises(StudyMismatchError, match="fold_names: was"):
        tuned(losses, folds=["iris", 11, 0.5], budget=1, name="named", store=url)
    line = ["sh", "-c", "echo '{{\"loss\": {fold}, \"is_wine\": '$([ {fold_name} = wine ] && echo 1 || echo 0)'}}'"]
    by_name = tuned(tt.Command(line), folds=["iris", "wine"], budget=1, name="by name")
    assert by_name.folds(0)["is_wine"].tolist() == [0, 1]


def test_repeats_times_folds():
    study = tuned(losses, folds="2x3", budget=1)
    assert study.problem.fold_names == ("0-0", "0-1", "0-2", "1-0", "1-1", "1-2")
    assert len(study.folds(0)["fold"]) == 6


def test_one_fold_is_a_holdout():
    def objective(trial):
        for fold in trial.folds():
            trial.report(fold=fold, loss=trial.params["x"])

    study = tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", folds=1, budget=12, seed=0, progress=False)
    assert [trial.state for trial in study.trials] == ["complete"] * 12
    assert study.best_value == min(trial.params["x"] for trial in study.trials)
    assert study.folds(study.best.number)["loss"].tolist() == [study.best_value]


@pytest.mark.parametrize(
    "folds", ["5", "3x", "0x5", [], [True, 2], [[1], [2]], 2.5, {"a": 1}, ["a", "a"], ["", "a"], 0]
)
def test_folds_that_are_none(folds):
    with pytest.raises(ProblemError, match="fold"):
        tuned(losses, folds=folds)


def dies_before_it_returns(trial: tt.Trial) -> float:
    found = []
    for fold in trial.folds():
        found.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=found[-1])
    if trial.attempt == 1:
        time.sleep(0.2)  # until its last report was heard
        os.kill(os.getpid(), signal.SIGKILL)
    return sum(found) / len(found)  # of none, where all were on record


def test_a_trial_that_is_killed_after_its_last_fold_has_the_result_of_its_folds():
    study = tuned(dies_before_it_returns, budget=2, executor="processes")
    for trial in study.trials:
        assert (trial.state, trial.attempt) == ("complete", 2), trial.error
        assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 2.0)
        assert reported(study.table, trial.number) == list(range(N))


def test_a_fold_in_a_command_needs_folds():
    with pytest.raises(ExecutorError, match=r"uses \{fold\}, and the study does not say into how many folds"):
        tuned(tt.Command(["true", "{fold}"]), folds=None)


def test_programs_race(tmp_path: Path):
    line = 'echo "{{\\"loss\\": $(( {fold} + ({number} == 5) * 9 )).{number}}}"; sleep 0.3'
    study = tuned(tt.Command(["sh", "-c", line]), budget=6, name="race", scheduler="auto", grace_s=0.1)
    assert [trial.state for trial in study.trials] == ["complete"] * 5 + ["stopped"], study.trials[5]
    assert len(reported(study.table, 5)) < N


KILLED = """
import os, sys, time
import trimtab as tt

def objective(trial):
    for fold in trial.folds():
        time.sleep(0.02)
        trial.report(fold=fold, loss=trial.params["x"] + fold)
        with open("ran", "a") as file:  # it is on record by now: the trial runs in the driver's own process
            file.write(f"{trial.number} {fold}\\n")

tt.tune(objective, tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss", folds=5, budget=4, seed=0, name="killed",
        optimizer="random", scheduler="whole", store="sqlite:///t.db", retries=100, progress=False)
"""


def test_killed_drivers_cost_no_fold_that_was_reported(tmp_path: Path):
    (tmp_path / "job.py").write_text(KILLED)
    for least in (3, 9, 14):
        driver = subprocess.Popen([sys.executable, "job.py"], cwd=tmp_path)
        deadline = time.monotonic() + 120
        while driver.poll() is None and len(ran(tmp_path)) < least and time.monotonic() < deadline:
            time.sleep(0.005)
        driver.kill()
        driver.wait()
    subprocess.run([sys.executable, "job.py"], cwd=tmp_path, check=True, timeout=240)
    with tt.load_study(f"sqlite:///{tmp_path}/t.db", "killed") as study:
        assert [trial.state for trial in study.trials] == ["complete"] * 4
        curves = study.table.curves
        cells = list(zip(curves.row.tolist(), curves.fold.tolist(), strict=True))
        assert len(cells) == len(set(cells)) == 4 * N, "none is lost, and none was run again once it was on record"
        assert len(ran(tmp_path)) == len(set(ran(tmp_path)))


def ran(folder: Path) -> list[str]:
    file = folder / "ran"
    return file.read_text().splitlines() if file.exists() else []
