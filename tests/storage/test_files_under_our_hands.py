"""SQLite's files are deleted, replaced, cut and written over while a process writes: nothing acknowledged is lost.

A writer in a process of its own appends, and prints the number of each record once it was acknowledged. Something
happens to its files, it goes on for a while or ends with an error, and is killed right after an acknowledgement.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trimtab.errors import StoreCorruptError, StoreError, StoreRewoundError, StoreUnavailableError
from trimtab.ledger.event import Noted
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes

WRITER = """
import sys, warnings
from itertools import islice
from trimtab.errors import StoreError
from trimtab.storage.url import open_store
from trimtab.testing.journals import appending
warnings.simplefilter("always")
appended = appending(open_store(sys.argv[1]).open("study"), sys.argv[2], 1_000_000)
for n in sys.stdin:
    try:
        for seq in islice(appended, int(n)):
            print(seq, flush=True)
    except StoreError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        break
"""


class Writer:
    """A process that appends as often as it is told to."""

    def __init__(self, path: Path, name: str = "writer") -> None:
        command = [sys.executable, "-c", WRITER, f"sqlite:///{path}?synchronous=normal", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.promised: list[int] = []
        self.error = ""

    def go_on(self, n: int) -> bool:
        """Let it append `n` times; return False if it ended with an error before."""
        self.begin(n)
        return self.wait(n)

    def begin(self, n: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()

    def wait(self, n: int) -> bool:
        """Wait for `n` acknowledgements."""
        assert self.process.stdout is not None
        for _ in range(n):
            line = self.process.stdout.readline()
            if not line.strip().isdigit():
                self.error = line
                return False
            self.promised.append(int(line))
        return True

    def kill(self) -> str:
        """Kill it right after an acknowledgement; return what it wrote to stderr. Safe to call twice."""
        if self.process.returncode is not None:
            return ""
        self.process.send_signal(signal.SIGKILL)
        out, err = self.process.communicate(timeout=30)
        self.promised += [
            int(line) for line in out.splitlines(keepends=True) if line.strip().isdigit() and line[-1:] == "\n"
        ]
        return err


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "trimtab.db"
    store = open_store(path)
    store.create("study", notes(1))
    store.close()
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.kill()


@pytest.fixture
def other(path: Path) -> Iterator[Writer]:
    other = Writer(path, "other")
    yield other
    other.kill()


def on_record(path: Path) -> list[int]:
    store = open_store(path)
    found = [record.seq for record in store.open("study").read()]
    assert not [finding for finding in store.check() if finding.level == "error"]
    store.close()
    return found


def unlink(*endings: str) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        for ending in endings:
            path.with_name(path.name + ending).unlink()

    act.__name__ = " and ".join(endings)
    return act


def make_anew(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    log.unlink()
    log.touch()


@pytest.mark.parametrize(
    "act", [unlink("-wal"), unlink("-wal", "-shm"), unlink("-shm"), make_anew], ids=["log", "both", "index", "anew"]
)
def test_what_is_acknowledged_survives_the_deletion_of_the_log(path: Path, writer: Writer, act: Callable) -> None:
    writer.go_on(40)
    act(path)
    went_on = writer.go_on(25)
    err = writer.kill()
    if act is make_anew:
        assert not went_on
        assert "deleted while" in writer.error
        return
    assert went_on, writer.error
    if act.__name__ != "-shm":
        assert "trimtab.db-wal was deleted while" in err
    assert set(writer.promised) <= set(on_record(path))


def test_a_log_that_is_deleted_again_and_again(path: Path, writer: Writer) -> None:
    for _ in range(8):
        assert writer.go_on(7), writer.error
        unlink("-wal")(path)
    assert writer.go_on(3), writer.error
    writer.kill()
    assert set(writer.promised) <= set(on_record(path))


def test_a_log_that_is_deleted_in_the_middle_of_commits(path: Path, writer: Writer) -> None:
    for endings in (("-wal",), ("-wal", "-shm"), ("-wal",), ("-shm",), ("-wal",)):
        writer.begin(400)
        assert writer.wait(17), writer.error
        for ending in endings:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        assert writer.wait(383), writer.error
    assert writer.go_on(1), writer.error
    writer.kill()
    assert set(writer.promised) <= set(on_record(path))


def test_two_writers_lose_nothing_when_the_log_is_deleted(path: Path, writer: Writer, other: Writer) -> None:
    for one in (writer, other):
        assert one.go_on(30)
    for one in (writer, other):
        one.begin(3_000)
    for one in (writer, other):
        one.wait(30)
    unlink("-wal")(path)
    for one in (writer, other):
        if not one.wait(2_970):
            assert "was deleted while" in one.error
    for one in (writer, other):
        one.kill()
    assert set(writer.promised) | set(other.promised) <= set(on_record(path))


def backup(path: Path, target: Path, how: str) -> None:
    source = sqlite3.connect(path)
    if how == "vacuum":
        source.execute(f"VACUUM INTO '{target}'")
    else:
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.close()
    source.close()


@pytest.mark.parametrize("how", ["vacuum", "backup"])
def test_a_copy_that_is_moved_into_place_is_not_spoilt(path: Path, writer: Writer, tmp_path: Path, how: str) -> None:
    """Even the write-ahead log that was left beside it is not applied to it."""
    writer.go_on(400)
    copy = tmp_path / "copy.db"
    backup(path, copy, how)
    expected = on_record(copy)
    writer.go_on(100)
    copy.replace(path)
    assert not writer.go_on(10_000)
    assert "StoreUnavailableError" in writer.error
    assert "deleted or replaced while it was in use" in writer.error
    writer.kill()
    assert on_record(path) == expected


@pytest.mark.parametrize("how", ["vacuum", "backup"])
@pytest.mark.parametrize("n_more", [0, 40, 1_500], ids="{} appends after the copy".format)
def test_a_copy_that_is_written_over_the_file_is_noticed(
    path: Path, writer: Writer, tmp_path: Path, how: str, n_more: int
) -> None:
    """`cp backup.db trimtab.db`: the same inode. What was acknowledged before is in the copy, or is said to be lost."""
    writer.go_on(400)
    copy = tmp_path / "copy.db"
    backup(path, copy, how)
    writer.go_on(n_more)
    shutil.copyfile(copy, path)
    n = len(writer.promised)
    if writer.go_on(300):  # nothing was lost: the log held the rest
        writer.kill()
        assert set(writer.promised) <= set(on_record(path))
    else:
        assert len(writer.promised) - n < 5
        assert "Store" in writer.error
        writer.kill()


def test_a_link_in_place_of_a_file_that_was_moved_is_noticed(path: Path, writer: Writer) -> None:
    """Whoever opens the link finds no log beside the file that it leads to."""
    writer.go_on(40)
    moved = path.rename(path.with_name("moved.db"))
    path.symlink_to(moved)
    assert not writer.go_on(1_000)
    assert "deleted or replaced while it was in use" in writer.error
    writer.kill()
    moved.replace(path)  # as the error says
    assert set(writer.promised) <= set(on_record(path))


def test_a_file_that_was_cut_to_nothing_is_noticed(path: Path, writer: Writer) -> None:
    writer.go_on(40)
    os.truncate(path, 0)
    assert not writer.go_on(5)
    assert "was written over while it was in use (it is empty): nothing was written" in writer.error


def test_a_log_that_was_cut_to_nothing_is_noticed(path: Path, writer: Writer) -> None:
    writer.go_on(40)
    os.truncate(f"{path}-wal", 0)
    assert not writer.go_on(5)
    assert "Store" in writer.error


def test_a_checkpoint_of_somebody_else_disturbs_nobody(path: Path, writer: Writer) -> None:
    for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE", "TRUNCATE"):
        assert writer.go_on(20), writer.error
        tool = sqlite3.connect(path, timeout=10)
        tool.execute(f"PRAGMA wal_checkpoint({mode})")
        tool.close()
    assert writer.go_on(20), writer.error
    assert writer.kill() == ""
    assert set(writer.promised) <= set(on_record(path))


def test_vacuum_disturbs_nobody(path: Path, writer: Writer) -> None:
    store = open_store(path)
    store.create("large", [Noted("n", "x" * 400_000)])
    assert writer.go_on(400), writer.error
    store.delete("large")
    store.close()
    assert writer.go_on(5), writer.error
    tool = sqlite3.connect(path, timeout=20)
    tool.execute("VACUUM")
    tool.execute("PRAGMA wal_checkpoint(FULL)")
    tool.close()
    assert writer.go_on(100), writer.error
    writer.kill()
    assert set(writer.promised) <= set(on_record(path))


def again_and_again(use: Callable[[], object]) -> None:
    """Readers look at the files a thousand times in a second, and not more often."""
    while True:
        use()


def test_a_folder_that_is_gone_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    folder.mkdir()
    store = open_store(folder / "trimtab.db")
    study = store.create("study", notes(1))
    head = study.head()
    shutil.rmtree(folder)
    for use in (lambda: study.append(notes(1), after=head, at=1.0), lambda: list(study.read(head)), study.head):
        with pytest.raises(StoreUnavailableError, match="deleted or replaced while it was in use"):
            again_and_again(use)
    store.close()


def test_a_folder_that_was_renamed_and_comes_back_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    folder.mkdir()
    store = open_store(folder / "trimtab.db")
    study = store.create("study", notes(1))
    head = study.head()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailableError):
        study.append(notes(1), after=head, at=1.0)
    (tmp_path / "elsewhere").rename(folder)
    assert study.append(notes(1), after=head, at=1.0).seq == 2
    store.close()


def test_rsync_of_a_store_in_use_leaves_it_alone(path: Path, writer: Writer, tmp_path: Path) -> None:
    """A hot copy may be damaged, and is found out; the store itself is not touched."""
    for i in range(3):
        assert writer.go_on(30)
        (tmp_path / f"copy{i}").mkdir()
        for name in (path.name, f"{path.name}-wal"):
            shutil.copy2(path.with_name(name), tmp_path / f"copy{i}" / name)
    writer.kill()
    assert set(writer.promised) <= set(on_record(path))


def test_a_backup_that_sqlite_restores_in_place_is_recognised(path: Path, tmp_path: Path) -> None:
    store = open_store(path)
    study = store.open("study")
    head = study.append(notes(5), after=study.head(), at=1.0)
    backup(path, tmp_path / "copy.db", "backup")
    gone = study.append(notes(5), after=head, at=2.0)
    copy, live = sqlite3.connect(tmp_path / "copy.db"), sqlite3.connect(path)
    copy.backup(live)
    copy.close()
    live.close()
    for use in (lambda: study.append(notes(1), after=gone, at=3.0), lambda: next(study.read(gone), None)):
        with pytest.raises(StoreRewoundError, match="ends with record 6 now"):
            use()
    study.append(notes(5), after=head, at=3.0)  # somebody else brings it back to the same length
    for use in (lambda: study.append(notes(1), after=gone, at=4.0), lambda: next(study.read(gone), None)):
        with pytest.raises(StoreRewoundError, match="its record 11 is another one now"):
            use()
    assert isinstance(StoreRewoundError("x"), StoreCorruptError | StoreError)
    store.close()
