"""The example that finds the best model for a table, in its short form: a CSV file with gaps and categories."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

EXAMPLE = Path(__file__).parents[2] / "examples" / "best_model.py"


def test_the_best_model_for_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((90, 3))
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(kind=rng.choice(["red", "blue"], 90))
    table["yes"] = (x[:, 0] + (table["kind"] == "red") > 0).map({True: "yes", False: "no"})
    table.loc[::7, "b"] = np.nan
    table.to_csv(tmp_path / "data.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, tmp_path / "data.csv", "yes", "--trials", "2"],
        capture_output=True, text=True, check=False, timeout=240, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # on a loaded machine its threads wait for each other
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    model, _, said = done.stdout.partition(": accuracy ")
    assert model in ("boosting", "trees", "svc", "linear")
    assert float(said.split()[0]) > 0.7
