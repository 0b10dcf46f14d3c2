"""What a command must never do, whatever it reads: an audit hook that notes it.

After `Watch.begin` everything is noted that runs code from elsewhere than installed packages, starts a program, opens a
connection, or writes outside of the folder that is given. Python tells a hook of all these
(https://docs.python.org/3/library/audit_events.html).
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

import trimtab

INSTALLED = tuple(
    {
        *(os.path.realpath(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(os.path.realpath(entry) for entry in sys.path if entry.endswith("site-packages")),
        str(Path(trimtab.__file__).resolve().parent),
    }
)
"""Where code may come from."""

FORBIDDEN = frozenset(
    (
        *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn", "os.startfile"),
        *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"),
        *("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "pickle.find_class", "code.__new__"),
        *("sqlite3.enable_load_extension", "sqlite3.load_extension", "webbrowser.open", "shutil.rmtree"),
    )
)
PATHS = {
    "os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.chmod": 1, "os.chown": 1, "os.utime": 1,
    "os.rename": 2, "os.link": 2, "os.symlink": 2, "sqlite3.connect": 1,
}  # fmt: skip
"""Events whose first arguments are paths that must lie in the folder."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PROGRAMS = ("git",)
"""Programs that a command may start: git says which commit a driver runs from."""


class Watch:
    """Notes what must not happen."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self._folder: str | None = None
        sys.addaudithook(self._hear)

    def begin(self, folder: Path) -> None:
        """Note from here on, and forget what was noted; only in `folder` may anything be written."""
        self.noted = []
        self._folder = os.path.realpath(folder)

    def end(self) -> None:
        self._folder = None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._folder is None:
            return
        if event == "exec":
            file = getattr(arguments[0], "co_filename", "?")
            if not file.startswith(("<frozen", *INSTALLED)) and not _makes_a_class():
                self._note(event, file)
        elif event == "open":
            path, mode, flags = arguments
            writes = bool(flags & WRITES) if isinstance(flags, int) else any(c in str(mode) for c in "wax+")
            if writes and not self._is_ours(path):
                self._note(event, path)
        elif event == "subprocess.Popen":
            if os.path.basename(str(arguments[0])) not in PROGRAMS:
                self._note(event, arguments[1])
        elif event == "import":
            name, file = arguments[:2]
            if file and not str(file).startswith(INSTALLED):
                self._note(event, f"{name} {file}")
        elif event in FORBIDDEN:
            self._note(event, arguments)
        elif event in PATHS:
            for path in arguments[: PATHS[event]]:
                if not self._is_ours(path):
                    self._note(event, path)

    def _note(self, event: str, what: object) -> None:
        self.noted.append(f"{event}: {what!r}"[:300])

    def _is_ours(self, path: Any) -> bool:
        if isinstance(path, int):  # a file that is open already
            return True
        text = os.fsdecode(path)
        if text in (os.devnull, ":memory:"):
            return True
        text = text.removeprefix("file:").partition("?")[0]
        real = os.path.realpath(text)
        return real == self._folder or real.startswith(f"{self._folder}{os.sep}")


def _makes_a_class() -> bool:
    """Return whether the code that runs is what the standard library writes for a named tuple or a data class."""
    frame = sys._getframe(2)
    makers = ("dataclasses.py", "collections/__init__.py", "functools.py", "enum.py", "typing.py")
    return frame is not None and frame.f_code.co_filename.endswith(makers)
