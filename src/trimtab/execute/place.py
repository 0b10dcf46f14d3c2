"""Where a process is, and how it makes files: what even a trial in the user's own process gives back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


class Place:
    """The working directory and the file mode mask, as they are now."""

    def __init__(self) -> None:
        self._umask = file_mode_mask()
        try:
            self._folder: int | None = os.open(
                ".", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_PATH", 0)
            )
        except OSError:  # it was removed, this user may not read it, or it is Windows
            self._folder = None

    def put_back(self) -> bool:
        """Put it back; return whether that could be done."""
        os.umask(self._umask)
        if self._folder is None:
            return True
        try:
            os.fchdir(self._folder)  # by its file, which finds it under another name too
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the working directory. Safe to call twice."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


@contextlib.contextmanager
def kept_place() -> Iterator[None]:
    """Put back working directory and file mode mask at the end."""
    place = Place()
    try:
        yield
    finally:
        place.put_back()
        place.close()


def file_mode_mask() -> int:
    """Return the umask, without a moment in which it is another one where the system lets it be read."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
