"""Progress in a notebook: one area of the cell's output, drawn again and again."""

from __future__ import annotations

import importlib
import time
from typing import Any

from trimtab.study.standing import Status
from trimtab.surfaces.render import html, said

REDRAW_S = 0.25
"""The area is drawn at most this often: each time is a message, which is kept until the notebook reads it."""


class Area:
    """Shows a study in the output of a notebook's cell.

    The text beside the HTML is for what shows no HTML: a console at the same kernel, a diff, a screen reader.
    """

    def __init__(self, study_name: str, *, every_s: float = REDRAW_S) -> None:
        self.study_name = study_name
        self._every_s = every_s
        self._drawn_at: float | None = None
        self._failed = False
        self._handle: Any = None

    def update(self, status: Status) -> None:
        now = time.monotonic()
        is_news = status.failure is not None and not self._failed
        if self._drawn_at is None or is_news or now - self._drawn_at >= self._every_s:
            self._drawn_at, self._failed = now, status.failure is not None
            self._draw(status, said.sentence(status))

    def close(self, status: Status) -> None:
        self._draw(status, "\n".join((said.farewell(status), *said.early_text(status))))

    def _draw(self, status: Status, text: str) -> None:
        display: Any = importlib.import_module("IPython.display").display  # there is a notebook, hence IPython
        if status.failure is not None:
            text = f"{text}\n{said.failed(status.failure, status.look)}"
        bundle = {"text/plain": text, "text/html": html.running(status)}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
