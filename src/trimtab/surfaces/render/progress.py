"""Progress of a running study on stderr: a live panel, one live line, or plain lines, as the terminal allows."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from trimtab.ledger.table import TrialView
from trimtab.study.loop import Progress, Status
from trimtab.surfaces.render.numbers import count, duration, number, setting
from trimtab.surfaces.render.text import clean, joined, shortened, width, wrapped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

REDRAW_S = 0.1
"""A live display is drawn at most this often."""

LINE_S = 10.0
"""A plain line comes this often; one about a new best trial may come sooner."""

NEWS_S = 1.0
"""Two plain lines are at least this far apart."""

BAR_CELLS = 24


def auto(study_name: str, stream: TextIO | None = None) -> Progress:
    """Return the display that suits `stream`.

    Args:
        study_name: the study that is shown.
        stream: where to; stderr if None. A terminal gets a live panel (a live line without rich), anything else lines.
    """
    stream = sys.stderr if stream is None else stream
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return Lines(study_name, stream)
    try:
        import rich  # noqa: F401 - whether it is there decides
    except ImportError:
        return Line(study_name, stream)
    return Panel(study_name, stream)


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
        pace = status.trials_per_s
        parts.append(f"{number(pace)} trials/s" if pace >= 0.1 else f"{number(pace * 3600)} trials/h")
    left = seconds_left(status)
    if left is not None and not status.reason:
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


def resumed(status: Status) -> str:
    """Return the first line of a study that goes on."""
    return f"{clean(status.name)}: goes on, with {count(status.n_before, 'trial')} on record"


# How it is shown


class _Writer:
    """A stream that may go away: a study does not end because nobody is looking any more."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._is_gone = False

    def write(self, text: str) -> None:
        if self._is_gone:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except UnicodeEncodeError:
            self.write(text.encode("ascii", "replace").decode())
        except (OSError, ValueError):
            self._is_gone = True


class Lines:
    """Plain lines, for logs: now and then, and when there is a new best trial."""

    def __init__(self, study_name: str, stream: TextIO, *, every_s: float = LINE_S, news_s: float = NEWS_S) -> None:
        self.study_name = study_name
        self._out = _Writer(stream)
        self._every_s = every_s
        self._news_s = news_s
        self._last_at: float | None = None
        self._last_best: int | None = None

    def update(self, status: Status) -> None:
        now = time.monotonic()
        if self._last_at is None:
            self._last_at = now
            if status.n_before:
                self._out.write(resumed(status) + "\n")
                self._last_best = _best_number(status)
            return
        is_news = _best_number(status) != self._last_best
        if now - self._last_at >= (self._news_s if is_news else self._every_s):
            self._last_at, self._last_best = now, _best_number(status)
            self._out.write(sentence(status) + "\n")

    def close(self, status: Status) -> None:
        self._out.write(farewell(status) + "\n")


class Line:
    """One line that is written over and over, for a terminal without rich."""

    def __init__(self, study_name: str, stream: TextIO, *, every_s: float = REDRAW_S) -> None:
        self.study_name = study_name
        self._out = _Writer(stream)
        self._every_s = every_s
        self._last_at: float | None = None
        self._cells = 0

    def update(self, status: Status) -> None:
        now = time.monotonic()
        if self._last_at is None and status.n_before:
            self._out.write(resumed(status) + "\n")
        if self._last_at is None or now - self._last_at >= self._every_s:
            self._last_at = now
            self._draw(fitted(status, shutil.get_terminal_size().columns - 1))

    def close(self, status: Status) -> None:
        self._draw("")
        self._out.write(f"\r{_in_lines(farewell(status))}\n")

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
        self._last_at: float | None = None

    def update(self, status: Status) -> None:
        now = time.monotonic()
        try:
            if self._last_at is None:
                if status.n_before:
                    self._out.write(resumed(status) + "\n")
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
        self._out.write(_in_lines(farewell(status)) + "\n")

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


def _best_number(status: Status) -> int | None:
    return None if status.best is None else status.best.number
