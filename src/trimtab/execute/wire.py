"""Messages between a driver and one worker: length-prefixed pickles over a socket pair.

Only plain values and this package's own message types travel, and only between a process and the child that it started.
"""

from __future__ import annotations

import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any

from trimtab.execute.objective import Source

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
class Halt:
    """Driver to worker: the running trial is to end at its next report."""

    reason: str


class Wire:
    """One end of a connection.

    Args:
        end: a connected stream socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: object) -> None:
        """Send one message; waits only while the buffers of the connection are full.

        Raises:
            OSError: the other end is gone.
        """
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
