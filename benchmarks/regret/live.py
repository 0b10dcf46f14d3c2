"""Trainings of scikit-learn models, run when asked for and remembered on disk.

A configuration is trained on a few fixed splits. What the optimizer is told is the loss on one of them, drawn by the
seed of the noise; the true loss is their mean. Run-times are a formula of the parameters, so that they are the same
everywhere.
"""

from __future__ import annotations

import json
import threading
import warnings
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from estimators import LIVE, Live
from task import Outcome, Params, Task

CACHE = Path(__file__).parents[1] / ".cache" / "live"
NAMES = tuple(LIVE)
N_SEARCH = 2000
"""Random configurations to find the smallest loss among: fewer than where they cost microseconds."""
N_SPLITS = 4


class Memory:
    """Losses on every split by parameters, appended to a file; a line that was cut off is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, list[float]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    key, losses = json.loads(line)
                except ValueError:
                    continue
                self._known[key] = losses

    def get(self, key: str) -> list[float] | None:
        return self._known.get(key)

    def put(self, key: str, losses: list[float]) -> None:
        with self._lock:
            self._known[key] = losses
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps([key, losses])}\n")


@cache
def _one_thread() -> Any:
    """Return what holds numerical libraries to one thread, and silence what trainings that stop early say."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import ThreadpoolController

    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="sklearn")
    return ThreadpoolController()


def _splits(live: Live) -> list[tuple[np.ndarray, ...]]:
    """Return rows and answers, to train on and to judge by, of each split."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    name, n = live.data
    rows, answers = getattr(datasets, f"load_{name}")(return_X_y=True)
    rows, answers = rows[:n], answers[:n]
    strata = None if live.loss == "rmse" else answers
    return [train_test_split(rows, answers, test_size=0.4, random_state=i, stratify=strata) for i in range(N_SPLITS)]


def _loss(live: Live, params: Params, split: tuple[np.ndarray, ...], state: int) -> float:
    train, judge, answers, right = split
    try:
        model = live.model(params, state).fit(train, answers)
        if live.loss in ("error", "rmse"):
            said = model.predict(judge)
            loss = np.mean(said != right) if live.loss == "error" else np.sqrt(np.mean((said - right) ** 2))
        else:
            chances = model.predict_proba(judge)
            hits = model.classes_[None, :] == right[:, None]
            if live.loss == "brier":
                loss = np.mean(((chances - hits) ** 2).sum(axis=1))
            else:
                loss = -np.mean(np.log(np.clip(chances[hits], 1e-3, 1.0)))
    except ValueError:  # the weights overflowed
        return live.chance
    return float(loss) if np.isfinite(loss) else live.chance


def make(name: str) -> Task:
    """Return a task.

    Raises:
        ModuleNotFoundError: scikit-learn is absent.
    """
    import sklearn

    live = LIVE[name]
    splits, threads = _splits(live), _one_thread()
    edition = zlib.crc32(Path(__file__).with_name("estimators.py").read_bytes() + Path(__file__).read_bytes())
    memory = Memory(CACHE / f"{name.replace('/', '-')}-{sklearn.__version__}-{edition:08x}.jsonl")

    def evaluate(params: Params, seed: int) -> Outcome:
        key = repr(sorted(params.items()))
        losses = memory.get(key)
        if losses is None:
            with threads.limit(limits=1):
                losses = [_loss(live, params, split, i) for i, split in enumerate(splits)]
            memory.put(key, losses)
        return Outcome(losses[seed % N_SPLITS], sum(losses) / N_SPLITS, live.seconds(params))

    family = name.split("/", maxsplit=1)[0]
    tags = frozenset({"live"} if family == "sklearn" else {"live", "special", family})
    return Task(name, live.space, evaluate, best=0.0, median=1.0, is_noisy=True, tags=tags)
