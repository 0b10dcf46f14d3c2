"""What the log says about trials that are over, as columns that grow: the state of the model-based engines.

Letters: n complete rows, c distinct configurations in the order of their first coming, K objectives, C constraints,
D parameters.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.columns import Column
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.model.dominance import Front
from trimtab.model.feasibility import split
from trimtab.model.keys import key_of
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.space.problem import Problem

LARGEST: Final = float(np.finfo(np.float64).max)
"""Squares and sums that are larger are held at it: an infinite variance would be a label that is not a number."""

NOT_ITS_FAULT: Final = frozenset({"lost"})
"""Kinds of failure that say nothing about where trials fail; what was killed died in each of its attempts."""


def is_its_fault(table: TrialTable, row: int) -> bool:
    """Return whether a trial failed in a way that says something about its configuration."""
    return bool(table.state[row] == FAILED) and FAILURE_KINDS[int(table.failure[row])] not in NOT_ITS_FAULT


class Observations:
    """Complete and failed trials.

    Args:
        problem: what is tuned.
        settings: the constants of the models.

    Attributes:
        x: [c, D] configurations that were complete at least once.
        config: [n] the configuration of each complete row.
        losses: [n, K] objectives, smaller is better.
        known: [n, K] variances of the losses that the user told; 0 where none was.
        excess: [n, C] by how much each constraint is broken; 0 where it is met.
        failed: [f, D] configurations that failed through their own fault.
        failure: [f] the place of their kind in FAILURE_KINDS.
        n_before: [f] how many configurations were in `x` when each of `failed` came in.
        stopped: [s, D] configurations that were stopped early.
        over: keys of all configurations that are over: complete, failed or stopped.
        fates: [t] of each trial that is over, whether it failed through its own fault.
        is_flat: whether no result differs from another.
        n_idle: trials since the last that improved: the loss materially, or there was none before it as good in all of
            several objectives. Until constraints are met, what improves is that none before it broke all as little.
    """

    def __init__(self, problem: Problem, settings: ModelSettings = MODEL) -> None:
        self.settings = settings
        self._objectives = np.array([i for i, m in enumerate(problem.metrics) if m.is_objective])
        d, k = len(problem.space), len(self._objectives)
        n_constraints = len(problem.metrics) - k
        self.x, self.config = Column(np.float64, width=d), Column(np.int64)
        self.losses, self.known = Column(np.float64, width=k), Column(np.float64, width=k)
        self.excess = Column(np.float64, width=n_constraints)
        self.failed, self.failure, self.n_before = Column(np.float64, width=d), Column(np.int64), Column(np.int64)
        self.stopped = Column(np.float64, width=d)
        self.fates = Column(np.bool_)
        self.over: set[bytes] = set()
        self.is_flat = True
        self.n_idle = 0
        self._front, self._nearest = Front(k), Front(n_constraints)
        self._is_met = False
        self._counted = np.inf
        self._ids: dict[bytes, int] = {}

    def __len__(self) -> int:
        return self.losses.n

    def tell(self, table: TrialTable, row: int) -> None:
        """Take up a trial that is over."""
        x, failed = table.x[row], is_its_fault(table, row)
        self.over.add(key_of(x))
        self.fates.add(failed)
        self.n_idle += 1
        if table.state[row] == COMPLETE:
            self._complete(table, row)
        elif failed:
            self.failed.add(x)
            self.failure.add(table.failure[row])
            self.n_before.add(self.x.n)
        elif table.state[row] == STOPPED:
            self.stopped.add(x)

    def _complete(self, table: TrialTable, row: int) -> None:
        losses, excess = split(table.problem, table.y[row])
        if len(self) and self.is_flat:
            self.is_flat = np.array_equal(losses, self.losses.view[0]) and np.array_equal(excess, self.excess.view[0])
        self.config.add(self._config(table.x[row]))
        self.losses.add(losses)
        self.known.add(_variance(table.errors[row][self._objectives]))
        self.excess.add(np.minimum(excess, LARGEST))
        if self._improves(losses, excess) and self._is_material(losses):
            self.n_idle = 0

    def _config(self, x: Floats) -> int:
        """Return the place of a configuration [D] in `x`, where it is put if it is new."""
        config = self._ids.setdefault(key_of(x), len(self._ids))
        if config == self.x.n:
            self.x.add(x)
        return config

    def _improves(self, losses: Floats, excess: Floats) -> bool:
        """Return whether nothing so far was as good in all objectives; until constraints are met, in all of those."""
        is_met = not excess.any()
        self._is_met |= is_met
        if self._is_met != is_met:
            return False
        return self._front.add(losses) if is_met else self._nearest.add(excess)

    def _is_material(self, losses: Floats) -> bool:
        """Return whether a best result so far is better than the last that counted by as much as counts."""
        if not self._is_met or len(losses) > 1:
            return True
        with np.errstate(over="ignore", invalid="ignore"):
            gain = self._counted - losses[0]
            if gain <= self.settings.material * (np.median(self.losses.view[: self.settings.n_first]) - losses[0]):
                return False
        self._counted = losses[0]
        return True

    def mean_losses(self) -> Floats:
        """Return [c] the first objective of each configuration, repeats averaged."""
        config, loss = self.config.view, self.losses.view[:, 0]
        counts = np.bincount(config)
        return np.bincount(config, weights=loss / counts[config]).astype(np.float64)

    def deviation(self, length: int) -> tuple[float, int]:
        """Return the standard deviation of the first objective between runs of one configuration, and its freedom.

        Without any repeat among the first `length` complete rows it is (nan, 0).
        """
        config = self.config.view[:length]
        counts = np.bincount(config)
        freedom = length - len(counts)
        if not freedom:
            return float("nan"), 0
        losses = self.losses.view[:length, 0]
        with np.errstate(over="ignore"):
            means = np.bincount(config, weights=losses / counts[config])
            off = np.minimum(np.abs(losses - means[config]), LARGEST)
        scale = float(off.max()) or 1.0
        return scale * float(np.sqrt(np.square(off / scale).sum() / freedom)), freedom


def _variance(errors: Floats) -> Floats:
    with np.errstate(over="ignore"):
        squares: Floats = np.minimum(np.where(np.isnan(errors), 0.0, errors) ** 2, LARGEST)
    return squares
