"""An executor whose trials outlive drivers, as a stranger would write one over a batch system.

Each task is a folder with what is to be run, a process of its own session, and a file of lines that it appends to. Run
as a script, this is that process (`job FOLDER`), or a driver that tests kill (`drive STORE FOLDER`).
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import trimtab as tt
from trimtab.execute import outcome
from trimtab.execute.protocol import Exited, Lost, Message, Noted, Reported, Started, Task

KINDS = {kind.__name__: kind for kind in (Started, Reported, Noted, Exited)}
PAUSE_S = 0.3


class Spool:
    traits = frozenset({"durable"})

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, int] = {}

    def free(self) -> None:
        return None

    def submit(self, task: Task) -> str:
        handle = task.token.replace("/", "-")
        home = self.folder / handle
        home.mkdir(parents=True)
        (home / "task.pkl").write_bytes(pickle.dumps(task))
        with open(os.devnull, "w") as null:
            process = subprocess.Popen(
                [sys.executable, __file__, "job", str(home)], start_new_session=True, stdout=null, stderr=null
            )
        (home / "pid").write_text(str(process.pid))
        self.read[handle] = 0
        return handle

    def poll(self, timeout: float) -> Sequence[Message]:
        deadline = time.monotonic() + timeout
        while True:
            found = [message for handle in list(self.read) for message in self._news(handle)]
            if found or time.monotonic() >= deadline:
                return found
            time.sleep(0.01)

    def _news(self, handle: str) -> list[Message]:
        home = self.folder / handle
        is_gone = not _runs(home)
        text = (home / "said").read_text() if (home / "said").exists() else ""
        lines, self.read[handle] = text[self.read[handle] :].splitlines(), len(text)
        found = [KINDS[name](**fields) for name, fields in map(json.loads, lines)]
        if any(isinstance(message, Exited) for message in found):
            del self.read[handle]
        elif is_gone:
            del self.read[handle]
            task = pickle.loads((home / "task.pkl").read_bytes())
            found.append(Lost(task.number, task.attempt, "its job is gone"))
        return found

    def halt(self, handle: str, reason: str) -> None:
        (self.folder / handle / "halt").write_text(reason)

    def cancel(self, handle: str, grace: float) -> None:
        """Jobs here end at their next report."""

    def attach(self, handles: Iterable[str]) -> None:
        self.read.update(dict.fromkeys(handles, 0))

    def close(self) -> None:
        self.read.clear()


def _runs(home: Path) -> bool:
    try:
        pid = int((home / "pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return False
    return state != "Z"


class Line:
    def __init__(self, home: Path) -> None:
        self.home = home

    def send(self, message: Message) -> None:
        with (self.home / "said").open("a") as said:
            said.write(json.dumps([type(message).__name__, asdict(message)]) + "\n")

    def halted(self) -> str | None:
        halt = self.home / "halt"
        return halt.read_text() if halt.exists() else None


def job(home: Path) -> None:
    task = pickle.loads((home / "task.pkl").read_bytes())
    line = Line(home)
    line.send(Started(task.number, task.attempt, os.getpid()))
    line.send(outcome.run(objective, task, line).message)


def objective(trial: tt.Trial) -> float:
    for step in range(1, 6):
        time.sleep(PAUSE_S)
        trial.report(step, loss=trial.params["x"] / step)
    return trial.params["x"]


def drive(store: str, folder: Path) -> None:
    tt.tune(
        objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=8, workers=3, executor=Spool(folder),
        store=store, name="spool", seed=0, optimizer="random", progress=False,
    ).close()  # fmt: skip


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1] == "job":
        job(Path(sys.argv[2]))
    else:
        drive(sys.argv[2], Path(sys.argv[3]))
