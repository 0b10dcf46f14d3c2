"""Every question, asked of studies of every kind: a picture or one true sentence, and no warning."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from made import bowl, table_of

import trimtab as tt
from trimtab.analysis import figure as fig
from trimtab.analysis.card import Card, NotApplicable
from trimtab.analysis.questions import QUESTIONS, answer
from trimtab.errors import ParamsError, ProblemError
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem
from trimtab.surfaces.render.figure.scale import Scale
from trimtab.surfaces.render.figure.svg import svg
from trimtab.surfaces.render.figure.text import text
from trimtab.surfaces.render.plain import plain
from trimtab.surfaces.render.text import width
from trimtab.text import to_json

SPACE = tt.Space(
    lr=tt.Float(1e-5, 1e-1, log=True),
    layers=tt.Int(1, 8),
    batch=tt.Ordinal([32, 64, 128, 256]),
    optimizer=tt.Categorical(["adamw", "sgd"]),
    momentum=tt.Float(0, 0.99, when=tt.given("optimizer") == "sgd"),
)
SEVERAL = Problem(
    SPACE, (tt.minimize("loss"), tt.maximize("speed"), tt.maximize("recall"), tt.at_most("ms", 30))
)  # fmt: skip


def loss(params: Mapping[str, Any]) -> float:
    momentum = 0.2 * (params.get("momentum", 0.9) - 0.9) ** 2
    return 0.1 * (math.log10(params["lr"]) + 3.0) ** 2 + 0.01 * (params["layers"] - 4) ** 2 + momentum + 0.05


def well(number: int, params: Mapping[str, Any]) -> dict[str, float]:
    return {"loss": loss(params) + 0.01 * math.sin(number)}


def mixed(number: int, params: Mapping[str, Any]) -> dict[str, float] | str | None:
    if params["batch"] == 256 and params["layers"] > 3:
        return f"CUDA out of memory: tried to allocate {number} MiB at /data/run{number}/model.py"
    return None if number % 17 == 3 else well(number, params)


def traded(number: int, params: Mapping[str, Any]) -> dict[str, float]:
    return {
        "loss": loss(params),
        "speed": 10.0 / params["layers"],
        "recall": params["lr"],
        "ms": 5.0 * params["layers"],
    }


def huge(number: int, params: Mapping[str, Any]) -> dict[str, float]:
    return {"loss": [1e308, -1e308, 5e-324, 0.0, 1e300, 3.0][number % 6] * (1.0 if number % 5 else 0.5)}


FIDELITY = Problem(SPACE, (tt.minimize("loss"),), (tt.Fidelity("epoch", 1, 9),))
FOLDS = Problem(SPACE, (tt.minimize("loss"),), folds=3)
SIXTY = tt.Space({f"encoder.block_{i:02d}.attention.head_dropout_rate": tt.Float(0, 1) for i in range(60)})
HELD = tt.Space(a=tt.Categorical(["only"]), b=tt.Int(3, 3))


def cases() -> dict[str, tuple[Problem, TrialTable]]:
    sixty = bowl(SIXTY)
    held = bowl(HELD)
    return {
        "empty": (bowl(SPACE), table_of(bowl(SPACE), 0, well)),
        "one": (bowl(SPACE), table_of(bowl(SPACE), 1, well)),
        "running": (bowl(SPACE), table_of(bowl(SPACE), 3, lambda number, params: None)),
        "all failed": (bowl(SPACE), table_of(bowl(SPACE), 20, lambda number, params: f"step {number}: bad")),
        "all equal": (bowl(SPACE), table_of(bowl(SPACE), 30, lambda number, params: {"loss": 0.25})),
        "mixed": (bowl(SPACE), table_of(bowl(SPACE), 60, mixed)),
        "huge": (bowl(SPACE), table_of(bowl(SPACE), 40, huge)),
        "several": (SEVERAL, table_of(SEVERAL, 60, traded)),
        "none feasible": (SEVERAL, table_of(SEVERAL, 30, lambda n, p: traded(n, p) | {"ms": 99.0})),
        "fidelity": (FIDELITY, table_of(FIDELITY, 30, well, reports=9)),
        "folds": (FOLDS, table_of(FOLDS, 12, well, reports=3, folds=3)),
        "sixty": (sixty, table_of(sixty, 40, lambda n, p: {"loss": next(iter(p.values())) + 0.1 * math.sin(n)})),
        "held": (held, table_of(held, 30, lambda number, params: {"loss": float(number)})),
        "repeats": (bowl(SPACE), table_of(bowl(SPACE), 40, well, x=_repeated(40))),
    }


def _repeated(n: int) -> np.ndarray:
    return np.repeat(SPACE.sample(np.random.default_rng(0), n // 4), 4, axis=0)


CASES = cases()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_question_has_a_picture_or_one_sentence(case: str, question: str) -> None:
    problem, table = CASES[case]
    said = answer(question, problem, table)
    assert said.question == question
    assert said.title == QUESTIONS[question]
    assert said.sentence[0].isupper() or said.sentence[0].isdigit() or said.sentence.split(" ")[0] in problem.space
    assert said.sentence.endswith((".", "?"))
    assert "nan" not in said.sentence.split()
    if isinstance(said, NotApplicable):
        return
    for cells in (30, 60, 200):
        lines = text(said.figure, cells)
        assert lines
        assert max(map(width, lines)) <= max(cells, 60)
    drawn = svg(said.figure)
    root = ElementTree.fromstring(drawn)
    assert root.get("aria-label")
    assert "nan" not in drawn.replace("nan<", "")
    assert "href" not in drawn
    to_json(plain(said.data))


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_trials_give_the_same_answer(question: str) -> None:
    problem, table = CASES["mixed"]
    first, again = (plain(getattr(answer(question, problem, table), "data", None)) for _ in range(2))
    assert first == again


def test_what_is_missing_is_said_by_name() -> None:
    problem, table = CASES["several"]
    with pytest.raises(ProblemError, match="did you mean 'importance'"):
        answer("importence", problem, table)
    with pytest.raises(ProblemError, match="did you mean 'loss'"):
        answer("history", problem, table, metric="los")
    with pytest.raises(ParamsError, match="did you mean 'layers'"):
        answer("effects", problem, table, parameter="layer")
    with pytest.raises(ProblemError, match="two different parameters"):
        answer("contour", problem, table, parameters=("lr", "lr"))


def _card(question: str, case: str, **options: Any) -> Card:
    said = answer(question, *CASES[case], **options)
    assert isinstance(said, Card)
    return said


def test_importance_finds_what_matters() -> None:
    first = _card("importance", "mixed").data.parameters[0]
    assert first.name == "lr"
    assert first.low > 0.4
    assert _card("importance", "sixty").data.parameters[0].name == SIXTY.names[0]


def test_failures_are_grouped_and_have_a_home() -> None:
    data = _card("failures", "mixed").data
    assert len(data.causes) == 1
    assert data.causes[0].error == "CUDA out of memory: tried to allocate <n> MiB at <path>"
    assert SPACE.names[data.region.column] == "batch"
    assert data.region.outside == 0
    assert len(_card("failures", "all failed").data.causes) == 1


def test_the_front_holds_exactly_what_none_beats() -> None:
    data = _card("front", "several").data
    y = np.array([[row["loss"], -row["speed"], -row["recall"]] for row in _metrics("several") if row["ms"] <= 30])
    beaten = [(np.all(y <= row, axis=1) & np.any(y < row, axis=1)).any() for row in y]
    assert len(data.numbers) == len(y) - sum(beaten)


def _metrics(case: str) -> list[dict[str, float]]:
    return [view.metrics for view in CASES[case][1].trials(range(len(CASES[case][1])))]


def test_two_objectives_have_the_same_front_by_the_short_way() -> None:
    from trimtab.analysis.front import none_beats
    from trimtab.model.dominance import undominated

    losses = np.random.default_rng(1).integers(0, 12, (300, 2)).astype(float)
    assert none_beats(losses).tolist() == np.flatnonzero(undominated(losses)).tolist()
    wide = np.random.default_rng(2).uniform(size=(5000, 3))
    assert none_beats(wide).tolist() == np.flatnonzero(undominated(wide)).tolist()


def test_the_best_so_far_and_its_honest_figure() -> None:
    data = _card("history", "repeats").data
    values = [row["loss"] for row in _metrics("repeats")]
    assert data.best.tolist() == np.minimum.accumulate(values).tolist()
    assert data.honest.by == "repeats"
    assert data.honest.n_runs == 4
    assert data.honest.low < data.honest.expected < data.honest.high
    assert data.honest.expected > data.honest.seen


def test_a_metric_that_is_to_be_large_is_best_where_it_is_large() -> None:
    data = _card("history", "several", metric="speed").data
    feasible = [row["speed"] for row in _metrics("several") if row["ms"] <= 30]
    assert data.best[-1] == max(feasible)


def test_effects_follow_the_function() -> None:
    [effect] = _card("effects", "mixed", parameter="lr").data
    assert 1e-4 < effect.at[int(np.argmin(effect.mean))] < 1e-2


@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_many_trials_take_seconds(n: int) -> None:
    space = tt.Space({f"x{i}": tt.Float(0, 1) for i in range(12)})
    problem = bowl(space)
    x = np.random.default_rng(0).uniform(size=(n, 12))
    y = ((x - 0.3) ** 2).sum(axis=1)
    table = table_of(problem, n, lambda number, params: {"loss": float(y[number])}, x=x)
    spent = {}
    for question in QUESTIONS:
        began = time.process_time()
        said = answer(question, problem, table)
        spent[question] = time.process_time() - began
        if isinstance(said, Card):
            assert len(svg(said.figure)) < 400_000
    assert max(spent.values()) < 4.0, spent  # two seconds, and room for a loaded machine


@pytest.mark.parametrize(
    ("span", "n_digits"), [(3.0, 0), (0.7, 1), (0.06, 2), (1e-3, 4), (1e-5, 6)], ids=lambda value: f"{value:g}"
)
def test_an_axis_of_time_says_the_time_however_short_it_is(span: float, n_digits: int) -> None:
    begin = 1_795_991_831.3258357
    ticks = Scale(fig.Axis(scale=fig.TIME), begin, begin + span).ticks(5)
    assert len(ticks) >= 2
    for at, said in ticks:
        assert begin <= at <= begin + span
        assert re.fullmatch(r"\d\d:\d\d:\d\d" + (rf"\.\d{{{n_digits}}}" if n_digits else ""), said)
    assert len({said for _, said in ticks}) == len(ticks)


def test_a_single_parameter_takes_part_in_all_that_varies() -> None:
    table = table_of(bowl(tt.Space(x=tt.Float(0, 1))), 20, lambda _, params: {"loss": (params["x"] - 0.3) ** 2})
    card = answer("importance", table.problem, table)
    assert card.data.parameters[0].name == "x"
    assert card.data.parameters[0].share > 0.9
