"""Lightning: a callback of its `Trainer`, on one device or many."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trimtab as tt
from trimtab.surfaces.integrations import generators
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

if TYPE_CHECKING:
    from lightning import pytorch as lightning
else:  # the same library goes by two names, whose classes are not each other's
    is_old = "pytorch_lightning" in sys.modules and "lightning" not in sys.modules
    lightning = needed("pytorch_lightning", "pytorch-lightning") if is_old else needed("lightning.pytorch", "lightning")


class Report(lightning.Callback):  # type: ignore[misc] # the linters' environment has no Lightning
    """Reports each epoch, ends training when the scheduler says so, and keeps checkpoints.

    Metrics are called as the module logs them (`self.log("val_loss", ...)`); epochs in which some are not logged, since
    nothing is validated, are not reported. On several devices rank 0 reports what it logged (`sync_dist=True`
    averages), and all of them end at the same epoch; each makes the callback, with the trial.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.lightning.Report(trial, "val_loss")
            trainer = lightning.Trainer(max_epochs=int(trial.fidelity["epoch"]), callbacks=[report])
            trainer.fit(Module(**trial.params), data, ckpt_path=report.ckpt_path)
            return report.last
        ```

    Args:
        trial: what the objective was given, or `tt.this_trial()` in a program.
        metrics: what is reported: `"val_loss"`, several names, or {the study's name: the name that is logged}.
        checkpoint_every: epochs between checkpoints; one is written at the end too. None for none.

    Raises:
        ObjectiveError: an argument is not what is expected; at the end of training, that a metric was never logged.
    """

    def __init__(self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 1) -> None:
        super().__init__()
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "Lightning")

    @property
    def ckpt_path(self) -> str | None:
        """The checkpoint to go on with, for `ckpt_path=`: this trial's, or that of the one which it continues; or None.

        Whole Lightning checkpoints, optimizers and loops included.
        """
        folder = self._reporter.restored
        return None if folder is None else str(folder / _FILE)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's signature
        """Draw on from where the checkpoint was written, the order of the data too; for Lightning."""
        folder = self._reporter.restored
        if folder is not None and trainer.ckpt_path == str(folder / _FILE):
            generators.read(folder)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's signature
        """Report an epoch; for Lightning."""
        self._reporter.speaks = trainer.is_global_zero
        values = self._metrics.pick(trainer.callback_metrics)
        if values is None:
            return
        is_over = self._reporter.report(trainer.current_epoch + 1, values)
        is_over = bool(trainer.strategy.reduce_boolean_decision(is_over, all=False))
        trainer.should_stop = trainer.should_stop or is_over

        def write(folder: Path) -> None:
            trainer.save_checkpoint(folder / _FILE)
            if trainer.is_global_zero:
                generators.write(folder)

        at_end = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        self._reporter.keep(write, at_end=at_end)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002 - Lightning's signature
        """Look whether anything was reported; for Lightning."""
        self._metrics.require_any()


_FILE = "training.ckpt"
