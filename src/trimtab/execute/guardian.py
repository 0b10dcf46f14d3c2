"""Outlives a driver by a moment, to end the process groups that it leaves behind.

A program of its own that imports nothing of this package, so that it starts in milliseconds. It reads lines from its
standard input: `+pid` and `-pid` for process groups that begin and end. When the input ends, the driver is gone,
however that came about, and every group that is left is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read until the driver is gone, then kill what is left of it."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    main()
