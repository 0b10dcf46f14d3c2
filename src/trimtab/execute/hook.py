"""`trimtab.report`, for programs that Trimtab runs as commands: one JSON line per report, appended to a file.

The same program works without Trimtab: the line then goes to standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping

from trimtab.errors import ExecutorError, ObjectiveError, TrialStopped
from trimtab.execute import regular
from trimtab.execute.fold import FOLD, check_fold
from trimtab.execute.plain import Foreign, as_number, plain

REPORT_FILE = "TRIMTAB_REPORT_FILE"
"""Names, in the environment of a command, the file that its reports go to."""

HALT_SUFFIX = ".halt"
"""Added to the report file's name: the file that holds, once it exists, the reason to end."""

HALTED_SUFFIX = ".halted"
"""Added to the report file's name: the file by which the program says that it was told, so that what it gives as its
result from then on is not taken for that of a whole run."""


def report(
    step: float | None = None,
    /,
    values: Mapping[str, object] | None = None,
    *,
    fold: int | None = None,
    **named: object,
) -> None:
    """Report from a program that runs as a trial: with a step how it does on the way, without one its result.

    With a fold and no step it is the value of that fold.

    Example:
        ```python
        for epoch in range(10):
            trimtab.report(epoch, loss=train(epoch))
        trimtab.report(loss=validate())
        ```

    Args:
        step: how far the program is; None for the result, or for the value of a fold.
        values: {metric: number}, for names that are no Python names.
        fold: of which fold these are the values, counted from 0; None for the trial as a whole.
        named: more values.

    Raises:
        TrialStopped: the scheduler has ended the trial; let it pass, and the program ends as it should.
        ExecutorError: the report file cannot be written.
        ObjectiveError: there is nothing to report, a value is no number, or a fold is none.
    """
    said = {**(values or {}), **named}
    say(step, said, fold)
    if step is not None or fold is not None or FOLD in said:
        reason = halted()
        if reason is not None:
            raise TrialStopped(reason)


def say(step: float | None, values: Mapping[str, object], fold: object) -> None:
    """Write a report, and do not ask whether the trial is to end; the arguments and errors are those of `report`."""
    said = {str(name): _number(name, value) for name, value in values.items()}
    if not said:
        raise ObjectiveError("report reports nothing; give it values, as report(loss=0.3) or report(3, loss=0.3).")
    if "step" in said:
        raise ObjectiveError("the step comes first and without a name, as report(3, loss=0.3).")
    if fold is not None:
        said[FOLD] = check_fold(plain(fold)) or 0
    if step is not None:
        at = as_number(step)
        if at is None:
            raise ObjectiveError(f"report's step is a finite number, got {step!r}.")
        said = {"step": int(at) if at == int(at) else at, **said}
    _write(json.dumps(said))


def halted() -> str | None:
    """Return the reason why this program's trial is to end; None while it may go on."""
    path = os.environ.get(REPORT_FILE)
    if path is None:
        return None
    try:
        with open(regular.open_regular(path + HALT_SUFFIX), encoding="utf-8") as file:
            reason = file.read() or "the trial was halted."
    except OSError:  # there is none; or something else is in its place, which nobody but the program has put there
        return None
    with contextlib.suppress(OSError):  # a full disk: the trial then counts as what it gives
        os.close(os.open(path + HALTED_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644))
    return reason


def _number(name: str, value: object) -> float | int:
    number = plain(value)
    if isinstance(number, (bool, str, Foreign)) or not isinstance(number, (int, float)):
        raise ObjectiveError(f"report's {name} is {value!r}, a {type(value).__name__}; a metric is a number.")
    return number


def _write(line: str) -> None:
    path = os.environ.get(REPORT_FILE)
    if path is None:
        print(line, file=sys.stdout, flush=True)
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, line.encode() + b"\n")  # one write: lines of several processes do not mix
        finally:
            os.close(fd)
    except OSError as error:
        raise ExecutorError(f"cannot report to {path}: {error.strerror or error}.") from None
