"""JSON lines in what a program writes: found among everything else that stands there.

A line ends with a line feed, or with a carriage return, as progress bars write it. What is a report is a line that
holds one JSON object or several, and nothing else but blanks, control characters, colours and a byte order mark; text
is UTF-8. An object with other text before it is none: programs write such lines about much that is no result.
"""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_LINE = 16 << 20
"""Bytes of a line that are kept to see whether it is a report; a result may hold a curve or a confusion matrix."""

_DRESS = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, and where the cursor goes
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    rb"|\x1b[ -/]*[0-~]"
    rb"|\xef\xbb\xbf"  # a byte order mark
    rb"|[\x00-\x08\x0e-\x1a\x7f]"  # backspaces, as some progress bars write them, and the like
)
_DECODER = json.JSONDecoder()


class Lines:
    """Cuts a stream of bytes into lines; a line that is too long is thrown away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0
        self._is_skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that are now complete, without their ends; those that are empty are left out."""
        first, *others = chunk.replace(b"\r", b"\n").split(b"\n")
        self._keep(first)
        if not others:
            return []
        lines = self.end()
        lines += [line for line in others[:-1] if line and len(line) <= LONGEST_LINE]
        self._keep(others[-1])
        return lines

    def end(self) -> list[bytes]:
        """Return what came after the last end of a line."""
        line = b"".join(self._pieces)
        self._pieces, self._length, self._is_skipping = [], 0, False
        return [line] if line else []

    def _keep(self, piece: bytes) -> None:
        if not piece or self._is_skipping:
            return
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > LONGEST_LINE:
            self._pieces, self._is_skipping = [], True


def objects(line: bytes) -> list[dict[str, Any]]:
    """Return the JSON objects of which a line consists; none if it holds anything else."""
    text = bare(line)
    if not text.startswith("{"):
        return []
    found: list[dict[str, Any]] = []
    at = 0
    while at < len(text):
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict):
            return []
        found.append(value)
        while text[at : at + 1].isspace():
            at += 1
    return found


def ends_with_object(line: bytes) -> bool:
    """Return whether a line that is no report would be one without the text before its first brace."""
    text = bare(line)
    start = text.find("{")
    return start > 0 and bool(objects(text[start:].encode()))


def bare(line: bytes) -> str:
    """Return a line as text, without what makes it look nice."""
    return _DRESS.sub(b"", line).decode("utf-8", "replace").strip()
