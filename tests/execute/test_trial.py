"""What an objective sees and says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trimtab.errors import ObjectiveError, ProblemError, TrialStopped
from trimtab.execute.protocol import Message, Noted, Reported, Task
from trimtab.execute.trial import Trial


class Recorder:
    """A channel to a list."""

    def __init__(self, halt_after: int | None = None):
        self.sent: list[Message] = []
        self.halt_after = halt_after

    def send(self, message):
        self.sent.append(message)

    def halted(self):
        return "it lags" if self.halt_after is not None and len(self.sent) >= self.halt_after else None


@pytest.fixture
def make(tmp_path):
    def make_trial(channel=None, **changes):
        settings = {
            "number": 3,
            "attempt": 2,
            "token": "s/3/2",
            "params": {"lr": 0.1},
            "fidelity": {"epoch": 9.0},
            "start": {"epoch": 1},
            "resume_from": 1,
            "metrics": ("loss",),
            "checkpoint_dir": tmp_path / "lines" / "1",
            "log_dir": tmp_path / "logs",
            "study": "s",
            "seed": 7,
        }
        return Trial(Task(**(settings | changes)), channel or Recorder())

    return make_trial


def test_it_shows_its_task(make, tmp_path):
    trial = make()
    assert (trial.number, trial.attempt, trial.parent, trial.seed, trial.study) == (3, 2, 1, 7, "s")
    assert trial.params == {"lr": 0.1}
    assert trial.fidelity == {"epoch": 9.0}
    assert repr(trial) == "Trial(number=3, attempt=2, params={'lr': 0.1})"


def test_its_fields_are_frozen(make):
    with pytest.raises(AttributeError):
        make().number = 4
    with pytest.raises(AttributeError):
        make().anything = 4


def test_the_checkpoint_folder_is_made_on_first_use(make, tmp_path):
    trial = make()
    assert not (tmp_path / "lines").exists()
    assert trial.checkpoint is None
    assert not (tmp_path / "lines").exists()
    assert trial.checkpoint_dir.is_dir()


def test_steps_begin_at_the_low_end_and_end_at_the_assigned_fidelity(make):
    assert make().steps() == range(1, 10)
    assert make(start={"epoch": 0}).steps() == range(10)


def test_steps_go_on_after_the_last_mark(make):
    make().mark_checkpoint(4)
    later = make(attempt=3)
    assert later.checkpoint == 4
    assert later.steps() == range(5, 10)
    later.mark_checkpoint(9)
    assert list(later.steps()) == []


def test_a_mark_is_replaced_in_one_piece_and_leaves_nothing_else(make):
    trial = make()
    for step in (1, 2, 3):
        trial.mark_checkpoint(step)
    [mark] = trial.checkpoint_dir.iterdir()
    assert json.loads(mark.read_text()) == {"step": 3, "number": 3, "attempt": 2}


def test_a_damaged_mark_is_one_sentence(make):
    trial = make()
    trial.mark_checkpoint(1)
    [mark] = trial.checkpoint_dir.iterdir()
    mark.write_text("{")
    with pytest.raises(ObjectiveError, match=r"checkpoint\.json is not what mark_checkpoint wrote"):
        trial.steps()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fidelity": {}}, "this problem has none; give tune fidelity="),
        ({"fidelity": {"share": 0.5, "part": 0.2}}, "none goes from one whole number to another; read trial.fidelity"),
        ({"fidelity": {"share": 0.5}}, "counts whole steps and this trial's 'share' goes from 1 to 0.5"),
    ],
)
def test_steps_that_cannot_be_counted(make, changes, said):
    with pytest.raises(ProblemError) as caught:
        make(**changes).steps()
    assert said in str(caught.value)


def test_steps_of_a_named_fidelity(make):
    trial = make(fidelity={"epoch": 3.0, "rows": 10.0}, start={"epoch": 0, "rows": 5})
    assert trial.steps("rows") == range(1, 11), (
        "the lowest fidelity is the least that tells anything, and no first step"
    )
    assert trial.steps("epoch") == range(4)
    with pytest.raises(ProblemError, match=r"no fidelity is called 'row'; there are: epoch, rows\."):
        trial.steps("row")


def test_report_takes_names_a_mapping_or_a_number(make):
    channel = Recorder()
    trial = make(channel)
    trial.report(1, loss=0.5)
    trial.report(2, {"val/loss": 0.4}, loss=0.3)
    trial.report(3, 0.2)
    assert channel.sent == [
        Reported(3, 2, 1.0, {"loss": 0.5}),
        Reported(3, 2, 2.0, {"val/loss": 0.4, "loss": 0.3}),
        Reported(3, 2, 3.0, {"loss": 0.2}),
    ]


def test_report_takes_a_fold(make):
    channel = Recorder()
    trial = make(channel, folds=3)
    trial.report(1, loss=0.5, fold=2)
    trial.report(1, 0.5, fold=np.int32(0))
    trial.report(1, {"loss": 0.5, "fold": 1})
    trial.report(1, {"loss": 0.5}, fold=None)
    assert [(message.fold, message.values) for message in channel.sent] == [
        (2, {"loss": 0.5}), (0, {"loss": 0.5}), (1, {"loss": 0.5}), (None, {"loss": 0.5}),
    ]  # fmt: skip
    assert all(type(message.fold) in (int, type(None)) for message in channel.sent)


@pytest.mark.parametrize("fold", [-1, 3, 0.5, True, "1", float("nan"), [1], 10**400])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_fold_that_is_none(make, fold, by_name):
    channel = Recorder()
    trial = make(channel, folds=3)
    with pytest.raises(ObjectiveError, match=r"report's fold is a whole number from 0 to 2, got"):
        trial.report(1, loss=0.5, fold=fold) if by_name else trial.report(1, {"loss": 0.5, "fold": fold})
    assert channel.sent == []


def test_any_number_of_folds_where_the_problem_does_not_say(make):
    channel = Recorder()
    make(channel).report(1, loss=0.5, fold=4711)
    assert channel.sent[-1].fold == 4711
    with pytest.raises(ObjectiveError, match="from 0 to 999,999"):
        make().report(1, loss=0.5, fold=10**6)


def test_a_metric_that_is_called_fold_is_a_metric(make):
    channel = Recorder()
    trial = make(channel, metrics=("loss", "fold"))
    trial.report(1, loss=0.5, fold=0.25)
    trial.report(1, {"fold": 2})
    assert [(message.fold, message.values) for message in channel.sent] == [
        (None, {"loss": 0.5, "fold": 0.25}),
        (None, {"fold": 2}),
    ]


def test_a_fold_alone_reports_nothing(make):
    with pytest.raises(ObjectiveError, match=r"report\(1\) reports nothing"):
        make().report(1, fold=0)


def test_report_says_so_first_and_then_stops(make):
    channel = Recorder(halt_after=2)
    trial = make(channel)
    trial.report(1, loss=0.5)
    with pytest.raises(TrialStopped, match="it lags") as caught:
        trial.report(2, loss=0.5)
    assert caught.value.reason == "it lags"
    assert len(channel.sent) == 2
    with pytest.raises(TrialStopped):
        trial.report(3, loss=0.5)


def test_a_loop_may_look_and_end_itself(make):
    channel = Recorder(halt_after=2)
    trial = make(channel)
    steps = 0
    while not trial.should_stop:
        steps += 1
        trial.report(steps, loss=0.5, raises=False)
    assert steps == len(channel.sent) == 2
    assert trial.should_stop, "and so it stays"


@pytest.mark.parametrize("step", [float("nan"), float("inf"), "1", True])
def test_a_step_that_is_no_number(make, step):
    with pytest.raises(ObjectiveError, match="report's step is a finite number"):
        make().report(step, loss=1)


def test_a_report_of_nothing(make):
    with pytest.raises(ObjectiveError, match=r"report\(1\) reports nothing"):
        make().report(1)


def test_a_number_for_one_of_several_metrics(make):
    with pytest.raises(ObjectiveError, match=r"does not say which metric: there are loss, size\."):
        make(metrics=("loss", "size")).report(1, 0.5)


def test_notes(make):
    channel = Recorder()
    trial = make(channel)
    trial.note("commit", {"sha": "abc", "shape": (1, 2)})
    assert channel.sent == [Noted(3, 2, "commit", {"sha": "abc", "shape": [1, 2]})]
    with pytest.raises(ObjectiveError, match="a note's key is text"):
        trial.note(3, 1)


@pytest.mark.parametrize("step", [1.5, "2", None])
def test_a_mark_at_no_whole_step(make, step):
    with pytest.raises(ObjectiveError, match="mark_checkpoint takes a whole step"):
        make().mark_checkpoint(step)


def test_steps_of_several_fidelities_are_of_the_one_that_counts(make):
    trial = make(fidelity={"share": 1.0, "rows": 10.0, "epoch": 3.0}, start={"share": 0, "rows": 5}, counts="epoch")
    assert trial.steps() == range(1, 4)
    assert trial.steps("rows") == range(1, 11)
