"""What ends with a trial, and what an objective may keep for the next one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import stray_objectives as objectives
from execution import make_task, run

from trimtab.execute import guardian as guardian_module
from trimtab.execute.guardian import MARK, born, identity, is_gone, kill, kill_abandoned, kill_tree, marks, tree
from trimtab.execute.keeping import Guardian
from trimtab.execute.processes import open_processes
from trimtab.execute.serial import open_serial

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="it needs /proc")


@pytest.fixture
def open_executor():
    opened = []

    def open_one(objective, kind="processes", **more):
        opened.append(open_processes(objective, workers=1, **more) if kind == "processes" else open_serial(objective))
        return opened[-1]

    yield open_one
    for executor in opened:
        executor.close()
    objectives.kept.clear()


def wait_until_gone(*pids):
    until = time.monotonic() + 60
    while any(map(objectives.is_alive, pids)):
        assert time.monotonic() < until, [pid for pid in pids if objectives.is_alive(pid)]
        time.sleep(0.01)


def test_what_a_worker_holds_on_to_lives_until_it_ends(open_executor, tmp_path):
    executor = open_executor(objectives.keeps_what_it_holds)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(4)))
    values = [message.values for message in ended]
    assert [v["loss"] for v in values] == [len(values[0]["pids"])] * 4, "all of them live"
    assert len({tuple(v["pids"]) for v in values[1:]}) == 1, "and are the same"
    assert len({v["worker"] for v in values}) == 1
    executor.close()
    wait_until_gone(*values[0]["pids"])


def test_a_reusable_pool_is_used_again(open_executor, tmp_path):
    executor = open_executor(objectives.loky)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(3)))
    pids = {pid for message in ended for pid in message.values["pids"]}
    assert len(pids) <= 2, "no trial had to start it again"
    executor.close()
    wait_until_gone(*pids)


@pytest.mark.filterwarnings("ignore:subprocess .* still running:ResourceWarning")
@pytest.mark.parametrize("kind", ["processes", "serial"])
def test_what_nobody_holds_on_to_ends_with_its_trial(open_executor, tmp_path, kind):
    executor = open_executor(objectives.drops_its_children, kind)
    ended, _ = run(executor, *(make_task(tmp_path, number) for number in range(3)))
    assert len({message.values["worker"] for message in ended}) == 1
    assert [message.values["living"] for message in ended] == [[], [], []]
    wait_until_gone(*ended[-1].values["left"])
    if kind == "serial":
        assert not {p.pid for p in psutil.Process().children()} & set(ended[-1].values["left"]), "no zombies either"


def test_what_was_started_while_the_objective_was_loaded_lives_until_the_worker_ends(open_executor, tmp_path):
    token = "0." + "".join(random.choices("123456789", k=12))
    executor = open_executor(objectives.drops_its_children, gpus=None)
    executor.close()
    os.environ["TRIMTAB_TEST_DAEMON"] = token
    try:
        executor = open_executor(objectives.drops_its_children)
    finally:
        del os.environ["TRIMTAB_TEST_DAEMON"]
    [daemon] = [p for p in psutil.process_iter(["cmdline"]) if token in (p.info["cmdline"] or ())]
    run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1))
    assert objectives.is_alive(daemon.pid)
    executor.close()
    wait_until_gone(daemon.pid)


def test_no_file_of_the_objective_is_written_to(open_executor, tmp_path):
    executor = open_executor(objectives.lets_its_line_go)
    task = make_task(tmp_path)
    [ended], _ = run(executor, task)
    assert ended.failure is None, ended.error
    assert ended.values["number"] == 5
    executor.close()
    assert (task.checkpoint_dir / "mine").read_bytes() == b"kept"


def test_a_trial_that_starts_nothing_costs_next_to_nothing(open_executor, tmp_path):
    executor = open_serial(lambda trial: 0.0)
    run(executor, make_task(tmp_path))
    began = time.process_time()
    for number in range(200):
        run(executor, make_task(tmp_path, number))
    assert (time.process_time() - began) / 200 < 0.002
    executor.close()


def test_the_mark_is_in_the_environment_while_a_trial_runs(open_executor, tmp_path):
    executor = open_serial(
        lambda trial: float(subprocess.check_output(["sh", "-c", 'test "$TRIMTAB_ATTEMPT"; echo $?']))
    )
    [ended], _ = run(executor, make_task(tmp_path))
    assert ended.values == 0.0
    assert "TRIMTAB_ATTEMPT" not in os.environ
    executor.close()


def test_trials_in_several_threads_leave_no_mark(tmp_path):
    meet = threading.Barrier(2)
    seen = []

    def objective(trial):
        meet.wait(20)
        seen.append(os.environ["TRIMTAB_ATTEMPT"])
        if trial.number == 1:
            overlap.wait(20)  # so that it is over after the other, which began before or after it
        return 0.0

    overlap = threading.Event()
    executors = [open_serial(objective) for _ in range(2)]
    threads = [
        threading.Thread(target=run, args=(executor, make_task(tmp_path, number)))
        for number, executor in enumerate(executors)
    ]
    for thread in threads:
        thread.start()
    threads[0].join(20)
    overlap.set()
    threads[1].join(20)
    assert len(seen) == 2
    assert "TRIMTAB_ATTEMPT" not in os.environ
    for executor in executors:
        executor.close()


def test_a_child_of_the_users_own_process_is_left_alone(tmp_path):
    """With `serial` the process is the user's: what it started before, and what it holds on to, is none of ours."""
    before = subprocess.Popen(objectives.SLEEP, start_new_session=True)
    held = []
    executor = open_serial(lambda trial: held.append(subprocess.Popen(objectives.SLEEP)) or 0.0)
    try:
        run(executor, make_task(tmp_path, 0), make_task(tmp_path, 1))
        executor.close()
        assert all(process.poll() is None for process in (before, *held))
    finally:
        for process in (before, *held):
            process.kill()
            process.wait()


# The parts


def test_a_number_that_was_given_anew_is_not_killed():
    child = subprocess.Popen(objectives.SLEEP)
    birth = born(child.pid)
    kill(child.pid, "1")
    assert child.poll() is None
    assert tree(os.getpid()).count(child.pid) == 1
    kill(child.pid, birth)
    assert child.wait() == -signal.SIGKILL
    kill(child.pid, birth)


def test_children_are_found_where_the_kernel_does_not_list_them(monkeypatch):
    child = subprocess.Popen(["sh", "-c", "sleep 3600 & wait"])
    until = time.monotonic() + 60
    while len(tree(child.pid)) < 2:
        assert time.monotonic() < until
    listed = tree(os.getpid())
    monkeypatch.setattr(guardian_module, "_lists_children", lambda: False)
    assert sorted(tree(os.getpid())) == sorted(listed)
    kill_tree(child.pid)
    assert child.wait() == -signal.SIGKILL
    wait_until_gone(*listed[1:])


def test_who_is_gone():
    me = identity(os.getpid())
    child = subprocess.Popen(objectives.SLEEP)
    name = identity(child.pid)
    assert not is_gone(me)
    assert not is_gone(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name), "a zombie has ended"
    child.wait()
    assert is_gone(name)
    assert is_gone(f"{me}1"), "another one of that number"
    assert not is_gone("elsewhere-1/1/1"), "nobody knows"
    assert not is_gone("")


def test_what_is_left_of_a_driver_that_is_gone_is_killed():
    driver = subprocess.Popen(objectives.SLEEP)
    name = identity(driver.pid)
    left = subprocess.Popen(["sh", "-c", "env -i sleep 3600 & wait"], env={**os.environ, MARK: f"{name}/1/2"})
    others = [
        subprocess.Popen(objectives.SLEEP, env={**os.environ, MARK: mark})
        for mark in (f"{identity(os.getpid())}/1", "elsewhere-1/1/1/1", "nonsense", "")
    ]
    until = time.monotonic() + 60
    while len(tree(left.pid)) < 2 or not all(other.pid in marks() for other in others):
        assert time.monotonic() < until
    family = tree(left.pid)
    kill_abandoned()
    assert left.poll() is None, "its driver is there"
    driver.kill()
    driver.wait()
    kill_abandoned()
    assert left.wait(15) == -signal.SIGKILL
    wait_until_gone(*family)
    assert [other.poll() for other in others] == [None] * 4
    for other in others:
        other.kill()
        other.wait()


def test_marks_are_found_whole():
    with subprocess.Popen(objectives.SLEEP, env={"A": "\n1", "TRIMTAB_ATTEMPT": "here/1/2/3"}) as child:
        while not marks().get(child.pid):
            assert child.poll() is None
        assert marks()[child.pid] == "here/1/2/3"
        child.kill()


@pytest.fixture
def guardian():
    one = Guardian()
    yield one
    one.close()


@pytest.fixture
def spawn(guardian):
    started = []

    def spawn_one(*arguments, files=(), **more):
        null = os.open(os.devnull, os.O_RDWR)
        try:
            started.append(guardian.spawn(arguments, dict(os.environ), [null, null, *files], **more))
        finally:
            os.close(null)
        return started[-1]

    yield spawn_one
    for kept in started:
        kept.close()


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -SEGV $$", -11), ("kill $$", -15)])
def test_an_exit_status_comes_back(spawn, script, status):
    kept = spawn("sh", "-c", script)
    assert kept.wait(20)
    assert kept.status == status


def test_what_cannot_be_started(spawn, tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        spawn("no-such-program")
    with pytest.raises(FileNotFoundError, match="/no/folder"):
        spawn("true", folder="/no/folder")
    (tmp_path / "plain").write_text("text")
    with pytest.raises(PermissionError):
        spawn("./plain", folder=str(tmp_path))
    with pytest.raises(ValueError, match="null"):
        spawn("true", "a\0b")
    assert spawn("true").wait(20), "and it goes on"


def test_a_program_has_the_files_it_is_given_and_no_others(guardian, tmp_path):
    out = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    kept = guardian.spawn(["sh", "-c", "ls /proc/self/fd; cat <&3"], dict(os.environ), [out, out, out])
    assert kept.wait(20)
    os.close(out)
    kept.close()
    assert (tmp_path / "out").read_text().split()[:5] == ["0", "1", "2", "3", "4"], "4 is the folder that is listed"


def test_a_program_begins_with_the_defaults_of_all_signals(guardian, tmp_path):
    """A driver that nohup or a shell has started ignores some, which its programs must not."""
    code = "import signal; print([s.name for s in signal.valid_signals() if isinstance(s, signal.Signals)"
    code += " and s not in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT) and signal.getsignal(s) != signal.SIG_DFL"
    code += " and s not in (signal.SIGKILL, signal.SIGSTOP)], signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    script = f"""
import os, signal, sys
for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGQUIT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
from trimtab.execute.keeping import Guardian
guardian = Guardian()
kept = guardian.spawn([sys.executable, "-c", {code!r}], dict(os.environ), [1, 2])
assert kept.wait(20)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[] set()\n"


def test_a_killed_guardian_is_replaced(guardian, spawn):
    first = spawn(*objectives.SLEEP)
    psutil.Process(guardian._process.pid).kill()
    second = spawn(*objectives.SLEEP)
    assert objectives.is_alive(first.pid)
    for kept in (first, second):
        kept.signal(signal.SIGTERM)
        assert kept.wait(20)
        assert kept.status == -signal.SIGTERM
        kept.close()


def test_a_fork_of_the_driver_ends_nothing_of_the_drivers(spawn):
    kept = spawn(*objectives.SLEEP)
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            kept.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert not kept.wait(0.2)
    kept.close()
    wait_until_gone(kept.pid)


def test_a_killed_driver_whose_fork_lives_on_leaves_nothing(tmp_path):
    """The fork has the driver's files, so that nobody sees them closed."""
    script = """
import os, time
from trimtab.execute.keeping import Guardian
guardian = Guardian()
kept = guardian.spawn(["sleep", "3600"], dict(os.environ), [1, 2])
fork = os.fork()
if not fork:
    time.sleep(3600)
print(kept.pid, fork, flush=True)
time.sleep(3600)
"""
    driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    kept, fork = map(int, driver.stdout.readline().split())
    driver.kill()
    driver.wait()
    wait_until_gone(kept)
    os.kill(fork, signal.SIGKILL)
    driver.stdout.close()


def test_a_look_for_marks_is_quick():
    crowd = [subprocess.Popen(objectives.SLEEP) for _ in range(200)]
    try:
        began = time.process_time()
        for _ in range(5):
            marks()
        per_process = (time.process_time() - began) / 5 / len(psutil.pids())
        assert per_process < 200e-6
    finally:
        for process in crowd:
            process.kill()
            process.wait()


def test_the_guardian_starts_in_milliseconds():
    path = Path(sys.modules["trimtab.execute.guardian"].__file__)
    code = (
        f"import sys; exec(compile(open({str(path)!r}).read(), 'g', 'exec'), {{'__name__': 'g'}}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"trimtab", "numpy", "subprocess", "site", "re", "typing", "dataclasses"} & set(done.stdout.split())
