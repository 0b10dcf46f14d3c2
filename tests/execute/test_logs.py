"""The output that is kept of an attempt."""

from __future__ import annotations

import os

import pytest

from trimtab.execute.logs import Logs, keep_short, last_lines, shorten, tidy


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


def test_no_open_file_stays_behind_where_a_folder_cannot_be_written(tmp_path):
    (tmp_path / "stderr.log").mkdir()
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(IsADirectoryError):
        Logs(tmp_path)
    assert len(os.listdir("/dev/fd")) == before


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
