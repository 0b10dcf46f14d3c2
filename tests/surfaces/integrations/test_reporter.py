"""What all integrations share: metrics that are picked, checkpoints that are whole, libraries that are not there."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import trimtab as tt
from trimtab.errors import MissingError, MissingLibraryError, ObjectiveError
from trimtab.execute.protocol import Task
from trimtab.surfaces.integrations import generators, needed
from trimtab.surfaces.integrations.reporter import Picker, Reporter, reported


class Recorder:
    """A channel to a list, which says from some message on that the trial is to end."""

    def __init__(self, halt_after=99):
        self.sent = []
        self.halt_after = halt_after

    def send(self, message):
        self.sent.append((message.step, message.values))

    def halted(self):
        return "it lags" if len(self.sent) >= self.halt_after else None


@pytest.fixture
def make(tmp_path):
    def make_trial(channel=None, attempt=1):
        task = Task(
            number=3,
            attempt=attempt,
            token=f"s/3/{attempt}",
            params={},
            fidelity={"epoch": 9.0},
            resume_from=None,
            metrics=("loss",),
            checkpoint_dir=tmp_path / "checkpoint",
            log_dir=tmp_path,
        )
        return tt.Trial(task, channel or Recorder())

    return make_trial


# Checkpoints


def write(folder):
    (folder / "model").write_text("weights")


def test_a_checkpoint_is_written_every_so_often_and_at_the_end(make):
    trial = make()
    reporter = Reporter(trial, 3)
    marked = []
    for step in range(1, 9):
        assert reporter.report(step, 1 / step) is False
        reporter.keep(write, at_end=step == 8)
        marked.append(trial.checkpoint)
    assert marked == [None, None, 3, 3, 3, 6, 6, 8]
    assert [path.name for path in trial.checkpoint_dir.glob("*step*")] == ["step-8"]
    again = Reporter(make(attempt=2), 3)
    assert (again.step, again.last) == (8, 1 / 8)
    assert (again.restored / "model").read_text() == "weights"


def test_none_is_written_where_none_is_wanted(make):
    reporter = Reporter(make(), None)
    reporter.report(1, 0.5)
    reporter.keep(write, at_end=True)
    assert reporter.trial.checkpoint is None


def test_it_says_that_the_trial_is_to_end_and_raises_nothing(make):
    channel = Recorder(halt_after=2)
    reporter = Reporter(make(channel), 1)
    assert [reporter.report(step, {"loss": 0.5}) for step in (1, 2, 3)] == [False, True, True]
    assert channel.sent == [(step, {"loss": 0.5}) for step in (1, 2, 3)]


def test_a_process_that_does_not_speak_keeps_step(make, tmp_path):
    channel, written = Recorder(halt_after=0), []
    reporter = Reporter(make(channel), 2)
    reporter.speaks = False
    for step in range(1, 5):
        assert reporter.report(step, 0.5) is False
        reporter.keep(written.append, at_end=False)
    assert len(written) == 2, "where all processes of a group are to take part"
    assert (channel.sent, reporter.last, reporter.trial.checkpoint) == ([], 0.5, None)


CHILD = """
import json, os, signal, sys
from pathlib import Path
from trimtab.execute.protocol import Task
import trimtab as tt
from trimtab.surfaces.integrations import reporter

class Deaf:
    def send(self, message): pass
    def halted(self): return None

folder, calls = Path(sys.argv[1]), int(sys.argv[2])
task = Task(number=0, attempt=1, token="", params={}, fidelity={}, resume_from=None, metrics=("loss",),
            checkpoint_dir=folder, log_dir=folder)
said = reporter.Reporter(tt.Trial(task, Deaf()), 1)
done = 0

def die(frame, event, argument):
    global done
    done += 1
    if done == calls:
        os.kill(os.getpid(), signal.SIGKILL)

for step in range(said.step + 1, 4):
    said.report(step, step)
    if step == 3:
        sys.setprofile(die)
    said.keep(lambda draft: (draft / "model").write_text(str(step)), at_end=False)
sys.setprofile(None)
"""


@pytest.mark.parametrize("calls", [1, 20, 60, 100, 140, 180, 220, 260])
def test_whenever_it_is_killed_a_whole_checkpoint_is_marked(make, tmp_path, calls):
    """Killed at that many calls and returns of Python within the third checkpoint, and then taken up."""
    folder = tmp_path / "checkpoint"
    command = [sys.executable, "-c", CHILD, str(folder)]
    done = subprocess.run([*command, str(calls)], check=False, timeout=60)
    assert done.returncode in (-signal.SIGKILL, 0)
    reporter = Reporter(make(), 1)
    assert reporter.step in (2, 3)
    assert (reporter.restored / "model").read_text() == str(reporter.step)
    assert reporter.last == reporter.step
    if calls == 1:
        assert reporter.step == 2, "it died in time"
    assert subprocess.run([*command, "0"], check=False, timeout=60).returncode == 0
    assert [path.name for path in folder.glob("*step*")] == ["step-3"], "what was half done is gone"


def test_a_checkpoint_that_something_else_marked(make):
    trial = make()
    trial.mark_checkpoint(4)
    with pytest.raises(
        ObjectiveError, match=r"step 4 is marked as the checkpoint, and .* is not there: something else"
    ):
        Reporter(trial, 1)


def test_checkpoints_of_the_objective_are_its_own_affair_where_none_are_to_be_written(make):
    trial = make()
    trial.mark_checkpoint(4)
    reporter = Reporter(trial, None)
    assert (reporter.restored, reporter.step, reporter.last) == (None, 0, None)
    reporter.report(5, 0.5)
    reporter.keep(write, at_end=True)
    assert trial.checkpoint == 4


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "1"])
def test_a_checkpoint_at_no_number_of_steps(make, every):
    with pytest.raises(ObjectiveError, match="checkpoint_every= is a number of steps above 0, or None"):
        Reporter(make(), every)


def test_what_is_no_trial(make):
    with pytest.raises(ObjectiveError, match=r"Report takes the Trial that the objective is given.*; got 3\."):
        Reporter(3, 1)


# Metrics


SAID = {"val_loss": 0.5, "acc": 0.75, "lr": 0.1}


@pytest.mark.parametrize(
    ("metrics", "picked"),
    [
        ("val_loss", 0.5),
        (["val_loss", "acc"], {"val_loss": 0.5, "acc": 0.75}),
        ({"loss": "val_loss", "accuracy": "acc"}, {"loss": 0.5, "accuracy": 0.75}),
    ],
)
def test_what_is_picked(metrics, picked):
    assert Picker(metrics, "Keras").pick(SAID) == Picker(metrics, "Keras").require(SAID) == picked


@pytest.mark.parametrize("metrics", ["", [], {}, {"loss": ""}])
def test_nothing_to_pick(metrics):
    with pytest.raises(ObjectiveError, match="metrics= names what Keras measures"):
        Picker(metrics, "Keras")


def test_a_metric_that_is_not_there():
    picker = Picker({"loss": "valid_loss"}, "Keras")
    assert picker.pick(SAID) is None, "it may be there in another epoch"
    says = "Keras says nothing of 'valid_loss', which is to be reported; it says: val_loss, acc, lr"
    with pytest.raises(ObjectiveError, match=says):
        picker.require_any()
    with pytest.raises(ObjectiveError, match=says):
        picker.require(SAID)


def test_metrics_that_are_never_there_together():
    picker = Picker(["loss", "val_loss"], "Keras")
    assert picker.pick({"loss": 1}) is picker.pick({"val_loss": 1}) is None
    with pytest.raises(ObjectiveError, match="Keras never says loss, val_loss at the same step"):
        picker.require_any()


def test_a_training_of_no_steps_lacks_nothing():
    Picker("loss", "Keras").require_any()


def test_what_a_loop_says():
    assert reported(0.5, {}) == 0.5
    assert reported({"loss": 1}, {"acc": 2}) == {"loss": 1.0, "acc": 2.0}
    with pytest.raises(ObjectiveError, match="report takes values"):
        reported(None, {})
    with pytest.raises(ObjectiveError, match="report takes a number or names"):
        reported(0.5, {"acc": 2})


# Generators


def test_generators_draw_on_from_where_they_were(tmp_path):
    import random

    import numpy as np

    generators.write(tmp_path)
    drawn = random.random(), np.random.random()  # noqa: NPY002 - what is kept
    generators.read(tmp_path)
    assert (random.random(), np.random.random()) == drawn  # noqa: NPY002


# Libraries


def test_a_library_that_is_not_there_is_told_in_one_sentence():
    with pytest.raises(
        MissingLibraryError, match=r"^trimtab\.integrations needs horovod-x for this: pip install horovod-x$"
    ):
        needed.needed("horovod_x", "horovod-x")


def test_a_library_that_is_broken_says_so_itself(tmp_path, monkeypatch):
    (tmp_path / "half_a_library.py").write_text("import what_it_lacks")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_lacks"):
        needed.needed("half_a_library")


def test_an_integration_that_there_is_not():
    with pytest.raises(MissingError, match=r"trimtab.integrations has no sklern \(did you mean 'sklearn'\?\)"):
        tt.integrations.sklern  # noqa: B018
