"""A log that is brought back to an earlier state while a process works on it: said at once, nothing acknowledged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import trimtab as tt
from postgres_server import PostgresServer
from trimtab.errors import StoreCorruptError, StoreRewoundError
from trimtab.storage.url import open_store
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1))

Backup = Callable[[], Callable[[], None]]
"""Takes a backup and returns what restores it."""


@pytest.fixture(params=["sqlite's backup", "rows deleted in sqlite", "pg_dump", "rows deleted in postgresql"])
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Backup]]:
    if "sqlite" in request.param:
        path = tmp_path / "trimtab.db"
        yield f"sqlite:///{path}", sqlite_backup(path) if "backup" in request.param else deleting(path)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url: str = request.getfixturevalue("postgresql_url")
    yield url, dumping(server, url) if request.param == "pg_dump" else deleting_there(server, url)


def sqlite_backup(path: Path) -> Backup:
    def take() -> Callable[[], None]:
        kept = sqlite3.connect(":memory:")
        with sqlite3.connect(path) as live:
            live.backup(kept)
        live.close()

        def restore() -> None:
            with sqlite3.connect(path, timeout=20) as live:
                kept.backup(live)
            live.close()
            kept.close()

        return restore

    return take


def deleting(path: Path) -> Backup:
    def run(statement: str) -> int:
        with sqlite3.connect(path, timeout=20) as live:
            found = live.execute(statement).fetchone()
        live.close()
        return found[0] if found else 0

    def take() -> Callable[[], None]:
        length = run("SELECT max(seq) FROM event")
        return lambda: run(f"DELETE FROM event WHERE seq > {length}") and None

    return take


def dumping(server: PostgresServer, url: str) -> Backup:
    schema = url.rpartition("schema=")[2]

    def take() -> Callable[[], None]:
        dump = server._run("pg_dump", "-h", str(server.socket), "-n", schema, "tuning")

        def restore() -> None:
            # One transaction, as `psql --single-transaction`: processes that wait see the old or the new.
            (server.data / "restore.sql").write_text(f'DROP SCHEMA "{schema}" CASCADE;\n{dump}\n')
            (server.data / "restore.sql").chmod(0o644)
            program = ("psql", "-h", str(server.socket), "-d", "tuning", "-1", "-q", "-v", "ON_ERROR_STOP=1")
            server._run(*program, "-f", str(server.data / "restore.sql"))

        return restore

    return take


def deleting_there(server: PostgresServer, url: str) -> Backup:
    table = f"{url.rpartition('schema=')[2]}.event"

    def take() -> Callable[[], None]:
        length = server.sql(f"SELECT max(seq) FROM {table}")
        # Locked, as a restore would: a record that is appended meanwhile would be left standing alone.
        statement = f"BEGIN; LOCK TABLE {table}; DELETE FROM {table} WHERE seq > {length}; COMMIT"
        return lambda: server.sql(statement) and None

    return take


def tell_some(study: tt.Study, n: int) -> None:
    for _ in range(n):
        trial = study.ask()
        study.tell(trial.number, trial.params["x"])


def test_a_restored_backup_is_recognised_at_the_next_use(setting: tuple[str, Backup]) -> None:
    url, backup = setting
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, seed=0)
    tell_some(study, 3)
    restore = backup()
    tell_some(study, 4)
    running = study.ask().number
    restore()
    began = time.monotonic()
    for use in (
        study.ask,
        lambda: study.tell(running, 0.5),
        lambda: study.tell(0, 0.5),
        lambda: study.report(running, 1.0, {"loss": 0.5}, attempt=1),
        lambda: study.note("why", "not"),
        lambda: study.enqueue({"x": 0.5}),
        study.session.sync,
    ):
        with pytest.raises(StoreRewoundError, match=r"is not the log that this process has read") as caught:
            use()
        assert "end every process that uses the study" in str(caught.value)
        assert {3, 4, 5, 6} <= set(caught.value.missing) <= {3, 4, 5, 6, 7}
        assert "trials 3, 4, 5, 6" in str(caught.value)
    assert time.monotonic() - began < 5.0
    check(url, n_over=3)


@pytest.mark.parametrize("longer", [0, 1])
def test_a_stale_tell_is_not_acknowledged_when_others_brought_the_log_back(
    setting: tuple[str, Backup], longer: int
) -> None:
    url, backup = setting
    stale = tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, seed=0)
    tell_some(stale, 3)
    restore = backup()
    running = stale.ask().number
    known = stale.session.ledger.head
    restore()
    other = tt.load_study(url, "study")
    while other.session.ledger.head < known + longer:
        other.note("n", other.session.ledger.head)
    with pytest.raises(StoreRewoundError, match=r"its record \d+ is another one now.*does not have: trial 3\."):
        stale.tell(running, 0.5)
    with pytest.raises(StoreRewoundError):
        stale.ask()
    tell_some(other, 2)
    other.close()
    check(url, n_over=5)


def test_after_the_very_same_log_came_back_everything_goes_on(setting: tuple[str, Backup]) -> None:
    """A server that failed over to a lagging replica, and back."""
    url, backup = setting
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, seed=0)
    tell_some(study, 3)
    restore = backup()
    restore()
    tell_some(study, 2)
    check(url, n_over=5)


def check(url: str, n_over: int) -> None:
    """The study is as it was restored, opens, replays and goes on."""
    again = tt.load_study(url, "study")
    assert len(again.table.order) == n_over
    tell_some(again, 1)
    assert replay(again.session.journal.read()).differing == ()
    again.close()


TUNE = """
import sys, time
import trimtab as tt
def objective(trial):
    time.sleep(0.02)
    return trial.params["x"]
if __name__ == "__main__":
    tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=100_000, store=sys.argv[1], name="study",
            seed=0, optimizer="random", workers=int(sys.argv[2]), stop="never")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_driver_ends_with_the_error(setting: tuple[str, Backup], tmp_path: Path, workers: int) -> None:
    url, backup = setting
    (tmp_path / "job.py").write_text(TUNE)
    command = [sys.executable, str(tmp_path / "job.py"), url, str(workers)]
    driver = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(url, 5)
    restore = backup()
    wait_for(url, 15)
    restore()
    _, err = driver.communicate(timeout=30)
    assert driver.returncode != 0
    assert "StoreRewoundError" in err
    assert "results that this process knows and the log does not have: trial" in err
    check_goes_on(url)


def wait_for(url: str, n: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        store = open_store(url)
        try:
            if any(info.head > 3 * n for info in store.studies()):
                return
        finally:
            store.close()
        time.sleep(0.02)
    raise AssertionError("nothing runs")


def check_goes_on(url: str) -> None:
    again = tt.load_study(url, "study")
    tell_some(again, 1)
    assert replay(again.session.journal.read()).differing == ()
    again.close()


def test_a_record_that_was_altered_is_named(setting: tuple[str, Backup], request: pytest.FixtureRequest) -> None:
    url, _ = setting
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, seed=0)
    tell_some(study, 4)
    study.close()
    statement = "UPDATE {} SET body = replace(body, '\"loss\":', '\"loss\":1') WHERE kind = 'told' AND seq = 7"
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as live:
            assert live.execute(statement.format("event")).rowcount == 1
        live.close()
    else:
        table = f"{url.rpartition('schema=')[2]}.event"
        request.getfixturevalue("postgres_server").sql(statement.format(table))
    with pytest.raises(StoreCorruptError, match=r"record 7 of study 'study' in .* is not as it was written"):
        tt.load_study(url, "study")
