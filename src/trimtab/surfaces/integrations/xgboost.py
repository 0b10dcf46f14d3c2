"""XGBoost: a callback of `xgboost.train`, of its scikit-learn estimators and of `xgboost.cv`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trimtab as tt
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

if TYPE_CHECKING:
    import xgboost
else:
    xgboost = needed("xgboost")


class Report(xgboost.callback.TrainingCallback):  # type: ignore[misc] # the linters' environment has no xgboost
    """Reports each boosting round, ends training when the scheduler says so, and keeps checkpoints.

    Metrics are called as XGBoost prints them: `valid-logloss` is the logloss of `evals=[(data, "valid")]`; the
    scikit-learn estimators call the first of their `eval_set` `validation_0`.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.xgboost.Report(trial, "valid-logloss")
            booster = xgboost.train(
                trial.params, data, num_boost_round=len(trial.steps()), evals=[(held_out, "valid")],
                xgb_model=report.model, callbacks=[report],
            )
            return report.last
        ```

    Args:
        trial: what the objective was given.
        metrics: what is reported: `"valid-logloss"`, several names, or {the study's name: XGBoost's name}.
        checkpoint_every: rounds between checkpoints; one is written at the end too. None for none.

    Raises:
        ObjectiveError: an argument is not what is expected; in training, that a metric is not measured.
    """

    def __init__(self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 10) -> None:
        # 10: a model is written whole, and grows with the rounds; by taste
        super().__init__()
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "XGBoost")

    @property
    def model(self) -> str | None:
        """The model to go on with, for `xgb_model=`: this trial's, or that of the one which it continues; or None."""
        folder = self._reporter.restored
        return None if folder is None else str(folder / _MODEL)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
        """Report a round; for XGBoost."""
        is_one = isinstance(model, xgboost.Booster)  # else it is the folds of a cross-validation
        said = {
            f"{data}-{name}": values[-1] if is_one else values[-1][0]
            for data, metrics in evals_log.items()
            for name, values in metrics.items()
        }
        rounds = model.num_boosted_rounds() if is_one else epoch + 1
        is_over = self._reporter.report(rounds, self._metrics.require(said))
        if is_one:
            self._reporter.keep(lambda folder: model.save_model(folder / _MODEL), at_end=is_over)
        return is_over

    def after_training(self, model: Any) -> Any:
        """Write the last checkpoint; for XGBoost."""
        if isinstance(model, xgboost.Booster):
            self._reporter.keep(lambda folder: model.save_model(folder / _MODEL), at_end=True)
        return model


_MODEL = "model.ubj"
