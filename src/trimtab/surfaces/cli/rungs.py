"""What `show` says of early stopping: a table of rungs, and where early looks mislead."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator
from typing import Any

import trimtab as tt
from trimtab.checks import is_number, is_whole
from trimtab.schedule.auto import FIRST
from trimtab.schedule.found import is_population
from trimtab.schedule.reading import Rung, rungs_of
from trimtab.schedule.rungs import stepped
from trimtab.study.savings import Savings
from trimtab.surfaces.cli.output import cells, say
from trimtab.surfaces.render import table as tables
from trimtab.surfaces.render.numbers import number
from trimtab.surfaces.render.text import clean, listed, wrapped
from trimtab.text import spelled

FEWEST = 3
"""Trials of which a rank correlation is shown: that of two is 1 or -1, whatever they are."""

MORE = "A wider terminal shows them, and so does `trimtab show STUDY --json`."


def seen(study: tt.Study) -> list[Rung]:
    """Return what became of trials at each rung; nothing of a population, or where none was seen early."""
    if is_population(study.table):
        return []
    scheduler = study.session.ledger.created.scheduler
    eta, low = scheduler.get("eta"), scheduler.get("low")
    found = rungs_of(
        study.table,
        eta if isinstance(eta, int) and is_whole(eta) and eta >= 2 else 3,
        float(low) if isinstance(low, int | float) and is_number(low) and low > 0 else None,
        lets_through=scheduler["name"] == "auto",
    )
    return found if any(rung.entered for rung in found[:-1]) else []


def facts(rungs: list[Rung]) -> list[dict[str, Any]]:
    """Return rungs as plain values, null where something is not known."""
    return [_plain(dataclasses.asdict(rung)) | {"misleads": rung.misleads} for rung in rungs]


def saved_facts(saved: Savings | None) -> dict[str, Any] | None:
    """Return what was saved as plain values, null where something is not known."""
    if saved is None:
        return None
    found = _plain(dataclasses.asdict(saved))
    return found | {"others": [_plain(one._asdict()) for one in saved.others]}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value != value else spelled(value) for key, value in values.items()}


def show(study: tt.Study, rungs: list[Rung]) -> None:
    """Print the table of rungs, and a remark below where there is one."""
    name = (stepped(study.problem) or study.problem.fidelities[0]).name
    heads = [
        tables.Column(name, right=True),
        tables.Column("entered", right=True),
        tables.Column("stopped", right=True),
        tables.Column("went on", right=True),
        tables.Column("ranks as the end", right=True, rank=1),
        tables.Column("late bloomers", right=True, rank=2),
    ]
    tables.show(heads, [_row(rung, is_top=rung is rungs[-1]) for rung in rungs], sys.stdout, more=MORE)
    for remark in remarks(name, rungs):
        say("\n".join(wrapped(remark, cells())))


def _row(rung: Rung, *, is_top: bool) -> list[str]:
    counts = [number(rung.level), f"{rung.entered:,}", f"{rung.stopped:,}"]
    if is_top:
        return [*counts, "-", "-", "-"]
    ranks = (
        "-" if math.isnan(rung.unchosen) or rung.n_unchosen < FEWEST else f"{rung.unchosen:.2f} of {rung.n_unchosen:,}"
    )
    return [*counts, f"{rung.went_on:,}", ranks, f"{rung.wrong:,} of {rung.let_on:,}" if rung.let_on else "-"]


def remarks(name: str, rungs: list[Rung]) -> Iterator[str]:
    """Yield where early looks mislead, or that it is not known yet.

    Args:
        name: the fidelity.
        rungs: ascending, the last the highest fidelity.
    """
    below = [rung for rung in rungs[:-1] if rung.entered]
    wrong = [rung for rung in below if rung.misleads]
    if wrong:
        levels = listed([number(rung.level) for rung in wrong])
        found = listed(["none" if math.isnan(rung.unchosen) else f"{rung.unchosen:.2f}" for rung in wrong])
        yield clean(
            f"early looks mislead at {name} {levels}: trials do not rank there as they do at the end "
            f'(correlation {found}). scheduler="auto" ends none by such a look.'
        )
    elif all(rung.misleads is None for rung in below):
        yield (
            f"whether early looks mislead is not known: fewer than {FIRST} trials that were seen early ran whole "
            "without being chosen by it."
        )
