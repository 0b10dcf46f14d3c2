"""The logs of all studies in a few queries: for lists, where one for each study takes longer than its answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from trimtab.checks import is_time
from trimtab.errors import StoreCorruptError, StoreError, StudyNotFoundError
from trimtab.ledger.chain import EMPTY
from trimtab.ledger.event import Created
from trimtab.storage.dialect import Database, Row
from trimtab.storage.protocol import ShortLog, StudyInfo
from trimtab.storage.sql_study import SqlStudy

Open: TypeAlias = Callable[[int, str], SqlStudy]
"""Returns the study of that identifier and name."""

AT_ONCE = 20_000
"""Records in one query, about: some 10 MB of memory."""

_NAMES = "SELECT id, name, created_at FROM @study ORDER BY id"
_NEXT = "SELECT min(study) FROM @event WHERE study > ?"
_HEADS = """
SELECT s.id, coalesce((SELECT max(e.seq) FROM @event e WHERE e.study = s.id), 0) FROM @study s ORDER BY s.id"""
_RECORDS = "SELECT study, seq, at, body, link FROM @event WHERE study BETWEEN ? AND ? ORDER BY study, seq"


def infos(database: Database, study: Open) -> list[tuple[SqlStudy, StudyInfo]]:
    """Return what studies there are, oldest first; the head of one whose log cannot be read is 0."""
    try:
        named = [(study(ident, name), name, at) for ident, name, at in _checked(database)]
    except StoreCorruptError:
        named = list(_named_by_their_logs(database, study))
    try:
        heads = {ident: head for ident, head in database.query(_HEADS) if isinstance(head, int)}
    except StoreCorruptError:
        heads = {one.ident: _head(one) for one, _, _ in named}
    return [(one, StudyInfo(name, heads.get(one.ident, 0), at)) for one, name, at in named]


def short_logs(database: Database, study: Open, longest: int) -> Iterator[ShortLog]:
    """As `Store.short_logs`."""
    for some in _batches(infos(database, study), longest):
        read = _read(database, [one.ident for one, info in some if info.head <= longest])
        for one, info in some:
            if info.head > longest:
                yield ShortLog(info)
                continue
            try:
                rows = read[one.ident] if read is not None else None
                yield ShortLog(info, list(one.read() if rows is None else one.records(EMPTY, rows)))
            except StudyNotFoundError:
                continue  # deleted since
            except StoreError as error:
                yield ShortLog(info, error=error)


def _checked(database: Database) -> list[Row]:
    """Return (identifier, name, time) of each study; SQLite keeps whatever it is given in whatever column."""
    rows = database.query(_NAMES)
    for ident, name, at in rows:
        if not (isinstance(ident, int) and isinstance(name, str) and is_time(at)):
            raise StoreCorruptError(f"{database.url} is damaged: its table of studies holds what names none.")
    return rows


def _named_by_their_logs(database: Database, study: Open) -> Iterator[tuple[SqlStudy, str, float]]:
    """Yield the studies whose first records can be read: these say their names too."""
    ident = 0
    while True:
        try:
            [(found,)] = database.query(_NEXT, (ident,))
        except StoreCorruptError:
            return
        if found is None:
            return
        ident = int(found)
        with contextlib.suppress(StoreError):
            first = next(study(ident, f"(study {ident})").read(), None)
            if first is not None and isinstance(first.event, Created):
                yield study(ident, first.event.name), first.event.name, first.at


def _head(study: SqlStudy) -> int:
    try:
        return study.head().seq
    except (StoreError, StudyNotFoundError):
        return 0


def _batches(studies: Sequence[tuple[SqlStudy, StudyInfo]], longest: int) -> Iterator[list[tuple[SqlStudy, StudyInfo]]]:
    """Yield studies that follow each other, with about `AT_ONCE` records together; a longer log stands alone."""
    batch: list[tuple[SqlStudy, StudyInfo]] = []
    n_records = 0
    for study, info in studies:
        if batch and (info.head > longest or batch[-1][1].head > longest or n_records + info.head > AT_ONCE):
            yield batch
            batch, n_records = [], 0
        batch.append((study, info))
        n_records += info.head
    if batch:
        yield batch


def _read(database: Database, idents: list[int]) -> dict[int, list[Row]] | None:
    """Return the rows of these studies' logs; None if they cannot be read together."""
    if not idents:
        return {}
    try:
        rows = database.query(_RECORDS, (idents[0], idents[-1]))
    except StoreCorruptError:
        return None
    empty: dict[int, list[Row]] = {ident: [] for ident in idents}
    return empty | {ident: [row[1:] for row in group] for ident, group in groupby(rows, key=itemgetter(0))}
