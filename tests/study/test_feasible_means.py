"""Feasibility goes by the mean over the runs of a configuration, as its objective does."""

from __future__ import annotations

import pytest

import trimtab as tt
from trimtab.errors import TrialError

SPACE = tt.Space(x=tt.Float(0, 1))


def told(*rows: tuple[float, float, float], confidence: float | None = None) -> tt.Study:
    """Return a study of runs (x, loss, latency)."""
    bound = tt.at_most("latency", 30, confidence=confidence)
    study = tt.create_study(SPACE, minimize="loss", constraints=[bound], optimizer="random", seed=0)
    for x, loss, latency in rows:
        study.enqueue({"x": x})
        study.tell(study.ask(), {"loss": loss, "latency": latency})
    return study


def test_a_lucky_run_keeps_no_bound() -> None:
    study = told((0.1, 0.5, 29.0), (0.1, 0.5, 35.0), (0.1, 0.5, 36.0), (0.7, 0.9, 20.0))
    assert study.best.number == 3
    assert [view.number for view in study.best_trials] == [3]
    assert [one.trial for one in study.top(3)] == [3]


def test_an_unlucky_run_breaks_none_and_is_not_what_is_shown() -> None:
    study = told((0.1, 0.5, 31.0), (0.1, 0.52, 20.0), (0.1, 0.49, 22.0), (0.7, 0.9, 20.0))
    assert study.best.number in (1, 2)
    assert study.top(1)[0].n_runs == 3


def test_a_confidence_asks_for_as_many_standard_errors() -> None:
    runs = ((0.1, 0.5, 27.0), (0.1, 0.5, 31.0), (0.7, 0.9, 18.0), (0.7, 0.9, 22.0), (0.7, 0.9, 20.0))
    assert told(*runs).best.params["x"] == 0.1
    assert told(*runs, confidence=0.95).best.params["x"] == 0.7
    assert told(*runs[:2], confidence=0.95).best.params["x"] == 0.1, "one repeat says little of how noisy it is"


def test_where_a_mean_alone_is_missed_it_is_said() -> None:
    study = told((0.1, 0.5, 29.0), (0.1, 0.5, 35.0))
    with pytest.raises(
        TrialError, match="trial 0 meets them, but the mean over the runs of its configuration does not"
    ):
        _ = study.best
