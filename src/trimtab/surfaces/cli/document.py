"""Study files as trees that know their lines: YAML with the numbers of YAML 1.2, and TOML.

PyYAML speaks YAML 1.1, in which `1e-5` is text, `no` is false and `12:30` is 750. Here plain scalars follow the core
schema of YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3.2), a key may not come twice, and no tag makes an object.
Of YAML 1.1 merge keys are kept, `<<: *base`, since people use them (https://yaml.org/type/merge.html).

A file may come from a stranger: what it costs to read, or to refuse, is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from trimtab.errors import SpecError

ENDINGS = (".yaml", ".yml", ".toml")
MAX_BYTES = 500_000
"""Bytes of a study file; PyYAML, which is Python, reads as many in about a second."""
MAX_WRITTEN = 50_000
"""Values that are written in a file; PyYAML reads as many in about a second."""
MAX_NODES = 200_000
"""Values after aliases and merge keys have been followed, which make many of few."""
MAX_DIGITS = 1_000
"""Digits of a whole number: three times what a float reaches. Python itself writes at most 4,300."""
MAX_DEPTH = 64
"""Levels of mappings and lists."""

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
        n_written = depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Compose one node as PyYAML does, as long as there are not too many, nor too deep."""
            self.n_written += 1
            self.depth += 1
            if self.n_written > MAX_WRITTEN or self.depth > MAX_DEPTH + 1:
                at = f"{name}:{self.line + 1}"
                raise SpecError(_too_many(at, MAX_WRITTEN) if self.n_written > MAX_WRITTEN else _too_deep(at))
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

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
        raise SpecError(_too_deep(name)) from None
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
    line = lines[mark.line][:1000]  # of a longer one nobody needs more
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
            raise SpecError(_too_deep(f"{self._name}:{line}"))
        if self._n_nodes > MAX_NODES:  # aliases of aliases grow without bound
            raise SpecError(_too_many(f"{self._name}:{line}", MAX_NODES))
        if isinstance(node, yaml.MappingNode):
            return Tree(self._mapping(node, depth), line)
        if isinstance(node, yaml.SequenceNode):
            return Tree([self.tree(child, depth + 1) for child in node.value], line)
        return Tree(self._scalar(node, line), line)

    def _mapping(self, node: Any, depth: int) -> dict[str, Tree]:
        """Return a mapping's entries: those of the mappings that it merges, and its own, which count more."""
        merged = [value for key, value in node.value if _is_merge(key)]
        own = dict(self._items(node, depth))
        found: dict[str, Tree] = {}
        if len(merged) > 1:
            line = merged[1].start_mark.line + 1
            raise SpecError(f"{self._name}:{line}: '<<' is given twice; merge several as <<: [*a, *b].")
        for source in merged:
            found = self._merged(source, depth)
        return found | own

    def _merged(self, node: Any, depth: int) -> dict[str, Tree]:
        """Return what `<<` brings in: a mapping, or several, of which the first that has a key counts."""
        import yaml

        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Tree] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                line = source.start_mark.line + 1
                raise SpecError(f"{self._name}:{line}: '<<' merges a mapping or a list of mappings, as <<: *base.")
            for key, tree in self.tree(source, depth + 1).value.items():
                found.setdefault(key, tree)
        return found

    def _items(self, node: Any, depth: int) -> Iterator[tuple[str, Tree]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                continue
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
        if len(text) > MAX_DIGITS:
            raise SpecError(f"{self._name}:{line}: a number of {len(text):,} digits is too long.")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _is_merge(node: Any) -> bool:
    return node.value == "<<" and node.style is None and node.tag == f"{_TAG}str"


def _too_deep(at: str) -> str:
    return f"{at}: is nested more than {MAX_DEPTH} levels deep."


def _too_many(at: str, most: int) -> str:
    return f"{at}: has more than {most:,} values."


# TOML

_TOML_TOKEN = re.compile(
    r"""
    \"{3}(?:\\.|[^\\])*?(?:\"{3,5}|\Z) | '{3}.*?(?:'{3,5}|\Z)  # texts of several lines, and one that does not end
    | "(?:[^"\\\n]|\\[^\n])*"? | '[^'\n]*'?                    # texts of one line
    | \#[^\n]* | [\n.=,\[\]{}] | [^\n.=,\[\]{}"'\#]+             # comments, marks, and everything else
    """,
    re.VERBOSE | re.DOTALL,
)


def read_toml(text: str, name: str) -> Tree:
    """Return the tree of a TOML text; `name` is what errors call the file.

    Raises:
        SpecError: it is no TOML.
    """
    import tomllib

    statements = list(_toml_statements(text, name))
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        problem, line = (found[1], found[2] or text.count("\n") + 1) if found else (str(error), 1)
        raise SpecError(f"{name}:{line}: {problem}.") from None
    except RecursionError:
        raise SpecError(_too_deep(name)) from None
    except ValueError:  # Python converts at most 4,300 digits
        raise SpecError(f"{name}: has a number of too many digits.") from None
    if not value:
        raise SpecError(f"{name}: is empty; `trimtab init` writes one to start from.")
    lines: dict[tuple[Key, ...], int] = {}
    for path, line in _toml_lines(statements):
        for n in range(1, len(path) + 1):
            lines.setdefault(path[:n], line)
    return _with_lines(value, lines, (), 1, name)


def _toml_statements(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each statement and its head: `[table]`, `[[array]]`, or `key = 0` for whatever value.

    Goes once over the text, which need not be valid.

    Raises:
        SpecError: keys, lists or tables are nested too deep, or there are too many values.
    """
    line, began, depth, n_dots, n_values = 1, 0, 0, 0, 0
    head: list[str] = []
    has_value = False
    for match in _TOML_TOKEN.finditer(text):
        token = match[0]
        mark = token[0]
        if mark == "\n" and depth == 0:
            if head:
                yield began, "".join(head)
            head, has_value = [], False
        elif mark == "=" and depth == 0 and not has_value:
            has_value = True
            head.append("= 0")
        elif mark not in "#\n" and not has_value and (head or token.strip()):
            began = began if head else line
            head.append(token)
        depth = max(0, depth + (mark in "[{") - (mark in "]}"))
        n_dots = n_dots + 1 if mark == "." else 0 if mark in "=,[]{}\n" else n_dots
        n_values += mark in "=,"
        if depth > MAX_DEPTH or n_dots > MAX_DEPTH:
            raise SpecError(_too_deep(f"{name}:{line}"))
        if n_values > MAX_WRITTEN:
            raise SpecError(_too_many(f"{name}:{line}", MAX_WRITTEN))
        line += token.count("\n")
    if head:
        yield began, "".join(head)


def _toml_lines(statements: Iterable[tuple[int, str]]) -> Iterator[tuple[tuple[Key, ...], int]]:
    """Yield the key path of each statement of a valid TOML text with its line; what it holds begins there too."""
    import tomllib

    table: tuple[Key, ...] = ()
    n_entries: dict[tuple[Key, ...], int] = {}
    for line, head in statements:
        inner: Any = tomllib.loads(head)
        if not head.startswith("["):
            yield (*table, *_dotted(inner)), line
            continue
        table = ()
        while inner:
            if isinstance(inner, list):
                entry = n_entries[table] = n_entries.get(table, -1) + 1
                table, inner = (*table, entry), inner[0]
            else:
                ((key, inner),) = inner.items()
                table = (*table, key)
                if table in n_entries and isinstance(inner, dict):  # the last entry of an array of tables
                    table = (*table, n_entries[table])
        yield table, line


def _dotted(value: Any) -> Iterator[str]:
    """Yield the parts of the one key, dotted or not, that a statement sets."""
    while isinstance(value, dict):
        ((key, value),) = value.items()
        yield key


def _with_lines(value: Any, lines: dict[tuple[Key, ...], int], path: tuple[Key, ...], above: int, name: str) -> Tree:
    line = lines.get(path, above)
    if isinstance(value, dict):
        return Tree({key: _with_lines(inner, lines, (*path, key), line, name) for key, inner in value.items()}, line)
    if isinstance(value, list):
        return Tree([_with_lines(inner, lines, (*path, i), line, name) for i, inner in enumerate(value)], line)
    if isinstance(value, int) and value.bit_length() > 4 * MAX_DIGITS:  # four bits a digit, as in hexadecimal
        raise SpecError(f"{name}:{line}: a number of more than {MAX_DIGITS:,} digits is too long.")
    return Tree(value, line)
