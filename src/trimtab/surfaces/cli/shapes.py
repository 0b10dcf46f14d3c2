"""Shapes: what a value in a study file may look like.

A shape does two things from one description: it reads a tree, noting every fault with its line, and it says itself as
JSON Schema (draft 2020-12). So the published schema and the validator cannot disagree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from trimtab.plugins import did_you_mean
from trimtab.surfaces.cli.document import Tree
from trimtab.surfaces.render.text import clean, cut


class _Bad:
    """What stands for a value that could not be read."""

    def __repr__(self) -> str:
        return "BAD"


BAD: Final = _Bad()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: line and key path."""

    line: int
    path: str
    problem: str


MAX_FAULTS = 50
"""Faults of a file that are told at once: nobody reads more, and a file may have as many as it has values."""


@dataclass(slots=True)
class Faults:
    """Collects what is wrong with a file, so that all of it can be said at once, up to `MAX_FAULTS`."""

    found: list[Fault] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether so much is wrong that nothing more is noted."""
        return len(self.found) >= MAX_FAULTS

    def add(self, tree: Tree, path: str, problem: str) -> _Bad:
        """Note a fault and return `BAD`."""
        if not self.is_full:
            self.found.append(Fault(tree.line, path, problem.rstrip(".")))
        return BAD


class Shape(Protocol):
    """What a value may look like."""

    @property
    def expected(self) -> str:
        """A noun phrase for messages and documents: "a number above 0"."""
        ...

    def fits(self, tree: Tree) -> bool:
        """Return whether the value is of the right type at its top, so that reading it is worth while."""
        ...

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        """Return the value in plain form; note what is wrong and return `BAD` if it cannot be used."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the shape as JSON Schema."""
        ...


def described(value: object) -> str:
    """Return what a value is, for "expected ..., got ..."."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {cut(clean(repr(value)), 60)}"
        case int() | float():
            return f"the number {cut(str(value), 40)}"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__} ({value})"


def _refuse(shape: Shape, tree: Tree, path: str, faults: Faults, hint: str = "") -> _Bad:
    return faults.add(tree, path, f"expected {shape.expected}, got {described(tree.value)}{hint}")


def join(path: str, key: str) -> str:
    """Return the path of `key` in the mapping at `path`."""
    return f"{path}.{key}" if path else key


# Scalars


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is not empty.

    Attributes:
        what: what it says, as a noun phrase.
        pattern: a regular expression that it matches as a whole, in the common tongue of Python and JSON Schema.
    """

    what: str = "text"
    pattern: str | None = None

    @property
    def expected(self) -> str:
        return self.what

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, str)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        value = tree.value
        if not isinstance(value, str):
            hint = "; put quotes around it" if isinstance(value, (int, float)) else ""
            return _refuse(self, tree, path, faults, hint)
        if not value or (self.pattern is not None and not re.search(self.pattern, value)):
            return _refuse(self, tree, path, faults)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1} | ({} if self.pattern is None else {"pattern": self.pattern})


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return " or ".join(self.words)

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, str)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if tree.value in self.words:
            return tree.value
        return _refuse(self, tree, path, faults, did_you_mean(str(tree.value), self.words))

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number.

    Attributes:
        above, least: the open or closed lower end, None for none.
        below, most: likewise the upper end.
        whole: whether it is an integer; 3.0 is one.
    """

    above: float | None = None
    least: float | None = None
    whole: bool = False
    most: float | None = None
    below: float | None = None

    @property
    def expected(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        if self.above is not None and self.below is not None:
            return f"{noun} above {self.above:g} and below {self.below:g}"
        if self.above is not None:
            return f"{noun} above {self.above:g}"
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least:g} to {self.most:,.15g}"
        return noun if self.least is None else f"{noun}, {self.least:g} or more"

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, (int, float)) and not isinstance(tree.value, bool)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        value = tree.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _refuse(self, tree, path, faults, _number_hint(value))
        if isinstance(value, float) and not math.isfinite(value):
            return _refuse(self, tree, path, faults)
        if self.whole and value != int(value):
            return _refuse(self, tree, path, faults)
        if (self.above is not None and not value > self.above) or (self.least is not None and not value >= self.least):
            return _refuse(self, tree, path, faults)
        if (self.most is not None and value > self.most) or (self.below is not None and value >= self.below):
            return _refuse(self, tree, path, faults)
        return int(value) if self.whole else value

    def schema(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        if self.above is not None:
            said["exclusiveMinimum"] = self.above
        if self.least is not None:
            said["minimum"] = self.least
        if self.most is not None:
            said["maximum"] = self.most
        if self.below is not None:
            said["exclusiveMaximum"] = self.below
        return said


def _number_hint(value: object) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return ""
        return "; remove the quotes"
    return ""


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    @property
    def expected(self) -> str:
        return "true or false"

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, bool)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if isinstance(tree.value, bool):
            return tree.value
        return _refuse(self, tree, path, faults)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A choice: text, a finite number, true, false or null."""

    @property
    def expected(self) -> str:
        return "text, a number, true, false or null"

    def fits(self, tree: Tree) -> bool:
        return tree.value is None or isinstance(tree.value, (str, int, float))

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if not self.fits(tree) or (isinstance(tree.value, float) and not math.isfinite(tree.value)):
            return _refuse(self, tree, path, faults)
        return tree.value

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean", "null"]}


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever the file can say."""

    @property
    def expected(self) -> str:
        return "any value"

    def fits(self, tree: Tree) -> bool:  # noqa: ARG002 - the protocol's signature
        return True

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:  # noqa: ARG002 - the protocol's signature
        return tree.plain()

    def schema(self) -> dict[str, Any]:
        return {}


# Collections


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list.

    Attributes:
        item: what each of its values looks like.
        what: what the list is, as a noun phrase.
        least, most: how many values there are; `most` None for any number.
    """

    item: Shape
    what: str
    least: int = 1
    most: int | None = None

    @property
    def expected(self) -> str:
        return self.what

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, list)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if not isinstance(tree.value, list):
            return _refuse(self, tree, path, faults)
        n = len(tree.value)
        if n < self.least or (self.most is not None and n > self.most):
            return faults.add(tree, path, f"expected {self.what}, got a list of {n}")
        values = [self.item.read(inner, f"{path}[{i}]", faults) for i, inner in enumerate(tree.value)]
        return BAD if BAD in values else values

    def schema(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.least:
            said["minItems"] = self.least
        if self.most is not None:
            said["maxItems"] = self.most
        return said


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are names that the user chooses.

    Attributes:
        value: what each value looks like.
        what: what the mapping is, as a noun phrase.
        least: how many entries there are at least.
    """

    value: Shape
    what: str
    least: int = 1

    @property
    def expected(self) -> str:
        return self.what

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, dict)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if not isinstance(tree.value, dict) or len(tree.value) < self.least:
            return _refuse(self, tree, path, faults, " without entries" if isinstance(tree.value, dict) else "")
        values: dict[str, Any] = {}
        for key, inner in tree.value.items():
            if not key:
                values[key] = faults.add(inner, path, "a name is text that is not empty")
            else:
                values[key] = self.value.read(inner, join(path, key), faults)
        return BAD if BAD in values.values() else values

    def schema(self) -> dict[str, Any]:
        said = {
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": self.value.schema(),
        }
        return said | ({"minProperties": self.least} if self.least else {})


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record, and what it is for in one sentence."""

    name: str
    shape: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Together:
    """A rule about which keys go together: of `keys`, at most one is given, and at least one if `needed`."""

    keys: tuple[str, ...]
    needed: bool = False

    def check(self, tree: Tree, path: str, faults: Faults) -> None:
        given = [key for key in tree.value if key in self.keys]
        if len(given) > 1:
            faults.add(
                tree.value[given[1]], join(path, given[1]), f"goes not together with {given[0]!r}; give one of them"
            )
        elif self.needed and not given:
            faults.add(tree, path, f"one of {', '.join(self.keys)} is missing")

    def schema(self) -> dict[str, Any]:
        if self.needed:
            return {"oneOf": [{"required": [key]} for key in self.keys]}
        pairs = [(a, b) for i, a in enumerate(self.keys) for b in self.keys[i + 1 :]]
        return {"not": {"anyOf": [{"required": list(pair)} for pair in pairs]}}


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping whose keys are known; any other is a mistake.

    Attributes:
        keys: what there may be.
        what: what the mapping is, as a noun phrase.
        rules: which keys go together.
        least: how many keys are given at least.
    """

    keys: tuple[Key, ...]
    what: str
    rules: tuple[Together, ...] = ()
    least: int = 0

    @property
    def expected(self) -> str:
        return self.what

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, dict)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if not isinstance(tree.value, dict):
            return _refuse(self, tree, path, faults)
        if len(tree.value) < self.least:
            return faults.add(tree, path, f"expected {self.what}, got a mapping without entries")
        n_before = len(faults.found)
        known = {key.name: key for key in self.keys}
        values: dict[str, Any] = {}
        for name, inner in tree.value.items():
            if faults.is_full:
                break
            if name in known:
                values[name] = known[name].shape.read(inner, join(path, name), faults)
            else:
                near = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
                faults.add(inner, join(path, clean(name)), f"there is no such key{near}")
        for key in self.keys:
            if key.required and key.name not in tree.value:
                faults.add(tree, join(path, key.name), f"is missing: {key.shape.expected}")
        for rule in self.rules:
            rule.check(tree, path, faults)
        return values if len(faults.found) == n_before else BAD

    def schema(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "type": "object",
            "properties": {key.name: key.shape.schema() | {"description": key.doc} for key in self.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys if key.required]
        if required:
            said["required"] = required
        if self.least:
            said["minProperties"] = self.least
        if self.rules:
            said["allOf"] = [rule.schema() for rule in self.rules]
        return said


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the type of the value."""

    shapes: tuple[Shape, ...]

    @property
    def expected(self) -> str:
        return ", or ".join(shape.expected for shape in self.shapes)

    def fits(self, tree: Tree) -> bool:
        return any(shape.fits(tree) for shape in self.shapes)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        for shape in self.shapes:
            if shape.fits(tree):
                return shape.read(tree, path, faults)
        if self._takes_numbers():
            return _refuse(self, tree, path, faults, _number_hint(tree.value))
        wants_text = any(isinstance(shape, Text) for shape in self.shapes) and isinstance(tree.value, (int, float))
        return _refuse(self, tree, path, faults, "; put quotes around it" if wants_text else "")

    def _takes_numbers(self) -> bool:
        return any(isinstance(shape, Number) for shape in self.shapes)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [shape.schema() for shape in self.shapes]}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A mapping of one of several kinds, told apart by which of the tags is among its keys."""

    kinds: Mapping[str, Record]
    what: str

    @property
    def expected(self) -> str:
        return self.what

    def fits(self, tree: Tree) -> bool:
        return isinstance(tree.value, dict)

    def read(self, tree: Tree, path: str, faults: Faults) -> Any:
        if not isinstance(tree.value, dict):
            return _refuse(self, tree, path, faults)
        tags = [key for key in tree.value if key in self.kinds]
        if len(tags) != 1:
            if tags:
                return faults.add(tree.value[tags[1]], join(path, tags[1]), f"goes not together with {tags[0]!r}")
            near = next((n for n in (did_you_mean(key, self.kinds) for key in tree.value) if n), "")
            return faults.add(tree, path, f"expected {self.what}, got the keys {_listed(tree.value)}{near}")
        return self.kinds[tags[0]].read(tree, path, faults)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [record.schema() for record in self.kinds.values()]}


def _listed(words: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(map(repr, words)) or "(none)"
