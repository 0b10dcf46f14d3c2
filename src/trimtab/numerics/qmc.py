"""Scrambled Sobol sequences of which any point is computed from its index.

Sobol (1967) with the direction numbers of Joe and Kuo, "Constructing Sobol sequences with better two-dimensional
projections", SIAM J. Sci. Comput. 30 (2008), in the order of Antonov and Saleev (1979), scrambled by the random linear
map and digital shift of Matoušek, "On the L2-discrepancy for anchored boxes", J. Complexity 14 (1998): the points stay
a (t, m, s)-net in base 2, each of them is uniform in the unit cube, and none lies on its faces.

No generator is stored: point i is the exclusive or of the direction numbers that the bits of i's Gray code select.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trimtab.arrays import Floats, rng_at
from trimtab.errors import TrimtabError

N_BITS: Final = 52
"""Digits of a coordinate. One more half bit centres it in its cell, and the sum is still an exact float."""

N_POINTS: Final = 1 << N_BITS
"""How many points a sequence has."""

MAX_DIMENSIONS: Final = 21_201
"""How many dimensions Joe and Kuo found direction numbers for."""

_STREAM: Final = 0x50B01
"""Keeps the scrambling apart from what else is drawn from a seed."""

_Bits = NDArray[np.uint64]


class SobolSequence:
    """A Sobol sequence, of which every point can be had at once.

    The sequence of fewer dimensions is that of more with the last coordinates left out, scrambled or not.

    Args:
        n_dimensions: from 1 to 21,201.
        seed: of the scrambling; None for the sequence as published, whose first point is the corner 0.

    Raises:
        ValueError: more dimensions than there are direction numbers for, or none.

    Example:
        >>> SobolSequence(2).at([0, 1, 2, 3]).tolist()
        [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    """

    def __init__(self, n_dimensions: int, seed: int | None = None) -> None:
        if not 1 <= n_dimensions <= MAX_DIMENSIONS:
            raise ValueError(f"a Sobol sequence has 1 to {MAX_DIMENSIONS:,} dimensions, got {n_dimensions}.")
        directions = _directions(n_dimensions)
        self._origin: _Bits = np.zeros(n_dimensions, dtype=np.uint64)
        self._centre = 0.0
        if seed is not None:
            directions, self._origin = _scrambled(directions, seed)
            self._centre = 0.5
        self._by_bit = np.ascontiguousarray(directions.T)

    def point(self, index: int) -> Floats:
        """Return [D] one point, faster than `at`.

        Args:
            index: in [0, 2**52).
        """
        gray = index ^ (index >> 1)
        bits = [bit for bit in range(gray.bit_length()) if gray >> bit & 1]
        return self._coordinates(np.bitwise_xor.reduce(self._by_bit[bits], axis=0) ^ self._origin)

    def at(self, indices: Any) -> Floats:
        """Return [n, D] the points of `indices` [n], each in [0, 2**52)."""
        index = np.asarray(indices, dtype=np.uint64)
        gray = (index ^ (index >> np.uint64(1)))[:, None]
        points = np.tile(self._origin, (len(index), 1))
        for bit in range(int(gray.max(initial=0)).bit_length()):
            points ^= self._by_bit[bit] * (gray >> np.uint64(bit) & np.uint64(1))
        return self._coordinates(points)

    def _coordinates(self, points: _Bits) -> Floats:
        return (points.astype(np.float64) + self._centre) * (1.0 / N_POINTS)


@lru_cache(maxsize=16)
def sobol(n_dimensions: int, seed: int) -> SobolSequence:
    """Return the scrambled sequence of a seed. It is a function of its arguments, so what was made once is kept."""
    return SobolSequence(n_dimensions, seed)


@lru_cache(maxsize=2)
def _directions(n_dimensions: int) -> _Bits:
    """Return [D, 52] the direction numbers, the first digit in the highest of 52 bits (Joe and Kuo 2008, section 2)."""
    polynomials, initial = _joe_kuo()
    m = np.ones((n_dimensions, N_BITS), dtype=np.uint64)  # row 0: the van der Corput sequence, m = 1, 1, 1, ...
    degrees = np.array([int(polynomial).bit_length() - 1 for polynomial in polynomials[:n_dimensions]])
    for degree in range(1, int(degrees.max()) + 1):
        rows = np.flatnonzero(degrees == degree)  # all dimensions of one degree at once
        m[rows, :degree] = initial[rows, :degree]
        for k in range(degree, N_BITS):
            # eq. (2): m_k = 2 a_1 m_{k-1} ^ ... ^ 2^s a_s m_{k-s} ^ m_{k-s}, where a_s = 1.
            new = m[rows, k - degree].copy()
            for j in range(1, degree + 1):
                a_j = polynomials[rows] >> np.uint64(degree - j) & np.uint64(1)
                new ^= (m[rows, k - j] << np.uint64(j)) * a_j
            m[rows, k] = new
    directions: _Bits = m << np.arange(N_BITS - 1, -1, -1, dtype=np.uint64)
    directions.flags.writeable = False
    return directions


def _scrambled(directions: _Bits, seed: int) -> tuple[_Bits, _Bits]:
    """Return ([D, 52] the numbers times a random lower triangular matrix with ones on its diagonal, [D] a shift)."""
    n_dimensions = len(directions)
    draws = rng_at(seed, 0, _STREAM).integers(N_POINTS, size=(n_dimensions, N_BITS + 1), dtype=np.uint64)
    scrambled = np.zeros_like(directions)
    for digit in range(N_BITS):
        bit = np.uint64(N_BITS - 1 - digit)
        column = (np.uint64(1) << bit) | (draws[:, digit] & ((np.uint64(1) << bit) - np.uint64(1)))
        scrambled ^= (directions >> bit & np.uint64(1)) * column[:, None]
    return scrambled, draws[:, N_BITS]


def _joe_kuo() -> tuple[_Bits, _Bits]:
    """Return ([21201] primitive polynomials, [21201, 18] initial numbers) as bit patterns.

    They are read from the table that SciPy carries, without importing `scipy.stats`, which takes seconds.
    """
    spec = importlib.util.find_spec("scipy")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "stats" / "_sobol_direction_numbers.npz"
        if path.exists():
            with np.load(path) as table:
                return table["poly"].astype(np.uint64), table["vinit"].astype(np.uint64)
    raise TrimtabError(
        "Sobol sequences need the direction numbers that SciPy carries (scipy/stats/_sobol_direction_numbers.npz), and "
        "this installation of SciPy has none: install another version of SciPy, or take optimizer='random'."
    )
