"""Ending in good order when the system says so, and not only when a person does."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from trimtab.errors import Terminated
from trimtab.execute.requests_to_end import REQUESTS, keep_from_forks

_came: list[int] = []
"""The request to end that this process has got, until it dies of it."""


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn requests to end that nobody handles into `Terminated`, and die of them once all is put in order.

    What runs is then put back in line, and is not taken for a trial that kills its driver. A second request ends the
    process at once. Where the program handles these signals itself, or this is not its main thread, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    keep_from_forks(_terminate)
    taken = [signum for signum in REQUESTS if signal.getsignal(signum) is signal.SIG_DFL]
    for signum in taken:
        signal.signal(signum, _terminate)
    try:
        yield
    finally:
        for signum in taken:
            if signal.getsignal(signum) is _terminate:
                signal.signal(signum, signal.SIG_DFL)
        if _came:
            os.kill(os.getpid(), _came[0])


def _terminate(signum: int, _frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_DFL)
    _came.append(signum)
    raise Terminated
