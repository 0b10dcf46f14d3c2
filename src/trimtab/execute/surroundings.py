"""What a process has beside its memory, and what a trial may change of it: put back before the next one begins.

A trial that runs in a process where others ran finds it as the first of them did: working directory, file mode mask,
user, niceness, environment, signals, timers, limits, standard streams, and the few settings of the interpreter that
make another trial fail. What libraries hold in memory stays; that is what a process that runs many trials is for.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import locale
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO, TypeAlias

from trimtab.execute.place import Place
from trimtab.execute.regular import is_open

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None

OWN_SIGNALS = (
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD),
)
"""Signals whose default a worker relies on, whatever it inherits: one that ignores SIGTERM does not end, and where
SIGCHLD is ignored no program's exit code can be had. (`nohup` hands on an ignored SIGHUP, batch systems the others.)"""

TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def begin_anew() -> None:
    """Let signals mean in this process what they mean by default, whatever its parent made of them."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in OWN_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


class Surroundings:
    """The surroundings of a worker, as they are now."""

    def __init__(self) -> None:
        self._place = Place()
        self._environment = dict(os.environ)
        self._handlers = {signum: signal.getsignal(signum) for signum in _changeable_signals()}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._limits = {kind: resource.getrlimit(kind) for kind in _limits()}
        self._cores = _cores()
        self._user = _user()
        self._niceness = os.nice(0)
        self._patience = socket.getdefaulttimeout()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._depth = sys.getrecursionlimit()
        self._streams = sys.stdin, sys.stdout, sys.stderr

    def put_back(self) -> bool:
        """Put everything back that a trial has changed; return False if something could not be."""
        tries = (
            self._put_back_user,  # who may do the rest
            self._place.put_back,
            self._put_back_signals,
            self._put_back_environment,
            self._put_back_limits,
            self._put_back_streams,
            self._put_back_interpreter,
        )
        return all([_succeeds(put_back) for put_back in tries])  # all of them, whatever the first ones say

    def _put_back_user(self) -> bool:
        """Let this process be the user's again that it was, and as urgent as it was."""
        if _user() != self._user:
            (_, uid, _), (_, gid, _), groups = self._user
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)
        if os.nice(0) != self._niceness:
            os.setpriority(os.PRIO_PROCESS, 0, self._niceness)
        return _user() == self._user

    def _put_back_signals(self) -> bool:
        for timer in TIMERS:
            signal.setitimer(timer, 0.0)
        signal.set_wakeup_fd(-1)
        for signum, handler in self._handlers.items():
            if signal.getsignal(signum) is not handler:
                if handler is None:  # C code had it
                    return False
                signal.signal(signum, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        faulthandler.cancel_dump_traceback_later()  # a watch over a trial that is over, which may end the process
        faulthandler.disable()
        faulthandler.enable(2)
        return True

    def _put_back_environment(self) -> bool:
        if os.environ != self._environment:
            for name in os.environ.keys() - self._environment.keys():
                del os.environ[name]
            os.environ.update(self._environment)
        return True

    def _put_back_limits(self) -> bool:
        for kind, limit in self._limits.items():
            if resource.getrlimit(kind) != limit:
                resource.setrlimit(kind, limit)  # a lowered hard limit stays, but for root
        if self._cores is not None and _cores() != self._cores:
            os.sched_setaffinity(0, self._cores)
        return True

    def _put_back_streams(self) -> bool:
        """Let the standard streams be open, and mean file descriptors 0 to 2."""
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.dup2(nothing, 0)
            for fd in (1, 2):
                if not is_open(fd):
                    os.dup2(nothing, fd)
        finally:
            if nothing > 2:
                os.close(nothing)
        self._streams = tuple(_usable(stream, fd) for fd, stream in enumerate(self._streams))  # type: ignore[assignment]
        sys.stdin, sys.stdout, sys.stderr = self._streams
        return True

    def _put_back_interpreter(self) -> bool:
        socket.setdefaulttimeout(self._patience)
        sys.setrecursionlimit(self._depth)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        return True


def _succeeds(put_back: Callable[[], bool]) -> bool:
    try:
        return put_back()
    except (OSError, ValueError, RuntimeError, locale.Error):
        return False


def _changeable_signals() -> set[signal.Signals]:
    return signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def _limits() -> set[int]:
    return {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}


def _cores() -> set[int] | None:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _user() -> tuple[tuple[int, int, int], tuple[int, int, int], list[int]]:
    """Return the real, effective and saved user and group, as far as they can be had, and the other groups."""
    if hasattr(os, "getresuid"):
        return os.getresuid(), os.getresgid(), os.getgroups()
    return (os.getuid(), os.geteuid(), -1), (os.getgid(), os.getegid(), -1), os.getgroups()


def _usable(stream: TextIO, fd: int) -> TextIO:
    """Return a standard stream, or a new one in its place if it was closed or let go of its file."""
    with contextlib.suppress(Exception):
        if not stream.closed and stream.fileno() == fd:
            return stream
    raw = open(fd, "rb" if fd == 0 else "wb", closefd=False)  # noqa: SIM115 - lives as long as the process
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=fd > 0)
