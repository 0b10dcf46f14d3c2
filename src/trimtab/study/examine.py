"""Examining the studies of a store one by one, and copying what is whole into another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from trimtab.errors import StoreCorruptError, StudyError, TrimtabError
from trimtab.ledger import snapshot
from trimtab.ledger.chain import Head
from trimtab.ledger.event import Created, Record
from trimtab.ledger.ledger import Ledger
from trimtab.storage.protocol import Store, StudyStore, checked_name


@dataclass(frozen=True, slots=True)
class Examined:
    """What can be read of a study.

    Attributes:
        name: the study's.
        records: those that are whole and follow from each other, from the first on.
        n_stored: how many the log has, as far as that can be known.
        fault: what is wrong with the record after them; empty if there is none.
        snapshot_fault: what is wrong with its snapshot; empty if there is none, or it is as it should be.
        name_fault: why no study can be named so; empty if one can.
    """

    name: str
    records: list[Record] = field(repr=False)
    n_stored: int
    fault: str = ""
    snapshot_fault: str = ""
    name_fault: str = ""

    @property
    def copied_as(self) -> str:
        """Under which name it is copied: its own, or one made of that which it was begun with."""
        if not self.name_fault:
            return self.name
        first = self.records[0].event if self.records else None
        return f"{first.name if isinstance(first, Created) and not _name_fault(first.name) else 'a study'} (recovered)"


def examined(store: Store) -> Iterator[Examined]:
    """Yield every study of a store, oldest first, with all that can be read of it."""
    for study, info in store.opened():
        records, fault = _whole(study)
        n_stored = max(info.head, len(records))
        if not fault and len(records) < n_stored:
            fault = f"record {len(records) + 1} is not found where it should be: the store is damaged"
        yield Examined(info.name, records, n_stored, fault, _snapshot_fault(study, records), _name_fault(info.name))


def _whole(study: StudyStore) -> tuple[list[Record], str]:
    """Return the records up to the first that cannot be read or does not follow, and what is wrong with that one."""
    records: list[Record] = []
    ledger: Ledger | None = None
    try:
        for record in study.read():
            if ledger is None:
                ledger = Ledger.begin(record)
            else:
                ledger.apply(record)
            records.append(record)
        if ledger is None:
            raise StoreCorruptError("the study's log is empty; a log begins with its creation.")
    except TrimtabError as error:
        return records, str(error)
    return records, ""


def _name_fault(name: str) -> str:
    try:
        checked_name(name)
    except StudyError as error:
        return str(error)
    return ""


def _snapshot_fault(study: StudyStore, records: list[Record]) -> str:
    try:
        stored = study.load_snapshot()
    except TrimtabError as error:
        return str(error)
    if stored is None:
        return ""
    ledger = snapshot.load(stored[1])
    if ledger is None:
        return "it is damaged, or was made by another version"
    at = ledger.head
    is_ours = 1 <= at <= len(records) and Head(at, records[at - 1].link) == ledger.reached
    return "" if is_ours else "it was made of another log"


def copied(study: Examined, target: Store) -> int:
    """Copy what is whole of a study into another store, and return how many records these are.

    Raises:
        StudyError: there is not even a first record, or the other store has a study of that name.
    """
    if not study.records:
        raise StudyError(f"nothing of study {study.name!r} can be read.")
    target.copy(study.copied_as, study.records)
    return len(study.records)
