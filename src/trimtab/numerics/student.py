"""Intervals of means where the variance is estimated: Student's t, and degrees of freedom of a sum of estimates."""

from __future__ import annotations

from collections.abc import Iterable


def half_width(confidence: float, freedom: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side; infinitely many without freedom."""
    if freedom <= 0:
        return float("inf")
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))


def joint_freedom(parts: Iterable[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of (variance estimate, its freedom) (Satterthwaite, 1946, eq. 17)."""
    known = [(variance, freedom) for variance, freedom in parts if freedom > 0]
    below = sum(variance**2 / freedom for variance, freedom in known)
    if below > 0:
        return sum(variance for variance, _ in known) ** 2 / below
    return min((freedom for _, freedom in known), default=0.0)
