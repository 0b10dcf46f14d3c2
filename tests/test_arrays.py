from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import frozen, rng_at


def test_a_generator_is_a_function_of_seed_index_and_stream() -> None:
    drawn = {
        (seed, index, stream): rng_at(seed, index, stream).random()
        for seed in (0, 1, 2**53, 2**53 + 1, 2**63, 2**64 - 2, 2**64 - 1)
        for index in (0, 1, 10**6)
        for stream in (0, 1, 2**63 + 1)
    }
    assert len(set(drawn.values())) == len(drawn)
    for (seed, index, stream), value in drawn.items():
        assert rng_at(seed, index, stream).random() == value


def test_the_numbers_are_for_ever() -> None:
    """A log is replayed with them."""
    assert rng_at(5, 7).random(2).tolist() == [0.17921397154758945, 0.7213857882485316]
    assert rng_at(2**64 - 1, 8, 2**63 + 5).random() == 0.6252300533016149


def test_a_frozen_array_cannot_be_written() -> None:
    array = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        frozen(array)[0] = 1.0
    array[0] = 1.0
