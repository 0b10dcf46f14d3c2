"""The study file: what `trimtab run` reads. Its shape is also its JSON Schema, and its page in the documentation."""

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
from trimtab.execute.protocol import MOST_WORKERS
from trimtab.space.condition import Choice, Condition, Given, shown
from trimtab.space.folds import REPEATED
from trimtab.space.parameter import Parameter
from trimtab.space.problem import Metric, Problem
from trimtab.spaces import library
from trimtab.stop.deadline import DATE, TIME_OF_DAY
from trimtab.study.open import make_problem
from trimtab.study.plugin import make
from trimtab.study.room import SIZE, UNITS, room_of
from trimtab.surfaces.cli.document import Tree, read
from trimtab.surfaces.cli.shapes import (
    Anything,
    Either,
    Faults,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    OneOf,
    Record,
    Scalar,
    Shape,
    Tagged,
    Text,
    Together,
)

SCHEMA_ID = "https://trimtab.dev/study.schema.json"

# Shapes

_COMPARISON = Record(
    (
        Key("at_least", Number(), "The parent is this or more."),
        Key("at_most", Number(), "The parent is this or less."),
        Key("above", Number(), "The parent is more than this."),
        Key("below", Number(), "The parent is less than this."),
        Key("is_not", Scalar(), "The parent is anything but this."),
    ),
    "a comparison such as {at_least: 4}",
    least=1,
)
_WHEN_ALL = MapOf(
    Either((_COMPARISON, ListOf(Scalar(), "a list of choices"), Scalar())),
    "conditions such as {optimizer: [sgd]}, all of which hold",
)
_WHEN = Either((_WHEN_ALL, ListOf(_WHEN_ALL, "a list of alternatives, one of which holds")))


def _plugin(what: str, example: str) -> Shape:
    return Either((Text(f"the name of {what}"), MapOf(Anything(), f"its name and settings, such as {example}")))


_SPREAD = "How far from the default the best is believed to lie: a standard deviation, the whole range being 1."
_OTHERS = "How likely any other choice is believed to be the best, next to the default; at most 1."


def _parameter(kind: str, values: Shape, doc: str, *more: Key, default: Shape) -> Record:
    keys = (
        Key(kind, values, doc, required=True),
        *more,
        Key("when", _WHEN, "When the parameter is active: what its parents are."),
        Key("default", default, "The value to start from."),
        Key("role", OneOf(("nuisance", "scientific", "fixed")), "What the parameter is to the study."),
        Key("priority", Number(least=1, whole=True), "1 for what is tuned first, 2 for next, and so on."),
        Key("prior", Number(above=0), _OTHERS if kind == "categorical" else _SPREAD),
    )
    return Record(keys, f"a parameter of the kind {kind}")


_BOUNDS = ListOf(Number(), "a list [low, high]", least=2, most=2)
_WHOLE_BOUNDS = ListOf(Number(whole=True), "a list [low, high] of whole numbers", least=2, most=2)
_CHOICES = ListOf(Scalar(), "a list of choices")
_LOG = Key("log", Flag(), "Whether ratios matter rather than differences.")

PARAMETER = Tagged(
    {
        "float": _parameter(
            "float",
            _BOUNDS,
            "A real number in [low, high].",
            _LOG,
            Key("step", Number(above=0), "Only low, low + step, ..., high."),
            default=Number(),
        ),
        "int": _parameter(
            "int",
            _WHOLE_BOUNDS,
            "A whole number in [low, high].",
            _LOG,
            Key("step", Number(least=1, whole=True), "Only low, low + step, ..., high."),
            default=Number(whole=True),
        ),
        "categorical": _parameter("categorical", _CHOICES, "One of several choices, in no order.", default=Scalar()),
        "ordinal": _parameter("ordinal", _CHOICES, "One of several choices, in order.", default=Scalar()),
    },
    "a parameter such as {float: [1e-5, 0.1], log: true}, {int: [1, 8]}, {categorical: [a, b]} or {ordinal: [1, 2]}",
)

_OBJECTIVE = Record(
    (
        Key("minimize", Text("the name of a metric"), "A metric of which less is better."),
        Key("maximize", Text("the name of a metric"), "A metric of which more is better."),
        Key("target", Number(), "The value at which it is good enough."),
        Key("error", Text("a name"), "Under which name trials return its standard error, where they know one."),
    ),
    "an objective such as {minimize: loss}",
    (Together(("minimize", "maximize"), needed=True),),
)
_BOUND = Record(
    (
        Key("at_most", Number(), "The metric is this or less."),
        Key("at_least", Number(), "The metric is this or more."),
        Key(
            "confidence",
            Number(above=0.5, below=1),
            "With what probability it is to be so but for its noise, above 0.5.",
        ),
    ),
    "a bound such as {at_most: 30}",
    (Together(("at_most", "at_least"), needed=True),),
)
_OF_EACH = MapOf(Number(), "a mapping of objectives to numbers")
_PREFERENCE = Record(
    (
        Key("knee", Flag(), "The knee of the front."),
        Key("weights", _OF_EACH, "How much each objective counts; 1 if left out."),
        Key("reference", _OF_EACH, "A value of each objective to aim at."),
        Key("order", ListOf(Text("the name of a metric"), "a list of objectives"), "The most important first."),
        Key(
            "within",
            MapOf(
                Either((Number(least=0), Text("a share such as 1%", r"^[0-9.eE+-]+%$"))),
                "a mapping of objectives to tolerances",
            ),
            "With order, what still counts as best: a share as 1%, or a number in the objective's unit.",
        ),
    ),
    "a preference such as {order: [accuracy, size], within: {accuracy: 1%}}",
    (Together(("knee", "weights", "reference", "order"), needed=True),),
)
_FIDELITY = Record(
    (
        Key("name", Text("a name"), "What it is called, and the template's name in a command.", required=True),
        Key("low", Number(), "The least that tells anything.", required=True),
        Key("high", Number(), "A whole run.", required=True),
        Key("log", Flag(), "Whether ratios matter rather than differences."),
    ),
    "a fidelity such as {name: epoch, low: 1, high: 81}",
)
_BUDGET = Record(
    (
        Key("trials", Number(least=1, whole=True), "Configurations."),
        Key("hours", Number(above=0), "Hours of wall time during which the study is worked on."),
        Key("cost", Number(above=0), "In the unit of the cost metric."),
        Key(
            "epochs",
            Either((Number(above=0), MapOf(Number(above=0), "a mapping of fidelities to amounts"))),
            "How much of the fidelity may be run in all, whatever its name; of several, by name.",
        ),
        Key("worker_hours", Number(above=0), "Hours of all trials together."),
        Key("gpu_hours", Number(above=0), "Hours of all trials together, times the GPUs of each."),
        Key("cpu_hours", Number(above=0), "Hours of all trials together, times the processor cores of each."),
        Key("money", Number(above=0), "Hours of all trials together, by prices."),
        Key("prices", MapOf(Number(least=0), "a mapping of resources to prices"), "What an hour of each costs."),
        Key("deadline", Text("a time such as 07:00 or 2026-12-01 07:00", f"^({TIME_OF_DAY}|{DATE})$"), "Until when."),
    ),
    "a budget such as {trials: 100, hours: 8}",
    least=1,
)
_SIZE = Text("a size such as 500 MB or 2 GiB", f"^{SIZE}$")
_RESOURCES = Record(
    (
        Key("cpus", Number(least=0), "Processor cores."),
        Key("gpus", Number(least=0), "GPUs; a fraction shares one."),
        Key("memory", Either((Number(above=0), _SIZE)), "Bytes, or a size; a trial that holds more is ended."),
        Key("limit_s", Number(above=0), "Seconds; a trial that runs longer is ended."),
        Key("custom", MapOf(Number(least=0), "a mapping of names to amounts"), "Other countable resources."),
    ),
    "resources such as {gpus: 1, memory: 2 GiB}",
    least=1,
)
_LEARN_FROM = MapOf(
    MapOf(Text("a parameter's name here"), "{old: new} names of parameters, or {}", least=0),
    "a mapping of studies to {old: new} names of parameters",
)

STUDY = Record(
    (
        Key("name", Text("a name"), "The study's name; by default the program's or the function's."),
        Key(
            "command",
            Either(
                (
                    Text("a command line"),
                    ListOf(
                        Either(
                            (
                                Text("an argument"),
                                ListOf(Text("an argument"), "a list of arguments that are left out together"),
                            )
                        ),
                        "a list of arguments",
                    ),
                )
            ),
            "The program that is a trial; {lr} stands for the value of the parameter lr.",
        ),
        Key(
            "function",
            Text("module:function or file.py:function", r"^[^:]+:[A-Za-z_][A-Za-z0-9_.]*$"),
            "The Python function that is a trial, instead of a command.",
        ),
        Key("cwd", Text("a folder"), "Where the command runs; by default beside this file."),
        Key("env", MapOf(Text("text"), "a mapping of names to text"), "What is added to the command's environment."),
        Key("minimize", Text("the name of a metric"), "The metric of which less is better."),
        Key("maximize", Text("the name of a metric"), "The metric of which more is better."),
        Key("objectives", ListOf(_OBJECTIVE, "a list of objectives"), "Several objectives, instead of one."),
        Key("target", Number(), "The value of the objective at which it is good enough."),
        Key("constraints", MapOf(_BOUND, "a mapping of metrics to bounds"), "Outcomes that must hold."),
        Key("prefer", _PREFERENCE, "Of several objectives, which trade between them is wanted."),
        Key("space", MapOf(PARAMETER, "a mapping of names to parameters"), "What may be tried.", required=True),
        Key("require", ListOf(Text("an expression"), "a list of expressions"), "What is known before a trial runs."),
        Key("fixed", MapOf(Scalar(), "a mapping of names to values"), "Parameters that are held at a value."),
        Key(
            "fidelity",
            Either((_FIDELITY, ListOf(_FIDELITY, "a list of fidelities"))),
            "What a trial can be run less of.",
        ),
        Key(
            "folds",
            Either(
                (
                    Number(least=1, whole=True),
                    Text("repeats and folds, such as 3x5", REPEATED),
                    ListOf(Scalar(), "a list of instances"),
                )
            ),
            "Into how many folds a trial is divided, or on which instances it is tried; {fold} in a command is one.",
        ),
        Key("race", Flag(), "Whether a trial ends among its folds once these say that it will not be the best."),
        Key("cost", Text("the name of a metric"), "The metric that counts as cost."),
        Key(
            "budget",
            Either((Number(least=1, whole=True), _BUDGET)),
            "How much may be spent, over all runs together: a number of trials, or several limits.",
            required=True,
        ),
        Key("stop", OneOf(("auto", "never")), "Whether rules beside budget and target may end the study."),
        Key("worth", Text("an exchange rate such as 0.01 accuracy = 3 gpu_hours"), "What an improvement is worth."),
        Key("epsilon", Number(above=0), "The gain that counts, in the objective's unit."),
        Key("patience", Number(least=1, whole=True), "End it after so many trials without an improvement."),
        Key("optimizer", _plugin("an optimizer", "{name: grid, resolution: 4}"), "What proposes configurations."),
        Key("scheduler", _plugin("a scheduler", "{name: asha, eta: 4}"), "How far trials are run."),
        Key("enqueue", ListOf(MapOf(Scalar(), "a configuration"), "a list of configurations"), "What is tried first."),
        Key(
            "learn_from",
            Either((Text("a study"), ListOf(Text("a study"), "a list of studies"), _LEARN_FROM)),
            "Past studies of the store whose results help: names, patterns such as resnet-*, project:vision, tag:nlp; "
            "with {old: new} names of parameters after each where these are called otherwise now.",
        ),
        Key("finalize", Flag(), "Whether the best few and the default are run again at the end; by default if noisy."),
        Key("workers", Number(least=1, most=MOST_WORKERS, whole=True), "How many trials run at once."),
        Key("executor", Text("the name of an executor"), "What runs the trials."),
        Key("resources", _RESOURCES, "What one trial needs, with its limits."),
        Key("checkpoints", Either((Number(above=0), _SIZE)), "How much room checkpoints may take: bytes, or a size."),
        Key("retries", Number(least=0, whole=True), "How often a trial is run again whose worker was killed."),
        Key(
            "trials_per_worker",
            Number(least=1, whole=True),
            "After so many trials a worker process is replaced, for functions that leak.",
        ),
        Key("grace_s", Number(above=0), "Seconds between asking a trial to end and ending it."),
        Key("lease_s", Number(above=0), "Seconds for which a driver may be silent."),
        Key("store", Text("a store URL"), "Where the study is kept, unless --store says otherwise."),
        Key(
            "resume",
            OneOf(("same", "always", "never")),
            "When to go on with a study of that name: if its objective is the same, always, or never.",
        ),
        Key("seed", Number(least=0, whole=True), "Makes every suggestion reproducible."),
    ),
    "a study",
    (
        Together(("command", "function"), needed=True),
        Together(("minimize", "maximize", "objectives"), needed=True),
    ),
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a study file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "Trimtab study"}
    return head | STUDY.schema()


# From the file to what `tune` takes


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
