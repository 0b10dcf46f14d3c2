"""Runs the command line on mutants, in this process, and says what came of each.

    python tests/fuzz/child.py FOLDER SEED FIRST LAST

Case i is made from (SEED, i) alone. One line of JSON is printed a case: {"case": i, "begun": true} before it, so that
whoever reads knows what a process that dies was at; and after it how the store or file was changed, the exit code of
each command, the processor seconds of the slowest, the largest resident memory, and what must not have happened.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent

LIMIT_S = 2.0
"""Processor seconds that one command may take."""
LIMIT_MB = 500.0
"""Resident memory that the process may come to."""
ADDRESS_SPACE = 4 << 30
"""Bytes; so that a mutant cannot take the machine down with it."""
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("list",),
    ("list", "--json"),
    ("show", "s"),
    ("show", "s", "--json"),
    ("show", "s", "2"),
    ("show", "2", "--json"),
    ("trials", "s"),
    ("trials", "s", "--json"),
    ("trials", "s", "--sort", "loss"),
    ("best", "s"),
    ("best", "s", "--json"),
    ("export", "s", "out.csv"),
    ("export", "s", "out.json"),
    ("doctor",),
    ("ask", "s"),
    ("ask", "s", "--json"),
    ("replay", "s"),
    ("tell", "s", "8", "0.5"),
    ("tell", "s", "8", "loss=1", "acc=1", "ms=3", "cost=1"),
    ("show",),
    ("trials",),
)
FILE_COMMANDS = (("run", "{file}", "--dry-run"), ("ask", "--file", "{file}"))
STREAMS = (1, 2)
"""Where a command prints: two files, while the case's report goes to what stdout was."""
REPORT = 63
MOST_PRINTED = 50_000_000
PER_CASE = 3
"""Commands that each mutant of a store is given, in an order of chance: what one writes, the next one reads."""


class TookTooLong(BaseException):
    """The processor time of a command is used up."""


def main(folder: Path, seed: int, first: int, last: int) -> None:
    os.dup2(1, REPORT)
    for fd in STREAMS:
        os.dup2(os.open(folder / f"stream-{fd}", os.O_RDWR | os.O_CREAT), fd)
    os.environ["TRIMTAB_TRAP"] = str(folder / "sprung")
    os.environ["HOME"] = str(folder)
    sys.path += [str(HERE)]
    import files
    import stores
    from watch import Watch

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    signal.signal(signal.SIGPROF, _took_too_long)
    os.chdir(folder)
    bases = stores.make(folder)
    watch = Watch()
    work = folder / "case"
    _warm_up(work, bases)
    for case in range(first, last):
        rng = random.Random(f"{seed}/{case}")
        _say({"case": case, "begun": True})
        if rng.random() < 0.7:
            way, commands = _a_store(work, bases, stores.mutate, rng), rng.sample(COMMANDS, PER_CASE)
        else:
            way, commands = _a_file(work, files.mutant, rng), list(FILE_COMMANDS)
        _say({"case": case, "way": way, **_tried(work, commands, watch, folder)})


def _a_store(work: Path, bases: list[bytes], mutate: Callable[[Path, random.Random], str], rng: random.Random) -> str:
    _emptied(work)
    store = work / "trimtab.db"
    store.write_bytes(rng.choice(bases))
    return f"store, {mutate(store, rng)}"


def _a_file(work: Path, mutant: Callable[[random.Random], tuple[str, bytes]], rng: random.Random) -> str:
    _emptied(work)
    name, content = mutant(rng)
    (work / name).write_bytes(content)
    return f"file, {name.rpartition('.')[2]}"


def _emptied(work: Path) -> None:
    import shutil

    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    os.chdir(work)


def _warm_up(work: Path, bases: list[bytes]) -> None:
    """Run every command once on something healthy, so that all is imported that a command may import."""
    for base in bases:
        _emptied(work)
        (work / "trimtab.db").write_bytes(base)
        for command in COMMANDS:
            _run(list(command))
    _emptied(work)
    (work / "study.yaml").write_text("command: 'true {x}'\nminimize: m\nbudget: 1\nspace: {x: {float: [0, 1]}}\n")
    (work / "study.toml").write_text('command = "true {x}"\nminimize = "m"\nbudget = 1\nspace.x.float = [0, 1]\n')
    for command in FILE_COMMANDS:
        for name in ("study.yaml", "study.toml"):
            _run([word.replace("{file}", name) for word in command])


def _tried(work: Path, commands: list[tuple[str, ...]], watch: object, folder: Path) -> dict[str, object]:
    file = next((name for name in os.listdir(work) if name.startswith("study.")), "")
    ends, wrong, slowest = {}, [], 0.0
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the resident memory is counted anew
    for command in commands:
        argv = [word.replace("{file}", file) for word in command]
        watch.begin(work)
        began = time.process_time()
        try:
            code, out, err = _run(argv)
        except BaseException as error:
            code, out, err = type(error).__name__, "", _traced(error)
            wrong.append(f"{' '.join(argv)}: {code}: {err}")
        took = time.process_time() - began
        watch.end()
        slowest = max(slowest, took)
        ends[" ".join(command[:1])] = code
        if code not in (0, 1, 2):
            wrong.append(f"{' '.join(argv)}: exit {code}")
        if "Traceback" in err or "Warning" in err:
            wrong.append(f"{' '.join(argv)}: {err[-600:]}")
        if code and not err.strip() and not out.strip():
            wrong.append(f"{' '.join(argv)}: exit {code} without a word")
        wrong += [f"{' '.join(argv)}: {noted}" for noted in watch.noted]
    if (folder / "sprung").exists():
        (folder / "sprung").unlink()
        wrong.append("the trap was sprung: something imported or called what a mutant names")
    peak = _peak_mb()
    if peak > LIMIT_MB:
        wrong.append(f"{peak:.0f} MB of memory")
    return {"ends": ends, "seconds": round(slowest, 3), "mb": round(peak), "wrong": wrong}


def _run(argv: list[str]) -> tuple[object, str, str]:
    """Run one command as the shell does; return its exit code and what it printed."""
    from trimtab.surfaces.cli.app import run

    before = sys.argv, sys.stdout
    sys.argv = ["trimtab", *argv]
    for fd in STREAMS:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        run()
    except SystemExit as exit_:
        code: object = 0 if exit_.code is None else exit_.code
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.argv, sys.stdout = before
    out, err = (os.pread(fd, MOST_PRINTED, 0).decode("utf-8", "replace") for fd in STREAMS)
    return code, out, err


def _traced(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{str(error)[:300]} at {places}"


def _took_too_long(number: int, frame: object) -> None:
    raise TookTooLong(f"more than {LIMIT_S:g} s of processor time")


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _say(found: dict[str, object]) -> None:
    os.write(REPORT, json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:5]))
