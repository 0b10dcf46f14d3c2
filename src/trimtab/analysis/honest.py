"""What the best configuration is likely to give when it is run again, which is less than what made it the best.

The best of many noisy results was lucky as a rule. Where configurations were run several times, the mean of the runs of
one says what it gives; where none was, the model does, which draws what stands out toward its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis.final import final, is_last
from trimtab.analysis.response import Response
from trimtab.analysis.sample import Sample
from trimtab.ledger.table import TrialTable
from trimtab.model.keys import numbered, same
from trimtab.numerics.arithmetic import quiet

Z: Final = 1.645
"""Deviations of a normal distribution that hold 90 % of it."""

EXACT: Final = 0.02
"""Noise of less than this share of the spread of results is no noise to speak of. By taste."""


@dataclass(frozen=True, slots=True)
class Honest:
    """The figure of a configuration.

    Attributes:
        number: its trial.
        seen: what that trial gave.
        expected: what it is likely to give again; low, high: a 90 % interval of that expectation.
        n_runs: how often it was run.
        by: "last" runs, which had no part in the choice, "repeats", "model", or "seen" where nothing says that results
            would differ.
    """

    number: int
    seen: float
    expected: float
    low: float
    high: float
    n_runs: int
    by: str


def last_runs(table: TrialTable, sample: Sample) -> Honest | None:
    """Return the figure of the winner of a study's last runs; None where there were none, or they gave none."""
    if sample.metric != table.problem.objectives[0] or not is_last(table):
        return None
    found = final(table)
    if found is None or found.mean is None or found.interval is None:
        return None
    seen = found.mean if found.score is None else found.score
    return Honest(found.trial, seen, found.mean, *found.interval, found.n_runs, "last")


@quiet()
def honest_of(sample: Sample, place: int, response: Response | None) -> Honest:
    """Return the figure of one trial of a sample, by its place there."""
    sign, seen, number = sample.metric.sign, float(sample.values[place]), int(sample.rows[place])
    runs = sample.losses[same(sample.x, sample.x[place])]
    config = numbered(sample.x)
    counts = np.bincount(config)
    freedom = len(config) - len(counts)
    if freedom and len(runs) > 1:
        means = np.bincount(config, weights=sample.losses / counts[config])
        deviation = float(np.sqrt(np.square(sample.losses - means[config]).sum() / freedom / len(runs)))
        return _honest(number, seen, float(runs.mean()), deviation, sign, len(runs), "repeats")
    if response is not None and response.explained > 0.0 and response.noise > EXACT * response.unit:
        mean, deviation = (float(part[0]) for part in response.predict(sample.x[place : place + 1]))
        return _honest(number, seen, mean, deviation, sign, len(runs), "model")
    return Honest(number, seen, seen, seen, seen, len(runs), "seen")


def _honest(number: int, seen: float, loss: float, deviation: float, sign: float, n: int, by: str) -> Honest:
    ends = sorted(((loss - Z * deviation) * sign, (loss + Z * deviation) * sign))
    return Honest(number, seen, loss * sign, ends[0], ends[1], n, by)
