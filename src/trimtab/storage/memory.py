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
from itertools import count, islice

from trimtab.errors import EventError, StoreError, StoreUrlError, StudyNotFoundError
from trimtab.ledger import chain, codec
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import Event, Record
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
        self._where = f"study {name!r} in memory://"
        self._lock = lock
        self._sealed: list[bytes] = []
        self._at = array("d")
        self._tail: list[bytes] = []
        self._before = [EMPTY.link]  # the link of the record before each block, and before the tail
        self._tail_links: list[str] = []
        self._leases: dict[tuple[int, int], float] = {}
        self._snapshot: tuple[int, bytes] | None = None

    def append(self, events: Sequence[Event], *, after: Head, at: float) -> Head:
        if not events:
            raise EventError("append needs at least one event, got none.")
        bodies = [codec.encode(event) for event in events]
        with self._lock:
            self._refuse_deleted()
            if after != self.head():
                raise self._refusal(after)
            self._at.extend([float(at)] * len(bodies))
            self._tail.extend(bodies)
            self._tail_links.extend(chain.links(after.link, float(at), bodies))
            while len(self._tail) >= BLOCK:
                self._sealed.append(zlib.compress(b"\n".join(self._tail[:BLOCK]), 1))
                self._before.append(self._tail_links[BLOCK - 1])
                del self._tail[:BLOCK], self._tail_links[:BLOCK]
            return self.head()

    def read(self, after: Head | None = None) -> Iterator[Record]:
        known = EMPTY if after is None else after
        with self._lock:
            if not self._holds(known):
                raise self._refusal(known)
            n_sealed = len(self._sealed)
            begin_of_tail = max(known.seq, n_sealed * BLOCK)
            tail = self._tail[begin_of_tail - n_sealed * BLOCK :]
            tail_links = self._tail_links[begin_of_tail - n_sealed * BLOCK :]
        for i in range(known.seq // BLOCK, n_sealed):
            bodies = self._bodies(i)
            events = codec.decode_lines(b"\n".join(bodies), BLOCK, i * BLOCK + 1, self._where)
            for seq, event, link in zip(count(i * BLOCK + 1), events, self._links(i, bodies), strict=False):
                if seq > known.seq:
                    yield Record(seq, self._at[seq - 1], event, link)
        if tail:
            events = codec.decode_lines(b"\n".join(tail), len(tail), begin_of_tail + 1, self._where)
            for seq, event, link in zip(count(begin_of_tail + 1), events, tail_links, strict=False):
                yield Record(seq, self._at[seq - 1], event, link)

    def head(self) -> Head:
        with self._lock:
            self._refuse_deleted()
            return Head(len(self._at), self._tail_links[-1] if self._tail_links else self._before[-1])

    def _bodies(self, block: int) -> list[bytes]:
        return zlib.decompress(self._sealed[block]).split(b"\n")

    def _links(self, block: int, bodies: list[bytes]) -> Iterator[str]:
        """Yield the links of a sealed block: they are computed anew, since they would be a fifth of its size."""
        before = self._before[block]
        for at, body in zip(self._at[block * BLOCK :], bodies, strict=False):
            before = chain.link(before, at, body)
            yield before

    def _holds(self, known: Head) -> bool:
        """Return whether that record is in the log, and is the one that was read."""
        block, within = divmod(known.seq, BLOCK)
        if not 0 <= known.seq <= len(self._at):
            return False
        if not within:
            return known.link == self._before[block]
        if block == len(self._sealed):
            return known.link == self._tail_links[within - 1]
        return known.link == next(islice(self._links(block, self._bodies(block)), within - 1, None))

    def _refusal(self, after: Head) -> StoreError:
        """Return why the log does not end with `after`, or does not hold it."""
        if self._holds(after):
            return conflict(self.name, after, self.head())
        return rewound(self._where, after, len(self._at))

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
            return [
                StudyInfo(name, study.head().seq, created_at) for name, (study, created_at) in self._studies.items()
            ]

    def create(self, name: str, first: Sequence[Event], *, at: float | None = None) -> StudyStore:
        with self._lock:
            if checked_name(name) in self._studies:
                raise study_exists(name, self.url)
            created_at = self.now() if at is None else at
            study = MemoryStudy(name, self._lock)
            if first:
                study.append(first, after=EMPTY, at=created_at)
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
