"""Objectives that change what their process has beside its memory, and others that say what they find."""

from __future__ import annotations

import faulthandler
import locale
import os
import resource
import signal
import socket
import sys
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGHUP, signal.SIGALRM)


def surroundings():
    """Return what a trial finds."""
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "umask": umask,
        "folder": os.getcwd(),
        "environment": {name: os.environ.get(name, "none") for name in ("HOME", "LEFT", "OMP_NUM_THREADS")},
        "handlers": [str(signal.getsignal(signum)).split(" at ")[0] for signum in SIGNALS],
        "mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "timers": list(signal.getitimer(signal.ITIMER_REAL)),
        "files": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "cores": sorted(os.sched_getaffinity(0)),
        "timeout": socket.getdefaulttimeout(),
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_NUMERIC),
        "stdin": sys.stdin.read(),
        "closed": [sys.stdin.closed, sys.stdout.closed, sys.stderr.closed],
        "pid": os.getpid(),
    }


def makes_a_mess(trial):
    """In the first trial change everything; in each say what was there, and write to both streams."""
    found = surroundings()
    print("to stdout", trial.number)
    print("to stderr", trial.number, file=sys.stderr)
    os.write(1, b"by its number\n")
    if trial.number == 0:
        (trial.checkpoint_dir / "here").mkdir()
        os.chdir(trial.checkpoint_dir / "here")
        os.rmdir(os.getcwd())
        os.umask(0o777)
        os.environ.clear()
        os.environ["LEFT"] = "behind"
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1})
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.15)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        socket.setdefaulttimeout(0.001)
        sys.setrecursionlimit(77_777)
        faulthandler.dump_traceback_later(0.15, exit=True)
        faulthandler.disable()
        sys.stdin.close()
        sys.stdout.close()
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        os.close(0)
        os.close(1)
    else:
        time.sleep(0.3)
    return {"loss": trial.number, "found": found}


def lowers_a_hard_limit(trial):
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))
    return {"loss": 1, "hard": hard, "pid": os.getpid()}


def moves(trial):
    """In the user's own process: change folder and mask."""
    found = {"umask": os.umask(0o777), "folder": os.getcwd()}
    (trial.checkpoint_dir / "here").mkdir(mode=0o777)
    os.chmod(trial.checkpoint_dir / "here", 0o777)
    os.chdir(trial.checkpoint_dir / "here")
    if trial.params["x"] % 2:
        raise ValueError("on its way")
    return {"loss": 1, **found}


def becomes_another(trial):
    """Take another user, or less of the machine, for what remains of this process."""
    found = [os.geteuid(), os.getegid(), os.nice(0)]
    match trial.params["way"]:
        case "effective user":
            os.setegid(65534)
            os.seteuid(65534)
        case "user":
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        case "niceness":
            os.nice(1)
    return {"loss": 0.0, "found": str(found)}
