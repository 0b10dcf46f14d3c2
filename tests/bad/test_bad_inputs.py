"""Bad inputs: each gives one clear sentence, or a recorded failed trial; none a traceback, none a lost trial.

The table in docs/bad-inputs.md is made from these cases and checked against them. To write it anew:

    TRIMTAB_WRITE_DOCS=1 python -m pytest tests/bad -p no:xdist
"""

from __future__ import annotations

import os
import pickle
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import objectives
import pytest

import trimtab as tt
from trimtab.errors import ObjectiveError, TrimtabError
from trimtab.optim.gp import Gp
from trimtab.optim.random import Random
from trimtab.space.problem import Metric

DOCS = Path(__file__).parents[2] / "docs" / "bad-inputs.md"
WRITE = bool(os.environ.get("TRIMTAB_WRITE_DOCS"))
SPACE = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True))


@dataclass(frozen=True)
class Case:
    area: str
    title: str
    run: Callable[[Path], str]


CASES: list[Case] = []
ROWS: dict[tuple[str, str], str] = {}


def case(area: str, title: str) -> Callable[[Callable[[Path], str]], None]:
    def add(run: Callable[[Path], str]) -> None:
        CASES.append(Case(area, title, run))

    return add


def refused(call: Callable[[], object]) -> str:
    """Return the sentence with which Trimtab refuses; anything else that is raised fails the test."""
    with pytest.raises(TrimtabError) as caught:
        call()
    assert caught.value.__cause__ is None, "no foreign traceback hangs on it"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def simple(area: str, title: str, call: Callable[[], object]) -> None:
    case(area, title)(lambda _: refused(call))


# Space

simple("space", "bounds the wrong way round", lambda: tt.Float(2.0, 1.0))
simple("space", "log scale from zero", lambda: tt.Float(0.0, 1.0, log=True))
simple("space", "a bound that is nan", lambda: tt.Float(float("nan"), 1.0))
simple("space", "an infinite bound", lambda: tt.Float(0.0, float("inf")))
simple("space", "a bound that is text", lambda: tt.Float("1e-5", 1.0))
simple("space", "a step that does not reach the upper bound", lambda: tt.Float(0.0, 1.0, step=0.3))
simple("space", "whole numbers with a fraction", lambda: tt.Int(1, 2.5))
simple("space", "whole numbers too large for a float", lambda: tt.Int(0, 2**60))
simple(
    "space",
    "a constraint on a choice too large for a float",
    lambda: tt.Space(c=tt.Ordinal([1, 10**400]), require=["c < 5"]),
)
simple("space", "no choices", lambda: tt.Categorical([]))
simple("space", "a choice twice", lambda: tt.Categorical(["a", "b", "a"]))
simple("space", "choices that the log cannot hold", lambda: tt.Categorical([len, max]))
simple("space", "a default out of range", lambda: tt.Space(x=tt.Float(0, 1, default=2.0)))
simple("space", "an unknown role", lambda: tt.Float(0, 1, role="scientist"))
simple("space", "something that is no parameter", lambda: tt.Space(lr=0.1))
simple("space", "no parameters at all", lambda: tt.Space())
simple(
    "space",
    "a condition on a parameter that is not there",
    lambda: tt.Space(
        m=tt.Float(0, 1, when=tt.given("optimiser").is_in(["sgd"])), optimizer=tt.Categorical(["sgd", "x"])
    ),
)
simple(
    "space",
    "conditions in a circle",
    lambda: tt.Space(a=tt.Int(0, 1, when=tt.given("b") == 1), b=tt.Int(0, 1, when=tt.given("a") == 1)),
)
simple(
    "space",
    "a condition that its parent can never meet",
    lambda: tt.Space(a=tt.Categorical(["x", "y"]), b=tt.Float(0, 1, when=tt.given("a").is_in(["z"]))),
)
simple("space", "a range that is no narrower", lambda: SPACE.narrow(lr=(1e-9, 1e-2)))
simple("space", "a range that is no wider", lambda: SPACE.widen(lr=(1e-4, 1e-2)))
simple("space", "a range that is one number", lambda: SPACE.narrow(lr=0.1))
simple("space", "two spaces that mean different things by a name", lambda: SPACE | tt.Space(lr=tt.Float(0, 1)))
simple("space", "a space joined with something else", lambda: SPACE | {"x": 1})
simple("space", "a parameter that another one depends on, left out", lambda: tt.spaces.svc().without("kernel"))
simple("spaces", "a family that there is not", lambda: tt.spaces.lightgmb())
simple("spaces", "a task that there is not", lambda: tt.spaces.lightgbm(task="classify"))
simple("spaces", "rows that are no number", lambda: tt.spaces.lightgbm(rows="many"))
simple("spaces", "a budget below 0", lambda: tt.spaces.lightgbm(budget_s=-1.0))
simple("spaces", "a size under another name", lambda: tt.spaces.lightgbm(n_rows=10))
simple("spaces", "a family of which nothing is tuned", lambda: tt.spaces.scalers())
simple("spaces", "the space of something that is no estimator", lambda: tt.spaces.of("svc"))
simple("spaces", "a choice of one", lambda: tt.spaces.choice({"svc": tt.spaces.svc()}))
simple(
    "spaces",
    "a choice that has the name of a parameter",
    lambda: tt.spaces.choice({"a": tt.spaces.svc(), "b": tt.spaces.svr()}, name="a__C"),
)
simple("spaces", "a page on a family that there is not", lambda: tt.spaces.about("boosting"))
simple("space", "a prior about nothing", lambda: tt.Float(1e-5, 1e-1, log=True, prior=0.1))
simple("space", "a prior against its default", lambda: tt.Categorical(["adamw", "sgd"], default="adamw", prior=3))
simple("space", "a constraint that does not parse", lambda: tt.Space(a=tt.Int(0, 9), require=["a * <= 3"]))
simple("space", "a constraint on an unknown name", lambda: tt.Space(layers=tt.Int(0, 9), require=["layer <= 3"]))
simple("space", "a constraint that would run code", lambda: tt.Space(a=tt.Int(0, 9), require=["__import__('os')"]))
simple(
    "space",
    "a constraint that compares text with a number",
    lambda: tt.Space(a=tt.Categorical(["x", "y"]), require=["a < 3"]),
)
simple(
    "space",
    "constraints that nothing satisfies",
    lambda: tt.create_study(tt.Space(a=tt.Int(1, 9), b=tt.Int(1, 9), require=["a * b <= 0.5"]), minimize="loss").ask(),
)

simple(
    "space",
    "a constraint of 1,200 attributes",
    lambda: tt.Space(x=tt.Float(0, 1), require=["x" + ".a" * 1200 + " < 1"]),
)
simple("space", "a tower of powers", lambda: tt.Space(x=tt.Float(0, 1), require=["x" + " ** 9" * 400 + " < 1"]))
simple(
    "space",
    "a constraint on more pairs than can be listed",
    lambda: tt.Space(
        a=tt.Categorical([f"a{i}" for i in range(2000)]),
        b=tt.Categorical([f"a{i}" for i in range(2000)]),
        require=["a == b"],
    ),
)
simple("space", "more parameters than anybody tunes", lambda: tt.Space({f"p{i}": tt.Float(0, 1) for i in range(3000)}))


@case("space", "a condition that is nested without end")
def _(folder: Path) -> str:
    condition = tt.given("x") > 0.5
    for i in range(200):
        condition = (condition | (tt.given("x") < i / 1000)) & (tt.given("x") > i / 2000)
    return refused(lambda: tt.Space(x=tt.Float(0, 1), y=tt.Float(0, 1, when=condition)))


# Problem


def tune(**more: object) -> object:
    arguments: dict[str, object] = {"minimize": "loss", "budget": 1} | more
    return tt.tune(objectives.fine, SPACE, **arguments)  # type: ignore[arg-type]


simple("problem", "no objective", lambda: tune(minimize=None))
simple("problem", "two objectives where one is due", lambda: tune(maximize="accuracy"))
simple("problem", "a metric twice", lambda: tune(constraints=[tt.at_most("loss", 1.0)]))
simple("problem", "a bound that is nan", lambda: tt.at_most("latency", float("nan")))
simple("problem", "a target that is text", lambda: tune(target="0.5"))
simple("problem", "a standard error of a constraint", lambda: Metric("memory", "at_most", 30, error="memory_se"))
simple("problem", "an optimizer of one's own, by its place", lambda: tune(optimizer="mine:Mine"))
simple(
    "problem",
    "a metric that is a standard error",
    lambda: tune(minimize=None, objectives=[tt.minimize("loss", error="loss")]),
)
simple("problem", "a fidelity the wrong way round", lambda: tt.Fidelity("epoch", 9, 1))
simple("problem", "no fold", lambda: tune(folds=0))
simple("problem", "a race that is neither on nor off", lambda: tune(folds=5, race="no"))
simple("problem", "no space", lambda: tt.tune(objectives.fine, {"lr": [0, 1]}, minimize="loss", budget=1))
simple("problem", "no budget", lambda: tune(budget=None))
simple("problem", "a budget of nothing", lambda: tune(budget=0))
simple("problem", "a budget that is text", lambda: tune(budget="100"))
simple("problem", "a budget of epochs where none are declared", lambda: tune(budget=tt.Budget(epochs=500)))
simple("problem", "a budget of money without prices", lambda: tt.Budget(money=100))
simple("problem", "a budget of GPUs that trials do not take", lambda: tune(budget=tt.Budget(gpu_hours=8)))
simple("problem", "a deadline that is no time", lambda: tt.Budget(deadline="noon"))
simple("problem", "room for checkpoints without a unit", lambda: tune(checkpoints="20"))
simple("problem", "a negative seed", lambda: tune(seed=-1))
simple("problem", "no workers", lambda: tune(workers=0))
simple("problem", "past studies that are a number", lambda: tune(learn_from=3))
simple("problem", "a past study among them that has no name", lambda: tune(learn_from=["resnet", ""]))
simple("problem", "a past study that there is not", lambda: tune(learn_from="resnet-1"))
simple(
    "problem",
    "a past study that has nothing in common",
    lambda: tune(learn_from=tt.create_study(tt.Space(depth=tt.Int(1, 9)), minimize="loss", name="tree")),
)
simple(
    "problem", "a new name of a past parameter that there is not", lambda: tune(learn_from={one_trial(): {"a": "rate"}})
)
simple("problem", "new names of past parameters in a list", lambda: tune(learn_from={one_trial(): ["lr"]}))
simple("problem", "last runs that are a number", lambda: tune(finalize=3))
simple("problem", "last runs in a budget that is too small for them", lambda: tune(finalize=True, budget=10))
simple(
    "problem",
    "one winner of two objectives",
    lambda: tune(minimize=None, objectives=[tt.minimize("loss"), tt.minimize("size")], finalize=True, budget=50),
)
simple(
    "problem",
    "last runs by hand of a study without a result",
    lambda: tt.create_study(SPACE, minimize="loss").finalize(objectives.fine),
)
simple(
    "problem",
    "too few last runs by hand",
    lambda: tt.create_study(SPACE, minimize="loss").finalize(objectives.fine, trials=2),
)


@case("problem", "a GPU for each trial on a machine without one")
def _(_folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        return refused(lambda: tune(resources=tt.Resources(gpus=1)))


simple("problem", "an unknown optimizer", lambda: tune(optimizer="randon"))
simple("problem", "an optimizer that is none", lambda: tune(optimizer=3))
simple("problem", "an optimizer that was not made", lambda: tune(optimizer=Gp))
simple(
    "problem",
    "a grid none of whose points may be tried",
    lambda: tt.tune(
        objectives.fine,
        tt.Space(a=tt.Float(0, 1), b=tt.Float(0, 1), require=["a > 0.3", "a < 0.4"]),
        minimize="loss",
        budget=1,
        optimizer="grid",
    ),
)
simple("problem", "an executor that does not run functions", lambda: tune(executor="command"))
simple(
    "problem",
    "a nested file of parameters that cannot be",
    lambda: tt.Command(["train", "{params_file}"]).check(["model", "model.depth"]),
)
simple("problem", "a way to show progress that is none", lambda: tune(progress="yes"))
simple("problem", "a name that is no text", lambda: tune(name=3))
simple("problem", "an unknown executor", lambda: tune(executor="process"))
simple("problem", "an executor that is none", lambda: tune(executor=4))
simple("problem", "trials per worker, without workers", lambda: tune(trials_per_worker=3))
simple("problem", "an unknown way to stop", lambda: tune(stop="soon"))
simple("problem", "an exchange rate with one side", lambda: tune(worth="0.01 loss"))
simple("problem", "an exchange rate in an unknown unit", lambda: tune(worth="0.01 loss = 3 tpu_hours"))
simple("problem", "an exchange rate with stop='never'", lambda: tune(worth="0.01 = 3 hours", stop="never"))
simple("problem", "a gain that counts of 0", lambda: tune(epsilon=0))
simple("problem", "a patience that is no number of trials", lambda: tune(patience=1.5))
simple("problem", "an unknown way to resume", lambda: tune(resume="ask"))
simple("problem", "an objective that cannot be called", lambda: tt.tune(3, SPACE, minimize="loss", budget=1))

# Stores


@case("store", "an unknown kind of store")
def _(folder: Path) -> str:
    return refused(lambda: tune(store="sqllite:///trimtab.db"))


@case("store", "a folder that is not there")
def _(folder: Path) -> str:
    return refused(lambda: tune(store=f"sqlite:///{folder}/nowhere/trimtab.db"))


@case("store", "a folder in the file's place")
def _(folder: Path) -> str:
    return refused(lambda: tune(store=f"sqlite:///{folder}"))


@case("store", "a password that is not escaped")
def _(folder: Path) -> str:
    return refused(lambda: tune(store="postgresql://ann:pass@word@localhost/tuning"))


@case("store", "a password in the URL of a file")
def _(folder: Path) -> str:
    return refused(lambda: tune(store="sqlite://ann:secret@host/trimtab.db"))


@case("store", "a file that is no database")
def _(folder: Path) -> str:
    (folder / "notes.db").write_text("my notes\n" * 1000)
    return refused(lambda: tune(store=f"sqlite:///{folder}/notes.db"))


@case("store", "a database of another program")
def _(folder: Path) -> str:
    with sqlite3.connect(folder / "other.db") as other:
        other.execute("create table meta (key text, value text)")
        other.execute("create table study (title text)")
    other.close()
    return refused(lambda: tune(store=f"sqlite:///{folder}/other.db"))


@case("store", "a database written by a newer Trimtab")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/newer.db"
    tune(store=url)
    with sqlite3.connect(folder / "newer.db") as newer:
        newer.execute("update meta set schema_version = 99")
    newer.close()
    return refused(lambda: tune(store=url))


def scaled(factor: float) -> Callable[[tt.Trial], float]:
    def objective(trial: tt.Trial) -> float:
        return factor

    return objective


@case("store", "another objective of the name that one on record has")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/trimtab.db"
    tt.tune(scaled(1.0), SPACE, minimize="loss", budget=2, store=url, progress=False)
    return refused(lambda: tt.tune(scaled(2.0), SPACE, minimize="loss", budget=2, store=url, progress=False))


@case("store", "a study that is there and was not to be")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/trimtab.db"
    tune(store=url, name="resnet")
    return refused(lambda: tune(store=url, name="resnet", resume="never"))


@case("store", "a PostgreSQL server that is not there")
def _(folder: Path) -> str:
    return refused(lambda: tune(store="postgresql://ann:secret@127.0.0.1:9/tuning?timeout=0"))


@case("store", "a study in memory, told in a forked child")
def _(folder: Path) -> str:
    study = tt.create_study(SPACE, minimize="loss", seed=0)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        said = refused(study.ask)
        os.write(theirs, re.sub(r"process [0-9]+", "process N", said).encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as pipe:
        return pipe.read()


@case("store", "a damaged page")
def _(folder: Path) -> str:
    url, path = f"sqlite:///{folder}/damaged.db", folder / "damaged.db"
    tt.tune(objectives.fine, SPACE, minimize="loss", budget=300, store=url, name="a", stop="never").close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(8192, size - 4096, 4096):
            file.seek(page)
            file.write(b"\xde\xad" * 2048)
    return refused(lambda: tt.tune(objectives.fine, SPACE, minimize="loss", budget=301, store=url, name="a"))


@case("store", "a record that was altered")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/altered.db"
    tune(store=url, name="a")
    with sqlite3.connect(folder / "altered.db") as database:
        database.execute("update event set body = replace(body, '\"number\":0', '\"number\":1') where seq = 3")
    database.close()
    return refused(lambda: tt.load_study(url, "a"))


@case("store", "a backup that was restored under a running study")
def _(folder: Path) -> str:
    one = tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{folder}/restored.db", name="a", seed=0)
    one.tell(one.ask().number, 0.5)
    kept, live = sqlite3.connect(":memory:"), sqlite3.connect(folder / "restored.db")
    live.backup(kept)
    one.tell(one.ask().number, 0.25)
    kept.backup(live)
    kept.close()
    live.close()
    return refused(one.ask)


@case("store", "a database that was replaced under a running study")
def _(folder: Path) -> str:
    one = tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{folder}/replaced.db", name="a", seed=0)
    tune(store=f"sqlite:///{folder}/other.db", name="a")
    (folder / "other.db").replace(folder / "replaced.db")
    return refused(one.ask)


@case("store", "a database that was cut to nothing under a running study")
def _(folder: Path) -> str:
    one = tt.create_study(SPACE, minimize="loss", store=f"sqlite:///{folder}/cut.db", name="a", seed=0)
    os.truncate(folder / "cut.db", 0)
    return refused(one.ask)


@case("store", "a URL of a megabyte")
def _(folder: Path) -> str:
    return refused(lambda: tune(store="sqlite:///" + "x" * 1_000_000))


@case("store", "a file name of 300 letters")
def _(folder: Path) -> str:
    return refused(lambda: tune(store=f"sqlite:///{folder}/{'x' * 300}.db"))


def altered(folder: Path, *statements: str) -> str:
    """Return the URL of a store that somebody altered."""
    url = f"sqlite:///{folder}/altered.db"
    tune(store=url, name="s")
    connection = sqlite3.connect(folder / "altered.db", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return url


@case("store", "a view in the place of a table")
def _(folder: Path) -> str:
    url = altered(folder, "ALTER TABLE event RENAME TO hidden", "CREATE VIEW event AS SELECT * FROM hidden")
    return refused(lambda: tt.load_study(url, "s"))


@case("store", "a trigger")
def _(folder: Path) -> str:
    url = altered(folder, "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END")
    return refused(lambda: tt.load_study(url, "s"))


class Mine(Random):
    def to_json(self) -> dict[str, object]:
        return {"step": 0.5}


@case("store", "a study that was made by an optimizer that is not installed")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/mine.db"
    tt.create_study(SPACE, minimize="loss", optimizer=Mine(), store=url, name="s").close()
    with tt.load_study(url, "s") as one:
        return refused(one.ask)


@case("store", "an unknown mode")
def _(folder: Path) -> str:
    return refused(lambda: tt.load_study(f"sqlite:///{folder}/trimtab.db?mode=read", "a"))


RUN_IN = """
import os, sys
sys.path.insert(0, {here!r})
import objectives, trimtab as tt
from trimtab.errors import TrimtabError
try:
    space = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True))
    tt.tune(objectives.{name}, space, minimize="loss", budget={budget}, store={url!r}, name="a", stop="never")
except TrimtabError as error:
    print(error)
else:
    print("nothing was refused")
"""


def in_another_process(url: str, *, name: str = "fine", budget: int = 1, prefix: list[str] | None = None) -> str:
    """Tune in a process of its own; return the sentence it prints."""
    script = RUN_IN.format(here=str(Path(__file__).parent), name=name, budget=budget, url=url)
    done = subprocess.run([*(prefix or []), sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return done.stdout.strip()


def with_mount(command: str) -> list[str]:
    """Return the prefix that runs a program in a name space of its own, where anybody may mount, after `command`."""
    return ["unshare", "-rm", "sh", "-c", command + ' && exec "$0" "$@"']


@case("store", "a read-only disk")
def _(folder: Path) -> str:
    path = folder / "read-only.db"
    tune(store=f"sqlite:///{path}", name="a")
    mount = f"mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}'"
    return in_another_process(f"sqlite:///{path}", budget=2, prefix=with_mount(mount))


@case("store", "a full disk")
def _(folder: Path) -> str:
    disk = folder / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=600k tmpfs '{disk}'"  # a real file system of 600 kB
    return in_another_process(f"sqlite:///{disk}/full.db", budget=100_000, prefix=with_mount(mount))


# Studies


@case("study", "a study that is not there")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    tune(store=url, name="resnet")
    return refused(lambda: tt.load_study(url, "resnett"))


@case("study", "two studies of one name")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    tt.create_study(SPACE, minimize="loss", store=url, name="resnet").close()
    return refused(lambda: tt.create_study(SPACE, minimize="loss", store=url, name="resnet"))


@case("study", "another space on resuming")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    tune(store=url, name="resnet")
    wider = tt.Space(lr=tt.Float(1e-5, 1.0, log=True))
    return refused(lambda: tt.tune(objectives.fine, wider, minimize="loss", budget=2, store=url, name="resnet"))


@case("study", "another objective on resuming")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    tune(store=url, name="resnet")
    return refused(lambda: tune(store=url, name="resnet", minimize=None, maximize="loss"))


@case("study", "another seed on resuming")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    tune(store=url, name="resnet", seed=1)
    return refused(lambda: tune(store=url, name="resnet", seed=2))


@case("study", "a name that is empty")
def _(folder: Path) -> str:
    return refused(lambda: tt.create_study(SPACE, minimize="loss", name=" "))


@case("study", "names in any script (accepted)")
def _(folder: Path) -> str:
    url = f"sqlite:///{folder}/t.db"
    space = tt.Space({"学習率": tt.Float(1e-5, 1e-1, log=True), "größe": tt.Categorical(["клён", "🌲"])})
    study = tt.tune(objectives.fine, space, minimize="verlust ñ", budget=3, store=url, name="étude n° 1/2 🌲")
    study.close()
    again = tt.load_study(url, "étude n° 1/2 🌲")
    assert set(again.best.params) == {"学習率", "größe"}
    again.close()
    return f"{len(again.table)} trials complete"


simple("study", "an enqueued value out of range", lambda: study().enqueue({"lr": 3.0}))
simple("study", "an enqueued parameter that is not there", lambda: study().enqueue({"learning_rate": 0.01}))
simple("study", "a trial that was never asked for", lambda: study().tell(4, 0.5))
simple("study", "a result that is text", lambda: told("0.5"))
simple("study", "a result without the metric", lambda: told({"accuracy": 0.5}))
simple("study", "a negative standard error", lambda: told({"loss": 0.5, "loss_se": -0.1}))
simple("study", "an unknown kind of failure", lambda: told(None, failed="bad luck"))
simple("study", "a trial of another study", lambda: study().tell(study().ask(), 0.5))
simple("study", "a study that is pickled", lambda: pickle.dumps(study()))
simple("study", "the best of nothing", lambda: study().best)
simple("study", "an export to an unknown kind of file", lambda: study().export("trials.xlsx"))


def study() -> tt.Study:
    return tt.create_study(SPACE, objectives=[tt.minimize("loss", error="loss_se")], seed=0)


def told(result: object, failed: str | None = None) -> None:
    one = study()
    number = one.ask().number
    try:
        one.tell(number, result, failed=failed)
    except ObjectiveError:
        one.tell(number, 0.5)  # the trial was not lost: it can still be told
        assert one.best.number == number
        raise


@case("study", "a trial told twice")
def _(folder: Path) -> str:
    one = study()
    number = one.ask().number
    one.tell(number, 0.5)
    return refused(lambda: one.tell(number, 0.4))


@case("study", "a result told after another attempt took over")
def _(folder: Path) -> str:
    one = study()
    trial = one.ask(lease_s=0.01)
    one.session.worker = "another"
    import time

    time.sleep(0.05)
    again = one.ask()
    assert again.number == trial.number
    return refused(lambda: one.tell(trial.number, 0.5, attempt=trial.attempt))


@case("study", "a study that was closed")
def _(folder: Path) -> str:
    one = study()
    one.close()
    return refused(one.ask)


def one_trial(**problem: object) -> tt.Study:
    space = tt.Space(lr=SPACE["lr"], act=tt.Categorical(["relu", "gelu"]))
    study = tt.create_study(space, **({"minimize": "loss"} | problem), seed=0, optimizer="random")
    study.tell(study.ask(), 0.5)
    return study


simple("study", "refine without a change", lambda: tt.refine(one_trial()))
simple("study", "refine of something that is no study", lambda: tt.refine("resnet", drop=["act"]))
simple("study", "refine with a new space and changes of it", lambda: tt.refine(one_trial(), space=SPACE, drop=["act"]))
simple("study", "refine with a range that is not wider", lambda: tt.refine(one_trial(), widen={"lr": (1e-3, 1e-2)}))
simple("study", "refine with a range that is not narrower", lambda: tt.refine(one_trial(), narrow={"lr": (1e-9, 1.0)}))
simple("study", "refine with one number for a range", lambda: tt.refine(one_trial(), widen={"lr": 1.0}))
simple("study", "refine with a name that is misspelt", lambda: tt.refine(one_trial(), hold={"atc": "relu"}))
simple("study", "refine that adds what is there", lambda: tt.refine(one_trial(), add={"lr": tt.Float(0, 1)}))
simple("study", "refine that keeps a choice there is not", lambda: tt.refine(one_trial(), narrow={"act": ["tanh"]}))
simple("study", "refine with a list where values have names", lambda: tt.refine(one_trial(), hold=["act"]))
simple("study", "compare without anything to compare with", lambda: tt.compare(one_trial()))
simple("study", "compare by a parameter of many values", lambda: tt.compare(one_trial(), by="lr"))
simple(
    "study", "compare of other objectives", lambda: tt.compare(one_trial(), one_trial(minimize=None, maximize="loss"))
)
simple("study", "compare of two studies by a parameter", lambda: tt.compare(one_trial(), one_trial(), by="act"))
simple("study", "the best none", lambda: one_trial().top(0))
simple("study", "a trial compared with one there is not", lambda: one_trial().diff(0, 9))


@case("study", "a note on a trial that is text")
def _(folder: Path) -> str:
    one = study()
    one.ask()
    return refused(lambda: one.note("why", "the first", trial="0"))


@case("study", "constraints that nothing satisfies, in a small space")
def _(folder: Path) -> str:
    return refused(tt.create_study(tt.Space(a=tt.Int(1, 3), require=["a > 5"]), minimize="loss").ask)


@case("study", "a result that is nan")
def _(folder: Path) -> str:
    one = study()
    number = one.ask().number
    one.tell(number, float("nan"))
    return failed(one)


# Objectives: each in a worker process of its own


def failed(one: tt.Study) -> str:
    """Return what is on record of the study's only trial, which failed."""
    assert len(one.table) == 1
    view = one.table.trial(0)
    assert view.state == "failed", view
    return f"trial 0 failed ({view.failure}): {view.error.splitlines()[0]}"


def objective(title: str, name: str, *, complete: bool = False, retries: int = 0, **resources: float) -> None:
    @case("objective", title)
    def _(folder: Path) -> str:
        one = tt.tune(
            getattr(objectives, name),
            SPACE,
            minimize="loss",
            budget=1,
            executor="processes",
            retries=retries,
            grace_s=0.5,
            store=f"sqlite:///{folder}/t.db",
            resources=tt.Resources(**resources),  # type: ignore[arg-type]
        )
        one.close()
        if not complete:
            return failed(one)
        view = one.best
        return f"trial 0 complete, loss {view.metrics['loss']:g}" + "".join(
            f"; {k}: {v}" for k, v in {**view.notes, **one.table.notes}.items()
        )


objective("an objective that takes the trial for a dictionary", "takes_a_dictionary")
objective("an objective that takes the trial for a number", "takes_a_number")
objective("an objective that takes its parameters by name", "takes_names")
objective("returns nan", "returns_nan")
objective("returns infinity", "returns_inf")
objective("returns an int too large for a float", "returns_a_huge_int")
objective("returns text", "returns_text")
objective("returns nothing", "returns_nothing")
objective("returns True", "returns_bool")
objective("returns a complex number", "returns_complex")
objective("returns what raises when it is read", "returns_a_late_error")
objective("returns another metric", "returns_another_metric")
objective("returns too many values", "returns_too_many")
objective("returns something that cannot be sent", "returns_a_lock")
objective("raises an exception", "raises")
objective("raises an exception that cannot be shown", "raises_in_raising")
objective("recurses without end", "recurses")
objective("is cancelled by asyncio", "is_cancelled")
objective("reports from a fork of its process", "reports_from_a_fork")
objective("sends its trial to another process", "sends_its_trial_away")
objective("calls sys.exit", "exits")
objective("calls os._exit", "exits_at_once")
objective("segfaults", "segfaults")
objective("aborts", "aborts")
objective("is killed, again and again", "is_killed", retries=1)
objective("takes more memory than it may", "eats_memory", memory=300 * 2**20)
objective("asks for more memory than there is", "raises_memory_error")
objective("hangs and ignores SIGTERM", "hangs", limit_s=1.0)
objective("prints 40 MB (kept in part)", "prints_a_lot", complete=True)
objective("prints bytes that are no text", "prints_bytes", complete=True)
objective("closes its output", "closes_its_output", complete=True)
objective("reports nan and infinity on the way", "reports_nan", complete=True)
objective("reports text on the way", "reports_text", complete=True)
objective("reports of half a fold", "reports_half_a_fold")
objective("a walk through folds where there are none", "walks_through_folds")
objective("a report of no step and no fold", "reports_nowhere")
objective("reports under another name at every step", "reports_a_name_a_step", complete=True)
objective("removes its study's folder, and leaves a umask of 0o777", "leaves_a_mess", complete=True)


@case("objective", "a lambda, for workers that must load it")
def _(folder: Path) -> str:
    script = (
        "import sys; sys.modules['cloudpickle'] = None\n"
        "import trimtab as tt\n"
        "try:\n"
        "    tt.tune(lambda t: 0.5, tt.Space(x=tt.Float(0, 1)), minimize='loss', budget=1, executor='processes')\n"
        "except tt.errors.TrimtabError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Commands


def command(title: str, *argv: str, refuse: bool = False) -> None:
    @case("command", title)
    def _(folder: Path) -> str:
        def call() -> tt.Study:
            return tt.tune(tt.Command(list(argv)), SPACE, minimize="loss", budget=1, name="c")

        return refused(call) if refuse else failed(call())


command("a template with an unknown name", "train", "--lr={lrr}", refuse=True)
command("a template with an open brace", "train", "--lr={lr", refuse=True)
command("JSON whose braces are not doubled", "sh", "-c", "echo '{\"loss\": 1}'", refuse=True)
command("a fold where a trial has none", "train", "--fold={fold}", refuse=True)
command("no program", refuse=True)
command("a program that is not there", "no-such-program-here", "--lr={lr}", refuse=True)
command("a program that fails", "sh", "-c", "echo 'no such data set' >&2; exit 3")
command("a program that says nothing", "true")
command("a program that prints the metric as text", "sh", "-c", 'echo \'{{"loss": "low"}}\'')
command("a program that prints the value of a fold and no result", "sh", "-c", 'echo \'{{"fold": 0, "loss": 1}}\'')
command("a program that prints broken JSON", "sh", "-c", "echo '{{\"loss\": 0.5'")
command("a program that prints nan", "sh", "-c", "echo '{{\"loss\": NaN}}'")
command("a program that prints a number of 401 digits", "sh", "-c", f"echo '{{{{\"loss\": 1{'0' * 400}}}}}'")
command("a program that puts a folder in place of its report file", "sh", "-c", "mkdir $TRIMTAB_REPORT_FILE")
command("a program that reports into a pipe", "sh", "-c", "mkfifo $TRIMTAB_REPORT_FILE")
command("a program that reports 50 GB", "sh", "-c", "truncate -s 50G $TRIMTAB_REPORT_FILE")
command("a program that prints its result after other text", "sh", "-c", "echo 'best: {{\"loss\": 0.5}}'")
command("a program that is killed by a signal", "sh", "-c", "kill -SEGV $$")

# Command line


def cli(title: str, *argv: str, spec: str | None = None) -> None:
    @case("command line", title)
    def _(folder: Path) -> str:
        if spec is not None:
            (folder / "study.yaml").write_text(spec)
        done = subprocess.run(
            [sys.executable, "-m", "trimtab.surfaces.cli", *argv],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, (done.returncode, done.stdout, done.stderr[-2000:])
        assert "Traceback" not in done.stderr
        return done.stderr.strip().splitlines()[-1]


SPEC = "name: a\ncommand: ['true']\nminimize: loss\nbudget: 1\nspace:\n  lr: {float: [1e-5, 1e-1], log: true}\n"

cli("an unknown command", "tune")
cli("an unknown option", "list", "--jsn")
cli("refine without a change", "refine", "resnet")
cli("refine with a value of no parameter", "refine", "resnet", "--hold", "0.5")
cli("a study file that is not there", "run", "study.yaml")
cli("a study file that is no YAML", "run", "study.yaml", spec="name: [a\nspace: }\n")
cli("an unknown key", "run", "study.yaml", spec=SPEC + "budgets: 3\n")
cli("a number in quotes", "run", "study.yaml", spec=SPEC.replace("1e-5", "'1e-5'"))
cli("a number of 100,000 digits", "run", "study.yaml", spec=SPEC + f"seed: {'9' * 100_000}\n")
cli("a size beyond any memory", "run", "study.yaml", spec=SPEC + f"resources: {{memory: {'9' * 400} GB}}\n")
cli("past studies that are a number", "run", "study.yaml", spec=SPEC + "learn_from: 3\n")
cli("a past study that there is not", "run", "study.yaml", "--learn-from", "resnet-1", spec=SPEC)
cli("new names of past parameters without past studies", "run", "study.yaml", "--renamed", "lr=rate", spec=SPEC)
cli("last runs that are neither wanted nor not", "run", "study.yaml", spec=SPEC + "finalize: maybe\n")
cli("a scheduler that is code", "run", "study.yaml", spec=SPEC + "scheduler: 'os:getcwd'\n")
cli("a merge key without a mapping", "run", "study.yaml", spec=SPEC + "more: {<<: 3}\n")
cli("a mapping in itself", "run", "study.yaml", spec=SPEC + "more: &a [*a]\n")
cli("a key twice", "run", "study.yaml", spec=SPEC + "budget: 3\n")
cli("a store that is not there", "show", "resnet", "--store", "sqlite:///nowhere.db")


@case("command line", "a column that is not there")
def _(folder: Path) -> str:
    tune(store=f"sqlite:///{folder}/trimtab.db", name="resnet").close()
    program = [sys.executable, "-m", "trimtab.surfaces.cli", "trials", "--columns", "loss,lrate"]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr.strip().splitlines()[-1]


@case("command line", "a disk that is full, or a stdout that is closed")
def _(folder: Path) -> str:
    line = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "trimtab.surfaces.cli", "doctor"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.strip()


@case("command line", "an escape sequence in a name")
def _(folder: Path) -> str:
    program = [sys.executable, "-m", "trimtab.surfaces.cli", "run", "\x1b[2J.yaml"]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr.strip()


@case("command line", "a study that is not there")
def _(folder: Path) -> str:
    tune(store=f"sqlite:///{folder}/trimtab.db", name="resnet")
    done = subprocess.run(
        [sys.executable, "-m", "trimtab.surfaces.cli", "show", "resnt"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    return done.stderr.strip()


def search(given: object = None, **settings: object) -> object:
    """Fit a search of scikit-learn's kind on four rows."""
    from sklearn.dummy import DummyClassifier

    x, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    return tt.integrations.sklearn.TrimtabSearchCV(DummyClassifier(), given, **{"cv": 2, **settings}).fit(x, y)


SEARCHES: dict[str, object] = {
    "a search of a model of which nothing is known": lambda: search(),
    "two things to search": lambda: search({"constant": [0]}, param_grid={"constant": [1]}),
    "a value where a list of them belongs": lambda: search({"constant": 1}),
    "an empty list of values": lambda: search({"constant": []}),
    "a matrix of values": lambda: search({"constant": np.zeros((2, 2))}),
    "no grid at all": lambda: search([]),
    "grids that are lists": lambda: search([["constant", 1]]),
    "objects for choices that a space has not": lambda: search(
        tt.Space(strategy=tt.Categorical(["prior", "uniform"])), choices={"strategi": {}}
    ),
    "a choice of a space without its object": lambda: search(
        tt.Space(strategy=tt.Categorical(["prior", "uniform"])), choices={"strategy": {"prior": "prior"}}
    ),
    "a budget in a cost that there is not": lambda: search({"constant": [0]}, budget=tt.Budget(cost=3)),
    "splits of each candidate's own, of a cv that draws none": lambda: search({"constant": [0]}, reshuffle=True),
    "splits of each candidate's own, and a race": lambda: search({"constant": [0]}, reshuffle=True, race=True),
    "a confidence in percent": lambda: tt.nested_score(None, [[0.0]], [0], confidence=90),
}
for title, call in SEARCHES.items():
    case("scikit-learn", title)(lambda _, call=call: refused(call))


@case("scikit-learn", "a search on record that was split otherwise")
def _(folder: Path) -> str:
    store = f"sqlite:///{folder}/trimtab.db"
    search({"strategy": ["prior", "uniform"]}, store=store)
    return refused(
        lambda: search({"strategy": ["prior", "uniform"]}, store=store, cv=[([0, 1], [2, 3]), ([2, 3], [0, 1])])
    )


# The test and its table


def tidy(sentence: str, folder: Path) -> str:
    """Return a sentence without what differs from run to run."""
    text = sentence.replace(str(folder), "/data").replace(sys.executable, "python")
    text = text.replace(str(Path(__file__).parent), "/code")
    text = re.sub(r"0x[0-9a-f]+", "0x...", text)
    text = re.sub(r"\b\d+(\.\d+)? (MB|GB|MiB|GiB|kB)\b", "N MB", text)
    text = re.sub(r"in /tmp\S*", "in /tmp/...", text)
    text = re.sub(r"created \d{4}-\d\d-\d\d[ T:\d.Z+-]*", "created (date)", text)
    text = re.sub(r"(line|column) \d+ column \d+", "line N", text)
    return " ".join(text.split())


def row(area: str, title: str, sentence: str) -> str:
    shown = sentence.replace("|", "\\|").replace("<", "&lt;")
    return f"| {area} | {title} | {shown} |"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.area}: {case.title}")
def test_bad_input(case: Case, tmp_path: Path) -> None:
    sentence = tidy(case.run(tmp_path), tmp_path)
    assert len(sentence) > 15
    assert "Traceback" not in sentence
    assert "nothing was refused" not in sentence
    ROWS[case.area, case.title] = sentence
    if not WRITE:
        wanted = row(case.area, case.title, sentence)
        assert wanted in DOCS.read_text(), "docs/bad-inputs.md tells otherwise; see this file's first lines"


def test_there_are_sixty() -> None:
    assert len(CASES) >= 60
    assert len({(case.area, case.title) for case in CASES}) == len(CASES)


@pytest.mark.skipif(not WRITE, reason="writes docs/bad-inputs.md; checked by every other test here")
def test_write_the_table() -> None:
    head = f"""# Bad inputs

What Trimtab says to {len(CASES)} bad inputs: one sentence, or a failed trial on record; never a traceback, never a lost
trial. This table is made and checked by `tests/bad/test_bad_inputs.py`, which does each of these things for real.

| where | what | what Trimtab says |
|---|---|---|
"""
    DOCS.write_text(head + "\n".join(row(*key, ROWS[key]) for key in ((c.area, c.title) for c in CASES)) + "\n")
