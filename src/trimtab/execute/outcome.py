"""From a call of the objective to the message that says how it went."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from types import TracebackType

from trimtab.errors import TrialStopped
from trimtab.execute.plain import clean, plain
from trimtab.execute.protocol import Exited, Task
from trimtab.execute.trial import Channel, Trial
from trimtab.text import hide_secrets

LAST_LINES = 30
"""Lines of a traceback that are kept: the last, where the cause is."""

LONGEST_LINE = 500
"""Characters of one line of an error that are kept."""

OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
"""Names by which machine-learning libraries call the exception for a full device."""


class _Listening:
    """A channel that remembers whether the trial was told to end."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.send = channel.send
        self.reason: str | None = None

    def halted(self) -> str | None:
        self.reason = self.reason or self._channel.halted()
        return self.reason


def run(objective: Callable[[Trial], object], task: Task, channel: Channel) -> Exited:
    """Run one attempt in this process and return how it ended.

    Once a trial was told to end, however it then ends counts as stopped. KeyboardInterrupt and whatever else is no
    `Exception` pass through, but for `sys.exit`, which ends the trial and not the process.
    """
    heard = _Listening(channel)
    values: object = None
    failure: str | None = None
    error = ""
    began = time.monotonic()
    try:
        values = plain(objective(Trial(task, heard)))
    except TrialStopped as stopped:
        heard.reason = heard.reason or stopped.reason
    except SystemExit as left:
        failure = "exception"
        error = (
            f"the objective called sys.exit({left.code!r}); an objective returns its result, or raises.\n{_lines(left)}"
        )
    except Exception as raised:
        failure, error = kind_of(raised), describe(raised)
    seconds = time.monotonic() - began
    if heard.reason is not None:
        return Exited(task.number, task.attempt, stopped=heard.reason, seconds=seconds)
    return Exited(task.number, task.attempt, values, failure, error, seconds=seconds)


def kind_of(error: BaseException) -> str:
    """Return the failure kind of an exception: "oom" for memory of host or device, else "exception"."""
    if isinstance(error, MemoryError) or any(cls.__name__ in OUT_OF_MEMORY for cls in type(error).__mro__):
        return "oom"
    return "oom" if "RESOURCE_EXHAUSTED" in _text(error) or "CUDA out of memory" in _text(error) else "exception"


def describe(error: BaseException) -> str:
    """Return an exception as text: one line that says it all, then the last lines of its traceback."""
    lines = f"{summary(error)}\n{_lines(error)}".rstrip().split("\n")
    return "\n".join(map(hide_secrets, lines))  # a traceback quotes the code, and with it the URL of a store


def summary(error: BaseException) -> str:
    """Return an exception in one line, with the place where it was raised."""
    first = next(iter(_text(error).splitlines()), "")
    name = type(error).__name__
    said = _cut(clean(f"{name}: {first}" if first else name))
    frames = traceback.extract_tb(_theirs(error.__traceback__))
    if not frames:
        return said
    place = frames[-1]
    return f"{said} ({place.filename}:{place.lineno}, in {place.name})"


def _lines(error: BaseException) -> str:
    trace = _theirs(error.__traceback__)
    try:
        lines = "".join(traceback.format_exception(type(error), error, trace)).splitlines()
    except Exception:  # an exception whose own __str__ or __notes__ raise
        lines = "".join(traceback.format_tb(trace)).splitlines()
    return clean("\n".join(_cut(line) for line in lines[-LAST_LINES:]))


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without this module's own frames, which tell a user nothing."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:
        return f"<its message cannot be shown: {type(second).__name__}>"


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 3] + "..."
