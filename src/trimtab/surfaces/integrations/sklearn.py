"""scikit-learn: a loop over `partial_fit`, or over any estimator that is fitted further."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import trimtab as tt
from trimtab.errors import ObjectiveError
from trimtab.surfaces.integrations import generators
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Reported, Reporter, check_parts, reported

needed("sklearn", "scikit-learn")


class Report:
    """Runs the steps of a loop that are still to run, reports them, and keeps checkpoints of what is fitted.

    What is named is restored in place from the checkpoint, if there is one, and so are the global generators of Python
    and NumPy. It is kept with `pickle`: estimators, pipelines, and other objects that have a `__dict__`.

    Example:
        ```python
        def train(trial):
            model = SGDClassifier(alpha=trial.params["alpha"], random_state=trial.seed)
            report = tt.integrations.sklearn.Report(trial, model=model)
            for epoch in report.steps():
                model.partial_fit(x, y, classes=labels)
                report(epoch, accuracy=model.score(held_out_x, held_out_y))
            return report.last
        ```

    Args:
        trial: what the objective was given.
        checkpoint_every: steps between checkpoints; one is written at the end too. None for none.
        parts: what is fitted, by name.

    Raises:
        ObjectiveError: an argument is not what is expected.
    """

    def __init__(self, trial: tt.Trial, *, checkpoint_every: int | None = 1, **parts: Any) -> None:
        for name, part in parts.items():
            if not hasattr(part, "__dict__"):
                raise ObjectiveError(f"{name}= is to be an estimator, which can be restored; got {part!r}.")
        self._reporter = Reporter(trial, checkpoint_every)
        self._parts = parts
        folder = self._reporter.restored
        if folder is not None:
            self._restore(folder)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def steps(self, fidelity: str | None = None) -> Iterator[int]:
        """Yield the steps that are still to run, up to the assigned fidelity, until the trial is to end.

        Args:
            fidelity: which one counts the steps; may be left out if there is only one.

        Raises:
            ProblemError: as `Trial.steps`.
        """
        for step in self._reporter.trial.steps(fidelity):
            if self._reporter.trial.should_stop:
                break
            yield step
        self._reporter.keep(self._write, at_end=True)

    def __call__(self, step: int, values: Mapping[str, float] | float | None = None, /, **named: float) -> None:
        """Report a step; where the trial is to end, `steps` yields no further one.

        Args:
            step: what `steps` gave.
            values: {metric: value}, or a number where the study has one metric.
            named: more values, as `loss=0.3`.

        Raises:
            ObjectiveError: there is nothing to report.
        """
        is_over = self._reporter.report(step, reported(values, named))
        self._reporter.keep(self._write, at_end=is_over)

    def _write(self, folder: Path) -> None:
        with (folder / _PARTS).open("wb") as file:
            pickle.dump(self._parts, file, protocol=5)
        generators.write(folder)

    def _restore(self, folder: Path) -> None:
        with (folder / _PARTS).open("rb") as file:
            kept = pickle.load(file)
        check_parts(kept, self._parts)
        for name, part in self._parts.items():
            vars(part).clear()
            vars(part).update(vars(kept[name]))
        generators.read(folder)


_PARTS = "parts.pickle"
