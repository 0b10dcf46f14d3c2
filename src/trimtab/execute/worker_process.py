"""A worker process, as its driver sees it; `worker.py` is the process itself."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from math import inf
from typing import IO, Literal

from trimtab.execute.guardian import tree
from trimtab.execute.keeping import Guardian
from trimtab.execute.memory import resident, settled
from trimtab.execute.protocol import Message, Task
from trimtab.execute.wire import Wire

TIDY_S = 10.0
"""Seconds that a worker has after a trial, to tidy up or to end, before it is killed: a broken device or a dead group
of processes can hold it for ever. The result has arrived by then."""


class WorkerProcess:
    """One worker process, from the driver's side.

    Attributes:
        kept, wire: the process and the connection to it.
        stage: "loading" the objective, "ready" for trials, "tidying" up after one, or "retired": it ends, and another
            will take its place.
        task: what it runs.
        n_done: trials that it has run.
        is_sound: whether its device was seen to answer after the last of them.
        new, leaked: bytes that it held before its first trial, and that it held beyond that before its last one.
        late_at: when it is killed if it has not gone on by then, by the monotonic clock.
    """

    def __init__(self, guardian: Guardian, job: IO[bytes], environment: Mapping[str, str], cwd: str) -> None:
        ours, theirs = socket.socketpair()
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close
        output = self._output.fileno()
        with theirs:
            self.kept = guardian.spawn(
                [
                    sys.executable,
                    "-P",  # a file in the working directory must not stand in for a module of Python's
                    *(f"-W{option}" for option in sys.warnoptions),
                    *("-m", "trimtab.execute.worker"),
                ],
                {**os.environ, **environment},
                [output, output, theirs.fileno(), job.fileno()],  # the last two are 3 and 4 there
                folder=cwd if os.path.isdir(cwd) else None,
                asks=True,
            )
        self.wire = Wire(ours)
        self.stage: Literal["loading", "ready", "tidying", "retired"] = "loading"
        self.task: Task | None = None
        self.n_done = 0
        self.is_sound = False
        self.new = self.leaked = 0
        self.late_at = inf

    @property
    def pid(self) -> int:
        return self.kept.pid

    def is_running(self, message: Message) -> bool:
        """Return whether a message is about the attempt that runs here."""
        task = self.task
        return task is not None and (task.number, task.attempt) == (message.number, message.attempt)

    def weigh(self, *, is_limited: bool) -> None:
        """See what it holds before a trial; for a limit those processes count too that earlier trials keep in it."""
        held = settled(tree(self.kept.keeper)[1:]) if is_limited else resident(self.pid)
        if not self.n_done:
            self.new = held
        self.leaked = max(0, held - self.new)

    def tidies(self) -> None:
        """Take note that it has run a trial, and is to say soon that it is fit for another."""
        self.stage = "tidying"
        self.late_at = time.monotonic() + TIDY_S

    def retire(self) -> None:
        """Take note that it ends, or see to it."""
        self.stage = "retired"
        self.late_at = time.monotonic() + TIDY_S

    def said(self) -> str:
        """Return the last line that it wrote outside of trials, as the end of a sentence."""
        size = os.fstat(self._output.fileno()).st_size
        tail = os.pread(self._output.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "backslashreplace")
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return f": {lines[-1]}" if lines else "; it wrote nothing"

    def close(self) -> None:
        """End the process if it has not ended, and close what belongs to it."""
        self.kept.close()
        self.wire.close()
        self._output.close()
