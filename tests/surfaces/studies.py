"""Studies on record with fixed times and results, as their tables are compared to the letter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import trimtab as tt
from trimtab.ledger.event import (
    Asked,
    Created,
    Event,
    Failed,
    Judged,
    Noted,
    Origin,
    Reported,
    Started,
    Stopped,
    Told,
)
from trimtab.space.problem import Metric, Problem
from trimtab.storage.url import open_store

BEGUN = 1_790_000_000.0  # 2026-09-21 13:33:20 UTC
PROVENANCE = {
    "host": "node7",
    "python": "3.11.7",
    "trimtab": "0.1.0",
    "git": {"commit": "0123456789abcdef", "branch": "trunk", "dirty": False},
}

DIGITS = tt.Space(
    learning_rate=tt.Float(1e-5, 1e-1, log=True),
    weight_decay=tt.Float(1e-6, 1e-1, log=True),
    batch_size=tt.Ordinal([16, 32, 64, 128, 256]),
    n_layers=tt.Int(1, 8),
    hidden=tt.Int(16, 1024, log=True),
    activation=tt.Categorical(["relu", "gelu", "tanh"]),
    dropout=tt.Float(0, 0.6),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0, 0.99, when=tt.given("optimizer").is_in(["sgd"])),
    schedule=tt.Categorical(["cosine"]),
    warmup=tt.Float(0, 0.2),
    label_smoothing=tt.Float(0, 0.3),
    augment=tt.Categorical([True, False]),
    clip=tt.Float(0.1, 10, log=True),
    ema=tt.Float(0.9, 0.9999),
)
FORTY = tt.Space({f"encoder.block_{i:02d}.attention.head_dropout_rate": tt.Float(0, 1) for i in range(40)})
TWO = tt.Space(
    {
        "学习率": tt.Float(1e-5, 1e-1, log=True),
        "cafe\u0301": tt.Categorical(["noir", "crème brûlée"]),
        "width": tt.Int(1, 512),
    }
)


SIZES = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), layers=tt.Int(1, 12), width=tt.Int(8, 512, log=True))


def write(
    url: str,
    name: str,
    problem: Problem,
    n: int,
    values: Callable[[int], dict[str, float]],
    *,
    why: str = "drawn at random",
    failed: Sequence[int] = (),
    x: np.ndarray | None = None,
) -> None:
    """Put a study of `n` trials on record, one a minute."""
    rows = problem.space.sample(np.random.default_rng(0), n) if x is None else x
    optimizer, scheduler = {"name": "random"}, {"name": "whole"}
    created = Created(1, name, problem.to_json(), 0, optimizer, scheduler, PROVENANCE, "0000abcd", exact_ends=True)
    store = open_store(url)
    log = store.create(name, [created], at=BEGUN)
    head = log.head()
    metric = problem.metric_names[0]
    for i in range(n):
        at = BEGUN + 60.0 * i
        told = values(i)
        curve = [Reported(i, float(s), {metric: told[metric] * (4 - s), "grad_norm": 1.0 / s}) for s in (1, 2, 3)]
        asked: list[Event] = [Asked(i, tuple(rows[i].tolist()), head.seq, Origin("random", why))]
        end: Event = Told(i, told, 1, 42.5 + i)
        if i in failed:
            end = Failed(i, "oom", "CUDA out of memory: tried to allocate 2.00 GiB\n  in train.py:7", 1, seconds=12.5)
        for events, when in ((asked, at), ([Started(i, "node7:4242:1", 1)], at + 1), ([*curve, end], at + 44)):
            head = log.append(events, after=head, at=when)
    if "digits" in name:
        log.append([Noted("question", "does depth matter?"), Noted("tag:baseline", True, 3)], after=head, at=at + 50)
    store.close()


def write_all(folder: Path) -> str:
    """Write the three studies of the golden captures into `folder`, and return the store's URL."""
    url = f"sqlite:///{folder}/trimtab.db"
    latency = tt.at_most("latency_ms", 30)
    write(
        url,
        "digits",
        Problem(DIGITS, (Metric("val_loss", "minimize"), latency)),
        12,
        lambda i: {"val_loss": 0.08123456 + 0.01 * math.sin(i), "latency_ms": 20.0 + i, "val_acc": 0.9 + i / 1000},
        why="expected improvement over the best of 9 trials is largest near trial 3",
        failed=[4],
    )
    write(
        url,
        "forty-parameters-with-long-names",
        Problem(FORTY, (Metric("validation_cross_entropy_loss", "minimize"),)),
        5,
        lambda i: {"validation_cross_entropy_loss": 1.23456e-5 * (i + 1)},
    )
    write(
        url,
        "two objectives 研究",
        Problem(TWO, (Metric("loss", "minimize"), Metric("throughput", "maximize"))),
        8,
        lambda i: {"loss": 0.1 + 0.02 * ((i * 5) % 8), "throughput": 1000.0 * ((i * 3) % 8) + 123.4},
    )
    limits = (tt.at_most("memory_gb", 16), tt.at_least("recall", 0.5))
    goals = (tt.minimize("error"), tt.minimize("latency_ms"))
    write(url, "tradeoff", Problem(SIZES, (*goals, *limits)), 40, _traded, failed=[7])
    beyond = (tt.at_most("memory_gb", 2), tt.at_least("recall", 0.95))
    write(url, "hopeless", Problem(SIZES, (tt.minimize("error"), *beyond)), 20, _traded)
    write_early(url)
    return url


def write_early(url: str) -> None:
    """Put a study on record of which eight of fourteen trials were ended early; at epoch 1 the worst look best."""
    problem = Problem(SIZES, (tt.minimize("loss"),), (tt.Fidelity("epoch", 1, 27),))
    rows = SIZES.sample(np.random.default_rng(0), 14)
    optimizer, scheduler = {"name": "random"}, {"name": "auto", "eta": 3, "low": None}
    created = Created(1, "early", problem.to_json(), 0, optimizer, scheduler, PROVENANCE, "0000abcd", exact_ends=True)
    store = open_store(url)
    log = store.create("early", [created], at=BEGUN)
    head = log.head()
    for i, row in enumerate(rows):
        at, last = BEGUN + 60.0 * i, 27 if i < 6 else 9 if i % 4 == 0 else 3
        final = 0.1 + 0.01 * (i * 5 % 14)
        asked: list[Event] = [Asked(i, tuple(row.tolist()), head.seq, Origin("random", "drawn at random"), (27.0,))]
        for events, when in ((asked, at), ([Started(i, "node7:4242:1", 1)], at + 1)):
            head = log.append(events, after=head, at=when)
        shown = [(step, final + (0.5 - 2 * final) / step**2) for step in range(1, last + 1)]
        head = log.append([Reported(i, float(step), {"loss": loss}) for step, loss in shown], after=head, at=at + 40)
        end: list[Event] = [Told(i, {"loss": final}, 1, 54.0)]
        if last < 27:
            reason = f"stopped at epoch {last}: loss {shown[-1][1]:.4g} is outside the best third of {i + 1} trials"
            end = [Judged(i, reason, head.seq), Stopped(i, reason, 1, {"loss": shown[-1][1]}, 2.0 * last)]
        head = log.append(end, after=head, at=at + 44)
    store.close()


def _traded(i: int) -> dict[str, float]:
    """Return results of which some are worse than others in both objectives, and some break a constraint."""
    at = 0.02 + (i * 7 % 40) / 40
    return {
        "error": round(at + 0.15 * (i * 3 % 5), 4),
        "latency_ms": round(2 / at + 4.0 * (i * 11 % 4), 2),
        "memory_gb": round(4 + 0.37 * i, 2),
        "recall": round(0.9 - 0.011 * (i * 13 % 40), 3),
    }
