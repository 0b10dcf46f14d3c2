"""Reports by fold and by metric, through every executor and by hand, into the table and onto what people see."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import LateResultError, ObjectiveError, TrialError
from trimtab.ledger.curves import MOST_UNDECLARED
from trimtab.schedule.protocol import Fresh, Halt
from trimtab.study.replay import replay
from trimtab.study.reported import LEFT_OUT

SPACE = tt.Space(x=tt.Float(0.0, 1.0))

HOOK = """
import trimtab
for fold in range(3):
    for step in (1, 2):
        trimtab.report(step, loss=fold + 1 / step, grad=2.0, fold=fold)
for step in (1, 2):
    trimtab.report(step, {"loss": 1 + 1 / step})
trimtab.report(loss=1.5)
"""
PRINTS = r"""
for fold in 0 1 2; do
    echo "{{\"step\": 1, \"fold\": $fold, \"loss\": $((fold + 1)), \"grad\": 2}}"
    echo "{{\"step\": 2, \"fold\": $fold, \"loss\": $fold.5, \"grad\": 2}}"
done
echo '{{"step": 1, "fold": null, "loss": 2}}'; echo '{{"step": 2, "loss": 1.5}}'; echo '{{"loss": 1.5}}'
"""
SHELL = """
for fold in 0 1 2; do
    {python} -m trimtab report 1 fold=$fold loss=$((fold + 1)) grad=2
    {python} -m trimtab report 2 fold=$fold loss=$fold.5 grad=2
done
{python} -m trimtab report 1 loss=2; {python} -m trimtab report 2 loss=1.5; {python} -m trimtab report loss=1.5
"""


def by_folds(trial: tt.Trial) -> float:
    for fold in range(3):
        for step in (1, 2):
            trial.report(step, loss=fold + 1 / step, grad=2.0, fold=fold)
    for step in (1, 2):
        trial.report(step, loss=1 + 1 / step)
    return 1.5


@pytest.mark.parametrize("way", ["serial", "processes", "hook", "prints", "shell", "ask and tell"])
def test_folds_reach_the_table_by_every_way(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(HOOK)
    settings: dict[str, Any] = {"minimize": "loss", "folds": 3, "seed": 0, "name": "s", "store": "sqlite:///s.db"}
    settings["scheduler"] = "whole"  # the default would note what early stopping needs
    commands = {
        "hook": [sys.executable, "train.py"],
        "prints": ["sh", "-c", PRINTS],
        "shell": ["sh", "-ec", SHELL],
    }
    if way == "ask and tell":
        study = tt.create_study(SPACE, **settings)
        trial = study.ask()
        study.tell(trial, by_folds(trial))
    elif way in commands:
        study = tt.tune(tt.Command(commands[way]), SPACE, budget=1, progress=False, **settings)
    else:
        study = tt.tune(by_folds, SPACE, budget=1, executor=way, progress=False, **settings)
    for one in (study, tt.load_study("sqlite:///s.db", "s")):
        assert one.table.trial(0).state == "complete", one.table.trial(0)
        assert one.table.curves.folds(0) == [0, 1, 2]
        for fold in range(3):
            curve = {name: values.tolist() for name, values in one.curve(0, fold).items()}
            assert curve == {"step": [1, 2], "loss": [fold + 1, fold + 0.5], "grad": [2, 2]}
        assert {name: values.tolist() for name, values in one.curve(0).items()} == {"step": [1, 2], "loss": [2, 1.5]}
        assert one.table.notes == {}


@pytest.mark.parametrize("fold", [-1, 3, 1.5, "1", True])
def test_a_fold_that_is_none_is_refused_by_hand(fold: Any) -> None:
    study = tt.create_study(SPACE, minimize="loss", folds=3)
    trial = study.ask()
    for report in (
        lambda: trial.report(1, loss=0.5, fold=fold),
        lambda: study.report(0, 1, {"loss": 0.5}, attempt=1, fold=fold),
        lambda: study.report(0, 1, {"loss": 0.5, "fold": fold}, attempt=1),
    ):
        with pytest.raises(ObjectiveError, match="report's fold is a whole number from 0 to 2"):
            report()
    assert len(study.table.curves) == 0


@pytest.mark.parametrize("step", [float("nan"), "1", None, True])
def test_a_step_that_is_no_number_is_refused_by_hand(step: Any) -> None:
    study = tt.create_study(SPACE, minimize="loss")
    study.ask()
    with pytest.raises(ObjectiveError, match="report's step is a finite number, got"):
        study.report(0, step, {"loss": 0.5}, attempt=1)


@pytest.mark.parametrize("values", [0.5, None, [0.5]])
def test_values_without_names_are_refused_by_hand(values: Any) -> None:
    study = tt.create_study(SPACE, minimize="loss")
    study.ask()
    with pytest.raises(ObjectiveError, match=r"report takes \{metric: value\}, as \{.loss.: 0\.3\}, got"):
        study.report(0, 1, values, attempt=1)


def test_a_report_by_hand_is_of_a_trial_that_runs() -> None:
    study = tt.create_study(SPACE, minimize="loss", folds=3)
    study.ask()
    with pytest.raises(LateResultError):
        study.report(0, 1, {"loss": 0.5}, attempt=2, fold=1)
    with pytest.raises(TrialError):
        study.report(1, 1, {"loss": 0.5}, attempt=1, fold=1)


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_fold_that_is_none_fails_the_trial_in_one_sentence(executor: str) -> None:
    study = tt.tune(reports_beyond, SPACE, minimize="loss", folds=2, budget=1, executor=executor, progress=False)
    view = study.table.trial(0)
    assert (view.state, view.failure) == ("failed", "exception")
    assert "report's fold is a whole number from 0 to 1, got 2." in view.error


def reports_beyond(trial: tt.Trial) -> float:
    trial.report(1, loss=0.5, fold=2)
    return 0.5


@pytest.mark.parametrize(
    ("lines", "state", "said"),
    [
        (['{"step": 1, "fold": 9, "loss": 1}', '{"loss": 1}'], "complete", "from 0 to 2, got 9"),
        (['{"step": 1, "fold": "a", "loss": 1}', '{"loss": 1}'], "complete", "from 0 to 2, got 'a'"),
        (['{"step": 1, "fold": 0.5, "loss": 1}', '{"loss": 1}'], "complete", "from 0 to 2, got 0.5"),
        (['{"fold": 0, "loss": 1}', '{"fold": 1, "loss": 2}', '{"loss": 1}'], "complete", "declare folds=5, say"),
        (['{"fold": 0, "loss": 1}', '{"fold": 1, "loss": 2}'], "failed", "declare folds=5, say"),
    ],
)
def test_what_a_program_says_of_a_fold_wrongly_is_noted(lines: list[str], state: str, said: str) -> None:
    study = tt.tune(
        tt.Command([sys.executable, "-c", f"print('\\n'.join({lines}))".replace("{", "{{").replace("}", "}}")]),
        SPACE, minimize="loss", folds=None if "declare" in said else 3, budget=1, progress=False,
    )  # fmt: skip
    view = study.table.trial(0)
    assert view.state == state, view
    assert said in view.notes["unusable report"]
    assert len(study.table.curves) == 0
    if state == "failed":
        assert "it gave no result and 2 of a fold without a step" in view.error
    else:
        assert view.metrics == {"loss": 1.0}


def test_the_hook_says_at_once_what_is_wrong_with_a_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_REPORT_FILE", str(tmp_path / "reports"))
    with pytest.raises(ObjectiveError, match="report's fold is a whole number from 0"):
        tt.report(1, loss=0.3, fold=-1)
    tt.report(1, loss=0.3, fold=np.int64(2))
    tt.report(loss=0.3, fold=1)
    said = [json.loads(line) for line in (tmp_path / "reports").read_text().splitlines()]
    assert said == [{"step": 1, "loss": 0.3, "fold": 2}, {"loss": 0.3, "fold": 1}]


def test_a_metric_that_is_called_fold_stays_one() -> None:
    printed = """echo '{{"step": 1, "fold": 0.25}}'; echo '{{"fold": 0.5}}'"""
    study = tt.tune(tt.Command(["sh", "-c", printed]), SPACE, minimize="fold", budget=1, progress=False)
    assert study.best.metrics == {"fold": 0.5}
    assert study.curve(0)["fold"].tolist() == [0.25]
    assert study.table.curves.folds(0) == []


class HaltsAfterFolds:
    """Ends a trial once it has reported in two folds."""

    def assign(self, table: Any, request: Any) -> Fresh:
        return Fresh()

    def judge(self, table: Any, row: int) -> Halt | None:
        return Halt("two folds are enough") if len(table.curves.folds(row)) == 2 else None

    def to_json(self) -> dict[str, object]:
        return {"name": "halts"}


def whole_then_folds(trial: tt.Trial) -> float:
    trial.report(1, loss=0.75)
    for fold in range(5):
        trial.report(2, loss=float(fold), fold=fold)
    return 0.0


def test_a_stopped_trial_counts_with_what_it_reported_as_a_whole() -> None:
    study = tt.tune(
        whole_then_folds, SPACE, minimize="loss", folds=5, budget=1, scheduler=HaltsAfterFolds(), executor="serial",
        progress=False,
    )  # fmt: skip
    view = study.table.trial(0)
    assert (view.state, view.reason, view.metrics) == ("stopped", "two folds are enough", {"loss": 0.75})
    assert study.table.curves.folds(0) == [0, 1]


# Attempts


def dies_once(trial: tt.Trial) -> float:
    first = 1 if trial.attempt == 1 else 2
    for fold in (0, 1):
        for step in range(first, 5):
            trial.report(step, loss=float(trial.attempt), fold=fold)
            if trial.attempt == 1 and (fold, step) == (1, 3):
                os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def test_a_trial_that_is_run_again_replaces_what_it_said(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    study = tt.tune(
        dies_once, SPACE, minimize="loss", folds=2, budget=1, executor="processes", store=store, name="s", retries=1,
        progress=False,
    )  # fmt: skip
    for one in (study, tt.load_study(store, "s")):
        for fold in (0, 1):
            curve = one.curve(0, fold)
            assert dict(zip(curve["step"].tolist(), curve["loss"].tolist(), strict=True)) == {1: 1, 2: 2, 3: 2, 4: 2}
        assert sorted(set(one.table.curves.attempt.tolist())) == [1, 2]
    assert replay(study.session.journal.read()).differing == ()


# Following


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_another_process_follows_with_one_number(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/s.db" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    with tt.create_study(SPACE, minimize="loss", store=url, name="followed") as study:
        with tt.load_study(url, "followed") as follower:
            seen, seq = [], 0
            trials = [study.ask() for _ in range(3)]
            for step in range(1, 6):
                for trial in trials:
                    trial.report(step, loss=trial.number + 1 / step, fold=step % 2, grad=float(step))
                study.note("step", step)
                follower.session.sync()
                news = follower.table.since(seq)
                assert news.rows.tolist() == [0, 1, 2]
                assert news.notes == {"step": step}
                assert news.reports.metrics(1, step % 2)[1]["grad"].tolist() == [step]
                seen += list(zip(news.reports.row.tolist(), news.reports.step.tolist(), strict=True))
                seq = news.head
            assert seen == [(number, step) for step in range(1, 6) for number in range(3)]
        study.session.save_snapshot()
        with tt.load_study(url, "followed") as reopened:  # from a snapshot, the same number goes on
            assert reopened.table.since(seq).notes == {}
            assert len(reopened.table.since(0).reports) == 15
            trials[0].report(9, loss=0.0)
            reopened.session.sync()
            assert reopened.table.since(seq).reports.step.tolist() == [9]


# Many names


def names_each_step(trial: tt.Trial) -> float:
    for step in range(MOST_UNDECLARED + 50):
        trial.report(step, {f"loss_{step}": 1.0, "loss": float(step)})
    return 0.5


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_too_many_names_are_left_out_with_a_sentence(executor: str) -> None:
    study = tt.tune(names_each_step, SPACE, minimize="loss", budget=2, executor=executor, progress=False)
    assert len(study.table.curves.undeclared.names) == MOST_UNDECLARED
    assert study.table.notes[LEFT_OUT] == (
        "from trial 0, step 1000 on, values of 'loss_1000' and of other new metrics are left out: 1,000 metrics that "
        "are not declared are kept. Give a metric the same name at every step, or declare it."
    )
    for number in (0, 1):
        curve = study.curve(number)
        assert curve["loss"].tolist() == list(range(MOST_UNDECLARED + 50)), "what is declared is kept"
        assert curve["loss_999"][999] == 1.0
        assert "loss_1000" not in curve


# A result that was reported


def run(objective: object, **settings: object) -> tt.Study:
    known = {"minimize": "loss", "budget": 1, "seed": 0, "progress": False, "fidelity": tt.Fidelity("epoch", 1, 3)}
    return tt.tune(objective, tt.Space(x=tt.Float(0, 1)), **(known | settings))


def looped(*steps: float, **more: float) -> Callable[[tt.Trial], None]:
    def train(trial: tt.Trial) -> None:
        for step in steps:
            trial.report(step, loss=1.0 / (1.0 + step), **more)

    return train


def test_what_was_reported_at_the_assigned_fidelity_is_the_result_of_who_returns_nothing() -> None:
    study = run(looped(1, 2, 3, accuracy=0.5))
    assert study.trials[0].state == "complete"
    assert study.trials[0].metrics == {"loss": 0.25, "accuracy": 0.5}
    program = "for epoch in 1 2 3; do echo '{{\"epoch\": '$epoch', \"loss\": 0.'$epoch'}}'; done"
    assert run(tt.Command(["sh", "-c", program])).trials[0].metrics == {"loss": 0.3}


def test_a_promoted_trial_has_the_result_of_its_own_end() -> None:
    study = run(looped(1, 2, 3), scheduler="sha", budget=6, fidelity=tt.Fidelity("epoch", 1, 3), stop="never")
    assert {(trial.fidelity["epoch"], trial.state) for trial in study.trials} == {(1, "complete"), (3, "complete")}
    assert all(trial.metrics["loss"] == 0.25 for trial in study.trials)  # who runs too far has what it ended with


def test_steps_that_were_added_up_reach_the_end() -> None:
    shares = list(accumulate([0.1] * 10))
    assert shares[-1] < 1.0
    trial = run(looped(*shares), fidelity=tt.Fidelity("share", 0.1, 1)).trials[0]
    assert (trial.state, trial.metrics) == ("complete", {"loss": 1.0 / (1.0 + shares[-1])})


@pytest.mark.parametrize(
    ("objective", "settings", "said"),
    [
        (looped(0, 1, 2), {}, "Its last report is of epoch 2; one of epoch 3, to which it was to go"),
        (looped(1, 2, 3), {"fidelity": None}, "the objective returned nothing; return a number"),
        (looped(), {}, "the objective returned nothing; return a number or {'loss': number}."),
        (looped(1, 2, 3), {"constraints": [tt.at_most("ms", 3)]}, "which could be its result, has no 'ms'"),
        (looped(1, 2, 3), {"folds": 2}, "the objective returned nothing"),
        (tt.Command(["sh", "-c", """echo '{{"epoch": 2, "loss": 1}}'"""]), {}, "at its end. Its last report is of"),
    ],
)
def test_a_report_of_less_is_no_result(objective: object, settings: dict[str, object], said: str) -> None:
    trial = run(objective, **settings).trials[0]
    assert trial.state == "failed"
    assert said in trial.error.splitlines()[0]


def test_a_result_that_was_reported_survives_a_worker_that_was_lost_after_it() -> None:
    def train(trial: tt.Trial) -> None:
        for epoch in trial.steps():
            trial.mark_checkpoint(epoch)
            trial.report(epoch, loss=0.5)
        if trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    study = run(train, executor="processes", retries=1)
    assert (study.trials[0].attempt, study.trials[0].metrics) == (2, {"loss": 0.5})
