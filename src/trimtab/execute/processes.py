"""Trials in worker processes: persistent, isolated from each other's crashes, and gone when their driver is."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import IO

from trimtab.errors import ExecutorError
from trimtab.execute import gpus as devices
from trimtab.execute import script
from trimtab.execute.local import LocalExecutor
from trimtab.execute.logs import tidy
from trimtab.execute.objective import LOADING, refer
from trimtab.execute.outcome import DEVICE_FULL, OUT_OF_MEMORY
from trimtab.execute.protocol import Exited, Lost, Message, Noted, Reported, Resources, Started, Task
from trimtab.execute.script import LoadedEnough
from trimtab.execute.shared import Shared
from trimtab.execute.supervise import CRASHES, Watch, killed, name_of, require_system
from trimtab.execute.trial import Trial
from trimtab.execute.wire import Ask, Ended, Fold, Free, Halt, Job, Leave, Ready, Unusable
from trimtab.execute.worker_process import WorkerProcess

TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL for a trial that is ended by force."""

CLOSE_S = 1.0
"""Seconds that workers have to end by themselves when the executor closes."""

MOST_LEAKED = 0.5
"""What earlier trials may leave in a worker, in shares of a trial's memory limit, before another takes its place."""

LEAKING = 0.1
"""How much more than when it was new a worker holds, as a share of that, where a trial that runs out of memory in it is
run again in a new one: less is what any Python process gathers."""

MOST_LAST_WORDS = 1000
"""Batches of messages that are still read from a worker that has died."""

MOST_STARTS = 5
"""How often in a row workers may be killed while they start before that is taken for a fault of the machine."""


class ProcessExecutor(LocalExecutor):
    """Runs trials in persistent worker processes.

    A task waits here while no worker is ready for it: at the start, and while a worker that died is replaced.

    Args:
        job: what every worker begins with.
        environments: for each worker, what its environment has beyond this process's.
        term_s: seconds between SIGTERM and SIGKILL.

    Raises:
        ExecutorError: the first worker could not load the objective.
    """

    traits = frozenset({"gpu"})
    name = "processes"

    def __init__(self, job: Job, environments: Sequence[Mapping[str, str]], term_s: float = TERM_S) -> None:
        self._environments = environments
        self._term_s = term_s
        self._cwd = script.here()  # every worker begins there, wherever the driver has gone meanwhile
        self._job: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end_all
        pickle.dump(job, self._job)
        self._job.flush()
        self._workers: list[WorkerProcess] = []
        self._waiting: list[Task] = []
        self._doubtful: set[int] = set()  # trials that an error met which may have been an earlier trial's
        self._cramped: set[int] = set()  # trials for whose memory earlier ones may have left too little
        self._n_killed_at_start = 0
        self._settled = threading.Event()
        super().__init__(len(environments))
        try:
            self._settled.wait()
            self.poll(0.0)
        except BaseException:
            self.close()
            raise

    def _start(self, task: Task) -> None:
        cells = range(task.folds or 0) if task.cells is None else task.cells
        if self._n_slots > 1 and len(cells) > 1 and not task.helper:
            task = replace(task, is_shared=True)
            self._shared[task.number, task.attempt] = Shared(task, cells)
        self._watches[task.handle] = Watch(task, self._term_s)
        self._waiting.append(task)
        self._hand_out()

    def _hand_out(self) -> None:
        self._give_up_helping()
        for worker in self._workers:
            if not self._waiting:
                return
            if worker.stage != "ready" or worker.task is not None:
                continue
            task = next((task for task in self._waiting if self._may_run(task, worker)), None)
            if task is None:
                self._make_room(worker)
                continue
            limit = task.resources.memory
            worker.weigh(is_limited=limit is not None)
            if limit is not None and worker.leaked > MOST_LEAKED * limit:
                self._let_go(worker)
                continue
            try:
                worker.wire.send(task)
            except OSError:
                worker.retire()  # it has just died, which will be noticed
                continue
            self._waiting.remove(task)
            worker.task = task
            self._watches[task.handle].begin(worker.kept, worker.new, worker.leaked)
            if not task.helper:
                self._emit(Started(task.number, task.attempt, worker.pid))

    def _may_run(self, task: Task, worker: WorkerProcess) -> bool:
        """Return whether a worker will do: in a new one a trial meets no error but its own."""
        if not worker.n_done:
            return True
        return task.number not in self._cramped and (worker.is_sound or task.number not in self._doubtful)

    def _make_room(self, worker: WorkerProcess) -> None:
        """Let a worker go whose successor is waited for, unless another new one is on its way."""
        if all(other.stage not in ("loading", "retired") for other in self._workers):
            self._let_go(worker)

    def _let_go(self, worker: WorkerProcess) -> None:
        with contextlib.suppress(OSError):
            worker.wire.send(Leave())
        worker.retire()

    def _halt(self, handle: str, reason: str) -> None:
        for worker in self._workers:
            if worker.task is not None and worker.task.handle == handle:
                with contextlib.suppress(OSError):
                    worker.wire.send(Halt(reason))
        self._give_up_waiting()

    def _look(self, now: float) -> float:
        due = super()._look(now)
        self._give_up_waiting()
        for worker in self._workers:
            if now >= worker.late_at:
                worker.late_at = inf
                worker.kept.kill()
            due = min(due, worker.late_at)
        return due

    def _give_up_waiting(self) -> None:
        """End the tasks that were halted or cancelled before a worker took them."""
        for task in list(self._waiting):
            watch = self._watches[task.handle]
            if watch.halted is not None or watch.ending is not None:
                self._take_back(task, watch.exited(*(watch.ending or ("", ""))))

    def _give_up_helping(self) -> None:
        """Take back helpers for whom nothing was left before a worker took them."""
        for task in list(self._waiting):
            shared = self._shared.get((task.number, task.attempt))
            if task.helper and (shared is None or not shared.is_open):
                self._take_back(task, Exited(task.number, task.attempt))

    def _take_back(self, task: Task, message: Exited) -> None:
        self._waiting.remove(task)
        del self._watches[task.handle]
        self._over(task, message)

    # Workers come

    def _begin(self) -> None:
        for slot in range(self._n_slots):
            self._workers.append(self._hire(slot))

    def _hire(self, slot: int) -> WorkerProcess:
        try:
            worker = WorkerProcess(self._guardian, self._job, self._environments[slot], self._cwd)
        except OSError as error:
            raise ExecutorError(f"a worker process cannot be started: {error}.") from None
        self._listen(worker.wire.fileno(), lambda: self._hear(worker))
        self._listen(worker.kept.fileno(), lambda: self._bury(slot, worker))
        return worker

    # Workers speak

    def _emit(self, message: Message | Exception) -> None:
        super()._emit(message)
        if isinstance(message, Exception):
            self._settled.set()

    def _hear(self, worker: WorkerProcess) -> None:
        try:
            messages = worker.wire.arrived()
        except EOFError:
            self._ignore(worker.wire.fileno())
            return
        for message in messages:
            self._take_in(worker, message)
        self._hand_out()

    def _hear_last_words(self, worker: WorkerProcess) -> None:
        with contextlib.suppress(EOFError):
            for _ in range(MOST_LAST_WORDS):
                for message in worker.wire.arrived():
                    self._take_in(worker, message)

    def _take_in(self, worker: WorkerProcess, message: object) -> None:
        if isinstance(message, (Ready, Free)):
            if worker.stage != "retired":
                worker.stage = "ready"
            worker.late_at = inf
            worker.is_sound = isinstance(message, Free) and message.is_sound
            if isinstance(message, Ready):
                self._n_killed_at_start = 0
                self._settled.set()
        elif isinstance(message, Unusable):
            worker.retire()
            self._emit(ExecutorError(message.reason))
        elif isinstance(message, Ended):
            self._finish(worker, message)
        elif isinstance(message, (Reported, Noted)) and worker.task is not None and worker.is_running(message):
            self._pass_on(worker.task, message)
        elif isinstance(message, Ask) and worker.task is not None:
            is_answered, fold = self._ask(worker.task)
            self._see_apart(worker.task)
            if is_answered:
                self._answer(worker, fold)

    def _go_on(self, shared: Shared, fold: int | None) -> None:
        for worker in self._workers:
            if worker.task is not None and worker.task.handle == shared.task.handle:
                self._answer(worker, fold)

    def _answer(self, worker: WorkerProcess, fold: int | None) -> None:
        if worker.task is not None:
            with contextlib.suppress(OSError):  # it has just died, which will be noticed
                worker.wire.send(Fold(worker.task.handle, fold))

    def _see_apart(self, task: Task) -> None:
        """See whether this objective's folds can be run apart, from whoever has run one: not with one folder for all.

        A checkpoint is of the trial as a whole.
        """
        shared = self._shared.get((task.number, task.attempt))
        if shared is not None and shared.is_tried:
            self._learn(is_apart=shared.is_apart and task.resume_from is None and not task.checkpoint_dir.exists())

    def _finish(self, worker: WorkerProcess, ended: Ended) -> None:
        """Take in the end of an attempt; the worker has yet to say that it is fit for another."""
        if worker.task is None or not worker.is_running(ended.exited):
            return
        task, worker.task = worker.task, None
        watch = self._watches.pop(task.handle)
        if ended.exited.values is not None:
            self._learn(is_apart=False)  # what an objective makes of the folds that it has seen is not of all of them
        message = ended.exited if task.helper else self._judged(worker, ended)
        worker.tidies()
        worker.n_done += 1
        if watch.ending is not None:  # a signal is on its way, which must not hit the next trial
            worker.retire()
            worker.kept.kill()
            if ended.exited.failure is not None:
                message = watch.exited(*watch.ending)
        self._over(task, message)

    def _judged(self, worker: WorkerProcess, ended: Ended) -> Exited | Lost:
        """Return how an attempt ended: it is lost if the error that it met may be an earlier trial's.

        That trial may have caught the error, or ended before a kernel of its did, or left memory behind. A process in
        which none ran before tells them apart.
        """
        exited = ended.exited
        if exited.failure == "oom" and self._is_cramped(worker, exited.error):
            self._cramped.add(exited.number)
            said = exited.error.splitlines()[0]
            reason = f"earlier trials may have left it too little memory in its worker, where it met {said}"
            return Lost(exited.number, exited.attempt, reason, blames_trial=False)
        self._cramped.discard(exited.number)
        if not ended.is_broken or exited.failure is None:
            self._doubtful.discard(exited.number)
            return exited
        if not worker.n_done or worker.is_sound:
            self._doubtful.discard(exited.number)
            return exited
        self._doubtful.add(exited.number)
        said = exited.error.splitlines()[0]
        reason = f"an earlier trial may have spoilt its worker, which met {said}"
        return Lost(exited.number, exited.attempt, reason, blames_trial=False)  # the next worker will tell

    def _is_cramped(self, worker: WorkerProcess, error: str) -> bool:
        """Return whether memory that a trial lacked may be what earlier ones left in its worker, on a device say."""
        is_of_device = any(mark in error for mark in (*OUT_OF_MEMORY, *DEVICE_FULL))
        return bool(worker.n_done) and (is_of_device or worker.leaked > LEAKING * worker.new)

    # Workers go

    def _bury(self, slot: int, worker: WorkerProcess) -> None:
        """Take in that a worker's process has ended, and start another in its place."""
        if self._workers[slot] is not worker or not worker.kept.take_in():
            return
        self._ignore(worker.wire.fileno())
        self._hear_last_words(worker)
        self._ignore(worker.kept.fileno())
        status = worker.kept.status or 0
        is_loading = worker.stage == "loading"
        worker.retire()  # so that it is given nothing more
        task, worker.task = worker.task, None
        if task is not None:
            watch = self._watches.pop(task.handle)
            if status == -signal.SIGKILL and worker.n_done and not task.helper:
                self._cramped.add(task.number)  # by the kernel, perhaps, since the machine has no memory left
            self._over(task, watch.died(status, "worker"))
            tidy(task.log_dir)
        elif is_loading:
            self._failed_to_start(worker, status)
        worker.close()
        self._workers[slot] = self._hire(slot)

    def _failed_to_start(self, worker: WorkerProcess, status: int) -> None:
        self._n_killed_at_start += 1
        if status >= 0 or -status in CRASHES:
            how = f"ended with exit code {status}" if status >= 0 else f"crashed ({name_of(-status)})"
            raise ExecutorError(f"a worker {how} while it loaded the objective{worker.said()}")
        if self._n_killed_at_start >= MOST_STARTS:
            raise ExecutorError(f"{MOST_STARTS} workers in a row died as they started: {killed('worker', -status)}.")

    def _end_all(self) -> None:
        for worker in self._workers:
            if worker.task is not None or worker.stage == "loading":
                worker.kept.signal(signal.SIGTERM)
            else:
                worker.wire.close()  # hanging up lets it end in good order
        deadline = time.monotonic() + CLOSE_S
        for worker in self._workers:
            worker.kept.wait(deadline - time.monotonic())
        for worker in self._workers:
            worker.kept.kill()
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        self._job.close()


def open_processes(
    objective: Callable[[Trial], object],
    *,
    workers: int,
    resources: Resources | None = None,
    gpus: Sequence[int | str] | None = None,
    trials_per_worker: int | None = None,
) -> ProcessExecutor:
    """Return an executor that runs `objective` in `workers` processes.

    Returns when the first worker has loaded the objective.

    Args:
        objective: a function that a module or script defines; anything else that pickles; with cloudpickle, any.
        workers: how many trials run at once.
        resources: what each of them needs.
        gpus: numbers or UUIDs of the GPUs to use; by default those in CUDA_VISIBLE_DEVICES, else all.
        trials_per_worker: after so many trials a worker is replaced, for objectives that leak; None for never.

    Raises:
        ExecutorError: the objective cannot be sent or loaded, or this machine has not what `resources` asks for.
    """
    if LOADING in os.environ:
        raise LoadedEnough  # a worker is loading a script that comes here at its top level
    resources = resources or Resources()
    require_system(workers, resources, "processes")
    if trials_per_worker is not None and trials_per_worker < 1:
        raise ExecutorError(f"trials_per_worker is a whole number above 0, got {trials_per_worker!r}.")
    require_loaded_main()
    job = Job(refer(objective), script.search_path(), script.arguments(), trials_per_worker)
    return ProcessExecutor(job, devices.assign(workers, resources.gpus, gpus))


def require_loaded_main() -> None:
    """Raise if this process is itself a child of `multiprocessing` that is still loading its parent's script.

    Raises:
        ExecutorError: it is; starting workers from there would never end.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ExecutorError(
            "the objective starts processes with multiprocessing, which loads this script again, which calls tune "
            'again; put the call of tune under `if __name__ == "__main__":`.'
        )
