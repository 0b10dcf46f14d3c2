"""A store, the processes that use it, and what befalls them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from actor import ASKED, DRIVEN
from history import Restored, violations
from side import SIDE, read

from postgres_server import PostgresServer
from trimtab.errors import StudyNotFoundError
from trimtab.ledger.event import Asked
from trimtab.storage.url import open_store

ACTOR = Path(__file__).with_name("actor.py")
MORE = 30
"""Trials by which the budget of the drivers grows whenever they have spent it."""
PATIENCE_S = 60.0
"""Seconds after which what should happen at once has not happened."""


class World:
    """Two drivers on one study and two clients on another, in one store, and a nemesis with a die.

    Args:
        folder: for logs, side logs and a SQLite store.
        url: the store's.
        executor: what the drivers run their trials with.
        server: the PostgreSQL server, if the store is there.
        seed: of the die.
        restores: whether the store is put back to a backup now and then.
        optimizer: the drivers' engine.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        executor: str,
        seed: int,
        server: PostgresServer | None = None,
        restores: bool = False,
        optimizer: str = "random",
    ) -> None:
        self.url, self.executor, self.server = url, executor, server
        self.optimizer = optimizer
        self.restores = restores
        self.restored: list[Restored] = []
        self.befell: Counter[str] = Counter()
        self.budget = MORE
        self._dice = random.Random(seed)
        self._side = folder / "side"
        self._side.mkdir()
        self._log = folder / "actors.log"
        self._backup = folder / "backup.db"
        self._environment = os.environ | {
            SIDE: str(self._side),
            "TRIMTAB_FAULT_LITTER": os.environ.get("TRIMTAB_FAULT_LITTER", "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ACTOR.parent), os.environ.get("PYTHONPATH")))),
        }
        self._actors: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped: list[tuple[float, psutil.Process]] = []

    # Life

    def run(self, faults: int) -> None:
        """Let things happen until so many faults have befallen, then let the work be finished in peace."""
        try:
            self._keep_alive()
            self._wait_for_work()
            while sum(self.befell.values()) < faults:
                time.sleep(self._dice.uniform(0.05, 0.6))
                self._wake_the_stopped(time.monotonic())
                self._keep_alive()
                self._strike()
            self._wake_the_stopped(float("inf"))
            self._finish()
        finally:
            for process in self._actors.values():
                process.kill()
                process.wait()

    def _start(self, name: str) -> None:
        more = ["--budget", str(self.budget), "--executor", self.executor, "--optimizer", self.optimizer]
        role = ["drive", *more] if name.startswith("driver") else ["client"]
        with self._log.open("ab") as log:
            self._actors[name] = subprocess.Popen(
                [sys.executable, str(ACTOR), *role, "--store", self.url],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is sent to one group, as a terminal would
            )

    def _keep_alive(self) -> None:
        """Start who has died; when drivers have spent the budget, it grows."""
        for name in ("driver 1", "driver 2", "client 1", "client 2"):
            process = self._actors.get(name)
            if process is not None and process.poll() is None:
                continue
            if process is not None and process.returncode == 0 and name.startswith("driver"):
                self.budget += MORE
            self._start(name)

    def _wait_for_work(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while len({line.get("study") for line in read(self._side)} - {None}) < 2:
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.1)

    def _finish(self) -> None:
        """End the clients, and let one driver end its work; it must, and by itself."""
        for process in self._actors.values():
            process.kill()
            process.wait()
        self.budget += MORE
        for name in ("driver 1", "driver 2"):
            self._start(name)
        codes = [self._actors[name].wait(PATIENCE_S * 2) for name in ("driver 1", "driver 2")]
        assert codes == [0, 0], self.said()

    def said(self) -> str:
        """Return the end of what all processes have printed."""
        return self._log.read_text(errors="replace")[-4000:]

    # Faults

    def _strike(self) -> None:
        faults: list[Callable[[], str | None]] = [
            self._kill,
            self._kill,
            self._interrupt,
            self._suspend,
            self._kill_inner,
        ]
        if self.server is not None:
            faults += [self._cut_connections, self._cut_connections, self._stop_server]
        if self.restores:
            faults += [self._put_back] * len(faults)  # what this world is about
        kind = self._dice.choice(faults)()
        if kind is not None:
            self.befell[kind] += 1

    def _victim(self, prefix: str = "") -> subprocess.Popen[bytes]:
        return self._actors[self._dice.choice([name for name in self._actors if name.startswith(prefix)])]

    def _kill(self) -> str:
        self._victim().kill()
        return "SIGKILL"

    def _interrupt(self) -> str:
        signum = self._dice.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._victim().pid, signum)
        return signum.name

    def _suspend(self) -> str | None:
        """Stop a process for a time that may be longer than its lease."""
        process = psutil.Process(self._victim().pid)
        if process in (stopped for _, stopped in self._stopped):
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
        self._stopped.append((time.monotonic() + self._dice.uniform(0.1, 5.0), process))
        return "SIGSTOP"

    def _wake_the_stopped(self, now: float) -> None:
        for until, process in list(self._stopped):
            if until <= now:
                self._stopped.remove((until, process))
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def _kill_inner(self) -> str | None:
        """Kill a worker, a program, or the guardian; the guardian together with its driver every other time."""
        driver = self._victim("driver")
        try:
            inner = psutil.Process(driver.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return None
        if not inner:
            return None
        victim = self._dice.choice(inner)
        is_guardian = any("guardian" in word for word in _cmdline(victim))
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
        if is_guardian and self._dice.random() < 0.5:
            driver.kill()
            return "SIGKILL guardian and driver"
        return "SIGKILL guardian" if is_guardian else "SIGKILL inner"

    def _cut_connections(self) -> str:
        assert self.server is not None
        self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'trimtab'")
        return "connections cut"

    def _stop_server(self) -> str:
        assert self.server is not None
        self.server.control("stop", "-m", self._dice.choice(("immediate", "fast")))
        time.sleep(self._dice.uniform(0, 0.5))
        self.server.control("start")
        return "server stopped"

    def _put_back(self) -> str | None:
        """Take a backup, let some time pass, and put it back under everybody's feet."""
        taken = time.monotonic()
        back = self._backup_sqlite() if self.server is None else self._backup_postgresql()
        if back is None:
            return None
        time.sleep(self._dice.uniform(0.2, 1.0))
        back()
        self.restored.append(Restored(taken, time.monotonic()))
        return "restored"

    def _backup_sqlite(self) -> Callable[[], None]:
        path = self.url.removeprefix("sqlite:///")
        self._backup.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(path)) as live,
            contextlib.closing(sqlite3.connect(self._backup)) as copy,
        ):
            live.backup(copy)

        def back() -> None:
            live, copy = sqlite3.connect(path, timeout=PATIENCE_S), sqlite3.connect(self._backup)
            with contextlib.closing(live), contextlib.closing(copy):
                copy.backup(live)

        return back

    def _backup_postgresql(self) -> Callable[[], None]:
        assert self.server is not None
        schema = self.url.rpartition("schema=")[2]
        heads = self.server.sql(f'SELECT study, max(seq) FROM "{schema}".event GROUP BY study').split()

        def back() -> None:
            assert self.server is not None
            cuts = "; ".join(
                f'DELETE FROM "{schema}".event WHERE study = {study} AND seq > {head}; '
                f'DELETE FROM "{schema}".snapshot WHERE study = {study} AND head > {head}'
                for study, head in (line.split("|") for line in heads)
            )
            self.server.sql(f'BEGIN; LOCK TABLE "{schema}".event IN EXCLUSIVE MODE; {cuts}; COMMIT')

        return back

    # Judgement

    def violations(self) -> list[str]:
        """Return what is wrong with the store, in the light of the side logs."""
        lines = list(read(self._side))
        found = []
        store = open_store(self.url)
        for name in (DRIVEN, ASKED):
            try:
                records = list(store.open(name).read())
            except StudyNotFoundError:
                found.append(f"study {name} is gone")
                continue
            about = [line for line in lines if line.get("study") == name]
            found += [f"{name}: {wrong}" for wrong in violations(records, about, self.restored)]
            if name == DRIVEN:
                asked = sum(isinstance(record.event, Asked) for record in records)
                if asked != self.budget:
                    found.append(f"{name}: {asked} trials for a budget of {self.budget}")
        store.close()
        return found + [f"left behind: {stray}" for stray in self._strays()]

    def _strays(self) -> list[str]:
        """Return the processes of this world that still run, after a moment to end."""
        give_up_at = time.monotonic() + 60
        while (left := [p for p in psutil.process_iter() if self._is_ours(p)]) and time.monotonic() < give_up_at:
            time.sleep(0.1)
        shown = [" ".join(" ".join(_cmdline(process)).split()) for process in left]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return shown

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(SIDE) == str(self._side)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
