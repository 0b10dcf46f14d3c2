"""PostgreSQL: one database, any number of machines.

An append is one statement and so one round trip. The clock is the server's, so that leases mean the same everywhere.

A server that is away is waited for, whether it has been there before or not. An append whose answer got lost is never
simply done again: what is on record decides (`append`). That also holds if the statement is still on its way, in a
server whose processes were stopped: it names the record that it follows, and is refused once another is there.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from trimtab import forks
from trimtab.clock import SteadyClock
from trimtab.errors import StoreCorruptError, StoreError, StoreLostError, StoreUrlError
from trimtab.ledger.chain import Head
from trimtab.storage import libpq
from trimtab.storage import url as urls
from trimtab.storage.dialect import SCHEMA_VERSION, Line, Row, Run, migrations, refuse_newer
from trimtab.storage.protocol import Finding

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_log = logging.getLogger("trimtab")

CLOCK_AGE_S = 600.0
"""Seconds after which the server's clock is looked at again."""
CLOCK_DRIFT_S = 0.3
"""How far good and bad quartz go apart in that time (500 millionths), and so how far the server is followed then. What
is more was set, and a clock that is set moves nobody's lease."""
CLOCK_SKEW_S = 5.0
"""Difference between the clocks of server and machine, in seconds, from which a check warns."""
OLDEST_SERVER = 130000
"""PostgreSQL 13 as the server counts versions: the oldest that is tested."""
MIGRATION_LOCK = 0x54724D54
"""Key of the advisory lock under which the tables are made."""
PAUSE_S = (0.1, 2.0)
"""First and longest pause between two tries to reach a server that went away, in seconds."""
NOTICE_S = 3.0
"""Seconds after which somebody is told that a server is waited for."""
SHORTEST_SILENCE_S = 5.0
"""Seconds of silence within a statement that are always allowed: a busy disk's flush takes one or two."""

_APPEND = """
INSERT INTO @event (study, seq, at, kind, body, link)
SELECT ?, ?::bigint + new.i, ?, new.kind, new.body, new.link
FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS new (kind, body, link, i)
WHERE coalesce((SELECT seq || ' ' || link FROM @event WHERE study = ? ORDER BY seq DESC LIMIT 1), '0 ') = ?
AND EXISTS (SELECT FROM @study WHERE id = ?)"""
_LINK = "SELECT link FROM @event WHERE study = ? AND seq = ?"


# Connections that a fork left in a child: kept, for psycopg complains of one that is forgotten open.
_inherited: list[Any] = []


class PostgresqlDatabase:
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        urls.require_escaped_password(url)
        self.url = urls.redacted(url)
        self._password = urls.password_of(url)
        found = urls.options(url, None)
        self._timeout = urls.seconds_option(url, found, "timeout", 60.0)
        schema = found.get("schema", "trimtab")
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise StoreUrlError(
                f"{self.url!r}: schema is a name of small letters, digits and underscores, got {schema!r}."
            )
        self._schema = schema
        self._conninfo = urls.without_options(url, ("schema", "timeout"))
        self._driver = libpq.load_driver()
        self._spelt: dict[str, str] = {}
        self._clock: SteadyClock | None = None
        self._clock_read_at = float("-inf")
        self._skew = 0.0
        self._is_away = False
        self._connection: psycopg.Connection[Row] | None = None
        self.begin_anew(torn=False)
        forks.register(self)
        self._patiently(lambda _: None)

    # ---- forks

    def rest(self) -> None:
        """Nothing needs to be let go of: psycopg leaves the parent's socket alone in a child."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - a transaction of another thread ends with the connection
        self.lock = threading.RLock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

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
        if self._clock is None or time.monotonic() - self._clock_read_at > CLOCK_AGE_S:
            self._patiently(self._read_clock)
            assert self._clock is not None
        return self._clock.now()

    def close(self) -> None:
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __del__(self) -> None:
        if hasattr(self, "lock"):  # a URL that was refused has left nothing to close
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
        if abs(self._skew) > CLOCK_SKEW_S:
            findings.append(
                Finding(
                    "warning",
                    f"this machine's clock is {abs(self._skew):.0f} s {'behind' if self._skew > 0 else 'ahead of'} "
                    f"the server's; times are the server's",
                    "let both follow a time server",
                )
            )
        findings.extend(
            Finding("error", f"the log of study {name!r} lacks records", "restore a copy") for (name,) in gaps
        )
        return findings

    # ---- connecting

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
        best, told, told_at = float("inf"), 0.0, 0.0
        for _ in range(3):
            asked = time.monotonic()
            [(server,)] = self._run(connection, "SELECT extract(epoch FROM clock_timestamp())::float8", ())
            answered = time.monotonic()
            if answered - asked < best:
                best = answered - asked
                told, told_at = server + best / 2, answered
        reading = told + time.monotonic() - told_at
        self._skew = reading - time.time()
        if self._clock is None:
            self._clock = SteadyClock(lambda: reading)
        else:
            self._clock.approach(reading, CLOCK_DRIFT_S)
        self._clock_read_at = time.monotonic()

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
        """Call `attempt`; again on a new connection if the server went away, again if transactions collided.

        The time-out holds for all of it together. Whoever waited in vain once does not wait again: until the server is
        back, one try is all.
        """
        began_at, pause = time.monotonic(), PAUSE_S[0]
        give_up_at = began_at + (0.0 if self._is_away else self._timeout)
        told = False
        try:
            while True:
                try:
                    with self.lock:  # and not while waiting: a fork, or another thread, need not wait with us
                        result = self._once(attempt, give_up_at - time.monotonic())
                    self._is_away = False
                    return result
                except _Passing as passing:
                    reason = str(passing)
                now = time.monotonic()
                if now + pause > give_up_at:
                    raise StoreLostError(reason) from None
                if not told and now - began_at > NOTICE_S:
                    told = True
                    _log.warning("%s Waiting for it, up to %g s.", reason, self._timeout)
                time.sleep(pause)
                pause = min(2 * pause, PAUSE_S[1])
        except BaseException:
            self._is_away = self._connection is None
            raise

    def _once(self, attempt: Callable[[psycopg.Connection[Row]], T], left_s: float) -> T:
        """Call `attempt` on a connection; raise `_Passing` if it may succeed when it is called again."""
        # Half of the time for silence, so that the other half is left for another connection.
        silence_s = max(SHORTEST_SILENCE_S, left_s / 2)
        while True:
            is_new = self._connection is None
            connection: Any = self._connection or self._connect(silence_s, left_s / 2)
            connection.silence_s = silence_s
            try:
                if is_new:
                    self._prepare(connection)
                return attempt(connection)
            except self._driver.Error as error:
                if error.sqlstate in libpq.COLLIDED:
                    continue
                explained = libpq.failed(self.url, error)
                if libpq.is_lost(connection, error):
                    self._connection = None
                    if not is_new:  # it may have been lost long ago: one that is made now tells how things are
                        continue
                elif error.sqlstate not in libpq.REFUSED:
                    raise explained from None
                raise _Passing(explained) from None
            finally:
                if self._connection is not connection:  # it is of no use, or never was
                    connection.close()

    def _connect(self, silence_s: float, within_s: float) -> psycopg.Connection[Row]:
        try:
            return cast("psycopg.Connection[Row]", libpq.connect(self._conninfo, silence_s, within_s))
        except self._driver.Error as error:
            explained = libpq.not_connected(self.url, error, self._password)
            raise _Passing(explained) if libpq.passes(error) else explained from None

    def _prepare(self, connection: psycopg.Connection[Row]) -> None:
        """Make a new connection the one in use, if what is behind it is a store of ours."""
        self._migrate(connection)
        self._read_clock(connection)
        self._connection = connection


class _Passing(Exception):  # noqa: N818 - a condition, which becomes an error if it does not pass
    """Trying again later may help."""
