"""The library that an integration is for: imported, or missed in one sentence."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from trimtab.errors import MissingLibraryError


def needed(module: str, package: str = "") -> ModuleType:
    """Import and return a library's module.

    Args:
        module: its name.
        package: what to install for it, where that is called otherwise.

    Raises:
        MissingLibraryError: the library is not installed. One that is there and lacks something says so itself.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
    raise MissingLibraryError(package or module)
