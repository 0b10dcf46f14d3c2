"""Advice: each rule speaks on a study made to show it and says what works when pasted; healthy studies are silent."""

from __future__ import annotations

import math
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.analysis.advice.causes import essence
from trimtab.analysis.advice.rules import RULES
from trimtab.analysis.advice.unstable import cut
from trimtab.study.lineage import Lineage
from trimtab.surfaces.cli.app import cli

ROOT = Path(__file__).parents[2]

Point = dict[str, Any]


def filled(
    space: tt.Space,
    result: Callable[[Point, np.random.Generator], Any],
    n: int,
    *,
    seed: int = 0,
    store: str | None = None,
    **problem: Any,
) -> tt.Study:
    """Return a study of `n` trials drawn at random, told what `result` makes of each: a number, or why it failed."""
    study = tt.create_study(
        space,
        **({"minimize": "loss"} | problem),
        optimizer="random",
        scheduler="whole",
        seed=seed,
        name="s",
        store=store,
    )
    rng = np.random.default_rng(seed)
    for _ in range(n):
        trial = study.ask()
        told = result(trial.params, rng)
        if isinstance(told, str):
            study.tell(trial, failed="nan" if told == "nan" else "exception", error=told)
        elif isinstance(told, list):
            for step, loss in enumerate(told, start=1):
                trial.report(step, loss=loss)
            study.tell(trial, told[-1])
        else:
            study.tell(trial, told)
    return study


LR = {"lr": tt.Float(1e-4, 1e-2, log=True), "wd": tt.Float(0.0, 1.0)}


def place(params: Point) -> float:
    return math.log10(params["lr"]) + 3.0  # from -1 to 1


def edge(params: Point, rng: np.random.Generator) -> float:
    return float((place(params) - 1.6) ** 2 + (params["wd"] - 0.5) ** 2)


def idle(params: Point, rng: np.random.Generator) -> float:
    return float(place(params) ** 2 + (params["wd"] - 0.4) ** 2)


def diverges(params: Point, rng: np.random.Generator) -> float | str:
    return "nan" if place(params) > 0.4 else float((place(params) - 0.2) ** 2 + params["wd"])


def explodes(params: Point, rng: np.random.Generator) -> float:
    return 1e9 if place(params) > 0.4 else float((place(params) + 0.5) ** 2 + params["wd"])


def loud(params: Point, rng: np.random.Generator) -> float:
    return float(0.05 * place(params) ** 2 + rng.normal())


def out_of_memory(params: Point, rng: np.random.Generator) -> float | str:
    text = f"Traceback ...\nRuntimeError: CUDA out of memory: tried {rng.integers(1000)} MiB at 0x7f{rng.integers(99)}"
    return text if params["units"] > 700 else float((params["units"] / 400 - 1) ** 2 + params["wd"])


def of_one_kind(params: Point, rng: np.random.Generator) -> float | str:
    return (
        "ValueError: no such kernel" if params["kind"] == "c" else float(params["wd"]) + 0.1 * (params["kind"] == "a")
    )


def overfits(params: Point, rng: np.random.Generator) -> list[float]:
    return [abs(step - 2) * 0.05 + params["wd"] for step in range(1, 41)]


def improves(params: Point, rng: np.random.Generator) -> list[float]:
    return [10.0 - 0.1 * step + params["wd"] for step in range(1, 41)]


def repeated(params: Point, rng: np.random.Generator) -> float:
    return float(params["a"] + params["b"])


CASES: dict[str, tuple[str, str, Callable[[str | None], tt.Study]]] = {
    "edge": ("edge", "lr", lambda store: filled(tt.Space(LR), edge, 60, store=store)),
    "idle": ("idle", "other", lambda store: filled(tt.Space(LR | {"other": tt.Float(0, 9)}), idle, 60, store=store)),
    "nan above": ("unstable", "lr", lambda store: filled(tt.Space(LR), diverges, 60, store=store)),
    "far above": ("unstable", "lr", lambda store: filled(tt.Space(LR), explodes, 60, store=store)),
    "noise": ("noise", "loss", lambda store: filled(tt.Space(LR), loud, 60, store=store)),
    "memory": (
        "one cause",
        "units",
        lambda store: filled(tt.Space(units=tt.Int(10, 1000), wd=tt.Float(0, 1)), out_of_memory, 60, store=store),
    ),
    "a choice": (
        "one cause",
        "kind",
        lambda store: filled(
            tt.Space(kind=tt.Categorical(["a", "b", "c"]), wd=tt.Float(0, 1)), of_one_kind, 60, store=store
        ),
    ),
    "early": (
        "best early",
        "loss",
        lambda store: filled(tt.Space(LR), overfits, 12, fidelity=tt.Fidelity("epoch", 1, 40), store=store),
    ),
    "late": (
        "still improving",
        "loss",
        lambda store: filled(tt.Space(LR), improves, 12, fidelity=tt.Fidelity("epoch", 1, 40), store=store),
    ),
    "batch": (
        "batch",
        "batch_size",
        lambda store: filled(
            tt.Space(LR | {"batch_size": tt.Ordinal([32, 64])}), lambda p, r: edge(p, r) + p["batch_size"] / 99, 20,
            store=store,
        ),
    ),
    "repeats": (
        "repeats",
        "",
        lambda store: filled(tt.Space(a=tt.Int(1, 2), b=tt.Int(1, 3)), repeated, 30, store=store),
    ),
    "few": (
        "few trials",
        "",
        lambda store: filled(
            tt.Space({f"p{i}": tt.Float(0, 1) for i in range(9)}), lambda p, r: sum(p.values()), 14, store=store
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_rule_speaks_and_what_it_says_to_do_works(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, about, make = CASES[case]
    store = f"sqlite:///{tmp_path / 'a store.db'}"
    study = make(store)
    found = [tip for tip in study.advice() if (tip.rule, tip.about) == (rule, about)]
    assert found, f"it advises {study.advice()!r}"
    [tip] = found
    assert 0.5 <= tip.confidence <= 1.0
    assert tip.evidence
    words = shlex.split(tip.command)
    assert words[0] == "trimtab"
    done = CliRunner().invoke(cli, words[1:])
    assert done.exit_code == 0, done.output
    following = eval(tip.call, {"tt": tt, "study": study})
    if words[1] != "refine":
        return
    assert isinstance(following, tt.Study)
    by_command = tt.load_study(store, "s-2")
    assert by_command.space == following.space != study.space
    lineage = Lineage.of(by_command.session.ledger.created.provenance)
    assert lineage is not None
    assert lineage.study == "s"
    by_command.ask()


def test_a_held_parameter_on_which_others_depend_is_to_be_freed() -> None:
    def ridge(params: Point, rng: np.random.Generator) -> float:
        return (place(params) - (2 * params["wd"] - 1)) ** 2

    study = tt.refine(filled(tt.Space(LR), ridge, 60), hold={"wd": 0.2})
    [tip] = [tip for tip in study.advice() if tip.rule == "held"]
    assert tip.about == "wd"
    freed = eval(tip.call, {"tt": tt, "study": study})
    assert freed.space.fixed == {}
    plain = tt.refine(filled(tt.Space(LR), idle, 60), hold={"wd": 0.2})
    assert [tip.rule for tip in plain.advice()] == []


def test_natural_ends_are_not_widened() -> None:
    study = filled(tt.Space(dropout=tt.Float(0, 1), layers=tt.Int(1, 30)), lambda p, r: p["dropout"] + p["layers"], 60)
    assert [tip for tip in study.advice() if tip.rule == "edge"] == []
    study = filled(
        tt.Space(share=tt.Float(0, 1), layers=tt.Int(1, 30)), lambda p, r: -30 * p["share"] - p["layers"], 60
    )
    assert [(tip.rule, tip.about) for tip in study.advice()] == [("edge", "layers")]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_short_studies_get_no_advice_and_no_error(n: int) -> None:
    study = filled(tt.Space(LR), idle, n)
    assert list(study.advice()) == []
    assert "nothing stands out" in repr(study.advice())


def test_strange_studies_raise_nothing() -> None:
    equal = filled(tt.Space(LR), lambda p, r: 1.0, 40)
    failed = filled(tt.Space(LR), lambda p, r: "ValueError: no", 20)
    several = filled(
        tt.Space(LR), lambda p, r: {"a": p["wd"], "b": -p["wd"]}, 30, minimize=None,
        objectives=[tt.minimize("a"), tt.minimize("b")],
    )  # fmt: skip
    huge = filled(tt.Space(LR), lambda p, r: 1e300 * p["wd"], 40)
    tree = filled(
        tt.Space(kind=tt.Categorical(["a", "b"]), deep=tt.Float(0, 1, when=tt.given("kind") == "b")),
        lambda p, r: p.get("deep", 0.5), 40,
    )  # fmt: skip
    for study in (equal, several, huge, tree):
        for tip in study.advice():
            assert tip.says
    assert [tip.rule for tip in failed.advice()] == ["one cause"]


def test_healthy_studies_are_silent() -> None:
    healthy_study = runpy.run_path(str(ROOT / "benchmarks" / "advice.py"))["healthy_study"]
    alarms = [[tip.rule for tip in healthy_study(seed, optimizer="random").advice()] for seed in range(12)]
    assert sum(map(bool, alarms)) <= 1, alarms


def test_every_rule_has_a_case() -> None:
    spoken = {rule for rule, _, _ in CASES.values()} | {"held"}
    assert len(RULES) == len(spoken - {"best early", "still improving"}) + 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("", ""),
        ("ValueError: 3 of 17", "ValueError: # of #"),
        ("Traceback\n  File 'x.py', line 7\nKeyError: 'lr'\n", "KeyError: 'lr'"),
        ("RuntimeError: at 0x7f3a\nsee the log", "RuntimeError: at #"),
    ],
)
def test_errors_that_differ_in_numbers_are_one(error: str, said: str) -> None:
    assert essence(error) == said


def test_a_threshold_is_one_only_if_chance_would_hardly_make_it() -> None:
    codes = np.arange(20.0)
    assert cut(codes, codes > 12) is not None
    assert cut(codes, np.isin(codes, [3.0, 9.0, 15.0])) is None
    assert cut(codes[:3], codes[:3] > 1) is None
    at, above, bad_above, bad_below, chance = cut(codes, codes > 12) or (0.0,) * 5
    assert 12 <= at <= 13
    assert (above, bad_above, bad_below) == (7, 7, 0)
    assert chance < 1e-3
