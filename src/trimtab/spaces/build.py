"""From what is known of a family to a space of parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, reduce
from typing import Any

from trimtab.errors import SpaceError
from trimtab.space.condition import Condition, given
from trimtab.space.parameter import Categorical, Float, Int, Ordinal, Parameter
from trimtab.space.space import Space
from trimtab.spaces.entry import Entry, Family
from trimtab.spaces.sizes import At, Sizes, number


def space(family: Family, sizes: Sizes) -> Space | None:
    """Return the space of a family at these sizes, for the version that is installed; None where nothing is tuned."""
    by_name = parameters(family, sizes)
    if not by_name:
        return None
    return Space(by_name, require=[text for text in family.require if _names(text) <= set(by_name)])


def parameters(family: Family, sizes: Sizes, values: Mapping[str, Any] | None = None) -> dict[str, Parameter]:
    """Return the parameters of a family by name.

    Args:
        family: the family.
        sizes: of the task.
        values: settings of an estimator that are not the library's defaults: what is begun from instead.
    """
    there = list(entries(family, sizes))
    found: dict[str, Parameter] = {}
    for entry in sorted(there, key=lambda one: len(one.when)):  # what is asked about comes before who asks
        when = _possible(entry.when, found)
        if all(when.values()):
            found[entry.name] = parameter(entry, sizes, (values or {}).get(entry.name, entry.begins), when)
    return {entry.name: found[entry.name] for entry in there if entry.name in found}


def entries(family: Family, sizes: Sizes, version: str | None = None) -> Iterator[Entry]:
    """Yield the entries that there are for a task and a version of the library, that which is installed if None."""
    version = installed(family.package) if version is None else version
    for entry in family.entries:
        if entry.only and sizes.task and entry.only != sizes.task:
            continue
        if entry.only and not sizes.task and entry.only != (family.task or "classification"):
            continue
        if version and (_before(version, entry.since) or (entry.until and not _before(version, entry.until))):
            continue
        yield entry


def _possible(when: Mapping[str, tuple[Any, ...]], found: Mapping[str, Parameter]) -> dict[str, tuple[Any, ...]]:
    """Return a condition without values that its parameters do not take: a family may have more than one space."""
    possible = {}
    for name, values in when.items():
        parent = found.get(name)
        possible[name] = tuple(v for v in values if isinstance(parent, Categorical) and v in parent.choices)
    return possible


def parameter(entry: Entry, sizes: Sizes, begins: Any, when: Mapping[str, tuple[Any, ...]]) -> Parameter:
    """Return the parameter of an entry, active under `when`; its range reaches to what is begun from."""
    default = begins.of(sizes) if isinstance(begins, At) else begins
    common: dict[str, Any] = {
        "when": _condition(when),
        "role": "fixed" if entry.held else "nuisance",
        "priority": entry.priority,
        "prior": entry.prior,
    }
    if entry.choices:
        kind = Ordinal if entry.ordered else Categorical
        choices = entry.choices
        if not any(default is one or (default == one and type(default) is type(one)) for one in choices):
            default = entry.begins
        if default is None:  # which default= cannot say: a Categorical begins with its first choice
            choices, common["prior"] = (None, *(one for one in choices if one is not None)), None
        return kind(choices, default=default, **common)
    low, high = (number(end, sizes) for end in entry.ends)
    if isinstance(default, bool) or not isinstance(default, int | float):
        default = entry.begins.of(sizes) if isinstance(entry.begins, At) else entry.begins
    if entry.log and not default > 0:  # 0 turns off what ratios are searched of
        default = entry.begins.of(sizes) if isinstance(entry.begins, At) else entry.begins
    low, high = min(low, high), max(low, high)
    if entry.whole:
        start = round(default)
        return Int(min(round(low), start), max(round(high), start), log=entry.log, default=start, **common)
    return Float(min(low, default), max(high, default), log=entry.log, default=float(default), **common)


def _condition(when: Mapping[str, tuple[Any, ...]]) -> Condition | None:
    if not when:
        return None
    parts: list[Condition] = [
        given(name) == values[0] if len(values) == 1 else given(name).is_in(values) for name, values in when.items()
    ]
    both: Callable[[Condition, Condition], Condition] = lambda a, b: a & b  # noqa: E731 - a type for reduce
    return reduce(both, parts)


def _names(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text)) - {"and", "or", "not", "in", "min", "max", "None", "True", "False"}


@cache
def installed(package: str) -> str:
    """Return the version of a package that is installed; empty where it is not, so that the newest is meant."""
    if not package:
        return ""
    from importlib import metadata  # imported when used: it takes longer than all of this

    for name in (package, *_ALSO.get(package, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


_ALSO = {"xgboost": ("xgboost-cpu",)}
"""Packages that bring the same module."""


def _before(version: str, other: str) -> bool:
    """Return whether a version is before another; never before none."""
    return bool(other) and _key(version) < _key(other)


def _key(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(\.\d+)*", version)
    parts = tuple(int(part) for part in numbers[0].split(".")) if numbers else ()
    return parts + (0,) * (4 - len(parts))


def check_names(wanted: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise SpaceError if a name is none of those that are known."""
    from trimtab.plugins import did_you_mean

    there = list(known)
    for name in wanted:
        if name not in there:
            raise SpaceError(f"{what} {name!r}{did_you_mean(name, there)}; there are: {', '.join(there)}.")
