"""`rename`, `delete`: studies as entries of a store."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

import trimtab as tt
from trimtab.errors import StudyNotFoundError, TrimtabError
from trimtab.storage.url import files_dir, open_store, redacted
from trimtab.surfaces.cli.options import DEFAULT_STORE, json_option, spoken, store_option
from trimtab.surfaces.cli.output import say, say_json
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.text import clean


@click.command()
@click.argument("name", metavar="STUDY", callback=spoken)
@click.argument("new", metavar="NAME", callback=spoken)
@store_option
@json_option
def rename(name: str, new: str, *, store: str | None, as_json: bool) -> None:
    """Give a STUDY another NAME.

    Its records stay as they are, its logs and checkpoints stay where they are, and who works on it goes on.
    """
    opened = open_store(store or DEFAULT_STORE)
    try:
        opened.rename(name, new)
    finally:
        opened.close()
    if as_json:
        say_json({"study": new, "was": name})
    else:
        say(f"{name} is now called {new}")


@click.command()
@click.argument("name", metavar="STUDY", callback=spoken)
@store_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--keep-files", is_flag=True, help="Leave the logs and checkpoints of its trials.")
@json_option
def delete(name: str, *, store: str | None, yes: bool, keep_files: bool, as_json: bool) -> int:
    """Delete a STUDY with all that is kept of it, the logs and checkpoints of its trials too, for ever.

    Exits 1 if the answer was no.
    """
    url = store or DEFAULT_STORE
    trials, folder = _held(url, name)
    folder = None if keep_files else folder
    what = f"{name} in {redacted(url)}: {trials}" + ("" if folder is None else f", and their files in {folder}")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on; --yes deletes without asking.")
        if not click.confirm(clean(f"delete {what}?")):
            say("nothing was deleted")
            return 1
    opened = open_store(url)
    try:
        opened.delete(name)
    finally:
        opened.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)  # what somebody still writes, or may not be removed, stays
    if as_json:
        say_json({"deleted": name, "files": None if folder is None else str(folder)})
    else:
        say(f"deleted {what}")
    return 0


def _held(url: str, name: str) -> tuple[str, Path | None]:
    """Return what a study holds, in words, and the folder of its files if there is one.

    Raises:
        StudyNotFoundError: there is no such study.
    """
    try:
        with tt.load_study(url, name) as study:
            running = study.table.n_running
            trials = count(len(study.table), "trial") + (f", of which {running} run" if running else "")
            folder, beside = study.session.files.base, files_dir(url)
    except StudyNotFoundError:
        raise
    except TrimtabError as error:  # it is damaged, which is a reason to delete it
        return f"it cannot be read ({error})", None
    is_its_own = beside is not None and folder.is_dir() and folder.resolve().parent == beside.resolve()
    return trials, folder if is_its_own else None
