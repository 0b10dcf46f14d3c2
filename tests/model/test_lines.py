"""Lines from early to late losses: where they lead, and that they say how far off they are."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import Floats, Rng
from trimtab.model.lines import LARGEST, Z_90, Scale, fitted
from trimtab.model.settings import MODEL


def normal(early: Floats, rng: Rng) -> Floats:
    return 0.8 * early + 0.2 * rng.normal(size=len(early))


def tailed(early: Floats, rng: Rng) -> Floats:
    """What is missed is a few times as much for one in ten."""
    return 0.5 + 0.8 * early + 0.2 * rng.standard_t(3, size=len(early))


def diverging(early: Floats, rng: Rng) -> Floats:
    """One in twenty diverges by orders of magnitude."""
    late = 0.8 * early + 0.2 * rng.normal(size=len(early))
    return np.where(rng.random(len(early)) < 0.05, 1e3, late)


def unrelated(early: Floats, rng: Rng) -> Floats:
    return rng.normal(size=len(early))


@pytest.mark.parametrize("late_of", [normal, tailed, diverging, unrelated])
@pytest.mark.parametrize("n", [6, 15, 60])
def test_an_interval_of_90_percent_holds_what_it_says(late_of, n: int) -> None:
    """Fitted to n, asked about 20 that were worse early on: those that are stopped."""
    rng = np.random.default_rng(n)
    within = []
    for _ in range(40):
        early = rng.normal(size=n)
        late = late_of(early, rng)
        scale = Scale.of(late, late)
        asked = 0.5 + np.abs(rng.normal(size=20))
        truth = late_of(asked, rng)
        there, variance = fitted(early, late, scale, MODEL).followed(asked, np.zeros(20), scale)
        within.append(np.abs(scale.bent(truth) - scale.bent(there)) <= Z_90 * np.sqrt(variance))
    assert 0.8 <= np.mean(within) <= 0.985


def test_few_trials_are_believed_less_and_curves_of_one_shape_more() -> None:
    rng = np.random.default_rng(0)
    early = rng.normal(size=50)
    scale = Scale.of(early, early)
    few, many = (
        np.median([fitted(early[:n], normal(early[:n], rng), scale, MODEL).variance for _ in range(20)])
        for n in (5, 50)
    )
    exact = fitted(early, early + 1.0, scale, MODEL)
    assert few > 1.5 * many
    assert exact.variance < 1e-4
    assert exact.along(np.array([3.0])) == pytest.approx([4.0])


def test_far_from_what_was_seen_less_is_known() -> None:
    rng = np.random.default_rng(0)
    early = rng.normal(size=10)
    late = normal(early, rng)
    scale = Scale.of(late, late)
    _, variance = fitted(early, late, scale, MODEL).followed(np.array([0.0, 50.0]), np.zeros(2), scale)
    assert variance[1] > 1.3 * variance[0]


@pytest.mark.parametrize(
    "losses",
    [
        [1.0, 1.0, 1.0],
        [-LARGEST, 0.0, LARGEST],
        [5e-324, 0.0, 1.0],
        [0.3, 0.3, 0.3, 0.3, 0.1],
        [1e300, 1e-300, -1e300, 2.0],
    ],
)
def test_a_scale_goes_there_and_back_and_stays_finite(losses: list[float]) -> None:
    column = np.array(losses)
    scale = Scale.of(column, column)
    bent = scale.bent(column)
    assert np.isfinite(bent).all()
    assert np.isfinite(scale.straight(bent)).all()
    assert (np.diff(bent[np.argsort(column)]) >= 0.0).all()
    near = bent < 700.0  # beyond, units do not fit into a number
    assert scale.straight(bent)[near] == pytest.approx(column[near], rel=1e-6, abs=1e-9 * np.abs(column[near]).max())
    line = fitted(column, column[::-1], scale, MODEL)
    there, variance = line.followed(column, np.zeros(len(column)), scale)
    assert np.isfinite(there).all()
    assert (variance >= 0.0).all()
    assert np.isfinite(variance).all()
