"""What people file a study under: project, data set, tags; and whether it was put away. Notes of the study say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.ledger.table import TAG

PROJECT, DATA, ARCHIVED = "project", "data", "archived"
"""The notes of a study that are its label, besides those of tags."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a study is filed under.

    Attributes:
        project, data: names; empty where none was given.
        tags: sorted.
        archived: whether lists leave it out.
    """

    project: str = ""
    data: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False

    @classmethod
    def of(cls, notes: Mapping[str, Any]) -> Label:
        """Return what the notes of a study say."""
        tags = sorted(key.removeprefix(TAG) for key, on in notes.items() if key.startswith(TAG) and on)
        return cls(_text(notes.get(PROJECT)), _text(notes.get(DATA)), tuple(tags), bool(notes.get(ARCHIVED)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
