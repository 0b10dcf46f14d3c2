"""What several commands share: their options, how they open a study, and how they print."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

import trimtab as tt
from trimtab.errors import StudyNotFoundError, TrimtabError
from trimtab.storage.url import hurried, open_store, redacted
from trimtab.study.plugin import named

DEFAULT_STORE = "sqlite:///trimtab.db"

COMPLETION_S = 1
"""Seconds for which the completion of a name waits for a store: somebody's hands are on the keys."""

_ELSEWHERE = "If it is kept elsewhere, say where with --store or TRIMTAB_STORE."

_F = TypeVar("_F", bound=Callable[..., Any])


def store_option(command: _F) -> _F:
    """Add --store."""
    return click.option(
        "--store",
        envvar="TRIMTAB_STORE",
        metavar="URL",
        help=f"Where studies are kept.  [env var: TRIMTAB_STORE; default: {DEFAULT_STORE}]",
    )(command)


def json_option(command: _F) -> _F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def optimizer_option(command: _F) -> _F:
    """Add --optimizer, for a study whose optimizer is code of the user's own."""
    return click.option(
        "--optimizer", metavar="module:Class", help="The optimizer on record, where it is no installed plugin."
    )(command)


def scheduler_option(command: _F) -> _F:
    """Add --scheduler, for a study whose scheduler is code of the user's own."""
    return click.option(
        "--scheduler", metavar="module:Class", help="The scheduler on record, where it is no installed plugin."
    )(command)


def study_argument(command: _F) -> _F:
    """Add the name of a study, which may be left out where the store has just one."""
    return click.argument("name", required=False, metavar="[STUDY]", shell_complete=_names, callback=spoken)(command)


def spoken(ctx: click.Context, parameter: click.Parameter, word: str | None) -> str | None:  # noqa: ARG001 - click's
    """Return a name as it is on record, in UTF-8, whatever the encoding of the locale in which it was given."""
    if word is None or word.isascii():
        return word
    return os.fsencode(word).decode("utf-8", "surrogateescape")


def spoken_each(ctx: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> list[str] | None:
    """Return names as `spoken` does; None where there are none."""
    return [spoken(ctx, parameter, word) or "" for word in words] or None


def _names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    try:
        opened = open_store(hurried(ctx.params.get("store") or DEFAULT_STORE, COMPLETION_S))
        found = [info.name for info in opened.studies()]
        opened.close()
    except TrimtabError:
        return []
    # A name with a line break or an escape sequence cannot be put into a line that somebody is writing.
    return [name for name in found if name.startswith(incomplete) and name.isprintable()]


def load(
    store: str | None, name: str | None, *, optimizer: str | None = None, scheduler: str | None = None
) -> tt.Study:
    """Open a study; the only one there is if `name` is None.

    Args:
        store: its URL; None for the usual one.
        name: which study.
        optimizer: what the person says that the study was made by; None for what the log says.
        scheduler: likewise.

    Raises:
        StudyNotFoundError: it is not there, or there is no saying which one is meant.
        StoreError: the store cannot be used.
        PluginError: the study was not made by what the person says.
    """
    url = store or DEFAULT_STORE
    found = the_one(url) if name is None else name
    engine, plan = by_hand(url, found, optimizer, scheduler)
    try:
        return tt.load_study(url, found, optimizer=engine, scheduler=plan)
    except StudyNotFoundError as error:
        if store is not None or _studies(url):
            raise
        raise StudyNotFoundError(f"{error} {_ELSEWHERE}") from None


def by_hand(url: str, name: str, optimizer: str | None, scheduler: str | None) -> tuple[Any, Any]:
    """Return the optimizer and the scheduler that a person says a study was made by; None for what was not said.

    Raises:
        PluginError: there is no such plugin, or the log says otherwise.
    """
    if optimizer is None and scheduler is None:
        return None, None
    with tt.load_study(url, name) as study:
        ledger = study.session.ledger
    engine = None if optimizer is None else named("optimizers", optimizer, ledger.optimizer)
    plan = None if scheduler is None else named("schedulers", scheduler, ledger.created.scheduler)
    return engine, plan


def the_one(url: str) -> str:
    """Return the name of the only study in a store.

    Raises:
        StudyNotFoundError: there is none, or more than one.
    """
    names = _studies(url)
    if len(names) == 1:
        return names[0]
    if not names:
        raise StudyNotFoundError(
            f"there is no study in {redacted(url)}; `trimtab run study.yaml` begins one. {_ELSEWHERE}"
        )
    listed = ", ".join(names[-10:]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    raise StudyNotFoundError(f"{redacted(url)} holds {len(names)} studies, so say which: {listed}.")


def pairs(words: Sequence[str], what: str) -> dict[str, float]:
    """Return `name=number` words as a mapping.

    Raises:
        click.BadParameter: a word is something else, or a name comes twice.
    """
    found: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{what} is written name=number, as loss=0.25; got {word!r}.")
        if "," in text:
            raise click.BadParameter(f"{what} is written name=number, each by itself, as loss=0.25; got {word!r}.")
        if name in found:
            raise click.BadParameter(f"{name!r} is said twice: {found[name]:g} and {text}.")
        found[name] = as_number(text, word)
    return found


def as_number(text: str, word: str) -> float:
    """Return a number; nan and inf are numbers here, since a result may be one.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} in {word!r} is not a number.") from None


def _studies(url: str) -> list[str]:
    opened = open_store(url)
    try:
        return [info.name for info in opened.studies()]
    finally:
        opened.close()
