"""Trials in this process."""

from __future__ import annotations

import execution_objectives as objectives
import pytest
from execution import make_task, run

from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Exited, Noted, Reported, Resources, Started
from trimtab.execute.serial import open_serial


def test_what_a_trial_says_arrives_while_it_runs(tmp_path):
    seen = []

    def objective(trial):
        for step in (1, 2):
            trial.report(step, loss=step)
            assert seen[-1] == Reported(0, 1, step, {"loss": step})
        trial.note("key", "value")
        return len(seen)

    executor = open_serial(objective, on_message=seen.append)
    executor.submit(make_task(tmp_path))
    assert seen == [], "nothing runs before poll"
    [ended] = executor.poll(0)
    assert ended.values == 4
    assert [type(message) for message in seen] == [Started, Reported, Reported, Noted]


def test_a_message_may_halt_the_trial_that_sent_it(tmp_path):
    def objective(trial):
        for step in range(100):
            trial.report(step, loss=step)

    executor = open_serial(objective)
    task = make_task(tmp_path)

    def on_message(message):
        if isinstance(message, Reported) and message.step == 3:
            executor.halt(task.handle, "enough")
            executor.cancel(task.handle, 0.0)

    executor.on_message = on_message
    [ended], _ = run(executor, task)
    assert ended.stopped == "enough"


def test_an_interrupt_reaches_the_driver_and_the_executor_goes_on(tmp_path):
    def objective(trial):
        if trial.number == 0:
            raise KeyboardInterrupt
        return 1

    executor = open_serial(objective)
    executor.submit(make_task(tmp_path, 0))
    with pytest.raises(KeyboardInterrupt):
        executor.poll(1)
    [ended], _ = run(executor, make_task(tmp_path, 1))
    assert ended.values == 1


@pytest.mark.parametrize(("halted", "stopped", "failure"), [(True, "unwanted", None), (False, None, "killed")])
def test_a_task_that_waits_can_be_cancelled(tmp_path, halted, stopped, failure):
    executor = open_serial(objectives.doubles)
    handle = executor.submit(make_task(tmp_path))
    if halted:
        executor.halt(handle, "unwanted")
    executor.cancel(handle, 0.0)
    [ended] = executor.poll(0)
    assert isinstance(ended, Exited)
    assert (ended.stopped, ended.failure) == (stopped, failure)
    assert executor.free() == 1


def test_what_cannot_be_kept_is_refused():
    for resources, said in [
        (Resources(limit_s=1), r"cannot keep Resources\(limit_s=...\); use executor=\"processes\"\."),
        (Resources(memory=1 << 30), r"cannot keep Resources\(memory=...\)"),
        (Resources(nodes=2), "runs on one machine"),
    ]:
        with pytest.raises(ExecutorError, match=said):
            open_serial(objectives.doubles, resources=resources)
    with pytest.raises(ExecutorError, match='one trial at a time, not 2; use executor="processes"'):
        open_serial(objectives.doubles, workers=2)
