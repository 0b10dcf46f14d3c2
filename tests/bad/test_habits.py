"""What users of other tools write, and the sentence that each gets: none a traceback, none a bare TypeError.

The tables in docs/coming-from.md are made from these lines and checked against them. To write them anew:

    TRIMTAB_WRITE_DOCS=1 python -m pytest tests/bad/test_habits.py -p no:xdist
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import objectives
import pytest

import trimtab as tt
from trimtab import habits, plugins
from trimtab.errors import TrimtabError

DOCS = Path(__file__).parents[2] / "docs" / "coming-from.md"
WRITE = bool(os.environ.get("TRIMTAB_WRITE_DOCS"))
BEGIN, END = "<!-- reference -->\n", "<!-- end of reference -->\n"

HABITS = {
    "Optuna": """
tt.tune(train, space, n_trials=100)
tt.tune(train, space, direction="minimize", budget=100)
tt.tune(train, space, minimize="loss", budget=100, timeout=600)
tt.tune(train, space, minimize="loss", budget=100, n_jobs=4)
tt.tune(train, space, minimize="loss", budget=100, callbacks=[print])
tt.tune(train, space, minimize="loss", budget=100, catch=(ValueError,))
tt.tune(train, space, minimize="loss", budget=100, show_progress_bar=True)
tt.create_study(space, direction="maximize")
tt.create_study(space, minimize="loss", sampler="tpe")
tt.create_study(space, minimize="loss", pruner="median")
tt.create_study(space, minimize="loss", study_name="s", storage="sqlite:///s.db", load_if_exists=True)
study.optimize(train, n_trials=100)
study.enqueue_trial({"lr": 0.01})
study.best_trial
study.trials_dataframe()
study.set_user_attr("who", "me")
study.stop()
study.tell(0, 0.5, state="COMPLETE")
study.ask({"lr": "uniform"})
trial.suggest_float("lr", 1e-5, 1e-1, log=True)
trial.suggest_categorical("optimizer", ["adamw", "sgd"])
trial.should_prune()
trial.set_user_attr("who", "me")
trial.report(0.5, step=3)
tt.Float("lr", 1e-5, 1e-1)
tt.TrialPruned
tt.FloatDistribution
""",
    "Hyperopt": """
tt.fmin(train, space)
tt.tune(train, space, minimize="loss", max_evals=100)
tt.tune(train, space, minimize="loss", algo="tpe", budget=100)
tt.tune(train, space, minimize="loss", budget=100, rstate=0)
tt.Trials()
tt.STATUS_OK
tt.hp
tt.uniform
tt.Float(0, 1, q=0.1)
tt.Categorical("adamw", "sgd")
""",
    "Ray Tune": """
tt.tune(train, space, metric="loss", mode="min", budget=100)
tt.tune(train, space, minimize="loss", num_samples=100)
tt.tune(train, space, minimize="loss", budget=100, resources_per_trial={"gpu": 1})
tt.tune(train, space, minimize="loss", budget=100, resources={"cpu": 2, "gpu": 1})
tt.tune(train, space, minimize="loss", budget=100, stop={"training_iteration": 10})
tt.tune(train, param_space={"lr": 0.1}, minimize="loss", budget=100)
tt.tune(train, {"lr": [0.1, 0.01]}, minimize="loss", budget=100)
tt.tune(train, space, minimize="loss", budget=100, time_budget_s=600)
tt.tune(train, space, minimize="loss", budget=100, scheduler="population")
tt.tune(train, space, minimize="loss", budget=100, executor="ray")
tt.tune(train, space, minimize="loss", budget=100, max_concurrent_trials=4)
tt.Resources(gpu=1)
tt.Resources(num_cpus=2)
tt.loguniform
tt.Tuner
tt.Choice(["adamw", "sgd"])
trial.config
trial["lr"]
""",
    "scikit-learn, scikit-optimize": """
tt.tune(train, space, minimize="loss", n_iter=100)
tt.tune(train, space, minimize="loss", budget=100, cv=5)
tt.tune(train, space, scoring="accuracy", budget=100)
tt.tune(train, space, minimize="loss", budget=100, random_state=0)
tt.tune(train, space, minimize="loss", budget=100, verbose=1)
tt.tune(train, space, minimize="loss", budget=100, workers=-1)
tt.tune(train, space, minimize="loss", n_calls=100)
tt.tune(train, space, minimize="loss", budget=100, x0=[[0.1]])
tt.Space(lr=[0.1, 0.01])
tt.Space(lr=(1e-5, 1e-1))
tt.Space(layers=range(1, 9))
tt.Space([tt.Float(0, 1)])
tt.Real(0, 1)
tt.Integer
tt.Categorical(categories=["adamw", "sgd"])
tt.Float(1e-5, 1e-1, prior="log-uniform")
tt.gp_minimize(train, space)
tt.integrations.sklearn.TrimtabSearchCV(train, space, n_trials=100)
tt.integrations.sklearn.TrimtabSearchCV(train, space, timeout=600)
tt.integrations.sklearn.TrimtabSearchCV(train, space, factor=3)
tt.integrations.sklearn.TrimtabSearchCV(train, space, study=study)
""",
    "Ax, BoTorch": """
tt.tune(train, space, objective_name="loss", budget=100)
tt.tune(train, space, minimize="loss", total_trials=100)
tt.tune(train, space, minimize="loss", budget=100, outcome_constraints=["latency <= 30"])
tt.tune(train, space, minimize="loss", budget=100, constraints={"latency": 30})
tt.tune(train, space, minimize=["loss", "latency"], budget=100)
tt.create_study(minimize="loss")
study.get_next_trial()
study.complete_trial(0, 0.5)
study.attach_trial({"lr": 0.01})
study.log_trial_failure(0)
tt.Float(bounds=[0, 1])
""",
    "SMAC, ConfigSpace, BOHB": """
tt.tune(train, space, minimize="loss", budget=100, walltime_limit=600)
tt.tune(train, space, minimize="loss", budget=100, min_budget=1, max_budget=81)
tt.tune(train, space, minimize="loss", budget=100, fidelity=10)
tt.tune(train, space, minimize="loss", budget=100, optimizer="bohb")
tt.ConfigurationSpace()
tt.EqualsCondition
tt.Constant("batch", 32)
tt.Float(lower=0, upper=1)
tt.Fidelity("epoch", 81)
""",
    "W&B sweeps, NNI": """
tt.sweep({"method": "bayes"})
tt.agent("sweep-id", train)
tt.tune(train, space, minimize="loss", count=100)
tt.tune(train, space, minimize="loss", budget=100, method="bayes")
tt.tune(train, space, minimize="loss", budget=100, optimizer="bayes")
tt.tune(train, space, minimize="loss", budget=100, early_terminate={"type": "hyperband"})
tt.tune("python train.py", space, minimize="loss", budget=100)
tt.tune(train, space, minimize="loss", budget=tt.Budget(seconds=600))
tt.Float(min=0, max=1)
tt.Categorical(values=["adamw", "sgd"])
tt.log({"loss": 0.5})
trial.lr
""",
    "Vizier, Nevergrad": """
tt.tune(train, space, goal="MAXIMIZE", budget=100)
tt.tune(train, space, minimize="loss", budget=100, optimizer="NGOpt")
study.suggest(count=5)
study.ask(5)
tt.Scalar(lower=0, upper=1)
tt.Log(lower=1e-5, upper=1e-1)
tt.Float(0, 1, scale_type="LOG")
""",
    "KerasTuner, FLAML": """
tt.tune(train, space, objective="val_loss", budget=100)
tt.tune(train, space, minimize="loss", max_trials=100)
tt.tune(train, space, minimize="loss", budget=100, executions_per_trial=3)
tt.tune(train, space, minimize="loss", budget=100, directory="runs", project_name="mine")
tt.tune(train, space, minimize="loss", budget=100, overwrite=True)
tt.tune(train, space, minimize="loss", time_budget=600)
tt.tune(train, space, minimize="loss", budget=100, stop=10)
tt.tune(train, space, minimize="loss", budget=100, low_cost_partial_config={"lr": 0.1})
tt.Int(min_value=1, max_value=8)
tt.Float(1e-5, 1e-1, sampling="log")
tt.HyperParameters()
tt.Boolean()
trial.Choice("optimizer", ["adamw", "sgd"])
""",
    "Command lines": """
trimtab --store x list
trimtab optimize study.yaml
trimtab sweep study.yaml
trimtab create-study --study-name s
trimtab ls
trimtab status
trimtab best-trial
trimtab run study.yaml --optimizer bayes
trimtab run study.yaml --executor local
trimtab run study.yaml --n-trials 100
trimtab run study.yaml --n-jobs 4
trimtab run study.yaml --direction minimize
trimtab list --storage sqlite:///trimtab.db
trimtab ask --study-name s
""",
}
"""What is written, by the tool whose users write it."""

LINES = [(tool, line) for tool, lines in HABITS.items() for line in lines.strip().splitlines()]
SAID: dict[str, str] = {}

STUDY = """\
name: s
command: ["true", "{lr}"]
minimize: loss
space: {lr: {float: [1e-5, 1e-1], log: true}}
budget: 2
"""


def in_python(line: str) -> str:
    """Return what is said to a line of Python, evaluated as it stands."""
    space = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True))
    with tt.create_study(space, minimize="loss", seed=0) as study:
        names = {"tt": tt, "space": space, "train": objectives.fine, "study": study, "trial": study.ask()}
        with pytest.raises(TrimtabError) as caught:
            eval(line, names)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def in_a_shell(line: str, folder: Path) -> str:
    """Return what is said to a command line."""
    (folder / "study.yaml").write_text(STUDY)
    environment = {key: value for key, value in os.environ.items() if key != "TRIMTAB_STORE"}
    done = subprocess.run(
        [sys.executable, "-m", "trimtab.surfaces.cli", *shlex.split(line)[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    return done.stderr.strip().splitlines()[-1].removeprefix("Error: ").removeprefix("trimtab: ")


def row(line: str) -> str:
    said = SAID[line].replace("|", "\\|").replace("<", "&lt;")
    return f"| `{line}` | {said} |"


@pytest.mark.parametrize(("tool", "line"), LINES, ids=[line for _, line in LINES])
def test_a_habit_gets_a_sentence(tool: str, line: str, tmp_path: Path) -> None:
    said = in_a_shell(line, tmp_path) if line.startswith("trimtab ") else in_python(line)
    assert "Traceback" not in said
    assert "\n" not in said
    assert len(said) > 20
    assert any(
        mark in said for mark in ("did you mean", ";", "such as", "there are", "goes", "expects", "is a", ", as ")
    )
    SAID[line] = said
    if not WRITE:
        assert row(line) in DOCS.read_text("utf-8"), "docs/coming-from.md tells otherwise; see this file's first lines"


def test_there_are_sixty_and_more() -> None:
    assert len({line for _, line in LINES}) == len(LINES) >= 60


@pytest.mark.skipif(not WRITE, reason="writes docs/coming-from.md; checked by every other test here")
def test_write_the_tables() -> None:
    before, _, _ = DOCS.read_text("utf-8").partition(BEGIN)
    parts = [
        "\n".join(
            [f"## {tool}", "", "| who writes | is told |", "|---|---|", *map(row, lines.strip().splitlines()), ""]
        )
        for tool, lines in HABITS.items()
    ]
    DOCS.write_text(f"{before}{BEGIN}\n" + "\n".join(parts) + f"\n{END}", "utf-8")


# The mechanism


def test_no_habit_is_an_argument_or_a_name_that_there_is() -> None:
    """A table that outlives what it stands for would tell lies."""
    import inspect

    owners = {"Study": tt.Study, "Trial": tt.Trial, "TrialView": tt.TrialView}
    elsewhere = {"TrimtabSearchCV": tt.integrations.sklearn.TrimtabSearchCV}
    for called, entries in habits.ARGUMENTS.items():
        owner, _, method = called.rpartition(".")
        function = elsewhere.get(called) or getattr(owners[owner] if owner else tt, method)
        assert not set(entries) & (set(inspect.signature(function).parameters) - {"objective", "step"}), called
    for owner, names in habits.NAMES.items():
        there = set(dir(owners.get(owner, tt)))
        assert not set(names) & there, owner
    for group, names in habits.PARTS.items():
        assert not set(names) & set(plugins.names(group)), group


def test_the_habits_are_not_read_before_one_is_met() -> None:
    code = (
        "import sys, trimtab as tt\n"
        "study = tt.tune(lambda t: t.params['x'], tt.Space(x=tt.Float(0, 1)), minimize='loss', budget=2, seed=0)\n"
        "assert 'trimtab.habits' not in sys.modules\n"
        "try: tt.tune(n_trials=3)\n"
        "except TypeError: pass\n"
        "assert 'trimtab.habits' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_wrong_argument_is_a_type_error_and_a_missing_name_an_attribute_error() -> None:
    with pytest.raises(TypeError):
        tt.tune(n_trials=3)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        _ = tt.Choice  # type: ignore[attr-defined]
    assert not hasattr(tt, "Choice")
    assert getattr(tt.Study, "optimize", None) is None
    with pytest.raises(ImportError):
        from trimtab import Choice  # type: ignore[attr-defined]  # noqa: F401


def test_a_type_error_of_the_callers_own_code_is_left_alone() -> None:
    class Odd:
        def __init__(self) -> None:
            self.name = "odd"

        def init(self, problem: object) -> None: ...

        def tell(self, state: object, table: object, row: int) -> None: ...

        def ask(self, state: object, table: object, request: object) -> None: ...

        def to_json(self) -> dict[str, object]:
            raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", optimizer=Odd())  # type: ignore[arg-type]


def test_an_attribute_error_within_a_property_is_left_alone() -> None:
    from trimtab.explain import Explained

    class Thing(Explained):
        @property
        def broken(self) -> int:
            return self.within.nothing  # type: ignore[attr-defined,no-any-return]

        within = 3

    with pytest.raises(AttributeError, match="'int' object has no attribute 'nothing'"):
        _ = Thing().broken


def test_signatures_are_as_they_were_written() -> None:
    import inspect

    assert list(inspect.signature(tt.tune).parameters)[:3] == ["objective", "space", "minimize"]
    assert list(inspect.signature(tt.Float).parameters)[:2] == ["low", "high"]
    assert list(inspect.signature(tt.Study.tell).parameters)[:3] == ["self", "trial", "result"]
    assert (tt.Study.ask.__doc__ or "").startswith("Return the next trial")


def test_objects_can_still_be_copied_and_looked_at() -> None:
    import copy
    import pickle

    view = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0).peek()
    assert copy.deepcopy(view) == pickle.loads(pickle.dumps(view)) == view
    for parameter in (tt.Float(0, 1), tt.Int(1, 8), tt.Categorical(["a"]), tt.Ordinal([1, 2])):
        assert pickle.loads(pickle.dumps(parameter)) == copy.copy(parameter) == parameter


def test_a_habit_in_an_objective_is_a_failed_trial_with_its_sentence() -> None:
    study = tt.tune(
        lambda trial: trial.suggest_float("x", 0, 1),  # type: ignore[attr-defined,no-any-return]
        tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, seed=0,
    )  # fmt: skip
    assert 'Trial has no suggest_float; its values come with it: trial.params["lr"]' in study.table.trial(0).error
