"""The SQL store: one set of statements over two dialects, SQLite and PostgreSQL.

Five tables: `study` (names), `event` (the logs, the truth), `lease` and `snapshot` (beside the logs) and `meta` (the
schema's version). An append is one transaction whatever the number of its events, and the primary key (study, seq) of
`event` decides between writers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trimtab.checks import is_time, is_whole
from trimtab.errors import EventError, StoreCorruptError, StoreError, StudyNotFoundError
from trimtab.ledger import chain, codec
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import Event, Record
from trimtab.storage import bulk
from trimtab.storage.dialect import Database, Line, Row, Run
from trimtab.storage.protocol import (
    Finding,
    ShortLog,
    StudyInfo,
    StudyStore,
    checked_name,
    conflict,
    is_text,
    rewound,
    study_exists,
    study_not_found,
)

PAGE = 4096
"""Records read at a time: no read transaction stays open between pages, so readers never hold up a checkpoint."""
COPIED_AT_ONCE = 1000
"""Records in one statement; see below."""
LEASES_AT_ONCE = 1000
"""Leases in one statement; SQLite allows 32,766 values in one, PostgreSQL 65,535."""

_FIND = "SELECT id, created_at FROM @study WHERE name = ?"
_CREATE = "INSERT INTO @study (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_INSERT = "INSERT INTO @event (study, seq, at, kind, body, link) VALUES (?, ?, ?, ?, ?, ?)"
_COPY = "INSERT INTO @event (study, seq, at, kind, body, link) VALUES {rows}"
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
_RENAME = "UPDATE @study SET name = ? WHERE id = ?"
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
            death of the process, and is several times faster), `mode` ("ro": the file is never
            written; "salvage": besides, what is left of a damaged one is read as far as can be).

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
        self.ident = ident
        self._where = f"study {name!r} in {database.url}"

    def append(self, events: Sequence[Event], *, after: Head, at: float) -> Head:
        if not events:
            raise EventError("append needs at least one event, got none.")
        lines = _spelt(events, after.link, float(at))
        if not self._db.append(self.ident, after, float(at), lines):
            raise self._refusal(after)
        return Head(after.seq + len(lines), lines[-1].link)

    def read(self, after: Head | None = None) -> Iterator[Record]:
        """As `Journal.read`; whatever is whole before a damage is yielded before the error is raised.

        Each page begins with the last record of the one before, which must be as it was.
        """
        known = EMPTY if after is None else after
        limit = PAGE + 1
        while True:
            try:
                rows = self._db.query(_READ, (self.ident, known.seq, limit))
            except StoreCorruptError:
                if limit == 2:
                    raise
                limit = 2  # one by one, up to the damage
                continue
            is_last = len(rows) < limit
            if known.seq:
                if not rows or (rows[0][0], rows[0][3]) != (known.seq, known.link):
                    raise self._refusal(known)
                del rows[0]
            yield from self.records(known, rows)
            if is_last:
                return
            known = Head(rows[-1][0], rows[-1][3])

    def records(self, after: Head, rows: Sequence[Row]) -> Iterator[Record]:
        """Yield the records that these rows hold, as far as each is whole and follows the one before it."""
        fault, n_whole = self._fault(after, rows)
        whole = rows[:n_whole]
        events: Iterable[Event] = ()
        try:
            if whole:
                lines = "\n".join([row[2] for row in whole])
                events = codec.decode_lines(lines, n_whole, after.seq + 1, self._where)
        except StoreError:
            events = (codec.decode(row[2], f"record {row[0]} of {self._where}") for row in whole)
        for (seq, at, _, link), event in zip(whole, events, strict=True):
            yield Record(seq, at, event, link)
        if fault is not None:
            raise fault

    def _fault(self, after: Head, rows: Sequence[Row]) -> tuple[StoreCorruptError | None, int]:
        """Return what is wrong with the first row that is not what was written there, and how many come before it."""
        before = after.link
        for n, (found, at, body, link) in enumerate(rows):
            seq = after.seq + 1 + n
            if found != seq:
                return StoreCorruptError(f"record {seq} of {self._where} is missing: the store is damaged."), n
            # SQLite keeps whatever it is given in whatever column.
            if not (is_time(at) and isinstance(body, str) and isinstance(link, str)):
                return StoreCorruptError(f"record {seq} of {self._where} is damaged: its columns hold other types."), n
            if len(body) > codec.MAX_BYTES or "\n" in body:
                return StoreCorruptError(f"record {seq} of {self._where} is damaged: it is not one line of JSON."), n
            if not chain.holds(before, at, body.encode("utf-8", "surrogatepass"), link):
                return self._altered(seq, body), n
            before = link
        return None, len(rows)

    def _altered(self, seq: int, body: str) -> StoreCorruptError:
        """Return the error for a record that does not follow the one before it: why it cannot be read, if it cannot."""
        try:
            codec.decode(body, f"record {seq} of {self._where}")
        except StoreCorruptError as error:
            return error
        except StoreError:
            pass
        return StoreCorruptError(
            f"record {seq} of {self._where} is not as it was written, or the one before it is not: the store was "
            f"altered or is damaged; `trimtab doctor` says what can be read."
        )

    def _refusal(self, after: Head) -> StoreError:
        """Return why the log does not end with `after`, or does not hold it."""
        end = self.head()
        found = self._db.query(_LINK, (self.ident, after.seq))
        if not after.seq or (found and found[0][0] == after.link):
            return conflict(self.name, after, end)
        if not found and end.seq > after.seq:
            return StoreCorruptError(f"record {after.seq} of {self._where} is missing: the store is damaged.")
        return rewound(self._where, after, end.seq)

    def head(self) -> Head:
        rows = self._db.query(_HEAD, (self.ident,))
        if not rows:
            raise StudyNotFoundError(f"study {self.name!r} has been deleted from {self._db.url}.")
        seq, link = rows[0]
        if seq is None:
            return EMPTY
        if not is_whole(seq) or not isinstance(link, str):
            raise StoreCorruptError(f"{self._where} is damaged: its last record has no number, or no link.")
        return Head(seq, link)

    def renew(self, worker: str, holds: Sequence[tuple[int, int]], until: float) -> None:
        for some in _batches(holds):
            rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(some))
            values = [value for hold in some for value in (self.ident, *hold, worker, float(until))]
            self._db.query(_RENEW.format(rows=rows), values)

    def release(self, holds: Sequence[tuple[int, int]]) -> None:
        for some in _batches(holds):
            rows = ", ".join(["(?, ?)"] * len(some))
            self._db.query(_RELEASE.format(rows=rows), [self.ident, *(value for hold in some for value in hold)])

    def leases(self) -> Mapping[tuple[int, int], float]:
        rows = self._db.query(_LEASES, (self.ident,))
        return {(row[0], row[1]): row[2] for row in rows if is_whole(row[0]) and is_whole(row[1]) and is_time(row[2])}

    def save_snapshot(self, head: int, blob: bytes) -> None:
        self._db.query(_SAVE, (self.ident, head, blob))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        for head, blob in self._db.query(_LOAD, (self.ident,)):
            if is_whole(head) and isinstance(blob, bytes):
                return head, blob
        return None


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
        return [info for _, info in bulk.infos(self._db, self._study)]

    def opened(self) -> Iterator[tuple[StudyStore, StudyInfo]]:
        return iter(bulk.infos(self._db, self._study)) if self._db.exists() else iter(())

    def short_logs(self, longest: int) -> Iterator[ShortLog]:
        return bulk.short_logs(self._db, self._study, longest) if self._db.exists() else iter(())

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
        return self._study(ident, name)

    def copy(self, name: str, records: Sequence[Record]) -> StudyStore:
        checked_name(name)
        created_at = records[0].at if records else self.now()
        lines: list[tuple[int, float, Line]] = []
        for record in records:
            before = lines[-1][2].link if lines else EMPTY.link
            lines.append((record.seq, record.at, _spelt([record.event], before, record.at)[0]))

        def work(run: Run) -> int | None:
            if run(_FIND, (name,)):
                return None
            run(_CREATE, (name, created_at))
            [(ident, _)] = run(_FIND, (name,))
            for begin in range(0, len(lines), COPIED_AT_ONCE):
                some = lines[begin : begin + COPIED_AT_ONCE]
                rows = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(some))
                values = [value for seq, at, line in some for value in (ident, seq, at, *line)]
                run(_COPY.format(rows=rows), values)
            return int(ident)

        ident = self._db.transact(work)
        if ident is None:
            raise study_exists(name, self.url)
        return self._study(ident, name)

    def open(self, name: str) -> StudyStore:
        return self._study(self._find(name), name)

    def rename(self, name: str, new: str) -> None:
        checked_name(new)
        ident = self._find(name)

        def work(run: Run) -> bool:
            found = run(_FIND, (new,))
            if not found:
                run(_RENAME, (new, ident))
            return not found or int(found[0][0]) == ident  # our first try may have succeeded, and its answer been lost

        if not self._db.transact(work):
            raise study_exists(new, self.url)

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

    def _study(self, ident: int, name: str) -> SqlStudy:
        return SqlStudy(self._db, ident, name)

    def _find(self, name: str) -> int:
        rows = self._db.query(_FIND, (name,)) if self._db.exists() and is_text(name) else []
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
