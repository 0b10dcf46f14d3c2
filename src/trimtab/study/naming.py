"""What a study is called where nobody says."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, MethodType

from trimtab.execute.command import Command
from trimtab.text import is_secret


def name_of(objective: Callable[..., object] | Command) -> str:
    """Return what a study of an objective is called: after its function, with the arguments that it was given.

    A lambda is called as the variable that holds it, else after its file.
    """
    if isinstance(objective, Command):
        return objective.name
    if isinstance(objective, functools.partial):
        given = [str(value) for value in objective.args if _is_brief(value)]
        named = [(key, value) for key, value in objective.keywords.items() if _is_brief(value)]
        given += [f"{key}={value}" for key, value in named if not is_secret(key)]
        while len(", ".join(given)) > LONGEST_ARGUMENTS:
            given.pop()
        return f"{name_of(objective.func)}({', '.join(given)})" if given else name_of(objective.func)
    if getattr(objective, "__name__", "") == "__call__" and isinstance(objective, MethodType):
        return type(objective.__self__).__name__
    name = str(getattr(objective, "__name__", "") or type(objective).__name__)
    if name != "<lambda>" or not isinstance(objective, FunctionType):
        return name
    for variable, value in objective.__globals__.items():
        if value is objective and not variable.startswith("_"):
            return variable
    file = objective.__globals__.get("__file__")  # not the code's own: a notebook's cells have names of the moment
    return f"{Path(file).stem}-lambda" if isinstance(file, str) else "lambda"


LONGEST_BRIEF = 20
"""Characters of a partial's argument in a study's name."""

LONGEST_ARGUMENTS = 100
"""Characters of all of them; a store takes names of up to 200."""


def _is_brief(value: object) -> bool:
    is_plain = isinstance(value, (str, int, float, bool, type(None)))
    return is_plain and len(str(value)) <= LONGEST_BRIEF and str(value).isprintable()
