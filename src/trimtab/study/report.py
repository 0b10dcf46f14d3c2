"""Writing a study up: one file that says what was asked, what came out, and what to do next.

A writer is registered in the group `trimtab.reports` under the ending of its files, as `tex`. It is called with the
study, may read all that is public of it, and returns the file's content as text or bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trimtab import plugins
from trimtab.errors import PluginError, StudyError
from trimtab.space.condition import shown

ALIKE: Final = {"htm": "html"}
"""Endings that mean another."""


def check_ending(path: str | Path) -> str:
    """Return the name under which the writer of such a file is registered.

    Raises:
        StudyError: by its ending, there is no saying how it is written.
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    name, known = ALIKE.get(ending, ending), plugins.names("reports")
    if name not in known:
        *others, last = (f".{each}" for each in known)
        raise StudyError(f"a report's file ends in {', '.join(others)} or {last}, got {str(path)!r}.")
    return name


def write(study: object, path: str | Path) -> None:
    """Write a report of a study to a file.

    Raises:
        StudyError: another ending, or the file cannot be written, or there is no browser for a PDF.
        PluginError: a writer that somebody registered gives no content.
    """
    name = check_ending(path)
    content = plugins.load("reports", name)(study)
    if not isinstance(content, str | bytes):
        raise PluginError(f"the report {name!r} returns text or bytes; it gave {shown(content)}.")
    save(content, path)


def save(content: str | bytes, path: str | Path) -> None:
    """Write what was drawn to a file, texts in UTF-8.

    Raises:
        StudyError: the file cannot be written.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise StudyError(f"cannot write {str(path)!r}: {error.strerror or error}.") from None
