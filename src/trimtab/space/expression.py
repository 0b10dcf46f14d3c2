"""Constraints known before a trial runs: "layers * batch <= 1024".

The text is parsed by Python's grammar and translated, node by node, into the small tree below; what is not on the list
is refused and nothing is ever evaluated as Python. The tree computes on whole columns.

Every node computes floats. A truth is 1.0, 0.0 or nan: a number that does not exist (1/0, log(-1)) leaves what it
decides undecided, by the logic of Kleene, and a constraint that is undecided does not hold.
"""

from __future__ import annotations

import ast
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

import numpy as np

from trimtab.arrays import Bools, Floats
from trimtab.errors import SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.arguments import is_text
from trimtab.space.condition import COMPARE, Choice, shown
from trimtab.space.parameter import Categorical, Ordinal, Parameter

MAX_LENGTH: Final = 10_000
MAX_DEPTH: Final = 150
MAX_CELLS: Final = 1_000_000
"""Cells of the tables of one constraint: `a == b` of two parameters of 1,000 choices each has as many."""


class Node(Protocol):
    """A part of an expression that computes a number, or a truth as 1.0, 0.0 or nan."""

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        """Return [...] from the columns of codes, [...] each, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a truth."""

    value: float

    def compute(self, columns: Mapping[str, Floats]) -> Floats:  # noqa: ARG002 - the same for every row
        return np.float64(self.value)  # type: ignore[return-value]  # broadcasts as an array of no dimensions


@dataclass(frozen=True, slots=True)
class Column:
    """A `Float` or `Int`, whose code is its value."""

    name: str

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        return columns[self.name]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What each choice of a `Categorical` or `Ordinal` stands for: its number, or whether it passes a comparison."""

    name: str
    table: tuple[float, ...]

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        return np.asarray(self.table)[np.nan_to_num(columns[self.name]).astype(np.intp)]


@dataclass(frozen=True, slots=True)
class PairLookup:
    """Whether each pair of choices of two parameters passes a comparison."""

    left: str
    right: str
    table: tuple[tuple[float, ...], ...]

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        rows, cols = (np.nan_to_num(columns[name]).astype(np.intp) for name in (self.left, self.right))
        return np.asarray(self.table)[rows, cols]


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of numbers, by its name in `FUNCTIONS`."""

    function: str
    arguments: tuple[Node, ...]

    def compute(self, columns: Mapping[str, Floats]) -> Floats:
        function = FUNCTIONS[self.function]
        result = function(*(argument.compute(columns) for argument in self.arguments[:2]))
        for argument in self.arguments[2:]:  # min and max of many
            result = function(result, argument.compute(columns))
        return result


def _defined(function: Callable[..., Floats], domain: Callable[..., Bools]) -> Callable[..., Floats]:
    """Return `function` made nan outside its domain, where NumPy would say an infinity."""

    def inside(*arguments: Floats) -> Floats:
        return np.where(domain(*arguments), function(*arguments), np.nan)

    return inside


def _comparison(compare: Callable[[Floats, Floats], Bools]) -> Callable[[Floats, Floats], Floats]:
    def decided(left: Floats, right: Floats) -> Floats:
        return np.where(np.isnan(left) | np.isnan(right), np.nan, compare(left, right))

    return decided


def _and(left: Floats, right: Floats) -> Floats:
    return np.where((left == 0) | (right == 0), 0.0, left * right)


def _or(left: Floats, right: Floats) -> Floats:
    return 1 - _and(1 - left, 1 - right)


FUNCTIONS: Final[dict[str, Callable[..., Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _defined(np.divide, lambda _, divisor: divisor != 0),
    "//": _defined(np.floor_divide, lambda _, divisor: divisor != 0),
    "%": _defined(np.mod, lambda _, divisor: divisor != 0),
    "**": _defined(np.power, lambda base, exponent: (base != 0) | (exponent >= 0)),
    "negative": np.negative,
    "==": _comparison(np.equal),
    "!=": _comparison(np.not_equal),
    "<": _comparison(np.less),
    "<=": _comparison(np.less_equal),
    ">": _comparison(np.greater),
    ">=": _comparison(np.greater_equal),
    "and": _and,
    "or": _or,
    "not": lambda truth: 1 - truth,
    "min": np.minimum,
    "max": np.maximum,
    "abs": np.abs,
    "log": _defined(np.log, lambda number: number > 0),
    "exp": np.exp,
    "sqrt": np.sqrt,
}
_CALLABLE: Final = {"min": (1, None), "max": (1, None), "abs": (1, 1), "log": (1, 1), "exp": (1, 1), "sqrt": (1, 1)}
_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARE: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A constraint.

    Attributes:
        text: as it was written.
        names: the parameters that it mentions.
        root: the tree.
    """

    text: str
    names: tuple[str, ...]
    root: Node

    def holds(self, columns: Mapping[str, Floats]) -> Bools:
        """Return [...] whether the constraint holds.

        Where a parameter that it mentions is inactive (nan), it does.

        Args:
            columns: the codes of the parameters by name, [...] each.
        """
        with np.errstate(all="ignore"):
            truth = self.root.compute(columns) == 1.0
        idle = np.isnan(columns[self.names[0]])
        for name in self.names[1:]:
            idle = idle | np.isnan(columns[name])
        return np.asarray(truth | idle)


def parse(text: str, parameters: Mapping[str, Parameter]) -> Expression:
    """Read a constraint on `parameters`.

    It is made of arithmetic (+ - * / // % **), comparisons (chained too), and, or, not, in [...], min, max, abs, log,
    exp, sqrt, numbers, text, True, False, None and the names of parameters. A name that Python would not take for one
    is written given('weight-decay'); dotted names are written as they are.

    Raises:
        SpaceError: what cannot be read or makes no sense; the message points at the place.
    """
    if not isinstance(text, str):
        raise SpaceError(f"a constraint is a text such as 'layers * batch <= 1024', got {shown(text)}.")
    if len(text) > MAX_LENGTH:
        raise SpaceError(
            f"a constraint has at most {MAX_LENGTH:,} characters, got one of {len(text):,}: split it into several."
        )
    line = " ".join(text.split("\n")).strip()
    if not is_text(line) or "\0" in line:
        raise SpaceError(f"constraint {shown(line)} holds a character that no text has.")
    try:
        tree = ast.parse(line, mode="eval")
    except SyntaxError as error:
        if not error.offset:  # the grammar wanted more
            raise SpaceError(_pointed(line, len(line), len(line), "cannot be read: it ends too early")) from None
        end = (error.end_offset or 0) - 1 if error.end_lineno == error.lineno else 0
        raise SpaceError(_pointed(line, error.offset - 1, end, f"cannot be read: {error.msg}")) from None
    except (ValueError, MemoryError, RecursionError):
        raise SpaceError(f"constraint {shown(line)} is nested too deep; split it into several.") from None
    rest = line.encode()[tree.body.end_col_offset :].decode()
    if "#" in rest:  # the lines are read as one, so a comment would swallow those after it
        raise SpaceError(_pointed(line, len(line) - len(rest) + rest.index("#"), 0, "holds a comment; leave it out"))
    reader = _Reader(line, parameters)
    try:
        root = reader.truth(tree.body)
    except RecursionError:  # whoever calls has used up most of the stack
        raise SpaceError(f"constraint {shown(line)} is nested too deep; split it into several.") from None
    if not reader.names:
        raise SpaceError(f"constraint {line!r} mentions no parameter, so it would hold always or never.")
    return Expression(line, tuple(reader.names), root)


@dataclass(frozen=True, slots=True)
class _Number:
    node: Node


@dataclass(frozen=True, slots=True)
class _Truth:
    node: Node


@dataclass(frozen=True, slots=True)
class _Choices:
    """A parameter whose choices are not all numbers; only comparison with a choice gives it a meaning."""

    name: str
    parameter: Categorical


@dataclass(frozen=True, slots=True)
class _Literal:
    """A text or None."""

    value: Choice


_Typed = _Number | _Truth | _Choices | _Literal


class _Reader:
    """Translates Python's tree into ours, and checks types on the way."""

    def __init__(self, line: str, parameters: Mapping[str, Parameter]) -> None:
        self.line = line
        self.names: dict[str, None] = {}  # in the order of mention
        self._parameters = parameters
        # Python reads identifiers in their compatibility form (PEP 3131): a name is found under that too.
        self._identifiers = {unicodedata.normalize("NFKC", name): name for name in parameters}
        self._depth = 0
        self._n_cells = 0
        self._lookups: dict[str, _Number | _Truth] = {}

    def truth(self, node: ast.expr) -> Node:
        typed = self.read(node)
        if isinstance(typed, _Truth):
            return typed.node
        self.refuse(node, f"{_noun(typed)} is neither true nor false; compare it with something")

    def number(self, node: ast.expr) -> Node:
        typed = self.read(node)
        if isinstance(typed, _Number | _Truth):  # a truth counts as 0 or 1, so that a sum of truths counts them
            return typed.node
        self.refuse(node, f"expected a number, got {_noun(typed)}")

    def read(self, node: ast.expr) -> _Typed:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.refuse(node, f"is nested more than {MAX_DEPTH} deep; split it into several constraints")
        typed = self._read(node)
        self._depth -= 1
        return typed

    def _read(self, node: ast.expr) -> _Typed:
        match node:
            case ast.Constant(value=value):
                return self._constant(node, value)
            case ast.Name(id=name):
                return self._parameter(node, name)
            case ast.Attribute():
                return self._parameter(node, self._dotted(node))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Truth(Apply("not", (self.truth(operand),)))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self.number(operand)
                if isinstance(sign, ast.UAdd):
                    return _Number(number)
                return _Number(
                    Constant(-number.value) if isinstance(number, Constant) else Apply("negative", (number,))
                )
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _Number(Apply(_BINARY[type(op)], (self.number(left), self.number(right))))
            case ast.BoolOp(op=op, values=values):
                return _Truth(
                    _chain("and" if isinstance(op, ast.And) else "or", [self.truth(value) for value in values])
                )
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                lefts = [left, *comparators[:-1]]
                links = [self._link(*link) for link in zip(lefts, ops, comparators, strict=True)]
                return _Truth(_chain("and", links))
            case ast.Call(func=ast.Name(id="given"), args=[ast.Constant(value=str(name))], keywords=[]):
                return self._parameter(node, name)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if function in _CALLABLE:
                return self._call(node, function, arguments)
            case ast.Call():
                known = f"{', '.join(_CALLABLE)} and given('name')"
                self.refuse(node, f"calls something else than {known}")
            case ast.List() | ast.Tuple() | ast.Set():
                self.refuse(node, "has a list where a value is expected; lists follow 'in'")
            case _:
                self.refuse(
                    node,
                    "uses something else than arithmetic (+ - * / // % **), comparisons, and, or, not, in [...], "
                    f"{', '.join(_CALLABLE)}, numbers, text and names of parameters",
                )

    def _constant(self, node: ast.expr, value: object) -> _Typed:
        if isinstance(value, bool):
            return _Truth(Constant(float(value)))
        if isinstance(value, int | float):
            try:
                return _Number(Constant(float(value)))
            except OverflowError:
                self.refuse(node, "holds a number beyond 1.8e308")
        if value is None or isinstance(value, str):
            return _Literal(value)
        self.refuse(node, f"holds {shown(value)}; only numbers, text, True, False and None have a meaning here")

    def _dotted(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            self.refuse(node, "has a dot after something that is no name")
        return ".".join([node.id, *reversed(parts)])

    def _parameter(self, node: ast.expr, written: str) -> _Typed:
        name = (
            written
            if written in self._parameters
            else self._identifiers.get(unicodedata.normalize("NFKC", written), written)
        )
        parameter = self._parameters.get(name)
        if parameter is None:
            self.refuse(
                node,
                f"mentions {written!r}, which is no parameter of this space{did_you_mean(written, self._parameters)}",
            )
        self.names[name] = None
        if not isinstance(parameter, Categorical):
            return _Number(Column(name))
        if name in self._lookups:
            return self._lookups[name]
        known = self._meaning(node, name, written, parameter)
        if isinstance(known, _Number | _Truth):
            self._lookups[name] = known
        return known

    def _meaning(self, node: ast.expr, name: str, written: str, parameter: Categorical) -> _Number | _Truth | _Choices:
        """Return what a parameter of choices stands for in a constraint."""
        if parameter.is_numeric:
            if any(abs(choice) > sys.float_info.max for choice in parameter.choices):  # type: ignore[arg-type]
                self.refuse(node, f"mentions {written!r}, of which a choice is beyond 1.8e308")
            self._pay(node, len(parameter.choices))
            return _Number(Lookup(name, tuple(float(choice) for choice in parameter.choices)))  # type: ignore[arg-type]
        if all(isinstance(choice, bool) for choice in parameter.choices):
            return _Truth(Lookup(name, tuple(float(choice) for choice in parameter.choices)))  # type: ignore[arg-type]
        return _Choices(name, parameter)

    def _call(self, node: ast.expr, function: str, arguments: list[ast.expr]) -> _Typed:
        least, most = _CALLABLE[function]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            self.refuse(
                node,
                f"gives {function} {len(arguments)} arguments; it takes {least if most == least else 'at least one'}",
            )
        nodes = tuple(self.number(argument) for argument in arguments)
        return _Number(nodes[0] if most is None and len(nodes) == 1 else Apply(function, nodes))

    def _link(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Node:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
                self.refuse(right, "expects a list of values after 'in', such as [1, 2]")
            found = _chain("or", [self._compare(left, "==", item) for item in right.elts])
            return found if isinstance(op, ast.In) else Apply("not", (found,))
        symbol = _COMPARE.get(type(op))
        if symbol is None:
            self.refuse(right, "compares with 'is'; use == or !=")
        return self._compare(left, symbol, right)

    def _compare(self, left_node: ast.expr, symbol: str, right_node: ast.expr) -> Node:
        left, right = self.read(left_node), self.read(right_node)
        if isinstance(left, _Number | _Truth) and isinstance(right, _Number | _Truth):
            return Apply(symbol, (left.node, right.node))
        if isinstance(left, _Choices) and isinstance(right, _Choices):
            if symbol not in ("==", "!="):
                self.refuse(
                    right_node,
                    f"compares {left.name} and {right.name} with {symbol}; choices are compared with == or !=",
                )
            self._pay(right_node, len(left.parameter.choices) * len(right.parameter.choices))
            rows = tuple(
                tuple(float(_same(a, b) is (symbol == "==")) for b in right.parameter.choices)
                for a in left.parameter.choices
            )
            return PairLookup(left.name, right.name, rows)
        if isinstance(left, _Choices):
            return self._choice(left, symbol, right, right_node)
        if isinstance(right, _Choices):
            return self._choice(right, _MIRRORED[symbol], left, left_node)
        self.refuse(right_node, f"compares {_noun(left)} with {_noun(right)}")

    def _choice(self, choices: _Choices, symbol: str, other: _Typed, node: ast.expr) -> Node:
        """Return the comparison of a parameter's choices with one choice, as a table."""
        parameter = choices.parameter
        value: Choice
        match other:
            case _Literal(value=literal):
                value = literal
            case _Number(node=Constant(value=number)):
                value = number
            case _Truth(node=Constant(value=number)):
                value = bool(number)
            case _:
                self.refuse(node, f"compares {choices.name}, which is {parameter!r}, with {_noun(other)}")
        place = next((i for i, choice in enumerate(parameter.choices) if _same(choice, value)), None)
        if place is None:
            near = (
                did_you_mean(value, [c for c in parameter.choices if isinstance(c, str)])
                if isinstance(value, str)
                else ""
            )
            self.refuse(
                node,
                f"compares {choices.name} with {value!r}, which it cannot be{near}: {choices.name} is {parameter!r}",
            )
        if symbol not in ("==", "!=") and not isinstance(parameter, Ordinal):
            self.refuse(
                node,
                f"compares {choices.name} with {symbol}, though its choices have no order; "
                "use == or in, or make it an Ordinal",
            )
        compare = COMPARE[symbol]
        self._pay(node, len(parameter.choices))
        return Lookup(choices.name, tuple(float(compare(i, place)) for i in range(len(parameter.choices))))

    def _pay(self, node: ast.expr, n_cells: int) -> None:
        """Count the cells of a table; refuse the constraint when it has too many."""
        self._n_cells += n_cells
        if self._n_cells > MAX_CELLS:
            self.refuse(node, f"compares choices in more than {MAX_CELLS:,} ways; list fewer, or split the constraint")

    def refuse(self, node: ast.expr, why: str) -> NoReturn:
        # Python counts columns in bytes of UTF-8; people count characters.
        encoded = self.line.encode()
        start = len(encoded[: node.col_offset].decode(errors="ignore"))
        end = len(encoded[: node.end_col_offset or node.col_offset + 1].decode(errors="ignore"))
        raise SpaceError(_pointed(self.line, start, end, why))


_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _chain(function: str, nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Apply(function, tuple(nodes))


def _same(left: Choice, right: Choice) -> bool:
    """Return whether two choices are the same; a truth is never a number."""
    return left == right and isinstance(left, bool) is isinstance(right, bool)


def _noun(typed: _Typed) -> str:
    match typed:
        case _Number():
            return "a number"
        case _Truth():
            return "a truth"
        case _Choices(name=name):
            return f"{name} (whose choices are not numbers)"
        case _Literal(value=None):
            return "None"
        case _Literal(value=value):
            return f"the text {value!r}"


def _pointed(line: str, start: int, end: int, why: str) -> str:
    """Return the message with the line, cut to a window if it is long, and a caret under the place."""
    first = max(0, start - 50)
    window = line[first : first + 100]
    caret = " " * (start - first) + "^" * max(1, min(end, first + 100) - start)
    quoted = shown(line).removesuffix(" (of type str)")
    return f"constraint {quoted} {why}.\n    {window}\n    {caret}"
