"""All rules of the tuning playbook, asked one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from trimtab.analysis.advice.advice import LEAST_CONFIDENCE, Advice
from trimtab.analysis.advice.batch import batch
from trimtab.analysis.advice.causes import causes
from trimtab.analysis.advice.edges import edges
from trimtab.analysis.advice.few import few
from trimtab.analysis.advice.held import held
from trimtab.analysis.advice.idle import idle
from trimtab.analysis.advice.noise import noise
from trimtab.analysis.advice.repeats import repeats
from trimtab.analysis.advice.sight import Sight
from trimtab.analysis.advice.training import training
from trimtab.analysis.advice.unstable import unstable
from trimtab.ledger.table import TrialTable
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Problem

Rule: TypeAlias = Callable[[Sight], Iterator[Advice]]

RULES: Final[tuple[Rule, ...]] = (causes, unstable, edges, training, noise, held, idle, few, batch, repeats)
"""In the order in which they matter: what is broken, what limits every trial, what the next study should search."""


@quiet()
def advise(problem: Problem, table: TrialTable) -> list[Advice]:
    """Return what the rules of the tuning playbook (Godbole et al., 2023) make of a study; empty where all is well."""
    sight = Sight(problem, table)
    return [found for rule in RULES for found in rule(sight) if found.confidence >= LEAST_CONFIDENCE]
