"""One rank of a group that a library's trainer makes: a program for torchrun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trainings

import trimtab as tt

if __name__ == "__main__":
    trial = tt.this_trial()
    assert trial is not None
    result = getattr(trainings, f"with_{sys.argv[1]}")(trial)
    Path(os.environ["TRIMTAB_TEST_SEEN"], os.environ["RANK"]).touch()
    if os.environ["RANK"] == "0":
        tt.report(loss=result)
