"""Nothing is acknowledged before the disk has it: as the kernel sees it, by strace."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import needed
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes

APPENDS = """
import os, sys
from trimtab.storage.url import open_store
from trimtab.testing.journals import appending
for seq in appending(open_store(sys.argv[1]).open("s"), "w", 30):
    os.write(1, b"acknowledged\\n")
"""


def test_a_sync_of_the_log_precedes_each_acknowledgement(tmp_path: Path) -> None:
    url, trace = f"sqlite:///{tmp_path}/trimtab.db", tmp_path / "trace"
    store = open_store(url)
    store.create("s", notes(1))
    store.close()
    program = [sys.executable, "-c", APPENDS, url]
    strace = [needed("strace"), "-f", "-y", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o", str(trace), *program]
    done = subprocess.run(strace, capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr:  # a sandbox that forbids to trace: no package would help
        pytest.skip("this user may not trace")
    assert done.stdout.count("acknowledged") == 30, done.stderr
    written = synced = acknowledged = 0
    for line in trace.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*trimtab\.db-wal>", line):
            written, synced = written + 1, 0
        elif re.search(r"(fsync|fdatasync)\(\d+<[^>]*trimtab\.db-wal>\) += 0", line):
            synced = 1
        elif "acknowledged" in line:
            assert written, "something was written"
            assert synced, f"acknowledgement {acknowledged} came before the disk had it"
            acknowledged, written = acknowledged + 1, 0
    assert acknowledged == 30
