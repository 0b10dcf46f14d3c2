"""The budget in force: changed while a study goes on, on record, kept exactly whoever runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.ledger.event import Noted, Started
from trimtab.study.purse import BUDGET, WARNED
from trimtab.study.replay import replay
from trimtab.testing.simulated import SimulatedExecutor, Tabulated

SPACE = tt.Space(x=tt.Float(0, 1))
EPOCH = tt.Fidelity("epoch", 1, 9)


class Training:
    """Counts the epochs that are really run; what it marked as a checkpoint is gone on from."""

    def __init__(self, *, marks: bool) -> None:
        self.n = 0
        self._marks = marks

    def __call__(self, trial: tt.Trial) -> float:
        loss = trial.params["x"]
        for epoch in trial.steps():
            self.n += 1
            loss = trial.params["x"] + 1 / epoch
            if self._marks:
                trial.mark_checkpoint(epoch)
            trial.report(epoch, loss=loss)
        return loss


def tuned(budget: tt.Budget | int, workers: int = 1, **more) -> tuple[tt.Study, Training]:
    train = Training(marks=more.pop("marks", False))
    executor = SimulatedExecutor(train, workers=workers)
    options = {"optimizer": "random", "seed": 0, "progress": False} | more
    return tt.tune(
        train, SPACE, minimize="loss", fidelity=EPOCH, budget=budget, executor=executor, **options
    ), train  # fmt: skip


@given(
    st.sampled_from(["whole", "asha", "hyperband", "sha", "median"]),
    st.integers(1, 8), st.integers(9, 60), st.booleans(), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_no_study_runs_more_epochs_than_its_budget(scheduler, workers, limit, marks, seed):
    study, train = tuned(tt.Budget(epochs=limit), workers, scheduler=scheduler, marks=marks, seed=seed)
    assert train.n <= limit
    [line] = study.budget.spending(study.table)
    assert line.spent >= train.n, "what is counted is not less than what was run"
    assert not marks or line.spent == train.n
    assert not replay(study.session.journal.read()).differing


def test_a_promotion_begins_where_its_checkpoint_is_on_record() -> None:
    study, _ = tuned(tt.Budget(epochs=40), scheduler="hyperband", marks=True)
    begins = {e.number: e.begins for record in study.session.journal.read() if isinstance(e := record.event, Started)}
    parents = [row for row in range(len(study.table)) if study.table.parent[row] >= 0]
    assert parents
    assert all(begins[row] == study.table.fidelity[study.table.parent[row], 0] for row in parents)


def test_asha_keeps_a_budget_of_cost() -> None:
    table = Tabulated(lambda params, epoch: ({"loss": params["x"] / epoch, "cost": 1.0 * epoch}, 60.0 * epoch))
    for workers in (1, 8):
        study = tt.tune(
            table, SPACE, minimize="loss", fidelity=tt.Fidelity("epoch", 1, 81), budget=tt.Budget(cost=300),
            scheduler="asha", executor=table.executor(workers), optimizer="random", seed=0, progress=False,
        )  # fmt: skip
        assert 200 < study.table.ran.sum() <= 300


def test_a_budget_is_raised_while_the_study_runs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    begun = threading.Event()

    def slow(trial: tt.Trial) -> float:
        begun.set()
        if trial.number == 2:
            with tt.load_study(url, "slow") as other:
                assert other.budget == tt.Budget(trials=3, hours=1)
                other.set_budget(trials=5)
        return trial.params["x"]

    study = tt.tune(
        slow, SPACE, minimize="loss", budget=tt.Budget(trials=3, hours=1), store=url, optimizer="random", seed=0
    )
    assert len(study.table) == 5
    assert study.budget == tt.Budget(trials=5, hours=1)
    assert study.session.ledger.assessed.reason == "the budget of 5 trials is used up"
    study.close()
    again = tt.tune(slow, SPACE, minimize="loss", budget=tt.Budget(trials=3, hours=1), store=url, optimizer="random")
    assert len(again.table) == 5, "who is told the same as before goes by what was set since"
    again.set_budget(2)
    again.close()
    more = tt.tune(slow, SPACE, minimize="loss", budget=6, store=url, optimizer="random")
    assert len(more.table) == 6, "who is told something else has the last word"
    more.close()


def test_a_lowered_budget_ends_what_its_limit_ends() -> None:
    began = time.monotonic()
    made: list[tt.Study] = []

    class Watch:
        def update(self, status) -> None:
            if made and status.n_trials >= 1:
                made[0].set_budget(hours=1e-9)

        def close(self, status) -> None:
            made.append(status)

    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    made.append(study)

    def slow(trial: tt.Trial) -> float:
        for step in range(10_000):
            time.sleep(0.01)
            trial.report(step, loss=1.0)
        return 1.0

    ended = tt.tune(
        slow, study.space, minimize="loss", budget=3, store=study, optimizer="random", progress=Watch(), resume="always"
    )
    assert time.monotonic() - began < 60
    assert "hours is used up" in ended.session.ledger.assessed.reason


def test_setting_a_budget_changes_what_is_said_and_leaves_the_rest() -> None:
    study = tt.create_study(SPACE, minimize="loss", fidelity=EPOCH)
    assert study.budget is None
    assert study.set_budget(trials=3, hours=2) == tt.Budget(trials=3, hours=2)
    head = study.session.ledger.head
    assert study.set_budget(trials=3) == tt.Budget(trials=3, hours=2)
    assert study.session.ledger.head == head, "nothing changed, and nothing is written"
    assert study.set_budget(hours=None, epochs=50) == tt.Budget(trials=3, epochs=50)
    assert study.set_budget(10) == tt.Budget(trials=10)
    for wrong in ({"trials": None}, {"trials": 0}, {"epochs": {"step": 3}}):
        with pytest.raises(ProblemError):
            study.set_budget(**wrong)
    with pytest.raises(ProblemError, match=r"Trimtab's own"):
        study.note(BUDGET, {"trials": 1})


@pytest.mark.parametrize("junk", [3, None, {"budget": 3}, {"budget": {"trials": -1}}, {"budget": {"parsecs": 1}}])
def test_what_is_no_budget_on_record_is_left(junk) -> None:
    study = tt.create_study(SPACE, minimize="loss")
    study.session.commit(lambda: [Noted(BUDGET, junk), Noted(WARNED, junk)])
    assert study.budget is None
    found = tt.tune(
        lambda trial: 1.0, SPACE, minimize="loss", budget=tt.Budget(trials=2, hours=1), store=study, resume="always"
    )
    assert len(found.table) == 2


def test_people_are_told_once_at_half_and_at_four_fifths(capsys) -> None:
    study, _ = tuned(tt.Budget(epochs=90), scheduler="whole", progress=True, stop="never")
    said = [record.event.value for record in study.session.journal.read() if getattr(record.event, "key", "") == WARNED]
    assert said == [{"epoch": [90, 50]}, {"epoch": [90, 80]}, {"epoch": [90, 100]}]
    shown = capsys.readouterr().err
    assert shown.count("half of the budget is spent: 45 of 90 epochs") <= 1, "a study may be quicker than people read"
    assert shown.count("80% of the budget is spent") <= 1
    study.set_budget(epochs=120)
    assert "half" not in capsys.readouterr().err
