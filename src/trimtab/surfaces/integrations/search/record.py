"""A search's study: candidates are trials, cells are reports of folds, and what is on record can be gone on with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

import trimtab as tt
from trimtab.arrays import Floats, Ints
from trimtab.errors import StudyMismatchError, StudyNotFoundError, TrialError
from trimtab.ledger.cells import cells_of
from trimtab.surfaces.integrations.search.cells import Cell

SCORES: Final = "scores"
"""The study's note of the names of the scores, where a fit has several."""

DATA: Final = "data"
"""The study's note of what was split how."""

TRAIN: Final = "train_"
TIMES: Final = ("fit_time", "score_time")


def opened(
    space: tt.Space,
    metric: str,
    n_splits: int,
    optimizer: Any,
    store: str | None,
    name: str,
    seed: int | None,
    *,
    race: bool,
) -> tt.Study:
    """Return the study of that name in the store, or a new one.

    Raises:
        StudyMismatchError: the one on record is about something else.
    """
    if store is not None:
        try:
            study = tt.load_study(store, name, optimizer=optimizer)
        except StudyNotFoundError:
            pass
        else:
            changes = study.problem.differences(tt.Problem(space, (tt.maximize(metric),), folds=n_splits))
            if changes:
                study.close()
                raise StudyMismatchError(
                    f"study {name!r} in {store} is on record with another search ({'; '.join(changes)}); "
                    "give this one another name=, or restore the old one to go on."
                )
            return study
    return tt.create_study(
        space,
        maximize=metric,
        folds=n_splits,
        race=race,
        optimizer=optimizer,
        store=store,
        name=name,
        seed=seed,
    )


def fingerprint(splits: Sequence[tuple[Ints, Ints]], y: object, estimator: object) -> dict[str, str]:
    """Return what tells whether cells on record are of the same fits: the estimator, the splits and the targets."""
    digest = hashlib.sha256()
    for train, test in splits:
        for rows in (train, test):
            digest.update(np.ascontiguousarray(rows).astype(np.int64).tobytes())
    targets = hashlib.sha256()
    if y is not None:
        values = np.asarray(y)
        text = values.dtype.hasobject
        targets.update("\n".join(map(str, values.ravel().tolist())).encode() if text else values.tobytes())
    return {
        "estimator": type(estimator).__qualname__,
        "splits": digest.hexdigest()[:16],
        "targets": targets.hexdigest()[:16],
    }


class Record:
    """What a search puts on record, and reads from there.

    Args:
        study: its study.
        metric: the score that counts.
        n_splits: folds of a candidate.
        trains: whether cells have scores of the training parts.
    """

    def __init__(self, study: tt.Study, metric: str, n_splits: int, *, trains: bool) -> None:
        self.study = study
        self._parts = (("", "test_scores"), (TRAIN, "train_scores")) if trains else (("", "test_scores"),)
        self._metric = metric
        self._n_splits = n_splits
        self._are_named = study.table.notes.get(SCORES) is not None

    def require_same(self, data: Mapping[str, str]) -> None:
        """Note what was split how, or compare it with what is on record.

        Raises:
            StudyMismatchError: it is something else.
        """
        noted = self.study.table.notes.get(DATA)
        if not isinstance(noted, Mapping):
            self.study.note(DATA, dict(data))
            return
        other = [key for key in data if noted.get(key) != data[key]]
        if other:
            hint = (
                " A splitter that shuffles needs its random_state= to give the same splits again."
                if "splits" in other
                else ""
            )
            raise StudyMismatchError(
                f"study {self.study.name!r} is on record with other {' and other '.join(other)}, so that its cells "
                f"cannot be gone on with.{hint} Give this search another name=."
            )

    def ask(self, n: int) -> list[tt.Trial]:
        """Return up to n trials; fewer where nothing is left to try."""
        trials: list[tt.Trial] = []
        try:
            while len(trials) < n:
                trials.append(self.study.ask())
        except TrialError:
            pass
        return trials

    def report(self, trial: tt.Trial, split: int, cell: Cell) -> None:
        """Put a cell on record."""
        self._name(cell)
        values = {key: float(cell[key]) for key in TIMES}
        for prefix, key in self._parts:
            values |= {prefix + name: value for name, value in self._scores(cell.get(key)) if math.isfinite(value)}
        trial.report(None, values, fold=split, raises=False)

    def _scores(self, scores: object) -> Iterable[tuple[str, float]]:
        if isinstance(scores, Mapping):
            return [(str(name), float(value)) for name, value in scores.items()]
        return [] if scores is None else [(self._metric, float(scores))]  # type: ignore[arg-type]  # a number

    def _name(self, cell: Cell) -> None:
        scores = cell.get("test_scores")
        if not self._are_named and isinstance(scores, Mapping):
            self._are_named = True
            self.study.note(SCORES, [str(name) for name in scores])

    def tell(self, trial: tt.Trial, scores: Floats, failure: str) -> None:
        """End a trial: with its mean score, stopped where it was dropped, or failed where a score is no number.

        Args:
            trial: the trial.
            scores: [n_splits] the score that counts, nan where there is none.
            failure: how a fit of it failed; empty where none did.
        """
        mean = float(scores.mean())
        if math.isfinite(mean):
            self.study.tell(trial, {self._metric: mean})
        elif trial.should_stop:
            self.study.tell(trial)
        else:
            self.study.tell(trial, failed="exception" if failure else "nan", error=failure or "a score is no number")

    def give_back(self, trials: Sequence[tt.Trial]) -> None:
        """Give those of the trials back that were not told: they wait, and what they reported stands."""
        for trial in trials:
            if self.study.table.trial(trial.number).state == "running":
                self.study.give_back(trial, "the search ended")

    def before(self) -> list[tuple[dict[str, Any], list[Cell | None]]]:
        """Return the configuration and the cells of each trial that is over, in the order of their numbers."""
        over = [view for view in self.study.trials if view.state in ("complete", "failed", "stopped")]
        return [(view.params, self.cells(view.number)) for view in over]

    def cells(self, number: int) -> list[Cell | None]:
        """Return [n_splits] the cells of a trial that are on record."""
        names = self.study.table.notes.get(SCORES)
        found: list[Cell | None] = [None] * self._n_splits
        folds, values = cells_of(self.study.table.curves, number)
        for at, fold in enumerate(folds.tolist()):
            said = {name: float(column[at]) for name, column in values.items()}
            cell: Cell = {key: said.get(key, math.nan) for key in TIMES}
            for prefix, key in self._parts:
                if isinstance(names, list):
                    cell[key] = {name: said.get(prefix + name, math.nan) for name in names}
                else:
                    cell[key] = said.get(prefix + self._metric, math.nan)
            found[fold] = cell | {"n_test_samples": 0, "fit_error": None}
        return found
