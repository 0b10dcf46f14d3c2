"""How good a metric can be, by its name: forecasts promise nothing beyond."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trimtab.ledger.event import Told
from trimtab.optim.random import Random
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, maximize
from trimtab.space.space import Space
from trimtab.stop.bounds import floor_of
from trimtab.stop.budget import Budget
from trimtab.stop.forecast import forecast
from trimtab.stop.path import path
from trimtab.stop.worth import Worth
from trimtab.testing.simulation import Simulation


@pytest.mark.parametrize(
    ("name", "sign", "best", "floor"),
    [
        *((name, -1.0, -0.97, -1.0) for name in ("accuracy", "val_accuracy", "val/acc", "roc_auc", "f1-macro", "R2")),
        *((name, -1.0, -97.2, -100.0) for name in ("top1_acc", "test accuracy", "balanced_accuracy", "mAP")),
        *((name, -1.0, -0.8, -100.0) for name in ("accuracy_pct", "acc (%)", "val_accuracy_percent")),
        *((name, 1.0, 0.2, 0.0) for name in ("error", "val_rmse", "mean_squared_error", "log_loss", "test error rate")),
        ("neg_mean_squared_error", -1.0, 3.0, 0.0),
        *((name, 1.0, 0.2, 0.0) for name in ("loss", "val_loss", "train/loss")),
        *((name, 1.0, best, -math.inf) for name in ("loss", "val_loss") for best in (0.0, -0.1)),
        # what the name does not say, or what is on record contradicts
        *((name, 1.0, 0.2, -math.inf) for name in ("nll", "terror", "accuracy", "energy")),
        ("neg_mean_squared_error", 1.0, 0.2, -math.inf),
        *((name, -1.0, -0.2, -math.inf) for name in ("reward", "sharpe", "error", "bleu")),
        ("accuracy", -1.0, -640.0, -math.inf),
        ("error", 1.0, -0.1, -math.inf),
    ],
)
def test_a_name_says_what_is_best(name: str, sign: float, best: float, floor: float) -> None:
    assert floor_of(name, sign, best) == floor


@pytest.mark.parametrize(("target", "most"), [(None, 1.0), (0.95, 1.0), (95.0, 100.0)])
def test_a_target_says_that_a_share_is_in_percent(target: float | None, most: float) -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (maximize("accuracy", target=target),)), Random(), 0)
    for value in (0.5, 1.0, 0.9):  # of a hundred classes: a search that begins no better than chance
        for number in run.ask():
            run.start(number)
            run.add(Told(number, {"accuracy": value}))
    assert path(run.table).room == most - 1.0


@pytest.mark.parametrize(("name", "most"), [("accuracy", 1.0), ("reward", math.inf)])
def test_no_forecast_goes_beyond(name: str, most: float) -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (maximize(name),)), Random(), 0)
    for i in range(12):
        for number in run.ask():
            run.start(number)
            run.add(Told(number, {name: 0.90 + 0.005 * i}))
    seen = path(run.table)
    gains = forecast(seen, np.array([1.0, 100.0]))
    _, high = gains.interval(0.9)
    assert (0.955 + high[1] > 1.0) == (most == math.inf)
    assert seen.before(5).room == pytest.approx(most - 0.92)


def test_at_the_best_there_can_be_nothing_is_left_to_gain() -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (maximize("accuracy"),)), Random(), 0)
    for value in (0.5, 0.9, 1.0):
        for number in run.ask():
            run.start(number)
            run.add(Told(number, {"accuracy": value}))
    assert not forecast(path(run.table), np.array([10.0])).survival.any()
    found = Worth(budget=Budget(trials=80)).outlook(run.table)
    assert found.sentence == "worth going on? no: accuracy cannot be better than 1, the best result so far"


def test_a_study_ends_at_the_best_there_can_be() -> None:
    run = Simulation(Problem(Space(x=Float(0, 1)), (maximize("accuracy"),)), Random(), 0)
    rule = Worth(budget=Budget(trials=80))
    for i in range(25):
        for number in run.ask():
            run.start(number)
            run.add(Told(number, {"accuracy": 1.0 if i == 21 else 0.5 + 0.01 * (i % 10)}))
        said = rule.assess(run.problem, run.table)
        if said.stop:
            break
    assert i >= 21
    assert said.reason == "the best has been found: accuracy cannot be better than 1"
