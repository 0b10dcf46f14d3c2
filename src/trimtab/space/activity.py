"""Activity: which parameters of a row are active, for whole columns at a time.

A condition is bound to the space once: names become columns, values become codes, and every negation is pushed down to
the comparisons, so that a comparison and its opposite both need their parameter to be active.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.checks import as_float
from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import (
    COMPARE,
    MAX_DEPTH,
    All,
    Choice,
    Comparison,
    Condition,
    Membership,
    Opposite,
    Some,
    shown,
    too_deep,
)
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter

MANY_CODES: Final = 8
"""For more codes than this, one search in a sorted list is quicker than comparing with each."""
MAX_CODES: Final = 1_000_000
"""Choices that all conditions of a space together look at: as many take a second to bind."""
MOST_ROWS: Final = 100_000
"""Branches that are told apart in counting configurations; whoever asks wants to know of few."""

_CONTRARY: Final = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Bound(Protocol):
    """A condition on columns."""

    def holds(self, x: Floats, active: Bools) -> Bools:
        """Return [...] whether it holds in each row of `x` [..., D].

        Args:
            x: the rows.
            active: [..., D] whether each parameter is active, known already for those that are asked about.
        """
        ...

    def can_hold(self, row: Floats, possible: Bools) -> bool:
        """Return whether it may hold where `row` [D] is given (nan where free) and `possible` [D] may be active.

        Judges each comparison by itself: True may be too hopeful, False is certain.
        """
        ...

    def checks(self) -> list[Check]:
        """Return its comparisons."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """A comparison of one column: by size with one code, or "==" any of several, or "!=" all of several."""

    column: int
    symbol: str
    codes: tuple[float, ...]

    def holds(self, x: Floats, active: Bools) -> Bools:
        return self.accepts(x[..., self.column]) & active[..., self.column]  # type: ignore[no-any-return]

    def accepts(self, column: Any) -> Any:
        """Return whether the comparison holds for each of the codes in `column`."""
        if len(self.codes) > MANY_CODES:
            among = np.isin(column, self.codes)  # nan is none of them, as in comparing one by one
            return ~among if self.symbol == "!=" else among
        compare = COMPARE[self.symbol]
        accepted = compare(column, self.codes[0])
        for code in self.codes[1:]:
            accepted = accepted & compare(column, code) if self.symbol == "!=" else accepted | compare(column, code)
        return accepted

    def can_hold(self, row: Floats, possible: Bools) -> bool:
        code = row[self.column]
        return bool(possible[self.column]) and (bool(np.isnan(code)) or bool(self.accepts(code)))

    def checks(self) -> list[Check]:
        return [self]


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Bound, ...]

    def holds(self, x: Floats, active: Bools) -> Bools:
        held = self.parts[0].holds(x, active)
        for part in self.parts[1:]:
            held = held & part.holds(x, active)
        return held

    def can_hold(self, row: Floats, possible: Bools) -> bool:
        return all(part.can_hold(row, possible) for part in self.parts)

    def checks(self) -> list[Check]:
        return [check for part in self.parts for check in part.checks()]


@dataclass(frozen=True, slots=True)
class Either:
    """Some part holds."""

    parts: tuple[Bound, ...]

    def holds(self, x: Floats, active: Bools) -> Bools:
        held = self.parts[0].holds(x, active)
        for part in self.parts[1:]:
            held = held | part.holds(x, active)
        return held

    def can_hold(self, row: Floats, possible: Bools) -> bool:
        return any(part.can_hold(row, possible) for part in self.parts)

    def checks(self) -> list[Check]:
        return [check for part in self.parts for check in part.checks()]


class Activity:
    """The conditions of a space, bound to its columns.

    Args:
        parameters: by name, in the order of the columns.

    Raises:
        SpaceError: a condition on a parameter that does not exist, on a value that it cannot take, or on itself,
            directly or in a circle.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        names = list(parameters)
        self._n_columns = len(names)
        bind = _Binder(parameters)
        bound = {
            column: bind.condition(parameter.when, child, opposite=False)
            for column, (child, parameter) in enumerate(parameters.items())
            if parameter.when is not None
        }
        parents = {column: {check.column for check in condition.checks()} for column, condition in bound.items()}
        self.order = _parents_first(names, parents)
        """The columns, each after those that its condition asks about."""
        self._conditions = tuple((column, bound[column]) for column in self.order if column in bound)
        self.conditional = tuple(column for column, _ in self._conditions)
        """The columns that have a condition, each after those that it asks about."""
        self.parents = frozenset(column for columns in parents.values() for column in columns)
        """The columns that some condition asks about."""

    def of(self, x: Floats) -> Bools:
        """Return [..., D] whether each parameter is active in each row of `x` [..., D]."""
        active = np.ones(x.shape, dtype=np.bool_)
        for column, condition in self._conditions:
            active[..., column] = condition.holds(x, active)
        return active

    def possible(self, row: Floats) -> Bools:
        """Return [D] whether each parameter may be active where `row` [D] is given, nan where free.

        False is certain; True may be too hopeful where a condition contradicts itself.
        """
        possible = np.ones(self._n_columns, dtype=np.bool_)
        for column, condition in self._conditions:
            possible[column] = condition.can_hold(row, possible)
        return possible

    def implied(self, wanted: Sequence[int], known: Floats) -> tuple[list[int], dict[int, tuple[float, ...]]]:
        """Return what must be so for parameters to be active, as far as their conditions leave no alternative.

        Args:
            wanted: the columns that are to be active.
            known: [D] the codes that are known, nan where free.

        Returns:
            the conditional columns that must be active, `wanted` and what they hang from, and the codes that remain to
            free columns on which an equality is asked.
        """
        conditions = dict(self._conditions)
        must = [column for column in wanted if column in conditions]
        remaining: dict[int, tuple[float, ...]] = {}
        for column in must:  # grows while it is walked
            for check in _without_alternative(conditions[column]):
                if check.column in conditions and check.column not in must:
                    must.append(check.column)
                if check.symbol == "==" and np.isnan(known[check.column]):
                    before = remaining.get(check.column, check.codes)
                    remaining[check.column] = tuple(code for code in before if code in check.codes)
        return must, remaining

    def n_configurations(self, parameters: Sequence[Parameter], fixed: Floats) -> int | None:
        """Return how many configurations there are, inactive branches not counted.

        None for infinitely many, and where conditions make more branches than can be told apart.

        Walks the parents' values in classes that no condition tells apart, one group of dependent parameters at a time.

        Args:
            parameters: in the order of the columns.
            fixed: [D] codes of parameters that are held, nan where free.
        """
        total = 1
        for group in self._groups():
            count = self._count(group, parameters, fixed)
            if count is None:
                return None
            total *= count
        return total

    def _count(self, group: Sequence[int], parameters: Sequence[Parameter], fixed: Floats) -> int | None:
        conditions = dict(self._conditions)
        rows = np.full((1, self._n_columns), np.nan)
        active = np.ones(rows.shape, dtype=np.bool_)
        weights = np.array([1], dtype=object)  # Python's integers, which do not overflow
        for column in group:
            if column in conditions:
                active[:, column] = conditions[column].holds(rows, active)
            lives = active[:, column]
            is_held = not np.isnan(fixed[column])
            n = 1 if is_held else parameters[column].n_values
            if n is None and lives.any():
                return None
            if n is None or column not in self.parents:
                weights[lives] *= n or 1
                continue
            classes = [(float(fixed[column]), 1)] if is_held else self._classes(column, parameters[column])
            branches = [(rows[~lives], active[~lives], weights[~lives])]
            for code, n_alike in classes:
                branch = rows[lives]
                branch[:, column] = code
                branches.append((branch, active[lives], weights[lives] * n_alike))
            rows, active, weights = (np.concatenate(parts) for parts in zip(*branches, strict=True))
            if len(rows) > MOST_ROWS:
                return None
        return int(sum(weights.tolist()))

    def _classes(self, column: int, parameter: Parameter) -> list[tuple[float, int]]:
        """Return (a code, how many codes) for each run of a finite parameter's codes that no comparison tells apart."""
        grid = parameter.grid
        if grid is None:
            raise ValueError("a continuum has no finite classes")
        thresholds = sorted(
            {
                code
                for _, condition in self._conditions
                for check in condition.checks()
                if check.column == column
                for code in check.codes
            }
        )
        steps = range(grid.n)
        edges = {0, grid.n}
        for threshold in thresholds:
            edges |= {bisect_left(steps, threshold, key=grid.value), bisect_right(steps, threshold, key=grid.value)}
        ordered = sorted(edges)
        return [(grid.value(low), high - low) for low, high in pairwise(ordered)]

    def _groups(self) -> list[list[int]]:
        """Return the columns in groups that share no condition, each in parents-first order."""
        group_of = {column: {column} for column in range(self._n_columns)}
        for column, condition in self._conditions:
            for check in condition.checks():
                merged = group_of[column] | group_of[check.column]
                for member in merged:
                    group_of[member] = merged
        place = {column: i for i, column in enumerate(self.order)}
        distinct = {id(group): group for group in group_of.values()}
        return [sorted(group, key=place.__getitem__) for group in distinct.values()]


def _without_alternative(condition: Bound) -> list[Check]:
    """Return the comparisons that hold whenever the condition does."""
    if isinstance(condition, Every):
        return [check for part in condition.parts for check in _without_alternative(part)]
    return [condition] if isinstance(condition, Check) else []


class _Binder:
    """Binds conditions to the columns of a space."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self._column = {name: column for column, name in enumerate(parameters)}
        self._n_codes = 0

    def condition(self, condition: Condition, child: str, *, opposite: bool, depth: int = 0) -> Bound:
        """Return the condition of the parameter `child`, or its opposite, on columns.

        Raises:
            SpaceError: it cannot be meant, or is nested too deep.
        """
        if depth > MAX_DEPTH:
            raise SpaceError(f"{child}: {too_deep()}")
        if isinstance(condition, Opposite):
            return self.condition(condition.part, child, opposite=not opposite, depth=depth + 1)
        if isinstance(condition, All | Some):
            parts = tuple(self.condition(part, child, opposite=opposite, depth=depth + 1) for part in condition.parts)
            return Every(parts) if isinstance(condition, All) is not opposite else Either(parts)  # De Morgan
        if not isinstance(condition, Comparison | Membership):
            raise SpaceError(f"{child}: expected a condition made with given(...), got {shown(condition)}.")
        return self._comparison(condition, child, opposite=opposite)

    def _comparison(self, condition: Comparison | Membership, child: str, *, opposite: bool) -> Check:
        parent = self._parameters.get(condition.name)
        if parent is None:
            raise SpaceError(
                f"{child} depends on {condition.name!r}, which is no parameter of this space"
                f"{did_you_mean(condition.name, self._parameters)}."
            )
        if isinstance(condition, Membership):
            symbol, values = "==", tuple(condition.values)
        else:
            symbol, values = condition.symbol, (condition.value,)
        self._n_codes += len(values) + (len(parent.choices) if isinstance(parent, Categorical) else 0)
        if self._n_codes > MAX_CODES:
            raise SpaceError(f"{child}: the conditions of a space look at more than {MAX_CODES:,} choices together.")
        symbol = _CONTRARY[symbol] if opposite else symbol
        try:
            check = _check(self._column[condition.name], symbol, values, parent, condition.name)
        except ParamsError as error:
            raise SpaceError(f"{child} depends on {condition!r}, but {error}") from None
        if check is None:
            said = f"~({condition!r})" if opposite else repr(condition)
            raise SpaceError(f"{child} depends on {said}, which never holds: {condition.name} is {parent!r}.")
        return check


def _check(column: int, symbol: str, values: tuple[Choice, ...], parent: Parameter, name: str) -> Check | None:
    """Return the comparison in codes; None when no value of the parent passes it.

    Raises:
        ParamsError: a value that the parent cannot take.
    """
    if isinstance(parent, Categorical):
        accepted = _accepted(symbol, values, parent, name)
        return Check(column, "==", accepted) if accepted else None
    if symbol in ("==", "!="):
        codes = tuple(dict.fromkeys(parent.code(value, name) for value in values))
        return (
            None
            if symbol == "!=" and (parent.n_values or len(codes) + 1) <= len(codes)
            else Check(column, symbol, codes)
        )
    value = values[0]
    if (
        not isinstance(parent, Float | Int)
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value
    ):
        raise ParamsError(f"{name} is a number and is compared by size with {shown(value)}.")
    if (symbol, value) in (("<=", parent.low), (">=", parent.high)):
        return Check(column, "==", (float(value),))
    check = Check(column, symbol, (as_float(value),))
    return check if check.accepts(parent.low) or check.accepts(parent.high) else None


def _accepted(symbol: str, values: tuple[Choice, ...], parent: Categorical, name: str) -> tuple[float, ...]:
    """Return the codes of the choices that pass."""
    everything = range(len(parent.choices))
    if symbol in ("==", "!="):
        named = {int(parent.code(value, name)) for value in values}
        return tuple(float(i) for i in everything if (i in named) is (symbol == "=="))
    if not isinstance(parent, Ordinal):
        raise ParamsError(
            f"the choices of {name} have no order, so they cannot be compared with {symbol}; use Ordinal or is_in."
        )
    value = values[0]
    compare = COMPARE[symbol]
    if parent.is_numeric:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParamsError(f"{name} is a number and is compared by size with {shown(value)}.")
        return tuple(float(i) for i in everything if compare(parent.choices[i], value))
    place = int(parent.code(value, name))
    return tuple(float(i) for i in everything if compare(i, place))


def _parents_first(names: Sequence[str], parents: Mapping[int, set[int]]) -> tuple[int, ...]:
    """Return the columns, each after its parents, otherwise in the order of the space."""
    order: list[int] = []
    done: set[int] = set()
    for start in range(len(names)):
        path: list[int] = []  # the chain of parameters that wait for a parent
        stack = [start]
        while stack:
            column = stack[-1]
            if column in done:
                stack.pop()
                continue
            waiting = sorted(parents.get(column, set()) - done)
            if not waiting:
                order.append(column)
                done.add(column)
                stack.pop()
                if path and path[-1] == column:
                    path.pop()
                continue
            if column not in path:
                path.append(column)
            if waiting[0] in path:
                circle = [*path[path.index(waiting[0]) :], waiting[0]]
                raise SpaceError(
                    "conditions run in a circle, so none of these could ever be decided: "
                    + " depends on ".join(names[i] for i in circle)
                    + "."
                )
            stack.append(waiting[0])
    return tuple(order)
