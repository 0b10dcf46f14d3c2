"""A report as Markdown: what the page says, with pictures as text, for a repository or a message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trimtab.study.study import Study
from trimtab.surfaces.render.figure.text import text
from trimtab.surfaces.render.report.content import Content, content_of
from trimtab.surfaces.render.text import clean

CELLS = 90
"""The width of pictures: what most pages show of a line of code."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(study: Study) -> str:
    """Return a study as Markdown."""
    return "\n".join(lines(content_of(study))) + "\n"


def lines(content: Content) -> Iterator[str]:
    """Yield the lines of a report."""
    yield from (f"# {_text(content.name)}", "", f"{_text(content.question)} {_text(content.status)}.", "")
    if content.headline:
        yield from (f"**{_text(content.headline)}**", "")
    yield _text(" ".join(part for part in (content.answer, content.honest) if part))
    if content.settings:
        yield from ("", "| parameter | value |", "|---|---|")
        yield from (f"| {_text(name)} | {_text(value)} |" for name, value in content.settings)
    yield from ("", "## What mattered", "", _text(content.mattered))
    if content.odds:
        yield from ("", "## Is more tuning worth it?", "", _text(content.odds))
    if content.next_steps:
        yield from ("", "## What to do next", "")
        yield from (f"* {_coded(step)}" for step in content.next_steps)
    for card in content.cards:
        yield from ("", f"## {_text(card.title)}", "", _text(card.sentence), "", "```text")
        yield from (line.replace("```", "'''") for line in text(card.figure, CELLS))
        yield "```"
    if content.unanswered:
        yield from ("", "## What there is no answer to", "")
        yield from (f"* {_text(one.title)} {_text(one.reason)}" for one in content.unanswered)
    if content.rows:
        yield from ("", "## All trials", "", _row(content.heads), "|" + "---|" * len(content.heads))
        yield from map(_row, content.rows)
        if content.left_out:
            yield from ("", f"{content.left_out:,} later trials are left out; `trimtab export` has them all.")
    for title, pairs in (("Notes", content.notes), ("Where it comes from", content.provenance)):
        if pairs:
            yield from ("", f"## {title}", "")
            yield from (f"* {_text(label)}: {_text(said)}" for label, said in pairs)


def _text(said: str) -> str:
    return _SPECIAL.sub(r"\\\1", clean(said))


def _coded(said: str) -> str:
    parts = clean(said).split("`")
    if len(parts) % 2 == 0:
        return _text(said)
    return "".join(f"`{part}`" if i % 2 else _text(part) for i, part in enumerate(parts))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"
