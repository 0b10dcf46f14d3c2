"""Time that nobody sets: clocks that go on evenly, whatever happens to the wall clock of the machine.

Three questions, three clocks:

* *How long did it take?* `time.monotonic`: it cannot be set, and stands still while the machine sleeps, since a machine
  that sleeps works on nothing.
* *Has a lease run out?* `steady`: it cannot be set either, but goes on while the machine sleeps, for others do not.
* *When was that?* A `Clock`: seconds since the epoch, read once from a clock that may be set, and advanced by `steady`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

# Linux counts the time asleep in a clock of its own; elsewhere CLOCK_MONOTONIC does, or nothing says.
_STEADY = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

LEAP_S = 1.0
"""By how many seconds a log may run ahead of a clock before that is a leap: far above the skew of clocks that follow a
time server, far below any lease."""


def steady() -> float:
    """Return seconds since some moment: never set, never backwards, and counting the time that the machine slept."""
    return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


class Clock(Protocol):
    """What tells the time, in seconds since the epoch; it never goes backwards."""

    def now(self) -> float: ...


class SteadyClock:
    """A clock that was set once, by another that may be set at any time.

    Args:
        read: tells the seconds since the epoch; the machine's wall clock unless said otherwise.
    """

    def __init__(self, read: Callable[[], float] | None = None) -> None:
        self._origin = (read or time.time)() - steady()

    def now(self) -> float:
        return self._origin + steady()

    def approach(self, reading: float, at_most: float) -> None:
        """Move towards what another clock says now, by at most so many seconds: it may have drifted, or been set."""
        self._origin += max(-at_most, min(at_most, reading - self.now()))


class SimulatedClock:
    """A clock that moves only when told to."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: it would go backwards.
        """
        if seconds < 0:
            raise ValueError(f"a clock never goes backwards; got {seconds!r} seconds.")
        self._now += seconds


class LogClock:
    """The time in one log, whose records never go back: that of a clock, or that of the latest record if it is later.

    All who write into the log follow the one whose clock is ahead, so that times in it can be compared with each other
    whoever wrote them, and leases mean the same to all of them.

    Args:
        read: tells the time by this process's clock.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._ahead = 0.0
        self._latest = float("-inf")
        self._leapt_at = float("-inf")

    def now(self) -> float:
        """Return the time; never less than it said before, and never less than it has heard."""
        self._latest = max(self._latest, self._read() + self._ahead)
        return self._latest

    def hear(self, at: float) -> None:
        """Learn of a record's time: if it lies in the future, then that is the time."""
        behind = at - self.now()
        if behind <= 0:
            return
        self._ahead += behind
        if behind > LEAP_S:
            self._leapt_at = steady()

    def has_run_evenly_for(self, seconds: float) -> bool:
        """Return whether the last leap is longer ago than this; until then nobody's silence can be measured."""
        return steady() - self._leapt_at > seconds
