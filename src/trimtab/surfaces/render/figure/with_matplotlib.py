"""Figures drawn by Matplotlib, to go on with, and for files of pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trimtab.analysis import figure as fig
from trimtab.errors import MissingExtraError
from trimtab.surfaces.render.figure.colours import LIGHT, field_colour
from trimtab.surfaces.render.figure.scale import scales
from trimtab.surfaces.render.text import clean

WIDTH, HEIGHT, ROW = 7.2, 3.2, 0.26
"""Inches of a figure and of a panel; and of one place of an axis up that has names."""

DPI = 150
_SHAPES = {"dot": "o", "cross": "x", "diamond": "D"}


def matplotlib(figure: fig.Figure) -> Any:
    """Return a `matplotlib.figure.Figure`, which no window shows and pyplot does not know.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "to draw with it") from None
    columns = max(1, min(figure.columns, len(figure.panels)))
    rows = [figure.panels[i : i + columns] for i in range(0, len(figure.panels), columns)]
    heights = [max(_height(panel) for panel in row) for row in rows]
    drawn = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout="constrained")
    axes = drawn.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    named: set[str] = set()
    for row, line in zip(rows, axes, strict=True):
        for i, ax in enumerate(line):
            if i < len(row):
                _panel(ax, row[i], drawn, named)
            else:
                ax.set_axis_off()
    return drawn


def _height(panel: fig.Panel) -> float:
    return ROW * len(panel.y.ticks) + 1.0 if panel.y.scale == fig.PLACES and panel.y.ticks is not None else HEIGHT


def _panel(ax: Any, panel: fig.Panel, drawn: Any, named: set[str]) -> None:
    for order, mark in enumerate(panel.marks):
        _mark(ax, mark, order + 2, drawn)
    across, up = scales(panel)
    for axis, scale, part in ((ax.xaxis, across, panel.x), (ax.yaxis, up, panel.y)):
        is_x = axis is ax.xaxis
        if part.scale == fig.LOG:
            (ax.set_xscale if is_x else ax.set_yscale)("log")
        (ax.set_xlim if is_x else ax.set_ylim)(scale.low, scale.high)
        if part.ticks is not None:
            axis.set_ticks([at for at, _ in part.ticks], [_text(name)[:40] for _, name in part.ticks])
        elif part.scale == fig.TIME:
            axis.set_ticks([at for at, _ in scale.ticks(6)], [name for _, name in scale.ticks(6)])
        axis.set_visible(part.is_shown)
        (ax.set_xlabel if is_x else ax.set_ylabel)(_text(part.label))
    ax.set_title(_text(panel.title), loc="left", fontsize=10)
    ax.grid(visible=True, color=LIGHT["grid"], linewidth=0.6, zorder=0)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    handles, names = ax.get_legend_handles_labels()
    fresh = {name: handle for handle, name in zip(handles, names, strict=True) if name not in named}
    if fresh:
        named |= set(fresh)
        ax.legend(
            fresh.values(),
            fresh.keys(),
            fontsize=7,
            frameon=False,
            ncols=min(3, len(fresh)),
            loc="lower left",
            bbox_to_anchor=(0, 1),
        )


def _text(said: str) -> str:
    return clean(said).replace("$", r"\$")  # which begins a formula there


def _mark(ax: Any, mark: fig.Mark, order: int, drawn: Any) -> None:
    colour = LIGHT[getattr(mark, "tone", "main")]
    name = _text(getattr(mark, "name", "")) or None
    common = {"color": colour, "label": name, "zorder": order}
    if isinstance(mark, fig.Line):
        ax.plot(
            mark.x,
            mark.y,
            linestyle="--" if mark.is_dashed else "-",
            drawstyle="steps-post" if mark.is_step else None,
            linewidth=1.5,
            **common,
        )
    elif isinstance(mark, fig.Band):
        ax.fill_between(mark.x, mark.low, mark.high, alpha=0.18, linewidth=0, **common)
    elif isinstance(mark, fig.Points):
        ax.scatter(
            mark.x,
            mark.y,
            marker=_SHAPES[mark.shape],
            s=30 if mark.shape == "diamond" else 12,
            alpha=0.8,
            linewidths=1,
            **common,
        )
    elif isinstance(mark, fig.Bars):
        places = np.arange(len(mark.value))
        ax.barh(places, mark.value, height=0.6, alpha=0.85, **common)
        if mark.low is not None and mark.high is not None:
            ax.hlines(places, mark.low, mark.high, color=LIGHT["ink"], linewidth=1, zorder=order)
    elif isinstance(mark, fig.Columns):
        ax.bar(
            mark.left, mark.value, width=mark.right - mark.left, align="edge", alpha=0.8, edgecolor="white", **common
        )
    elif isinstance(mark, fig.Heat):
        from matplotlib.colors import ListedColormap

        colours = ListedColormap(field_colour(np.linspace(0.0, 1.0, 256)))
        seen = ax.pcolormesh(mark.x, mark.y, np.ma.masked_invalid(mark.z), cmap=colours, zorder=1)
        drawn.colorbar(seen, ax=ax, label=_text(mark.label))
    elif isinstance(mark, fig.Spans):
        ax.barh(
            mark.lane, mark.end - mark.begin, left=mark.begin, height=0.7, edgecolor="white", linewidth=0.3, **common
        )
    elif isinstance(mark, fig.Strands):
        places = np.arange(mark.y.shape[1])
        for row, one in zip(mark.y, field_colour(mark.share), strict=True):
            ax.plot(places, row, color=one, alpha=0.5, linewidth=0.8, zorder=order)
    elif isinstance(mark, fig.Rule):
        (ax.axvline if mark.is_upright else ax.axhline)(mark.at, linestyle=":", linewidth=1.2, **common)
    else:
        for x, y, said in zip(mark.x.tolist(), mark.y.tolist(), mark.texts, strict=True):
            if math.isfinite(x) and math.isfinite(y):
                ax.annotate(
                    _text(said),
                    (x, y),
                    xytext=(0, 3 if mark.above else -10),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                )
