"""A blend of processes against the processes, and its gradient against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.blend import Blend
from trimtab.numerics.gp import Data, Posterior, Prior, neg_log_posterior


def process(n: int, seed: int, q: int = 4) -> Posterior:
    rng = np.random.default_rng(seed)
    z = rng.random((n, q)) - 0.5
    data = Data(z, np.sin(4 * z[:, 0] + seed) + z[:, 1], np.arange(q), q, np.ones(n), np.zeros(n))
    return Posterior(data, Prior().centre(q) + rng.normal(0, 0.4, q + 3))


def made() -> tuple[list[Posterior], Floats, Blend]:
    processes, weights = [process(30, 0), process(7, 1), process(12, 2)], np.array([0.5, 0.2, 0.4])
    return processes, weights, Blend.of(processes, weights)


def test_a_blend_is_the_weighted_sum() -> None:
    processes, weights, blend = made()
    z = np.random.default_rng(9).random((300, 4)) - 0.5  # more than are computed at once
    expected = sum(w * each.mean(z) for w, each in zip(weights, processes, strict=True))
    np.testing.assert_allclose(blend.mean(z), expected, atol=1e-10)
    np.testing.assert_allclose(blend.mean_with_gradient(z)[0], expected, atol=1e-10)
    np.testing.assert_allclose(blend.times(0.3).mean(z), 0.3 * expected, atol=1e-10)


def test_the_gradient_is_that_of_the_mean() -> None:
    _, _, blend = made()
    z, h = np.random.default_rng(8).random((20, 4)) - 0.5, 1e-6
    steps = [h * row for row in np.eye(4)]
    numeric = np.column_stack([(blend.mean(z + s) - blend.mean(z - s)) / (2 * h) for s in steps])
    np.testing.assert_allclose(blend.mean_with_gradient(z)[1], numeric, rtol=1e-5, atol=1e-7)


def test_a_lever_is_integrated_out() -> None:
    """A fit with a lever is one whose covariance has it; its gradient is right."""
    rng = np.random.default_rng(3)
    z = rng.random((15, 3))
    bare = Data(z, rng.normal(size=15), np.arange(3), 3, np.ones(15), np.zeros(15))
    data, prior = replace(bare, lever=rng.normal(size=15)), Prior()
    theta = prior.centre(3) + rng.normal(0, 0.3, 6)
    value, gradient = neg_log_posterior(theta, data, prior)
    h = 1e-5
    steps = np.eye(6) * h
    numeric = [
        (neg_log_posterior(theta + s, data, prior)[0] - neg_log_posterior(theta - s, data, prior)[0]) / (2 * h)
        for s in steps
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)
    assert value != neg_log_posterior(theta, bare, prior)[0]
