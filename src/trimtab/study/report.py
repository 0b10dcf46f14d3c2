"""Writing a study up: one file that says what was asked, what came out, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from trimtab import plugins
from trimtab.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable

ENDINGS: Final = {".html": "html", ".htm": "html", ".md": "md", ".pdf": "pdf"}


def check_ending(path: str | Path) -> str:
    """Return how a report with such a path is written.

    Raises:
        StudyError: by its ending, there is no saying how.
    """
    kind = ENDINGS.get(Path(path).suffix.lower())
    if kind is None:
        raise StudyError(f"a report's file ends in .html, .md or .pdf, got {str(path)!r}.")
    return kind


def write(study: object, path: str | Path) -> None:
    """Write a report of a study to a file.

    Raises:
        StudyError: another ending, or the file cannot be written, or there is no browser for a PDF.
    """
    draw: Callable[[object], object] = plugins.load("reports", check_ending(path))
    drawn = draw(study)
    data = drawn if isinstance(drawn, bytes) else str(drawn).encode("utf-8", "replace")
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise StudyError(f"cannot write {str(path)!r}: {error.strerror or error}.") from None
