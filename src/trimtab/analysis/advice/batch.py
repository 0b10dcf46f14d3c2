"""A batch size that is searched for score: it is a matter of speed, and everything else depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from trimtab.analysis.advice.advice import Advice
from trimtab.analysis.advice.sight import Sight
from trimtab.space.parameter import Categorical, Int

NAMES: Final = re.compile(
    r"(^|_)(mini_?)?batch(_?size)?(_per_(device|gpu))?$|^(per_device_)?train_batch_size$|^bs$", re.I
)


def batch(sight: Sight) -> Iterator[Advice]:
    """Yield that a batch size is searched where nothing says what trials cost.

    "The batch size should not be treated as a tunable hyperparameter for validation set performance" (Godbole et al.,
    2023; Shallue et al., 2018): the same score is reached with each, once the others are tuned for it.
    """
    problem = sight.problem
    if problem.cost is not None or len(problem.metrics) > 1 or not len(sight.ranked):
        return
    leader = sight.space.decode(sight.x[sight.best])[0]
    for column in sight.free.tolist():
        name, parameter = sight.space.names[column], sight.space.parameters[column]
        is_numeric = isinstance(parameter, Int) or (isinstance(parameter, Categorical) and parameter.is_numeric)
        if not is_numeric or NAMES.search(name) is None or name not in leader:
            continue
        yield Advice(
            "batch",
            name,
            f"{name} is searched for {problem.objectives[0].name} alone. It decides how fast training is, and rarely "
            "how good it gets once the others are tuned for it: hold it at the largest that fits your machine (here: "
            "the best trial's), or declare a cost or a second objective.",
            0.7,
            {"value": leader[name]},
            "refine",
            {"hold": {name: leader[name]}},
        )
