"""The way up from a point of the unit cube, along gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trimtab.arrays import Floats


def top(rise: Callable[[Floats], tuple[float, Floats]], start: Floats, most: int) -> Floats:
    """Return the point [d] of the unit cube to which L-BFGS-B (Byrd et al., 1995) climbs.

    Args:
        rise: what is climbed: from a point to its height and the gradient [d].
        start: [d] in the unit cube.
        most: evaluations.
    """
    from scipy.optimize import minimize

    def fall(at: Floats) -> tuple[float, Floats]:
        height, gradient = rise(at)
        return -height, -gradient

    options = {"maxfun": most, "maxiter": most}
    found = minimize(fall, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * len(start), options=options)
    point: Floats = np.clip(found.x, 0.0, 1.0)
    return point
