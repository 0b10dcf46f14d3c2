"""Each library's callback in a real training: stopped by a scheduler, killed and taken up again, promoted."""

from __future__ import annotations

import os

import pytest
import trainings
from trainings import AT_END, DIE_AT, HALTS_AT, PROMOTES_AT, EndsOdd, Promotes, may_die, tuned

from trimtab.schedule.asha import Asha

LIBRARY = "TRIMTAB_TEST_LIBRARY"

HEAVY = ("torch", "lightning", "transformers", "keras", "catboost")
BEHIND = {"with_catboost": 1}
"""How many steps a library's last checkpoint lacks, which are run again."""

OF_THEIRS = pytest.mark.filterwarnings("ignore")
"""What these libraries use that is deprecated in one another is theirs."""

LIBRARIES = [
    "sklearn",
    "xgboost",
    "lightgbm",
    *(pytest.param(library, marks=[pytest.mark.integrations, OF_THEIRS]) for library in HEAVY),
]


@pytest.fixture(params=LIBRARIES)
def train(request):
    return getattr(trainings, f"with_{request.param}")


def curve(study, number):
    """Return the steps that count of a trial, with their losses."""
    found = study.curve(number)
    return dict(zip(found["step"].tolist(), found["loss"].tolist(), strict=True))


def test_a_training_is_stopped_early(train):
    returned = []

    def objective(trial):
        result = train(trial)
        returned.append(trial.number)
        return result

    study = tuned(objective, scheduler=EndsOdd(), budget=2)
    whole, stopped = study.trials
    assert returned == [0, 1], "the library's training ended as it should, and the objective went on to its end"
    assert (whole.state, whole.error) == ("complete", "")
    assert list(curve(study, 0)) == [1, 2, 3, 4, 5, 6]
    assert whole.metrics["loss"] == curve(study, 0)[6]
    assert (stopped.state, stopped.reason) == ("stopped", "odd trials end early")
    assert list(curve(study, 1)) == list(range(1, HALTS_AT + 1))
    assert whole.metrics["loss"] < curve(study, 0)[1], "it learns"


def killed_twice(trial):
    """Be killed in a step, and then after the last one, before the result is known."""
    result = getattr(trainings, f"with_{os.environ[LIBRARY]}")(trial)
    may_die(trial, AT_END, attempt=2)
    return result


def test_a_training_that_is_killed_goes_on_from_its_checkpoint(train, tmp_path, monkeypatch):
    whole = tuned(train, budget=1)
    monkeypatch.setenv(LIBRARY, train.__name__.removeprefix("with_"))
    monkeypatch.setenv(DIE_AT, "5")
    killed = tuned(killed_twice, budget=1, executor="processes", store=f"sqlite:///{tmp_path / 'killed.db'}")
    trial = killed.trials[0]
    assert (trial.state, trial.attempt) == ("complete", 3)
    curves = killed.table.curves
    behind = BEHIND.get(train.__name__, 0)
    assert curves.step[curves.attempt == 1].tolist() == [1, 2, 3, 4]
    assert curves.step[curves.attempt == 2].tolist() == list(range(5 - behind, 7))
    assert curves.step[curves.attempt == 3].tolist() == list(range(7 - behind, 7)), "nothing else was left to run"
    assert curve(killed, 0) == pytest.approx(curve(whole, 0), rel=1e-6), "as if nothing had happened"
    assert trial.metrics["loss"] == curve(killed, 0)[6]
    folder = killed.session.files.checkpoint(0)
    assert [path.name for path in folder.glob("*step*")] == [f"step-{6 - behind}"], "older ones and drafts are gone"


def test_a_promoted_training_goes_on_from_its_parent(train, tmp_path):
    whole = tuned(train, budget=1)
    study = tuned(train, scheduler=Promotes(), budget=1, store=f"sqlite:///{tmp_path / 'promoted.db'}")
    below, above = study.trials
    assert (below.state, above.state, above.error) == ("complete", "complete", "")
    assert list(curve(study, 0)) == list(range(1, PROMOTES_AT + 1))
    assert list(curve(study, 1)) == list(range(PROMOTES_AT + 1 - BEHIND.get(train.__name__, 0), 7))
    assert {**curve(study, 0), **curve(study, 1)} == pytest.approx(curve(whole, 0), rel=1e-6)
    assert above.metrics["loss"] == curve(study, 1)[6]


def test_the_schedulers_that_there_are_stop_and_promote(tmp_path):
    """Every third of nine goes on, in the same training or in one that takes up its checkpoint."""
    stopped = tuned(trainings.with_sklearn, scheduler=Asha(), budget=9)
    assert {"complete", "stopped"} <= {trial.state for trial in stopped.trials}
    promoting, store = Asha(mode="promote"), f"sqlite:///{tmp_path / 'promoting.db'}"
    promoted = tuned(trainings.with_sklearn, scheduler=promoting, budget=9, store=store)
    further = [trial for trial in promoted.trials if trial.parent is not None]
    assert further
    for trial in further:
        assert min(curve(promoted, trial.number)) == max(curve(promoted, trial.parent)) + 1
