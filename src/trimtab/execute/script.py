"""The driver's `__main__` in a worker: what a script defines has the same name in both, and can leave either.

A class or function of a script belongs to the module `__main__`, and pickles say so. A worker therefore runs the script
under that name too. What the script guards by `if __name__ == "__main__":` must not run there, so wherever the script
compares `__name__`, it is told another one: `__mp_main__`, as multiprocessing calls a script that it loads again.

So a model that is pickled in a trial can be loaded in the driver; loky, cloudpickle and dill send `__main__` by value;
children that multiprocessing forks have everything, and those that it spawns load the script by the path found here.
"""

from __future__ import annotations

import ast
import gc
import importlib
import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, FunctionType, ModuleType

MAIN = "__main__"

GUARDED = "__mp_main__"
"""What a script in a worker finds where it compares `__name__`, and a second name of its module.

It is multiprocessing's own, whose children pickle what they return under it."""


class LoadedEnough(BaseException):
    """Ends the loading of a script that tunes at its top level: what comes before is all that a worker needs."""


@dataclass(frozen=True, slots=True)
class Script:
    """The driver's script.

    Attributes:
        path: its file, absolute.
        name: its name as a module where it was started as `python -m name`; empty where it was started by its path.
        folder: where it was started, as far as that is known; it may have gone elsewhere since.
    """

    path: str
    name: str = ""
    folder: str = ""

    def module(self) -> ModuleType:
        """Return an empty `__main__` that knows its file, so that processes started from here find the script."""
        module = ModuleType(MAIN)
        module.__file__ = self.path
        if self.name:
            module.__spec__ = ModuleSpec(self.name, SourceFileLoader(self.name, self.path), origin=self.path)
            module.__package__ = self.name.rpartition(".")[0]
        else:
            module.__loader__ = SourceFileLoader(MAIN, self.path)
        return module

    def run(self) -> ModuleType:
        """Run the script as `__main__`, less what it guards and up to its first call of `tune`; return the module."""
        module = self.module()
        become(module)
        if module.__package__:
            importlib.import_module(module.__package__)  # as its relative imports want it
        with open(self.path, "rb") as file:
            code = unguarded(file.read(), self.path)
        if os.path.isdir(self.folder):
            os.chdir(self.folder)  # its relative paths are meant there; whoever loads it goes back
        try:
            exec(code, module.__dict__)
        except LoadedEnough:
            return module
        return module


def of_this_process() -> Script | None:
    """Return the script that this process runs; None in a notebook, a prompt or `python -c`."""
    main = sys.modules.get(MAIN)
    path: str | None = getattr(main, "__file__", None)
    if path is None or not os.path.isfile(path):
        return None
    spec = getattr(main, "__spec__", None)
    return Script(os.path.abspath(path), "" if spec is None or spec.name == MAIN else spec.name, _started_in(path))


def _started_in(path: str) -> str:
    """Return the directory in which Python was started, or in which Trimtab was first imported.

    Python makes the path of a script absolute as it starts: what that has more than the path on the command line is the
    directory.
    """
    for argument in sys.orig_argv[1:]:
        if argument == path:
            break  # what follows is for the script
        if not os.path.isabs(argument) and path.endswith(os.sep + os.path.normpath(argument)):
            return path.removesuffix(os.path.normpath(argument))
    return _IMPORTED_IN


def unguarded(source: bytes, path: str) -> CodeType:
    """Return the code of a script to which its `__name__` looks like that of a module that is imported."""
    tree = ast.parse(source, path)
    return compile(ast.fix_missing_locations(_Unguard().visit(tree)), path, "exec", dont_inherit=True)


class _Unguard(ast.NodeTransformer):
    """Puts a constant where `__name__` is compared; elsewhere, as in `getLogger(__name__)`, it stays what it is."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.left, *node.comparators = map(_other_name, (node.left, *node.comparators))
        return self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> ast.AST:
        node.subject = _other_name(node.subject)
        return self.generic_visit(node)


def _other_name(node: ast.expr) -> ast.expr:
    is_name = isinstance(node, ast.Name) and node.id == "__name__"
    return ast.copy_location(ast.Constant(GUARDED), node) if is_name else node


def become(module: ModuleType) -> None:
    """Let a module be this process's `__main__`."""
    sys.modules[MAIN] = sys.modules[GUARDED] = module


def publish() -> None:
    """Put the classes and functions of `__main__` that came by value into it, so that they can be pickled by name.

    They may hang anywhere (in a closure, in an attribute), hence the look at everything that there is.
    """
    main = sys.modules[MAIN]
    for thing in gc.get_objects():
        if not (type(thing) is FunctionType or issubclass(type(thing), type)):
            continue  # asked of its type: other objects may be proxies, which wake when they are looked at
        name = thing.__qualname__
        if getattr(thing, "__module__", None) == MAIN and name.isidentifier() and name not in main.__dict__:
            setattr(main, name, thing)


def here() -> str:
    """Return the working directory; empty if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


_IMPORTED_IN = here()


def search_path() -> list[str]:
    """Return `sys.path` as it is meant here and now, wherever whoever uses it is going to be."""
    now = here()
    return [os.path.join(now, entry).rstrip(os.sep) for entry in sys.path]


def arguments() -> list[str]:
    """Return `sys.argv`, with the script's path in full."""
    first, *rest = sys.argv or [""]
    return [os.path.join(here(), first) if first and os.path.isfile(first) else first, *rest]
