"""Process groups seen from outside: limits of time and memory, ending by force, and what an exit status means."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from math import inf
from pathlib import Path

from trimtab.errors import ExecutorError
from trimtab.execute.logs import STDERR, keep_short, last_lines
from trimtab.execute.protocol import Exited, Lost, Resources, Task

MEMORY_EVERY_S = 0.05
"""How often the memory of a trial is looked at, where it has a limit."""

LOGS_EVERY_S = 0.5
"""How often the logs of a running trial are kept from growing without bounds."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
"""Signals that programs do not send to themselves: whoever dies of them was killed by a person or by the machine."""

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP)
"""Signals that a program brings upon itself."""


class Guardian:
    """A helper process that kills the registered process groups when this process is gone.

    It may itself be killed; it is then started anew with the next group that is registered.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Register a process group."""
        self._groups.add(group)
        if not self._write(f"+{group}\n"):
            self._start()

    def remove(self, group: int) -> None:
        """Forget a process group that is over."""
        self._groups.discard(group)
        self._write(f"-{group}\n")

    def close(self) -> None:
        """Let the helper go. Safe to call twice."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        self.close()
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guardian.py"))]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True, bufsize=0)
        for group in self._groups:
            self._write(f"+{group}\n")

    def _write(self, line: str) -> bool:
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line.encode())
        except OSError:  # it was killed
            return False
        return True


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
        self._leader: int | None = None
        self._began = time.monotonic()
        self._deadline = self._memory_at = self._logs_at = inf
        self._cancel_at = inf
        self._kill_at = inf
        self._strays: dict[int, str] = {}

    def begin(self, leader: int) -> None:
        """Count the limits from here on: the attempt runs in the process group that `leader` leads."""
        self._leader = leader
        self._began = now = time.monotonic()
        resources = self.task.resources
        self._deadline = inf if resources.limit_s is None else now + resources.limit_s
        self._memory_at = inf if resources.memory is None else now
        self._logs_at = now + LOGS_EVERY_S

    @property
    def seconds(self) -> float:
        """How long the attempt has run."""
        return 0.0 if self._leader is None else time.monotonic() - self._began

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
            if now >= self._kill_at and self._leader is not None:
                self._kill_at = inf
                kill(self._leader)
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
        """Ask the whole process group to end (SIGTERM), and kill it (SIGKILL) when the grace is over."""
        if self.ending is not None:
            return
        self.ending = failure, error
        if self._leader is not None:
            self._kill_at = time.monotonic() + self._grace_s
            self._strays = strays(self._leader)  # once the leader is gone, nobody knows whose they are
            signal_group(self._leader, signal.SIGTERM)

    def sweep(self) -> None:
        """Kill what an attempt that was ended by force has left outside of its process group."""
        for pid, born in self._strays.items():
            if _born(pid) == born:
                _kill_one(pid)

    def _weigh(self) -> None:
        if self._leader is None:
            return
        most = self.task.resources.memory or inf
        held = memory_of(self._leader, most)
        if held > most:
            self.ending = "oom", f"the trial held {_bytes(held)}, more than its limit of {_bytes(most)}."
            kill(self._leader)

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


def signal_group(leader: int, signum: signal.Signals) -> None:
    """Send a signal to all processes of a group; those that are gone are fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids signals to a zombie's group
        os.killpg(leader, signum)


def kill(leader: int) -> None:
    """Kill a process group, and those descendants of its leader that left it."""
    left = strays(leader)
    signal_group(leader, signal.SIGKILL)
    for pid in left:
        _kill_one(pid)


def strays(leader: int) -> dict[int, str]:
    """Return the descendants of a group's leader that left its group, each with the time of its birth.

    Launchers of distributed training give each rank a session of its own.
    """
    return {pid: _born(pid) for pid in tree(leader)[1:] if _group(pid) != leader}


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _born(pid: int) -> str:
    """Return when a process began, in the kernel's ticks: with it, a number that was given anew is told apart."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _kill_one(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    """Return a process and its living descendants, parents first; only the process itself where /proc is missing."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            found += map(int, _read(f"/proc/{parent}/task/{thread}/children").split())
    return found


def memory_of(pid: int, most: float = inf) -> int:
    """Return the bytes of memory that a process and its descendants hold.

    The sum of resident sets counts shared pages once per process (forked data loaders share their data set): it is
    quick, and an upper bound. Only where it exceeds `most` are the pages split among those who share them.
    """
    pids = tree(pid)
    bound = sum(_resident(p) for p in pids)
    return bound if bound <= most else sum(_proportional(p) for p in pids)


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def _read(path: str) -> str:
    """Return a file of /proc; empty if the process is gone or is not ours."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


_PAGE = os.sysconf("SC_PAGE_SIZE")


def exit_file(pid: int) -> int | None:
    """Return a file that becomes readable when the process ends; None where the system has none (it has on Linux)."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3, or a sandbox
        return None


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


def _bytes(n: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"
