from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from trimtab.errors import TrimtabError
from trimtab.numerics import qmc
from trimtab.numerics.qmc import MAX_DIMENSIONS, N_POINTS, SobolSequence, sobol


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 10, 40, 1111, MAX_DIMENSIONS])
def test_the_unscrambled_sequence_is_that_of_scipy(n_dimensions: int) -> None:
    from scipy.stats import qmc as reference  # noqa: TID251 - the tests may wait for it

    n = 1024 if n_dimensions < 1000 else 64
    expected = reference.Sobol(n_dimensions, scramble=False, bits=52).random(n)
    np.testing.assert_array_equal(SobolSequence(n_dimensions).at(range(n)), expected)


def test_a_far_point_is_that_of_scipy() -> None:
    from scipy.stats import qmc as reference  # noqa: TID251 - the tests may wait for it

    engine = reference.Sobol(7, scramble=False, bits=30).fast_forward((1 << 20) + 3)
    np.testing.assert_array_equal(SobolSequence(7).point((1 << 20) + 3), engine.random(1)[0])


@pytest.mark.parametrize("seed", range(5))
def test_every_dyadic_interval_of_each_axis_holds_one_point(seed: int) -> None:
    n = 1 << 10
    cells = np.floor(SobolSequence(50, seed).at(range(n)) * n).astype(int)
    for column in cells.T:
        assert sorted(column) == list(range(n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("first", [0, 3 << 8])
def test_every_dyadic_box_of_the_first_two_axes_holds_one_point(seed: int, first: int) -> None:
    """The first two dimensions are a (0, m, 2)-net, and so is each aligned block of 2^m points."""
    m = 8
    points = SobolSequence(5, seed).at(range(first, first + (1 << m)))[:, :2]
    for k in range(m + 1):
        cells = np.floor(points * [1 << k, 1 << (m - k)]).astype(int)
        assert len(np.unique(cells, axis=0)) == 1 << m


def test_each_point_is_uniform_over_the_seeds() -> None:
    n_seeds = 2000
    points = np.array([SobolSequence(3, seed).point(5) for seed in range(n_seeds)])
    ecdf = np.arange(1, n_seeds + 1) / n_seeds
    for column in np.sort(points.T, axis=1):
        assert np.abs(column - ecdf).max() < 1.95 / np.sqrt(n_seeds)  # Kolmogorov and Smirnov at 0.1 %


@pytest.mark.parametrize("seed", range(4))
def test_axes_do_not_correlate(seed: int) -> None:
    points = SobolSequence(32, seed).at(range(1 << 12))
    correlation = np.corrcoef(points.T) - np.eye(32)
    assert np.abs(correlation).max() < 0.05


def test_the_points_integrate_better_than_random_ones() -> None:
    """The integral of the product of 12 (u - 1/2)^2 over the cube is 1."""
    error = [abs((12 * (SobolSequence(4, s).at(range(1024)) - 0.5) ** 2).prod(axis=1).mean() - 1) for s in range(20)]
    drawn = [
        abs((12 * (np.random.default_rng(s).random((1024, 4)) - 0.5) ** 2).prod(axis=1).mean() - 1) for s in range(20)
    ]
    assert np.mean(error) < np.mean(drawn) / 5


def test_a_point_is_a_function_of_seed_and_index() -> None:
    sequence = SobolSequence(6, 3)
    rows = sequence.at([9, 0, 2**40 + 17, N_POINTS - 1, 9])
    for row, index in zip(rows, [9, 0, 2**40 + 17, N_POINTS - 1, 9], strict=True):
        np.testing.assert_array_equal(row, SobolSequence(6, 3).point(index))
    assert not np.array_equal(SobolSequence(6, 4).point(9), rows[0])


def test_one_more_dimension_leaves_the_others_as_they_were() -> None:
    np.testing.assert_array_equal(SobolSequence(9, 3).at(range(64))[:, :6], SobolSequence(6, 3).at(range(64)))


def test_points_lie_inside_the_cube() -> None:
    sequence = SobolSequence(100, 12)
    points = sequence.at([*range(4096), *range(N_POINTS - 4096, N_POINTS)])
    assert points.min() > 0
    assert points.max() < 1


def test_no_points_are_an_empty_array() -> None:
    assert SobolSequence(3, 0).at([]).shape == (0, 3)


@pytest.mark.parametrize("n_dimensions", [0, -1, MAX_DIMENSIONS + 1])
def test_an_impossible_number_of_dimensions_is_refused(n_dimensions: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 21,201 dimensions, got"):
        SobolSequence(n_dimensions)


def test_a_scipy_without_the_table_gives_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmc.importlib.util, "find_spec", lambda name: None)
    qmc._directions.cache_clear()
    with pytest.raises(TrimtabError, match=r"install another version of SciPy"):
        SobolSequence(2)


def test_it_does_not_import_scipy() -> None:
    code = (
        "import sys, trimtab.numerics.qmc as qmc; qmc.sobol(10, 0).point(3);"
        "sys.exit(', '.join(name for name in sys.modules if name.split('.')[0] == 'scipy') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_point_is_cheap() -> None:
    """Loose bounds for a busy machine: 6 us a point and 3 ms for 10,000 were seen."""
    sequence = sobol(10, 0)
    assert sobol(10, 0) is sequence
    begun = time.process_time()
    for index in range(2000):
        sequence.point(index)
    middle = time.process_time()
    sequence.at(range(10_000))
    assert (middle - begun) / 2000 < 60e-6
    assert time.process_time() - middle < 0.15
