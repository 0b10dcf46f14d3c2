"""`refine`, `diff`: what the next study searches, and what two trials differ in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

import trimtab as tt
from trimtab.errors import SpecError
from trimtab.space.parameter import Parameter
from trimtab.study.lineage import Lineage
from trimtab.surfaces.cli import spec
from trimtab.surfaces.cli.document import read_yaml
from trimtab.surfaces.cli.options import json_option, load, spoken, store_option, study_argument
from trimtab.surfaces.cli.output import cells, say, say_json
from trimtab.surfaces.cli.shapes import Faults
from trimtab.surfaces.cli.study_shape import PARAMETER
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.text import clean, wrapped

_ENDS = re.compile(r"\s*[-+.\deE_]*\s*:\s*[-+.\deE_]*\s*")
"""Two numbers with a colon between them, either of which may be left out."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _many(flag: str, metavar: str, text: str) -> Callable[[_F], _F]:
    return click.option(flag, metavar=metavar, multiple=True, help=text)


@click.command()
@study_argument
@store_option
@_many("--widen", "NAME=LOW:HIGH", "A range that grows, an end left out stays: lr=1e-6:; or choices to add: opt=lion.")
@_many("--narrow", "NAME=LOW:HIGH", "A range that shrinks, likewise; or the choices to keep: opt=adamw,sgd.")
@_many("--hold", "NAME=VALUE", "A parameter that is held at a value from here on.")
@_many("--free", "NAME", "A held parameter that is searched again.")
@_many("--add", "NAME=PARAMETER", "A new parameter, as a study file has it: 'drop={float: [0, 0.5], default: 0}'.")
@_many("--drop", "NAME", "A parameter that is gone.")
@click.option("--file", type=click.Path(path_type=Path), help="Take the whole new space from this study file.")
@click.option("--name", "new", callback=spoken, help="The next study's name; with the next number if left out.")
@click.option("--seed", type=click.IntRange(min=0), help="Its seed.")
@json_option
def refine(
    name: str | None,
    *,
    store: str | None,
    widen: tuple[str, ...],
    narrow: tuple[str, ...],
    hold: tuple[str, ...],
    free: tuple[str, ...],
    add: tuple[str, ...],
    drop: tuple[str, ...],
    file: Path | None,
    new: str | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Begin the next study: with a changed space, and the trials of STUDY as its evidence.

    STUDY stays as it is. No budget counts its trials; those that lie outside of the new space stay behind. Go on with
    `trimtab run FILE --name NEXT --recorded-space`, or change the file and leave that out.
    """
    changes: dict[str, Any] = {
        "widen": dict(_range("--widen", word) for word in widen),
        "narrow": dict(_range("--narrow", word) for word in narrow),
        "hold": {key: _scalar("--hold", text) for key, text in (_split("--hold", word) for word in hold)},
        "free": free,
        "add": dict(_parameter(word) for word in add),
        "drop": drop,
    }
    changes = {key: value for key, value in changes.items() if value}
    if file is not None and changes:
        raise click.UsageError(f"--file has the whole new space, and goes without --{next(iter(changes))}.")
    space = None if file is None else spec.load(file).space
    if space is None and not changes:
        raise click.UsageError(
            "say what changes: --widen, --narrow, --hold, --free, --add or --drop, or --file with the whole new space."
        )
    with load(store, name) as study:
        following = tt.refine(study, space=space, name=new, seed=seed, **changes)
        lineage = Lineage.of(following.session.ledger.created.provenance) or Lineage(study.name, "")
        if as_json:
            say_json(
                {
                    "study": following.name,
                    "refined_from": study.name,
                    "changes": list(lineage.changes),
                    "evidence": lineage.n_evidence,
                    "left_out": dict(lineage.left_out or {}),
                    "space": following.space.to_json(),
                }
            )
            return
        lines = [f"{following.name} goes on from {study.name}, with {_evidence(lineage)}.", *lineage.changes]
        run = "study.yaml" if file is None else str(file)
        recorded = "" if file is not None else " --recorded-space"
        lines.append(f"now: trimtab run {run} --name {following.name}{recorded}")
        say("\n".join(part for line in lines for part in wrapped(clean(line), cells())))


def _evidence(lineage: Lineage) -> str:
    n_out = sum(map(len, (lineage.left_out or {}).values()))
    said = f"{count(lineage.n_evidence, 'trial')} as evidence"
    return f"{said}; {n_out} fit no more ({', '.join(lineage.left_out or {})})" if n_out else said


def _split(flag: str, word: str) -> tuple[str, str]:
    name, equals, text = word.partition("=")
    if not equals or not name or not text:
        raise click.BadParameter(f"{flag} is written NAME=VALUE, as lr=0.01; got {word!r}.")
    return name, text


def _range(flag: str, word: str) -> tuple[str, list[Any]]:
    """Return what `lr=1e-6:` or `optimizer=lion,adam` says: (low, high), or choices."""
    name, text = _split(flag, word)
    if _ENDS.fullmatch(text):
        low, _, high = text.partition(":")
        return name, [None if not end.strip() else _scalar(flag, end) for end in (low, high)]
    return name, _read(flag, f"[{text}]")


def _scalar(flag: str, text: str) -> Any:
    """Return one value as a study file would read it.

    Raises:
        click.BadParameter: it is none.
    """
    value = _read(flag, text)
    if isinstance(value, list | dict):
        raise click.BadParameter(f"{flag} takes single values; got {text!r}.")
    return value


def _read(flag: str, text: str) -> Any:
    """Return what YAML makes of a text.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return read_yaml(text, flag).plain()
    except SpecError as error:
        raise click.BadParameter(str(error)) from None


def _parameter(word: str) -> tuple[str, Parameter]:
    name, text = _split("--add", word)
    try:
        tree = read_yaml(text, "--add")
    except SpecError as error:
        raise click.BadParameter(str(error)) from None
    faults = Faults()
    said = PARAMETER.read(tree, name, faults)
    if faults.found:
        raise click.BadParameter("; ".join(f"{fault.path}: {fault.problem}" for fault in faults.found))
    return name, spec.make_parameter(said)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[STUDY] A B")
@store_option
@json_option
def diff(words: tuple[str, ...], *, store: str | None, as_json: bool) -> None:
    """Show in which parameters trials A and B differ, and what came of each."""
    *names, a, b = words if len(words) > 1 else (*words, "")
    if len(names) > 1 or not (a.isdecimal() and b.isdecimal()):
        raise click.UsageError("diff takes a study and the numbers of two trials, as `trimtab diff resnet 3 17`.")
    with load(store, spoken_name(names)) as study:
        found = study.diff(int(a), int(b))
        if as_json:
            say_json(
                {
                    "trials": [found.a, found.b],
                    "params": {name: list(pair) for name, pair in found.params.items()},
                    "same": found.same,
                    "metrics": {name: list(pair) for name, pair in found.metrics.items()},
                    "better": {name: {"a": found.a, "b": found.b}.get(which) for name, which in found.better.items()},
                }
            )
        else:
            say(repr(found))


def spoken_name(names: list[str]) -> str | None:
    """Return the one name there is, as it is on record; None where there is none."""
    return spoken(click.get_current_context(), click.Argument(["name"]), names[0]) if names else None
