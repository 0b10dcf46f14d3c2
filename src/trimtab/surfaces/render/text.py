"""Text on a terminal: how wide it is, how it is cut, and what must never reach it raw."""

from __future__ import annotations

import unicodedata
from functools import cache


@cache
def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text: str) -> int:
    """Return how many cells a text takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def cut(text: str, cells: int) -> str:
    """Return the text, shortened with an ellipsis if it is wider than `cells`."""
    if width(text) <= cells:
        return text
    kept: list[str] = []
    left = cells - 1
    for char in text:
        left -= _char_width(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + "…" if cells > 0 else ""


def clean(text: str) -> str:
    """Return the text with control characters made visible.

    What a program printed or somebody named may hold escape sequences, which a terminal would obey.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def first_line(text: str) -> str:
    """Return the first line that is not blank, cleaned; empty if there is none."""
    return clean(next((line.strip() for line in text.splitlines() if line.strip()), ""))
