"""Values that leave a trial's process."""

from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pytest

from trimtab.execute.plain import DEEPEST, as_number, is_complex, plain
from trimtab.text import valid


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
    assert valid("naïve 研究") == "naïve 研究"


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


class Raises:
    """Raises when it is asked for its number, and when it is shown."""

    def __init__(self, error, shape=()):
        self.error = error
        self.shape = shape

    def __float__(self):
        raise self.error

    def __repr__(self):
        raise self.error


BROKEN = RuntimeError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("error", [MemoryError(), BROKEN, KeyError("odd"), ValueError(str(BROKEN))])
def test_an_error_of_the_objects_own_is_passed_on(error):
    for value in (Raises(error), {"loss": Raises(error)}, [1, Raises(error)]):
        with pytest.raises(type(error)):
            plain(value)


@pytest.mark.parametrize("error", [TypeError("a list"), ValueError("two elements"), OverflowError("too large")])
def test_an_object_may_say_that_it_is_no_number(error):
    shown = plain(Raises(error))
    assert repr(shown) == f"<Raises whose repr raises {type(error).__name__}>"
    assert shown.because == f"{type(error).__name__}: {error}"
    assert pickle.loads(pickle.dumps(shown)).because == shown.because


def test_an_array_of_several_is_not_asked_for_its_number():
    assert type(plain(Raises(KeyError("odd"), (2, 3)))).__name__ == "Raises"
    with pytest.raises(RuntimeError, match="device-side assert"):
        plain(Raises(BROKEN, (2, 3)))  # its looks are on the device too
    assert plain(np.array(2.5)) == 2.5


@pytest.mark.parametrize("value", [1j, np.complex64(1), np.complex128(1j), np.array(1j), np.array([1j, 2])])
def test_complex_numbers_stay_what_they_are(value):
    shown = plain({"loss": value})["loss"]
    assert type(shown).__name__ == type(value).__name__
    assert is_complex(shown)
    assert is_complex(pickle.loads(pickle.dumps(shown)))
    assert as_number(value) is None


def test_real_numbers_are_not_complex():
    assert not any(map(is_complex, (1, 1.0, True, np.float32(1), Decimal(1), "1j", None, np.array([1, 2]))))
