"""The report file of a program: read while the program writes it, whatever the program makes of it."""

from __future__ import annotations

import os
from pathlib import Path

from trimtab.execute import regular
from trimtab.execute.lines import Lines

MOST = 64 << 20
"""Bytes of a report file that are read; a million reports have about fifty."""

AT_ONCE = 1 << 20
"""Bytes that are read at one look, so that one talkative program does not keep the others waiting."""

REMEMBERED = 4096
"""Bytes before the place up to which was read, by which a file that was written anew is told from one that grew."""


class ReportFile:
    """A file of JSON lines that grows, or that is written anew (`>` where `>>` was meant, or a rename over it).

    Attributes:
        is_used: whether anything was read from it.
        fault: why no more is read, as the end of a sentence that begins with "its report file"; empty if all is well.
    """

    def __init__(self, path: Path) -> None:
        self.is_used = False
        self.fault = ""
        self._path = path
        self._lines = Lines()
        self._inode = 0
        self._read = 0
        self._before = b""

    def read(self) -> list[bytes]:
        """Return the lines that are new, as far as one look takes them in."""
        if self.fault:
            return []
        try:
            with regular.opened(self._path) as fd:
                return self._new(fd)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.fault = f"cannot be read: {error.strerror or error}"
            return []

    def rest(self) -> list[bytes]:
        """Return all that is left, a last line without an end too; for a program that has ended."""
        lines: list[bytes] = []
        for _ in range(MOST // AT_ONCE + 1):
            before = self._read
            lines += self.read()
            if self._read == before:
                break
        return lines + self._lines.end()

    def _new(self, fd: int) -> list[bytes]:
        status = os.fstat(fd)
        lines: list[bytes] = []
        if status.st_ino != self._inode or self._was_rewritten(fd, status.st_size):
            lines = self._lines.end()  # the last line may have had no end
            self._inode, self._read, self._before = status.st_ino, 0, b""
        if status.st_size > MOST:
            self.fault = f"is too large: it has {status.st_size:,} bytes, and {MOST:,} are read"
            return lines
        chunk = os.pread(fd, AT_ONCE, self._read)
        self._read += len(chunk)
        self._before = (self._before + chunk)[-REMEMBERED:]
        self.is_used |= bool(chunk)
        return lines + self._lines.feed(chunk)

    def _was_rewritten(self, fd: int, size: int) -> bool:
        kept = len(self._before)
        return size < self._read or os.pread(fd, kept, self._read - kept) != self._before
