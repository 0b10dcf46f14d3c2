"""Plugins by name: entry-point groups in which built-ins register as strangers do.

Groups: `trimtab.optimizers`, `trimtab.schedulers`, `trimtab.executors`, `trimtab.stores`, `trimtab.progress`,
`trimtab.html` (how a study, a trial and a table look in a notebook).
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from trimtab.errors import PluginError

LONGEST_WORD: Final = 80
MOST_WORDS: Final = 1000
"""What is compared in search of a likely word: beyond, a typing error is unlikely, and the search takes seconds."""


@cache
def _entry_points(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points  # imported when used: costs 15 ms

    return {entry.name: entry for entry in entry_points(group=f"trimtab.{group}")}


def names(group: str) -> list[str]:
    """Return the registered names of a group, sorted."""
    return sorted(_entry_points(group))


def entry(group: str, name: str) -> Any:
    """Return the entry point that is registered as `name` in `group`; nothing is imported.

    Raises:
        PluginError: no such name; the message lists those there are.
    """
    found = _entry_points(group).get(name)
    if found is None:
        from trimtab.habits import PARTS  # other tools' names

        known, habit = names(group), PARTS.get(group, {}).get(name.lower())
        hint = did_you_mean(name, known) if habit is None else f" ({habit})"
        raise PluginError(f"no {group.rstrip('s')} is called {name!r}{hint}; there are: {', '.join(known)}.")
    return found


def load(group: str, name: str) -> Any:
    """Return the object that `name` stands for in `group`. Raises as `entry`."""
    return entry(group, name).load()


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or an empty string."""
    if len(word) > LONGEST_WORD:
        return ""
    candidates = [one for one in itertools.islice(known, MOST_WORDS) if len(one) <= LONGEST_WORD]
    near = difflib.get_close_matches(word, candidates, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
