"""A real terminal for tests: a pseudo-terminal of a given size, with what a process writes to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROWS = 60

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""The only escape sequences that a table may hold: colours."""


def capture(argv: Sequence[str], columns: int, folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program on a terminal of `columns` and return all that it wrote there."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"} | dict(env or {})
    environment.pop("TRIMTAB_STORE", None)
    pid, terminal = pty.fork()
    if not pid:
        try:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
            os.chdir(folder)
            os.execve(argv[0], list(argv), environment)
        finally:
            os._exit(127)
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO once the last process has closed the terminal
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    os.waitpid(pid, 0)
    return b"".join(parts).decode()


def commands(calls: Sequence[Sequence[str]], columns: int, folder: Path, **env: str) -> list[str]:
    """Run commands one after another on one terminal, and return what each wrote there."""
    return capture(_program(calls), columns, folder, env).replace("\r\n", "\n").split("\x1e")[1:]


def piped(calls: Sequence[Sequence[str]], folder: Path, **changed: str) -> list[bytes]:
    """Run commands one after another without a terminal, and return what each wrote to stdout; stderr stays empty."""
    env = {name: value for name, value in os.environ.items() if name != "TRIMTAB_STORE"} | {"TZ": "UTC"}
    env |= {"PYTHONUTF8": "1"} | changed
    done = subprocess.run(_program(calls), cwd=folder, env=env, capture_output=True, check=True, timeout=120)
    assert done.stderr == b""
    return done.stdout.split(b"\x1e")[1:]


def _program(calls: Sequence[Sequence[str]]) -> list[str]:
    program = [sys.executable, str(HERE / "terminal_child.py")]
    for call in calls:
        program += [*call, "--then"]
    return program


def plain(text: str) -> str:
    """Return text without its colours."""
    return SGR.sub("", text)
