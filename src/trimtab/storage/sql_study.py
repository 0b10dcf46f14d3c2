"""One study in an SQL database: its log, read and written by pages, and beside it leases and a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trimtab.checks import is_time, is_whole
from trimtab.errors import EventError, StoreCorruptError, StoreError, StudyNotFoundError
from trimtab.ledger import chain, codec
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import Event, Record
from trimtab.storage.dialect import Database, Line, Row
from trimtab.storage.protocol import (
    conflict,
    rewound,
)

PAGE = 4096
"""Records read at a time: no read transaction stays open between pages, so readers never hold up a checkpoint."""
LEASES_AT_ONCE = 1000
"""Leases in one statement; SQLite allows 32,766 values in one, PostgreSQL 65,535."""
READ = "SELECT seq, at, body, link FROM @event WHERE study = ? AND seq >= ? ORDER BY seq LIMIT ?"
"""Records from one on; a store that was just created is looked at with it, too."""
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
        lines = spelt(events, after.link, float(at))
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
                rows = self._db.query(READ, (self.ident, known.seq, limit))
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
            if not rows:
                return
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

    def save_snapshot(self, head: int, blob: bytes | bytearray) -> None:
        self._db.query(_SAVE, (self.ident, head, blob))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        for head, blob in self._db.query(_LOAD, (self.ident,)):
            if is_whole(head) and isinstance(blob, bytes):
                return head, blob
        return None


def spelt(events: Sequence[Event], before: str, at: float) -> list[Line]:
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
