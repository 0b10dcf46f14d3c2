"""The SQL store: one set of statements over two dialects, SQLite and PostgreSQL.

Five tables: `study` (names), `event` (the logs, the truth), `lease` and `snapshot` (beside the logs) and `meta` (the
schema's version). An append is one transaction whatever the number of its events, and the primary key (study, seq) of
`event` decides between writers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trimtab.errors import EventError, StoreCorruptError, StoreError, StudyNotFoundError
from trimtab.ledger import chain, codec
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import Event, Record
from trimtab.storage.dialect import Database, Line, Row, Run
from trimtab.storage.protocol import (
    Finding,
    StudyInfo,
    StudyStore,
    checked_name,
    conflict,
    rewound,
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
_INSERT = "INSERT INTO @event (study, seq, at, kind, body, link) VALUES (?, ?, ?, ?, ?, ?)"
_READ = "SELECT seq, at, body, link FROM @event WHERE study = ? AND seq >= ? ORDER BY seq LIMIT ?"
_HEAD = """
SELECT e.seq, e.link FROM @study s LEFT JOIN @event e ON e.study = s.id WHERE s.id = ? ORDER BY e.seq DESC LIMIT 1"""
_LINK = "SELECT link FROM @event WHERE study = ? AND seq = ?"
_RENEW = """
INSERT INTO @lease (study, number, attempt, worker, until) VALUES {rows}
ON CONFLICT (study, number, attempt) DO UPDATE SET worker = excluded.worker, until = excluded.until"""
_RELEASE = "DELETE FROM @lease WHERE study = ? AND (number, attempt) IN (VALUES {rows})"
_LEASES = "SELECT number, attempt, until FROM @lease WHERE study = ?"
_SAVE = """
INSERT INTO @snapshot (study, head, blob) VALUES (?, ?, ?)
ON CONFLICT (study) DO UPDATE SET head = excluded.head, blob = excluded.blob
WHERE excluded.head >= @snapshot.head
OR @snapshot.head > (SELECT max(e.seq) FROM @event e WHERE e.study = @snapshot.study)"""
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

    def append(self, events: Sequence[Event], *, after: Head, at: float) -> Head:
        if not events:
            raise EventError("append needs at least one event, got none.")
        lines = _spelt(events, after.link, float(at))
        if not self._db.append(self._id, after, float(at), lines):
            raise self._refusal(after)
        return Head(after.seq + len(lines), lines[-1].link)

    def read(self, after: Head | None = None) -> Iterator[Record]:
        """As `Journal.read`. Each page begins with the last record of the one before, which must be as it was."""
        known = EMPTY if after is None else after
        while True:
            rows = self._db.query(_READ, (self._id, known.seq, PAGE + 1))
            if known.seq:
                if not rows or (rows[0][0], rows[0][3]) != (known.seq, known.link):
                    raise self._refusal(known)
                del rows[0]
            if not rows:
                return
            yield from self._records(known, rows)
            known = Head(rows[-1][0], rows[-1][3])
            if len(rows) < PAGE:
                return

    def _records(self, after: Head, rows: list[Row]) -> Iterator[Record]:
        """Yield the records that these rows hold, as far as each follows the one before it."""
        if rows[-1][0] != after.seq + len(rows):
            lost = next(seq for seq, row in enumerate(rows, after.seq + 1) if row[0] != seq)
            raise StoreCorruptError(f"record {lost} of {self._where} is missing: the store is damaged.")
        events = codec.decode_lines("\n".join([row[2] for row in rows]), len(rows), after.seq + 1, self._where)
        before = after.link
        for (seq, at, body, link), event in zip(rows, events, strict=True):
            if not chain.holds(before, at, body.encode(), link):
                raise StoreCorruptError(
                    f"record {seq} of {self._where} is not as it was written, or the one before it is not: the store "
                    f"was altered or is damaged; `trimtab doctor` says what can be read."
                )
            yield Record(seq, at, event, link)
            before = link

    def _refusal(self, after: Head) -> StoreError:
        """Return why the log does not end with `after`, or does not hold it."""
        end = self.head()
        found = self._db.query(_LINK, (self._id, after.seq))
        if not after.seq or (found and found[0][0] == after.link):
            return conflict(self.name, after, end)
        if not found and end.seq > after.seq:
            return StoreCorruptError(f"record {after.seq} of {self._where} is missing: the store is damaged.")
        return rewound(self._where, after, end.seq)

    def head(self) -> Head:
        rows = self._db.query(_HEAD, (self._id,))
        if not rows:
            raise StudyNotFoundError(f"study {self.name!r} has been deleted from {self._db.url}.")
        seq, link = rows[0]
        return EMPTY if seq is None else Head(int(seq), link)

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
        created_at = float(self.now() if at is None else at)
        lines = _spelt(first, EMPTY.link, created_at)
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
            on_record = [link for *_, link in run(_READ, (ident, 0, len(lines) + 1))]
            if stamp != created_at or (on_record and on_record != [line.link for line in lines]):
                return None  # another process was faster
            if not on_record:  # else our first try did succeed, and only its answer was lost
                for seq, line in enumerate(lines, 1):
                    run(_INSERT, (ident, seq, created_at, *line))
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


def _spelt(events: Sequence[Event], before: str, at: float) -> list[Line]:
    """Return the events as they are written down at that time, after the record with the link `before`."""
    bodies = [codec.encode(event) for event in events]
    links = chain.links(before, at, bodies)
    return [
        Line(codec.kind_of(event), body.decode(), link) for event, body, link in zip(events, bodies, links, strict=True)
    ]


def _batches(holds: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield distinct holds by the thousand, sorted: two who lock the same rows lock them in the same order."""
    distinct = sorted(set(holds))
    for begin in range(0, len(distinct), LEASES_AT_ONCE):
        yield distinct[begin : begin + LEASES_AT_ONCE]
