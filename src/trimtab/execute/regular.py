"""Files in folders that trials may write to: opened only if they are regular ones, made anew whatever stands there.

A trial can put anything in the place of a file that Trimtab is about to open: a folder, a named pipe that blocks
whoever opens it, a device that never ends, a link to any of them or to a file of somebody else's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path

_SAFELY = reduce(or_, (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY")))
"""Neither wait, nor follow a link, nor hand the file on, nor take a terminal for our own; Windows has none of these."""


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Return a file descriptor of a regular file; never waits.

    Raises:
        FileNotFoundError: there is nothing of that name.
        OSError: it cannot be opened, or is no regular file.
    """
    _require_regular(path, os.lstat(path).st_mode)  # before it is opened: opening a device may do something
    fd = os.open(path, flags | _SAFELY)
    try:
        _require_regular(path, os.fstat(fd).st_mode)
    except OSError:
        os.close(fd)
        raise
    return fd


def create(path: Path, flags: int = os.O_WRONLY, mode: int = 0o644) -> int:
    """Return a file descriptor of a new, empty file; what stands in its place goes, as `clear` has it.

    Raises:
        OSError: it cannot be made.
    """
    clear(path)
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | _SAFELY, mode)


def write(path: Path, text: str) -> None:
    """Write a new file in place of whatever stands there.

    Raises:
        OSError: it cannot be written.
    """
    with open(create(path), "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def clear(path: Path) -> None:
    """See to it that there is nothing at `path`: what stands there is removed; a folder is moved aside.

    Raises:
        OSError: it cannot be.
    """
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):  # of a folder, Linux says the one and macOS the other
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise
        path.rename(path.with_name(f"{path.name}.{os.urandom(4).hex()}"))


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a regular file as `open_regular` does, and close it at the end."""
    fd = open_regular(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def kind_of(mode: int) -> str:
    """Return what a file is that is no regular one, for a sentence."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFLNK: "a link",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _require_regular(path: str | os.PathLike[str], mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {kind_of(mode)} and no file", os.fspath(path))


def is_open(fd: int) -> bool:
    """Return whether a file descriptor stands for a file."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
