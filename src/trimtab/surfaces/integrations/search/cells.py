"""The cells of a search, one per candidate and split: what scikit-learn gives for each, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from trimtab.arrays import Bools, Floats, Ints

Cell: TypeAlias = dict[str, Any]
"""What scikit-learn says of one fit: test_scores, train_scores, fit_time, score_time, n_test_samples, fit_error."""


class Cells:
    """Candidates in the order of their trials, and what was run of each.

    Args:
        n_splits: cells of a candidate.
        metric: which score counts where there are several; the first if None.

    Attributes:
        params: of each candidate, what is set on the estimator.
        seeds: of each candidate that this search runs, the seed of its trial.
    """

    def __init__(self, n_splits: int, metric: str | None) -> None:
        self.n_splits = n_splits
        self.params: list[dict[str, Any]] = []
        self.seeds: dict[int, int] = {}
        self._metric = metric
        self._rows: list[list[Cell | None]] = []
        self._scores: list[list[float]] = []
        self._levels: list[int | None] = []

    def __len__(self) -> int:
        return len(self.params)

    @property
    def n_run(self) -> int:
        """How many cells were run."""
        return sum(cell is not None for row in self._rows for cell in row)

    def add(self, params: dict[str, Any], seed: int | None = None) -> int:
        """Add a candidate, with the seed of its trial if it is to be run, and return its number."""
        if seed is not None:
            self.seeds[len(self.params)] = seed
        self.params.append(params)
        self._rows.append([None] * self.n_splits)
        self._scores.append([math.nan] * self.n_splits)
        self._levels.append(None)
        return len(self.params) - 1

    def put(self, candidate: int, split: int, cell: Cell, level: int | None = None) -> None:
        """Put down what came of a cell; of one that is trained by steps, up to `level`, with the time of them all."""
        before = self._rows[candidate][split]
        if before is not None and level is not None:
            cell = cell | {name: before[name] + cell[name] for name in ("fit_time", "score_time")}
        self._rows[candidate][split] = cell
        self._scores[candidate][split] = self.score(cell)
        self._levels[candidate] = level

    def row(self, candidate: int) -> list[Cell]:
        """Return the cells of a candidate that were run."""
        return [cell for cell in self._rows[candidate] if cell is not None]

    def levels(self) -> Ints:
        """Return [n] the step that each candidate was trained to; 0 where none was run."""
        return np.array([level or 0 for level in self._levels], dtype=np.int64)

    def score(self, cell: Cell) -> float:
        """Return the score that counts."""
        scores = cell.get("test_scores", math.nan)
        if isinstance(scores, Mapping):
            name = self._metric if self._metric in scores else next(iter(scores))
            scores = scores[name]
        return float(scores)

    def failure(self, candidate: int) -> str:
        """Return how the first of a candidate's fits failed that did, in a line; empty where none did."""
        errors = (cell["fit_error"] for cell in self._rows[candidate] if cell is not None)
        first: str = next((error for error in errors if error), "")
        return first.strip().rpartition("\n")[2]

    def scores(self, candidates: Sequence[int] | None = None) -> Floats:
        """Return [n, n_splits] the score that counts, nan where there is none."""
        rows = self._scores if candidates is None else [self._scores[i] for i in candidates]
        return np.array(rows, dtype=np.float64).reshape(-1, self.n_splits)

    def is_run(self) -> Bools:
        """Return [n, n_splits] which cells were run."""
        return np.array([[cell is not None for cell in row] for row in self._rows], dtype=np.bool_)

    def run(self) -> list[Cell]:
        """Return the cells that were run, candidate by candidate."""
        return [cell for row in self._rows for cell in row if cell is not None]

    def filled(self) -> list[Cell]:
        """Return every cell, candidate by candidate; one that was not run has nan for whatever the others have."""
        like = next(cell for row in self._rows for cell in row if cell is not None)
        blank = {key: _blank(value) for key, value in like.items()} | {"fit_error": None}
        return [blank if cell is None else cell for row in self._rows for cell in row]


def _blank(value: object) -> object:
    return dict.fromkeys(value, math.nan) if isinstance(value, Mapping) else math.nan
