"""The report file, whatever a program makes of it."""

from __future__ import annotations

import os

import pytest

from trimtab.execute import reports
from trimtab.execute.reports import ReportFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reports.jsonl"


def test_a_file_that_grows_is_read_once(path):
    file = ReportFile(path)
    assert (file.read(), file.is_used) == ([], False)
    with path.open("ab", buffering=0) as writer:
        writer.write(b"one\ntw")
        assert (file.read(), file.is_used) == ([b"one"], True)
        writer.write(b"o\nthree")
        assert file.read() == [b"two"]
        assert file.read() == []
    assert file.rest() == [b"three"]
    assert file.rest() == []


@pytest.mark.parametrize("anew", [b"four\n", b"one!\n", b"one\nand much more than before\n", b"x\n"])
@pytest.mark.parametrize("way", ["truncated", "replaced"])
def test_a_file_that_is_written_anew_is_read_anew(path, anew, way):
    path.write_bytes(b"one \n")
    file = ReportFile(path)
    assert file.read() == [b"one "]
    if way == "truncated":
        path.write_bytes(anew)
    else:
        path.with_suffix(".draft").write_bytes(anew)
        path.with_suffix(".draft").replace(path)
    assert file.read() == anew.splitlines()


def test_a_last_line_without_an_end_is_not_lost_when_another_takes_its_place(path):
    path.write_bytes(b"one")
    file = ReportFile(path)
    assert file.read() == []
    path.write_bytes(b"two")
    assert file.read() == [b"one"]
    assert file.rest() == [b"two"]


def test_a_history_that_is_written_again_from_its_beginning_brings_its_new_lines(path):
    file = ReportFile(path)
    said = []
    for n in range(1, 50):
        path.write_bytes(b"".join(b"line %d of a history\n" % i for i in range(n)))
        said += file.read()
    assert said == [b"line %d of a history" % i for i in range(49)]


def test_one_look_takes_in_so_much(path, monkeypatch):
    monkeypatch.setattr(reports, "AT_ONCE", 10)
    path.write_bytes(b"123456789\n" * 5)
    file = ReportFile(path)
    assert file.read() == [b"123456789"]
    assert file.rest() == [b"123456789"] * 4


def test_what_grows_beyond_all_bounds_is_read_no_further(path, monkeypatch):
    monkeypatch.setattr(reports, "MOST", 20)
    path.write_bytes(b"one\n")
    file = ReportFile(path)
    assert file.read() == [b"one"]
    os.truncate(path, 1 << 40)
    assert file.read() == []
    assert file.fault == "is too large: it has 1,099,511,627,776 bytes, and 20 are read"
    assert file.rest() == []
