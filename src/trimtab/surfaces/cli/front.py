"""The front of several objectives, as commands show it: a sorted table, and a picture of two."""

from __future__ import annotations

import sys

import trimtab as tt
from trimtab.surfaces.cli import trial_table
from trimtab.surfaces.cli.output import cells, say
from trimtab.surfaces.render import scatter
from trimtab.surfaces.render import table as tables
from trimtab.surfaces.render.text import wrapped

MOST_ROWS = 20
"""Rows of a front that `show` and `run` have, about as many as a screen holds; `best` has all."""

MORE = "`trimtab best --params` has all parameters with all their digits, and `trimtab show STUDY TRIAL` those of one."


def spread(rows: list[int], most: int | None) -> list[int]:
    """Return at most so many of a front, its ends among them and the others evenly between; all for None."""
    if most is None or len(rows) <= most:
        return rows
    return [rows[round(i * (len(rows) - 1) / max(1, most - 1))] for i in range(most)]


def show(study: tt.Study, rows: list[int], kept: list[int]) -> None:
    """Print the front as a table, and two objectives as a picture too.

    Args:
        study: whose front.
        rows: the trials on it, from the best in the first objective on.
        kept: those in the table; the picture has all.
    """
    known = trial_table.Columns(study)
    heads, body = known.front(study.table.trials(kept))
    tables.show(heads, body, sys.stdout, more=MORE)
    if len(kept) < len(rows):
        gone = f"{len(rows) - len(kept):,} of the {len(rows):,} on the front are left out; `trimtab best` has them all."
        say("\n".join(wrapped(gone, cells())))
    points = scatter.points_of(study.table, rows)
    if points is not None and len(points.numbers) > 1:
        say()
        for line in scatter.drawn(points, cells()):
            say(line)
