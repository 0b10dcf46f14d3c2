"""Text on a terminal: how wide it is, how it is cut and wrapped, and what must never reach it raw."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from trimtab.text import visible as clean

__all__ = ["clean", "cut", "first_line", "folded", "joined", "shortened", "width", "wrapped"]


_BREAKS = re.compile(r"(?<![=±→<>]) (?![=±→<>])")


@cache
def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":  # the latter join a syllable
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


def shortened(text: str, cells: int) -> str:
    """Return prose, shortened by whole words and marked with an ellipsis if it is wider than `cells`."""
    if width(text) <= cells:
        return text
    kept = ""
    for word in text.split(" "):
        longer = f"{kept} {word}" if kept else word
        if width(longer) + 2 > cells:
            break
        kept = longer
    return f"{kept} …" if kept else "…"


def wrapped(text: str, cells: int | None) -> list[str]:
    """Return the text in lines of at most `cells`, broken at spaces; a word that is wider stands whole on its line.

    What belongs together, as `loss = 0.25 ± 0.01`, stays together.
    """
    if cells is None or width(text) <= cells:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    for word in _BREAKS.split(text):
        room = width(word)
        if line and used + 1 + room > cells:
            lines.append(line.rstrip())
            line, used = word, room
        else:
            line, used = (f"{line} {word}", used + 1 + room) if line else (word, room)
    return [*lines, line]


def folded(text: str, cells: int | None, indent: int = 0) -> list[str]:
    """Return one line of output, as of a log, in lines of at most `cells`, its own indent and `indent` before each.

    A word that has no room there, as a path, begins a line of its own; if even that is too narrow, it is broken behind
    a backslash, as a shell continues a line: what is copied to one is then whole.
    """
    body = text.lstrip(" ")
    lead = " " * (indent + len(text) - len(body))
    if cells is None or len(lead) + width(body) <= cells:
        return [f"{lead}{body}"]
    lead = lead[: cells // 2]
    lines: list[str] = []
    line = lead
    for word in body.split(" "):
        longer = f"{line} {word}" if line.strip() else line + word
        if width(longer) <= cells:
            line = longer
            continue
        lines += [line.rstrip()] if line.strip() else []
        *broken, line = [lead + word] if len(lead) + width(word) <= cells else _broken(word, cells)
        lines += broken
    return [*lines, line.rstrip()]


def _broken(word: str, cells: int) -> list[str]:
    """Return a word in pieces of at most `cells`, each but the last with a backslash behind it."""
    pieces, used = [""], 0
    for i, char in enumerate(word):
        room = _char_width(char)
        if used + room + (i < len(word) - 1) > cells and pieces[-1]:
            pieces.append("")
            used = 0
        pieces[-1] += char
        used += room
    return [*(f"{piece}\\" for piece in pieces[:-1]), pieces[-1]]


def joined(parts: list[str], cells: int | None, *, gap: str = ", ", more: str = "and {n} more") -> str:
    """Return as many whole parts as fit in one line of `cells`, and how many there are besides.

    The first part always stands there.
    """
    if cells is None:
        return gap.join(parts)
    text = gap.join(parts)
    n = len(parts)
    while n > 1 and width(text) > cells:
        n -= 1
        text = gap.join([*parts[:n], more.format(n=len(parts) - n)])
    return text


def first_line(text: str) -> str:
    """Return the first line that is not blank, cleaned; empty if there is none."""
    return clean(next((line.strip() for line in text.splitlines() if line.strip()), ""))


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`; there is one at least."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
