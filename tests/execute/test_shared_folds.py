"""Folds of one trial that several workers run at once: each once, and what one brings on itself costs its own alone."""

from __future__ import annotations

import time
from collections import Counter

import pytest
import shared_objectives as objectives
from execution import make_task

import trimtab as tt
from trimtab.execute.command import Command
from trimtab.execute.processes import open_processes
from trimtab.execute.programs import open_command
from trimtab.execute.protocol import Exited, Lost, Reported, Task
from trimtab.execute.shared import Shared
from trimtab.ledger.curves import AT_END
from trimtab.ledger.event import Failed
from trimtab.study.lost import PARTIAL
from trimtab.study.replay import replay

FOLDS = 4


@pytest.fixture
def _meeting(tmp_path, monkeypatch):
    monkeypatch.setenv(objectives.FOLDER, str(tmp_path))


@pytest.fixture
def open_executor():
    opened = []

    def open_one(objective, workers=3):
        by = open_command if isinstance(objective, Command) else open_processes
        opened.append(by(objective, workers=workers))
        return opened[-1]

    yield open_one
    for executor in opened:
        executor.close()


def make(tmp_path, attempt=1, number=0, cells=None) -> Task:
    cells = tuple(range(FOLDS)) if cells is None else cells
    return make_task(tmp_path, number, attempt=attempt, params={"x": 1.0}, folds=FOLDS, cells=cells)


def run_shared(executor, task, patience=60.0, on_message=lambda executor, message: None):
    """Run a task with the help of all workers that are idle; return (its end, the reports, all that came after)."""
    heard = []
    executor.submit(task)
    deadline = time.monotonic() + patience
    while not any(isinstance(m, (Exited, Lost)) for m in heard):
        assert time.monotonic() < deadline, heard
        new = executor.poll(0.02)
        for message in new:
            on_message(executor, message)
        heard += new
        executor.share()
    heard += executor.poll(0.3)
    end = next(i for i, m in enumerate(heard) if isinstance(m, (Exited, Lost)))
    return heard[end], [m for m in heard[:end] if isinstance(m, Reported)], heard[end + 1 :]


def cells(reports):
    return Counter(report.fold for report in reports if report.step == AT_END)


def workers(reports):
    return {report.values.get("worker") for report in reports}


ONCE = {fold: 1 for fold in range(FOLDS)}


@pytest.mark.usefixtures("_meeting")
def test_workers_that_are_idle_help(open_executor, tmp_path):
    executor = open_executor(objectives.folds)
    for number in objectives.HELPED:
        ended, reports, after = run_shared(executor, make(tmp_path, number=number))
        assert (ended.failure, ended.values, ended.is_part, after) == (None, None, True, [])
        assert cells(reports) == ONCE
        assert len(workers(reports)) > 1
        assert ended.seconds >= FOLDS * objectives.PAUSE_S, "the time of all of them"
    assert executor.free() == 3


def test_nobody_helps_unasked(open_executor, tmp_path):
    executor = open_executor(objectives.folds)
    executor.share()  # there is nothing to help with
    executor.submit(make(tmp_path))
    heard = []
    while not any(isinstance(m, Exited) for m in heard):
        heard += executor.poll(0.5)
    assert len(workers([m for m in heard if isinstance(m, Reported)])) == 1
    assert heard[-1].is_part is False


def test_programs_run_side_by_side(open_executor, tmp_path):
    script = """sleep 0.1; echo "{{\\"loss\\": {fold}, \\"worker\\": $$}}"; : {x}"""
    executor = open_executor(Command(["sh", "-c", script]))
    began = time.monotonic()
    ended, reports, after = run_shared(executor, make(tmp_path))
    assert (ended.failure, ended.values, ended.is_part, after) == (None, None, True, [])
    assert cells(reports) == ONCE
    assert [m.values["loss"] for m in sorted(reports, key=lambda m: m.fold)] == [0, 1, 2, 3]
    assert ended.seconds > 0.4
    assert executor.free() == 3
    assert time.monotonic() - began < 60


def test_a_program_that_keeps_files_for_the_trial_is_left_alone(open_executor, tmp_path):
    script = """sleep 0.05; echo "{{\\"loss\\": {fold}}}"; : {x} {checkpoint_dir}"""
    executor = open_executor(Command(["sh", "-c", script]))
    ended, reports, _ = run_shared(executor, make(tmp_path))
    assert cells(reports) == ONCE
    assert not ended.is_part


@pytest.mark.parametrize(
    "objective",
    [
        objectives.keeps_a_checkpoint,
        objectives.reports_as_a_whole,
        objectives.takes_all_folds_first,
        objectives.goes_through_them_twice,
        objectives.reports_the_fold_before,
    ],
)
def test_what_cannot_be_divided_is_left_alone(open_executor, tmp_path, objective):
    ended, reports, _ = run_shared(open_executor(objective), make(tmp_path))
    assert (ended.failure, ended.is_part) == (None, False)
    assert cells(reports) == ONCE
    assert len(workers([report for report in reports if report.step == AT_END])) == 1


@pytest.mark.usefixtures("_meeting")
@pytest.mark.parametrize(
    "objective", [objectives.kills_a_helper, objectives.fails_in_a_helper, objectives.skips_folds_in_a_helper]
)
def test_what_a_helper_brings_on_itself_costs_nothing(open_executor, tmp_path, objective):
    ended, reports, after = run_shared(open_executor(objective), make(tmp_path))
    assert (ended.failure, after) == (None, [])
    assert cells(reports) == ONCE
    assert len(workers(reports)) == 1, "whoever was given the trial ran what the helpers had"


@pytest.mark.usefixtures("_meeting")
def test_the_end_of_the_first_worker_is_told_once_its_helpers_are_through(open_executor, tmp_path):
    executor = open_executor(objectives.kills_the_first)
    ended, reports, after = run_shared(executor, make(tmp_path))
    assert isinstance(ended, Lost)
    assert not after
    assert set(cells(reports).values()) == {1}
    left = tuple(sorted(set(ONCE) - set(cells(reports))))
    assert 0 < len(left) < FOLDS - 1, "a helper's fold is not lost with it"
    ended, again, _ = run_shared(executor, make(tmp_path, attempt=2, cells=left))
    assert (ended.failure, cells(again)) == (None, dict.fromkeys(left, 1))


def test_whoever_is_at_work_on_a_trial_that_is_halted_ends(open_executor, tmp_path):
    executor = open_executor(objectives.hangs_in_the_second)
    halted = []

    def on_message(executor, message):
        if isinstance(message, Reported) and not halted:
            for _ in range(3):
                time.sleep(0.05)
                executor.share()
            halted.append(message)
            executor.halt(task.handle, "enough")
            executor.cancel(task.handle, 0.0)

    task = make(tmp_path)
    ended, _, after = run_shared(executor, task, on_message=on_message)
    assert (ended.stopped, after) == ("enough", [])
    deadline = time.monotonic() + 20
    while executor.free() < 3:
        assert time.monotonic() < deadline
        executor.poll(0.05)


def test_a_trial_that_is_cancelled_while_it_waits_for_a_helper_ends(open_executor, tmp_path):
    """No program of its own runs then; the fold that the helper had must not be begun once more."""
    script = """if [ {fold} = 2 ]; then sleep 60; fi; sleep 0.2; echo "{{\\"loss\\": {fold}}}"; : {x}"""
    executor = open_executor(Command(["sh", "-c", script]), workers=2)
    heard, task = [], make(tmp_path)

    def on_message(executor, message):
        heard.append(message)
        if len([m for m in heard if isinstance(m, Reported)]) == FOLDS - 1:
            executor.cancel(task.handle, 0.0)

    ended, _, after = run_shared(executor, task, patience=20.0, on_message=on_message)
    assert (ended.failure, after) == ("killed", [])
    assert executor.free() == 2


def test_the_time_that_one_waited_until_it_ended_is_nobodys(tmp_path):
    shared = Shared(make(tmp_path), [0, 1])
    own, helper = shared.task.handle, shared.helper().handle
    assert (shared.take(own), shared.take(helper), shared.take(own)) == (0, 1, None)
    shared.wait()
    time.sleep(0.2)
    shared.over(Exited(0, 1, stopped="enough", seconds=0.3))
    shared.leave(helper, is_well=True)
    assert shared.ended().seconds == pytest.approx(0.3, abs=0.1), "0.1 of its own, 0.2 of its helper"


SPACE = tt.Space(x=tt.Float(0.0, 1.0))


def tuned(objective, workers):
    return tt.tune(
        objective, SPACE, minimize="loss", folds=FOLDS, budget=2, workers=workers, executor="processes", seed=0,
        optimizer="random", finalize=False, progress=False,
    )  # fmt: skip


def test_what_an_objective_makes_of_some_folds_is_made_of_all(tmp_path, monkeypatch):
    alone = tuned(objectives.returns_the_mean, 1)
    monkeypatch.setenv(objectives.FOLDER, str(tmp_path))
    helped = tuned(objectives.returns_the_mean, 4)
    for one, other in zip(alone.trials, helped.trials, strict=True):
        assert one.state == other.state == "complete"
        assert other.metrics == pytest.approx(one.metrics)
    assert (tmp_path / "helped-0-1").exists()


@pytest.mark.usefixtures("_meeting")
@pytest.mark.parametrize(("objective", "more"), [(objectives.returns_the_worst, 3.0), (objectives.returns_a_cost, 1.5)])
def test_what_only_all_folds_in_one_tell_is_run_again(objective, more):
    helped = tuned(objective, 4)
    for trial in helped.trials:
        assert trial.state == "complete"
        assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + more), "as with one worker"
    assert helped.trials[0].attempt == 2


@pytest.mark.usefixtures("_meeting")
def test_what_runs_all_folds_again_does_so_after_a_kill_too():
    """What it reported until then is no help: what only all folds in one tell is told by one that runs them all."""
    helped = tuned(objectives.dies_where_one_runs_all, 4)
    trial = helped.trials[0]
    assert (trial.state, trial.attempt) == ("complete", 3)
    assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 3.0), "as with one worker"
    lost = [record.event for record in helped.session.journal.read() if isinstance(record.event, Failed)]
    assert [PARTIAL in event.error for event in lost if event.number == 0] == [True, True]
    assert "SIGKILL" in lost[-1].error
    replay(helped.session.journal.read()).require_equal()


@pytest.mark.usefixtures("_meeting")
def test_what_runs_all_folds_again_and_fails_has_failed():
    """The cells of the attempt before are a mean that its objective does not return."""
    helped = tuned(objectives.fails_where_one_runs_all, 4)
    trial = helped.trials[0]
    assert (trial.state, trial.attempt, trial.failure) == ("failed", 2, "exception")
    assert "there is no data" in trial.error


def test_nobody_helps_where_folds_lack_what_counts():
    for trial in tuned(objectives.returns_what_no_fold_has, 4).trials:
        assert (trial.state, trial.attempt) == ("complete", 1)
        assert trial.metrics["loss"] == trial.params["x"] + 3


def test_an_objective_that_tells_nothing_fails_with_several_workers_as_with_one():
    for trial in tuned(objectives.reports_no_fold, 4).trials:
        assert (trial.state, trial.attempt) == ("failed", 1)
        assert trial.error.startswith("the objective returned nothing")


def test_the_mean_of_what_an_earlier_attempt_left_is_made_that_of_all():
    for trial in tuned(objectives.returns_the_mean_of_what_was_left, 1).trials:
        assert (trial.state, trial.attempt) == ("complete", 2)
        assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 1.5)
