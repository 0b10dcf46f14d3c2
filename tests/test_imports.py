"""What `import trimtab` costs: two libraries and few milliseconds."""

import json
import subprocess
import sys

import pytest

# Whatever is not named here, numpy's own modules and the standard library's aside, a newcomer's script does not load.
HEAVY = (
    "asyncio",
    "click",
    "cloudpickle",
    "concurrent.futures",
    "email",
    "http",
    "importlib.metadata",
    "multiprocessing",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "urllib.request",
    "uvicorn",
    "yaml",
)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(statement: str) -> set[str]:
    return set(json.loads(run(f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))")))


def test_importing_loads_nothing_heavy() -> None:
    added = modules_after("import numpy, trimtab") - modules_after("import numpy")
    assert [name for name in sorted(added) if name.startswith(tuple(f"{h}." for h in HEAVY)) or name in HEAVY] == []


def test_the_only_library_beside_numpy_is_msgspec() -> None:
    added = modules_after("import numpy, trimtab") - modules_after("import numpy")
    packages = {name.split(".")[0] for name in added} - sys.stdlib_module_names
    # numpy loads its random part when that is first named; msgspec takes typing_extensions where others brought it
    beside = {"numpy", "typing_extensions", "cython_runtime"}
    assert {name for name in packages if not name.startswith("_cython")} - beside == {"trimtab", "msgspec"}


def test_importing_adds_at_most_150_ms_over_numpy() -> None:
    code = "from time import process_time as t; a = t(); import numpy; b = t(); import trimtab; print(b - a, t() - b)"
    numpy, trimtab = (min(seconds) for seconds in zip(*(map(float, run(code).split()) for _ in range(5)), strict=True))
    assert trimtab <= max(0.150, 1.5 * numpy), "on a slow machine numpy is slow as well"


LIBRARIES = ("catboost", "keras", "lightgbm", "lightning", "sklearn", "torch", "transformers", "xgboost")


def test_integrations_load_a_library_when_they_are_used_and_no_other() -> None:
    assert not modules_after("import trimtab as tt; tt.integrations; from trimtab import integrations") & {*LIBRARIES}
    assert modules_after("import trimtab as tt; tt.integrations.sklearn.Report") & {*LIBRARIES} == {"sklearn"}


def test_a_library_that_is_not_installed_is_told_in_one_sentence() -> None:
    hidden = "import sys; sys.modules['xgboost'] = None"  # as Python itself marks what is not to be found
    said = run(
        f"{hidden}\nimport trimtab\n"
        "try:\n    from trimtab.integrations.xgboost import Report\nexcept ImportError as error:\n    print(error)"
    )
    assert said == "trimtab.integrations needs xgboost for this: pip install xgboost\n"


@pytest.mark.parametrize("name", ["Space", "tune", "create_study", "Float"])
def test_the_public_names_need_no_more_imports(name: str) -> None:
    assert run(f"import trimtab; print(trimtab.{name}.__name__)").strip() == name


POSIX_ALONE = ("O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "fork", "getuid", "register_at_fork")
SIGNALS_OF_POSIX = ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "pthread_sigmask", "setitimer")


def test_a_serial_study_needs_nothing_that_only_posix_systems_have():
    said = run(
        f"""
import os, signal, sys
sys.modules.update(dict.fromkeys(("fcntl", "grp", "pwd", "resource", "termios")))
for module, names in ((os, {POSIX_ALONE}), (signal, {SIGNALS_OF_POSIX})):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
has = os.path.isdir
os.path.isdir = lambda path: path != "/proc/self" and has(path)
import trimtab as tt
import trimtab.surfaces.cli.app
space = tt.Space(x=tt.Float(0.0, 1.0))
study = tt.tune(lambda t: t.params["x"], space, minimize="loss", budget=2, optimizer="random", progress=False)
print(study.table.n_begun)
"""
    )
    assert said.strip() == "2"
