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

    # Long studies of quick trials: see `turns`

    long_from: int = 300
    """From so many results on arms take turns: `gp` takes 60 ms for a suggestion there, and quick trials get 20."""

    window: int = 40
    """An arm that explores is judged after so many trials, or two generations: fewer say little of a median. By
    taste."""

    nearer: float = 0.9
    """It goes on where its median result is that much nearer to the best than in its window before. By taste."""

    patience: int = 2
    """Generations stand still after so many windows that brought nothing nearer: a step takes some to adapt."""

    barren: int = 6
    """However near its results come, a turn ends after so many windows in a row that improved nothing: on Weierstrass's
    function in 10 dimensions generations had the last 450 of 1,000 trials, and converged to what was known."""

    discount: float = 0.8
    """What a turn counts for when one more of the same arm is over: of the last five most. By taste."""

    mostly: float = 0.5
    """Where more of what may be varied are choices, there is no polishing, and densities come first: section 10.3 of
    the plan."""

    apart: float = 0.1
    """A row lies apart from where a region was by so much, in root mean square over the parameters. By taste."""
