"""The Gaussian process against finite differences and against its own definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trimtab as tt
from trimtab.model.features import Features
from trimtab.numerics import blas
from trimtab.numerics.gp import N_SCALES, Data, Posterior, Prior, fit, neg_log_posterior
from trimtab.numerics.warp import far_rank, log_warp, warp


def data(n: int = 30, q: int = 5, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    z = rng.random((n, q))
    y = np.sin(5 * z[:, 0]) + z[:, 1] ** 2 + rng.normal(0, 0.05, n)
    group = np.minimum(np.arange(q), q - 2)  # the last two coordinates share a scale
    return Data(z, y - y.mean(), group, q - 1, rng.uniform(0.3, 1.0, n), rng.uniform(0, 0.01, n))


@pytest.mark.parametrize("seed", range(5))
def test_gradient_of_the_posterior_by_the_hyperparameters(seed: int) -> None:
    d, prior = data(seed=seed), Prior()
    theta = prior.centre(d.n_groups) + np.random.default_rng(seed).normal(0, 0.5, d.n_groups + 3)
    _, gradient = neg_log_posterior(theta, d, prior)
    h = 1e-5
    steps = np.eye(len(theta)) * h
    numeric = [
        (neg_log_posterior(theta + s, d, prior)[0] - neg_log_posterior(theta - s, d, prior)[0]) / (2 * h) for s in steps
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def test_each_hyperparameter_may_have_a_penalty_of_its_own() -> None:
    d = data()
    weight = np.linspace(0.1, 2.0, d.n_groups + 3)
    plain, own = Prior(weight=0.0), Prior(weight=weight)
    off = np.random.default_rng(2).normal(0, 0.5, d.n_groups + 3)
    theta = own.centre(d.n_groups) + off
    was, by_was = neg_log_posterior(theta, d, plain)
    now, by_now = neg_log_posterior(theta, d, own)
    np.testing.assert_allclose(now - was, weight @ off**2)
    np.testing.assert_allclose(by_now - by_was, 2 * weight * off, atol=1e-9)


def test_predictions_follow_the_textbook() -> None:
    d, prior = data(), Prior()
    theta = prior.centre(d.n_groups)
    posterior = Posterior(d, theta)
    points = np.random.default_rng(1).random((7, 5))
    w = np.exp(-theta[N_SCALES:])[d.group]

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        r = np.sqrt((w * (a[:, None] - b[None]) ** 2).sum(-1))
        s = 5**0.5 * r
        trend = np.exp(theta[1]) * (a @ b.T + 4 * a**2 @ (b**2).T)
        return np.exp(theta[0]) * (1 + s + s * s / 3) * np.exp(-s) + trend

    noisy = kernel(d.z, d.z) + np.diag(np.exp(theta[2]) * d.noise_share + d.known)
    k = kernel(d.z, points)
    mean, deviation = posterior.predict(points)
    np.testing.assert_allclose(mean, k.T @ np.linalg.solve(noisy, d.y), rtol=1e-5)
    variance = np.diag(kernel(points, points)) - np.einsum("nm,nm->m", k, np.linalg.solve(noisy, k))
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-4)


def test_gradients_of_the_predictions() -> None:
    d = data()
    posterior = Posterior(d, fit(d, Prior(), [Prior().centre(d.n_groups)], 30))
    points = np.random.default_rng(2).random((4, 5))
    _, _, by_mean, by_deviation = posterior.predict_with_gradient(points)
    h = 1e-5
    for q in range(5):
        up, down = points.copy(), points.copy()
        up[:, q] += h
        down[:, q] -= h
        (mean_up, deviation_up), (mean_down, deviation_down) = posterior.predict(up), posterior.predict(down)
        np.testing.assert_allclose(by_mean[:, q], (mean_up - mean_down) / (2 * h), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(by_deviation[:, q], (deviation_up - deviation_down) / (2 * h), rtol=1e-3, atol=1e-5)


def test_leave_one_out_is_what_leaving_one_out_gives() -> None:
    d = data(12)
    theta = Prior().centre(d.n_groups)
    density = Posterior(d, theta).leave_one_out()
    for i in (0, 5, 11):
        rest = d.take(np.delete(np.arange(12), i))
        mean, deviation = Posterior(rest, theta).predict(d.z[i : i + 1])
        variance = deviation[0] ** 2 + np.exp(theta[2]) * d.noise_share[i] + d.known[i]
        expected = -0.5 * np.log(2 * np.pi * variance) - 0.5 * (d.y[i] - mean[0]) ** 2 / variance
        assert density[i] == pytest.approx(expected, rel=1e-4)


def test_a_fantasy_leaves_the_mean_and_shrinks_the_deviation() -> None:
    d = data()
    posterior = Posterior(d, Prior().centre(d.n_groups))
    point, elsewhere = np.full((1, 5), 0.9), np.full((1, 5), 0.4)
    told = posterior.condition(point)
    np.testing.assert_allclose(told.mean(elsewhere), posterior.mean(elsewhere), atol=1e-6)
    assert told.predict(point)[1][0] < 0.5 * posterior.predict(point)[1][0]


@pytest.mark.parametrize("n", [1, 40])
def test_appended_rows_are_what_conditioning_anew_gives(n: int) -> None:
    d = data()
    posterior = Posterior(d, Prior().centre(d.n_groups))
    appended = posterior.condition(np.random.default_rng(1).random((n, 5)))
    z = np.random.default_rng(2).random((50, 5))
    anew = Posterior(appended._data, posterior.theta)
    for one, other in zip(appended.predict_with_gradient(z), anew.predict_with_gradient(z), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_a_row_that_is_there_may_be_appended_many_times() -> None:
    d = data()
    posterior = Posterior(d, Prior().centre(d.n_groups))
    for _ in range(20):
        posterior = posterior.condition(d.z[:3])
    assert posterior.n == 30 + 60
    assert np.isfinite(posterior.predict(d.z)).all()


def test_fitting_finds_the_parameters_that_matter() -> None:
    rng = np.random.default_rng(0)
    z = rng.random((80, 3))
    y = np.sin(8 * z[:, 0])
    d = Data(z, y - y.mean(), np.arange(3), 3, np.ones(80), np.zeros(80))
    theta = fit(d, Prior(), [Prior().centre(3)], 60)
    first, second, third = theta[N_SCALES:]
    assert first < second - 1
    assert first < third - 1


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_kernel_of_conditional_spaces_is_positive_definite(seed: int) -> None:
    deep = tt.Space(
        model=tt.Categorical(["a", "b", "c"]),
        depth=tt.Int(1, 9, when=tt.given("model").is_in(["a", "b"])),
        leaf=tt.Float(0, 1, when=tt.given("depth") >= 4),
        rate=tt.Float(1e-4, 1, log=True, when=tt.given("model") == "c"),
        kind=tt.Categorical(["x", "y"], when=tt.given("leaf") > 0.5),
    )
    rng = np.random.default_rng(seed)
    features = Features(deep)
    z = features.embed(deep.sample(rng, 60))
    lengths = rng.uniform(np.log(1e-2), np.log(1e2), features.n_groups)
    theta = np.concatenate([[0.0, np.log(1e-6), np.log(1e-6)], lengths])
    d = Data(z, np.zeros(60), features.group, features.n_groups, np.ones(60), np.zeros(60))
    value, _ = neg_log_posterior(theta, d, Prior())
    assert np.isfinite(value), "the covariance has a Cholesky factor at the noise's lower bound"


def test_categoricals_are_one_apart_and_inactive_ones_at_no_distance() -> None:
    space = tt.Space(model=tt.Categorical(["a", "b", "c"]), depth=tt.Int(1, 9, when=tt.given("model") == "a"))
    features = Features(space)
    rows = space.encode([{"model": "b"}, {"model": "c"}, {"model": "a", "depth": 1}, {"model": "a", "depth": 9}])
    z = features.embed(rows)
    squared = ((z[:, None] - z[None]) ** 2).sum(-1)
    assert squared[0, 1] == pytest.approx(1.0)
    assert squared[2, 3] == pytest.approx((8 / 9) ** 2)
    assert squared[0, 2] > 2.0, "another choice, and a parameter more"


def test_the_warps_on_vectors_worked_out_by_hand() -> None:
    scale = ((0 + 1 + 4) / 3) ** 0.5
    # Phi^-1(0.1), Phi^-1(0.3) and Phi^-1(0.4)
    steps = np.array([-1.2815515655446008, -0.5244005127080409]) + 0.2533471031357997
    # the median is 2 from the best: with a reach of 1 what is below 2 is far, with one of 10 what is below -16
    for labels, reach in (([0.0, 1.0, 2.0, 3.0, 4.0], 1.0), ([-900.0, -90.0, 2.0, 3.0, 4.0], 10.0)):
        warped = far_rank(np.array(labels), reach)
        np.testing.assert_allclose(warped[2:], [2.0, 3.0, 4.0])
        np.testing.assert_allclose(warped[:2], 2.0 + scale * steps)
    np.testing.assert_array_equal(far_rank(np.arange(5.0), 10.0), np.arange(5.0))
    np.testing.assert_allclose(log_warp(np.array([0.0, 5.0, 10.0])), [-0.5, 0.5 - np.log(1.25) / np.log(1.5), 0.5])
    assert far_rank(np.array([2.0, 2.0])).tolist() == [2.0, 2.0]
    assert warp(np.array([7.0])).tolist() == [0.0]
    assert warp(np.array([3.0, 3.0, 3.0])).tolist() == [0.0, 0.0, 0.0]
    ties = far_rank(np.array([0.0, 0.0, 1.0, 2.0, 3.0]))
    assert ties[0] == ties[1] < 1.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_the_warp_keeps_the_order_of_the_good_half_and_is_finite(losses: list[float]) -> None:
    array = np.array(losses)
    labels = warp(array)
    assert np.all(np.isfinite(labels))
    assert np.all(np.abs(labels) <= 1.0)
    order = np.argsort(array, kind="stable")
    assert np.all(np.diff(labels[order]) <= 1e-12), "better losses never get lower labels"


def test_blas_threads_are_put_back() -> None:
    import threadpoolctl

    with threadpoolctl.threadpool_limits(2, "blas"):
        before = [info["num_threads"] for info in threadpoolctl.threadpool_info()]
        with blas.one_thread():
            inside = {info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"}
        assert inside == {1}
        assert [info["num_threads"] for info in threadpoolctl.threadpool_info()] == before


def apart(n: int = 30, seed: int = 0) -> Data:
    """Rows that are two ways apart from what is asked about; a third of them in neither."""
    off = np.random.default_rng(seed).random((n, 2))
    off[::3] = 0.0
    return replace(data(n, seed=seed), apart=off)


def test_rows_that_are_apart_follow_the_textbook_with_a_product_of_kernels() -> None:
    d, prior = apart(), Prior()
    theta = prior.centre(d.n_groups)
    mean, deviation = Posterior(d, theta).predict(points := np.random.default_rng(1).random((7, 5)))
    plain = Posterior(replace(d, apart=None), theta)
    own, across = plain.covariances(d.z), plain.covariances(points)
    assert d.apart is not None
    noisy = own * (1.0 + d.apart @ d.apart.T) + np.diag(np.exp(theta[2]) * d.noise_share + d.known)
    np.testing.assert_allclose(mean, across.T @ np.linalg.solve(noisy, d.y), rtol=1e-5, atol=1e-7)
    at = np.diagonal(Posterior(replace(d, z=np.vstack([points, d.z[7:]]), apart=None), theta).covariances(points))
    variance = at - (across * np.linalg.solve(noisy, across)).sum(axis=0)
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("seed", range(2))
def test_gradient_where_rows_are_apart(seed: int) -> None:
    d, prior = apart(seed=seed), Prior()
    theta = prior.centre(d.n_groups) + np.random.default_rng(seed).normal(0, 0.5, d.n_groups + 3)
    _, gradient = neg_log_posterior(theta, d, prior)
    steps = np.eye(len(theta)) * 1e-5
    numeric = [
        (neg_log_posterior(theta + s, d, prior)[0] - neg_log_posterior(theta - s, d, prior)[0]) / 2e-5 for s in steps
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def test_a_fantasy_beside_rows_that_are_apart_is_what_conditioning_anew_gives() -> None:
    d, theta = apart(), Prior().centre(4)
    z, points = np.random.default_rng(3).random((2, 5)), np.random.default_rng(4).random((5, 5))
    posterior = Posterior(d, theta)
    told = posterior.condition(z)
    np.testing.assert_allclose(told.predict(points)[0], posterior.predict(points)[0], atol=1e-6)
    assert (told.predict(z)[1] < 0.1 * posterior.predict(z)[1]).all()
    anew = Posterior(told._data, theta)
    np.testing.assert_allclose(told.predict(points)[1], anew.predict(points)[1], rtol=1e-4)
