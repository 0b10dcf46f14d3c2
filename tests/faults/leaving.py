"""Trials that leave processes running in every way, and a driver of them: `python leaving.py --help`.

Whatever it starts has a token of the test's on its command line or in its environment, by which the tests find it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TOKEN = "LEAVING_TEST_TOKEN"


def living(token: str) -> dict[int, str]:
    """Return what lives and has the token, each with its command line; without the caller and its parents."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{name}/cmdline").read_bytes()
            has_token = token.encode() in line + Path(f"/proc/{name}/environ").read_bytes()
            state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            if has_token and state not in "ZX":
                found[int(name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found


def sleeps(token: str) -> list[str]:
    """Return a command line that sleeps for an hour and has the token, which is all digits."""
    return ["sleep", "3600", f"0.{token}"]


def daemon(run: object) -> None:
    """Fork twice, with a session in between; the parent goes on."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    os.setsid()
    if not os.fork():
        with contextlib.suppress(BaseException):
            run()  # type: ignore[operator]
    os._exit(0)


def clear_and_sleep(token: str) -> None:
    """Lose everything by which one could be known: files, environment, signals."""
    os.closerange(0, 1024)
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)
    os.execve("/bin/sleep", sleeps(token), {})


def fork_and_sleep() -> None:
    """Go on as a mere fork, with no files, that ignores what can be ignored."""
    os.closerange(0, 1024)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    time.sleep(3600)


def fork_in_session() -> None:
    if not os.fork():
        fork_and_sleep()
        os._exit(0)


def shell(script: str, token: str) -> None:
    subprocess.run(["sh", "-c", script.format(" ".join(sleeps(token)))], check=True, stdout=subprocess.DEVNULL)


WAYS = {
    "child": lambda token: subprocess.Popen(sleeps(token)),
    "new session": lambda token: subprocess.Popen(sleeps(token), start_new_session=True),
    "new group": lambda token: subprocess.Popen(sleeps(token), process_group=0),
    "ignores SIGTERM": lambda token: subprocess.Popen(
        ["sh", "-c", "trap '' TERM HUP INT; {} & wait".format(" ".join(sleeps(token)))]
    ),
    "nohup &": lambda token: shell("nohup {} 2>/dev/null &", token),
    "setsid &": lambda token: shell("setsid {} &", token),
    "setsid --fork": lambda token: shell("setsid --fork {}", token),
    "(( & ) & )": lambda token: shell("( ( {} & ) & )", token),
    "daemon": lambda token: daemon(lambda: os.execv("/bin/sleep", sleeps(token))),
    "cleared daemon": lambda token: daemon(lambda: clear_and_sleep(token)),
    "forked daemon": lambda _: daemon(fork_and_sleep),
    "forked child": lambda _: fork_in_session(),
}
"""How to leave a process behind."""

UNMARKED = {"cleared daemon"}
"""Those that nobody finds when all that watched over them is killed at once."""

FORKS = {"forked daemon", "forked child"}
"""Those that in the driver itself cannot be told from the user's own forks."""


def leave(token: str, but: set[str], then: str, ready: str) -> None:
    """Leave processes in every way `but` some, say so, and go on with `then`."""
    before = len(living(token))
    ways = [way for way in WAYS if way not in but]
    for way in ways:
        WAYS[way](token)
    until = time.monotonic() + 60
    while len(living(token)) - before < len(ways):
        assert time.monotonic() < until, living(token)
        time.sleep(0.01)
    Path(ready).touch()
    if then == "hang":
        time.sleep(3600)
    if then == "raise":
        raise ValueError("as it was told")
    if then == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if then == "exit":
        os._exit(3)


def objective(trial) -> float:  # type: ignore[no-untyped-def]
    token, but, then, ready = os.environ["LEAVING"].split("|")
    if not Path(ready).exists():
        leave(token, set(filter(None, but.split(","))), then, ready)
    return 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executor", help="serial, processes, command; or trial, to be the program of one")
    parser.add_argument("--limit", type=float)
    parser.add_argument("--store")
    arguments = parser.parse_args()
    if arguments.executor == "trial":
        print('{"loss": ' + str(objective(None)) + "}")
        return
    import trimtab as tt

    tt.tune(
        tt.Command([sys.executable, __file__, "trial"]) if arguments.executor == "command" else objective,
        tt.Space(x=tt.Float(0, 1)),
        minimize="loss",
        budget=2,
        workers=1,
        executor=arguments.executor,
        store=arguments.store,
        name="leaving",
        seed=0,
        retries=0,
        stop="never",
        resources=tt.Resources(limit_s=arguments.limit),
    )


if __name__ == "__main__":
    main()
