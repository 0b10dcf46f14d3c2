"""A store that fails while a study runs: an exit code of its own, a sentence, and the same command goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from postgres_server import PostgresServer
from trimtab.storage.url import open_store

STUDY = """\
name: study
command: {python} train.py --x={{x}}
minimize: loss
space:
  x: {{float: [0, 1]}}
budget: 9
workers: 2
seed: 0
"""
TRAIN = """\
import sys, time
time.sleep(0.3)
print('{"loss": 0.5}')
"""
PROMISE = "the same command goes on once the store works."


class Run:
    """`trimtab run study.yaml` in a folder of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        (folder / "study.yaml").write_text(STUDY.format(python=sys.executable))
        (folder / "train.py").write_text(TRAIN)
        self._folder = folder
        self.store = store

    def start(self) -> subprocess.Popen[str]:
        # The loop's own patience, beyond the store's time-out, is shorter here than people have it.
        program = (
            "from trimtab.study import loop; from trimtab.surfaces.cli import main; loop.STORE_PATIENCE_S = 1; main()"
        )
        command = [sys.executable, "-c", program]
        command += ["run", "study.yaml", "--quiet", "--store", self.store]
        return subprocess.Popen(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def n_told(self) -> int:
        store = open_store(self.store)
        try:
            return sum(type(record.event).__name__ == "Told" for record in store.open("study").read())
        finally:
            store.close()

    def await_told(self, n: int) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.n_told() >= n:
                    return
            except (LookupError, OSError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"{n} results never came")

    def go_on(self) -> None:
        again = self.start()
        out, error = again.communicate(timeout=120)
        assert again.returncode == 0, error
        assert "9 complete" in out
        assert self.n_told() == 9


def test_a_server_that_goes_away_and_comes_back(
    tmp_path: Path, postgresql_url: str, postgres_server: PostgresServer
) -> None:
    run = Run(tmp_path, f"{postgresql_url}&timeout=1")
    driver = run.start()
    run.await_told(2)
    postgres_server.control("stop", "-m", "immediate")
    try:
        began = time.monotonic()
        _, error = driver.communicate(timeout=60)
        assert time.monotonic() - began < 20  # its time-out, the loop's patience, and no more waiting after that
        assert driver.returncode == 3, error
        assert "cannot be reached: is the server running there?" in error
        assert PROMISE in error
        assert "Traceback" not in error
        while_away = run.start()
        _, error = while_away.communicate(timeout=60)
        assert (while_away.returncode, "cannot be reached" in error) == (3, True)
    finally:
        postgres_server.control("start")
    assert run.n_told() >= 2
    run.go_on()


def test_a_short_outage_is_not_noticed(tmp_path: Path, postgresql_url: str, postgres_server: PostgresServer) -> None:
    run = Run(tmp_path, postgresql_url)
    driver = run.start()
    run.await_told(2)
    postgres_server.control("stop", "-m", "immediate")
    time.sleep(1.0)
    postgres_server.control("start")
    out, error = driver.communicate(timeout=60)
    assert driver.returncode == 0, error
    assert "9 complete" in out


def test_whoever_interrupts_the_waiting_need_not_wait(
    tmp_path: Path, postgresql_url: str, postgres_server: PostgresServer
) -> None:
    run = Run(tmp_path, postgresql_url)
    driver = run.start()
    run.await_told(2)
    postgres_server.control("stop", "-m", "immediate")
    try:
        time.sleep(2.0)
        os.kill(driver.pid, signal.SIGTERM)
        _, error = driver.communicate(timeout=20)
        assert driver.returncode == 143, error
    finally:
        postgres_server.control("start")
    run.go_on()


def test_a_file_that_is_deleted_under_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path, f"sqlite:///{tmp_path}/trimtab.db")
    driver = run.start()
    run.await_told(2)
    aside = tmp_path / "aside"
    aside.mkdir()
    for name in ("trimtab.db", "trimtab.db-wal", "trimtab.db-shm"):
        (tmp_path / name).rename(aside / name)
    _, error = driver.communicate(timeout=60)
    assert driver.returncode == 3, error
    assert "deleted or replaced while it was in use" in error
    assert PROMISE in error
    for name in aside.iterdir():
        name.rename(tmp_path / name.name)
    run.go_on()


def test_a_file_that_another_process_holds_for_too_long(tmp_path: Path) -> None:
    run = Run(tmp_path, f"sqlite:///{tmp_path}/trimtab.db?timeout=0.5")
    driver = run.start()
    run.await_told(2)
    holder = sqlite3.connect(tmp_path / "trimtab.db", isolation_level=None, timeout=10)
    holder.execute("BEGIN IMMEDIATE")
    _, error = driver.communicate(timeout=60)
    holder.execute("ROLLBACK")
    holder.close()
    assert driver.returncode == 3, error
    assert "has been held by another process for 0.5 s" in error
    assert PROMISE in error
    run.go_on()


def test_a_store_that_was_asked_for_wrongly_is_bad_usage(tmp_path: Path) -> None:
    run = Run(tmp_path, f"sqlite:///{tmp_path}/none/trimtab.db")
    driver = run.start()
    _, error = driver.communicate(timeout=60)
    assert driver.returncode == 2
    assert PROMISE not in error
