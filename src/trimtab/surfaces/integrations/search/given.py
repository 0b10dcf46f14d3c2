"""What is searched: from what people give to scikit-learn's searches to a space, and back to an estimator's parameters.

A name in the space is the estimator's; what comes after an `@` tells apart what several grids, or several branches of a
conditional space, say of one parameter: `clf__C@svc` sets `clf__C`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

import trimtab as tt
from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import plain, shown
from trimtab.space.parameter import Parameter
from trimtab.surfaces.integrations.search.drawn import Translated, is_distribution, translated

WHICH: Final = "@grid"
"""The parameter that says which of several grids a candidate is of; it sets nothing."""

Given: TypeAlias = tt.Space | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What may be given: a space, a grid or distributions by name, or several of these."""


@dataclass(frozen=True, slots=True)
class Searched:
    """A space, and what the estimator gets for its configurations.

    Attributes:
        space: what may be tried.
        values: by the parameter's name: from its value to the estimator's, where they differ.
        is_finite: whether all was given as lists, as for a grid.
    """

    space: tt.Space
    values: Mapping[str, Callable[[Any], Any]]
    is_finite: bool

    def params(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to set on the estimator for a configuration of the space."""
        found = {}
        for name, value in configuration.items():
            key = name.partition("@")[0]
            if key:
                found[key] = self.values[name](value) if name in self.values else value
        return found


def searched(
    given: Given, *, choices: Mapping[str, Mapping[str, Any]] | None, now: Mapping[str, Any], ordered: bool, seed: int
) -> Searched:
    """Return the space of what was given.

    Args:
        given: what is to be searched.
        choices: by parameter, {label: object} for choices that no log can hold, as estimators are.
        now: the parameters that the estimator has; they become defaults where they can be had.
        ordered: whether lists of numbers are searched by size; a grid keeps the order in which they were written.
        seed: for distributions that can only be drawn from.

    Raises:
        SpaceError: what cannot be meant; the message names the parameter.
    """
    if isinstance(given, tt.Space):
        values = {name: _labelled(given, name, labelled) for name, labelled in (choices or {}).items()}
        return Searched(given, values, is_finite=False)
    if choices:
        raise SpaceError("choices= goes with a tt.Space; among grids write {'clf': {'svc': SVC(), ...}} itself.")
    grids = [given] if isinstance(given, Mapping) else given
    if isinstance(grids, str | tt.Float | tt.Int | tt.Categorical) or not isinstance(grids, Iterable):
        raise SpaceError(f"what to search is a tt.Space, a dict or a list of dicts, got {shown(given)}.")
    grids = list(grids)
    for grid in grids:
        if not isinstance(grid, Mapping):
            raise SpaceError(f"each of several grids is a dict from names to lists or ranges, got {shown(grid)}.")
    if not grids:
        raise SpaceError("there is nothing to search: the list of grids is empty.")
    return _joined(grids, now, ordered=ordered, seed=seed)


def _joined(grids: list[Mapping[str, Any]], now: Mapping[str, Any], *, ordered: bool, seed: int) -> Searched:
    is_one = len(grids) == 1 and bool(grids[0])
    n_grids = {key: sum(key in grid for grid in grids) for grid in grids for key in grid}
    parameters: dict[str, Parameter] = {} if is_one else {WHICH: tt.Categorical(tuple(range(len(grids))))}
    values: dict[str, Callable[[Any], Any]] = {}
    is_finite = True
    for number, grid in enumerate(grids):
        for key in sorted(grid):
            name = key if n_grids[key] == 1 else f"{key}@{number}"
            made = _translated(key, grid[key], now, ordered=ordered, seed=seed)
            parameter: Parameter = made.parameter
            if not is_one:
                of_grid = tt.given(WHICH) == number
                parameter = replace(
                    made.parameter, when=of_grid if parameter.when is None else of_grid & parameter.when
                )
            parameters[name], values[name] = parameter, made.value
            is_finite = is_finite and not isinstance(grid[key], Parameter) and not is_distribution(grid[key])
    return Searched(tt.Space(parameters), values, is_finite)


def _translated(key: str, given: Any, now: Mapping[str, Any], *, ordered: bool, seed: int) -> Translated:
    if isinstance(given, tt.Float | tt.Int | tt.Categorical):
        return Translated(given, lambda value: value, lambda value: value)
    if is_distribution(given):
        made = translated(key, given, seed)
    elif isinstance(given, Mapping):
        made = _listed(key, list(given.values()), [str(label) for label in given], ordered=False)
    else:
        if isinstance(given, str | bytes) or not isinstance(given, Sequence | np.ndarray):
            raise SpaceError(
                f"{key}: expected a list of values, a distribution or a range such as tt.Float(1e-3, 1e3, log=True), "
                f"got {shown(given)}; one value alone is written [{shown(given)}]."
            )
        if isinstance(given, np.ndarray) and given.ndim != 1:
            raise SpaceError(f"{key}: an array of values has one dimension, got {given.ndim}.")
        made = _listed(key, list(given), None, ordered=ordered)
    return _with_default(made, now[key]) if key in now else made


def _with_default(made: Translated, now: Any) -> Translated:
    """Return a parameter whose default is what the estimator has now, if that is one of its values."""
    code = made.code(now)
    if code is None:
        return made
    try:
        return replace(made, parameter=replace(made.parameter, default=code))
    except (SpaceError, ParamsError):  # it lies outside of what is searched
        return made


def _listed(key: str, values: list[Any], labels: list[str] | None, *, ordered: bool) -> Translated:
    if not values:
        raise SpaceError(f"{key}: expected values to try, got an empty list.")
    kind = tt.Categorical
    if ordered and len(values) > 2 and all(map(_is_number, values)) and len(set(map(float, values))) == len(values):
        kind, values = tt.Ordinal, sorted(values)
    found: dict[Any, Any] = {}
    for i, value in enumerate(values):
        label: Any = _label(value) if labels is None else labels[i]
        if (type(label), label) in found:
            label = f"{label} ({i})"
        found[type(label), label] = value

    def code(value: Any) -> Any:
        label = _label(value)
        return label if (type(label), label) in found else None

    return Translated(kind(tuple(label for _, label in found)), lambda label: found[type(label), label], code)


def _is_number(value: object) -> bool:
    value = plain(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_LONGEST: Final = 200
"""Characters of a label: enough to tell pipelines apart; what is longer is told apart by its number."""


def _label(value: object) -> Any:
    """Return what the log calls a value: itself where JSON can say it, else text that is the same in every process."""
    value = plain(value)
    if value is None or isinstance(value, str | bool) or _is_number(value):
        return value
    named = getattr(value, "__qualname__", None)
    text = f"{getattr(value, '__module__', '')}.{named}" if isinstance(named, str) else _ADDRESS.sub("", repr(value))
    return text[:_LONGEST]


def _labelled(space: tt.Space, name: str, labelled: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return what looks the objects up that choices of a space stand for.

    Raises:
        SpaceError: there is no such parameter, it has no choices, or one of them stands for nothing.
    """
    if name not in space:
        raise SpaceError(f"choices= names {name!r}, which the space has not{did_you_mean(name, space.names)}.")
    parameter = space[name]
    if not isinstance(parameter, tt.Categorical) or not isinstance(labelled, Mapping):
        raise SpaceError(f"choices= for {name} is {{choice: object}} of a Categorical, got {shown(labelled)}.")
    missing = [choice for choice in parameter.choices if choice not in labelled]
    if missing:
        raise SpaceError(f"choices= for {name} says nothing of {missing[0]!r}; it needs an object for each choice.")
    return labelled.__getitem__
