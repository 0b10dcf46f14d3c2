"""Reading what is there: the best configurations, the front, curves as a frame, two trials beside each other."""

from __future__ import annotations

import json

import pytest

import trimtab as tt
from trimtab.errors import TrialError

SPACE = tt.Space(x=tt.Float(0, 1), k=tt.Categorical(["a", "b"]))


def told(values: list[tuple[float, str, float]]) -> tt.Study:
    study = tt.create_study(SPACE, minimize="loss", seed=0)
    for x, k, loss in values:
        study.enqueue({"x": x, "k": k})
        study.tell(study.ask(), loss)
    return study


def test_top_ranks_configurations_by_their_means() -> None:
    study = told([(0.1, "a", 1.0), (0.2, "a", 0.4), (0.1, "a", 0.2), (0.3, "b", 2.0), (0.1, "a", 0.3)])
    top = study.top(2)
    assert [one.rank for one in top] == [1, 2]
    first = next(one for one in top if one.params["x"] == 0.1)
    assert first.mean == pytest.approx(0.5)
    assert first.n_runs == 3
    assert first.trials == (0, 2, 4)
    spread = (((1.0 - 0.5) ** 2 + (0.2 - 0.5) ** 2 + (0.3 - 0.5) ** 2) / 2) ** 0.5
    assert first.error == pytest.approx(spread / 3**0.5)
    assert top[0].params == study.best_params
    frame = study.top(9).to_pandas()
    assert frame["rank"].tolist() == [1, 2, 3]
    assert {"loss", "error", "runs", "params_x"} <= set(frame.columns)
    assert "0.1" in repr(top)
    assert "<table" in top._repr_html_()
    with pytest.raises(TrialError, match="whole number above 0"):
        study.top(0)


def test_no_standard_error_is_claimed_where_none_is_known() -> None:
    assert [one.error for one in told([(0.1, "a", 1.0), (0.2, "a", 0.4)]).top(5)] == [None, None]


def test_a_told_standard_error_is_that_of_the_mean() -> None:
    study = tt.create_study(SPACE, objectives=[tt.Metric("loss", "minimize", error="se")], seed=0)
    for _ in range(2):
        study.enqueue({"x": 0.5, "k": "a"})
        study.tell(study.ask(), {"loss": 1.0, "se": 0.2})
    [one] = study.top(3)
    assert one.error == pytest.approx(0.2 / 2**0.5)


def test_the_front_is_sorted_by_the_first_objective() -> None:
    study = tt.create_study(SPACE, objectives=[tt.minimize("loss"), tt.maximize("speed")], seed=0)
    for x, loss, speed in [(0.1, 2.0, 3.0), (0.2, 1.0, 1.0), (0.3, 3.0, 1.0), (0.4, 1.5, 2.0)]:
        study.enqueue({"x": x, "k": "a"})
        study.tell(study.ask(), {"loss": loss, "speed": speed})
    assert study.front.to_pandas()["loss"].tolist() == [1.0, 1.5, 2.0]
    assert [view.number for view in study.front] == [1, 3, 0]


def test_curves_are_a_frame() -> None:
    study = tt.create_study(SPACE, minimize="loss", seed=0)
    trial = study.ask()
    trial.report(1, loss=0.5, accuracy=0.1)
    trial.report(2, loss=0.25)
    study.tell(trial, 0.25)
    for frame in (study.to_pandas(curves=True), study.to_polars(curves=True)):
        assert list(frame["metric"]) == ["loss", "accuracy", "loss"]
        assert list(frame["value"]) == [0.5, 0.1, 0.25]


def test_frames_have_times_feasibility_tags_and_notes() -> None:
    study = tt.create_study(SPACE, minimize="loss", constraints=[tt.at_most("size", 1.0)], seed=0)
    study.tell(study.ask(), {"loss": 1.0, "size": 2.0})
    study.tag(0, "odd")
    study.note("why", "a guess", 0)
    frame = study.to_pandas()
    assert str(frame["ended"].dtype).startswith("datetime64")
    assert frame["feasible"].tolist() == [False]
    assert frame["tags"].tolist() == ["odd"]
    assert json.loads(frame["notes"][0]) == {"why": "a guess"}


def test_two_trials_beside_each_other() -> None:
    study = told([(0.1, "a", 1.0), (0.2, "a", 0.4), (0.1, "a", 0.9)])
    found = study.diff(0, 1)
    assert found.params == {"x": (0.1, 0.2)}
    assert found.same == {"k": "a"}
    assert found.metrics == {"loss": (1.0, 0.4)}
    assert found.better == {"loss": "b"}
    assert "trial 1 is better" in repr(found)
    assert study.diff(0, 2).params == {}
    with pytest.raises(TrialError, match="there is no trial 7"):
        study.diff(0, 7)


def test_two_that_ran_several_times_are_told_apart_by_their_means() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer="random", seed=0)
    for x, loss in ((0.2, 1.0), (0.4, 2.0), (0.2, 3.0), (0.2, 5.0)):
        study.enqueue({"x": x})
        study.tell(study.ask(), loss)
    found = study.diff(0, 1)
    assert found.metrics["loss"] == (1.0, 2.0)
    assert found.runs == {"loss": ((3.0, 3), (2.0, 1))}
    assert found.better == {"loss": "b"}
    assert "(the means over all runs: 3 over 3 and 2 over 1), trial 1 is better" in repr(found)
    assert study.diff(0, 2).runs == {}
