"""Values that can leave a trial's process: numbers, text, and lists and mappings of them; the rest is shown as text.

What an objective returns may be a tensor on a device, an object that cannot be pickled, or text that is no valid
Unicode. Turned plain where it arises, it costs the driver no import of the trial's libraries, and every executor hands
the study the same thing.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

from trimtab.execute.broken import is_broken
from trimtab.text import valid

DEEPEST = 20
"""Levels of nesting that are kept; what lies deeper (or refers to itself) is shown as text."""

LONGEST_SHOWN = 1000
"""Characters of the text that stands for a foreign object."""


class Foreign:
    """Stands for an object of a foreign type: bears the type's name, and looks like the object in messages.

    Attributes:
        because: why it is no number although its type may be one; empty where that needs no saying.
        is_complex: whether it is a complex number.
    """

    shown = ""
    because = ""
    is_complex = False

    def __repr__(self) -> str:
        return self.shown

    def __reduce__(self) -> tuple[Any, ...]:
        return foreign, (type(self).__name__, self.shown, self.because, self.is_complex)


def foreign(type_name: str, shown: str, because: str = "", is_complex: bool = False) -> Foreign:  # noqa: FBT001, FBT002 - as pickled
    """Return what stands for an object of type `type_name` whose `repr` is `shown`."""
    made: Foreign = type(type_name, (Foreign,), {"shown": shown, "because": because, "is_complex": is_complex})()
    return made


def plain(value: object, depth: int = 0) -> Any:
    """Return `value` as None, bool, int, float, text, or lists and dicts of them; a `Foreign` where that cannot be.

    Whatever `float` takes becomes a float: scalars of numpy, torch or JAX, `Decimal`, `Fraction`; but for complex
    numbers, which would lose half of what they say.

    Raises:
        Exception: what the object itself raised as it was asked for its number; but for `TypeError`, `ValueError` and
            `OverflowError`, by which objects say that they are none.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float):
        return value
    if isinstance(value, str):
        return valid(value)
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {_key(key): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item, depth + 1) for item in value]
    if is_truth(value):
        return bool(value)
    if is_complex(value):
        return foreign(kind.__name__, _look(value), is_complex=True)
    if not hasattr(value, "__float__") or isinstance(value, bytes) or is_several(value):
        return foreign(kind.__name__, _look(value))
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        if is_broken(error):
            raise
        return foreign(kind.__name__, _look(value), because=_said(error))


def is_truth(value: object) -> bool:
    """Return True for a truth value, one of an array library too."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return isinstance(value, bool) or (kind == "b" and getattr(value, "ndim", 1) == 0)


def is_complex(value: object) -> bool:
    """Return True for a complex number, whatever its imaginary part, and for an array of such."""
    if isinstance(value, Foreign):
        return value.is_complex
    if isinstance(value, numbers.Complex):
        return not isinstance(value, numbers.Real)
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", None) == "c" or getattr(dtype, "is_complex", False) is True  # numpy, JAX; torch


def is_several(value: object) -> bool:
    """Return True for an array that holds another number of elements than one."""
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and any(type(length) is int and length != 1 for length in shape)


def _key(key: object) -> Any:
    return key if type(key) in (int, float, bool) else valid(str(key))


def show(value: object) -> str:
    """Return `repr(value)`, cut to a readable length; never raises."""
    try:
        return _look(value)
    except Exception as error:
        return _unshown(value, error)


def _look(value: object) -> str:
    """Return `repr(value)`, cut; an object that has none is named, unless memory or its device is at an end.

    Raises:
        Exception: such an error is not the object's way to look, and must be heard of.
    """
    try:
        shown = repr(value)
    except Exception as error:
        if isinstance(error, MemoryError) or is_broken(error):
            raise
        shown = _unshown(value, error)
    return valid(shown if len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 3] + "...")


def _unshown(value: object, error: Exception) -> str:
    return valid(f"<{type(value).__name__} whose repr raises {type(error).__name__}>")


def _said(error: Exception) -> str:
    """Return an exception as one clause."""
    try:
        text = str(error).strip()
    except Exception:
        text = ""
    said = f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
    return valid(said if len(said) <= LONGEST_SHOWN else said[: LONGEST_SHOWN - 3] + "...")


def as_number(value: object) -> float | None:
    """Return `value` as a finite float; None if it is no real number, not finite, or a truth value or text."""
    if isinstance(value, (str, bytes)) or is_truth(value) or is_complex(value) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except Exception:
        return None
    return number if math.isfinite(number) else None
