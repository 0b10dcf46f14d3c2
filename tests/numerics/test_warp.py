"""Output warps over numbers of every size: order, ties, and what an outlier may not do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.numerics.warp import FAR_REACH, far_rank, log_warp, near_log_slopes, warp

LEAST, MOST = 5e-324, 1.7976931348623157e308
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EXTREME = st.sampled_from([0.0, -0.0, LEAST, -LEAST, 1e-310, 1e-300, -1e-300, 1.0, 1e300, -1e300, MOST, -MOST])
LOSSES = st.lists(FINITE | EXTREME, min_size=1, max_size=40).map(np.array)
MODERATE = st.lists(st.integers(-1000, 1000).map(lambda k: k / 64), min_size=1, max_size=40).map(np.array)

REACHES = (1.0, FAR_REACH)
REACHED = st.sampled_from(REACHES)

often = settings(max_examples=500, deadline=None, derandomize=True)


@often
@given(LOSSES, REACHED)
def test_labels_are_finite_centred_ordered_and_ties_stay_ties(losses: np.ndarray, reach: float) -> None:
    labels = warp(losses, reach)
    assert np.isfinite(labels).all()
    assert abs(labels.mean()) < 1e-12
    assert np.ptp(labels) <= 1.0 + 1e-12
    order = np.argsort(losses, kind="stable")
    sorted_losses, sorted_labels = losses[order], labels[order]
    assert (np.diff(sorted_labels) <= 0).all(), "a better loss never has a lower label"
    assert (sorted_labels[1:] == sorted_labels[:-1])[sorted_losses[1:] == sorted_losses[:-1]].all()


@often
@given(MODERATE, REACHED)
def test_where_losses_differ_visibly_labels_do(losses: np.ndarray, reach: float) -> None:
    assert len(np.unique(warp(losses, reach))) == len(np.unique(losses))


@often
@given(MODERATE, st.integers(0, 2**32 - 1), REACHED)
def test_the_order_of_rows_and_the_unit_of_losses_do_not_matter(losses: np.ndarray, seed: int, reach: float) -> None:
    labels = warp(losses, reach)
    shuffled = np.random.default_rng(seed).permutation(len(losses))
    np.testing.assert_allclose(warp(losses[shuffled], reach), labels[shuffled], atol=1e-12)
    for scale in (2.0**-1000, 2.0**-30, 2.0**30, 2.0**1000):  # powers of two: no digit is lost
        np.testing.assert_allclose(warp(losses * scale, reach), labels, atol=1e-12)
    np.testing.assert_allclose(warp(losses + 2.0**20, reach), labels, atol=1e-9)


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("outlier", [1e3, 1e10, 1e15, 1e17, 1e30, 1e300, MOST])
def test_one_wild_outlier_leaves_the_others_their_differences(outlier: float, reach: float) -> None:
    """A run that diverged must not make all others alike."""
    losses = np.array([0.1, 0.11, 0.2, 0.3, 0.4, 0.5, 0.6])
    labels, usual = (warp(np.append(losses, worst), reach) for worst in (outlier, 0.7))
    assert (np.diff(labels) < -1e-3).all()
    # A bad run says "bad" and not how bad.
    np.testing.assert_allclose(labels, usual, atol=0.05)


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("n_bad", [2, 3])
def test_several_outliers_do_not_either(n_bad: int, reach: float) -> None:
    losses = np.append([0.1, 0.2, 0.3, 0.4, 0.5], 10.0 ** (50.0 * np.arange(1, n_bad + 1)))
    assert (np.diff(warp(losses, reach)) < -1e-3).all()


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("unit", [1.0, 1e-300, 1e-310, 1e300])
def test_numbers_at_both_ends_keep_their_differences(unit: float, reach: float) -> None:
    losses = np.arange(1.0, 8.0) * unit
    np.testing.assert_allclose(warp(losses, reach), warp(np.arange(1.0, 8.0), reach), atol=1e-6)


def test_denormals_that_differ_by_a_bit_differ() -> None:
    labels = warp(np.array([0.0, LEAST, 2 * LEAST, -LEAST]))
    assert len(np.unique(labels)) == 4


def test_each_warp_keeps_the_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        labels = np.sort(rng.choice([1.0, 10.0]) * rng.standard_t(1, int(rng.integers(1, 60))).round(1))
        for warped in (*(far_rank(labels, reach) for reach in REACHES), log_warp(labels)):
            assert (np.diff(warped) >= 0).all()
            np.testing.assert_array_equal(np.diff(warped) == 0, np.diff(labels) == 0)


def test_what_is_near_keeps_its_distances() -> None:
    labels = np.array([-500.0, -400.0, -1.0, 0.0, 2.0, 2.5, 7.0])
    np.testing.assert_array_equal(far_rank(labels)[3:], labels[3:])
    np.testing.assert_array_equal(far_rank(labels, FAR_REACH)[2:], labels[2:])


def test_where_most_results_are_good_the_others_keep_their_order_and_with_a_reach_their_distances() -> None:
    """As of a search that has settled: other branches must not all look alike."""
    labels = np.append(np.linspace(-0.1, 0.0, 20), [-0.3, -0.5, -0.4])
    np.testing.assert_array_equal(far_rank(labels, FAR_REACH), labels)
    assert np.ptp(far_rank(labels)) < 0.7 * np.ptp(labels)


@pytest.mark.parametrize(("reach", "apart"), [(FAR_REACH, 1e-6), (1.0, 0.05)])
def test_slopes_of_labels_are_those_that_differences_give(reach: float, apart: float) -> None:
    losses = np.random.default_rng(0).exponential(size=21)
    order = np.argsort(losses)
    unit = np.median(losses) - losses.min()
    slopes = near_log_slopes(losses, warp(losses, reach))
    assert np.isfinite(slopes[order[:11]]).all()
    assert np.isnan(slopes[order[11:]]).all()
    for i in order[1:10]:  # between best and median; a step there moves the ranked, and with them all, a little
        up, down = losses.copy(), losses.copy()
        up[i] += 1e-6 * unit
        down[i] -= 1e-6 * unit
        falls = np.ptp(warp(up, reach)[[order[0], i]]) - np.ptp(warp(down, reach)[[order[0], i]])
        assert slopes[i] == pytest.approx(np.log(falls / 2e-6), abs=apart)


@often
@given(LOSSES, REACHED)
def test_slopes_are_finite_in_the_better_half_or_nowhere(losses: np.ndarray, reach: float) -> None:
    slopes = near_log_slopes(losses, warp(losses, reach))
    assert slopes.shape == losses.shape
    with np.errstate(over="ignore"):
        is_near = losses <= np.median(losses)
    assert np.isnan(slopes).all() or (np.isfinite(slopes) == is_near).all()


def test_where_nothing_differs_there_are_no_slopes() -> None:
    for losses in (np.array([]), np.array([1.0]), np.ones(5), np.array([1.0, 1.0, 1.0, 2.0])):
        assert np.isnan(near_log_slopes(losses, warp(losses))).all()
