"""Every constant of the region and of the generations, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trimtab.numerics.gp import Prior

_PRIOR: Final = Prior(weight=0.1, amplitude=0.1, noise=1e-6, length2=1.0, noise_bounds=(1e-9, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """What the arms of long studies are made with. No option leads here, and nothing in a log."""

    # The region: its rules are TuRBO's (Eriksson et al., 2019, arXiv 1910.01739, section 2)

    first_length: float = 0.4
    """Half of TuRBO's 0.8: where it begins, a model of the whole space has found the leader."""

    most_length: float = 1.6
    least_length: float = 2.0**-10
    """TuRBO's largest, and an eighth of its smallest: a smooth optimum is worth its digits, and takes few trials."""

    n_good: int = 3
    least_bad: int = 4
    """Three improvements in a row double the region, max(4, P / 2) trials without one halve it; TuRBO has P."""

    material: float = 1e-3
    n_elite: int = 50
    """An improvement gains more than this part of the way from the n-th best result: TuRBO has 1e-3 of the loss, which
    has no zero to be measured from."""

    # The model

    prior: Prior = _PRIOR
    """That of the whole space, but for less noise: looked at closely, results that are not noisy differ by little. See
    also `within`."""

    rows: int = 100
    rows_each: int = 3
    """The nearest 100 + 3 P rows: what 20 ms allow. With 200 in 10 dimensions regret was no lower."""

    within: float = 2.0
    least_rows: int = 10
    least_rows_each: int = 3
    """But of those that lie farther than twice the region's half only as many as make 10 + 3 P: labels of what is far
    leave no digits for what is near. With that, and a noise of 1e-6 instead of 1e-4, the first region of a sharp ridge
    in 5 dimensions ended at 9e-5 instead of 2.4e-4 (one run)."""

    each: int = 25
    evaluations: int = 15
    resized: float = 2.0
    """Fitted after so many results, and when the region is twice as large or small, with so many evaluations of
    the likelihood each: 10 results and 25 evaluations took three times as long and were no better."""

    foreseen: float = 0.5
    """A quadratic gives the axes if its left-out residuals are below this part of the variance. By taste."""

    narrowest: float = 0.05
    """No side of the region is narrower, or longer by the inverse, than so many lengths. By taste."""

    # The search for the point of largest expected improvement

    n_candidates: int = 300
    n_refined: int = 6
    refine_steps: int = 15
    refine_step: float = 0.2
    refine_first: float = 0.2
    refine_second: float = 0.1
    """Candidates, and from how many of them how many steps of Adam lead uphill, in halves of the region, with the
    gains of `optim.gp`. By taste."""

    n_moved: int = 20
    """Candidates far from the centre move about so many coordinates: TuRBO, section 2."""

    near: float = 0.3
    nearest: float = 0.003
    """Candidates near it lie at these parts of the region's half, and at all orders between. By taste."""

    n_flipped: float = 1.5
    """So many choices of a candidate are drawn anew, on average, as in `optim.gp`. By taste."""

    # The generations

    narrow_sigma: float = 0.1
    wide_sigma: float = 0.3
    """Runs begin in turns with the model's shape at a step that refines, and without it at that of Hansen's tutorial,
    0.3 of the range, which searches."""

    converged: float = 1e-4
    """A run is over when no coordinate has so much deviation left, in ranges: the region does the rest faster."""

    rate: float = 0.3
    margin: float = 0.27
    """As in `optim.cmaes`: how far a generation moves frequencies of choices, and the chance with which a draw has some
    discrete parameter off its likeliest value."""

    leader_share: float = 0.5
    """What the leader's choice has of the first frequencies. By taste."""


LOCAL: Final = LocalSettings()
"""What is used where nothing else is said."""
