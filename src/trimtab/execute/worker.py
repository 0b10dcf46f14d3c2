"""A worker: a process that loads the objective once and then runs one trial after another.

Started by `processes.py` as `python -m trimtab.execute.worker`; not to be started by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from trimtab.errors import ExecutorError, Terminated
from trimtab.execute import outcome
from trimtab.execute.broken import is_device_broken
from trimtab.execute.logs import Logs
from trimtab.execute.outcome import Outcome
from trimtab.execute.protocol import Exited, Message, Noted, Task
from trimtab.execute.requests_to_end import keep_from_forks
from trimtab.execute.strays import Keeper
from trimtab.execute.surroundings import Surroundings, begin_anew
from trimtab.execute.trial import Trial
from trimtab.execute.wire import Ask, Ended, Fold, Free, Halt, Job, Leave, Ready, Unusable, Wire

WIRE, JOB, KEEPER = 3, 4, 5
"""Files that a worker begins with: the socket to the driver; one that holds the pickled `Job`, which is read without
moving its position, since all workers share it; and the line to its keeper."""


def main() -> int:
    """Run trials until the driver hangs up."""
    begin_anew()
    wire = Wire(socket.socket(fileno=WIRE))
    _keep_from_programs(WIRE, JOB, KEEPER)
    faulthandler.enable()  # a crash in C code leaves its Python stack in stderr.log
    job: Job = pickle.loads(os.pread(JOB, os.fstat(JOB).st_size, 0))
    sys.path[:], sys.argv[:] = job.path, job.argv
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    try:
        objective = job.source.load()
        signal.signal(signal.SIGTERM, _terminate)
        keep_from_forks(_terminate)
        os.register_at_fork(after_in_child=wire.close)
        keeper = Keeper(KEEPER)
        wire.send(Ready())
        _serve(wire, objective, job.trials, keeper)
    except ExecutorError as error:
        wire.send(Unusable(str(error)))
        return 1
    except Terminated:
        _end_by(signal.SIGTERM)
    except (EOFError, BrokenPipeError, ConnectionError):  # the driver is gone, or needs this worker no more
        return 0
    return 0


def _serve(wire: Wire, objective: Callable[[Trial], object], trials: int | None, keeper: Keeper) -> None:
    """Run trials; the result of each is on its way before anything else is done about it."""
    before = Surroundings()
    done = 0
    while not isinstance(message := wire.receive(), Leave):
        if not isinstance(message, Task):
            continue  # a halt that came too late
        logs = _open_logs(wire, message)
        keeper.begin()
        ended = _run(wire, objective, message, logs)
        wire.send(Ended(ended.message, ended.is_broken))
        is_as_before = before.put_back()
        keeper.end()
        logs.close()
        done += 1
        # What a full memory or a broken device leaves behind is not for the next trial.
        is_spoilt = ended.is_broken or ended.message.failure == "oom" or not is_as_before
        if is_spoilt or done == trials:
            return
        device = is_device_broken()
        if device:
            return
        wire.send(Free(is_sound=device is False))


def _open_logs(wire: Wire, task: Task) -> Logs:
    """Return the attempt's logs; where there can be none, the trial runs all the same and a note says so."""
    try:
        return Logs(task.log_dir)
    except OSError as error:
        wire.send(Noted(task.number, task.attempt, "output", f"it was not kept: {error}."))
        return Logs(None)


def _run(wire: Wire, objective: Callable[[Trial], object], task: Task, logs: Logs) -> Outcome:
    try:
        with _written_to(logs):
            return outcome.run(objective, task, _Channel(wire, task.handle))
    except KeyboardInterrupt:
        return Outcome(Exited(task.number, task.attempt, failure="killed", error="the trial was interrupted (SIGINT)."))


class _Channel:
    """Passes a trial's messages to the driver, and the driver's to the trial."""

    def __init__(self, wire: Wire, handle: str) -> None:
        self._wire = wire
        self._handle = handle
        self._reason: str | None = None

    def send(self, message: Message | Ask) -> None:
        try:
            self._wire.send(message)
        except OSError:
            _end_by(signal.SIGKILL)  # the driver is gone: nobody waits for the rest

    def halted(self) -> str | None:
        if self._reason is None:
            try:
                arrived = self._wire.arrived()
            except EOFError:
                _end_by(signal.SIGKILL)
            self._reason = next((message.reason for message in arrived if isinstance(message, Halt)), None)
        return self._reason

    def next_fold(self) -> int | None:
        self.send(Ask())
        try:
            while self._reason is None:
                message = self._wire.receive()
                if isinstance(message, Fold) and message.handle == self._handle:
                    return message.fold
                if isinstance(message, Halt):
                    self._reason = message.reason
        except (EOFError, ConnectionError):
            _end_by(signal.SIGKILL)  # likewise
        return None


@contextlib.contextmanager
def _written_to(logs: Logs) -> Iterator[None]:
    """Let file descriptors 1 and 2 mean the attempt's logs: Python, C code and programs all write there."""
    kept = os.dup(1), os.dup(2)
    os.dup2(logs.out, 1)
    os.dup2(logs.err, 2)
    try:
        yield
    finally:
        _flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):  # the objective may have closed or replaced them
            stream.flush()  # type: ignore[union-attr]
    _libc().fflush(None)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _keep_from_programs(*fds: int) -> None:
    """Keep the worker's own files out of programs that the objective starts."""
    for fd in fds:
        os.set_inheritable(fd, False)  # noqa: FBT003


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise Terminated


def _end_by(signum: signal.Signals) -> NoReturn:
    """End this process as the signal would, so that the driver sees what ended it."""
    if signum != signal.SIGKILL:
        signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    os._exit(1)  # not reached: the signal is not blocked


if __name__ == "__main__":
    sys.exit(main())
