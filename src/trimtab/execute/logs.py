"""stdout.log and stderr.log of one attempt: whatever the process and its children write, C code included.

A log holds at most `MOST` bytes: the first half and the last half of what was written, with a line between them that
says how much was left out. An attempt that wrote nothing leaves no files behind.

A log is never worth a trial: but for opening one, nothing here raises what the disk, or a trial that did something to
its own folder, can bring about.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from trimtab.execute import regular

STDOUT, STDERR = "stdout.log", "stderr.log"

MOST = 10_000_000
"""Bytes that a log may hold when the attempt is over."""

_NOTE = re.compile(rb"\n\[trimtab left out (\d+) bytes here\]\n")


class Logs:
    """The two files of one attempt, open for appending.

    Attributes:
        out, err: file descriptors.

    Args:
        folder: where they lie; made if it does not exist. None for output that is kept nowhere.

    Raises:
        OSError: they cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._made: list[Path] = []
        if folder is None:
            self.out = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            self.err = os.dup(self.out)
            return
        self._made = [path for path in (folder, folder.parent) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self.out = _open(folder / STDOUT)
        try:
            self.err = _open(folder / STDERR)
        except OSError:
            os.close(self.out)
            raise

    def close(self) -> None:
        """Close the files; shorten what is long, and remove what is empty."""
        for fd in (self.out, self.err):
            with contextlib.suppress(OSError):
                os.close(fd)
        if self._folder is None:
            return
        tidy(self._folder)
        with contextlib.suppress(OSError):  # not empty: something was written
            for path in self._made:
                path.rmdir()


def tidy(folder: Path) -> None:
    """Shorten the logs of an attempt that is over, and remove those that are empty."""
    for name in (STDOUT, STDERR):
        path = folder / name
        with contextlib.suppress(OSError):
            size = _size(path)
            if not size:
                path.unlink(missing_ok=True)
            elif size > MOST:
                shorten(path)


def keep_short(folder: Path) -> None:
    """Shorten the logs of a running attempt once they are twice as long as they may be."""
    for name in (STDOUT, STDERR):
        with contextlib.suppress(OSError):
            if _size(folder / name) > 2 * MOST:
                shorten(folder / name)


def shorten(path: Path, most: int = MOST) -> None:
    """Leave the first and the last `most` / 2 bytes of a file, and say between them how much is gone.

    The file may be open for appending elsewhere: it is cut in place. What is written in this very moment may be lost.
    """
    half = most // 2
    with contextlib.suppress(OSError), open(regular.open_regular(path, os.O_RDWR), "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(half)
        note = _NOTE.match(file.read(64))  # of an earlier cut; it is no part of what was written
        written = size - len(note[0]) if note else size
        if written <= most:
            return
        file.seek(size - half)
        tail = file.read(half)
        file.truncate(half)
        file.seek(half)
        left_out = written - 2 * half + (int(note[1]) if note else 0)
        file.write(b"\n[trimtab left out %d bytes here]\n" % left_out + tail)


def last_lines(path: Path, n: int = 5, most: int = 4096) -> list[str]:
    """Return up to `n` last lines of a file that are not blank; none if there is no such file."""
    try:
        with open(regular.open_regular(path), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - most))
            text = file.read(most).decode("utf-8", "backslashreplace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-n:]


def _size(path: Path) -> int:
    with regular.opened(path) as fd:
        return os.fstat(fd).st_size


def _open(path: Path) -> int:
    return regular.create(path, os.O_WRONLY | os.O_APPEND)
