from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import trimtab
from trimtab.study import provenance


@pytest.fixture(autouse=True)
def outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def git(*arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk"]
    return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def argv(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    monkeypatch.setattr(sys, "orig_argv", list(arguments))
    return provenance.gather()["argv"]


def test_it_names_versions_and_machine():
    found = provenance.gather()
    assert found["trimtab"] == trimtab.__version__
    assert found["numpy"] == np.__version__
    assert {"python", "platform", "host", "pid", "argv"} <= set(found)
    assert json.loads(json.dumps(found)) == found
    assert "git" not in found


def test_it_names_commit_and_branch_and_whether_files_differ(tmp_path):
    git("init")
    (tmp_path / "train.py").write_text("1")
    git("add", "train.py")
    git("commit", "-m", "first")
    (tmp_path / "untracked").touch()
    clean = provenance.gather()["git"]
    assert clean == {"commit": git("rev-parse", "HEAD"), "branch": "trunk", "dirty": False}
    (tmp_path / "train.py").write_text("2")
    assert provenance.gather()["git"] == {**clean, "dirty": True}


def test_a_checkout_without_commits_and_a_machine_without_git(monkeypatch):
    git("init")
    assert provenance.gather()["git"]["commit"] == "(initial)"
    monkeypatch.setenv("PATH", "")
    assert "git" not in provenance.gather()


@pytest.mark.parametrize(
    ("argument", "recorded"),
    [
        ("postgresql://ann:secret@host/db", "postgresql://ann:***@host/db"),
        ("--store=postgresql://:secret@host/db", "--store=postgresql://:***@host/db"),
        ("postgresql://ann:sec@ret@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://host/db?password=secret&user=ann", "postgresql://host/db?password=***&user=ann"),
        ("postgresql://ann@host:5432/db", "postgresql://ann@host:5432/db"),
        ("sqlite:///trimtab.db", "sqlite:///trimtab.db"),
        ("\udcff", "\\udcff"),
    ],
)
def test_no_password_goes_on_record(monkeypatch, argument, recorded):
    assert argv(monkeypatch, argument) == [recorded]


def test_a_long_argument_is_cut_after_its_password_was_hidden(monkeypatch):
    [text] = argv(monkeypatch, "x" * 1980 + "postgresql://a:secret@host")
    assert len(text) == 2000
    assert "se" not in text.removeprefix("x" * 1980).removeprefix("postgresql")
