"""SQLite files that a stranger made: refused before anything of theirs is computed, or read as what they are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from trimtab.errors import StoreCorruptError, StoreUrlError
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes, sample_events

ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    store = open_store(path)
    study = store.create("s", sample_events())
    study.renew("w", [(0, 1)], 1e9)
    study.save_snapshot(3, b"snapshot")
    store.close()
    return path


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


CODE = {
    "a view": ["CREATE VIEW v AS SELECT 1"],
    "a view for a table": ["ALTER TABLE event RENAME TO hidden", f"CREATE VIEW event AS {ENDLESS}"],
    "a view for the version": ["ALTER TABLE meta RENAME TO hidden", f"CREATE VIEW meta AS {ENDLESS}"],
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END"],
    "a virtual table": ["CREATE VIRTUAL TABLE f USING fts5(a)"],
    "a computed index": ["CREATE INDEX i ON event (hex(zeroblob(1000000)))"],
    "a partial index": ["CREATE INDEX i ON event (seq) WHERE body LIKE '%a%a%a%a%b'"],
    "a generated column": ["ALTER TABLE event ADD COLUMN more AS (hex(zeroblob(1000000)))"],
    "another column": ["ALTER TABLE lease ADD COLUMN more DEFAULT 7"],
    "a check": [
        "ALTER TABLE lease RENAME TO hidden",
        "CREATE TABLE lease (study, number, attempt, worker, until, CHECK (worker LIKE '%a%a%a%a%b'))",
    ],
    "very many tables": [f"CREATE TABLE t{i} (a)" for i in range(300)],
}


@pytest.mark.parametrize("statements", CODE.values(), ids=CODE)
@pytest.mark.parametrize("options", ["", "?mode=ro", "?mode=salvage"])
def test_a_file_that_holds_code_is_refused(path: Path, statements: list[str], options: str) -> None:
    change(path, *statements)
    with pytest.raises(StoreCorruptError, match="which no store of Trimtab does: it was altered"):
        open_store(f"sqlite:///{path}{options}")


def test_plain_tables_and_indexes_of_somebodys_own_are_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE mine (a, b)", "CREATE INDEX i ON mine (a, b)", "CREATE INDEX j ON event (at)", "ANALYZE")
    store = open_store(path)
    assert [record.event for record in store.open("s").read()] == sample_events()
    store.close()


@pytest.mark.parametrize("version", ["'1'", "'one'", "x'01'", "-1", "0", "1.5", "NULL", "9223372036854775807"])
def test_a_version_that_is_none(path: Path, version: str) -> None:
    change(path, "DROP TABLE meta", "CREATE TABLE meta (schema_version)", f"INSERT INTO meta VALUES ({version})")
    with pytest.raises(OSError, match=r"damaged|altered|newer"):
        open_store(path)


def read_all(path: Path) -> None:
    store = open_store(path)
    try:
        store.studies()
        study = store.open("s")
        study.head()
        study.load_snapshot()
        study.leases()
        list(study.read())
    finally:
        store.close()


EVENTS = [
    "at = 'soon'",
    "at = x'00'",
    "at = 9e999",
    "at = 1e300",
    "at = -1e300",
    "body = x'ff'",
    "body = ''",
    "link = 1",
]
EVENTS += [
    "body = 'x' || char(10) || 'y'",
    "body = CAST(x'fffe' AS TEXT)",
    "body = '[]'",
    "body = hex(zeroblob(9000000))",
]
EVENTS += ["seq = seq + 7", "seq = 1.5", "seq = 'a'", "body = 'null'", "body = replace(hex(zeroblob(5000)), '00', '[')"]


@pytest.mark.parametrize("changed", EVENTS)
def test_values_of_the_wrong_kind_are_damage(path: Path, changed: str) -> None:
    change(path, f"UPDATE event SET {changed} WHERE seq = (SELECT max(seq) FROM event)")
    with pytest.raises(StoreCorruptError):
        read_all(path)


@pytest.mark.parametrize(
    "changed",
    ["lease SET until = 'never'", "lease SET until = 9e999", "snapshot SET blob = 'text'", "snapshot SET head = 2.5"],
)
def test_what_may_be_lost_is_not_missed(path: Path, changed: str) -> None:
    change(path, f"UPDATE {changed}")
    read_all(path)


@pytest.mark.parametrize("changed", ["name = x'00'", "created_at = 'once'", "created_at = 1e300"])
def test_a_table_of_contents_that_is_none(path: Path, changed: str) -> None:
    change(path, f"UPDATE study SET {changed}")
    store = open_store(path)
    for info in store.studies():  # the logs say their names too
        assert isinstance(info.name, str)
        assert abs(info.created_at) < 1e12
    store.close()


def test_a_value_that_never_ends_is_no_value(tmp_path: Path) -> None:
    """An overflow page that leads to itself: SQLite reads as many bytes as the record says."""
    path = tmp_path / "s.db"
    store = open_store(path)
    study = store.create("s", sample_events()[:1])
    study.save_snapshot(1, b"\xab" * 100_000)
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    [(size,)] = connection.execute("PRAGMA page_size")
    connection.close()
    data = bytearray(path.read_bytes())
    begins = [at for at in range(0, len(data), size) if data[at + 4 : at + size] == b"\xab" * (size - 4)]
    for at in begins:
        data[at : at + 4] = (begins[0] // size + 1).to_bytes(4, "big")
    # The record's header says how long its blob is, as a variable-length number: 12 + 2 * n.
    old, new = (_varint(12 + 2 * n) for n in (100_000, 130_000_000))
    assert data.count(old) >= 1
    data = data.replace(old + b"\xab", new[: len(old)] + b"\xab") if len(new) == len(old) else data.replace(old, new)
    path.write_bytes(data)
    try:
        store = open_store(path)
        found = store.open("s").load_snapshot()
        store.close()
        assert found is None or len(found[1]) <= len(data)
    except (StoreCorruptError, StoreUrlError):
        pass


def _varint(n: int) -> bytes:
    found = [n & 0x7F]
    while n := n >> 7:
        found.append(0x80 | (n & 0x7F))
    return bytes(reversed(found))


def test_a_query_yields_no_more_than_the_file_holds(path: Path) -> None:
    from trimtab.storage.sqlite import SqliteDatabase

    database = SqliteDatabase(f"sqlite:///{path}")
    for endless in ("SELECT hex(zeroblob(40000000)) FROM event", "SELECT hex(zeroblob(500000000))"):
        with pytest.raises(StoreCorruptError):
            database.query(endless)
    database.query("INSERT INTO snapshot VALUES (7, 1, ?)", (b"x" * 5_000_000,))
    assert database.query("SELECT length(blob) FROM snapshot WHERE study = 7") == [(5_000_000,)]
    database.close()


@pytest.mark.parametrize("n", [1, 100, 3000])
def test_a_large_log_is_no_attack(tmp_path: Path, n: int) -> None:
    store = open_store(tmp_path / "s.db")
    study = store.create("s", sample_events()[:1])
    study.append(notes(n), after=study.head(), at=1.0)
    assert len(list(study.read())) == n + 1
    store.close()
