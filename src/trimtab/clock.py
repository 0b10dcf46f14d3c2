"""Time, real and simulated, behind one protocol."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time, in seconds since the epoch, and waits."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class RealClock:
    """The machine's clock.

    Never runs backwards within a process: it starts at the wall clock and advances with the monotonic one. `offset`
    (seconds) aligns it with a server's clock.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._origin = time.time() - time.monotonic() + offset

    def now(self) -> float:
        return self._origin + time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class SimulatedClock:
    """A clock that moves only when told to; `sleep` advances it at once."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)
