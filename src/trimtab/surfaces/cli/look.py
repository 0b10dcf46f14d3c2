"""`list`, `show`, `best`, `trials`, `export`: what is on record."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import trimtab as tt
from trimtab.errors import NoBestError
from trimtab.ledger.table import STATES, TrialView
from trimtab.space.problem import Metric
from trimtab.storage.url import open_store, redacted
from trimtab.study import best as bests
from trimtab.study import export as exports
from trimtab.study import overview
from trimtab.study.choice import chosen_row
from trimtab.study.overview import lineages
from trimtab.surfaces.cli import facts, front, rungs, trial_table
from trimtab.surfaces.cli.curves import curve_facts
from trimtab.surfaces.cli.descent import schedule_facts
from trimtab.surfaces.cli.options import (
    DEFAULT_STORE,
    as_number,
    json_option,
    load,
    pairs,
    store_option,
    study_argument,
)
from trimtab.surfaces.cli.output import cells, complain, say, say_json, say_json_rows
from trimtab.surfaces.render import scatter
from trimtab.surfaces.render import table as tables
from trimtab.surfaces.render.numbers import exact, moment, number
from trimtab.surfaces.render.text import clean, folded, wrapped
from trimtab.text import visible


@click.command("list")
@store_option
@click.option("--all", "-a", "everything", is_flag=True, help="Those that were put away, too.")
@json_option
def list_(*, store: str | None, everything: bool, as_json: bool) -> int:
    """List the studies of a store.

    Those that go on from another stand where it stood. Exits 1 if one of them cannot be read; the others are listed all
    the same.
    """
    url = store or DEFAULT_STORE
    opened = open_store(url)
    try:
        entries = lineages(overview.entries(opened))
    finally:
        opened.close()
    n_away = sum(entry.label.archived for entry in entries)
    return show_entries(
        [entry for entry in entries if everything or not entry.label.archived], url, n_away, as_json=as_json
    )


def show_entries(entries: Sequence[overview.Entry], url: str, n_away: int = 0, *, as_json: bool) -> int:
    """Show studies of a store; return 1 if one of them cannot be read."""
    found = [facts.entry_facts(entry) for entry in entries]
    damaged = [one for one in found if "error" in one]
    if as_json:
        say_json(found)
        return int(bool(damaged))
    for one in damaged:
        complain(f"trimtab: {visible(one['name'])} cannot be read: {visible(one['error'])}")
    if not found and n_away:
        complain(f"all {n_away} studies in {redacted(url)} were put away; --all shows them.")
    elif not found:
        complain(f"no studies in {redacted(url)} yet; `trimtab init` writes a study file to begin with.")
    whole = [one for one in found if "error" not in one]
    if whole:
        heads, rows = list(STUDY_COLUMNS), [_study_row(one) for one in whole]
        for head, is_empty in ((FEASIBLE, "feasible"), (FROM, "refined_from"), (PROJECT, "project"), (TAGS, "tags")):
            if not any(one[is_empty] not in (None, "", []) for one in whole):
                i = heads.index(head)
                heads, rows = heads[:i] + heads[i + 1 :], [row[:i] + row[i + 1 :] for row in rows]
        tables.show(heads, rows, sys.stdout, more=MORE_OF_STUDIES)
    return int(bool(damaged))


FEASIBLE = tables.Column("feasible", right=True, rank=3)

FROM = tables.Column("from", rank=8)
PROJECT = tables.Column("project", rank=4)
TAGS = tables.Column("tags", rank=9)

STUDY_COLUMNS = (
    tables.Column("study"),
    PROJECT,
    tables.Column("trials", right=True),
    tables.Column("failed", right=True, rank=4),
    tables.Column("running", right=True, rank=5),
    tables.Column("objective", rank=1),
    FEASIBLE,
    tables.Column("best", right=True),
    tables.Column("trial", right=True, rank=2),
    tables.Column("begun", rank=6),
    tables.Column("ended", rank=7, prose=True),
    FROM,
    TAGS,
)
"""Where room is short, they go in this order: its tags, from which study it goes on (columns only where some study has
any, as that of projects), why it ended, when it began, how many run, how many failed, how many of
the complete trials met the constraints (a column only where some study has constraints), the number of the best trial,
the objective."""

MORE_OF_STUDIES = "A wider terminal shows them, and so do `trimtab show STUDY` and --json."
MORE_OF_TRIALS = "See them with --columns a,b or --columns all, with `trimtab show STUDY TRIAL`, or --json."


def _study_row(one: dict[str, Any]) -> list[str]:
    front = one["front"]
    shown = number(one["best"]) if front is None else f"front of {len(front)}" if front else "-"
    if one["feasible"] == 0 and one["states"].get("complete"):
        shown = "none feasible"
    return [
        one["name"],
        one["project"] or "-",
        str(one["trials"]),
        str(one["states"].get("failed", 0)),
        str(one["states"].get("running", 0)),
        one["objective"],
        "-" if one["feasible"] is None else f"{one['feasible']} of {one['states'].get('complete', 0)}",
        shown,
        "-" if one["best_trial"] is None or front is not None else str(one["best_trial"]),
        moment(one["created_at"]),
        one["ended"] or "-",
        one["refined_from"] or "-",
        ", ".join(one["tags"]) or "-",
    ]


@click.command()
@study_argument
@click.argument("trial", required=False, type=int)
@store_option
@json_option
def show(name: str | None, trial: int | None, *, store: str | None, as_json: bool) -> None:
    """Show a study, or one TRIAL of it with its curve, its why and the end of its logs."""
    if trial is None and name is not None and re.fullmatch(r"[0-9]{1,18}", name):
        name, trial = _study_or_trial(store, name)
    with load(store, name) as study:
        if trial is None:
            if as_json:
                say_json(facts.study_facts(study))
            else:
                say(f"study {study.name}\n{facts.labelled(list(facts.study_lines(study)), cells())}")
                levels = rungs.seen(study)
                if levels:
                    say()
                    rungs.show(study, levels)
                rows = bests.sorted_front(study.table).tolist() if len(study.problem.objectives) > 1 else []
                if rows:
                    say()
                    front.show(study, rows, front.spread(rows, front.MOST_ROWS))
            return
        view = study.table.trial(trial)
        folder = facts.logs(study, view)
        if as_json:
            where = {"logs": None if folder is None else str(folder)}
            found = curve_facts(study, trial) | schedule_facts(study, trial)
            say_json(facts.trial_facts(view, study.problem) | found | where)
            return
        say(f"trial {trial} of {study.name}\n{facts.labelled(list(facts.trial_lines(study, view)), cells())}")
        if view.error and view.state == "failed":
            say(f"\nerror:\n{_indented([clean(line) for line in view.error.splitlines()])}")
        for stream in ("stdout", "stderr"):
            lines = [] if folder is None else facts.tail(folder / f"{stream}.log")
            if lines:
                say(f"\nend of {stream}:\n" + _indented(lines))


def _study_or_trial(store: str | None, word: str) -> tuple[str | None, int | None]:
    """Return what `show 7` means: a study of that name if there is one, else trial 7 of the only study."""
    opened = open_store(store or DEFAULT_STORE)
    try:
        names = [info.name for info in opened.studies()]
    finally:
        opened.close()
    return (word, None) if word in names else (None, int(word))


def _indented(lines: Sequence[str]) -> str:
    room = cells()
    return "\n".join(part for line in lines for part in folded(line, room, indent=2))


@click.command()
@study_argument
@store_option
@click.option("--params", "only_params", is_flag=True, help="Print the parameters alone.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    help="The best so many configurations, by the mean over their runs; of a front so many, spread along it.",
)
@click.option(
    "--fidelity",
    "ends",
    metavar="NAME=VALUE",
    multiple=True,
    help="Compare the trials that were run so far, as epoch=9; those that were run furthest if left out.",
)
@click.option("--knee", is_flag=True, help="Of several objectives: take the knee of the front.")
@click.option(
    "--weights",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Of several objectives: how much each counts, as loss=2; 1 if left out.",
)
@click.option(
    "--reference",
    metavar="NAME=VALUE",
    multiple=True,
    help="Of several objectives: a value of each to aim at, as loss=0.1.",
)
@click.option(
    "--order", metavar="NAMES", help="Of several objectives: which matters most, as accuracy,size: the best in both."
)
@click.option(
    "--within",
    metavar="NAME=VALUE",
    multiple=True,
    help="With --order: what still counts as best, as accuracy=1% of the best or accuracy=0.005.",
)
@json_option
def best(
    name: str | None,
    *,
    store: str | None,
    only_params: bool,
    limit: int | None,
    ends: tuple[str, ...],
    knee: bool,
    weights: tuple[str, ...],
    reference: tuple[str, ...],
    order: str | None,
    within: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the best trial; with several objectives the front: every trial that no other one beats.

    One of --knee, --weights, --reference and --order takes a trial from the front, and so does what the study was told
    to prefer. Exits 1 if there is none, and says what failed or which constraint is farthest from being met.
    """
    if ends and limit is not None:
        raise click.UsageError("--limit ranks the trials that were run furthest, and goes without --fidelity.")
    if sum(map(bool, (knee, weights, reference, order))) > 1 or (within and not order):
        raise click.UsageError("choose by one of --knee, --weights, --reference and --order; --within is for --order.")
    ways: dict[str, Any] = {
        "knee": knee,
        "weights": pairs(weights, "a weight") if weights else None,
        "reference": pairs(reference, "a reference") if reference else None,
        "order": None if order is None else [word.strip() for word in order.split(",")],
        "within": dict(map(_tolerance, within)) if within else None,
    }
    ways = {key: value for key, value in ways.items() if value}
    if ways and limit is not None:
        raise click.UsageError(f"--limit shows several trials, and goes without --{next(iter(ways))}.")
    with load(store, name) as study:
        fidelity = study.problem.fidelity_of(_ends(ends)) if ends else None
        rows = bests.sorted_front(study.table, fidelity).tolist()
        if not rows:
            raise NoBestError(bests.why_none(study.table, fidelity))
        on_record = study.problem.preference
        if ways:
            preference = tt.Preference(**ways)
            chosen = chosen_row(study.table, preference, fidelity)
            _show_chosen(study, rows, chosen, preference, only_params=only_params, as_json=as_json)
        elif on_record is not None and limit is None and len(study.problem.objectives) > 1:
            chosen = chosen_row(study.table, on_record, fidelity)
            _show_chosen(study, rows, chosen, on_record, only_params=only_params, as_json=as_json)
        elif len(study.problem.objectives) > 1:
            kept = front.spread(rows, limit)
            _show_front(study, rows, kept, is_furthest=fidelity is None, only_params=only_params, as_json=as_json)
        elif limit is not None:
            _show_ranking(study, limit, only_params=only_params, as_json=as_json)
        else:
            row = bests.require_best(study.table, fidelity)
            view = study.best if fidelity is None else study.table.trial(row)
            lines = facts.best_lines(study, row) if fidelity is None else [facts.best_line(study, view)]
            _show_best(study, view, lines, only_params=only_params, as_json=as_json)


def _tolerance(text: str) -> tuple[str, float | str]:
    """Return what `--within` says: NAME=VALUE, a number or a share as 1%.

    Raises:
        click.BadParameter: it is neither.
    """
    name, _, value = text.rpartition("=")
    if not name:
        raise click.BadParameter(f"--within takes NAME=VALUE, as loss=1% or loss=0.005; got {text!r}.")
    return name, value if value.endswith("%") else as_number(value, text)


def _show_chosen(
    study: tt.Study, rows: list[int], chosen: int, preference: tt.Preference, *, only_params: bool, as_json: bool
) -> None:
    """Show the trial that a preference takes, and where it lies on the front."""
    view = study.table.trial(chosen)
    lines = [f"trial {chosen} is {preference}.", facts.best_line(study, view)]
    _show_best(study, view, lines, only_params=only_params, as_json=as_json)
    points = None if only_params or as_json else scatter.points_of(study.table, rows, chosen)
    if points is not None and len(points.numbers) > 1:
        say("\n" + "\n".join(scatter.drawn(points, cells())))


def _show_front(
    study: tt.Study, rows: list[int], kept: list[int], *, is_furthest: bool, only_params: bool, as_json: bool
) -> None:
    """Show the front, of whose `rows` some are `kept` in the table."""
    views = [study.table.trial(row) for row in kept]
    if as_json:
        say_json([view.params if only_params else facts.trial_facts(view, study.problem) for view in views])
    elif only_params:
        for view in views:
            say("\n".join(wrapped(facts.best_line(study, view), cells())))
            for line in facts.labelled([(name, exact(value)) for name, value in view.params.items()]).splitlines():
                say(f"  {line}")
    else:
        at = facts.fidelity_remark(study) if is_furthest else None
        for line in (*([] if at is None else [at]), facts.front_remark(study, len(rows))):
            say("\n".join(wrapped(line, cells())))
        say()
        front.show(study, rows, kept)


def _show_best(study: tt.Study, view: TrialView, lines: list[str], *, only_params: bool, as_json: bool) -> None:
    """Show one trial, and what is to be known of it in these lines."""
    if as_json:
        found = facts.trial_facts(view, study.problem)
        if study.final is not None and study.final.trial == view.number:
            found["final"] = study.final.to_json()
        say_json(view.params if only_params else found)
        return
    if not only_params:
        for line in lines:
            say("\n".join(wrapped(line, cells())))
    for line in facts.labelled([(name, exact(value)) for name, value in view.params.items()]).splitlines():
        say(line if only_params else f"  {line}")


def _ends(texts: Sequence[str]) -> dict[str, float]:
    """Return what `--fidelity` says.

    Raises:
        click.BadParameter: it is not NAME=VALUE, a number.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            name = ""
        if not name:
            raise click.BadParameter(f"--fidelity takes NAME=VALUE, as epoch=9; got {text!r}.")
    return found


def _show_ranking(study: tt.Study, limit: int, *, only_params: bool, as_json: bool) -> None:
    """Show the best configurations, each once."""
    ranked = bests.ranking(study.table)[:limit]
    views = [study.table.trial(one.row) for one in ranked]
    if as_json:
        runs = [{"mean": one.mean, "runs": one.n_runs} for one in ranked]
        found = [facts.trial_facts(view, study.problem) | more for view, more in zip(views, runs, strict=True)]
        say_json([view.params for view in views] if only_params else found)
        return
    for one, view in zip(ranked, views, strict=True):
        mean = f"; mean of {one.n_runs} runs {number(one.mean)}" if one.n_runs > 1 else ""
        settings = ", ".join(f"{name}={exact(value)}" for name, value in view.params.items())
        text = settings if only_params else f"{facts.best_line(study, view)}{mean}  {settings}"
        say("\n".join(wrapped(text, cells())))


@click.command()
@study_argument
@store_option
@click.option("--state", type=click.Choice(STATES), help="Only trials in this state.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Order by this column instead of the number; an objective has the best first, and what broke a constraint "
    "last.",
)
@click.option("--reverse", "-r", is_flag=True, help="From the last to the first.")
@click.option("--limit", "-n", type=click.IntRange(min=1), help="At most so many.")
@click.option("--columns", "-c", metavar="NAMES", help="These columns, as loss,lr,why; all for all there are.")
@json_option
def trials(
    name: str | None,
    *,
    store: str | None,
    state: str | None,
    sort: str | None,
    reverse: bool,
    limit: int | None,
    columns: str | None,
    as_json: bool,
) -> None:
    """List the trials of a study.

    Where a terminal is too narrow, columns are left out: first why, then the curve, then the time it took, then
    parameters that are the same in all rows, then the others from the right.
    """
    with load(store, name) as study:
        table, known = study.table, trial_table.Columns(study)
        chosen = None if columns is None else known.chosen(columns)
        rows = np.arange(len(table)) if state is None else table.rows(STATES.index(state))
        order = rows.tolist() if sort is None else _sorted(study, rows.tolist(), sort)
        if reverse:
            order.reverse()
        if as_json:
            say_json_rows(facts.trial_facts(view, study.problem) for view in table.trials(order[:limit]))
            return
        heads, cells_of = known.table(table.trials(order[:limit]), chosen)
        tables.show(heads, cells_of, sys.stdout, more=MORE_OF_TRIALS)
        remark = facts.sorting_remark(study) if sort is not None and _objective(study, sort) is not None else None
        if remark is not None:
            complain(remark)


def _objective(study: tt.Study, key: str) -> Metric | None:
    """Return the objective that a column is, None if it is none."""
    name = key.removeprefix("metrics_")
    return next((metric for metric in study.problem.objectives if metric.name in (key, name)), None)


def _sorted(study: tt.Study, rows: list[int], key: str) -> list[int]:
    """Return the rows ordered by a column, by an objective from the best on; those without a value come last.

    By an objective, those that broke a constraint come after all that met them.
    """
    column = _values(study, key)
    last = [row for row in rows if column[row] is None]
    first = [row for row in rows if column[row] is not None]
    texts = any(isinstance(column[row], str) for row in first)
    objective = _objective(study, key)
    first.sort(
        key=lambda row: str(column[row]) if texts else column[row], reverse=objective is not None and objective.sign < 0
    )
    if objective is not None:
        feasible = bests.feasible(study.table)
        first.sort(key=lambda row: feasible[row] is False)  # a stable sort: each part keeps its order
    return first + last


def _values(study: tt.Study, key: str) -> list[Any]:
    """Return the values of a column, None where there is none.

    Raises:
        click.BadParameter: there is no such column.
    """
    wanted = _SPOKEN.get(key, key)
    values: list[Any] = []
    for part in exports.stretches(study.table):
        known = next((name for name in (wanted, f"metrics_{wanted}", f"params_{wanted}") if name in part), None)
        if known is None:
            names = [*study.problem.metric_names, *study.space.names, "took", "cost"]
            raise click.BadParameter(f"there is no column {key!r}; there are: {', '.join(names)}.")
        values += part[known]
    return values


_SPOKEN = {"trial": "number", "took": "seconds"}
"""Columns that the table calls otherwise than an export does."""


@click.command()
@study_argument
@click.argument("file", required=False, type=click.Path(path_type=Path))
@store_option
@click.option("--curves", is_flag=True, help="Write what the trials reported instead: one row a value.")
@json_option
def export(name: str | None, file: Path | None, *, store: str | None, curves: bool, as_json: bool) -> None:
    """Write the trials to FILE; its ending says how: .csv, .parquet, .json or .jsonl.

    Where the store has just one study, its name may be left out. In CSV, text that a spreadsheet would take for a
    formula gets an apostrophe before it.
    """
    if file is None:
        if name is None:
            raise click.UsageError(f"say where to: trimtab export STUDY trials.csv ({', '.join(exports.ENDINGS)}).")
        file, name = Path(name), None
    with load(store, name) as study:
        study.export(file, curves=curves)
        n = len(study.table)
    if as_json:
        say_json({"file": str(file), "trials": n})
    else:
        say(f"wrote {'the curves of ' if curves else ''}{n:,} trials to {file}")
