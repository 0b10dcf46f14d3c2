"""A search's study: candidates are trials, cells are reports of folds, and what is on record can be gone on with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

import trimtab as tt
from trimtab.arrays import Floats
from trimtab.errors import StudyMismatchError, StudyNotFoundError, TrialError
from trimtab.ledger.cells import cells_of
from trimtab.ledger.curves import AT_END, WHOLE
from trimtab.study.reported import put_on_record
from trimtab.surfaces.integrations.search.cells import Cell
from trimtab.surfaces.integrations.search.splits import Splits

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
    fidelity: tt.Fidelity | None,
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
            fidelities = () if fidelity is None else (fidelity,)
            wanted = tt.Problem(space, (tt.maximize(metric),), fidelities=fidelities, folds=n_splits)
            changes = study.problem.differences(wanted)
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
        fidelity=fidelity,
        race=race,
        optimizer=optimizer,
        store=store,
        name=name,
        seed=seed,
    )


def fingerprint(splits: Splits, y: object, estimator: object) -> dict[str, str]:
    """Return what tells whether cells on record are of the same fits: the estimator, the splits and the targets."""
    digest = hashlib.sha256(b"each its own" if splits.are_own else b"")
    for train, test in splits.shown:
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
                " A splitter that shuffles needs its random_state= to give the same splits again, and reshuffle= is to "
                "be what it was."
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
        """Put a cell on record, and hear whether its trial is to go on."""
        trial.report(None, self._values(cell), fold=split, raises=False)

    def report_all(self, trial: tt.Trial, cells: Mapping[int, Cell]) -> None:
        """Put cells of a trial, by split, on record at once: where nobody is to hear of one before the next is run."""
        said = [(AT_END, self._values(cell), split) for split, cell in cells.items()]
        put_on_record(self.study.session, trial.number, trial.attempt, said)

    def report_step(self, trial: tt.Trial, level: int, cells: Sequence[Cell]) -> None:
        """Report a step of all splits, and the mean of their scores, and hear whether the trial is to go on."""
        values = [self._values(cell) for cell in cells]
        said = [(float(level), each, split) for split, each in enumerate(values)]
        put_on_record(self.study.session, trial.number, trial.attempt, said)
        mean = sum(each[self._metric] for each in values) / len(values)
        trial.report(level, {self._metric: mean}, raises=False)

    def _values(self, cell: Cell) -> dict[str, float]:
        self._name(cell)
        values = {key: float(cell[key]) for key in TIMES}
        for prefix, key in self._parts:
            values |= {prefix + name: value for name, value in self._scores(cell.get(key)) if math.isfinite(value)}
        return values

    def _scores(self, scores: object) -> Iterable[tuple[str, float]]:
        if isinstance(scores, Mapping):
            return [(str(name), float(value)) for name, value in scores.items()]
        return [] if scores is None else [(self._metric, float(scores))]  # type: ignore[arg-type]  # a number

    def _name(self, cell: Cell) -> None:
        scores = cell.get("test_scores")
        if not self._are_named and isinstance(scores, Mapping):
            self._are_named = True
            self.study.note(SCORES, [str(name) for name in scores])

    def tell(self, trial: tt.Trial, scores: Floats, failure: str, *, is_whole: bool = True) -> None:
        """End a trial: with its mean score, stopped where it was dropped, or failed where a score is no number.

        Args:
            trial: the trial.
            scores: [n_splits] the score that counts, nan where there is none.
            failure: how a fit of it failed; empty where none did.
            is_whole: whether these are the scores of models that were trained to the end.
        """
        mean = float(scores.mean())
        if math.isfinite(mean) and is_whole:
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

    def before(self) -> list[tuple[dict[str, Any], list[Cell | None], int | None]]:
        """Return each trial that is over: its configuration, its cells, and to which step these were trained."""
        over = [view for view in self.study.trials if view.state in ("complete", "failed", "stopped")]
        if not self.study.problem.fidelities:
            return [(view.params, self.cells(view.number), None) for view in over]
        return [(view.params, *self._trained(view.number)) for view in over]

    def _trained(self, number: int) -> tuple[list[Cell | None], int | None]:
        """Return what a trial's models of all splits gave at the last step that they reached, and that step."""
        curves = self.study.table.curves
        places = curves.reports(number)
        steps = curves.step[places][curves.fold[places] != WHOLE]
        steps = steps[steps > AT_END]
        return (self.cells(number, steps.max()), int(steps.max())) if len(steps) else (self.cells(number), None)

    def cells(self, number: int, step: float = AT_END) -> list[Cell | None]:
        """Return [n_splits] the cells of a trial that are on record, at that step."""
        names = self.study.table.notes.get(SCORES)
        found: list[Cell | None] = [None] * self._n_splits
        folds, values = cells_of(self.study.table.curves, number, step)
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
