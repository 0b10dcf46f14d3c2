"""The Gaussian process on conditional spaces: against dense textbook algebra, fifty digits and finite differences."""

from __future__ import annotations

import os

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.arrays import Floats
from trimtab.model.features import Features
from trimtab.numerics import blas
from trimtab.numerics.gp import N_SCALES, Data, Posterior, Prior, neg_log_posterior
from trimtab.space.space import Space
from trimtab.testing.strategies import spaces

N_SPACES = int(os.environ.get("TRIMTAB_EXAMPLES", "1000")) // 4
JITTER = 1e-8
"""The share of the amplitude that is always on the diagonal."""


def tree() -> Space:
    """A space with branches in branches."""
    return tt.Space(
        model=tt.Categorical(["a", "b", "c"]),
        depth=tt.Int(1, 9, when=tt.given("model").is_in(["a", "b"])),
        leaf=tt.Float(0, 1, when=tt.given("depth") >= 4),
        rate=tt.Float(1e-4, 1, log=True, when=tt.given("model") == "c"),
        kind=tt.Categorical(["x", "y"], when=tt.given("leaf") > 0.5),
        size=tt.Ordinal([8, 16, 32]),
    )


def conditional_data(n: int, seed: int) -> tuple[Data, Floats]:
    """Return data on the tree, some of it merged repeats, some with a known variance, and hyperparameters."""
    rng = np.random.default_rng(seed)
    features = Features(tree())
    z = features.embed(tree().sample(rng, n))
    y = np.sin(3 * z @ rng.normal(size=z.shape[1])) + rng.normal(0, 0.1, n)
    known = np.where(rng.random(n) < 0.3, rng.uniform(0, 0.05, n), 0.0)
    d = Data(z, y - y.mean(), features.group, features.n_groups, 1.0 / rng.integers(1, 4, n), known)
    lengths = rng.normal(0.0, 1.0, features.n_groups)
    return d, np.concatenate([np.log([0.3, 0.02, 0.004]) + rng.normal(0, 0.5, 3), lengths])


def textbook_kernel(a: Floats, b: Floats, theta: Floats, group: np.ndarray) -> Floats:
    """Return [n, m] the kernel, by differences of every pair."""
    r2 = (np.exp(-theta[N_SCALES:])[group] * (a[:, None] - b[None]) ** 2).sum(-1)
    s = np.sqrt(5 * r2)
    trend = np.einsum("iq,jq->ij", a, b) + 4 * np.einsum("iq,jq->ij", a**2, b**2)
    return np.exp(theta[0]) * (1 + s + s**2 / 3) * np.exp(-s) + np.exp(theta[1]) * trend


def textbook_covariance(d: Data, theta: Floats) -> Floats:
    noise = np.exp(theta[2]) * d.noise_share + d.known + JITTER * np.exp(theta[0])
    return textbook_kernel(d.z, d.z, theta, d.group) + np.diag(noise)


@pytest.mark.parametrize("seed", range(10))
def test_the_posterior_is_the_textbooks(seed: int) -> None:
    d, theta = conditional_data(40, seed)
    points = Features(tree()).embed(tree().sample(np.random.default_rng(seed + 100), 25))
    covariance, k = textbook_covariance(d, theta), textbook_kernel(d.z, points, theta, d.group)
    mean = k.T @ np.linalg.solve(covariance, d.y)
    prior = np.diagonal(textbook_kernel(points, points, theta, d.group))
    variance = prior - np.einsum("nm,nm->m", k, np.linalg.solve(covariance, k))
    posterior = Posterior(d, theta)
    found_mean, deviation = posterior.predict(points)
    np.testing.assert_allclose(found_mean, mean, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(posterior.mean(points), mean, rtol=1e-8, atol=1e-9)
    with_gradient = posterior.predict_with_gradient(points)
    np.testing.assert_allclose(with_gradient[0], mean, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(with_gradient[1] ** 2, variance, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_conditioned_on_pending_points_it_is_the_textbooks_too(seed: int) -> None:
    """Fantasies at the mean, almost without noise: the mean stays, the deviation is that of the longer data."""
    d, theta = conditional_data(30, seed)
    rng = np.random.default_rng(seed + 200)
    pending, points = (Features(tree()).embed(tree().sample(rng, n)) for n in (6, 20))
    told = Posterior(d, theta).condition(pending[:2]).condition(pending[2:])
    k = textbook_kernel(d.z, points, theta, d.group)
    np.testing.assert_allclose(
        told.mean(points), k.T @ np.linalg.solve(textbook_covariance(d, theta), d.y), rtol=1e-6, atol=1e-7
    )
    none, almost = np.zeros(len(pending)), np.full(len(pending), 1e-6 * np.exp(theta[0]))
    longer = Data(
        np.vstack([d.z, pending]),
        np.append(d.y, none),
        d.group,
        d.n_groups,
        np.append(d.noise_share, none),
        np.append(d.known, almost),
    )
    k = textbook_kernel(longer.z, points, theta, d.group)
    prior = np.diagonal(textbook_kernel(points, points, theta, d.group))
    variance = prior - np.einsum("nm,nm->m", k, np.linalg.solve(textbook_covariance(longer, theta), k))
    np.testing.assert_allclose(told.predict(points)[1] ** 2, variance, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_marginal_likelihood_to_ten_digits(seed: int) -> None:
    d, theta = conditional_data(9, seed)
    prior = Prior()
    with mpmath.workdps(50):
        covariance = mpmath.matrix(exact_covariance(d, theta))
        labels = mpmath.matrix(d.y.tolist())
        solved = mpmath.lu_solve(covariance, labels)
        fit = sum(labels[i] * solved[i] for i in range(9))
        value = fit / 2 + mpmath.log(mpmath.det(covariance)) / 2 + mpmath.mpf(9) / 2 * mpmath.log(2 * mpmath.pi)
        off = [mpmath.mpf(t) - mpmath.mpf(c) for t, c in zip(theta, prior.centre(d.n_groups), strict=True)]
        value += mpmath.mpf(prior.weight) * sum(each**2 for each in off)
        expected = float(value)
    assert neg_log_posterior(theta, d, prior)[0] == pytest.approx(expected, rel=1e-10)


def exact_covariance(d: Data, theta: Floats) -> list[list[mpmath.mpf]]:
    """Return the covariance in the working precision of mpmath."""
    exp = [mpmath.exp(mpmath.mpf(t)) for t in theta]
    z = [[mpmath.mpf(v) for v in row] for row in d.z]
    rows = []
    for i, a in enumerate(z):
        row = []
        for j, b in enumerate(z):
            r2 = sum((x - y) ** 2 / exp[N_SCALES + int(g)] for x, y, g in zip(a, b, d.group, strict=True))
            s = mpmath.sqrt(5 * r2)
            k = exp[0] * (1 + s + s**2 / 3) * mpmath.exp(-s)
            k += exp[1] * sum(x * y + 4 * x**2 * y**2 for x, y in zip(a, b, strict=True))
            if i == j:
                k += exp[2] * mpmath.mpf(d.noise_share[i]) + mpmath.mpf(d.known[i]) + mpmath.mpf(JITTER) * exp[0]
            row.append(k)
        rows.append(row)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_the_gradient_of_the_marginal_likelihood_on_conditional_rows(seed: int) -> None:
    d, theta = conditional_data(12 + 2 * seed, seed)
    prior = Prior(weight=0.1)
    _, gradient = neg_log_posterior(theta, d, prior)
    h = 1e-3
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = h
        f = [neg_log_posterior(theta + k * step, d, prior)[0] for k in (-2, -1, 1, 2)]
        numeric = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)  # right to h**4
        assert gradient[i] == pytest.approx(numeric, rel=1e-6, abs=1e-6), f"hyperparameter {i}"


@settings(max_examples=N_SPACES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_on_any_conditional_space_the_kernel_is_positive_definite(data: st.DataObject) -> None:
    """A thousand sets of rows: no eigenvalue is below zero by more than rounding explains, noise or not."""
    features = Features(space := data.draw(spaces(max_parameters=7, constrained=False)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for _ in range(4):
        z = features.embed(space.sample(rng, 40))
        theta = np.concatenate([np.log([1.0, 1e-6, 1e-6]), rng.uniform(np.log(1e-2), np.log(1e2), features.n_groups)])
        assert lowest(textbook_kernel(z, z, theta, features.group)) > -1e-12
        d = Data(z, np.zeros(40), features.group, features.n_groups, np.ones(40), np.zeros(40))
        with blas.one_thread():
            value, gradient = neg_log_posterior(theta, d, Prior())
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_a_kernel_that_skips_what_is_inactive_would_not_be() -> None:
    """The test above can fail: distances over what two rows have in common, the obvious way, are no embedding."""
    space = tt.Space(
        a=tt.Categorical([0, 1, 2]),
        x=tt.Float(0, 1, when=tt.given("a") != 0),
        y=tt.Float(0, 1, when=tt.given("a") != 1),
        z=tt.Float(0, 1, when=tt.given("a") != 2),
    )
    x = space.to_unit(space.sample(np.random.default_rng(0), 40))[:, 1:]
    r2 = 4 * np.nansum((x[:, None] - x[None]) ** 2, axis=-1)
    s = np.sqrt(5 * r2)
    assert lowest((1 + s + s**2 / 3) * np.exp(-s)) < -1e-3


def lowest(k: Floats) -> float:
    """Return the lowest eigenvalue, as a share of the largest."""
    with blas.one_thread():
        values = np.linalg.eigvalsh(k)
    return float(values[0] / values[-1])
