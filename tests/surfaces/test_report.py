"""Writing a study up, and asking questions from the command line."""

from __future__ import annotations

import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import trimtab as tt
from trimtab.analysis.questions import QUESTIONS
from trimtab.errors import NoAnswerError, ProblemError, StudyError
from trimtab.execute.hook import REPORT_FILE
from trimtab.surfaces.cli.app import cli
from trimtab.surfaces.cli.ask_tell import is_of_study
from trimtab.surfaces.render.report import pdf

SPACE = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), layers=tt.Int(1, 8), optimizer=tt.Categorical(["adamw", "sgd"]))


def told(store: str | None = None, n: int = 30, name: str = "resnet <b>50</b>") -> tt.Study:
    """Return a study of n trials, some of which failed."""
    study = tt.create_study(SPACE, minimize="loss", optimizer="random", seed=0, name=name, store=store)
    for i in range(n):
        trial = study.ask()
        if i % 11 == 3:
            study.tell(trial, failed="oom", error=f"CUDA out of memory: <script>alert({i})</script>")
        else:
            depth = 0.01 * (trial.params["layers"] - 4) ** 2
            study.tell(trial, 0.1 * (math.log10(trial.params["lr"]) + 3) ** 2 + depth + 0.1)
    return study


@pytest.fixture(scope="module")
def study() -> tt.Study:
    return told()


class Page(HTMLParser):
    """What is in a page, and whether what opens closes."""

    VOID = ("meta", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("href", "src", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_one_page_that_needs_nothing(study: tt.Study, tmp_path: Path) -> None:
    study.note("machine", "gpu <3>")
    study.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.links == ["data:,"]
    assert not {"script", "img", "iframe"} & set(page.tags)
    assert "resnet &lt;b&gt;50&lt;/b&gt;" in text
    assert "gpu &lt;3&gt;" in text
    assert f"loss = {study.best_value:.4g}" in text
    assert str(study.best_params["lr"]) in text
    assert text.count("<tr>") == 31
    assert "prefers-color-scheme" in text
    assert "url(" not in text


def test_a_report_in_markdown_escapes_what_people_wrote(study: tt.Study, tmp_path: Path) -> None:
    study.report(str(tmp_path / "report.md"))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# resnet \\<b\\>50\\</b\\>\n")
    assert "## Which parameters matter?" in text
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "<script>" not in outside.replace("\\<", "")


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_report_of_little_says_so(n: int, tmp_path: Path) -> None:
    told(n=n).report(tmp_path / "report.html")
    told(n=n).report(tmp_path / "report.md")
    assert "What there is no answer to" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_where_a_report_cannot_go_is_said(
    study: tt.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    with pytest.raises(StudyError, match=r"ends in \.html, \.md or \.pdf, got 'report\.docx'"):
        study.report("report.docx")
    with pytest.raises(StudyError, match="cannot write"):
        study.report(tmp_path / "nowhere" / "report.md")
    with pytest.raises(ProblemError, match="takes a file"):
        study.report(3, 1.0, {"loss": 0.5})  # type: ignore[call-overload]
    monkeypatch.setattr(pdf, "BROWSERS", ())
    with pytest.raises(StudyError, match="Chromium, which is not installed"):
        study.report(tmp_path / "report.pdf")


def test_plots_save_and_say_why_they_cannot(study: tt.Study, tmp_path: Path) -> None:
    plot = study.plot.history()
    for ending in ("svg", "html", "txt"):
        plot.save(tmp_path / f"history.{ending}")
        assert (tmp_path / f"history.{ending}").stat().st_size > 200
    assert (tmp_path / "history.svg").read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(StudyError, match=r"ends in \.svg"):
        plot.save("history.bmp")
    rungs = study.plot.rungs()
    assert not rungs.has_picture
    assert rungs.text() == "The study has no fidelity: every trial is run whole."
    with pytest.raises(NoAnswerError, match="no picture of rungs: The study has no fidelity"):
        rungs.svg()
    assert {plot.question for plot in study.plot()} >= {"history", "importance", "failures"}
    assert "importance" in repr(study.plot)


@pytest.mark.parametrize("library", ["matplotlib", "plotly"])
def test_libraries_draw_every_picture(study: tt.Study, library: str) -> None:
    pytest.importorskip(library)
    for plot in study.plot():
        drawn = getattr(plot, library)()
        if library == "matplotlib":
            assert drawn.axes
        else:
            assert json.loads(drawn.to_json())["data"]


def test_the_command_line_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(REPORT_FILE, raising=False)
    told("sqlite:///trimtab.db", 16, "digits").close()

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == code, done.output
        return done.output

    every = run("plot")
    assert all(f"{question}: " in every for question in QUESTIONS)
    assert run("plot", "importance") == run("plot", "digits", "importance") == run("importance", "digits")
    assert "│" in run("plot", "digits", "history")
    data: dict[str, Any] = json.loads(run("importance", "--json"))
    assert {one["name"] for one in data["data"]["parameters"]} == set(SPACE.names)
    assert len(json.loads(run("plot", "digits", "--json"))) == len(QUESTIONS)
    assert "the picture is in lr.svg" in run("plot", "digits", "effects", "--parameter", "lr", "-o", "lr.svg")
    assert "did you mean 'effects'" in run("plot", "digits", "efects", code=2)
    assert "takes --parameter twice" in run("plot", "digits", "contour", "--parameter", "lr", code=2)
    assert "takes no --metric" in run("plot", "digits", "failures", "--metric", "loss", code=2)
    assert "say which picture" in run("plot", "digits", "-o", "x.svg", code=2)
    assert "the report of digits is in digits.html" in run("report", "digits")
    assert "the report of digits is in out.md" in run("report", "-o", "out.md")
    assert Path("out.md").read_text(encoding="utf-8").startswith("# digits")
    assert "give one study" in run("report", "a", "b", code=2)
    assert "is for the report of a study" in run("report", "loss=1", "-o", "x.html", code=2)


def test_report_tells_metrics_from_studies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(REPORT_FILE, raising=False)
    assert is_of_study(["digits"], None)
    assert is_of_study([], None)
    assert not is_of_study(["3", "loss=0.5"], None)
    assert not is_of_study(["loss=0.5"], "report.html")
    monkeypatch.setenv(REPORT_FILE, str(tmp_path / "reports.jsonl"))
    assert not is_of_study(["3"], None)
    assert not is_of_study([], None)
    assert is_of_study(["digits"], "report.html")
    done = CliRunner().invoke(cli, ["report", "3", "loss=0.5"])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "reports.jsonl").read_text()) == {"step": 3, "loss": 0.5}
    done = CliRunner().invoke(cli, ["report"])
    assert "a report is [STEP] METRIC=VALUE" in done.output
    assert REPORT_FILE in os.environ
