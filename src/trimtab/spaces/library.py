"""The library: every family by its name, and by the estimators that it is for. Data are loaded when looked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Final

from trimtab.errors import SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.spaces.entry import Family

MODULES: Final = ("linear", "kernels", "trees", "boosting", "preparing", "training", "reinforcement")
"""Files of `trimtab.spaces.data`, in the order of pages."""


@cache
def families() -> dict[str, Family]:
    """Return every family by name."""
    found: dict[str, Family] = {}
    for module in MODULES:
        listed: Iterable[Family] = import_module(f"trimtab.spaces.data.{module}").FAMILIES
        found.update((family.name, family) for family in listed)
    return found


@cache
def by_class() -> dict[tuple[str, str], Family]:
    """Return the families by (package, name of the class), as in ("sklearn", "SVC")."""
    return {(family.module.split(".")[0], name): family for family in families().values() for name in family.classes}


def family(name: str) -> Family:
    """Return the family of a name.

    Raises:
        SpaceError: there is none.
    """
    found = families()
    if name not in found:
        near = did_you_mean(str(name), found)
        raise SpaceError(f"there is no family {shown(name)}{near}; there are: {', '.join(found)}.")
    return found[name]


def package_of(module: str) -> str | None:
    """Return the package that brings a module which a family is imported from; None for one that none is."""
    top = module.split(".")[0]
    return next((one.package for one in families().values() if one.module.split(".")[0] == top and top), None)
