"""Stands between a driver and what it runs, so that nothing of it is left behind; `keeping.py` starts and asks it.

A program of its own that imports nothing of this package, so that it starts in milliseconds. The package in turn
imports what is known here about processes.

    driver ── guardian ─┬─ keeper ── worker or program ── whatever that starts
                        └─ keeper ── ...

For every worker or program the guardian forks a keeper, and the keeper starts it. A keeper is a *child subreaper*: a
process below it that loses its parent becomes the keeper's child, whatever its session, its group and its environment
are. So a keeper sees all that came of its program, and kills it when the program has ended or the driver is gone.

A keeper that is killed takes its program along (PR_SET_PDEATHSIG), and what else was below it becomes the guardian's,
which kills what it does not know. Without the guardian the keepers go on. Where all of them were killed at once, what
is left is found by its environment (`MARK`): by the driver while it lives, then by the next one on this machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import marshal
import os
import select
import signal
import socket
import struct
import sys
import time
import warnings  # noqa: F401 - os.execvpe imports it, which would cost every program a millisecond
from collections.abc import Callable, Collection, Iterator

MARK = "TRIMTAB_ATTEMPT"
"""The environment variable by which processes are known that an attempt has started: `identity` of the driver, /, more.

A worker or a program has it from its first moment, and so has all that it forks or starts, unless it is taken out.
"""

COLLECT_S = 5.0
"""For how long what is left is killed, again and again: what hangs in the kernel, or belongs to another user, stays."""

LENGTH = struct.Struct("<I")
"""Stands before a request to the guardian: the length of what follows."""

MOST_FILES = 16
"""Files that come with one request at most."""

KEEP, COLLECT, DONE = b"k", b"c", b"."
"""What a worker asks its keeper: to keep what runs now; to kill what else has lost its parent. And the reply."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

_NOT_INHERITED = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGXFSZ")
"""Signals that are ignored here, or by whoever started the driver (nohup), and must have their effect on a program."""


# What /proc says; where there is none, nothing.


def read(path: str) -> str:
    """Return a file of /proc; empty if the process is gone or is not ours.

    Not by `open`, which takes three times as long.
    """
    parts = []
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return ""
    with contextlib.suppress(OSError):  # it is gone meanwhile
        while part := os.read(file, 1 << 16):
            parts.append(part)
    os.close(file)
    return os.fsdecode(b"".join(parts))


def children(pid: int) -> list[int]:
    """Return the children of a process, those that have ended and wait to be asked for included."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    if not _lists_children():
        return [one for one in _processes() if parent(one) == pid]
    found: list[int] = []
    for thread in threads:
        found += map(int, read(f"/proc/{pid}/task/{thread}/children").split())
    return found


@functools.cache
def _lists_children() -> bool:
    """Return whether this kernel says who the children of a thread are; not all do."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def parent(pid: int) -> int:
    """Return the parent of a process; 0 if there is none, or it cannot be seen."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc/self") else []


def tree(pid: int) -> list[int]:
    """Return a process and its living descendants, parents first; only the process itself where /proc is missing."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def born(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; empty if it has ended or cannot be seen.

    With it, a number that was given anew is told from the process that had it before.
    """
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def identity(pid: int) -> str:
    """Return a name of a process that no other ever has: the machine since it booted, the namespace, number, birth."""
    return f"{_machine()}/{pid}/{born(pid)}"


def is_gone(name: str) -> bool:
    """Return True if the process of that `identity` is known to have ended; others' machines are not known."""
    machine, _, rest = name.partition("/")
    pid, _, birth = rest.partition("/")
    return machine == _machine() and pid.isdigit() and born(int(pid)) != birth


@functools.cache
def _machine() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""
    return f"{read('/proc/sys/kernel/random/boot_id').strip()[:8]}-{namespace}"


def marks() -> dict[int, str]:
    """Return this user's other processes that have a mark, each with it."""
    found: dict[int, str] = {}
    wanted, me, user = f"{MARK}=", os.getpid(), os.getuid()
    for pid in _processes():
        environment = read(f"/proc/{pid}/environ")
        if wanted in environment and pid != me and _owner(pid) == user:
            for line in environment.split("\0"):
                if line.startswith(wanted):
                    found[pid] = line[len(wanted) :]
    return found


def _owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


# Ends by force


def kill(pid: int, birth: str) -> None:
    """Kill a process if it is the one that was born then."""
    try:
        file = os.pidfd_open(pid)
    except (AttributeError, OSError):  # no Linux, an old kernel, or it is gone
        file = None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if born(pid) != birth:
            pass
        elif file is None:
            os.kill(pid, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(file, signal.SIGKILL)
    if file is not None:
        os.close(file)


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants."""
    for one, birth in [(one, born(one)) for one in tree(pid)]:
        if birth:
            kill(one, birth)


def kill_marked(mark: str, spared: Callable[[], Collection[int]] = tuple) -> None:
    """Kill what has this mark, or one that goes on from it with a slash, and the descendants of it.

    Args:
        mark: as above.
        spared: says which processes to let live.
    """
    _kill_where(lambda found: f"{found}/".startswith(f"{mark}/"), spared)


def kill_abandoned() -> None:
    """Kill what is left of drivers that are gone; not those from whom this process descends."""
    _kill_where(lambda found: is_gone(driver_of(found)), _ancestors)


def driver_of(mark: str) -> str:
    """Return the `identity` of the driver in a mark."""
    return "/".join(mark.split("/")[:3])


def _ancestors() -> list[int]:
    found = [os.getpid()]
    while above := parent(found[-1]):
        found.append(above)
    return found


def _kill_where(is_meant: Callable[[str], bool], spared: Callable[[], Collection[int]]) -> None:
    until = time.monotonic() + COLLECT_S
    while time.monotonic() < until:
        meant = {pid for pid, found in marks().items() if is_meant(found)}
        if meant:
            meant -= set(spared())
        for pid in meant:
            kill_tree(pid)
        if not meant:
            return
        time.sleep(0.005)  # until they are gone; the next look finds what they started meanwhile


# Waiting


class Bell:
    """Waits for files, and for children that end.

    Args:
        files: which ones.
    """

    def __init__(self, *files: int) -> None:
        self._rings, self._rung = os.pipe()
        os.set_blocking(self._rings, False)
        os.set_blocking(self._rung, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler no byte is written
        signal.set_wakeup_fd(self._rung, warn_on_full_buffer=False)
        self._poll = select.poll()
        for file in (self._rings, *files):
            self._poll.register(file, select.POLLIN)

    def wait(self, seconds: float | None = None) -> set[int]:
        """Return the files that can be read; none after `seconds`, or when a child has ended."""
        ready = {file for file, _ in self._poll.poll(None if seconds is None else seconds * 1000)}
        if self._rings in ready:
            os.read(self._rings, 4096)
        return ready - {self._rings}

    def forget(self, file: int) -> None:
        """Wait for a file no more."""
        self._poll.unregister(file)

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._rings)
        os.close(self._rung)


def _ended() -> dict[int, int]:
    """Return the children that have ended since the last time, each with its exit code or negative signal."""
    found: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found[pid] = os.waitstatus_to_exitcode(status)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _exit_file(pid: int) -> int | None:
    """Return a file that becomes readable when a process ends; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


# The guardian


class Guardian:
    """Starts what the driver asks for, until the driver is gone or hangs up.

    Args:
        line: the socket to the driver.
        driver: its process id.
        mark: what the marks of all that it starts begin with.
    """

    def __init__(self, line: socket.socket, driver: int, mark: str) -> None:
        self._line = line
        self._mark = mark
        self._gone = _exit_file(driver)
        self._bell = Bell(line.fileno(), *(() if self._gone is None else (self._gone,)))
        self._known: set[int] = set()

    def serve(self) -> None:
        """Do what is asked, and at the end what is due."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        gc.freeze()  # forks share more memory with this process
        self._clear_up_after_others()
        while True:
            ready = self._bell.wait()
            self._look_after()
            if self._gone in ready:
                break
            if self._line.fileno() in ready and not self._answer():
                break
        until = time.monotonic() + COLLECT_S
        while self._known and time.monotonic() < until:  # keepers end by themselves when the driver is gone
            self._bell.wait(0.1)
            self._look_after()
        if is_gone(driver_of(self._mark)):
            kill_marked(self._mark)

    def _clear_up_after_others(self) -> None:
        """Look for what is left of drivers that are gone, in a process of its own: the driver waits for nothing."""
        scout = os.fork()
        if not scout:
            self._line.close()
            _run(kill_abandoned)
        self._known.add(scout)

    def _look_after(self) -> None:
        """Take in which keepers have ended, and kill what they leave."""
        ended = _ended()
        if ended:
            self._known -= ended.keys()
            for child in children(os.getpid()):
                if child not in self._known:
                    kill_tree(child)

    def _answer(self) -> bool:
        """Start a keeper for what is asked; return whether the driver is still there."""
        try:
            head, files, _, _ = socket.recv_fds(self._line, LENGTH.size, MOST_FILES)
            body = b"".join(self._receive(LENGTH.unpack(head)[0])) if head else b""
        except OSError:
            return False
        if not body:
            return False
        for file in files:
            os.set_inheritable(file, False)  # noqa: FBT003
        keeper = os.fork()
        if not keeper:
            self._bell.close()
            self._line.close()
            _run(lambda: Keeper(marshal.loads(body), files, self._gone).keep())
        self._known.add(keeper)
        for file in files:
            os.close(file)
        return True

    def _receive(self, n_bytes: int) -> Iterator[bytes]:
        while n_bytes:
            chunk = self._line.recv(n_bytes)
            if not chunk:
                raise ConnectionError("the driver is gone in the middle of what it asked for")
            n_bytes -= len(chunk)
            yield chunk


def _run(work: Callable[[], None]) -> None:
    """Do the work of a forked child, and end it."""
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


# A keeper


class Keeper:
    """Starts one program, tells how it ended, and sees to it that nothing of it is left.

    Args:
        request: the program's command line, its environment, the folder where it runs, and whether it may ask (`KEEP`,
            `COLLECT`).
        files: the socket to the driver; the program's line to this keeper if it may ask; then what the program has as
            its files from 1 on.
        gone: readable when the driver is gone.
    """

    def __init__(
        self, request: tuple[list[bytes], dict[bytes, bytes], bytes, bool], files: list[int], gone: int | None
    ) -> None:
        *_, is_asked = self._request = request
        self._line, *files = files
        self._asked = files.pop(0) if is_asked else None
        self._files = files
        self._gone = gone
        self._bell = Bell(*(file for file in (self._line, self._asked, gone) if file is not None))
        self._pid = 0
        self._status: int | None = None
        self._kept: set[int] = set()

    def keep(self) -> None:
        """Run the program to its end."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        if not self._start():
            return
        while self._status is None:
            ready = self._bell.wait()
            self._reap()
            if self._asked in ready:
                self._oblige()
            if self._gone in ready or (self._line in ready and not self._obey()):
                self._kill()
                return
        self._collect()
        self._tell(b"=%d\n" % self._status)

    def _start(self) -> bool:
        failed, fails = os.pipe()
        keeper = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            _run(lambda: self._become(keeper, fails))
        os.close(fails)
        for file in self._files:
            os.close(file)
        said = os.read(failed, 64)  # nothing, once the program has taken this process's place
        os.close(failed)
        self._tell(b"!%s\n" % said if said else b"+%d %d\n" % (self._pid, keeper))
        return not said

    def _become(self, keeper: int, fails: int) -> None:
        """Become the program; say why not where that fails: the errno, and whether it was the folder."""
        arguments, environment, folder, _ = self._request
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it died before the line above
            return
        for name in _NOT_INHERITED:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        files = [os.open(os.devnull, os.O_RDONLY), *self._files]
        fails = _above(fails, len(files))
        for number, file in enumerate([_above(file, len(files)) for file in files]):
            os.dup2(file, number)
        where = b"folder"
        try:
            os.chdir(folder)
            where = b"program"
            os.execvpe(arguments[0], arguments, environment)
        except OSError as error:
            os.write(fails, b"%d %s" % (error.errno or 0, where))

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # the driver is gone
            os.write(self._line, line)

    def _obey(self) -> bool:
        """Send the program, and all that came of it, the signals that the driver wants; return whether it is there."""
        try:
            wanted = os.read(self._line, 64)
        except OSError:
            wanted = b""
        for signum in wanted:
            if signum == signal.SIGKILL:
                self._kill()
            else:
                self._signal(signum)
        return wanted != b""

    def _signal(self, signum: int) -> None:
        alone = [(pid, born(pid)) for child in children(os.getpid()) for pid in tree(child)]
        _quietly(os.killpg, self._pid, signum)
        for pid, birth in alone:
            if birth and _group(pid) != self._pid and born(pid) == birth:
                _quietly(os.kill, pid, signum)

    def _oblige(self) -> None:
        """Do what the worker asks for between its trials."""
        assert self._asked is not None
        try:
            wanted = os.read(self._asked, 1)
        except OSError:
            wanted = b""
        if wanted == KEEP:
            self._kept = {child for child in children(os.getpid()) if child != self._pid}
        elif wanted == COLLECT:
            self._collect(spared=self._kept | {self._pid})
        else:  # it closed its end, or wrote what nobody knows
            self._bell.forget(self._asked)
            os.close(self._asked)
            self._asked = None
            return
        with contextlib.suppress(OSError):  # it ended meanwhile, which will be noticed
            os.write(self._asked, DONE)

    def _kill(self) -> None:
        """Kill the program and all that came of it."""
        if self._status is None:
            _quietly(os.killpg, self._pid, signal.SIGKILL)
        self._collect()

    def _collect(self, spared: set[int] | frozenset[int] = frozenset()) -> None:
        """Kill all children, and what is below them, until there are none but those that are spared."""
        if not spared and not os.path.isdir("/proc/self"):
            _quietly(os.killpg, self._pid, signal.SIGKILL)  # all that can be done
        until, pause = time.monotonic() + COLLECT_S, 0.0005
        while time.monotonic() < until:
            self._reap()
            left = [child for child in children(os.getpid()) if child not in spared]
            if not left:
                return
            for child in left:
                kill_tree(child)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)

    def _reap(self) -> None:
        ended = _ended()
        self._kept -= ended.keys()
        self._status = ended.get(self._pid, self._status)


def _above(file: int, least: int) -> int:
    """Return the file under a number that is `least` or more."""
    while file < least:
        file = os.dup(file)
    return file


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _quietly(send: Callable[[int, int], None], pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids signals to a zombie's group
        send(pid, signum)


# For trials in the driver itself


def watch(line: int, driver: int, mark: str) -> None:
    """Wait until the driver is gone, and kill what has its mark.

    When it hangs up, it needs nobody unless some of that still runs.
    """
    gone = _exit_file(driver)
    kill_abandoned()  # of the driver too, where it is gone already
    if gone is None or is_gone(driver_of(mark)):
        return
    bell = Bell(line, gone)
    while gone not in bell.wait():
        if not any(f"{found}/".startswith(f"{mark}/") for found in marks().values()):
            return
        bell.forget(line)
    kill_marked(mark)


def main(role: str, driver: int, mark: str) -> None:
    """Be what is asked for; file 0 is the line to the driver."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(signum, signal.SIG_IGN)
    if role == "serve":
        line = socket.socket(fileno=os.dup(0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # else keepers held it too, open when the guardian is dead
        Guardian(line, driver, mark).serve()
    elif not os.fork():  # nobody's child, so that the driver need not wait for it
        watch(0, driver, mark)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
