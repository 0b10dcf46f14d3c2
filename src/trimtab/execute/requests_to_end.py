"""Handlers of signals that end with the process that set them: what it forks dies of SIGTERM as any process does.

A pool of processes is ended by SIGTERM. If its processes had their parent's handler, they would raise where they should
end; and a signal that comes in the first moment after the fork would be lost, since Python then forgets what a handler
has not yet been called for, and whoever waits for that process would wait for ever.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Requests to end: what batch systems, machines that shut down and terminals that close send before they kill."""

Handler = Callable[[int, FrameType | None], Any]

_kept: set[Handler] = set()
_masks = threading.local()


def keep_from_forks(handler: Handler) -> None:
    """See to it that no process that this one forks has `handler` for a request to end."""
    if not hasattr(os, "register_at_fork"):
        return
    if not _kept:
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
    _kept.add(handler)


def _before() -> None:
    """Hold requests to end back, so that one which comes too early for the child waits until it is ready to die."""
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS)


def _after() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _after_in_child() -> None:
    for signum in REQUESTS:
        if any(signal.getsignal(signum) is handler for handler in _kept):
            signal.signal(signum, signal.SIG_DFL)
    _after()
