"""The fan of the best value to come, as text, and the commands that show it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import trimtab as tt
from trimtab.space.problem import Metric, Problem, maximize, minimize
from trimtab.stop.budget import Budget
from trimtab.stop.worth import Worth
from trimtab.surfaces.render.fan import fan_text
from trimtab.surfaces.render.text import width
from trimtab.testing.simulation import Simulation


def fan(metric: Metric, sign: float = 1.0):
    run = Simulation(Problem(tt.Space(x=tt.Float(0, 1)), (metric,)))
    for i, loss in enumerate(np.random.default_rng(1).exponential(size=50)):
        number = run.enqueue(np.array([(i + 0.5) / 50]))
        run.start(number)
        run.tell(number, sign * float(loss))
    return Worth(budget=Budget(trials=120)).outlook(run.table).fan


@pytest.mark.parametrize("cells", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("metric", [minimize("loss"), maximize("loss"), minimize("loss", target=0.001)])
def test_it_fits_and_says_what_it_shows(metric: Metric, cells: int) -> None:
    lines = fan_text(fan(metric, metric.sign), cells)
    assert all(width(line) <= cells for line in lines)
    picture = "\n".join(lines)
    assert "now 50" in picture
    assert "120" in lines[-2]
    assert all(mark in picture for mark in "━●░")
    rows = [line for line in lines if "│" in line]
    first = next(i for i, line in enumerate(rows) if "●" in line)
    expected = [line.rindex("░") for line in rows if "░" in line]
    assert expected == sorted(expected, reverse=metric.goal == "maximize") or expected
    assert (first < len(rows) / 2) == (metric.goal == "minimize"), "less is drawn below"


def test_the_commands(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    tt.tune(
        lambda trial: trial.params["x"] ** 2, tt.Space(x=tt.Float(-1, 1)), minimize="loss", budget=25, seed=0,
        optimizer="random", store=url, name="a", progress=False,
    ).close()  # fmt: skip
    (tmp_path / "train.py").write_text("import sys\nprint('{\"loss\": %s}' % sys.argv[1])\n")
    (tmp_path / "study.yaml").write_text(
        "command: '{python} train.py {x}'\nminimize: loss\nspace: {x: {float: [-1, 1]}}\nbudget: {hours: 2}\n"
    )

    def said(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "trimtab", *words, "--store", url], capture_output=True, text=True, check=True
        )
        return done.stdout

    shown = said("worth", "a")
    assert shown.startswith("a: worth going on? ")
    assert "now 25" in shown
    facts = json.loads(said("worth", "a", "--json"))
    assert (facts["n"], facts["within"], facts["is_left"]) == (25, 25, False)
    assert facts["fan"]["metric"] == "loss"
    bought = json.loads(said("plan", str(tmp_path / "study.yaml"), "--json"))
    assert bought["rests_on"] == 25
    assert bought["bought"] > 25
    assert bought["needed"] == 8
    assert bought["must_gain"] is None
    facts = json.loads(said("worth", "a", "--worth", "1 loss = 0.5 trials", "--epsilon", "0.5", "--json"))
    assert (facts["epsilon"], facts["pays"]) == (0.5, False)


@pytest.mark.parametrize(
    ("more", "worth", "says"),
    [
        ("budget: 40", "0.01 loss = 20 trials", "worth its price (0.01 loss = 20 trials) if it betters loss by 0.02"),
        (
            "budget: {hours: 2}",
            "0.01 = 1 hours",
            "what has to come of it (0.01 = 1 hours) is known once a trial's cost",
        ),
    ],
)
def test_a_plan_says_what_has_to_come_of_the_budget(tmp_path, more: str, worth: str, says: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f"command: 'true {{x}}'\nminimize: loss\nspace: {{x: {{float: [0, 1]}}}}\n{more}\nworth: {worth}\n")
    done = subprocess.run(
        [sys.executable, "-m", "trimtab", "plan", str(file), "--store", f"sqlite:///{tmp_path}/t.db", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert says in json.loads(done.stdout)["sentence"]


def test_a_noisy_study_has_one_figure_and_says_why_its_search_ended(tmp_path) -> None:
    url, rng = f"sqlite:///{tmp_path}/t.db", np.random.default_rng(0)

    def noisy(trial: tt.Trial) -> float:
        return trial.params["x"] ** 2 + float(rng.normal())

    made = tt.tune(
        noisy, tt.Space(x=tt.Float(-9, 9)), minimize="loss", budget=60, patience=30, finalize=True, seed=0,
        optimizer="random", store=url, name="a", progress=False,
    )  # fmt: skip
    figure = str(made.final)
    made.close()
    done = subprocess.run(
        [sys.executable, "-m", "trimtab", "show", "a", "--store", url], capture_output=True, text=True, check=True
    )
    shown = " ".join(done.stdout.split())
    best = shown.index("best ", shown.index("worth ") + 1)
    assert "; then the best were run again worth" in shown
    assert figure.split(";")[0] in shown[best:]
    assert "its fresh run that is nearest to that mean" in shown
    assert "best result  " in done.stdout
    found = re.search(r"best result (\S+) now", shown)
    assert found is not None
    assert found[1] in shown[shown.index("best result ", best) :], "both are of the search"
