"""Plugins by name: entry-point groups in which built-ins register as strangers do.

Groups: `trimtab.optimizers`, `trimtab.schedulers`, `trimtab.executors`, `trimtab.stores`, `trimtab.progress`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from typing import Any

from trimtab.errors import PluginError


@cache
def _entry_points(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points  # imported when used: costs 15 ms

    return {entry.name: entry for entry in entry_points(group=f"trimtab.{group}")}


def names(group: str) -> list[str]:
    """Return the registered names of a group, sorted."""
    return sorted(_entry_points(group))


def load(group: str, name: str) -> Any:
    """Return the object that `name` stands for in `group`.

    Raises:
        PluginError: no such name; the message lists those there are.
    """
    entry = _entry_points(group).get(name)
    if entry is None:
        from trimtab.habits import PARTS  # other tools' names

        known, habit = names(group), PARTS.get(group, {}).get(name.lower())
        hint = did_you_mean(name, known) if habit is None else f" ({habit})"
        raise PluginError(f"no {group.rstrip('s')} is called {name!r}{hint}; there are: {', '.join(known)}.")
    return entry.load()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
