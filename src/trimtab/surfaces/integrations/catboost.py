"""CatBoost: a callback of the `fit` of its estimators."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import trimtab as tt
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

needed("catboost")


class Report:
    """Reports each boosting round, ends training when the scheduler says so, and keeps checkpoints.

    Checkpoints are CatBoost's own snapshots, which it must be told to write: `**report.snapshot` does. They are a round
    behind, so that round is run again, and only a model of the same settings takes them up: where trials continue
    others, do not use `trial.seed`, which differs. Metrics are called by data and metric: `validation-RMSE` is the RMSE
    of `eval_set`.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.catboost.Report(trial, "validation-RMSE")
            model = CatBoostRegressor(iterations=int(trial.fidelity["round"]), **trial.params)
            model.fit(x, y, eval_set=held_out, callbacks=[report], **report.snapshot)
            return report.last
        ```

    Args:
        trial: what the objective was given.
        metrics: what is reported: `"validation-RMSE"`, several names, or {the study's name: CatBoost's name}.
        checkpoint_every: rounds between checkpoints; one is written where training is stopped, and after as many rounds
            as the trial's fidelity says, of several the one that counts steps. None for none.

    Raises:
        ObjectiveError: an argument is not what is expected; in training, that a metric is not measured.
    """

    def __init__(self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 10) -> None:
        # 10: a snapshot is copied whole, and grows with the rounds; by taste
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "CatBoost")
        try:
            self._end: int | None = trial.steps().stop - 1
        except tt.errors.ProblemError:  # nothing says how far it goes
            self._end = None
        if checkpoint_every is not None:
            folder = self._reporter.restored
            self._working.unlink(missing_ok=True)  # it may be later than the checkpoint, or half written
            if folder is not None:
                shutil.copyfile(folder / _FILE, self._working)

    @property
    def snapshot(self) -> dict[str, Any]:
        """Arguments for `fit` that let CatBoost write a snapshot after each round, and go on from the last."""
        if self._reporter.every is None:
            return {}
        return {"save_snapshot": True, "snapshot_file": str(self._working), "snapshot_interval": 0}

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def after_iteration(self, info: Any) -> bool:
        """Report a round; for CatBoost. The snapshot that it has written by now is that of the round before."""
        before = self._reporter.step, self._reporter.last
        said = {f"{data}-{name}": of[-1] for data, metrics in info.metrics.items() for name, of in metrics.items()}
        is_over = self._reporter.report(info.iteration, self._metrics.require(said))
        at_end = is_over or info.iteration == self._end
        self._reporter.keep(lambda folder: shutil.copyfile(self._working, folder / _FILE), at_end=at_end, of=before)
        return not is_over

    @property
    def _working(self) -> Path:
        """Where CatBoost writes its snapshots; in full, since it takes others for names within its `train_dir`."""
        return self._reporter.trial.checkpoint_dir.absolute() / "catboost-snapshot"


_FILE = "snapshot"
