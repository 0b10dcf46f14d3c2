"""`trimtab.this_trial`: the trial that a Python program runs as, with checkpoints and steps, as a function gets it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from trimtab.errors import ExecutorError, ObjectiveError
from trimtab.execute import hook
from trimtab.execute.protocol import Message, Reported, Task
from trimtab.execute.trial import Trial
from trimtab.ledger.curves import AT_END

TRIAL_FILE = "TRIMTAB_TRIAL_FILE"
"""Names, in the environment of a command, the file that describes its trial."""


def this_trial() -> Trial | None:
    """Return the trial that this program runs as; None where it was not started by Trimtab.

    It is what a function gets: `params`, `steps()`, `folds()`, `report`, `should_stop`, `checkpoint_dir`,
    `mark_checkpoint`. The result is reported as by any program: with `trimtab.report(loss=0.3)`, or as a printed JSON
    line; where every fold was reported it may be left out. All processes of the program may call this; let one of them
    report.

    Example:
        ```python
        trial = trimtab.this_trial()
        for epoch in trial.steps():  # after the last checkpoint, up to the assigned fidelity
            trial.report(epoch, loss=train(epoch))
        trimtab.report(loss=validate())
        ```

    Raises:
        ExecutorError: the file that describes the trial cannot be read.
    """
    path = os.environ.get(TRIAL_FILE)
    if path is None:
        return None
    try:
        about = json.loads(Path(path).read_text(encoding="utf-8"))
        task = Task(
            number=about["number"],
            attempt=about["attempt"],
            token=about["token"],
            params=about["params"],
            fidelity=about["fidelity"],
            start=about["start"],
            counts=about.get("counts"),
            resume_from=about["parent"],
            metrics=tuple(about["metrics"]),
            folds=about["folds"],
            fold_names=tuple(about["fold_names"]),
            cells=None if about["cells"] is None else tuple(about["cells"]),
            checkpoint_dir=Path(about["checkpoint_dir"]),
            log_dir=Path(path).parent,
            study=about["study"],
            seed=about["seed"],
            names=tuple(about["names"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExecutorError(
            f"{TRIAL_FILE} names {path}, which does not describe a trial ({error}); it is set by Trimtab alone."
        ) from None
    return Trial(task, _Channel())


class _Channel:
    """Passes on what a program says of its trial, as `trimtab.report` does."""

    def send(self, message: Message) -> None:
        if not isinstance(message, Reported):
            raise ObjectiveError("a program's trial takes no notes; print what is to be kept, its output is.")
        hook.say(None if message.step == AT_END else message.step, message.values, message.fold)

    def halted(self) -> str | None:
        return hook.halted()
