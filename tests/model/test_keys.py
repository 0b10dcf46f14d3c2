from __future__ import annotations

import numpy as np

from trimtab.model.keys import key_of, keys_of, numbered, same

NAN = np.nan
ROWS = np.array([[1.0, NAN], [1.0, 2.0], [1.0, NAN], [NAN, NAN], [1.0, 2.0]])


def test_rows_are_the_same_where_values_are_and_what_is_inactive() -> None:
    expected = [[0, 2], [1, 4], [0, 2], [3], [1, 4]]
    numbers, keys = numbered(ROWS), keys_of(ROWS)
    for i, row in enumerate(ROWS):
        assert np.flatnonzero(same(ROWS, row)).tolist() == expected[i]
        assert np.flatnonzero(numbers == numbers[i]).tolist() == expected[i]
        assert [j for j, key in enumerate(keys) if key == key_of(row)] == expected[i]
