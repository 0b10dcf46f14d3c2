"""Commands: templates, and programs that run as trials."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from execution import make_task, run, until

from trimtab.errors import ExecutorError
from trimtab.execute.command import Command
from trimtab.execute.programs import open_command
from trimtab.execute.protocol import Exited, Lost, Noted, Reported, Resources, Started


@pytest.fixture
def open_executor():
    opened = []

    def open_one(arguments, *, workers=1, resources=None, gpus=None, **settings):
        command = Command(arguments, **settings)
        opened.append(open_command(command, workers=workers, resources=resources, gpus=gpus))
        return opened[-1]

    yield open_one
    for executor in opened:
        executor.close()


def sh(script):
    return ["sh", "-c", script]


# Templates


def render(arguments, tmp_path, **task):
    return Command(arguments).render(make_task(tmp_path, **task))


def test_parameters_are_filled_in(tmp_path):
    params = {"lr": 1e-5, "n": 3, "name": "a b", "flag": True, "none": None, "shape": [1, 2], "whole": 2.0}
    line = ["prog", "--lr={lr}", "{n}", "{name}", "--flag={flag}", "{none}", "{shape}", "{whole}", "{lr}/{n}"]
    assert render(line, tmp_path, params=params) == [
        *("prog", "--lr=1e-05", "3", "a b", "--flag=true", "null", "[1, 2]", "2", "1e-05/3")
    ]


def test_numbers_come_back_bit_for_bit(tmp_path):
    for value in (0.1 + 0.2, 1e300, -5e-324, 123456789.125):
        [_, text] = render(["prog", "{x}"], tmp_path, params={"x": value})
        assert float(text) == value


def test_what_is_always_there(tmp_path):
    names = ["params_file", "params_json", "flat_params_file", "flat_params_json", "number", "attempt", "seed",
             "checkpoint_dir", "study", "python", "epoch"]  # fmt: skip
    line = render(["prog", *(f"{{{name}}}" for name in names)], tmp_path, number=4, seed=9, fidelity={"epoch": 27.0})
    assert line[1:] == [
        str(tmp_path / "trials/4/attempt-1/params.json"),
        '{"x": 4.0}',
        str(tmp_path / "trials/4/attempt-1/flat-params.json"),
        '{"x": 4.0}',
        *("4", "1", "9", str(tmp_path / "lines/4"), "s", sys.executable, "27"),
    ]


def test_where_to_go_on_from_is_left_out_where_nothing_is_there(tmp_path):
    line = ["prog", "--to", "{checkpoint_dir}", "--resume", "{resume_from}", ["-r", "{resume_from}"]]
    folder = tmp_path / "lines/4"
    assert render(line, tmp_path, number=4) == ["prog", "--to", str(folder)], "no folder"
    folder.mkdir(parents=True)
    assert render(line, tmp_path, number=4) == ["prog", "--to", str(folder)], "an empty one, at the first start"
    (folder / "model").touch()
    assert render(line, tmp_path, number=4)[3:] == ["--resume", str(folder), "-r", str(folder)]


def test_a_parameter_goes_before_what_is_always_there(tmp_path):
    assert render(["prog", "{seed}"], tmp_path, params={"seed": 5}) == ["prog", "5"]


def test_braces_are_doubled(tmp_path):
    assert render(["prog", '{{"x": {x}}}', "{{}}"], tmp_path, params={"x": 1}) == ["prog", '{"x": 1}', "{}"]


@pytest.mark.parametrize("argument", ["{", "}", "{}", "{x", "x}", "{{x}"])
def test_a_stray_brace_is_an_error_at_once(argument):
    with pytest.raises(ExecutorError, match="double them"):
        Command(["prog", argument])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["prog", "--momentum={momentum}", "end"], ["prog", "end"]),
        (["prog", "{momentum}", "end"], ["prog", "end"]),
        (["prog", "--momentum", "{momentum}", "end"], ["prog", "end"]),
        (["prog", "-m", "{momentum}"], ["prog"]),
        (["prog", "--a=b", "{momentum}"], ["prog", "--a=b"]),
        (["prog", "train", "{momentum}"], ["prog", "train"]),
        (["prog", "{optimizer}:{momentum}"], ["prog"]),
        (["prog", "--opt", "{optimizer}", "{momentum}"], ["prog", "--opt", "sgd"]),
        # an option goes with its value, also where that is a pair
        (["prog", "--set", "m={momentum}", "end"], ["prog", "end"]),
        (["prog", "--set", "opt={optimizer}", "--set", "m={momentum}"], ["prog", "--set", "opt=sgd"]),
        (["prog", "-D", "m={momentum}", "-D", "o={optimizer}"], ["prog", "-D", "o=sgd"]),
        (["awk", "-v", "m={momentum}", "program"], ["awk", "program"]),
        (["prog", "--set", "m={momentum}", "o={optimizer}"], ["prog", "--set", "o=sgd"]),
        (["prog", "--set", "o={optimizer}", "m={momentum}"], ["prog", "--set", "o=sgd"]),
        (["prog", "--set", "m={momentum}", "n={nesterov}"], ["prog"]),
        (["prog", "--learning_rate", "{momentum}"], ["prog"]),
        (["prog", "-momentum", "{momentum}"], ["prog"]),
        (["prog", "-M", "{momentum}"], ["prog"]),
        (["prog", "-r", "{sgd.rate}"], ["prog"]),
        # nothing else does
        (["prog", "-v", "{momentum}"], ["prog", "-v"]),
        (["prog", "-vv", "{momentum}"], ["prog", "-vv"]),
        (["prog", "--verbose", "{momentum}"], ["prog", "--verbose"]),
        (["prog", "--no-cache", "{momentum}"], ["prog", "--no-cache"]),
        (["prog", "--dry_run", "{momentum}"], ["prog", "--dry_run"]),
        (["prog", "--", "{momentum}"], ["prog", "--"]),
        (["prog", "-", "{momentum}"], ["prog", "-"]),
        (["prog", "-1", "{momentum}"], ["prog", "-1"]),
        (["prog", "-0.5", "{momentum}"], ["prog", "-0.5"]),
        (["prog", "-v", "--momentum={momentum}"], ["prog", "-v"]),
        (["prog", "--fast", "--momentum={momentum}"], ["prog", "--fast"]),
        (["prog", "--fast", "--momentum", "{momentum}"], ["prog", "--fast"]),
        (["prog", "--opt", "sgd", "{momentum}"], ["prog", "--opt", "sgd"]),
        (["-prog", "{momentum}"], ["-prog"]),
        # what stands in a list of its own is left out together
        (["prog", ["-p", "momentum", "{momentum}"], "end"], ["prog", "end"]),
        (["prog", ["-n", "{momentum}"]], ["prog"]),
        (["prog", "--layers", ["{momentum}"], "end"], ["prog", "--layers", "end"]),
        (["prog", ["-p", "{optimizer}", "x"]], ["prog", "-p", "sgd", "x"]),
        (["prog", ["-a", "{momentum}"], ["-b", "{optimizer}"]], ["prog", "-b", "sgd"]),
    ],
)
def test_an_inactive_parameter_takes_its_argument_along(tmp_path, arguments, line):
    assert render(arguments, tmp_path, params={"optimizer": "sgd"}) == line


def test_what_would_be_left_out_is_known_beforehand():
    command = Command(["prog", "-v", "{a}", "--set", "b={b}", ["-p", "c", "{c}"], "{a}:{d}"])
    assert command.left_out("a") == ("{a}", "{a}:{d}")
    assert command.left_out("b") == ("--set", "b={b}")
    assert command.left_out("c") == ("-p", "c", "{c}")
    assert command.left_out("e") == ()


def test_numbers_below_0_have_no_exponent(tmp_path):
    line = render(["prog", "--x", "{x}", "--y={x}", "{x}"], tmp_path, params={"x": -6e-05})
    assert line == ["prog", "--x", "-0.00006", "--y=-0.00006", "-0.00006"]


def test_a_nested_file_that_cannot_be_is_an_error_at_once():
    names = ["model", "model.depth"]
    Command(["prog", "{model}", "{flat_params_file}"]).check(names)
    for field in ("{params_file}", "--json={params_json}"):
        with pytest.raises(ExecutorError, match=r"'model' is a parameter and 'model.depth' would lie within it"):
            Command(["prog", field]).check(names)


def test_text_is_split_as_a_shell_would(tmp_path):
    line = "python 'my train.py' --lr={lr}"
    assert Command(line).arguments == ("python", "my train.py", "--lr={lr}")
    with pytest.raises(ExecutorError, match="No closing quotation"):
        Command("python 'train.py")


@pytest.mark.parametrize("arguments", [[], "", [""], ["python", 3]])
def test_what_is_no_command(arguments):
    with pytest.raises(ExecutorError):
        Command(arguments)


def test_names_are_checked_before_anything_runs():
    command = Command(["prog", "--lr={lrr}", "{layers}", "{seed}", "{epoch}"])
    command.check(["lrr", "layers"], ["epoch"])
    with pytest.raises(ExecutorError) as caught:
        command.check(["lr", "layers"], ["epoch"])
    assert str(caught.value).startswith(
        "the command uses {lrr}, which is no parameter (did you mean 'lr'?); there are: lr,"
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["python", "train.py", "--lr={lr}"], "train"),
        (["python", "-u", "src/train.py"], "train"),
        (["./train.sh", "{params_file}"], "train"),
        (["awk", "-f", "model.awk"], "model"),
        (["fit"], "fit"),
        (["{program}"], "command"),
    ],
)
def test_a_command_has_a_name(arguments, name):
    assert Command(arguments).name == name
    assert Command(arguments, name="mine").name == "mine"


# Programs


READ_ALL = """
import json, os, sys
nested, flat = (json.load(open(path)) for path in sys.argv[1:3])
assert nested == json.loads(sys.argv[3]) == {"model": {"n": 1, "N": 2}, "a-b": 3}, nested
assert flat == json.loads(sys.argv[4]) == {"model.n": 1, "model.N": 2, "a-b": 3}
assert flat == json.loads(os.environ["TRIMTAB_PARAMS"])
assert [os.environ[f"TRIMTAB_PARAM_{v}"] for v in ("MODEL_N_1", "MODEL_N_2", "A_B_1")] == ["1", "2", "3"]
assert "TRIMTAB_PARAM_MODEL_N" not in os.environ
print('{"loss": 0.5}')
"""


def test_a_program_finds_each_parameter_in_its_files_and_variables(open_executor, tmp_path):
    fields = ["{params_file}", "{flat_params_file}", "{params_json}", "{flat_params_json}"]
    params = {"model.n": 1, "model.N": 2, "a-b": 3}
    executor = open_executor([sys.executable, "-c", READ_ALL.replace("{", "{{").replace("}", "}}"), *fields])
    [ended], _ = run(executor, make_task(tmp_path, params=params, names=("model.n", "model.N", "a-b", "a_b")))
    assert ended.values == {"loss": 0.5}, ended


def test_a_program_finds_its_trial_in_the_environment(open_executor, tmp_path):
    script = (
        'cp "$TRIMTAB_TRIAL_FILE" copy.json; echo "{{\\"loss\\": $TRIMTAB_PARAM_LEARNING_RATE}}"; echo $MINE $GIVEN'
    )
    task = make_task(tmp_path, 2, params={"learning-rate": 0.25}, fidelity={"epoch": 3.0}, seed=11)
    executor = open_executor(sh(script), cwd=tmp_path, env={"MINE": "kept"})
    [ended], _ = run(executor, task)
    assert ended.values == {"loss": 0.25}
    assert json.loads((tmp_path / "copy.json").read_text()) == {
        "study": "s",
        "number": 2,
        "attempt": 1,
        "params": {"learning-rate": 0.25},
        "fidelity": {"epoch": 3.0},
        "counts": None,
        "start": {},
        "parent": None,
        "metrics": ["loss"],
        "folds": None,
        "cells": None,
        "fold_names": [],
        "seed": 11,
        "token": "s/2/1",
        "names": [],
        "checkpoint_dir": str(tmp_path / "lines/2"),
    }
    assert (tmp_path / "lines/2").is_dir()
    assert (task.log_dir / "stdout.log").read_text() == '{"loss": 0.25}\nkept\n'


def test_a_params_file(open_executor, tmp_path):
    [ended], _ = run(open_executor(["cat", "{params_file}"]), make_task(tmp_path, params={"loss": 3, "b": "é"}))
    assert ended.failure == "exception", "a file of several lines is no report"
    assert json.loads((tmp_path / "trials/0/attempt-1/params.json").read_text()) == {"loss": 3, "b": "é"}


def test_only_lines_with_a_metric_are_reports(open_executor, tmp_path):
    script = """cat <<'E'
epoch 1
{{"event": "start"}}
{{"step": 1, "accuracy": 0.5}}
  {{"step": 2, "loss": 0.4, "accuracy": 0.6}}
{{not json
["loss"]
{{"step": "last", "loss": 1}}
{{"loss": 0.3, "accuracy": 0.7}}
{{"loss": 0.2}}
E
printf '%s' '{{"loss": 0.1}}'"""
    [ended], heard = run(open_executor(sh(script)), make_task(tmp_path))
    assert [m for m in heard if isinstance(m, Reported)] == [Reported(0, 1, 2.0, {"loss": 0.4, "accuracy": 0.6})]
    assert ended.values == {"loss": 0.1, "accuracy": 0.7}, "the last counts, even without a line break"


def test_results_may_come_in_parts(open_executor, tmp_path):
    script = """echo '{{"loss": 1}}'; echo '{{"size": 2}}'"""
    [ended], _ = run(open_executor(sh(script)), make_task(tmp_path, metrics=("loss", "size")))
    assert ended.values == {"loss": 1, "size": 2}


def test_a_python_program_reports_by_the_hook(open_executor, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(
        "import os, sys\n"
        "from trimtab.execute.hook import report\n"
        "for epoch in range(1, 4):\n"
        "    report(epoch, loss=1 / epoch)\n"
        "report(loss=0.25, size=int(sys.argv[1]))\n"
    )
    executor = open_executor([sys.executable, str(program), "{n}"])
    [ended], heard = run(executor, make_task(tmp_path, params={"n": 7}))
    assert ended.values == {"loss": 0.25, "size": 7}, ended.error
    assert [(m.step, m.values) for m in heard if isinstance(m, Reported)] == [
        (epoch, {"loss": 1 / epoch}) for epoch in (1, 2, 3)
    ]


def test_a_python_program_ends_at_its_next_report(open_executor, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(
        "import itertools, time\n"
        "from trimtab.execute.hook import report\n"
        "try:\n"
        "    for epoch in itertools.count(1):\n"
        "        report(epoch, loss=1 / epoch)\n"
        "        time.sleep(0.01)\n"
        "finally:\n"
        "    open('cleaned', 'w').close()\n"
    )
    executor = open_executor([sys.executable, str(program)], cwd=tmp_path)
    task = make_task(tmp_path)
    handle = executor.submit(task)
    until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    executor.halt(handle, "it lags: épais")
    ended = until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))[-1]
    assert (ended.stopped, ended.failure) == ("it lags: épais", None)
    assert (tmp_path / "cleaned").exists(), "no force was needed"
    assert "TrialStopped: it lags" in (task.log_dir / "stderr.log").read_text()


@pytest.mark.parametrize(
    ("script", "stopped"),
    [
        # told at a report, it cleans up and gives a result, which is not that of a whole run
        ("while trimtab report 1 loss=1; do sleep 0.02; done; trimtab report loss=0.5", "it lags"),
        # it was through before it could be told
        ("trimtab report 1 loss=1; while [ ! -e $f.halt ]; do sleep 0.02; done; trimtab report loss=0.5", None),
    ],
    ids=["told", "never told"],
)
def test_a_result_counts_if_the_program_was_not_told_to_end(open_executor, tmp_path, script, stopped):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    executor = open_executor(sh(f"f=$TRIMTAB_REPORT_FILE; {script}"), env={"PATH": path})
    handle = executor.submit(make_task(tmp_path))
    until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    executor.halt(handle, "it lags")
    ended = until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))[-1]
    assert (ended.stopped, ended.values) == (stopped, None if stopped else {"loss": 0.5}), ended.error


def test_a_program_that_prints_is_sent_a_signal_when_it_is_halted(open_executor, tmp_path):
    script = """trap 'echo bye; exit 0' TERM; echo '{{"step": 1, "loss": 1}}'; while :; do sleep 0.01; done"""
    executor = open_executor(sh(script))
    task = make_task(tmp_path)
    handle = executor.submit(task)
    until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    executor.halt(handle, "it lags")
    ended = until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))[-1]
    assert ended.stopped == "it lags"
    assert (task.log_dir / "stdout.log").read_text().endswith("bye\n")


def test_what_a_deleted_study_left_behind_is_not_read(open_executor, tmp_path):
    task = make_task(tmp_path)
    task.log_dir.mkdir(parents=True)
    (task.log_dir / "reports.jsonl").write_text('{"loss": 0.5}\n')
    (task.log_dir / "reports.jsonl.halt").write_text("stop")
    [ended], _ = run(open_executor(["true"]), task)
    assert ended.failure == "exception"


@pytest.mark.parametrize(
    ("script", "failure", "said"),
    [
        ("exit 3", "exception", "the program ended with exit code 3"),
        (
            "echo first >&2; echo ' the cause ' >&2; exit 3",
            "exception",
            "the program ended with exit code 3: the cause",
        ),
        ("sh -c 'kill -SEGV $$'; exit $?", "exception", "exit code 139 (128 + 11: SIGSEGV)"),
        ("kill -ABRT $$", "killed", "the trial crashed: SIGABRT"),
        ("echo 'MemoryError: cannot allocate' >&2; exit 1", "oom", "exit code 1: MemoryError"),
        ("true", "exception", "the program ended well but gave no 'loss': it gave no result;"),
        ("""echo '{{"step": 1, "loss": 1}}'""", None, "it gave no result and 1 reports with a step;"),
        ("""echo '{{"size": 1, "loss2": 1}}'""", "exception", "it gave no result;"),
    ],
)
def test_failures(open_executor, tmp_path, script, failure, said):
    [ended], _ = run(open_executor(sh(script)), make_task(tmp_path))
    assert ended.failure == failure
    assert said in ended.error.splitlines()[0]


def test_a_partial_result_names_what_is_missing(open_executor, tmp_path):
    [ended], _ = run(open_executor(sh("""echo '{{"loss": 1}}'""")), make_task(tmp_path, metrics=("loss", "size")))
    assert "gave no 'size': it gave results 'loss';" in ended.error


def test_output_that_is_no_text(open_executor, tmp_path):
    script = r"""printf '\377\376\n{{"loss": 1}}\n'; printf '\377' >&2"""
    [ended], _ = run(open_executor(sh(script)), make_task(tmp_path))
    assert ended.values == {"loss": 1}
    [ended], _ = run(open_executor(sh(r"printf '\377 broke' >&2; exit 1")), make_task(tmp_path, 1))
    ended.error.encode()
    assert r"\xff broke" in ended.error


def test_reports_are_found_in_a_flood_of_output(open_executor, tmp_path):
    flood = "head -c 30000000 /dev/zero | tr '\\0' x; echo"
    script = f"""{flood}; echo '{{{{"loss": 1}}}}'; {flood}"""
    task = make_task(tmp_path)
    [ended], _ = run(open_executor(sh(script)), task)
    assert ended.values == {"loss": 1}
    assert (task.log_dir / "stdout.log").stat().st_size < 10_000_100


def test_a_program_may_close_its_output_and_go_on(open_executor, tmp_path):
    executor = open_executor(sh("""echo '{{"loss": 1}}'; exec >&-; sleep 0.3"""))
    began = time.process_time()
    [ended], _ = run(executor, make_task(tmp_path))
    assert ended.values == {"loss": 1}
    assert ended.seconds > 0.2, "its sleep counts; the clock starts a moment after the program"
    assert time.process_time() - began < 0.2, "nobody turned in circles"


def wait_until_gone(pid):
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_program_leaves_running_ends_with_it(open_executor, tmp_path):
    script = """sleep 3600 & echo $! > pid; echo '{{"loss": 1}}'"""
    [ended], _ = run(open_executor(sh(script), cwd=tmp_path), make_task(tmp_path))
    assert ended.values == {"loss": 1}, "and its open output did not delay the end"
    wait_until_gone(int((tmp_path / "pid").read_text()))


def test_the_whole_group_of_a_program_over_its_time_is_ended(open_executor, tmp_path):
    executor = open_executor(sh("sleep 3600 & echo $! > pid; wait"), cwd=tmp_path)
    [ended], _ = run(executor, make_task(tmp_path, resources=Resources(limit_s=0.3)))
    assert ended.failure == "timeout"
    wait_until_gone(int((tmp_path / "pid").read_text()))


def test_a_killed_program_is_lost(open_executor, tmp_path):
    executor = open_executor(["sleep", "3600"])
    executor.submit(make_task(tmp_path))
    [started] = until(executor, len)
    assert isinstance(started, Started)
    os.kill(started.pid, signal.SIGKILL)
    [lost] = until(executor, len)
    assert isinstance(lost, Lost)
    assert lost.reason == "the program was killed (SIGKILL); the machine may have run out of memory"


def test_each_place_has_its_gpu(open_executor, tmp_path):
    script = """echo "{{\\"loss\\": $CUDA_VISIBLE_DEVICES}}"; sleep 0.2"""
    executor = open_executor(sh(script), workers=2, resources=Resources(gpus=1), gpus=[4, 6])
    for number in range(2):
        executor.submit(make_task(tmp_path, number))
    heard = []
    while sum(isinstance(message, Exited) for message in heard) < 2:
        heard += until(executor, len)
    assert {m.values["loss"] for m in heard if isinstance(m, Exited)} == {4, 6}


@pytest.mark.parametrize("value", ["with \0 nul", "x" * 3_000_000])
def test_arguments_that_no_program_can_take(open_executor, tmp_path, value):
    executor = open_executor(["true", "{text}"])
    [ended], _ = run(executor, make_task(tmp_path, params={"text": value}))
    assert ended.failure == "exception"
    assert ended.error.startswith("the program could not be started: ")
    assert executor.free() == 1


def test_a_program_that_depends_on_the_trial_may_be_missing(open_executor, tmp_path):
    executor = open_executor(["./{name}"], cwd=tmp_path)
    [ended], _ = run(executor, make_task(tmp_path, params={"name": "nothing"}))
    assert ended.failure == "exception"
    assert "No such file or directory" in ended.error


def test_files_that_cannot_be_written_lie_elsewhere_while_the_program_runs(open_executor, tmp_path):
    (tmp_path / "trials").write_text("in the way")
    script = """cat {params_file} >&2; dirname $TRIMTAB_TRIAL_FILE > where
        echo '{{"loss": 1}}' >> $TRIMTAB_REPORT_FILE"""
    executor = open_executor(sh(script), cwd=tmp_path)
    [ended], heard = run(executor, make_task(tmp_path))
    assert ended.values == {"loss": 1}
    [note] = [message for message in heard if isinstance(message, Noted)]
    assert (note.key, note.value[:40]) == ("output", "it was not kept: [Errno 20] Not a direct")
    executor.close()
    assert not Path((tmp_path / "where").read_text().strip()).exists(), "nothing is left of it"


def test_files_that_can_be_written_nowhere_end_the_study_in_one_sentence(open_executor, tmp_path, monkeypatch):
    (tmp_path / "trials").write_text("in the way")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "trials"))
    executor = open_executor(["true"])
    with pytest.raises(ExecutorError, match="the files of trial 0 cannot be written"):
        executor.submit(make_task(tmp_path))


# The report file, and what programs make of it


def report_file(script):
    return sh("f=$TRIMTAB_REPORT_FILE; " + script)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("mkdir $f", "its report file cannot be read: it is a folder and no file"),
        ("mkfifo $f", "its report file cannot be read: it is a named pipe and no file"),
        ("ln -s /dev/zero $f", "its report file cannot be read: it is a link and no file"),
        ("""echo '{{"loss": 1}}' > there; ln -s $PWD/there $f""", "its report file cannot be read: it is a link"),
        ("truncate -s 50G $f", "its report file is too large: it has 53,687,091,200 bytes, and 67,108,864 are read"),
        ("head -c 1000000 /dev/zero > $f", "it gave no result; print"),
    ],
)
def test_a_report_file_that_is_none_fails_its_trial_alone(open_executor, tmp_path, script, said):
    executor = open_executor(report_file(f"{script}; sleep 0.2"), cwd=tmp_path)
    held = psutil.Process().memory_info().rss
    [ended], _ = run(executor, make_task(tmp_path))
    assert ended.failure == "exception"
    assert said in ended.error
    assert psutil.Process().memory_info().rss - held < 150_000_000
    [ended], _ = run(executor, make_task(tmp_path, 1))
    assert isinstance(ended, Exited), "the executor goes on"


def test_a_result_that_came_another_way_counts(open_executor, tmp_path):
    [ended], heard = run(open_executor(report_file("""mkfifo $f; echo '{{"loss": 2}}'""")), make_task(tmp_path))
    assert ended.values == {"loss": 2}
    [note] = [message for message in heard if isinstance(message, Noted)]
    assert note.value == "its report file cannot be read: it is a named pipe and no file."


@pytest.mark.parametrize("way", ["> $f", "> draft; mv draft $f"])
def test_a_report_file_that_is_written_anew_loses_nothing(open_executor, tmp_path, way):
    one = """echo '{{"step": %d, "loss": 1}}' WAY; sleep 0.2; """.replace("WAY", way)
    script = "".join(one % step for step in (1, 2, 3)) + """echo '{{"loss": 5}}' WAY""".replace("WAY", way)
    [ended], heard = run(open_executor(report_file(script), cwd=tmp_path), make_task(tmp_path))
    assert ended.values == {"loss": 5}
    assert [message.step for message in heard if isinstance(message, Reported)] == [1, 2, 3], "of one length, too"


def test_a_folder_that_an_earlier_attempt_left_in_the_way_is_moved_aside(open_executor, tmp_path):
    task = make_task(tmp_path)
    for name in ("reports.jsonl", "reports.jsonl.halt", "trial.json", "params.json", "stdout.log", "stderr.log"):
        (task.log_dir / name).mkdir(parents=True)
    executor = open_executor(["cat", "{params_file}"])
    [ended], _ = run(executor, task)
    assert "gave no 'loss'" in ended.error
    assert json.loads((task.log_dir / "params.json").read_text()) == {"x": 0.0}


@pytest.mark.parametrize("obstacle", ["mkdir", "mkfifo"])
def test_a_halt_file_that_cannot_be_written_does_not_keep_the_program(open_executor, tmp_path, obstacle):
    script = f"""{obstacle} $f.halt; rm -f $f.draft; {obstacle} $f.draft; {obstacle} ${{{{f%.jsonl}}}}.jsonl.draft
        echo '{{{{"step": 1, "loss": 1}}}}' >> $f; exec sleep 60"""
    executor = open_executor(report_file(script))
    handle = executor.submit(make_task(tmp_path))
    until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    executor.halt(handle, "it lags")
    executor.cancel(handle, 0.2)
    [ended] = until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))
    assert ended.stopped == "it lags"


# How a line looks


@pytest.mark.parametrize(
    "line",
    [
        r"""\r 10%%|#   |\r100%%|####|\r{{"loss": 1}}\n""",
        r"""\033[32m{{"loss": 1}}\033[0m\n""",
        r"""\033[?25l\033]0;title\007{{"loss": \033[1m1\033[0m}}\n""",
        r"""\357\273\277{{"loss": 1}}\n""",
        r"""{{"loss": 1}}\r\n""",
        r"""\t  {{"loss": 1}}  \n""",
        r"""{{"loss": 7}}{{"loss": 1}}\n""",
        r"""{{"loss": 1, "name": "caf\351"}}\n""",
    ],
)
def test_a_report_is_seen_however_it_is_dressed(open_executor, tmp_path, line):
    [ended], _ = run(open_executor(["sh", "-c", f"printf '{line}'"]), make_task(tmp_path))
    assert ended.values is not None, ended.error
    assert ended.values["loss"] == 1


@pytest.mark.parametrize("where", ["printed", "reported"])
def test_a_report_of_several_megabytes_is_seen(open_executor, tmp_path, where):
    program = "import json, sys; print(json.dumps({{'loss': 1, 'curve': 'x' * 5_000_000}}))"
    to = '>> "$TRIMTAB_REPORT_FILE"' if where == "reported" else ""
    [ended], _ = run(open_executor(sh(f'{sys.executable} -c "{program}" {to}')), make_task(tmp_path))
    assert ended.values["loss"] == 1
    assert len(ended.values["curve"]) == 5_000_000


def test_an_object_within_a_line_is_no_report_but_said(open_executor, tmp_path):
    script = """echo 'INFO best so far: {{"loss": 0.5}}'; echo 'config {{"lr": 1}}'"""
    [ended], _ = run(open_executor(sh(script)), make_task(tmp_path))
    assert "a JSON object that has other text before it on its line is no report" in ended.error


def test_the_name_of_a_fidelity_stands_for_the_step(open_executor, tmp_path):
    script = """echo '{{"epoch": 1, "loss": 1.5}}'; echo '{{"epoch": 2, "step": 7, "loss": 1.4}}'
        echo '{{"epoch": 3, "loss": 1.2}}' >> $TRIMTAB_REPORT_FILE; sleep 0.2; echo '{{"loss": 1.3}}'"""
    [ended], heard = run(open_executor(sh(script)), make_task(tmp_path, fidelity={"epoch": 3.0}))
    assert ended.values == {"loss": 1.3}
    said = {m.step: m.values for m in heard if isinstance(m, Reported)}
    assert said == {1.0: {"loss": 1.5}, 7.0: {"epoch": 2, "loss": 1.4}, 3.0: {"loss": 1.2}}


def test_of_several_fidelities_the_one_that_counts_stands_for_the_step(open_executor, tmp_path):
    script = """echo '{{"rows": 100, "epoch": 1, "loss": 1.5}}'; echo '{{"epoch": 2, "rows": 100, "loss": 1.4}}'
        sleep 0.2; echo '{{"rows": 100, "loss": 1.3}}'"""
    task = make_task(tmp_path, fidelity={"rows": 100.0, "epoch": 2.0}, counts="epoch")
    [ended], heard = run(open_executor(sh(script)), task)
    assert ended.values == {"loss": 1.3}
    assert {m.step: m.values for m in heard if isinstance(m, Reported)} == {1.0: {"loss": 1.5}, 2.0: {"loss": 1.4}}


def test_a_name_that_is_no_fidelity_is_a_metric(open_executor, tmp_path):
    [ended], _ = run(open_executor(sh("""echo '{{"epoch": 1, "loss": 1.5}}'""")), make_task(tmp_path))
    assert ended.values == {"epoch": 1, "loss": 1.5}


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["no-such-program"], {}, "there is no program 'no-such-program' that can be run; check its spelling"),
        (["./plain.txt"], {}, "make it executable: chmod +x ./plain.txt"),
        (["true"], {"cwd": "/no/such/folder"}, "the command is to run in /no/such/folder, which is no folder"),
        (["true"], {"workers": 0}, "workers is a whole number above 0"),
        (["true"], {"resources": Resources(nodes=2)}, "runs on one machine"),
    ],
)
def test_what_cannot_run_is_said_at_once(open_executor, tmp_path, monkeypatch, arguments, settings, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("")
    with pytest.raises(ExecutorError) as caught:
        open_executor(arguments, **settings)
    assert said in str(caught.value)
