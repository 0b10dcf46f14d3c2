"""A process that forgets, beside its formulas written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from trimtab.numerics import drift

LENGTHS, FORGOTTEN, NOISES = (0.1, 0.3, 0.9), (0.0, 0.1, 0.3), (0.01, 0.2)


def kernel(apart: np.ndarray, between: np.ndarray, length: float, forgotten: float) -> np.ndarray:
    return np.exp(-0.5 * apart / length**2) * (1.0 - forgotten) ** (between / 2.0)


def distances(z: np.ndarray, at: np.ndarray, other_z: np.ndarray, other_at: np.ndarray) -> tuple[np.ndarray, ...]:
    apart = np.square(z[:, None] - other_z[None]).sum(axis=2)
    return apart, np.abs(at[:, None] - other_at[None])


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_of_a_grid_and_what_it_predicts_are_those_of_the_formulas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p, m = 30, 4, 7
    z, at = rng.random((n + p, 2)), rng.integers(1, 9, n + p).astype(float)
    y = np.sin(5.0 * z[:n, 0]) * 0.9 ** at[:n] + 0.1 * rng.standard_normal(n)
    y -= y.mean()
    apart, between = distances(z, at, z, at)
    likelihoods = {}
    for length, forgotten, noise in product(LENGTHS, FORGOTTEN, NOISES):
        k = (1.0 - noise) * kernel(apart[:n, :n], between[:n, :n], length, forgotten) + noise * np.eye(n)
        amplitude = float(y @ np.linalg.solve(k, y)) / n
        likelihoods[length, forgotten, noise] = -0.5 * (n * np.log(amplitude) + np.linalg.slogdet(k)[1])
    chosen = drift.likeliest(apart[:n, :n], between[:n, :n], y, LENGTHS, FORGOTTEN, NOISES)
    assert chosen == max(likelihoods, key=lambda key: likelihoods[key])

    points, later = rng.random((m, 2)), np.full(m, 9.0)
    across = distances(z, at, points, later)
    mean, variance = drift.predicted(apart, between, y, *across, chosen)
    length, forgotten, noise = chosen
    every = (1.0 - noise) * kernel(apart, between, length, forgotten) + noise * np.eye(n + p)
    k = (1.0 - noise) * kernel(*across, length, forgotten)
    assert mean == pytest.approx(k[:n].T @ np.linalg.solve(every[:n, :n], y))
    amplitude = float(y @ np.linalg.solve(every[:n, :n], y)) / n
    left = (1.0 - noise) - np.einsum("im,im->m", k, np.linalg.solve(every, k))
    assert variance == pytest.approx(amplitude * left)


def test_where_all_rows_are_of_one_step_the_first_of_equals_is_taken() -> None:
    z = np.random.default_rng(0).random((9, 1))
    apart, between = distances(z, np.ones(9), z, np.ones(9))
    assert drift.likeliest(apart, between, z[:, 0] - z.mean(), LENGTHS, FORGOTTEN, NOISES).forgotten == 0.0
