"""From an estimator to its space: scikit-learn's own, those with its interface, and whatever they are put together to.

Nothing is imported for this: an estimator is known by the name of its class and the package that it comes from, and is
asked for its settings as scikit-learn would ask.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from trimtab.errors import SpaceError
from trimtab.space import vary
from trimtab.space.condition import shown
from trimtab.space.parameter import Parameter
from trimtab.space.record import Made
from trimtab.space.space import Space
from trimtab.spaces import build, library
from trimtab.spaces.entry import Entry, Family
from trimtab.spaces.sizes import Sizes

LISTS: Final = ("steps", "transformer_list", "transformers", "estimators")
"""Settings of pipelines, unions, column transformers, stacking and voting that are lists of named estimators."""

MOST: Final = 1000
"""Levels of estimators inside of estimators, all of them together: more is a circle."""


def sizes_of(task: str | None, x: Any, y: Any, sizes: Sizes) -> Sizes:
    """Return the sizes that are said, and those that the data have where none are.

    Raises:
        SpaceError: data without a length.
    """
    rows, features, classes = sizes.rows, sizes.features, sizes.classes
    if x is not None:
        shape: tuple[Any, ...] = getattr(x, "shape", ())
        if not shape:
            try:
                shape = (len(x),)
            except TypeError:
                raise SpaceError(f"X= is a table of data, with rows and columns, got {shown(x)}.") from None
        rows = rows or max(1, int(shape[0]))
        if features is None and len(shape) > 1:
            features = max(1, int(shape[1]))
    task = task or sizes.task
    if y is not None and classes is None and task == "classification":
        classes = max(1, len(np.unique(np.asarray(y).astype(str))))
    return Sizes(task, rows, features, classes, sizes.budget_s)


def space_of(estimator: Any, x: Any, y: Any, sizes: Sizes) -> Space:
    """Return the space of an estimator, whose names are those that its `set_params` takes.

    Raises:
        SpaceError: no estimator, or one of which nothing to tune is known.
    """
    check_estimator(estimator)
    sizes = sizes_of(_task_within(estimator), x, y, sizes)
    found: dict[str, Parameter] = {}
    for parameters in _parts(estimator, "", sizes, [MOST]):
        found.update(parameters)
    if not found:
        known = ", ".join(sorted({name for _, name in library.by_class()}))
        raise SpaceError(
            f"nothing to tune is known of {type(estimator).__name__}; say the space yourself, "
            f"tt.Space(alpha=tt.Float(1e-4, 1, log=True)). Known are: {known}."
        )
    return Space(found)


def check_estimator(estimator: Any) -> None:
    """Raise SpaceError if this is no estimator, made or not."""
    if isinstance(estimator, type) and hasattr(estimator, "get_params"):
        name = estimator.__name__
        raise SpaceError(f"of expects an estimator, got the class {name}: write {name}().")
    if not hasattr(estimator, "get_params"):
        raise SpaceError(
            "of expects an estimator with get_params and set_params, as scikit-learn's have, "
            f"got {shown(estimator)}; families by name are tt.spaces.lightgbm() and the like."
        )


def family_of(estimator: Any) -> Family | None:
    """Return the family of an estimator by its class, or by one that it is derived from; None for none."""
    known = library.by_class()
    for kind in type(estimator).__mro__:
        found = known.get((kind.__module__.split(".")[0], kind.__name__))
        if found is not None:
            return found
    return None


def task_of(estimator: Any, family: Family | None) -> str | None:
    """Return the task of an estimator, as far as its class tells."""
    if family is not None and family.task:
        return family.task
    name = type(estimator).__name__
    if "Classifier" in name:
        return "classification"
    return "regression" if "Regress" in name or name == "Ridge" else None


def _task_within(estimator: Any) -> str | None:
    """Return the task of what predicts: of a pipeline the last step, of others what is inside."""
    found = task_of(estimator, family_of(estimator))
    if found is not None:
        return found
    inside = [one for _, one, _ in _inside(estimator)]
    return next((task for one in reversed(inside) if (task := _task_within(one))), None)


def _parts(estimator: Any, prefix: str, sizes: Sizes, left: list[int]) -> Iterator[dict[str, Parameter]]:
    """Yield the parameters of an estimator and of what is inside of it, under the names that set_params takes."""
    left[0] -= 1
    if left[0] < 0:
        raise SpaceError(f"{type(estimator).__name__} holds more than {MOST:,} estimators, or itself.")
    family = family_of(estimator)
    task = task_of(estimator, family) or sizes.task
    here = Sizes(task, sizes.rows, sizes.features, sizes.classes, sizes.budget_s)
    if family is not None:
        yield _of_family(estimator, family, prefix, here)
    steps = list(_inside(estimator))
    is_line = hasattr(estimator, "steps")
    searched = _searched(estimator)
    for i, (name, inside, columns) in enumerate(steps):
        seen = here if columns is None else _of_columns(here, columns)
        is_last = not is_line or i == len(steps) - 1
        for parameters in _parts(inside, f"{prefix}{name}__", seen, left):
            parameters = _without(parameters, {one for one in parameters if _is_of(one, f"{prefix}{name}__", searched)})
            yield parameters if is_last else _later(parameters)
        if is_line and _widens(inside):
            here = here.widened()


def _of_columns(sizes: Sizes, columns: Any) -> Sizes:
    """Return the sizes of some of the columns: as many as are listed, or nobody knows how many."""
    is_listed = isinstance(columns, Sequence) and not isinstance(columns, str) and len(columns) > 0
    return Sizes(sizes.task, sizes.rows, len(columns) if is_listed else None, sizes.classes, sizes.budget_s)


def _later(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters with the next priority: what prepares matters less than what predicts."""
    return {
        name: replace(one, priority=None if one.priority is None else one.priority + 1)  # type: ignore[type-var]
        for name, one in parameters.items()
    }


GRIDS: Final = ("param_grid", "param_distributions", "space")
"""Settings of searches that say what they try themselves."""


def _searched(estimator: Any) -> set[str]:
    """Return what a search tries itself of the estimator inside of it; nothing for all others."""
    settings = estimator.get_params(deep=False)
    found: set[str] = set()
    for name in GRIDS:
        grids = settings.get(name)
        for grid in grids if isinstance(grids, list | tuple) else [grids]:
            found.update(grid.names if isinstance(grid, Space) else grid if isinstance(grid, Mapping) else ())
    return found


def _is_of(name: str, prefix: str, searched: set[str]) -> bool:
    """Return whether a parameter is one of those behind a prefix, or of an estimator that is one of those."""
    return any(f"{name}__".startswith(f"{prefix}{one}__") for one in searched)


def _without(parameters: Mapping[str, Parameter], gone: set[str]) -> dict[str, Parameter]:
    """Return parameters without some, and without those that are active under these alone."""
    while True:
        more = gone | {n for n, one in parameters.items() if one.when is not None and set(one.when.names()) & gone}
        if more == gone:
            return {name: one for name, one in parameters.items() if name not in gone}
        gone = more


def _widens(estimator: Any) -> bool:
    """Return whether other columns come out than went in; of what is not known, yes."""
    family = family_of(estimator)
    return family is None or family.widens


def _inside(estimator: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, estimator, columns) of what is directly inside of an estimator; columns of column transformers."""
    settings = estimator.get_params(deep=False)
    for name, value in settings.items():
        if name in LISTS and isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, tuple) and len(item) >= 2 and _is_estimator(item[1]):
                    yield str(item[0]), item[1], item[2] if len(item) > 2 else None
        elif _is_estimator(value):
            yield name, value, None


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and hasattr(value, "set_params") and not isinstance(value, type)


def _of_family(estimator: Any, family: Family, prefix: str, sizes: Sizes) -> dict[str, Parameter]:
    """Return the parameters of one estimator: begun from how it is set, where that was said.

    A setting that somebody chose and the parameter cannot be, such as a tuple or a function, stays as it is.
    """
    usual = _defaults(type(estimator))
    chosen = {
        name: value for name, value in estimator.get_params(deep=False).items() if not _is_usual(value, usual, name)
    }
    entries = {entry.name: entry for entry in build.entries(family, sizes)}
    lacks: set[str] = set()
    if family.package == "scikit-learn":  # whose estimators list all that they take; one that is derived may take less
        lacks = entries.keys() - estimator.get_params(deep=False).keys()
    chosen = {entry.name: chosen[name] for entry in entries.values()
              for name in (entry.name, *entry.aliases) if name in chosen}  # fmt: skip
    said = {name: value for name, value in chosen.items() if _can_be(entries[name], value)}
    stays = {name for name in chosen if name not in said} | lacks
    left = Made(_without(build.parameters(family, sizes, said), stays), (), {})
    return vary.renamed(left, lambda name: prefix + name).parameters


def _defaults(kind: type) -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(kind.__init__).parameters.items()}  # type: ignore[misc]


def _is_usual(value: Any, usual: Mapping[str, Any], name: str) -> bool:
    """Return whether a setting is the library's default, or none where there is no default, as with XGBoost."""
    default = usual.get(name)
    return value is default or (type(value) is type(default) and bool(np.all(value == default)))


def _can_be(entry: Entry, value: Any) -> bool:
    """Return whether the parameter of an entry can have a value."""
    if entry.choices:
        return any(value is one or (type(value) is type(one) and value == one) for one in entry.choices)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    if entry.share and isinstance(value, int | np.integer) is not entry.whole:  # a count, or a share
        return False
    return bool(np.isfinite(value)) and (value > 0 or not entry.log) and (not entry.whole or float(value).is_integer())
