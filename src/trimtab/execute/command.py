"""A trial as a command line: templates of arguments, filled with each trial's parameters."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from trimtab.errors import ExecutorError
from trimtab.execute.parameters import nested, spelt
from trimtab.execute.protocol import Task
from trimtab.execute.script import here
from trimtab.execute.template import Argument, Templates
from trimtab.explain import explained_class
from trimtab.plugins import did_you_mean

NESTED = ("params_file", "params_json")
FOLD, FOLD_NAME = "fold", "fold_name"
FLAT = ("flat_params_file", "flat_params_json")
ALWAYS = (*NESTED, *FLAT, "number", "attempt", "seed", "checkpoint_dir", "resume_from", "study", "python")
"""Names that every template may use; a parameter or fidelity of the same name goes first."""

PARAMS_FILE, FLAT_PARAMS_FILE = "params.json", "flat-params.json"


@explained_class
class Command:
    """A program to tune, whatever it is written in.

    Arguments are templates: `{lr}` becomes the value of the parameter (or fidelity) `lr`, text as it is and everything
    else as JSON has it, numbers below 0 without an exponent. There are also `{params_file}` (a JSON file of all
    parameters, in which `model.depth` lies within `model`), `{params_json}` (the same as text), `{flat_params_file}`
    and `{flat_params_json}` (with one entry a parameter), `{number}`, `{attempt}`, `{seed}`, `{checkpoint_dir}`,
    `{resume_from}` (the same folder, where there is anything in it to go on from), `{study}` and `{python}` (the Python
    that runs this). `{{` and `}}` stand for braces. With `{fold}`, where a trial is divided into folds, the program
    runs once for each of them, one after the other, or at once where workers are idle, and what it gives as its result
    is the value of that fold; so it does with `{fold_name}`, what the fold is called.

    An argument with an inactive parameter is left out, or with `{resume_from}` at a first start, and so is the option
    whose value it is: `--momentum {momentum}`, `--set m={m}`, `-m {momentum}`; the switch in `-v {m}` stays, and so
    does `--`. Where that rule is wrong, a list of its own says what is left out together:
    `["train", ["-n", "{layers}"], "-k", ["{kind}"]]`. No shell is involved.

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

    __slots__ = ("_templates", "cwd", "env", "name")

    def __init__(
        self,
        arguments: Sequence[Argument | Sequence[Argument]] | str,
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        self._templates = Templates(arguments)
        self.cwd = None if cwd is None else Path(cwd).absolute()
        self.env = {str(key): str(value) for key, value in (env or {}).items()}
        self.name = name or _name(self.arguments)

    def __repr__(self) -> str:
        return f"Command({[item if isinstance(item, str) else list(item) for item in self._templates.written]})"

    def rooted(self) -> Command:
        """Return the command with a folder to run in: the working directory as it is now, where it names none."""
        now = here()
        if self.cwd is not None or not now:
            return self
        rooted = copy.copy(self)
        rooted.cwd = Path(now)
        return rooted

    @property
    def arguments(self) -> tuple[str, ...]:
        """The templates."""
        return self._templates.texts

    @property
    def program(self) -> str | None:
        """The program, if it is the same in every trial."""
        return self._templates.program

    @property
    def fields(self) -> tuple[str, ...]:
        """The names that the templates use, in order, each once."""
        return self._templates.fields

    def check(self, space_names: Sequence[str], fidelity_names: Sequence[str] = (), *, has_folds: bool = False) -> None:
        """Check that the templates can be filled.

        Raises:
            ExecutorError: they use a name that is no parameter, no fidelity and none of those that are always there; or
                a nested file of parameters, of which one would lie within another.
        """
        known = (*space_names, *fidelity_names, *ALWAYS, *((FOLD, FOLD_NAME) if has_folds else ()))
        for name in self.fields:
            if name in (FOLD, FOLD_NAME) and name not in known:
                raise ExecutorError(
                    f"the command uses {{{name}}}, and the study does not say into how many folds a trial is divided: "
                    "folds=5, or in a study file folds: 5."
                )
            if name not in known:
                raise ExecutorError(
                    f"the command uses {{{name}}}, which is no parameter{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known)}. To pass braces, double them."
                )
        if not set(NESTED).isdisjoint(set(self.fields) - set(space_names)):
            nested(dict.fromkeys(space_names))

    def is_by_fold(self, task: Task) -> bool:
        """Return whether the program runs once for each fold of this trial."""
        own = (*task.names, *task.fidelity)
        return task.folds is not None and any(name in self.fields and name not in own for name in (FOLD, FOLD_NAME))

    def render(self, task: Task) -> list[str]:
        """Return the command line of one trial."""
        return self._templates.filled(self._values(task))

    def left_out(self, name: str) -> tuple[str, ...]:
        """Return the arguments that are left out where parameter `name` is inactive."""
        return self._templates.left_out(name)

    def files(self, task: Task) -> dict[str, str]:
        """Return the files of parameters that the command uses, by name: what is to stand in them."""
        found: dict[str, Mapping[str, object]] = {}
        if "params_file" in self.fields:
            found[PARAMS_FILE] = nested(task.params)
        if "flat_params_file" in self.fields:
            found[FLAT_PARAMS_FILE] = task.params
        return {name: json.dumps(params, indent=1) + "\n" for name, params in found.items()}

    def _values(self, task: Task) -> dict[str, str]:
        folder = task.log_dir.absolute()
        values = {
            "params_file": str(folder / PARAMS_FILE),
            "flat_params_file": str(folder / FLAT_PARAMS_FILE),
            "flat_params_json": json.dumps(task.params),
            "number": str(task.number),
            "attempt": str(task.attempt),
            "seed": str(task.seed),
            "checkpoint_dir": str(task.checkpoint_dir.absolute()),
            "study": task.study,
            "python": sys.executable,
        }
        if holds_something(task.checkpoint_dir):
            values["resume_from"] = values["checkpoint_dir"]
        if task.folds is not None:
            fold = task.cells[0] if task.cells else 0
            values |= {FOLD: str(fold), FOLD_NAME: task.fold_names[fold] if task.fold_names else str(fold)}
        if "params_json" in self.fields:
            values["params_json"] = json.dumps(nested(task.params))
        values.update((name, spelt(value)) for name, value in task.fidelity.items())
        values.update((name, spelt(value)) for name, value in task.params.items())
        return values


def holds_something(folder: Path) -> bool:
    """Whether an earlier attempt has left anything here, or the trial that this one continues."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _name(arguments: tuple[str, ...]) -> str:
    """Return the stem of the script that an interpreter runs, else that of the program."""
    program = Path(arguments[0]).stem
    scripts = [a for a in arguments[1:] if not a.startswith("-") and "{" not in a and Path(a).suffix]
    return Path(scripts[0]).stem if scripts else program if "{" not in program else "command"
