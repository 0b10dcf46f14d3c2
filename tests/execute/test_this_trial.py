"""A Python program that takes itself for a trial: what a function gets."""

from __future__ import annotations

import json
import sys

import pytest

import trimtab as tt
from trimtab.errors import ExecutorError, ObjectiveError, TrialStopped

ABOUT = {
    "study": "s",
    "number": 3,
    "attempt": 2,
    "params": {"lr": 0.1},
    "fidelity": {"epoch": 9.0},
    "start": {"epoch": 1.0},
    "parent": 1,
    "metrics": ["loss"],
    "folds": None,
    "cells": None,
    "fold_names": [],
    "seed": 7,
    "token": "s/3/2",
    "names": ["lr", "momentum"],
}

PROGRAM = """
import os, signal
import trimtab

trial = trimtab.this_trial()
assert trial.params == {"x": 0.5}
model = trial.checkpoint_dir / "model"
learned = 0 if trial.checkpoint is None else int(model.read_text())
for epoch in trial.steps():
    learned += epoch
    if epoch == 3 and trial.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    model.write_text(str(learned))
    trial.mark_checkpoint(epoch)
    trial.report(epoch, loss=1 / learned)
trimtab.report(loss=1 / learned)
"""


@pytest.fixture
def described(tmp_path, monkeypatch):
    """Return the file that describes this process's trial, in an environment that names it."""
    path = tmp_path / "trial.json"
    path.write_text(json.dumps({**ABOUT, "checkpoint_dir": str(tmp_path / "checkpoint")}))
    monkeypatch.setenv("TRIMTAB_TRIAL_FILE", str(path))
    monkeypatch.setenv("TRIMTAB_REPORT_FILE", str(tmp_path / "reports.jsonl"))
    return path


def test_a_program_that_was_started_otherwise_has_none(monkeypatch):
    monkeypatch.delenv("TRIMTAB_TRIAL_FILE", raising=False)
    assert tt.this_trial() is None


def test_it_shows_what_the_file_says(described, tmp_path):
    trial = tt.this_trial()
    assert (trial.number, trial.attempt, trial.parent, trial.seed, trial.study) == (3, 2, 1, 7, "s")
    assert (trial.params, trial.fidelity, trial.token) == ({"lr": 0.1}, {"epoch": 9.0}, "s/3/2")
    assert (trial.checkpoint, trial.checkpoint_dir) == (None, tmp_path / "checkpoint")
    trial.mark_checkpoint(4)
    assert list(trial.steps()) == [5, 6, 7, 8, 9]


def test_it_reports_and_is_told_to_end_as_a_program_is(described, tmp_path):
    trial = tt.this_trial()
    trial.report(1, 0.5)
    trial.report(2, loss=0.25, size=3)
    assert not trial.should_stop
    (tmp_path / "reports.jsonl.halt").write_text("it lags")
    trial.report(3, loss=0.125, raises=False)
    assert trial.should_stop
    with pytest.raises(TrialStopped, match="it lags"):
        trial.report(4, loss=0.0625)
    lines = (tmp_path / "reports.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 0.25, "size": 3},
        {"step": 3, "loss": 0.125},
        {"step": 4, "loss": 0.0625},
    ]
    assert (tmp_path / "reports.jsonl.halted").exists(), "it has heard of it"


def test_a_note_is_refused(described):
    with pytest.raises(ObjectiveError, match="takes no notes; print"):
        tt.this_trial().note("key", "value")


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"number": 1}'])
def test_a_file_that_describes_no_trial(described, text):
    described.unlink()
    if text is not None:
        described.write_text(text)
    with pytest.raises(ExecutorError, match="which does not describe a trial"):
        tt.this_trial()


def test_a_program_that_is_killed_goes_on_from_its_checkpoint(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    study = tt.tune(
        tt.Command([sys.executable, str(tmp_path / "program.py")]),
        tt.Space(x=tt.Float(0, 1), fixed={"x": 0.5}),
        minimize="loss",
        fidelity=tt.Fidelity("epoch", 1, 4),
        budget=1,
        store=f"sqlite:///{tmp_path / 'study.db'}",
        progress=False,
    )
    [trial] = study.trials
    assert (trial.state, trial.attempt, trial.metrics["loss"]) == ("complete", 2, 1 / 10), trial.error
    assert study.table.curves.attempt.tolist() == [1, 1, 2, 2]
    assert study.curve(0)["step"].tolist() == [1, 2, 3, 4]
