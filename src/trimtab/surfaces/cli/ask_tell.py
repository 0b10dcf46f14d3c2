"""`ask`, `tell`, `report`: for loops and programs that Trimtab does not own, in any language."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

import trimtab as tt
from trimtab.errors import StudyExistsError, StudyNotFoundError
from trimtab.execute.hook import REPORT_FILE
from trimtab.execute.hook import report as report_in_program
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.study.best import best_row, has_best
from trimtab.study.plugin import named
from trimtab.study.report import check_ending
from trimtab.surfaces.cli import spec
from trimtab.surfaces.cli.options import (
    DEFAULT_STORE,
    as_number,
    json_option,
    load,
    optimizer_option,
    pairs,
    scheduler_option,
    spoken,
    store_option,
    study_argument,
)
from trimtab.surfaces.cli.output import say, say_json
from trimtab.surfaces.render.numbers import exact


@click.command()
@study_argument
@store_option
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="The study file to create the study from, if it is not there; its command is not run.",
)
@click.option("--lease", "lease_s", type=float, metavar="SECONDS", help="Hand the trial to another after this time.")
@click.option("--peek", is_flag=True, help="Show what would be handed out, and write nothing.")
@optimizer_option
@scheduler_option
@json_option
def ask(
    name: str | None,
    *,
    store: str | None,
    file: Path | None,
    lease_s: float | None,
    peek: bool,
    optimizer: str | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Hand out the next trial: its number, its parameters, and why these.

    What is handed out is in the budget; `trimtab give-back` puts it back in line. Where the scheduler waits for a trial
    to end, nothing is handed out, and the exit code is 1: ask again later.
    """
    with _open(store, name, file, optimizer, scheduler, peek=peek) as study:
        view = study.peek() if peek else study.table.trial(study.ask(lease_s=lease_s).number)
        if as_json:
            found = {"study": study.name, "number": view.number, "attempt": view.attempt, "params": view.params}
            why = {"by": view.origin, "why": view.why, "state": view.state}
            say_json(found | ({"fidelity": view.fidelity} if view.fidelity else {}) | why)
            return
        say(f"trial {view.number}" + (" would be next; nothing was written" if peek else ""))
        for key, value in {**view.params, **view.fidelity}.items():
            say(f"  {key} = {exact(value)}")
        say(f"{view.origin}: {view.why}" if view.why else view.origin)


def _open(
    store: str | None, name: str | None, file: Path | None, optimizer: str | None, scheduler: str | None, *, peek: bool
) -> tt.Study:
    if file is None:
        return load(store, name, optimizer=optimizer, scheduler=scheduler)
    asked = spec.load(file)
    url, wanted = store or asked.store or DEFAULT_STORE, name or asked.arguments.get("name") or file.stem
    with contextlib.suppress(StudyNotFoundError):
        return load(url, wanted, optimizer=optimizer, scheduler=scheduler)
    own: dict[str, object] = {"optimizer": named("optimizers", optimizer)} if optimizer else {}
    own |= {"scheduler": named("schedulers", scheduler)} if scheduler else {}
    creating = spec.creating(asked.arguments) | own
    if peek:
        return tt.create_study(asked.space, name=wanted, **creating | {"learn_from": None})  # which are not in memory
    with contextlib.suppress(StudyExistsError):
        return tt.create_study(asked.space, store=url, name=wanted, **creating)
    return load(url, wanted, optimizer=optimizer, scheduler=scheduler)  # another process was quicker


class Numbers(click.Command):
    """A command whose arguments may be numbers below 0, which click takes for options."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings["context_settings"] = {"ignore_unknown_options": True}
        super().__init__(*arguments, **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, and refuse what is neither an option nor a number."""
        rest = super().parse_args(ctx, args)
        for word in ctx.params.get("values") or ():
            if word.startswith("-") and not _is_number(word):
                known = [name for parameter in self.params for name in parameter.opts if name.startswith("-")]
                raise click.NoSuchOption(word, possibilities=get_close_matches(word, known), ctx=ctx)
        return rest


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@click.command(cls=Numbers)
@click.argument("name", metavar="STUDY", callback=spoken)
@click.argument("number", type=int)
@click.argument("values", nargs=-1, metavar="[VALUE | METRIC=VALUE ...]")
@store_option
@click.option("--failed", type=click.Choice(FAILURE_KINDS), help="How the trial failed, instead of a result.")
@click.option("--error", default="", help="What happened, for people.")
@click.option("--attempt", type=int, help="The attempt that speaks, so that a superseded one is refused.")
@click.option("--cost", type=float, help="What the trial cost.")
@json_option
def tell(
    name: str,
    number: int,
    values: Sequence[str],
    *,
    store: str | None,
    failed: str | None,
    error: str,
    attempt: int | None,
    cost: float | None,
    as_json: bool,
) -> None:
    """Put on record what came of a trial.

    One VALUE is enough for a study of one metric; name them where there are several, as loss=0.25 latency=12. A trial
    that was lost waits and is handed out again; every other failure is final.
    """
    if not values and failed is None:
        raise click.UsageError("give a result, as `trimtab tell STUDY 3 loss=0.25`, or --failed.")
    single = len(values) == 1 and "=" not in values[0]
    result = None if not values else as_number(values[0], values[0]) if single else pairs(values, "a result")
    with load(store, name) as study:
        study.tell(number, result, failed=failed, error=error, attempt=attempt, cost=cost)
        view = study.table.trial(number)
        best = best_row(study.table) if has_best(study.table) else None
        if as_json:
            say_json({"number": number, "state": view.state, "best_trial": best})
        else:
            say(
                f"trial {number} is {view.state}"
                + (f" ({view.failure})" if view.failure and view.state != "complete" else "")
            )


@click.command("give-back")
@click.argument("name", metavar="STUDY", callback=spoken)
@click.argument("number", type=int)
@store_option
@click.option("--reason", default="", help="Why, for people.")
@click.option("--attempt", type=int, help="The attempt that speaks, so that a superseded one is refused.")
@json_option
def give_back(name: str, number: int, *, store: str | None, reason: str, attempt: int | None, as_json: bool) -> None:
    """Give a trial back that was asked for and not run.

    It waits in line again, and is not counted by any budget until it is handed out.
    """
    with load(store, name) as study:
        study.give_back(number, reason, attempt=attempt)
        if as_json:
            say_json({"number": number, "state": study.table.trial(number).state})
        else:
            say(f"trial {number} waits in line again")


@click.command()
@click.argument("words", nargs=-1, metavar="[STUDY] | [STEP] METRIC=VALUE ...")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE",
    help="Of a study, where to: .html, .md, .pdf by Chromium, or what a plugin writes.  [default: STUDY.html]",
)  # fmt: skip
@store_option
def report(words: Sequence[str], *, output: str | None, store: str | None) -> None:
    """Write a study up; or, in a program that runs as a trial, report METRICs.

    With a STUDY it writes one file that opens anywhere: the answer with its honest figure, what mattered, what to do
    next, pictures, all trials, where it comes from.

    With METRIC=VALUE it reports them for the trial: with a STEP first on the way, without one as the result; fold=N
    says in which fold, and without a STEP it is the value of that fold. Exits 1 if the trial is to end.

    \b
    trimtab report digits -o report.html
    trimtab report 3 loss=0.41          # after epoch 3
    trimtab report 3 fold=1 loss=0.44   # after epoch 3 in the second fold
    trimtab report fold=1 loss=0.31     # of the second fold, which is through
    trimtab report loss=0.29            # the result
    """  # noqa: D301 - click's mark for lines that are not to be wrapped
    if is_of_study(words, output):
        _write_up(words, output, store)
    else:
        if output is not None:
            raise click.UsageError("--output is for the report of a study: trimtab report STUDY -o report.html.")
        _report_metrics(words)


def is_of_study(words: Sequence[str], output: str | None) -> bool:
    """Return whether `report` is to write a study up, rather than to report metrics.

    Metrics have a "=". Without any, it is a study that is meant, unless a program that runs as a trial says nothing
    of a file: it has forgotten its metrics.
    """
    return not any("=" in word for word in words) and (output is not None or REPORT_FILE not in os.environ)


def _write_up(words: Sequence[str], output: str | None, store: str | None) -> None:
    if len(words) > 1:
        raise click.UsageError(
            f"give one study, as `trimtab report digits -o report.html`, or metrics, as `trimtab report 3 loss=0.4`; "
            f"got {' '.join(words)}."
        )
    name = spoken(click.get_current_context(), report.params[0], words[0]) if words else None
    if output is not None:
        check_ending(output)
    with load(store, name) as study:
        path = re.sub(r"[^\w.-]+", "-", study.name) + ".html" if output is None else output
        study.report(path)
        say(f"the report of {study.name} is in {path}")


def _report_metrics(words: Sequence[str]) -> None:
    """Report from a program that runs as a trial."""
    if not words:
        raise click.UsageError("a report is [STEP] METRIC=VALUE, as `trimtab report 3 loss=0.4`.")
    step = None
    if "=" not in words[0]:
        try:
            step = float(words[0])
        except ValueError:
            raise click.BadParameter(f"a report is [STEP] METRIC=VALUE, as 3 loss=0.4; got {words[0]!r}.") from None
    try:
        report_in_program(step, pairs(words[0 if step is None else 1 :], "a report"))
    except tt.TrialStopped as stopped:
        raise TrialEnded(stopped.reason) from None


class TrialEnded(click.ClickException):
    """The trial is to end: exit code 1, so that a script with `set -e` ends too."""

    exit_code = 1

    def format_message(self) -> str:
        """Return what is shown after "Error: "."""
        return f"the trial is to end: {self.message}"
