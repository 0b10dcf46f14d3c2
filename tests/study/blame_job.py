"""A study whose trials end their driver, to be run again and again: STORE HOW WORKERS [RETRIES]."""

from __future__ import annotations

import os
import signal
import sys
import time

import trimtab as tt

SPACE = tt.Space(x=tt.Float(0, 1))
CULPRIT = 3
STEPS = 6


def objective(trial: tt.Trial) -> float:
    how = os.environ["TRIMTAB_BLAME_HOW"]
    driver = int(os.environ["TRIMTAB_BLAME_DRIVER"])
    if how == "after each step":
        for step in trial.steps():
            trial.mark_checkpoint(step)
            trial.report(step, loss=1.0)
            os.kill(driver, signal.SIGKILL)
            time.sleep(60)
    elif how == "after some steps":
        for step in range(1, STEPS):
            trial.report(step, loss=1.0)
    if trial.number != CULPRIT:
        time.sleep(0.3 if driver != os.getpid() else 0.0)
        return 1.0
    if how == "exits":
        os._exit(9)
    if how in ("killed", "after some steps"):
        time.sleep(0.1)
        os.kill(driver, signal.SIGKILL)
        time.sleep(60)
    if how.startswith("SIG") and trial.attempt < 3:
        os.kill(driver, signal.Signals[how])
        time.sleep(60)
    return 1.0


def main(store: str, how: str, workers: str, retries: str = "2") -> None:
    os.environ |= {"TRIMTAB_BLAME_HOW": how, "TRIMTAB_BLAME_DRIVER": str(os.getpid())}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    study = tt.tune(
        objective,
        SPACE,
        minimize="loss",
        fidelity=tt.Fidelity("step", 1, STEPS),
        budget=1 if how == "after each step" else 6,
        workers=int(workers),
        retries=int(retries),
        optimizer="random",
        store=store,
        name="blame",
        seed=0,
    )
    print(len(study.table))


if __name__ == "__main__":
    main(*sys.argv[1:])
