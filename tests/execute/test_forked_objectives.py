"""Processes and threads that an objective starts: none of them speaks in a trial's name."""

from __future__ import annotations

import fork_objectives as objectives
import pytest
from execution import make_task, run

from trimtab.execute.processes import open_processes
from trimtab.execute.protocol import Exited, Reported
from trimtab.execute.serial import open_serial


@pytest.fixture(params=[open_processes, open_serial], ids=["processes", "serial"])
def open_executor(request):
    opened = []

    def open_one(objective):
        opened.append(request.param(objective, workers=1))
        return opened[-1]

    yield open_one
    for executor in opened:
        executor.close()


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("raises", 1),
        ("returns", 0),
        ("exits", 7),
        ("cancelled", 1),
        ("interrupted", 1),
        ("terminated", -15),
        ("reports", objectives.CAME_OUT),
        ("notes", objectives.CAME_OUT),
    ],
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_that_comes_out_of_the_objective_ends_and_says_nothing(open_executor, tmp_path, how, code):
    executor = open_executor(objectives.forks)
    tasks = [make_task(tmp_path, number, params={"how": how}) for number in range(2)]
    ended, heard = run(executor, *tasks)
    assert [message.values for message in ended] == [{"loss": 1, "child": code}] * 2
    assert sum(isinstance(message, Exited) for message in heard) == 2, "one answer to each"
    assert not [message for message in heard if isinstance(message, Reported)]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_multiprocessing_by_fork(open_executor, tmp_path):
    ended, heard = run(open_executor(objectives.forks_with_multiprocessing), make_task(tmp_path))
    assert ended[0].values == {"loss": 6, "child": objectives.CAME_OUT}
    assert [message.values["loss"] for message in heard if isinstance(message, Reported)] == [0.5]


def test_a_fault_of_a_fork_is_in_the_logs(tmp_path):
    executor = open_processes(objectives.forks, workers=1)
    task = make_task(tmp_path, params={"how": "raises"})
    run(executor, task)
    executor.close()
    assert "ValueError: a fault of the child" in (task.log_dir / "stderr.log").read_text()


def test_a_child_that_is_left_running_holds_nothing_up(tmp_path):
    executor = open_processes(objectives.leaves_a_child_running, workers=1)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(3)), patience=20)
    assert [message.values for message in ended] == [1, 1, 1]
    executor.close()


def test_a_thread_that_outlives_its_trial_does_not_speak_in_the_next(open_executor, tmp_path):
    objectives.LEFT.clear()
    executor = open_executor(objectives.leaves_a_thread_running)
    ended, heard = run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1))
    assert ended[1].values == {"loss": 1, "thread": "TrialStopped"}
    assert {message.number for message in heard if isinstance(message, Reported)} == {0}


def test_threads_that_report_at_once_do_not_mix(tmp_path):
    executor = open_processes(objectives.reports_in_threads, workers=1)
    [ended], heard = run(executor, make_task(tmp_path))
    assert ended.values == 1
    steps = sorted(message.step for message in heard if isinstance(message, Reported))
    assert steps == [1000 * i + step for i in range(4) for step in range(200)]
    executor.close()
