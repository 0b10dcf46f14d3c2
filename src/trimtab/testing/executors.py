"""The contract of executors, as tests that a plugin's author runs.

    from trimtab.testing.executors import BEHAVIOURS, IsolatedExecutorContract

    class TestMine(IsolatedExecutorContract):
        @pytest.fixture
        def make(self):
            return lambda behaviour, workers, resources: open_mine(
                BEHAVIOURS[behaviour], workers=workers, resources=resources
            )

`ExecutorContract` is for every executor; `IsolatedExecutorContract` adds what an executor must do that runs each trial
in a process of its own: end it by force, keep its limits and its output, and survive its death.
`SharingExecutorContract` adds what one must do whose workers help with each other's folds. An executor that runs
something else than Python functions does what each of `BEHAVIOURS` says in its own way.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Executor, Exited, Lost, Message, Reported, Resources, SharesFolds, Started, Task
from trimtab.execute.trial import Trial
from trimtab.ledger.curves import AT_END

PATIENCE_S = 60.0
"""How long the contract waits for what must happen, on a machine that is busy with something else."""


def returns(trial: Trial) -> dict[str, float]:
    """Return the parameter `x` as the loss, at once."""
    return {"loss": trial.params["x"]}


def raises(trial: Trial) -> dict[str, float]:
    """Fail with a message that says "a fault of the objective"."""
    raise ValueError(f"a fault of the objective with x = {trial.params['x']}")


def reports(trial: Trial) -> dict[str, float]:
    """Report loss = step for steps 1 to 5, and return the last."""
    for step in range(1, 6):
        trial.report(step, loss=step)
    return {"loss": 5}


def folds(trial: Trial) -> dict[str, float]:
    """Report loss = step for steps 1 and 2 in each of folds 0 to 2, then loss = 2 at step 2 of no fold; return that."""
    for fold in range(3):
        for step in (1, 2):
            trial.report(step, loss=step, fold=fold)
    trial.report(2, loss=2)
    return {"loss": 2}


def divides(trial: Trial) -> None:
    """Report loss = fold of each fold that it is given, a tenth of a second after it was; return nothing."""
    for fold in trial.folds():
        time.sleep(0.1)
        trial.report(fold=fold, loss=fold)


def goes_on(trial: Trial) -> dict[str, float]:
    """Report every hundredth of a second, until told to end."""
    step = 0
    while True:
        step += 1
        trial.report(step, loss=1 / step)
        time.sleep(0.01)


def hangs(trial: Trial) -> dict[str, float]:  # noqa: ARG001
    """Do nothing for an hour."""
    time.sleep(3600)
    return {"loss": 0}


def resists(trial: Trial) -> dict[str, float]:
    """Report once, and then do nothing for an hour in spite of SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trial.report(1, loss=1)
    time.sleep(3600)
    return {"loss": 0}


def prints(trial: Trial) -> dict[str, float]:  # noqa: ARG001
    """Print "to stdout" and "to stderr", each where it says, and return a loss of 0."""
    print("to stdout")
    print("to stderr", file=sys.stderr)
    return {"loss": 0}


def ends_its_process(trial: Trial) -> dict[str, float]:  # noqa: ARG001
    """End the process with exit code 3, without a word."""
    os._exit(3)


def crashes(trial: Trial) -> dict[str, float]:  # noqa: ARG001
    """Die of SIGSEGV."""
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(3600)
    return {"loss": 0}


def devours(trial: Trial) -> dict[str, float]:  # noqa: ARG001
    """Take 400 MB of memory and hold it for an hour."""
    held = bytearray(os.urandom(1 << 20)) * 400
    time.sleep(3600)
    return {"loss": len(held)}


BEHAVIOURS: dict[str, Callable[[Trial], Any]] = {
    "returns": returns,
    "raises": raises,
    "reports": reports,
    "folds": folds,
    "divides": divides,
    "goes_on": goes_on,
    "hangs": hangs,
    "resists": resists,
    "prints": prints,
    "ends_its_process": ends_its_process,
    "crashes": crashes,
    "devours": devours,
}


class Make(Protocol):
    """Makes an executor whose trials behave like the one of `BEHAVIOURS` that has that name."""

    def __call__(self, behaviour: str, workers: int, resources: Resources) -> Executor: ...


class Bench:
    """One executor under test, with tasks for it."""

    def __init__(self, executor: Executor, folder: Path, resources: Resources) -> None:
        self.executor = executor
        self.folder = folder
        self.resources = resources
        self.heard: list[Message] = []

    def task(self, number: int = 0, attempt: int = 1) -> Task:
        """Return a task with the parameter x = `number`."""
        return Task(
            number=number,
            attempt=attempt,
            token=f"contract/{number}/{attempt}",
            params={"x": float(number)},
            fidelity={},
            resume_from=None,
            metrics=("loss",),
            checkpoint_dir=self.folder / "lines" / str(number),
            log_dir=self.folder / "trials" / str(number) / f"attempt-{attempt}",
            study="contract",
            resources=self.resources,
        )

    def until(self, is_enough: Callable[[Message], bool]) -> list[Message]:
        """Poll until a message is enough, and return all that came so far."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            new = self.executor.poll(0.5)
            self.heard += new
            if any(map(is_enough, new)):
                return self.heard
        raise AssertionError(f"nothing came in {PATIENCE_S:g} s but {self.heard}")

    def end_of(self, task: Task) -> Exited | Lost:
        """Poll until an attempt is over, and return how it ended."""
        for message in self.until(
            lambda message: isinstance(message, (Exited, Lost)) and message.number == task.number
        ):
            if isinstance(message, (Exited, Lost)) and (message.number, message.attempt) == (task.number, task.attempt):
                return message
        raise AssertionError(f"attempt {task.attempt} at trial {task.number} is not over: {self.heard}")

    def run(self, task: Task) -> Exited | Lost:
        """Submit a task, and return how it ended."""
        self.executor.submit(task)
        return self.end_of(task)

    def run_all(self, tasks: Sequence[Task]) -> list[Exited | Lost]:
        """Run many tasks, as many at once as there is room for; return how they ended, in the order they did."""
        waiting = list(tasks)
        ended: list[Exited | Lost] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(ended) < len(tasks):
            assert time.monotonic() < deadline, f"only {len(ended)} of {len(tasks)} tasks are over"
            while waiting and self.executor.free() != 0:
                self.executor.submit(waiting.pop(0))
            ended += [message for message in self.executor.poll(0.5) if isinstance(message, (Exited, Lost))]
        return ended


Open = Callable[..., Bench]


def succeeded(message: Message) -> dict[str, float]:
    """Return the values of an attempt that ended well."""
    assert isinstance(message, Exited), message
    assert message.failure is None, message.error
    assert message.stopped is None
    assert isinstance(message.values, dict)
    return message.values


class ExecutorContract:
    """What every executor must do. Override the fixture `make`."""

    n_many = 300
    """How many trials may leave no trace in memory and open files."""

    @pytest.fixture
    def make(self) -> Make:
        """Return a function that makes an executor."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `make` that returns a factory of an Executor."
        )

    @pytest.fixture
    def open(self, make: Make, tmp_path: Path) -> Iterator[Open]:
        """Return a function that opens a bench: behaviour, workers, resources."""
        opened: list[Executor] = []

        def open_bench(behaviour: str, workers: int = 1, resources: Resources | None = None) -> Bench:
            resources = resources or Resources()
            opened.append(make(behaviour, workers, resources))
            return Bench(opened[-1], tmp_path, resources)

        yield open_bench
        for executor in opened:
            executor.close()

    def test_a_result_comes_back(self, open: Open) -> None:
        bench = open("returns")
        ended = bench.run(bench.task(7))
        assert succeeded(ended) == {"loss": 7.0}
        assert isinstance(ended, Exited)
        assert 0 <= ended.seconds < PATIENCE_S
        [started] = [message for message in bench.heard if isinstance(message, Started)]
        assert (started.number, started.attempt) == (7, 1)
        assert bench.heard.index(started) == 0

    def test_an_exception_is_a_failed_trial(self, open: Open) -> None:
        bench = open("raises")
        ended = bench.run(bench.task(1))
        assert isinstance(ended, Exited)
        assert ended.failure == "exception"
        assert "a fault of the objective" in ended.error.splitlines()[0]
        again = bench.run(bench.task(2))
        assert isinstance(again, Exited), "the executor goes on"

    def test_reports_arrive_in_order_before_the_end(self, open: Open) -> None:
        bench = open("reports")
        assert succeeded(bench.run(bench.task(3))) == {"loss": 5}
        said = [message for message in bench.heard if isinstance(message, Reported)]
        assert [(m.number, m.attempt, m.step, dict(m.values)) for m in said] == [
            (3, 1, step, {"loss": step}) for step in range(1, 6)
        ]
        assert isinstance(bench.heard[-1], Exited)

    def test_a_report_says_its_fold(self, open: Open) -> None:
        bench = open("folds")
        assert succeeded(bench.run(bench.task())) == {"loss": 2}
        said = [message for message in bench.heard if isinstance(message, Reported)]
        assert [(m.fold, m.step, dict(m.values)) for m in said] == [
            *((fold, step, {"loss": step}) for fold in range(3) for step in (1, 2)),
            (None, 2, {"loss": 2}),
        ]

    def test_a_halted_trial_ends_at_its_next_report(self, open: Open) -> None:
        bench = open("goes_on")
        task = bench.task()
        handle = bench.executor.submit(task)
        if "in_process" in bench.executor.traits:  # it speaks while `poll` runs, and to nobody else
            bench.executor.on_message = lambda message: (  # type: ignore[attr-defined]
                "it lags behind" if isinstance(message, Reported) and message.step == 2 else None
            )
        else:
            bench.until(lambda message: isinstance(message, Reported))
            bench.executor.halt(handle, "it lags behind")
        ended = bench.end_of(task)
        assert isinstance(ended, Exited)
        assert (ended.stopped, ended.failure, ended.values) == ("it lags behind", None, None)
        bench.executor.halt(handle, "it is over already")
        bench.executor.cancel(handle, 0.0)
        assert bench.executor.free() == 1

    def test_free_never_allows_more_than_there_are_workers(self, open: Open) -> None:
        bench = open("returns")
        assert bench.executor.free() == 1
        bench.executor.submit(bench.task(0))
        assert bench.executor.free() == 0
        with pytest.raises(ExecutorError):
            bench.executor.submit(bench.task(1))
        bench.end_of(bench.task(0))
        assert bench.executor.free() == 1

    def test_close_twice(self, open: Open) -> None:
        bench = open("returns")
        bench.run(bench.task())
        bench.executor.close()
        bench.executor.close()
        assert bench.executor.free() == 0
        with pytest.raises(ExecutorError, match="closed"):
            bench.executor.submit(bench.task(1))

    def test_close_with_a_task_that_nobody_waits_for(self, open: Open) -> None:
        bench = open("returns")
        bench.executor.submit(bench.task())
        bench.executor.close()

    def test_attach_is_refused_where_nothing_outlives_the_driver(self, open: Open) -> None:
        bench = open("returns")
        if "durable" in bench.executor.traits:
            bench.executor.attach([])
        else:
            with pytest.raises(ExecutorError):
                bench.executor.attach(["1/1"])

    def test_many_trials_leave_no_trace(self, open: Open) -> None:
        bench = open("returns")
        few = self.n_many // 4
        tasks = [bench.task(number) for number in range(few + self.n_many)]
        bench.run_all(tasks[:few])
        files, held = _open_files(), _memory()
        ended = bench.run_all(tasks[few:])
        assert [succeeded(message)["loss"] for message in ended] == [float(task.number) for task in tasks[few:]]
        most = held + 12_000_000 + self.n_many * 2_000  # a helper process, or a heap that was cut up, is no leak
        give_up_at = time.monotonic() + 20
        while _open_files() > files or _memory() >= most:  # the last helper of a trial may take a moment to go
            assert time.monotonic() < give_up_at, f"{_open_files()} files are open, and were {files}, or memory grows"
            time.sleep(0.1)


class IsolatedExecutorContract(ExecutorContract):
    """What an executor must do whose trials are processes."""

    def test_trials_run_at_the_same_time_and_no_more_than_allowed(self, open: Open) -> None:
        bench = open("goes_on", workers=2)
        tasks = [bench.task(number) for number in range(2)]
        for task in tasks:
            bench.executor.submit(task)
        assert bench.executor.free() == 0
        with pytest.raises(ExecutorError, match="busy"):
            bench.executor.submit(bench.task(2))
        bench.until(lambda _: {m.number for m in bench.heard if isinstance(m, Reported)} == {0, 1})

    def test_a_trial_over_its_time_is_ended(self, open: Open) -> None:
        bench = open("hangs", resources=Resources(limit_s=0.3))
        ended = bench.run(bench.task())
        assert isinstance(ended, Exited)
        assert ended.failure == "timeout"
        assert "0.3 s" in ended.error
        assert 0.3 <= ended.seconds < 30

    def test_a_trial_over_its_memory_is_ended(self, open: Open) -> None:
        bench = open("devours", resources=Resources(memory=300_000_000))
        ended = bench.run(bench.task())
        assert isinstance(ended, Exited)
        assert ended.failure == "oom"
        assert "300 MB" in ended.error

    def test_a_cancelled_trial_ends_by_force(self, open: Open) -> None:
        bench = open("hangs")
        task = bench.task()
        handle = bench.executor.submit(task)
        bench.until(lambda message: isinstance(message, Started))
        bench.executor.cancel(handle, 0.1)
        ended = bench.end_of(task)
        assert isinstance(ended, Exited)
        assert (ended.failure, ended.stopped) == ("killed", None)
        assert "cancelled" in ended.error

    def test_a_halted_trial_that_goes_on_is_ended_by_force(self, open: Open) -> None:
        bench = open("resists")
        task = bench.task()
        handle = bench.executor.submit(task)
        bench.until(lambda message: isinstance(message, Reported))
        bench.executor.halt(handle, "it lags behind")
        bench.executor.cancel(handle, 0.1)
        ended = bench.end_of(task)
        assert isinstance(ended, Exited)
        assert (ended.stopped, ended.failure) == ("it lags behind", None)

    def test_grace_is_given(self, open: Open) -> None:
        bench = open("goes_on")
        task = bench.task()
        handle = bench.executor.submit(task)
        bench.until(lambda message: isinstance(message, Reported))
        bench.executor.cancel(handle, 0.5)
        asked = time.monotonic()
        bench.end_of(task)
        assert time.monotonic() - asked >= 0.45

    def test_the_output_of_each_trial_is_kept(self, open: Open) -> None:
        bench = open("prints")
        for number in range(2):
            task = bench.task(number)
            bench.run(task)
            assert "to stdout\n" in (task.log_dir / "stdout.log").read_text()
            assert (task.log_dir / "stderr.log").read_text() == "to stderr\n"

    def test_a_process_killed_from_outside_is_lost_and_the_next_trial_runs(self, open: Open) -> None:
        bench = open("goes_on")
        task = bench.task()
        bench.executor.submit(task)
        bench.until(lambda message: isinstance(message, Reported))
        [started] = [message for message in bench.heard if isinstance(message, Started)]
        assert started.pid is not None
        os.kill(started.pid, signal.SIGKILL)
        lost = bench.end_of(task)
        assert isinstance(lost, Lost)
        assert "SIGKILL" in lost.reason
        second = bench.task(attempt=2)
        bench.executor.submit(second)
        bench.until(lambda message: isinstance(message, Reported) and message.attempt == 2)

    def test_a_crash_is_a_failed_trial_that_names_the_signal(self, open: Open) -> None:
        bench = open("crashes")
        ended = bench.run(bench.task())
        assert isinstance(ended, Exited)
        assert ended.failure == "killed"
        assert "SIGSEGV" in ended.error
        assert isinstance(bench.run(bench.task(1)), Exited), "the executor goes on"

    def test_an_exit_code_is_named(self, open: Open) -> None:
        bench = open("ends_its_process")
        ended = bench.run(bench.task())
        assert isinstance(ended, Exited)
        assert ended.failure in ("killed", "exception")
        assert "exit code 3" in ended.error

    def test_close_ends_what_runs(self, open: Open) -> None:
        bench = open("resists")
        bench.executor.submit(bench.task())
        bench.until(lambda message: isinstance(message, Reported))
        [started] = [message for message in bench.heard if isinstance(message, Started)]
        assert started.pid is not None
        began = time.monotonic()
        bench.executor.close()
        assert time.monotonic() - began < 10
        with pytest.raises(ProcessLookupError):
            os.kill(started.pid, 0)


class SharingExecutorContract(ExecutorContract):
    """What an executor must do whose workers help with the folds of each other's trials (`SharesFolds`)."""

    def test_idle_workers_help_and_each_fold_is_run_once(self, open: Open) -> None:
        """Trial after trial until one had help: nobody says after how many folds workers may come."""
        bench = open("divides", workers=2)
        assert isinstance(bench.executor, SharesFolds)
        deadline = time.monotonic() + PATIENCE_S
        for number in itertools.count():
            task = replace(bench.task(number), folds=4, cells=(2, 0, 3, 1))
            bench.executor.submit(task)
            heard: list[Message] = []
            while not any(isinstance(message, (Exited, Lost)) for message in heard):
                assert time.monotonic() < deadline, f"nobody has helped with any of {number} trials"
                heard += bench.executor.poll(0.02)
                bench.executor.share()
            ended = heard[-1]
            assert isinstance(ended, Exited), "the end comes after what helpers say, and nothing after it"
            assert (ended.failure, ended.stopped, ended.values) == (None, None, None)
            assert {(message.number, message.attempt) for message in heard} == {(number, 1)}, "it stays one attempt"
            assert sum(isinstance(message, Started) for message in heard) == 1
            cells = [(m.fold, m.step, dict(m.values)) for m in heard if isinstance(m, Reported)]
            assert sorted(cells) == [(fold, AT_END, {"loss": fold}) for fold in range(4)]
            assert bench.executor.poll(0.1) == []
            while bench.executor.free() != 2:  # a helper that was asked to come may still learn that nothing is left
                assert time.monotonic() < deadline, "who has helped is free again"
                assert bench.executor.poll(0.02) == []
            if ended.own is not None:
                assert 0 < len(ended.own) < 4, "those that whoever was given it took itself"
                return


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))


def _memory() -> int:
    """Return the bytes that this process and its children hold."""
    from trimtab.execute.memory import memory_of

    return memory_of(os.getpid())
