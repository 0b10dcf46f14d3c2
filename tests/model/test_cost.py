"""What a trial costs, by its parameters and by how far it is run."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.ledger.event import Opened, Origin, Told
from trimtab.model.cost import CostModel
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Fidelity, Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation

SPACE = Space(width=Int(1, 100, log=True), layers=Int(1, 8), kind=Categorical(["a", "b", "c"]), lr=Float(0, 1))


def seconds_of(x: np.ndarray, rng: np.random.Generator, spread: float = 0.2) -> float:
    width, layers, kind, _ = x
    return float(width**0.8 * (1 + layers) * (1, 2, 4)[int(kind)] * np.exp(spread * rng.normal()))


def study(n: int, seed: int = 0, fidelities=(), spread: float = 0.2) -> Simulation:
    run, rng = (
        Simulation(Problem(SPACE, (minimize("loss"),), fidelities=fidelities, cost="price")),
        np.random.default_rng(seed),
    )
    run.add(Opened())
    for x in SPACE.sample(rng, n):
        end = (float(rng.integers(1, 82)),) if fidelities else ()
        number = run.put(x, Origin("user", "for the test"), fidelity=end)
        run.start(number)
        took = seconds_of(x, rng, spread) * (end[0] if end else 1.0)
        run.add(Told(number, {"loss": 1.0, "price": took / 10}, seconds=took, cost=took / 10))
    return run


def test_it_foresees_what_parameters_cost() -> None:
    run, rng = study(60), np.random.default_rng(1)
    x = SPACE.sample(rng, 400)
    took = np.array([seconds_of(row, rng) for row in x])
    said = CostModel(run.table).predict(x)
    inside = ((said.low <= took) & (took <= said.high)).mean()
    assert 0.85 <= inside <= 0.97
    off = np.abs(np.log(said.median) - np.log(took)).mean()
    blind = np.abs(np.log(took) - np.median(np.log(run.table.seconds))).mean()
    assert off < 0.3 * blind
    assert said.expected.mean() == pytest.approx(took.mean(), rel=0.15)


def test_intervals_cover_with_few_trials_too() -> None:
    inside = []
    for seed in range(30):
        run, rng = study(8, seed), np.random.default_rng(100 + seed)
        x = SPACE.sample(rng, 50)
        took = np.array([seconds_of(row, rng) for row in x])
        said = CostModel(run.table).predict(x)
        inside.append(((said.low <= took) & (took <= said.high)).mean())
    assert np.mean(inside) >= 0.8


def test_it_costs_in_proportion_to_how_far_it_is_run() -> None:
    run = study(40, fidelities=(Fidelity("epoch", 1, 81),))
    x = SPACE.sample(np.random.default_rng(2), 20)
    said = CostModel(run.table)
    ratio = said.predict(x, np.full(20, 40.0)).median / said.predict(x, np.full(20, 10.0)).median
    assert np.median(ratio) == pytest.approx(4.0, rel=0.2)


def test_the_cost_metric_is_another_question() -> None:
    run = study(40)
    x = SPACE.sample(np.random.default_rng(3), 5)
    in_cost, in_seconds = CostModel(run.table, "cost").predict(x), CostModel(run.table).predict(x)
    np.testing.assert_allclose(in_cost.median * 10, in_seconds.median, rtol=1e-9)


def test_one_trial_is_a_guess_and_none_is_nothing() -> None:
    x = SPACE.sample(np.random.default_rng(4), 3)
    one = CostModel(study(1).table)
    said = one.predict(x)
    assert one.n == 1
    assert (said.low < said.median / 2).all()
    assert (said.high > said.median * 2).all()
    none = CostModel(study(0).table)
    assert none.n == 0
    with pytest.raises(ValueError, match="no trial has told"):
        none.predict(x)
