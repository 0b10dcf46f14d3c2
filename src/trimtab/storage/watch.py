"""The files of an open SQLite database: whether they are still those that it was opened with.

A connection holds on to files, not to names. When somebody deletes or replaces one, or writes over it without SQLite's
locks, everything seems to go on: what is written then lies in files that nobody will find, or is overwritten.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import time
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from trimtab.storage.inode import Identity, file_at

CHECKPOINT_TRIES = 100
"""How often, `CHECKPOINT_PAUSE_S` apart, a checkpoint waits for those who read: they do so for milliseconds."""
CHECKPOINT_PAUSE_S = 0.02

GAPS = """
SELECT s.name FROM study s JOIN event e ON e.study = s.id
GROUP BY s.id, s.name HAVING count(*) <> max(e.seq) OR min(e.seq) <> 1"""
"""Names the studies whose logs lack records."""


class Change(Enum):
    """What became of the files since they were looked at."""

    NONE = auto()
    REPLACED = auto()
    """The database itself is gone, or another file has its name."""
    LOG_LOST = auto()
    """The write-ahead log has no name any more: the connection still holds it, and nobody else will find it."""
    LOG_SHARED_NO_MORE = auto()
    """Log or index have other files in their places: another process works there without seeing us, nor we it."""
    LOG_CUT = auto()
    """The write-ahead log became shorter."""
    TOUCHED = auto()
    """The database was written, and not by this connection: by a checkpoint of another one, or by who knows what."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files at one moment; an identity is None where there is no file.

    Attributes:
        main: the database.
        stamp: its size in bytes and its time of modification in nanoseconds.
        log: the write-ahead log (-wal).
        log_size: in bytes.
        index: the shared memory beside it (-shm).
    """

    main: Identity | None
    stamp: tuple[int, int]
    log: Identity | None
    log_size: int
    index: Identity | None

    def change(self, now: Files) -> Change:
        """Return the gravest thing that happened to these files up to `now`."""
        if now.main is None or now.main != self.main:
            return Change.REPLACED
        if (self.log, self.index) != (now.log, now.index):
            is_elsewhere = any(
                there is not None and there != ours for there, ours in ((now.log, self.log), (now.index, self.index))
            )
            return Change.LOG_SHARED_NO_MORE if is_elsewhere else Change.LOG_LOST
        if now.log_size < self.log_size:
            return Change.LOG_CUT
        return Change.NONE if now.stamp == self.stamp else Change.TOUCHED


class Watch:
    """Looks at the files of one database. With a rollback journal only the database itself is looked at."""

    def __init__(self, path: Path, *, has_log: bool) -> None:
        self._main = str(path)
        self._log = f"{path}-wal"
        self._index = f"{path}-shm"
        self._beside = os.fsencode(self._log), os.fsencode(self._index)
        self._has_log = has_log

    def look(self) -> Files:
        """Return the files as they are now."""
        main = _status(self._main)
        identity = None if main is None else (main.st_dev, main.st_ino)
        if not self._has_log:  # every commit writes the database
            return Files(identity, (0, 0), None, 0, None)
        stamp = (0, 0) if main is None else (main.st_size, main.st_mtime_ns)
        log, index = map(file_at, self._beside)
        return Files(
            identity,
            stamp,
            None if log is None else log[0],
            0 if log is None else log[1],
            None if index is None else index[0],
        )

    def set_log_aside(self, known: Files, now: Files) -> None:
        """Take our log from beside a database that it does not belong to: whoever opens that would apply it."""
        if now.main is None or now.log is None or now.log != known.log or self._leads_to(known.main):
            return
        for name in (self._log, self._index):
            with contextlib.suppress(OSError):
                os.rename(name, f"{name}.replaced")

    def _leads_to(self, main: Identity | None) -> bool:
        """Return whether the database was only moved, and a link to it put in its place: then the log is still its."""
        with contextlib.suppress(OSError):
            there = os.stat(self._main)
            return (there.st_dev, there.st_ino) == main
        return False


def problem(connection: sqlite3.Connection) -> str:
    """Return what is wrong with a database that something wrote to; empty where it is whole, as after a checkpoint.

    Pages that were read before are forgotten first: the connection would believe them.
    """
    connection.execute("PRAGMA shrink_memory")
    [(found,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        return str(found)
    gaps = connection.execute(GAPS).fetchall()
    return f"study {gaps[0][0]!r} lacks records" if gaps else ""


def checkpointed(connection: sqlite3.Connection) -> bool:
    """Bring the whole log into the database; return False if others read it all the time."""
    for _ in range(CHECKPOINT_TRIES):
        [(is_busy, n_frames, n_done)] = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        if not is_busy and n_frames == n_done:
            return True
        time.sleep(CHECKPOINT_PAUSE_S)
    return False


def abandon(connection: sqlite3.Connection) -> None:
    """Let go of a connection and never close it: that would write its log over what others have written."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _status(path: str) -> os.stat_result | None:
    """Return what is at a path: a link is not what it leads to, for whoever opens it finds another log there."""
    try:
        return os.lstat(path)
    except OSError:
        return None
