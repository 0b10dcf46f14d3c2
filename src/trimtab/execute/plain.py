"""Values that can leave a trial's process: numbers, text, and lists and mappings of them; the rest is shown as text.

What an objective returns may be a tensor on a device, an object that cannot be pickled, or text that is no valid
Unicode. Turned plain where it arises, it costs the driver no import of the trial's libraries, and every executor hands
the study the same thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DEEPEST = 20
"""Levels of nesting that are kept; what lies deeper (or refers to itself) is shown as text."""

LONGEST_SHOWN = 1000
"""Characters of the text that stands for a foreign object."""


class Foreign:
    """Stands for an object of a foreign type: bears the type's name, and looks like the object in messages."""

    shown = ""

    def __repr__(self) -> str:
        return self.shown

    def __reduce__(self) -> tuple[Any, ...]:
        return foreign, (type(self).__name__, self.shown)


def foreign(type_name: str, shown: str) -> Foreign:
    """Return what stands for an object of type `type_name` whose `repr` is `shown`."""
    made: Foreign = type(type_name, (Foreign,), {"shown": shown})()
    return made


def plain(value: object, depth: int = 0) -> Any:
    """Return `value` as None, bool, int, float, text, or lists and dicts of them; a `Foreign` where that cannot be.

    Whatever `float` takes becomes a float: scalars of numpy, torch or JAX, `Decimal`, `Fraction`.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float):
        return value
    if isinstance(value, str):
        return clean(value)
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {_key(key): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item, depth + 1) for item in value]
    if is_truth(value):
        return bool(value)
    if hasattr(value, "__float__") and not isinstance(value, bytes):
        try:
            return float(value)
        except Exception:
            return foreign(kind.__name__, show(value))  # an array of several numbers
    return foreign(kind.__name__, show(value))


def is_truth(value: object) -> bool:
    """Return True for a truth value, one of an array library too."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return isinstance(value, bool) or (kind == "b" and getattr(value, "ndim", 1) == 0)


def _key(key: object) -> Any:
    return key if type(key) in (int, float, bool) else clean(str(key))


def show(value: object) -> str:
    """Return `repr(value)`, cut to a readable length; never raises."""
    try:
        shown = repr(value)
    except Exception as error:
        shown = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return clean(shown if len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 3] + "...")


def clean(text: str) -> str:
    """Return `text` with lone surrogates, which no file and no log can hold, written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def as_number(value: object) -> float | None:
    """Return `value` as a finite float; None if it is no number, not finite, or a truth value or text."""
    if isinstance(value, (str, bytes)) or is_truth(value) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except Exception:
        return None
    return number if math.isfinite(number) else None
