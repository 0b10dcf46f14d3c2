"""The driver's side of the guardian: programs that are started so that nothing of them is left behind."""

from __future__ import annotations

import contextlib
import itertools
import marshal
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trimtab.errors import ExecutorError
from trimtab.execute.guardian import LENGTH, MARK, identity, kill_marked
from trimtab.execute.script import here

MOST_GUARDIANS = 3
"""How often a guardian that is killed while it starts a program is replaced for that program."""

END_S = 10.0
"""How long to wait for a keeper to have killed everything; what hangs in the kernel is then left to it."""

WATCHED_AFTER_S = 0.5
"""How long trials run in this process before it has a helper, whose start costs some 20 ms of CPU time."""

_numbers = itertools.count()


class Kept:
    """One program that runs below a keeper.

    Attributes:
        pid: the program's process, the leader of a session and a group of its own.
        keeper: the process above it, below which is all that comes of it.
        status: once it has ended and nothing of it is left, its exit code or negative signal; None before.

    Args:
        line: the socket to the keeper.
        pid, keeper: as above.
        mark: of all that comes of it.
    """

    def __init__(self, line: socket.socket, pid: int, keeper: int, mark: str) -> None:
        self.pid = pid
        self.keeper = keeper
        self.status: int | None = None
        self._line = line
        self._mark = mark
        self._said = b""
        self._driver = os.getpid()

    def fileno(self) -> int:
        """Return a file that can be read when there is something for `take_in`."""
        return self._line.fileno()

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the program and to all that came of it; no matter if it has ended."""
        with contextlib.suppress(OSError):
            self._line.send(bytes([signum]))

    def kill(self) -> None:
        """Kill the program and all that came of it, soon."""
        self.signal(signal.SIGKILL)

    def take_in(self) -> bool:
        """Take in what the keeper says, waiting for it if need be; return whether the program has ended."""
        if self.status is None:
            try:
                said = self._line.recv(64)
            except OSError:
                said = b""
            self._said += said
            if not said:  # the keeper was killed, and the program with it
                kill_marked(self._mark)
                self.status = -signal.SIGKILL
            elif self._said.endswith(b"\n"):
                self.status = int(self._said[1:])
        return self.status is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the end for so long; return whether it has come."""
        until = time.monotonic() + seconds
        while self.status is None:
            self._line.settimeout(max(0.0, until - time.monotonic()) or 0.001)
            try:
                self._line.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                return False
            except OSError:
                pass  # which is taken in as the end
            finally:
                self._line.settimeout(None)
            self.take_in()
        return True

    def close(self) -> None:
        """Kill what still runs, and wait until it is gone. Safe to call twice."""
        if self._line.fileno() < 0:
            return
        if self.status is None and os.getpid() == self._driver:  # a fork of the driver must not end what that runs
            self.kill()
            self.wait(END_S)
        self._line.close()


class Guardian:
    """Starts programs by a helper process, which outlives this one by a moment to kill all that came of them.

    The helper may itself be killed: what runs goes on, and another is started with the next program.
    """

    def __init__(self) -> None:
        self._mark = identity(os.getpid())
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def spawn(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: Sequence[int],
        *,
        folder: str | None = None,
        asks: bool = False,
    ) -> Kept:
        """Start a program in a session of its own.

        Args:
            arguments: its command line.
            environment: all of it; the mark is added.
            files: what it has as its files from 1 on; file 0 is empty, and it has no others.
            folder: where it runs; None for here.
            asks: give it, after `files`, a line to its keeper (`guardian.KEEP`, `guardian.COLLECT`).

        Raises:
            OSError: the program cannot be started, or no process can.
            ValueError: an argument or a variable holds a NUL character.
        """
        mark = f"{self._mark}/{next(_numbers)}"
        program = [os.fsencode(argument) for argument in arguments]
        variables = {os.fsencode(n): os.fsencode(v) for n, v in {**environment, MARK: mark}.items()}
        if any(b"\0" in text for text in (*program, *variables, *variables.values())):
            raise ValueError("embedded null byte")
        place = here() or "."
        where = os.fsencode(os.path.join(place, folder) if folder else place)
        body = marshal.dumps((program, variables, where, asks))
        for _ in range(MOST_GUARDIANS):
            answer, line = self._ask(body, files, asks=asks)
            if answer:
                break
            self.close()
        else:
            raise ExecutorError("the helper process that starts trials was killed again and again; see what kills it.")
        said = answer[1:].split()
        if answer[:1] == b"+":
            return Kept(line, int(said[0]), int(said[1]), mark)
        line.close()
        number = int(said[0])
        raise OSError(number, os.strerror(number), os.fsdecode(where if said[1] == b"folder" else program[0]))

    def _ask(self, body: bytes, files: Sequence[int], *, asks: bool) -> tuple[bytes, socket.socket]:
        """Return what a new keeper says first, nothing if it or the guardian was killed, and the line to it."""
        if self._line is None:
            self._start()
        assert self._line is not None
        ours, theirs = socket.socketpair()
        lines = [theirs, *(socket.socketpair() if asks else ())]
        keepers, programs = lines[: 1 + asks], lines[1 + asks :]
        with contextlib.ExitStack() as passed, contextlib.suppress(OSError):
            for end in lines:
                passed.callback(end.close)
            sent = [*(end.fileno() for end in keepers), *files, *(end.fileno() for end in programs)]
            socket.send_fds(self._line, [LENGTH.pack(len(body))], sent)
            self._line.sendall(body)
        answer = b""
        while not answer.endswith(b"\n"):
            said = ours.recv(1)  # no more than this line: the next may be there already
            if not said:
                ours.close()
                return b"", ours
            answer += said
        return answer, ours

    def _start(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._process = start_guardian("serve", self._mark, theirs.fileno())

    def close(self) -> None:
        """Let the helper go. Safe to call twice."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._process = None


class Watchman:
    """A helper process that kills what trials in this very process have started, once this process is gone.

    It is started when trials have run for a while, so that a quick study costs nothing; what a process leaves that was
    killed before, the next driver finds.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._line: int | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def begin(self) -> None:
        """Trials run from here on; call it as often as one begins."""
        if self._timer is None and os.path.isdir("/proc/self"):
            self._timer = threading.Timer(WATCHED_AFTER_S, self._start)
            self._timer.name, self._timer.daemon = "trimtab-watchman", True
            self._timer.start()

    def _start(self) -> None:
        with self._lock, contextlib.suppress(OSError):  # no process can be started: then none is watched
            if not self._is_closed:
                theirs, self._line = os.pipe()
                try:
                    start_guardian("watch", identity(os.getpid()), theirs).wait()
                finally:
                    os.close(theirs)

    def close(self) -> None:
        """Let the helper go, if nothing is left that it has to watch. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._is_closed = True
            if self._line is not None:
                os.close(self._line)
                self._line = None


def start_guardian(role: str, mark: str, line: int) -> subprocess.Popen[bytes]:
    """Start the guardian's program in one of its roles.

    Args:
        role: "serve" or "watch".
        mark: what the marks begin with that it is to look after.
        line: becomes its standard input.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("guardian.py")), role, str(os.getpid()), mark],
        stdin=line,
        stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != MARK},
        start_new_session=True,
    )
