from __future__ import annotations

import numpy as np
import pytest

from trimtab.model.dominance import Front, undominated


def beats(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a <= b).all() and (a < b).any())


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize("scale", [3, 1000])  # with many equals, and with few
def test_what_none_beats_is_what_the_definition_says(n_columns: int, scale: int) -> None:
    losses = np.random.default_rng(n_columns).integers(scale, size=(60, n_columns)).astype(float)
    losses[7] = np.inf
    expected = [not any(beats(other, row) for other in losses) for row in losses]
    assert undominated(losses).tolist() == expected


def test_nothing_is_beaten_where_nothing_is() -> None:
    assert undominated(np.empty((0, 2))).tolist() == []


def test_a_front_takes_what_nothing_before_was_as_good_as() -> None:
    losses = np.random.default_rng(0).integers(6, size=(80, 2)).astype(float)
    front = Front(2)
    for i, row in enumerate(losses):
        assert front.add(row) == (not any((other <= row).all() for other in losses[:i]))
