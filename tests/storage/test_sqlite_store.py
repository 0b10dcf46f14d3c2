"""SQLite: what may happen to a file, and what is said then."""

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.errors import (
    ConflictError,
    StoreCorruptError,
    StoreUnavailableError,
    StoreUrlError,
    StoreVersionError,
    StudyNotFoundError,
)
from trimtab.ledger.event import Noted
from trimtab.storage import defence
from trimtab.storage import sqlite as module
from trimtab.storage.protocol import Store
from trimtab.storage.sql import SqlStore
from trimtab.storage.sqlite import SqliteDatabase
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trimtab.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = open_store(path)
    yield store
    store.close()


def database(path: Path, options: str = "") -> SqliteDatabase:
    return SqliteDatabase(f"sqlite:///{path}{options}")


# ---- how it is written


def test_results_survive_a_power_cut_unless_asked_otherwise(path: Path) -> None:
    for options, level in (("", 2), ("?synchronous=full", 2), ("?synchronous=normal", 1)):
        opened = database(path, options)
        SqlStore(opened).create(f"s{options}", notes(1))
        assert opened.query("PRAGMA synchronous") == [(level,)]
        assert opened.query("PRAGMA journal_mode") == [("wal",)]
        opened.close()


def test_the_log_can_be_read_with_any_sql_tool(store: Store, path: Path) -> None:
    store.create("plain", notes(2), at=5.0)
    connection = sqlite3.connect(path)
    query = "SELECT e.seq, e.at, e.kind, json_extract(e.body, '$.value') FROM event e JOIN study s ON s.id = e.study"
    assert connection.execute(query).fetchall() == [(1, 5.0, "noted", 0), (2, 5.0, "noted", 1)]
    connection.close()


def test_a_network_disk_gets_no_shared_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_network", lambda _: True)
    monkeypatch.setattr(module, "disk_kind", lambda _: "nfs4")
    store = open_store(path)
    store.create("remote", notes(1))
    assert not path.with_name("trimtab.db-wal").exists()
    [warning] = [finding for finding in store.check() if finding.level == "warning"]
    assert "network disk (nfs4)" in warning.what
    assert "PostgreSQL" in warning.remedy
    store.close()


def test_an_append_costs_little(store: Store) -> None:
    """A loose bound on CPU time: the figure is in the benchmarks, this sees only a change of order."""
    study = store.create("cost", notes(1))
    begin = time.process_time()
    for _ in range(1, 1001, 2):
        study.append(notes(2), after=study.head(), at=1.0)
    assert (time.process_time() - begin) / 500 < 0.001


# ---- waiting


def test_nobody_hears_that_a_database_is_locked(store: Store, path: Path) -> None:
    study = store.create("busy", notes(1))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    timer.start()
    begin = time.monotonic()
    assert study.append(notes(1), after=study.head(), at=1.0).seq == 2
    assert time.monotonic() - begin > 0.3
    timer.join()
    other.close()


def test_whoever_holds_it_too_long_is_asked_for(path: Path) -> None:
    store = open_store(f"sqlite:///{path}?timeout=0.2")
    study = store.create("held", notes(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match=r"held by another process for 0\.2 s: end that process"):
        study.append(notes(1), after=study.head(), at=1.0)
    assert len(list(study.read())) == 1  # reading never waits
    other.execute("ROLLBACK")
    assert study.append(notes(1), after=study.head(), at=1.0).seq == 2
    other.close()
    store.close()


def test_the_users_random_numbers_do_not_move(path: Path) -> None:
    import random

    random.seed(3)
    expected = random.Random(3).random()
    store = open_store(path)
    store.create("s", notes(1))
    store.close()
    assert random.random() == expected


# ---- damage


def fill(path: Path, n: int = 3_000) -> None:
    store = open_store(path)
    study = store.create("filled", notes(1))
    for _ in range(1, n, 100):
        study.append(notes(100), after=study.head(), at=1.0)
    store.close()


def test_a_damaged_page_is_named(path: Path) -> None:
    fill(path)
    with path.open("r+b") as file:
        for page in range(8, 16):
            file.seek(page * 4096)
            file.write(os.urandom(4096))
    store = open_store(path)
    with pytest.raises(StoreCorruptError, match=r"trimtab\.db is damaged .*restore a copy, or save what can be read"):
        list(store.open("filled").read())
    assert "error" in {finding.level for finding in store.check()}
    store.close()


def test_a_damaged_record_is_named(path: Path) -> None:
    fill(path, 200)
    connection = sqlite3.connect(path)
    connection.execute('UPDATE event SET body = \'{"kind":"noted"\' WHERE seq = 150')
    connection.commit()
    connection.close()
    store = open_store(path)
    with pytest.raises(StoreCorruptError, match=r"record 150 of study 'filled' in .*trimtab\.db is damaged"):
        list(store.open("filled").read())
    store.close()


@pytest.mark.parametrize("lost", [1, 150])
def test_a_missing_record_is_named(path: Path, lost: int) -> None:
    fill(path, 200)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM event WHERE seq = ?", (lost,))
    connection.commit()
    connection.close()
    store = open_store(path)
    with pytest.raises(StoreCorruptError, match=rf"record {lost} of study 'filled' .*is missing"):
        list(store.open("filled").read())
    [error] = [finding for finding in store.check() if finding.level == "error"]
    assert error.what == "the log of study 'filled' lacks records"
    store.close()


def test_a_lost_table_is_damage(path: Path) -> None:
    fill(path, 100)
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE event")
    connection.close()
    with pytest.raises(StoreCorruptError, match=r"is damaged \(no such table: event\)"):
        open_store(path)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE study (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUrlError, match=r"is a database of another program"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_newer_store_is_left_alone(path: Path) -> None:
    fill(path, 100)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET schema_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreVersionError, match=r"has schema 99, this Trimtab reads up to 2.*pip install -U trimtab"):
        open_store(path)


def test_a_torn_log_file_loses_the_end_and_nothing_else(path: Path, tmp_path: Path) -> None:
    """A power cut, as far as it can be played: the write-ahead log ends anywhere, or in garbage."""
    store = open_store(path)
    study = store.create("torn", notes(1))
    for head in range(1, 120):
        study.append([Noted("n", head)], after=study.head(), at=1.0)
    wal = path.with_name("trimtab.db-wal")
    size = wal.stat().st_size
    assert size > 50_000
    seen = set()
    for i, cut in enumerate([0, 1, 31, 32, 33, *range(5_000, size, 9_973), size - 1, size]):
        folder = tmp_path / f"cut{i}"
        folder.mkdir()
        shutil.copy(path, folder)
        torn = wal.read_bytes()[:cut]
        (folder / wal.name).write_bytes(torn + os.urandom(300) if i % 2 else torn)
        again = open_store(folder / path.name)
        names = [info.name for info in again.studies()]
        assert names in ([], ["torn"])
        if names:
            values = [record.event.value for record in again.open("torn").read()]
            assert values == list(range(len(values)))
            assert not [finding for finding in again.check() if finding.level == "error"]
            seen.add(len(values))
            study = again.open("torn")
            assert study.append(notes(1), after=study.head(), at=1.0).seq == len(values) + 1
        again.close()
    assert len(seen) > 10
    assert max(seen) == 120
    store.close()


def test_a_deleted_file_is_noticed_before_anything_is_lost(store: Store, path: Path) -> None:
    study = store.create("unlinked", notes(1))
    path.unlink()
    with pytest.raises(StoreUnavailableError, match=r"deleted or replaced while it was in use: nothing was written"):
        study.append(notes(1), after=study.head(), at=1.0)


def test_a_replaced_file_is_noticed(store: Store, path: Path, tmp_path: Path) -> None:
    study = store.create("replaced", notes(1))
    fill(tmp_path / "other.db", 100)
    (tmp_path / "other.db").replace(path)
    with pytest.raises(StoreUnavailableError, match=r"deleted or replaced"):
        study.append(notes(1), after=study.head(), at=1.0)
    with pytest.raises(StoreUnavailableError, match=r"deleted or replaced"):
        store.create("another", notes(1))


def test_a_scrap_of_a_file_is_left_alone(path: Path) -> None:
    path.write_bytes(b"\n")  # SQLite itself would take it for an empty database
    with pytest.raises(StoreUrlError, match=r"is not a database file"):
        open_store(path)
    assert path.read_bytes() == b"\n"


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    store = open_store(path)
    assert store.studies() == []
    assert store.create("s", notes(1)).head().seq == 1
    store.close()


# ---- what lies beside the file


def test_a_journal_that_names_another_file_does_not_delete_it(path: Path, tmp_path: Path) -> None:
    make_store(path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(hot_journal(path, naming=str(victim).encode()))
    before = path.read_bytes()
    for options in ("", "?mode=ro", "?mode=salvage"):
        with pytest.raises(StoreCorruptError, match=r"-journal names another file"):
            database(path, options)
    assert (victim.read_bytes(), path.read_bytes()) == (b"precious", before)
    journal.write_bytes(hot_journal(path, naming=b""))  # one that is only left over is played back, as ever
    store = open_store(path)
    assert [study.name for study in store.studies()] == ["s"]
    store.close()


def make_store(path: Path) -> None:
    store = open_store(path)
    store.create("s", notes(1))
    store.close()


def hot_journal(path: Path, *, naming: bytes) -> bytes:
    """Return a rollback journal that changes nothing, and names a super-journal if there is one to name."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")
    [(page_size,)], [(n_pages,)] = (connection.execute(f"PRAGMA {name}") for name in ("page_size", "page_count"))
    connection.close()
    magic = defence.JOURNAL_MAGIC
    header = magic + struct.pack(">IIIII", 0, 0, n_pages, 512, page_size)
    lock_page = 2**30 // page_size + 1
    name = struct.pack(">I", lock_page) + naming + struct.pack(">II", len(naming), sum(naming)) + magic
    return header.ljust(512, b"\0") + (name if naming else b"")


@pytest.mark.parametrize("suffix", defence.COMPANIONS)
@pytest.mark.parametrize("sort", ["pipe", "folder", "link"])
def test_what_is_no_file_beside_a_store_is_named_and_not_waited_for(path: Path, suffix: str, sort: str) -> None:
    make_store(path)
    beside = path.with_name(f"{path.name}{suffix}")
    make = {"pipe": os.mkfifo, "folder": os.mkdir, "link": lambda name: os.symlink("/nowhere", name)}[sort]
    make(beside)
    opening = [sys.executable, "-c", "import sys; from trimtab.storage.url import open_store; open_store(sys.argv[1])"]
    ended = subprocess.run([*opening, str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert f"{beside} is a {sort} where SQLite keeps a file of its own" in ended.stderr


def test_a_link_leads_to_the_log_as_well(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "linked.db"
    link.parent.mkdir()
    link.symlink_to(path)
    store = open_store(link)
    study = store.create("s", notes(1))
    path.with_name(f"{path.name}-wal").unlink()
    with pytest.warns(RuntimeWarning, match=r"-wal was deleted"):
        study.append(notes(1), after=study.head(), at=1.0)
    assert path.with_name(f"{path.name}-wal").exists()
    store.close()
    assert open_store(link).open("s").head().seq == 2


# ---- disks that are full or read-only


def test_a_full_disk_loses_nothing_and_is_told(path: Path) -> None:
    """SQLite's own error for a full disk, raised by a limit on the file's pages."""
    opened = database(path)
    store = SqlStore(opened)
    study = store.create("full", notes(10))
    [(pages,)] = opened.query("PRAGMA page_count")
    opened.query(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailableError, match=r"disk of .*trimtab\.db is full: nothing was written; free some"):
        study.append([Noted("large", "x" * 100_000)], after=study.head(), at=1.0)
    assert study.head().seq == 10
    opened.query("PRAGMA max_page_count = 1000000")
    assert study.append(notes(1), after=study.head(), at=1.0).seq == 11
    store.close()


def test_a_file_that_may_not_grow_loses_nothing(path: Path) -> None:
    """The operating system's refusal to write, by a limit on the size of files."""
    fill(path, 1_000)
    code = """
import resource, signal, sys
from trimtab.errors import StoreUnavailableError
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1])
study = store.open("filled")
head = study.append(notes(1), after=study.head(), at=1.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    while True:
        head = study.append(notes(50), after=head, at=1.0)
except StoreUnavailableError as error:
    print(error, file=sys.stderr)
    print(head.seq)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "cannot be read or written" in done.stderr or "is full" in done.stderr
    assert "Traceback" not in done.stderr
    store = open_store(path)
    assert store.open("filled").head().seq == int(done.stdout)
    assert len(list(store.open("filled").read())) == int(done.stdout)
    store.close()


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Become a user whom file modes bind, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """Return a folder that any user can reach, with a filled store in it."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    fill(tmp_path / "trimtab.db", 100)
    (tmp_path / "trimtab.db").chmod(0o444)
    tmp_path.chmod(0o555)
    return tmp_path


def test_a_read_only_store_can_be_read(open_folder: Path, unprivileged: None) -> None:
    store = open_store(open_folder / "trimtab.db")
    study = store.open("filled")
    assert [record.seq for record in study.read()] == list(range(1, 102))
    assert [info.name for info in store.studies()] == ["filled"]
    assert "is read-only" in next(finding.what for finding in store.check() if finding.level == "warning")
    with pytest.raises(
        StoreUnavailableError, match=r"cannot be written \(this user may not.*allow reading and writing"
    ):
        study.append(notes(1), after=study.head(), at=1.0)
    with pytest.raises(StoreUnavailableError, match=r"cannot be written"):
        store.create("new", notes(1))
    with pytest.raises(StudyNotFoundError):
        store.open("nope")
    store.close()


def test_a_store_cannot_be_made_in_a_read_only_folder(open_folder: Path, unprivileged: None) -> None:
    store = open_store(open_folder / "new.db")
    with pytest.raises(StoreUnavailableError, match=r"new\.db cannot be opened"):
        store.create("s", notes(1))
    store.close()


@pytest.fixture
def closed_file(open_folder: Path) -> Path:
    (open_folder / "trimtab.db").chmod(0)
    return open_folder / "trimtab.db"


def test_a_store_that_may_not_be_read(closed_file: Path, unprivileged: None) -> None:
    with pytest.raises(StoreUnavailableError, match=r"trimtab\.db cannot be opened \(this user may not.*allow reading"):
        open_store(closed_file)


# ---- crowds


def test_six_processes_wait_for_each_other_fairly(path: Path) -> None:
    """No process finishes its appends long before another has got well on with its own."""
    store = open_store(path)
    store.create("fair", notes(1))
    code = """
import sys, time
from trimtab.storage.url import open_store
from trimtab.testing.journals import appending
study = open_store(sys.argv[1]).open("fair")
sys.stdin.readline()
longest, last = 0.0, time.monotonic()
for _ in appending(study, sys.argv[2], 60):
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print(longest)
"""
    command = [sys.executable, "-c", code, str(path)]
    workers = [
        subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(6)
    ]
    longest = [float(worker.communicate("go\n", timeout=240)[0]) for worker in workers]
    assert max(longest) < 10.0
    assert store.open("fair").head().seq == 361
    store.close()


def test_a_lost_race_says_how_far_the_log_is(store: Store, path: Path) -> None:
    one = store.create("race", notes(1))
    other = open_store(path)
    begin = one.head()
    other.open("race").append(notes(4), after=begin, at=1.0)
    with pytest.raises(ConflictError, match=r"study 'race' has 5 records and not 1: another writer appended first"):
        one.append(notes(1), after=begin, at=1.0)
    other.close()
