"""What a function's code says, whatever it looks like: a digest without comments, layout, docstrings and annotations.

Where the source is at hand, and is still what the function was compiled from, the digest is of its syntax tree, which
hardly differs between versions of Python. Besides there is one of the bytecode, to be compared within one version.
"""

from __future__ import annotations

import ast
import copy
import dis
import hashlib
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from types import CodeType, FunctionType
from typing import Any

BYTECODE = f"bytecode {sys.version_info.major}.{sys.version_info.minor}"
"""Bytecode says nothing to another version of Python, and so bears the version in its name."""

DIGITS = 16
"""Hexadecimal digits of a digest: two that differ are the same by chance once in 10^19 times."""

MUTATORS = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove"),
        *("reverse", "setdefault", "sort", "update", "write", "writelines"),
    }
)
"""Methods by which a container or a file is changed in place."""

VOLATILE = frozenset(
    {
        *("ctime", "localtime", "monotonic", "now", "perf_counter", "perf_counter_ns", "strftime", "time", "time_ns"),
        *("today", "utcnow", "uuid1", "uuid4", "token_bytes", "token_hex", "token_urlsafe", "urandom"),
        *("NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "mkstemp", "gettempdir", "getcwd", "cwd"),
        *("gethostname", "getpid", "choice", "default_rng", "integers", "normal", "permutation", "rand", "randint"),
        *("randn", "random", "sample", "shuffle", "standard_normal", "uniform"),
    }
)
"""Calls whose result is another one each time: a name that is bound to one tells nothing about the objective."""

_Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True)
class Source:
    """A file as it is parsed.

    Attributes:
        tree: its syntax.
        codes: every code object in it, as compiled now.
        defs: the functions and lambdas in it.
        volatile_globals, volatile_locals: names that are bound to what is another one each time, at the top level and
            within functions.
    """

    tree: ast.Module
    codes: set[CodeType]
    defs: list[_Def]
    volatile_globals: set[str] = field(default_factory=set)
    volatile_locals: set[str] = field(default_factory=set)


def digest(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGITS // 2).hexdigest()


def digests(function: FunctionType) -> dict[str, str]:
    """Return what tells the function's code from another: digests by their kind, "syntax" and that of `BYTECODE`."""
    code = function.__code__
    found = {BYTECODE: digest(_bytecode(code, function.__doc__))}
    node = definition(code)
    return found if node is None else {"syntax": digest(canonical(_without_defaults(node))), **found}


def _without_defaults(node: _Def) -> _Def:
    """Return a definition without the defaults of its arguments, whose values are compared."""
    bare = copy.copy(node)
    bare.args = copy.copy(node.args)
    bare.args.defaults, bare.args.kw_defaults = [], []
    return bare


def source(code: CodeType) -> Source | None:
    """Return the file that a code object comes from; None where there is none, or it is not that code any more."""
    parsed = _file(code)
    return parsed if parsed is not None and code in parsed.codes else None


def _file(code: CodeType) -> Source | None:
    linecache.checkcache(code.co_filename)
    return _parse("".join(linecache.getlines(code.co_filename)))


@lru_cache(maxsize=128)
def _parse(text: str) -> Source | None:
    if not text:
        return None
    try:
        tree = ast.parse(text)
        codes = set(_nested(compile(text, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    defs = [node for node in ast.walk(tree) if isinstance(node, _Def)]
    at_top = [node for statement in tree.body for node in _within(statement)]
    inside = [node for function in defs for node in _within(function)]
    return Source(tree, codes, defs, _volatile(at_top), _volatile(inside))


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a scope, less what stands in functions within it."""
    waiting = [scope] if not isinstance(scope, _Def) else list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _Def):
            yield node
            waiting += ast.iter_child_nodes(node)


def syntax(text: str) -> str | None:
    """Return a digest of a Python file without comments, layout and docstrings; None if it is none."""
    parsed = _parse(text)
    return None if parsed is None else digest(canonical(parsed.tree))


def definition(code: CodeType) -> _Def | None:
    """Return what a code object was compiled from; None where the source is not at hand."""
    parsed = source(code)
    if parsed is None:
        return None
    found = [node for node in parsed.defs if _name(node) == code.co_name and _first_line(node) == code.co_firstlineno]
    if len(found) > 1:  # lambdas of one line: the one within which the code lies
        starts = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None]
        place = max(starts, default=(0, 0))
        found = [node for node in found if _start(node) <= place <= _end(node)]
    return max(found, key=_start, default=None)


def _name(node: _Def) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _first_line(node: _Def) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _start(node: _Def) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: _Def) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


# What it says


def canonical(node: object) -> str:
    """Return a syntax tree as text, without what does not matter: names of definitions, docstrings, annotations of
    arguments, and fields that are empty, for those come and go with versions of Python.
    """  # noqa: D205 - one sentence
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.AnnAssign):  # to Python the value is all, except in the body of a class
        node = ast.Assign([node.target], node.value) if node.value is not None else ast.Pass()
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    for name in ("ctx", "kind", "type_comment"):
        fields.pop(name, None)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        fields.pop("name")
        fields.pop("returns", None)
    if isinstance(node, ast.arg):
        fields.pop("annotation", None)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)) and _is_text(node.body):
        fields["body"] = node.body[1:] or [ast.Pass()]
    said = ",".join(f"{name}={canonical(value)}" for name, value in sorted(fields.items()))
    return f"{type(node).__name__}({said})"


def _is_text(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _bytecode(code: CodeType, doc: str | None) -> str:
    constants = [const for i, const in enumerate(code.co_consts) if i or const != doc]
    parts = [_bytecode(const, None) if isinstance(const, CodeType) else _constant(const) for const in constants]
    return repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, parts))


def _constant(value: object) -> str:
    """Return a constant as text that is the same in every process: sets have no order of their own."""
    return f"set{sorted(map(repr, value))}" if isinstance(value, frozenset) else repr(value)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)


# What it uses


def used(code: CodeType) -> dict[str, set[str]]:
    """Return the names from outside that code reads, each with the paths of attributes that are read of it.

    Such a path is `b.c` for `a.b.c`, and "" where all of `a` is used.
    """
    found: dict[str, set[str]] = {}
    own: set[str] = set()
    for part in _nested(code):
        own.update(part.co_cellvars)
        steps: list[Any] = [step for step in dis.get_instructions(part) if step.opname != "CACHE"]
        for i, step in enumerate(steps):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF"):
                read = takewhile(lambda one: one.opname in ("LOAD_ATTR", "LOAD_METHOD"), steps[i + 1 :])
                found.setdefault(step.argval, set()).add(".".join(str(one.argval) for one in read))
    return {name: paths for name, paths in found.items() if name not in own}


def imported(node: ast.AST, package: str) -> set[str]:
    """Return the modules that a function imports when it runs; `package` is the one that it belongs to."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            found.update(alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - part.level + 1] if part.level else []
            module = ".".join([*base, *([part.module] if part.module else [])])
            found.update({module, *(f"{module}.{alias.name}" for alias in part.names)})
        elif isinstance(part, ast.Call) and _last_name(part.func) in ("import_module", "__import__") and part.args:
            name = part.args[0].value if isinstance(part.args[0], ast.Constant) else None
            found.update({name} if isinstance(name, str) and not name.startswith(".") else ())
    return found


def variables(node: ast.AST) -> set[str]:
    """Return the environment variables that code reads, as `os.environ["A"]` and `getenv("A")`, and never sets."""
    found: set[str] = set()
    is_set: set[str] = set()
    for part in ast.walk(node):
        key: ast.expr | None = None
        if isinstance(part, ast.Subscript) and _last_name(part.value) == "environ":
            key = part.slice
            if isinstance(key, ast.Constant) and not isinstance(part.ctx, ast.Load):
                is_set.add(str(key.value))
        elif isinstance(part, ast.Call) and part.args:
            path = _path(part.func)
            key = part.args[0] if path[-1:] == ["getenv"] or path[-2:] == ["environ", "get"] else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found - is_set


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _volatile(nodes: list[ast.AST]) -> set[str]:
    """Return the names bound to what is another one each time, directly or through another such name."""
    bound = [(node.targets, node.value) for node in nodes if isinstance(node, ast.Assign)]
    found: set[str] = set()
    while True:
        more = {
            name
            for targets, value in bound
            if any(_is_volatile(part, found) for part in ast.walk(value))
            for target in targets
            for name in _bound(target)
        }
        if more <= found:
            return found
        found |= more


def _bound(target: ast.expr) -> Iterator[str]:
    """Yield what an assignment binds: `a` for a variable, `a.b` for an attribute, and for the item `a["b"]`."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _bound(part)
    elif isinstance(target, ast.Starred):
        yield from _bound(target.value)
    elif path := _items_path(target):
        yield ".".join(path[:2])


def _is_volatile(node: ast.AST, known: set[str]) -> bool:
    if isinstance(node, ast.Call):
        return _last_name(node.func) in VOLATILE
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and ".".join(_items_path(node)[:2]) in known


def changed(function: _Def) -> set[str]:
    """Return the names from outside that a function binds anew, or whose objects it changes in place.

    `x` for a variable, `x.y` for its attribute or its item "y", `x.*` for the items that are called as parameters are,
    and `.y` for an attribute of any object.
    """
    found: set[str] = set()
    for part in [node for node in ast.walk(function) if isinstance(node, _Def)]:
        found |= set(_changes(part))
    return found


def _changes(function: _Def) -> Iterator[str]:
    nodes = list(_within(function))
    outside = {name for node in nodes if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    arguments = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    local = ({*arguments} | bound) - outside
    myself = arguments[0] if arguments and getattr(function, "name", "") not in ("__init__", "__post_init__") else ""
    yield from outside & bound
    for node in nodes:
        for path in _changed_paths(node):
            if path[0] == myself:
                yield f".{path[1]}" if len(path) > 1 else ""
            elif path[0] not in local:
                yield ".".join(path[:2])
                yield from (f".{path[1]}",) if len(path) > 1 else ()


def _changed_paths(node: ast.AST) -> Iterator[list[str]]:
    """Yield the paths of what a statement or a call changes in place."""
    if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        path = _items_path(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        path = _items_path(node.func.value)
        if path and node.func.attr == "update" and (keys := _keys(node)) is not None:
            yield from ([*path, key] for key in keys)
            return
    else:
        return
    if path:
        yield path


def _keys(call: ast.Call) -> list[str] | None:
    """Return the keys that a call of `update` sets, "*" for those of a trial's parameters; None where nobody knows."""
    keys: list[str | None] = [keyword.arg for keyword in call.keywords]
    for given in call.args:
        if isinstance(given, ast.Dict):
            keys.extend(str(key.value) if isinstance(key, ast.Constant) else None for key in given.keys)
        else:
            keys.append("*" if _path(given)[-1:] == ["params"] else None)
    known = [key for key in keys if key is not None]
    return known if len(known) == len(keys) else None


def _items_path(node: ast.expr) -> list[str]:
    """Return `["a", "b"]` for `a.b`, `a["b"]`, `a["b"][i]` and `a.b[i]`, and `["a"]` for `a[i]`."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*path, node.attr] if (path := _items_path(node.value)) else []
    if not isinstance(node, ast.Subscript):
        return []
    path = _items_path(node.value)
    is_named = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    return [*path, str(node.slice.value)] if path and is_named else path  # type: ignore[attr-defined]


def _path(node: ast.expr) -> list[str]:
    """Return `["a", "b"]` for `a.b[0]`; nothing for what does not begin with a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*path, node.attr] if (path := _path(node.value)) else []
    return _path(node.value) if isinstance(node, ast.Subscript) else []
