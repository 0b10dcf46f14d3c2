"""`plot`, `importance`: questions about a study, answered in a sentence and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import trimtab as tt
from trimtab.analysis.questions import QUESTIONS
from trimtab.plugins import did_you_mean
from trimtab.storage.url import open_store
from trimtab.study.plot import Plot
from trimtab.surfaces.cli.options import DEFAULT_STORE, json_option, load, spoken, store_option, study_argument
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.render.plain import answer_facts
from trimtab.surfaces.render.text import wrapped

_LISTED = "\n".join(f"{name}: {title}" for name, title in QUESTIONS.items())


def metric_option(command: Any) -> Any:
    """Add --metric."""
    return click.option("--metric", metavar="NAME", help="Which metric is looked at; the first objective if none.")(
        command
    )


def output_option(command: Any) -> Any:
    """Add --output."""
    return click.option(
        "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE",
        help="Write the picture there: .svg, .html, .txt, .png and .pdf by matplotlib, or what a plugin draws.",
    )(command)  # fmt: skip


@click.command(
    help=f"Answer a QUESTION about a study in a sentence and a picture; without one, all of them.\n\n\b\n{_LISTED}"
)
@click.argument("words", nargs=-1, metavar="[STUDY] [QUESTION]")
@store_option
@metric_option
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME", help="Of effects, one; of contour, two of them."
)
@output_option
@json_option
def plot(
    words: Sequence[str],
    *,
    store: str | None,
    metric: str | None,
    parameters: Sequence[str],
    output: str | None,
    as_json: bool,
) -> None:
    """Answer a question about a study."""
    name, question = _meant(store, words)
    if question is None and (output is not None or parameters):
        raise click.UsageError(f"say which picture: trimtab plot STUDY QUESTION, of {', '.join(QUESTIONS)}.")
    with load(store, name) as study:
        if question is None:
            _all(study, metric, as_json=as_json)
        else:
            _one(_asked(study, question, metric, parameters), output, as_json=as_json)


@click.command()
@study_argument
@store_option
@metric_option
@output_option
@json_option
def importance(name: str | None, *, store: str | None, metric: str | None, output: str | None, as_json: bool) -> None:
    """Show which parameters matter, with 90 % intervals: short for `trimtab plot STUDY importance`."""
    with load(store, name) as study:
        _one(study.plot.importance(metric=metric), output, as_json=as_json)


def _meant(store: str | None, words: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the name of the study and of the question that words mean.

    One word is a study's name if there is such a study, else a question of the only study.
    """
    named = [spoken(click.get_current_context(), plot.params[0], word) or word for word in words]
    if len(named) > 2:
        raise click.UsageError(f"trimtab plot takes a study and a question, got {len(named)} words: {' '.join(named)}.")
    if len(named) == 1 and named[0] in QUESTIONS and named[0] not in _studies(store):
        return None, named[0]
    name, question = (*named, None, None)[:2]
    if question is not None and question not in QUESTIONS:
        hint = did_you_mean(question, QUESTIONS)
        raise click.UsageError(f"there is no question {question!r}{hint}; there are: {', '.join(QUESTIONS)}.")
    return name, question


def _studies(store: str | None) -> list[str]:
    opened = open_store(store or DEFAULT_STORE)
    try:
        return [info.name for info in opened.studies()]
    finally:
        opened.close()


def _asked(study: tt.Study, question: str, metric: str | None, parameters: Sequence[str]) -> Plot:
    options: dict[str, Any] = {} if metric is None else {"metric": metric}
    takes = {"effects": 1, "contour": 2}.get(question, 0)
    if parameters and len(parameters) != takes:
        how = f"takes --parameter {'twice' if takes == 2 else 'once'}" if takes else "takes no --parameter"
        raise click.UsageError(f"{question} {how}, got {', '.join(parameters)}.")
    if metric is not None and question in ("front", "timeline", "failures", "worth"):
        raise click.UsageError(f"{question} is about all metrics, and takes no --metric.")
    if question == "effects" and parameters:
        options["parameter"] = parameters[0]
    if question == "contour" and parameters:
        options |= {"x": parameters[0], "y": parameters[1]}
    found: Plot = getattr(study.plot, question)(**options)
    return found


def _one(plot: Plot, output: str | None, *, as_json: bool) -> None:
    if output is not None:
        plot.save(Path(output))
        if as_json:
            say_json(answer_facts(plot.card) | {"file": output})
        else:
            say("\n".join(wrapped(plot.sentence, cells())))
            say(f"the picture is in {output}")
    elif as_json:
        say_json(answer_facts(plot.card))
    else:
        say("\n".join(wrapped(plot.sentence, cells())))
        if plot.has_picture:
            say("\n".join(["", *plot.text(cells()).split("\n")[2:]]))


def _all(study: tt.Study, metric: str | None, *, as_json: bool) -> None:
    plots = [
        _asked(study, name, None if name in ("front", "timeline", "failures", "worth") else metric, ())
        for name in QUESTIONS
    ]
    if as_json:
        say_json([answer_facts(plot.card) for plot in plots])
        return
    for plot in plots:
        said = plot.sentence if plot.has_picture else f"({plot.sentence})"
        say("\n".join(wrapped(f"{plot.question}: {said}", cells())))
    say("\ntrimtab plot STUDY QUESTION draws one.")
