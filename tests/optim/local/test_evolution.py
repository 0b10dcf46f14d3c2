from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats, rng_at
from trimtab.optim.local.evolution import Evolution

SCALES = np.array([1.0, 100.0, 1e4, 1e6])
AXES = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]


def ellipsoid(u: Floats) -> Floats:
    found: Floats = (np.square((u - 0.4) @ AXES) * SCALES).sum(axis=1)
    return found


def run(evolution: Evolution, generations: int) -> float:
    for i in range(generations):
        u = evolution.draw(rng_at(0, i), evolution.size)
        evolution.tell(u[np.argsort(ellipsoid(u), kind="stable")])
    return float(ellipsoid(evolution.mean[None])[0])


def test_it_finds_the_optimum_of_a_rotated_ellipsoid_and_its_shape() -> None:
    evolution = Evolution(np.full(4, 0.8), 0.2)
    assert run(evolution, 250) < 1e-10
    shape = np.linalg.inv(evolution.covariance)
    true = (AXES * SCALES) @ AXES.T
    assert np.corrcoef(shape.ravel(), true.ravel())[0, 1] > 0.9


def test_the_right_shape_from_the_start_saves_generations() -> None:
    shape = (AXES / SCALES) @ AXES.T
    shape /= np.linalg.det(shape) ** 0.25
    mean = 0.4 + AXES @ (0.4 / np.sqrt(SCALES))  # as far along each axis, as the shape sees it
    told, plain = Evolution(mean, 0.01, shape), Evolution(mean, 0.01)
    assert run(told, 40) < 1e-3 * run(plain, 40)


def test_a_far_trial_is_pulled_in() -> None:
    evolution = Evolution(np.full(4, 0.5), 1e-3)
    u = evolution.draw(rng_at(1, 0), evolution.size)
    u[0] = 1.0
    evolution.tell(u)
    assert np.abs(evolution.mean - 0.5).max() < 0.01
    assert evolution.sigma < 0.01


def test_one_dimension_and_a_size() -> None:
    evolution = Evolution(np.array([0.2]), 0.3, size=7)
    for i in range(40):
        u = evolution.draw(rng_at(2, i), 7)
        evolution.tell(u[np.argsort(np.square(u[:, 0] - 0.7))])
    assert abs(float(evolution.mean[0]) - 0.7) < 1e-4
