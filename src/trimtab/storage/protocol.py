"""What a store is: studies by name, and for each a journal, leases and one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from trimtab.errors import (
    ConflictError,
    StoreError,
    StoreRewoundError,
    StudyError,
    StudyExistsError,
    StudyNotFoundError,
)
from trimtab.ledger.chain import Head
from trimtab.ledger.event import Event, Record
from trimtab.ledger.journal import LONGEST_NAME, Journal
from trimtab.plugins import did_you_mean


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """One line of a store's table of contents.

    Attributes:
        name: the study's.
        head: the sequence number of its last record; 0 also where the log cannot be read.
        created_at: seconds since the epoch, by the store's clock.
    """

    name: str
    head: int
    created_at: float


@dataclass(frozen=True, slots=True)
class ShortLog:
    """A study with its whole log.

    Attributes:
        info: which study.
        records: the log; None where it is longer than was asked for, or cannot be read.
        error: why it cannot be read.
    """

    info: StudyInfo
    records: list[Record] | None = None
    error: StoreError | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of a store found.

    Attributes:
        level: "ok", "warning" (it works, and may not always) or "error" (it does not work).
        what: a sentence.
        remedy: what to do about it; empty where there is nothing to do.
    """

    level: Literal["ok", "warning", "error"]
    what: str
    remedy: str = ""


class StudyStore(Journal, Protocol):
    """What is kept of one study: its journal, and beside it two things that may be lost without losing the study.

    A lease says until when a worker that holds an attempt at a trial may be silent. Leases are not events: they change
    all the time and mean nothing afterwards. The snapshot saves folding a long log from its beginning.
    """

    name: str

    def head(self) -> Head:
        """Return where the log ends; `EMPTY` for an empty one."""
        ...

    def renew(self, worker: str, holds: Sequence[tuple[int, int]], until: float) -> None:
        """Grant or prolong the leases of `worker` on `holds`, pairs of (trial number, attempt), up to time `until`."""
        ...

    def release(self, holds: Sequence[tuple[int, int]]) -> None:
        """Forget the leases on `holds`; those that do not exist are fine."""
        ...

    def leases(self) -> Mapping[tuple[int, int], float]:
        """Return (trial number, attempt) -> the time up to which it is held, expired ones included."""
        ...

    def save_snapshot(self, head: int, blob: bytes | bytearray) -> None:
        """Keep `blob` as the fold of the records up to `head`, unless a later one is kept already."""
        ...

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """Return (head, blob) of the snapshot; None when there is none."""
        ...


@runtime_checkable
class Store(Protocol):
    """A place where studies are kept. Safe to use from several threads, and in a process forked from this one.

    `url` names the store in messages and records; it never holds a password.
    """

    url: str

    def now(self) -> float:
        """Return the time in seconds since the epoch, by the clock that all users of this store agree on."""
        ...

    def studies(self) -> list[StudyInfo]:
        """Return what there is, oldest first."""
        ...

    def opened(self) -> Iterator[tuple[StudyStore, StudyInfo]]:
        """Yield every study, oldest first, opened; also those whose entries are damaged, as far as they are found."""
        ...

    def short_logs(self, longest: int) -> Iterator[ShortLog]:
        """Yield every study, oldest first, with its log if that has at most `longest` records.

        A study that cannot be read is yielded with the reason, and the others are read all the same.
        """
        ...

    def create(self, name: str, first: Sequence[Event], *, at: float | None = None) -> StudyStore:
        """Create a study together with its first records: both or neither.

        Args:
            name: not empty, at most 200 characters, none of them a control character.
            first: may be empty.
            at: the records' time; by default now.

        Raises:
            StudyExistsError: the name is taken.
            StudyError: the name cannot be one.
        """
        ...

    def copy(self, name: str, records: Sequence[Record]) -> StudyStore:
        """Create a study with these records, each at its own time: all or none. The chain is made anew.

        Args:
            name: as in `create`.
            records: numbered from 1 without gaps, as another store's log has them.

        Raises:
            StudyExistsError: the name is taken.
            StudyError: the name cannot be one.
        """
        ...

    def open(self, name: str) -> StudyStore:
        """Return a study that exists.

        Raises:
            StudyNotFoundError: it does not; the message lists those that do.
        """
        ...

    def rename(self, name: str, new: str) -> None:
        """Give a study another name; its records, and who has it open, are not concerned.

        Raises:
            StudyNotFoundError: no such study.
            StudyExistsError: the new name is another study's.
            StudyError: the new name cannot be one.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a study with all that is kept of it, for ever.

        Raises:
            StudyNotFoundError: no such study.
        """
        ...

    def check(self) -> list[Finding]:
        """Look for what is wrong, or may go wrong, with this store."""
        ...

    def close(self) -> None:
        """Give back files and connections. Safe to call twice."""
        ...


def checked_name(name: str) -> str:
    """Return `name` if a study can bear it.

    Raises:
        StudyError: it cannot.
    """
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise StudyError(
            f"a study cannot be named {name!r}: a name has 1 to {LONGEST_NAME} printable characters and neither begins "
            f"nor ends with a space."
        )
    return name


def is_text(name: str) -> bool:
    """Return whether a name is valid text, which what a shell hands over need not be; no study bears any other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def study_exists(name: str, url: str) -> StudyExistsError:
    """Return the error for a name that is taken."""
    return StudyExistsError(f"{url} already holds a study {name!r}: load it, or choose another name.")


def study_not_found(name: str, known: Sequence[str], url: str) -> StudyNotFoundError:
    """Return the error for a name that is not there; it lists the nearest, and up to ten others."""
    if not known:
        return StudyNotFoundError(f"there is no study {name!r} in {url}: it holds no study yet.")
    listed = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return StudyNotFoundError(f"there is no study {name!r}{did_you_mean(name, known)} in {url}; it holds: {listed}.")


def conflict(name: str, after: Head, found: Head) -> ConflictError:
    """Return the error for an append after a record that is not the last."""
    return ConflictError(
        f"study {name!r} has {found.seq} records and not {after.seq}: another writer appended first; read on and try "
        f"again."
    )


def rewound(where: str, after: Head, end: int) -> StoreRewoundError:
    """Return the error for a log that does not hold a record that was read from it.

    Args:
        where: names the log, as in "study 'resnet' in sqlite:///trimtab.db".
        after: the record that it held.
        end: how many records it has now.
    """
    found = f"it ends with record {end}" if end < after.seq else f"its record {after.seq} is another one"
    return StoreRewoundError(
        f"{where} is not the log that this process has read up to record {after.seq}: {found} now, as after a backup "
        f"that was restored or a server that failed over; nothing was written; end every process that uses the study, "
        f"and start them again from what is on record."
    )
