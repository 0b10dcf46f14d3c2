"""What is told to libraries that cannot learn of failures, and what tables of recorded runs say."""

from __future__ import annotations

import json
import sys

import compared
import pytest
import run


@pytest.fixture
def wire(monkeypatch):
    monkeypatch.syspath_prepend(str(run.HERE / "adapters"))
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):  # which the module sets
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")
    monkeypatch.delitem(sys.modules, "wire", raising=False)
    import wire

    return wire


def test_what_failed_or_is_not_allowed_is_told_at_the_worst_so_far(wire):
    told = []

    class Library(wire.Unfailing):
        def observe(self, number, losses, failed):
            told.append((number, list(losses), failed))

    library = Library()
    library.start(None)
    library.tell(0, None)  # nothing is known yet
    assert told == []
    library.take(1, [3.0, 1.0], allowed=False)
    library.take(2, [2.0, 5.0])
    library.take(3, None)
    assert told == [(0, [3.0, 1.0], True), (1, [3.0, 1.0], True), (2, [2.0, 5.0], False), (3, [3.0, 5.0], True)]


def record(optimizer, task, curve, broken=None):
    more = {} if broken is None else {"broken": broken}
    return {"optimizer": optimizer, "task": task, "seed": 0, "n_trials": 100, "workers": 1, "curve": curve, **more}


def test_a_summary_has_means_over_the_tasks_that_both_ran(tmp_path):
    scales = json.loads(compared.SCALES.read_text(encoding="utf-8"))
    of = {}
    for task in ("design/g06", "design/g09"):
        best, median = scales[task]["best"], scales[task]["median"]
        of[task] = [best + regret * (median - best) for regret in (0.5, 0.25, 0.0)]
    ours = [
        record("trimtab", "design/g06", [[5, of["design/g06"][1]], [60, of["design/g06"][2]]], [1, 2, 3, 4, 99]),
        record("trimtab", "design/g09", [[1, of["design/g09"][1]]], []),
    ]
    theirs = [record("peer", "design/g06", [[30, of["design/g06"][0]]], [*range(1, 30), *range(51, 101)])]
    for name, lines in (("trimtab", ours), ("peer", theirs)):
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    *_, row = compared.summary(tmp_path)
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert cells[:4] == ["1 report-bound", "25 / 50 / 100", "peer", "1"]
    assert cells[4:6] == ["0.25 / 0.25 / 0", "3 / 0.5 / 0.5"]  # nothing allowed counts as 3
    assert cells[6:] == ["1 / 1 / 1", "5 : 30", "0.02 : 1"]


def test_long_runs_are_looked_at_later():
    assert compared.checked(50) == [25, 50]
    assert compared.checked(100) == [25, 50, 100]
    assert compared.checked(1000) == [100, 300, 1000]


def test_a_shorter_run_is_compared_with_as_much_of_a_longer_one(tmp_path):
    scale = json.loads(compared.SCALES.read_text(encoding="utf-8"))["design/g06"]
    good, better = (scale["best"] + regret * (scale["median"] - scale["best"]) for regret in (0.5, 0.0))
    ours = record("trimtab", "design/g06", [[3, good], [51, better]], [1, 2, 26, 99])
    theirs = record("peer", "design/g06", [[10, better]], [1, 30]) | {"n_trials": 50}
    (tmp_path / "runs.jsonl").write_text(f"{json.dumps(ours)}\n{json.dumps(theirs)}\n", encoding="utf-8")
    *_, row = compared.summary(tmp_path)
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert cells == ["1 report-bound", "25 / 50", "peer", "1", "0.5 / 0.5", "0 / 0", "0 / 0", "3 : 10", "0.04 : 0.04"]
