"""Conditions: when a parameter is active, said with `given`.

    momentum = Float(0, 0.99, when=given("optimizer") == "sgd")
    beta2 = Float(0.9, 0.999, when=given("optimizer").is_in(["adam", "adamw"]) & (given("layers") >= 4))

A comparison holds only while the parameter that it asks about is itself active; so does its opposite. A branch that
hangs from an inactive parameter is therefore inactive whatever its condition says, to any depth.

This module holds the language. `activity.py` binds it to the columns of a space.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np

from trimtab.errors import SpaceError

Choice: TypeAlias = str | int | float | bool | None
"""What a choice can be: what JSON can say, so that a log is readable for ever."""

MAX_DEPTH: Final = 50
"""Levels of a condition: more than people write, and few enough for Python's stack, which every level takes from."""

COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python value it stands for; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def shown(value: object) -> str:
    """Return `value` as an error message shows it: its repr, shortened, and its type where the repr hides it."""
    try:
        text = repr(value)
    except Exception:  # a foreign repr may raise anything, and so does that of an int of 5,000 digits
        return f"a value of type {type(value).__name__}"
    if len(text) > 80:
        text = f"{text[:77]}..."
    return (
        text if value is None or isinstance(value, bool | int | float) else f"{text} (of type {type(value).__name__})"
    )


def too_deep() -> str:
    """Return what to say of a condition that is nested beyond `MAX_DEPTH`."""
    return f"a condition is nested at most {MAX_DEPTH} deep; say the same with is_in, or with fewer levels."


class Condition:
    """A truth about other parameters. Combine with `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return All((*_parts(self, All), *_parts(_operand(other, "&"), All)))

    def __or__(self, other: Condition) -> Condition:
        return Some((*_parts(self, Some), *_parts(_operand(other, "|"), Some)))

    def __invert__(self) -> Condition:
        return self.part if isinstance(self, Opposite) else Opposite(self)

    def __bool__(self) -> NoReturn:
        raise SpaceError(
            "a condition has no truth value of its own: combine conditions with & | ~ and parentheses, "
            "not with and, or, not or a chain such as 1 < given('a') < 3."
        )

    def names(self) -> Iterator[str]:
        """Yield the parameters that are asked about, in the order of the text; a name may come twice."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the condition as JSON; `condition_from_json` reads it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """`given(name) symbol value`."""

    name: str
    symbol: str
    value: Choice

    def __post_init__(self) -> None:
        _check_name(self.name)
        symbol: object = self.symbol  # which may come from a log
        if not isinstance(symbol, str) or symbol not in COMPARE:
            raise SpaceError(
                f"a condition on {self.name!r} compares with one of {', '.join(COMPARE)}, got {shown(symbol)}."
            )
        object.__setattr__(self, "value", _check_value(self.name, self.value))

    def names(self) -> Iterator[str]:
        yield self.name

    def to_json(self) -> dict[str, Any]:
        return {"given": self.name, "is": self.symbol, "value": self.value}

    def __repr__(self) -> str:
        return f"given({self.name!r}) {self.symbol} {self.value!r}"


@dataclass(frozen=True, slots=True)
class Membership(Condition):
    """`given(name).is_in(values)`."""

    name: str
    values: Iterable[Choice]

    def __post_init__(self) -> None:
        _check_name(self.name)
        given_values: object = self.values
        if isinstance(given_values, str | bytes | Mapping) or not isinstance(given_values, Iterable):
            raise SpaceError(f"given({self.name!r}).is_in expects a list of values, got {shown(given_values)}.")
        values = tuple(_check_value(self.name, value) for value in given_values)
        if not values:
            raise SpaceError(f"given({self.name!r}).is_in([]) can never hold: name at least one value.")
        object.__setattr__(self, "values", values)

    def names(self) -> Iterator[str]:
        yield self.name

    def to_json(self) -> dict[str, Any]:
        return {"given": self.name, "is": "in", "value": list(self.values)}

    def __repr__(self) -> str:
        return f"given({self.name!r}).is_in({list(self.values)!r})"


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every part holds."""

    parts: tuple[Condition, ...]

    def names(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.names()

    def to_json(self) -> dict[str, Any]:
        return {"all": [part.to_json() for part in self.parts]}

    def __repr__(self) -> str:
        return " & ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Some(Condition):
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def names(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.names()

    def to_json(self) -> dict[str, Any]:
        return {"any": [part.to_json() for part in self.parts]}

    def __repr__(self) -> str:
        return " | ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Opposite(Condition):
    """The part does not hold, though what it asks about is active."""

    part: Condition

    def names(self) -> Iterator[str]:
        yield from self.part.names()

    def to_json(self) -> dict[str, Any]:
        return {"not": self.part.to_json()}

    def __repr__(self) -> str:
        return f"~{_bracketed(self.part)}"


class Given:
    """A parameter that is asked about; made by `given`."""

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == builds a condition, so there is no equality to hash by

    def __init__(self, name: str) -> None:
        _check_name(name)
        self.name = name

    def is_in(self, values: Iterable[Choice]) -> Condition:
        """Return the condition that the parameter has one of `values`."""
        return Membership(self.name, values)

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "==", value)  # type: ignore[arg-type]  # checked there

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "!=", value)  # type: ignore[arg-type]  # checked there

    def __lt__(self, value: Choice) -> Condition:
        return Comparison(self.name, "<", value)

    def __le__(self, value: Choice) -> Condition:
        return Comparison(self.name, "<=", value)

    def __gt__(self, value: Choice) -> Condition:
        return Comparison(self.name, ">", value)

    def __ge__(self, value: Choice) -> Condition:
        return Comparison(self.name, ">=", value)

    def _unbracketed(self, _: object = None) -> NoReturn:
        # `given("a") == 1 & given("b") == 2` reads as `given("a") == (1 & given("b")) == 2`.
        raise SpaceError(
            f"given({self.name!r}) is not a condition by itself; "
            f"put parentheses around each comparison: (given('a') == 1) & (given({self.name!r}) == 2)."
        )

    __and__ = __rand__ = __or__ = __ror__ = _unbracketed

    def __invert__(self) -> NoReturn:
        self._unbracketed()

    def __bool__(self) -> NoReturn:
        self._unbracketed()

    def __repr__(self) -> str:
        return f"given({self.name!r})"


def given(name: str) -> Given:
    """Ask about the parameter `name`, in order to say when another one is active.

    Compare what this returns with `==`, `!=`, `<`, `<=`, `>`, `>=` or `.is_in([...])`, and combine comparisons, each in
    parentheses, with `&`, `|` and `~`.

    Example:
        >>> (given("optimizer") == "sgd") & (given("layers") >= 4)
        (given('optimizer') == 'sgd') & (given('layers') >= 4)
    """
    return Given(name)


def condition_from_json(data: object, depth: int = 0) -> Condition:
    """Read what `Condition.to_json` wrote.

    Args:
        data: the condition as JSON.
        depth: how many conditions it stands in.

    Raises:
        SpaceError: not a condition; the message shows the part that cannot be read.
    """
    if depth > MAX_DEPTH:
        raise SpaceError(too_deep())
    if isinstance(data, Mapping):
        keys = set(data)
        if keys == {"given", "is", "value"}:
            if data["is"] == "in":
                return Membership(data["given"], data["value"])
            return Comparison(data["given"], data["is"], data["value"])
        for key, kind in (("all", All), ("any", Some)):
            if keys == {key} and isinstance(data[key], list) and data[key]:
                return kind(tuple(condition_from_json(part, depth + 1) for part in data[key]))
        if keys == {"not"}:
            return Opposite(condition_from_json(data["not"], depth + 1))
    raise SpaceError(
        'a condition is written {"given": name, "is": "==", "value": value}, {"all": [...]}, {"any": [...]} '
        f'or {{"not": ...}}, got {shown(data)}.'
    )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise SpaceError(f"given() expects the name of a parameter, got {shown(name)}.")


def _check_value(name: str, value: object) -> Choice:
    if isinstance(value, Given | Condition):
        raise SpaceError(
            f"given({name!r}) is compared with {value!r}: a condition compares with a value; "
            "put parentheses around each comparison, or say what relates two parameters with require=[...]."
        )
    value = plain(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise SpaceError(f"given({name!r}) is compared with {shown(value)}: expected a str, int, float, bool or None.")


def _operand(other: object, symbol: str) -> Condition:
    if isinstance(other, Condition):
        return other
    raise SpaceError(f"{symbol} combines two conditions, got {shown(other)}; put parentheses around each comparison.")


def _parts(condition: Condition, kind: type[All] | type[Some]) -> tuple[Condition, ...]:
    """Return the parts of a condition of `kind`, so that `a & b & c` is one node and not two."""
    return condition.parts if isinstance(condition, kind) else (condition,)


def _bracketed(condition: Condition) -> str:
    return repr(condition) if isinstance(condition, Membership | Opposite) else f"({condition!r})"
