"""What is likely wrong with a study file: its space, by the library of spaces, and what its command leaves out."""

from __future__ import annotations

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
"""A program that is looked into for the variables that it reads is no larger: what is, was not written by hand."""


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
    texts = list(_programs(command))
    if not lacks or any(b"trimtab" in text.lower() for text in texts):
        return
    if not set(command.fields) & set(tuned) and not texts:
        return  # a program that cannot be looked into and takes no parameter at all: its environment has them
    listed = ", ".join(lacks)
    verb = "is" if len(lacks) == 1 else "are"
    yield (
        f"{listed} {verb} tuned, and the command does not say {'it' if len(lacks) == 1 else 'them'}: write "
        f"--{lacks[0]}={{{lacks[0]}}} into it, or {{params_file}} for all at once, or let the program read "
        f"{usual_variable(lacks[0])}."
    )


def _programs(command: tt.Command) -> Iterator[bytes]:
    """Yield the text of each Python program that the command names."""
    folder = command.cwd or Path()
    for before, argument in zip(("", *command.arguments), command.arguments, strict=False):
        path = folder / (f"{argument.replace('.', '/')}.py" if before == "-m" else argument)
        try:
            if path.suffix == ".py" and path.is_file() and path.stat().st_size <= MOST_BYTES:
                yield path.read_bytes()
        except (OSError, ValueError):
            continue  # no path that this system has


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
        return replace(status, hints=self._hints, check=f"trimtab check {self._file}")
