"""A piece of advice: what was seen, how sure that is, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from trimtab.explain import Explained

Verb: TypeAlias = Literal["refine", "show", "best", "trials"]
"""What the next command does: begin the next study, or show what the advice is about."""


@dataclass(frozen=True, slots=True)
class Advice(Explained):
    """What a rule of the tuning playbook makes of a study.

    Attributes:
        rule: its name, such as "edge".
        about: the parameter or metric that it is about; empty for the study as a whole.
        says: what was seen and what follows, in a sentence or two.
        confidence: how likely it is that following it pays, in (0, 1]: by the rule's own evidence.
        evidence: the figures behind it, by name.
        verb: what the next command does.
        arguments: its arguments: of "refine" {"widen": {"lr": [None, 1.0]}, ...}, of "show" {"trial": 7}, of "best"
            {"limit": 5}.
    """

    rule: str
    about: str
    says: str
    confidence: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    verb: Verb = "show"
    arguments: Mapping[str, Any] = field(default_factory=dict)


LEAST_CONFIDENCE: Final = 0.5
"""Below, advice is not given: it would be as often wrong as right."""
