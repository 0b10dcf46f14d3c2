"""What a SQLite file of a stranger may not do: hold code in its schema, or values longer than itself.

A view, a trigger, a generated column or a check constraint is an expression that SQLite computes when a table is read
or written, and a page that points to itself is a value without end. So the tables must be those that the migrations
make, to the word, and what is read from a file is never more than the file holds.

Nor may the files beside it lead elsewhere. SQLite deletes the file that a rollback journal names as its super-journal,
whichever that is, and waits for ever for what a pipe in a journal's place will say.
"""

from __future__ import annotations

import re
import sqlite3
import stat
from functools import cache
from pathlib import Path
from typing import Any, Final

from trimtab.errors import StoreCorruptError
from trimtab.storage.dialect import Row, migrations

SLACK: Final = 2**20
"""Bytes that a reading may yield beyond the file's: counts, names and what is being written just now."""
MAX_OBJECTS: Final = 200
"""Tables and indexes in a file of ours, with room for what SQLite adds."""

COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""What the names of the files that SQLite keeps beside a database end with."""
JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
"""Begins a rollback journal, and ends one that names a super-journal (https://www.sqlite.org/fileformat2.html, 3)."""


def refuse_companions(path: Path) -> None:
    """Raise StoreCorruptError if what lies beside a database is no file, or a journal that names another file.

    To be called before the database is opened. A super-journal binds the databases of one transaction together, and a
    store is one database.
    """
    for suffix in COMPANIONS:
        beside = path.with_name(f"{path.name}{suffix}")
        try:
            mode = beside.lstat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode):
            raise StoreCorruptError(
                f"{beside} is {_SORTS.get(stat.S_IFMT(mode), 'no file')} where SQLite keeps a file of its own: nothing "
                f"was read; look what it is, and take it away."
            )
    if _last_bytes(path.with_name(f"{path.name}-journal"), len(JOURNAL_MAGIC)) == JOURNAL_MAGIC:
        raise StoreCorruptError(
            f"{path}-journal names another file, which SQLite would delete: it was altered, and nothing was read; "
            f"restore a copy."
        )


_SORTS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def _last_bytes(file: Path, n: int) -> bytes:
    """Return the last bytes of a file; none of one that is not there, or may not be read, which SQLite then says."""
    try:
        with file.open("rb") as opened:
            opened.seek(-min(n, file.stat().st_size), 2)
            return opened.read(n)
    except OSError:
        return b""


def restrict(connection: sqlite3.Connection) -> None:
    """Let the schema of a file call no function that matters, and have SQLite look at every page that it reads."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if hasattr(connection, "setconfig"):  # Python 3.12
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)  # type: ignore[attr-defined]  # as above


def refuse_code(connection: sqlite3.Connection, path: object) -> None:
    """Raise StoreCorruptError if the schema holds anything but tables and plain indexes.

    To be called before any table is read.
    """
    objects = connection.execute(f"SELECT type, name, sql FROM sqlite_master LIMIT {MAX_OBJECTS + 1}").fetchall()
    if len(objects) > MAX_OBJECTS:
        raise _foreign(path, f"more than {MAX_OBJECTS} tables and indexes")
    for kind, _, sql in objects:
        is_virtual = kind == "table" and re.match(r"\s*CREATE\s+VIRTUAL", str(sql), re.IGNORECASE)
        is_plain = kind == "table" or (kind == "index" and (sql is None or _PLAIN_INDEX.fullmatch(str(sql))))
        if is_virtual or not is_plain:
            raise _foreign(
                path, f"a {'virtual table' if is_virtual else kind if kind != 'index' else 'computed index'}"
            )


_PLAIN_INDEX = re.compile(r"""CREATE( UNIQUE)? INDEX [\w"]+ ON [\w"]+ ?\([\w", ]+\)""", re.IGNORECASE)


def refuse_other_tables(connection: sqlite3.Connection, version: int, path: object, *, some: bool = False) -> None:
    """Raise StoreCorruptError if a table is not as the migrations up to `version` make it; `some` may be missing."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    for name, sql in expected(version).items():
        if name not in found and some:
            continue
        if name not in found:
            raise StoreCorruptError(f"{path} is damaged (no such table: {name}): restore a copy.")
        if _plain(found[name]) != sql:
            raise _foreign(path, f"a table {name!r} that Trimtab does not make so")


def fetched(cursor: sqlite3.Cursor, most: int, path: object) -> list[Row]:
    """Return all rows of a cursor.

    Raises:
        StoreCorruptError: their texts and blobs have more than `most` bytes together, which the file cannot hold.
    """
    rows: list[Row] = []
    n_bytes = 0
    for row in cursor:
        rows.append(row)
        n_bytes += sum([len(value) for value in row if isinstance(value, (str, bytes))])
        if n_bytes > most:
            raise StoreCorruptError(f"{path} is damaged: it yields more than it holds; restore a copy.")
    return rows


@cache
def expected(version: int) -> dict[str, str]:
    """Return the tables that the migrations up to `version` make, by name."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in migrations("sqlite", 0, version):
            connection.execute(statement.replace("@", ""))
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        return {name: _plain(sql) for name, sql in found}
    finally:
        connection.close()


def _plain(sql: Any) -> str:
    """Return a statement without comments, with single spaces, as two versions of SQLite may keep one differently."""
    return " ".join(re.sub(r"--[^\n]*", "", str(sql)).split())


def _foreign(path: object, what: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"{path} holds {what}, which no store of Trimtab does: it was altered, and nothing was read; restore a copy."
    )
