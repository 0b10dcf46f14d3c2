"""Answers as HTML, for notebooks: the question, the answer, and the picture if there is one."""

from __future__ import annotations

from html import escape

from trimtab.analysis.card import Answer, Card
from trimtab.surfaces.render.figure.svg import svg
from trimtab.surfaces.render.text import clean

_BOX = 'style="font-size:13px;line-height:1.5;max-width:100%"'


def card(answer: Answer) -> str:
    """Return an answer as HTML that stands alone, light and dark."""
    said = f"<b>{escape(clean(answer.title))}</b><div>{escape(clean(answer.sentence))}</div>"
    drawn = svg(answer.figure) if isinstance(answer, Card) else ""
    return f"<div {_BOX}>{said}{drawn}</div>"
