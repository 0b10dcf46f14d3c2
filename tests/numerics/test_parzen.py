"""Parzen estimators against quadrature, against their own distribution function, and against exact arithmetic."""

from __future__ import annotations

import functools

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import kolmogorov, ndtr

from trimtab.numerics.parzen import Parzen, Points, log_normal_mass, neighbour_deviation

FREE = np.array([0]), np.array([False])
"""One continuous coordinate."""


def exactly(u: np.ndarray) -> Points:
    return Points(u, u, u)


def cells(n: int) -> Points:
    """Return the middles of n equal cells, as points of one coordinate."""
    u = (np.arange(n)[:, None] + 0.5) / n
    return Points(u, u - 0.5 / n, u + 0.5 / n)


def centres(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d)) ** 2


# ---- the mass of a normal between two points


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-1.0, 1.0),
        (-0.3, -0.2),
        (0.0, 1e-9),
        (5.0, 5.1),
        (30.0, 31.0),
        (100.0, 100.5),
        (-200.0, -199.0),
        (100.0, 100.0 + 1e-6),
        (1e3, 1e3 + 1e-3),
        (-40.0, 50.0),
        (2.0, 2.0011),
        (2.0, 2.0009),
        (-1e4, 3.0),
    ],
)
def test_the_mass_between_two_points_is_exact_far_into_the_tails(low: float, high: float) -> None:
    with mpmath.workdps(60):
        root = mpmath.sqrt(2)
        a, b = (-high, -low) if low + high > 0 else (low, high)
        upper, lower = (mpmath.erfc(-mpmath.mpf(z) / root) / 2 for z in (b, a))
        exact = float(mpmath.log(upper - lower))
    found = log_normal_mass(np.array([low]), np.array([high]))[0]
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.floats(-50, 50), st.floats(1e-8, 20), st.floats(0.05, 0.95))
def test_masses_add_up(low: float, width: float, part: float) -> None:
    edges = np.array([low, low + part * width, low + width])
    left, right, whole = log_normal_mass(edges[[0, 1, 0]], edges[[1, 2, 2]])
    assert np.logaddexp(left, right) == pytest.approx(whole, rel=1e-6, abs=1e-6)


# ---- densities


@functools.cache
def fine_nodes() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(2000)  # takes two seconds


@pytest.mark.parametrize("n", [0, 1, 2, 7, 150])
def test_a_mixture_integrates_to_1(n: int) -> None:
    u = centres(n, 1)
    density = Parzen(u, neighbour_deviation(u), *FREE)
    nodes, weights = fine_nodes()
    found = np.exp(density.log_density(exactly(0.5 * (nodes[:, None] + 1.0))))
    assert 0.5 * weights @ found == pytest.approx(1.0, rel=1e-9)


def test_a_joint_mixture_of_every_kind_integrates_to_1() -> None:
    u = centres(9, 3)
    density = Parzen(
        u,
        neighbour_deviation(u),
        np.array([0, 3, 0]),
        np.array([False, False, True]),
        np.linspace(0.2, 2.0, 9),
    )
    nodes, weights = np.polynomial.legendre.leggauss(300)
    x, choice, step = np.meshgrid(
        0.5 * (nodes + 1.0), (np.arange(3) + 0.5) / 3, (np.arange(4) + 0.5) / 4, indexing="ij"
    )
    points = np.stack([x.ravel(), choice.ravel(), step.ravel()], axis=1)
    half = np.array([0.0, 1 / 6, 1 / 8])
    found = np.exp(density.log_density(Points(points, points - half, points + half))).reshape(300, 12).sum(axis=1)
    assert 0.5 * weights @ found == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("n_values", [2, 5, 100])
def test_the_masses_of_discrete_values_add_up_to_1(n_values: int) -> None:
    u = cells(n_values).u[np.random.default_rng(0).integers(n_values, size=30)]
    density = Parzen(u, neighbour_deviation(u), np.array([0]), np.array([True]))
    assert np.exp(density.log_density(cells(n_values))).sum() == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("n_choices", [2, 3, 20])
def test_the_masses_of_choices_add_up_to_1_and_follow_what_was_seen(n_choices: int) -> None:
    u = np.repeat(cells(n_choices).u[:2], [9, 1], axis=0)
    density = Parzen(u, np.ones_like(u), np.array([n_choices]), np.array([False]))
    mass = np.exp(density.log_density(cells(n_choices)))
    assert mass.sum() == pytest.approx(1.0, rel=1e-12)
    assert mass[0] > mass[1] > (mass[2] if n_choices > 2 else 0.0)
    smoothed = (1.0 + 1 / 11) / (1.0 + n_choices / 11)
    missed = (1 / 11) / (1.0 + n_choices / 11)
    assert mass[0] == pytest.approx((9 * smoothed + missed + 1 / n_choices) / 11, rel=1e-12)


def test_a_component_is_a_whole_point() -> None:
    """Of two clusters in opposite corners the other corners get nothing but the prior."""
    u = np.array([[0.1, 0.1]] * 10 + [[0.9, 0.9]] * 10)
    density = Parzen(u, np.full_like(u, 0.05), np.array([0, 0]), np.array([False, False]))
    there, between = density.log_density(exactly(np.array([[0.1, 0.1], [0.1, 0.9]])))
    assert np.exp(between) == pytest.approx(1 / 21, rel=1e-6)
    assert there > between + 5.0


def test_weights_are_relative_to_the_prior() -> None:
    u = np.array([[0.5]])
    light, heavy = (Parzen(u, np.array([[0.01]]), *FREE, np.array([w])) for w in (1.0, 3.0))
    far = exactly(np.array([[0.1]]))
    assert np.exp(light.log_density(far)) == pytest.approx(1 / 2)
    assert np.exp(heavy.log_density(far)) == pytest.approx(1 / 4)


# ---- draws


def cdf(u: np.ndarray, deviation: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the distribution function of the mixture of equal weights and a uniform prior."""
    low, high = ndtr(-u / deviation), ndtr((1.0 - u) / deviation)
    kernels = (ndtr((at - u[:, None]) / deviation[:, None]) - low[:, None]) / (high - low)[:, None]
    return (kernels.sum(axis=0) + at) / (len(u) + 1)


@pytest.mark.parametrize("seed", range(3))
def test_draws_follow_the_distribution_function(seed: int) -> None:
    """Kolmogorov and Smirnov's test, with 20,000 draws."""
    u = centres(12, 1, seed)
    deviation = neighbour_deviation(u)
    drawn = np.sort(Parzen(u, deviation, *FREE).sample(np.random.default_rng(seed), 20_000)[:, 0])
    expected = cdf(u[:, 0], deviation[:, 0], drawn)
    steps = np.arange(20_001) / 20_000
    distance = max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    assert kolmogorov(distance * 20_000**0.5) > 1e-3


@pytest.mark.parametrize("is_categorical", [True, False])
def test_draws_of_few_values_follow_their_masses(is_categorical: bool) -> None:
    k, n = 5, 40_000
    u = cells(k).u[[0, 0, 0, 4, 2]]
    density = Parzen(u, neighbour_deviation(u), np.array([k * is_categorical]), np.array([not is_categorical]))
    drawn = (density.sample(np.random.default_rng(1), n)[:, 0] * k).astype(int)
    expected = n * np.exp(density.log_density(cells(k)))
    assert ((np.bincount(drawn, minlength=k) - expected) ** 2 / expected).sum() < 23.5, "chi-square, 4 degrees, 1e-4"


def test_without_points_draws_are_uniform() -> None:
    density = Parzen(np.empty((0, 2)), np.empty((0, 2)), np.array([0, 3]), np.array([False, False]))
    drawn = np.sort(density.sample(np.random.default_rng(0), 4000), axis=0)
    assert np.abs(drawn - (np.arange(4000)[:, None] + 0.5) / 4000).max() < 0.04
    middle = Points(np.array([[0.5, 0.5]]), np.array([[0.5, 1 / 3]]), np.array([[0.5, 2 / 3]]))
    assert np.exp(density.log_density(middle)) == pytest.approx(1 / 3)


# ---- bandwidths


def test_a_kernel_reaches_to_the_farther_neighbour() -> None:
    u = np.array([[0.1], [0.9], [0.5], [0.6]])
    np.testing.assert_allclose(neighbour_deviation(u)[:, 0], [0.4, 0.3, 0.4, 0.3])


def test_no_kernel_is_narrower_than_the_floor() -> None:
    np.testing.assert_allclose(neighbour_deviation(np.full((8, 1), 0.3)), 0.1)
    assert neighbour_deviation(np.full((500, 2), 0.3)).min() == 0.01
    np.testing.assert_allclose(neighbour_deviation(np.full((1, 2), 0.3)), 1.0)
