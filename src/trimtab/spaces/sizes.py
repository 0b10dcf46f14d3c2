"""How large a task is, and ranges that follow from it."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from trimtab.checks import is_whole
from trimtab.errors import SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown

TASKS: Final = ("classification", "regression")
_ALSO: Final = {"binary": "classification", "multiclass": "classification"}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What ranges may follow from; None for what is not known.

    Attributes:
        task: "classification" or "regression"; "binary" and "multiclass" are classification too.
        rows: that a model is fitted on.
        features: columns that it sees.
        classes: of a classification.
        budget_s: seconds that one trial may take.
    """

    task: str | None = None
    rows: int | None = None
    features: int | None = None
    classes: int | None = None
    budget_s: float | None = None

    def __post_init__(self) -> None:
        task: object = self.task
        if task is not None:
            known = (*TASKS, *_ALSO)
            if task not in known:
                near = did_you_mean(str(task), known)
                raise SpaceError(f"task= is one of {', '.join(map(repr, known))}, got {shown(task)}{near}.")
            if task == "binary" and self.classes is None:
                object.__setattr__(self, "classes", 2)
            object.__setattr__(self, "task", _ALSO.get(str(task), task))
        for name in ("rows", "features", "classes"):
            value = getattr(self, name)
            if value is not None and (not is_whole(value) or value < 1):
                raise SpaceError(f"{name}= is a whole number above 0, got {shown(value)}.")
        budget: Any = self.budget_s
        if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int | float) or not budget > 0):
            raise SpaceError(f"budget_s= is the seconds that one trial may take, above 0, got {shown(budget)}.")

    def widened(self) -> Sizes:
        """Return the sizes behind a step that changes the columns."""
        return Sizes(self.task, self.rows, None, self.classes, self.budget_s)


@dataclass(frozen=True, slots=True)
class At:
    """A number that follows the sizes.

    Attributes:
        formula: of rows, features, classes and budget_s, with + - * / **, min, max, sqrt, log.
        usual: the number where a size that the formula mentions is not known.
    """

    formula: str
    usual: float

    def __post_init__(self) -> None:
        for node in ast.walk(ast.parse(self.formula, mode="eval")):
            if isinstance(node, ast.Name) and node.id not in (*_SIZES, *_FUNCTIONS):
                raise ValueError(f"{self.formula!r} mentions {node.id}, which is no size")

    def of(self, sizes: Sizes) -> float:
        """Return the number at these sizes."""
        tree = ast.parse(self.formula, mode="eval").body
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(_SIZES)
        if any(getattr(sizes, name) is None for name in named):
            return self.usual
        return float(f"{_value(tree, sizes):.3g}")  # a range is no more exact than that


Number = float | int | At


def number(value: Number, sizes: Sizes) -> float:
    """Return a number as it is, or as it follows from the sizes."""
    return value.of(sizes) if isinstance(value, At) else float(value)


_SIZES: Final = ("rows", "features", "classes", "budget_s")
_FUNCTIONS: Final[dict[str, Callable[..., float]]] = {"min": min, "max": max, "sqrt": math.sqrt, "log": math.log}
_OPERATORS: Final[dict[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _value(node: ast.expr, sizes: Sizes) -> float:
    match node:
        case ast.Constant(value) if isinstance(value, int | float):
            return float(value)
        case ast.Name(name):
            return float(getattr(sizes, name))
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, sizes), _value(right, sizes))
        case ast.Call(ast.Name(name), arguments) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(_value(argument, sizes) for argument in arguments)))
    raise ValueError(f"{ast.unparse(node)!r} is no formula")
