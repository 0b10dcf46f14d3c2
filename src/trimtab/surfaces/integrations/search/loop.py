"""The loop of a search: ask for candidates, run their folds, drop those that the race is lost for, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

import numpy as np

import trimtab as tt
from trimtab.schedule.folds import FIRST
from trimtab.surfaces.integrations.search.cells import Cell, Cells
from trimtab.surfaces.integrations.search.given import Searched
from trimtab.surfaces.integrations.search.record import Record

Run: TypeAlias = Callable[[Sequence[tuple[int, int]], int | None], Iterator[Cell]]
"""Runs cells, given by candidate and split, and yields what came of each, in their order, as soon as it is there; where
models are trained by steps, up to the step that is given."""

AT_ONCE: Final = 100
"""Candidates that are asked for together where none depends on another's result: enough that asking costs nothing, and
few enough that a search that is killed has most of what it did on record."""

IN_TURN: Final = 10
"""As many of them where one fit runs at a time, and none would idle until the last of a batch is over: of fewer trials
that wait a study keeps less."""


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
        keeps: whether what is on record outlives this process, so that each fit is put there as it ends.
        levels: the steps after which models are scored; empty where they are trained in one go.
    """

    candidates: int | None
    fits: int | None
    seconds: float | None
    workers: int
    learns: bool
    race: bool
    keeps: bool
    levels: tuple[int, ...] = ()


@dataclass(slots=True)
class _Runner:
    """A candidate that is being run.

    Attributes:
        trial: its trial.
        folds: those still to run, in the order in which they are to be.
        is_in: whether it goes on.
    """

    trial: tt.Trial
    folds: Iterator[int]
    is_in: bool = True


def go_on(record: Record, searched: Searched, cells: Cells, run: Run, limits: Limits) -> None:
    """Search until a limit is met or nothing is left to try; `cells` holds what was run before, and then all."""
    began_at = time.monotonic()
    for configuration, row, level in record.before():
        _put_before(cells, cells.add(searched.params(configuration)), row, level)
    while n := _room(cells, limits, time.monotonic() - began_at):
        trials = record.ask(n)
        if not trials:
            break
        batch: dict[int, _Runner] = {}
        try:
            for trial in trials:
                candidate = cells.add(searched.params(trial.params), trial.seed)
                if trial.attempt > 1 and not limits.levels:  # of one that was lost, the folds that it reported stand
                    _put_before(cells, candidate, record.cells(trial.number), None)
                batch[candidate] = _Runner(trial, trial.folds())
            run_batch = _run_by_steps if limits.levels else _run_batch
            run_batch(record, cells, batch, run, limits)
        except BaseException:  # Ctrl-C, or a fit that raises: the next search goes on with these
            record.give_back(trials)
            raise


def _put_before(cells: Cells, candidate: int, row: Sequence[Cell | None], level: int | None) -> None:
    for split, cell in enumerate(row):
        if cell is not None:
            cells.put(candidate, split, cell, level)


def _room(cells: Cells, limits: Limits, elapsed: float) -> int:
    """Return how many candidates to ask for now."""
    n = 2 * limits.workers if limits.race and limits.workers > 1 else limits.workers
    if not limits.learns and not limits.race and limits.seconds is None:
        n = max(n, AT_ONCE if limits.workers > 1 else IN_TURN)
    if limits.candidates is not None:
        n = min(n, limits.candidates - len(cells))
    if limits.fits is not None:
        n = min(n, (limits.fits - cells.n_run) // cells.n_splits)
    if limits.seconds is not None and elapsed >= limits.seconds:
        n = 0
    return max(n, 0)


def _run_batch(record: Record, cells: Cells, batch: dict[int, _Runner], run: Run, limits: Limits) -> None:
    """Run candidates fold by fold as long as they are in the race, and tell what came of them."""
    n_complete = int(np.isfinite(cells.scores()).all(axis=1).sum())
    races = limits.race and n_complete >= FIRST  # before, nobody is dropped
    while running := {candidate: one for candidate, one in batch.items() if one.is_in}:
        # as many folds at once as there are workers that would idle
        stride = max(1, limits.workers // len(running)) if races else cells.n_splits
        todo = [(candidate, fold) for candidate, one in running.items() for fold in islice(one.folds, stride)]
        if not todo:
            break
        new: dict[int, Cell] = {}
        for place, ((candidate, fold), cell) in enumerate(zip(todo, run(todo, None), strict=True), start=1):
            cells.put(candidate, fold, cell)
            if limits.race or limits.keeps:
                record.report(batch[candidate].trial, fold, cell)
            else:
                new[fold] = cell
                if place == len(todo) or todo[place][0] != candidate:
                    record.report_all(batch[candidate].trial, new)
                    new = {}
            # one that failed in a fold has no mean, whatever the others say
            if limits.race and not np.isfinite(cells.score(cell)):
                batch[candidate].is_in = False
    for candidate, one in batch.items():
        record.tell(one.trial, cells.scores([candidate])[0], cells.failure(candidate))


def _run_by_steps(record: Record, cells: Cells, batch: dict[int, _Runner], run: Run, limits: Limits) -> None:
    """Train the models of all splits from step to step while their candidate goes on, and tell what came of it."""
    for level in limits.levels:
        running = [candidate for candidate, one in batch.items() if one.is_in]
        todo = [(candidate, split) for candidate in running for split in range(cells.n_splits)]
        for (candidate, split), cell in zip(todo, run(todo, level), strict=True):
            cells.put(candidate, split, cell, level)
        for candidate in running:
            one = batch[candidate]
            if not np.isfinite(cells.scores([candidate])).all():
                one.is_in = False
                continue
            record.report_step(one.trial, level, cells.row(candidate))
            one.is_in = not one.trial.should_stop
    for candidate, one in batch.items():
        if one.is_in:
            record.report_all(one.trial, dict(enumerate(cells.row(candidate))))
        record.tell(one.trial, cells.scores([candidate])[0], cells.failure(candidate), is_whole=one.is_in)
