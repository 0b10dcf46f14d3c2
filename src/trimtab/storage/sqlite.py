"""SQLite: one file, any number of processes on one machine.

Write-ahead logging, so that readers and the writer do not wait for each other, and a commit is one fsync. Waiting for
other writers is done here and not by SQLite's busy handler, whose sleeps grow while it waits: whoever has waited
longest is then woken last (seen: 8 s with 32 writers). Sleeps of constant mean length give all the same chance.

No connection is carried across a fork. Its locks belong to the parent's process, but SQLite keeps book of them in
memory, which the child inherits: a connection that the child opens would believe them its own. Seen: the parent closes
the file, finds no other user, and deletes the write-ahead log into which the child goes on writing.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from trimtab import forks
from trimtab.clock import SteadyClock
from trimtab.errors import StoreCorruptError, StoreError, StoreUnavailableError, StoreUrlError
from trimtab.ledger.chain import Head
from trimtab.storage import defence, watch
from trimtab.storage import url as urls
from trimtab.storage.dialect import SCHEMA_VERSION, Line, Row, Run, migrations, refuse_newer
from trimtab.storage.disk import disk_kind, is_network
from trimtab.storage.inode import Identity
from trimtab.storage.protocol import Finding
from trimtab.storage.watch import GAPS, Change, Files, Watch

T = TypeVar("T")

SHORTEST_FILE = 100
"""Bytes in the header of a SQLite file."""
APPLICATION_ID = 0x54724D54
"""Marks the file as ours ("TrMt"), in the place that SQLite keeps for it."""
PAUSE_S = (0.0002, 0.002)
"""Shortest and longest sleep between two tries for the write lock, in seconds."""
LOOK_AGAIN_S = 0.001
"""Seconds for which a reader takes the files to be as they were just seen; a look costs some microseconds."""
EXAMINE_SHARE = 0.05
"""The part of the time that may go into examining a file that others write."""
LOW_SPACE = 200 * 2**20
"""Bytes free on the disk below which a check warns."""

_INSERT = "INSERT INTO event (study, seq, at, kind, body, link) VALUES (?, ?, ?, ?, ?, ?)"
_HEAD = """
SELECT e.seq, e.link FROM study s LEFT JOIN event e ON e.study = s.id WHERE s.id = ? ORDER BY e.seq DESC LIMIT 1"""
_AS_OF_VERSION_1 = "CREATE TEMP VIEW event AS SELECT *, '' AS link FROM main.event"
"""Lets what reads the present schema read a file of version 1 that cannot be brought up to date."""
_FRESH = (0, 0)
"""The application id and the number of tables of a file that nobody has written to."""
_LINK = "SELECT link FROM event WHERE study = ? AND seq = ?"

# Connections that were in use at a fork by other means than Python's. SQLite forbids to use or close them in the child,
# so they are kept.
_inherited: list[sqlite3.Connection] = []


class SqliteDatabase:
    """A SQLite file."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = urls.sqlite_path(url)
        found = urls.options(url, ("timeout", "synchronous", "mode"))
        self._timeout = urls.seconds_option(url, found, "timeout", 60.0)
        self._synchronous = found.get("synchronous", "full").lower()
        if self._synchronous not in ("full", "normal"):
            raise StoreUrlError(
                f"{urls.redacted(url)!r}: synchronous is 'full' or 'normal', got {self._synchronous!r}."
            )
        self._mode = found.get("mode", "rw").lower()
        if self._mode not in ("rw", "ro", "salvage"):
            raise StoreUrlError(f"{urls.redacted(url)!r}: mode is 'rw', 'ro' or 'salvage', got {self._mode!r}.")
        if os.path.isdir(self.path):
            raise StoreUrlError(
                f"{urls.redacted(url)!r} is a folder: name a file in it, as in sqlite:///{self.path}/trimtab.db."
            )
        folder = self.path.parent
        if not os.path.isdir(folder):
            raise StoreUrlError(
                f"{urls.redacted(url)!r}: there is no folder {urls.redacted(str(folder))!r}; make it first, or correct "
                "the path."
            )
        # Later changes of the working directory must not lead to another file; and SQLite keeps its log beside the file
        # that a link leads to, not beside the link.
        self.path = Path(os.path.realpath(self.path))
        self._clock = SteadyClock()
        self._connection: sqlite3.Connection | None = None
        self._files: Files | None = None
        self._stranded: Identity | None = None
        self._looked_at = self._examine_at = 0.0
        self._read_only = False
        self.begin_anew(torn=False)
        forks.register(self)
        if self.exists():
            self._patiently(lambda _: None)

    # ---- forks

    def rest(self) -> None:
        """Let no connection into the child; both sides open one again when they need it."""
        with contextlib.suppress(StoreError, sqlite3.Error, Warning):  # whoever uses it next is told
            self._settle(writes=True)
        self._disconnect()

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - a transaction of another thread ends with the connection
        self.lock = threading.RLock()
        self._jitter = random.Random()  # our own, for the user's generators must not move
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

    # ---- the protocol

    def exists(self) -> bool:
        return self._connection is not None or self.path.exists()

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        sql = _spell(statement)

        def attempt(connection: sqlite3.Connection) -> list[Row]:
            most = self._n_bytes() + defence.SLACK
            given = sum(len(value) for value in values if isinstance(value, (str, bytes)))
            usual = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most + 4 * given)  # a character has up to 4 bytes
            try:
                return defence.fetched(connection.execute(sql, values), most, self.path)
            finally:
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)

        return self._patiently(attempt)

    def transact(self, work: Callable[[Run], T]) -> T:
        def attempt(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            result = work(lambda statement, values: connection.execute(_spell(statement), values).fetchall())
            connection.execute("COMMIT")
            return result

        return self._patiently(attempt, writes=True)

    def append(self, study: int, after: Head, at: float, lines: Sequence[Line]) -> bool:
        ends_with = (after.seq, after.link) if after.seq else (None, None)
        n_tries = 0

        def attempt(connection: sqlite3.Connection) -> bool:
            nonlocal n_tries
            n_tries += 1
            connection.execute("BEGIN IMMEDIATE")
            if n_tries > 1 and connection.execute(_LINK, (study, after.seq + len(lines))).fetchone() == (
                lines[-1].link,
            ):  # written by an earlier try, and found again in the files that are there
                connection.execute("ROLLBACK")
                return True
            if connection.execute(_HEAD, (study,)).fetchone() != ends_with:
                connection.execute("ROLLBACK")
                return False
            connection.executemany(_INSERT, [(study, seq, at, *line) for seq, line in enumerate(lines, after.seq + 1)])
            connection.execute("COMMIT")
            return True

        return self._patiently(attempt, writes=True)

    def now(self) -> float:
        return self._clock.now()

    def close(self) -> None:
        with self.lock:
            self._disconnect()
            self._files = None

    def __del__(self) -> None:
        if hasattr(self, "lock"):  # a URL that was refused has left nothing to close
            self.close()

    def check(self) -> list[Finding]:
        if not self.exists():
            return [Finding("ok", f"{self.url} does not exist yet; it is made with the first study")]
        findings = [*self._check_content(), *self._check_disk()]
        if self._read_only:
            findings.append(Finding("warning", f"{self.path} is read-only: studies can be read and not continued"))
        return findings

    # ---- connecting

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._files is not None and self._watch.look().main != self._files.main:  # it was closed for a fork
            raise self._replaced()
        self._read_only = self._mode != "rw" or (self.path.exists() and not _can_write(self.path))
        self._refuse_scraps()
        defence.refuse_companions(self.path)
        connection = self._open_file()
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        if not self._read_only:
            known, self._files = self._files, self._watch.look()
            if known is not None and known.main != self._files.main:
                connection.close()
                self._files = known
                raise self._replaced()
        return connection

    def _n_bytes(self) -> int:
        """Return how much the file and the log beside it hold."""
        if self._files is not None and self._files.log is not None:  # as they were just seen
            return self._files.stamp[0] + self._files.log_size
        log = self.path.with_name(f"{self.path.name}-wal")
        return sum(os.stat(file).st_size for file in (self.path, log) if os.path.exists(file))

    def _refuse_scraps(self) -> None:
        """Refuse a file that is shorter than a database's header; SQLite takes one of a single byte for empty.

        Only its size is looked at: to open and close the file would end the locks that other connections of this
        process hold on it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        """
        if self.path.exists() and 0 < self.path.stat().st_size < SHORTEST_FILE:
            raise StoreUrlError(f"{self.url!r} is not a database file: name another, or delete it.")

    def _disconnect(self) -> None:
        """Close the connection. The last one of all brings the log into the database and deletes it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_file(self) -> sqlite3.Connection:
        name = f"file:{quote(os.fsencode(self.path))}"  # by its bytes: a path need not be text
        if self._read_only:
            # With no log beside it the file is all there is, but SQLite would want to make one; "immutable" keeps it
            # from that. A writer may come at any time, so such a connection is used once.
            has_log = self.path.with_name(f"{self.path.name}-wal").exists()
            name += "?mode=ro" if has_log else "?mode=ro&immutable=1"
        return sqlite3.connect(
            name, uri=True, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=128
        )

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make sure that the file is ours and of this version, and set how it is written."""
        defence.restrict(connection)
        if self._mode == "salvage":
            connection.execute("PRAGMA writable_schema = ON")  # or SQLite reads nothing of a file whose end is gone
        connection.execute("BEGIN")
        [(application,)] = connection.execute("PRAGMA application_id")
        [(n_tables,)] = connection.execute("SELECT count(*) FROM sqlite_master")
        connection.execute("COMMIT")
        is_new = (application, n_tables) == _FRESH
        if not is_new and application != APPLICATION_ID:
            raise StoreUrlError(
                f"{self.url!r} is a database of another program: name a file of its own for Trimtab's studies."
            )
        version = 0
        if not is_new:
            defence.refuse_code(connection, self.path)
            version = self._version(connection)
            refuse_newer(version, self.url)
            defence.refuse_other_tables(connection, version, self.path, some=self._mode == "salvage")
        if self._read_only:
            if version == 1:
                connection.execute("PRAGMA temp_store = MEMORY")
                connection.execute(_AS_OF_VERSION_1)
            elif version < SCHEMA_VERSION:
                raise StoreUnavailableError(
                    f"{self.path} has schema {version} and must be brought to {SCHEMA_VERSION}, but it is read-only."
                )
            return
        # Write-ahead logging needs memory that all users share, which no network disk has.
        has_log = not is_network(self.path)
        connection.execute(f"PRAGMA journal_mode = {'WAL' if has_log else 'DELETE'}").fetchall()
        self._watch = Watch(self.path, has_log=has_log)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        if version < SCHEMA_VERSION:
            self._migrate(connection)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # makes the log, where there was none

    def _version(self, connection: sqlite3.Connection) -> int:
        try:
            row = connection.execute("SELECT schema_version FROM meta").fetchone()
        except sqlite3.DatabaseError:
            if self._mode != "salvage":
                raise
            row = (SCHEMA_VERSION,)
        if row is None or not isinstance(row[0], int) or row[0] < 1:
            raise StoreCorruptError(
                f"{self.path} is damaged: it does not say the version of its schema; restore a copy."
            )
        return row[0]

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        [(has_meta,)] = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'")
        version = self._version(connection) if has_meta else 0
        for statement in migrations("sqlite", version):  # none, if another process was faster
            connection.execute(_spell(statement))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")

    # ---- waiting and failing

    def _patiently(self, attempt: Callable[[sqlite3.Connection], T], *, writes: bool = False) -> T:
        """Call `attempt` until no other process stands in its way; leave no transaction open behind a failure."""
        give_up_at = None
        while True:
            try:
                with self.lock:  # and not while waiting: a fork, or another thread, need not wait with us
                    return self._once(attempt, writes=writes)
            except sqlite3.Error as error:
                if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise self._explained(error) from None
                now = time.monotonic()
                give_up_at = give_up_at or now + self._timeout
                if now >= give_up_at:
                    raise StoreUnavailableError(
                        f"{self.path} has been held by another process for {self._timeout:g} s: end that process "
                        f"(`fuser {self.path.name}` names it), or wait longer with ?timeout=600 after the URL."
                    ) from None
                time.sleep(self._jitter.uniform(*PAUSE_S))
            except UnicodeDecodeError:  # of a name in the schema, in SQLite's own words about it
                raise StoreCorruptError(
                    f"{self.path} is damaged: it holds text that is none; restore a copy."
                ) from None

    def _once(self, attempt: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        """Call `attempt`; again if what it wrote went into files that are not those that will be found."""
        try:
            while True:
                self._settle(writes=writes)
                connection = self._connected()
                n_changes = connection.total_changes
                result = attempt(connection)
                if connection.total_changes == n_changes or self._is_kept():
                    return result
        except BaseException:
            self._roll_back()
            raise
        finally:
            if self._read_only:
                self._disconnect()

    def _roll_back(self) -> None:
        if self._connection is None or not self._connection.in_transaction:
            return
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error:  # a disk that fails under us; a new connection will recover, or say what is wrong
            self._disconnect()

    # ---- files that change under our hands

    def _is_kept(self) -> bool:
        """Return whether what was just written lies in the files that will be found."""
        if self._files is None:
            return True
        now = self._watch.look()
        self._looked_at = time.monotonic()
        change = self._files.change(now)
        if change is Change.NONE or (change is Change.TOUCHED and now.stamp[0] >= self._files.stamp[0]):
            self._files = now  # our own commit checkpoints now and then
            return True
        self._looked_at = 0.0
        return False

    def _settle(self, *, writes: bool) -> None:
        """See that the connection works on the files that are there.

        Raises:
            StoreUnavailableError: they are not those that it was opened with, and others may work on them.
            StoreCorruptError: they were written over.
        """
        self._refuse_while_others_hold_a_deleted_log()
        if self._connection is None or self._files is None or self._read_only:
            return
        if not writes and time.monotonic() - self._looked_at < LOOK_AGAIN_S:
            return
        now = self._watch.look()
        match self._files.change(now):
            case Change.NONE:
                self._files = now
            case Change.REPLACED:
                self._watch.set_log_aside(self._files, now)
                raise self._replaced()
            case Change.TOUCHED:
                self._examine(self._connection, self._files, now)
            case Change.LOG_LOST:
                self._rescue(self._connection)
            case Change.LOG_SHARED_NO_MORE:
                watch.abandon(self._connection)
                self._connection = None
                raise StoreUnavailableError(
                    f"{self.path.name}-wal or -shm was deleted while {self.path} was in use, and another process made "
                    f"it anew: what this process wrote last may be missing; end every process that uses the store, and "
                    f"start again."
                )
            case Change.LOG_CUT:
                self._disconnect()

    def _examine(self, connection: sqlite3.Connection, known: Files, now: Files) -> None:
        """Examine a database that something else wrote to, unless it only grew and was examined a moment ago."""
        began = time.monotonic()
        if began < self._examine_at and now.stamp[0] >= known.stamp[0]:
            return
        problem = "it is empty" if now.stamp[0] < SHORTEST_FILE else watch.problem(connection)
        if problem:
            raise StoreCorruptError(
                f"{self.path} was written over while it was in use ({problem}): nothing was written; end every process "
                f"that uses it, put a whole copy in its place and delete {self.path.name}-wal, then start again."
            )
        ended = time.monotonic()
        self._examine_at = ended + (ended - began) / EXAMINE_SHARE
        self._files = now

    def _rescue(self, connection: sqlite3.Connection) -> None:
        """Bring what only a deleted log holds into the database, and begin anew with a log that has a name."""
        if not watch.checkpointed(connection):
            raise StoreUnavailableError(
                f"{self.path.name}-wal was deleted while {self.path} was in use, and what it held cannot be brought "
                f"into the database while others read it: end every other process that uses the store."
            )
        self._disconnect()
        self._stranded = self._watch.look().index  # the last to leave takes it away
        self._refuse_while_others_hold_a_deleted_log()
        warnings.warn(
            f"{self.path.name}-wal was deleted while {self.path} was in use; what it held was brought into the "
            f"database, and nothing is lost.",
            RuntimeWarning,
            stacklevel=2,
        )

    def _refuse_while_others_hold_a_deleted_log(self) -> None:
        """To open the database now would make a new log, while others go on in the old one."""
        if self._stranded is None:
            return
        if self._watch.look().index == self._stranded:
            raise StoreUnavailableError(
                f"{self.path.name}-wal was deleted while {self.path} was in use: what was acknowledged is safe in the "
                f"database; end every other process that uses it, and go on."
            )
        self._stranded = None

    def _replaced(self) -> StoreError:
        return StoreUnavailableError(
            f"{self.path} has been deleted or replaced while it was in use: nothing was written; put it back, or "
            f"start again."
        )

    def _explained(self, error: sqlite3.Error) -> StoreError:
        path = self.path
        match _code(error):
            case sqlite3.SQLITE_NOTADB if self._files is not None:
                return StoreCorruptError(f"{path} is no database any more, something wrote over it: restore a copy.")
            case sqlite3.SQLITE_NOTADB:
                return StoreUrlError(f"{self.url!r} is not a database file: name another, or delete it.")
            case sqlite3.SQLITE_CORRUPT:
                return StoreCorruptError(
                    f"{path} is damaged ({error}): restore a copy, or save what can be read with "
                    f"`trimtab doctor --store {self.url} --repair sqlite:///rescued.db`."
                )
            case sqlite3.SQLITE_FULL:
                return StoreUnavailableError(
                    f"the disk of {path} is full: nothing was written; free some space and run the same again."
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH | sqlite3.SQLITE_CANTOPEN as code:
                done = "written" if code == sqlite3.SQLITE_READONLY else "opened"
                reason = "the disk is read-only" if _is_read_only_disk(path) else "this user may not"
                return StoreUnavailableError(
                    f"{path} cannot be {done} ({reason}; {error}): allow reading and writing the file and its folder."
                )
            case sqlite3.SQLITE_IOERR:
                free = shutil.disk_usage(path.parent).free
                hint = "the disk is full" if free < 2**20 else f"{error}"
                return StoreUnavailableError(
                    f"{path} cannot be read or written ({hint}): look at the disk, then run again."
                )
            case code if code in _DAMAGED or "decode" in str(error):  # the driver's own words for text that is none
                return StoreCorruptError(f"{path} is damaged ({str(error)[:200]}): restore a copy.")
            case _:
                return StoreUnavailableError(f"{path} cannot be used: {error}.")

    # ---- checking

    def _check_content(self) -> list[Finding]:
        try:
            problems = [row[0] for row in self.query("PRAGMA integrity_check(5)")]
            [(version,)] = self.query("SELECT schema_version FROM @meta")
            [(journal,)] = self.query("PRAGMA journal_mode")
            gaps = self.query(GAPS)
        except StoreError as error:
            return [Finding("error", str(error))]
        findings = [Finding("ok", f"{self.path} has schema {version} and journal mode {journal}")]
        if problems != ["ok"]:
            findings.append(Finding("error", f"{self.path} is damaged: {problems[0]}", "restore a copy"))
        findings.extend(
            Finding("error", f"the log of study {name!r} lacks records", "restore a copy") for (name,) in gaps
        )
        return findings

    def _check_disk(self) -> list[Finding]:
        kind = disk_kind(self.path)
        free = shutil.disk_usage(self.path.parent).free
        findings = [Finding("ok", f"the disk is {kind or 'of an unknown kind'} with {free / 2**30:.1f} GB free")]
        if is_network(self.path):
            findings.append(
                Finding(
                    "warning",
                    f"{self.path} lies on a network disk ({kind}), whose locks SQLite cannot rely on",
                    "use it from one machine only, or keep studies in PostgreSQL",
                )
            )
        if free < LOW_SPACE:
            findings.append(Finding("warning", f"only {free / 2**20:.0f} MB are free", "free some space"))
        return findings


@cache
def _spell(statement: str) -> str:
    return statement.replace("@", "")


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code of SQLite; 0 for errors that Python's module itself raises."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_DAMAGED = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG))
"""What our statements, which are right, are answered with where the tables or their values are not ours."""


def _can_write(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return all(os.access(name, os.W_OK, effective_ids=effective) for name in (path, path.parent))


def _is_read_only_disk(path: Path) -> bool:
    return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
