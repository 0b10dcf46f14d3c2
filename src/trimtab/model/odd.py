"""What a process sets aside, once results are known to be off: labels that the rest does not foretell."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.model.outliers import UNKNOWN, is_usual
from trimtab.numerics.gp import Data, Posterior

ODD: Final = 4.0
"""What is left out of a process and lies so many robust deviations from what the others foretell is odd. By taste."""

MOST_ODD: Final = 0.35
"""At most this share is set aside: of more, the rest would not be the rule. By taste."""

LEAST: Final = 1e-12
"""No variance is below: what rounding leaves of one."""

MOST_ROUNDS: Final = 6
"""So often what is odd is told anew: more changed nothing. By taste."""

_PER_DEVIATION: Final = 1.4826
"""Of a normal distribution the standard deviation is so many times the median distance from the middle."""


def without_odd(data: Data, losses: Floats, theta: Floats) -> Data:
    """Return the data, what the rest does not foretell having a variance that makes it say nothing.

    At first that is all that is far out; what the rest foretells nevertheless is taken back in, what it does not is set
    aside, until nothing changes. A label that repeats have confirmed stays, and so does one of the better half that is
    not far out: a process is surest near a leader, where it is off by little, and by many deviations.

    Args:
        data: what is regressed on, n rows.
        losses: [n] what labels were made of.
        theta: the hyperparameters.
    """
    counts = 1.0 / data.noise_share
    usual, is_poor = is_usual(losses, counts), data.y < np.median(data.y)
    odd = ~usual
    confirmed = ~odd & (counts > 1.0)
    for _ in range(MOST_ROUNDS):
        kept = replace(data, known=np.where(odd, UNKNOWN, data.known))
        residual, deviation = Posterior(kept, theta).left_out()
        z = np.abs(residual) / np.sqrt(np.maximum(deviation**2 - np.where(odd, UNKNOWN, 0.0), LEAST))
        scale = max(1.0, _PER_DEVIATION * float(np.median(z[~odd])))
        far = (z > ODD * scale) & ~confirmed & (is_poor | ~usual)
        if far.sum() > MOST_ODD * len(z):
            far = far & (z >= np.quantile(z, 1.0 - MOST_ODD))
        if (far == odd).all():
            break
        odd = far
    return replace(data, known=np.where(odd, UNKNOWN, data.known))
