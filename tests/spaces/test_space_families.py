"""What the library says, held to itself and to the libraries that it is about."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trimtab as tt
from trimtab.errors import MissingError, SpaceError, UsageError
from trimtab.spaces import build, library, names
from trimtab.spaces.entry import Entry, Family
from trimtab.spaces.sizes import At, Sizes
from trimtab.spaces.sources import SOURCES

FAMILIES = library.families()
ENTRIES = [(family, entry) for family in FAMILIES.values() for entry in family.entries]
CLASSES = [(family, name) for family in FAMILIES.values() for name in family.classes]
SIZES = [
    Sizes(),
    Sizes("classification", rows=60, features=2, classes=3),
    Sizes("regression", rows=60, features=2),
    Sizes("classification", rows=2_000_000, features=5_000, classes=100, budget_s=0.1),
    Sizes("regression", rows=10_000, features=30, budget_s=3600.0),
]


def case(value: Any) -> str | None:
    return value.name if isinstance(value, Family | Entry) else value if isinstance(value, str) else None


@pytest.mark.parametrize("family", FAMILIES.values(), ids=case)
def test_entries_have_sources_ranges_and_hazards_outside_of_where_they_begin(family: Family) -> None:
    for entry in family.entries:
        check_entry(family, entry)


def check_entry(family: Family, entry: Entry) -> None:
    assert entry.sources
    assert set(entry.sources) <= set(SOURCES)
    assert entry.says
    assert bool(entry.choices) != (entry.low is not None)
    for sizes in SIZES:
        start = entry.begins.of(sizes) if isinstance(entry.begins, At) else entry.begins
        assert not any(hazard.strikes(start) for hazard in entry.hazards if not hazard.given)
        if entry.choices:
            assert any(start is one or (start == one and type(start) is type(one)) for one in entry.choices)
    for parent in entry.when:
        assert family.entry(parent) is not None
    assert not set(entry.aliases) & {other.name for other in family.entries if other is not entry}


@pytest.mark.parametrize("family", [one for one in FAMILIES.values() if one.also], ids=case)
def test_what_a_family_takes_besides_is_not_searched_and_is_there(family: Family) -> None:
    searched = {name for entry in family.entries for name in (entry.name, *entry.aliases)}
    for entry in family.also:
        assert entry.says
        assert entry.sources
        assert set(entry.sources) <= set(SOURCES)
        assert not searched & {entry.name, *entry.aliases}
        for name in family.classes if family.package == "scikit-learn" else ():
            assert entry.name in signature(family, name)


def test_a_tree_begins_by_its_task() -> None:
    probabilities, means = (tt.spaces.tree(task=task, rows=240) for task in ("classification", "regression"))
    assert probabilities["min_samples_leaf"].default == 20
    assert means["min_samples_leaf"].default == 8
    assert tt.spaces.tree(task="regression", rows=30)["min_samples_leaf"].default == 1


def test_every_source_is_used() -> None:
    assert {source for _, entry in ENTRIES for source in entry.sources} | {"measured"} >= set(SOURCES) - UNUSED


UNUSED = {"bergstra2012", "sipper2022", "bartz2021", "chen2016", "breiman2001", "geurts2006"}
"""On the page that is about all of them."""


@pytest.mark.parametrize("family", FAMILIES.values(), ids=case)
def test_a_family_makes_a_space_at_any_size_that_begins_inside_of_itself(family: Family) -> None:
    for sizes in SIZES:
        check_space(family, sizes)


def check_space(family: Family, sizes: Sizes) -> None:
    space = build.space(family, sizes)
    if space is None:
        assert not family.entries or all(entry.only for entry in family.entries)
        return
    row = space.default_row()
    assert space.contains(row)
    assert space.satisfied(row)
    assert space.contains(space.sample(np.random.default_rng(0), 20)).all()
    assert eval(space.to_code(), {"tt": tt}) == space
    assert tt.spaces.check(space) == []
    for name in space.names:
        assert not [h for h in _entry(family, sizes, name).hazards if not h.given and _is_inside(space[name], h)]


def _entry(family: Family, sizes: Sizes, name: str) -> Entry:
    return next(entry for entry in build.entries(family, sizes) if entry.name == name)


def _is_inside(parameter: Any, hazard: Any) -> bool:
    if isinstance(parameter, tt.Categorical):
        return any(hazard.strikes(choice) for choice in parameter.choices)
    held = parameter.role == "fixed"
    ends = (parameter.default,) if held else (parameter.low, parameter.high)
    return any(hazard.strikes(end) for end in ends) and hazard.how != "is of no use"


@pytest.mark.parametrize("family", FAMILIES.values(), ids=case)
def test_what_is_essential_is_there_and_comes_first(family: Family) -> None:
    for group in family.essential:
        priorities = [entry.priority for entry in family.entries if entry.name in group]
        assert priorities
        assert min(priorities) == 1
    assert family.about
    assert not family.entries or family.mistakes or family.package == "scikit-learn" or not family.package


# Against the libraries


def signature(family: Family, name: str) -> dict[str, Any]:
    module = pytest.importorskip(family.module, reason=f"{family.package} is not installed")
    return {key: one.default for key, one in inspect.signature(getattr(module, name).__init__).parameters.items()}


def sizes_for(name: str, family: Family) -> Sizes:
    is_classifier = "Classifier" in name or family.task == "classification"
    return Sizes("classification" if is_classifier else "regression")


@pytest.mark.parametrize(("family", "name"), CLASSES, ids=case)
def test_defaults_are_those_of_the_library(family: Family, name: str) -> None:
    usual = signature(family, name)
    if family.package in ("xgboost", "catboost"):
        pytest.skip("its defaults are not in signatures")
    for entry in build.entries(family, sizes_for(name, family)):
        assert entry.name in usual, f"{name} has no {entry.name}"
        assert type(usual[entry.name]) is type(entry.default) or isinstance(usual[entry.name], int | float)
        assert usual[entry.name] == entry.default, entry.name


def test_defaults_of_xgboost_are_those_that_it_trains_with() -> None:
    xgboost = pytest.importorskip("xgboost")
    import json

    x = np.random.default_rng(0).random((20, 2))
    booster = xgboost.train({}, xgboost.DMatrix(x, x[:, 0]), 1)
    text = json.dumps(json.loads(booster.save_config()))
    shown = {"reg_lambda": "lambda", "reg_alpha": "alpha"}
    for entry in FAMILIES["xgboost"].entries:
        found = re.search(rf'"{shown.get(entry.name, entry.name)}": "([^"]*)"', text)
        if entry.name != "n_estimators":
            assert found is not None, entry.name
            assert float(found[1]) == pytest.approx(entry.default), entry.name


def test_every_entry_of_a_version_is_one_that_the_class_has() -> None:
    old = {entry.name for entry in build.entries(FAMILIES["logistic"], Sizes(), "1.5")}
    new = {entry.name for entry in build.entries(FAMILIES["logistic"], Sizes(), "1.9.1")}
    assert "penalty" in old - new
    assert "l1_ratio" in new - old
    assert build.installed("scikit-learn") == import_module("sklearn").__version__
    assert build.installed("no-such-package") == ""


# Names, which the engine orders by


def test_a_learning_rate_comes_first_and_is_a_name_that_the_engine_knows() -> None:
    rates = [entry for _, entry in ENTRIES if entry.name in ("lr", "learning_rate", "learning_rate_init")]
    rates = [entry for entry in rates if entry.is_numeric]
    assert len(rates) > 15
    for entry in rates:
        assert (entry.priority, entry.log, names.rank(entry.name)) == (1, True, 0)


def test_a_name_that_says_nothing_has_no_rank() -> None:
    assert names.rank("x1") is None
    assert names.rank("Batch-Size") == 1


# Asked for by name


def test_a_family_is_asked_for_by_its_name_and_follows_the_sizes() -> None:
    few, many = (tt.spaces.lightgbm(task="binary", rows=rows) for rows in (200, 50_000))
    assert few["num_leaves"].high < many["num_leaves"].high == 255
    slow = tt.spaces.lightgbm(rows=10**6, features=100, budget_s=1.0)
    assert slow["n_estimators"].high == 100
    assert set(tt.spaces.families()) == set(FAMILIES)
    assert tt.spaces.lightgbm()["subsample_freq"].role == "fixed"


def test_wrong_questions_are_answered() -> None:
    with pytest.raises(MissingError, match="did you mean 'lightgbm'"):
        tt.spaces.lightgmb()
    with pytest.raises(SpaceError, match="task= is one of 'classification', 'regression'"):
        tt.spaces.lightgbm(task="classify")
    with pytest.raises(SpaceError, match="rows= is a whole number above 0"):
        tt.spaces.lightgbm(rows=0)
    with pytest.raises(SpaceError, match="budget_s= is the seconds"):
        tt.spaces.lightgbm(budget_s=-1)
    with pytest.raises(UsageError, match="lightgbm takes no row="):
        tt.spaces.lightgbm(row=3)
    with pytest.raises(SpaceError, match="there is nothing to tune of scalers"):
        tt.spaces.scalers()
    with pytest.raises(SpaceError, match="there is no family"):
        tt.spaces.about("nothing")


def test_formulas_are_arithmetic_and_nothing_else() -> None:
    assert At("min(rows / 10, 255)", 31).of(Sizes(rows=100)) == 10
    assert At("min(rows / 10, 255)", 31).of(Sizes()) == 31
    for text in ("__import__('os')", "rows.real", "open('x')"):
        with pytest.raises((ValueError, SyntaxError)):
            At(text, 1).of(Sizes(rows=1))


def test_families_load_no_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys, trimtab as tt; tt.spaces.lightgbm(); tt.spaces.catboost(); tt.spaces.check(tt.spaces.svc()); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'sklearn', 'lightgbm', 'xgboost', 'catboost', 'torch', 'scipy', 'pandas'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_part_of_the_library_hides_behind_a_family() -> None:
    parts = {path.stem for path in Path(tt.spaces.__file__).parent.iterdir()} - {"__init__", "__pycache__"}
    assert parts == set(tt.spaces._PARTS)
    assert not parts & {*FAMILIES, *tt.spaces.__all__}
