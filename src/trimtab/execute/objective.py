"""How an objective travels to another process: by reference where it has a name, else by value.

A function that a module or a script defines is imported there again. What has no name of its own (`functools.partial`,
a callable object, a bound method) is pickled; lambdas, closures and functions of a notebook need cloudpickle.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from trimtab.errors import ExecutorError
from trimtab.execute.outcome import summary
from trimtab.execute.plain import show

LOADING = "TRIMTAB_WORKER"
"""Set in the environment while a worker loads the objective's module or script, and at no other time."""

SCRIPT = "__mp_main__"
"""The name under which a worker loads the driver's script, so that its `if __name__ == "__main__"` does not run.

It is multiprocessing's own, so that an objective's data loaders and pools can send the script's functions on."""


class LoadedEnough(BaseException):
    """Ends the loading of a script that tunes at its top level: what comes before is all that a worker needs."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a worker gets the objective from: `module` and `qualname`, or `pickled`; and the script, if it needs it.

    Attributes:
        script: path of the driver's script, which stands for `__main__`; None if the objective does not refer to it.
    """

    module: str = ""
    qualname: str = ""
    pickled: bytes = b""
    script: str | None = None

    def load(self) -> Callable[..., object]:
        """Return the objective. Whatever its module or script raises is turned into one sentence.

        Raises:
            ExecutorError: it cannot be had.
        """
        what = self.script or self.module or "the objective"
        os.environ[LOADING] = str(os.getpid())
        try:
            main = None if self.script is None else _load_script(self.script)
            if self.pickled:
                return _callable(pickle.loads(self.pickled))
            module = main if self.module == "__main__" and main is not None else _load_module(self.module)
            return _callable(functools.reduce(getattr, self.qualname.split("."), module))
        except AttributeError as error:
            if self.qualname and getattr(error, "name", None) in self.qualname.split("."):
                raise ExecutorError(
                    f"a worker that loaded {what} found no {self.qualname!r} in it; define the objective "
                    'before the first call of tune, and put calls of tune under `if __name__ == "__main__":`.'
                ) from None
            raise ExecutorError(f"a worker could not load {what}: {summary(error)}.") from None
        except (Exception, SystemExit) as error:
            raise ExecutorError(f"a worker could not load {what}: {summary(error)}.") from None
        finally:
            os.environ.pop(LOADING, None)


def refer(objective: Callable[..., object]) -> Source:
    """Return how another process gets `objective`.

    Raises:
        ExecutorError: it has no name to be imported by, and cannot be pickled either.
    """
    script = _script()
    module, qualname = getattr(objective, "__module__", None), getattr(objective, "__qualname__", None)
    if module and qualname and _resolve(module, qualname) is objective:
        if module != "__main__":
            return Source(module, qualname)
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        if spec is not None and spec.name != "__main__":  # python -m package.module
            return Source(spec.name, qualname)
        if script is not None:
            return Source("__main__", qualname, script=script)
    try:
        pickled = pickle.dumps(objective)
    except Exception:
        return Source(pickled=_pickle_by_value(objective))
    if b"__main__" not in pickled:
        return Source(pickled=pickled)
    return Source(pickled=_pickle_by_value(objective)) if script is None else Source(pickled=pickled, script=script)


def _pickle_by_value(objective: object) -> bytes:
    try:
        cloudpickle: Any = importlib.import_module("cloudpickle")
    except ImportError:
        raise ExecutorError(
            f"{show(objective)} cannot be sent to another process, which can only import functions that a module or "
            "script defines at its top level; define it there, or: pip install 'trimtab[closures]'"
        ) from None
    try:
        pickled: bytes = cloudpickle.dumps(objective)
    except Exception as error:
        raise ExecutorError(
            f"the objective {show(objective)} cannot be sent to another process ({summary(error)}); make what it holds "
            'inside the objective, or use executor="serial".'
        ) from None
    return pickled


def _script() -> str | None:
    """Return the path of the script that this process runs; None in a notebook, a prompt or `python -c`."""
    path: str | None = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None or not os.path.isfile(path):
        return None
    return os.path.abspath(path)


def _resolve(module: str, qualname: str) -> object:
    if "<" in qualname or module not in sys.modules:
        return None
    found: object = sys.modules[module]
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _load_script(path: str) -> ModuleType:
    """Run a script as a module of another name, and let it stand for `__main__`, as pickles know it."""
    module = ModuleType(SCRIPT)
    module.__file__ = path
    sys.modules[SCRIPT] = sys.modules["__main__"] = module
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    try:
        exec(code, module.__dict__)
    except LoadedEnough:
        return module
    return module


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except LoadedEnough:  # the import system threw the half-loaded module away: load it by hand, and keep it
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            raise ExecutorError(f"a worker found no module {name!r}.") from None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except LoadedEnough:
            return module
        return module


def _callable(loaded: object) -> Callable[..., object]:
    if not callable(loaded):
        raise ExecutorError(f"the objective is {show(loaded)} in a worker, which cannot be called.")
    return loaded
