"""The loop of a search: ask for candidates, run their folds, drop those that the race is lost for, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

import trimtab as tt
from trimtab.model.race import FEWEST, freed, outclassed
from trimtab.surfaces.integrations.search.cells import Cell, Cells
from trimtab.surfaces.integrations.search.given import Searched
from trimtab.surfaces.integrations.search.record import Record

Run: TypeAlias = Callable[[Sequence[tuple[int, int]]], list[Cell]]
"""Runs cells, given by candidate and split, and returns what came of each."""

AT_ONCE: Final = 100
"""Candidates that are asked for together where none depends on another's result: enough that asking costs nothing, and
few enough that a search that is killed has most of what it did on record."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a search goes, and how.

    Attributes:
        candidates: at most, in all; None without limit.
        fits: cells, at most; None without limit.
        seconds: after these nothing new begins; None without limit.
        workers: cells that run at once.
        learns: whether the optimizer learns from results, so that few are to be asked for at once.
        race: whether candidates are dropped between folds.
    """

    candidates: int | None
    fits: int | None
    seconds: float | None
    workers: int
    learns: bool
    race: bool


def go_on(record: Record, searched: Searched, cells: Cells, run: Run, limits: Limits) -> None:
    """Search until a limit is met or nothing is left to try; `cells` holds what was run before, and then all."""
    began_at = time.monotonic()
    for configuration, row in record.before():
        candidate = cells.add(searched.params(configuration))
        for split, cell in enumerate(row):
            if cell is not None:
                cells.put(candidate, split, cell)
    while n := _room(cells, limits, time.monotonic() - began_at):
        trials = record.ask(n)
        if not trials:
            break
        batch = [cells.add(searched.params(trial.params)) for trial in trials]
        _run_batch(record, cells, dict(zip(batch, trials, strict=True)), run, limits)


def _room(cells: Cells, limits: Limits, elapsed: float) -> int:
    """Return how many candidates to ask for now."""
    n = 2 * limits.workers if limits.race and limits.workers > 1 else limits.workers
    if not limits.learns and not limits.race and limits.seconds is None:
        n = max(n, AT_ONCE)
    if limits.candidates is not None:
        n = min(n, limits.candidates - len(cells))
    if limits.fits is not None:
        n = min(n, (limits.fits - cells.n_run) // cells.n_splits)
    if limits.seconds is not None and elapsed >= limits.seconds:
        n = 0
    return max(n, 0)


def _run_batch(record: Record, cells: Cells, trials: dict[int, tt.Trial], run: Run, limits: Limits) -> None:
    """Run candidates fold by fold as long as they are in the race, and tell what came of them."""
    alive, split = list(trials), 0
    races = limits.race and int(np.isfinite(cells.scores()).all(axis=1).sum()) >= FEWEST
    while alive and split < cells.n_splits:
        # as many folds at once as there are workers that would idle
        stride = max(1, limits.workers // len(alive)) if races else cells.n_splits
        rung = range(split, min(split + stride, cells.n_splits))
        todo = [(candidate, k) for candidate in alive for k in rung]
        for (candidate, k), cell in zip(todo, run(todo), strict=True):
            cells.put(candidate, k, cell)
            record.report(trials[candidate], k, cell)
        split = rung.stop
        if races and split < cells.n_splits:
            is_out = outclassed(-cells.scores())
            alive = [c for c in alive if not is_out[c] and np.isfinite(cells.scores([c])[0, :split]).all()]
    for candidate, trial in trials.items():
        record.tell(trial, *_outcome(cells, candidate))


def _outcome(cells: Cells, candidate: int) -> tuple[float, str]:
    """Return a candidate's mean score, freed of its folds' effects where it did not meet all; and how it failed."""
    row: list[Any] = [cell for cell in cells.of(candidate) if cell is not None]
    failure = next((cell["fit_error"] for cell in row if cell["fit_error"]), "")
    scores = cells.scores([candidate])[0]
    if len(row) < cells.n_splits:
        scores = -freed(-cells.scores())[candidate][[cell is not None for cell in cells.of(candidate)]]
    return float(scores.mean()), failure.strip().rpartition("\n")[2]
