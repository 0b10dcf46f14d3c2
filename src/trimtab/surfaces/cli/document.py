"""Study files as trees that know their lines: YAML with the numbers of YAML 1.2, and TOML.

PyYAML speaks YAML 1.1, in which `1e-5` is text, `no` is false and `12:30` is 750. Here plain scalars follow the core
schema of YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3.2), a key may not come twice, and no tag makes an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from trimtab.errors import SpecError

ENDINGS = (".yaml", ".yml", ".toml")
MAX_BYTES = 4_000_000
MAX_NODES = 200_000
MAX_DEPTH = 64

Scalar: TypeAlias = str | int | float | bool | None
Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and the line on which it begins, counted from 1.

    Attributes:
        value: a scalar, a list of trees, or a dict of trees by key; TOML's dates and other oddities stay as they are.
        line: where the value begins; in a dict, where its key stands.
    """

    value: Any
    line: int

    def plain(self) -> Any:
        """Return the value without lines."""
        if isinstance(self.value, dict):
            return {key: tree.plain() for key, tree in self.value.items()}
        if isinstance(self.value, list):
            return [tree.plain() for tree in self.value]
        return self.value


def read(path: Path) -> Tree:
    """Read a study file; its ending says how.

    Raises:
        SpecError: it cannot be read; the message names the file, and the line if there is one.
    """
    if path.suffix.lower() not in ENDINGS:
        raise SpecError(f"{path}: a study file ends in {', '.join(ENDINGS)}.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file; `trimtab init {path}` writes one to start from.") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}.") from None
    if len(content) > MAX_BYTES:
        raise SpecError(f"{path}: has {len(content):,} bytes; a study file has at most {MAX_BYTES:,}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(f"{path}:{line}: is not UTF-8: byte {content[error.start]:#04x}.") from None
    return read_toml(text, str(path)) if path.suffix.lower() == ".toml" else read_yaml(text, str(path))


# YAML

_CORE = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)
"""Tag, form, and what it may begin with, in the order in which they are tried."""

_TAG = "tag:yaml.org,2002:"


def read_yaml(text: str, name: str) -> Tree:
    """Return the tree of a YAML text; `name` is what errors call the file.

    Raises:
        SpecError: it is no YAML, or uses what a study file has no use for.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's name

    for tag, form, first in _CORE:
        Loader.add_implicit_resolver(_TAG + tag, re.compile(f"(?:{form})$"), list(first))
    loader = None
    try:
        loader = Loader(text)  # looks for characters that YAML does not allow
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = "" if mark is None else f":{mark.line + 1}"
        problem = f"{error.problem or error.context}{_hint(text, mark)}"
        raise SpecError(f"{name}{at}: {problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise SpecError(f"{name}:{line}: the character {error.character:#06x} is not allowed.") from None
    except RecursionError:
        raise SpecError(f"{name}: is nested more than {MAX_DEPTH} levels deep.") from None
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        raise SpecError(f"{name}: is empty; `trimtab init` writes one to start from.")
    return _YamlReader(name).tree(node, 0)


def _hint(text: str, mark: Any) -> str:
    """Return what a mistake at `mark` probably is."""
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return ""
    line = lines[mark.line]
    if re.search(r"[\[,]\s*[^\s\"',\[\]]*=?\{\w+\}", line):
        return " (put quotes around a text that holds braces)"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return " (indent with spaces, not with tabs)"
    if re.match(r"\s*[\w-]+:\s*[^\"'\s#][^#]*:\s", line):
        return " (put quotes around a text that holds a colon and a space)"
    return ""


class _YamlReader:
    """Turns PyYAML's nodes into trees."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._n_nodes = 0

    def tree(self, node: Any, depth: int) -> Tree:
        import yaml

        self._n_nodes += 1
        line = node.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise SpecError(f"{self._name}:{line}: is nested more than {MAX_DEPTH} levels deep.")
        if self._n_nodes > MAX_NODES:  # aliases of aliases grow without bound
            raise SpecError(f"{self._name}:{line}: has more than {MAX_NODES:,} values.")
        if isinstance(node, yaml.MappingNode):
            return Tree(dict(self._items(node, depth)), line)
        if isinstance(node, yaml.SequenceNode):
            return Tree([self.tree(child, depth + 1) for child in node.value], line)
        return Tree(self._scalar(node, line), line)

    def _items(self, node: Any, depth: int) -> Iterator[tuple[str, Tree]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key_tree = self.tree(key_node, depth + 1)
            key, line = key_tree.value, key_tree.line
            if isinstance(key, (dict, list)):
                raise SpecError(f"{self._name}:{line}: a key is a text, not a list or a mapping.")
            if not isinstance(key, str):
                key = key_node.value  # a number may name a key: what was written counts
            if key in seen:
                raise SpecError(f"{self._name}:{line}: {key!r} is given twice, first on line {seen[key]}.")
            seen[key] = line
            yield key, Tree(self.tree(value_node, depth + 1).value, line)

    def _scalar(self, node: Any, line: int) -> Scalar:
        text: str = node.value
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" if re.fullmatch(_CORE[2][1], text):
                return self._whole(text, line)
            case "float" if re.fullmatch(_CORE[3][1], text):
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            case "float" if re.fullmatch(_CORE[2][1], text):
                return float(self._whole(text, line))
        tag = node.tag.replace(_TAG, "!!")
        raise SpecError(f"{self._name}:{line}: {text!r} cannot be read as {tag}; write plain values without tags.")

    def _whole(self, text: str, line: int) -> int:
        try:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        except ValueError:  # Python converts at most 4,300 digits
            raise SpecError(f"{self._name}:{line}: a number of {len(text):,} digits is too long.") from None


# TOML


def read_toml(text: str, name: str) -> Tree:
    """Return the tree of a TOML text; `name` is what errors call the file.

    Raises:
        SpecError: it is no TOML.
    """
    import tomllib

    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        problem, line = (found[1], found[2] or text.count("\n") + 1) if found else (str(error), 1)
        raise SpecError(f"{name}:{line}: {problem}.") from None
    except RecursionError:
        raise SpecError(f"{name}: is nested more than {MAX_DEPTH} levels deep.") from None
    if not value:
        raise SpecError(f"{name}: is empty; `trimtab init` writes one to start from.")
    lines = dict(_toml_lines(text))
    return _with_lines(value, lines, (), 1)


def _toml_lines(text: str) -> Iterator[tuple[tuple[Key, ...], int]]:
    """Yield each key path of a valid TOML text with the line of the statement that it comes from.

    A statement is the shortest run of lines that is TOML by itself.
    """
    import tomllib

    table: tuple[Key, ...] = ()
    n_entries: dict[tuple[Key, ...], int] = {}
    statement: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not statement and not line.partition("#")[0].strip():
            continue
        statement.append(line)
        try:
            parsed = tomllib.loads("\n".join(statement))
        except tomllib.TOMLDecodeError:
            continue
        first, is_header = number - len(statement) + 1, statement[0].lstrip().startswith("[")
        statement = []
        if not is_header:
            yield from ((table + path, first) for path in _paths(parsed))
            continue
        table = ()
        inner: Any = parsed
        while inner:
            if isinstance(inner, list):
                entry = n_entries[table] = n_entries.get(table, -1) + 1
                table, inner = (*table, entry), inner[0]
            else:
                ((key, inner),) = inner.items()
                table = (*table, key)
                if table in n_entries and isinstance(inner, dict):  # the last entry of an array of tables
                    table = (*table, n_entries[table])
        yield table, first


def _paths(value: Any) -> Iterator[tuple[Key, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *path) for path in _paths(inner))


def _with_lines(value: Any, lines: dict[tuple[Key, ...], int], path: tuple[Key, ...], above: int) -> Tree:
    line = lines.get(path, above)
    if isinstance(value, dict):
        return Tree({key: _with_lines(inner, lines, (*path, key), line) for key, inner in value.items()}, line)
    if isinstance(value, list):
        return Tree([_with_lines(inner, lines, (*path, i), line) for i, inner in enumerate(value)], line)
    return Tree(value, line)
