"""Draws the pictures of docs/regret.md; the same curves give the same bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS = "Trimtab"
FLOOR = 1e-4
"""Where a curve goes along that is lower."""

STYLES: dict[str, tuple[str, str]] = {
    OURS: ("#D55E00", "-"),
    "Optuna TPE": ("#0072B2", "-"),
    "Optuna GP": ("#0072B2", "--"),
    "Optuna CMA-ES": ("#0072B2", ":"),
    "Hyperopt": ("#56B4E9", "-"),
    "SMAC": ("#009E73", "-"),
    "SMAC GP": ("#009E73", "--"),
    "Nevergrad": ("#B8860B", "-"),
    "HEBO": ("#CC79A7", "-"),
    "Ax": ("#CC79A7", "--"),
    "Vizier": ("#CC79A7", ":"),
    "Random": ("#707070", ":"),
}
"""Colours that differ for the colour-blind too, and dashes that differ within a colour."""

SETTINGS = {
    "svg.hashsalt": "trimtab",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.labelcolor": "#222222",
}
GAP = 11.5
"""Points between the labels of lines."""


def mean(curves: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw the mean over all tasks, a line an optimizer; curves are arrays of (tasks, trials)."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(8.2, 5.0), layout="constrained")
        axes = figure.add_subplot()
        shown = {name: curve.mean(axis=0) for name, curve in curves.items()}
        lines(axes, shown)
        axes.set(xlabel="trials", ylabel="mean normalised regret")
        label(figure, axes, shown)
        save(figure, path)


def families(curves: Mapping[str, np.ndarray], rows: Mapping[str, Sequence[int]], path: Path) -> None:
    """Draw a panel a family, with a key in the end; `rows` are the tasks of each, as rows of the curves."""
    with mpl.rc_context(SETTINGS):
        n_rows = math.ceil((len(rows) + 1) / 4)
        figure = Figure(figsize=(9.6, 2.7 * n_rows), layout="constrained")
        panels = list(figure.subplots(n_rows, 4, sharex=True).flat)
        for axes, (name, chosen) in zip(panels, rows.items(), strict=False):
            lines(axes, {each: curve[list(chosen)].mean(axis=0) for each, curve in curves.items()})
            axes.set_title(f"{name}, {len(chosen)} task{'s' * (len(chosen) > 1)}", fontsize=9, loc="left")
            axes.tick_params(labelbottom=True)
        for axes in panels[len(rows) :]:
            axes.set_axis_off()
        handles, names = panels[0].get_legend_handles_labels()
        panels[len(rows)].legend(handles, names, loc="center", frameon=False, handlelength=2.6)
        figure.supxlabel("trials", fontsize=9)
        figure.supylabel("mean normalised regret", fontsize=9)
        save(figure, path)


def lines(axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    """Draw curves on a logarithmic axis, ours in front of the others."""
    for name, curve in curves.items():
        colour, dash = STYLES[name]
        ours = name == OURS
        axes.plot(
            np.arange(1, len(curve) + 1),
            np.maximum(curve, FLOOR),
            color=colour,
            linestyle=dash,
            linewidth=2.8 if ours else 1.2,
            zorder=3 if ours else 2,
            label=name,
        )
    axes.set_yscale("log")
    axes.set_xlim(1, max(len(curve) for curve in curves.values()))
    axes.set_xticks([1, 25, 50, 75, 100])
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5), numticks=20))
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.grid(color="#E4E4E4", linewidth=0.6)


def label(figure: Figure, axes: Axes, curves: Mapping[str, np.ndarray]) -> None:
    """Write the name of each curve at its end, apart from the others."""
    figure.draw_without_rendering()  # which settles where the axes are
    names = sorted(curves, key=lambda name: curves[name][-1])
    ends = np.array([max(curves[name][-1], FLOOR) for name in names])
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height * 72 / figure.dpi
    wanted = np.log(ends / low) / np.log(high / low) * height
    for name, end, place in zip(names, ends, apart(wanted, GAP), strict=True):
        colour, dash = STYLES[name]
        axes.annotate(
            name,
            (100, end),
            (26, place),
            xycoords="data",
            textcoords=("offset points", "axes points"),
            color=colour,
            fontweight="bold" if name == OURS else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "linestyle": dash,
                "shrinkA": 1,
                "shrinkB": 1,
            },
        )


def apart(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Return ascending places that lie a gap apart and as near as can be to ascending ones that are wanted."""
    blocks: list[tuple[float, int]] = []  # mean of what is wanted, less the gaps below; how many labels
    for i, place in enumerate(wanted):
        blocks.append((float(place) - i * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (b, n), (a, m) = blocks.pop(), blocks.pop()
            blocks.append(((a * m + b * n) / (m + n), m + n))
    return np.repeat([at for at, _ in blocks], [n for _, n in blocks]) + gap * np.arange(len(wanted))


def save(figure: Figure, path: Path) -> None:
    """Write a figure, with two decimals for the points of lines."""
    text = io.StringIO()
    figure.savefig(text, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    drawn = re.sub(r"^L .*$", lambda line: re.sub(r"(\.\d\d)\d+", r"\1", line[0]), text.getvalue(), flags=re.MULTILINE)
    path.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n", encoding="utf-8")
