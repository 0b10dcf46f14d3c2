"""How a program finds its parameters: as text in its arguments, in its environment, and in a file."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Params

PREFIX: Final = "TRIMTAB_PARAM_"
ALL: Final = "TRIMTAB_PARAMS"
"""The variable of one parameter begins with the first; the second holds all of them as JSON, by their own names."""

LONGEST: Final = 100_000
"""Bytes of a variable. Linux refuses to start a program with one of 128 KiB; the trial's file holds it all the same."""


def spelt(value: object) -> str:
    """Return a value as an argument: text as it is, all else as JSON, numbers below 0 without an exponent.

    Python's argparse takes -6e-05 for an option, and -0.00006 for a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, float) and value < 0:
        return format(Decimal(repr(value)), "f")
    return json.dumps(value)


def usual_variable(name: str) -> str:
    """Return the environment variable of a parameter: its name in capitals, other characters as underscores."""
    return PREFIX + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def variables(names: Sequence[str]) -> dict[str, str]:
    """Return the environment variable of each parameter.

    Where that would be one variable for several parameters, each has a number after it, in their order.
    """
    plain = {name: usual_variable(name) for name in names}
    shared = {variable for variable, n in Counter(plain.values()).items() if n > 1}
    found = {name: variable for name, variable in plain.items() if variable not in shared}
    taken = {*plain.values()}
    for name, variable in plain.items():
        if variable in shared:
            n = 1
            while f"{variable}_{n}" in taken:
                n += 1
            found[name] = f"{variable}_{n}"
            taken.add(found[name])
    return found


def environment(params: Params, names: Sequence[str]) -> dict[str, str]:
    """Return what a program's environment says of its parameters.

    Args:
        params: the active ones.
        names: all of the space, by which variables are named; the active ones if there are none.
    """
    called = variables(names or list(params))
    told = {called[name]: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    told[ALL] = json.dumps(params)
    return {name: text for name, text in told.items() if len(os.fsencode(text)) <= LONGEST}


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as mappings in mappings: "model.depth" is "depth" within "model".

    Raises:
        ExecutorError: a name stands for a value and for a mapping.
    """
    found: dict[str, Any] = {}
    for name, value in params.items():
        *outer, last = _path(name)
        inner = found
        for part in outer:
            inner = inner.setdefault(part, _Mapping())
            if not isinstance(inner, _Mapping):
                raise _both(name, name[: name.index(part) + len(part)])
        if last in inner:
            raise _both(f"{name}.*", name)
        inner[last] = value
    return found


class _Mapping(dict[str, Any]):
    """A mapping that dots made, and not a choice that is one."""


def _path(name: str) -> list[str]:
    """Return the parts of a name between its dots; one that has a dot at an end, or two in a row, is whole."""
    parts = name.split(".")
    return parts if all(parts) else [name]


def _both(inner: str, outer: str) -> ExecutorError:
    return ExecutorError(
        f"{outer!r} is a parameter and {inner!r} would lie within it, so no nested file can hold both: rename one, or "
        "use {flat_params_file} or {flat_params_json}, which have one entry a parameter."
    )
