"""Messages between a driver and one worker: length-prefixed pickles over a socket pair.

Only plain values and this package's own message types travel, and only between a process and the child that it started.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any

from trimtab.execute.objective import Source
from trimtab.execute.protocol import Exited

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16

_CHUNKS = 16
"""Chunks taken at once, so that one talkative worker does not keep the others waiting."""


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker of a driver begins with.

    Attributes:
        source: where the objective comes from.
        path, argv: the driver's `sys.path` and `sys.argv`, by which its modules and scripts mean the same thing there;
            paths are in full.
        trials: after so many trials the worker ends and a new one takes its place; None for never.
    """

    source: Source
    path: list[str]
    argv: list[str]
    trials: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker to driver: the objective is loaded."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Worker to driver: this worker cannot run trials, and another one could not either."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Worker to driver: the attempt is over. What is left to be done after it, comes after this.

    Attributes:
        exited: how it went.
        is_broken: whether its error says that the process is of no more use.
    """

    exited: Exited
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """Worker to driver: everything is as before the trial, and the next one may come.

    Attributes:
        is_sound: whether the worker's device was asked and still answers.
    """

    is_sound: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Driver to worker: end; another one takes the place."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Driver to worker: the running trial is to end at its next report."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Worker to driver: which fold comes next? Comes to a `Fold`, unless the trial is to end."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Driver to worker: the next fold of what runs under `handle`; None where none is left."""

    handle: str
    fold: int | None


class Wire:
    """One end of a connection.

    Args:
        end: a connected stream socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()
        self._pid = os.getpid()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: object) -> None:
        """Send one message; waits only while the buffers of the connection are full.

        Raises:
            OSError: the other end is gone, or this process is a fork of the one whose connection it is.
        """
        if os.getpid() != self._pid:
            raise OSError(f"this connection is process {self._pid}'s.")
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_LENGTH.pack(len(body)) + body)

    def receive(self) -> Any:
        """Wait for one message and return it.

        Raises:
            EOFError: the other end is gone.
        """
        while (message := self._next()) is None:
            self._fill(self._socket.recv(_CHUNK))
        return message

    def arrived(self) -> list[Any]:
        """Return the messages that have arrived, without waiting.

        Raises:
            EOFError: there are none, and the other end is gone.
        """
        for _ in range(_CHUNKS):
            try:
                chunk = self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                break
            except ConnectionError:
                chunk = b""
            if not chunk:
                messages = self._all()
                if not messages:
                    raise EOFError
                return messages
            self._fill(chunk)
            if len(chunk) < _CHUNK:
                break
        return self._all()

    def close(self) -> None:
        self._socket.close()

    def _fill(self, chunk: bytes) -> None:
        if not chunk:
            raise EOFError
        self._buffer += chunk

    def _next(self) -> Any:
        if len(self._buffer) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        message = pickle.loads(memoryview(self._buffer)[_LENGTH.size : end])
        del self._buffer[:end]
        return message

    def _all(self) -> list[Any]:
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages
