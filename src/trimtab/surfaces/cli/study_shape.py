"""What a study file may say: the shape that reads it, its JSON Schema, and its page in the documentation."""

from __future__ import annotations

from typing import Any

from trimtab.execute.protocol import MOST_WORKERS
from trimtab.space.folds import REPEATED
from trimtab.stop.deadline import DATE, TIME_OF_DAY
from trimtab.study.room import SIZE
from trimtab.surfaces.cli.shapes import (
    Anything,
    Either,
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
