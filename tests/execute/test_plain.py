"""Values that leave a trial's process."""

from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pytest

from trimtab.execute.plain import DEEPEST, as_number, clean, plain


class Awkward:
    def __repr__(self):
        raise RuntimeError("no")


def test_numbers_and_text_stay_what_they_are():
    for value in (None, True, 3, 0.1, "text", 10**30):
        assert plain(value) is value


def test_scalars_of_libraries_become_floats():
    for value in (np.float32(0.5), np.int64(3), np.array(2.0), Decimal("0.25")):
        assert type(plain(value)) is float
    assert plain({"a": [np.float64(1), (2, Decimal(3))]}) == {"a": [1.0, [2, 3.0]]}


def test_truth_values_of_libraries_are_no_numbers():
    for value in (np.True_, np.array(False)):
        assert type(plain(value)) is bool
        assert as_number(value) is None


def test_what_is_no_number_keeps_the_name_of_its_type_and_its_looks():
    shown = plain(np.array([1, 2]))
    assert type(shown).__name__ == "ndarray"
    assert repr(shown) == "array([1, 2])"
    assert not hasattr(shown, "__float__")


def test_a_foreign_object_travels():
    shown = pickle.loads(pickle.dumps(plain(lambda: 1)))
    assert type(shown).__name__ == "function"
    assert "lambda" in repr(shown)


def test_an_object_whose_repr_raises_is_named():
    assert repr(plain(Awkward())) == "<Awkward whose repr raises RuntimeError>"


def test_a_long_repr_is_cut():
    assert len(repr(plain(object.__new__(type("Long", (), {"__repr__": lambda self: "x" * 10**6}))))) == 1000


def test_a_value_that_holds_itself_comes_to_an_end():
    loop: list[object] = []
    loop.append(loop)
    value = plain(loop)
    for _ in range(DEEPEST - 1):
        [value] = value
    assert type(value[0]).__name__ == "list"


def test_lone_surrogates_become_escapes():
    assert plain("caf\udce9") == "caf\\udce9"
    assert plain({"\udce9": 1}) == {"\\udce9": 1}
    assert clean("naïve 研究") == "naïve 研究"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (np.float32(2), 2.0),
        (True, None),
        ("1", None),
        (float("nan"), None),
        (np.array([1, 2]), None),
        (None, None),
    ],
)
def test_as_number(value, number):
    assert as_number(value) == number
