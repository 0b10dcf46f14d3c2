"""What a value is, as a digest that is the same in every process; what has no content to compare is left out."""

from __future__ import annotations

import array
import configparser
import dataclasses
import datetime
import decimal
import enum
import fractions
import hashlib
import itertools
import os
import re
import uuid
from argparse import Namespace
from collections import ChainMap, UserDict, deque
from collections.abc import Callable, Mapping, Sequence, Set
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from trimtab.study.code import DIGITS

DEEPEST = 8
"""Levels of nesting that are looked at."""

MOST_ITEMS = 20_000
"""Items of a container that are looked at: the digest is taken at each start."""

MOST_BYTES = 1 << 26
"""Bytes of an array that are read; of a larger one as many, evenly spread."""

_PRINTED = (
    *(int, bool, complex, type(None), type(Ellipsis), range, slice, re.Pattern, uuid.UUID),
    *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.time, datetime.timedelta),
)
"""Types whose `repr` says all."""

_MAPPINGS = (dict, MappingProxyType, UserDict, ChainMap, configparser.RawConfigParser, configparser.SectionProxy)
"""Mappings that hold what they say. Others may be windows on a file, a database or the environment."""

Visit = Callable[[Any], str | None]
"""Says what a value is that has code rather than content (a function, a class); None if it is no such value."""


class UnknownError(Exception):
    """A value has no content that can be compared."""


def digest(value: object, visit: Visit = lambda _: None) -> str | None:
    """Return a digest of a value; None if nothing of it can be compared.

    Args:
        value: a number, text, an array, a container of such, a data class, an estimator with `get_params`.
        visit: see `Visit`.
    """
    found = hashlib.blake2b(digest_size=DIGITS // 2)
    try:
        _feed(found.update, value, visit, DEEPEST)
    except UnknownError:
        return None
    return found.hexdigest()


def without(value: object, names: Set[str]) -> object:
    """Return the parts of a value that have names, less some of them; the value itself where it has no such parts."""
    named = _named(value) if names else None
    return value if named is None else {key: part for key, part in named.items() if key not in names}


def _feed(write: Callable[[bytes], object], value: Any, visit: Visit, depth: int) -> None:
    """Pass on what the value is, each piece with its type and length, so that no two values look alike.

    Raises:
        UnknownError: it cannot be said; within a container a mark stands for such a value.
    """
    kind = type(value)
    code = visit(value)
    if code is not None:
        _say(write, "code", code)
    elif isinstance(value, enum.Enum):
        _say(write, kind.__qualname__, value.name)
    elif isinstance(value, (float, np.floating)):
        _say(write, "float", repr(float(value)))
    elif isinstance(value, np.generic):
        _feed(write, value.item(), visit, depth)
    elif isinstance(value, _PRINTED):
        _say(write, kind.__name__, repr(value))
    elif isinstance(value, str):
        _say(write, "str", value)
    elif isinstance(value, (bytes, bytearray)):
        _say(write, "bytes", value.hex() if len(value) < MOST_BYTES else value[:MOST_BYTES].hex())
    elif isinstance(value, os.PathLike):
        _say(write, "path", str(value))
    elif isinstance(value, np.ndarray):
        _feed_array(write, value, visit, depth)
    elif depth == 0:
        raise UnknownError
    else:
        _feed_parts(write, value, visit, depth - 1)


def _feed_parts(write: Callable[[bytes], object], value: Any, visit: Visit, depth: int) -> None:
    named = _named(value)
    if named is not None:
        _say(write, type(value).__qualname__, str(len(named)))
        for key in sorted(named, key=repr)[:MOST_ITEMS]:
            _feed_item(write, key, visit, depth)
            _feed_item(write, named[key], visit, depth)
    elif isinstance(value, (list, tuple, deque, array.array)):
        _say(write, "sequence", str(len(value)))
        for item in itertools.islice(value, MOST_ITEMS):
            _feed_item(write, item, visit, depth)
    elif isinstance(value, (set, frozenset)):
        items = sorted(digest(item, visit) or "?" for item in _first(value))
        _say(write, "set", " ".join(items))
    elif type(value).__module__.partition(".")[0] == "pandas":
        _feed_frame(write, value, visit, depth)
    else:
        raise UnknownError


def _feed_item(write: Callable[[bytes], object], value: Any, visit: Visit, depth: int) -> None:
    try:
        _feed(write, value, visit, depth)
    except UnknownError:
        _say(write, "unknown", type(value).__qualname__)


def _named(value: Any) -> Mapping[Any, Any] | None:
    """Return the parts of a value that have names; None if it is nothing of that kind."""
    if isinstance(value, _MAPPINGS):
        return {key: value[key] for key in value}
    if isinstance(value, (Namespace, SimpleNamespace)):
        return vars(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if hasattr(type(value), "get_params") and not isinstance(value, type):  # scikit-learn's, and what is made like it
        try:
            params = value.get_params(deep=False)
        except Exception:
            return None
        return params if isinstance(params, dict) else None
    return None


def _feed_array(write: Callable[[bytes], object], array: Any, visit: Visit, depth: int) -> None:
    _say(write, "array", f"{array.dtype.str} {array.shape}")
    if array.dtype.hasobject:
        _feed_item(write, array.ravel()[:MOST_ITEMS].tolist(), visit, max(0, depth - 1))
        return
    step = max(1, array.nbytes // MOST_BYTES)
    write(np.ascontiguousarray(array if step == 1 else array.reshape(-1)[::step]).tobytes())


def _feed_frame(write: Callable[[bytes], object], frame: Any, visit: Visit, depth: int) -> None:
    import pandas as pd  # loaded by whoever made the frame

    if not isinstance(frame, (pd.DataFrame, pd.Series)):
        raise UnknownError
    columns = list(frame.columns) if isinstance(frame, pd.DataFrame) else [frame.name]
    _feed_item(write, columns, visit, depth)
    try:
        rows = pd.util.hash_pandas_object(frame)
    except TypeError:  # a column of what has no hash
        raise UnknownError from None
    _feed_array(write, rows.to_numpy(), visit, depth)


def _say(write: Callable[[bytes], object], kind: str, text: str) -> None:
    body = text.encode("utf-8", "surrogatepass")
    write(f"{kind}:{len(body)}:".encode() + body)


def _first(items: Set[Any]) -> Sequence[Any]:
    return [item for item, _ in zip(items, range(MOST_ITEMS), strict=False)]


def shown(value: object) -> str | None:
    """Return a value as people may read it in a log: numbers and truth values alone, since text may be a secret."""
    if isinstance(value, (bool, int, float, type(None))) and len(repr(value)) <= 30:
        return repr(value)
    return None
