"""Where a space has fewer configurations than a scheduler would begin, those that it has are run on."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import WaitsError
from trimtab.ledger.table import COMPLETE
from trimtab.study.replay import replay

SPACE = tt.Space(size=tt.Ordinal([1, 2, 4]))
EPOCH = tt.Fidelity("epoch", 1, 9)


def train(trial: tt.Trial) -> dict[str, float]:
    loss = float(trial.params["size"])
    for step in trial.steps():
        trial.report(step, loss=loss)
    return {"loss": loss}


@pytest.mark.parametrize("scheduler", ["sha", "hyperband", "pbt", "pb2"])
@pytest.mark.parametrize("trials", [None, 20])
def test_what_was_begun_goes_on(scheduler: str, trials: int | None) -> None:
    budget = tt.Budget(epochs=200) if trials is None else tt.Budget(trials=trials)
    study = tt.tune(
        train, SPACE, minimize="loss", fidelity=EPOCH, scheduler=scheduler, budget=budget, stop="never", progress=False
    )
    table = study.table
    assert np.count_nonzero(table.parent < 0) == 3
    assert table.fidelity.max() == 9.0
    assert (table.state == COMPLETE).all()
    replay(study.session.journal.read()).require_equal()


def test_a_trial_that_runs_yet_is_waited_for() -> None:
    study = tt.create_study(SPACE, minimize="loss", fidelity=EPOCH, scheduler="sha", seed=0)
    first, second, third = (study.ask() for _ in range(3))
    study.tell(first.number, 1.0)
    study.tell(second.number, 2.0)
    with pytest.raises(WaitsError, match="for the trials at epoch 1"):
        study.ask()
    study.tell(third.number, 3.0)
    assert study.ask().fidelity == {"epoch": 3.0}
