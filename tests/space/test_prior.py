from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from trimtab.errors import StarvedError
from trimtab.space.condition import given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal
from trimtab.space.space import Space
from trimtab.testing.strategies import spaces

SPACE = Space(
    lr=Float(1e-5, 1e-1, log=True, default=1e-3, prior=0.1),
    layers=Int(1, 8, default=2, prior=0.25),
    batch=Ordinal([16, 32, 64, 128], default=32, prior=0.5),
    optimizer=Categorical(["adam", "sgd", "lion"], default="sgd", prior=0.25),
    free=Float(0, 1),
    momentum=Float(0, 1, when=given("optimizer") == "sgd", default=0.9, prior=0.05),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def row(**more: object) -> np.ndarray:
    params = {"lr": 1e-3, "layers": 2, "batch": 32, "optimizer": "sgd", "free": 0.1, "momentum": 0.9} | more
    return SPACE.encode([{name: value for name, value in params.items() if value is not None}])


# -- the density -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.0),
        ({"free": 1.0}, 0.0),
        ({"lr": 1e-2}, -0.5 * (0.25 / 0.1) ** 2),
        ({"layers": 4}, -0.5 * (0.25 / 0.25) ** 2),
        ({"batch": 128}, -0.5 * (0.5 / 0.5) ** 2),
        ({"optimizer": "lion", "momentum": None}, np.log(0.25)),
        ({"optimizer": "adam", "momentum": None}, np.log(0.25)),
        ({"momentum": 1.0, "lr": 1e-4}, -0.5 * (0.1 / 0.05) ** 2 - 0.5 * (0.25 / 0.1) ** 2),
    ],
)
def test_the_density_falls_with_the_distance_from_the_default(changes, expected):
    assert SPACE.log_prior(row(**changes)) == pytest.approx([expected], abs=1e-9)
    assert SPACE.log_prior(row(**changes)[0]) == pytest.approx(expected, abs=1e-9)


def test_the_parts_are_there_for_engines():
    prior = SPACE.prior
    assert not prior.is_flat
    assert prior.centre == pytest.approx([0.5, 0.1875, 0.375, 0.5, 0.5, 0.9])
    assert prior.spread.tolist() == [0.1, 0.25, 0.5, np.inf, np.inf, 0.05]
    assert prior.log_other == pytest.approx([0, 0, 0, np.log(0.25), 0, 0])


def test_where_nothing_is_believed_the_density_is_flat():
    space = Space(a=Float(0, 1, default=0.3), b=Categorical(["x", "y"], default="y", prior=1), c=Int(0, 3))
    assert space.prior.is_flat
    assert not space.log_prior(space.sample(rng(), 20)).any()


def test_a_held_parameter_is_no_matter_of_belief():
    held = SPACE.fix(lr=1e-5, optimizer="adam")
    assert held.prior.spread[0] == np.inf
    assert held.log_prior(held.default_row()) == 0.0
    assert (held.sample_prior(rng(), 30)[:, 0] == 1e-5).all()


def test_a_belief_too_narrow_for_numbers_leaves_the_default():
    space = Space(x=Float(0, 1, default=0.5, prior=1e-300), c=Categorical(["a", "b"], default="b", prior=1e-300))
    assert space.log_prior(space.encode([{"x": 0.5, "c": "b"}, {"x": 0.6, "c": "b"}])).tolist() == [0.0, -np.inf]
    assert np.array_equal(np.unique(space.sample_prior(rng(), 50), axis=0), [[0.5, 1.0]])


# -- drawing ---------------------------------------------------------------------------------------------------------


def test_what_is_drawn_lies_as_believed():
    x = SPACE.sample_prior(rng(), 20_000)
    u = SPACE.to_unit(x)
    assert np.isclose(u[:, 0].mean(), 0.5, atol=0.005)
    assert np.isclose(u[:, 0].std(), 0.1, atol=0.005)
    shares = np.bincount(x[:, 3].astype(int)) / len(x)
    assert shares == pytest.approx([1 / 6, 4 / 6, 1 / 6], abs=0.015)
    assert np.isclose(u[:, 4].mean(), 0.5, atol=0.01)
    momentum = u[~np.isnan(u[:, 5]), 5]
    assert momentum.max() <= 1.0
    assert np.isclose(np.median(momentum), 0.9, atol=0.01)


@pytest.mark.parametrize("spread", [0.02, 0.4, 1.0, 3.0, 1e6])
@pytest.mark.parametrize("default", [0.0, 0.3, 1.0])
def test_a_belief_is_cut_to_the_range(default, spread):
    space = Space(x=Float(0, 1, default=default, prior=spread))
    x = np.sort(space.sample_prior(rng(1), 20_000)[:, 0])
    grid = np.linspace(0, 1, 4001)
    mass = np.cumsum(np.exp(space.log_prior(grid[:, None])))
    assert np.abs(np.interp(x, grid, mass / mass[-1]) - np.linspace(0, 1, len(x))).max() < 0.02


def test_given_values_and_what_they_imply_are_kept():
    x = SPACE.sample_prior(rng(), 200, SPACE.encode_partial({"momentum": 0.2, "batch": 128}))
    assert {params["optimizer"] for params in SPACE.decode(x)} == {"sgd"}
    assert (x[:, 5] == 0.2).all()
    assert (x[:, 2] == 3).all()


def test_a_parent_that_a_given_value_leaves_open_is_drawn_as_believed():
    space = Space(
        kind=Categorical(["a", "b", "c", "d"], default="b", prior=0.1),
        x=Float(0, 1, when=given("kind").is_in(["b", "c", "d"])),
    )
    x = space.sample_prior(rng(), 5000, space.encode_partial({"x": 0.5}))
    assert np.bincount(x[:, 0].astype(int)) / 5000 == pytest.approx([0, 10 / 12, 1 / 12, 1 / 12], abs=0.02)


def test_constraints_hold_and_may_starve_a_belief():
    x = (Float(0, 1, default=0.2, prior=0.1), Float(0, 1, default=0.2, prior=0.1))
    space = Space(a=x[0], b=x[1], require=["a + b <= 0.5"])
    assert space.satisfied(space.sample_prior(rng(), 300)).all()
    far = Space(a=Float(0, 1, default=0, prior=0.01), b=Float(0, 1), require=["a >= 0.9 or b > 2"])
    with pytest.raises(StarvedError):
        far.sample_prior(rng(), 1)


def test_a_seed_makes_it_reproducible_and_drawing_nothing_is_nothing():
    assert SPACE.sample_prior(rng(3), 9).tobytes() == SPACE.sample_prior(rng(3), 9).tobytes()
    assert SPACE.sample_prior(rng(), 0).shape == (0, 6)


@any_of(st.data())
def test_in_any_space_what_is_drawn_lies_in_it_and_nothing_beats_the_centre(data):
    space = data.draw(spaces(constrained=False))
    x = space.sample_prior(rng(), 20)
    assert space.contains(x).all()
    assert (space.log_prior(x) <= 0).all()
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert np.array_equal(again.log_prior(x), space.log_prior(x))
