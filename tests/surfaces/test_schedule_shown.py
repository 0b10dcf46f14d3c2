"""What `trimtab show` says of the schedule that a trial went through."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import trimtab as tt
from trimtab.schedule.pbt import Pbt


def carried(trial: tt.Trial) -> float:
    return abs(trial.params["lr"] - 0.5 / trial.fidelity["epoch"])


def show(url: str, *more: str) -> str:
    command = [sys.executable, "-m", "trimtab.surfaces.cli", "show", "s", *more, "--store", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_show_draws_the_schedule_and_json_has_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    with tt.tune(
        carried, tt.Space(lr=tt.Float(0, 1), kind=tt.Categorical(["a", "b"])), minimize="loss",
        fidelity=tt.Fidelity("epoch", 1, 6), budget=4, optimizer="random", scheduler=Pbt(population=4, every=2),
        store=url, name="s", seed=0, progress=False,
    ) as study:  # fmt: skip
        last = next(n for n in range(len(study.table))[::-1] if len({str(s.params) for s in study.schedule(n)}) > 1)
        schedule = study.schedule(last).to_json()
    parts = re.findall(r"epoch (\d) to (\d): lr = [0-9.]+, kind = [ab]\n", show(url, str(last)))
    assert len(parts) > 1
    assert [parts[0][0], parts[-1][1]] == ["0", f"{schedule['stretches'][-1]['to']:g}"]
    assert json.loads(show(url, str(last), "--json"))["schedule"] == schedule
    assert "schedule" not in show(url, "0")
    assert "schedule" not in json.loads(show(url, "0", "--json"))
