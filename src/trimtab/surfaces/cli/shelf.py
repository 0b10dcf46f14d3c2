"""`search`, `label`, `archive`, `copy`: studies as a team's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from trimtab.errors import StudyError
from trimtab.ledger.table import TAG
from trimtab.storage.url import open_store, redacted, same_store
from trimtab.study import overview
from trimtab.study.label import ARCHIVED, DATA, PROJECT, Label
from trimtab.study.overview import lineages
from trimtab.surfaces.cli.look import show_entries
from trimtab.surfaces.cli.options import DEFAULT_STORE, json_option, load, spoken, store_option, study_argument
from trimtab.surfaces.cli.output import complain, say, say_json
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.text import clean


@click.command()
@click.argument("word", required=False, callback=spoken)
@store_option
@click.option("--parameter", "-p", multiple=True, metavar="NAME", help="That tuned a parameter of this name.")
@click.option("--metric", "-m", multiple=True, metavar="NAME", help="That have a metric of this name.")
@click.option("--tag", "-t", multiple=True, metavar="TAG", help="That have this tag.")
@click.option("--project", metavar="NAME", help="Of this project.")
@click.option("--data", metavar="NAME", help="On this data set.")
@json_option
def search(
    word: str | None,
    *,
    store: str | None,
    parameter: tuple[str, ...],
    metric: tuple[str, ...],
    tag: tuple[str, ...],
    project: str | None,
    data: str | None,
    as_json: bool,
) -> int:
    """Find past studies, by all that is said: a WORD of their names, parameters, metrics, tags, project or data set.

    Those that were put away are found too. Exits 1 if there is none.
    """
    tests: list[Callable[[overview.Entry], bool]] = [lambda entry: entry.error is None]
    tests += [lambda entry, name=name: _has(name, entry.parameters) for name in parameter]  # type: ignore[misc]  # bound
    tests += [lambda entry, name=name: _has(name, entry.metrics) for name in metric]  # type: ignore[misc]  # bound
    tests += [lambda entry, name=name: _has(name, entry.label.tags) for name in tag]  # type: ignore[misc]  # bound
    if project is not None:
        tests.append(lambda entry: _has(project, [entry.label.project]))
    if data is not None:
        tests.append(lambda entry: _has(data, [entry.label.data]))
    if word is not None:
        tests.append(lambda entry: any(word.casefold() in text.casefold() for text in _words(entry)))
    url = store or DEFAULT_STORE
    opened = open_store(url)
    try:
        every = lineages(overview.entries(opened))
    finally:
        opened.close()
    found = [entry for entry in every if all(test(entry) for test in tests)]
    if not found and not as_json:
        complain(f"none of {count(len(every), 'study').replace('studys', 'studies')} in {redacted(url)} is like that.")
        return 1
    show_entries(found, url, as_json=as_json)
    return 0 if found else 1


def _has(name: str, names: Any) -> bool:
    return name.casefold() in {each.casefold() for each in names}


def _words(entry: overview.Entry) -> list[str]:
    label = entry.label
    return [entry.name, *entry.parameters, *entry.metrics, *label.tags, label.project, label.data]


@click.command()
@study_argument
@store_option
@click.option("--project", metavar="NAME", help="The project that it belongs to; empty for none.")
@click.option("--data", metavar="NAME", help="The data set that it was run on; empty for none.")
@click.option("--tag", "-t", "tags", multiple=True, metavar="TAG", help="Put a tag on it.")
@click.option("--remove", "-r", "removed", multiple=True, metavar="TAG", help="Take a tag off it.")
@json_option
def label(
    name: str | None,
    *,
    store: str | None,
    project: str | None,
    data: str | None,
    tags: tuple[str, ...],
    removed: tuple[str, ...],
    as_json: bool,
) -> None:
    """File a STUDY under a project, a data set and tags, by which `trimtab search` finds it; or show its label."""
    with load(store, name) as study:
        notes: dict[str, Any] = {f"{TAG}{tag}": True for tag in tags} | {f"{TAG}{tag}": False for tag in removed}
        notes |= {key: value for key, value in ((PROJECT, project), (DATA, data)) if value is not None}
        for key, value in notes.items():
            study.note(key, value)
        found = Label.of(study.table.notes)
        if as_json:
            say_json(
                {"study": study.name, "project": found.project, "data": found.data, "tags": list(found.tags)}
                | {"archived": found.archived}
            )
            return
        said = [
            f"project {found.project}" if found.project else "",
            f"data {found.data}" if found.data else "",
            f"tags {', '.join(found.tags)}" if found.tags else "",
            "archived" if found.archived else "",
        ]
        say(clean(f"{study.name}: {'; '.join(part for part in said if part) or 'no label'}"))


@click.command()
@study_argument
@store_option
@click.option("--undo", is_flag=True, help="Show it in lists again.")
@json_option
def archive(name: str | None, *, store: str | None, undo: bool, as_json: bool) -> None:
    """Put a STUDY away: lists leave it out, and nothing else changes. `list --all` and `search` show it."""
    with load(store, name) as study:
        study.note(ARCHIVED, not undo)
        if as_json:
            say_json({"study": study.name, "archived": not undo})
        else:
            say(
                clean(
                    f"{study.name} is in lists again" if undo else f"{study.name} was put away; `list --all` shows it"
                )
            )


@click.command()
@study_argument
@click.argument("to", metavar="STORE")
@store_option
@click.option("--name", "new", callback=spoken, help="What it is called there; the same if left out.")
@json_option
def copy(name: str | None, to: str, *, store: str | None, new: str | None, as_json: bool) -> None:
    """Copy a STUDY into another STORE, record by record: it replays there as here.

    Logs and checkpoints of its trials stay where they are. Into the store where it is, it needs another --name.
    """
    with load(store, name) as study:
        session = study.session
        if same_store(session.store.url, to) and new in (None, study.name):
            raise StudyError(f"{study.name!r} is in {redacted(to)} already; give the copy another name with --name.")
        records = list(session.journal.read())
        target = open_store(to)
        try:
            target.copy(new or study.name, records)
        finally:
            target.close()
        what = {"study": new or study.name, "store": redacted(to), "records": len(records)}
        if as_json:
            say_json(what)
        else:
            say(clean(f"copied {study.name} to {what['store']} as {what['study']}: {len(records):,} records"))
