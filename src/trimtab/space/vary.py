"""Other spaces made of a space: narrower, wider, joined, renamed, under a condition, and as code to keep."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from keyword import iskeyword
from typing import Any

from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.arguments import short
from trimtab.space.condition import COMPARE, All, Comparison, Condition, Membership, Opposite, Some, shown
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter, Params, _options
from trimtab.space.record import Made

# Ranges


def ranged(name: str, parameter: Parameter, given: object, *, inside: bool) -> Parameter:
    """Return the parameter with another range: one inside of its own, or one around it.

    The default moves to the nearest value of the range; of choices it stays, if it is one, and is gone otherwise.

    Args:
        name: what errors call it.
        parameter: a parameter.
        given: (low, high) of a `Float` or `Int`, None for an end that stays; of a `Categorical` or `Ordinal` the
            choices to keep, or those to add.
        inside: whether the range is to be narrower; else wider.

    Raises:
        SpaceError: no range of this parameter, or one on the wrong side.
    """
    verb = "narrow" if inside else "widen"
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise SpaceError(f"{verb}: {name} takes {_wanted(parameter)}, got {shown(given)}.")
    values = list(given)
    if isinstance(parameter, Categorical):
        return _chosen(name, parameter, values, inside=inside)
    if not isinstance(parameter, Float | Int) or len(values) != 2:
        raise SpaceError(f"{verb}: {name} takes {_wanted(parameter)}, got {shown(given)}.")
    ends: list[Any] = [
        was if new is None else new for was, new in zip((parameter.low, parameter.high), values, strict=True)
    ]
    try:
        other = replace(parameter, low=ends[0], high=ends[1], default=None, prior=None, role="nuisance")
    except SpaceError as error:
        raise SpaceError(f"{verb}: {name}: {error}") from None
    fits = parameter.low <= other.low and other.high <= parameter.high
    if not (fits if inside else other.low <= parameter.low and parameter.high <= other.high):
        where = "inside of" if inside else "around"
        raise SpaceError(
            f"{verb}: {name} from {short(other.low)} to {short(other.high)} is not {where} its range, "
            f"{short(parameter.low)} to {short(parameter.high)}{_opposite(inside=inside)}."
        )
    default = parameter.default
    if default is not None:
        default = other.value(_nearest(other, float(default)))
    prior = parameter.prior
    if prior is not None and other.low < other.high:  # as wide as before, as a part of another range
        prior *= _width(parameter) / _width(other)
    return replace(other, default=default, prior=prior, role=parameter.role)  # type: ignore[arg-type]


def _wanted(parameter: Parameter) -> str:
    return "a list of choices" if isinstance(parameter, Categorical) else "(low, high), with None for an end that stays"


def _opposite(*, inside: bool) -> str:
    return "; widen goes beyond it" if inside else "; narrow goes inside of it"


def _width(parameter: Float | Int) -> float:
    """Return how wide the range is, on the parameter's own scale."""
    return math.log(parameter.high / parameter.low) if parameter.log else float(parameter.high - parameter.low)


def _nearest(parameter: Float | Int, value: float) -> float:
    value = min(max(value, parameter.low), parameter.high)
    return value if parameter.grid is None else parameter.grid.value(parameter.grid.nearest(value))


def _chosen(name: str, parameter: Categorical, values: list[Any], *, inside: bool) -> Parameter:
    verb = "narrow" if inside else "widen"
    try:
        given = replace(parameter, choices=tuple(values), default=None, prior=None, role="nuisance")
        for choice in given.choices if inside else ():
            parameter.code(choice, name)
    except SpaceError as error:
        raise SpaceError(f"{verb}: {name}: {error}") from None
    except ParamsError as error:
        raise SpaceError(f"{verb}: {error}") from None
    ours, theirs = parameter.choices, given.choices
    if inside:
        choices = [choice for choice in ours if _place(choice, theirs) is not None]
    elif all(_place(choice, theirs) is not None for choice in ours):
        choices = list(theirs)  # the whole list, in the order that is meant
    else:
        choices = [*ours, *(choice for choice in theirs if _place(choice, ours) is None)]
        are_numbers = isinstance(parameter, Ordinal) and isinstance(given, Ordinal) and given.is_numeric
        if are_numbers and parameter.is_numeric and list(ours) == sorted(ours):  # type: ignore[type-var]  # numbers
            choices.sort()  # else in the order that is given
    default = parameter.default
    keeps = default is None or _place(default, choices) is not None
    try:
        return replace(
            given,
            choices=tuple(choices),
            default=default if keeps else None,
            prior=parameter.prior if keeps else None,
            role=parameter.role if keeps else "nuisance",
        )
    except SpaceError as error:
        raise SpaceError(f"{verb}: {name}: {error}") from None


def active(made: Made, narrowed: Mapping[str, tuple[Parameter, Parameter]]) -> Made:
    """Return what can still be active where choices are gone: conditions without them, and no parameter that needs one.

    Args:
        made: with the narrower parameters in it.
        narrowed: what each was, and what it is.
    """
    choices = {name: (was.choices, now.choices) for name, (was, now) in narrowed.items()
               if isinstance(was, Categorical) and isinstance(now, Categorical)}  # fmt: skip
    parameters = dict(made.parameters)
    gone: set[str] = set()
    while True:
        for name, parameter in made.parameters.items():
            if name not in gone and parameter.when is not None:
                when = _possible(parameter.when, choices, gone)
                if when is None:
                    gone.add(name)
                    break
                parameters[name] = replace(parameter, when=when)  # type: ignore[type-var]
        else:
            break
    return kept(Made(parameters, made.require, made.fixed), gone, these=False) if gone else \
        Made(parameters, made.require, made.fixed)  # fmt: skip


_Choices = Mapping[str, tuple[tuple[Any, ...], tuple[Any, ...]]]


def _possible(condition: Condition, choices: _Choices, gone: set[str]) -> Condition | None:
    """Return the condition with the choices that are left; None where it can hold no more."""
    asked = set(condition.names())
    if not asked & (choices.keys() | gone):
        return condition
    match condition:
        case Opposite(All(parts)):  # an opposite holds while what it asks about is active, as its parts do
            return _possible(Some(tuple(~part for part in parts)), choices, gone)
        case Opposite(Some(parts)):
            return _possible(All(tuple(~part for part in parts)), choices, gone)
        case Comparison(name) | Membership(name) | Opposite(Comparison(name) | Membership(name)) if name in choices:
            was, now = choices[name]
            held = tuple(one for one in now if _holds(condition, one, was))
            is_whole = all(_place(value, now) is not None for value in _values(condition))
            return condition if held and is_whole else Membership(name, held) if held else None
        case All(parts):
            found = [_possible(part, choices, gone) for part in parts]
            all_of_them = tuple(part for part in found if part is not None)
            return All(all_of_them) if len(all_of_them) == len(found) else None
        case Some(parts):
            some = tuple(left for part in parts if (left := _possible(part, choices, gone)) is not None)
            return None if not some else some[0] if len(some) == 1 else Some(some)
    return None if asked & gone else condition


def _values(condition: Condition) -> tuple[object, ...]:
    """Return the choices that a comparison, a membership or the opposite of one mentions."""
    match condition:
        case Comparison(_, _, value):
            return (value,)
        case Membership(_, values):
            return tuple(values)
        case Opposite(part):
            return _values(part)
    return ()


def _holds(condition: Condition, choice: object, order: tuple[object, ...]) -> bool:
    """Return whether it holds of a choice, of which `order` has all, in their order."""
    match condition:
        case Comparison(_, symbol, value):
            return bool(COMPARE[symbol](_place(choice, order), _place(value, order)))
        case Membership(_, values):
            return _place(choice, values) is not None
        case Opposite(part):
            return not _holds(part, choice, order)
    raise TypeError(f"{condition!r} is no condition that is known here")


def _place(value: object, choices: Iterable[object]) -> int | None:
    """Return where a value is among choices, of which 1 and True are two."""
    return next((i for i, one in enumerate(choices) if one == value and type(one) is type(value)), None)


# Several, under other names and conditions


def joined(one: Made, other: Made) -> Made:
    """Return both together: what `|` of spaces makes.

    Raises:
        SpaceError: a name of both is not the same parameter in both, or held at two values.
    """
    for name, parameter in other.parameters.items():
        mine = one.parameters.get(name)
        if mine is not None and repr(mine) != repr(parameter):
            raise SpaceError(
                f"both spaces have {name!r}, as {mine!r} and as {parameter!r}: give one of them a prefix, "
                "space.prefixed('model__'), or leave it out, space.without('" + name + "')."
            )
    fixed = dict(one.fixed)
    for name, value in other.fixed.items():
        if name in fixed and fixed[name] != value:
            raise SpaceError(f"one space holds {name!r} at {fixed[name]!r}, the other at {value!r}.")
        fixed[name] = value
    require = [*one.require, *(text for text in other.require if text not in set(one.require))]
    return Made({**one.parameters, **other.parameters}, require, fixed)


def renamed(made: Made, name_of: Callable[[str], str]) -> Made:
    """Return the same with other names, in conditions and constraints too."""
    names = {name: name_of(name) for name in made.parameters}
    parameters = {
        names[name]: parameter
        if parameter.when is None
        else replace(parameter, when=_renamed_condition(parameter.when, names))  # type: ignore[type-var]
        for name, parameter in made.parameters.items()
    }
    require = [_renamed_text(text, names) for text in made.require]
    return Made(parameters, require, {names[name]: value for name, value in made.fixed.items()})


def _renamed_condition(condition: Condition, names: Mapping[str, str]) -> Condition:
    match condition:
        case Comparison(name, symbol, value):
            return Comparison(names[name], symbol, value)
        case Membership(name, values):
            return Membership(names[name], values)
        case All(parts) | Some(parts):
            return type(condition)(tuple(_renamed_condition(part, names) for part in parts))
        case Opposite(part):
            return Opposite(_renamed_condition(part, names))
    raise TypeError(f"{condition!r} is no condition that is known here")


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def _named(self, node: ast.expr, written: str) -> ast.expr:
        name = self._names.get(written)
        if name is None:
            return node
        if all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
            return ast.parse(name, mode="eval").body
        return ast.parse(f"given({name!r})", mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._named(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self._named(node, ast.unparse(node))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "given" and isinstance(node.args[0], ast.Constant):
            return self._named(node, str(node.args[0].value))
        node.args = [self.visit(argument) for argument in node.args]
        return node


def _renamed_text(text: str, names: Mapping[str, str]) -> str:
    return ast.unparse(_Renamer(names).visit(ast.parse(text, mode="eval")))


def under(made: Made, condition: Condition) -> Made:
    """Return the same, every parameter active only where the condition holds too."""
    parameters = {
        name: replace(parameter, when=condition if parameter.when is None else condition & parameter.when)  # type: ignore[type-var]
        for name, parameter in made.parameters.items()
    }
    return Made(parameters, made.require, made.fixed)


def kept(made: Made, names: Iterable[str], *, these: bool) -> Made:
    """Return the parameters of these names, or the others; constraints that mention one that goes, go with it.

    Raises:
        SpaceError: there is no such parameter.
    """
    wanted = set()
    for name in names:
        if name not in made.parameters:
            raise SpaceError(
                f"{shown(name)} is no parameter of this space{did_you_mean(str(name), made.parameters)}; "
                f"there are: {', '.join(made.parameters)}."
            )
        wanted.add(name)
    stays = {name: p for name, p in made.parameters.items() if (name in wanted) == these}
    gone = {name for name in made.parameters if name not in stays}
    for name, parameter in stays.items():
        asked = [] if parameter.when is None else [one for one in parameter.when.names() if one in gone]
        if asked:
            raise SpaceError(
                f"{name} depends on {asked[0]!r}, which is left out: leave out {name} too, or hold "
                f"{asked[0]!r} with space.fix, or space.narrow it to what it is."
            )
    require = [text for text in made.require if not gone & _mentioned(text)]
    fixed: Params = {name: value for name, value in made.fixed.items() if name in stays}
    return Made(stays, require, fixed)


def _mentioned(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Name | ast.Attribute):
            found.add(ast.unparse(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


# As code


def code(made: Made) -> str:
    """Return the call that makes the space again, with names of `import trimtab as tt`."""
    lines = [f"        {name!r}: {_parameter_code(parameter)}," for name, parameter in made.parameters.items()]
    more = [f"    require={list(made.require)!r},"] if made.require else []
    more += [f"    fixed={made.fixed!r},"] if made.fixed else []
    return "\n".join(["tt.Space(", "    {", *lines, "    },", *more, ")"])


def _parameter_code(parameter: Parameter) -> str:
    kind = type(parameter).__name__
    listed = parameter._POSITIONAL
    words = [repr(value) if key in listed else f"{key}={value!r}" for key, value in _options(parameter).items()]
    if parameter.when is not None:
        words.append(f"when={_condition_code(parameter.when)}")
    return f"tt.{kind}({', '.join(words)})"


def _condition_code(condition: Condition) -> str:
    match condition:
        case Comparison(name, symbol, value):
            return f"tt.given({name!r}) {symbol} {value!r}"
        case Membership(name, values):
            return f"tt.given({name!r}).is_in({list(values)!r})"
        case All(parts):
            return " & ".join(f"({_condition_code(part)})" for part in parts)
        case Some(parts):
            return " | ".join(f"({_condition_code(part)})" for part in parts)
        case Opposite(part):
            return f"~({_condition_code(part)})"
    raise TypeError(f"{condition!r} is no condition that is known here")
