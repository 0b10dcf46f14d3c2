"""Every default runs, and every corner runs or is a failure that the entry states, with the libraries that are there.

The default set fits each class at what it begins with and at its two outermost corners; soak fits the ends of every
parameter one by one, and corners that are drawn, each in a process beside this one: a corner that does not end there
is a failure as any other.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import trimtab as tt
from trimtab.spaces import build, library
from trimtab.spaces.entry import Entry, Family
from trimtab.spaces.sizes import Sizes

FAMILIES = library.families()
CASES = [
    (family, name)
    for family in FAMILIES.values()
    for name in family.classes
    if family.module and family.entries and "Ranker" not in name
]
LIMIT_S = 60.0
"""A corner that takes longer does not end: on eighty rows all that do took 2 s at most, agents some ten."""

N, D = 80, 4
SEED = np.random.default_rng(3)
X = SEED.standard_normal((N, D))
Y = X[:, 0] - X[:, 1] ** 2 + 0.3 * SEED.standard_normal(N)
LABELS = (np.median(Y) < Y).astype(int)
WORDS = [f"{a}{b}" for a in ("red", "blue", "sea", "sky", "the", "hill") for b in ("s", "ing", "ed", "er", "est")]
TEXTS = [" ".join(SEED.choice(WORDS, 12)) for _ in range(N)]
COUNTS = SEED.integers(0, 9, (N, D)).astype(float)
GAPS = np.where(SEED.random((N, D)) < 0.1, np.nan, X)


def kind(family: Family, name: str) -> Any:
    module = pytest.importorskip(family.module, reason=f"{family.package} is not installed")
    return getattr(module, name)


def sizes_of(family: Family, name: str) -> Sizes:
    is_classifier = family.task == "classification" or (not family.task and "Classifier" in name)
    task = "classification" if is_classifier else "regression"
    return Sizes(task, rows=N, features=D, classes=2 if is_classifier else None, budget_s=1e-6)


def estimator(family: Family, name: str, params: dict[str, Any]) -> Any:
    cls = kind(family, name)
    more: dict[str, Any] = {}
    if name == "SelectFromModel":
        from sklearn.linear_model import Ridge

        more["estimator"] = Ridge()
    if family.package == "lightgbm":
        more |= {"verbose": -1, "n_jobs": 1}
    if family.package == "xgboost":
        more |= {"n_jobs": 1}
    if family.package == "catboost":
        more |= {"verbose": False, "thread_count": 1, "allow_writing_files": False}
    if family.name == "mlp":
        more |= {"max_iter": 5}
    if name == "FeatureHasher":
        more |= {"input_type": "string"}
    return cls(**more).set_params(**params)


def learn(family: Family, name: str, params: dict[str, Any]) -> None:
    """Let an agent learn from as little as its settings allow: one round of updates, or two."""
    steps = params["n_steps"] if name == "PPO" else params["learning_starts"] + params["train_freq"] + 1
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of a batch that is short
        agent = kind(family, name)("MlpPolicy", "Pendulum-v1", seed=0, device="cpu", **params).learn(steps)
    for weights in agent.policy.parameters():
        assert np.isfinite(weights.detach().numpy()).all()


def fit(family: Family, name: str, params: dict[str, Any]) -> None:
    if family.package == "stable-baselines3":
        learn(family, name, params)
        return
    model = estimator(family, name, params)
    sizes = sizes_of(family, name)
    y = LABELS if sizes.task == "classification" else Y
    if "feature_extraction.text" in family.module:
        data: Any = [text.split() for text in TEXTS] if name == "FeatureHasher" else TEXTS
    elif family.name in ("count_nb", "complement_nb"):
        data = COUNTS
    elif family.module == "sklearn.impute":
        data = GAPS
    elif name in ("OneHotEncoder", "TargetEncoder"):
        data = COUNTS[:, :2]
    else:
        data = X
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of what does not converge in a corner: it gives a result all the same
        found = model.fit(data, y).predict(data) if hasattr(model, "predict") else model.fit_transform(data, y)
        found = found.data if hasattr(found, "toarray") else np.asarray(found)
    assert np.isfinite(np.asarray(found, dtype=float)).all()


def stated(family: Family, sizes: Sizes, params: dict[str, Any]) -> bool:
    """Return whether an entry states that a configuration fails."""
    entries = {entry.name: entry for entry in build.entries(family, sizes)}
    return any(
        hazard.strikes(value) and all(params.get(other) in values for other, values in hazard.given.items())
        for name, value in params.items()
        for hazard in entries[name].hazards
    )


Fit = Callable[[Family, str, dict[str, Any]], None]


def check(family: Family, name: str, space: tt.Space, rows: Iterator[np.ndarray], fit_one: Fit = fit) -> None:
    sizes = sizes_of(family, name)
    for row in rows:
        (params,) = space.decode(row)
        try:
            fit_one(family, name, params)
        except Exception as error:
            if not stated(family, sizes, params):
                raise AssertionError(f"{name}{params} failed, which no hazard states") from error


class Beside:
    """Fits in a process of its own, which is ended where a fit does not end by itself; a new one goes on."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.process = multiprocessing.get_context("spawn").Pool(1)  # spawn: a fork of OpenMP's threads may hang

    def fit(self, family: Family, name: str, params: dict[str, Any]) -> None:
        try:
            self.process.apply_async(fit, (family, name, params)).get(LIMIT_S)
        except multiprocessing.TimeoutError as error:
            self.end()
            self.begin()
            raise AssertionError(f"not done after {LIMIT_S:g} s") from error

    def end(self) -> None:
        self.process.terminate()
        self.process.join()


def space_of(family: Family, name: str) -> tt.Space:
    kind(family, name)
    space = build.space(family, sizes_of(family, name))
    assert space is not None
    return space


@pytest.mark.parametrize(("family", "name"), CASES, ids=[name for _, name in CASES])
def test_what_a_space_begins_with_runs_and_so_do_its_outermost_corners(family: Family, name: str) -> None:
    space = space_of(family, name)
    fit(family, name, space.decode(space.default_row())[0])
    outermost = (space.from_unit(np.full(len(space), end)) for end in (0.0, 1.0))
    check(family, name, space, iter(outermost))


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("family", "name"), CASES, ids=[name for _, name in CASES])
def test_every_end_of_every_parameter_runs_and_so_do_corners_that_are_drawn(family: Family, name: str) -> None:
    space = space_of(family, name)

    def rows() -> Iterator[np.ndarray]:
        start = space.to_unit(space.default_row())
        start = np.where(np.isnan(start), 0.5, start)
        for column, parameter in enumerate(space.parameters):
            n = len(parameter.choices) if isinstance(parameter, tt.Categorical) else 2
            for i in range(n):
                u = start.copy()
                u[column] = (i + 0.5) / n if isinstance(parameter, tt.Categorical) else float(i)
                yield space.from_unit(u)
        rng = np.random.default_rng(0)
        for _ in range(2 * len(space)):
            yield space.from_unit(rng.integers(2, size=len(space)).astype(float))

    beside = Beside()
    try:
        check(family, name, space, rows(), beside.fit)
    finally:
        beside.end()


BESIDES = [(family, entry) for family in FAMILIES.values() for entry in family.also if entry.hazards]


@pytest.mark.parametrize(("family", "entry"), BESIDES, ids=[f"{family.name}-{entry.name}" for family, entry in BESIDES])
def test_what_is_taken_besides_fails_where_it_is_said_to(family: Family, entry: Entry) -> None:
    kind(family, family.classes[0])
    for hazard in entry.hazards:
        values = [] if hazard.above is None else [hazard.above + 1]
        values += [] if hazard.below is None else [hazard.below - 1 if hazard.below >= 1 else -1]
        for value in values if not hazard.given else ():
            is_whole = isinstance(value, int) or entry.name.startswith(("max_leaf", "n_iter", "leaf_size"))
            with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own
                fit(family, family.classes[0], {entry.name: int(value) if is_whole else float(value)})


def test_the_library_covers_what_it_promises() -> None:
    assert len(CASES) > 55
