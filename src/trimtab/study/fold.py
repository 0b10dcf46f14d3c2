"""From a journal to a ledger: the snapshot, if it is one of this very log, and the records after it."""

from __future__ import annotations

from trimtab.errors import StoreCorruptError, StoreRewoundError
from trimtab.ledger import snapshot
from trimtab.ledger.ledger import Ledger
from trimtab.storage.protocol import StudyStore


def folded(journal: StudyStore) -> tuple[Ledger, int]:
    """Return the ledger of a log, and the head of the snapshot that it began with; 0 where it was of no use.

    Raises:
        StoreCorruptError: the log cannot be read, or does not follow from itself.
    """
    stored = journal.load_snapshot()
    ledger = snapshot.load(stored[1]) if stored else None
    if ledger is not None:
        head = ledger.head
        try:
            return _read_on(ledger, journal), head
        except StoreRewoundError:  # a snapshot from another past of the log
            pass
    return from_the_beginning(journal), 0


def from_the_beginning(journal: StudyStore) -> Ledger:
    """Return the ledger of a log, folded from its first record.

    Raises:
        StoreCorruptError: as `folded`.
    """
    records = journal.read()
    first = next(records, None)
    if first is None:
        raise StoreCorruptError("the study's log is empty; a log begins with its creation.")
    ledger = Ledger.begin(first)
    for record in records:
        ledger.apply(record)
    return ledger


def _read_on(ledger: Ledger, journal: StudyStore) -> Ledger:
    for record in journal.read(ledger.reached):
        ledger.apply(record)
    return ledger
