"""One process of a history: a driver, a client that asks and tells, or a program that is a trial.

What it did it writes to a side log of its own (`side.py`), fsynced line by line: with it a test knows what was
acknowledged, and to whom, whatever killed the process afterwards.

Run as `python actor.py ROLE ...`; the roles are at the end of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from side import SideLog, loss_of

import trimtab as tt
from trimtab.errors import StoreError, TrialError

SPACE = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True),
    layers=tt.Int(1, 9),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0.0, 0.99, when=tt.given("optimizer").is_in(["sgd"])),
)

DRIVEN, ASKED = "driven", "asked"
"""The two studies of a history: one that drivers work on, and one that clients ask and tell."""

DAEMON = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(600)"
"""A program that forks twice and so belongs to nobody."""


def litter(dice: random.Random) -> None:
    """Now and then start what a careless trial leaves behind: a process in a session of its own, or a daemon."""
    drawn = dice.random()
    if drawn < 0.05:
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    elif drawn < 0.1:
        subprocess.run([sys.executable, "-S", "-c", DAEMON], check=True)


def objective(trial: tt.Trial) -> dict[str, float]:
    side = SideLog.mine("trial")
    dice = random.Random(f"{trial.number}/{trial.attempt}/{os.getpid()}")
    nonce = dice.getrandbits(40) + time.monotonic()
    side.write("ran", study=DRIVEN, number=trial.number, attempt=trial.attempt, nonce=nonce)
    if os.environ.get("TRIMTAB_FAULT_LITTER"):
        litter(dice)
    for step in range(1, 3):
        time.sleep(float(os.environ.get("TRIMTAB_FAULT_SECONDS", "0.02")) / 2)
        trial.report(step, loss=loss_of(trial.params) + 1 / step)
    return {"loss": loss_of(trial.params), "nonce": nonce}


class Watcher:
    """Shows progress to the side log: what a person has seen counts as told to them."""

    def __init__(self) -> None:
        self._side = SideLog.mine("driver")
        self._seen = -1

    def update(self, status: object) -> None:
        done = status.n_complete
        if done > self._seen:
            self._seen = done
            self._side.write("seen", study=DRIVEN, complete=done)

    def close(self, status: object) -> None:
        self.update(status)
        self._side.write("closed", study=DRIVEN, reason=status.reason)


def drive(arguments: argparse.Namespace) -> int:
    if arguments.executor == "command":
        work: object = tt.Command([sys.executable, __file__, "program"], name=DRIVEN)
    else:
        work = objective
    study = tt.tune(
        work,
        SPACE,
        minimize="loss",
        budget=arguments.budget,
        stop="never",  # a search that ends by itself is not what faults are thrown at here
        store=arguments.store,
        name=DRIVEN,
        seed=7,
        workers=1 if arguments.executor == "serial" else 2,
        executor=arguments.executor,
        optimizer=arguments.optimizer,
        retries=100_000,  # kills are the test's doing and not the trial's
        lease_s=3.0,
        grace_s=1.0,
        progress=Watcher(),
    )
    study.close()
    return 0


def program(_: argparse.Namespace) -> int:
    """Be a trial of the executor `command`: the same objective, told over the reporting hook."""
    about = json.loads(Path(os.environ["TRIMTAB_TRIAL_FILE"]).read_text())

    class Outside:
        number, attempt, params = about["number"], about["attempt"], about["params"]

        def report(self, step: float, **values: float) -> None:
            tt.report(step, **values)

    tt.report(**objective(Outside()))
    return 0


def client(arguments: argparse.Namespace) -> int:
    """Ask and tell until killed, or until the store is not what it was."""
    side = SideLog.mine("client")
    dice = random.Random(os.getpid())
    study = _open(arguments.store)
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        trial = study.ask(lease_s=3.0)
        side.write("asked", study=ASKED, number=trial.number, attempt=trial.attempt, params=trial.params)
        time.sleep(dice.uniform(0, 0.02))
        nonce = dice.getrandbits(40) + time.monotonic()
        side.write("telling", study=ASKED, number=trial.number, attempt=trial.attempt, nonce=nonce)
        try:
            study.tell(trial, {"loss": loss_of(trial.params), "nonce": nonce})
        except TrialError as refused:  # silent for longer than the lease: somebody else has it
            side.write("refused", study=ASKED, number=trial.number, nonce=nonce, why=str(refused))
            continue
        side.write("acknowledged", study=ASKED, number=trial.number, attempt=trial.attempt, nonce=nonce)
    study.close()
    return 0


def _open(store: str) -> tt.Study:
    try:
        return tt.create_study(SPACE, minimize="loss", store=store, name=ASKED, optimizer="random", seed=3)
    except tt.errors.StudyExistsError:
        return tt.load_study(store, ASKED)


ROLES: dict[str, Callable[[argparse.Namespace], int]] = {"drive": drive, "client": client, "program": program}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--store")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--executor", default="serial")
    parser.add_argument("--optimizer", default="random")
    parser.add_argument("--seconds", type=float, default=3600.0)
    arguments = parser.parse_args()
    try:
        return ROLES[arguments.role](arguments)
    except StoreError as error:  # a store that went away or was put back: said, and the end of this process
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
