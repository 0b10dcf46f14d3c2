"""A space changed for the next study: wider, narrower, parameters held, added or dropped; and rows mapped to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space import vary
from trimtab.space.condition import shown
from trimtab.space.parameter import Parameter
from trimtab.space.record import Made
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
    narrowed: dict[str, tuple[Parameter, Parameter]] = {}
    for key, given in (("widen", widen), ("narrow", narrow)):
        for name, to in _mapping(key, given).items():
            was = by_name[_known(key, name, by_name)]
            now = to if isinstance(to, Parameter) else vary.ranged(name, was, to, inside=key == "narrow")
            if repr(now) == repr(was):  # == does not tell True from 1
                raise SpaceError(f"{key}: {name} has no other range than before: it is {was!r}.")
            by_name[name] = now
            if key == "narrow":
                narrowed[name] = was, now
    left = vary.active(Made(by_name, space.require, space.fixed), narrowed)
    by_name = dict(left.parameters)  # without those that choices which are gone had made active
    held = {name: value for name, value in left.fixed.items() if name not in freed and name not in gone}
    for name, value in _mapping("hold", hold).items():
        held[_known("hold", name, by_name)] = value
    for name in by_name.keys() & set(freed):
        if by_name[name].role == "fixed":
            by_name[name] = replace(by_name[name], role="nuisance")  # type: ignore[type-var]  # each is a dataclass
    for name in gone:
        mentions = [one.text for one in space.constraints if name in one.names and one.text in left.require]
        if mentions:
            raise SpaceError(
                f"drop: the constraint {mentions[0]!r} mentions {name}; hold it at a value instead, or pass the whole "
                "new space as space=."
            )
        by_name.pop(name, None)
    for name, parameter in _mapping("add", add).items():
        if name in by_name:
            raise SpaceError(f"add: the space already has a parameter {name!r}, which is {by_name[name]!r}.")
        by_name[name] = parameter
    made = {name: held[name] for name in held if space[name].role != "fixed" or name in (hold or {})}
    return Space(by_name, require=left.require, fixed=made)


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
