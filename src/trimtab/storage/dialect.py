"""What the SQL store asks of a database, and the migrations that both dialects share.

Statements are written once, with `?` for a value and `@` before the name of a table; each dialect puts its own
placeholder and schema there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from trimtab.errors import StoreVersionError
from trimtab.ledger.chain import Head
from trimtab.storage.protocol import Finding

SCHEMA_VERSION = 2
"""The version that `migrations/` leads to."""

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
Run: TypeAlias = Callable[[str, Sequence[Any]], list[Row]]
"""Executes one statement with its values and returns the rows it yields, if any."""


class Line(NamedTuple):
    """A record on its way into the log: the event's kind, its body in JSON, the record's link."""

    kind: str
    body: str
    link: str


class Database(Protocol):
    """A database that is opened when it is first used, and opened again after a fork or a dropped connection.

    Every error of the driver arrives as a `StoreError` that names the store and what to do.
    """

    url: str

    def exists(self) -> bool:
        """Return False while nothing has been stored and nothing needs to be opened to know it."""
        ...

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Execute one statement in a transaction of its own; done again after a failure, so it must bear repetition."""
        ...

    def transact(self, work: Callable[[Run], T]) -> T:
        """Call `work` in one transaction; called again after a failure, so it must bear repetition."""
        ...

    def append(self, study: int, after: Head, at: float, lines: Sequence[Line]) -> bool:
        """Add the lines after `after`; return False, with nothing changed, if the log does not end there.

        Unlike the rest it is never done twice: after a failure whose outcome is unknown, what is on record decides.
        """
        ...

    def now(self) -> float: ...

    def check(self) -> list[Finding]: ...

    def close(self) -> None: ...


def migrations(dialect: str, after: int) -> Iterator[str]:
    """Yield the statements that lead from schema version `after` to `SCHEMA_VERSION`."""
    folder = Path(__file__).with_name("migrations") / dialect
    for version in range(after + 1, SCHEMA_VERSION + 1):
        text = re.sub(r"--[^\n]*", "", (folder / f"{version:04d}.sql").read_text("utf-8"))
        yield from (statement.strip() for statement in text.split(";") if statement.strip())
        if version > 1:
            yield f"UPDATE @meta SET schema_version = {version}"


def refuse_newer(version: int, url: str) -> None:
    """Raise StoreVersionError if a store of schema `version` is beyond this Trimtab."""
    if version > SCHEMA_VERSION:
        raise StoreVersionError(
            f"{url} has schema {version}, this Trimtab reads up to {SCHEMA_VERSION}: it was written by a newer "
            f"Trimtab; upgrade with: pip install -U trimtab."
        )
