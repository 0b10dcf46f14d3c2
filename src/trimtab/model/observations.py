"""What the log says about trials that are over, as columns that grow: the state of the model-based engines.

A trial has a result if it is complete; where there are fidelities, also if it was stopped and had reported; and where
there are folds, if it was stopped and has some of them.

Letters: n results, c distinct configurations in the order of their first coming, K objectives, C constraints,
D parameters, F fidelities.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.cells import reported
from trimtab.ledger.columns import Column
from trimtab.ledger.event import FAILURE_KINDS
from trimtab.ledger.table import COMPLETE, FAILED, STOPPED, TrialTable
from trimtab.model.dominance import Front
from trimtab.model.feasibility import margins, split
from trimtab.model.fidelities import LARGEST, Below, Curve, Results, carried, height, places
from trimtab.model.folds import Folds
from trimtab.model.keys import key_of
from trimtab.model.outliers import are_torn
from trimtab.model.settings import MODEL, ModelSettings
from trimtab.space.problem import Problem, counted

KEPT: Final = 3
"""What was carried is kept for so many lengths of the log: an ask reads one or two again and again."""

NOT_ITS_FAULT: Final = frozenset({"lost"})
"""Kinds of failure that say nothing about where trials fail; what was killed died in each of its attempts."""


def is_its_fault(table: TrialTable, row: int) -> bool:
    """Return whether a trial failed in a way that says something about its configuration."""
    return bool(table.state[row] == FAILED) and FAILURE_KINDS[int(table.failure[row])] not in NOT_ITS_FAULT


class Observations:
    """Trials with a result, and those that failed.

    Args:
        problem: what is tuned.
        settings: the constants of the models.

    Attributes:
        x: [c, D] configurations with a result.
        config: [n] the configuration of each result.
        fidelity: [n, F] where it was seen.
        losses: [n, K] objectives, smaller is better.
        known: [n, K] variances of the losses that the user told; 0 where none was.
        margins: [n, C] by how much each constraint is missed: at most 0 where it is met, nan where it was not measured.
        failed: [f, D] configurations that failed through their own fault.
        failure: [f] the place of their kind in FAILURE_KINDS.
        n_before: [f] how many configurations were in `x` when each of `failed` came in.
        stopped: [s, D] configurations that were stopped early and have no result.
        over: keys of all configurations that are over: complete, failed or stopped.
        fates: [t] of each trial that is over, whether it failed through its own fault.
        is_plain: whether results are of one objective alone, without constraints, fidelities or folds.
        is_flat: whether no result differs from another.
        n_idle: trials since the last that improved: the loss materially, or there was none before it as good in all of
            several objectives. Until constraints are met, what improves is that none before it broke all as little.
            Only trials at the highest fidelity so far count: a loss at another is no better and no worse.
    """

    def __init__(self, problem: Problem, settings: ModelSettings = MODEL) -> None:
        self.settings = settings
        self._objectives = np.array([i for i, m in enumerate(problem.metrics) if m.is_objective])
        d, k = len(problem.space), len(self._objectives)
        n_constraints = len(problem.metrics) - k
        self._fidelities = problem.fidelities
        self._stepped = counted(self._fidelities)
        self.is_plain = k == 1 and not (n_constraints or self._fidelities or problem.folds)
        self.x, self.config = Column(np.float64, width=d), Column(np.int64)
        self.fidelity = Column(np.float64, width=len(self._fidelities))
        self.losses, self.known = Column(np.float64, width=k), Column(np.float64, width=k)
        self.margins = Column(np.float64, width=n_constraints)
        self.failed, self.failure, self.n_before = Column(np.float64, width=d), Column(np.int64), Column(np.int64)
        self.stopped = Column(np.float64, width=d)
        self.fates = Column(np.bool_)
        self.over: set[bytes] = set()
        self.is_flat = True
        self.n_idle = 0
        self._heights, self._runs = Column(np.float64), Column(np.int64)
        self._folds = Folds(problem) if problem.folds is not None else None
        self._curves: list[Curve] = []
        self._ids: dict[bytes, int] = {}
        self._run_ids: dict[bytes, int] = {}
        self._first: dict[bytes, tuple[Floats, Floats]] = {}
        self._carried: dict[int, tuple[Results, Below | None]] = {}
        self._top = -np.inf
        self._spoilt_at: float = np.inf
        self._begin()

    def _begin(self) -> None:
        """Compare results with none before."""
        k, n_constraints = self.losses.rows.shape[1], self.margins.rows.shape[1]
        self._front, self._nearest = Front(k), Front(n_constraints)
        self._is_met = False
        self._counted = np.inf

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_carried": {}}  # what can be computed again is not state

    def __len__(self) -> int:
        return self.losses.n

    def tell(self, table: TrialTable, row: int) -> None:
        """Take up a trial that is over."""
        x, failed = table.x[row], is_its_fault(table, row)
        self.over.add(key_of(x))
        self.fates.add(failed)
        at = reached(table, row)
        if at is not None:
            self._take(table, row, at)
            return
        self.n_idle += 1
        if failed:
            self.failed.add(x)
            self.failure.add(table.failure[row])
            self.n_before.add(self.x.n)
        elif table.state[row] == STOPPED:
            self.stopped.add(x)

    def _take(self, table: TrialTable, row: int, at: Floats) -> None:
        """Take up a result at a fidelity [F]."""
        losses, excess = split(table.problem, table.y[row])
        part = None if self._folds is None else self._folds.tell(table, row)
        losses = losses if part is None else part
        key = at.tobytes()
        first = self._first.setdefault(key, (losses, excess))
        is_same = np.array_equal(losses, first[0]) and np.array_equal(excess, first[1])
        self.is_flat = self.is_flat and is_same and table.state[row] == COMPLETE
        config = self._config(table.x[row])
        self.config.add(config)
        self.fidelity.add(at)
        self.losses.add(losses)
        self.known.add(_variance(table.errors[row][self._objectives]))
        self.margins.add(np.clip(margins(table.problem, table.y[row]), -LARGEST, LARGEST))
        self._heights.add(height(self._fidelities, at))
        run = config.to_bytes(8) + key + (b"" if part is None else row.to_bytes(8))  # parts are no repeats
        self._runs.add(self._run_ids.setdefault(run, len(self._run_ids)))
        if self._stepped is not None:
            self._curves.append(_curve(table, row, float(at[self._stepped]), losses))
        if part is None:
            self._compare(losses, excess, float(self._heights.view[-1]))
        else:
            self.n_idle += 1
        is_plain = self.is_plain and self._spoilt_at == np.inf
        if is_plain and are_torn(self.losses.view[:, 0], np.flatnonzero(self.config.view == config)):
            self._spoilt_at = self.losses.n

    def _compare(self, losses: Floats, excess: Floats, height: float) -> None:
        """Count a result as an improvement, or as none, if it is at the highest fidelity so far."""
        if height > self._top:
            self._top = height
            self._begin()
        if height == self._top:
            self.n_idle += 1
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
        first = self.losses.view[self._heights.view == self._top][: self.settings.n_first]
        with np.errstate(over="ignore", invalid="ignore"):
            gain = self._counted - losses[0]
            if gain <= self.settings.material * (np.median(first) - losses[0]):
                return False
        self._counted = losses[0]
        return True

    def results(self, length: int) -> Results:
        """Return the rows that count among the first `length`: all but those of a configuration that got further.

        Losses at lower fidelities are carried to the highest, and those of some folds to all of them.
        """
        columns = (self.config, self.losses, self.known, self.margins)
        found = Results(*(column.view[:length] for column in columns))
        if not (self._fidelities or self._folds) or not length:
            return found
        if length not in self._carried:
            self._carried = dict(list(self._carried.items())[-KEPT:])
            found = found if self._folds is None else self._folds.completed(found)
            if not self._fidelities:
                self._carried[length] = found, None
                return found
            fidelity, heights = self.fidelity.view[:length], self._heights.view[:length]
            self._carried[length] = carried(
                found, fidelity, heights, self._curves[:length], self.settings, self._stepped or 0
            )
        return self._carried[length][0]

    def below(self, length: int) -> Below | None:
        """Return what configurations gave at lower fidelities than where they got furthest; None where there is none.

        Such rows are of trials that others go on with. What a trial reports on its way is none: each of them is much of
        the next.
        """
        if not self._fidelities or not length:
            return None
        self.results(length)
        return self._carried[length][1]

    def apart(self, fidelity: Floats) -> Floats:
        """Return [m, F] how far fidelities [m, F] are from a whole run: 1 at the lowest, 0 at the highest."""
        found: Floats = 1.0 - np.array([places(self._fidelities, at) for at in fidelity]).reshape(fidelity.shape)
        return found

    def is_highest(self, config: int, fidelity: Floats | None) -> bool:
        """Return whether a run at a fidelity [F] would repeat what a configuration gave at the highest there is."""
        if fidelity is None:
            return True
        mine = (self.config.view == config) & (self._heights.view == self._top)
        return bool((self.fidelity.view[mine] == fidelity).all(axis=1).any())

    def is_spoilt(self, length: int) -> bool:
        """Return whether among the first `length` results some are off by more than noise; see `model.outliers`.

        That is looked for where there is one objective, and no constraint, fidelity or fold.
        """
        return length >= self._spoilt_at

    def mean_losses(self) -> Floats:
        """Return [c] the first objective of each configuration, repeats averaged."""
        results = self.results(len(self))
        counts = np.bincount(results.config)
        return np.bincount(results.config, weights=results.losses[:, 0] / counts[results.config]).astype(np.float64)

    def deviation(self, length: int, metric: Floats | None = None) -> tuple[float, int]:
        """Return the standard deviation of a metric between runs of one configuration, and its freedom.

        Runs are repeats if they are of one fidelity. Without any among the first `length` results it is (nan, 0).

        Args:
            length: of so many results.
            metric: [n] its losses or margins, nan where it was not measured; those of the first objective if None.
        """
        values = (self.losses.view[:, 0] if metric is None else metric)[:length]
        run = self._runs.view[:length]
        if np.isnan(values).any():
            known = ~np.isnan(values)
            run, values = np.unique(run[known], return_inverse=True)[1], values[known]
        counts = np.bincount(run)
        freedom = len(run) - len(counts)
        if not freedom:
            return float("nan"), 0
        with np.errstate(over="ignore"):
            means = np.bincount(run, weights=values / counts[run])
            off = np.minimum(np.abs(values - means[run]), LARGEST)
        scale = float(off.max()) or 1.0
        return scale * float(np.sqrt(np.square(off / scale).sum() / freedom)), freedom


def reached(table: TrialTable, row: int) -> Floats | None:
    """Return [F] the fidelity at which a trial that is over gave a result; None if it gave none.

    One that was stopped got as far as its last report, by the fidelity that counts steps; one that has some of its
    folds, as far as it was to go.
    """
    fidelities = table.problem.fidelities
    at: Floats = table.fidelity[row].copy()
    high = np.array([fidelity.high for fidelity in fidelities])
    at[np.isnan(at)] = high[np.isnan(at)]
    if table.state[row] == COMPLETE:
        return at
    if table.state[row] == STOPPED and table.problem.folds is not None and reported(table, row):
        return at if np.isfinite(split(table.problem, table.y[row])[0]).all() else None
    if table.state[row] != STOPPED or not fidelities or not np.isfinite(split(table.problem, table.y[row])[0]).all():
        return None
    steps, _ = table.curves.of(row)
    if not len(steps):
        return None
    at[counted(fidelities) or 0] = steps[-1]
    return at


def _curve(table: TrialTable, row: int, end: float, losses: Floats) -> Curve:
    """Return what a trial gave on its way to its end, and there."""
    steps, y = table.curves.of(row)
    on_the_way, _ = split(table.problem, y)
    known = np.isfinite(on_the_way).all(axis=1) & (steps < end)
    return np.append(steps[known], end), np.concatenate([on_the_way[known], losses[None]])


def _variance(errors: Floats) -> Floats:
    with np.errstate(over="ignore"):
        squares: Floats = np.minimum(np.where(np.isnan(errors), 0.0, errors) ** 2, LARGEST)
    return squares
