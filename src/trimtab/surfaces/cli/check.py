"""`replay`, `doctor`, `completion`: is the log right, is the installation right, and help for the shell."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator

import click
from click.shell_completion import get_completion_class

from trimtab import __version__, plugins
from trimtab.errors import StoreCorruptError, StudyNotFoundError, TrimtabError
from trimtab.storage.protocol import Finding
from trimtab.storage.url import normalised, open_store, redacted, salvaging
from trimtab.study.replay import replay as replay_log
from trimtab.surfaces.cli.condition import repaired, studies
from trimtab.surfaces.cli.options import (
    DEFAULT_STORE,
    by_hand,
    json_option,
    optimizer_option,
    scheduler_option,
    store_option,
    study_argument,
    the_one,
)
from trimtab.surfaces.cli.output import say, say_json, say_styled
from trimtab.surfaces.render.numbers import count, size
from trimtab.surfaces.render.table import has_colour, styled
from trimtab.text import visible

EXTRAS = {
    "rich": "rich",
    "psycopg": "postgres",
    "scikit-learn": "sklearn",
    "pandas": "frames",
    "polars": "frames",
    "pyarrow": "frames",
    "cloudpickle": "closures",
    "cmaes": "cmaes",
}
"""Optional packages and the extra that brings each."""


@click.command()
@study_argument
@store_option
@optimizer_option
@scheduler_option
@json_option
def replay(name: str | None, *, store: str | None, optimizer: str | None, scheduler: str | None, as_json: bool) -> int:
    """Recompute every suggestion of a study, and every verdict on a report, from its log, and compare bit for bit.

    Exits 1 if one differs.
    """
    url = store or DEFAULT_STORE
    opened = open_store(url)
    try:
        name = name or the_one(url)
        found = replay_log(opened.open(name).read(), *by_hand(url, name, optimizer, scheduler))
    finally:
        opened.close()
    n_differing = len(found.differing) + len(found.differing_verdicts)
    if as_json:
        say_json(
            {
                "study": name,
                "records": found.records,
                "suggestions": found.suggestions,
                "given": found.given,
                "differing": list(found.differing),
                "computed_with": list(found.computed_with),
                "reports": found.reports,
                "differing_verdicts": list(found.differing_verdicts),
            }
        )
    else:
        given = f", {found.given:,} given and not recomputed" if found.given else ""
        judged = f", {count(found.reports, 'report')} judged again" if found.reports else ""
        say(
            f"{name}: {found.records:,} records, {count(found.suggestions, 'suggestion')} recomputed{given}{judged}: "
            + (f"{n_differing:,} differ" if n_differing else "all the same, bit for bit")
        )
    if not as_json:
        found.require_equal()
    return 1 if n_differing else 0


@click.command()
@store_option
@click.option("--repair", "into", metavar="URL", help="Copy what is whole of each study into an empty store.")
@json_option
def doctor(*, store: str | None, into: str | None, as_json: bool) -> int:
    """Look for what is wrong, or may go wrong, with this installation and a store.

    Every study is read from its first record to its last. With --repair each is copied up to its last whole record;
    the store itself is not written. Exits 1 if something does not work, or a study was damaged.
    """
    url = store or DEFAULT_STORE
    findings = [*_installation(), *_machine(), *_store(url)] if into is None else list(repaired(url, into))
    broken = any(finding.level == "error" for finding in findings)
    if as_json:
        say_json([{"level": f.level, "what": f.what, "remedy": f.remedy} for f in findings])
        return int(broken)
    colours = {"ok": "32", "warning": "33", "error": "31"}
    is_coloured = sys.stdout.isatty() and has_colour()
    for finding in findings:
        level = styled(f"{finding.level:7}", colours[finding.level] if is_coloured else None)
        remedy = f"\n         {visible(finding.remedy)}" if finding.remedy else ""
        say_styled(f"{level}  {visible(finding.what)}{remedy}")
    return int(broken)


def _installation() -> Iterator[Finding]:
    import numpy as np
    import scipy

    yield Finding("ok", f"trimtab {__version__}, Python {platform.python_version()}, numpy {np.__version__}, "
                        f"scipy {scipy.__version__}")  # fmt: skip
    there, missing = [], []
    for package, extra in EXTRAS.items():
        try:
            there.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{package} (pip install 'trimtab[{extra}]')")
    yield Finding("ok", f"optional packages: {', '.join(there) or 'none'}")
    if missing:
        yield Finding("ok", f"not installed, and needed only for their features: {', '.join(missing)}")
    for group in ("optimizers", "schedulers", "executors", "stores"):
        broken = []
        for name in plugins.names(group):
            try:
                plugins.entry(group, name).load()
            except Exception as error:  # a stranger's plugin may raise anything
                broken.append(f"{name} ({type(error).__name__}: {error})")
        if broken:
            yield Finding("error", f"{group} that cannot be loaded: {'; '.join(broken)}", "reinstall or remove them.")
        else:
            yield Finding("ok", f"{group}: {', '.join(plugins.names(group))}")


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    git = "found" if shutil.which("git") else "not found, so commits go unrecorded"
    yield Finding("ok", f"{sys.platform}, {count(cores, 'core')}; git {git}")
    free = shutil.disk_usage(".").free
    if free > 1 << 30:
        yield Finding("ok", f"{size(free)} free on this disk")
    else:
        yield Finding("warning", f"only {size(free)} free on this disk", "logs and checkpoints need room.")


def _store(url: str) -> Iterator[Finding]:
    try:
        yield from _opened(url)
    except StudyNotFoundError as error:
        yield Finding("ok", str(error))
    except TrimtabError as error:
        yield Finding("error", f"store {redacted(url)}: {error}")
        if isinstance(error, StoreCorruptError):
            yield from _left_of(url)


def _opened(url: str) -> Iterator[Finding]:
    opened = open_store(url)
    try:
        yield from opened.check()
        yield from studies(opened, _repair(url))
    finally:
        opened.close()


def _repair(url: str) -> str:
    return f"trimtab doctor --store '{redacted(url)}' --repair sqlite:///repaired.db"


def _left_of(url: str) -> Iterator[Finding]:
    """Yield what can be read of the studies of a store that is too damaged to be opened."""
    with contextlib.suppress(TrimtabError):  # which was said before
        left = open_store(salvaging(normalised(url)))
        try:
            yield from studies(left, _repair(url))
        finally:
            left.close()


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL.

    \b
    eval "$(trimtab completion bash)"      # in ~/.bashrc
    """  # noqa: D301 - click's mark for lines that are not to be wrapped
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}.")
    say(kind(ctx.find_root().command, {}, "trimtab", "_TRIMTAB_COMPLETE").source())
