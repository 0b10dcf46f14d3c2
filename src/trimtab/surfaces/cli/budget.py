"""`budget`: what may be spent on a study, what is spent, and another budget while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

import trimtab as tt
from trimtab.errors import ProblemError
from trimtab.surfaces.cli.facts import labelled
from trimtab.surfaces.cli.options import json_option, load, store_option, study_argument
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.render.spending import limit_facts, limit_lines
from trimtab.surfaces.render.text import clean

NONE = "none"
"""What takes a limit away."""

LIMITS = ("trials", "hours", "cost", "worker_hours", "gpu_hours", "cpu_hours", "money", "deadline")
"""The limits that are one word each, as `tt.Budget` calls them."""

PAIRED = ("epochs", "prices")
"""Those that may name several things."""


def parsed(limit: str, word: str) -> Any:
    """Return what a word of the command line says of a limit; None takes it away.

    Raises:
        ProblemError: it is no such thing.
    """
    if word == NONE:
        return None
    if limit == "deadline":
        return word
    try:
        return int(word) if limit == "trials" else float(word)
    except ValueError:
        raise ProblemError(f"the limit {limit} is a number, or {NONE} to take it away; got {word!r}.") from None


def paired(limit: str, words: Sequence[str]) -> Any:
    """Return what words say of a limit that may name several things: `500`, `epoch=500`, `gpu=2.5`.

    Raises:
        ProblemError: they are no such thing.
    """
    if len(words) == 1 and "=" not in words[0]:
        found = parsed(limit, words[0])
        if limit == "prices" and found is not None:
            raise ProblemError(f"a price names its resource, as gpu=2.5; got {words[0]!r}.")
        return found
    amounts = {}
    for word in words:
        name, equals, amount = word.partition("=")
        if not equals or not name:
            raise ProblemError(f"{limit} are such as name=number; got {word!r}.")
        amounts[name] = parsed(limit, amount)
    return amounts


def from_words(words: Sequence[str]) -> tt.Budget:
    """Return the budget that words say: `300` trials, `hours=8`, `epochs=500`, `deadline=07:00`.

    Raises:
        ProblemError: they are none.
    """
    said: dict[str, Any] = {}
    for word in words:
        name, equals, amount = word.partition("=")
        name, amount = (name.replace("-", "_"), amount) if equals else ("trials", word)
        if name not in (*LIMITS, "epochs"):
            raise ProblemError(
                f"there is no limit {name!r}; there are {', '.join((*LIMITS[:3], 'epochs', *LIMITS[3:]))}."
            )
        said[name] = parsed(name, amount)
    return tt.Budget(**said)


@click.command()
@study_argument
@store_option
@click.option("--trials", metavar="N", help="Configurations.")
@click.option("--hours", metavar="N", help="Hours of wall time during which the study is worked on.")
@click.option("--cost", metavar="N", help="In the unit of the cost metric.")
@click.option("--epochs", metavar="[NAME=]N", multiple=True, help="Units of the fidelity, or of the one of that name.")
@click.option("--worker-hours", metavar="N", help="Hours of all trials together.")
@click.option("--gpu-hours", metavar="N", help="The same, times the GPUs of each.")
@click.option("--cpu-hours", metavar="N", help="The same, times the processor cores of each.")
@click.option("--money", metavar="N", help="The same, by prices.")
@click.option("--price", "prices", metavar="NAME=N", multiple=True, help="What an hour of a resource costs.")
@click.option("--deadline", metavar="TIME", help="Until when: 07:00, or 2026-12-01 07:00.")
@json_option
def budget(name: str | None, *, store: str | None, as_json: bool, **given: Any) -> None:
    """Show what may be spent on a study and what is; with options, change it.

    The other limits stay as they are; none takes one away: --hours none. Drivers that run take the change up at their
    next look; a study that has ended goes on when it is run again.
    """
    changes = {limit: parsed(limit, word) for limit in LIMITS if (word := given[limit]) is not None}
    changes |= {limit: paired(limit, given[limit]) for limit in PAIRED if given[limit]}
    with load(store, name) as study:
        if changes:
            study.set_budget(**changes)
        if as_json:
            say_json({"study": study.name, "budget": limit_facts(study.budget, study.table)})
            return
        lines = list(limit_lines(study.budget, study.table))
        say(f"budget of {clean(study.name)}\n" + labelled(lines or [("", "none was ever told")], cells()))
