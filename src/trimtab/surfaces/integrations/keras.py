"""Keras: a callback of `Model.fit`, with any backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import trimtab as tt
from trimtab.surfaces.integrations import generators
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

if TYPE_CHECKING:
    import keras
else:
    keras = needed("keras")


class Report(keras.callbacks.Callback):  # type: ignore[misc] # the linters' environment has no Keras
    """Reports each epoch, ends training when the scheduler says so, and keeps checkpoints.

    The weights of the model and its optimizer are restored when training begins, if there is a checkpoint; so the model
    must be built (`keras.Input`) and compiled by then. Metrics are called as in Keras's logs; epochs in which some are
    not there, since nothing is validated, are not reported.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.keras.Report(trial, "val_loss")
            model = build(**trial.params)
            model.fit(
                x, y, validation_data=held_out, epochs=int(trial.fidelity["epoch"]),
                initial_epoch=report.initial_epoch, callbacks=[report],
            )
            return report.last
        ```

    Args:
        trial: what the objective was given.
        metrics: what is reported: `"val_loss"`, several names, or {the study's name: Keras's name}.
        checkpoint_every: epochs between checkpoints; one is written at the end too. None for none.

    Raises:
        ObjectiveError: an argument is not what is expected; at the end of training, that a metric was never there.
    """

    def __init__(self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 1) -> None:
        super().__init__()
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "Keras")

    @property
    def initial_epoch(self) -> int:
        """The epochs that this trial, or the one which it continues, has behind it; for `initial_epoch=`."""
        return self._reporter.restored_step

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        """Restore the checkpoint, if there is one; for Keras."""
        folder = self._reporter.restored
        if folder is None:
            return
        if not self.model.optimizer.built:  # else there is nothing yet that its state could be put into
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(folder / _FILE)
        generators.read(folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report an epoch; for Keras."""
        values = self._metrics.pick(logs or {})
        if values is None:
            return
        is_over = self._reporter.report(epoch + 1, values)
        self._reporter.keep(self._write, at_end=is_over)
        if is_over:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        """Write the last checkpoint, and look whether anything was reported; for Keras."""
        self._reporter.keep(self._write, at_end=True)
        self._metrics.require_any()

    def _write(self, folder: Path) -> None:
        self.model.save_weights(folder / _FILE)
        generators.write(folder)


_FILE = "model.weights.h5"
