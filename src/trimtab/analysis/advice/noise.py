"""Noise too large for the differences that are sought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight

LOUD: Final = 0.4
"""The share of what results differ by, beyond which they say as much of chance as of configurations. Of sixty results
it is known to about a fifth."""
LEAST: Final = 20
"""Distinct configurations, from which on the model tells noise from detail."""
N_TOP: Final = 5


def noise(sight: Sight) -> Iterator[Advice]:
    """Yield that much of what the results differ by is chance."""
    share = sight.noise
    if share is None or share <= LOUD or len(sight.ranked) < max(LEAST, 5 * len(sight.free)):
        return
    name = sight.problem.objectives[0].name
    yield Advice(
        "noise",
        name,
        f"{share:.0%} of what {name} differs by is chance: a single run says little of a configuration. Measure each "
        "better (more folds, seeds or validation data), or run the best several times before you believe in one.",
        min(0.95, share),
        {"share": share},
        "best",
        {"limit": N_TOP},
    )
