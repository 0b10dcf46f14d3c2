"""What is left of a damaged store is found, and copied: real damage to real files, and to a real server's tables."""

from __future__ import annotations

import random
import re
import sqlite3
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import StoreError, StudyError
from trimtab.ledger.event import Told
from trimtab.storage.protocol import Store
from trimtab.storage.url import open_store, salvaging
from trimtab.study.examine import Examined, copied, examined
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1))
NAMES = ["one", "two", "three"]


def fill(url: str, n_trials: int) -> None:
    for name in NAMES:
        with tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, name=name, seed=0) as study:
            for _ in range(n_trials):
                trial = study.ask()
                study.tell(trial.number, trial.params["x"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = (
        f"sqlite:///{tmp_path}/trimtab.db?synchronous=normal"
        if request.param == "sqlite"
        else request.getfixturevalue("postgresql_url")
    )
    fill(found, 5)
    return found


def change(request: pytest.FixtureRequest, url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0]) as connection:
            connection.execute(statement.format("event", "snapshot", "study"))
        connection.close()
    else:
        schema = url.rpartition("schema=")[2]
        request.getfixturevalue("postgres_server").sql(
            statement.format(*(f"{schema}.{table}" for table in ("event", "snapshot", "study")))
        )


def look(url: str) -> list[Examined]:
    store = open_store(url)
    try:
        return list(examined(store))
    finally:
        store.close()


def test_whole_studies_are_whole_and_their_copy_is_the_same(url: str, tmp_path: Path) -> None:
    found = look(url)
    assert [one.name for one in found] == NAMES
    assert [(one.fault, one.snapshot_fault) for one in found] == [("", "")] * 3
    assert [len(one.records) for one in found] == [one.n_stored for one in found]
    target = open_store(tmp_path / "copy.db")
    for one in found:
        assert copied(one, target) == one.n_stored
        assert list(target.open(one.name).read()) == one.records, "their links too"
    with pytest.raises(StudyError, match="already holds a study 'one'"):
        copied(found[0], target)
    target.close()
    with tt.load_study(f"sqlite:///{tmp_path}/copy.db", "two") as study:
        assert len(study.table) == 5
        assert study.ask().number == 5


@pytest.mark.parametrize(
    ("statement", "n_left", "fault"),
    [
        ("DELETE FROM {} WHERE study = 2 AND seq = 7", 6, "record 7 of study 'two' .* is missing"),
        ("UPDATE {} SET body = 'x' WHERE study = 2 AND seq = 7", 6, "record 7 .* is damaged and cannot be read"),
        ("UPDATE {} SET at = 5 WHERE study = 2 AND seq = 7", 6, "record 7 .* is not as it was written"),
        ("DELETE FROM {} WHERE study = 2 AND seq = 1", 0, "record 1 .* is missing"),
        ("UPDATE {} SET link = 'x' WHERE study = 2 AND seq = 16", 15, "record 16 .* is not as it was written"),
    ],
)
def test_what_comes_before_the_damage_is_saved(
    request: pytest.FixtureRequest, url: str, tmp_path: Path, statement: str, n_left: int, fault: str
) -> None:
    change(request, url, statement)
    one, two, three = look(url)
    assert (one.fault, three.fault) == ("", "")
    assert len(two.records) == n_left
    assert two.n_stored == 16
    assert re.search(fault, two.fault)
    target = open_store(tmp_path / "copy.db")
    if not n_left:
        with pytest.raises(StudyError, match="nothing of study 'two' can be read"):
            copied(two, target)
    else:
        assert copied(two, target) == n_left
        assert replay(target.open("two").read()).differing == ()
    target.close()


@pytest.mark.parametrize("name", ["", " two", "t\x1b[31mwo", "two\u202e"])
def test_a_name_that_no_study_can_bear_is_found_and_copied_under_another(
    request: pytest.FixtureRequest, url: str, tmp_path: Path, name: str
) -> None:
    change(request, url, f"UPDATE {{2}} SET name = '{name}' WHERE name = 'two'")
    one, two, three = look(url)
    assert (one.name_fault, three.name_fault) == ("", "")
    assert "a study cannot be named" in two.name_fault
    target = open_store(tmp_path / "copy.db")
    assert copied(two, target) == 16
    assert replay(target.open("two (recovered)").read()).differing == ()
    target.close()


def test_records_that_do_not_follow_are_found(url: str) -> None:
    store = open_store(url)
    study = store.open("two")
    study.append([Told(77, {"loss": 1.0})], after=study.head(), at=1.0)
    store.close()
    two = look(url)[1]
    assert len(two.records) == 16
    assert "record 17 (told) is about trial 77" in two.fault


def test_a_snapshot_that_is_damaged_or_of_another_log_is_found_and_not_used(
    request: pytest.FixtureRequest, url: str
) -> None:
    stores = open_store(url)
    with tt.load_study(url, "two") as study:
        study.session._is_open = True
        study.session.save_snapshot()
    assert [one.snapshot_fault for one in look(url)] == ["", "", ""]
    blob = stores.open("two").load_snapshot()
    assert blob is not None
    stores.open("one").save_snapshot(*blob)
    stores.open("three").save_snapshot(16, blob[1][:-1] + bytes([blob[1][-1] ^ 1]))
    stores.close()
    assert [one.snapshot_fault for one in look(url)] == [
        "it was made of another log",
        "",
        "it is damaged, or was made by another version",
    ]
    for name in NAMES:
        with tt.load_study(url, name) as study:
            assert study.name == name
            assert len(study.table) == 5
            assert replay(study.session.journal.read()).differing == ()


# ---- SQLite's files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a store file of three studies of 60 trials."""
    path = tmp_path_factory.mktemp("whole") / "trimtab.db"
    fill(f"sqlite:///{path}?synchronous=normal", 60)
    return path.read_bytes()


def damaged(whole: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    data = bytearray(whole)
    match seed % 4:
        case 0:  # single bytes
            for _ in range(rng.choice([1, 5, 50])):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 1:  # the end is gone
            del data[rng.randrange(4096, len(data)) :]
        case 2:  # pages of nothing
            for _ in range(rng.choice([1, 3])):
                at = rng.randrange(1, len(data) // 4096) * 4096
                data[at : at + 4096] = bytes(4096)
        case 3:  # noise
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(10_000)] = rng.randbytes(min(10_000, len(data) - at))
    return bytes(data)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_became_of_the_file_what_is_read_is_true(whole: bytes, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "trimtab.db"
    path.write_bytes(whole)
    truth = {one.name: one.records for one in look(f"sqlite:///{path}")}
    path.write_bytes(damaged(whole, seed))
    before = path.read_bytes()
    url = salvaging(f"sqlite:///{path}")
    try:
        found = look(url)
    except StoreError:
        return  # not even the tables are found; the sentence says so
    target: Store = open_store(tmp_path / "copy.db")
    for one in found:
        if one.name in truth:
            assert one.records == truth[one.name][: len(one.records)], "nothing is read that was not written"
            assert one.fault or len(one.records) == len(truth[one.name]) or one.n_stored == len(one.records)
        if one.records:
            copied(one, target)
    target.close()
    assert path.read_bytes() == before, "the damaged file is left as it is"
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("trimtab")) == ["trimtab.db"]


def test_a_lost_page_of_the_middle_costs_one_study_its_end(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trimtab.db"
    path.write_bytes(whole)
    with sqlite3.connect(path) as connection:
        [(page,)] = (
            connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 8"
            ).fetchall()
            if _has_dbstat(connection)
            else [(12,)]
        )
    connection.close()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(data)
    found = look(f"sqlite:///{path}")
    assert [one.name for one in found] == NAMES
    assert 1 <= sum(bool(one.fault) for one in found) <= 2
    assert all(len(one.records) > 0 for one in found)


def _has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT count(*) FROM dbstat").fetchone()
    except sqlite3.OperationalError:
        return False
    return True
