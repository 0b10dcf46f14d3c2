"""What makes an objective another one, and what does not."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import trimtab as tt
from trimtab.study import fingerprint
from trimtab.study.naming import name_of
from trimtab.study.same_objective import differences

HEAD = """
import time, tempfile, uuid, functools, collections, dataclasses, enum
import numpy as np
SCALE = 10
TABLE = {"a": 1, "b": [2, 3]}
STARTED = time.time()
RUN = f"run-{STARTED}"
history = []
best = None
DATA = np.arange(10.0)

def helper(x):
    '''Say what.'''
    return inner(x) + 1  # one more

def inner(x):
    return x * SCALE

class Model:
    width = 3
    def __init__(self, depth=2):
        self.depth = depth
        self.seen = []
    def fit(self, x):
        self.seen.append(x)
        self.fitted = x
        return helper(x) * self.width

def objective(trial):
    '''Train.'''
    global best
    history.append(RUN)
    best = Model().fit(trial.params["x"]) + TABLE["a"] + DATA[0]
    return best
"""

SAME = {
    "nothing": ("", ""),
    "a comment": ("# one more", "# and one more"),
    "a docstring": ("'''Say what.'''", "'''Say why, at length.'''"),
    "no docstring": ("    '''Train.'''\n", ""),
    "a docstring in a class": ("class Model:\n", "class Model:\n    '''A model.'''\n"),
    "layout": ("return inner(x) + 1", "return (\n        inner(x)\n        + 1\n    )"),
    "quotes": ('TABLE["a"]', "TABLE['a']"),
    "annotations": ("def helper(x):", "def helper(x: float) -> float:"),
    "lines above": ("SCALE = 10", "\n\nUNUSED = 1\nSCALE = 10"),
    "something else in the file": ("SCALE = 10", "def unused():\n    return 3\nSCALE = 10"),
    "order of definitions": (HEAD, HEAD.replace("SCALE = 10\n", "").replace("class Model", "SCALE = 10\nclass Model")),
}

OTHER = {
    "its code": ('TABLE["a"] +', 'TABLE["a"] -', "the code of the objective differs"),
    "a helper": ("inner(x) + 1", "inner(x) + 2", "the code of helper differs"),
    "a helper's helper": ("x * SCALE", "x / SCALE", "the code of inner differs"),
    "a number": ("SCALE = 10", "SCALE = 20", "SCALE was 10 and is 20"),
    "a table": ('"b": [2, 3]', '"b": [2, 4]', "TABLE differs"),
    "an array": ("np.arange(10.0)", "np.arange(10.0) + 1e-9", "DATA differs"),
    "a method": ("helper(x) * self.width", "helper(x) + self.width", "the code of Model.fit differs"),
    "a method's default": ("depth=2", "depth=4", "the default of Model.__init__'s depth was 2 and is 4"),
    "an attribute of a class": ("width = 3", "width = 5", "Model.width was 3 and is 5"),
}


def load(folder: Path, text: str, name: str = "job") -> ModuleType:
    """Load a file as a fresh module, as a process that starts anew would."""
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text))
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(path.read_text(), str(path), "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def forgotten() -> object:
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name in ("job", "lib"):
            del sys.modules[name]


def changes(before: object, after: object) -> list[str]:
    """Return what differs between two fingerprints, as they stand in a log."""
    return differences(*(json.loads(json.dumps(one)) for one in (before, after)))


@pytest.mark.parametrize("what", SAME)
def test_what_changes_nothing(what: str, tmp_path: Path) -> None:
    old, new = SAME[what]
    before = fingerprint.take(load(tmp_path, HEAD).objective)
    assert {"the objective", "helper", "inner", "Model.fit", "SCALE", "TABLE", "DATA"} <= before["parts"].keys()
    assert old in HEAD
    assert changes(before, fingerprint.take(load(tmp_path, HEAD.replace(old, new)).objective)) == []


@pytest.mark.parametrize("what", OTHER)
def test_what_makes_another_objective(what: str, tmp_path: Path) -> None:
    old, new, said = OTHER[what]
    before = fingerprint.take(load(tmp_path, HEAD).objective)
    assert old in HEAD
    assert changes(before, fingerprint.take(load(tmp_path, HEAD.replace(old, new, 1)).objective)) == [said]


def test_what_an_objective_changes_itself_is_left_out(tmp_path: Path) -> None:
    job = load(tmp_path, HEAD)
    before = fingerprint.take(job.objective)
    for x in (1.0, 2.0):
        job.objective(argparse.Namespace(params={"x": x}))
    assert job.history
    assert changes(before, fingerprint.take(job.objective)) == []
    assert {"history", "best", "RUN"} <= set(before["left_out"])


def test_an_object_that_remembers_is_the_same_later(tmp_path: Path) -> None:
    text = """
    class Objective:
        def __init__(self, depth):
            self.depth, self.calls, self.best, self.log = depth, 0, None, []
        def __call__(self, trial):
            self.calls += 1
            self.best = self.calls
            self.log.append(1)
            return self.depth
    """
    job = load(tmp_path, text)
    one = job.Objective(3)
    before = fingerprint.take(one)
    one(None)
    assert changes(before, fingerprint.take(one)) == []
    assert changes(before, fingerprint.take(job.Objective(5))) == ["depth was 3 and is 5"]
    assert changes(fingerprint.take(one.__call__), fingerprint.take(job.Objective(5).__call__)) == [
        "Objective.depth was 3 and is 5"
    ]


def make(factor: object, unused: object = None) -> Callable[[tt.Trial], object]:
    def objective(trial):
        return factor

    return objective


class Opaque:
    """Shows its address, as most objects do."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (2, 3),
        (2, 2.0),
        ("adam", "sgd"),
        (None, False),
        ([1, 2], [2, 1]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
        ((1, "x"), (1, "y")),
        ({1, 2}, {1, 3}),
        (np.zeros(3), np.zeros((3, 1))),
        (np.float32(1), np.float32(2)),
        (Path("a"), Path("b")),
        (argparse.Namespace(depth=1), argparse.Namespace(depth=2)),
        (b"a", b"b"),
        (len, max),
        (make, load),
        (functools.partial(make, 1), functools.partial(make, 2)),
        (make(1), make(2)),
        ({"f": make(1)}, {"f": make(2)}),
    ],
)
def test_a_closure_that_holds_something_else_is_another_objective(one: object, other: object) -> None:
    before = fingerprint.take(make(one))
    assert changes(before, fingerprint.take(make(one))) == []
    assert changes(before, fingerprint.take(make(other))) != []


def test_estimators_and_frames_have_a_content() -> None:
    import pandas as pd
    from sklearn import linear_model

    ridge = linear_model.Ridge
    assert changes(fingerprint.take(make(ridge(alpha=1.0))), fingerprint.take(make(ridge(alpha=1.0)))) == []
    assert changes(fingerprint.take(make(ridge(alpha=1.0))), fingerprint.take(make(ridge(alpha=2.0)))) != []
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    assert changes(fingerprint.take(make(frame)), fingerprint.take(make(frame.copy()))) == []
    assert changes(fingerprint.take(make(frame)), fingerprint.take(make(frame.assign(x=3.0)))) != []


@pytest.mark.parametrize(
    "make_value", [Opaque, lambda: sys.stdin, lambda: iter([1]), lambda: (x for x in ()), lambda: [Opaque()]]
)
def test_what_has_no_content_never_differs(make_value: Callable[[], object]) -> None:
    one, other = make_value(), make_value()
    assert changes(fingerprint.take(make(one)), fingerprint.take(make(other))) == []


def test_what_cannot_bear_to_be_looked_at_ends_nothing() -> None:
    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

        def __reduce__(self) -> str:
            raise RuntimeError

    assert changes(fingerprint.take(make(Hostile())), fingerprint.take(make(Hostile()))) == []


def test_text_that_may_be_a_secret_is_not_shown() -> None:
    assert "hunter2" not in json.dumps(fingerprint.take(make({"password": "hunter2"})))
    assert "hunter2" not in json.dumps(fingerprint.take(functools.partial(make, unused="hunter2")))


def test_arguments_of_a_partial() -> None:
    before = fingerprint.take(functools.partial(make, unused=1))
    assert changes(before, fingerprint.take(functools.partial(make, unused=2))) == ["argument unused was 1 and is 2"]
    assert changes(before, fingerprint.take(functools.partial(make))) == ["the arguments given beforehand differs"]


def test_lambdas_of_one_line_are_told_apart(tmp_path: Path) -> None:
    job = load(tmp_path, "a, b = (lambda t: 1), (lambda t: t.params['x'])\n")
    again = load(tmp_path, "a, b = (lambda t: 1), (lambda t: t.params['y'])\n")
    assert changes(fingerprint.take(job.a), fingerprint.take(again.a)) == []
    assert changes(fingerprint.take(job.b), fingerprint.take(again.b)) == ["the code of the objective differs"]


@pytest.mark.parametrize(
    "objective",
    [
        "import lib\ndef objective(t):\n    return lib.train(t)\n",
        "from lib import train\ndef objective(t):\n    return train(t)\n",
        "def objective(t):\n    from lib import train\n    return train(t)\n",
        "def objective(t):\n    import lib\n    return lib.train(t)\n",
        "import functools\nfrom lib import train\nobjective = functools.partial(train, depth=3)\n",
        "import functools\nfrom lib import train\n@functools.lru_cache\ndef objective(t):\n    return train(t)\n",
        "import functools\nfrom lib import train\ndef wrap(f):\n    @functools.wraps(f)\n    def g(*a):\n"
        "        return f(*a)\n    return g\n@wrap\ndef objective(t):\n    return train(t)\n",
    ],
)
def test_code_of_another_file_of_the_user_counts(
    objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    library = "RATE = 1\ndef train(t, depth=2):\n    return RATE\n"
    load(tmp_path, library, "lib")
    before = fingerprint.take(load(tmp_path, objective).objective)
    load(tmp_path, library + "# a comment\n", "lib")
    assert changes(before, fingerprint.take(load(tmp_path, objective).objective)) == []
    load(tmp_path, library.replace("return RATE", "return RATE + 1"), "lib")
    [said] = changes(before, fingerprint.take(load(tmp_path, objective).objective))
    assert said in (
        "the code of lib.train differs",
        "the code of module lib differs",
        "the code of the objective differs",
    )


def test_installed_packages_do_not_count() -> None:
    def objective(trial):
        return np.mean([np.linalg.norm([1.0])])

    parts = fingerprint.take(objective)["parts"]
    assert set(parts) == {"the objective"}


def test_only_the_settings_that_are_read_count(tmp_path: Path) -> None:
    text = "import argparse\nargs = argparse.Namespace(depth=3, trials=100)\ndef objective(t):\n    return args.depth\n"
    before = fingerprint.take(load(tmp_path, text).objective)
    assert changes(before, fingerprint.take(load(tmp_path, text.replace("trials=100", "trials=200")).objective)) == []
    other = fingerprint.take(load(tmp_path, text.replace("depth=3", "depth=5")).objective)
    assert changes(before, other) == ["args.depth was 3 and is 5"]


def test_a_file_that_was_edited_since_it_was_loaded_is_not_believed(tmp_path: Path) -> None:
    """A notebook that does not reload a module runs the old code, whatever the file says by now."""
    job = load(tmp_path, HEAD)
    before = fingerprint.take(job.objective)
    (tmp_path / "job.py").write_text(HEAD.replace("inner(x) + 1", "inner(x) + 2"))
    assert changes(before, fingerprint.take(job.objective)) == []


def test_code_without_a_source_is_compared_too() -> None:
    def made(body: str) -> object:
        namespace: dict[str, object] = {}
        exec(f"def objective(t):\n    return {body}\n", namespace)
        return fingerprint.take(namespace["objective"])  # type: ignore[arg-type]

    assert changes(made("t + 1"), made("t + 1")) == []
    assert changes(made("t + 1"), made("t + 2")) == ["the code of the objective differs"]


def test_another_version_of_python_tells_by_the_source_alone(tmp_path: Path) -> None:
    before = fingerprint.take(load(tmp_path, HEAD).objective)
    other = json.loads(json.dumps(before).replace("bytecode 3.", "bytecode 2."))
    assert changes(before, other) == []


def test_the_same_in_every_process(tmp_path: Path) -> None:
    """Sets and dicts have another order in each, and objects another address."""
    (tmp_path / "job.py").write_text(
        HEAD + "NAMES = frozenset({'a', 'b', 'c'})\ndef other(t):\n    return t in {'x', 'y', 'z'}, NAMES, objective\n"
        "import json\nfrom trimtab.study import fingerprint\nprint(json.dumps(fingerprint.take(other)))\n"
    )
    seen = set()
    for seed in ("1", "2", "3"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        seen.add(subprocess.check_output([sys.executable, tmp_path / "job.py"], env=environment, text=True))
    assert len(seen) == 1


# Programs


def test_a_program_is_its_command_line_and_its_files(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)  # one\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n# runs\n./train\n")
    (tmp_path / "config.yaml").write_text("depth: 3\n")

    def command(*more: str, **env: str) -> object:
        line = ["python", "train.py", "--config=config.yaml", "run.sh", "--lr={lr}", *more]
        return fingerprint.take(tt.Command(line, cwd=tmp_path, env=env))

    before = command(A="1")
    assert changes(before, command("--more")) == ["the command line differs"]
    assert changes(before, command(A="2")) == ["the environment's A differs"]
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n# runs it\n\n./train\n")
    assert changes(before, command(A="1")) == []
    (tmp_path / "train.py").write_text("print(2)\n")
    (tmp_path / "run.sh").write_text("./other\n")
    (tmp_path / "config.yaml").write_text("depth: 4\n")
    assert changes(before, command(A="1")) == [
        "file train.py differs",
        "file config.yaml differs",
        "file run.sh differs",
    ]


def test_a_module_that_is_run_by_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "train.py").write_text("print(1)\n")
    command = tt.Command(["python", "-m", "pkg.train"], cwd=tmp_path)
    before = fingerprint.take(command)
    (tmp_path / "pkg" / "train.py").write_text("print(2)\n")
    assert changes(before, fingerprint.take(command)) == ["file pkg/train.py differs"]


@pytest.mark.parametrize("line", ["python train.py --lr {lr}", "exec python -u train.py|tee log", "bash ./run.sh {lr}"])
def test_files_that_a_shell_is_told_to_run_count(line: str, tmp_path: Path) -> None:
    def taken(text: str) -> object:
        (tmp_path / "train.py").write_text(text)
        (tmp_path / "run.sh").write_text(text)
        return fingerprint.take(tt.Command(["sh", "-c", line], cwd=tmp_path))

    before = taken("print(1)\n")
    assert changes(before, taken("print(1)\n# a comment\n")) == []
    assert len(changes(before, taken("print(2)\n"))) == 1


def test_a_function_is_no_program() -> None:
    assert changes(fingerprint.take(make(1)), fingerprint.take(tt.Command(["true"]))) == [
        "it was a function and is a command"
    ]


# Names


def double(trial: tt.Trial, factor: float = 2.0) -> float:
    return 2.0


held = lambda trial: 1.0  # noqa: E731


class Remembers:
    def __call__(self, trial: tt.Trial) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (double, "double"),
        (functools.partial(double, factor=3.0), "double(factor=3.0)"),
        (functools.partial(make, 3), "make(3)"),
        (functools.partial(make, np.zeros(3)), "make"),
        (functools.partial(make, unused="x" * 100), "make"),
        (functools.partial(make, api_key="x"), "make"),
        (held, "held"),
        (lambda trial: 2.0, "test_fingerprint-lambda"),
        (functools.partial(lambda trial, depth: 2.0, depth=3), "test_fingerprint-lambda(depth=3)"),
        (Remembers(), "Remembers"),
        (Remembers().__call__, "Remembers"),
        (tt.Command(["python", "train.py"]), "train"),
    ],
)
def test_what_a_study_is_called(objective: object, name: str) -> None:
    assert name_of(objective) == name  # type: ignore[arg-type]


CONTENTS = {
    "settings with an item that the code sets": (
        "cfg = {'scale': 1.0, 'lr': 0}\ndef objective(t):\n    cfg['lr'] = t.params['x']\n    return cfg['scale']\n"
    ),
    "settings that take the parameters": (
        "cfg = {'scale': 1.0}\ndef objective(t):\n    cfg.update(t.params)\n    return cfg['scale']\n"
    ),
    "settings that take items by name": (
        "cfg = {'scale': 1.0}\ndef objective(t):\n    cfg.update({'lr': 1}, depth=2)\n    return cfg['scale']\n"
    ),
    "a namespace with an attribute that the code sets": (
        "import argparse\ncfg = argparse.Namespace(scale=1.0)\ndef train(c):\n    return c.scale\n"
        "def objective(t):\n    cfg.lr = t.params['x']\n    return train(cfg)\n"
    ),
    "a namespace with a temporary folder": (
        "import argparse, tempfile\ncfg = argparse.Namespace(scale=1.0)\ncfg.out = tempfile.mkdtemp()\n"
        "def objective(t):\n    return cfg.scale, cfg.out\n"
    ),
    "a ufunc": "import numpy as np\nf = np.sin  # 1.0\ndef objective(t):\n    return f(t)\n",
    "a function of numpy": "import numpy as np\nf = np.mean  # 1.0\ndef objective(t):\n    return f(t)\n",
    "a queue": "import collections\nq = collections.deque([1.0])\ndef objective(t):\n    return q[0]\n",
    "a read-only mapping": (
        "import types\nq = types.MappingProxyType({'a': 1.0})\ndef objective(t):\n    return q['a']\n"
    ),
    "a file of settings": (
        "import configparser\nq = configparser.ConfigParser()\nq.read_string('[a]\\nb = 1.0')\n"
        "def objective(t):\n    return q['a']['b']\n"
    ),
    "a function by type": (
        "import functools\n@functools.singledispatch\ndef f(x):\n    return 0\n"
        "@f.register\ndef _(x: float):\n    return x * 1.0\ndef objective(t):\n    return f(t)\n"
    ),
    "a function that an object of numpy holds": (
        "import numpy as np\n@np.vectorize\ndef f(x):\n    return x * 1.0\ndef objective(t):\n    return f(t)\n"
    ),
    "a scorer": (
        "from sklearn.metrics import make_scorer\ndef f(a, b):\n    return 1.0\ns = make_scorer(f)\n"
        "def objective(t):\n    return s(t)\n"
    ),
}
OTHERWISE = {"a ufunc": ("np.sin", "np.cos"), "a function of numpy": ("np.mean", "np.median")}


@pytest.mark.parametrize("what", CONTENTS)
def test_what_an_objective_holds_counts(what: str, tmp_path: Path) -> None:
    text, (old, new) = CONTENTS[what], OTHERWISE.get(what, ("1.0", "2.0"))
    before = fingerprint.take(load(tmp_path, text).objective, ["x"])
    assert changes(before, fingerprint.take(load(tmp_path, text).objective, ["x"])) == []
    assert old in text
    assert changes(before, fingerprint.take(load(tmp_path, text.replace(old, new)).objective, ["x"])) != []


def test_an_annotation_of_a_variable_changes_nothing(tmp_path: Path) -> None:
    text = "def objective(t):\n    y = 1.0\n    z = None\n    return y, z\n"
    before = fingerprint.take(load(tmp_path, text).objective)
    annotated = text.replace("y = ", "y: float = ").replace("z = ", "z: int | None = ")
    assert changes(before, fingerprint.take(load(tmp_path, annotated).objective)) == []


@pytest.mark.parametrize(
    "objective",
    [
        "import pack.lib\ndef objective(t):\n    return pack.lib.train(t)\n",
        "import pack.lib\ndef objective(t):\n    return pack.lib.RATE\n",
        "from pack import lib\ndef call(module, t):\n    return module.train(t)\n"
        "def objective(t):\n    return call(lib, t)\n",
        "import importlib\ndef objective(t):\n    return importlib.import_module('pack.lib').train(t)\n",
    ],
)
def test_modules_within_packages_count(objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    library = tmp_path / "pack" / "lib.py"

    def taken(text: str) -> object:
        library.write_text(text)
        os.utime(library, ns=(time.time_ns(), time.time_ns()))
        importlib.invalidate_caches()
        for name in ("pack", "pack.lib", "job"):
            sys.modules.pop(name, None)
        sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode
        try:
            return fingerprint.take(load(tmp_path, objective).objective)
        finally:
            sys.dont_write_bytecode = kept

    before = taken("RATE = 10\ndef train(t):\n    return RATE\n")
    assert changes(before, taken("RATE = 10  # a comment\ndef train(t):\n    return RATE\n")) == []
    assert changes(before, taken("RATE = 20\ndef train(t):\n    return RATE + 1\n")) != []


@pytest.mark.parametrize(
    "read", ["os.environ['DEPTH']", "os.environ.get('DEPTH', 1)", "os.getenv('DEPTH')", "environ['DEPTH']"]
)
def test_variables_of_the_environment_that_are_read_count(
    read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"import os\nfrom os import environ\ndef objective(t):\n    return {read}, os.environ.get('SLURM_JOB_ID')\n"
    monkeypatch.setenv("DEPTH", "3")
    before = fingerprint.take(load(tmp_path, text).objective)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert changes(before, fingerprint.take(load(tmp_path, text).objective)) == []
    monkeypatch.setenv("DEPTH", "4")
    assert changes(before, fingerprint.take(load(tmp_path, text).objective)) == ["the environment's DEPTH differs"]


def test_variables_that_the_code_sets_and_secrets_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "import os\ndef objective(t):\n    os.environ['DEPTH'] = '1'\n"
        "    return os.environ['DEPTH'], os.environ['DB_PASSWORD']\n"
    )
    before = fingerprint.take(load(tmp_path, text).objective)
    monkeypatch.setenv("DEPTH", "3")
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    after = fingerprint.take(load(tmp_path, text).objective)
    assert changes(before, after) == []
    assert set(after["parts"]) == {"the objective"}


def test_the_command_line_counts_where_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import sys\ndef objective(t):\n    return sys.argv[1]\n"
    monkeypatch.setattr(sys, "argv", ["job.py", "3"])
    before = fingerprint.take(load(tmp_path, text).objective)
    monkeypatch.setattr(sys, "argv", ["./job.py", "3"])
    assert changes(before, fingerprint.take(load(tmp_path, text).objective)) == []
    monkeypatch.setattr(sys, "argv", ["job.py", "4"])
    assert changes(before, fingerprint.take(load(tmp_path, text).objective)) == ["the command line differs"]


def test_what_a_run_changes_in_this_process_is_the_same_afterwards(tmp_path: Path) -> None:
    """Through an argument, which no look at the code tells; what its user changes in between is seen all the same."""
    text = """
    import numpy as np
    cfg, width, seen = {"lr": 0.0, "depth": 3}, [2], np.zeros(3)
    def train(settings, array, params):
        settings["lr"] = params["x"]
        settings.setdefault("calls", []).append(1)
        np.add(array, 1, out=array)
        return settings["lr"] * settings["depth"] * width[0]
    def objective(trial):
        return train(cfg, seen, trial.params)
    """
    job = load(tmp_path, text)
    space = tt.Space(x=tt.Float(0, 1))
    url = f"sqlite:///{tmp_path}/t.db"
    for budget in (2, 4, 6):
        study = tt.tune(job.objective, space, minimize="loss", budget=budget, store=url, seed=0, progress=False)
        assert len(study.trials) == budget
        study.close()
    job.cfg["depth"] = 4
    with pytest.raises(tt.errors.StudyMismatchError, match="cfg differs"):
        tt.tune(job.objective, space, minimize="loss", budget=8, store=url, seed=0, progress=False)
