"""The output that is kept of an attempt."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from trimtab.execute.logs import MOST, Logs, keep_short, last_lines, shorten, tidy


def test_an_attempt_that_wrote_nothing_leaves_nothing(tmp_path):
    Logs(tmp_path / "trials" / "1" / "attempt-1").close()
    assert list((tmp_path / "trials").iterdir()) == []


def test_folders_of_others_stay(tmp_path):
    (tmp_path / "mine").mkdir()
    Logs(tmp_path / "mine").close()
    assert (tmp_path / "mine").is_dir()


def test_what_was_written_stays(tmp_path):
    logs = Logs(tmp_path / "1" / "attempt-1")
    os.write(logs.out, b"\xff\xfe bytes")
    logs.close()
    assert [path.name for path in (tmp_path / "1" / "attempt-1").iterdir()] == ["stdout.log"]
    assert (tmp_path / "1" / "attempt-1" / "stdout.log").read_bytes() == b"\xff\xfe bytes"


def test_an_attempt_begins_with_empty_logs(tmp_path):
    (tmp_path / "stdout.log").write_text("of a study that was deleted")
    Logs(tmp_path).close()
    assert not (tmp_path / "stdout.log").exists()


def test_no_open_file_stays_behind_where_a_folder_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("trimtab.execute.logs.STDERR", "nowhere/stderr.log")
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(FileNotFoundError):
        Logs(tmp_path)
    assert len(os.listdir("/dev/fd")) == before


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


SPECIAL = {
    "a folder": lambda path: path.mkdir(),
    "a folder with something in it": lambda path: (path / "inner").mkdir(parents=True),
    "a named pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to nowhere": lambda path: path.symlink_to("nowhere/at/all"),
    "a socket": make_socket,
}


@pytest.fixture(params=SPECIAL)
def special(request, tmp_path, monkeypatch):
    """Make something that is no regular file in place of stdout.log, with a short name for the socket's sake."""
    monkeypatch.chdir(tmp_path)
    SPECIAL[request.param](Path("stdout.log"))
    return tmp_path


def test_a_log_is_made_anew_in_place_of_whatever_stands_there(special):
    logs = Logs(special)
    os.write(logs.out, b"said")
    logs.close()
    assert (special / "stdout.log").read_bytes() == b"said"
    assert not (special / "stdout.log").is_symlink()


def test_nothing_is_done_to_what_a_trial_puts_in_place_of_its_log(special):
    keep_short(special)
    shorten(special / "stdout.log", 0)
    assert last_lines(special / "stdout.log") == []
    tidy(special)


def test_a_link_to_a_file_of_somebody_else_is_not_followed(tmp_path):
    theirs = tmp_path / "theirs.txt"
    theirs.write_bytes(b"x" * 1000)
    (tmp_path / "stdout.log").symlink_to(theirs)
    shorten(tmp_path / "stdout.log", 10)
    tidy(tmp_path)
    assert theirs.stat().st_size == 1000
    assert last_lines(tmp_path / "stdout.log") == []


def test_a_log_with_a_hole_of_fifty_gigabytes_is_cut_at_once(tmp_path):
    path = tmp_path / "stdout.log"
    with path.open("wb") as file:
        file.truncate(50 << 30)
    tidy(tmp_path)
    assert path.stat().st_size <= MOST + 100


def test_the_folder_may_go_while_the_attempt_runs(tmp_path):
    folder = tmp_path / "attempt-1"
    logs = Logs(folder)
    shutil.rmtree(folder)
    folder.write_text("a file in its place")
    keep_short(folder)
    logs.close()
    assert folder.read_text() == "a file in its place"


def test_output_that_is_kept_nowhere():
    logs = Logs(None)
    os.write(logs.out, b"said")
    os.write(logs.err, b"complained")
    logs.close()


def test_a_long_log_keeps_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "stdout.log"
    path.write_bytes(b"A" * 100 + b"." * 1000 + b"Z" * 100)
    shorten(path, 200)
    assert path.read_bytes() == b"A" * 100 + b"\n[trimtab left out 1000 bytes here]\n" + b"Z" * 100


def test_what_is_left_out_adds_up(tmp_path):
    path = tmp_path / "stdout.log"
    written = 0
    with path.open("ab", buffering=0) as file:
        for _ in range(5):
            written += file.write(b"x" * 1000)
            shorten(path, 200)
    content = path.read_bytes()
    assert b"[trimtab left out %d bytes here]" % (written - 200) in content
    assert content.count(b"x") == 200


def test_a_log_in_use_is_cut_in_place(tmp_path, monkeypatch):
    monkeypatch.setattr("trimtab.execute.logs.MOST", 1000)
    logs = Logs(tmp_path)
    os.write(logs.err, b"a" * 1500)
    keep_short(tmp_path)
    assert (tmp_path / "stderr.log").stat().st_size == 1500, "not yet twice as long"
    shorten(tmp_path / "stderr.log", 1000)
    os.write(logs.err, b"the end")
    logs.close()
    assert (tmp_path / "stderr.log").read_bytes().endswith(b"aaathe end")


def test_tidy_where_there_are_no_logs(tmp_path):
    tidy(tmp_path / "none")
    keep_short(tmp_path / "none")


def test_last_lines(tmp_path):
    path = tmp_path / "stderr.log"
    assert last_lines(path) == []
    path.write_bytes(b"\xff\n\nb\nc\n\n")
    assert last_lines(path, 2) == ["b", "c"]
    assert last_lines(path, 9) == ["\\xff", "b", "c"]
