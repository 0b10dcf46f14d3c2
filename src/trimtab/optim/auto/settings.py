"""Every constant of the composition, with its reason; each engine has its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoSettings:
    """When which engine proposes. No option leads here, and nothing in a log."""

    small: int = 64
    """A space of at most so many configurations is walked from end to end, which is a proof: decision 15."""

    many: int = 500
    quick_s: float = 0.5
    """After so many trials, a median run-time below so many seconds is not worth a model that takes a tenth of one:
    decision 15."""

    # The race

    has_race: bool = True
    """Whether densities may take over where they foresee results better."""

    race_from: int = 60
    race_growth: int = 3
    """The first check is at so many complete rows; each further one comes when there are a third more. By taste: a
    check costs a fit, and two of them should not look at the same rows."""

    race_share: int = 4
    """A check foresees the last quarter from the rest. By taste."""

    margin: float = 0.05
    """The challenger must be ahead by so much in log score, twice in a row. By taste."""

    least_chance: float = 0.01
    """A probability counts as no less, and no more than its complement: one surprise does not decide. By taste."""

    most_log_ratio: float = 50.0
    """Ratios of densities are cut there, far beyond what the chance before tells apart, and below what overflows."""
