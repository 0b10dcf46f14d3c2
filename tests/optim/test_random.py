from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import rng_at
from trimtab.optim.random import Random
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int
from trimtab.space.problem import Problem, minimize
from trimtab.space.space import Space
from trimtab.testing.simulation import PROBLEMS, Simulation

SPACE = Space(
    lr=Float(1e-4, 1, log=True),
    n=Int(1, 4),
    kind=Categorical(["a", "b"]),
    momentum=Float(0, 1, when=given("kind") == "b"),
)


def test_each_parameter_is_uniform_on_its_own_scale():
    x = Simulation(Problem(SPACE, [minimize("loss")]), Random()).propose(20_000).x
    assert np.histogram(np.log10(x[:, 0]), 4, (-4, 0))[0] == pytest.approx([5000] * 4, rel=0.06)
    assert np.unique(x[:, 1], return_counts=True)[1] == pytest.approx([5000] * 4, rel=0.06)
    has = x[:, 2] == 1
    assert has.mean() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(np.isnan(x[:, 3]), ~has)
    assert np.nanmean(x[:, 3]) == pytest.approx(0.5, abs=0.02)


def test_a_trial_depends_on_seed_and_number_alone():
    run = Simulation(PROBLEMS["continuous"], Random(), seed=4)
    run.ask()
    [number] = run.ask()
    assert np.array_equal(run.table.x[number], run.problem.space.sample(rng_at(4, 1), 1)[0])


def test_what_is_given_stays_and_constraints_hold():
    run = Simulation(PROBLEMS["constraints"], Random())
    x = run.propose(100, given=np.array([0.9, np.nan, np.nan, np.nan])).x
    assert set(x[:, 0]) == {0.9}
    assert x[:, 1].max() <= 0.1
    assert run.problem.space.contains(x).all()
