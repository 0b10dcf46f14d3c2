"""Advice with what follows from it: a command that can be pasted, and a call."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.rules import advise
from trimtab.explain import Explained
from trimtab.ledger.table import TrialTable
from trimtab.storage.url import files_dir
from trimtab.study.listing import Listing
from trimtab.text import to_json, visible

USUAL_STORE = "sqlite:///trimtab.db"
"""The store that commands use where none is named."""


@dataclass(frozen=True, slots=True)
class Tip(Explained):
    """A piece of advice about a study.

    Attributes:
        rule: which rule of the playbook gives it, such as "edge".
        about: the parameter or metric that it is about; empty for the study as a whole.
        says: what was seen and what follows.
        confidence: how likely it is that following it pays, in (0, 1].
        evidence: the figures behind it.
        command: what to type next; empty where the study is in memory, which no command sees.
        call: the same in Python, where `study` is the study.
    """

    rule: str
    about: str
    says: str
    confidence: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    call: str = ""


class Tips(Listing[Tip]):
    """Advice, the most pressing first; empty where nothing stands out."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not len(self):
            return "<no advice: nothing stands out>"
        lines = []
        for i, tip in enumerate(self, start=1):
            lines += [f"{i}. {tip.says} ({tip.rule}, {tip.confidence:.0%} sure)", f"   {tip.command or tip.call}"]
        return "\n".join(map(visible, lines))


def tips(table: TrialTable, name: str, url: str) -> Tips:
    """Return the advice about a study, with what follows from each piece.

    Args:
        table: its trials.
        name: its name.
        url: its store.
    """
    found = [_tip(advice, name, url) for advice in advise(table.problem, table)]
    columns: dict[str, list[Any]] = {
        "rule": [tip.rule for tip in found],
        "about": [tip.about for tip in found],
        "says": [tip.says for tip in found],
        "confidence": [tip.confidence for tip in found],
        "next": [tip.command or tip.call for tip in found],
    }
    return Tips(found, columns)


def _tip(advice: Advice, name: str, url: str) -> Tip:
    is_kept = files_dir(url) is not None
    return Tip(
        advice.rule,
        advice.about,
        advice.says,
        advice.confidence,
        advice.evidence,
        _command(advice, name, url) if is_kept else "",
        _call(advice),
    )


def _command(advice: Advice, name: str, url: str) -> str:
    words = ["trimtab", advice.verb, name]
    if advice.verb == "show" and "trial" in advice.arguments:
        words.append(str(advice.arguments["trial"]))
    elif advice.verb == "best":
        words += ["--limit", str(advice.arguments["limit"])]
    elif advice.verb == "refine":
        for key, change in advice.arguments.items():
            words += [word for value in _values(key, change) for word in (f"--{key}", value)]
    if url != USUAL_STORE:
        words += ["--store", url]
    return shlex.join(words)


def _values(key: str, change: Any) -> list[str]:
    """Return a change as the command line takes it: lr=:0.1, optimizer=adam,sgd, momentum=0.9."""
    if not isinstance(change, Mapping):
        return list(change)
    if key == "hold":
        return [f"{name}={_scalar(value)}" for name, value in change.items()]
    return [f"{name}={_range(value)}" for name, value in change.items()]


def _range(value: Any) -> str:
    is_range = len(value) == 2 and any(end is None for end in value)
    if is_range:
        return ":".join("" if end is None else _scalar(end) for end in value)
    return ",".join(map(_scalar, value))


_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off|nan|inf)\Z)[A-Za-z_][\w./+-]*\Z", re.IGNORECASE)


def _scalar(value: object) -> str:
    """Return a value as YAML reads it back."""
    if isinstance(value, str):
        return value if _PLAIN.match(value) else to_json(value)
    return (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else repr(value)
    )


def _call(advice: Advice) -> str:
    if advice.verb == "show":
        return f"study.trials[{advice.arguments['trial']}]" if "trial" in advice.arguments else "study"
    if advice.verb == "best":
        return f"study.top({advice.arguments['limit']})"
    if advice.verb == "trials":
        return "study.trials"
    said = []
    for key, change in advice.arguments.items():
        shown = change
        if key in ("widen", "narrow"):
            shown = {name: tuple(ends) if None in ends else list(ends) for name, ends in change.items()}
        said.append(f"{key}={shown!r}")
    return f"tt.refine(study, {', '.join(said)})"
