"""Which of two is better: intervals that hold, equal shares for the values of a scientific parameter, replay."""

from __future__ import annotations

import math

import numpy as np
import pytest

import trimtab as tt
from trimtab.analysis.compare import compared, side_of, sides_of
from trimtab.errors import ParamsError, ProblemError
from trimtab.space.parameter import Parameter
from trimtab.study.replay import replay

ACT = tt.Categorical(["relu", "gelu", "tanh"], role="scientific")
WORSE = {"relu": 0.0, "gelu": 0.002, "tanh": 0.4}


def objective(trial: tt.Trial) -> float:
    return float((trial.params["x"] - 0.3) ** 2) + WORSE[trial.params["act"]]


@pytest.mark.parametrize("optimizer", ["random", "auto", "tpe"])
def test_the_values_of_a_scientific_parameter_have_equal_shares_and_replay(optimizer: str) -> None:
    space = tt.Space(x=tt.Float(0, 1), act=ACT)
    study = tt.tune(objective, space, minimize="loss", budget=14, seed=0, optimizer=optimizer, progress=False)
    counts = np.bincount(study.table.x[:, 1].astype(int))
    assert counts.max() - counts.min() <= 1
    assert "the turn of act=" in study.trials[5].why
    found = replay(study.session.journal.read())
    assert found.differing == ()
    assert found.suggestions == 14


def test_workers_at_once_keep_the_shares() -> None:
    space = tt.Space(x=tt.Float(0, 1), act=ACT)
    study = tt.create_study(space, minimize="loss", seed=0, optimizer="random")
    asked = [study.ask() for _ in range(9)]
    assert sorted(trial.params["act"] for trial in asked) == sorted([*WORSE] * 3)


@pytest.mark.parametrize(
    "parameter",
    [
        tt.Categorical(["relu", "gelu"]),  # only searched
        tt.Float(0, 1, role="scientific"),
        tt.Int(1, 100, role="scientific"),
        tt.Categorical(["relu", "gelu"], role="scientific", when=tt.given("kind") == "a"),
    ],
)
def test_what_makes_no_arms_takes_no_turns(parameter: Parameter) -> None:
    space = tt.Space({"kind": tt.Categorical(["a", "b"]), "p": parameter})
    study = tt.create_study(space, minimize="loss", seed=0, optimizer="random")
    assert not study.session.ledger.created.in_arms
    asked = study.ask()
    assert "the turn of" not in study.trials[asked.number].why


def test_an_arm_in_which_nothing_is_left_is_passed_over() -> None:
    space = tt.Space(
        act=tt.Categorical(["a", "b"], role="scientific"), n=tt.Int(1, 4), require=["act == 'b' or n <= 1"]
    )
    study = tt.create_study(space, minimize="loss", seed=0, optimizer="grid")
    seen = []
    for _ in range(5):
        trial = study.ask()
        seen.append((trial.params["act"], trial.params["n"]))
        study.tell(trial, 1.0)
    assert len(set(seen)) == 5
    assert sum(act == "a" for act, _ in seen) == 1


def test_arms_are_compared_with_the_best_first() -> None:
    space = tt.Space(x=tt.Float(0, 1), act=ACT)
    study = tt.tune(
        objective, space, minimize="loss", budget=60, seed=0, optimizer="random", progress=False, stop="never"
    )
    found = tt.compare(study)
    assert {arm.name for arm in found.arms} == {"act=relu", "act=gelu", "act=tanh"}
    assert found.arms[-1].name == "act=tanh"
    assert all(arm.n == 20 for arm in found.arms)
    low, high = next(d for d in found.differences if d.other == "act=tanh").interval
    assert 0.3 < low < high < 0.5
    best = study.trials[found.arms[0].trial or 0]
    assert best.metrics["loss"] == found.arms[0].best
    assert tt.compare(study, by="act") == found


def test_studies_are_compared_at_equal_numbers() -> None:
    def run(n: int, worse: float, name: str) -> tt.Study:
        return tt.tune(
            lambda trial: -float((trial.params["x"] - 0.3) ** 2) - worse, tt.Space(x=tt.Float(0, 1)), maximize="score",
            budget=n, seed=n, optimizer="random", progress=False, name=name,
        )  # fmt: skip

    found = tt.compare(run(12, 0.5, "slow"), run(40, 0.0, "fast"))
    assert found.arms[0].name == "fast"
    assert found.differences[0].interval[0] > 0.3
    assert "fast is better than slow" in found.says
    assert any("different numbers" in caveat for caveat in found.caveats)
    assert "cannot be told apart" in tt.compare(run(12, 0.0, "a"), run(13, 0.0, "b")).says


def test_repeats_and_their_noise_are_taken_in() -> None:
    space = tt.Space(k=tt.Categorical(["a", "b"]), x=tt.Float(0, 1))
    study = tt.create_study(space, minimize="loss", seed=0)
    rng = np.random.default_rng(0)
    for x in (0.1, 0.3, 0.5, 0.7):
        for k in ("a", "b"):
            for _ in range(3):
                study.enqueue({"k": k, "x": x})
                study.tell(study.ask(), 1.0 + 0.5 * rng.normal() + 0.01 * (k == "b"))
    found = tt.compare(study, by="k")
    assert found.arms[0].n_runs == 3
    low, high = found.differences[0].interval
    assert low < 0.0 < high
    assert high - low > 0.3


def test_too_little_is_said_to_be_too_little() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1), act=ACT), minimize="loss", seed=0, optimizer="random")
    for _ in range(3):
        study.tell(study.ask(), 1.0)
    found = tt.compare(study)
    assert "too little" in found.says
    assert math.isnan(found.differences[0].gain)
    empty = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", name="empty")
    assert "too little" in tt.compare(study, empty).says


def test_intervals_hold_what_they_promise() -> None:
    problem = tt.create_study(tt.Space(x=tt.Float(-9, 9), k=tt.Categorical(["a", "b"])), minimize="loss").problem
    rng = np.random.default_rng(1)
    n, n_studies, true, within = 20, 100, 0.05, 0
    for _ in range(n_studies):
        study = tt.create_study(problem.space, minimize="loss", optimizer="random", seed=0)
        side = {k: side_of(problem, study.table, k) for k in "ab"}
        points = {k: np.square(rng.uniform(-0.5, 0.5, (n, 3))).sum(axis=1) for k in "ab"}
        sides = [
            type(side[k])(
                k,
                points[k] + true * (k == "b"),
                np.zeros(n),
                np.ones(n, dtype=np.int64),
                np.zeros(n, dtype=np.int64),
                study.table,
            )
            for k in "ab"
        ]
        low, high = _interval(sides)
        within += low <= true <= high
    assert 0.8 <= within / n_studies <= 0.98


def _interval(sides):  # type: ignore[no-untyped-def]  # of two sides, b's loss less a's
    from trimtab.analysis.compare import _difference

    return _difference(sides[0], sides[1], 1).interval


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda s, o: tt.compare(s, o, by="act"), ProblemError, "two studies, or one and by="),
        (lambda s, o: tt.compare("s"), ProblemError, "compare takes studies"),
        (lambda s, o: tt.compare(s, by="acts"), ParamsError, "did you mean 'act'"),
        (lambda s, o: tt.compare(s, by="x"), ProblemError, "too many values"),
        (lambda s, o: tt.compare(o), ProblemError, "there is none"),
        (lambda s, o: tt.compare(s, o), ProblemError, "only what has one meaning"),
    ],
)
def test_what_cannot_be_compared(call, error, says) -> None:  # type: ignore[no-untyped-def]  # a table of calls
    one = tt.create_study(tt.Space(x=tt.Float(0, 1), act=ACT), minimize="loss")
    other = tt.create_study(tt.Space(x=tt.Float(0, 1)), maximize="loss", name="other")
    with pytest.raises(error, match=says):
        call(one, other)


def test_sides_are_those_of_the_trials_that_count() -> None:
    study = tt.create_study(
        tt.Space(k=tt.Categorical(["a", "b"])), minimize="loss", constraints=[tt.at_most("size", 1.0)], seed=0
    )
    for k, size in (("a", 0.5), ("b", 2.0), ("b", 0.5)):
        study.enqueue({"k": k})
        study.tell(study.ask(), {"loss": 1.0, "size": size})
    assert [(side.name, len(side.losses)) for side in sides_of(study.problem, study.table, "k")] == [
        ("k=a", 1),
        ("k=b", 1),
    ]
    assert compared(study.problem, sides_of(study.problem, study.table, "k")).arms[0].n == 1


def test_trials_that_a_refined_study_began_with_are_those_of_the_first_and_do_not_count() -> None:
    def train(trial: tt.Trial) -> float:
        return float((trial.params["x"] - 0.3) ** 2)

    first = tt.tune(
        train, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=8, optimizer="random", seed=0, progress=False,
        name="first",
    )  # fmt: skip
    second = tt.refine(first, widen={"x": (-1, 1)}, name="second")
    for found in (tt.compare(first, second), tt.compare(second, first)):
        assert "too little was run" in found.says
        assert {arm.name: arm.n for arm in found.arms} == {"first": 8, "second": 0}
        assert any("8 of the trials of second are the other's own, the same ones" in each for each in found.caveats)
    for x in (0.31, 0.5, 0.9, -0.5):
        second.enqueue({"x": x})
        trial = second.ask()
        second.tell(trial.number, (trial.params["x"] - 0.3) ** 2)
    assert {arm.name: arm.n for arm in tt.compare(first, second).arms} == {"first": 8, "second": 4}
    # both of these began with the first's, which is neither
    third = tt.refine(first, narrow={"x": (0.0, 0.9)}, name="third")
    found = tt.compare(second, third)
    assert {arm.name: arm.n for arm in found.arms} == {"second": 4, "third": 0}
    assert sum("are those of first" in each for each in found.caveats) == 2
    assert tt.compare(first, first).arms[0].n == 8
