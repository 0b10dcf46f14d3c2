"""The study file: what it means, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

import trimtab as tt
from trimtab.errors import ExecutorError, ProblemError, SpecError
from trimtab.execute.gpus import assign
from trimtab.optim.grid import Grid
from trimtab.schedule.whole import Whole
from trimtab.surfaces.cli import document, spec, study_shape

HEAD = "command: ['true']\nminimize: loss\nbudget: 3\n"
SPACE = "space: {x: {float: [0, 1]}}\n"


def read(text: str, folder: Path = Path()) -> spec.StudyFile:
    return spec.build(document.read_yaml(text, "study.yaml"), folder / "study.yaml")


FULL = """
name: full
command: [python, train.py, "--lr={lr}"]
env: {SEED: "1"}
objectives: [{minimize: loss, target: 0.1, error: loss_se}, {maximize: speed}]
constraints: {latency: {at_most: 30, confidence: 0.95}, recall: {at_least: 0.9}}
fidelity: {name: epoch, low: 1, high: 81, log: true}
cost: dollars
budget: {trials: 10, hours: 1e-1, cost: 5}
resources: {memory: 2 GiB, limit_s: 30, gpus: 0.5}
space:
  lr: {float: [1e-5, 1e-1], log: true, default: 1e-3, priority: 1, prior: 0.2}
  width: {int: [16, 64], step: 16}
  layers: {int: [1, 8]}
  optimizer: {categorical: [adam, adamw, sgd, null], default: adamw, prior: 0.5}
  batch: {ordinal: [16, 32]}
  momentum: {float: [0, 0.99], when: {optimizer: sgd, layers: {at_least: 2, below: 8}}}
  beta: {float: [0, 0.99], when: {optimizer: [adam, adamw]}}
  either: {float: [0, 1], when: [{optimizer: sgd}, {layers: {is_not: 4}}]}
require: ["layers * batch <= 128"]
fixed: {width: 32}
enqueue: [{lr: 0.01}]
workers: 3
executor: command
optimizer: random
seed: 7
retries: 0
"""


def test_everything_that_a_file_can_say() -> None:
    found = read(FULL)
    given = tt.given
    assert found.space == tt.Space(
        lr=tt.Float(1e-5, 1e-1, log=True, default=1e-3, priority=1, prior=0.2),
        width=tt.Int(16, 64, step=16),
        layers=tt.Int(1, 8),
        optimizer=tt.Categorical(["adam", "adamw", "sgd", None], default="adamw", prior=0.5),
        batch=tt.Ordinal([16, 32]),
        momentum=tt.Float(0, 0.99, when=(given("optimizer") == "sgd") & (given("layers") >= 2) & (given("layers") < 8)),
        beta=tt.Float(0, 0.99, when=given("optimizer").is_in(["adam", "adamw"])),
        either=tt.Float(0, 1, when=(given("optimizer") == "sgd") | (given("layers") != 4)),
        require=["layers * batch <= 128"],
        fixed={"width": 32},
    )
    assert isinstance(found.work, tt.Command)
    assert found.work.env == {"SEED": "1"}
    assert found.arguments == {
        "name": "full",
        "objectives": [tt.minimize("loss", target=0.1, error="loss_se"), tt.maximize("speed")],
        "constraints": [tt.at_most("latency", 30, confidence=0.95), tt.at_least("recall", 0.9)],
        "fidelity": [tt.Fidelity("epoch", 1, 81, log=True)],
        "cost": "dollars",
        "budget": tt.Budget(trials=10, hours=0.1, cost=5),
        "resources": tt.Resources(memory=2 << 30, limit_s=30, gpus=0.5),
        "enqueue": [{"lr": 0.01}],
        "workers": 3,
        "executor": "command",
        "optimizer": "random",
        "seed": 7,
        "retries": 0,
    }


def test_the_schema_takes_what_the_reader_takes() -> None:
    schema = study_shape.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document.read_yaml(FULL, "study.yaml").plain())
    awk = Path(__file__).parents[2] / "examples/command_awk/study.yaml"
    validator.validate(document.read(awk).plain())


FAULTS = [
    (HEAD, "study.yaml:1: space: is missing"),
    (HEAD + SPACE + "worker: 2\n", "study.yaml:5: worker: there is no such key (did you mean 'workers'?)"),
    (HEAD + "space: {}\n", "study.yaml:4: space: expected a mapping of names to parameters"),
    (HEAD + "space:\n  x: {float: [0]}\n", "study.yaml:5: space.x.float: expected a list [low, high]"),
    (HEAD + "space:\n  x: {flaot: [0, 1]}\n", "study.yaml:5: space.x: expected a parameter"),
    (HEAD + "space:\n  x: {float: [0, '1e-5']}\n", "study.yaml:5: space.x.float[1]: expected a number"),
    (HEAD + "space: {x: {int: [0, 1.5]}}\n", "study.yaml:4: space.x.int[1]: expected a whole number, got"),
    (HEAD + SPACE + "maximize: accuracy\n", "study.yaml:5: maximize: goes not together with 'minimize'"),
    (HEAD + SPACE + "function: a:b\n", "study.yaml:5: function: goes not together with 'command'"),
    (HEAD + SPACE + "resources: {memory: 2 GiBi}\n", "study.yaml:5: resources.memory: expected a size such as"),
    (HEAD + SPACE + "stop: soon\n", "study.yaml:5: stop: expected auto or never"),
]

REFUSED = [
    (
        HEAD + SPACE + "constraints: {ms: {at_most: 3, confidence: 2}}\n",
        "study.yaml:5: constraints.ms.confidence: expected a number above 0.5 and below 1",
    ),
    (HEAD + "space:\n  y: {int: [0, 1]}\n  x: {float: [1, 0]}\n", "study.yaml:6: space.x: Float needs low <= high"),
    (HEAD + "space: {x: {float: [0, 1], prior: 0.1}}\n", "study.yaml:4: space.x: Float with prior= needs default="),
    (HEAD + "space: {x: {float: [0, 1], when: {y: 1}}}\n", "study.yaml:4: space: x depends on 'y'"),
    (HEAD + SPACE + "require: [y < 1]\n", "study.yaml:5: require: constraint 'y < 1' mentions 'y'"),
    (HEAD + SPACE + "fixed: {y: 1}\n", "study.yaml:5: fixed: "),
    (HEAD + SPACE + "enqueue:\n  - {x: 0.5}\n  - {x: 2}\n", "study.yaml:7: enqueue[1]: x must be a number in [0, 1]"),
    (HEAD + SPACE + "cwd: nowhere\n", "study.yaml:5: cwd: there is no folder nowhere"),
    (
        HEAD.replace("minimize: loss", "objectives:\n  - minimize: loss\n  - {maximize: f1, error: ''}") + SPACE,
        "study.yaml:4: objectives[1]",
    ),
    (HEAD.replace("'true'", "'run {'") + SPACE, "study.yaml:1: command: the command has a brace"),
    (HEAD.replace("command: ['true']", "function: no.py:f") + SPACE, "study.yaml:1: function: there is no file no.py"),
    (HEAD.replace("command: ['true']", "function: os:nothing") + SPACE, "function: module 'os' has no attribute"),
    (HEAD.replace("command: ['true']", "function: os:sep") + SPACE, "function: sep is a str; expected a function"),
    (HEAD.replace("command: ['true']", "function: no_such:f") + SPACE, "function: No module named 'no_such'"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS + REFUSED)
def test_a_fault_is_told_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text).objective()
    assert said in str(caught.value)


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_the_schema_refuses_what_the_reader_refuses(text: str, said: str) -> None:
    plain = document.read_yaml(text, "study.yaml").plain()
    assert list(jsonschema.Draft202012Validator(study_shape.schema()).iter_errors(plain)), said


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        read(HEAD + SPACE + "worker: 2\nseed: -1\n")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["5", "6"]


@pytest.mark.parametrize(
    ("text", "n"), [("1 B", 1), ("1.5 kB", 1500), ("2 GiB", 2 << 30), ("10MB", 10**7), ("1 TiB", 1 << 40)]
)
def test_sizes(text: str, n: int) -> None:
    assert spec.n_bytes(text) == n


def test_a_file_may_be_toml(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('command = ["true"]\nminimize = "loss"\nbudget = 3\n[space]\nx = {float = [0, 1]}\n')
    assert spec.load(file).space == tt.Space(x=tt.Float(0, 1))


def test_a_size_beyond_any_memory_is_told_with_its_line() -> None:
    for size in ("9" * 400 + " GB", "9" * 30 + " TiB", "9223372036854775808 B"):
        with pytest.raises(SpecError, match=r"study.yaml:5: resources: a size is below 2\*\*63 bytes, got '9"):
            read(HEAD + SPACE + f"resources: {{memory: {size}}}\n")


@pytest.mark.parametrize("gpus", ["1e-320", "5e-324", "0.3"])
def test_any_share_of_a_gpu_is_counted(gpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    needs = read(HEAD + SPACE + f"resources: {{gpus: {gpus}}}\n").arguments["resources"]
    assert len(assign(2, needs.gpus)) == 2
    with pytest.raises(ExecutorError, match="need more GPUs than there are"):
        assign(2, 1e308)


def test_workers_without_number() -> None:
    for n in (10_001, 2**31, 10**400):
        with pytest.raises(SpecError, match=r"workers: expected a whole number from 1 to 10,000, got the number"):
            read(HEAD + SPACE + f"workers: {n}\n")
        with pytest.raises(ProblemError, match="workers is at most 10,000"):
            tt.tune(lambda trial: 1.0, tt.Space(x=tt.Float(0, 1)), minimize="loss", budget=1, workers=n)


def test_only_so_many_faults_are_told() -> None:
    with pytest.raises(SpecError) as caught:
        read(HEAD + SPACE + "".join(f"key{i}: 1\n" for i in range(2000)))
    assert len(str(caught.value).splitlines()) == 50


def test_a_folder_whose_name_is_too_long_is_not_there() -> None:
    with pytest.raises(SpecError, match="cwd: there is no folder"):
        read(HEAD + SPACE + f"cwd: {'x' * 5000}\n")
    with pytest.raises(SpecError, match="function: there is no file"):
        read(HEAD.replace("command: ['true']", f"function: '{'x' * 5000}.py:f'") + SPACE)


def test_plugins_have_settings(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(HEAD + SPACE + "optimizer: {name: grid, resolution: 3, shuffle: true}\nscheduler: {name: whole}\n")
    arguments = spec.load(path).arguments
    assert arguments["optimizer"].to_json() == Grid(3, shuffle=True).to_json()
    assert isinstance(arguments["scheduler"], Whole)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("optimizer: {resolution: 3}", "optimizer: settings go with the name of the optimizer"),
        ("optimizer: {name: 3}", "optimizer: settings go with the name of the optimizer"),
        ("optimizer: {}", "optimizer: expected its name and settings|without entries"),
        ("optimizer: {name: grid, resolutoin: 3}", "optimizer: the optimizer 'grid' cannot be made with"),
        ("optimizer: {name: grid, resolution: many}", "optimizer: "),
        ("optimizer: {name: 'os:system', command: touch sprung}", "optimizer: no optimizer is called 'os:system'"),
        ("scheduler: {name: whole, eta: 3}", "scheduler: the scheduler 'whole' cannot be made with"),
        ("scheduler: [whole]", "scheduler: expected the name of a scheduler, or its name and settings"),
        ("executor: {name: serial}", "executor: expected the name of an executor"),
    ],
)
def test_settings_of_plugins_that_cannot_be(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(HEAD + SPACE + line + "\n")
    n = (HEAD + SPACE).count("\n") + 1
    with pytest.raises(SpecError, match=f"study.yaml:{n}: ({message})"):
        spec.load(path)


def test_a_preference_is_read_and_what_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    head = HEAD.replace("minimize: loss", "objectives: [{minimize: loss}, {minimize: size}]")
    path.write_text(head + SPACE + "prefer: {order: [loss, size], within: {loss: 1%}}\n")
    assert spec.load(path).arguments["prefer"] == tt.Preference(order=["loss", "size"], within={"loss": "1%"})
    path.write_text(head + SPACE + "prefer: {knee: true, order: [loss]}\n")
    with pytest.raises(SpecError, match=r"prefer\.order: goes not together with 'knee'"):
        spec.load(path)
