"""What a trial has left running in a process that goes on: what of it ends with the trial, and what may stay.

A worker runs many trials, and an objective may keep a pool or a service in it for all of them. So of what trials have
started, this is killed when one is over:

* what has lost its parent: daemons, and what a shell that has ended had put in the background;
* a child whose `Popen` object is gone, so that nobody can wait for it;
* a child in a session of its own for which there never was such an object, or one of pexpect's.

A child that such an object stands for, or that was forked and stayed in the session (`multiprocessing` makes such),
may stay. It ends with the process.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator

from trimtab.execute.guardian import COLLECT, KEEP, MARK, born, children, identity, kill_marked, kill_tree, tree

_marks: list[str] = []
"""The marks of trials that run in this process now; there may be several, each in a thread. The last one counts."""

_marks_lock = threading.Lock()

_numbers = itertools.count()

STAND_FOR_CHILDREN = ("PtyProcess",)
"""Classes beside `subprocess.Popen` whose objects stand for a child in a session of its own: pexpect's."""

REAP_S = 1.0
"""How long to wait for a killed child to be gone; one that hangs in the kernel is left."""


class Brood:
    """The children of this process that trials have started.

    Attributes:
        is_fertile: whether there were any when the last trial ended.
    """

    def __init__(self) -> None:
        self.is_fertile = False
        self._others: set[int] = set()
        self._ours: set[int] = set()

    def begin(self) -> None:
        """Take note, as a trial begins, of what is none of a trial's: all but the children of earlier ones."""
        self._others = _children() - self._ours

    def end(self) -> None:
        """Kill, when a trial is over, those that nobody here stands for, with all that is below them."""
        self._ours = _children() - self._others
        self.is_fertile = bool(self._ours)
        if not self._ours:
            return
        dropped = _dropped()
        strangers = {child for child in self._ours - dropped if _has_left_session(child)}
        if strangers:
            strangers -= _held()
        for child in strangers | (self._ours & dropped):
            kill_tree(child)
            _reap(child)
            self._ours.discard(child)


class Keeper:
    """A worker's line to its keeper, which sees what has lost its parent.

    Args:
        line: the file that the worker began with.
    """

    def __init__(self, line: int) -> None:
        self._line = line
        self._file = _file(line)
        self._brood = Brood()
        self._ask(KEEP)

    def begin(self) -> None:
        """Take note, as a trial begins, of what is none of its doing."""
        self._brood.begin()

    def end(self) -> None:
        """End what a trial has left behind."""
        self._brood.end()
        self._ask(COLLECT)

    def _ask(self, what: bytes) -> None:
        """Ask, and wait until it is done; the keeper is gone only in the moment before this process is."""
        if _file(self._line) == self._file:  # the objective may have closed it, and have another file of that number
            with contextlib.suppress(OSError):
                os.write(self._line, what)
                os.read(self._line, 1)


@contextlib.contextmanager
def marked_trial(brood: Brood, number: int, attempt: int) -> Iterator[None]:
    """Mark what a trial starts that runs in this process, and end what it leaves behind.

    The mark is in this process's environment for as long as the trial runs. What has lost its parent is found by it:
    all but a daemon that is a mere fork of this process.
    """
    if not os.path.isdir("/proc/self"):
        yield
        return
    me = os.getpid()
    mark = f"{identity(me)}/{number}/{attempt}/{next(_numbers)}"
    with _marks_lock:
        if not _marks:
            _marks.append(os.environ.get(MARK, ""))  # where the driver itself is of a trial
        _marks.append(mark)
        _show_mark()
    faults = _faults_of_children()
    brood.begin()
    try:
        yield
    finally:
        with _marks_lock:
            _marks.remove(mark)
            _show_mark()
            if len(_marks) == 1:
                _marks.clear()
        if os.getpid() == me:  # and no fork of it that came out of the objective
            brood.end()
            if brood.is_fertile or _faults_of_children() != faults:  # else it started nothing, and nothing costs time
                kill_marked(mark, spared=lambda: tree(me))


def _show_mark() -> None:
    if _marks[-1]:
        os.environ[MARK] = _marks[-1]
    else:
        os.environ.pop(MARK, None)


def _faults_of_children() -> int:
    """Return a number that has grown whenever a child has ended and was waited for: none runs without a page fault."""
    import resource  # there is none on Windows

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def _children() -> set[int]:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (AttributeError, ChildProcessError):  # no such call; the usual case, and the cheapest
        return set()
    return {child for child in children(os.getpid()) if born(child)}


def _has_left_session(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(pid) != os.getsid(0)
    return False


def _dropped() -> set[int]:
    """Return the children whose `Popen` object was thrown away while they ran: `subprocess` keeps count of them."""
    module = sys.modules.get("subprocess")
    return {popen.pid for popen in getattr(module, "_active", None) or ()}


def _held() -> set[int]:
    """Return the processes that an object stands for; slow, since it looks at all of them."""
    popen = getattr(sys.modules.get("subprocess"), "Popen", ())
    found = (it for it in gc.get_objects() if issubclass(type(it), popen) or type(it).__name__ in STAND_FOR_CHILDREN)
    return {it.pid for it in found if hasattr(it, "pid")}


def _reap(pid: int) -> None:
    until = time.monotonic() + REAP_S
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(pid, os.WNOHANG)[0] and time.monotonic() < until:
            time.sleep(0.001)


def _file(number: int) -> tuple[int, int] | None:
    try:
        about = os.fstat(number)
    except OSError:
        return None
    return about.st_dev, about.st_ino
