"""A trial as a command line: templates of arguments, filled with each trial's parameters."""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Resources, Task
from trimtab.plugins import did_you_mean

if TYPE_CHECKING:
    from trimtab.execute.programs import ProgramExecutor

ALWAYS = ("params_file", "params_json", "number", "attempt", "seed", "checkpoint_dir", "study", "python")
"""Names that every template may use; a parameter or fidelity of the same name goes first."""

PARAMS_FILE = "params.json"

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Command:
    """A program to tune, whatever it is written in.

    Arguments are templates: `{lr}` becomes the value of the parameter (or fidelity) `lr`, text as it is and everything
    else as JSON has it. There are also `{params_file}` (a JSON file of all parameters), `{params_json}`, `{number}`,
    `{attempt}`, `{seed}`, `{checkpoint_dir}`, `{study}` and `{python}` (the Python that runs this). `{{` and `}}` stand
    for braces.

    An argument with an inactive parameter is left out, as `--momentum={momentum}`; where the argument is the template
    alone, the flag before it goes with it, as `--momentum {momentum}`. No shell is involved.

    Example:
        ```python
        tt.Command(["python", "train.py", "--lr={lr}", "--layers={layers}"])
        tt.Command("./train.sh {params_file}")
        ```

    Args:
        arguments: the program and its arguments; text is split as a shell would split it.
        cwd: where it runs; where the study is begun, if None.
        env: what is added to its environment.
        name: of the study, if that is given none; by default the program's or script's.

    Raises:
        ExecutorError: there is no program, or a brace that is neither doubled nor closed.
    """

    __slots__ = ("_arguments", "_pieces", "cwd", "env", "name")

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]] | str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        self._arguments = _split(arguments)
        self._pieces = tuple(_parse(argument) for argument in self._arguments)
        self.cwd = None if cwd is None else Path(cwd).absolute()
        self.env = {str(key): str(value) for key, value in (env or {}).items()}
        self.name = name or _name(self._arguments)

    def __repr__(self) -> str:
        return f"Command({list(self._arguments)})"

    def rooted(self) -> Command:
        """Return the command with a folder to run in: the working directory as it is now, where it names none."""
        if self.cwd is not None:
            return self
        rooted = copy.copy(self)
        rooted.cwd = Path.cwd()
        return rooted

    @property
    def arguments(self) -> tuple[str, ...]:
        """The templates."""
        return self._arguments

    @property
    def program(self) -> str | None:
        """The program, if it is the same in every trial."""
        return _plain_text(self._pieces[0])

    @property
    def fields(self) -> tuple[str, ...]:
        """The names that the templates use, in order, each once."""
        return tuple(dict.fromkeys(name for pieces in self._pieces for name in pieces[1::2]))

    def check(self, space_names: Sequence[str], fidelity_names: Sequence[str] = ()) -> None:
        """Check that the templates can be filled.

        Raises:
            ExecutorError: they use a name that is no parameter, no fidelity and none of those that are always there.
        """
        known = (*space_names, *fidelity_names, *ALWAYS)
        for name in self.fields:
            if name not in known:
                raise ExecutorError(
                    f"the command uses {{{name}}}, which is no parameter{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known)}. To pass braces, double them."
                )

    def render(self, task: Task) -> list[str]:
        """Return the command line of one trial."""
        values = self._values(task)
        line: list[str] = []
        for i, pieces in enumerate(self._pieces):
            if all(name in values for name in pieces[1::2]):
                filled = [values[piece] if k % 2 else piece for k, piece in enumerate(pieces)]
                line.append("".join(filled))
            elif pieces == ("", pieces[1], "") and i > 1 and line and self._is_flag(i - 1):
                line.pop()
        return line

    def _values(self, task: Task) -> dict[str, str]:
        values = {
            "params_file": str(task.log_dir.absolute() / PARAMS_FILE),
            "params_json": json.dumps(task.params),
            "number": str(task.number),
            "attempt": str(task.attempt),
            "seed": str(task.seed),
            "checkpoint_dir": str(task.checkpoint_dir.absolute()),
            "study": task.study,
            "python": sys.executable,
        }
        values.update((name, _spell(value)) for name, value in task.fidelity.items())
        values.update((name, _spell(value)) for name, value in task.params.items())
        return values

    def _is_flag(self, i: int) -> bool:
        text = _plain_text(self._pieces[i])
        return text is not None and text.startswith("-") and "=" not in text


def _split(arguments: Sequence[str | os.PathLike[str]] | str) -> tuple[str, ...]:
    if isinstance(arguments, str):
        try:
            split = tuple(shlex.split(arguments))
        except ValueError as error:
            raise ExecutorError(f"the command {arguments!r} cannot be split: {error}.") from None
    else:
        try:
            split = tuple(os.fspath(item) for item in arguments)
        except TypeError as error:
            raise ExecutorError(f"a command is a list of text; write numbers as text ({error}).") from None
    if not split or not split[0]:
        raise ExecutorError('a command begins with a program, as tt.Command(["python", "train.py", "--lr={lr}"]).')
    return split


def _parse(argument: str) -> tuple[str, ...]:
    """Return literal, name, literal, name, ..., literal."""
    pieces = [""]
    end = 0
    for match in _PIECE.finditer(argument):
        pieces[-1] += argument[end : match.start()]
        end = match.end()
        if match.group() in ("{{", "}}"):
            pieces[-1] += match.group()[0]
        elif match.group(1):
            pieces += [match.group(1), ""]
        else:
            raise ExecutorError(
                f"the command has a brace that encloses no name, in {argument!r}; to pass braces, double them."
            )
    pieces[-1] += argument[end:]
    return tuple(pieces)


def _plain_text(pieces: tuple[str, ...]) -> str | None:
    return pieces[0] if len(pieces) == 1 else None


def _spell(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value)


def _name(arguments: tuple[str, ...]) -> str:
    """Return the stem of the script that an interpreter runs, else that of the program."""
    program = Path(arguments[0]).stem
    scripts = [a for a in arguments[1:] if not a.startswith("-") and "{" not in a and Path(a).suffix]
    return Path(scripts[0]).stem if scripts else program if "{" not in program else "command"


def open_command(
    command: Command,
    *,
    workers: int = 1,
    resources: Resources | None = None,
    gpus: Sequence[int | str] | None = None,
) -> ProgramExecutor:
    """Return an executor that runs `command` as a program per trial, `workers` of them at once.

    Args:
        command: what to run.
        workers: how many trials run at once.
        resources: what each of them needs.
        gpus: numbers or UUIDs of the GPUs to use; by default those in CUDA_VISIBLE_DEVICES, else all.

    Raises:
        ExecutorError: there is no such program, or this machine has not what `resources` asks for.
    """
    from trimtab.execute.programs import open_programs  # imported when used: starts processes and threads

    return open_programs(command, workers, resources or Resources(), gpus)
