"""What `init --for` writes: a study file with the space of a family, and a program that trains its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from trimtab.errors import SpaceError
from trimtab.space.condition import All, Comparison, Condition, Membership
from trimtab.space.parameter import Categorical, Float, Int, Parameter
from trimtab.space.space import Space
from trimtab.spaces import build, library
from trimtab.spaces.entry import Family
from trimtab.spaces.sizes import Sizes

STUDY = """\
# {about}
# Run it, and run it again to go on:
#     trimtab run {file}
# Every key: docs/study-file.md. What is known of these parameters: tt.spaces.about("{family}") in Python.
name: {name}
function: {program}:train
{goal}

space:
{space}

budget: {{trials: 50, hours: 1}} # over all runs together
seed: 0
"""

ESTIMATOR = '''\
"""Cross-validates {cls}: put your data where data() is."""

from sklearn.datasets import {loader}
from sklearn.model_selection import cross_val_score
{scaling}from {module} import {cls}


def data():
    return {loader}(return_X_y=True)


def train(trial):
    x, y = data()
    model = {made}
    return {{"{metric}": cross_val_score(model, x, y, cv=5, scoring="{scoring}").mean()}}
'''

STAND_IN = '''\
"""Stands in for a training with {title}: put yours here, and return its loss."""

import math

USUAL = {usual}


def train(trial):
    loss = 0.1
    for name, value in trial.params.items():
        usual = USUAL.get(name)
        if isinstance(usual, float) and usual > 0 and value > 0:
            loss += 0.05 * math.log10(value / usual) ** 2
        elif value != usual:
            loss += 0.01
    return {{"loss": loss}}
'''

SCALED = ("logistic", "linear_svc", "linear_svr", "sgd", "sgd_regression", "ridge", "lasso", "elastic_net", "svc",
          "svr", "neighbors", "mlp", "lda", "qda")  # fmt: skip
"""Families for features on one scale."""

QUIET = {
    "lightgbm": "verbose=-1, n_jobs=1, ",
    "xgboost": "n_jobs=1, ",
    "catboost": "verbose=False, allow_writing_files=False, thread_count=1, ",
}
"""Beside the parameters: one core each, since trials run beside each other."""


def texts(name: str, path: Path, program: Path) -> tuple[str, str]:
    """Return the study file for a family, and its program.

    Raises:
        UsageError: there is no such family, or it is no model by itself.
    """
    try:
        family = library.family(name)
    except SpaceError as error:
        raise click.UsageError(str(error).rstrip(".") + ".") from None
    is_model = bool(family.module) and family.package != "stable-baselines3"
    if not family.entries or (is_model and family.classes[0] in _STEPS):
        raise click.UsageError(
            f"{name} is a step of a pipeline, no model by itself: tt.spaces.of(pipeline) has the space of all of it."
        )
    task = family.task or "classification"
    cls = next((c for c in family.classes if (task == "classification") == ("Classif" in c)), family.classes[0]) \
        if family.classes else ""  # fmt: skip
    rows, features = (569, 30) if task == "classification" else (442, 10)
    sizes = Sizes(task, rows * 4 // 5, features, 2 if task == "classification" else None) if is_model else Sizes(task)
    space = build.space(family, sizes)
    assert space is not None
    goal = "minimize: loss" if not is_model else f"maximize: {_METRIC[task][0]}"
    study = STUDY.format(
        about=_wrapped(f"{family.title}. {family.about}"), file=path, name=path.stem, program=program.name,
        family=name, goal=goal, space=_space(space, family),
    )  # fmt: skip
    return study, _estimator(family, cls, task) if is_model else _stand_in(family, space)


def lacks(name: str) -> str | None:
    """Return the package that the program of a family needs and that is not installed; None if there is none."""
    family = library.family(name)
    is_needed = bool(family.module) and family.package != "stable-baselines3"
    return family.package if is_needed and not build.installed(family.package) else None


_METRIC = {"classification": ("accuracy", "accuracy"), "regression": ("r2", "r2")}
_STEPS = {
    name for family in library.families().values() if family.widens or family.module == "sklearn.preprocessing"
    for name in family.classes
} | {"KNNImputer"}  # fmt: skip


def _estimator(family: Family, cls: str, task: str) -> str:
    made = f"{cls}({QUIET.get(family.name, '')}**trial.params)"
    is_scaled = family.name in SCALED
    scaling = "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
    return ESTIMATOR.format(
        cls=cls,
        module=family.module,
        loader="load_breast_cancer" if task == "classification" else "load_diabetes",
        scaling=scaling if is_scaled else "",
        made=f"make_pipeline(StandardScaler(), {made})" if is_scaled else made,
        metric=_METRIC[task][0],
        scoring=_METRIC[task][1],
    )


def _stand_in(family: Family, space: Space) -> str:
    usual = {name: one.default for name, one in zip(space.names, space.parameters, strict=True)}
    return STAND_IN.format(title=family.title, usual=repr(usual))


def _wrapped(text: str) -> str:
    """Return a text as comments of lines that fit."""
    import textwrap

    return "\n# ".join(textwrap.wrap(text, 110))


def _space(space: Space, family: Family) -> str:
    entries = {entry.name: entry for entry in family.entries}
    lines = []
    for name, parameter in zip(space.names, space.parameters, strict=True):
        says = entries[name].says
        lines += [f"  # {_wrapped(says)}".replace("\n# ", "\n  # ")] if says else []
        lines.append(f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in _keys(parameter).items())}}}")
    return "\n".join(lines)


def _keys(parameter: Parameter) -> dict[str, str]:
    keys: dict[str, str] = {}
    if isinstance(parameter, Categorical):
        keys[type(parameter).__name__.lower()] = f"[{', '.join(map(_scalar, parameter.choices))}]"
    elif isinstance(parameter, Float | Int):
        keys[type(parameter).__name__.lower()] = f"[{_scalar(parameter.low)}, {_scalar(parameter.high)}]"
        if parameter.log:
            keys["log"] = "true"
    if parameter.when is not None:
        keys["when"] = f"{{{', '.join(f'{name}: {values}' for name, values in _when(parameter.when))}}}"
    if parameter.default is not None:
        keys["default"] = _scalar(parameter.default)
    if parameter.role != "nuisance":
        keys["role"] = parameter.role
    for key in ("priority", "prior"):
        value = getattr(parameter, key)
        if value is not None:
            keys[key] = _scalar(value)
    return keys


def _when(condition: Condition) -> list[tuple[str, str]]:
    match condition:
        case Comparison(name, "==", value):
            return [(name, _scalar(value))]
        case Membership(name, values):
            return [(name, f"[{', '.join(map(_scalar, values))}]")]
        case All(parts):
            return [pair for part in parts for pair in _when(part)]
    raise TypeError(f"{condition!r} is no condition of a family")


def _scalar(value: Any) -> str:
    """Return a value as YAML reads it."""
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:.6g}" if value != int(value) or abs(value) > 1e6 else f"{value:.1f}"
    return json.dumps(value)
