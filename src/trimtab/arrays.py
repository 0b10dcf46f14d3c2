"""Array aliases, their letters, and the one way to draw random numbers.

Letters: N rows (trials), D parameters, M metrics, F fidelities, R reports.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator

MASK64 = (1 << 64) - 1


def rng_at(seed: int, index: int, stream: int = 0) -> Rng:
    """Return the generator of one trial of one study.

    Randomness is a function of (seed, index, stream), so no generator is ever stored and any suggestion can be drawn
    again. Philox is counter-based (Salmon et al., 2011): neighbouring keys give independent streams.

    Args:
        seed: the study's seed, any integer in [0, 2**64).
        index: the trial's number.
        stream: separates uses within one trial.
    """
    # As unsigned integers: in a list NumPy would make floats of numbers beyond 2**63, and lose their last digits.
    key = np.array([seed & MASK64, index & MASK64], dtype=np.uint64)
    counter = np.array([0, 0, 0, stream & MASK64], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def frozen(array: Floats) -> Floats:
    """Return a read-only view of `array`."""
    view = array.view()
    view.flags.writeable = False
    return view
