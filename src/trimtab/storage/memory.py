"""A store in memory: gone with the process, and small.

Events are kept as the same JSON lines as everywhere, so what can be stored here can be stored anywhere; blocks of them
are compressed, which makes a trial of ten parameters about 150 bytes.

A child of `fork` has a copy that nobody else will ever see. It may be read; to write into it is an error, since what is
told there would be lost without a word.
"""

from __future__ import annotations

import os
import threading
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice

from trimtab import forks
from trimtab.clock import Clock, SteadyClock
from trimtab.errors import EventError, StoreError, StoreUnavailableError, StoreUrlError, StudyNotFoundError
from trimtab.ledger import chain, codec
from trimtab.ledger.chain import EMPTY, Head
from trimtab.ledger.event import Event, Record
from trimtab.storage.protocol import (
    Finding,
    ShortLog,
    StudyInfo,
    StudyStore,
    checked_name,
    conflict,
    rewound,
    study_exists,
    study_not_found,
)
from trimtab.storage.url import redacted

BLOCK = 512
"""Records per compressed block: large enough to compress well, small enough that reading on costs little."""


def open_memory(url: str) -> MemoryStore:
    """Return a new, empty store; `url` is "memory://".

    Raises:
        StoreUrlError: something follows the scheme; stores in memory have no names.
    """
    if url != "memory://":
        raise StoreUrlError(
            f"{redacted(url)!r} is no store: a store in memory has no name or options, write memory://."
        )
    return MemoryStore()


class MemoryStudy:
    """One study in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.deleted = False
        self._where = f"study {name!r} in memory://"
        self.lock = threading.RLock()
        self._home = os.getpid()
        self._sealed: list[bytes] = []
        self._at = array("d")
        self._tail: list[bytes] = []
        self._before = [EMPTY.link]  # the link of the record before each block, and before the tail
        self._tail_links: list[str] = []
        self._leases: dict[tuple[int, int], float] = {}
        self._snapshot: tuple[int, bytes] | None = None
        forks.register(self)

    def rest(self) -> None:
        """Nothing here is shared with a child."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - nothing that takes long is done with the lock held
        self.lock = threading.RLock()

    def append(self, events: Sequence[Event], *, after: Head, at: float) -> Head:
        if not events:
            raise EventError("append needs at least one event, got none.")
        bodies = [codec.encode(event) for event in events]
        with self.lock:
            self._refuse_deleted()
            self._refuse_copy()
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
        with self.lock:
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
        with self.lock:
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
        with self.lock:
            self._leases.update(dict.fromkeys(holds, float(until)))

    def release(self, holds: Sequence[tuple[int, int]]) -> None:
        with self.lock:
            for hold in holds:
                self._leases.pop(hold, None)

    def leases(self) -> Mapping[tuple[int, int], float]:
        with self.lock:
            return dict(self._leases)

    def save_snapshot(self, head: int, blob: bytes | bytearray) -> None:
        with self.lock:
            if self._snapshot is None or head >= self._snapshot[0]:
                self._snapshot = (head, bytes(blob))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        return self._snapshot

    def _refuse_deleted(self) -> None:
        if self.deleted:
            raise StudyNotFoundError(f"study {self.name!r} has been deleted from memory://.")

    def _refuse_copy(self) -> None:
        if os.getpid() != self._home:
            raise StoreUnavailableError(
                f"study {self.name!r} is in the memory of process {self._home}, and process {os.getpid()} was forked "
                f"from it: what it wrote would be lost; keep the study in a file, as store='sqlite:///trimtab.db'."
            )


class MemoryStore:
    """Studies in the memory of this process.

    Args:
        clock: tells the time; the machine's, as it was when the store was made, unless given.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.url = "memory://"
        self.lock = threading.RLock()
        self._clock = clock or SteadyClock()
        self._studies: dict[str, tuple[MemoryStudy, float]] = {}
        forks.register(self)

    def rest(self) -> None:
        """Nothing here is shared with a child."""

    def begin_anew(self, *, torn: bool) -> None:  # noqa: ARG002 - a dict is never half changed
        self.lock = threading.RLock()

    def now(self) -> float:
        return self._clock.now()

    def studies(self) -> list[StudyInfo]:
        with self.lock:
            return [
                StudyInfo(name, study.head().seq, created_at) for name, (study, created_at) in self._studies.items()
            ]

    def opened(self) -> Iterator[tuple[StudyStore, StudyInfo]]:
        for info in self.studies():
            yield self._studies[info.name][0], info

    def short_logs(self, longest: int) -> Iterator[ShortLog]:
        for info in self.studies():
            yield ShortLog(info, list(self._studies[info.name][0].read()) if info.head <= longest else None)

    def create(self, name: str, first: Sequence[Event], *, at: float | None = None) -> StudyStore:
        with self.lock:
            if checked_name(name) in self._studies:
                raise study_exists(name, self.url)
            created_at = self.now() if at is None else at
            study = MemoryStudy(name)
            if first:
                study.append(first, after=EMPTY, at=created_at)
            self._studies[name] = (study, created_at)
            return study

    def copy(self, name: str, records: Sequence[Record]) -> StudyStore:
        with self.lock:
            study = self.create(name, [], at=records[0].at if records else None)
            for record in records:
                study.append([record.event], after=study.head(), at=record.at)
            return study

    def open(self, name: str) -> StudyStore:
        with self.lock:
            if name not in self._studies:
                raise study_not_found(name, list(self._studies), self.url)
            return self._studies[name][0]

    def rename(self, name: str, new: str) -> None:
        with self.lock:
            if name not in self._studies:
                raise study_not_found(name, list(self._studies), self.url)
            if checked_name(new) == name:
                return
            if new in self._studies:
                raise study_exists(new, self.url)
            self._studies = {new if one == name else one: study for one, study in self._studies.items()}
            self._studies[new][0].name = new

    def delete(self, name: str) -> None:
        with self.lock:
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
