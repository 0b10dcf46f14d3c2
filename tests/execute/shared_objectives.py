"""Objectives whose folds several workers may run, for `test_shared_folds.py`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import trimtab as tt

PAUSE_S = 0.1
HELPED = (0, 10)
"""The trials of which that is so."""

FOLDER = "TRIMTAB_TEST_FOLDER"
"""The variable that names the folder in which workers wait for each other; without, nobody waits."""


def comes_first(trial: tt.Trial) -> bool:
    """Return whether nobody else runs this trial yet."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return True
    try:
        Path(folder, f"first-{trial.number}-{trial.attempt}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def meet(trial: tt.Trial, n: int, *, is_first: bool) -> None:
    """Take a while for a fold, the n-th here; the first worker waits in its second one until another has begun one."""
    time.sleep(PAUSE_S)
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    helped = Path(folder, f"helped-{trial.number}-{trial.attempt}")
    if not is_first:
        helped.touch()
    deadline = time.monotonic() + 10
    while is_first and n == 1 and trial.number in HELPED and not helped.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def folds(trial: tt.Trial) -> None:
    is_first = comes_first(trial)
    for n, fold in enumerate(trial.folds()):
        meet(trial, n, is_first=is_first)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def returns_the_mean(trial: tt.Trial) -> dict[str, float]:
    is_first, losses = comes_first(trial), []
    for n, fold in enumerate(trial.folds()):
        meet(trial, n, is_first=is_first)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=losses[-1])
    return {"loss": sum(losses) / len(losses), "layers": 3.0}


def returns_what_no_fold_has(trial: tt.Trial) -> dict[str, float]:
    is_first, losses = comes_first(trial), []
    for n, fold in enumerate(trial.folds()):
        meet(trial, n if trial.attempt == 1 else 0, is_first=is_first)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, part=losses[-1])
    return {"loss": max(losses)}


def keeps_a_checkpoint(trial: tt.Trial) -> None:
    for fold in trial.folds():
        time.sleep(PAUSE_S)
        (trial.checkpoint_dir / "model").write_text(str(fold))
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def reports_as_a_whole(trial: tt.Trial) -> None:
    for step, fold in enumerate(trial.folds()):
        time.sleep(PAUSE_S)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())
        trial.report(step, loss=trial.params["x"])


def takes_all_folds_first(trial: tt.Trial) -> None:
    for fold in list(trial.folds()):
        time.sleep(PAUSE_S)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def goes_through_them_twice(trial: tt.Trial) -> None:
    data = {fold: trial.params["x"] + fold for fold in trial.folds()}
    for fold in trial.folds():
        time.sleep(PAUSE_S)
        trial.report(fold=fold, loss=data[fold], worker=os.getpid())


def kills_a_helper(trial: tt.Trial) -> None:
    is_first = comes_first(trial)
    for n, fold in enumerate(trial.folds()):
        meet(trial, n, is_first=is_first)
        if not is_first:
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def fails_in_a_helper(trial: tt.Trial) -> None:
    is_first = comes_first(trial)
    for n, fold in enumerate(trial.folds()):
        meet(trial, n, is_first=is_first)
        if not is_first:
            raise ValueError("not here")
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def kills_the_first(trial: tt.Trial) -> None:
    is_first = comes_first(trial)
    for n, fold in enumerate(trial.folds()):
        meet(trial, n if trial.attempt == 1 else 0, is_first=is_first)
        if is_first and n == 1 and trial.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(PAUSE_S)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def hangs_in_the_second(trial: tt.Trial) -> None:
    for n, fold in enumerate(trial.folds()):
        time.sleep(PAUSE_S if n == 0 else 60)
        trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def returns_the_worst(trial: tt.Trial) -> dict[str, float]:
    is_first, losses = comes_first(trial), []
    for n, fold in enumerate(trial.folds()):
        meet(trial, n if trial.attempt == 1 else 0, is_first=is_first)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=losses[-1])
    return {"loss": max(losses)}


def returns_a_cost(trial: tt.Trial) -> dict[str, float]:
    is_first, losses = comes_first(trial), []
    for n, fold in enumerate(trial.folds()):
        meet(trial, n if trial.attempt == 1 else 0, is_first=is_first)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=losses[-1])
    return {"loss": sum(losses) / len(losses), "cost": float(len(losses))}


def reports_no_fold(trial: tt.Trial) -> None:
    for fold in trial.folds():
        time.sleep(PAUSE_S)
        trial.report(1, fold=fold, loss=trial.params["x"] + fold)


def reports_the_fold_before(trial: tt.Trial) -> None:
    before = None
    for fold in trial.folds():
        time.sleep(PAUSE_S)
        if before is not None:
            trial.report(fold=before, loss=trial.params["x"] + before, worker=os.getpid())
        before = fold
    trial.report(fold=before, loss=trial.params["x"] + before, worker=os.getpid())


def skips_folds_in_a_helper(trial: tt.Trial) -> None:
    is_first = comes_first(trial)
    for n, fold in enumerate(trial.folds()):
        meet(trial, n, is_first=is_first)
        if is_first:
            trial.report(fold=fold, loss=trial.params["x"] + fold, worker=os.getpid())


def returns_the_mean_of_what_was_left(trial: tt.Trial) -> float:
    losses = []
    for fold in trial.folds():
        if trial.attempt == 1 and len(losses) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=losses[-1])
    return sum(losses) / len(losses)


def dies_where_one_runs_all(trial: tt.Trial) -> dict[str, float]:
    """Return the worst of the folds; the attempt that is to run all of them is killed in its third one."""
    is_first, losses = comes_first(trial), []
    for n, fold in enumerate(trial.folds()):
        meet(trial, n if trial.attempt == 1 else 0, is_first=is_first)
        if trial.attempt == 2 and n == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        losses.append(trial.params["x"] + fold)
        trial.report(fold=fold, loss=losses[-1])
    return {"loss": max(losses)}


def fails_where_one_runs_all(trial: tt.Trial) -> dict[str, float]:
    """Return the worst of the folds; the attempt that is to run all of them fails before it has one."""
    if trial.attempt == 2:
        raise ValueError("there is no data")
    return returns_the_worst(trial)
