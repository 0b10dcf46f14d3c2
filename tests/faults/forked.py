"""What the fork tests run: a process whose threads ask and tell while others fork, and children that go on.

`python tests/faults/forked.py STORE FOLDER WAY CHILDREN TRIALS OPTIMIZER`. Each side writes what was acknowledged into
a file of its own in FOLDER, so that the test knows the truth from elsewhere than the log.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from pathlib import Path

import trimtab as tt

SPACE = tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1))


def ask_and_tell(study: tt.Study, truth: Path, n: int) -> None:
    """Ask and tell `n` times, and write down what was acknowledged."""
    with truth.open("a") as acknowledged:
        for _ in range(n):
            trial = study.ask()
            loss = trial.params["x"] + trial.params["y"]
            study.tell(trial, loss)
            acknowledged.write(f"{trial.number} {loss!r}\n")
            acknowledged.flush()


def child(study: tt.Study, folder: Path, n: int) -> None:
    """Be a child: go on with the parent's study."""
    ask_and_tell(study, folder / f"child-{os.getpid()}", n)


def fork_by_hand(study: tt.Study, folder: Path, children: int, n: int) -> list[int]:
    """Fork from `children` threads at once; return how the children ended."""
    ended: list[int] = []
    together = threading.Barrier(children)

    def fork() -> None:
        together.wait()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(study, folder, n)
                code = 0
            finally:
                os._exit(code)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    threads = [threading.Thread(target=fork) for _ in range(children)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def fork_a_pool(study: tt.Study, folder: Path, children: int, n: int) -> list[int]:
    """Let multiprocessing fork; return how the children ended."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=child, args=(study, folder, n)) for _ in range(children)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode or 0 for process in processes]


def main() -> None:
    store, name, way, children, trials, optimizer = sys.argv[1:]
    folder = Path(name)
    study = tt.create_study(SPACE, minimize="loss", store=store, name="forked", optimizer=optimizer, seed=0)
    over = threading.Event()

    def busy(i: int) -> None:
        while not over.is_set():
            ask_and_tell(study, folder / f"thread-{i}", 1)

    threads = [threading.Thread(target=busy, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    ended = {"fork": fork_by_hand, "pool": fork_a_pool}[way](study, folder, int(children), int(trials))
    over.set()
    for thread in threads:
        thread.join()
    study.close()
    sys.exit(any(ended))


if __name__ == "__main__":
    main()
