"""PostgreSQL: one database, any number of machines.

An append is one statement and so one round trip. The clock is the server's, so that leases mean the same everywhere.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from trimtab.errors import (
    MissingExtraError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
    StoreUrlError,
)
from trimtab.ledger.chain import Head
from trimtab.storage import url as urls
from trimtab.storage.dialect import SCHEMA_VERSION, Line, Row, Run, migrations, refuse_newer
from trimtab.storage.protocol import Finding

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10
CLOCK_AGE_S = 600.0
"""Seconds after which the server's clock is looked at again: good quartz drifts by 30 ms in that time."""
CLOCK_SKEW_S = 5.0
"""Difference between the clocks of server and machine, in seconds, from which a check warns."""
OLDEST_SERVER = 130000
MIGRATION_LOCK = 0x54724D54
"""Key of the advisory lock under which the tables are made."""
PAUSE_S = (0.1, 2.0)
"""First and longest pause between two tries to reach a server that went away, in seconds."""

_APPEND = """
INSERT INTO @event (study, seq, at, kind, body, link)
SELECT ?, ?::bigint + new.i, ?, new.kind, new.body, new.link
FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS new (kind, body, link, i)
WHERE coalesce((SELECT seq || ' ' || link FROM @event WHERE study = ? ORDER BY seq DESC LIMIT 1), '0 ') = ?
AND EXISTS (SELECT FROM @study WHERE id = ?)"""
_LINK = "SELECT link FROM @event WHERE study = ? AND seq = ?"

# Conditions that pass by themselves: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AGAIN = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction was rolled back and may be done again."""
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "08000", "08003", "08006"})
"""The server ended the connection, or is starting or stopping."""


class PostgresqlDatabase:
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self.url = urls.redacted(url)
        found = urls.options(url, None)
        self._timeout = urls.seconds_option(url, found, "timeout", 60.0)
        schema = found.get("schema", "trimtab")
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise StoreUrlError(
                f"{self.url!r}: schema is a name of small letters, digits and underscores, got {schema!r}."
            )
        self._schema = schema
        self._conninfo = urls.without_options(url, ("schema", "timeout"))
        self._driver = _load_driver()
        self._spelt: dict[str, str] = {}
        self._connection: psycopg.Connection[Row] | None = None
        self._begin_anew()
        with self._lock:
            self._connection = self._connect()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._offset = 0.0
        self._offset_at = float("-inf")

    # ---- the protocol

    def exists(self) -> bool:
        return True

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._patiently(lambda connection: self._run(connection, statement, values))

    def transact(self, work: Callable[[Run], T]) -> T:
        def attempt(connection: psycopg.Connection[Row]) -> T:
            with connection.transaction():
                return work(lambda statement, values: self._run(connection, statement, values))

        return self._patiently(attempt)

    def append(self, study: int, after: Head, at: float, lines: Sequence[Line]) -> bool:
        columns = [list(column) for column in zip(*lines, strict=True)]
        values = (study, after.seq, at, *columns, study, f"{after.seq} {after.link}", study)
        n_tries = 0

        def attempt(connection: psycopg.Connection[Row]) -> bool:
            nonlocal n_tries
            n_tries += 1
            try:
                if connection.execute(self._spell(_APPEND), values).rowcount == len(lines):
                    return True
            except self._driver.errors.UniqueViolation:
                pass
            if n_tries == 1:
                return False
            # An earlier try may have been committed and only its answer lost. The link tells whose records these are:
            # no two writers append the same events in the same microsecond.
            return self._run(connection, _LINK, (study, after.seq + len(lines))) == [(lines[-1].link,)]

        return self._patiently(attempt)

    def now(self) -> float:
        if time.monotonic() - self._offset_at > CLOCK_AGE_S or self._pid != os.getpid():
            self._patiently(self._read_clock)
        return time.time() + self._offset

    def close(self) -> None:
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __del__(self) -> None:
        if hasattr(self, "_lock"):  # a URL that was refused has left nothing to close
            self.close()

    def check(self) -> list[Finding]:
        try:
            [(version,)] = self.query("SELECT schema_version FROM @meta")
            [(server, number)] = self.query(
                "SELECT current_setting('server_version'), current_setting('server_version_num')::int"
            )
            [(durable,)] = self.query("SELECT current_setting('synchronous_commit')")
            gaps = self.query(
                "SELECT s.name FROM @study s JOIN @event e ON e.study = s.id "
                "GROUP BY s.id, s.name HAVING count(*) <> max(e.seq) OR min(e.seq) <> 1"
            )
            self._patiently(self._read_clock)
        except StoreError as error:
            return [Finding("error", str(error))]
        findings = [Finding("ok", f"{self.url} is PostgreSQL {server} with schema {version} in {self._schema!r}")]
        if number < OLDEST_SERVER:
            findings.append(Finding("warning", f"PostgreSQL {server} is older than 13, the oldest that is tested"))
        if durable == "off":
            findings.append(
                Finding(
                    "warning",
                    "synchronous_commit is off: the last results are lost when the server's machine fails",
                    "set synchronous_commit = on for this database",
                )
            )
        if abs(self._offset) > CLOCK_SKEW_S:
            findings.append(
                Finding(
                    "warning",
                    f"this machine's clock is {abs(self._offset):.0f} s {'behind' if self._offset > 0 else 'ahead of'} "
                    f"the server's; times are the server's",
                    "let both follow a time server",
                )
            )
        findings.extend(
            Finding("error", f"the log of study {name!r} lacks records", "restore a copy") for (name,) in gaps
        )
        return findings

    # ---- connecting

    def _connect(self) -> psycopg.Connection[Row]:
        try:
            connection: psycopg.Connection[Row] = self._driver.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="trimtab",
                client_encoding="utf8",
            )
        except self._driver.Error as error:
            raise self._not_connected(error) from None
        try:
            self._migrate(connection)
            self._read_clock(connection)
        except self._driver.Error as error:
            connection.close()
            raise self._explained(error) from None
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: psycopg.Connection[Row]) -> None:
        version = self._version(connection)
        refuse_newer(version, self.url)
        if version == SCHEMA_VERSION:
            return
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            if connection.execute("SELECT to_regnamespace(%s)", (self._schema,)).fetchone() == (None,):
                connection.execute(f'CREATE SCHEMA "{self._schema}"'.encode())
            for statement in migrations("postgresql", self._version(connection)):  # none, if another was faster
                connection.execute(self._spell(statement))

    def _version(self, connection: psycopg.Connection[Row]) -> int:
        if connection.execute("SELECT to_regclass(%s)", (f'"{self._schema}".meta',)).fetchone() == (None,):
            return 0
        rows = self._run(connection, "SELECT schema_version FROM @meta", ())
        if not rows:
            raise StoreCorruptError(f"{self.url} is damaged: its table of versions is empty; restore a copy.")
        return int(rows[0][0])

    def _read_clock(self, connection: psycopg.Connection[Row]) -> None:
        """Take the server's clock for what it said halfway between question and answer; the best of three counts."""
        best = float("inf")
        for _ in range(3):
            asked = time.monotonic()
            [(server,)] = self._run(connection, "SELECT extract(epoch FROM clock_timestamp())::float8", ())
            answered = time.monotonic()
            if answered - asked < best:
                best = answered - asked
                self._offset = server + best / 2 - time.time()
        self._offset_at = time.monotonic()

    def _leave_to_parent(self) -> None:
        """Forget what belongs to the process that this one was forked from; psycopg leaves its socket alone."""
        self._connection = None
        self._begin_anew()

    # ---- waiting and failing

    def _spell(self, statement: str) -> bytes:
        spelt = self._spelt.get(statement)
        if spelt is None:
            spelt = statement.replace("?", "%s").replace("@", f'"{self._schema}".')
            self._spelt[statement] = spelt
        return spelt.encode()

    def _run(self, connection: psycopg.Connection[Row], statement: str, values: Sequence[Any]) -> list[Row]:
        cursor = connection.execute(self._spell(statement), values)
        return cursor.fetchall() if cursor.description is not None else []

    def _patiently(self, attempt: Callable[[psycopg.Connection[Row]], T]) -> T:
        """Call `attempt`; again on a new connection if the server went away, again if transactions collided."""
        if self._pid != os.getpid():
            self._leave_to_parent()
        with self._lock:
            while True:
                try:
                    if self._connection is None:
                        self._connection = self._connect()
                    return attempt(self._connection)
                except self._driver.Error as error:
                    if error.sqlstate in _AGAIN:
                        continue
                    if self._connection is None or not (self._connection.closed or error.sqlstate in _GONE):
                        raise self._explained(error) from None
                    self._connection.close()
                    self._connection = self._reconnect()

    def _reconnect(self) -> psycopg.Connection[Row]:
        """Connect again to a server that went away, giving it the time to come back."""
        give_up_at = time.monotonic() + self._timeout
        pause = PAUSE_S[0]
        while True:
            try:
                return self._connect()
            except StoreUnavailableError:
                if time.monotonic() + pause > give_up_at:
                    self._connection = None
                    raise
            time.sleep(pause)
            pause = min(2 * pause, PAUSE_S[1])

    def _not_connected(self, error: psycopg.Error) -> StoreError:
        """Put the reason why no connection came about into a sentence; the server's words may be in any language."""
        words = _first_line(error)
        if error.sqlstate in {"28P01", "28000"} or "password" in words:
            return StoreUnavailableError(f"{self.url} does not let this user in: check user and password ({words}).")
        if error.sqlstate == "3D000" or re.search(r'database ".*" does not exist', words):
            return StoreUnavailableError(f"{self.url} has no such database: make it with `createdb` ({words}).")
        if isinstance(error, self._driver.ProgrammingError):
            # It quotes what it could not read, which may be a piece of the password.
            unquoted = re.sub(r'"[^"]*"', "a part of it", words)
            return StoreUrlError(f"{self.url!r} cannot be read: {unquoted}.")
        return StoreUnavailableError(f"{self.url} cannot be reached: is the server running there? ({words})")

    def _explained(self, error: psycopg.Error) -> StoreError:
        words = _first_line(error)
        match error.sqlstate or "":
            case "53100":
                return StoreUnavailableError(f"the disk of {self.url} is full: nothing was written ({words}).")
            case "25006":
                return StoreUnavailableError(f"{self.url} is read-only: nothing was written; connect to the primary.")
            case "42501":
                return StoreUnavailableError(f"{self.url}: this user lacks a right that Trimtab needs ({words}).")
            case "42P01" | "3F000" | "42703":
                return StoreCorruptError(f"{self.url} lacks a table that it had: restore a copy ({words}).")
            case state if state.startswith("XX"):
                return StoreCorruptError(f"{self.url} is damaged: restore a copy ({words}).")
            case state if state.startswith("53"):
                return StoreUnavailableError(f"{self.url} is out of resources: nothing was written ({words}).")
            case _:
                return StoreUnavailableError(f"{self.url} cannot be used: {words}.")


def _load_driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("psycopg", "postgres", "for a store in PostgreSQL") from None
    return psycopg


def _first_line(error: Exception) -> str:
    """Return what a driver's error says, in one line, without its final stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
