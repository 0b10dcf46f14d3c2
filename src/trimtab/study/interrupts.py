"""Ending in good order when the system says so, and not only when a person does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType

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


_SAID = "trimtab_said"
"""The attribute of an interrupt that was told of: what is still to be said, if it ends the program."""


def end_without_traceback(interrupt: KeyboardInterrupt, rest: str) -> None:
    """See to it that an interrupt which nobody catches ends the program in a line, as it ends other programs.

    Where it came is of no interest: wherever the program was when somebody pressed Ctrl-C. The program still dies of
    SIGINT, as Python's do, which shells take for 130. Another hook than Python's own is left in place, and whatever
    else ends the program is shown as before.

    Args:
        interrupt: what is passed on.
        rest: what is to be said; nothing if that was done.
    """
    setattr(interrupt, _SAID, rest)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    rest: str | None = getattr(error, _SAID, None)
    if rest is None:
        sys.__excepthook__(kind, error, trace)
    elif rest:
        print(rest, file=sys.stderr)
