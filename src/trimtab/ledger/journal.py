"""The journal: a log in two methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from trimtab.ledger.chain import Head
from trimtab.ledger.event import Event, Record


class Journal(Protocol):
    """An append-only log of one study. `trimtab.testing` holds the contract that every journal must pass.

    A journal knows itself: whoever names a record that was read names its link too (see `trimtab.ledger.chain`), and is
    refused if the log does not hold that record any more.
    """

    def append(self, events: Sequence[Event], *, after: Head, at: float) -> Head:
        """Append all of `events` or none, as the records that follow `after`, and return the new head.

        What is appended when this returns is on record: a crash of process or machine does not lose it.

        Args:
            events: at least one.
            after: the last record that the caller has read; `EMPTY` for an empty log.
            at: the records' time, in seconds since the epoch by the store's clock.

        Raises:
            ConflictError: another writer appended after `after`; nothing was appended.
            StoreRewoundError: the log does not hold `after` any more; nothing was appended.
            StoreUnavailableError: the store cannot be written; nothing was appended.
        """
        ...

    def read(self, after: Head | None = None) -> Iterator[Record]:
        """Yield the records that follow `after`, in order, each with its link; all of them if it is None.

        Raises:
            StoreRewoundError: the log does not hold `after` any more; nothing was yielded.
            StoreCorruptError: a record that cannot be read, or was altered since it was written.
        """
        ...
