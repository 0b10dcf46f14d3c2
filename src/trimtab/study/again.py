"""A schedule on a fresh run: what population-based training found, without the population."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.checks import is_whole
from trimtab.errors import ObjectiveError, ProblemError, TrialStopped
from trimtab.execute import outcome
from trimtab.execute.plain import as_number
from trimtab.execute.protocol import Message, Reported, Task
from trimtab.execute.trial import Trial
from trimtab.explain import Explained
from trimtab.schedule.found import Schedule, Stretch
from trimtab.space.condition import shown
from trimtab.study.dispatch import trial_seed


@dataclass(frozen=True, slots=True)
class Rerun(Explained):
    """How a schedule did on a fresh run.

    Attributes:
        metrics: what the objective returned at the end.
        reports: (step, {metric: value}) as they were reported, of all stretches.
        checkpoint_dir: the folder with what was left at the end, the trained model as a rule.
    """

    metrics: dict[str, float]
    reports: tuple[tuple[float, Mapping[str, Any]], ...]
    checkpoint_dir: Path


def replay_schedule(
    objective: Callable[[Trial], object],
    schedule: Schedule | Mapping[str, Any],
    *,
    seed: int = 0,
    directory: str | Path | None = None,
) -> Rerun:
    """Train anew along a schedule, in this process, and return how that did.

    The objective is called once for each stretch, as it was in the study: with the stretch's parameters and its end,
    and a copy of the checkpoint that the one before left. Nothing is put on record.

    Args:
        objective: the function of a `tt.Trial` that was tuned, which keeps checkpoints.
        schedule: of `study.schedule(trial)`, or what its `to_json` wrote.
        seed: from it and the trials' numbers come the seeds `trial.seed`; with that of the study they are the same.
        directory: where checkpoints are kept, a folder that is empty or not there yet; a new temporary one if None,
            which stays.

    Returns:
        the metrics at the end, the reports and the last checkpoint folder.

    Raises:
        ProblemError: the schedule is none, the folder is not empty, or an argument is not what it should be.
        ObjectiveError: the objective failed, or did not return the metrics.

    Example:
        ```python
        schedule = study.schedule(study.best.number)
        tt.replay_schedule(train, schedule, seed=1).metrics
        ```
    """
    if not callable(objective):
        raise ProblemError(f"replay_schedule expects a function of a tt.Trial; got {shown(objective)}.")
    if not is_whole(seed):
        raise ProblemError(f"replay_schedule expects seed= to be a whole number; got {shown(seed)}.")
    if not isinstance(schedule, Schedule):
        schedule = Schedule.from_json(schedule)
    root = Path(tempfile.mkdtemp(prefix="trimtab-schedule-") if directory is None else directory)
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise ProblemError(f"replay_schedule trains anew and expects an empty folder; {root} is not empty.")
    channel = _Channel()
    before: Stretch | None = None
    values: object = None
    for stretch in schedule:
        task = Task(
            number=stretch.trial,
            attempt=1,
            token=f"schedule-{stretch.trial}",
            params=dict(stretch.params),
            fidelity={schedule.fidelity: stretch.end},
            start={schedule.fidelity: schedule.low},
            resume_from=None if before is None else before.trial,
            resume_dir=None if before is None else _folder(root, before),
            metrics=schedule.metrics,
            checkpoint_dir=_folder(root, stretch),
            log_dir=root / f"{stretch.trial}-logs",
            study="schedule",
            seed=trial_seed(seed, stretch.trial),
            names=tuple(dict.fromkeys(name for each in schedule for name in each.params)),
        )
        ended = outcome.run(objective, task, channel).message
        if ended.stopped is not None:
            raise TrialStopped(ended.stopped)
        if ended.failure is not None:
            raise ObjectiveError(
                f"the schedule failed from {schedule.fidelity} {stretch.begin:g} to {stretch.end:g} "
                f"({ended.failure}): {ended.error}"
            )
        values, before = ended.values, stretch
    return Rerun(_metrics(schedule, values), tuple(channel.reports), _folder(root, schedule.stretches[-1]))


def _folder(root: Path, stretch: Stretch) -> Path:
    return root / str(stretch.trial)


def _metrics(schedule: Schedule, values: object) -> dict[str, float]:
    """Return what an objective returned as numbers by name.

    Raises:
        ObjectiveError: a metric is missing or no number.
    """
    if not isinstance(values, Mapping):
        values = {schedule.metrics[0]: values} if len(schedule.metrics) == 1 else {}
    found = {str(name): number for name, value in values.items() if (number := as_number(value)) is not None}
    missing = [name for name in schedule.metrics if name not in found]
    if missing:
        raise ObjectiveError(f"the objective is to return {', '.join(schedule.metrics)}; {missing[0]} is no number.")
    return found


class _Channel:
    """Keeps what is reported; nobody ends the trial."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, Mapping[str, Any]]] = []

    def send(self, message: Message) -> None:
        if isinstance(message, Reported):
            self.reports.append((message.step, dict(message.values)))

    def halted(self) -> str | None:
        return None
