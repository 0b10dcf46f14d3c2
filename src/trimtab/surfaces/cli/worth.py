"""`worth` and `plan`: whether to go on with a study, and what a budget buys before it begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

import trimtab as tt
from trimtab.errors import TrimtabError
from trimtab.storage.url import open_store
from trimtab.study.starts import resources_of
from trimtab.surfaces.cli import spec
from trimtab.surfaces.cli.odds import worth_facts
from trimtab.surfaces.cli.options import DEFAULT_STORE, json_option, load, store_option, study_argument
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.render.text import clean, wrapped

if TYPE_CHECKING:
    from trimtab.study.beforehand import Priced

MOST_STUDIES = 200
"""So many studies of a store are looked at for what trials like these cost, the latest."""


@click.command()
@study_argument
@store_option
@click.option("--worth", "rate", metavar="TEXT", help="What an improvement is worth, instead of what its run was told.")
@click.option("--epsilon", type=click.FloatRange(min=0, min_open=True), help="The gain that counts, likewise.")
@json_option
def worth(name: str | None, *, store: str | None, rate: str | None, epsilon: float | None, as_json: bool) -> None:
    """Say whether it is worth going on with a STUDY: the odds, the cost, and a picture of the best value to come.

    Which gain counts, and what it is worth, is as the last run of the study was told.
    """
    from trimtab.surfaces.render.fan import fan_text  # imported when used, as what reads the future is

    with load(store, name) as study:
        found = study.outlook(worth=rate, epsilon=epsilon)
        if as_json:
            say_json(worth_facts(found))
            return
        width = cells() or 80
        lines = wrapped(f"{clean(study.name)}: {clean(found.sentence)}", cells())
        if found.fan is not None:
            lines += ["", *fan_text(found.fan, min(width, 100))]
        say("\n".join(lines))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option("--pilot", type=click.IntRange(min=1), metavar="N", help="First run so many trials, which count.")
@json_option
def plan(file: Path, *, store: str | None, pilot: int | None, as_json: bool) -> None:
    """Say how many trials the budget of FILE buys, how many its space needs, and what to leave out if they do not fit.

    Where the file says what an improvement is worth, also how much has to come of the budget.

    What a trial costs is known from trials of the study itself, or of studies in the store that tune the same
    parameters.
    """
    from trimtab.study.beforehand import plan as planned

    asked = spec.load(file)
    url = store or asked.store or DEFAULT_STORE
    budget = tt.Budget.of(asked.arguments["budget"])
    if pilot is not None:
        tt.tune(
            asked.objective(), asked.space, store=url, progress=not as_json, **(asked.arguments | {"budget": pilot})
        ).close()
    with ExitStack() as stack:
        tables = [study.table for study in _alike(url, asked, stack)]
        found = planned(asked.space, budget, tables, asked.arguments.get("workers", 1), _priced(asked, budget))
    if as_json:
        say_json(dataclasses.asdict(found))
    else:
        say("\n".join(wrapped(clean(found.sentence), cells())))


def _priced(asked: spec.StudyFile, budget: tt.Budget) -> Priced | None:
    """Return what an improvement is worth to whoever wrote the file; None where it does not say.

    Raises:
        ProblemError: the file's rate does not fit the rest of it.
    """
    rate = asked.arguments.get("worth")
    if rate is None:
        return None
    from trimtab.stop.worth import Worth  # imported when used, as what reads the future is
    from trimtab.study.beforehand import Priced

    taken = resources_of(asked.arguments.get("resources"))
    rule = Worth(rate=rate, prices=budget.prices or {}, cpus=taken.get("cpu", 0.0), gpus=taken.get("gpu", 0.0))
    return Priced(asked.problem(), rule)


def _alike(url: str, asked: spec.StudyFile, stack: ExitStack) -> Iterator[tt.Study]:
    """Yield the studies of a store that tune the same parameters; of one that cannot be read, nothing."""
    try:
        opened = open_store(url)
    except TrimtabError:
        return
    names = [info.name for info in opened.studies()][-MOST_STUDIES:]
    opened.close()
    for name in names:
        try:
            study = stack.enter_context(tt.load_study(url, name))
        except TrimtabError:
            continue
        if study.space.names == asked.space.names:
            yield study
