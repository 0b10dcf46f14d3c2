"""What an analysis returns: an answer in a sentence, the data behind it, and what a picture of it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from trimtab.analysis.figure import Figure
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class Card:
    """The answer to one question about a study.

    Attributes:
        question: the name of the question, as `study.plot` has it.
        title: the question in words.
        sentence: the answer, in one or two sentences.
        data: what the answer rests on; each question has a type of its own.
        figure: what a picture shows.
    """

    question: str
    title: str
    sentence: str
    data: Any
    figure: Figure


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """There is no answer yet, or none at all.

    Attributes:
        question, title: as a card has them.
        reason: why, in a sentence.
    """

    question: str
    title: str
    reason: str

    @property
    def sentence(self) -> str:
        return self.reason


Answer: TypeAlias = Card | NotApplicable


class Analysis(Protocol):
    """A question: a function of problem and table, without memory, clock or files; it takes options by name."""

    def __call__(self, problem: Problem, table: TrialTable) -> Answer: ...


def text(value: float) -> str:
    """Return a number as sentences have it: four significant digits."""
    if not math.isfinite(value):
        return str(float(value))
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share in percent: `34 %`, `< 1 %`."""
    if not math.isfinite(share):
        return "an unknown share"
    if 0.0 < share < 0.01:
        return "< 1 %"
    return f"{share * 100:.0f} %"


def counted(n: int, noun: str) -> str:
    """Return `1 trial`, `1,234 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(words: list[str], most: int = 3) -> str:
    """Return `a, b and c`, or `a, b, c and 4 more`."""
    if len(words) > most + 1:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), *words[-1:]])
