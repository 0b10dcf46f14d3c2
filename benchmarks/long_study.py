"""Whether a proposal costs the same however long the study is: CPU time and memory at 1,000 to 20,000 trials.

    python benchmarks/long_study.py
    python benchmarks/long_study.py --trials 10000

A study in memory over ten floats is filled with random trials, one in twenty of which fails. At each length ten trials
follow, asked of the engine one after the other, each told before the next: their median is the figure, since now and
then an ask fits the model's hyperparameters anew. Engines look at so many trials and no more, of those that failed at
150; that many there are from 3,000 trials on, so it is with the second length that the last one is compared. Memory
is what Python and NumPy hold (tracemalloc), in a process of its own, from the first length on.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from itertools import pairwise
from statistics import median

import numpy as np

import trimtab as tt
from _figures import Figures

LENGTHS = (1_000, 5_000, 10_000, 20_000)
N_ASKS = 10
RATIO = 1.2


class Filled:
    """A study that grows by random trials.

    Args:
        engine: the optimizer's name.
    """

    def __init__(self, engine: str) -> None:
        self._space = tt.Space({f"x{i}": tt.Float(0.0, 1.0) for i in range(10)})
        self._rng = np.random.default_rng(0)
        self.study = tt.create_study(self._space, minimize="loss", optimizer=engine, seed=0)

    def fill(self, n: int) -> float:
        """Put random trials on record until there are n, and return the CPU seconds that each took."""
        missing = n - len(self.study.table)
        rows = self._space.decode(self._space.sample(self._rng, missing))
        began = time.process_time()
        for row in rows:
            self.study.enqueue(row)
            self._end(self.study.ask())
        return (time.process_time() - began) / max(missing, 1)

    def ask(self) -> float:
        """Run a trial that the engine proposes, and return the CPU seconds of the ask."""
        began = time.process_time()
        trial = self.study.ask()
        took = time.process_time() - began
        self._end(trial)
        return took

    def _end(self, trial: tt.Trial) -> None:
        if trial.number % 20 == 7:
            self.study.tell(trial.number, failed="exception")
            return
        x = np.array(list(trial.params.values()))
        self.study.tell(trial.number, float(((x - 0.3) ** 2).sum() + 0.1 * np.sin(20 * x[0])))


def times(engine: str, lengths: tuple[int, ...]) -> list[dict[str, float]]:
    """Return what an ask and a trial cost at each length, and the first ask, which catches up with what was filled."""
    filled, found = Filled(engine), []
    for length in lengths:
        trial = filled.fill(length)
        first = filled.ask()
        found.append({"trial": trial, "first": first, "ask": median(filled.ask() for _ in range(N_ASKS))})
    return found


def memory(engine: str, lengths: tuple[int, ...]) -> list[float]:
    """Return the bytes that are held at each length, beyond those at the first one."""
    filled, found = Filled(engine), []
    for length in lengths:
        filled.fill(length)
        for _ in range(3):
            filled.ask()
        if not tracemalloc.is_tracing():  # modules were loaded by now
            tracemalloc.start()
        gc.collect()
        found.append(float(tracemalloc.get_traced_memory()[0]))
    return found


def run(what: str, engine: str, lengths: tuple[int, ...]) -> list:
    """Return what this script finds in a process of its own."""
    command = [sys.executable, __file__, "--child", what, "--engine", engine, "--lengths", json.dumps(lengths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=LENGTHS[-1], help="length of the longest study")
    parser.add_argument("--child", choices=["times", "memory"], help=argparse.SUPPRESS)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--lengths", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        work = times if arguments.child == "times" else memory
        print(json.dumps(work(arguments.engine, tuple(arguments.lengths))))
        return 0
    lengths = tuple(length for length in LENGTHS if length <= arguments.trials)
    if len(lengths) < 3:
        parser.error(f"--trials is at least {LENGTHS[2]:,}")
    figures = Figures(__file__, __doc__, "scipy")
    for engine in ("auto", "gp"):
        found = run("times", engine, lengths)
        for length, each in zip(lengths, found, strict=True):
            figures.add(f"ask, {engine}, at {length:,} trials, median of {N_ASKS}", each["ask"] * 1e3, "ms")
        first, early, late = found[0], found[1], found[-1]
        figures.add(f"ask at {lengths[-1]:,} trials over {lengths[0]:,}, {engine}", late["ask"] / first["ask"], "times")
        what = f"{lengths[-1]:,} trials over {lengths[1]:,}, {engine}"
        figures.add(f"ask at {what}", late["ask"] / early["ask"], "times", at_most=RATIO)
        figures.add(f"enqueue, ask and tell at {what}", late["trial"] / early["trial"], "times", at_most=RATIO)
        figures.add(f"first ask after {lengths[-1] - lengths[-2]:,} trials, {engine}", late["first"] * 1e3, "ms")
        held = run("memory", engine, lengths)
        growth = [(b - a) / (m - n) for (a, b), (n, m) in zip(pairwise(held), pairwise(lengths), strict=True)]
        for (n, m), each in zip(pairwise(lengths), growth, strict=True):
            figures.add(f"memory for 1,000 trials, {engine}, {n:,} to {m:,}", each * 1e3 / 2**20, "MB")
        figures.add(f"the last over the first, {engine}", growth[-1] / growth[0], "times", at_most=RATIO)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
