"""Writing a file so that it is the old one or the new one, and never a part of either."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block ends well, what was written there takes the place of `path`.

    When it does not, `path` is as it was. A symbolic link stays one, and what it leads to is replaced; the new file has
    the mode of the old one and, where we may say so, its owner. Pipes and devices cannot be replaced: they are written
    to as they are.

    Raises:
        OSError: the folder or the file may not be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    old = _status(target)
    if old is not None and not stat.S_ISREG(old.st_mode):
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield path
        return
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    beside = target.with_name(f".trimtab-{os.urandom(6).hex()}.part")
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # as the umask will have it
    try:
        yield beside
        if old is not None:
            _resemble(beside, old)
        _sync(beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    with contextlib.suppress(OSError):  # not every disk can; the file itself is safe
        _sync(target.parent)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _resemble(path: Path, old: os.stat_result) -> None:
    """Give a file the owner and the mode of another one, as far as we may."""
    with contextlib.suppress(OSError, AttributeError):
        os.chown(path, old.st_uid, old.st_gid)
    path.chmod(stat.S_IMODE(old.st_mode))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
