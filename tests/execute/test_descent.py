"""What a trial takes over from the one that it continues."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from trimtab.execute.descent import take_over
from trimtab.execute.protocol import Task


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = tmp_path / "000000"
    folder.mkdir()
    (folder / "weights").write_text("learned")
    return folder


def continued(parent: Path) -> Path:
    """Return the folder of a trial that continues another, once it has taken over."""
    mine = parent.with_name("000001")
    take_over(
        Task(
            number=1, attempt=1, token="", params={}, fidelity={}, resume_from=0, resume_dir=parent, metrics=("loss",),
            checkpoint_dir=mine, log_dir=mine,
        )
    )  # fmt: skip
    return mine


def test_pipes_and_sockets_that_a_framework_left_are_left_out(parent: Path, monkeypatch) -> None:
    (parent / "deep").mkdir()
    os.mkfifo(parent / "deep" / "pipe")
    monkeypatch.chdir(parent)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("socket")
    mine = continued(parent)
    assert sorted(path.name for path in mine.rglob("*")) == ["deep", "weights"]


@pytest.mark.parametrize("aim", ["", "weights", "deep", "gone"])
def test_a_link_into_the_parents_folder_leads_into_the_copy(parent: Path, aim: str) -> None:
    (parent / "deep").mkdir()
    for at in (parent / "latest", parent / "deep" / "latest"):
        at.symlink_to(parent / aim)
    mine = continued(parent)
    for at in (mine / "latest", mine / "deep" / "latest"):
        assert at.readlink() == mine / aim
    assert (parent / "latest").readlink() == parent / aim


def test_a_link_leads_into_the_copy_where_the_store_is_reached_by_another_way(parent: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(tmp_path)
    (parent / "latest").symlink_to(parent / "weights")
    mine = continued(tmp_path / "way" / parent.name)
    (mine / "latest").write_text("more")
    assert (parent / "weights").read_text() == "learned"


def test_other_links_stay_as_they_are(parent: Path, tmp_path: Path) -> None:
    (parent / "beside").symlink_to("weights")
    (parent / "data").symlink_to(tmp_path)
    mine = continued(parent)
    assert (mine / "beside").readlink() == Path("weights")
    assert (mine / "data").readlink() == tmp_path
