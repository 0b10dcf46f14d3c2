"""The tasks: whole learning curves, with what each step takes, and the truth behind them.

lcbench      MLPs on 34 OpenML tasks, 52 epochs, through the network that YAHPO Gym fitted to LCBench; its own times
taskset      Adam on 4 text tasks, 1,000 configurations x 50 steps (DyHPO's selection of TaskSet); all steps cost alike
adversarial  curves that say the contrary of the end, nothing until late, or that diverge late
ladder       a share of the data: nothing carries over, each rung is paid in full, costs have heavy tails; what it ranks
             otherwise than the end is noise, or, in the last two, that the best lies elsewhere on less data

Which half a task is in is fixed by its place in its family: the first, third, fifth are to tune, the others to report.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt
from trimtab.arrays import Floats

DATA = Path(os.environ.get("TRIMTAB_BENCH_DATA") or Path(__file__).parents[3] / "shared" / "bench-data")

Params = Mapping[str, Any]

N_SCALE = 10_000
"""Random configurations of which the scale of a task is made."""


@dataclass(frozen=True)
class CurveTask:
    """One problem.

    Attributes:
        name: "family/detail".
        space: what may be tried.
        fidelity: what a trial can be run less of.
        steps: where trials report before their end; the highest is no such step.
        curves: of n configurations (losses [n, S], seconds from the beginning [n, S]) at the steps and at the end.
        carries_over: whether a trial goes on where the one ended that it continues.
    """

    name: str
    space: tt.Space
    fidelity: tt.Fidelity
    steps: tuple[float, ...]
    curves: Callable[[list[Params]], tuple[Floats, Floats]]
    carries_over: bool = True

    @property
    def at(self) -> tuple[float, ...]:
        """The fidelities that `curves` tells of: what a ladder of thirds needs."""
        return (*self.looked, self.fidelity.high)

    @property
    def looked(self) -> tuple[float, ...]:
        return self.steps or tuple(3.0**k for k in range(3))

    def look(self) -> Callable[[Params, float], tuple[float, float]]:
        """Return what a `Tabulated` looks up."""

        @lru_cache(maxsize=4096)
        def curve(items: tuple[tuple[str, Any], ...]) -> tuple[Floats, Floats]:
            losses, seconds = self.curves([dict(items)])
            return losses[0], seconds[0]

        def look(params: Params, step: float) -> tuple[float, float]:
            losses, seconds = curve(tuple(params.items()))
            at = self.at.index(step)
            return float(losses[at]), float(seconds[at])

        return look

    def scale(self) -> tuple[Floats, float]:
        """Return (the losses in the end of random configurations, sorted; what a whole one takes on average)."""
        params = self.space.decode(self.space.sample(np.random.default_rng(0), N_SCALE))
        losses, seconds = self.curves(params)
        return np.sort(losses[:, -1]), float(seconds[:, -1].mean())


# LCBench

EPOCHS = 52
INPUTS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
LCBENCH_SPACE = tt.Space(
    batch_size=tt.Int(16, 512, log=True),
    learning_rate=tt.Float(1e-4, 0.1, log=True),
    max_dropout=tt.Float(0.0, 1.0),
    max_units=tt.Int(64, 1024, log=True),
    momentum=tt.Float(0.1, 0.99),
    num_layers=tt.Int(1, 5),
    weight_decay=tt.Float(1e-5, 0.1),
)


@lru_cache(maxsize=1)
def _network() -> tuple[Any, dict[str, int]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = DATA / "lcbench" / "model.onnx"
    if not path.is_file():
        raise FileNotFoundError(f"the lcbench tasks need {path}: set TRIMTAB_BENCH_DATA to the folder of the data.")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    codes = json.loads((DATA / "lcbench" / "encoding.json").read_text(encoding="utf-8"))["OpenML_task_id"]
    return session, codes


def _lcbench(name: str) -> CurveTask:
    steps = (1.0, 3.0, 9.0, 27.0)
    epochs = np.array([*steps, EPOCHS], dtype=np.float32)

    def curves(params: list[Params]) -> tuple[Floats, Floats]:
        session, codes = _network()
        one = np.array([[p[key] for key in INPUTS] for p in params], dtype=np.float32)
        x = np.column_stack([np.tile(epochs, len(one)), np.repeat(one, len(epochs), axis=0)])
        code = np.full((len(x), 1), codes[name.split("/")[1]], dtype=np.int32)
        out = session.run(None, {"x_cat": code, "x_cont": x})[0].reshape(len(one), len(epochs), -1).astype(np.float64)
        seconds = np.maximum.accumulate(np.maximum(out[:, :, 0], 0.01 * epochs), axis=1)
        return 100.0 - out[:, :, 1], seconds

    return CurveTask(name, LCBENCH_SPACE, tt.Fidelity("epoch", 1, EPOCHS, log=True), steps, curves)


# TaskSet


@lru_cache(maxsize=4)
def _taskset_table(name: str) -> tuple[list[str], Floats, Floats]:
    path = DATA / "taskset" / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"the taskset tasks need {path}: set TRIMTAB_BENCH_DATA to the folder of the data.")
    rows = json.loads(path.read_text(encoding="utf-8"))
    names = list(rows[0]["hp"])
    x = np.log10(np.array([[row["hp"][key] for key in names] for row in rows]).clip(1e-12))
    curves = np.array([row["valid"]["loss"][1:] for row in rows], dtype=np.float64)  # the first is before training
    return names, x, np.nan_to_num(curves, nan=10.0, posinf=10.0).clip(max=10.0)


def _taskset(name: str) -> CurveTask:
    names, x, table = _taskset_table(name.split("/")[1])
    low, high = x.min(axis=0), x.max(axis=0)
    space = tt.Space({key: tt.Float(10.0**a, 10.0**b, log=True) for key, a, b in zip(names, low, high, strict=True)})
    steps, at = (1.0, 3.0, 9.0, 27.0), np.array([1, 3, 9, 27, 50])

    def curves(params: list[Params]) -> tuple[Floats, Floats]:
        wanted = (np.log10([[p[key] for key in names] for p in params]) - low) / (high - low)
        known = (x - low) / (high - low)
        nearest = ((wanted[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
        return table[nearest][:, at - 1], np.tile(60.0 * at, (len(params), 1))

    def in_pieces(params: list[Params]) -> tuple[Floats, Floats]:
        parts = [curves(params[i : i + 500]) for i in range(0, len(params), 500)]
        return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])

    return CurveTask(name, space, tt.Fidelity("step", 1, 50, log=True), steps, in_pieces)


# Made up

FOUR = tt.Space(
    lr=tt.Float(1e-5, 1, log=True), decay=tt.Float(1e-6, 0.1, log=True), width=tt.Float(0, 1), drop=tt.Float(0, 1)
)
ENDS = np.array([1.0, 3.0, 9.0, 27.0, 81.0])


def _units(params: list[Params]) -> Floats:
    return FOUR.to_unit(FOUR.encode(params))


def _final(u: Floats) -> Floats:
    return ((u - np.array([0.35, 0.4, 0.7, 0.2])) ** 2 * np.array([3.0, 0.8, 0.5, 0.4])).sum(axis=1)


def _noise(u: Floats, key: int) -> Floats:
    """Return [n] standard normal noise, a function of the configuration."""
    return np.array([np.random.default_rng([key, zlib.crc32(row.tobytes())]).normal() for row in u])


def _reversed(u: Floats) -> Floats:
    """The order is the contrary of the end's at all rungs but the last."""
    final, fall = _final(u)[:, None], ENDS[None] ** -0.5
    losses = 2.0 - final + fall
    losses[:, -1] = final[:, 0]
    return losses


def _reversed_from_the_middle(u: Floats) -> Floats:
    """The same up to a ninth of the way; at a third it is known how it ends."""
    losses = _reversed(u)
    losses[:, 3] = _final(u) + 0.2
    return losses


def _flat(u: Floats) -> Floats:
    """All are equal until the last rung."""
    losses = np.ones((len(u), len(ENDS)))
    losses[:, -1] = _final(u)
    return losses


def _noisy_until_late(u: Floats) -> Floats:
    """Noise until the last rung."""
    losses = 1.0 + 0.1 * np.stack([_noise(u, k) for k in range(len(ENDS))], axis=1)
    losses[:, -1] = _final(u)
    return losses


def _diverging(u: Floats) -> Floats:
    """Those with large rates lead, and diverge after a third of the way."""
    losses = _final(u)[:, None] + 2.0 * ENDS[None] ** -(0.2 + 1.2 * u[:, :1])
    losses[u[:, 0] > 0.5, -1] = 5.0
    return losses


def _crossing(u: Floats) -> Floats:
    """Large rates lead early, small ones in the end."""
    return _final(u)[:, None] + 2.0 * ENDS[None] ** -(0.2 + 1.2 * u[:, :1])


ADVERSARIAL: dict[str, Callable[[Floats], Floats]] = {
    "reversed": _reversed, "reversed middle": _reversed_from_the_middle, "flat": _flat, "noisy": _noisy_until_late,
    "diverging": _diverging, "crossing": _crossing,
}  # fmt: skip


def _adversarial(name: str) -> CurveTask:
    kind = ADVERSARIAL[name.split("/")[1]]

    def curves(params: list[Params]) -> tuple[Floats, Floats]:
        return kind(_units(params)), np.tile(60.0 * ENDS, (len(params), 1))

    return CurveTask(name, FOUR, tt.Fidelity("epoch", 1, 81, log=True), (1.0, 3.0, 9.0, 27.0), curves)


LADDERS = {
    "dear": (0.5, (0.0, 0.3, 0.6)), "dear ranked": (0.3, (0.6, 0.8, 0.9)), "random": (1 / 6, (0.0, 0.2, 0.5)),
    "cheap random": (0.0, (0.0, 0.2, 0.5)), "cheap ranked": (0.0, (0.8, 0.9, 0.97)), "half": (1 / 6, (0.5, 0.7, 0.9)),
}  # fmt: skip
"""The fixed share of a whole run's cost, and how rungs of 1/27, 1/9 and 1/3 correlate with the end."""


def _ladder(name: str) -> CurveTask:
    fixed, ranks = LADDERS[name.split("/")[1]]
    shares = np.array([1.0, 3.0, 9.0, 27.0]) / 27.0

    def curves(params: list[Params]) -> tuple[Floats, Floats]:
        u = _units(params)
        final = _final(u)
        score = (final - 0.7) / 0.5  # about standard normal over the space
        early = [rho * score + np.sqrt(1.0 - rho**2) * _noise(u, k) for k, rho in enumerate(ranks)]
        losses = np.stack([*(0.7 + 0.5 * each + 0.3 for each in early), final], axis=1)
        whole = 600.0 * np.exp(1.2 * _noise(u, 99))  # a lognormal: the dearest hundredth takes a seventh of all
        return losses, whole[:, None] * (fixed + (1.0 - fixed) * shares)[None]

    return CurveTask(name, FOUR, tt.Fidelity("share", 1, 27, log=True), (), curves, carries_over=False)


SHIFTS = {"shifted": (0.0, 0.3, 0.0), "shifted noisy": (0.0, 0.25, 0.1)}
"""The fixed share of a whole run's cost, how far from its place the best lies at the lowest rung, and noise there."""


def _shifted(name: str) -> CurveTask:
    """On less data more must be held back: `decay` and `drop` are best higher."""
    fixed, shift, noise = SHIFTS[name.split("/")[1]]
    shares = np.array([1.0, 3.0, 9.0, 27.0]) / 27.0
    missing = -np.log(shares) / np.log(27.0)

    def curves(params: list[Params]) -> tuple[Floats, Floats]:
        u = _units(params)
        off = shift * np.array([0.0, 1.0, 0.0, 1.0])
        losses = [_final(u - each * off) + each * (0.3 + noise * _noise(u, k)) for k, each in enumerate(missing)]
        whole = 600.0 * np.exp(1.2 * _noise(u, 99))
        return np.stack(losses, axis=1), whole[:, None] * (fixed + (1.0 - fixed) * shares)[None]

    return CurveTask(name, FOUR, tt.Fidelity("share", 1, 27, log=True), (), curves, carries_over=False)


def _names() -> dict[str, Callable[[str], CurveTask]]:
    tasks = json.loads((DATA / "lcbench" / "config_space.json").read_text()) if (DATA / "lcbench").is_dir() else None
    openml = tasks["hyperparameters"][0]["choices"] if tasks else []
    texts = sorted(path.stem for path in (DATA / "taskset").glob("*.json"))
    return {
        **{f"lcbench/{task}": _lcbench for task in openml},
        **{f"taskset/{text}": _taskset for text in texts},
        **{f"adversarial/{name}": _adversarial for name in ADVERSARIAL},
        **{f"ladder/{name}": _ladder for name in LADDERS},
        **{f"ladder/{name}": _shifted for name in SHIFTS},
    }


MAKERS = _names()


def half_of(name: str) -> str:
    """Return "tune" or "report"."""
    family = [other for other in MAKERS if other.split("/")[0] == name.split("/")[0]]
    return "report" if family.index(name) % 2 else "tune"


def make(name: str) -> CurveTask:
    """Return a task."""
    return MAKERS[name](name)
