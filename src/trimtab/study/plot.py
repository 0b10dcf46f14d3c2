"""`study.plot`: the questions that can be asked of a study, and their answers as notebooks and programs have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from trimtab import plugins
from trimtab.analysis.card import Answer, Card
from trimtab.analysis.figure import Figure
from trimtab.analysis.questions import QUESTIONS, answer
from trimtab.errors import NoAnswerError, PluginError, StudyError
from trimtab.explain import Explained
from trimtab.ledger.table import TrialTable
from trimtab.space.condition import shown
from trimtab.study.report import save
from trimtab.text import visible


class Plot(Explained):
    """The answer to one question about a study, as the study stood when it was asked.

    In a notebook it shows itself; in a terminal, `print(plot.text())` does.

    Attributes:
        question: its name; title: the question in words.
        sentence: the answer, or why there is none.
        data: what the answer rests on; None where there is none.
    """

    def __init__(self, card: Answer) -> None:
        self.card = card
        self.question, self.title, self.sentence = card.question, card.title, card.sentence
        self.data: Any = card.data if isinstance(card, Card) else None

    def __repr__(self) -> str:
        return f"<{visible(self.title)} {visible(self.sentence)}>"

    def _repr_html_(self) -> str:
        return plugins.drawn("card", self.card)

    @property
    def has_picture(self) -> bool:
        """Whether there is an answer, and so a picture."""
        return isinstance(self.card, Card)

    def text(self, cells: int | None = None) -> str:
        """Return the sentence and the picture as text, at most `cells` wide; without a picture, the sentence alone."""
        if not isinstance(self.card, Card):
            return visible(self.sentence)
        return "\n".join([visible(self.sentence), "", *_with("text")(self.card.figure, cells)])

    def svg(self) -> str:
        """Return the picture as an SVG file that stands alone, light and dark by the reader's choice.

        Raises:
            NoAnswerError: there is no answer; the message says why.
        """
        return cast("str", _with("svg")(self._figure(), with_page=True))

    def html(self) -> str:
        """Return question, sentence and picture as a piece of HTML that stands alone."""
        return plugins.drawn("card", self.card)

    def matplotlib(self) -> Any:
        """Return the picture as a `matplotlib.figure.Figure`, to go on with.

        Raises:
            NoAnswerError: as `svg`.
            MissingExtraError: matplotlib is not installed.
        """
        return _with("matplotlib")(self._figure())

    def plotly(self) -> Any:
        """Return the picture as a `plotly.graph_objects.Figure`.

        Raises:
            NoAnswerError: as `svg`.
            MissingExtraError: plotly is not installed.
        """
        return _with("plotly")(self._figure())

    def draw(self, name: str, **options: Any) -> Any:
        """Return the picture as the plugin of the group `trimtab.figures` draws it that is registered as `name`.

        It is a function of a `trimtab.analysis.figure.Figure`, and of the options, and may return anything. A picture
        that is text or bytes is also what `save` writes to a file with the ending `name`.

        Example:
            ```python
            lines = study.plot.history().draw("text", cells=60)
            ```

        Raises:
            NoAnswerError: as `svg`.
            PluginError: there is no such plugin, or it cannot be loaded.
        """
        return _with(name)(self._figure(), **options)

    def save(self, path: str | Path) -> None:
        """Write the picture to a file; its ending says how: .svg, .html, .txt, or .png and .pdf by matplotlib.

        Another ending is what a plugin that draws figures is registered as (`draw`).

        Raises:
            NoAnswerError: as `svg`.
            MissingExtraError: matplotlib is not installed, and it takes it.
            StudyError: another ending, or the file cannot be written.
            PluginError: a plugin of that name draws what is no content of a file.
        """
        path = Path(path)
        ending = path.suffix.lower()
        figure = self._figure()
        try:
            if ending == ".svg":
                path.write_text(self.svg(), encoding="utf-8")
            elif ending in (".html", ".htm"):
                page = (
                    f'<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">{self.html()}'
                )
                path.write_text(page, encoding="utf-8")
            elif ending == ".txt":
                path.write_text(self.text() + "\n", encoding="utf-8")
            elif ending in (".png", ".pdf"):
                _with("matplotlib")(figure).savefig(path)
            elif ending.removeprefix(".") in plugins.names("figures"):
                content = self.draw(ending.removeprefix("."))
                if not isinstance(content, str | bytes):
                    raise PluginError(
                        f"the figure {ending[1:]!r} is no file's content, text or bytes: it gave {shown(content)}."
                    )
                save(content, path)
            else:
                raise StudyError(f"a picture's file ends in .svg, .png, .pdf, .html or .txt, got {str(path)!r}.")
        except OSError as error:
            raise StudyError(f"cannot write {str(path)!r}: {error.strerror or error}.") from None

    def _figure(self) -> Figure:
        if not isinstance(self.card, Card):
            raise NoAnswerError(f"there is no picture of {self.question}: {self.sentence}")
        return self.card.figure


def _with(name: str) -> Callable[..., Any]:
    return cast("Callable[..., Any]", plugins.load("figures", name))


class Plots(Explained):
    """The questions, as methods; `study.plot()` answers all of them.

    Each takes `metric=`, the name of the metric that is looked at, where several are declared; the first objective
    without. An answer that there is none yet is an answer too: a `Plot` without a picture, which says why.

    Args:
        still: returns the trials as they stand, each time that a question is asked.
    """

    def __init__(self, still: Callable[[], TrialTable]) -> None:
        self._still = still

    def __repr__(self) -> str:
        return f"<questions: {', '.join(QUESTIONS)}; ask one as study.plot.importance()>"

    def __call__(self) -> list[Plot]:
        """Return the answers to all questions that have one."""
        plots = [self._ask(question) for question in QUESTIONS]
        return [plot for plot in plots if plot.has_picture]

    def _ask(self, question: str, **options: Any) -> Plot:
        table = self._still()
        return Plot(answer(question, table.problem, table, **options))

    def history(self, *, metric: str | None = None) -> Plot:
        """Return how the best value came about, and what it is likely to give when it is run again."""
        return self._ask("history", metric=metric)

    def front(self) -> Plot:
        """Return the front of several objectives."""
        return self._ask("front")

    def importance(self, *, metric: str | None = None) -> Plot:
        """Return which parameters matter, with intervals."""
        return self._ask("importance", metric=metric)

    def path(self, *, metric: str | None = None) -> Plot:
        """Return what made the best better than the default: the changes, in the order in which they gain most."""
        return self._ask("path", metric=metric)

    def effects(self, *, metric: str | None = None, parameter: str | None = None) -> Plot:
        """Return what each parameter does on average, or one of them, with the observations.

        Raises:
            ParamsError: there is no such parameter.
        """
        return self._ask("effects", metric=metric, parameter=parameter)

    def contour(self, x: str | None = None, y: str | None = None, *, metric: str | None = None) -> Plot:
        """Return what is expected over two parameters: those named, or those that depend most on each other.

        Raises:
            ParamsError: there is no such parameter.
            ProblemError: not two different ones.
        """
        named = None if x is None and y is None else (x, y)
        return self._ask("contour", metric=metric, parameters=named)

    def parallel(self, *, metric: str | None = None) -> Plot:
        """Return trials as lines across all parameters, coloured by the metric."""
        return self._ask("parallel", metric=metric)

    def distribution(self, *, metric: str | None = None) -> Plot:
        """Return the share of trials up to each value."""
        return self._ask("distribution", metric=metric)

    def curves(self, *, metric: str | None = None) -> Plot:
        """Return what trials reported by step, and why some were stopped."""
        return self._ask("curves", metric=metric)

    def rungs(self, *, metric: str | None = None) -> Plot:
        """Return results at each fidelity, and whether the order there holds further up."""
        return self._ask("rungs", metric=metric)

    def cost(self, *, metric: str | None = None) -> Plot:
        """Return the best value against what was spent, and what a trial takes."""
        return self._ask("cost", metric=metric)

    def timeline(self) -> Plot:
        """Return which worker ran what when."""
        return self._ask("timeline")

    def failures(self) -> Plot:
        """Return the causes of failures, and where in the space they happen."""
        return self._ask("failures")

    def calibration(self, *, metric: str | None = None) -> Plot:
        """Return results against what a model of those before them expected."""
        return self._ask("calibration", metric=metric)

    def worth(self) -> Plot:
        """Return what stopping rules expected of going on, as the study went."""
        return self._ask("worth")
