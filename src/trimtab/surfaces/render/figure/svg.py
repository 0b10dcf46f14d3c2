"""Figures as SVG that stands alone: no script, no font, no file from elsewhere, light and dark by the reader's choice.

Every colour is a class, which the picture's own style sheet gives a colour for light and one for dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.arrays import Floats
from trimtab.surfaces.render.figure.colours import DARK, LIGHT, field_colour
from trimtab.surfaces.render.figure.scale import scales
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.text import clean, cut
from trimtab.surfaces.render.text import width as cells

WIDTH = 720
"""Units of a whole figure; it is scaled to the room there is."""

HEIGHT = 300
SMALL_HEIGHT = 220
ROW_HEIGHT = 22
"""Of a panel with one column; of one of several; of one place of an axis up that has names."""

FONT = 12
LETTER = 7.6
"""Units that a letter takes, rather too many: fonts differ, and text must not be cut."""

LONGEST_NAME = 26
"""Letters of a name beside a place; the rest is said where the pointer rests."""

_RAMP = 64
"""Colours of a field that are told apart; cells of one colour are one path."""


def style() -> str:
    """Return the style sheet of figures, for light and dark."""
    light = ";".join(f"--tt-{name}:{colour}" for name, colour in LIGHT.items())
    dark = ";".join(f"--tt-{name}:{colour}" for name, colour in DARK.items())
    fills = "".join(
        f".tt-fig .f-{tone}{{fill:var(--tt-{tone})}}.tt-fig .s-{tone}{{stroke:var(--tt-{tone});fill:none}}"
        for tone in (*fig.TONES, "ink", "dim", "grid")
    )
    return (
        f".tt-fig{{{light};font:{FONT}px system-ui,-apple-system,'Segoe UI',sans-serif}}"
        f"@media (prefers-color-scheme:dark){{.tt-fig{{{dark}}}}}"
        f"@media print{{.tt-fig{{{light}}}}}"
        ".tt-fig text{fill:var(--tt-dim)}.tt-fig .name{fill:var(--tt-ink)}"
        ".tt-fig .title{font-weight:600;fill:var(--tt-ink)}"
        f".tt-fig .page{{stroke:var(--tt-page)}}{fills}"
    )


def svg(figure: fig.Figure, *, with_style: bool = True, with_page: bool = False) -> str:
    """Return a figure as an SVG element.

    Args:
        figure: what it shows.
        with_style: whether the style sheet is within; not where a page has it once for many.
        with_page: whether it has a background: for a file that is looked at by itself.
    """
    columns = max(1, min(figure.columns, len(figure.panels)))
    wide = WIDTH / columns
    drawn: list[str] = []
    named: set[str] = set()  # what a panel before has named needs no name again
    top = 0.0
    for begin in range(0, len(figure.panels), columns):
        row = figure.panels[begin : begin + columns]
        fresh = [[one for one in _named(panel) if one[0] not in named] for panel in row]
        named |= {one[0] for legend in fresh for one in legend}
        has_legend = any(fresh)
        height = max(_height(panel, columns, has_legend=has_legend) for panel in row)
        if has_legend and columns > 1:
            fresh = [list(dict.fromkeys(one for legend in fresh for one in legend)), *([[]] * (len(row) - 1))]
        for i, panel in enumerate(row):
            frame = _Frame(panel, wide, height, has_legend=has_legend)
            legend = _legend(fresh[i], frame, (WIDTH if columns > 1 else wide) - 14)
            place = f"translate({i * wide:.1f} {top:.1f})"
            drawn.append(f'<g transform="{place}">{_panel(panel, frame, wide)}{legend}</g>')
        top += height
    label = escape(clean(figure.label), quote=True)
    sheet = f"<style>{style()}</style>" if with_style else ""
    page = f'<rect width="{WIDTH}" height="{top:.0f}" style="fill:var(--tt-page)"/>' if with_page else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tt-fig" viewBox="0 0 {WIDTH} {top:.0f}" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto" role="img" aria-label="{label}">'
        f"{sheet}{page}{''.join(drawn)}</svg>"
    )


def _height(panel: fig.Panel, columns: int, *, has_legend: bool) -> float:
    if panel.y.scale == fig.PLACES and panel.y.ticks is not None:
        return len(panel.y.ticks) * ROW_HEIGHT + 58 + (18 if panel.title else 0) + 18 * has_legend
    return SMALL_HEIGHT if columns > 1 else HEIGHT


class _Frame:
    """Where a panel's marks go."""

    def __init__(self, panel: fig.Panel, wide: float, height: float, *, has_legend: bool) -> None:
        self.x, self.y = scales(panel)
        places_up = panel.y.scale == fig.PLACES
        self.up = self.y.ticks(max(2, int(height / 45)))
        longest = max((cells(_name(text)) for _, text in self.up), default=0) if panel.y.is_shown else 0
        has_heat = any(isinstance(mark, fig.Heat | fig.Strands) for mark in panel.marks)
        self.left = 12 + longest * LETTER + (16 if panel.y.label and not places_up else 0)
        self.right = wide - (78 if has_heat else 16)
        self.top = 10 + (18 if panel.title else 0) + (18 if has_legend else 0)
        self.bottom = height - (
            12 + (18 if panel.x.is_shown else 0) + (16 if panel.x.label and panel.x.is_shown else 0)
        )
        room = self.right - self.left
        self.across = self.x.ticks(max(2, int(room / 75)))

    def left_of(self, x: Floats) -> Floats:
        return self.left + self.x.at(x) * (self.right - self.left)

    def top_of(self, y: Floats) -> Floats:
        return self.bottom - self.y.at(y) * (self.bottom - self.top)


def _panel(panel: fig.Panel, frame: _Frame, wide: float) -> str:
    parts = [_axes(panel, frame, wide)]
    wide_in, tall_in = frame.right - frame.left + 10, frame.bottom - frame.top + 10
    clip = f"{frame.left - 5:.1f} {frame.top - 5:.1f} {wide_in:.1f} {tall_in:.1f}"
    x, y, w, h = clip.split()
    drawn = "".join(_mark(mark, frame) for mark in panel.marks if not isinstance(mark, fig.Words))
    parts.append(
        f'<svg x="{x}" y="{y}" width="{w}" height="{h}" viewBox="{clip}" preserveAspectRatio="none">{drawn}</svg>'
    )
    parts += [_words(mark, frame) for mark in panel.marks if isinstance(mark, fig.Words)]
    if panel.title:
        parts.append(f'<text class="title" x="{frame.left:.1f}" y="15">{_clean(panel.title)}</text>')
    parts += [_key(mark, frame) for mark in panel.marks if isinstance(mark, fig.Heat | fig.Strands)]
    return "".join(parts)


def _axes(panel: fig.Panel, frame: _Frame, wide: float) -> str:
    parts: list[str] = []
    if panel.x.is_shown:
        last = -1e9
        for at, text in frame.across:
            x = float(frame.left_of(np.array([at]))[0])
            half = cells(text) * LETTER / 2
            x_text = min(max(x, frame.left - 8 + half), wide - 2 - half)
            if not np.isfinite(x) or x_text - half < last + 4:
                continue
            last = x_text + half
            if panel.x.scale != fig.PLACES:
                parts.append(f'<path class="s-grid" d="M{x:.1f} {frame.top:.1f}V{frame.bottom:.1f}"/>')
            parts.append(
                f'<text x="{x_text:.1f}" y="{frame.bottom + 16:.1f}" text-anchor="middle">{_clean(text)}</text>'
            )
        if panel.x.label:
            middle = (frame.left + frame.right) / 2
            label = _label(panel.x, frame.right - frame.left)
            parts.append(f'<text x="{middle:.1f}" y="{frame.bottom + 33:.1f}" text-anchor="middle">{label}</text>')
    if panel.y.is_shown:
        for at, text in frame.up:
            y = float(frame.top_of(np.array([at]))[0])
            if not np.isfinite(y):
                continue
            if panel.y.scale != fig.PLACES:
                parts.append(f'<path class="s-grid" d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}"/>')
            whole = f"<title>{_clean(text)}</title>" if _name(text) != text else ""
            kind = ' class="name"' if panel.y.scale == fig.PLACES else ""
            parts.append(
                f'<text{kind} x="{frame.left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">'
                f"{_clean(_name(text))}{whole}</text>"
            )
        if panel.y.label and panel.y.scale != fig.PLACES:
            middle = (frame.top + frame.bottom) / 2
            label = _label(panel.y, frame.bottom - frame.top)
            parts.append(
                f'<text transform="translate(13 {middle:.1f}) rotate(-90)" text-anchor="middle">{label}</text>'
            )
    parts.append(
        f'<path class="s-quiet" stroke-width=".8" d="M{frame.left:.1f} {frame.top:.1f}V{frame.bottom:.1f}'
        f'H{frame.right:.1f}"/>'
    )
    return "".join(parts)


def _label(axis: fig.Axis, room: float) -> str:
    text = axis.label + (" (logarithmic)" if axis.scale == fig.LOG else "")
    return _clean(cut(clean(text), max(4, int(room / LETTER))))


def _mark(mark: fig.Mark, frame: _Frame) -> str:
    if isinstance(mark, fig.Line):
        dash = ' stroke-dasharray="5 4"' if mark.is_dashed else ""
        path = _path(frame.left_of(mark.x), frame.top_of(mark.y), is_step=mark.is_step)
        return (
            f'<path class="s-{mark.tone}" d="{path}" stroke-width="1.8" stroke-linejoin="round"{dash}/>' if path else ""
        )
    if isinstance(mark, fig.Band):
        return _band(mark, frame)
    if isinstance(mark, fig.Points):
        return _points(mark, frame)
    if isinstance(mark, fig.Bars):
        return _bars(mark, frame)
    if isinstance(mark, fig.Columns):
        left, right, top = frame.left_of(mark.left), frame.left_of(mark.right), frame.top_of(mark.value)
        boxes = [
            f"M{a:.1f} {frame.bottom:.1f}V{t:.1f}H{b:.1f}V{frame.bottom:.1f}"
            for a, b, t in zip(left.tolist(), right.tolist(), top.tolist(), strict=True) if a == a and t == t
        ]  # fmt: skip
        return f'<path class="f-{mark.tone} page" stroke-width=".7" opacity=".8" d="{"".join(boxes)}"/>'
    if isinstance(mark, fig.Heat):
        return _heat(mark, frame)
    if isinstance(mark, fig.Spans):
        return _spans(mark, frame)
    if isinstance(mark, fig.Strands):
        return _strands(mark, frame)
    if isinstance(mark, fig.Rule):
        if mark.is_upright:
            d = f"M{float(frame.left_of(np.array([mark.at]))[0]):.1f} {frame.top:.1f}V{frame.bottom:.1f}"
        else:
            d = f"M{frame.left:.1f} {float(frame.top_of(np.array([mark.at]))[0]):.1f}H{frame.right:.1f}"
        return (
            f'<path class="s-{mark.tone}" d="{d}" stroke-width="1.2" stroke-dasharray="2 3"/>' if "nan" not in d else ""
        )
    return ""


def _path(x: Floats, y: Floats, *, is_step: bool = False) -> str:
    """Return a path through points; what is not finite leaves a gap."""
    parts: list[str] = []
    is_open = False
    for a, b in zip(np.clip(x, -2e4, 2e4).tolist(), np.clip(y, -2e4, 2e4).tolist(), strict=True):
        if a != a or b != b:
            is_open = False
        elif not is_open:
            parts.append(f"M{a:.1f} {b:.1f}")
            is_open = True
        else:
            parts.append(f"H{a:.1f}V{b:.1f}" if is_step else f"L{a:.1f} {b:.1f}")
    return "".join(parts)


def _band(mark: fig.Band, frame: _Frame) -> str:
    x, low, high = frame.left_of(mark.x), frame.top_of(mark.low), frame.top_of(mark.high)
    known = ~(np.isnan(x) | np.isnan(low) | np.isnan(high))
    if known.sum() < 2:
        return ""
    across = np.concatenate([x[known], x[known][::-1]])
    path = _path(across, np.concatenate([low[known], high[known][::-1]]))
    return f'<path class="f-{mark.tone}" opacity=".18" d="{path}Z"/>'


def _points(mark: fig.Points, frame: _Frame) -> str:
    x, y = frame.left_of(mark.x), frame.top_of(mark.y)
    known = np.flatnonzero(~(np.isnan(x) | np.isnan(y)))
    size = 3.0 if len(known) <= 200 else 2.2 if len(known) <= 600 else 1.6
    opacity = ".95" if mark.shape == "diamond" else ".75" if len(known) <= 200 else ".5"
    if mark.shape == "diamond":
        size += 3.0
    shapes = []
    for i in known.tolist():
        a, b = float(x[i]), float(y[i])
        if mark.shape == "cross":
            side = 2 * size
            d = f"M{a - size:.1f} {b - size:.1f}l{side:.1f} {side:.1f}m0 {-side:.1f}l{-side:.1f} {side:.1f}"
        elif mark.shape == "diamond":
            d = f"M{a:.1f} {b - size:.1f}l{size:.1f} {size:.1f}l{-size:.1f} {size:.1f}l{-size:.1f} {-size:.1f}z"
        else:
            d = f"M{a:.1f} {b:.1f}h0"
        if mark.numbers is not None and len(known) <= 200:
            told = (
                f"<title>trial {int(mark.numbers[i])}: {number(float(mark.x[i]))}, {number(float(mark.y[i]))}</title>"
            )
            shapes.append(f'<path d="{d}">{told}</path>')
        else:
            shapes.append(d)
    is_titled = bool(shapes) and shapes[0].startswith("<")
    body = "".join(shapes) if is_titled else f'<path d="{"".join(shapes)}"/>' if shapes else ""
    if mark.shape == "dot":
        round_pen = f'stroke-width="{2 * size:.1f}" stroke-linecap="round"'
        return f'<g class="s-{mark.tone}" {round_pen} opacity="{opacity}">{body}</g>'
    if mark.shape == "cross":
        return f'<g class="s-{mark.tone}" stroke-width="1.4" opacity="{opacity}">{body}</g>'
    return f'<g class="f-{mark.tone} page" stroke-width="1">{body}</g>'


def _bars(mark: fig.Bars, frame: _Frame) -> str:
    places = np.arange(len(mark.value), dtype=np.float64)
    zero = float(np.nan_to_num(frame.left_of(np.zeros(1))[0], nan=frame.left))
    ends, middle = frame.left_of(mark.value), frame.top_of(places)
    thick = min(14.0, 0.62 * (frame.bottom - frame.top) / max(1, len(places)))
    parts = []
    for end, y in zip(ends.tolist(), middle.tolist(), strict=True):
        if end == end:
            parts.append(f"M{zero:.1f} {y - thick / 2:.1f}H{end:.1f}v{thick:.1f}H{zero:.1f}z")
    drawn = f'<path class="f-{mark.tone}" opacity=".85" d="{"".join(parts)}"/>'
    if mark.low is None or mark.high is None:
        return drawn
    whiskers = [
        f"M{a:.1f} {y:.1f}H{b:.1f}M{a:.1f} {y - 3:.1f}v6M{b:.1f} {y - 3:.1f}v6"
        for a, b, y in zip(
            frame.left_of(mark.low).tolist(), frame.left_of(mark.high).tolist(), middle.tolist(), strict=True
        )
        if a == a and b == b
    ]
    return f'{drawn}<path class="s-ink" stroke-width="1.2" d="{"".join(whiskers)}"/>'


def _heat(mark: fig.Heat, frame: _Frame) -> str:
    x, y = frame.left_of(mark.x), frame.top_of(mark.y)
    share = _share(mark.z)
    level = np.where(np.isnan(share), -1, np.rint(np.nan_to_num(share) * (_RAMP - 1))).astype(np.int64)
    colours = field_colour(np.arange(_RAMP) / (_RAMP - 1))
    parts = []
    for one in np.unique(level[level >= 0]).tolist():
        boxes = [
            f"M{x[j]:.1f} {y[i]:.1f}H{x[j + 1]:.1f}V{y[i + 1]:.1f}H{x[j]:.1f}z"
            for i, j in np.argwhere(level == one).tolist()
        ]
        parts.append(f'<path fill="{colours[one]}" d="{"".join(boxes)}"/>')
    return f'<g shape-rendering="crispEdges">{"".join(parts)}</g>'


def _share(z: Floats) -> Floats:
    """Return values as shares of their range, all alike in the middle."""
    finite = z[np.isfinite(z)]
    if not len(finite) or finite.min() == finite.max():
        return np.where(np.isfinite(z), 0.5, np.nan)
    low, high = float(finite.min()), float(finite.max())
    return np.where(np.isfinite(z), (z / 2 - low / 2) / (high / 2 - low / 2), np.nan)


def _key(mark: fig.Heat | fig.Strands, frame: _Frame) -> str:
    """Return the bar that says what colours mean, to the right of the panel."""
    colours = field_colour(np.linspace(1.0, 0.0, 24))
    x, top, tall = frame.right + 14, frame.top + 14, max(20.0, frame.bottom - frame.top - 28)
    boxes = "".join(
        f'<rect x="{x:.1f}" y="{top + tall * i / 24:.1f}" width="10" height="{tall / 24 + 0.5:.1f}" fill="{colour}"/>'
        for i, colour in enumerate(colours)
    )
    if isinstance(mark, fig.Heat):
        finite = mark.z[np.isfinite(mark.z)]
        ends = (number(float(finite.max())), number(float(finite.min()))) if len(finite) else ("", "")
    else:
        ends = ("worst", "best")
    said, turned = _clean(cut(clean(mark.label), int(tall / LETTER))), f"translate({x + 24:.1f} {top + tall / 2:.1f})"
    label = f'<text transform="{turned} rotate(-90)" text-anchor="middle">{said}</text>'
    return (
        f'{boxes}<text x="{x - 2:.1f}" y="{top - 4:.1f}">{ends[0]}</text>'
        f'<text x="{x - 2:.1f}" y="{top + tall + 13:.1f}">{ends[1]}</text>{label}'
    )


def _spans(mark: fig.Spans, frame: _Frame) -> str:
    begin, end, lane = frame.left_of(mark.begin), frame.left_of(mark.end), frame.top_of(mark.lane)
    lanes = max(1.0, frame.y.high - frame.y.low)
    thick = min(14.0, 0.7 * (frame.bottom - frame.top) / lanes)
    boxes = [
        f"M{a:.1f} {y - thick / 2:.1f}H{max(b, a + 0.8):.1f}v{thick:.1f}H{a:.1f}z"
        for a, b, y in zip(begin.tolist(), end.tolist(), lane.tolist(), strict=True) if a == a and b == b
    ]  # fmt: skip
    return f'<path class="f-{mark.tone} page" stroke-width=".6" d="{"".join(boxes)}"/>'


def _strands(mark: fig.Strands, frame: _Frame) -> str:
    n = len(mark.y)
    x = frame.left_of(np.arange(mark.y.shape[1], dtype=np.float64))
    colours = field_colour(mark.share)
    opacity = 0.8 if n <= 60 else 0.5 if n <= 300 else 0.3
    width = 1.4 if n <= 60 else 1.0
    parts = [
        f'<path fill="none" stroke="{colour}" d="{_path(x, frame.top_of(row))}"/>'
        for row, colour in zip(mark.y, colours, strict=True)
    ]
    low, high = frame.top_of(np.array([0.0, 1.0])).tolist()
    bars = "".join(f"M{at:.1f} {low:.1f}V{high:.1f}" for at in x.tolist())
    return f'<g stroke-width="{width}" opacity="{opacity}">{"".join(parts)}</g><path class="s-quiet" d="{bars}"/>'


def _words(mark: fig.Words, frame: _Frame) -> str:
    parts = []
    for x, y, text in zip(frame.left_of(mark.x).tolist(), frame.top_of(mark.y).tolist(), mark.texts, strict=True):
        if x == x and y == y:
            height = y - 6 if mark.above else y + 14
            parts.append(f'<text x="{x:.1f}" y="{height:.1f}" text-anchor="middle">{_clean(text)}</text>')
    return "".join(parts)


def _named(panel: fig.Panel) -> list[tuple[str, str, str]]:
    """Return (name, tone, sign) of the marks that a legend names."""
    found: list[tuple[str, str, str]] = []
    for mark in panel.marks:
        name = getattr(mark, "name", "")
        if name and name not in [one[0] for one in found]:
            sign = (
                getattr(mark, "shape", "")
                if isinstance(mark, fig.Points)
                else "line"
                if isinstance(mark, fig.Line | fig.Rule)
                else "box"
            )
            if isinstance(mark, fig.Line | fig.Rule) and getattr(mark, "is_dashed", isinstance(mark, fig.Rule)):
                sign = "dashes"
            found.append((name, mark.tone, sign))  # type: ignore[union-attr]  # what has a name has a tone
    return found


def _legend(named: Sequence[tuple[str, str, str]], frame: _Frame, end: float) -> str:
    parts: list[str] = []
    x, y = frame.left, frame.top - 9
    for name, tone, sign in named:
        room = 22 + cells(name) * LETTER
        if x + room > end and parts:
            break
        if sign == "dot":
            parts.append(
                f'<path class="s-{tone}" stroke-width="7" stroke-linecap="round" d="M{x + 6:.1f} {y - 4:.1f}h0"/>'
            )
        elif sign == "cross":
            parts.append(f'<path class="s-{tone}" stroke-width="1.6" d="M{x + 3:.1f} {y - 7:.1f}l6 6m0 -6l-6 6"/>')
        elif sign == "diamond":
            parts.append(f'<path class="f-{tone}" d="M{x + 6:.1f} {y - 9:.1f}l5 5l-5 5l-5 -5z"/>')
        elif sign in ("line", "dashes"):
            dash = ' stroke-dasharray="3 2"' if sign == "dashes" else ""
            parts.append(f'<path class="s-{tone}" stroke-width="2"{dash} d="M{x:.1f} {y - 4:.1f}h13"/>')
        else:
            parts.append(f'<path class="f-{tone}" opacity=".6" d="M{x + 1:.1f} {y - 9:.1f}h11v10h-11z"/>')
        parts.append(f'<text x="{x + 17:.1f}" y="{y:.1f}">{_clean(name)}</text>')
        x += room + 8
    return "".join(parts)


def _name(text: str) -> str:
    return cut(clean(text), LONGEST_NAME)


def _clean(text: str) -> str:
    return escape(clean(text))


def together(figures: Iterable[fig.Figure]) -> Sequence[str]:
    """Return many figures for one page that has `style()` once."""
    return [svg(figure, with_style=False) for figure in figures]
