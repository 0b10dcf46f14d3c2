"""Whatever a store or a study file says: no code of its is run, and every command ends, soon, in a sentence.

Mutants of healthy stores and files are given to the real command line in a child process; `child.py` says what is
looked at. A failing case prints its seed and number, which make it again:

    python tests/fuzz/child.py FOLDER SEED NUMBER NUMBER+1

TRIMTAB_FUZZ sets how many cases the long run has, TRIMTAB_FUZZ_SEED their seed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
FEW, MANY = 300, 20_000
SILENCE_S = 120
"""Seconds without a word from a child after which it hangs: one command has 2 s of processor time."""


def fuzz(folder: Path, seed: int, n: int) -> tuple[list[str], Counter[str], float, float]:
    """Run cases 0 to n; return what went wrong, how commands ended, the longest time and the most memory."""
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    slowest = largest = 0.0
    begin = 0
    while begin < n:
        last, found = _child(folder, seed, begin, n)
        for case in found:
            ends.update(f"{case['way']}: {code}" for code in case["ends"].values())
            slowest, largest = max(slowest, case["seconds"]), max(largest, case["mb"])
            wrong += [f"seed {seed}, case {case['case']} ({case['way']}): {what}" for what in case["wrong"]]
        if len(found) < n - begin:
            wrong.append(f"seed {seed}, case {last}: the process ended, or did not end")
        begin = last + 1
    return wrong, ends, slowest, largest


def _child(folder: Path, seed: int, begin: int, end: int) -> tuple[int, list[dict]]:
    """Run cases until a child is done or gone; return the last that was begun, and what came of the others."""
    work = folder / f"from-{begin}"
    work.mkdir()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    argv = [sys.executable, str(CHILD), str(work), str(seed), str(begin), str(end)]
    last, found = begin, []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True) as child:
        watchdog = _Watchdog(child)
        for line in child.stdout:
            watchdog.feed()
            said = json.loads(line)
            last = said["case"]
            if "ends" in said:
                found.append(said)
        watchdog.stop()
    if not found and child.returncode not in (0, -9):
        raise AssertionError(f"the child did not begin: {(work / 'stream-2').read_text()[-2000:]}")
    return last, found


class _Watchdog:
    """Kills a child that has said nothing for `SILENCE_S`."""

    def __init__(self, child: subprocess.Popen) -> None:
        self._child = child
        self.feed()

    def feed(self) -> None:
        import threading

        self.stop()
        self._timer = threading.Timer(SILENCE_S, self._child.kill)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        timer = getattr(self, "_timer", None)
        if timer is not None:
            timer.cancel()


needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")


@needs_proc
def test_mutants_end_in_a_sentence(tmp_path: Path) -> None:
    wrong, ends, _, _ = fuzz(tmp_path, 0, FEW)
    assert not wrong, "\n".join(wrong[:20])
    assert {code for end in ends for code in [end.rpartition(": ")[2]]} == {"0", "1", "2"}, (
        "mutants are too tame, or wild"
    )


@needs_proc
def test_the_watch_sees_what_it_is_for(tmp_path: Path) -> None:
    """A watch that notes nothing would let everything pass."""
    script = (
        "import os, sys, subprocess, socket\n"
        "from pathlib import Path\n"
        "from watch import Watch\n"
        "sys.path.append(sys.argv[2])\n"
        "watch = Watch()\n"
        "watch.begin(Path(sys.argv[1]))\n"
        "exec(compile('1', 'elsewhere', 'exec'))\n"
        "open(sys.argv[1] + '/inside', 'w').close()\n"
        "open(sys.argv[2] + '/outside', 'w').close()\n"
        "os.system('true')\n"
        "subprocess.run(['true'])\n"
        "import stranger\n"
        "watch.end()\n"
        "print('\\n'.join(noted.partition(':')[0] for noted in watch.noted))\n"
    )
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "stranger.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", script, str(inside), str(outside)],
        env=os.environ | {"PYTHONPATH": str(CHILD.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["exec", "open", "os.system", "subprocess.Popen", "exec"]


@needs_proc
@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_so_do_very_many(tmp_path: Path) -> None:
    n, seed = int(os.environ.get("TRIMTAB_FUZZ", MANY)), int(os.environ.get("TRIMTAB_FUZZ_SEED", "1"))
    wrong, ends, slowest, largest = fuzz(tmp_path, seed, n)
    print(f"{n:,} mutants, slowest command {slowest:.2f} s, most memory {largest:.0f} MB")
    for end, count in sorted(ends.items()):
        print(f"{count:7,}  {end}")
    assert not wrong, "\n".join(wrong[:50])
