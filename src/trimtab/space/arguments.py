"""What the arguments of a parameter may be, and how messages show them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from trimtab.errors import SpaceError
from trimtab.space.condition import Choice, plain, shown

MAX_CHOICES: Final = 100_000
"""Choices of one parameter: each is looked at one by one in many places."""
EXACT: Final = 2**53
"""The largest magnitude up to which every integer is a float."""


def short(value: object) -> str:
    """Return a repr in which a whole float has no ".0"."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return repr(int(value))
    return repr(value)


def as_number(value: object) -> float | int | None:
    """Return a finite real number as int or float; None for anything else, booleans and text included."""
    if type(value) is float or type(value) is int:
        number: float | int = value
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = int(value) if isinstance(value, numbers.Integral) else float(value)
    else:
        return None
    return number if isinstance(number, int) or math.isfinite(number) else None


def real(kind: str, key: str, value: object) -> float:
    """Return an argument that is a finite number.

    Raises:
        SpaceError: it is none.
    """
    number = as_number(value)
    if number is None:
        raise SpaceError(f"{kind} expects {key}= to be a finite number, got {shown(plain(value))}.")
    try:
        return float(number)
    except OverflowError:
        raise SpaceError(
            f"{kind} expects {key}= to be a number below 1.8e308, got one of {len(str(number))} digits."
        ) from None


def whole(kind: str, key: str, value: object) -> int:
    """Return an argument that is a whole number and exact as a float.

    Raises:
        SpaceError: it is none.
    """
    number = as_number(value)
    if number is None or number != int(number):
        more = "; use Float for real numbers" if number is not None else ""
        raise SpaceError(f"{kind} expects {key}= to be a whole number, got {shown(plain(value))}{more}.")
    if abs(number) > EXACT:
        raise SpaceError(
            f"{kind} expects {key}= within ±2**53, beyond which floating-point numbers skip integers, "
            f"got {shown(int(number))}; use Float, or tune the logarithm."
        )
    return int(number)


def check_flag(kind: str, key: str, value: object) -> None:
    """Raise SpaceError if an argument is neither True nor False."""
    if not isinstance(value, bool):
        raise SpaceError(f"{kind} expects {key}= to be True or False, got {shown(value)}.")


def check_choices(kind: str, given: object) -> tuple[Choice, ...]:
    """Return the choices of a parameter.

    Raises:
        SpaceError: no choices, a choice given twice, or one that a log could not be read back with.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise SpaceError(f"{kind} expects a list of choices, got {shown(given)}.")
    if isinstance(given, AbstractSet):
        raise SpaceError(
            f"{kind} expects a list of choices, got {shown(given)}: "
            "a set has no order, and an index must keep its meaning."
        )
    choices = tuple(plain(choice) for choice in given)
    if len(choices) > MAX_CHOICES:
        raise SpaceError(f"{kind} has at most {MAX_CHOICES:,} choices, got {len(choices):,}; use Int for a range.")
    if not choices:
        raise SpaceError(f"{kind} needs at least one choice, got none.")
    seen: set[tuple[type, Choice]] = set()
    for choice in choices:
        if choice is not None and type(choice) not in (str, int, float, bool):
            raise SpaceError(
                f"{kind} takes choices of type str, int, float, bool or None, so that a log can be read for ever, "
                f"got {shown(choice)}; name it with a string and look the object up in the objective."
            )
        if isinstance(choice, float) and not math.isfinite(choice):
            raise SpaceError(
                f"{kind} takes finite numbers, got {choice!r}: say it with a string, such as {str(choice)!r}, or None."
            )
        if isinstance(choice, str) and not is_text(choice):
            raise SpaceError(f"{kind} takes text that can be written as UTF-8, got {choice!r}.")
        key = (type(choice), choice)
        if key in seen:
            raise SpaceError(f"{kind} has the choice {choice!r} twice; list each once.")
        seen.add(key)
    return choices


def is_text(text: str) -> bool:
    """Return whether UTF-8 can write the text, which it cannot where half of a surrogate pair stands alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
