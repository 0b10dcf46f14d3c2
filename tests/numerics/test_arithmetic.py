"""The arithmetic of our own computations, beside what the user's program has set."""

from __future__ import annotations

import sys
import threading
import types

import numpy as np
import pytest
import scipy.special

from trimtab.numerics import arithmetic
from trimtab.numerics.arithmetic import quiet

TINY = np.array([1e-200])


def test_nothing_is_raised_within_and_everything_afterwards() -> None:
    with np.errstate(all="raise"), scipy.special.errstate(all="raise"):
        with quiet():
            assert (TINY * TINY)[0] == 0.0
            assert np.isinf(1.0 / np.zeros(1))[0]
            assert np.isinf(scipy.special.gamma(-1.0) - np.inf) or np.isnan(scipy.special.gamma(-1.0))
        with pytest.raises(FloatingPointError):
            TINY * TINY
        with pytest.raises(scipy.special.SpecialFunctionError):
            scipy.special.gamma(-1.0)


def test_an_exception_ends_it_too() -> None:
    with np.errstate(all="raise"):
        with pytest.raises(KeyError), quiet():
            raise KeyError
        assert set(np.geterr().values()) == {"raise"}


def test_a_function_is_quiet_each_time() -> None:
    @quiet()
    def square() -> float:
        return float((TINY * TINY)[0])

    with np.errstate(all="raise"):
        assert square() == square() == 0.0
        with pytest.raises(FloatingPointError):
            TINY * TINY


def test_other_threads_keep_their_own() -> None:
    entered, seen, done = threading.Event(), threading.Event(), threading.Event()
    found: list[dict[str, str]] = []

    def other() -> None:
        with np.errstate(all="raise"):
            entered.wait(30)
            found.append(dict(np.geterr()))
            seen.set()
            done.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    with quiet():
        entered.set()
        assert seen.wait(30)
    done.set()
    thread.join()
    assert set(found[0].values()) == {"raise"}


def test_it_is_described_by_what_last_bits_depend_on() -> None:
    found = arithmetic.description()
    assert found.startswith(f"numpy {np.__version__}")
    assert f"scipy {scipy.__version__}" in found
    assert "  " not in found


def test_scipy_may_be_half_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another thread is at it: the module is there, and what it is made of is not yet."""
    half = types.ModuleType("scipy.special")
    for name in (None, "errstate"):
        if name is not None:
            setattr(half, name, getattr(scipy.special, name))
        monkeypatch.setitem(sys.modules, "scipy.special", half)
        with quiet():
            assert (TINY * TINY)[0] == 0.0
