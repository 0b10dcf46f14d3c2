"""What is likely wrong with a study file: its space, by the library of spaces, and what its command leaves out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import trimtab as tt
from trimtab import plugins
from trimtab.execute.command import FLAT, NESTED
from trimtab.execute.parameters import usual_variable
from trimtab.spaces.advice import Written, remarks
from trimtab.study.standing import Progress, Status
from trimtab.surfaces.cli.spec import StudyFile

MOST_BYTES = 1_000_000
"""So much of a program is looked at for the variables that it reads: more was not written by hand."""


def hints(asked: StudyFile, file: Path) -> list[str]:
    """Return what is likely wrong, a sentence each, with what to write as the file is written."""
    written: Written = "toml" if file.suffix.lower() == ".toml" else "yaml"
    return [*_unsaid(asked), *remarks(asked.space, written)]


def _unsaid(asked: StudyFile) -> Iterator[str]:
    """Yield a sentence on the parameters that are tuned, and that the program is not told of."""
    command, space = asked.work, asked.space
    if not isinstance(command, tt.Command) or set(command.fields) & {*NESTED, *FLAT}:
        return
    asks = {name for one in space.parameters if one.when is not None for name in one.when.names()}
    tuned = [name for name, one in zip(space.names, space.parameters, strict=True)
             if one.role != "fixed" and one.n_values != 1 and name not in space.fixed]  # fmt: skip
    # What others are active under is told by what of them is left out.
    lacks = [name for name in tuned if name not in command.fields and name not in asks]
    if not lacks:
        return
    files = list(_files(command))
    if any(b"trimtab" in text.lower() for text in (*map(os.fsencode, command.arguments), *map(_read, files))):
        return
    if not set(command.fields) & set(tuned) and not any(path.suffix == ".py" for path in files):
        return  # what takes no parameter at all and cannot be read, or calls another: its environment has them
    listed = ", ".join(lacks)
    verb = "is" if len(lacks) == 1 else "are"
    yield (
        f"{listed} {verb} tuned, and the command does not say {'it' if len(lacks) == 1 else 'them'}: write "
        f"--{lacks[0]}={{{lacks[0]}}} into it, or {{params_file}} for all at once, or let the program read "
        f"{usual_variable(lacks[0])}."
    )


def _files(command: tt.Command) -> Iterator[Path]:
    """Yield the files that a command names, programs among them."""
    folder = command.cwd or Path()
    for before, argument in zip(("", *command.arguments), command.arguments, strict=False):
        path = folder / (f"{argument.replace('.', '/')}.py" if before == "-m" else argument)
        try:
            if path.is_file():
                yield path
        except (OSError, ValueError):
            continue  # no path that this system has


def _read(path: Path) -> bytes:
    """Return what a file begins with; nothing of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return b""


class OfFile:
    """The progress of a study that a file describes, begun with hints on the file, and not on a space in Python."""

    def __init__(self, asked: StudyFile, file: Path) -> None:
        self._asked = asked
        self._file = file
        self._hints: tuple[str, ...] | None = None
        self._shown: Progress | None = None

    def update(self, status: Status) -> None:
        self._display(status).update(self._told(status))

    def close(self, status: Status) -> None:
        self._display(status).close(self._told(status))

    def _display(self, status: Status) -> Progress:
        shown = self._shown
        if shown is None:
            made: Any = plugins.load("progress", "auto")
            shown = self._shown = cast("Progress", made(status.name))
        return shown

    def _told(self, status: Status) -> Status:
        if self._hints is None:
            self._hints = () if status.n_before else tuple(hints(self._asked, self._file))
        return replace(status, hints=self._hints, check=f"trimtab check {shlex.quote(str(self._file))}")
