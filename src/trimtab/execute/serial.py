"""Trials in this very process, one at a time: nothing to start, nothing between the objective and its debugger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from trimtab.errors import ExecutorError
from trimtab.execute import outcome
from trimtab.execute.protocol import Exited, Message, Resources, Started, Task
from trimtab.execute.trial import Trial

Sink = Callable[[Message], str | None]


class SerialExecutor:
    """Runs each trial inside `poll`.

    Since `poll` returns only when the trial is over, what the trial says on its way is handed to `on_message` at once,
    if there is one; its return value is a reason to end the trial, or None. Such messages are not returned by `poll`.

    A trial cannot be ended by force, and its crash is the crash of this process. `KeyboardInterrupt` passes through.
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
        task, self._queued = self._queued, None
        if task is not None:
            self._running = task.handle
            try:
                self._emit(Started(task.number, task.attempt))
                ended = outcome.run(self._objective, task, _Channel(self, self._running))
            finally:
                self._halts.pop(self._running, None)
                self._running = None
            self._messages.append(ended)
        messages, self._messages = self._messages, []
        return messages

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


class _Channel:
    """Passes a trial's messages on within the process."""

    def __init__(self, executor: SerialExecutor, handle: str) -> None:
        self._executor = executor
        self._handle = handle

    def send(self, message: Message) -> None:
        reason = self._executor._emit(message)
        if reason is not None:
            self._executor.halt(self._handle, reason)

    def halted(self) -> str | None:
        return self._executor._halts.get(self._handle)


def open_serial(
    objective: Callable[[Trial], object],
    *,
    workers: int = 1,
    resources: Resources | None = None,
    on_message: Sink | None = None,
) -> SerialExecutor:
    """Return an executor that runs `objective` in this process.

    Raises:
        ExecutorError: what is asked for needs processes: several workers, a limit of time or memory.
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
    return SerialExecutor(objective, on_message)
