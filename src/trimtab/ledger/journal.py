"""The journal: a log in two methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from trimtab.ledger.event import Event, Record


class Journal(Protocol):
    """An append-only log of one study. `trimtab.testing` holds the contract that every journal must pass."""

    def append(self, events: Sequence[Event], *, head: int, at: float) -> int:
        """Append all of `events` or none, as records head+1, head+2, ..., and return the new head.

        What is appended when this returns is on record: a crash of process or machine does not lose it.

        Args:
            events: at least one.
            head: the sequence number of the last record that the caller has read; 0 for an empty log.
            at: the records' time, in seconds since the epoch by the store's clock.

        Raises:
            ConflictError: another writer appended after `head`; nothing was appended.
            StoreUnavailableError: the store cannot be written; nothing was appended.
        """
        ...

    def read(self, after: int = 0) -> Iterator[Record]:
        """Yield the records with a sequence number above `after`, in order.

        Raises:
            StoreCorruptError: a record that cannot be read.
        """
        ...
