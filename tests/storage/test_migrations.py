"""Stores of every released version open, are brought up to date, and say what they said."""

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import psycopg
import pytest

from postgres_server import PostgresServer
from trimtab.errors import StoreRewoundError, StoreUnavailableError
from trimtab.ledger import codec
from trimtab.storage import defence, dialect
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


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_stores_of_every_version_can_be_read_where_nothing_may_be_written(dump: Path, tmp_path: Path) -> None:
    path = restored(dump, tmp_path)
    before = path.read_bytes()
    for mode in ("ro", "salvage"):
        store = open_store(f"sqlite:///{path}?mode={mode}")
        records = [msgspec.structs.replace(record, link="") for record in store.open("résumé 研究").read()]
        journal = (GOLDEN / "journal-v1.jsonl").read_text("utf-8").splitlines()
        assert [codec.encode_record(record).decode() for record in records] == journal
        assert [log.info.name for log in store.short_logs(10)] == ["résumé 研究", "second"]
        with pytest.raises(StoreUnavailableError, match="cannot be written"):
            store.create("new", notes(1))
        store.close()
    assert path.read_bytes() == before


OPEN = """
import sys
from trimtab.storage.url import open_store
from trimtab.testing.journals import append_with_retries
sys.stdin.readline()
store = open_store(sys.argv[1])
append_with_retries(store.open("résumé 研究"), sys.argv[2], 20)
"""


def open_at_once(url: str, n: int = 6) -> None:
    """Open a store in several processes at the same moment, each of which appends to it."""
    command = [sys.executable, "-c", OPEN, url]
    workers = [subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE, text=True) for i in range(n)]
    for worker in workers:
        worker.communicate("go\n", timeout=120)
    assert [worker.returncode for worker in workers] == [0] * n


def check_migrated(url: str, n_appended: int) -> None:
    """The old records are as they were, the last of them has an anchor, and the chain goes on from it."""
    store = open_store(url)
    links = [record.link for record in store.open("résumé 研究").read()]
    assert links[:15] == [""] * 15
    assert links[15].startswith("~")
    assert len(set(links[15:])) == len(links[15:]) == 1 + n_appended
    assert all(re.fullmatch("[0-9a-f]{32}", link) for link in links[16:])
    [anchor] = [record.link for record in store.open("second").read() if record.link]
    assert anchor != links[15]
    assert not [finding for finding in store.check() if finding.level == "error"]
    store.close()


def test_many_who_open_an_old_file_bring_it_up_to_date_once(tmp_path: Path) -> None:
    path = restored(DUMPS[0], tmp_path)
    open_at_once(f"sqlite:///{path}")
    check_migrated(f"sqlite:///{path}", 120)


def old_tables(server: PostgresServer, url: str) -> None:
    """Make the tables of version 1 in PostgreSQL, with what the first golden store holds."""
    schema = url.rpartition("schema=")[2]
    folder = Path(dialect.__file__).with_name("migrations") / "postgresql"
    golden = sqlite3.connect(":memory:")
    golden.executescript(DUMPS[0].read_text("utf-8"))
    with psycopg.connect(url.partition("&schema=")[0]) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        for statement in (folder / "0001.sql").read_text("utf-8").replace("@", f"{schema}.").split(";"):
            if statement.strip():
                connection.execute(statement)
        for ident, *values in golden.execute("SELECT * FROM study"):
            connection.execute(
                f"INSERT INTO {schema}.study OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s)", (ident, *values)
            )
        for row in golden.execute("SELECT * FROM event"):
            connection.execute(f"INSERT INTO {schema}.event VALUES (%s, %s, %s, %s, %s)", row)
    golden.close()


def test_many_who_open_old_tables_bring_them_up_to_date_once(
    postgres_server: PostgresServer, postgresql_url: str
) -> None:
    old_tables(postgres_server, postgresql_url)
    open_at_once(postgresql_url)
    check_migrated(postgresql_url, 120)


def test_a_process_of_the_old_version_cannot_go_on_without_links(
    postgres_server: PostgresServer, postgresql_url: str
) -> None:
    old_tables(postgres_server, postgresql_url)
    open_store(postgresql_url).close()
    schema = postgresql_url.rpartition("schema=")[2]
    with pytest.raises(RuntimeError, match="null value in column"):
        postgres_server.sql(
            f"INSERT INTO {schema}.event (study, seq, at, kind, body) VALUES (1, 17, 1, 'noted', '{{}}')"
        )


def test_an_old_log_that_was_restored_is_told_from_the_one_that_went_on(tmp_path: Path) -> None:
    path = restored(DUMPS[0], tmp_path)
    store = open_store(path)
    study = store.open("résumé 研究")
    head = study.head()
    with sqlite3.connect(path) as connection:  # as if the file of version 1 had come back, and were opened anew
        connection.execute("UPDATE event SET link = '~' || lower(hex(randomblob(16))) WHERE link <> ''")
    connection.close()
    with pytest.raises(StoreRewoundError, match="its record 16 is another one now"):
        study.append(notes(1), after=head, at=1.0)
    with pytest.raises(StoreRewoundError):
        next(study.read(head), None)
    store.close()


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
    (folder / "0001.sql").write_text((Path(dialect.__file__).parent / "migrations/sqlite/0001.sql").read_text())
    (folder / "0002.sql").write_text(
        "CREATE TABLE extra (n INTEGER);\n-- one more; with a semicolon\nINSERT INTO extra VALUES (1);"
    )
    monkeypatch.setattr(dialect, "__file__", str(tmp_path / "dialect.py"))
    monkeypatch.setattr(dialect, "SCHEMA_VERSION", 2)
    monkeypatch.setattr("trimtab.storage.sqlite.SCHEMA_VERSION", 2)
    defence.expected.cache_clear()
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
    defence.expected.cache_clear()
