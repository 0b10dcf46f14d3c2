"""How an objective travels to another process: by reference where it has a name, else by value.

A function that a module or a script defines is imported there again (see `script.py`). What has no name of its own
(`functools.partial`, a callable object, a bound method) is pickled; lambdas, closures and functions of a notebook need
cloudpickle.
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
from trimtab.execute import script as scripts
from trimtab.execute.outcome import summary
from trimtab.execute.plain import show
from trimtab.execute.script import MAIN, LoadedEnough, Script

LOADING = "TRIMTAB_WORKER"
"""Set in the environment while a worker loads the objective's module or script, and at no other time."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a worker gets the objective from: `module` and `qualname`, or `pickled`; and the script, if it needs it.

    Attributes:
        by_value: whether what `__main__` defines is in `pickled` itself; else the script is run to have it.
        script: the driver's, which stands for `__main__`; None if there is none, or the objective needs none.
    """

    module: str = ""
    qualname: str = ""
    pickled: bytes = b""
    by_value: bool = False
    script: Script | None = None

    def load(self) -> Callable[..., object]:
        """Return the objective. Whatever its module or script raises is turned into one sentence.

        Raises:
            ExecutorError: it cannot be had.
        """
        what = (self.script and self.script.path) or self.module or "the objective"
        os.environ[LOADING] = str(os.getpid())
        cwd = scripts.here()
        try:
            if self.by_value:
                return self._unpack()
            main = None if self.script is None else self.script.run()
            if self.pickled:
                return _callable(pickle.loads(self.pickled))
            module = main if self.module == MAIN and main is not None else _load_module(self.module)
            return _callable(functools.reduce(getattr, self.qualname.split("."), module))
        except AttributeError as error:
            if self.qualname and getattr(error, "name", None) in self.qualname.split("."):
                raise ExecutorError(
                    f"a worker that loaded {what} found no {self.qualname!r} in it; define the objective at the top "
                    'level, before the first call of tune and outside `if __name__ == "__main__":`, under which only '
                    "calls of tune belong."
                ) from None
            raise ExecutorError(f"a worker could not load {what}: {summary(error)}.") from None
        except (Exception, SystemExit) as error:
            raise ExecutorError(f"a worker could not load {what}: {summary(error)}.") from None
        finally:
            os.environ.pop(LOADING, None)
            if cwd:
                os.chdir(cwd)  # a script that changes its directory as it begins has done so in the driver before

    def _unpack(self) -> Callable[..., object]:
        """Return an objective that came by value; what came with it stands in `__main__`, where it is at home."""
        scripts.become(ModuleType(MAIN) if self.script is None else self.script.module())
        loaded = _callable(pickle.loads(self.pickled))
        scripts.publish()
        return loaded


def refer(objective: Callable[..., object]) -> Source:
    """Return how another process gets `objective`.

    Raises:
        ExecutorError: it has no name to be imported by, and cannot be pickled either.
    """
    script = scripts.of_this_process()
    module, qualname = getattr(objective, "__module__", None), getattr(objective, "__qualname__", None)
    if module and qualname and _resolve(module, qualname) is objective:
        if module != MAIN:
            return Source(module, qualname)
        if script is not None:
            return Source(MAIN, qualname, script=script)
    try:
        pickled = pickle.dumps(objective)
    except Exception:
        return _by_value(objective, script)
    if MAIN.encode() not in pickled:
        return Source(pickled=pickled)
    return _by_value(objective, None) if script is None else Source(pickled=pickled, script=script)


def _by_value(objective: object, script: Script | None) -> Source:
    try:
        cloudpickle: Any = importlib.import_module("cloudpickle")
    except ImportError:
        raise ExecutorError(
            f"{show(objective)} cannot be sent to another process, which can only import functions that a module or "
            "script defines at its top level; define it there, or: pip install 'trimtab[closures]'"
        ) from None
    try:
        pickled = cloudpickle.dumps(objective)
    except Exception as error:
        raise ExecutorError(
            f"the objective {show(objective)} cannot be sent to another process ({summary(error)}); make what it holds "
            'inside the objective, or use executor="serial".'
        ) from None
    return Source(pickled=pickled, by_value=True, script=script)


def _resolve(module: str, qualname: str) -> object:
    if "<" in qualname or module not in sys.modules:
        return None
    found: object = sys.modules[module]
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


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
