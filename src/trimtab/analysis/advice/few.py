"""Too few trials for so many parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.effects import effects
from trimtab.analysis.advice.sight import Sight

PER_PARAMETER: Final = 4
"""Results for each parameter below which a study has hardly looked at any: half of what a stage of the search takes
(dossier, 6.2)."""
LEAST_FREE: Final = 3
"""With one or two parameters, few trials are enough."""


def few(sight: Sight) -> Iterator[Advice]:
    """Yield that there are fewer results than the parameters need, and which to hold so that there are enough."""
    n, d = len(sight.ranked), len(sight.free)
    if n == 0 or d < LEAST_FREE or n >= PER_PARAMETER * d:
        return
    n_held = d - max(1, n // PER_PARAMETER)
    leader = sight.space.decode(sight.x[sight.best])[0]
    hold: dict[str, Any] = {}
    for column in _last(sight)[:n_held]:
        name, parameter = sight.space.names[column], sight.space.parameters[column]
        if name in leader and parameter.when is None and not _is_parent(sight, name):
            hold[name] = leader[name]
    if not hold:
        return
    yield Advice(
        "few trials",
        "",
        f"{n} results are few for {d} parameters: some {2 * PER_PARAMETER} for each are needed to know more than luck. "
        f"Run more, or hold those that matter least ({', '.join(hold)}) where the best trial has them.",
        0.6,
        {"results": n, "parameters": d},
        "refine",
        {"hold": hold},
    )


def _last(sight: Sight) -> list[int]:
    """Return the searched columns, those first that may be held first: by priority, else by what is seen of them."""
    columns = sight.free.tolist()
    found = effects(sight)
    near = np.zeros(len(sight.space)) if found is None else np.nan_to_num(found.near)
    priority = [sight.space.parameters[i].priority for i in range(len(sight.space))]
    return sorted(columns, key=lambda i: (-(priority[i] or 0), near[i], -i))


def _is_parent(sight: Sight, name: str) -> bool:
    """Return whether other parameters depend on this one, so that holding it would hold them too."""
    return any(p.when is not None and name in p.when.names() for p in sight.space.parameters)
