"""Who may name code: the person who runs, and never a log or a study file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import trimtab as tt
from trimtab import plugins
from trimtab.errors import PluginError, SpaceError, StoreCorruptError, StudyMismatchError
from trimtab.execute.serial import SerialExecutor
from trimtab.ledger import chain
from trimtab.optim.random import Random
from trimtab.schedule.whole import Whole
from trimtab.study.plugin import make, named, passed
from trimtab.study.replay import replay

SPACE = tt.Space(x=tt.Float(0, 1))
BIN = Path(sys.executable).parent

MINE = """
from pathlib import Path
from trimtab.optim.random import Random
from trimtab.schedule.whole import Whole

Path("imported").write_text("yes")

class Mine(Random):
    def __init__(self, step=1):
        self.step = step

    def to_json(self):
        return {"step": self.step}

class Plan(Whole):
    def to_json(self):
        return {}
"""
MAKE = """
import sys
sys.path.insert(0, ".")
import trimtab as tt
from mine import Mine, Plan

space = tt.Space(x=tt.Float(0, 1))
with tt.create_study(
    space, minimize="loss", optimizer=Mine(step=3), scheduler=Plan(), store="mine.db", name="s", seed=0
) as study:
    for _ in range(3):
        study.tell(study.ask(), 0.5)
"""


class Mine(Random):
    def __init__(self, step: int = 1) -> None:
        self.step = step

    def to_json(self):
        return {"step": self.step}


class Plan(Whole):
    def to_json(self):
        return {}


def settings(path: Path, **changed: object) -> None:
    """Let the log of a study say that it was made by something else, chained as whoever alters a log can."""
    connection = sqlite3.connect(path)
    before = ""
    for seq, at, body in connection.execute("SELECT seq, at, body FROM event ORDER BY seq").fetchall():
        if seq == 1:
            body = json.dumps(json.loads(body) | changed)
        before = chain.link(before, at, body.encode())
        connection.execute("UPDATE event SET body = ?, link = ? WHERE seq = ?", (body, before, seq))
    connection.commit()
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with tt.create_study(SPACE, minimize="loss", optimizer="random", store=str(path), name="s", seed=0) as study:
        for _ in range(3):
            study.tell(study.ask(), 0.5)
    return path


def trimtab(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run([BIN / "trimtab", *words], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


HOSTILE = [
    {"name": "os:system", "command": "touch sprung"},
    {"name": "subprocess:Popen", "args": ["touch", "sprung"]},
    {"name": "builtins:exec"},
    {"name": "mine:Mine"},
    {"name": "sqlite"},
    {"name": ""},
    {"name": "../random"},
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("key", ["optimizer", "scheduler"])
def test_a_log_that_names_code_is_read_and_none_of_it_is_run(path: Path, key: str, hostile: dict) -> None:
    settings(path, **{key: hostile})
    (path.parent / "mine.py").write_text(MINE)
    with tt.load_study(str(path), "s") as study:
        assert (len(study.table), study.best.metrics) == (3, {"loss": 0.5})
        study.export(path.parent / "trials.csv")
        study.note("k", "v")  # a writer that asks for nothing needs no engine either
        with pytest.raises(PluginError, match=r"is no plugin that is installed here, and what a log names is never"):
            study.ask()
        with pytest.raises(PluginError, match=f"pass the object that made the study, as {key}="):
            replay(study.session.journal.read())
    assert not (path.parent / "imported").exists()
    assert not (path.parent / "sprung").exists()


@pytest.mark.parametrize("words", [("list",), ("show", "s"), ("show", "s", "1"), ("trials",), ("best",), ("doctor",)])
def test_every_command_that_reads_opens_it(path: Path, words: tuple[str, ...]) -> None:
    settings(path, optimizer=HOSTILE[0], scheduler=HOSTILE[0])
    code, said = trimtab(path.parent, *words, "--store", "s.db")
    assert (code, (path.parent / "sprung").exists()) == (0, False), said


def test_who_has_the_object_goes_on(path: Path) -> None:
    store = str(path.with_name("mine.db"))
    with tt.create_study(SPACE, minimize="loss", optimizer=Mine(2), scheduler=Plan(), store=store, name="m") as study:
        study.tell(study.ask(), 1.0)
        assert study.session.ledger.optimizer == {"step": 2, "name": f"{__name__}:Mine"}
    with tt.load_study(store, "m", optimizer=Mine(2), scheduler=Plan()) as study:
        study.tell(study.ask(), 2.0)
        assert len([opened for opened in study.session.ledger.opened]) == 1
        assert study.session.ledger.optimizer["step"] == 2, "the same engine is not put on record again"
        records = list(study.session.journal.read())
        assert replay(records, Mine(2), Plan()).differing == ()
        with pytest.raises(PluginError):
            replay(records, Mine(3), Plan())
        with pytest.raises(PluginError):
            replay(records, Mine(2))
    with pytest.raises(StudyMismatchError, match=r"has the scheduler .*:Plan' and keeps it; got 'whole'"):
        tt.load_study(store, "m", scheduler="whole")
    resumed = tt.tune(
        lambda trial: 0.0, SPACE, minimize="loss", budget=4, optimizer=Mine(2), scheduler=Plan(), store=store, name="m"
    )
    assert len(resumed.table) == 4
    resumed.close()


def test_a_class_of_the_script_that_ran_is_the_same_under_its_modules_name(path: Path) -> None:
    settings(path, optimizer={"name": "__main__:Mine", "step": 2})
    with tt.load_study(str(path), "s", optimizer=Mine(2)) as study:
        study.ask()
        assert study.session.ledger.optimizer["name"] == "__main__:Mine"


def test_on_the_command_line_the_person_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    subprocess.run([sys.executable, "-c", MAKE], cwd=tmp_path, check=True)
    (tmp_path / "imported").unlink()
    given = ("--store", "mine.db", "--optimizer", "mine:Mine", "--scheduler", "mine:Plan")
    code, said = trimtab(tmp_path, "ask", "--store", "mine.db")
    assert (code, "give `trimtab ask` and `trimtab replay` --" in said) == (2, True), said
    assert not (tmp_path / "imported").exists()
    assert trimtab(tmp_path, "replay", *given)[0] == 0
    assert (tmp_path / "imported").exists()
    assert trimtab(tmp_path, "ask", *given)[0] == 0
    for wrong, message in [
        ("mine:Plan", "is none: it lacks init, tell, ask."),
        ("os:system", "is none: expected a class"),
        ("os:DirEntry", "is none: it lacks init, tell, ask, to_json."),
        ("mine:Nothing", "cannot be loaded"),
        ("nowhere:Mine", "cannot be loaded"),
        ("random", "cannot be made with"),
    ]:
        code, said = trimtab(tmp_path, "ask", "--store", "mine.db", "--optimizer", wrong, "--scheduler", "mine:Plan")
        assert (code, message in said) == (2, True), said


def test_a_study_file_is_run_with_what_the_person_names(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "study.yaml").write_text(
        "name: s\ncommand: [echo, '{{\"m\": 1}}']\nminimize: m\nbudget: 2\nspace: {x: {float: [0, 1]}}\n"
    )
    own = ("--optimizer", "mine:Mine", "--scheduler", "mine:Plan", "--store", "run.db")
    for budget in ("2", "3"):  # begun, and gone on with
        code, said = trimtab(tmp_path, "run", "study.yaml", "--budget", budget, *own)
        assert code == 0, said
    code, said = trimtab(tmp_path, "replay", "s", *own)
    assert (code, "3 suggestions recomputed" in said) == (0, True), said
    code, said = trimtab(tmp_path, "run", "study.yaml", "--scheduler", "mine:Mine")
    assert (code, "the scheduler 'mine:Mine' is none: it lacks assign, judge." in said) == (2, True), said


def test_a_study_file_names_registered_plugins(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    for key in ("optimizer", "scheduler", "executor"):
        for name in ("mine:Mine", "os:getcwd", "nothing"):
            text = f"command: 'true {{x}}'\nminimize: m\nbudget: 1\nspace: {{x: {{float: [0, 1]}}}}\n{key}: '{name}'\n"
            (tmp_path / "study.yaml").write_text(text)
            code, said = trimtab(tmp_path, "run", "study.yaml")
            assert (code, f"study.yaml:5: {key}: no {key} is called '{name}'" in said) == (2, True), said
    assert not (tmp_path / "imported").exists()


def test_its_function_is_imported_by_run_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "from pathlib import Path\nPath('imported').write_text('yes')\ndef train(trial):\n    return 1.0\n"
    )
    (tmp_path / "study.yaml").write_text(
        "function: train.py:train\nminimize: m\nbudget: 1\nspace: {x: {float: [0, 1]}}\nname: s\n"
    )
    assert trimtab(tmp_path, "run", "study.yaml", "--dry-run")[0] == 0
    assert trimtab(tmp_path, "ask", "--file", "study.yaml")[0] == 0
    assert not (tmp_path / "imported").exists()
    assert trimtab(tmp_path, "run", "study.yaml", "--store", "other.db", "-q")[0] == 0
    assert (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "grid", "resolutoin": 3}, "cannot be made with .*unexpected keyword argument 'resolutoin'"),
        ({"name": "random", "command": "true"}, "unexpected keyword argument 'command'"),
        ({"name": ["random"]}, "is no plugin that is installed here"),
        ({"name": "random", "self": 1}, "cannot be made with"),
        ({}, "optimizer None on record is no plugin"),
    ],
)
def test_settings_are_checked_before_the_call(settings: dict, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make("optimizers", settings)


def test_options_are_checked_by_the_plugin() -> None:
    for resolution in (0, 10**15, "many", None, [1]):
        with pytest.raises((SpaceError, PluginError)):
            make("optimizers", {"name": "grid", "resolution": resolution})


def test_what_is_passed_can_do_what_it_is_for() -> None:
    for plugin in (3, Mine, Whole(), "mine:Mine", object()):
        with pytest.raises(PluginError):
            passed("optimizers", plugin)
    with pytest.raises(PluginError, match="is none: it lacks assign, judge"):
        named("schedulers", f"{__name__}:Mine")


def test_an_optimizer_that_proposes_nonsense_does_not_spoil_the_log() -> None:
    class Wild(Random):
        def ask(self, state, table, request):
            proposal = super().ask(state, table, request)
            proposal.x[:] = 7.0
            return proposal

        def to_json(self):
            return {}

    study = tt.create_study(SPACE, minimize="loss", optimizer=Wild())
    with pytest.raises(PluginError, match=r"proposed what cannot be: x = 7 lies outside of Float\(0, 1\)"):
        study.ask()
    assert len(study.table) == 0


def test_a_log_leads_nowhere_else(path: Path) -> None:
    for ident in ("../../escaped", "/etc", "a\nb", "x" * 100, "a/b", ".."):
        settings(path, id=ident)
        with pytest.raises(StoreCorruptError, match="record 1 of study 's'"):
            tt.load_study(str(path), "s")
    settings(path, id="", name="../../..")
    with tt.load_study(str(path), "s") as study:
        assert os.path.realpath(study.session.files.base).startswith(str(path.parent / "s-files"))


class Interrupted(Random):
    """Learns in place, and is interrupted once in the middle of it."""

    calls = 0

    def init(self, problem):
        return []

    def tell(self, state, table, row):
        state.append(row)
        Interrupted.calls += 1
        if Interrupted.calls == 3:
            raise KeyboardInterrupt
        return state

    def ask(self, state, table, request):
        assert state == table.order.tolist()
        return super().ask(state, table, request)

    def to_json(self):
        return {}


def test_what_is_half_learned_is_learned_anew() -> None:
    study = tt.create_study(SPACE, minimize="loss", optimizer=Interrupted(), seed=0)
    trials = [study.ask() for _ in range(4)]
    for trial in trials:
        study.tell(trial.number, 0.5)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    assert study.ask().number == 4
    assert replay(list(study.session.journal.read()), Interrupted()).differing == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:Mine", r"registered as 'no_such_module:Mine', cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:NoSuch", "cannot be loaded: AttributeError"),
        (f"{__name__}:HOSTILE", "is none: expected a class or a function .*, got a list"),
        (f"{__name__}:Plan", "is none: it lacks init, tell, ask"),
        ("json:dumps", "cannot be made with"),
        ("builtins:dict", "is none: it lacks init, tell, ask, to_json"),
        ("os:getcwd", "is none: it lacks init, tell, ask, to_json"),
    ],
)
def test_what_is_registered_is_looked_at(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setitem(plugins._entry_points("optimizers"), "odd", EntryPoint("odd", value, "trimtab.optimizers"))
    with pytest.raises(PluginError, match=message):
        tt.create_study(SPACE, minimize="loss", optimizer="odd")


class OddExecutor:
    """Takes what an executor takes, and is none."""

    def __init__(self, objective=None, *, workers=1, resources=None):
        pass


def test_what_a_registered_executor_makes_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = EntryPoint("odd", f"{__name__}:OddExecutor", "trimtab.executors")
    monkeypatch.setitem(plugins._entry_points("executors"), "odd", registered)
    for executor in ("odd", OddExecutor(), OddExecutor, SerialExecutor):
        with pytest.raises(PluginError, match=r"executor= is one of 'command', .*or an Executor of trimtab"):
            tt.tune(lambda trial: 0.0, SPACE, minimize="loss", budget=1, executor=executor)
