"""From a call of the objective to the message that says how it went."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NoReturn

from trimtab.errors import ObjectiveError, Terminated, TrialStopped, TrimtabError
from trimtab.execute.broken import is_broken
from trimtab.execute.descent import take_over
from trimtab.execute.plain import plain
from trimtab.execute.protocol import Exited, Message, Task
from trimtab.execute.trial import Channel, GivesFolds, Trial
from trimtab.text import hide_secrets, valid

LAST_LINES = 30
"""Lines of a traceback that are kept: the last, where the cause is."""

LONGEST_LINE = 500
"""Characters of one line of an error that are kept."""

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
"""Where this package lies: that an error of its own was raised there tells a user nothing."""

OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
"""Names by which machine-learning libraries call the exception for a full device."""

DEVICE_FULL = (
    *("RESOURCE_EXHAUSTED", "CUDA out of memory", "HIP out of memory", "MPS backend out of memory"),
    *("CUDA error: out of memory", "HIP error: out of memory", "CUDA_ERROR_OUT_OF_MEMORY"),
    *("cudaErrorMemoryAllocation", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"),
)
"""What such an exception says where it has no type of its own."""


class DriverFault(BaseException):
    """Carries a fault of the driver's through an objective that it is none of, to whoever runs the trial."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        message: for the driver.
        is_broken: whether the error says that its process is of no more use.
    """

    message: Exited
    is_broken: bool = False


class _Line:
    """A trial's channel: it knows whether the trial was told to end, and who may speak on it.

    Threads of the objective take turns. A process that the objective forked has the same objects, and the same open
    files behind them; what it said would be taken for the trial's own, in the middle of what that is saying.
    """

    def __init__(self, task: Task, channel: Channel) -> None:
        self._number = task.number
        self._channel = channel
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a signal's handler may report too
        self._is_over = False
        self.reason: str | None = None

    def send(self, message: Message) -> None:
        self._require_own()
        with self._lock:
            self._require_running()
            self._channel.send(message)

    def halted(self) -> str | None:
        self._require_own()
        with self._lock:
            self._require_running()
            self.reason = self.reason or self._channel.halted()
        return self.reason

    def next_fold(self) -> int | None:
        self._require_own()
        with self._lock:
            self._require_running()
            channel = self._channel
            assert isinstance(channel, GivesFolds)  # whoever gives a task that is shared has one
            return channel.next_fold()

    def close(self) -> None:
        """Hear nothing more: a thread that the objective left running must not speak in the next trial's name."""
        with self._lock:
            self._is_over = True

    def _require_own(self) -> None:
        if os.getpid() != self._pid:
            raise ObjectiveError(
                f"trial {self._number} runs in process {self._pid} and this is a fork of it, process {os.getpid()}: "
                "give back what is to be reported to the process that was given the trial, and report it there."
            )

    def _require_running(self) -> None:
        if self._is_over:
            raise TrialStopped(f"trial {self._number} is over; a thread that it left running cannot report for it.")


def run(objective: Callable[[Trial], object], task: Task, channel: Channel) -> Outcome:
    """Run one attempt in this process and return how it ended.

    Once a trial was told to end, however it then ends counts as stopped. What asks the process to end passes through
    (Ctrl-C, SIGTERM), and so do faults of the driver's; everything else that is raised, an `Exception` or not, is the
    trial's. A process that the objective forked and that comes out of it ends here.
    """
    pid = os.getpid()
    line = _Line(task, channel)
    values: object = None
    failure: str | None = None
    error = ""
    broken = False
    began = time.monotonic()
    try:
        try:
            take_over(task)
            values = plain(objective(Trial(task, line)))
        finally:
            if os.getpid() != pid:
                _end_fork(sys.exception())
    except TrialStopped as stopped:
        line.reason = line.reason or stopped.reason
    except SystemExit as left:
        failure = "exception"
        error = (
            f"the objective called sys.exit({left.code!r}); an objective returns its result, or raises.\n{_lines(left)}"
        )
    except (KeyboardInterrupt, Terminated, DriverFault):
        raise
    except BaseException as raised:  # asyncio.CancelledError, and what else a library has made of its own
        failure, error, broken = kind_of(raised), describe(raised, misuse(raised, task)), is_broken(raised)
    finally:
        line.close()
    seconds = time.monotonic() - began
    if line.reason is not None:
        return Outcome(Exited(task.number, task.attempt, stopped=line.reason, seconds=seconds), broken)
    return Outcome(Exited(task.number, task.attempt, values, failure, error, seconds=seconds), broken)


def _end_fork(error: BaseException | None) -> NoReturn:
    """End a forked process as Python would: with its traceback if it raised, with the code that it gave `sys.exit`."""
    status = 0
    with contextlib.suppress(BaseException):
        if isinstance(error, SystemExit):
            code = error.code
            status = 0 if code is None else code if isinstance(code, int) else 1
            if status == 1 and not isinstance(code, int):
                print(code, file=sys.stderr)
        elif error is not None:
            status = 1
            traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    os._exit(status & 0xFF)


def kind_of(error: BaseException) -> str:
    """Return the failure kind of an exception: "oom" for memory of host or device, else "exception"."""
    if isinstance(error, MemoryError) or any(cls.__name__ in OUT_OF_MEMORY for cls in type(error).__mro__):
        return "oom"
    text = _text(error)
    return "oom" if any(mark in text for mark in DEVICE_FULL) else "exception"


_OF_TRIAL = re.compile(r"\bTrial\b")
_OF_ARGUMENTS = re.compile(r"missing \d+ required|takes \d+ positional argument|unexpected keyword|positional-only")


def misuse(error: BaseException, task: Task) -> str:
    """Return what an objective gets, where its error shows that it took the trial for its parameters; else nothing.

    Those of many other tools get a dictionary, a list or keywords. What Python says then names the type that it met, or
    the arguments that the objective lacks. Who looks for a value in `trial.params` that is not there is told what is.
    """
    if isinstance(error, TrimtabError):
        return ""  # ours say it themselves
    if isinstance(error, KeyError):
        return _not_there(error, task)
    if not isinstance(error, (TypeError, AttributeError)):
        return ""
    text = _text(error)
    if isinstance(error, AttributeError) and isinstance(error.obj, dict) and error.name in task.params:
        return f"; trial.params is a dictionary: trial.params[{error.name!r}]"
    is_call = isinstance(error, TypeError) and _theirs(error.__traceback__) is None
    if not (_OF_ARGUMENTS.search(text) if is_call else _OF_TRIAL.search(text)):
        return ""
    name = next(iter(task.params), "lr")
    return f"; an objective gets one argument, a Trial, whose values are in trial.params, as trial.params[{name!r}]"


def _not_there(error: KeyError, task: Task) -> str:
    """Return what `trial.params` has, where a line looked for something else in it; nothing of another dictionary."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    key = error.args[0] if error.args else None
    if trace is None or not isinstance(key, str) or key in task.params:
        return ""
    line = traceback.extract_tb(trace, limit=1)[0].line or ""
    names = {name for name, value in trace.tb_frame.f_locals.items() if type(value) is dict and value == task.params}
    if not any(f"{name}[" in line for name in (*names, "params")):
        return ""
    there = ", ".join(task.params) or "nothing"
    return f"; trial.params has {there}, and what is not active in a trial is not there: trial.params.get({key!r})"


def describe(error: BaseException, hint: str = "") -> str:
    """Return an exception as text: one line that says it all, with a hint; then the last lines of its traceback."""
    lines = f"{summary(error)}{hint}\n{_lines(error)}".rstrip().split("\n")
    return "\n".join(map(hide_secrets, lines))  # a traceback quotes the code, and with it the URL of a store


def summary(error: BaseException) -> str:
    """Return an exception in one line, with the last place in the user's code, or a library's, that it came from."""
    first = next(iter(_text(error).splitlines()), "")
    name = type(error).__name__
    said = _cut(valid(f"{name}: {first}" if first else name))
    frames = traceback.extract_tb(_theirs(error.__traceback__))
    if not frames:
        return said
    place = next((frame for frame in reversed(frames) if not frame.filename.startswith(PACKAGE)), frames[-1])
    return f"{said} ({place.filename}:{place.lineno}, in {place.name})"


def _lines(error: BaseException) -> str:
    trace = _theirs(error.__traceback__)
    try:
        lines = "".join(traceback.format_exception(type(error), error, trace)).splitlines()
    except Exception:  # an exception whose own __str__ or __notes__ raise
        lines = "".join(traceback.format_tb(trace)).splitlines()
    return valid("\n".join(_cut(line) for line in lines[-LAST_LINES:]))


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
