"""LightGBM: a callback of `lightgbm.train`, of its scikit-learn estimators and of `lightgbm.cv`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trimtab as tt
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

if TYPE_CHECKING:
    import lightgbm
else:
    lightgbm = needed("lightgbm")


class Report:
    """Reports each boosting round, ends training when the scheduler says so, and keeps checkpoints.

    Metrics are called by data and metric: `valid_0-l2` is the l2 of the first of `valid_sets` that was given no name.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.lightgbm.Report(trial, "valid_0-l2")
            if trial.steps():  # LightGBM trains one round or more
                lightgbm.train(
                    trial.params, data, num_boost_round=len(trial.steps()), valid_sets=[held_out],
                    init_model=report.model, callbacks=[report],
                )
            return report.last
        ```

    Args:
        trial: what the objective was given.
        metrics: what is reported: `"valid_0-l2"`, several names, or {the study's name: LightGBM's name}.
        checkpoint_every: rounds between checkpoints; one is written after the last round too. None for none.

    Raises:
        ObjectiveError: an argument is not what is expected; in training, that a metric is not measured.
    """

    order = 25
    """Among LightGBM's own callbacks: before `early_stopping` (30), after which no other is called in a last round."""

    before_iteration = False

    def __init__(self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 10) -> None:
        # 10: a model is written whole, and grows with the rounds; by taste
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "LightGBM")

    @property
    def model(self) -> str | None:
        """The model to go on with, for `init_model=`: this trial's, or that of the one which it continues; or None."""
        folder = self._reporter.restored
        return None if folder is None else str(folder / _MODEL)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def __call__(self, env: Any) -> None:
        """Report a round; for LightGBM."""
        results = env.evaluation_result_list or []
        said = {f"{result[0]}-{result[1]}": result[2] for result in results}
        is_over = self._reporter.report(env.iteration + 1, self._metrics.require(said))
        if isinstance(env.model, lightgbm.Booster):  # else it is the folds of a cross-validation
            at_end = is_over or env.iteration + 1 == env.end_iteration
            self._reporter.keep(lambda folder: env.model.save_model(folder / _MODEL), at_end=at_end)
        if is_over:
            raise lightgbm.callback.EarlyStopException(env.iteration, results)


_MODEL = "model.txt"
