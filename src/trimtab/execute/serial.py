"""Trials in this very process, one at a time: nothing to start, nothing between the objective and its debugger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from trimtab.errors import ExecutorError, Terminated
from trimtab.execute import gpus, outcome
from trimtab.execute.broken import is_device_broken
from trimtab.execute.keeping import Watchman
from trimtab.execute.outcome import DriverFault, Outcome
from trimtab.execute.place import kept_place
from trimtab.execute.protocol import Exited, Message, Resources, Sink, Started, Task
from trimtab.execute.strays import Brood, marked_trial
from trimtab.execute.trial import Trial

_spoilt_by: list[str] = []
"""The error with which a trial left this process of no more use, while that is so; of the process, not of an executor:
in a notebook the next study begins in the same one."""


class SerialExecutor:
    """Runs each trial inside `poll`.

    Since `poll` returns only when the trial is over, what the trial says on its way is handed to `on_message` at once,
    if there is one; its return value is a reason to end the trial, or None. Such messages are not returned by `poll`.

    A trial cannot be ended by force, and its crash is the crash of this process. What asks the process to end passes
    through (Ctrl-C, SIGTERM). So do faults of `on_message`, an unreachable store for one, even where the objective
    catches everything: they are none of the trial's. Working directory and umask are put back after each trial.
    """

    traits = frozenset({"in_process"})

    def __init__(self, objective: Callable[[Trial], object], on_message: Sink | None = None) -> None:
        self._objective = objective
        self.on_message = on_message
        self._queued: Task | None = None
        self._running: str | None = None
        self._halts: dict[str, str] = {}
        self._messages: list[Message] = []
        self._closed = False
        self._watchman = Watchman()
        self._brood = Brood()

    def free(self) -> int:
        return 0 if self._queued is not None or self._running is not None or self._closed else 1

    def submit(self, task: Task) -> str:
        if not self.free():
            raise ExecutorError(
                "the serial executor is closed." if self._closed else "the serial executor has a trial."
            )
        self._queued = task
        return task.handle

    def poll(self, timeout: float) -> Sequence[Message]:  # noqa: ARG002 - there is nothing to wait for
        """Run the task that waits, and return how it ended.

        Raises:
            ExecutorError: the trial met an error that an earlier one left in this process.
        """
        task, self._queued = self._queued, None
        if task is not None:
            self._running = task.handle
            try:
                self._emit(Started(task.number, task.attempt))
                self._messages.append(self._run(task))
            finally:
                self._halts.pop(task.handle, None)
                self._running = None
        messages, self._messages = self._messages, []
        return messages

    def _run(self, task: Task) -> Exited:
        channel = _Channel(self, task.handle)
        self._watchman.begin()
        try:
            with kept_place(), marked_trial(self._brood, task.number, task.attempt):
                ended = outcome.run(self._objective, task, channel)
        except DriverFault:
            pass  # it is raised below, as it would be if the objective had kept it to itself
        if channel.fault is not None:
            raise channel.fault
        _see_to_device(task, ended)
        return ended.message

    def _emit(self, message: Message) -> str | None:
        if self.on_message is not None:
            return self.on_message(message)
        self._messages.append(message)
        return None

    def halt(self, handle: str, reason: str) -> None:
        if handle in (self._running, self._waiting):
            self._halts.setdefault(handle, reason)

    def cancel(self, handle: str, grace: float) -> None:  # noqa: ARG002 - a running trial cannot be forced
        """End a trial that waits; one that runs ends at its next report, if it was halted."""
        task = self._queued
        if task is None or handle != self._waiting:
            return
        self._queued = None
        stopped = self._halts.pop(handle, None)
        killed = None if stopped else "killed"
        error = "" if stopped else "it was cancelled before it ran."
        self._messages.append(Exited(task.number, task.attempt, failure=killed, error=error, stopped=stopped))

    @property
    def _waiting(self) -> str | None:
        return None if self._queued is None else self._queued.handle

    def attach(self, handles: Iterable[str]) -> None:
        raise ExecutorError(f"the serial executor cannot take up trials of another process: {', '.join(handles)}.")

    def close(self) -> None:
        self._closed = True
        self._queued = None
        self._watchman.close()


class _Channel:
    """Passes a trial's messages on within the process.

    Attributes:
        fault: what went wrong in taking them, if anything; nothing is passed on from there.
    """

    def __init__(self, executor: SerialExecutor, handle: str) -> None:
        self._executor = executor
        self._handle = handle
        self.fault: BaseException | None = None

    def send(self, message: Message) -> None:
        if self.fault is not None:
            raise DriverFault
        try:
            reason = self._executor._emit(message)
        except (KeyboardInterrupt, Terminated):
            raise  # the objective may clean up, as wherever else in it they come
        except BaseException as fault:
            self.fault = fault
            raise DriverFault from fault
        if reason is not None:
            self._executor.halt(self._handle, reason)

    def halted(self) -> str | None:
        return self._executor._halts.get(self._handle)


def _see_to_device(task: Task, ended: Outcome) -> None:
    """Raise if the trial failed by what an earlier one has left; take note of what this one leaves.

    Raises:
        ExecutorError: it did. No process can be put in the place of this one.
    """
    if not ended.is_broken:
        if ended.message.failure is None or is_device_broken() is False:
            _spoilt_by.clear()  # it works
        return
    said = ended.message.error.splitlines()[0] if ended.message.error else "it was stopped"
    if _spoilt_by:
        raise ExecutorError(
            f"trial {task.number} met what an earlier trial left in this process ({_spoilt_by[0]}), and is put back in "
            'line; go on in a new process, or with executor="processes", which replaces such a process.'
        )
    if is_device_broken() is not False:
        _spoilt_by.append(said)


def open_serial(
    objective: Callable[[Trial], object],
    *,
    workers: int = 1,
    resources: Resources | None = None,
    on_message: Sink | None = None,
) -> SerialExecutor:
    """Return an executor that runs `objective` in this process.

    Raises:
        ExecutorError: what is asked for needs processes: several workers, a limit of time or memory; or there are fewer
            GPUs than a trial needs.
    """
    resources = resources or Resources()
    if workers != 1:
        raise ExecutorError(f'executor="serial" runs one trial at a time, not {workers}; use executor="processes".')
    limits = [name for name in ("limit_s", "memory") if getattr(resources, name) is not None]
    if limits:
        raise ExecutorError(
            'executor="serial" cannot end a trial by force, since it runs in this process, and so cannot keep '
            f'Resources({limits[0]}=...); use executor="processes".'
        )
    resources.require_one_machine("serial")
    gpus.assign(1, resources.gpus)  # that there are enough; this process sees all of them
    return SerialExecutor(objective, on_message)
