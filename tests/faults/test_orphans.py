"""A trial leaves nothing behind, however it leaves it, however it ends, and whatever dies first."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from leaving import FORKS, UNMARKED, living

JOB = Path(__file__).with_name("leaving.py")

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="it needs /proc")

TOGETHER = 8
"""Cases that run at once: most of their time they wait."""


class Case:
    """One driver whose trial leaves processes behind in every way."""

    def __init__(self, folder: Path, executor: str, then: str = "hang", *, limit: float | None = None) -> None:
        self.token = "".join(random.choices("123456789", k=18))
        self.ready = folder / f"ready-{self.token}"
        self.log = folder / f"log-{self.token}"
        self._command = [sys.executable, str(JOB), executor, "--store", f"sqlite:///{folder}/{self.token}.db"]
        if limit:
            self._command += ["--limit", str(limit)]
        self._executor = executor
        self._then = then
        self.but = FORKS | UNMARKED if executor == "serial" else set()

    def start(self) -> subprocess.Popen[bytes]:
        told = "|".join([self.token, ",".join(sorted(self.but)), self._then, str(self.ready)])
        environment = {**os.environ, "LEAVING": told}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )

    def leave(self) -> subprocess.Popen[bytes]:
        """Start the driver, and return it once everything was left behind."""
        driver = self.start()
        until = time.monotonic() + 40
        while not self.ready.exists():
            assert time.monotonic() < until, self.log.read_text()
            assert driver.poll() is None, self.log.read_text()
            time.sleep(0.01)
        return driver

    def finish(self) -> None:
        assert self.start().wait(60) == 0, self.log.read_text()[-3000:]

    def assert_nothing_lives(self) -> None:
        until = time.monotonic() + 60
        while left := living(self.token):
            assert time.monotonic() < until, f"{left}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.02)


def helpers(driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the guardian and the keepers, the guardian first."""
    return [p for p in psutil.Process(driver.pid).children(recursive=True) if "guardian.py" in " ".join(p.cmdline())]


def wait_for_watchman(driver: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while not any(
        (p.info["cmdline"] or [])[-3:-1] == ["watch", str(driver.pid)] for p in psutil.process_iter(["cmdline"])
    ):
        assert time.monotonic() < until
        time.sleep(0.02)


def signalled(signum: signal.Signals):
    def run(folder: Path, executor: str) -> None:
        case = Case(folder, executor)
        driver = case.leave()
        if executor == "serial" and signum != signal.SIGINT:
            wait_for_watchman(driver)  # those that die before they have one are for the next driver
        driver.send_signal(signum)
        driver.wait(20)
        case.assert_nothing_lives()

    return run


def ended(then: str, *, limit: float | None = None):
    def run(folder: Path, executor: str) -> None:
        case = Case(folder, executor, then, limit=limit)
        case.leave().wait(60)
        case.assert_nothing_lives()

    return run


def guardian_first(folder: Path, executor: str) -> None:
    case = Case(folder, executor)
    driver = case.leave()
    helpers(driver)[0].kill()
    time.sleep(0.1)
    assert driver.poll() is None
    driver.kill()
    driver.wait()
    case.assert_nothing_lives()


def with_guardian(folder: Path, executor: str) -> None:
    case = Case(folder, executor)
    driver = case.leave()
    guardian = helpers(driver)[0]
    driver.send_signal(signal.SIGSTOP)
    guardian.kill()
    driver.kill()
    driver.wait()
    case.assert_nothing_lives()


def keepers(folder: Path, executor: str) -> None:
    case = Case(folder, executor)
    driver = case.leave()
    for keeper in helpers(driver)[1:]:
        keeper.kill()
    driver.wait(60)
    case.assert_nothing_lives()


def worker(folder: Path, executor: str) -> None:
    case = Case(folder, executor)
    driver = case.leave()
    _, keeper = helpers(driver)
    next(p for p in keeper.children() if {str(JOB), "trimtab.execute.worker"} & set(p.cmdline())).kill()
    driver.wait(60)
    case.assert_nothing_lives()


def all_at_once(folder: Path, executor: str) -> None:
    """All that watches over a trial is killed at once: the next driver finds what has the mark.

    Any driver does, one of the cases beside this one too, so that nothing is said about the time in between.
    """
    case = Case(folder, executor)
    case.but |= UNMARKED
    driver = case.leave()
    watching = helpers(driver)
    for process in (psutil.Process(driver.pid), *watching):
        process.suspend()
    for process in watching:
        process.kill()
    driver.kill()
    driver.wait()
    case.finish()
    case.assert_nothing_lives()


ENDS = {
    "SIGKILL": signalled(signal.SIGKILL),
    "SIGINT": signalled(signal.SIGINT),
    "SIGTERM": signalled(signal.SIGTERM),
    "SIGHUP": signalled(signal.SIGHUP),
    "normal": ended("return"),
    "raise": ended("raise"),
    "crash": ended("crash"),
    "exit": ended("exit"),
    "timeout": ended("hang", limit=4.0),
    "guardian first": guardian_first,
    "with guardian": with_guardian,
    "keepers": keepers,
    "worker": worker,
    "all at once": all_at_once,
}

SERIAL_ENDS = ("SIGKILL", "SIGINT", "SIGTERM", "SIGHUP", "normal", "raise", "all at once")

CASES = [
    *((executor, end) for executor in ("processes", "command") for end in ENDS),
    *(("serial", end) for end in SERIAL_ENDS),
]


@pytest.mark.timeout(300)
def test_nothing_is_left(tmp_path: Path) -> None:
    assert not faults_of(tmp_path, CASES)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_nothing_is_left_however_often(tmp_path: Path) -> None:
    cases = CASES * int(os.environ.get("TRIMTAB_ROUNDS", "20"))
    random.shuffle(cases)
    assert not faults_of(tmp_path, cases)


def faults_of(folder: Path, cases: list[tuple[str, str]]) -> str:
    """Run the cases, several at once; return what went wrong in which, nothing if nothing did."""

    def run(case: tuple[str, str]) -> str:
        executor, end = case
        try:
            ENDS[end](folder, executor)
        except Exception as error:
            return f"{executor}, {end}: {type(error).__name__}: {error}"
        return ""

    with ThreadPoolExecutor(TOGETHER) as pool:
        return "\n\n".join(filter(None, pool.map(run, cases)))
