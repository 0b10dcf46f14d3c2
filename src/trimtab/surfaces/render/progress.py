"""Progress of a running study: live on a terminal and in a notebook, else in plain lines on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from trimtab.study.prompt import ipython
from trimtab.study.standing import Progress, Status
from trimtab.surfaces.render.numbers import count
from trimtab.surfaces.render.said import (
    News,
    budget_text,
    done,
    early_text,
    farewell,
    feasible_text,
    fitted,
    found_text,
    fraction,
    odds_text,
    pace_text,
    params_text,
    sentence,
    worth_text,
)
from trimtab.surfaces.render.text import clean, shortened, width, wrapped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

HELD = "\x00"
"""A space at which a line is not broken; no text that was cleaned has one."""

REDRAW_S = 0.1
"""A live display is drawn at most this often."""

LINE_S = 300.0
"""A plain line comes at least this often, whatever happens."""

LINE_STEP = 0.1
"""How much of the budget is spent between two plain lines: ten lines or so tell of a study in a log."""

NEWS_S = 1.0
"""Two plain lines are at least this far apart, but for the first failure."""

BAR_CELLS = 24


def auto(study_name: str, stream: TextIO | None = None, *, quiet: bool = False) -> Progress:
    """Return the display that suits where this runs.

    Args:
        study_name: the study that is shown.
        stream: where to; a notebook's output or stderr if None. A terminal gets a live panel (a live line without
            rich), anything else lines.
        quiet: whether only failures are told.
    """
    if quiet:
        return Failures(study_name, sys.stderr if stream is None else stream)
    if stream is None and in_notebook():
        from trimtab.surfaces.render.notebook import Area  # imported when used: it draws HTML

        return Area(study_name)
    stream = sys.stderr if stream is None else stream
    if stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return Lines(study_name, stream)
    try:
        import rich  # noqa: F401 - whether it is there decides
    except ImportError:
        return Line(study_name, stream)
    return Panel(study_name, stream)


def in_notebook() -> bool:
    """Return whether output goes to a notebook, which shows HTML."""
    return getattr(ipython(), "kernel", None) is not None


# How it is shown


class _Writer:
    """A stream that may go away: a study does not end because nobody is looking any more."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._is_gone = False

    def say(self, lines: Sequence[str]) -> None:
        """Write lines, each at once."""
        for line in lines:
            self.write(f"{line}\n")

    def write(self, text: str) -> None:
        if self._is_gone or self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            self.write(text.encode("ascii", "replace").decode())
        except (OSError, ValueError):
            self._is_gone = True


class Failures:
    """The first failure, and at the end how many there were: for those who want to see nothing else."""

    def __init__(self, study_name: str, stream: TextIO | None) -> None:
        self.study_name = study_name
        self._out = _Writer(stream)
        self._news = News()
        self._news.of(Status(study_name, "", ""), only_resumed=True)  # no greeting

    def update(self, status: Status) -> None:
        self._out.say(self._news.of(replace(status, waits_for="", warned=(), need="")))

    def close(self, status: Status) -> None:
        self.update(status)
        if status.failure is not None:
            n_failed = f"{status.n_failed:,} of {count(done(status), 'trial')} failed"
            self._out.say([f"{clean(status.name)}: {n_failed}; {clean(status.reason)}"])


class Lines:
    """Plain lines, for logs: at the start, at the first failure, at each tenth of the budget, at the end."""

    def __init__(
        self, study_name: str, stream: TextIO | None, *, every_s: float = LINE_S, news_s: float = NEWS_S
    ) -> None:
        self.study_name = study_name
        self._out = _Writer(stream)
        self._every_s = every_s
        self._news_s = news_s
        self._news = News()
        self._last_at: float | None = None
        self._last_step = 0

    def update(self, status: Status) -> None:
        self._out.say(self._news.of(status))
        now = time.monotonic()
        step = int((fraction(status) or 0.0) / LINE_STEP)
        if self._last_at is None:
            self._last_at, self._last_step = now, step
        elif now - self._last_at >= (self._news_s if step > self._last_step else self._every_s):
            self._last_at, self._last_step = now, step
            self._out.say([sentence(status)])

    def close(self, status: Status) -> None:
        early = early_text(status, is_told=self._news.has_told_need)
        self._out.say([*self._news.of(status), farewell(status), *worth_text(status), *early])


class Line:
    """One line that is written over and over, for a terminal without rich."""

    def __init__(self, study_name: str, stream: TextIO, *, every_s: float = REDRAW_S) -> None:
        self.study_name = study_name
        self._out = _Writer(stream)
        self._every_s = every_s
        self._news = News()
        self._last_at: float | None = None
        self._cells = 0

    def update(self, status: Status) -> None:
        now = time.monotonic()
        self._tell(status)
        if self._last_at is None or now - self._last_at >= self._every_s:
            self._last_at = now
            self._draw(fitted(status, shutil.get_terminal_size().columns - 1))

    def close(self, status: Status) -> None:
        self._tell(status)
        self._draw("")
        self._out.write("\r")
        self._out.say(_last_lines(status, self._news))

    def _tell(self, status: Status) -> None:
        for line in _news_lines(status, self._news, shutil.get_terminal_size().columns):
            self._draw("")
            self._out.write(f"\r{line}\n")
            self._cells = 0

    def _draw(self, text: str) -> None:
        self._out.write("\r" + text + " " * max(0, self._cells - width(text)))
        self._cells = width(text)


def _news_lines(status: Status, news: News, cells: int) -> list[str]:
    """Return what is new in lines as wide as the terminal, broken between words.

    The command that shows a failed trial stays in one piece, whatever its width, so that it can be copied.
    """
    look = clean(status.look)
    held = look.replace(" ", HELD)
    lines = [line.replace(look, held) if look else line for line in news.of(status, only_resumed=True)]
    return [part.replace(HELD, " ") for line in lines for part in wrapped(line, cells)]


def _last_lines(status: Status, news: News) -> list[str]:
    """Return what is said at the end, in lines as wide as the terminal, broken between words."""
    cells = shutil.get_terminal_size().columns
    texts = (farewell(status), *worth_text(status), *early_text(status, is_told=news.has_told_need))
    return [line for text in texts for line in wrapped(text, cells)]


def _raise_gone() -> None:
    raise BrokenPipeError


class Panel:
    """A live panel of a few lines, drawn by rich."""

    def __init__(self, study_name: str, stream: TextIO, *, every_s: float = REDRAW_S) -> None:
        from rich.console import Console
        from rich.live import Live

        self.study_name = study_name
        self._console = Console(file=stream, highlight=False)
        self._console.on_broken_pipe = _raise_gone  # type: ignore[method-assign]  # rich would end the process
        # What the objective prints goes above the panel, where stdout is a terminal too; redirected, it is left alone.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._out = _Writer(stream)
        self._every_s = every_s
        self._news = News()
        self._last_at: float | None = None

    def update(self, status: Status) -> None:
        now = time.monotonic()
        try:
            self._tell(status)
            if self._last_at is None:
                self._live.start()
            elif now - self._last_at < self._every_s:
                return
            self._last_at = now
            self._live.update(self._panel(status), refresh=True)
        except (OSError, ValueError):
            self._every_s = float("inf")  # the terminal is gone: draw no more

    def close(self, status: Status) -> None:
        try:
            self._live.stop()
        except (OSError, ValueError):
            return
        self._out.say([*_news_lines(status, self._news, self._console.width), *_last_lines(status, self._news)])

    def _tell(self, status: Status) -> None:
        """Write news above the panel."""
        lines = _news_lines(status, self._news, self._console.width)
        if self._last_at is None:
            self._out.say(lines)
            return
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)

    def _panel(self, status: Status) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        cells = self._console.width
        lines = self._top(status, cells)
        for told in (pace_text(status), feasible_text(status)):
            lines += [Text(f"  {line}") for line in wrapped(told, cells - 2) if line]
        lines += [Text(f"  {line}", "yellow") for line in wrapped(clean(status.lack), cells - 2) if line]
        lines += [Text(f"  {line}", "bold green") for line in wrapped(found_text(status), cells - 2) if line]
        lines += [Text(f"  {line}") for line in wrapped(odds_text(status), cells - 2) if line]
        if status.best is not None:
            told = params_text(status.best.params, cells - 4)
            lines += [Text(f"    {line}", "dim") for line in wrapped(told, cells - 4) if line]
        note = status.waits_for or status.note
        if note:
            lines.append(Text(f"  {shortened(clean(note), cells - 2)}", "dim"))
        return Group(*lines)

    def _top(self, status: Status, cells: int) -> list[Text]:
        """Return name, bar and budget: in one line if they fit, else the budget below; a long name has no bar."""
        from rich.text import Text

        top, budget, part = Text(clean(status.name), "bold"), budget_text(status), fraction(status)
        if part is not None and top.cell_len + 1 + BAR_CELLS <= cells:
            filled = round(part * BAR_CELLS)
            top.append(" ").append("━" * filled, "not bold green").append("─" * (BAR_CELLS - filled), "not bold dim")
        if top.cell_len + 2 + width(budget) <= cells:
            return [top.append(f"  {budget}", "not bold")]
        return [top, *(Text(f"  {line}") for line in wrapped(budget, cells - 2))]
