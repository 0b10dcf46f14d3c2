"""`advise`, `compare`: what a study suggests to do next, and which of two is better."""

from __future__ import annotations

import dataclasses

import click

import trimtab as tt
from trimtab.surfaces.cli.options import json_option, load, store_option, study_argument
from trimtab.surfaces.cli.output import cells, complain, say, say_json
from trimtab.surfaces.cli.refining import spoken_name
from trimtab.surfaces.render.text import clean, wrapped
from trimtab.text import spelled


@click.command()
@study_argument
@store_option
@json_option
def advise(name: str | None, *, store: str | None, as_json: bool) -> None:
    """Say what a STUDY suggests to do next, each with the command that does it.

    The rules are those of the tuning playbook: ranges that end too early, parameters that do not matter, training that
    ends too early or too late, failures of one cause, and more. Nothing is said where nothing stands out.
    """
    with load(store, name) as study:
        found = study.advice()
        if as_json:
            say_json(
                [
                    {
                        "rule": tip.rule,
                        "about": tip.about,
                        "says": tip.says,
                        "confidence": tip.confidence,
                        "evidence": dict(tip.evidence),
                        "command": tip.command,
                    }
                    for tip in found
                ]
            )
            return
        if not found:
            complain(f"nothing stands out in {len(study.table)} trials of {clean(study.name)}.")
            return
        room = cells()
        for i, tip in enumerate(found, start=1):
            if i > 1:
                say()
            head = wrapped(f"{i}. {clean(tip.says)} ({tip.rule}, {tip.confidence:.0%} sure)", room)
            say("\n".join(head))
            say(f"   {clean(tip.command)}")


@click.command()
@click.argument("names", nargs=-1, metavar="STUDY [OTHER]")
@store_option
@click.option("--by", metavar="PARAMETER", help="Of one study: the parameter whose values are compared.")
@json_option
def compare(names: tuple[str, ...], *, store: str | None, by: str | None, as_json: bool) -> None:
    """Compare two studies, or the values of one parameter of a STUDY: which is better, by how much, and how sure.

    Without --by, of one study the values of its scientific parameter (role: scientific) are compared.
    """
    if len(names) > 2:
        raise click.UsageError("compare takes one study or two.")
    words = [spoken_name([name]) for name in names] or [None]
    with load(store, words[0]) as study:
        if len(words) == 1:
            found = tt.compare(study, by=by)
        else:
            with load(store, words[1]) as other:
                found = tt.compare(study, other, by=by)
    if as_json:
        say_json(spelled(dataclasses.asdict(found)))
    else:
        say("\n".join(part for line in repr(found).splitlines() for part in wrapped(line, cells())))
