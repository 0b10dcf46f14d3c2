"""`trimtab.report` in a program."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from trimtab.errors import ObjectiveError, TrialStopped
from trimtab.execute.hook import halted, report


@pytest.fixture
def reports(tmp_path, monkeypatch):
    path = tmp_path / "reports.jsonl"
    monkeypatch.setenv("TRIMTAB_REPORT_FILE", str(path))
    return path


def test_a_line_for_each_report(reports):
    report(1, loss=0.5)
    report(2.5, {"val/loss": np.float32(0.25)}, size=3)
    report(loss=Decimal("0.125"))
    assert reports.read_text().splitlines() == [
        '{"step": 1, "loss": 0.5}',
        '{"step": 2.5, "val/loss": 0.25, "size": 3}',
        '{"loss": 0.125}',
    ]


def test_what_diverges_is_reported_as_it_is(reports):
    report(1, loss=float("nan"), grad=float("inf"))
    assert reports.read_text() == '{"step": 1, "loss": NaN, "grad": Infinity}\n'


def test_without_trimtab_the_line_is_printed(monkeypatch, capsys):
    monkeypatch.delenv("TRIMTAB_REPORT_FILE", raising=False)
    report(1, loss=0.5)
    assert capsys.readouterr().out == '{"step": 1, "loss": 0.5}\n'
    assert halted() is None


def test_a_halted_trial_ends_at_a_step_and_not_at_its_result(reports):
    report(1, loss=1)
    reports.with_name("reports.jsonl.halt").write_text("it lags")
    with pytest.raises(TrialStopped, match="it lags"):
        report(2, loss=1)
    report(loss=1)
    assert len(reports.read_text().splitlines()) == 3, "what was reported is on record"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: report(), "reports nothing"),
        (lambda: report(3), "reports nothing"),
        (lambda: report(loss="low"), "report's loss is 'low', a str; a metric is a number"),
        (lambda: report(loss=None), "report's loss is None, a NoneType"),
        (lambda: report(loss=np.zeros(2)), "a ndarray; a metric is a number"),
        (lambda: report(step=3, loss=1), "the step comes first and without a name"),
        (lambda: report("3", loss=1), "report's step is a finite number, got '3'"),
    ],
)
def test_what_cannot_be_reported(reports, call, said):
    with pytest.raises(ObjectiveError) as caught:
        call()
    assert said in str(caught.value)
    assert not reports.exists()


def test_lines_of_several_processes_do_not_mix(reports):
    code = "from trimtab.execute.hook import report\nfor i in range(300): report(i, loss=i, text_that_is_long=10**40)"
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    lines = reports.read_text().splitlines()
    assert len(lines) == 900
    assert all(line.startswith('{"step": ') and line.endswith("0}") for line in lines)
