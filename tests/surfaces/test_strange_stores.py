"""What stands beside a store, and who a log says that it is from: shown, whatever it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trimtab.study import owner
from trimtab.surfaces.cli import facts
from trimtab.surfaces.render.numbers import moment


@pytest.mark.timeout(20)
def test_what_is_no_file_is_no_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "endless", "folder", "nothing", "x" * 300):
        assert facts.tail(tmp_path / name) == []
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(50 << 30)
    assert len("".join(facts.tail(tmp_path / "sparse"))) <= facts.TAIL_BYTES * len("\\x00")
    (tmp_path / "log").write_text("one\ntwo\n")
    assert facts.tail(tmp_path / "log") == ["one", "two"]


@pytest.mark.parametrize(
    "git", [None, 3, [], "abc", {}, {"commit": None}, {"commit": 7}, {"commit": ["a"], "dirty": "no"}, {"dirty": True}]
)
def test_any_provenance_can_be_shown(git: object) -> None:
    assert facts._code({"git": git, "trimtab": [1], "python": None}).startswith("trimtab [1], Python None")


def test_a_worker_of_any_name_is_not_known_to_be_gone() -> None:
    machine = owner.myself().rsplit("/", 2)[0]
    for pid in ("²", "9" * 5000, "-1", "", "1 ", "1\n", "\uff19"):
        assert not owner.is_gone(f"{machine}/{pid}/1")
    assert not owner.is_gone(owner.myself())
    assert not owner.is_gone("")


def test_a_time_beyond_calendars_is_shown_as_it_is() -> None:
    for at in (1e300, -1e300, 1e12):
        assert moment(at).rstrip(" s"), "no error"
