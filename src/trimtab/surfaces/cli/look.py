"""`list`, `show`, `best`, `trials`, `export`: what is on record."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import numpy as np

import trimtab as tt
from trimtab.ledger.table import STATES, TrialView
from trimtab.storage.url import open_store
from trimtab.study import best as bests
from trimtab.study import export as exports
from trimtab.study import overview
from trimtab.surfaces.cli import facts
from trimtab.surfaces.cli.options import (
    DEFAULT_STORE,
    json_option,
    load,
    print_json,
    store_option,
    study_argument,
)
from trimtab.surfaces.render import table as tables
from trimtab.surfaces.render.numbers import duration, moment, number, setting
from trimtab.surfaces.render.text import clean, first_line


@click.command("list")
@store_option
@json_option
def list_(*, store: str | None, as_json: bool) -> int:
    """List the studies of a store.

    Exits 1 if one of them cannot be read; the others are listed all the same.
    """
    url = store or DEFAULT_STORE
    opened = open_store(url)
    try:
        found = [facts.entry_facts(entry) for entry in overview.entries(opened)]
    finally:
        opened.close()
    damaged = [one for one in found if "error" in one]
    if as_json:
        print_json(found)
        return int(bool(damaged))
    for one in damaged:
        click.echo(f"trimtab: {clean(one['name'])} cannot be read: {clean(one['error'])}", err=True)
    numbers = ("trials", "failed", "running", "best", "trial")
    heads = tables.columns(
        "study", "trials", "failed", "running", "objective", "best", "trial", "begun", "ended", right=numbers
    )
    rows = [
        [
            one["name"],
            str(one["trials"]),
            str(one["states"].get("failed", 0)),
            str(one["states"].get("running", 0)),
            one["objective"],
            number(one["best"]),
            "-" if one["best_trial"] is None else str(one["best_trial"]),
            moment(one["created_at"]),
            one["ended"] or "-",
        ]
        for one in found
        if "error" not in one
    ]
    if not found:
        click.echo(f"no studies in {url} yet; `trimtab init` writes a study file to begin with.", err=True)
    if rows:
        tables.show(heads, rows, sys.stdout)
    return int(bool(damaged))


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
                print_json(facts.study_facts(study))
            else:
                click.echo(f"study {study.name}\n{facts.labelled(list(facts.study_lines(study)))}")
            return
        view = study.table.trial(trial)
        folder = facts.logs(study, view)
        if as_json:
            steps, y = study.table.curves.of(trial)
            curve = {"step": steps.tolist()} | {
                metric: [None if value != value else value for value in y[:, i].tolist()]
                for i, metric in enumerate(study.problem.metric_names)
            }
            print_json(facts.trial_facts(view) | {"curve": curve, "logs": None if folder is None else str(folder)})
            return
        click.echo(f"trial {trial} of {study.name}\n{facts.labelled(list(facts.trial_lines(study, view)))}")
        if view.error and view.state == "failed":
            click.echo(f"\nerror:\n{_indented(view.error)}")
        for stream in ("stdout", "stderr"):
            lines = [] if folder is None else facts.tail(folder / f"{stream}.log")
            if lines:
                click.echo(f"\nend of {stream}:\n" + _indented("\n".join(lines)))


def _study_or_trial(store: str | None, word: str) -> tuple[str | None, int | None]:
    """Return what `show 7` means: a study of that name if there is one, else trial 7 of the only study."""
    opened = open_store(store or DEFAULT_STORE)
    try:
        names = [info.name for info in opened.studies()]
    finally:
        opened.close()
    return (word, None) if word in names else (None, int(word))


def _indented(text: str) -> str:
    return "\n".join(f"  {clean(line)}" for line in text.splitlines())


@click.command()
@study_argument
@store_option
@click.option("--params", "only_params", is_flag=True, help="Print the parameters alone.")
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), help="The best so many configurations, by the mean over their runs."
)
@json_option
def best(name: str | None, *, store: str | None, only_params: bool, limit: int | None, as_json: bool) -> None:
    """Show the best trial; with several objectives, every trial that no other one beats."""
    with load(store, name) as study:
        bests.require_best(study.table)
        if limit is not None:
            _show_ranking(study, limit, only_params=only_params, as_json=as_json)
            return
        views = study.best_trials if len(study.problem.objectives) > 1 else [study.best]
        if as_json:
            found = [view.params if only_params else facts.trial_facts(view) for view in views]
            print_json(found if len(study.problem.objectives) > 1 else found[0])
            return
        for view in views:
            if not only_params or len(views) > 1:
                click.echo(facts.best_line(study, view))
            for line in facts.labelled([(name, setting(value)) for name, value in view.params.items()]).splitlines():
                click.echo(line if only_params and len(views) == 1 else f"  {line}")


def _show_ranking(study: tt.Study, limit: int, *, only_params: bool, as_json: bool) -> None:
    """Show the best configurations, each once: by the first objective where there are several."""
    ranked = bests.ranking(study.table)[:limit]
    views = [study.table.trial(one.row) for one in ranked]
    if as_json:
        runs = [{"mean": one.mean, "runs": one.n_runs} for one in ranked]
        found = [facts.trial_facts(view) | more for view, more in zip(views, runs, strict=True)]
        print_json([view.params for view in views] if only_params else found)
        return
    for one, view in zip(ranked, views, strict=True):
        mean = f"; mean of {one.n_runs} runs {number(one.mean)}" if one.n_runs > 1 else ""
        settings = ", ".join(f"{name}={setting(value)}" for name, value in view.params.items())
        click.echo(clean(settings) if only_params else f"{facts.best_line(study, view)}{mean}  {clean(settings)}")


@click.command()
@study_argument
@store_option
@click.option("--state", type=click.Choice(STATES), help="Only trials in this state.")
@click.option(
    "--sort", metavar="COLUMN", help="Order by this column instead of the number; an objective has the best first."
)
@click.option("--reverse", "-r", is_flag=True, help="From the last to the first.")
@click.option("--limit", "-n", type=click.IntRange(min=1), help="At most so many.")
@json_option
def trials(
    name: str | None,
    *,
    store: str | None,
    state: str | None,
    sort: str | None,
    reverse: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """List the trials of a study."""
    with load(store, name) as study:
        table = study.table
        rows = np.arange(len(table)) if state is None else table.rows(STATES.index(state))
        order = rows.tolist() if sort is None else _sorted(study, rows.tolist(), sort)
        if reverse:
            order.reverse()
        views = [table.trial(row) for row in order[:limit]]
        if as_json:
            print_json([facts.trial_facts(view) for view in views])
            return
        metrics = [*study.problem.metric_names]
        heads = tables.columns(
            "trial", "state", *metrics, *study.space.names, "took", "why", right=("trial", "took", *metrics)
        )
        cells = [
            [
                str(view.number),
                view.state,
                *(number(view.metrics.get(metric)) for metric in metrics),
                *(setting(view.params[one]) if one in view.params else "-" for one in study.space.names),
                duration(view.seconds),
                _why(view),
            ]
            for view in views
        ]
        tables.show(heads, cells, sys.stdout)


def _why(view: TrialView) -> str:
    if view.failure and view.state == "failed":
        return f"{view.failure}: {first_line(view.error)}"
    return view.reason or (f"{view.origin}: {view.why}" if view.why else view.origin)


def _sorted(study: tt.Study, rows: list[int], key: str) -> list[int]:
    """Return the rows ordered by a column, by an objective from the best on; those without a value come last."""
    found = exports.columns(study.table)
    known = [key, f"metrics_{key}", f"params_{key}"]
    column = next((found[one] for one in known if one in found), None)
    if column is None:
        names = [*study.problem.metric_names, *study.space.names, "seconds", "cost"]
        raise click.BadParameter(f"there is no column {key!r}; there are: {', '.join(names)}.")
    last = [row for row in rows if column[row] is None]
    first = [row for row in rows if column[row] is not None]
    texts = any(isinstance(column[row], str) for row in first)
    is_maximised = any(m.name == key and m.is_objective and m.sign < 0 for m in study.problem.metrics)
    return sorted(first, key=lambda row: str(column[row]) if texts else column[row], reverse=is_maximised) + last


@click.command()
@study_argument
@click.argument("file", required=False, type=click.Path(path_type=Path))
@store_option
@json_option
def export(name: str | None, file: Path | None, *, store: str | None, as_json: bool) -> None:
    """Write the trials to FILE; its ending says how: .csv, .parquet, .json or .jsonl.

    Where the store has just one study, its name may be left out.
    """
    if file is None:
        if name is None:
            raise click.UsageError(f"say where to: trimtab export STUDY trials.csv ({', '.join(exports.ENDINGS)}).")
        file, name = Path(name), None
    with load(store, name) as study:
        study.export(file)
        n = len(study.table)
    if as_json:
        print_json({"file": str(file), "trials": n})
    else:
        click.echo(f"wrote {n:,} trials to {file}")
