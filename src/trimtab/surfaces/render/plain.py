"""Answers as plain values, for JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from trimtab.analysis.card import Answer, Card


def answer_facts(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values: question, title, sentence, and its data, null where there is no answer."""
    data = plain(answer.data) if isinstance(answer, Card) else None
    return {"question": answer.question, "title": answer.title, "sentence": answer.sentence, "data": data}


def plain(value: Any) -> Any:
    """Return data as lists, mappings and numbers; null for nan, and text for infinities."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value - value != 0.0:
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
