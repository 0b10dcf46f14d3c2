"""An executor whose idle workers help with folds, as a stranger would write one over multiprocessing.

Run as a script it is a driver that tests kill: `crew.py STORE FOLDER`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import trimtab as tt
from trimtab.errors import ExecutorError
from trimtab.execute import outcome
from trimtab.execute.protocol import Exited, Lost, Message, Noted, Reported, Started, Task
from trimtab.ledger.curves import AT_END

FOLDS = 4
PAUSE_S = 0.05

Objective = Callable[[tt.Trial], object]


class Line:
    """How a trial speaks, from within a worker: it says and asks things; folds and halts come back."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.reason: str | None = None
        self.answers: list[int | None] = []

    def send(self, message: Message) -> None:
        self.pipe.send(message)

    def halted(self) -> str | None:
        while self.pipe.poll():
            self._take(self.pipe.recv())
        return self.reason

    def next_fold(self) -> int | None:
        self.pipe.send("which fold is next?")
        while not self.answers:
            self._take(self.pipe.recv())
        return self.answers.pop()

    def _take(self, said: str | int | None) -> None:
        if isinstance(said, str):
            self.reason = said
        else:
            self.answers.append(said)


def work(objective: Objective, pipe: Connection) -> None:
    """Run one task after the other, until the driver is gone."""
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        while not isinstance(task, Task):  # a halt that came too late for the one before
            task = pipe.recv()
        pipe.send(outcome.run(objective, task, Line(pipe)).message)


class Worker:
    def __init__(self, objective: Objective) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(objective, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None


class Attempt:
    """One attempt, the folds that nobody has begun, and who has which of the others."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.open = list(range(task.folds or 0) if task.cells is None else task.cells)
        self.has: dict[Worker, int] = {}
        self.through: set[int] = set()
        self.own: list[int] = []
        self.n_helpers = 0
        self.is_divided = self.is_spoilt = False
        self.waiting: Worker | None = None
        self.end: Exited | Lost | None = None
        self.halted = ""
        self.force_at = float("inf")

    def leave(self, worker: Worker) -> None:
        """Take note that a worker is through with what it had; a fold that was not reported is open again."""
        fold = self.has.pop(worker, None)
        if fold is not None and fold not in self.through:
            self.open.insert(0, fold)
            self.is_spoilt = True


class Crew:
    """Runs trials in processes; those that are idle help with the folds of what runs.

    Args:
        objective: what a module has; its folds must not share files.
        workers: how many processes.
    """

    traits: frozenset[str] = frozenset()

    def __init__(self, objective: Objective, workers: int) -> None:
        self.objective = objective
        self.workers = [Worker(objective) for _ in range(workers)]
        self.attempts: dict[str, Attempt] = {}
        self.news: list[Message] = []
        self.is_closed = False

    def free(self) -> int:
        return len(self._idle())

    def _idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.task is None]

    def submit(self, task: Task) -> str:
        if self.is_closed:
            raise ExecutorError("this crew is closed.")
        if not self.free():
            raise ExecutorError("all of this crew are busy.")
        attempt = self.attempts[task.handle] = Attempt(task)
        attempt.task = replace(task, is_shared=len(attempt.open) > 1)
        worker = self._idle()[0]
        self._begin(worker, attempt.task)
        self.news.append(Started(task.number, task.attempt, worker.process.pid))
        return task.handle

    def share(self) -> None:
        for worker in self._idle():
            able = [
                a for a in self.attempts.values() if a.through and a.open and not (a.end or a.is_spoilt or a.halted)
            ]
            if not able:
                return
            attempt = max(able, key=lambda each: len(each.open))
            attempt.n_helpers += 1
            self._begin(worker, replace(attempt.task, helper=attempt.n_helpers))

    def _begin(self, worker: Worker, task: Task) -> None:
        worker.task = task
        worker.pipe.send(task)

    def _attempt(self, task: Task) -> Attempt | None:
        return self.attempts.get(replace(task, helper=0).handle)

    def poll(self, timeout: float) -> Sequence[Message]:
        until = time.monotonic() + timeout
        while True:
            for each in list(self.attempts.values()):
                if time.monotonic() >= each.force_at:
                    self._force(each)
            left = 0.0 if self.news else max(0.0, until - time.monotonic())
            due = min((each.force_at for each in self.attempts.values()), default=float("inf"))
            of = {worker.pipe: worker for worker in self.workers}
            for pipe in wait(list(of), min(left, max(0.0, due - time.monotonic()))):
                self._hear(of[pipe])
            if self.news or time.monotonic() >= until:
                news, self.news = self.news, []
                return news

    def _hear(self, worker: Worker) -> None:
        try:
            said = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._bury(worker)
            return
        task = worker.task
        attempt = None if task is None else self._attempt(task)
        if task is None or attempt is None:
            return
        if isinstance(said, str):
            self._give(worker, task, attempt)
        elif isinstance(said, Exited):
            self._over(worker, task, attempt, said)
        elif isinstance(said, Reported):
            if task.helper and attempt.has.get(worker) != said.fold:
                return
            if said.step == AT_END and said.fold is not None:
                attempt.through.add(said.fold)
            self.news.append(said)
        elif isinstance(said, Noted):
            self.news.append(said)

    def _give(self, worker: Worker, task: Task, attempt: Attempt) -> None:
        """Answer a worker that asks for a fold: whoever was given the attempt waits for those that may come back."""
        attempt.leave(worker)
        is_through = attempt.end is not None or attempt.halted or (task.helper and attempt.is_spoilt)
        if attempt.open and not is_through:
            fold = attempt.has[worker] = attempt.open.pop(0)
            if task.helper:
                attempt.is_divided = True
            else:
                attempt.own.append(fold)
            worker.pipe.send(fold)
        elif attempt.has and not task.helper and not attempt.halted:
            attempt.waiting = worker
        else:
            worker.pipe.send(None)
        self._settle(attempt)

    def _over(self, worker: Worker, task: Task, attempt: Attempt, end: Exited | Lost) -> None:
        worker.task = None
        if not task.helper:
            attempt.end = end
            attempt.has.pop(worker, None)
            attempt.waiting = None
        else:
            attempt.is_spoilt |= isinstance(end, Lost) or end.failure is not None
            attempt.leave(worker)
        self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        if attempt.end is not None and not attempt.has:
            del self.attempts[attempt.task.handle]
            own = {"own": tuple(attempt.own)} if isinstance(attempt.end, Exited) and attempt.is_divided else {}
            self.news.append(replace(attempt.end, **own))
        elif attempt.waiting is not None and (attempt.open or not attempt.has):
            worker, attempt.waiting = attempt.waiting, None
            assert worker.task is not None
            self._give(worker, worker.task, attempt)

    def _bury(self, worker: Worker) -> None:
        worker.process.join()
        self.workers[self.workers.index(worker)] = Worker(self.objective)
        if worker.task is None or (attempt := self._attempt(worker.task)) is None:
            return
        number, n = worker.task.number, worker.task.attempt
        end: Exited | Lost = Lost(number, n, f"its worker ended with {worker.process.exitcode}")
        if attempt.halted:
            end = Exited(number, n, stopped=attempt.halted)
        elif attempt.force_at < time.monotonic():
            end = Exited(number, n, failure="killed", error="it was cancelled")
        self._over(worker, worker.task, attempt, end)

    def _at_work(self, attempt: Attempt) -> list[Worker]:
        return [worker for worker in self.workers if worker.task and self._attempt(worker.task) is attempt]

    def halt(self, handle: str, reason: str) -> None:
        attempt = self.attempts.get(handle)
        if attempt is None:
            return
        attempt.halted = reason
        for worker in self._at_work(attempt):
            worker.pipe.send(reason)
        if attempt.waiting is not None:
            attempt.waiting.pipe.send(None)
            attempt.waiting = None

    def cancel(self, handle: str, grace: float) -> None:
        if handle in self.attempts:
            self.attempts[handle].force_at = time.monotonic() + grace

    def _force(self, attempt: Attempt) -> None:
        for worker in self._at_work(attempt):
            worker.process.kill()

    def attach(self, handles: Iterable[str]) -> None:
        raise ExecutorError(f"nobody of this crew outlives its driver: {', '.join(handles)}.")

    def close(self) -> None:
        self.is_closed = True
        for worker in self.workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()
        self.attempts.clear()


# What it runs


def loss_of(params: dict[str, Any], fold: int) -> float:
    return float((params["x"] - 0.3) ** 2 + 0.2 * fold + 0.01 * ((997 * params["x"] * (fold + 1)) % 1.0))


def drive(store: str, objective: Objective, workers: int = 3, **more: Any) -> tt.Study:
    return tt.tune(
        objective, tt.Space(x=tt.Float(0.0, 1.0)), minimize="loss", folds=FOLDS, budget=6, store=store, name="crew",
        executor=Crew(objective, workers), workers=workers, optimizer="random", seed=0, progress=False, retries=1000,
        finalize=False, **more,
    )  # fmt: skip


class Deadly:
    """The objective, which notes on the side what it has begun, and kills its worker as some folds begin."""

    def __init__(self, folder: Path, deaths: Sequence[int] = ()) -> None:
        self.folder = folder
        self.deaths = deaths

    def __call__(self, trial: tt.Trial) -> None:
        for fold in trial.folds():
            if self._begin(f"{trial.number} {trial.attempt} {fold} {os.getpid()}") in self.deaths:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(PAUSE_S)
            trial.report(fold=fold, loss=loss_of(trial.params, fold), worker=os.getpid())

    def _begin(self, what: str) -> int:
        """Return how many folds had begun before, of all trials."""
        n = 0
        while True:
            try:
                with (self.folder / f"{n:03}").open("x") as mark:
                    mark.write(what)
                return n
            except FileExistsError:
                n += 1


if __name__ == "__main__":
    drive(sys.argv[1], Deadly(Path(sys.argv[2]))).close()
