"""`init` and `run`: from nothing to a study that runs, and goes on."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import trimtab as tt
from trimtab.execute import gpus
from trimtab.execute.parameters import usual_variable, variables
from trimtab.execute.protocol import MOST_WORKERS
from trimtab.study import best, naming
from trimtab.study.plugin import named
from trimtab.surfaces.cli import for_family, spec, study_shape
from trimtab.surfaces.cli.budget import from_words
from trimtab.surfaces.cli.facts import (
    best_line,
    best_lines,
    best_remarks,
    counts_text,
    ended_text,
    labelled,
    study_facts,
)
from trimtab.surfaces.cli.front import MOST_ROWS
from trimtab.surfaces.cli.hints import OfFile, hints
from trimtab.surfaces.cli.options import DEFAULT_STORE, json_option, spoken, spoken_each, store_option
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.render.numbers import exact
from trimtab.surfaces.render.text import clean, wrapped
from trimtab.text import hide_in_arguments

STUDY_YAML = """\
# A study: what is tuned, and how much may be spent on it. Run it, and run it again to go on:
#     trimtab run {file}
# Every key: docs/study-file.md, or `trimtab init --schema` for editors.
name: {name}
command: >-
  {{python}} {program} --lr={{lr}} --layers={{layers}} --optimizer={{optimizer}} --momentum={{momentum}}
minimize: loss

space:
  lr: {{float: [1e-5, 1e-1], log: true}}
  layers: {{int: [1, 8]}}
  optimizer: {{categorical: [adam, sgd]}}
  momentum: {{float: [0.0, 0.99], when: {{optimizer: sgd}}}} # left out of the command where it does not apply

budget: {{trials: 40, hours: 1}} # over all runs together
workers: 2
seed: 0
"""

TRAIN_PY = '''\
"""Stands in for a training: put yours here. A result is a JSON line on stdout, or trimtab.report(loss=...)."""

import argparse
import json
import math

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--layers", type=int, required=True)
parser.add_argument("--optimizer", required=True)
parser.add_argument("--momentum", type=float, default=0.0)
asked = parser.parse_args()

best_lr = 3e-3 if asked.optimizer == "adam" else 3e-2 * (1 - asked.momentum)
loss = 0.1 + 0.05 * math.log10(asked.lr / best_lr) ** 2 + 0.01 * (asked.layers - 5) ** 2
print(json.dumps({"loss": loss}))
'''


@click.command()
@click.argument("path", default="study.yaml", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Write over what is there.")
@click.option("--for", "family", metavar="FAMILY", help="For a model that is known, such as lightgbm, with its space.")
@click.option("--schema", "only_schema", is_flag=True, help="Print the JSON Schema of study files, and write nothing.")
def init(path: Path, *, force: bool, family: str | None, only_schema: bool) -> None:
    """Write a study file that runs, and the program that it tunes.

    PATH is where to write it, study.yaml by default; train.py comes to lie beside it.
    """
    if only_schema:
        say_json(study_shape.schema())
        return
    if path.suffix not in (".yaml", ".yml"):
        raise click.BadParameter(f"{path} does not end in .yaml; a study file does.")
    program = path.with_name("train.py")
    texts = STUDY_YAML.format(file=path, name=path.stem, program=program.name), TRAIN_PY
    if family is not None:
        texts = for_family.texts(family, path, program)
    for file in (path, program):
        if os.path.exists(file) and not force:
            raise click.UsageError(
                f"{file} is there already; --force writes over it, and "
                "`trimtab init FOLDER/study.yaml` writes into another folder."
            )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[0], encoding="utf-8")
        program.write_text(texts[1], encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}.") from None
    lacks = for_family.lacks(family) if family is not None else None
    first = f"{lacks} is not installed: pip install {lacks}; then" if lacks else "now"
    say(f"wrote {path} and {program}; {first}: trimtab run {shlex.quote(str(path))}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option("--name", callback=spoken, help="The study's name, instead of the file's.")
@click.option(
    "--budget",
    metavar="[LIMIT=]N",
    multiple=True,
    help="The number of trials, instead of the file's budget; or such as hours=8, epochs=500, deadline=07:00.",
)
@click.option("--checkpoints", metavar="SIZE", help="How much room checkpoints may take, as '20 GB'.")
@click.option("--workers", type=click.IntRange(min=1, max=MOST_WORKERS), help="How many trials run at once.")
@click.option("--seed", type=click.IntRange(min=0), help="The seed of a new study.")
@click.option("--optimizer", metavar="NAME", help="What proposes configurations; module:Class for your own.")
@click.option("--scheduler", metavar="NAME", help="How far trials are run; module:Class for your own.")
@click.option("--race/--no-race", default=None, help="Whether trials end among their folds once these say enough.")
@click.option("--executor", help="What runs the trials.")
@click.option(
    "--resume",
    type=click.Choice(("same", "always", "never")),
    help="When to go on with a study of that name: if its objective is the same (the default), always, or never.",
)
@click.option("--worth", metavar="TEXT", help="What an improvement is worth, as '0.01 accuracy = 3 gpu_hours'.")
@click.option("--epsilon", type=click.FloatRange(min=0, min_open=True), help="The gain that counts.")
@click.option("--patience", type=click.IntRange(min=1), help="End it after so many trials without an improvement.")
@click.option("--continue", "goes_on", is_flag=True, help="Use up the budget, whatever the odds of a gain are.")
@click.option(
    "--recorded-space",
    is_flag=True,
    help="Take the space that the study has on record, as `trimtab refine` left it, instead of the file's.",
)
@click.option(
    "--learn-from",
    multiple=True,
    metavar="STUDY",
    callback=spoken_each,
    help="A past study whose results help a new one; or such as 'resnet-*', project:vision. May be given repeatedly.",
)
@click.option(
    "--renamed",
    multiple=True,
    metavar="OLD=NEW",
    callback=spoken_each,
    help="A parameter of past studies that is called otherwise now: lr=learning_rate. May be given repeatedly.",
)
@click.option(
    "--finalize/--no-finalize",
    default=None,
    help="Run the best few and the default again at the end, from the budget; where results are noisy if left out.",
)
@click.option("--dry-run", is_flag=True, help="Check the file, show what would run first, and run nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress, but failures.")
@json_option
def run(
    file: Path,
    *,
    store: str | None,
    goes_on: bool,
    recorded_space: bool,
    renamed: list[str] | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **changed: Any,
) -> int:
    """Run the study that FILE describes, or go on with it.

    Ctrl-C ends it cleanly, and the same command goes on; so it does after a crash or a kill. Exits 1 if no trial
    succeeded.
    """
    asked = spec.load(file)
    changed["budget"] = from_words(changed["budget"]) if changed["budget"] else None
    arguments = asked.arguments | {key: value for key, value in changed.items() if value is not None}
    if changed.get("optimizer"):
        arguments["optimizer"] = named("optimizers", changed["optimizer"])
    if changed.get("scheduler"):
        arguments["scheduler"] = named("schedulers", changed["scheduler"])
    if renamed:
        arguments["learn_from"] = _with_renamed(arguments.get("learn_from"), renamed)
    if goes_on:
        arguments = {key: value for key, value in arguments.items() if key not in ("worth", "patience")}
        arguments["stop"] = "never"
    url = store or asked.store or DEFAULT_STORE
    if recorded_space:
        with tt.load_study(url, arguments.get("name") or naming.name_of(asked.objective())) as found:
            asked = dataclasses.replace(asked, space=found.space)
    if dry_run:
        _dry_run(asked, file, arguments)
        return 0
    study = tt.tune(
        asked.objective(),
        asked.space,
        store=url,
        progress=False if quiet else OfFile(asked, file),
        **arguments,
    )
    with study:
        row = best.best_row(study.table)
        if as_json:
            say_json(study_facts(study))
        else:
            say("\n".join(line for text in _result(study, row).split("\n") for line in wrapped(text, cells())))
    return 0 if row is not None else 1


def _result(study: tt.Study, row: int | None) -> str:
    """Return what came of a run: the best trial with its settings, or why there is none."""
    verdict = study.session.ledger.assessed
    ended = "" if verdict is None else f"; {ended_text(verdict, study.table)}"
    lines = [f"{clean(study.name)}: {counts_text(study.table)}{clean(ended)}"]
    if row is None:
        return "\n".join([*lines, clean(best.why_no_best(study.table))])
    view = study.table.trial(row)
    if not best.has_best(study.table):
        rows = best.sorted_front(study.table).tolist()
        lines += [*best_remarks(study), *(f"  {best_line(study, study.table.trial(one))}" for one in rows[:MOST_ROWS])]
        more = f"{len(rows) - MOST_ROWS:,} more; " if len(rows) > MOST_ROWS else ""
        lines.append(f"{more}`trimtab best` has the front with its parameters.")
        return "\n".join(lines)
    settings = [(name, exact(value)) for name, value in view.params.items()]
    first, *others = best_lines(study, row)
    lines += [f"best {first}", *(f"  {line}" for line in labelled(settings).splitlines())]
    return "\n".join([*lines, *others])


def _with_renamed(learn_from: Any, pairs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the past studies, each with names of parameters that are called otherwise now: {old: new}."""
    if not learn_from:
        raise click.UsageError("--renamed is about past studies: name them with --learn-from.")
    renamed: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise click.UsageError(f"--renamed is such as lr=learning_rate, the old name first; got {pair!r}.")
        renamed[old] = new
    several = [learn_from] if isinstance(learn_from, str) else learn_from
    own = several if isinstance(several, dict) else {}
    return {each: {**own.get(each, {}), **renamed} for each in several}


def _remarks(command: tt.Command, space: tt.Space) -> Iterator[str]:
    """Yield what a command line does not show: what is left out of it, and variables that are called otherwise."""
    used = set(command.fields)
    for name, parameter in zip(space.names, space.parameters, strict=True):
        if parameter.when is not None and name in used:
            yield f"where {name} is inactive, this is left out: {shlex.join(command.left_out(name))}"
    for name, variable in variables(space.names).items():
        if variable != usual_variable(name):
            yield f"in the environment {name} is {variable}"


def _dry_run(asked: spec.StudyFile, file: Path, arguments: dict[str, Any]) -> None:
    """Show the space and the first trial, proposed in memory, if this machine has what the trials need."""
    resources = arguments.get("resources", tt.Resources())
    gpus.assign(arguments.get("workers", 1), resources.gpus)
    creating = spec.creating(arguments | {"learn_from": None})  # whose studies are not in memory
    with tt.create_study(asked.space, **creating) as study:
        first = study.ask()
        say(repr(asked.space))
        say(f"first trial: {clean(str(first.params))}")
        if isinstance(asked.work, tt.Command):
            line = asked.work.render(study.dispatch.task(first.number))
            say(f"it would run: {clean(shlex.join(hide_in_arguments(line)))}")
            for remark in _remarks(asked.work, asked.space):
                say(remark)
        for hint in hints(asked, file):
            say(f"hint: {clean(hint)}")
    sys.stdout.flush()
