"""Whose fault it is: the trial's, its driver's, the store's, or nobody's."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import trimtab as tt
from trimtab.errors import ProblemError, StoreUnavailableError
from trimtab.ledger.event import Failed
from trimtab.storage.url import open_store
from trimtab.study import loop
from trimtab.study.replay import replay

JOB = Path(__file__).with_name("blame_job.py")
SPACE = tt.Space(x=tt.Float(0, 1))


# The driver


def run_again_and_again(store: str, *arguments: str, most: int = 20) -> list[int]:
    """Run the job until it comes to its end; return the exit codes."""
    codes = []
    while not codes or codes[-1] != 0:
        assert len(codes) < most, codes
        command = [sys.executable, str(JOB), store, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "Error" not in done.stderr, done.stderr
        codes.append(done.returncode)
    return codes


def fates(store: str) -> list[tuple[str, str, int]]:
    study = tt.load_study(store, "blame")
    views = [study.table.trial(number) for number in range(len(study.table))]
    assert replay(study.session.journal.read()).differing == ()
    study.close()
    return [(view.state, view.failure, view.attempt) for view in views]


@pytest.mark.parametrize(("how", "code"), [("exits", 9), ("killed", -9), ("after some steps", -9)])
def test_a_trial_that_takes_its_driver_with_it_fails_in_the_end(tmp_path: Path, how: str, code: int) -> None:
    store = f"sqlite:///{tmp_path}/t.db"
    assert run_again_and_again(store, how, "1") == [code] * 3 + [0], "1 + retries attempts"
    ended = fates(store)
    assert ended[3] == ("failed", "killed", 3)
    assert [fate for i, fate in enumerate(ended) if i != 3] == [("complete", "", 1)] * 5


@pytest.mark.parametrize("retries", [0, 1])
def test_retries_say_how_often(tmp_path: Path, retries: int) -> None:
    store = f"sqlite:///{tmp_path}/t.db"
    assert len(run_again_and_again(store, "exits", "1", str(retries))) == retries + 2
    assert fates(store)[3] == ("failed", "killed", retries + 1)


def test_of_those_that_ran_with_it_none_fails(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/t.db"
    assert run_again_and_again(store, "killed", "3") == [-9] * 3 + [0]
    ended = fates(store)
    assert ended[3] == ("failed", "killed", 3)
    assert [fate[0] for i, fate in enumerate(ended) if i != 3] == ["complete"] * 5


@pytest.mark.parametrize(("name", "workers"), [("SIGINT", "1"), ("SIGTERM", "1"), ("SIGTERM", "2"), ("SIGHUP", "2")])
def test_requests_to_end_blame_nobody(tmp_path: Path, name: str, workers: str) -> None:
    store = f"sqlite:///{tmp_path}/t.db"
    codes = []
    for _ in range(3):
        command = [sys.executable, str(JOB), store, name, workers, "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        codes.append(done.returncode)
    assert codes == [-signal.Signals[name]] * 2 + [0], "with no retries at all"
    assert fates(store)[3] == ("complete", "lost", 3)
    store_ = open_store(store)
    losses = [r.event for r in store_.open("blame").read() if isinstance(r.event, Failed) and r.event.number == 3]
    store_.close()
    assert {(event.blame, event.error) for event in losses} == {("", "its driver was interrupted")}


def test_a_trial_that_comes_further_each_time_goes_on(tmp_path: Path) -> None:
    """As on machines that are taken away every few hours, from a trial that takes days and has checkpoints."""
    store = f"sqlite:///{tmp_path}/t.db"
    assert run_again_and_again(store, "after each step", "1") == [-9] * 6 + [0]
    assert fates(store) == [("complete", "lost", 7)]


def kills_its_worker(trial: tt.Trial) -> float:
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def test_a_trial_that_kills_its_worker_fails_after_as_many_attempts() -> None:
    study = tt.tune(kills_its_worker, SPACE, minimize="loss", budget=4, workers=2, optimizer="random", seed=0)
    view = study.table.trial(1)
    assert (view.state, view.failure, view.attempt) == ("failed", "killed", 3)
    assert "so ended 3 attempts" in view.error


# The store


@contextlib.contextmanager
def held(path: Path):
    """Hold the store so that nobody else can write to it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.rollback()
        connection.close()


def test_a_report_waits_for_the_store(tmp_path: Path) -> None:
    released = threading.Event()

    def objective(trial: tt.Trial) -> float:
        if trial.number == 1:
            taken = threading.Event()

            def hold() -> None:
                with held(tmp_path / "t.db"):
                    taken.set()
                    time.sleep(1.0)
                released.set()

            threading.Thread(target=hold).start()
            assert taken.wait(10)
            trial.report(1, loss=0.5)
            assert released.wait(10)
        return 1.0

    url = f"sqlite:///{tmp_path}/t.db?timeout=0.1"
    study = tt.tune(objective, SPACE, minimize="loss", budget=3, optimizer="random", store=url, seed=0)
    assert [study.table.trial(n).state for n in range(3)] == ["complete"] * 3
    assert len(study.table.curves.row) == 1
    study.close()


@pytest.mark.parametrize("catches", [None, Exception, BaseException])
@pytest.mark.parametrize("what", ["report", "note"])
def test_a_store_that_stays_away_ends_the_run_and_not_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catches: type[BaseException] | None, what: str
) -> None:
    monkeypatch.setattr(loop, "STORE_PATIENCE_S", 0.3)
    said = []

    def objective(trial: tt.Trial) -> float:
        if trial.number == 1 and trial.attempt == 1:
            with held(tmp_path / "t.db"), contextlib.suppress(*([] if catches is None else [catches])):
                trial.report(1, loss=0.5) if what == "report" else trial.note("key", 1)
                said.append("after it")
            for step in range(2, 5):
                with contextlib.suppress(*([] if catches is None else [catches])):
                    trial.report(step, loss=0.5)
                    said.append(step)
        return 1.0

    url = f"sqlite:///{tmp_path}/t.db?timeout=0.1"
    arguments = {"minimize": "loss", "budget": 3, "optimizer": "random", "store": url, "name": "t", "seed": 0}
    with pytest.raises(StoreUnavailableError, match="has been held by another process"):
        tt.tune(objective, SPACE, **arguments)
    assert said == [], "nothing was taken, and the objective could not go on as if it had been"
    study = tt.load_study(url, "t")
    view = study.table.trial(1)
    assert (view.state, view.error) == ("waiting", "its driver was interrupted")
    assert int(study.table.n_lost[1]) == 0
    study.close()
    study = tt.tune(objective, SPACE, **arguments)
    assert [(study.table.trial(n).state, study.table.trial(n).attempt) for n in range(3)] == [
        ("complete", 1),
        ("complete", 2),
        ("complete", 1),
    ]
    study.close()


# The logs


READ_ONLY = """
import sys
import trimtab as tt
from blame_job import SPACE, objective

store, executor = sys.argv[1:]
if executor == "command":
    objective = tt.Command(["sh", "-c", "echo '{{\\"loss\\": 1}}'"])
study = tt.tune(objective, SPACE, minimize="loss", budget=3, executor=executor, store=store, seed=0)
for n in range(3):
    view = study.table.trial(n)
    print(view.state, view.notes.get("output"))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("executor", ["processes", "command"])
def test_a_read_only_disk_for_logs_costs_no_trial(tmp_path: Path, executor: str) -> None:
    folder = tmp_path / "t-files"
    folder.mkdir()
    mount = f"mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}'"
    command = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts here")
    command += [sys.executable, "-c", READ_ONLY, f"sqlite:///{tmp_path}/t.db", executor]
    environment = os.environ | {"TRIMTAB_BLAME_HOW": "works", "TRIMTAB_BLAME_DRIVER": "0"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=JOB.parent, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("complete it was not kept: [Errno 30] Read-only file system") for line in lines), lines


# The objective


class OddError(BaseException):
    """As `trio.Cancelled` and `pytest.outcomes.Failed` are made."""


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, OddError, OddError("said"), SystemExit(2)])
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_whatever_is_raised_is_the_trials(error: BaseException, executor: str) -> None:
    study = tt.tune(Raises(error), SPACE, minimize="loss", budget=3, optimizer="random", executor=executor, seed=0)
    views = [study.table.trial(n) for n in range(3)]
    assert [(view.state, view.failure) for view in views] == [
        ("complete", ""),
        ("failed", "exception"),
        ("complete", ""),
    ]
    name = error.__name__ if isinstance(error, type) else type(error).__name__
    assert name in views[1].error or "sys.exit(2)" in views[1].error


class Raises:
    """Raises in trial 1."""

    __name__ = "raises"

    def __init__(self, error: BaseException | type[BaseException]) -> None:
        self.error = error

    def __call__(self, trial: tt.Trial) -> float:
        if trial.number == 1:
            raise self.error
        return 1.0


@pytest.mark.parametrize("request_", [KeyboardInterrupt, tt.errors.Terminated])
def test_a_request_to_end_passes(request_: type[BaseException]) -> None:
    store = tt.create_study(SPACE, minimize="loss", seed=0)
    store.close()
    with pytest.raises(request_):
        tt.tune(Raises(request_), SPACE, minimize="loss", budget=3, optimizer="random", seed=0)


def ends_what_it_forks(trial: tt.Trial) -> dict[str, object]:
    codes = []
    for _ in range(20):
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        process.start()
        process.terminate()  # at once: not even its own code runs yet
        process.join()
        codes.append(process.exitcode)
    return {"loss": 1.0, "codes": codes}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_a_trial_forks_dies_of_sigterm_from_its_first_moment(executor: str) -> None:
    study = tt.tune(ends_what_it_forks, SPACE, minimize="loss", budget=1, executor=executor, seed=0)
    assert study.table.trial(0).notes["codes"] == [-signal.SIGTERM] * 20


# Workers


def says_its_process(trial: tt.Trial) -> dict[str, float]:
    return {"loss": 1.0, "pid": float(os.getpid())}


def test_workers_are_replaced_after_so_many_trials() -> None:
    study = tt.tune(
        says_its_process,
        SPACE,
        minimize="loss",
        budget=6,
        executor="processes",
        trials_per_worker=2,
        optimizer="random",
        seed=0,
    )
    pids = study.table.extra["pid"].tolist()
    assert pids[0::2] == pids[1::2]
    assert len(set(pids)) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"trials_per_worker": 2}, "goes with executor=\"processes\", whose workers run many trials; got 'serial'"),
        ({"trials_per_worker": 0, "workers": 2}, "trials_per_worker is a whole number above 0, got 0"),
        ({"trials_per_worker": 1.5, "workers": 2}, "trials_per_worker is a whole number above 0, got 1.5"),
        ({"trials_per_worker": True, "workers": 2}, "trials_per_worker is a whole number above 0, got True"),
    ],
)
def test_trials_per_worker_goes_with_workers(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ProblemError) as refused:
        tt.tune(says_its_process, SPACE, minimize="loss", budget=2, **arguments)
    assert said in str(refused.value)
