"""`advise`: what a study suggests to do next."""

from __future__ import annotations

import click

from trimtab.surfaces.cli.options import json_option, load, store_option, study_argument
from trimtab.surfaces.cli.output import cells, complain, say, say_json
from trimtab.surfaces.render.text import clean, wrapped


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
