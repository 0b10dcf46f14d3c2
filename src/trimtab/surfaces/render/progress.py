"""Progress of a running study: live on a terminal and in a notebook, else in plain lines on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from trimtab.ledger.table import TrialView
from trimtab.study.prompt import ipython
from trimtab.study.standing import Progress, Status
from trimtab.surfaces.render.numbers import count, duration, number, setting
from trimtab.surfaces.render.text import clean, first_line, joined, shortened, width, wrapped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

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


# What there is to say


def done(status: Status) -> int:
    """Return how many trials are over."""
    return status.n_complete + status.n_failed + status.n_stopped


def fraction(status: Status) -> float | None:
    """Return how much of the budget is used, 0 to 1, by the limit that is nearest; None without a limit."""
    used: list[float] = []
    if status.budget_trials:
        used.append(done(status) / status.budget_trials)
    if status.budget_s:
        used.append(status.elapsed_s / status.budget_s)
    if status.budget_cost:
        used.append(status.cost / status.budget_cost)
    return min(1.0, max(used)) if used else None


def seconds_left(status: Status) -> float | None:
    """Return how long the study will go on at its present pace, until the first limit; None while nobody knows."""
    ends: list[float] = []
    if status.budget_trials is not None and status.trials_per_s > 0:
        ends.append(max(0, status.budget_trials - done(status)) / status.trials_per_s)
    if status.budget_s is not None:
        ends.append(max(0.0, status.budget_s - status.elapsed_s))
    if status.budget_cost is not None and status.cost > 0 and status.elapsed_s > 0:
        ends.append(max(0.0, status.budget_cost - status.cost) * status.elapsed_s / status.cost)
    return min(ends, default=None)


def best_text(best: TrialView, objective: str) -> str:
    """Return `loss = 0.0123 (trial 17)`."""
    return f"{clean(objective)} = {number(best.metrics.get(objective))} (trial {best.number})"


def params_text(params: dict[str, Any], cells: int | None = None) -> str:
    """Return `lr=0.0012, layers=4`, or as many of them as fit and how many there are besides."""
    return joined([clean(f"{name}={setting(value)}") for name, value in params.items()], cells)


def budget_text(status: Status) -> str:
    """Return what is done and what the limits are: `42 of 100 trials, 1 min 05 s of 8 h 00 min, cost 12 of 500`."""
    n = done(status)
    parts = [count(n, "trial") if status.budget_trials is None else f"{n:,} of {count(status.budget_trials, 'trial')}"]
    if status.budget_s is not None:
        parts.append(f"{duration(status.elapsed_s)} of {duration(status.budget_s)}")
    if status.budget_cost is not None:
        parts.append(f"cost {number(status.cost)} of {number(status.budget_cost)}")
    return ", ".join(parts)


def paced(trials_per_s: float) -> str:
    """Return the pace by the unit in which it is a number above 1, as far as there is one: `16.1 trials/min`."""
    if trials_per_s >= 1:
        return f"{number(trials_per_s)} trials/s"
    if trials_per_s * 60 >= 1:
        return f"{number(trials_per_s * 60)} trials/min"
    return f"{number(trials_per_s * 3600)} trials/h"


def pace_text(status: Status) -> str:
    """Return failures, what runs, the pace and the time left."""
    parts = []
    if status.n_failed:
        parts.append(f"{status.n_failed:,} failed")
    if status.n_stopped:
        parts.append(f"{status.n_stopped:,} stopped early")
    if status.n_running:
        parts.append(f"{status.n_running:,} running")
    if status.trials_per_s > 0:
        parts.append(paced(status.trials_per_s))
    left = seconds_left(status)
    if left and not status.reason:  # at a limit nothing is left to wait for but what runs
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


def sentence(status: Status) -> str:
    """Return all of it in one line."""
    parts = [budget_text(status), pace_text(status)]
    if status.best is not None:
        parts.append(f"best {best_text(status.best, status.objective)}")
    return f"{clean(status.name)}: {', '.join(part for part in parts if part)}"


def fitted(status: Status, cells: int) -> str:
    """Return as much of the sentence as fits in one line, whole parts only: first the pace goes, then the name."""
    best = [] if status.best is None else [f"best {best_text(status.best, status.objective)}"]
    budget = budget_text(status)
    count_alone = budget.partition(", ")[0]
    brief = ", ".join([budget, *best])
    tries = (sentence(status), f"{clean(status.name)}: {brief}", brief, ", ".join([count_alone, *best]), *best)
    return next((text for text in (*tries, count_alone) if width(text) <= cells), "")


def farewell(status: Status) -> str:
    """Return the last line: what was done, and why it ended."""
    return f"{sentence(status)}; {clean(status.reason)}"


def greeting(status: Status) -> str:
    """Return the first line: whether the study begins or goes on, and how far."""
    if status.n_before:
        return f"{clean(status.name)}: goes on, with {count(status.n_before, 'trial')} on record"
    limits = [] if status.budget_trials is None else [count(status.budget_trials, "trial")]
    if status.budget_s is not None:
        limits.append(duration(status.budget_s))
    if status.budget_cost is not None:
        limits.append(f"a cost of {number(status.budget_cost)}")
    return f"{clean(status.name)}: begins, to {status.direction} {clean(status.objective)} within {', '.join(limits)}"


def failed(failure: TrialView, look: str) -> str:
    """Return what there is to say of the first trial that failed."""
    said = first_line(failure.error).rstrip(".")  # what the error says may be a sentence, and goes on here
    return f"trial {failure.number} failed ({failure.failure}): {said}; all of it: {clean(look)}"


class News:
    """Tells what is said once in a run: how it begins, and the first failure."""

    def __init__(self) -> None:
        self._greeted = self._failed = False

    def of(self, status: Status, *, only_resumed: bool = False) -> list[str]:
        """Return the lines that are due."""
        lines = []
        if not self._greeted and (status.n_before or not only_resumed):
            lines.append(greeting(status))
        self._greeted = True
        if status.failure is not None and not self._failed:
            self._failed = True
            lines.append(f"{clean(status.name)}: {failed(status.failure, status.look)}")
        return lines


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
        self._out.say(self._news.of(status))

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
        self._out.say([*self._news.of(status), farewell(status)])


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
        self._out.write(f"\r{_in_lines(farewell(status))}\n")

    def _tell(self, status: Status) -> None:
        for line in self._news.of(status, only_resumed=True):
            self._draw("")
            self._out.write(f"\r{line}\n")
            self._cells = 0

    def _draw(self, text: str) -> None:
        self._out.write("\r" + text + " " * max(0, self._cells - width(text)))
        self._cells = width(text)


def _in_lines(text: str) -> str:
    """Return a sentence in lines as wide as the terminal, broken between words."""
    return "\n".join(wrapped(text, shutil.get_terminal_size().columns))


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
        self._out.say([*self._news.of(status, only_resumed=True), _in_lines(farewell(status))])

    def _tell(self, status: Status) -> None:
        """Write news above the panel."""
        lines = self._news.of(status, only_resumed=True)
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
        lines += [Text(f"  {line}") for line in wrapped(pace_text(status), cells - 2) if line]
        if status.best is not None:
            told = best_text(status.best, status.objective)
            lines += [Text(f"  {line}", "bold green") for line in wrapped(f"best {told}", cells - 2)]
            told = params_text(status.best.params, cells - 4)
            lines += [Text(f"    {line}", "dim") for line in wrapped(told, cells - 4) if line]
        if status.note:
            lines.append(Text(f"  {shortened(clean(status.note), cells - 2)}", "dim"))
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
