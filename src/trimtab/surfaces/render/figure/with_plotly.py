"""Figures drawn by Plotly, to turn, zoom and point at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.arrays import Floats
from trimtab.errors import MissingExtraError
from trimtab.surfaces.render.figure.colours import LIGHT, field_colour
from trimtab.surfaces.render.figure.scale import Scale, scales
from trimtab.surfaces.render.text import clean

PANEL, ROW = 300, 24
"""Pixels of a panel, and of one place of an axis up that has names."""

_SHAPES = {"dot": "circle", "cross": "x-thin-open", "diamond": "diamond"}


def plotly(figure: fig.Figure) -> Any:
    """Return a `plotly.graph_objects.Figure`.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    try:
        from plotly.subplots import make_subplots
    except ImportError:
        raise MissingExtraError("plotly", "plot", "to draw with it") from None
    columns = max(1, min(figure.columns, len(figure.panels)))
    n_rows = -(-len(figure.panels) // columns)
    drawn = make_subplots(rows=n_rows, cols=columns, subplot_titles=[_text(panel.title) for panel in figure.panels])
    named: set[str] = set()
    height = 0.0
    for i, panel in enumerate(figure.panels):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        across, up = scales(panel)
        for mark in panel.marks:
            for trace in _traces(mark, panel.x.scale == fig.TIME):
                if trace.name and (trace.name in named):
                    trace.showlegend = False
                named.add(trace.name or "")
                drawn.add_trace(trace, **place)
            if isinstance(mark, fig.Rule):
                at = {"x": mark.at} if mark.is_upright else {"y": mark.at}
                add = drawn.add_vline if mark.is_upright else drawn.add_hline
                add(**at, line={"dash": "dot", "color": LIGHT[mark.tone], "width": 1.2}, **place)
        drawn.update_xaxes(**_axis(panel.x, across), **place)
        drawn.update_yaxes(**_axis(panel.y, up), **place)
        height = max(height, _height(panel))
    drawn.update_layout(
        height=height * n_rows + 60, template="plotly_white", barmode="overlay",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"}, margin={"l": 60, "r": 20, "t": 60, "b": 50},
    )  # fmt: skip
    return drawn


def _height(panel: fig.Panel) -> float:
    return ROW * len(panel.y.ticks) + 120 if panel.y.scale == fig.PLACES and panel.y.ticks is not None else PANEL


def _text(said: str) -> str:
    return clean(said).replace("<", "&lt;")  # of HTML, some tags are taken


def _axis(axis: fig.Axis, scale: Scale) -> dict[str, Any]:
    ends: list[Any] = [scale.low, scale.high]
    if axis.scale == fig.LOG:
        ends = np.log10(ends).tolist()
    found: dict[str, Any] = {"title": _text(axis.label), "range": ends, "visible": axis.is_shown}
    if axis.scale == fig.LOG:
        found["type"] = "log"
    if axis.scale == fig.TIME:
        found |= {"type": "date", "range": _times(np.array(ends))}
    if axis.ticks is not None:
        found |= {"tickvals": [at for at, _ in axis.ticks], "ticktext": [_text(name)[:40] for _, name in axis.ticks]}
    return found


def _times(values: Floats) -> list[str]:
    return [datetime.fromtimestamp(at, UTC).isoformat() for at in values.tolist()]


def _traces(mark: fig.Mark, is_time: bool) -> list[Any]:  # noqa: FBT001 - of one caller
    """Return what Plotly draws a mark with."""
    from plotly import graph_objects as go

    colour, name = LIGHT[getattr(mark, "tone", "main")], _text(getattr(mark, "name", "")) or None
    common = {"name": name, "showlegend": name is not None}
    if isinstance(mark, fig.Line):
        line = {
            "color": colour,
            "width": 1.8,
            "dash": "dash" if mark.is_dashed else "solid",
            "shape": "hv" if mark.is_step else "linear",
        }
        return [go.Scatter(x=mark.x, y=mark.y, mode="lines", line=line, **common)]
    if isinstance(mark, fig.Band):
        x, y = np.concatenate([mark.x, mark.x[::-1]]), np.concatenate([mark.low, mark.high[::-1]])
        return [
            go.Scatter(
                x=x, y=y, fill="toself", fillcolor=colour, opacity=0.18, line={"width": 0}, hoverinfo="skip", **common
            )
        ]
    if isinstance(mark, fig.Points):
        marker = {
            "color": colour,
            "symbol": _SHAPES[mark.shape],
            "size": 10 if mark.shape == "diamond" else 6,
            "line": {"width": 1.5, "color": colour},
        }
        told = None if mark.numbers is None else [f"trial {number}" for number in mark.numbers.tolist()]
        return [go.Scatter(x=mark.x, y=mark.y, mode="markers", marker=marker, text=told, opacity=0.8, **common)]
    if isinstance(mark, fig.Bars):
        error = None
        if mark.low is not None and mark.high is not None:
            error = {
                "array": mark.high - mark.value,
                "arrayminus": mark.value - mark.low,
                "color": LIGHT["ink"],
                "thickness": 1,
            }
        return [
            go.Bar(
                x=mark.value,
                y=np.arange(len(mark.value)),
                orientation="h",
                marker_color=colour,
                error_x=error,
                **common,
            )
        ]
    if isinstance(mark, fig.Columns):
        middle = mark.left / 2 + mark.right / 2
        return [
            go.Bar(x=middle, y=mark.value, width=mark.right - mark.left, marker_color=colour, opacity=0.8, **common)
        ]
    if isinstance(mark, fig.Heat):
        stops = [[i / 15, one] for i, one in enumerate(field_colour(np.arange(16) / 15))]
        return [go.Heatmap(x=mark.x, y=mark.y, z=mark.z, colorscale=stops, colorbar={"title": _text(mark.label)})]
    if isinstance(mark, fig.Spans):
        length = (mark.end - mark.begin) * (1000.0 if is_time else 1.0)  # of dates, Plotly counts milliseconds
        base = _times(mark.begin) if is_time else mark.begin
        return [go.Bar(x=length, base=base, y=mark.lane, orientation="h", marker_color=colour, **common)]
    if isinstance(mark, fig.Strands):
        places = np.arange(mark.y.shape[1])
        return [
            go.Scatter(
                x=places,
                y=row,
                mode="lines",
                line={"color": one, "width": 1},
                opacity=0.5,
                showlegend=False,
                hoverinfo="skip",
            )
            for row, one in zip(mark.y, field_colour(mark.share), strict=True)
        ]
    if isinstance(mark, fig.Words):
        where = "top center" if mark.above else "bottom center"
        return [
            go.Scatter(
                x=mark.x,
                y=mark.y,
                mode="text",
                text=[_text(said) for said in mark.texts],
                textposition=where,
                showlegend=False,
            )
        ]
    return []
