"""Hypothesis strategies for spaces and what lies in them, for the tests of Trimtab and of its plugins.

@given(st.data())
def test_my_optimizer(data):
    space = data.draw(spaces())
    params = data.draw(params_in(space))
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from trimtab.arrays import Floats
from trimtab.space.condition import Choice, Condition, given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter, Params
from trimtab.space.space import Space

_NAMES = st.sampled_from(
    [
        "lr",
        "layers",
        "batch",
        "momentum",
        "dropout",
        "x",
        "weight-decay",
        "optimizer.lr",
        "lambda",
        "学习率",
        "two words",
    ]
)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
_CHOICES: st.SearchStrategy[list[Choice]] = st.one_of(
    st.lists(_TEXTS, min_size=1, max_size=5, unique=True),
    st.lists(st.integers(-100, 100), min_size=1, max_size=5, unique=True),
    st.just([True, False]),
    st.just([None, 0.5, "auto", 1, True, 1.0]),
)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """Float parameters: linear, logarithmic, in steps, and constants."""
    scale = draw(st.sampled_from(["linear", "log", "step", "constant"]))
    if scale == "step":
        first, n = draw(st.integers(-50, 50)), draw(st.integers(0, 40))
        step = draw(st.sampled_from([0.1, 0.25, 0.05, 1.0, 1e-7]))
        return Float(round(first * step, 10), round((first + n) * step, 10), step=step)
    finite = st.floats(1e-9, 1e9) if scale == "log" else st.floats(-1e6, 1e6)
    low, high = sorted((draw(finite), draw(finite)))
    return Float(low, low if scale == "constant" else high, log=scale == "log")


@st.composite
def ints(draw: st.DrawFn) -> Int:
    """Int parameters: linear, logarithmic and in steps."""
    if draw(st.booleans()):
        low = draw(st.integers(1, 1000))
        return Int(low, low + draw(st.integers(0, 100_000)), log=True)
    low, step = draw(st.integers(-1000, 1000)), draw(st.integers(1, 7))
    return Int(low, low + step * draw(st.integers(0, 1000)), step=step)


def parameters(*, finite: bool = False) -> st.SearchStrategy[Parameter]:
    """Parameters of every kind, without condition; with `finite`, such as have finitely many values."""
    reals = floats().filter(lambda parameter: parameter.n_values is not None) if finite else floats()
    return st.one_of(reals, ints(), st.builds(Categorical, _CHOICES), st.builds(Ordinal, _CHOICES))


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values that a parameter can take."""
    grid = parameter.grid
    if grid is not None:
        return st.integers(0, grid.n - 1).map(lambda k: parameter.value(grid.value(k)))
    if not isinstance(parameter, Float):
        raise TypeError(f"{parameter!r} is a continuum that is no Float")
    return st.floats(parameter.low, parameter.high)


@st.composite
def spaces(
    draw: st.DrawFn,
    *,
    max_parameters: int = 6,
    conditional: bool = True,
    constrained: bool = True,
    finite: bool = False,
) -> Space:
    """Spaces of 1 to `max_parameters` parameters, in any order of declaration.

    Args:
        draw: given by hypothesis.
        max_parameters: the most parameters.
        conditional: whether parameters may depend on each other, to any depth.
        constrained: whether there may be constraints; they leave a good part of the space.
        finite: whether every parameter has finitely many values.
    """
    names = draw(st.lists(_NAMES, min_size=1, max_size=max_parameters, unique=True))
    drawn: dict[str, Parameter] = {}
    for name in names:
        parameter = draw(parameters(finite=finite))
        if conditional and drawn and draw(st.booleans()):
            parameter = _replaced(parameter, when=draw(_conditions(drawn)))
        drawn[name] = parameter
    require = []
    fixed: Params = {}
    if constrained and draw(st.booleans()):
        require = draw(st.lists(_constraints(drawn), max_size=2))
    elif draw(st.booleans()):
        free = draw(st.sampled_from(names))
        default, prior = draw(values_of(drawn[free])), draw(st.sampled_from([None, 0.05, 0.3, 1.0]))
        drawn[free] = _replaced(drawn[free], default=default, prior=None if default is None else prior)
        held = draw(st.sampled_from(names))
        if drawn[held].when is None:
            fixed = {held: draw(values_of(drawn[held]))}
    order = draw(st.permutations(names))
    return Space({name: drawn[name] for name in order}, require=require, fixed=fixed)


def rows_in(space: Space) -> st.SearchStrategy[Floats]:
    """Return valid rows [D] of a space; edges come up often where there are no constraints."""
    if space.constraints:
        return st.integers(0, 2**32 - 1).map(lambda seed: space.sample(np.random.default_rng(seed), 1)[0])
    point = st.lists(st.floats(0.0, 1.0), min_size=len(space), max_size=len(space))
    return point.map(lambda u: space.from_unit(np.array(u)))


def params_in(space: Space) -> st.SearchStrategy[Params]:
    """Return valid configurations of a space."""
    return rows_in(space).map(lambda row: space.decode(row)[0])


def _replaced(parameter: Parameter, **options: Any) -> Parameter:
    return replace(parameter, **options)  # type: ignore[type-var]  # every kind of parameter is a dataclass


@st.composite
def _conditions(draw: st.DrawFn, parents: dict[str, Parameter]) -> Condition:
    """Conditions on the parents that some value fulfils."""
    condition = draw(_comparisons(parents))
    for _ in range(draw(st.integers(0, 2))):
        other = draw(_comparisons(parents))
        both, opposite = draw(st.booleans()), draw(st.booleans())
        if opposite:  # the same said the other way round, by De Morgan
            condition = ~(~condition | ~other) if both else ~(~condition & ~other)
        else:
            condition = condition & other if both else condition | other
    return condition


@st.composite
def _comparisons(draw: st.DrawFn, parents: dict[str, Parameter]) -> Condition:
    name = draw(st.sampled_from(sorted(parents)))
    parent = parents[name]
    value: Choice = draw(values_of(parent))
    symbols = ["==", "in"]
    if (parent.n_values or 2) > 1:
        symbols += ["!=", "not =="]
    if not isinstance(parent, Categorical) or isinstance(parent, Ordinal):
        symbols += ["<=", ">=", "not <", "not >"]
    symbol = draw(st.sampled_from(symbols))
    asked = given(name)
    match symbol:
        case "in":
            return asked.is_in([value, draw(values_of(parent))])
        case "not ==":
            return ~(asked == value)
        case "not <":
            return ~(asked < value)
        case "not >":
            return ~(asked > value)
        case "==":
            return asked == value
        case "!=":
            return asked != value
        case "<=":
            return asked <= value
        case _:
            return asked >= value


@st.composite
def _constraints(draw: st.DrawFn, by_name: dict[str, Parameter]) -> str:
    """Constraints that each leave a good part of the space."""
    numeric = [name for name, parameter in by_name.items() if isinstance(parameter, Float | Int)]
    if not numeric:
        name = draw(st.sampled_from(sorted(by_name)))
        parameter = by_name[name]
        allowed = (
            list(parameter.choices[: max(1, len(parameter.choices) - 1)]) if isinstance(parameter, Categorical) else []
        )
        return f"given({name!r}) in {allowed!r}"
    terms, bound = [], 0.0
    for name in draw(st.lists(st.sampled_from(numeric), min_size=1, max_size=2, unique=True)):
        low, high = by_name[name].low, by_name[name].high  # type: ignore[attr-defined]  # numbers have bounds
        terms.append(f"given({name!r})")
        bound += low + draw(st.floats(0.5, 1.0)) * (high - low)
    return draw(st.sampled_from([f"{' + '.join(terms)} <= {bound!r}", f"not ({bound!r} < {' + '.join(terms)})"]))
