"""A stranger's pictures and reports: a package of its own, installed, and found by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_pictures import spoken

import trimtab as tt
from trimtab import plugins
from trimtab.errors import NoAnswerError, PluginError, StudyError

HERE = Path(__file__).parent

ENTRY_POINTS = """\
[trimtab.figures]
spoken = foreign_pictures:spoken
counted = foreign_pictures:counted
gone = foreign_pictures:gone

[trimtab.reports]
tex = foreign_pictures:tex
folder = foreign_pictures:folder
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the stranger's package into a folder of its own, as pip would write it down."""
    site = tmp_path / "site"
    about = site / "foreign_pictures-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-pictures\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "foreign_pictures.py").write_text((HERE / "foreign_pictures.py").read_text())
    monkeypatch.syspath_prepend(str(site))
    plugins._entry_points.cache_clear()
    yield site
    plugins._entry_points.cache_clear()


def studied(store: str | None = None, n: int = 20) -> tt.Study:
    def train(trial: tt.Trial) -> float:
        for epoch in trial.steps():
            trial.report(epoch, loss=(trial.params["lr"] - 0.1) ** 2 + 1 / epoch)
        if trial.number == 3:
            raise MemoryError
        return (trial.params["lr"] - 0.1) ** 2 + 0.01 * trial.params["layers"]

    return tt.tune(
        train, tt.Space(lr=tt.Float(1e-4, 1.0, log=True), layers=tt.Int(1, 8)), minimize="loss", budget=n,
        fidelity=tt.Fidelity("epoch", 1, 4), scheduler="whole", optimizer="random", stop="never", seed=0, store=store,
        name="digits", progress=False, finalize=False,
    )  # fmt: skip


@pytest.mark.usefixtures("installed")
def test_every_picture_can_be_drawn_by_a_stranger(tmp_path: Path) -> None:
    study = studied()
    plots = study.plot()
    assert len(plots) > 9, "most of the questions that there are"
    for plot in plots:
        said = plot.draw("spoken")
        assert said == spoken(plot.card.figure)
        assert said.count("\n") > len(plot.card.figure.panels)
        assert plot.draw("spoken", in_capitals=True) == said.upper()
        plot.save(tmp_path / "picture.spoken")
        assert (tmp_path / "picture.spoken").read_text(encoding="utf-8") == said
    assert plots[0].draw("counted") > 0
    assert plots[0].draw("text", cells=40) == plots[0].text(40).splitlines()[2:]


@pytest.mark.usefixtures("installed")
def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    study = studied()
    plot = study.plot.history()
    with pytest.raises(PluginError, match=r"no figure is called 'spken' .*spoken"):
        plot.draw("spken")
    with pytest.raises(PluginError, match="the figure 'gone', registered as 'foreign_pictures:gone', cannot be loaded"):
        plot.draw("gone")
    with pytest.raises(PluginError, match="the figure 'counted' is no file's content, text or bytes: it gave"):
        plot.save(tmp_path / "picture.counted")
    with pytest.raises(StudyError, match="a picture's file ends in"):
        plot.save(tmp_path / "picture.bmp")
    with pytest.raises(StudyError, match="cannot write"):
        plot.save(tmp_path / "nowhere" / "picture.spoken")
    with pytest.raises(NoAnswerError):
        study.plot.front().draw("spoken")
    with pytest.raises(PluginError, match="the report 'folder' returns text or bytes; it gave"):
        study.report(tmp_path / "all.folder")
    with pytest.raises(StudyError, match=r"a report's file ends in \.folder, \.html, \.md, \.pdf or \.tex, got"):
        study.report(tmp_path / "all.docx")


@pytest.mark.usefixtures("installed")
def test_a_report_by_the_ending_of_a_strangers_files(tmp_path: Path) -> None:
    study = studied()
    study.report(tmp_path / "digits.TEX")
    said = (tmp_path / "digits.TEX").read_text(encoding="utf-8")
    assert said.startswith("\\section{digits}\nlr & ")
    assert sum(f"\\paragraph{{{plot.title}}}" in said for plot in study.plot()) == len(study.plot())
    study.report(tmp_path / "digits.htm")
    assert (tmp_path / "digits.htm").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_line_finds_them_too(installed: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    studied(url, 5).close()
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "trimtab.surfaces.cli", *words, "--store", url]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said("report", "digits", "-o", "digits.tex")
    assert (tmp_path / "digits.tex").read_text(encoding="utf-8").startswith("\\section{digits}")
    said("plot", "digits", "history", "-o", "history.spoken")
    assert "points, from" in (tmp_path / "history.spoken").read_text(encoding="utf-8")
