"""What an objective is, so that another one is not taken for it: its code, what the code uses, and what it was given.

A fingerprint is a mapping, put on record with every driver that opens a study:

* `parts`: by name, digests of code (see `code.py`), or of a value (see `content.py`) with the value itself where it is
  a number. Code counts that is the user's own (not of an installed package), as far as the objective refers to it:
  functions, methods of classes, and functions within functions. Of what they refer to, values count too: variables of
  closures, defaults, arguments of partials, attributes of objects, globals.
* `left_out`: what has no content to compare (an open file, a model, whatever the code itself changes as it runs, and
  what is another one each time, as the time is): it never makes two objectives differ.

Only what both fingerprints know is compared.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from trimtab.execute.command import Command
from trimtab.study import code, content, programs, whose
from trimtab.text import is_secret

MOST_PARTS = 400
"""Parts of a fingerprint; what an objective refers to beyond them is left out."""

Fingerprint = dict[str, Any]

OBJECTIVE = "the objective"


def take(objective: Callable[..., object] | Command, parameters: Iterable[str] = ()) -> Fingerprint:
    """Return the fingerprint of an objective, as plain values.

    Args:
        objective: the function or the program.
        parameters: names of the space, which a trial may write into settings.
    """
    if isinstance(objective, Command):
        parts, left_out = programs.parts(objective)
        return {"kind": "command", "parts": parts, "left_out": sorted(left_out)}
    taken = _taken(objective, parameters)
    for name, part in list(taken.parts.items()):
        before = _before_runs.get((_called(objective), name, part.get("value", "")), part)
        if before is None:
            del taken.parts[name]
            taken.left_out.add(name)
        else:
            taken.parts[name] = before
    return {"kind": "function", "parts": taken.parts, "left_out": sorted(taken.left_out)}


_before_runs: dict[tuple[str, str, str], dict[str, str] | None] = {}
"""Parts as they were before runs in this process changed them, None where there was no such part; by the objective, the
part's name, and its digest since. So a second call in a notebook finds the objective that it was."""


def remember(objective: Callable[..., object], before: Fingerprint, parameters: Iterable[str] = ()) -> None:
    """Remember what a run in this process has changed of its objective, beyond what the code shows that it changes.

    Args:
        objective: what ran.
        before: its fingerprint before it ran.
        parameters: as for `take`.
    """
    parts = before["parts"]
    for name, part in _taken(objective, parameters).parts.items():
        if "value" in part and parts.get(name) != part:
            _before_runs[_called(objective), name, part["value"]] = parts.get(name)


def _called(objective: Callable[..., object]) -> str:
    root = _inner(objective)
    return f"{root.__module__}.{root.__qualname__}"


def _taken(objective: Callable[..., object], parameters: Iterable[str]) -> _Taken:
    taken = _Taken(objective, frozenset(parameters))
    try:
        taken.begin()
    except Exception:  # an object that cannot bear to be looked at must not end a study
        taken.left_out.add("what else it refers to")
    return taken


class _Taken:
    """A fingerprint of a function, as it is taken."""

    def __init__(self, objective: Callable[..., object], parameters: frozenset[str]) -> None:
        self.parts: dict[str, dict[str, str]] = {}
        self.left_out: set[str] = set()
        self._objective = objective
        self._parameters = parameters
        self._root = _inner(objective)
        self._home = str(getattr(self._root, "__module__", "")).partition(".")[0]
        self._seen: set[int] = set()
        self._values: list[tuple[str, str, object]] = []
        self._changed: set[str] = set()

    def begin(self) -> None:
        """Follow the objective to all that it refers to, then compare values, less those that its code changes."""
        if self._code(self._objective) is None:
            self.left_out.add(OBJECTIVE)
        done = 0
        while done < len(self._values):  # to look at a value may lead to more code, which leads to more values
            name, key, value = self._values[done]
            done += 1
            self._compare(name, key, value)

    # Code

    def _code(self, thing: Any) -> str | None:
        """Follow what has code, and return what it is called; None if it has none."""
        if isinstance(thing, functools.partial):
            return self._partial(thing)
        if isinstance(thing, MethodType):
            self._instance(thing.__self__)
            return self._code(thing.__func__)
        if isinstance(thing, FunctionType):
            return self._function(thing)
        if isinstance(thing, type):
            return self._class(thing)
        wrapped = getattr(thing, "__wrapped__", None) if _has_code(thing) else None
        if wrapped is not None:  # a cache around a function, for instance
            return self._code(wrapped)
        if isinstance(thing, ModuleType):
            if self._is_own(thing):
                self._imports({thing.__name__})
            return thing.__name__
        if self._is_own(type(thing)):
            return self._instance(thing)
        self._held(thing)
        return _name_of_callable(thing)

    def _held(self, thing: Any) -> None:
        """Follow the functions that an object of somebody else's holds: a scorer's, a compiled function's."""
        for value in list(getattr(thing, "__dict__", {}).values()):
            if isinstance(value, (FunctionType, MethodType, functools.partial)):
                self._code(value)

    def _label(self, thing: Any) -> str:
        if thing is self._root:
            return OBJECTIVE
        name = str(getattr(thing, "__qualname__", type(thing).__qualname__)).replace("<locals>.", "")
        module = str(getattr(thing, "__module__", ""))
        return name if module == getattr(self._root, "__module__", "") else f"{module}.{name}"

    def _partial(self, made: functools.partial[Any]) -> str | None:
        name = self._code(made.func)
        given = {str(i): value for i, value in enumerate(made.args)} | made.keywords
        if self._first(made):
            self._later("the arguments given beforehand", "", sorted(given))
            for key, value in given.items():
                self._later(f"argument {key}", "", value)
        return name

    def _function(self, function: FunctionType) -> str:
        label = self._label(function)
        if not self._first(function):
            return label
        if function is self._root or self._is_own(function):
            self._put(label, code.digests(function))
            node = code.definition(function.__code__)
            if node is not None:
                self._changed |= code.changed(node)
                self._environment(code.variables(node))
                self._imports(code.imported(node, str(function.__globals__.get("__package__") or "")))
            self._uses(label, function)
            return label
        # A decorator of somebody else: what it wraps counts, one function or a table of them.
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):
                held = cell.cell_contents
                for value in held.values() if isinstance(held, (dict, MappingProxyType)) else (held,):
                    self._code(value)
        return label

    def _environment(self, names: set[str]) -> None:
        """Take environment variables that code reads, but for secrets and what says where it runs."""
        for name in sorted(names):
            if is_secret(name) or name.startswith(PLACES):
                self.left_out.add(f"the environment's {name}")
            else:
                self._put(f"the environment's {name}", {"value": code.digest(repr(os.environ.get(name)))})

    def _imports(self, modules: set[str]) -> None:
        """Take modules that are imported within a function as a whole, whether they are loaded by now or not."""
        for module in sorted(modules):
            file = whose.find(module)
            if file is None or whose.is_installed(str(file)):
                continue
            syntax = code.syntax(file.read_text(encoding="utf-8", errors="replace"))
            if syntax is not None:
                self._put(f"module {module}", {"syntax": syntax})

    def _uses(self, label: str, function: FunctionType) -> None:
        """Follow everything that a function refers to."""
        names = code.used(function.__code__)
        parsed = code.source(function.__code__)
        volatile = set() if parsed is None else parsed.volatile_locals
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not bound yet
                self._given(name, names.get(name, {""}), cell.cell_contents, volatile)
        owner = "" if label == OBJECTIVE else f"{label}'s "
        for name, value in _defaults(function):
            self._later(f"the default of {owner}{name}", "", value)
        volatile = set() if parsed is None else parsed.volatile_globals
        for name in sorted(names.keys() - set(function.__code__.co_freevars)):
            if name in function.__globals__:
                self._given(name, names[name], function.__globals__[name], volatile)

    def _given(self, name: str, paths: set[str], value: Any, volatile: set[str]) -> None:
        """Follow a variable: of modules and of bags of settings what is read of them, each by itself."""
        self._changed |= {one for one in volatile if one.startswith(f"{name}.")}
        if name in volatile:
            self.left_out.add(name)
        elif isinstance(value, ModuleType):
            for path in sorted(paths):
                self._of_module(name, path, value)
        elif isinstance(value, (Namespace, SimpleNamespace)):
            read = {path.partition(".")[0] for path in paths}
            for attribute in sorted(vars(value) if "" in read else read & vars(value).keys()):
                self._later(f"{name}.{attribute}", f"{name}.{attribute}", getattr(value, attribute))
        else:
            self._later(name, name, value)

    def _of_module(self, name: str, path: str, module: ModuleType) -> None:
        """Follow what is read of a module, through the modules within it."""
        head, _, rest = path.partition(".")
        if module is sys and head == "argv":
            self._later("the command line", "", sys.argv[1:])
        elif not head:
            self._later(name, name, module)
        elif isinstance(value := getattr(module, head, None), ModuleType):
            self._of_module(f"{name}.{head}", rest, value)
        elif self._is_own(module) and hasattr(module, head):
            self._later(f"{name}.{head}", f"{name}.{head}", value)

    def _class(self, cls: type) -> str:
        label = self._label(cls)
        if not self._is_own(cls) or not self._first(cls):
            return label
        for base in cls.__mro__[1:]:
            self._class(base)
        for name, member in sorted(vars(cls).items()):
            function = whose.function_of(member)
            if function is not None:
                if function.__code__.co_filename != "<string>":  # written by a decorator, as those of data classes
                    self._function(function)
            elif not name.startswith("__") and not callable(member):
                self._later(f"{label}.{name}", f".{name}", member)
        return label

    def _instance(self, thing: Any) -> str | None:
        if isinstance(thing, type):
            return self._class(thing)
        if not self._is_own(type(thing)) or isinstance(thing, _CONTENT):
            return None
        label = self._class(type(thing))
        if self._first(thing):
            for name, value in sorted(_attributes(thing).items()):
                self._later(name if thing is self._objective else f"{label}.{name}", f".{name}", value)
        return label

    # Values

    def _later(self, name: str, key: str, value: object) -> None:
        if len(self._values) < MOST_PARTS:
            self._values.append((name, key, value))

    def _compare(self, name: str, key: str, value: object) -> None:
        """Put a value among the parts, unless `key`, its name in the code, is one that the code itself changes."""
        is_code = self._code(value) is not None
        if key and not is_code:
            value = content.without(value, self._changed_items(key))
        digest = content.digest(value, self._code)
        if digest is None or (key in self._changed and not is_code):
            self.left_out.add(name)
            return
        name = f"the one called {name}" if is_code else name  # which it is; what it says is a part of its own
        shown = content.shown(value)
        self._put(name, {"value": digest} | ({} if shown is None else {"shown": shown}))

    def _changed_items(self, key: str) -> set[str]:
        """Return the items, or attributes, of a value that the code changes itself."""
        within = {one.removeprefix(f"{key}.") for one in self._changed if one.startswith(f"{key}.")}
        return within | self._parameters if "*" in within else within

    def _put(self, name: str, part: dict[str, str]) -> None:
        if len(self.parts) >= MOST_PARTS:
            self.left_out.add("what else it refers to")
            return
        n = 1
        while name in self.parts and self.parts[name if n == 1 else f"{name} ({n})"] != part:
            n += 1
            if f"{name} ({n})" not in self.parts:
                break
        self.parts[name if n == 1 else f"{name} ({n})"] = part

    # Whose it is

    def _first(self, thing: object) -> bool:
        if id(thing) in self._seen or len(self._seen) >= MOST_PARTS:
            return False
        self._seen.add(id(thing))
        return True

    def _is_own(self, thing: Any) -> bool:
        """Return whether code is the user's: of the objective's own package, or of none that is installed."""
        if isinstance(thing, FunctionType):
            module = str(thing.__globals__.get("__name__", ""))  # __module__ is what a decorator copies
        else:
            module = thing.__name__ if isinstance(thing, ModuleType) else str(getattr(thing, "__module__", ""))
        top = module.partition(".")[0]
        if top == "trimtab" or top in sys.builtin_module_names:
            return False
        if top == self._home:
            return True
        file = thing.__code__.co_filename if isinstance(thing, FunctionType) else whose.file_of(module)
        return file is not None and not whose.is_installed(file)


PLACES = (
    *("CUDA_", "DISPLAY", "HIP_", "HOME", "HOST", "JOB", "LOCAL_RANK", "LOCAL_WORLD", "LOGNAME", "LSB_", "MASTER_"),
    *("NODE", "OLDPWD", "PATH", "PBS_", "PWD", "RANK", "ROCR_", "SGE_", "SLURM", "TERM", "TMP", "TEMP", "TRIMTAB_"),
    *("USER", "VIRTUAL_ENV", "WORLD_SIZE", "XDG_"),
)
"""How environment variables begin that say where a program runs, and not what it computes."""


def _name_of_callable(thing: Any) -> str | None:
    """Return the name of a function that has no code of Python's, or of somebody else's object that is called."""
    name = getattr(thing, "__name__", None)
    if isinstance(thing, type) or not callable(thing) or not isinstance(name, str):
        return None
    return f"{getattr(thing, '__module__', None) or ''}.{getattr(thing, '__qualname__', name)}"


_CONTENT = (str, bytes, int, float, tuple, list, dict, set, frozenset, enum.Enum)
"""What is compared by its content, whoever wrote the class."""


def _attributes(thing: object) -> dict[str, object]:
    slots = [name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ()) if hasattr(thing, name)]
    return {name: getattr(thing, name) for name in slots if not name.startswith("__")} | getattr(thing, "__dict__", {})


DEEPEST_WRAP = 20
"""Wrappers around an objective that are looked through."""


def _inner(objective: Any) -> Any:
    """Return what an objective comes to in the end: without partials, bindings and wrappers."""
    for _ in range(DEEPEST_WRAP):
        if isinstance(objective, functools.partial):
            objective = objective.func
        elif isinstance(objective, MethodType):
            objective = objective.__func__
        elif hasattr(objective, "__wrapped__"):
            objective = objective.__wrapped__
        else:
            break
    return objective if isinstance(objective, (FunctionType, type)) else type(objective)


def _has_code(thing: object) -> bool:
    return type(thing).__module__ == "functools"


def _defaults(function: FunctionType) -> Iterator[tuple[str, object]]:
    defaults = function.__defaults__ or ()
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    yield from zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
