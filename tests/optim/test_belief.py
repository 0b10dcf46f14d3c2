from __future__ import annotations

import numpy as np
import pytest

from trimtab.model.labels import labelled
from trimtab.model.observations import Observations
from trimtab.optim import belief
from trimtab.optim.gp import Gp
from trimtab.optim.tpe import Tpe
from trimtab.space.parameter import Categorical, Float
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import Simulation, plain_history

LOSS = (minimize("loss"),)


def told(space: Space, n: int, best: float) -> Observations:
    run = Simulation(Problem(space, LOSS))
    observations = Observations(run.problem)
    for x in np.random.default_rng(0).random(n):
        number = run.enqueue(np.array([x]))
        run.start(number)
        run.tell(number, (x - best) ** 2)
        observations.tell(run.table, number)
    return observations


def weight(space: Space, n: int, best: float) -> float:
    seen = labelled(told(space, n, best), n, None)
    return belief.weight(space, seen.x, seen.labels, n)


def test_a_prior_washes_out() -> None:
    space = Space(x=Float(0, 1, default=0.5, prior=0.1))
    weights = [weight(space, n, 0.5) for n in (2, 20, 200)]
    assert weights == [5.0, 0.5, 0.05]


def test_a_prior_that_results_contradict_is_left_aside() -> None:
    space = Space(x=Float(0, 1, default=0.0, prior=0.1))
    assert weight(space, 9, 1.0) > 0.0, "too few results to judge"
    assert weight(space, 30, 1.0) == 0.0
    assert weight(Space(x=Float(0, 1, default=0.0)), 30, 1.0) == 0.0, "nothing was said"


def best_losses(engine: Gp | Tpe, best: float, seed: int, prior: float | None, *, n: int, waves: float) -> list[float]:
    """Return the best losses after 10 and after n trials; the default is at 0.8."""
    space = Space({f"x{i}": Float(0, 1, default=0.8, prior=prior) for i in range(5)})
    run = Simulation(Problem(space, LOSS), engine, seed)
    for _ in range(n):
        [number] = run.ask()
        x = run.table.x[number]
        run.start(number)
        run.tell(number, float(((x - best) ** 2 + waves * np.sin(30 * x)).sum()))
    return [float(run.table.y[:10, 0].min()), float(run.table.y[:, 0].min())]


@pytest.mark.parametrize(("engine", "n", "waves"), [(Gp(), 30, 0.1), (Tpe(), 60, 0.0)], ids=["gp", "tpe"])
def test_a_good_prior_helps_early_and_a_bad_one_does_not_hurt_for_long(engine: Gp | Tpe, n: int, waves: float) -> None:
    def mean(best: float, prior: float | None) -> np.ndarray:
        return np.mean([best_losses(engine, best, seed, prior, n=n, waves=waves) for seed in range(16)], axis=0)

    assert mean(0.7, 0.1)[0] < mean(0.7, None)[0]
    from_the_default = 5 * (0.8 - 0.2) ** 2
    assert mean(0.2, 0.1)[1] < mean(0.2, None)[1] + 0.06 * from_the_default


@pytest.mark.parametrize("seed", range(3))
def test_the_start_is_drawn_from_the_prior_half_of_the_time(seed: int) -> None:
    space = Space(x=Float(0, 1, default=0.9, prior=0.01), kind=Categorical(("a", "b"), default="a", prior=0.5))
    run = Simulation(Problem(space, LOSS), Gp(), seed)
    for _ in range(5):
        for number in run.ask():
            run.start(number)
            run.tell(number, 1.0)
    near = np.abs(run.table.x[:, 0] - 0.9) < 0.05
    assert near[[0, 1, 3]].all()
    assert not near.all()


MIXED = Space(
    lr=Float(1e-5, 1e-1, log=True, default=1e-3, prior=0.1),
    optimizer=Categorical(["adam", "sgd", "lion"], default="sgd", prior=0.25),
    free=Float(0, 1),
)


@pytest.mark.parametrize("spread", [1e-300, 0.02, 0.4, 3.0, 1e6, 1e300])
@pytest.mark.parametrize("default", [0.0, 0.3, 1.0])
def test_quantiles_are_those_of_the_density(default, spread):
    space = Space(x=Float(0, 1, default=default, prior=spread))
    p = np.linspace(0.001, 0.999, 500)
    u = belief.quantiles(space, p[:, None])[:, 0]
    assert (np.diff(u) >= 0).all()
    assert u.min() >= 0.0
    assert u.max() <= 1.0
    if spread < 1e-3:
        assert np.abs(u - default).max() < 1e-12
    else:
        grid = np.linspace(0, 1, 4001)
        density = np.exp(space.log_prior(grid[:, None]))
        mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        assert np.abs(np.interp(u, grid, mass / mass[-1]) - p).max() < 1e-3


def test_quantiles_of_choices_have_their_weights_and_what_is_not_believed_stays():
    p = np.repeat(((np.arange(600) + 0.5) / 600)[:, None], len(MIXED), axis=1)
    before = p.copy()
    u = belief.quantiles(MIXED, p)
    assert np.bincount((u[:, 1] * 3).astype(int)).tolist() == [100, 400, 100]
    assert np.array_equal(u[:, 2], p[:, 2])
    assert np.array_equal(p, before)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_believed_is_covered_evenly_before_a_model(seed: int) -> None:
    run = Simulation(Problem(MIXED, LOSS), Gp(n_initial=16), seed)
    plain_history(run, 16)
    u, fine = MIXED.to_unit(run.table.x), np.linspace(0.0, 1.0, 10_001)
    quantiles = belief.quantiles(MIXED, np.repeat(fine[:, None], 3, axis=1))
    p = u[1:, 0].copy()
    p[::2] = np.interp(p[::2], quantiles[:, 0], fine)  # the first, third, ... after the default are believed
    assert len(np.unique((16 * p).astype(int))) == 15, "each in another sixteenth, of what is believed or of the range"
    assert len(np.unique((16 * u[1:, 0]).astype(int))) < 15
