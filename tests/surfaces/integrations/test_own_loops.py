"""PyTorch loops that count their steps themselves."""

from __future__ import annotations

import pytest
from trainings import EndsOdd, tuned

import trimtab as tt
from trimtab.errors import ObjectiveError, ProblemError

pytestmark = [pytest.mark.integrations, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("fidelity", [None, tt.Fidelity("fraction", 0.1, 1.0)], ids=["none", "no steps"])
def test_a_loop_that_counts_itself_looks_whether_to_stop(fidelity, tmp_path):
    import torch

    def train(trial):
        model = torch.nn.Linear(1, 1)
        report = tt.integrations.torch.Report(trial, model=model)
        with pytest.raises(ProblemError, match="steps"):
            next(report.steps())
        step = 0
        while step < 6 and not report.should_stop:
            step += 1
            report(step, loss=torch.tensor(1 / step))
        assert trial.checkpoint == step
        return report.last

    scheduler = None if fidelity is None else EndsOdd()
    store = f"sqlite:///{tmp_path / 'own.db'}"
    settings = {} if scheduler is None else {"scheduler": scheduler}
    study = tuned(train, fidelity=fidelity, budget=2, store=store, **settings)
    states = [trial.state for trial in study.trials]
    assert states == (["complete"] * 2 if fidelity is None else ["complete", "stopped"]), study.trials[0].error


def test_what_has_no_state_is_refused():
    def train(trial):
        return tt.integrations.torch.Report(trial, model=3)

    [trial] = tuned(train, budget=1).trials
    assert trial.error.startswith(f"{ObjectiveError.__name__}: model= is to have a state_dict")
