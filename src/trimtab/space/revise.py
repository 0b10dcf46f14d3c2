"""A space changed for the next study: wider, narrower, parameters held, added or dropped; and rows mapped to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.space import Space

Range: TypeAlias = "Parameter | Sequence[Any]"
"""Of a number: (low, high), None for an end that stays. Of choices: those to add, or those to keep. Or a parameter."""


def revised(
    space: Space,
    *,
    widen: Mapping[str, Range] | None = None,
    narrow: Mapping[str, Range] | None = None,
    hold: Mapping[str, Any] | None = None,
    free: Iterable[str] = (),
    add: Mapping[str, Parameter] | None = None,
    drop: Iterable[str] = (),
) -> Space:
    """Return the space with these changes; the order of its parameters stays, what is added comes last.

    Args:
        space: as it is.
        widen: parameters whose range grows: to (low, high), or by more choices.
        narrow: parameters whose range shrinks: to (low, high), or to some of the choices.
        hold: values at which parameters are held from here on.
        free: parameters that are held and are to be searched again.
        add: new parameters.
        drop: parameters that are gone.

    Raises:
        SpaceError: a name that is none, a range that is not wider or narrower, or a space that cannot be meant.
    """
    by_name = dict(zip(space.names, space.parameters, strict=True))
    gone, freed = _names("drop", drop, by_name), _names("free", free, by_name)
    for key, given in (("widen", widen), ("narrow", narrow)):
        for name, to in _mapping(key, given).items():
            _known(key, name, by_name)
            by_name[name] = _ranged(key, name, by_name[name], to)
    held = {name: value for name, value in space.fixed.items() if name not in freed and name not in gone}
    for name, value in _mapping("hold", hold).items():
        held[_known("hold", name, by_name)] = value
    for name in freed:
        if by_name[name].role == "fixed":
            by_name[name] = replace(by_name[name], role="nuisance")  # type: ignore[type-var]  # each is a dataclass
    for name in gone:
        mentions = [constraint.text for constraint in space.constraints if name in constraint.names]
        if mentions:
            raise SpaceError(
                f"drop: the constraint {mentions[0]!r} mentions {name}; hold it at a value instead, or pass the whole "
                "new space as space=."
            )
        del by_name[name]
    for name, parameter in _mapping("add", add).items():
        if name in by_name:
            raise SpaceError(f"add: the space already has a parameter {name!r}, which is {by_name[name]!r}.")
        by_name[name] = parameter
    made = {name: held[name] for name in held if space[name].role != "fixed" or name in (hold or {})}
    return Space(by_name, require=space.require, fixed=made)


def _mapping(key: str, given: object) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        examples = {"hold": "{'momentum': 0.9}", "add": "{'dropout': tt.Float(0, 0.5, default=0.0)}"}
        example = examples.get(key, "{'lr': (1e-5, 1e-1)}")
        raise SpaceError(f"{key}= expects values by name, such as {example}, got {shown(given)}.")
    return given


def _names(key: str, given: object, known: Mapping[str, Parameter]) -> list[str]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Iterable):
        raise SpaceError(f"{key}= expects names of parameters, such as ['momentum'], got {shown(given)}.")
    return [_known(key, name, known) for name in names]


def _known(key: str, name: object, known: Mapping[str, Parameter]) -> str:
    if not isinstance(name, str) or name not in known:
        near = did_you_mean(name, known) if isinstance(name, str) else ""
        raise SpaceError(f"{key}: {shown(name)} is no parameter of this space{near}; there are: {', '.join(known)}.")
    return name


def _ranged(key: str, name: str, was: Parameter, to: object) -> Parameter:
    """Return a parameter with another range, which is wider or narrower as `key` says."""
    if isinstance(to, Parameter):
        return to
    if isinstance(to, str) or not isinstance(to, Sequence):
        raise SpaceError(f"{key}: {name} is {was!r}; its new range is {_example(was, key)}, got {shown(to)}.")
    return _with_choices(key, name, was, to) if isinstance(was, Categorical) else _with_ends(key, name, was, to)


def _example(was: Parameter, key: str) -> str:
    if isinstance(was, Categorical):
        return "a list of the choices to add" if key == "widen" else "a list of the choices to keep"
    return "(low, high), with None for an end that stays"


def _with_ends(key: str, name: str, given: Parameter, to: Sequence[Any]) -> Parameter:
    was: Any = given  # a Float or an Int, which `replace` takes alike
    if not isinstance(given, Float | Int) or len(to) != 2:
        raise SpaceError(f"{key}: {name} is {was!r}; its new range is {_example(was, key)}, got {shown(to)}.")
    low, high = (old if new is None else new for old, new in zip((was.low, was.high), to, strict=True))
    try:
        bare = replace(was, low=low, high=high, default=None, prior=None, role="nuisance")
    except SpaceError as error:
        raise SpaceError(f"{key}: {name}: {error}") from None
    inside, outside = (was, bare) if key == "widen" else (bare, was)
    if not outside.low <= inside.low <= inside.high <= outside.high or (bare.low, bare.high) == (was.low, was.high):
        kind = "wider than" if key == "widen" else "narrower than, and inside of,"
        raise SpaceError(
            f"{key}: {name} from {bare.low:g} to {bare.high:g} is not {kind} {was.low:g} to {was.high:g}; "
            "widen= and narrow= together change both ends, space= takes any new space."
        )
    default = was.default
    if default is not None:  # a default outside of the range moves to its end
        default = min(max(default, bare.low), bare.high)
    made: Parameter = replace(bare, default=default, prior=was.prior, role=was.role)
    return made


def _with_choices(key: str, name: str, was: Categorical, to: Sequence[Any]) -> Parameter:
    for choice in to:
        if choice is not None and not isinstance(choice, str | int | float | bool):
            raise SpaceError(f"{key}: {name} is {was!r}; its new range is {_example(was, key)}, got {shown(to)}.")
    there = {(type(choice), choice) for choice in was.choices}
    given = {(type(choice), choice) for choice in to}
    if key == "widen":
        choices = [*was.choices, *(choice for choice in to if (type(choice), choice) not in there)]
        if len(choices) == len(was.choices):
            raise SpaceError(f"widen: {name} has all of these choices already: {shown(list(to))}.")
        if isinstance(was, Ordinal) and was.is_numeric and list(was.choices) == sorted(was.choices):  # type: ignore[type-var]  # numbers
            choices = sorted(choices)  # what is no number, Ordinal refuses
    else:
        choices = [choice for choice in was.choices if (type(choice), choice) in given]
        missing = [choice for choice in to if (type(choice), choice) not in there]
        if missing or not choices:
            raise SpaceError(f"narrow: {name} has no choice {shown(missing[0] if missing else to)}; it is {was!r}.")
    keeps = was.default is None or (type(was.default), was.default) in {(type(c), c) for c in choices}
    return replace(
        was, choices=tuple(choices), default=was.default if keeps else None, prior=was.prior if keeps else None
    )


def mapped(was: Space, now: Space, x: Floats, renamed: Mapping[str, str] | None = None) -> tuple[Floats, list[str]]:
    """Return rows [n, D] of one space as rows [n, D'] of another, and of each the parameter that does not fit, or "".

    Values are carried over by name; `renamed` says which are called otherwise there, {old: new}. A parameter that is
    new has its default, which is what trials did without it, and is inactive (nan) where it has none. A value that a
    held parameter had is kept: what was run was run with it.
    Whether constraints hold is not looked at.
    """
    rows = np.full((len(x), len(now)), np.nan)
    fits: list[str] = [""] * len(x)
    now_of = {old: (renamed or {}).get(old, old) for old in was.names}
    was_of = {new: old for old, new in now_of.items()}
    for column, (name, parameter) in enumerate(zip(now.names, now.parameters, strict=True)):
        if name not in was_of:
            default = parameter.default_code()
            if default is not None:
                rows[:, column] = default
            continue
        old = was_of[name]
        rows[:, column], fit = _recoded(was[old], parameter, x[:, was.column(old)])
        for row in np.flatnonzero(~fit).tolist():
            fits[row] = fits[row] or name
    rows[~now.active(rows)] = np.nan
    return rows, fits


def _recoded(was: Parameter, now: Parameter, codes: Floats) -> tuple[Floats, Bools]:
    """Return codes [n] of one parameter as those of another, nan where there is none, and [n] whether they fit."""
    found, fit = np.full(len(codes), np.nan), np.isnan(codes)
    values, inverse = np.unique(codes[~fit], return_inverse=True)
    recoded = np.full(len(values), np.nan)
    for i, value in enumerate(was.values(values)):
        try:
            recoded[i] = now.code(value, "value")
        except ParamsError:
            continue
    found[~fit] = recoded[inverse.reshape(-1)]
    return found, fit | ~np.isnan(found)
