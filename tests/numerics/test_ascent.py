from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.ascent import top


def test_a_ridge_is_followed_to_its_top_within_the_cube() -> None:
    def rise(at: Floats) -> tuple[float, Floats]:
        off, along = at[0] - at[1], at.sum() - 3.0
        gradient = np.array([-2e4 * off - 2 * along, 2e4 * off - 2 * along])
        return float(-1e4 * off**2 - along**2), gradient

    np.testing.assert_allclose(top(rise, np.array([0.2, 0.25]), 60), [1.0, 1.0], atol=1e-4)
    np.testing.assert_array_equal(top(rise, np.array([1.0, 1.0]), 60), [1.0, 1.0])
