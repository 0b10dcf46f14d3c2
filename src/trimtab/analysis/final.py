"""What a study comes to once its finalists were run again: the winner, and figures that no luck of the search is in.

The intervals are Student's, from the runs that confirm the winner and the default, which had no part in the choice. How
far runs spread is learned from all fresh runs: of a configuration's own, and of the others' as if those were `LENT`
more of its own (Smyth, 2004, eq. 8, with that prior for its degrees of freedom): a few runs alone say little of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from typing import Final as Constant

import numpy as np

from trimtab import plugins
from trimtab.analysis.halving import Exact, Interval, Stage, Won, believable, follow, losses_of, spread
from trimtab.arrays import Ints
from trimtab.explain import Explained
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.keys import same
from trimtab.numerics.arithmetic import quiet
from trimtab.numerics.student import half_width, joint_freedom

CONFIDENCE: Constant = 0.9
"""Of all intervals."""

LENT: Constant = 8
"""Degrees of freedom that other finalists' spread counts for at most. With 4 gains of three standard errors were found
in 87 % of studies, with all of them in 89 %; but where the default is twice as noisy as the rest, 82 % of intervals
covered the truth instead of 86 %."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """A configuration that was run again.

    Attributes:
        trial: the trial that the search found it by; None for a default configuration that it did not run.
        params: the active parameters.
        score: what the search had seen, the mean over its runs; None where it did not run it.
        mean: of the fresh runs that decided; None where none was complete, or none was needed to decide.
        n_runs, n_failed: how many of those there were, and how many gave no result.
        is_default: whether it is the default configuration.
    """

    trial: int | None
    params: dict[str, Any]
    score: float | None
    mean: float | None
    n_runs: int
    n_failed: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class Final(Explained):
    """What a study comes to: the winner among the finalists, by fresh runs, and its figures.

    Attributes:
        trial: the winner's run that is nearest to its mean.
        params: its parameters.
        metric: the objective.
        mean: of the winner's last runs, which had no part in choosing it; None where none was complete.
        interval: the 90 % interval of the mean; None where there are too few runs.
        n_runs, n_failed: how many runs the mean is of, and how many more gave no result.
        score: what the search had seen of the winner, which got lucky; None where it did not run it.
        default_mean: of the default's last runs, made likewise; None where the default won or cannot be run.
        gain: by how much the winner is better than the default: above 0 is better, whatever the direction.
        gain_interval: its 90 % interval; None as for the interval.
        is_default: whether the default won.
        is_exact: whether what ran again gave the same to the bit, so that there is nothing to average: the mean is
            the search score, and the gain is to the default's result in the search.
        finalists: all that were run again, from the best search score on.
        why: how it was known that results are noisy.
        n_off: how many runs of the winner were left out of the mean, since they are off by bad luck: two runs of one
            configuration were torn apart in this study, and these are as far from all others.
    """

    trial: int
    params: dict[str, Any]
    metric: str
    mean: float | None
    interval: Interval | None
    n_runs: int
    n_failed: int
    score: float | None
    default_mean: float | None
    gain: float | None
    gain_interval: Interval | None
    is_default: bool
    is_exact: bool
    finalists: tuple[Finalist, ...] = field(repr=False)
    why: str = ""
    n_off: int = 0

    @property
    def improves(self) -> bool:
        """Whether the winner is reliably better than the default: the whole interval of the gain is above 0."""
        if self.is_exact:
            return self.gain is not None and self.gain > 0
        return self.gain_interval is not None and self.gain_interval[0] > 0

    def __str__(self) -> str:
        if self.is_exact:
            return f"what ran again gave the same to the bit, so {self._named(self.mean)} is exact"
        if self.mean is None:
            return f"none of the {self.n_runs + self.n_failed} runs of the winner gave a result"
        said = f"{self._named(self.mean)}{_interval(self.interval)} over {self.n_runs} fresh runs"
        if self.n_off:
            said += f" ({self.n_off} more, off by orders of magnitude, left out)"
        if self.score is not None:
            said += f", where the search had seen {self.score:.4g}"
        return f"{said}; {self.verdict}"

    @property
    def verdict(self) -> str:
        """What the comparison with the default comes to, in a clause."""
        if self.is_default:
            return "no reliable improvement found: nothing is better than the default configuration"
        if self.gain is None:
            return "there is no default configuration to compare with that can be run"
        if not self.improves:
            by = f"the gain is {self.gain:.4g}{_interval(self.gain_interval)}"
            return f"no reliable improvement over the default configuration found: {by}"
        return f"better than the default configuration by {self.gain:.4g}{_interval(self.gain_interval)}"

    def _named(self, value: float | None) -> str:
        return f"{self.metric} = {'?' if value is None else f'{value:.4g}'}"

    def __repr__(self) -> str:
        return f"<Final: trial {self.trial}: {self}>"

    def _repr_html_(self) -> str:
        return plugins.drawn("final", self)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        names = self.__slots__
        said = {name: getattr(self, name) for name in names if name != "finalists"}
        rows = [{name: getattr(each, name) for name in each.__slots__} for each in self.finalists]
        return said | {"improves": self.improves, "said": str(self), "finalists": rows}


def _interval(ends: Interval | None) -> str:
    return "" if ends is None else f" (90 % interval {ends[0]:.4g} to {ends[1]:.4g})"


@quiet()
def final(table: TrialTable) -> Final | None:
    """Return what the study comes to; None where its finalists were not run again, or not to the end."""
    stage = Stage.of(table)
    if stage is None:
        return None
    ended = follow(table, stage)
    if isinstance(ended, Exact):
        return _exact(table, stage)
    return _won(table, stage, ended) if isinstance(ended, Won) else None


def is_last(table: TrialTable) -> bool:
    """Return whether the search did not go on after the last runs began: nothing else was found since."""
    stage = Stage.of(table)
    if stage is None:
        return False
    later = table.rows(COMPLETE)
    return all(table.is_replicate(row) for row in later[later >= stage.at].tolist())


def _won(table: TrialTable, stage: Stage, won: Won) -> Final:
    sign = table.problem.objectives[0].sign
    usual = believable(table, None)
    mine, its = losses_of(table, won.confirmed_by, usual), losses_of(table, won.default_by, usual)
    n_done = len(losses_of(table, won.confirmed_by))
    groups = list(won.chosen_by)
    groups[won.winner] = np.concatenate([groups[won.winner], won.confirmed_by])
    if len(won.default_by):
        groups[stage.default] = np.concatenate([groups[stage.default], won.default_by])
    interval = gain = gain_interval = None
    mean = float(mine.mean()) if len(mine) else None
    if len(mine):
        variance, freedom = _variance(table, groups, won.winner, usual)
        parts = [(variance / len(mine), freedom)]
        interval = _around(float(mine.mean()) * sign, parts)
        if len(its):
            variance, freedom = _variance(table, groups, stage.default, usual)
            gain = float(its.mean() - mine.mean())
            gain_interval = _around(gain, [*parts, (variance / len(its), freedom)])
    rows = won.confirmed_by[table.state[won.confirmed_by] == COMPLETE]
    every = losses_of(table, rows)
    nearest = int(rows[np.argmin(np.abs(every - mine.mean()))]) if len(mine) else int(won.confirmed_by[0])
    return Final(
        trial=nearest,
        params=_params(table, stage, won.winner),
        metric=table.problem.objectives[0].name,
        mean=None if mean is None else mean * sign,
        interval=interval,
        n_runs=len(mine),
        n_failed=len(won.confirmed_by) - n_done,
        score=_score(table, stage, won.winner),
        default_mean=float(its.mean()) * sign if len(its) else None,
        gain=gain,
        gain_interval=gain_interval,
        is_default=won.winner == stage.default,
        is_exact=False,
        finalists=tuple(_finalist(table, stage, i, rows) for i, rows in enumerate(won.chosen_by)),
        why=stage.why,
        n_off=n_done - len(mine),
    )


def _exact(table: TrialTable, stage: Stage) -> Final:
    """Return what there is where nothing is noisy: search scores, which are what they say."""
    scores = [_score(table, stage, i) for i in range(len(stage.x))]
    mine = scores[0]
    its = scores[stage.default] if stage.default > 0 else None
    sign = table.problem.objectives[0].sign
    nothing = np.zeros(0, dtype=np.int64)
    return Final(
        trial=int(stage.rows[0]),
        params=_params(table, stage, 0),
        metric=table.problem.objectives[0].name,
        mean=mine,
        interval=None,
        n_runs=1,
        n_failed=0,
        score=mine,
        default_mean=its,
        gain=None if mine is None or its is None else (its - mine) * sign,
        gain_interval=None,
        is_default=stage.default == 0,
        is_exact=True,
        finalists=tuple(_finalist(table, stage, i, nothing) for i in range(len(stage.x))),
        why=stage.why,
    )


def _variance(table: TrialTable, groups: list[Ints], i: int, usual: Interval) -> tuple[float, float]:
    """Return the variance of runs of a finalist, and how many degrees of freedom are behind it."""
    own, freedom = spread(table, groups[i : i + 1], usual)
    others, lent = spread(table, groups[:i] + groups[i + 1 :], usual)
    counts = min(lent, LENT)
    if not freedom + counts:
        return float("nan"), 0.0
    return (own + (others / lent * counts if lent else 0.0)) / (freedom + counts), float(freedom + counts)


def _around(centre: float, parts: list[tuple[float, float]]) -> Interval | None:
    """Return the interval around an estimate whose variance is the sum of estimated parts."""
    if any(not freedom for _, freedom in parts):
        return None
    half = half_width(CONFIDENCE, joint_freedom(parts)) * float(np.sqrt(sum(variance for variance, _ in parts)))
    return centre - half, centre + half


def _params(table: TrialTable, stage: Stage, i: int) -> dict[str, Any]:
    return table.space.decode(stage.x[i : i + 1])[0]


def _score(table: TrialTable, stage: Stage, i: int) -> float | None:
    """Return the mean of what the search had seen of a finalist, where trials are compared."""
    if stage.rows[i] < 0:
        return None
    before = np.flatnonzero(same(table.x[: stage.at], stage.x[i]))
    before = before[(table.fidelity[before] == table.fidelity[stage.rows[i]]).all(axis=1)]
    losses = losses_of(table, before, believable(table, stage))
    losses = losses if len(losses) else losses_of(table, before)
    return float(losses.mean()) * table.problem.objectives[0].sign if len(losses) else None


def _finalist(table: TrialTable, stage: Stage, i: int, rows: Ints) -> Finalist:
    losses, row = losses_of(table, rows, believable(table, stage)), int(stage.rows[i])
    sign = table.problem.objectives[0].sign
    return Finalist(
        trial=None if row < 0 else row,
        params=_params(table, stage, i),
        score=_score(table, stage, i),
        mean=float(losses.mean()) * sign if len(losses) else None,
        n_runs=len(losses),
        n_failed=len(rows) - len(losses_of(table, rows)),
        is_default=i == stage.default,
    )
