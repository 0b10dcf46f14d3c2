"""What draws figures and writes reports, as a stranger would write both: in plain words, for a screen reader."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import trimtab as tt
from trimtab.analysis import figure as fig


def spoken(figure: fig.Figure, *, in_capitals: bool = False) -> str:
    """Return what is seen in a figure as sentences, one a line."""
    said = "\n".join([figure.label, *(line for panel in figure.panels for line in _panel(panel))]) + "\n"
    return said.upper() if in_capitals else said


def _panel(panel: fig.Panel) -> Iterator[str]:
    yield f"{panel.title or 'A picture'}: {panel.y.label or 'what is up'} by {panel.x.label or 'what is across'}."
    for mark in panel.marks:
        yield f"{_named(mark)}{_seen(mark)}."


def _named(mark: fig.Mark) -> str:
    name = getattr(mark, "name", "")
    return f"{name}: " if name else ""


def _seen(mark: fig.Mark) -> str:
    match mark:
        case fig.Line() | fig.Points():
            return f"{len(mark.x)} points, {_between(mark.y)}"
        case fig.Band():
            return f"a band, {_between(np.concatenate([mark.low, mark.high]))}"
        case fig.Bars() | fig.Columns():
            return f"{len(mark.value)} bars, {_between(mark.value)}"
        case fig.Heat():
            return f"a field of colours, {_between(mark.z)}"
        case fig.Spans():
            return f"{len(mark.begin)} stretches"
        case fig.Strands():
            return f"{len(mark.y)} strands"
        case fig.Rule():
            return f"a line at {mark.at:.3g}"
        case fig.Words():
            return ", ".join(mark.texts)


def _between(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"from {known.min():.3g} to {known.max():.3g}" if known.size else "of which none is known"


def counted(figure: fig.Figure) -> int:
    """Return how many marks a figure has: no content of a file."""
    return sum(len(panel.marks) for panel in figure.panels)


def tex(study: tt.Study) -> str:
    """Return a study as a fragment of LaTeX, for a paper."""
    rows = [f"{name} & {value} \\\\" for name, value in study.best.params.items()]
    answers = [f"\\paragraph{{{plot.title}}} {plot.sentence}" for plot in study.plot()]
    return "\n".join([f"\\section{{{study.name}}}", *rows, *answers]) + "\n"


def folder(study: tt.Study) -> list[str]:
    """Return what is no file's content."""
    return [study.name]
