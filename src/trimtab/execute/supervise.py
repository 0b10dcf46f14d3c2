"""Attempts seen from outside: limits of time and memory, ending by force, and what an exit status means."""

from __future__ import annotations

import os
import signal
import time
from math import inf

from trimtab.errors import ExecutorError
from trimtab.execute.guardian import tree
from trimtab.execute.keeping import Kept
from trimtab.execute.logs import STDERR, keep_short, last_lines
from trimtab.execute.memory import as_text, held_by
from trimtab.execute.protocol import Exited, Lost, Resources, Task

MEMORY_EVERY_S = 0.05
"""How often the memory of a trial is looked at, where it has a limit."""

LOGS_EVERY_S = 0.5
"""How often the logs of a running trial are kept from growing without bounds."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
"""Signals that programs do not send to themselves: whoever dies of them was killed by a person or by the machine."""

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP)
"""Signals that a program brings upon itself."""


class Watch:
    """One attempt, seen from outside: when it must end, and how it is brought to end.

    Attributes:
        task: what runs.
        halted: the reason with which the trial was asked to end.
        ending: (failure kind, sentence) once it is being ended by force.

    Args:
        task: what is to run; its limits count from `begin`.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, task: Task, grace_s: float) -> None:
        self.task = task
        self.halted: str | None = None
        self.ending: tuple[str, str] | None = None
        self._grace_s = grace_s
        self._kept: Kept | None = None
        self._new = self._leaked = 0
        self._began = time.monotonic()
        self._deadline = self._memory_at = self._logs_at = inf
        self._cancel_at = inf
        self._kill_at = inf

    def begin(self, kept: Kept, new: int = 0, leaked: int = 0) -> None:
        """Count the limits from here on.

        Args:
            kept: the process in which the attempt runs.
            new: bytes that it held before any attempt.
            leaked: bytes that earlier attempts have left in it, which are not this one's.
        """
        self._kept = kept
        self._new, self._leaked = new, leaked
        self._began = now = time.monotonic()
        resources = self.task.resources
        self._deadline = inf if resources.limit_s is None else now + resources.limit_s
        self._memory_at = inf if resources.memory is None else now
        self._logs_at = now + LOGS_EVERY_S

    def go_on(self, before: Watch) -> None:
        """Count the limits from where another process of the same attempt began to, and end as that was to."""
        self.halted, self._began, self._deadline = before.halted, before._began, before._deadline
        self._cancel_at = before._cancel_at

    @property
    def seconds(self) -> float:
        """How long the attempt has run."""
        return 0.0 if self._kept is None else time.monotonic() - self._began

    def next_look(self) -> float:
        """Return when something may be due, by the monotonic clock."""
        due = (self._deadline, self._cancel_at, self._memory_at) if self.ending is None else (self._kill_at,)
        return min(*due, self._logs_at)

    def look(self, now: float) -> None:
        """Do what is due."""
        if now >= self._logs_at:
            self._logs_at = now + LOGS_EVERY_S
            keep_short(self.task.log_dir)
        if self.ending is not None:
            if now >= self._kill_at and self._kept is not None:
                self._kill_at = inf
                self._kept.kill()
        elif now >= self._deadline:
            self.end("timeout", f"the trial ran longer than its limit of {self.task.resources.limit_s:g} s.")
        elif now >= self._cancel_at:
            self.end("killed", "the trial was cancelled.")
        elif now >= self._memory_at:
            self._memory_at = now + MEMORY_EVERY_S
            self._weigh()

    def cancel(self, grace: float) -> None:
        """End the trial by force after `grace` seconds."""
        self._cancel_at = min(self._cancel_at, time.monotonic() + grace)

    def end(self, failure: str, error: str) -> None:
        """Ask all its processes to end (SIGTERM), and kill them (SIGKILL) when the grace is over."""
        if self.ending is not None:
            return
        self.ending = failure, error
        if self._kept is not None:
            self._kill_at = time.monotonic() + self._grace_s
            self._kept.signal(signal.SIGTERM)

    def _weigh(self) -> None:
        if self._kept is None:
            return
        most = self.task.resources.memory or inf
        held = held_by(tree(self._kept.keeper)[1:], most + self._leaked)
        self._leaked = min(self._leaked, max(0, held - self._new))  # some of it may have been given back meanwhile
        if held > most + self._leaked:
            before = f", beside {as_text(self._leaked)} that earlier trials left" if self._leaked else ""
            error = f"the trial held {as_text(held - self._leaked)}, more than its limit of {as_text(most)}{before}."
            self.ending = "oom", error
            self._kept.kill()

    def exited(self, failure: str, error: str) -> Exited:
        """Return the message that the attempt ended without a result: stopped if it was halted, else failed."""
        seconds = self.seconds
        if self.halted is not None:
            return Exited(self.task.number, self.task.attempt, stopped=self.halted, seconds=seconds)
        return Exited(self.task.number, self.task.attempt, failure=failure, error=error, seconds=seconds)

    def died(self, status: int, what: str) -> Exited | Lost:
        """Return what became of an attempt whose process ended without a word.

        Args:
            status: the exit code, or the negative number of the signal, as `subprocess` has it.
            what: "worker" or "program", for the message.
        """
        if self.halted is not None:
            return self.exited("", "")
        if self.ending is not None:
            return self.exited(*self.ending)
        if -status in FROM_OUTSIDE:
            return Lost(self.task.number, self.task.attempt, killed(what, -status))
        lines = last_lines(self.task.log_dir / STDERR, 30)
        if status >= 0:
            error = f"the objective ended its process with exit code {status}"
        else:
            error = f"the trial crashed: {name_of(-status)} ({signal.strsignal(-status)})"
        return self.exited("killed", "\n".join([f"{error}.", *lines]))


def killed(what: str, signum: int) -> str:
    """Return a clause about a process that was killed from outside."""
    hint = "; the machine may have run out of memory" if signum == signal.SIGKILL else ""
    return f"the {what} was killed ({name_of(signum)}){hint}"


def name_of(signum: int) -> str:
    """Return "SIGSEGV" for 11."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def require_system(workers: int, resources: Resources, executor: str) -> None:
    """Raise where this system cannot do what is asked.

    Raises:
        ExecutorError: no workers, several machines, no process groups (Windows), or a memory limit without /proc.
    """
    if workers < 1:
        raise ExecutorError(f"workers is a whole number above 0, got {workers!r}.")
    resources.require_one_machine(executor)
    if os.name != "posix":
        raise ExecutorError(f'executor="{executor}" needs Linux or macOS; use executor="serial" here.')
    if resources.memory is not None and not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        raise ExecutorError("Resources(memory=...) is watched through /proc, which this system does not have.")
