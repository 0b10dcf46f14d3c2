"""Plugins by name: entry-point groups in which built-ins register as strangers do.

Groups: `trimtab.optimizers`, `trimtab.schedulers`, `trimtab.executors`, `trimtab.stores`, `trimtab.progress`,
`trimtab.html` (how a study, a trial and a table look in a notebook), `trimtab.figures` (what draws a
`trimtab.analysis.figure.Figure`, for `plot.draw(name)`), `trimtab.reports` (what writes a study up: a function of the
study, registered by the ending of its files, that returns their content as text or bytes).
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from trimtab.errors import PluginError, TrimtabError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Factory: TypeAlias = Callable[..., object]
"""What is registered: a class or a function. What it makes is nothing known until whoever asked has looked at it."""

LONGEST_WORD: Final = 80
MOST_WORDS: Final = 1000
"""What is compared in search of a likely word: beyond, a typing error is unlikely, and the search takes seconds."""


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # imported when used: costs 15 ms

    return {entry.name: entry for entry in entry_points(group=f"trimtab.{group}")}


def names(group: str) -> list[str]:
    """Return the registered names of a group, sorted."""
    return sorted(_entry_points(group))


def entry(group: str, name: str) -> EntryPoint:
    """Return the entry point that is registered as `name` in `group`; nothing is imported.

    Raises:
        PluginError: no such name; the message lists those there are.
    """
    found = _entry_points(group).get(name)
    if found is None:
        from trimtab.habits import PARTS  # other tools' names

        known, habit = names(group), PARTS.get(group, {}).get(name.lower())
        hint = did_you_mean(name, known) if habit is None else f" ({habit})"
        raise PluginError(f"no {kind(group)} is called {name!r}{hint}; there are: {', '.join(known)}.")
    return found


def load(group: str, name: str) -> Factory:
    """Return the class or function that is registered as `name` in `group`; its module is imported.

    Raises:
        PluginError: no such name, or what is registered cannot be imported, or is neither.
    """
    registered = entry(group, name)
    try:
        factory: object = registered.load()
    except TrimtabError:
        raise
    except Exception as error:  # a stranger's module may raise anything
        raise PluginError(
            f"the {kind(group)} {name!r}, registered as {registered.value!r}, cannot be loaded: "
            f"{type(error).__name__}: {error}."
        ) from None
    if not callable(factory):
        raise PluginError(
            f"the {kind(group)} {name!r} is none: expected a class or a function at {registered.value!r}, got a "
            f"{type(factory).__name__}."
        )
    return factory


def drawn(name: str, *what: object) -> str:
    """Return HTML of a study, trials or a table, as the part of the group `html` draws it that is called `name`.

    Raises:
        PluginError: there is none, or it returns something else.
    """
    html = load("html", name)(*what)
    if not isinstance(html, str):
        raise PluginError(f"the html part {name!r} returns a text, got a {type(html).__name__}.")
    return html


def kind(group: str) -> str:
    """Return what one plugin of a group is called in messages."""
    return group.rstrip("s")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or one that ends with it; else an empty string."""
    if len(word) > LONGEST_WORD:
        return ""
    candidates = [one for one in itertools.islice(known, MOST_WORDS) if len(one) <= LONGEST_WORD]
    near = difflib.get_close_matches(word, candidates, n=1)
    if not near:  # a part of a nested name, as `C` of `svc__C` in a pipeline, or `lr` of `optimizer.lr`
        near = [one for one in candidates if word and one.endswith((f"__{word}", f".{word}"))][:1]
    return f" (did you mean {near[0]!r}?)" if near else ""
