"""Studies, trials and tables as HTML, for notebooks.

Each piece stands alone: no script, no file from elsewhere, colours that are the page's own or go with light and dark,
and everything that somebody named is escaped. What is wide scrolls within its box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from trimtab.analysis.final import Final
from trimtab.ledger.event import FINALIZE
from trimtab.ledger.table import FAILED, STATES, TrialTable, TrialView
from trimtab.study import best
from trimtab.study.standing import Status
from trimtab.study.study import Study
from trimtab.surfaces.render import said, scatter
from trimtab.surfaces.render.numbers import count, duration, number, setting
from trimtab.surfaces.render.text import clean, first_line

MOST_ROWS = 20
"""Rows of a table that are shown, half of them from its beginning and half from its end."""

BEST_SHOWN = 5
"""Trials of a study that are shown: the best."""

MOST_POINTS = 1000
"""Points of a kind in a drawing, the earliest trials: more of them only cover each other, and a notebook keeps them."""

LONGEST_CELL = 120
"""Characters of a cell; the rest shows when the pointer rests on it."""

_GREY = "rgba(128,128,128,.35)"
_GREEN = "#2e9e5b"
_RED = "#d1495b"

_BOX = 'style="font-size:13px;line-height:1.5;max-width:100%;overflow-x:auto"'
_TABLE = 'style="border-collapse:collapse;margin:4px 0;font-size:inherit;color:inherit"'


def study(shown: Study) -> str:
    """Return a study: how it stands, its curve, and its best trials."""
    table = shown.table
    verdict = shown.session.ledger.assessed
    lines = [f"<b>{_text(shown.name)}</b>: {_text(_counts(table))}"]
    if verdict is not None and verdict.stop:
        lines.append(_dim(verdict.reason))
    if best.final_row(table) is not None and (verdict is None or verdict.rule != FINALIZE):
        lines.append(_text(str(shown.final)))
    failed = table.rows(FAILED)
    if len(failed):
        lines.append(_failure(table.trial(int(failed[0]))))
    metrics, names = shown.problem.metric_names, shown.space.names
    heads = [*_heads(table), *names]
    known = [ok for ok in best.feasible(table) if ok is not None]
    if shown.problem.constraints and known:
        lines.append(_text(f"{sum(known):,} of {count(len(known), 'complete trial')} feasible"))
    ranked = [one.row for one in best.ranking(table)[:BEST_SHOWN]]
    if not ranked:
        return _box([*lines, _text(best.why_no_best(table))])
    if len(shown.problem.objectives) == 1:
        cells = [_row(table.trial(row), metrics, names) for row in ranked]
        return _box([*lines, _curve(best.best_so_far(table)), _table(["best", *heads], cells, right=1 + len(metrics))])
    front = best.sorted_front(table).tolist()
    half = MOST_ROWS // 2
    kept = front if len(front) <= MOST_ROWS else [*front[:half], *front[-half:]]
    cells = [_row(table.trial(row), metrics, names) for row in kept]
    if len(kept) < len(front):
        cells.insert(half, ["…", f"{len(front) - len(kept):,} more"])
    lines.append(_text(f"{best.front_text(table, len(front))}: study.best_trials; study.choose takes one"))
    points = scatter.points_of(table, front)
    drawn = _scatter(points) if points is not None and len(points.numbers) > 1 else ""
    return _box([*lines, drawn, _table(["front", *heads], cells, right=1 + len(metrics))])


def final(shown: Final) -> str:
    """Return what a study comes to, and every configuration that was run again."""
    rows = []
    for one in shown.finalists:
        name = "default" if one.trial is None else f"{one.trial}{' (default)' if one.is_default else ''}"
        params = ", ".join(f"{key}={setting(value)}" for key, value in one.params.items())
        rows.append([name, number(one.score), number(one.mean), str(one.n_runs), params])
    heads = ["trial", f"{shown.metric} in the search", "over fresh runs", "runs", "params"]
    return _box([_text(str(shown)), _table(heads, rows, right=4)])


def trial(view: TrialView) -> str:
    """Return one trial."""
    told = " ".join(f"{_text(name)} = {_strong(number(value))}" for name, value in view.metrics.items())
    head = f"<b>trial {view.number}</b>: {_text(view.state)}"
    lines = [f"{head}, {told}" if told else head]
    if view.failure:
        lines.append(_bad(f"{view.failure}: {first_line(view.error)}"))
    if view.reason:
        lines.append(_dim(view.reason))
    facts = [(name, setting(value)) for name, value in view.params.items()]
    facts += [("took", duration(view.seconds)), ("why", f"{view.origin}: {view.why}" if view.why else view.origin)]
    facts += [("note", f"{key}: {value}") for key, value in view.notes.items()]
    facts += [("tags", ", ".join(view.tags))] if view.tags else []
    return _box([*lines, _table([], [[name, text] for name, text in facts], right=0)])


def table(shown: TrialTable) -> str:
    """Return all trials as a table."""
    return trials(shown, range(len(shown)))


def trials(shown: TrialTable, rows: range) -> str:
    """Return some trials as a table, the middle left out where there are many."""
    half = MOST_ROWS // 2
    kept = rows if len(rows) <= MOST_ROWS else [*rows[:half], *rows[-half:]]
    metrics, names = shown.problem.metric_names, shown.space.names
    views = [shown.trial(row) for row in kept]
    feasible = best.feasible(shown)
    states = ["infeasible" if feasible[view.number] is False else view.state for view in views]
    cells = [
        [*_row(view, metrics, names), state, duration(view.seconds), _why(view)]
        for view, state in zip(views, states, strict=True)
    ]
    if len(rows) > MOST_ROWS:
        cells.insert(half, ["…", f"{len(rows) - MOST_ROWS:,} more"])
    title = _counts(shown) if len(rows) == len(shown) else f"{len(rows):,} of {count(len(shown), 'trial')}"
    heads = ["trial", *_heads(shown), *names, "state", "took", "why"]
    return _box([f"<b>{_text(title)}</b>", _table(heads, cells, right=1 + len(metrics))])


def listing(columns: Mapping[str, Sequence[object]]) -> str:
    """Return rows as a table, of many the first."""
    n = max(map(len, columns.values()), default=0)
    cells = [[_setting(values[i]) for values in columns.values()] for i in range(min(n, MOST_ROWS))]
    if n > MOST_ROWS:
        cells.append(["…", f"{n - MOST_ROWS:,} more"])
    return _box([_table(list(columns), cells, right=0)])


def _setting(value: object) -> str:
    return "-" if value is None else setting(value)


def running(status: Status) -> str:
    """Return a study as it runs, or as it ended."""
    part = said.fraction(status)
    lines = [f"<b>{_text(clean(status.name))}</b> {_text(said.budget_text(status))}"]
    if part is not None:
        lines.append(_bar(part))
    pace = said.pace_text(status)
    if pace:
        lines.append(_text(pace))
    lines += [
        _text(said.feasible_text(status)),
        _dim(clean(status.lack)),
        _strong(clean(status.front)) if status.front else "",
    ]
    if status.best is not None:
        found = _strong(said.best_text(status.best, status.objective))
        lines.append(f"best {found} {_dim(said.params_text(status.best.params))}")
    if status.failure is not None:
        lines.append(_bad(said.failed(status.failure, status.look)))
    lines.append(_text(clean(status.reason)) if status.reason else _dim(clean(status.note)))
    lines += [_text(line) for line in said.early_text(status, named=False)]
    return _box(lines)


# Pieces


def _box(lines: Iterable[str]) -> str:
    return f"<div {_BOX}>" + "".join(f"<div>{line}</div>" for line in lines if line) + "</div>"


def _text(text: str) -> str:
    return escape(clean(text))


def _dim(text: str) -> str:
    return f'<span style="opacity:.7">{_text(text)}</span>' if text else ""


def _bad(text: str) -> str:
    return f'<span style="color:{_RED}">{_text(text)}</span>'


def _strong(text: str) -> str:
    return f'<b style="color:{_GREEN}">{_text(text)}</b>'


def _bar(part: float) -> str:
    inner = f'<div style="width:{part * 100:.1f}%;height:100%;background:{_GREEN};border-radius:3px"></div>'
    return f'<div style="width:320px;max-width:100%;height:6px;background:{_GREY};border-radius:3px">{inner}</div>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: int) -> str:
    """Return a table, its first `right` columns aligned to the right, since they are numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(_cell(text, tag, "right" if i < right else "left") for i, text in enumerate(row))

    head = f"<tr>{cells(heads, 'th')}</tr>" if heads else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table {_TABLE}>{head}{body}</table>"


def _cell(text: str, tag: str, align: str) -> str:
    style = f"text-align:{align};padding:1px 10px 1px 0;border-bottom:1px solid {_GREY};white-space:nowrap"
    if len(text) <= LONGEST_CELL:
        return f'<{tag} style="{style}">{_text(text)}</{tag}>'
    return f'<{tag} style="{style}" title="{_text(text)}">{_text(text[: LONGEST_CELL - 1])}…</{tag}>'


def _curve(values: Sequence[float]) -> str:
    """Return the best value so far as a small drawing, with where it began and where it stands."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    thin = values[:: max(1, len(values) // 200)]
    points = " ".join(
        f"{320 * i / (len(thin) - 1):.1f},{38 - 36 * ((value - low) / span):.1f}" for i, value in enumerate(thin)
    )
    drawn = f'<polyline points="{points}" fill="none" stroke="{_GREEN}" stroke-width="1.5"/>'
    text = f"best so far {number(values[0])} → {number(values[-1])}"
    return f'<svg width="320" height="40" role="img" aria-label="{_text(text)}">{drawn}</svg> {_dim(text)}'


def _scatter(points: scatter.Points) -> str:
    """Return two objectives as a small drawing; each point tells its trial where the pointer rests on it."""
    across, up = scatter.axes(points)
    left, down = across.at(points.y[:, 0]), 1.0 - up.at(points.y[:, 1])
    inside = (left >= 0.0) & (left <= 1.0) & (down >= 0.0) & (down <= 1.0)
    drawn = []
    for kind, colour, radius in (
        (~points.feasible, _RED, 2),
        (points.feasible & ~points.front, _GREY, 3),
        (points.front, _GREEN, 4),
    ):
        for i in np.flatnonzero(kind & inside)[:MOST_POINTS].tolist():
            told = ", ".join(f"{name} {number(value)}" for name, value in zip(points.names, points.y[i], strict=True))
            drawn.append(
                f'<circle cx="{10 + 300 * left[i]:.1f}" cy="{10 + 160 * down[i]:.1f}" r="{radius}" fill="{colour}">'
                f"<title>{_text(f'trial {points.numbers[i]}: {told}')}</title></circle>"
            )
    frame = f'<path d="M5 5V175H315" fill="none" stroke="{_GREY}"/>'
    text = f"{scatter.named('up', up)}, {_ends(up)}; {scatter.named('across', across)}, {_ends(across)}"
    picture = f'<svg width="320" height="180" role="img" aria-label="{_text(text)}">{frame}{"".join(drawn)}</svg>'
    kinds = "green: on the front" + ("; red: infeasible" if not points.feasible.all() else "")
    return f"{picture}<div>{_dim(f'{text}; {kinds}')}</div>"


def _ends(axis: scatter.Axis) -> str:
    return f"{number(axis.low)} to {number(axis.high)}"


def _heads(table: TrialTable) -> list[str]:
    """Return the headings of the metrics: with the direction where objectives are several, and with bounds."""
    several = len(table.problem.objectives) > 1
    names = [best.goal(metric) if several else metric.name for metric in table.problem.objectives]
    said = dict(zip(table.problem.objectives, names, strict=True))
    return [said.get(metric) or str(metric) for metric in table.problem.metrics]


def _row(view: TrialView, metrics: Sequence[str], names: Sequence[str]) -> list[str]:
    told = [number(view.metrics.get(metric)) for metric in metrics]
    return [str(view.number), *told, *(setting(view.params[name]) if name in view.params else "-" for name in names)]


def _why(view: TrialView) -> str:
    if view.state == STATES[FAILED]:
        return f"{view.failure}: {first_line(view.error)}"
    return view.reason or (f"{view.origin}: {view.why}" if view.why else view.origin)


def _failure(view: TrialView) -> str:
    return _bad(f"trial {view.number} failed ({view.failure}): {first_line(view.error)}")


def _counts(table: TrialTable) -> str:
    parts = [f"{n:,} {state}" for code, state in enumerate(STATES) if (n := int((table.state == code).sum()))]
    return count(len(table), "trial") + (f": {', '.join(parts)}" if parts else "")
