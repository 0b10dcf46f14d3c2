"""Fork at any moment, from any thread, while other threads are in the middle of anything: real forks, real stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import trimtab as tt
from trimtab import forks
from trimtab.errors import StoreUnavailableError
from trimtab.ledger.event import Started, Told
from trimtab.ledger.table import COMPLETE, RUNNING
from trimtab.storage.url import open_store
from trimtab.study.replay import replay

SCRIPT = Path(__file__).parent / "forked.py"
SPACE = tt.Space(x=tt.Float(0, 1))


def run(store: str, folder: Path, way: str, children: int, trials: int, optimizer: str) -> None:
    """Run the script to its end; a hang is a failure."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(SCRIPT),
        store,
        str(folder),
        way,
        str(children),
        str(trials),
        optimizer,
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]


def check(store: str, folder: Path, children: int, trials: int) -> None:
    """Check that all that was acknowledged is on record once, under the right name, and replays bit for bit."""
    told = {}
    of_children = list(folder.glob("child-*"))
    assert len(of_children) == children
    for truth in (*of_children, *folder.glob("thread-*")):
        for number, loss in (line.split() for line in truth.read_text().splitlines()):
            assert number not in told
            told[number] = float(loss)
    assert len(told) >= children * trials
    opened = open_store(store)
    records = list(opened.open("forked").read())
    opened.close()
    events = [record.event for record in records]
    on_record = {str(event.number): event.values["loss"] for event in events if isinstance(event, Told)}
    assert on_record == told
    assert sum(isinstance(event, Told) for event in events) == len(told)
    assert len({event.worker for event in events if isinstance(event, Started)}) == children + 1
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert replay(records).differing == ()


@pytest.mark.parametrize("way", ["fork", "pool"])
def test_eight_children_on_sqlite(tmp_path: Path, way: str) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    run(store, tmp_path, way, 8, 50, "random")
    check(store, tmp_path, 8, 50)


def test_eight_children_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    run(postgresql_url, tmp_path, "fork", 8, 50, "random")
    check(postgresql_url, tmp_path, 8, 50)


def test_children_of_an_engine_at_work(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    run(store, tmp_path, "fork", 3, 8, "auto")
    check(store, tmp_path, 3, 8)


# ---- one child


def in_child(work) -> str:
    """Return what `work` returns in a forked child, or its error; a child that hangs is killed."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return said


@pytest.fixture
def study(tmp_path: Path):
    with tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{tmp_path}/trimtab.db", seed=0) as study:
        yield study


def test_a_child_is_another_worker_and_on_record(study: tt.Study) -> None:
    study.tell(study.ask(), 1.0)
    number = int(in_child(lambda: study.ask().number))
    study.session.sync()
    assert study.table.worker(number) != study.session.worker
    assert study.session.ledger.opened[-1]["pid"] != os.getpid()


def test_a_dead_childs_trial_comes_back_at_once(study: tt.Study) -> None:
    number = int(in_child(lambda: study.ask(lease_s=3600).number))
    peek = study.peek()
    assert (peek.number, peek.state) == (number, "waiting")
    again = study.ask()
    assert (again.number, again.attempt) == (number, 2)


def test_a_living_childs_trial_is_left_alone(study: tt.Study) -> None:
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        trial = study.ask(lease_s=3600)
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        study.tell(trial, 0.5)
        os._exit(0)
    os.read(ready[0], 1)
    assert study.ask().number == 1
    os.write(go[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0
    study.session.sync()
    assert study.table.state[0] == COMPLETE


def test_what_a_child_writes_outlives_its_parents_connection(tmp_path: Path) -> None:
    """SQLite inherits its book of locks; the parent, closing last as it believed, deleted the child's log."""
    url = f"sqlite:///{tmp_path}/trimtab.db"
    study = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    study.tell(study.ask(), 1.0)
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        study.tell(study.ask(), 2.0)
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        study.tell(study.ask(), 3.0)
        os._exit(0)
    os.read(ready[0], 1)
    study.close()
    os.write(go[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0
    assert tt.load_study(url, "study").table.y[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_a_file_that_is_replaced_during_a_fork_is_noticed(study: tt.Study, tmp_path: Path) -> None:
    study.tell(study.ask(), 1.0)
    assert in_child(lambda: "fine") == "fine"  # the connection was closed for it
    (tmp_path / "trimtab.db").unlink()
    with pytest.raises(StoreUnavailableError, match="deleted or replaced while it was in use"):
        study.ask()


def test_a_child_forked_in_the_middle_of_a_change_reads_the_log_again(
    study: tt.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "PATIENCE_S", 0.1)
    trial = study.ask()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with study.session.lock:
            study.session.ledger.contents.columns["state"].rows[0] = COMPLETE  # half of a change
            held.set()
            over.wait()
            study.session.ledger.contents.columns["state"].rows[0] = RUNNING

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()

    def work() -> str:
        study.tell(trial.number, 0.25)
        return f"{study.table.y[0, 0]}"

    assert in_child(work) == "0.25"
    over.set()
    thread.join()
    study.session.sync()
    assert study.table.state.tolist() == [COMPLETE]


def test_a_fork_waits_for_a_suggestion_and_no_longer(study: tt.Study) -> None:
    """The guard of BLAS has a lock within a session's: taken in another order, fork and thread wait for each other."""
    from trimtab.numerics.blas import one_thread

    inside = threading.Event()

    def suggest() -> None:
        with study.session.lock, one_thread():
            inside.set()
            time.sleep(0.5)  # in which the fork begins

    thread = threading.Thread(target=suggest)
    thread.start()
    inside.wait()
    began = time.monotonic()
    assert in_child(lambda: study.ask().number) == "0"
    assert 0.2 < time.monotonic() - began < forks.PATIENCE_S
    thread.join()


class Item:
    """Something registered, which writes down when it was brought to rest and whether it came out whole."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen, self.lock = name, seen, threading.RLock()

    def rest(self) -> None:
        self.seen.append(self.name)

    def begin_anew(self, *, torn: bool) -> None:
        self.lock = threading.RLock()
        self.seen.append(f"{self.name} {'torn' if torn else 'whole'}")


def test_locks_are_taken_from_the_outside_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "PATIENCE_S", 0.1)
    seen: list[str] = []
    items = [Item(name, seen) for name in ("store", "session", "guard", "gone")]
    for item in items:
        forks.register(item, innermost=item.name == "guard")
    del item
    items.pop()  # what nobody has any more is not seen to
    assert in_child(lambda: seen) == str(["session", "store", "guard", "session whole", "store whole", "guard whole"])
    assert seen == ["session", "store", "guard"]
    seen.clear()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with items[1].lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert in_child(lambda: seen[-3:]) == str(["session torn", "store whole", "guard whole"])
    over.set()
    thread.join()


def test_a_fork_does_not_wait_for_another_process(study: tt.Study, tmp_path: Path) -> None:
    """A thread that waits for SQLite's lock, held elsewhere, is at rest as far as a fork goes."""
    import sqlite3

    other = sqlite3.connect(tmp_path / "trimtab.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=lambda: study.session.journal.renew("w", [(0, 1)], 1.0))
    waiting.start()
    began = time.monotonic()
    assert in_child(lambda: "fine") == "fine"
    assert time.monotonic() - began < forks.PATIENCE_S
    other.execute("COMMIT")
    other.close()
    waiting.join()


def test_a_study_in_memory_is_the_parents(tmp_path: Path) -> None:
    study = tt.create_study(SPACE, minimize="loss", seed=0)
    trial = study.ask()
    assert in_child(lambda: len(study.table)) == "1"
    for said in (in_child(study.ask), in_child(lambda: study.tell(trial, 1.0)), in_child(lambda: study.note("a", 1))):
        assert "is in the memory of process" in said
        assert "store='sqlite:///trimtab.db'" in said
    study.tell(trial, 1.0)
    assert in_child(lambda: tt.create_study(SPACE, minimize="loss", seed=0).ask().number) == "0"


def forking(trial: tt.Trial) -> float:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.3)
    return trial.params["x"]


def test_a_driver_goes_on_when_its_objective_forks(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/trimtab.db"
    study = tt.tune(forking, SPACE, minimize="loss", budget=4, store=store, lease_s=0.3, seed=0)
    assert study.table.attempt.tolist() == [1] * 4
    assert study.table.state.tolist() == [COMPLETE] * 4


def tuning(store: str) -> str:
    study = tt.tune(forking, SPACE, minimize="loss", budget=3, store=store, name="inner", lease_s=0.3, seed=0)
    return str(study.table.attempt.tolist())


def test_a_child_can_tune(study: tt.Study) -> None:
    study.ask()
    assert in_child(lambda: tuning(study.session.store.url)) == "[1, 1, 1]"
