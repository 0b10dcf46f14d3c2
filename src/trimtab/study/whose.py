"""Whose code something is, and where it is kept: for `fingerprint.py`."""

from __future__ import annotations

import functools
import importlib.util
import os
import site
import sys
import sysconfig
from pathlib import Path
from types import FunctionType


def function_of(member: object) -> FunctionType | None:
    """Return the function behind a member of a class, None if it is another kind of member."""
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    if isinstance(member, property):
        member = member.fget
    if isinstance(member, functools.cached_property):
        member = member.func
    return member if isinstance(member, FunctionType) else None


def find(module: str) -> Path | None:
    """Return the file of a module without importing anything; None where it is not found."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    if not below:
        return Path(spec.origin) if spec.origin.endswith(".py") else None
    path = Path(spec.origin).parent.joinpath(*below)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def file_of(module: str) -> str | None:
    """Return the file of a loaded module, None if it has none."""
    found = getattr(sys.modules.get(module), "__file__", None)
    return found if found or module != "__main__" else "<prompt>"  # what is typed in is one's own


@functools.cache
def is_installed(file: str) -> bool:
    """Return whether a file belongs to Python or to an installed package."""
    if file.startswith("<frozen"):
        return True
    if "site-packages" in file or "dist-packages" in file:
        return True
    places = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), site.getuserbase()]
    return any(file.startswith(place.rstrip(os.sep) + os.sep) for place in places if place)
