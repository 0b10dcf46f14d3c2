"""Trials as a sequence, and what they look like in a prompt and in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

import trimtab as tt
from trimtab.study.standing import Status
from trimtab.surfaces.render import html

EVIL = "<script>alert('&\"x')</script>\x1b[31m\u202e"


@pytest.fixture
def study() -> tt.Study:
    study = tt.create_study(
        tt.Space({EVIL: tt.Categorical([EVIL, "b"]), "lr": tt.Float(1e-5, 1e-1, log=True)}),
        minimize=EVIL,
        name="<b>study</b>",
        optimizer="random",
        seed=0,
    )
    for i in range(30):
        trial = study.ask()
        if i % 10 == 3:
            study.tell(trial, failed="exception", error=f"ValueError: {EVIL}\nmore")
        else:
            study.tell(trial, {EVIL: float(i)})
    study.note(EVIL, EVIL, 0)
    study.tag(0, EVIL)
    return study


def test_trials_are_a_sequence(study: tt.Study) -> None:
    trials = study.trials
    assert len(trials) == 30
    assert [trial.number for trial in trials] == list(range(30))
    assert trials[-1].number == 29
    assert [trial.number for trial in trials[3:9:2]] == [3, 5, 7]
    assert trials[5:][0].number == 5
    assert repr(trials) == "<30 trials, 0 to 29>"
    assert repr(trials[:0]) == "<no trials>"
    with pytest.raises(IndexError):
        trials[30]


def test_the_best_in_short(study: tt.Study) -> None:
    assert study.best_value == study.best.metrics[EVIL] == 0.0
    assert study.best_params == study.best.params


def test_a_representation_holds_nothing_that_a_terminal_obeys() -> None:
    study = tt.create_study(tt.Space(**{"x\x1b[31m": tt.Float(0, 1)}), minimize="loss")
    study.tell(study.ask(), {"loss": 1.0, "more\u202e": 2.0})
    study.tell(study.ask(), failed="exception", error="no\x1b]0;title\x07 \x9b31m")
    for view in study.trials:
        assert repr(view).isprintable()


def test_reprs_can_be_read() -> None:
    study = tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0)
    study.enqueue({"x": 0.5})
    study.tell(study.ask(), 0.25)
    study.tell(study.ask(), failed="oom", error="MemoryError: full\nTraceback")
    assert repr(study.trials[0]) == "<trial 0: complete; loss=0.25; x=0.5>"
    assert repr(study.trials[1]).startswith("<trial 1: failed; oom: MemoryError: full; x=")
    assert repr(study.table) == (
        "<TrialTable: 2 trials (1 complete, 1 failed); columns state, x [2, 1], y [2, 1], cost, ...>"
    )


class Page(HTMLParser):
    """Collects tags, and sees that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def drawn(study: tt.Study) -> Iterator[str]:
    yield study._repr_html_()
    yield study.table._repr_html_()
    yield study.trials._repr_html_()
    yield study.trials[2:5]._repr_html_()
    yield study.trials[0]._repr_html_()
    yield study.trials[3]._repr_html_()
    best, failure = study.best, study.trials[3]
    yield html.running(
        Status(
            EVIL, EVIL, "minimize", budget_trials=50, n_complete=20, best=best, note=EVIL, failure=failure, look=EVIL
        )
    )
    yield tt.create_study(tt.Space(x=tt.Float(0, 1)), minimize="loss", seed=0)._repr_html_()


def test_html_is_closed_and_escaped_and_needs_nothing_from_elsewhere(study: tt.Study) -> None:
    for body in drawn(study):
        page = Page()
        page.feed(body)
        assert page.open == []
        assert set(page.tags) <= {"div", "b", "span", "table", "tr", "th", "td", "svg", "polyline"}
        assert not re.search(r"https?:|src=|url\(", body)
        assert "\x1b" not in body
        assert "\u202e" not in body
        assert "trial" in page.text


def test_a_long_table_leaves_its_middle_out(study: tt.Study) -> None:
    body = study.table._repr_html_()
    assert body.count("<tr>") == 1 + 20 + 1
    assert "10 more" in body
    assert "27 complete, 3 failed" in body
