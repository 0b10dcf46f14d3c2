"""Stores of every released version open, are brought up to date, and say what they said."""

import re
import sqlite3
from pathlib import Path

import msgspec
import pytest

from trimtab.ledger import codec
from trimtab.storage import dialect
from trimtab.storage.dialect import SCHEMA_VERSION, migrations
from trimtab.storage.sqlite import SqliteDatabase
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes

GOLDEN = Path(__file__).parents[1] / "golden"
DUMPS = sorted(GOLDEN.glob("store-v*.sql"))


def restored(dump: Path, folder: Path) -> Path:
    path = folder / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text("utf-8"))
    connection.close()
    return path


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_stores_of_every_version_open_for_ever(dump: Path, tmp_path: Path) -> None:
    path = restored(dump, tmp_path)
    store = open_store(path)
    assert [(info.name, info.head) for info in store.studies()] == [("résumé 研究", 16), ("second", 2)]
    study = store.open("résumé 研究")
    journal = (GOLDEN / "journal-v1.jsonl").read_text("utf-8").splitlines()
    records = list(study.read())
    plain = [msgspec.structs.replace(record, link="") for record in records]
    assert [codec.encode_record(record).decode() for record in plain] == journal
    if dump.stem == "store-v1":
        assert [codec.encode_record(record).decode() for record in records] == journal, "an anchor is the store's"
    assert study.leases() == {(0, 2): 1764000060.5, (2, 1): 1764000060.5}
    assert study.load_snapshot() == (3, b"\x00snapshot\xff")
    assert study.append(notes(1), after=study.head(), at=1764000100.0).seq == 17
    assert not [finding for finding in store.check() if finding.level == "error"]
    store.create("new", notes(1))
    store.close()
    assert schema(path) == schema(fresh(tmp_path))


def fresh(folder: Path) -> Path:
    path = folder / "fresh.db"
    store = open_store(path)
    store.create("s", notes(1))
    store.close()
    return path


def schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    [version] = connection.execute("SELECT schema_version FROM meta").fetchall()
    connection.close()
    return [*rows, ("version", str(version[0]))]


def test_there_is_a_dump_of_every_version() -> None:
    assert [dump.name for dump in DUMPS] == [f"store-v{version}.sql" for version in range(1, SCHEMA_VERSION + 1)]


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_both_dialects_have_the_same_migrations(name: str) -> None:
    folder = Path(dialect.__file__).with_name("migrations") / name
    assert sorted(path.name for path in folder.iterdir()) == [f"{v:04d}.sql" for v in range(1, SCHEMA_VERSION + 1)]


def test_both_dialects_make_the_same_tables() -> None:
    def tables(name: str) -> dict[str, list[str]]:
        found = {}
        for statement in migrations(name, 0):
            if match := re.match(r"CREATE TABLE @?(\w+) \((.*?)\n\)", statement, re.S):
                lines = [line.strip() for line in match[2].splitlines()]
                found[match[1]] = [line.split()[0] for line in lines if line and not line.startswith("PRIMARY KEY")]
        return found

    assert tables("sqlite") == tables("postgresql")
    assert set(tables("sqlite")) == {"meta", "study", "event", "lease", "snapshot"}


def test_a_store_is_brought_up_to_date_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second version that does not exist yet: applied on opening, not again, and not by halves."""
    path = restored(DUMPS[0], tmp_path)
    folder = tmp_path / "migrations" / "sqlite"
    folder.mkdir(parents=True)
    (folder / "0002.sql").write_text(
        "CREATE TABLE extra (n INTEGER);\n-- one more; with a semicolon\nINSERT INTO extra VALUES (1);"
    )
    monkeypatch.setattr(dialect, "__file__", str(tmp_path / "dialect.py"))
    monkeypatch.setattr(dialect, "SCHEMA_VERSION", 2)
    monkeypatch.setattr("trimtab.storage.sqlite.SCHEMA_VERSION", 2)
    for _ in range(2):
        database = SqliteDatabase(f"sqlite:///{path}")
        assert database.query("SELECT schema_version FROM @meta") == [(2,)]
        assert database.query("SELECT n FROM @extra") == [(1,)]
        database.close()

    (folder / "0003.sql").write_text("CREATE TABLE half (n INTEGER);\nINSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr(dialect, "SCHEMA_VERSION", 3)
    monkeypatch.setattr("trimtab.storage.sqlite.SCHEMA_VERSION", 3)
    with pytest.raises(OSError, match="nowhere"):
        SqliteDatabase(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT schema_version FROM meta").fetchall() == [(2,)]
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchall() == [(0,)]
    connection.close()
