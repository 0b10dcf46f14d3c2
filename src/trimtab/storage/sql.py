"""The SQL store: one set of statements over two dialects, SQLite and PostgreSQL.

Five tables: `study` (names), `event` (the logs, the truth), `lease` and `snapshot` (beside the logs) and `meta` (the
schema's version). An append is one transaction whatever the number of its events, and the primary key (study, seq) of
`event` decides between writers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trimtab.ledger.chain import EMPTY
from trimtab.ledger.event import Event, Record
from trimtab.storage import bulk
from trimtab.storage.dialect import Database, Line, Run
from trimtab.storage.protocol import (
    Finding,
    ShortLog,
    StudyInfo,
    StudyStore,
    checked_name,
    is_text,
    study_exists,
    study_not_found,
)
from trimtab.storage.sql_study import READ, SqlStudy, spelt

COPIED_AT_ONCE = 1000
"""Records in one statement; see below."""
_FIND = "SELECT id, created_at FROM @study WHERE name = ?"
_CREATE = "INSERT INTO @study (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_INSERT = "INSERT INTO @event (study, seq, at, kind, body, link) VALUES (?, ?, ?, ?, ?, ?)"
_COPY = "INSERT INTO @event (study, seq, at, kind, body, link) VALUES {rows}"
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
        lines = spelt(first, EMPTY.link, created_at)
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
            on_record = [link for *_, link in run(READ, (ident, 0, len(lines) + 1))]
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
            lines.append((record.seq, record.at, spelt([record.event], before, record.at)[0]))

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
