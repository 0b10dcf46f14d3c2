"""Workers: isolated, limited, replaced, and gone with their driver. Real processes, real signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import execution_objectives as objectives
import psutil
import pytest
from execution import make_task, run, until

from trimtab.errors import ExecutorError
from trimtab.execute import logs
from trimtab.execute.processes import open_processes
from trimtab.execute.protocol import Exited, Lost, Noted, Reported, Resources, Started

DRIVER = Path(__file__).parent / "execution_driver.py"


@pytest.fixture
def open_executor():
    opened = []

    def open_one(objective, workers=1, **more):
        opened.append(open_processes(objective, workers=workers, **more))
        return opened[-1]

    yield open_one
    for executor in opened:
        executor.close()


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(*pids):
    deadline = time.monotonic() + 60
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if is_running(pid)]
        time.sleep(0.02)


def wait_until_buried(pid):
    """Wait until the executor has taken in that a worker is gone; until then it may be sent a task, which is lost."""
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What comes back


def test_what_no_pickle_holds_comes_back_as_text(open_executor, tmp_path):
    [ended], _ = run(open_executor(objectives.returns_what_no_pickle_holds), make_task(tmp_path))
    assert ended.values["loss"] == 0.5
    assert {name: type(value).__name__ for name, value in ended.values.items()} == {
        "loss": "float",
        "model": "function",
        "lock": "lock",
        "raw": "bytes",
    }


def test_a_scalar_of_a_library_comes_back_as_a_float(open_executor, tmp_path):
    [ended], _ = run(open_executor(objectives.returns_from_a_device), make_task(tmp_path))
    assert type(ended.values) is float


def test_a_worker_serves_many_trials(open_executor, tmp_path):
    executor = open_executor(objectives.says_who_it_is)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(5)))
    assert len({message.values["pid"] for message in ended}) == 1


def test_a_worker_is_replaced_after_so_many_trials(open_executor, tmp_path):
    executor = open_executor(objectives.says_who_it_is, trials_per_worker=2)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(6)))
    pids = [message.values["pid"] for message in ended]
    assert pids[0::2] == pids[1::2]
    assert len(set(pids)) == 3


def test_reports_in_a_flood_all_arrive(open_executor, tmp_path):
    ended, heard = run(open_executor(objectives.talks), make_task(tmp_path, 20_000))
    assert [m.step for m in heard if isinstance(m, Reported)] == list(range(20_000))
    assert isinstance(ended[0], Exited)


def test_a_trial_knows_its_surroundings(open_executor, tmp_path):
    [ended], _ = run(
        open_executor(objectives.says_who_it_is, gpus=[3, 4], resources=Resources(gpus=1)), make_task(tmp_path)
    )
    seen = ended.values
    assert seen["environment"]["CUDA_VISIBLE_DEVICES"] == "3"
    assert "TRIMTAB_WORKER" not in seen["environment"], "an objective may tune something itself"
    assert seen["argv"] == sys.argv
    assert seen["group"] == seen["pid"]


def test_each_worker_has_its_own_gpu(open_executor, tmp_path):
    executor = open_executor(objectives.says_who_it_is, workers=2, gpus=[3, 4], resources=Resources(gpus=1))
    time.sleep(0.5)
    tasks = [make_task(tmp_path, number) for number in range(2)]
    for task in tasks:
        executor.submit(task)
    heard = until(executor, lambda heard: sum(isinstance(m, Exited) for m in heard) == 2)
    seen = {m.values["environment"]["CUDA_VISIBLE_DEVICES"] for m in heard if isinstance(m, Exited)}
    assert seen <= {"3", "4"}


def test_programs_do_not_inherit_the_workers_files(open_executor, tmp_path):
    [ended], _ = run(open_executor(objectives.counts_files_of_programs), make_task(tmp_path))
    assert ended.values == 4, "stdin, stdout, stderr and the folder it lists"


def test_standard_input_is_empty(open_executor, tmp_path):
    [ended], _ = run(open_executor(objectives.reads_stdin), make_task(tmp_path))
    assert ended.values == 0


# Output


def test_all_output_is_kept_whoever_writes_it(open_executor, tmp_path):
    task = make_task(tmp_path)
    [ended], _ = run(open_executor(objectives.writes_in_every_way), task)
    assert ended.failure is None, ended.error
    out = (task.log_dir / "stdout.log").read_bytes()
    for line in (
        b"from Python\n",
        b"\xff\xfe no text\n",
        b"lone surrogate \\udce9\n",
        b"from C\n",
        b"from a descriptor\n",
        b"from a program\n",
    ):
        assert line in out
    err = (task.log_dir / "stderr.log").read_text()
    assert "complaint\n" in err
    assert "its complaint\n" in err


def test_each_trial_has_its_own_output(open_executor, tmp_path):
    first, second = make_task(tmp_path, 0), make_task(tmp_path, 1)
    run(open_executor(objectives.writes_in_every_way), first, second)
    assert sorted((first.log_dir / "stdout.log").read_bytes().splitlines()) == sorted(
        (second.log_dir / "stdout.log").read_bytes().splitlines()
    )


def test_a_silent_trial_leaves_no_files(open_executor, tmp_path):
    task = make_task(tmp_path)
    executor = open_executor(objectives.doubles)
    run(executor, task)
    executor.close()  # the result comes first, tidying up after it
    assert not task.log_dir.exists()


def test_output_without_end_is_cut(open_executor, tmp_path):
    task = make_task(tmp_path, 40)  # 40 MB
    executor = open_executor(objectives.writes_without_end)
    [ended], _ = run(executor, task)
    assert ended.failure is None
    executor.close()
    path = task.log_dir / "stdout.log"
    assert path.stat().st_size <= logs.MOST + 100
    content = path.read_bytes()
    assert content.startswith(b"first\n")
    assert content.endswith(b"last\n")
    assert b"[trimtab left out" in content


def test_an_objective_may_close_its_streams(open_executor, tmp_path):
    executor = open_executor(objectives.closes_its_streams)
    ended, _ = run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1))
    assert [message.values for message in ended] == [1, 1]


def test_a_trial_whose_logs_cannot_be_written_runs_all_the_same(open_executor, tmp_path):
    executor = open_executor(objectives.writes_in_every_way)
    (tmp_path / "trials").write_text("in the way")
    [ended], heard = run(executor, make_task(tmp_path, 5))
    assert ended.values == 0
    [note] = [message for message in heard if isinstance(message, Noted)]
    assert note.key == "output"
    assert note.value.startswith("it was not kept: [Errno 20] Not a directory")


# Ends of all kinds


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_names_its_signal_and_its_place(open_executor, tmp_path, name):
    task = make_task(tmp_path, params={"signal": int(signal.Signals[name])})
    executor = open_executor(objectives.dies_by_signal)
    [ended], _ = run(executor, task)
    assert ended.failure == "killed"
    assert ended.error.startswith(f"the trial crashed: {name} (")
    assert "objectives.py" in ended.error, "the Python stack at the moment of the crash"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_what_kills_from_outside_loses_the_attempt(open_executor, tmp_path, name):
    task = make_task(tmp_path, params={"signal": int(signal.Signals[name])})
    [ended], _ = run(open_executor(objectives.dies_by_signal), task)
    assert isinstance(ended, Lost)
    assert name in ended.reason


def test_an_interrupt_of_one_worker_fails_its_trial_alone(open_executor, tmp_path):
    executor = open_executor(objectives.hangs_on_sigint)
    executor.submit(make_task(tmp_path))
    heard = until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    os.kill(heard[0].pid, signal.SIGINT)
    [ended] = until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))
    assert ended.failure == "killed"
    assert "SIGINT" in ended.error


def test_a_trial_that_runs_out_of_memory_leaves_its_worker_behind(open_executor, tmp_path):
    executor = open_executor(objectives.fills_its_memory)
    ended, heard = run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1))
    assert ended[0].failure == "oom"
    assert "Unable to allocate 1 TiB" in ended[0].error
    first = next(m.pid for m in heard if isinstance(m, Started))
    assert ended[1].values != first


def test_pages_that_forks_share_count_once(open_executor, tmp_path):
    executor = open_executor(objectives.forks_shared_memory, resources=Resources(memory=400_000_000))
    task = make_task(tmp_path, resources=Resources(memory=400_000_000))
    [ended], _ = run(executor, task)
    assert ended.failure is None, ended.error
    assert ended.values == 1.0


def test_a_worker_killed_while_idle_is_replaced(open_executor, tmp_path):
    executor = open_executor(objectives.says_who_it_is)
    [first], _ = run(executor, make_task(tmp_path, 0))
    os.kill(first.values["pid"], signal.SIGKILL)
    wait_until_buried(first.values["pid"])
    [second], _ = run(executor, make_task(tmp_path, 1))
    assert second.values["pid"] != first.values["pid"]


def test_workers_that_are_killed_as_they_start_end_the_study_at_last(tmp_path):
    """As where the machine has no memory left: each new worker is killed before it is ready."""
    stop = threading.Event()

    def kill_children():
        me = psutil.Process()
        while not stop.is_set():
            for child in me.children(recursive=True):
                with contextlib.suppress(psutil.Error):  # dead already
                    if "trimtab.execute.worker" in child.cmdline():
                        child.kill()
            time.sleep(0.005)

    killer = threading.Thread(target=kill_children)
    killer.start()
    try:
        with pytest.raises(ExecutorError, match=r"5 workers in a row died as they started: the worker was killed"):
            open_processes(objectives.doubles, workers=1)
    finally:
        stop.set()
        killer.join()


def test_the_programs_of_a_trial_end_with_it(open_executor, tmp_path):
    executor = open_executor(objectives.starts_a_program_and_hangs)
    handle = executor.submit(make_task(tmp_path))
    heard = until(executor, lambda heard: sum(isinstance(m, Noted) for m in heard) == 2)
    pids = [m.value for m in heard if isinstance(m, Noted)]
    assert all(map(is_running, pids))
    executor.cancel(handle, 0.0)
    until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))
    wait_until_gone(*pids)


def test_the_programs_of_a_trial_that_dies_end_with_it(open_executor, tmp_path):
    _, heard = run(open_executor(objectives.starts_a_program_and_dies), make_task(tmp_path))
    [program] = [m.value for m in heard if isinstance(m, Noted)]
    wait_until_gone(program)


def test_a_trial_ended_by_force_may_clean_up(open_executor, tmp_path):
    task = make_task(tmp_path)
    executor = open_executor(objectives.cleans_up)
    handle = executor.submit(task)
    until(executor, lambda heard: any(isinstance(m, Reported) for m in heard))
    executor.cancel(handle, 0.0)
    until(executor, lambda heard: any(isinstance(m, Exited) for m in heard))
    assert (task.checkpoint_dir / "cleaned").exists()


def test_code_that_never_lets_go_of_the_interpreter_is_killed(open_executor, tmp_path):
    task = make_task(tmp_path, resources=Resources(limit_s=0.2))
    [ended], _ = run(open_executor(objectives.holds_the_interpreter), task)
    assert ended.failure == "timeout"


def test_limits_hold_while_the_driver_is_busy(open_executor, tmp_path):
    executor = open_executor(objectives.hangs_on_sigint)
    executor.submit(make_task(tmp_path, resources=Resources(limit_s=0.2)))
    busy_until = time.monotonic() + 1.5
    while time.monotonic() < busy_until:
        sum(range(1000))
    heard = executor.poll(0.0)
    assert isinstance(heard[-1], Exited)
    assert heard[-1].failure == "timeout"
    assert heard[-1].seconds < 1.2


@pytest.mark.parametrize(("is_halted", "stopped", "failure"), [(True, "unwanted", None), (False, None, "killed")])
def test_a_task_that_waits_for_a_worker_ends_when_told(
    tmp_path, monkeypatch, open_executor, is_halted, stopped, failure
):
    slow = tmp_path / "slow"
    name = f"slow_{is_halted}".lower()
    (tmp_path / f"{name}.py").write_text(
        f"import os, time\ntime.sleep(5 if os.path.exists({str(slow)!r}) else 0)\ndef objective(trial):\n    return 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    executor = open_executor(__import__(name).objective)
    [first], heard = run(executor, make_task(tmp_path, 0))
    assert first.values == 1
    slow.touch()
    os.kill(heard[0].pid, signal.SIGKILL)
    wait_until_buried(heard[0].pid)
    handle = executor.submit(make_task(tmp_path, 1))
    assert executor.free() == 0
    assert executor.poll(0.2) == [], "it waits"
    if is_halted:
        executor.halt(handle, "unwanted")
    else:
        executor.cancel(handle, 0.1)
    [ended] = until(executor, len)
    assert (ended.stopped, ended.failure) == (stopped, failure)
    assert executor.free() == 1


# Close


def test_close_is_quick_and_leaves_no_files_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    executor = open_processes(objectives.doubles, workers=2)
    run(executor, make_task(tmp_path))
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < 5.0, "nobody waits for a process that idles"
    assert len(os.listdir("/proc/self/fd")) == before
    assert not psutil.Process().children(recursive=True)


def test_an_objective_that_cannot_be_loaded_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "vanishing.py").write_text("def objective(trial):\n    return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    objective = __import__("vanishing").objective
    (tmp_path / "vanishing.py").unlink()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ExecutorError, match="No module named 'vanishing'"):
        open_processes(objective, workers=2)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not psutil.Process().children(recursive=True)


# The driver dies


def start_driver(tmp_path, kind, what, workers=2):
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(tmp_path), kind, what, str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=DRIVER.parent,
    )


@pytest.mark.parametrize(
    ("kind", "what", "n_pids"),
    [
        ("processes", "starts_a_program_and_hangs", 6),
        ("processes", "holds_the_interpreter", 2),
        ("processes", "ignores_sigterm", 2),
        ("command", "trap '' TERM INT HUP; sleep 3600 & sleep 3600", 2),
    ],
)
def test_nothing_outlives_a_killed_driver(tmp_path, kind, what, n_pids):
    driver = start_driver(tmp_path, kind, what)
    pids = [int(driver.stdout.readline()) for _ in range(n_pids)]
    time.sleep(0.3)
    family = psutil.Process(driver.pid).children(recursive=True)
    groups = {
        process.pid
        for process in family
        if os.getpgid(process.pid) in {p.pid for p in psutil.Process(driver.pid).children(recursive=True)}
    }
    driver.kill()
    driver.communicate()
    wait_until_gone(*(groups & set(pids)), *groups)
    for pid in pids:  # those that left their group on purpose
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_ctrl_c_ends_the_driver_in_good_order(tmp_path):
    driver = start_driver(tmp_path, "processes", "hangs_on_sigint")
    pids = [int(driver.stdout.readline()) for _ in range(2)]
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=20)
    assert "closed" in out
    assert "KeyboardInterrupt" in err
    wait_until_gone(*pids)


def guardians():
    return [p for p in psutil.Process().children() if "guardian.py" in " ".join(p.cmdline())]


def test_a_killed_guardian_is_replaced_and_what_runs_goes_on(open_executor, tmp_path):
    executor = open_executor(objectives.says_who_it_is)
    [guardian] = guardians()
    guardian.kill()
    [first], _ = run(executor, make_task(tmp_path, 0))
    os.kill(first.values["pid"], signal.SIGKILL)
    wait_until_buried(first.values["pid"])
    [second], _ = run(executor, make_task(tmp_path, 1))
    assert first.values["pid"] != second.values["pid"]
    assert [p for p in guardians() if p.pid != guardian.pid]


# What it costs


def test_a_round_trip_costs_little(open_executor, tmp_path):
    executor = open_executor(objectives.doubles)
    run(executor, make_task(tmp_path))
    [worker] = [p for p in psutil.Process().children(recursive=True) if "trimtab.execute.worker" in p.cmdline()]

    def spent():
        return time.process_time() + sum(worker.cpu_times()[:2])

    n = 300
    began = spent()
    for number in range(n):
        run(executor, make_task(tmp_path, number))
    assert (spent() - began) / n < 0.004, "seconds of CPU per trial, driver and worker together"


def test_a_worker_loads_nothing_heavy(tmp_path):
    names = "scipy, sqlite3, yaml, click, rich, psycopg, multiprocessing, asyncio, subprocess, importlib.metadata"
    code = f"import sys, trimtab.execute.worker; print([n for n in {names.split(', ')!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What is asked for


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"workers": 0}, "workers is a whole number above 0, got 0"),
        ({"trials_per_worker": 0}, "trials_per_worker is a whole number above 0, got 0"),
        ({"resources": Resources(nodes=2)}, "runs on one machine"),
        ({"resources": Resources(custom={"licence": 1})}, "not 'licence'"),
        ({"resources": Resources(gpus=2), "gpus": [0]}, "1 workers with 2 GPUs each need more GPUs than there are"),
    ],
)
def test_what_this_machine_cannot_give(settings, said):
    with pytest.raises(ExecutorError) as caught:
        open_processes(objectives.doubles, **({"workers": 1} | settings))
    assert said in str(caught.value)
