"""Transformers: a callback of its `Trainer`, on one device or many."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trimtab as tt
from trimtab.errors import ObjectiveError
from trimtab.surfaces.integrations.needed import needed
from trimtab.surfaces.integrations.reporter import Metrics, Picker, Reported, Reporter

if TYPE_CHECKING:
    import torch
    import transformers
else:
    transformers = needed("transformers")
    torch = needed("torch")  # Trainer's


class Report(transformers.TrainerCallback):  # type: ignore[misc] # the linters' environment has no Transformers
    """Reports each evaluation, ends training when the scheduler says so, and keeps the checkpoints that are saved.

    What the `Trainer` saves where it has just evaluated is kept for the trial, and its own settings say when that is:
    `eval_strategy="epoch", save_strategy="epoch"`. Its `output_dir` may be any folder; within `trial.checkpoint_dir` a
    checkpoint takes no room twice. On several devices rank 0 reports, and all of them end at the same evaluation; each
    makes the callback, with the trial.

    Example:
        ```python
        def train(trial):
            report = tt.integrations.transformers.Report(trial, "eval_loss")
            arguments = TrainingArguments(
                str(trial.checkpoint_dir / "trainer"), num_train_epochs=int(trial.fidelity["epoch"]),
                eval_strategy="epoch", save_strategy="epoch", save_total_limit=1, **trial.params,
            )
            trainer = Trainer(model, arguments, train_dataset=data, eval_dataset=held_out, callbacks=[report])
            trainer.train(resume_from_checkpoint=report.resume_from_checkpoint)
            return report.last
        ```

    Args:
        trial: what the objective was given, or `tt.this_trial()` in a program.
        metrics: what is reported: `"eval_loss"`, several names, or {the study's name: the Trainer's name}.
        checkpoint_every: which of the saved checkpoints are kept: those after so many epochs or steps, and the last.
            None for none.
        counts: what a step of the trial is: an `"epoch"`, or a `"step"` of the optimizer.

    Raises:
        ObjectiveError: an argument is not what is expected; in training, that it is evaluated within an epoch while
            epochs are counted; at its end, that a metric was never there.
    """

    def __init__(
        self, trial: tt.Trial, metrics: Metrics, *, checkpoint_every: int | None = 1, counts: str = "epoch"
    ) -> None:
        if counts not in ("epoch", "step"):
            raise ObjectiveError(f'counts= is "epoch" or "step"; got {counts!r}.')
        self._counts = counts
        self._reporter = Reporter(trial, checkpoint_every)
        self._metrics = Picker(metrics, "the Trainer")
        self._reported_at = -1

    @property
    def resume_from_checkpoint(self) -> str | None:
        """The checkpoint to go on with, for `Trainer.train`: this trial's, or that of the one which it continues."""
        folder = self._reporter.restored
        return None if folder is None else str(folder / _FOLDER)

    @property
    def last(self) -> Reported | None:
        """What was reported last, also by what this trial goes on from; an objective may return it."""
        return self._reporter.last

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002 - their signature
        """Report an evaluation; for the Trainer."""
        self._reporter.speaks = state.is_world_process_zero
        values = self._metrics.pick(more["metrics"])
        if values is None:
            return
        is_over = _on_all_ranks(self._reporter.report(self._step(state), values))
        self._reported_at = state.global_step
        if is_over:
            control.should_training_stop = True
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002 - their signature
        """Keep a checkpoint that was saved; for the Trainer."""
        saved = Path(args.output_dir) / f"{transformers.trainer_utils.PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if not self._reporter.speaks or state.global_step != self._reported_at or not saved.is_dir():
            return
        at_end = control.should_training_stop or state.global_step >= state.max_steps
        self._reporter.keep(lambda folder: _take(saved, folder / _FOLDER), at_end=at_end)

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002 - their signature
        """Look whether anything was reported; for the Trainer."""
        self._metrics.require_any()

    def _step(self, state: Any) -> int:
        if self._counts == "step":
            return int(state.global_step)
        whole: int = round(state.epoch)
        # An epoch is a quotient of steps; half a step of the longest epoch that there may be is more than this.
        if abs(state.epoch - whole) > 1e-9:
            raise ObjectiveError(
                f'the Trainer evaluates within an epoch, at {state.epoch:g}; with eval_strategy="epoch" it does so at '
                'the end of each, and Report(..., counts="step") counts steps of the optimizer.'
            )
        return whole


_FOLDER = "checkpoint"


def _on_all_ranks(is_over: bool) -> bool:  # noqa: FBT001 - the word of rank 0
    """Return what rank 0 says."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return is_over
    said = [is_over]
    torch.distributed.broadcast_object_list(said, src=0)
    return said[0]


def _take(saved: Path, target: Path) -> None:
    """Give a checkpoint a second name; the Trainer writes each into files of its own and may remove its older ones."""

    def link(source: str, name: str) -> None:
        try:
            os.link(source, name)
        except OSError:  # another file system, or one without links
            shutil.copy2(source, name)

    shutil.copytree(saved, target, copy_function=link)
