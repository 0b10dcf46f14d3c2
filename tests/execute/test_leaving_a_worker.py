"""What a script defines can leave the worker that runs a trial: to pools, to pickles, to studies within the trial.

One objective tries every way, however the program is started; each way is on record as a note of the trial.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

BY_FORK = ["loky", "joblib multiprocessing", "fork", "executor", "pickle", "dill", "nested tune"]
DEAR = ["sklearn n_jobs"]
"""A way of loky and joblib again, through scikit-learn, which takes seconds to load: for one program it is tried."""


BY_LOADING = ["spawn", "forkserver"]
"""Ways on which a child loads the script again: it needs a file, and a guard; else `multiprocessing.Pool` hangs."""

PARTS = """
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import trimtab as tt


class Model:
    def __init__(self, scale):
        self.scale = scale

    def predict(self, x):
        return self.scale * x


def double(x):
    return 2 * x


def build(scale):
    return Model(scale)


def score(truth, guess):
    return -float(np.mean(np.abs(truth - guess)))


def inner(trial):
    return double(trial.params["y"])


def by_loky(trial):
    import joblib
    return [m.scale for m in joblib.Parallel(n_jobs=2)(joblib.delayed(build)(i) for i in range(2))] == [0, 1]


def by_joblib_multiprocessing(trial):
    import joblib
    return joblib.Parallel(n_jobs=2, backend="multiprocessing")(joblib.delayed(double)(i) for i in range(2)) == [0, 2]


def by_sklearn_n_jobs(trial):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import cross_val_score
    x = np.arange(20.0).reshape(-1, 1)
    return len(cross_val_score(LinearRegression(), x, x[:, 0], cv=2, n_jobs=2, scoring=make_scorer(score))) == 2


def by_start(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.map(build, [3])[0].predict(2) == 6


def by_executor(trial):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(build, 5).result().scale == 5


def by_pickle(trial):
    (trial.checkpoint_dir / "model.pkl").write_bytes(pickle.dumps(Model(7)))
    return type(pickle.loads((trial.checkpoint_dir / "model.pkl").read_bytes())) is Model


def by_dill(trial):
    import dill
    return dill.loads(dill.dumps(Model(7))).scale == 7


def by_nested_tune(trial):
    study = tt.tune(inner, tt.Space(y=tt.Float(0, 1)), minimize="loss", budget=2, workers=2, seed=0, progress=False)
    return [trial.state for trial in map(study.table.trial, range(2))] == ["complete", "complete"]


WAYS = {
    "loky": by_loky,
    "joblib multiprocessing": by_joblib_multiprocessing,
    "sklearn n_jobs": by_sklearn_n_jobs,
    "fork": lambda trial: by_start("fork"),
    "spawn": lambda trial: by_start("spawn"),
    "forkserver": lambda trial: by_start("forkserver"),
    "executor": by_executor,
    "pickle": by_pickle,
    "dill": by_dill,
    "nested tune": by_nested_tune,
}


def objective(trial):
    for name in os.environ["WAYS"].split(","):
        try:
            trial.note(name, bool(WAYS[name](trial)))
        except Exception as error:
            trial.note(name, repr(error)[:300])
    return trial.params["x"]
"""

CALL = """
def call(objective):
    study = tt.tune(
        objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, workers=2, seed=0, progress=False, name="s"
    )
    import json
    view = study.table.trial(0)
    found = pickle.loads((study.session.files.checkpoint(0) / "model.pkl").read_bytes())
    same = type(found) is Model
    print(json.dumps({"notes": view.notes, "error": view.error, "found": found.predict(2), "same": same}))
"""

GUARD = '\nif __name__ == "__main__":\n    call(objective)\n'
CLOSURE = "\ndef make(factor):\n    def run(trial):\n        return objective(trial) * factor\n    return run\n"

PROGRAMS = {
    "a script": (["job.py"], {"job.py": PARTS + CALL + GUARD}, True),
    "a script without a guard": (["job.py"], {"job.py": PARTS + CALL + "\ncall(objective)\n"}, False),
    "a script with a closure": (
        ["job.py"],
        {"job.py": PARTS + CALL + CLOSURE + GUARD.replace("(objective)", "(make(2))")},
        True,
    ),
    "a module of a package": (
        ["-m", "package.job"],
        {
            "package/__init__.py": "",
            "package/more.py": "",
            "package/job.py": "from .more import __name__ as more\n" + PARTS + CALL + GUARD,
        },
        True,
    ),
    "a prompt": (["-"], {"-": PARTS + CALL + CLOSURE + "\ncall(make(2))\n"}, False),
    "an imported module": (
        ["job.py"],
        {
            "parts.py": PARTS,
            "job.py": "import pickle\nimport trimtab as tt\nfrom parts import Model, objective\n" + CALL + GUARD,
        },
        True,
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_defines_can_leave_a_worker(program: str, tmp_path: Path) -> None:
    command, files, loads = PROGRAMS[program]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    expected = [*BY_FORK, *(BY_LOADING if loads else ()), *(DEAR if program == "a script with a closure" else ())]
    done = subprocess.run(
        [sys.executable, *command],
        input=files.get("-", ""),
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "WAYS": ",".join(expected)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["error"]
    assert found["notes"] == dict.fromkeys(expected, True)
    assert (found["found"], found["same"]) == (14, True), "the driver loads what the trial pickled"


def run(tmp_path: Path, body: str) -> str:
    path = tmp_path / "job.py"
    path.write_text(textwrap.dedent(body))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


TUNE = 'tt.tune(objective, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=2, workers=2, seed=0, progress=False)'


def test_a_script_keeps_its_name_but_where_it_compares_it(tmp_path: Path) -> None:
    body = f"""
    import logging
    import trimtab as tt
    logger = logging.getLogger(__name__)
    main = __name__ == "__main__"
    match __name__:
        case "__main__":
            matched = True
        case _:
            matched = False
    def objective(trial):
        for key, value in {{"logger": logger.name, "main": main, "matched": matched, "name": __name__}}.items():
            trial.note(key, value)
        return 1.0
    if "__main__" != __name__:
        pass
    else:
        print({TUNE}.table.trial(0).notes)
    """
    assert run(tmp_path, body) == "{'logger': '__main__', 'main': False, 'matched': False, 'name': '__main__'}\n"


def test_annotations_of_a_script_mean_what_they_mean_in_the_driver(tmp_path: Path) -> None:
    """The library's own `from __future__ import annotations` must not reach the code that it compiles."""
    body = f"""
    import trimtab as tt
    class Config:
        depth: int = 3
    def objective(trial):
        trial.note("type", str(Config.__annotations__["depth"]))
        return 1.0
    print({TUNE}.table.trial(0).notes)
    """
    assert run(tmp_path, body) == "{'type': \"<class 'int'>\"}\n"


def test_what_a_script_pickled_before_can_be_loaded_in_a_trial(tmp_path: Path) -> None:
    body = f"""
    import pickle, pathlib
    import trimtab as tt
    FILE = pathlib.Path(__file__).with_name("pretrained.pkl")
    class Model:
        scale = 4.0
    def objective(trial):
        return pickle.loads(FILE.read_bytes()).scale
    if __name__ == "__main__":
        FILE.write_bytes(pickle.dumps(Model()))
        print({TUNE}.best.metrics["loss"])
    """
    assert run(tmp_path, body) == "4.0\n"
