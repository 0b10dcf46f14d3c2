"""Trials by hand from the command line, and studies as entries of a store: real processes, both stores."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trimtab as tt

TRIMTAB = (sys.executable, "-m", "trimtab.surfaces.cli")

STUDY = """\
name: s
command: ["true", "{lr}"]
minimize: loss
space: {lr: {float: [1e-5, 1e-1], log: true}}
budget: 12
seed: 1
"""

PRINTS = r"""["sh", "-c", "echo '{{\"loss\": {lr}}}'"]"""

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    (tmp_path / "study.yaml").write_text(STUDY)
    environment = {key: value for key, value in os.environ.items() if key != "TRIMTAB_STORE"}

    def call(*argv: str, exits: int = 0, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*TRIMTAB, *argv], cwd=tmp_path, env=environment, text=True, capture_output=True, stdin=stdin
        )
        assert done.returncode == exits, (argv, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return call


def states(call: Call) -> dict[str, int]:
    found: dict[str, int] = json.loads(call("show", "s", "--json").stdout)["states"]
    return found


# Handing out


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_first_that_ask_at_once_share_one_new_study(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Neither the study nor the store is there when eight processes begin."""
    url = f"sqlite:///{tmp_path / 'new.db'}" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    (tmp_path / "study.yaml").write_text(STUDY)
    asks = [
        subprocess.Popen(
            [*TRIMTAB, "ask", "--file", "study.yaml", "--store", url, "--json"],
            cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(8)
    ]  # fmt: skip
    ended = [(*ask.communicate(timeout=120), ask.returncode) for ask in asks]
    assert [code for _, _, code in ended] == [0] * 8, ended
    assert sorted(json.loads(out)["number"] for out, _, _ in ended) == list(range(8))
    with tt.load_study(url, "s") as study:
        assert len(study.table) == study.table.n_running == 8


def test_ask_says_why(call: Call) -> None:
    said = call("ask", "--file", "study.yaml").stdout
    assert re.fullmatch(r"trial 0\n  lr = 0\.001\nauto: the default configuration\n", said)
    found = json.loads(call("ask", "s", "--json").stdout)
    assert (found["number"], found["by"], found["state"]) == (1, "auto", "running")
    assert "Sobol" in found["why"]


def test_a_peek_writes_nothing_and_shows_what_is_handed_out_next(call: Call, tmp_path: Path) -> None:
    said = call("ask", "--file", "study.yaml", "--peek").stdout
    assert "trial 0 would be next; nothing was written" in said
    assert not (tmp_path / "trimtab.db").exists(), "not even the store"
    call("ask", "--file", "study.yaml")
    before = json.loads(call("show", "s", "--json").stdout)["records"]
    peeks = [json.loads(call("ask", "s", "--peek", "--json").stdout) for _ in range(2)]
    assert peeks[0] == peeks[1]
    assert (peeks[0]["number"], peeks[0]["attempt"], peeks[0]["state"]) == (1, 0, "proposed")
    assert json.loads(call("show", "s", "--json").stdout)["records"] == before
    asked = json.loads(call("ask", "s", "--json").stdout)
    assert asked["params"] == peeks[0]["params"]
    assert asked["why"] == peeks[0]["why"]


def test_a_peek_shows_what_waits(call: Call) -> None:
    call("ask", "--file", "study.yaml")
    call("tell", "s", "0", "--failed", "lost")
    found = json.loads(call("ask", "s", "--peek", "--json").stdout)
    assert (found["number"], found["state"], found["attempt"]) == (0, "waiting", 1)


def test_a_peek_at_a_space_that_is_used_up() -> None:
    study = tt.create_study(tt.Space(a=tt.Int(0, 1)), minimize="loss")
    for _ in range(2):
        assert study.peek().params == study.ask().params
    with pytest.raises(tt.errors.TrialError, match="nothing is left to try"):
        study.peek()


WAITING = """from trimtab.schedule.protocol import Wait
from trimtab.schedule.whole import Whole

class OneByOne(Whole):
    def assign(self, table, request):
        return Wait("one at a time") if table.n_running else super().assign(table, request)

    def to_json(self):
        return {}
"""


def test_to_ask_while_the_scheduler_waits_is_no_wrong_usage(call: Call, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(WAITING)
    how = ("--scheduler", "one:OneByOne")
    call("ask", "--file", "study.yaml", *how)
    for peek in ((), ("--peek",)):
        said = call("ask", "s", *how, *peek, exits=1).stderr
        assert "nothing can be asked now, since the scheduler waits: one at a time." in said
    call("tell", "s", "0", "0.5")
    assert "trial 1" in call("ask", "s", *how).stdout


def test_a_trial_is_given_back(call: Call) -> None:
    for _ in range(2):
        call("ask", "--file", "study.yaml")
    assert "trial 1 waits in line again" in call("give-back", "s", "1", "--reason", "only looked").stdout
    assert states(call) == {"waiting": 1, "running": 1}
    assert "trial 1 is waiting" in call("give-back", "s", "1", exits=2).stderr
    assert "there is no trial 7" in call("give-back", "s", "7", exits=2).stderr
    assert json.loads(call("ask", "s", "--json").stdout)["number"] == 1
    assert "attempt 1 at trial 1" in call("give-back", "s", "1", "--attempt", "1", exits=2).stderr
    assert "recomputed: all the same" in call("replay", "s").stdout


def test_a_lost_trial_waits(call: Call) -> None:
    call("ask", "--file", "study.yaml")
    assert "trial 0 is waiting (lost)" in call("tell", "s", "0", "--failed", "lost").stdout
    found = json.loads(call("ask", "s", "--json").stdout)
    assert (found["number"], found["attempt"]) == (0, 2)
    assert call("tell", "s", "0", "0.5").stdout == "trial 0 is complete\n"


@pytest.mark.parametrize(
    ("words", "loss"),
    [
        (["-0.5"], -0.5),
        (["-6e-05"], -6e-05),
        (["-.5"], -0.5),
        (["-3"], -3.0),
        (["loss=-0.5"], -0.5),
        (["--", "-0.5"], -0.5),
        (["-1e-300", "--cost", "2"], -1e-300),
        (["--cost", "2", "-0.5"], -0.5),
        (["-inf"], None),
    ],
)
def test_a_result_below_0_is_a_number(call: Call, words: list[str], loss: float | None) -> None:
    call("ask", "--file", "study.yaml")
    call("tell", "s", "0", *words)
    trial: dict[str, Any] = json.loads(call("show", "s", "0", "--json").stdout)
    assert trial["metrics"].get("loss") == loss


def test_what_is_neither_an_option_nor_a_number_is_refused(call: Call) -> None:
    call("ask", "--file", "study.yaml")
    for word in ("--faild", "-x", "-0.5.1"):
        assert re.search(f"No such option:? '?{word}", call("tell", "s", "0", word, exits=2).stderr), word
    assert "there is no trial -1" in call("tell", "s", "-1", "0.5", exits=2).stderr
    assert states(call) == {"running": 1}


def test_unknown_parts_are_answered_with_those_that_there_are(call: Call) -> None:
    for option, there in {"executor": "command, processes, serial", "optimizer": "auto, cmaes, gp"}.items():
        said = call("run", "study.yaml", f"--{option}", "local", exits=2).stderr
        assert f"no {option} is called 'local'" in said
        assert there in said
    said = call("run", "study.yaml", "--executor", "processes", exits=2).stderr
    assert "executor='processes' runs functions; a Command is run by \"command\"." in said


def test_a_dry_run_says_what_is_left_out_and_how_variables_are_called(call: Call, tmp_path: Path) -> None:
    (tmp_path / "left.yaml").write_text(
        'name: left\ncommand: ["true", "-v", "{m}", "--set", "n={n}", ["-k", "{k}"], "--lr={N}"]\nminimize: loss\n'
        "budget: 3\nspace:\n  kind: {categorical: [a, b]}\n  N: {float: [0, 1]}\n"
        "  m: {int: [1, 3], when: {kind: a}}\n  n: {int: [1, 3], when: {kind: b}}\n"
        "  k: {int: [1, 3], when: {kind: b}}\n"
    )
    said = call("run", "left.yaml", "--dry-run").stdout
    assert "where m is inactive, this is left out: '{m}'\n" in said
    assert "where n is inactive, this is left out: --set 'n={n}'\n" in said
    assert "where k is inactive, this is left out: -k '{k}'\n" in said
    assert "in the environment N is TRIMTAB_PARAM_N_1\n" in said
    assert "in the environment n is TRIMTAB_PARAM_N_2\n" in said
    assert "TRIMTAB_PARAM_M" not in said


# Names


def test_a_study_is_renamed_and_goes_on(call: Call, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace('["true", "{lr}"]', PRINTS))
    call("run", "study.yaml", "-q", "--budget", "2")
    files = sorted((tmp_path / "trimtab-files").iterdir())
    assert "s is now called mine" in call("rename", "s", "mine").stdout
    assert "there is no study 's'" in call("show", "s", exits=2).stderr
    call("run", "study.yaml", "-q", "--budget", "3", "--name", "mine")
    found = json.loads(call("show", "mine", "--json").stdout)
    assert (found["name"], found["states"]) == ("mine", {"complete": 3})
    assert sorted((tmp_path / "trimtab-files").iterdir()) == files, "its files are where they were"
    assert "all the same" in call("replay", "mine").stdout
    call("run", "study.yaml", "-q", "--budget", "1")
    assert len(list((tmp_path / "trimtab-files").iterdir())) == 2, "a new one of the old name has files of its own"
    assert "already holds a study 's'" in call("rename", "mine", "s", exits=2).stderr


def test_a_study_is_deleted_with_its_files(call: Call, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace('["true", "{lr}"]', PRINTS))
    call("run", "study.yaml", "-q", "--budget", "2")
    call("run", "study.yaml", "-q", "--budget", "1", "--name", "other")
    assert "--yes deletes without asking" in call("delete", "s", exits=2).stderr
    said = call("delete", "s", "--yes").stdout
    assert "deleted s in sqlite:///trimtab.db: 2 trials, and their files in" in said
    assert [one["name"] for one in json.loads(call("list", "--json").stdout)] == ["other"]
    assert [folder.name.partition("-")[0] for folder in (tmp_path / "trimtab-files").iterdir()] == ["other"]
    assert "there is no study 's'" in call("delete", "s", "--yes", exits=2).stderr
    call("delete", "other", "-y", "--keep-files")
    assert len(list((tmp_path / "trimtab-files").iterdir())) == 1


@pytest.mark.parametrize(("answer", "exits", "left"), [(b"y\n", 0, 0), (b"n\n", 1, 1), (b"\n", 1, 1)])
def test_on_a_terminal_it_asks_first(call: Call, answer: bytes, exits: int, left: int) -> None:
    call("ask", "--file", "study.yaml")
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    try:
        said = call("delete", "s", exits=exits, stdin=theirs).stdout
    finally:
        os.close(theirs)
        os.close(ours)
    assert "delete s in sqlite:///trimtab.db: 1 trial, of which 1 run?" in said
    assert len(json.loads(call("list", "--json").stdout)) == left
