"""The study file: what `trimtab run` reads, made into what `tune` takes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import trimtab as tt
from trimtab import plugins
from trimtab.errors import PluginError, ProblemError, SpecError, TrimtabError
from trimtab.space.condition import Choice, Condition, Given, shown
from trimtab.space.parameter import Parameter
from trimtab.space.problem import Metric, Problem
from trimtab.spaces import library
from trimtab.study.open import make_problem
from trimtab.study.plugin import make
from trimtab.study.room import UNITS, room_of
from trimtab.surfaces.cli.document import Tree, read
from trimtab.surfaces.cli.shapes import (
    Faults,
)
from trimtab.surfaces.cli.study_shape import STUDY


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study file, read: what `tune` is called with.

    Attributes:
        work: a command, or the function named, which is not imported before it is used.
        space: what may be tried.
        store: the store that the file names, if it does.
        arguments: everything else, by the names that `tune` uses.
    """

    work: tt.Command | Function
    space: tt.Space
    store: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    def problem(self) -> Problem:
        """Return what is asked.

        Raises:
            ProblemError: metrics, fidelities and the rest do not fit together.
        """
        names = ("minimize", "maximize", "prefer", "target", "fidelity", "folds", "cost")
        said: dict[str, Any] = dict.fromkeys(names) | {"objectives": (), "constraints": ()}
        return make_problem(self.space, **said | {key: self.arguments[key] for key in said if key in self.arguments})

    def objective(self) -> tt.Command | Callable[[tt.Trial], object]:
        """Return what `tune` runs; a function is imported, which runs the code of its module.

        Raises:
            SpecError: it cannot be imported, or is no function.
        """
        return self.work.load() if isinstance(self.work, Function) else self.work


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a study file names.

    Attributes:
        reference: "module:function" or "file.py:function".
        beside: the file's folder, where modules are looked for first.
        where: file, line and key, for messages.
    """

    reference: str
    beside: Path
    where: str

    def check(self) -> None:
        """Raise SpecError if the file that is named is not there; nothing is imported."""
        module_name = self.reference.rpartition(":")[0]
        if module_name.endswith(".py") and not os.path.isfile(self.beside / module_name):
            raise SpecError(f"{self.where}: there is no file {self.beside / module_name}.")

    def load(self) -> Callable[[tt.Trial], object]:
        """Import the function.

        Raises:
            SpecError: that fails, or it is no function.
        """
        self.check()
        module_name, _, name = self.reference.rpartition(":")
        folder = self.beside
        if module_name.endswith(".py"):
            file = self.beside / module_name
            folder, module_name = file.parent, file.stem
        sys.path.insert(0, str(folder.absolute()))
        try:
            found = reduce(getattr, name.split("."), importlib.import_module(module_name))
        except ModuleNotFoundError as error:
            package = library.package_of(error.name or "")
            hint = f": pip install {package}" if package else ""
            raise SpecError(f"{self.where}: {error}{hint}.") from None
        except AttributeError as error:
            raise SpecError(f"{self.where}: {error}.") from None
        except (Exception, SystemExit) as error:
            raise SpecError(f"{self.where}: importing {module_name} raised {type(error).__name__}: {error}.") from None
        if not callable(found):
            raise SpecError(f"{self.where}: {name} is a {type(found).__name__}; expected a function of a trial.")
        function: Callable[[tt.Trial], object] = found
        return function


PROBLEM = ("minimize", "maximize", "objectives", "constraints", "prefer", "target", "fidelity", "folds", "race", "cost")
ENGINES = ("optimizer", "scheduler", "learn_from", "seed")


def creating(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `tune`'s arguments that `create_study` takes too, name and store apart."""
    return {key: arguments[key] for key in (*PROBLEM, *ENGINES) if key in arguments}


def load(path: Path) -> StudyFile:
    """Read a study file.

    Raises:
        SpecError: it cannot be read; the message names file, line and key of every fault.
    """
    return build(read(path), path)


def build(tree: Tree, path: Path) -> StudyFile:
    """Return what a study file's tree means.

    Args:
        tree: the file's content.
        path: the file, for messages and for what lies beside it.

    Raises:
        SpecError: see `load`.
    """
    faults = Faults()
    said = STUDY.read(tree, "", faults)
    if faults.found:
        lines = [f"{path}:{fault.line}: {fault.path}: {fault.problem}." for fault in faults.found]
        raise SpecError("\n".join(lines).replace(": : ", ": "))
    reader = _Reader(tree, path)
    space = reader.space(said)
    arguments: dict[str, Any] = {
        key: said[key]
        for key in (
            *("name", "minimize", "maximize", "target", "folds", "race", "cost", "stop", "optimizer", "scheduler"),
            *("worth", "epsilon", "patience", "learn_from"),
            *("enqueue", "finalize", "workers", "executor", "retries", "trials_per_worker", "grace_s", "lease_s"),
            "resume",
            "seed",
        )
        if key in said
    }
    if "objectives" in said:
        arguments["objectives"] = reader.objectives(said["objectives"])
    if "constraints" in said:
        arguments["constraints"] = []
        for name, bound in said["constraints"].items():
            with reader.at("constraints", name):
                arguments["constraints"] += [
                    Metric(name, goal, bound=at, confidence=bound.get("confidence"))
                    for goal, at in bound.items()
                    if goal != "confidence"
                ]
    if "prefer" in said:
        with reader.at("prefer"):
            arguments["prefer"] = tt.Preference(**said["prefer"])
    if "fidelity" in said:
        listed = said["fidelity"] if isinstance(said["fidelity"], list) else [said["fidelity"]]
        with reader.at("fidelity"):
            arguments["fidelity"] = [tt.Fidelity(**one) for one in listed]
    budget = said["budget"]
    with reader.at("budget"):
        arguments["budget"] = tt.Budget(**budget) if isinstance(budget, dict) else budget
    if "checkpoints" in said:
        with reader.at("checkpoints"):
            arguments["checkpoints"] = room_of(said["checkpoints"])
    if "resources" in said:
        needs = dict(said["resources"])
        with reader.at("resources"):
            if isinstance(needs.get("memory"), str):
                needs["memory"] = n_bytes(needs["memory"])
            arguments["resources"] = tt.Resources(**needs)
    for i, params in enumerate(said.get("enqueue", [])):
        with reader.at("enqueue", i):
            space.encode_partial(params)
    for key, group in (("optimizer", "optimizers"), ("scheduler", "schedulers"), ("executor", "executors")):
        if key in said:
            with reader.at(key):
                _check_registered(group, said[key])
    if isinstance(said.get("optimizer"), dict):
        with reader.at("optimizer"):
            arguments["optimizer"] = make("optimizers", said["optimizer"])
    if isinstance(said.get("scheduler"), dict):
        with reader.at("scheduler"):
            arguments["scheduler"] = make("schedulers", said["scheduler"])
    return StudyFile(reader.work(said), space, said.get("store"), arguments)


def _check_registered(group: str, said: str | Mapping[str, Any]) -> None:
    """Raise PluginError unless what is named, with settings or without, is a registered plugin; import nothing."""
    name = said if isinstance(said, str) else said.get("name")
    if not isinstance(name, str):
        raise PluginError(
            f"settings go with the name of the {plugins.kind(group)}: {{name: ..., ...}}, got {shown(said)}."
        )
    plugins.entry(group, name)


MAX_SIZE = 2**63
"""Bytes that no machine has: what processors and systems count memory with."""


def n_bytes(size: str) -> int:
    """Return the bytes in a size such as `2 GiB` or `500 MB`.

    Raises:
        ProblemError: it is beyond any memory.
    """
    digits = size.rstrip("kMGTiB ")
    n = float(digits) * UNITS[size[len(digits) :].strip().removesuffix("B")]
    if n >= MAX_SIZE:
        raise ProblemError(f"a size is below 2**63 bytes, got {shown(size).removesuffix(' (of type str)')}.")
    return round(n)


class _Reader:
    """Makes objects of plain values; what an object refuses is said with the line that it comes from."""

    def __init__(self, tree: Tree, path: Path) -> None:
        self._tree = tree
        self._path = path

    @contextmanager
    def at(self, *keys: str | int) -> Iterator[None]:
        """Say where in the file it stands, if what is made inside is refused."""
        try:
            yield
        except TrimtabError as error:
            raise SpecError(f"{self._where(*keys)}: {error}") from None

    def _where(self, *keys: str | int) -> str:
        tree = self._tree
        for key in keys:
            tree = tree.value[key]
        path = reduce(lambda before, key: f"{before}[{key}]" if isinstance(key, int) else f"{before}.{key}", keys, "")
        return f"{self._path}:{tree.line}: {path[1:]}"

    def space(self, said: Mapping[str, Any]) -> tt.Space:
        parameters: dict[str, Parameter] = {}
        for name, given in said["space"].items():
            with self.at("space", name):
                parameters[name] = make_parameter(given)
        # First without, then with, constraints and fixed values: so a fault is found at the key that brings it in.
        require, fixed = said.get("require", ()), said.get("fixed")
        with self.at("space"):
            space = tt.Space(parameters)
        if require:
            with self.at("require"):
                space = tt.Space(parameters, require=require)
        if fixed:
            with self.at("fixed"):
                space = tt.Space(parameters, require=require, fixed=fixed)
        return space

    def objectives(self, said: list[dict[str, Any]]) -> list[Metric]:
        found: list[Metric] = []
        for i, one in enumerate(said):
            goal = "minimize" if "minimize" in one else "maximize"
            with self.at("objectives", i):
                found.append(Metric(one[goal], goal, target=one.get("target"), error=one.get("error")))
        return found

    def work(self, said: Mapping[str, Any]) -> tt.Command | Function:
        beside = self._path.parent
        if "function" in said:
            for key in ("cwd", "env"):
                if key in said:
                    raise SpecError(f"{self._where(key)}: goes with command, not with function.")
            function = Function(said["function"], beside, self._where("function"))
            function.check()
            return function
        cwd = beside / said["cwd"] if "cwd" in said else beside
        if not os.path.isdir(cwd):
            raise SpecError(f"{self._where('cwd')}: there is no folder {cwd}.")
        fidelities = said.get("fidelity", [])
        names = [one["name"] for one in (fidelities if isinstance(fidelities, list) else [fidelities])]
        with self.at("command"):
            command = tt.Command(said["command"], cwd=cwd, env=said.get("env"))
            command.check(tuple(said["space"]), names, has_folds="folds" in said)
        return command


_KINDS: dict[str, Callable[..., Parameter]] = {
    "float": tt.Float,
    "int": tt.Int,
    "categorical": tt.Categorical,
    "ordinal": tt.Ordinal,
}


def make_parameter(given: Mapping[str, Any]) -> Parameter:
    """Return the parameter that an entry of a study file's space describes, read by `PARAMETER`."""
    options = dict(given)
    kind = next(key for key in options if key in _KINDS)
    values = options.pop(kind)
    if "when" in options:
        options["when"] = condition(options["when"])
    return _KINDS[kind](*values, **options) if kind in ("float", "int") else _KINDS[kind](values, **options)


_COMPARISONS: dict[str, Callable[[Given, Any], Condition]] = {
    "at_least": lambda parent, value: parent >= value,
    "at_most": lambda parent, value: parent <= value,
    "above": lambda parent, value: parent > value,
    "below": lambda parent, value: parent < value,
    "is_not": lambda parent, value: parent != value,
}


def condition(when: list[dict[str, Any]] | dict[str, Any]) -> Condition:
    """Return the condition of a `when`: every entry of a mapping holds, or one of a list of mappings."""
    if isinstance(when, list):
        return reduce(lambda a, b: a | b, map(condition, when))
    parts: list[Condition] = []
    for name, wanted in when.items():
        parent = tt.given(name)
        if isinstance(wanted, dict):
            parts += [_COMPARISONS[symbol](parent, value) for symbol, value in wanted.items()]
        elif isinstance(wanted, list):
            parts.append(parent.is_in(wanted))
        else:
            choice: Choice = wanted
            parts.append(parent == choice)
    return reduce(lambda a, b: a & b, parts)
