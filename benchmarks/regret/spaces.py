"""Parameters as tasks list them. A condition is a keyword, `parent=value` or `parent=[values]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Parameter = Mapping[str, Any]


def real(name: str, low: float, high: float, default: float, *, log: bool = False, **when: Any) -> Parameter:
    return {"name": name, "kind": "float", "low": low, "high": high, "log": log, "default": default, **_when(when)}


def integer(name: str, low: int, high: int, default: int, *, log: bool = False, **when: Any) -> Parameter:
    return {"name": name, "kind": "int", "low": low, "high": high, "log": log, "default": default, **_when(when)}


def ordinal(name: str, choices: list[Any], default: Any, **when: Any) -> Parameter:
    return {"name": name, "kind": "ordinal", "choices": choices, "default": default, **_when(when)}


def pick(name: str, choices: list[Any], default: Any, **when: Any) -> Parameter:
    return {"name": name, "kind": "categorical", "choices": choices, "default": default, **_when(when)}


def _when(when: Mapping[str, Any]) -> Parameter:
    if not when:
        return {}
    ((parent, values),) = when.items()
    return {"when": {"name": parent, "in": values if isinstance(values, list) else [values]}}
