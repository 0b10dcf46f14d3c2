"""What commands print, and where it goes: the one door to stdout and stderr.

Whatever is printed for people passes `visible_lines`, so that no name, note or error can send a terminal an escape
sequence; what a stream's encoding cannot say is spelled in what it can; and a stream that cannot be written to ends the
command with one sentence.
"""

from __future__ import annotations

import codecs
import io
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from trimtab.execute.regular import is_open
from trimtab.surfaces.render.scatter import BEATEN, CHOSEN, FRONT, INFEASIBLE
from trimtab.surfaces.render.spark import BARS
from trimtab.text import to_json, visible_lines

SPELLED = "trimtab.spelled"
"""The name of the error handler that spells what an encoding cannot say."""

_PLAIN = (
    {"→": "->", "±": "+/-", "…": "...", "━": "#", "─": "-", "│": "|", "└": "+"}
    | dict(zip((BEATEN, FRONT, INFEASIBLE, CHOSEN), ".ox#", strict=True))
    | dict(zip(BARS, "_.,-~=*#", strict=True))
)
"""What stands for our own signs where the encoding lacks them. What is a piece of a picture is one character."""


class OutputError(Exception):
    """A stream that cannot be written to.

    Not an OSError, which click would take for its own affair. `is_enough` says that the reader went away, having seen
    enough.
    """

    def __init__(self, reason: str, *, is_enough: bool = False) -> None:
        super().__init__(f"cannot write to stdout: {reason}; what was printed is not complete.")
        self.is_enough = is_enough


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    text = "".join(_PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode() for char in lost)
    return text, error.end


codecs.register_error(SPELLED, _spell)


class _Raw(io.FileIO):
    """A file descriptor whose errors are told apart from all other errors of the operating system."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise OutputError("its reader is gone", is_enough=True) from None
        except OSError as error:
            raise OutputError(f"{error.strerror or error}") from None


class _Closed(io.RawIOBase):
    """Stands for a stdout that was closed before the command began."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:  # noqa: ARG002 - the signature of the base
        raise OutputError("it is closed")


def open_streams() -> None:
    """Make stdout and stderr fit to print on: any encoding, and errors that are recognised.

    A closed standard stream is opened on /dev/null first, lest the store's file become it.
    """
    was_closed = [fd for fd in (0, 1, 2) if not is_open(fd)]
    for fd in was_closed:
        found = os.open(os.devnull, os.O_RDWR)
        if found != fd:
            os.dup2(found, fd)
            os.close(found)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    raw = _Closed() if 1 in was_closed else _Raw(1, "w", closefd=False)
    is_terminal = raw.isatty()
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=SPELLED, line_buffering=is_terminal)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=SPELLED)


def close_stdout() -> None:
    """Write out what is still buffered.

    Raises:
        OutputError: that cannot be done.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def drop_stdout() -> None:
    """Forget what could not be written, so that the interpreter does not try it again as it ends."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process


def cells() -> int | None:
    """Return how wide a terminal stdout is; None where it is none, and lines may have any length."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def say(text: str = "", *, end: str = "\n") -> None:
    """Print text for people on stdout; all but its line breaks and tabs is made visible."""
    say_styled(visible_lines(text), end=end)


def say_styled(text: str, *, end: str = "\n") -> None:
    """Print text that was made visible already and holds colours of ours."""
    if sys.stdout is None:
        raise OutputError("it is closed")
    sys.stdout.write(text + end)


def complain(text: str) -> None:
    """Print text for people on stderr; if nobody can read it there, so be it."""
    try:
        sys.stderr.write(visible_lines(text) + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def say_json(value: object) -> None:
    """Print a value as JSON."""
    say_styled(to_json(value, indent=2, ascii_only=_is_ascii_only()))


def say_json_rows(rows: Iterable[object]) -> None:
    """Print many values as a JSON array, as `say_json` prints a list of them, without holding them all."""
    ascii_only = _is_ascii_only()
    ahead: Iterator[object] = iter(rows)
    opening = "["
    for row in ahead:
        say_styled(f"{opening}\n  {_indented(to_json(row, ascii_only=ascii_only))}", end="")
        opening = ","
    say_styled("[]" if opening == "[" else "\n]")


def _indented(line: str) -> str:
    """Return one line of JSON as `indent=2` writes it inside of an array."""
    import msgspec

    return msgspec.json.format(line, indent=2).replace("\n", "\n  ")


def _is_ascii_only() -> bool:
    """Return whether JSON, which is UTF-8 or plain ASCII, must be the latter here."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name != "utf-8"
