"""Choosing from a front: what each preference means, and how it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trimtab as tt
from trimtab.errors import ProblemError, TrialError
from trimtab.model.choice import Choice
from trimtab.model.dominance import undominated

SPACE = tt.Space(x=tt.Float(0, 1))
BENT = [(0.9, 100.0), (0.899, 20.0), (0.7, 8.0), (0.5, 7.0), (0.6, 50.0)]
"""(accuracy, size) of trials 0 to 4, of which the last is beaten."""


def told(rows: Any = BENT, **more: Any) -> tt.Study:
    objectives = [tt.maximize("accuracy"), tt.minimize("size")]
    study = tt.create_study(SPACE, objectives=objectives, optimizer="random", seed=0, **more)
    for row in rows:
        names = study.problem.metric_names
        study.tell(study.ask(), dict(zip(names, row, strict=True)))
    return study


@pytest.mark.parametrize(
    ("way", "number"),
    [
        ({"knee": True}, 1),
        ({"weights": {"accuracy": 20}}, 1),
        ({"weights": {"accuracy": 1.6e308, "size": 8e306}}, 1),
        ({"weights": {"accuracy": 0}}, 3),
        ({"weights": {"size": 0}}, 0),
        ({"reference": {"accuracy": 0.7, "size": 8}}, 2),
        ({"reference": {"accuracy": 0.95, "size": 1000}}, 1),
        ({"reference": {"accuracy": 0.0, "size": 0}}, 2),
        ({"order": ["accuracy", "size"]}, 0),
        ({"order": "size"}, 3),
        ({"order": ["accuracy", "size"], "within": {"accuracy": "1%"}}, 1),
        ({"order": ["accuracy", "size"], "within": {"accuracy": 0.2001}}, 2),
        ({"order": ["accuracy", "size"], "within": {"accuracy": "50%"}}, 3),
        ({"order": ["size", "accuracy"], "within": {"size": 5}}, 2),
    ],
)
def test_a_preference_takes_the_trial_that_it_means(way: dict[str, Any], number: int) -> None:
    assert told().choose(**way).number == number


def test_the_knee_is_farthest_from_the_line_through_the_ends() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        losses = rng.random((30, 2)) * [1.0, 1000.0]
        front = losses[undominated(losses)]
        unit = (front - front.min(axis=0)) / np.ptp(front, axis=0)
        first, last = unit[np.argmin(unit[:, 0])], unit[np.argmin(unit[:, 1])]
        along = (last - first) / np.linalg.norm(last - first)
        beyond = along[1] * (unit[:, 0] - first[0]) - along[0] * (unit[:, 1] - first[1])
        problem = tt.Problem(SPACE, (tt.minimize("a"), tt.minimize("b")))
        assert Choice(tt.Preference(knee=True), problem.objectives).pick(front) == np.argmax(beyond)


def test_what_misses_a_constraint_is_never_taken() -> None:
    study = told([(0.9, 20.0, 50.0), (0.8, 30.0, 10.0)], constraints=[tt.at_most("latency", 30)])
    assert study.choose(knee=True).number == 1
    assert study.choose(order="size").number == 1


def test_with_one_objective_it_takes_the_best() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0)
    for loss in (2.0, 1.0, 1.0):
        study.tell(study.ask(), loss)
    assert study.choose(knee=True) == study.choose(weights={}) == study.best


FRONTS = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=64)] * k), min_size=1, max_size=12
    )
)


@given(FRONTS, st.sampled_from(["knee", "weights", "reference", "order", "within"]))
def test_whatever_the_numbers_something_on_the_front_is_taken(rows: list[tuple[float, ...]], way: str) -> None:
    losses = np.array(rows)
    losses = losses[undominated(losses)]
    names = [f"m{i}" for i in range(losses.shape[1])]
    problem = tt.Problem(SPACE, tuple(map(tt.minimize, names)))
    ways: dict[str, dict[str, Any]] = {
        "knee": {"knee": True},
        "weights": {"weights": {"m0": 3}},
        "reference": {"reference": dict.fromkeys(names, 0.5)},
        "order": {"order": names[::-1]},
        "within": {"order": names, "within": dict.fromkeys(names[:-1], "10%")},
    }
    preference = tt.Preference(**ways[way])
    assert tt.Preference.from_json(preference.to_json()) == preference
    assert str(preference)
    choice = Choice(preference, problem.objectives)
    assert 0 <= choice.pick(losses) < len(losses)
    assert not np.isnan(choice.corner(losses)).any()
    if way == "order":
        assert losses[choice.pick(losses), -1] == losses[:, -1].min()


def test_one_trial_is_never_the_best_of_several_objectives() -> None:
    study = told()
    for ask in (lambda: study.best, lambda: study.best_params, lambda: study.best_value):
        with pytest.raises(
            TrialError, match=r"4 trials are on the front of max accuracy and min size. study.best_trials"
        ):
            ask()
    with pytest.raises(TrialError, match=r'order=\["accuracy", "size"\], within=\{"accuracy": "1%"\}'):
        _ = study.best


def test_where_nothing_is_feasible_the_choice_says_why() -> None:
    study = told([(0.9, 20.0, 50.0)], constraints=[tt.at_most("latency", 30)])
    with pytest.raises(TrialError, match="latency = 50, 20 above its bound of 30"):
        study.choose(knee=True)
    with pytest.raises(TrialError, match="no trial is complete yet"):
        told([]).choose(knee=True)


def test_a_record_that_says_what_is_within_the_last_of_an_order_is_still_read() -> None:
    read = tt.Preference.from_json({"order": ["accuracy", "size"], "within": {"accuracy": 0.1, "size": 2.0}})
    assert read == tt.Preference(order=["accuracy", "size"], within={"accuracy": 0.1})
    assert tt.Preference.from_json({"order": ["size"], "within": {"size": 2.0}}) == tt.Preference(order=["size"])


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({}, "got none of them"),
        ({"knee": True, "order": "size"}, "got more than one of them"),
        ({"knee": True, "within": {"size": 1}}, "within= goes with order="),
        ({"weights": {"acuracy": 1}}, r"names no objective with 'acuracy' \(did you mean"),
        ({"weights": {"accuracy": -1}}, "weights are 0 or more"),
        ({"weights": {"accuracy": 0, "size": 0}}, "one of the weights is above 0"),
        ({"weights": {"accuracy": "1"}}, "a finite number for 'accuracy'"),
        ({"weights": [1, 2]}, "is a mapping of objectives"),
        ({"knee": "no"}, "knee is True where the knee is taken"),
        ({"order": 5}, "order is such as"),
        ({"order": {"accuracy", "size"}}, "order is such as"),
        ({"reference": {"accuracy": 0.9}}, "size is missing"),
        ({"reference": {"accuracy": float("nan"), "size": 1}}, "a finite number for 'accuracy'"),
        ({"order": []}, "order names objectives"),
        ({"order": ["size", "size"]}, "each once"),
        ({"order": "size", "within": {"accuracy": 1}}, "order does not"),
        ({"order": "size", "within": {"size": "1"}}, 'a share as "1%"'),
        ({"order": "size", "within": {"size": "-1%"}}, 'a share as "1%"'),
        ({"order": "size", "within": {"size": -1}}, 'a share as "1%"'),
        ({"order": "size", "within": {"size": "1%"}}, "'size', which order names last"),
        ({"order": ["accuracy", "size"], "within": {"accuracy": 0.1, "size": 2}}, "Leave it out, or let order name"),
    ],
)
def test_a_preference_that_means_nothing_is_refused(way: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        told().choose(**way)
