"""`check`: is a study file right, and is its space one that people who know the model would write."""

from __future__ import annotations

from pathlib import Path

import click

from trimtab.study.open import require_willing
from trimtab.study.plugin import passed_scheduler
from trimtab.surfaces.cli import spec
from trimtab.surfaces.cli.hints import hints
from trimtab.surfaces.cli.options import json_option
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.text import clean, wrapped


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Look at a study FILE: whether it can be read, and where its space is likely wrong.

    Nothing is run. What is said of a space is advice: a linear scale where a logarithmic one is usual, values that are
    known to crash, the most important parameter missing, or one that the command does not hand over.
    """
    asked = spec.load(file)
    scheduler = passed_scheduler(asked.arguments.get("scheduler", "auto"), race=asked.arguments.get("race", True))
    require_willing(scheduler, asked.problem())
    found = hints(asked, file)
    if as_json:
        say_json({"file": str(file), "parameters": len(asked.space), "hints": found})
        return
    said = count(len(found), "hint") if found else "nothing to remark"
    say(f"{clean(str(file))}: {count(len(asked.space), 'parameter')}, {said}")
    width = cells()
    for hint in found:
        lines = wrapped(clean(hint), None if width is None else width - 2)
        say("\n".join(f"  {line}" for line in lines))
