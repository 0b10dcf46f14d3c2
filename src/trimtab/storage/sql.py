"""The SQL store: one set of statements over two dialects, SQLite and PostgreSQL.

Five tables: `study` (names), `event` (the logs, the truth), `lease` and `snapshot` (beside the logs) and `meta` (the
schema's version). An append is one transaction whatever the number of its events, and the primary key (study, seq) of
`event` decides between writers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trimtab.errors import EventError, StoreCorruptError, StudyNotFoundError
from trimtab.ledger import codec
from trimtab.ledger.event import Event, Record
from trimtab.storage.dialect import Database, Run
from trimtab.storage.protocol import (
    Finding,
    StudyInfo,
    StudyStore,
    checked_name,
    conflict,
    study_exists,
    study_not_found,
)

PAGE = 4096
"""Records read at a time: no read transaction stays open between pages, so readers never hold up a checkpoint."""
LEASES_AT_ONCE = 1000
"""Leases in one statement; SQLite allows 32,766 values in one, PostgreSQL 65,535."""

_STUDIES = """
SELECT s.name, coalesce((SELECT max(e.seq) FROM @event e WHERE e.study = s.id), 0), s.created_at
FROM @study s ORDER BY s.id"""
_FIND = "SELECT id, created_at FROM @study WHERE name = ?"
_CREATE = "INSERT INTO @study (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_INSERT = "INSERT INTO @event (study, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)"
_READ = "SELECT seq, at, body FROM @event WHERE study = ? AND seq > ? ORDER BY seq LIMIT ?"
_HEAD = """
SELECT coalesce((SELECT max(seq) FROM @event WHERE study = ?), 0), (SELECT count(*) FROM @study WHERE id = ?)"""
_RENEW = """
INSERT INTO @lease (study, number, attempt, worker, until) VALUES {rows}
ON CONFLICT (study, number, attempt) DO UPDATE SET worker = excluded.worker, until = excluded.until"""
_RELEASE = "DELETE FROM @lease WHERE study = ? AND (number, attempt) IN (VALUES {rows})"
_LEASES = "SELECT number, attempt, until FROM @lease WHERE study = ?"
_SAVE = """
INSERT INTO @snapshot (study, head, blob) VALUES (?, ?, ?)
ON CONFLICT (study) DO UPDATE SET head = excluded.head, blob = excluded.blob WHERE excluded.head >= @snapshot.head"""
_LOAD = "SELECT head, blob FROM @snapshot WHERE study = ?"
_DELETE = (
    "DELETE FROM @snapshot WHERE study = ?",
    "DELETE FROM @lease WHERE study = ?",
    "DELETE FROM @event WHERE study = ?",
    "DELETE FROM @study WHERE id = ?",
)


def open_sqlite(url: str) -> SqlStore:
    """Open a SQLite file; it is made with the first study.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute.db`. Options: `timeout` (seconds to wait for other
            processes, 60), `synchronous` ("full": what is appended survives a power cut; "normal": it survives the
            death of the process, and is several times faster).

    Raises:
        StoreError: as `open_store`.
    """
    from trimtab.storage.sqlite import SqliteDatabase

    return SqlStore(SqliteDatabase(url))


def open_postgresql(url: str) -> SqlStore:
    """Connect to a PostgreSQL database and make the tables that it lacks.

    Args:
        url: `postgresql://user:password@host:port/database`, with the options of libpq and two of ours: `schema` (for
            the tables, "trimtab") and `timeout` (seconds to wait for a server that went away, 60).

    Raises:
        StoreError: as `open_store`.
        MissingExtraError: psycopg is not installed.
    """
    from trimtab.storage.postgresql import PostgresqlDatabase

    return SqlStore(PostgresqlDatabase(url))


class SqlStudy:
    """One study in a database."""

    def __init__(self, database: Database, ident: int, name: str) -> None:
        self.name = name
        self._db = database
        self._id = ident
        self._where = f"study {name!r} in {database.url}"

    def append(self, events: Sequence[Event], *, head: int, at: float) -> int:
        if not events:
            raise EventError("append needs at least one event, got none.")
        kinds, bodies = _spelt(events)
        if not self._db.append(self._id, head, float(at), kinds, bodies):
            raise conflict(self.name, head, self.head())
        return head + len(events)

    def read(self, after: int = 0) -> Iterator[Record]:
        while True:
            rows = self._db.query(_READ, (self._id, after, PAGE))
            if not rows:
                return
            if rows[-1][0] != after + len(rows):
                lost = next(seq for seq, row in enumerate(rows, after + 1) if row[0] != seq)
                raise StoreCorruptError(f"record {lost} of {self._where} is missing: the store is damaged.")
            events = codec.decode_lines("\n".join([row[2] for row in rows]), len(rows), after + 1, self._where)
            for (seq, at, _), event in zip(rows, events, strict=True):
                yield Record(seq, at, event)
            after = rows[-1][0]
            if len(rows) < PAGE:
                return

    def head(self) -> int:
        [(head, n_studies)] = self._db.query(_HEAD, (self._id, self._id))
        if not n_studies:
            raise StudyNotFoundError(f"study {self.name!r} has been deleted from {self._db.url}.")
        return int(head)

    def renew(self, worker: str, holds: Sequence[tuple[int, int]], until: float) -> None:
        for some in _batches(holds):
            rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(some))
            values = [value for hold in some for value in (self._id, *hold, worker, float(until))]
            self._db.query(_RENEW.format(rows=rows), values)

    def release(self, holds: Sequence[tuple[int, int]]) -> None:
        for some in _batches(holds):
            rows = ", ".join(["(?, ?)"] * len(some))
            self._db.query(_RELEASE.format(rows=rows), [self._id, *(value for hold in some for value in hold)])

    def leases(self) -> Mapping[tuple[int, int], float]:
        return {(number, attempt): until for number, attempt, until in self._db.query(_LEASES, (self._id,))}

    def save_snapshot(self, head: int, blob: bytes) -> None:
        self._db.query(_SAVE, (self._id, head, blob))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        rows = self._db.query(_LOAD, (self._id,))
        return (int(rows[0][0]), bytes(rows[0][1])) if rows else None


class SqlStore:
    """Studies in a database."""

    def __init__(self, database: Database) -> None:
        self.url = database.url
        self._db = database

    def now(self) -> float:
        return self._db.now()

    def studies(self) -> list[StudyInfo]:
        if not self._db.exists():
            return []
        return [StudyInfo(name, int(head), created_at) for name, head, created_at in self._db.query(_STUDIES)]

    def create(self, name: str, first: Sequence[Event], *, at: float | None = None) -> StudyStore:
        checked_name(name)
        kinds, bodies = _spelt(first)
        created_at = float(self.now() if at is None else at)

        n_tries = 0

        def work(run: Run) -> int | None:
            nonlocal n_tries
            n_tries += 1
            found = run(_FIND, (name,))
            if found and n_tries == 1:
                return None
            if not found:
                run(_CREATE, (name, created_at))
                found = run(_FIND, (name,))
            ident, stamp = found[0]
            on_record = [body for _, _, body in run(_READ, (ident, 0, len(bodies) + 1))]
            if stamp != created_at or (on_record and on_record != bodies):
                return None  # another process was faster
            if not on_record:  # else our first try did succeed, and only its answer was lost
                for seq, (kind, body) in enumerate(zip(kinds, bodies, strict=True), 1):
                    run(_INSERT, (ident, seq, created_at, kind, body))
            return int(ident)

        ident = self._db.transact(work)
        if ident is None:
            raise study_exists(name, self.url)
        return SqlStudy(self._db, ident, name)

    def open(self, name: str) -> StudyStore:
        return SqlStudy(self._db, self._find(name), name)

    def delete(self, name: str) -> None:
        ident = self._find(name)

        def work(run: Run) -> None:
            for statement in _DELETE:
                run(statement, (ident,))

        self._db.transact(work)

    def check(self) -> list[Finding]:
        return self._db.check()

    def close(self) -> None:
        self._db.close()

    def _find(self, name: str) -> int:
        rows = self._db.query(_FIND, (name,)) if self._db.exists() else []
        if not rows:
            raise study_not_found(name, [study.name for study in self.studies()], self.url)
        return int(rows[0][0])


def _spelt(events: Sequence[Event]) -> tuple[list[str], list[str]]:
    return [codec.kind_of(event) for event in events], [codec.encode(event).decode() for event in events]


def _batches(holds: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield distinct holds by the thousand, sorted: two who lock the same rows lock them in the same order."""
    distinct = sorted(set(holds))
    for begin in range(0, len(distinct), LEASES_AT_ONCE):
        yield distinct[begin : begin + LEASES_AT_ONCE]
