"""A store in memory: gone with the process, and small.

Events are kept as the same JSON lines as everywhere, so what can be stored here can be stored anywhere; blocks of them
are compressed, which makes a trial of ten parameters about 150 bytes.
"""

from __future__ import annotations

import threading
import time
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence

from trimtab.errors import EventError, StoreUrlError, StudyNotFoundError
from trimtab.ledger import codec
from trimtab.ledger.event import Event, Record
from trimtab.storage.protocol import (
    Finding,
    StudyInfo,
    StudyStore,
    checked_name,
    conflict,
    study_exists,
    study_not_found,
)

BLOCK = 512
"""Records per compressed block: large enough to compress well, small enough that reading on costs little."""


def open_memory(url: str) -> MemoryStore:
    """Return a new, empty store; `url` is "memory://".

    Raises:
        StoreUrlError: something follows the scheme; stores in memory have no names.
    """
    if url != "memory://":
        raise StoreUrlError(f"{url!r} is no store: a store in memory has no name or options, write memory://.")
    return MemoryStore()


class MemoryStudy:
    """One study in memory."""

    def __init__(self, name: str, lock: threading.RLock) -> None:
        self.name = name
        self.deleted = False
        self._lock = lock
        self._sealed: list[bytes] = []
        self._at = array("d")
        self._tail: list[bytes] = []
        self._leases: dict[tuple[int, int], float] = {}
        self._snapshot: tuple[int, bytes] | None = None

    def append(self, events: Sequence[Event], *, head: int, at: float) -> int:
        if not events:
            raise EventError("append needs at least one event, got none.")
        bodies = [codec.encode(event) for event in events]
        with self._lock:
            self._refuse_deleted()
            if head != len(self._at):
                raise conflict(self.name, head, len(self._at))
            self._at.extend([float(at)] * len(bodies))
            self._tail.extend(bodies)
            while len(self._tail) >= BLOCK:
                self._sealed.append(zlib.compress(b"\n".join(self._tail[:BLOCK]), 1))
                del self._tail[:BLOCK]
            return len(self._at)

    def read(self, after: int = 0) -> Iterator[Record]:
        with self._lock:
            n_sealed = len(self._sealed)
            n_passed = min(after // BLOCK, n_sealed)
            blocks = self._sealed[n_passed:]
            begin_of_tail = max(after, n_sealed * BLOCK)
            tail = self._tail[begin_of_tail - n_sealed * BLOCK :]
            at = self._at[n_passed * BLOCK :]
        where = f"study {self.name!r}"
        for i, block in enumerate(blocks, n_passed):
            events = codec.decode_lines(zlib.decompress(block), BLOCK, i * BLOCK + 1, where)
            for seq in range(max(after, i * BLOCK) + 1, (i + 1) * BLOCK + 1):
                yield Record(seq, at[seq - n_passed * BLOCK - 1], events[seq - i * BLOCK - 1])
        if tail:
            events = codec.decode_lines(b"\n".join(tail), len(tail), begin_of_tail + 1, where)
            for seq, event in enumerate(events, begin_of_tail + 1):
                yield Record(seq, at[seq - n_passed * BLOCK - 1], event)

    def head(self) -> int:
        with self._lock:
            self._refuse_deleted()
            return len(self._at)

    def renew(self, worker: str, holds: Sequence[tuple[int, int]], until: float) -> None:  # noqa: ARG002 - for readers of a database
        with self._lock:
            self._leases.update(dict.fromkeys(holds, float(until)))

    def release(self, holds: Sequence[tuple[int, int]]) -> None:
        with self._lock:
            for hold in holds:
                self._leases.pop(hold, None)

    def leases(self) -> Mapping[tuple[int, int], float]:
        with self._lock:
            return dict(self._leases)

    def save_snapshot(self, head: int, blob: bytes) -> None:
        with self._lock:
            if self._snapshot is None or head >= self._snapshot[0]:
                self._snapshot = (head, bytes(blob))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        return self._snapshot

    def _refuse_deleted(self) -> None:
        if self.deleted:
            raise StudyNotFoundError(f"study {self.name!r} has been deleted from memory://.")


class MemoryStore:
    """Studies in the memory of this process."""

    def __init__(self) -> None:
        self.url = "memory://"
        self._lock = threading.RLock()
        self._studies: dict[str, tuple[MemoryStudy, float]] = {}

    def now(self) -> float:
        return time.time()

    def studies(self) -> list[StudyInfo]:
        with self._lock:
            return [StudyInfo(name, study.head(), created_at) for name, (study, created_at) in self._studies.items()]

    def create(self, name: str, first: Sequence[Event], *, at: float | None = None) -> StudyStore:
        with self._lock:
            if checked_name(name) in self._studies:
                raise study_exists(name, self.url)
            created_at = self.now() if at is None else at
            study = MemoryStudy(name, self._lock)
            if first:
                study.append(first, head=0, at=created_at)
            self._studies[name] = (study, created_at)
            return study

    def open(self, name: str) -> StudyStore:
        with self._lock:
            if name not in self._studies:
                raise study_not_found(name, list(self._studies), self.url)
            return self._studies[name][0]

    def delete(self, name: str) -> None:
        with self._lock:
            if name not in self._studies:
                raise study_not_found(name, list(self._studies), self.url)
            self._studies.pop(name)[0].deleted = True

    def check(self) -> list[Finding]:
        return [
            Finding(
                "warning",
                "the store is this process's memory: what it holds is gone when the process ends",
                "name a file, as in sqlite:///trimtab.db",
            )
        ]

    def close(self) -> None:
        """Do nothing: the memory goes with the last reference."""
