"""A study goes on whatever the user's program wants to hear of floating-point errors, and however extreme results are.

Told values reach from the smallest denormal number to the largest there is. Nothing is raised, no RuntimeWarning
reaches the user, nothing that is proposed is nan, and what the user set holds for the user's code.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import scipy.optimize  # its import adds a filter of warnings of its own
import scipy.special

import trimtab as tt
from trimtab import plugins
from trimtab.errors import TrialError

N_TRIALS = 18
"""Enough for every model to speak: the first ones are a design."""

LARGEST = float(np.finfo(np.float64).max)
ENGINES = plugins.names("optimizers")


def complain(kind: str, flag: int) -> None:
    raise AssertionError(f"the user's handler was called for our {kind}")


@contextmanager
def handler() -> Iterator[None]:
    before = np.seterrcall(complain)
    try:
        with np.errstate(all="call"):
            yield
    finally:
        np.seterrcall(before)


SETTINGS: dict[str, Callable[[], object]] = {
    "all": lambda: np.errstate(all="raise"),
    "under": lambda: np.errstate(under="raise"),
    "over": lambda: np.errstate(over="raise"),
    "divide": lambda: np.errstate(divide="raise"),
    "invalid": lambda: np.errstate(invalid="raise"),
    "warn": lambda: np.errstate(all="warn"),  # and warnings are errors in all of these tests
    "call": handler,
    "special": lambda: scipy.special.errstate(all="raise"),
}

RESULTS: dict[str, Callable[[np.random.Generator], float]] = {
    "600 decades": lambda rng: 10.0 ** rng.uniform(-323, 308),
    "600 decades below 0": lambda rng: -(10.0 ** rng.uniform(-323, 308)),
    "denormals": lambda rng: float(rng.integers(0, 50)) * 5e-324,
    "the largest": lambda rng: float(rng.choice([-LARGEST, LARGEST])),
    "near the largest": lambda rng: float(rng.choice([-1, 1]) * LARGEST * rng.uniform(0.5, 1.0)),
    "last digits": lambda rng: 1e300 * (1.0 + 1e-15 * float(rng.integers(0, 5))),
    "anything": lambda rng: float(
        rng.choice([-1, 1]) * rng.choice([0.0, 5e-324, 1e-310, 1e-300, 1e-160, 1.0, 1e160, 1e300, 1.7e308])
    ),
}

SPACES: dict[str, Callable[[], tt.Space]] = {
    "wide": lambda: tt.Space(x=tt.Float(-1, 1), lr=tt.Float(1e-300, 1e300, log=True), y=tt.Float(-1e150, 1e150)),
    "mixed": lambda: tt.Space(
        kind=tt.Categorical(["a", "b", "c"]),
        n=tt.Int(1, 1000, log=True),
        size=tt.Ordinal([1, 10, 100]),
        only=tt.Float(0, 1, when=tt.given("kind") == "a"),
        z=tt.Float(1e-9, 1, log=True, default=1e-3, prior=1e-4),
        require=["n * z <= 500"],
    ),
    "few": lambda: tt.Space(a=tt.Int(0, 5), b=tt.Int(0, 5)),
}

PROBLEMS = {
    "less is better": {"minimize": "loss"},
    "more is better": {"maximize": "loss"},
    "two objectives": {"objectives": [tt.minimize("a"), tt.maximize("b")]},
    "a constraint": {"minimize": "loss", "constraints": [tt.at_most("latency", 1e-300)]},
    "standard errors": {"objectives": [tt.minimize("loss", error="se")]},
}


def go_through(engine: str, space: tt.Space, problem: dict[str, object], result: Callable[..., float]) -> tt.Study:
    """Ask and tell, some trials failing, some configurations run twice; look at all that a study says of itself."""
    rng = np.random.default_rng(1)
    study = tt.create_study(space, optimizer=engine, seed=2, **problem)  # type: ignore[arg-type]
    errors = [key for _, key in study.problem.errors]
    for i in range(N_TRIALS):
        if i == 12:
            study.enqueue(study.table.trial(3).params)  # a repeat: means and deviations are taken
        try:
            trial = study.ask()
        except TrialError:
            break
        for name, value in trial.params.items():
            assert not isinstance(value, float) or math.isfinite(value), name
        if i % 7 == 5:
            study.tell(trial, failed="exception")
            continue
        values = {name: result(rng) for name in study.problem.metric_names}
        study.tell(trial, values | {key: abs(result(rng)) for key in errors}, cost=abs(result(rng)))
    assert repr(study)
    assert study.best_trials or study.problem.constraints
    return study


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_setting_of_the_user(engine: str, setting: str) -> None:
    if setting != "call":
        np.seterrcall(None)
    with ExitStack() as stack:
        stack.enter_context(SETTINGS[setting]())  # type: ignore[arg-type]
        before, filters = np.geterr(), list(warnings.filters)
        go_through(engine, SPACES["wide"](), PROBLEMS["less is better"], RESULTS["anything"])
        assert np.geterr() == before
        assert warnings.filters == filters


@pytest.mark.parametrize(
    ("results", "space", "problem"),
    [  # each kind of results with each space, and the problems in turn
        (results, space, list(PROBLEMS)[i % len(PROBLEMS)])
        for i, (results, space) in enumerate(itertools.product(RESULTS, SPACES))
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_extreme_results(engine: str, results: str, space: str, problem: str) -> None:
    with np.errstate(all="raise"), scipy.special.errstate(all="raise"):
        go_through(engine, SPACES[space](), PROBLEMS[problem], RESULTS[results])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("results", "space", "problem"), list(itertools.product(RESULTS, SPACES, PROBLEMS)), ids=lambda word: word
)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_all_of_them_together(setting: str, engine: str, results: str, space: str, problem: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(SETTINGS[setting]())  # type: ignore[arg-type]
        go_through(engine, SPACES[space](), PROBLEMS[problem], RESULTS[results])


def test_the_objective_has_what_the_user_set() -> None:
    def objective(trial: tt.Trial) -> float:
        assert set(np.geterr().values()) == {"raise"}
        return float(np.float64(1e-200) * np.float64(trial.params["x"]) * np.float64(1e-200))

    with np.errstate(all="raise"):
        study = tt.tune(objective, tt.Space(x=tt.Float(0.5, 1)), minimize="loss", budget=3, seed=0)
    assert [trial.failure for trial in map(study.table.trial, range(3))] == ["exception"] * 3
    assert "underflow" in study.table.trial(0).error


def test_budgets_and_targets_of_extreme_results() -> None:
    """The costs of two trials together are more than a float holds."""
    with np.errstate(all="raise"):
        study = tt.tune(
            lambda trial: {"loss": trial.params["x"] * 1e-310, "cost": 1e308},
            tt.Space(x=tt.Float(0, 1)),
            minimize="loss",
            target=-1.0,
            budget=tt.Budget(trials=5, cost=LARGEST),
            seed=0,
        )
    assert len(study.table) == 1
    assert study.session.ledger.assessed is not None
