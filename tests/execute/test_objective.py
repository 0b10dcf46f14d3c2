"""How objectives reach another process."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading

import execution_objectives as objectives
import pytest
from execution import make_task, run

from trimtab.errors import ExecutorError
from trimtab.execute.objective import Source, refer
from trimtab.execute.processes import open_processes


def ended_in_a_worker(objective, tmp_path):
    executor = open_processes(objective, workers=1)
    try:
        [ended], _ = run(executor, make_task(tmp_path, 3))
    finally:
        executor.close()
    assert ended.failure is None, ended.error
    return ended.values


def test_a_function_of_a_module_travels_by_its_name(tmp_path):
    assert refer(objectives.doubles) == Source("execution_objectives", "doubles")
    assert ended_in_a_worker(objectives.doubles, tmp_path) == 6.0


def test_a_nested_name(tmp_path):
    assert refer(objectives.Model.Inner.nested) == Source("execution_objectives", "Model.Inner.nested")
    assert ended_in_a_worker(objectives.Model.Inner.nested, tmp_path) == 7


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (functools.partial(objectives.scaled, 5), 15.0),
        (objectives.Model(4), 12.0),
        (objectives.Model(4).train, 7.0),
        (lambda trial: trial.params["x"] + 1, 4.0),
    ],
    ids=["partial", "instance", "bound method", "lambda"],
)
def test_what_has_no_name_travels_by_value(objective, expected, tmp_path):
    assert ended_in_a_worker(objective, tmp_path) == expected


def test_a_closure_travels_with_what_it_holds(tmp_path):
    factor = 11

    def objective(trial):
        return factor * trial.params["x"]

    assert ended_in_a_worker(objective, tmp_path) == 33.0


def test_a_closure_without_cloudpickle_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ExecutorError, match=r"define it there, or: pip install 'trimtab\[closures\]'$") as caught:
        refer(lambda trial: 1)
    assert "\n" not in str(caught.value)


def test_a_closure_over_what_cannot_travel_is_one_sentence():
    lock = threading.Lock()
    with pytest.raises(ExecutorError, match="cannot be sent to another process") as caught:
        refer(lambda trial: lock.locked())
    assert "\n" not in str(caught.value)


BROKEN = {
    "an exception": ("1 / 0", "a worker could not load {module}: ZeroDivisionError: division by zero"),
    "a missing package": ("import no_such_package", "No module named 'no_such_package'"),
    "a syntax error": ("def (", "SyntaxError: invalid syntax"),
    "an exit": ("raise SystemExit(3)", "a worker could not load {module}: SystemExit: 3"),
    "a crash": (
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "a worker crashed (SIGSEGV) while it loaded",
    ),
    "an end": (
        "import os, sys; print('no licence', file=sys.stderr, flush=True); os._exit(5)",
        "a worker ended with exit code 5 while it loaded the objective: no licence",
    ),
    "a name that is gone": ("", "a worker that loaded {module} found no 'objective' in it"),
    "no function": ("objective = 3", "the objective is 3 in a worker, which cannot be called."),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_module_that_a_worker_cannot_load_is_one_sentence(fault, tmp_path, monkeypatch):
    """The module works in the driver and not in the worker: it looks at a variable of the environment."""
    code, said = BROKEN[fault]
    name = f"broken_{list(BROKEN).index(fault)}"
    path = tmp_path / f"{name}.py"
    path.write_text("def objective(trial):\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__(name)
    path.write_text(code + "\n")
    with pytest.raises(ExecutorError) as caught:
        open_processes(module.objective, workers=2)
    assert said.format(module=name) in str(caught.value)
    assert "\n" not in str(caught.value)


def script(tmp_path, body, *arguments, name="job.py"):
    """Run a script of a user, and return what it printed."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + textwrap.dedent(body))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(objectives.__file__).rpartition("/")[0]}
    command = [sys.executable, *(arguments or (str(path),))]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout, done.stderr, done.returncode


HEAD = """\
from execution import make_task, run
from trimtab.execute.processes import open_processes

def tune(objective):
    executor = open_processes(objective, workers=2)
    [ended], _ = run(executor, make_task("files", 3))
    executor.close()
    print("got", ended.values, ended.error)
"""


def test_a_script_without_a_guard(tmp_path):
    body = """
    FACTOR = 10
    print("loading")
    def objective(trial):
        return FACTOR * trial.params["x"]
    tune(objective)
    print("after")
    """
    out, err, code = script(tmp_path, body)
    assert (err, code) == ("", 0)
    assert out.split("\n") == ["loading", "got 30.0 ", "after", ""], "it runs once here; what workers load is not shown"


def test_a_script_with_a_guard(tmp_path):
    body = """
    class Objective:
        def __call__(self, trial):
            return 4 * trial.params["x"]
    if __name__ == "__main__":
        tune(Objective())
    """
    assert script(tmp_path, body) == ("got 12.0 \n", "", 0)


def test_a_script_with_a_lambda(tmp_path):
    body = """
    def helper(x):
        return x + 1
    tune(lambda trial: helper(trial.params["x"]))
    """
    assert script(tmp_path, body) == ("got 4.0 \n", "", 0)


def test_a_script_that_tunes_twice(tmp_path):
    body = """
    def first(trial):
        return 1
    tune(first)
    def second(trial):
        return 2
    tune(second)
    """
    out, err, code = script(tmp_path, body)
    assert (out, code) == ("got 1.0 \n".replace("1.0", "1"), 1)
    assert "found no 'second' in it; define the objective at the top level, before the first" in err.splitlines()[-1]


@pytest.mark.parametrize("kind", ["def objective(trial):\n            return 1", "objective = build()"])
def test_an_objective_under_the_guard_is_told_to_leave_it(tmp_path, kind):
    body = f"""
    def build():
        def objective(trial):
            return 1
        objective.__qualname__ = "objective"
        return objective
    if __name__ == "__main__":
        {kind}
        tune(objective)
    """
    out, err, code = script(tmp_path, body)
    assert (out, code) == ("", 1)
    assert 'outside `if __name__ == "__main__":`' in err.splitlines()[-1]


def test_a_module_of_a_package_that_runs_as_a_script(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "parts.py").write_text("FACTOR = 6\n")
    body = """
    from .parts import FACTOR
    def objective(trial):
        return FACTOR * trial.params["x"]
    tune(objective)
    """
    out, err, code = script(tmp_path, body, "-m", "package.job", name="package/job.py")
    assert (out, err, code) == ("got 18.0 \n", "", 0)


def test_a_program_that_has_no_file(tmp_path):
    (tmp_path / "head.py").write_text(HEAD)
    code = "from head import tune\ndef objective(trial):\n    return 8\ntune(objective)\n"
    assert script(tmp_path, "", "-c", code) == ("got 8 \n", "", 0)


def test_the_working_directory_does_not_stand_in_for_the_library(tmp_path):
    (tmp_path / "faulthandler.py").write_text("raise RuntimeError('not me')\n")
    (tmp_path / "lib").mkdir()
    body = """
    def objective(trial):
        return 9
    tune(objective)
    """
    assert script(tmp_path, body, "lib/job.py", name="lib/job.py") == ("got 9 \n", "", 0)


def test_an_objective_that_starts_processes_by_spawn_from_a_script_without_a_guard(tmp_path):
    """The usual fork bomb: each child loads the script, which tunes, which starts children."""
    body = """
    import multiprocessing
    def work():
        pass
    def objective(trial):
        child = multiprocessing.get_context("spawn").Process(target=work)
        child.start()
        child.join()
        return child.exitcode
    tune(objective)
    """
    out, err, code = script(tmp_path, body)
    assert (out, err, code) == ("got 1 \n", "", 0)
    [log] = (tmp_path / "files").rglob("stderr.log")
    assert 'put the call of tune under `if __name__ == "__main__":`' in log.read_text()


def test_an_objective_that_starts_processes_by_spawn_from_a_script_with_a_guard(tmp_path):
    body = """
    import multiprocessing
    def work():
        pass
    def objective(trial):
        child = multiprocessing.get_context("spawn").Process(target=work)
        child.start()
        child.join()
        return child.exitcode
    if __name__ == "__main__":
        tune(objective)
    """
    assert script(tmp_path, body) == ("got 0 \n", "", 0)
