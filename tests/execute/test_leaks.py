"""A trial answers for the memory that it takes itself, not for what earlier trials left in its worker."""

from __future__ import annotations

import os

import leaky_objectives as objectives
import pytest
from execution import make_task, run

from trimtab.execute.processes import open_processes
from trimtab.execute.protocol import Exited, Lost, Resources

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="memory is watched through /proc")

MB = objectives.MB


def results(tmp_path, objective, n, limit=None):
    """Run trials one after the other, and again those that are lost; return how each ended, and how many were lost."""
    resources = Resources(memory=limit)
    executor = open_processes(objective, workers=1, resources=resources)
    ended, lost = [], 0
    try:
        for number in range(n):
            for attempt in range(1, 4):
                task = make_task(tmp_path, number, attempt=attempt, resources=resources)
                [*_, last], _ = run(executor, task)
                if isinstance(last, Exited):
                    ended.append(last)
                    break
                assert isinstance(last, Lost)
                lost += 1
            else:
                raise AssertionError(f"trial {number} is lost again and again: {last}")
    finally:
        executor.close()
    return ended, lost


@pytest.mark.parametrize("objective", [objectives.leaks, objectives.leaks_in_a_process])
def test_no_trial_answers_for_what_earlier_ones_left(tmp_path, objective):
    ended, lost = results(tmp_path, objective, 12, limit=260 * MB)
    assert [message.failure for message in ended] == [None] * 12, [message.error for message in ended]
    assert lost == 0
    workers = {message.values["pid"] for message in ended}
    assert 2 <= len(workers) <= 4, "one that holds half a limit of earlier trials is replaced"


def test_a_trial_that_takes_too_much_itself_is_found_among_leaks(tmp_path):
    ended, _ = results(tmp_path, objectives.leaks_and_devours, 4, limit=240 * MB)
    assert [message.failure for message in ended] == [None, None, "oom", None]
    assert "more than its limit of 240 MB, beside 1" in ended[2].error
    assert "that earlier trials left" in ended[2].error


def test_what_is_given_back_is_not_counted_for_the_one_that_gives_it_back(tmp_path):
    ended, _ = results(tmp_path, objectives.leaks_then_gives_back, 2, limit=320 * MB)
    assert [message.failure for message in ended] == [None, None], "its own 260 MB are within the limit"


@pytest.mark.parametrize(
    "objective", [objectives.runs_out_where_others_left_too_little, objectives.runs_out_of_device_memory]
)
def test_memory_that_runs_out_is_tried_in_a_new_worker(tmp_path, objective):
    ended, lost = results(tmp_path, objective, 8)
    assert [message.failure for message in ended] == [None, None, None, "oom", None, None, None, None]
    assert 2 <= lost <= 4, "each once, and the third trial's own want once"


def test_a_worker_that_the_kernel_killed_is_followed_by_a_new_one(tmp_path):
    ended, lost = results(tmp_path, objectives.is_killed_where_others_left_too_little, 4)
    assert [message.failure for message in ended] == [None] * 4
    assert lost == 3, "each but the first once: the second attempt has a worker of its own"
