"""What happens when somebody else writes in between, or comes back later."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import StoreUnavailableError, TrialError
from trimtab.ledger.event import Noted
from trimtab.ledger.table import COMPLETE, WAITING

SPACE = tt.Space(x=tt.Float(0, 1))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/trimtab.db"


@pytest.mark.parametrize("takes_s", [0.0, 1.0])
def test_a_proposal_is_made_anew_when_the_space_grows_meanwhile(url: str, takes_s: float) -> None:
    one = tt.create_study(SPACE, minimize="loss", optimizer="random", store=url, seed=0)
    one.tell(one.ask().number, 0.5)
    other = tt.load_study(url, "study")
    make = one.dispatch._make
    one.dispatch.propose_s = takes_s

    def grown_in_between(order):
        proposed = make(order)
        if "y" not in other.space:
            other.add_parameter("y", tt.Float(10, 20))
        return proposed

    one.dispatch._make = grown_in_between
    trial = one.ask()
    assert 10 <= trial.params["y"] <= 20
    other.session.sync()
    assert other.table.trial(trial.number).params == trial.params


def test_a_restarted_attempt_is_not_lost_with_the_one_before(url: str) -> None:
    one = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    one.session.worker = "silent"
    number = one.ask(lease_s=0.01).number
    first, second = tt.load_study(url, "study"), tt.load_study(url, "study")
    time.sleep(0.05)
    commit = first.session.commit

    def too_late(build):
        first.session.commit = commit
        assert second.ask(lease_s=60).number == number
        first.session.sync()
        return commit(build)

    first.session.commit = too_late
    first.dispatch.reap()
    second.session.sync()
    assert second.table.trial(number).state == "running"
    assert second.table.trial(number).attempt == 2


def test_a_point_is_put_in_line_once_by_however_many(url: str) -> None:
    one = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    other = tt.load_study(url, "study")
    assert one.enqueue({"x": 0.25}, once=True) == other.enqueue({"x": 0.25}, once=True) == 0
    assert other.enqueue({"x": 0.25}) == 1


def test_the_budget_covers_what_is_in_line_too(url: str) -> None:
    points = [{"x": x / 10} for x in range(5)]
    about = {"minimize": "loss", "enqueue": points, "store": url, "name": "a", "seed": 0}
    study = tt.tune(value, SPACE, budget=2, **about)
    assert study.table.state.tolist() == [COMPLETE, COMPLETE, WAITING, WAITING, WAITING]
    study.close()
    study = tt.tune(value, SPACE, budget=7, **about)
    assert study.table.state.tolist() == [COMPLETE] * 7
    assert study.table.x[:5, 0].tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]


def value(trial: tt.Trial) -> float:
    return float(trial.params["x"])


def slowly(trial: tt.Trial) -> float:
    time.sleep(0.2)
    return 1.0


def test_time_between_two_runs_is_not_spent(url: str) -> None:
    hours = 3.0 / 3600  # far more than four trials take, also on a busy machine
    about = {"minimize": "loss", "store": url, "name": "a", "seed": 0}
    tt.tune(slowly, SPACE, budget=tt.Budget(trials=2, hours=hours), **about).close()
    time.sleep(3.2)
    study = tt.tune(slowly, SPACE, budget=tt.Budget(trials=4, hours=hours), **about)
    assert study.table.state.tolist() == [COMPLETE] * 4


def broken(trial: tt.Trial) -> float:
    raise ValueError("not yet")


def test_whoever_mends_the_cause_gets_a_new_chance(url: str) -> None:
    about = {"minimize": "loss", "store": url, "name": "a", "seed": 0}
    tt.tune(broken, SPACE, budget=30, **about).close()
    study = tt.tune(value, SPACE, budget=30, **about)
    assert np.count_nonzero(study.table.state == COMPLETE) == 10


def test_a_study_does_not_find_the_files_of_an_earlier_one_of_its_name(tmp_path: Path, url: str) -> None:
    folders = []
    for _ in range(2):
        study = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
        folders.append(study.session.files.base)
        study.close()
        (tmp_path / "trimtab.db").unlink()
    assert folders[0] != folders[1]
    assert {folder.parent for folder in folders} == {tmp_path / "trimtab-files"}


def test_a_snapshot_that_cannot_be_saved_costs_no_result(url: str, monkeypatch) -> None:
    monkeypatch.setattr("trimtab.study.session.SNAPSHOT_EVERY", 3)
    study = tt.create_study(SPACE, minimize="loss", store=url, seed=0)

    def full(head, blob):
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(study.session.journal, "save_snapshot", full)
    for _ in range(5):
        study.tell(study.ask().number, 0.5)
    assert study.table.state.tolist() == [COMPLETE] * 5


def test_whoever_reports_is_not_silent(url: str) -> None:
    one = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    one.session.worker = "elsewhere"
    trial = one.ask(lease_s=0.6)
    other = tt.load_study(url, "study")
    for step in range(4):
        time.sleep(0.3)
        trial.report(step, loss=0.5)
    other.session.sync()
    assert other.dispatch.reap() == []


def test_notes_are_the_same_live_and_read_again(url: str) -> None:
    one = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    one.note("threshold", 0.5)
    one.note("odd", {1: [0.1, float("nan")], "kind": object()})
    again = tt.load_study(url, "study")
    assert again.table.notes == one.table.notes
    assert again.table.notes["threshold"] == 0.5


def test_a_cost_that_cannot_be_one_is_refused_and_the_trial_can_be_told_again() -> None:
    study = tt.create_study(SPACE, minimize="loss", cost="dollars", seed=0)
    number = study.ask().number
    for cost in (-1, float("nan"), "dear"):
        with pytest.raises(tt.errors.ObjectiveError, match="cost"):
            study.tell(number, 0.5, cost=cost)
    study.tell(number, 0.5, cost=2)
    assert study.best.cost == 2
    with pytest.raises(TrialError):
        study.tell(number, 0.5, cost=2)


def test_a_row_of_another_width_is_a_corrupt_log(url: str) -> None:
    study = tt.create_study(SPACE, minimize="loss", store=url, seed=0)
    asked = study.dispatch.propose()
    with pytest.raises(tt.errors.StoreCorruptError, match="has 2 values where the space has 1 parameters"):
        study.session.ledger.apply(record(study, tt.ledger.event.Asked(0, (0.1, 0.2), 1, asked.origin)))
    study.session.ledger.apply(record(study, Noted("fine", 1)))


def record(study: tt.Study, event) -> tt.ledger.event.Record:
    return tt.ledger.event.Record(study.session.ledger.head + 1, 0.0, event)
