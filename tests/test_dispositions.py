"""Tests of signals pass wherever they are started: under nohup, in the background of a script, by a batch system."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD)


def ignoring() -> None:
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def blocking() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


@pytest.mark.parametrize("inherited", [ignoring, blocking])
def test_tests_of_signals_pass_whatever_they_inherit(inherited, tmp_path: Path) -> None:
    script = (
        "import sys, pytest\nsys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', *sys.argv[1:]]))\n"
    )
    chosen = [
        "-k",
        "kills_from_outside or interrupt_of_one_worker or ctrl_c",
        str(TESTS / "execute" / "test_processes.py"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, "--basetemp", str(tmp_path / "inner"), *chosen],
        preexec_fn=inherited, cwd=TESTS.parent, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTEST_ADDOPTS": ""}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
