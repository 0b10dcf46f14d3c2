"""What there is to say of a running study, in words: for every display alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trimtab.ledger.table import TrialView
from trimtab.stop.reserves import plural
from trimtab.study.savings import Savings
from trimtab.study.standing import Status
from trimtab.surfaces.render.numbers import count, duration, number, setting
from trimtab.surfaces.render.spending import spent_text, until_text, warning
from trimtab.surfaces.render.text import clean, first_line, joined, listed, width


def done(status: Status) -> int:
    """Return how many trials are over."""
    return status.n_complete + status.n_failed + status.n_stopped


def configurations(status: Status) -> int:
    """Return how many configurations are done, which is what a budget counts: a trial may go on with another one's."""
    return done(status) - status.n_continued


def fraction(status: Status) -> float | None:
    """Return how much of the budget is used, 0 to 1, by the limit that is nearest; None without a limit."""
    used: list[float] = []
    if status.budget_trials:
        used.append(configurations(status) / status.budget_trials)
    if status.budget_s:
        used.append(status.elapsed_s / status.budget_s)
    if status.budget_cost:
        used.append(status.cost / status.budget_cost)
    used += [line.spent / line.limit for line in status.spent]
    return min(1.0, max(used)) if used else None


def seconds_left(status: Status) -> float | None:
    """Return how long the study will go on at its present pace, until the first limit; None while nobody knows."""
    ends: list[float] = []
    begun_per_s = status.trials_per_s * configurations(status) / max(1, done(status))
    if status.budget_trials is not None and begun_per_s > 0:
        ends.append(max(0, status.budget_trials - configurations(status)) / begun_per_s)
    if status.budget_s is not None:
        ends.append(max(0.0, status.budget_s - status.elapsed_s))
    if status.deadline is not None:
        ends.append(max(0.0, status.deadline - status.now))
    ends += [
        max(0.0, line.limit - line.spent) * status.elapsed_s / line.spent
        for line in status.spent
        if line.spent > 0 and status.elapsed_s > 0
    ]
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
    """Return what is done and what the limits are: `42 of 100 trials, 1 min 05 s of 8 h 00 min, cost 12 of 500`.

    Where trials go on with others: `42 of 100 configurations in 57 trials`.
    """
    n, limit = done(status), status.budget_trials
    if limit is None:
        parts = [count(n, "trial")]
    elif status.n_continued:
        parts = [f"{configurations(status):,} of {count(limit, 'configuration')} in {count(n, 'trial')}"]
    else:
        parts = [f"{n:,} of {count(limit, 'trial')}"]
    if status.budget_s is not None:
        parts.append(f"{duration(status.elapsed_s)} of {duration(status.budget_s)}")
    if status.budget_cost is not None:
        parts.append(f"cost {number(status.cost)} of {number(status.budget_cost)}")
    parts += [spent_text(line) for line in status.spent]
    parts += [] if status.deadline is None else [until_text(status.deadline, status.now)]
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


def found_text(status: Status) -> str:
    """Return the best trial, or how many are on the front; empty while there is neither."""
    if status.front:
        return clean(status.front)
    return "" if status.best is None else f"best {best_text(status.best, status.objective)}"


def feasible_text(status: Status) -> str:
    """Return how many complete trials met every constraint; empty where there is no constraint, or no such trial."""
    if status.n_feasible is None or not status.n_complete:
        return ""
    if not status.n_feasible:
        return f"none of {status.n_complete:,} feasible"
    return f"{status.n_feasible:,} of {status.n_complete:,} feasible ({status.n_feasible / status.n_complete:.0%})"


def odds_text(status: Status) -> str:
    """Return `23% odds of 0.002 more`, of what is left of the budget; empty while nothing is known, and at the end."""
    found = status.outlook
    if found is None or found.is_early or found.chance is None or found.epsilon is None or not found.is_left:
        return ""
    text = f"{percent(found.chance)} odds of gaining {number(found.epsilon)}"
    if found.chance_of_target is not None and found.chance_of_target < 1.0:
        text += f", {percent(found.chance_of_target)} of reaching {number(found.target)}"
    return text


def percent(chance: float) -> str:
    """Return a chance in per cent; what may happen is never 0%, and what may fail never 100%."""
    return "<1%" if chance < 0.01 else f"{int(100 * chance)}%"


def worth_text(status: Status) -> list[str]:
    """Return the line that says whether to go on, once a study has stopped and where its last words do not say it."""
    found = status.outlook
    if found is None or found.chance is None or found.is_left:
        return []
    return [f"{clean(status.name)}: {clean(found.sentence)}"]


def sentence(status: Status) -> str:
    """Return all of it in one line."""
    parts = [budget_text(status), pace_text(status), feasible_text(status), found_text(status), odds_text(status)]
    parts.append(clean(status.lack))
    return f"{clean(status.name)}: {', '.join(part for part in parts if part)}"


def fitted(status: Status, cells: int) -> str:
    """Return as much of the sentence as fits in one line, whole parts only: first the pace goes, then the name."""
    best = [text for text in (found_text(status) or feasible_text(status),) if text]
    budget = budget_text(status)
    count_alone = budget.partition(", ")[0]
    brief = ", ".join([budget, *best])
    tries = (sentence(status), f"{clean(status.name)}: {brief}", brief, ", ".join([count_alone, *best]), *best)
    return next((text for text in (*tries, count_alone) if width(text) <= cells), "")


def farewell(status: Status) -> str:
    """Return the last line: what was done, and why it ended."""
    return f"{sentence(status)}; {clean(status.reason)}"


def saved_text(saved: Savings, saved_in: Sequence[tuple[str, float]] = ()) -> str:
    """Return `14 of 30 trials stopped early; 61% of the epochs, about 12 min of trial time, were not spent`.

    Args:
        saved: what was saved.
        saved_in: what that time comes to in the budget's own units, which then stand in its place.
    """
    of = count(saved.n, "configuration" if saved.continued else "trial")
    ended = "stopped early" if saved.by_verdict else "not run to the end"
    text = f"{saved.n_early:,} of {of} {ended}"
    if not saved.unit:
        return text
    time = ""
    if saved.seconds == saved.seconds:
        of_time = [f"{number(amount)} {noun}" for noun, amount in saved_in] or [
            f"{duration(saved.seconds)} of trial time"
        ]
        time = f", {'at least' if saved.is_least else 'about'} {' or '.join(of_time)},"
    units = [_unspent_text(saved.unit, saved.share, saved.amount), *(_unspent_text(*one) for one in saved.others)]
    are = "were" if saved.others or plural(saved.unit) else "was"
    return f"{text}; {listed(units)}{time} {are} not spent"


def _unspent_text(unit: str, share: float, amount: float) -> str:
    """Return `61% of the epochs (431)`, or `61% of share`: a name is put in the plural where that is sure to be one."""
    many = plural(unit)
    total = f" ({number(amount)})" if many and amount == amount else ""
    return f"{_percent(share)} of {f'the {many}' if many else clean(unit)}{total}"


def _percent(share: float) -> str:
    """Return `61%`; what is not all is never 100%."""
    return f"{min(math.floor(share * 100), 99)}%" if share >= 0.01 else "less than 1%"


def early_text(status: Status, *, named: bool = True, is_told: bool = False) -> list[str]:
    """Return the lines about schedulers once a study has stopped.

    They are what early stopping saved, what it would need, and that what was found is a schedule.

    Args:
        status: how it stands.
        named: whether each begins with the name of the study.
        is_told: whether `News` has said before what early stopping would need.
    """
    lines = [] if status.saved is None else [saved_text(status.saved, status.saved_in)]
    lines += [clean(text) for text in ("" if is_told else status.need, status.schedule) if text]
    return [f"{clean(status.name)}: {line}" if named else line for line in lines]


def greeting(status: Status) -> str:
    """Return the first line: whether the study begins or goes on, and how far."""
    if status.n_before:
        return f"{clean(status.name)}: goes on, with {count(status.n_before, 'trial')} on record"
    limits = [] if status.budget_trials is None else [count(status.budget_trials, "trial")]
    if status.budget_s is not None:
        limits.append(duration(status.budget_s))
    if status.budget_cost is not None:
        limits.append(f"a cost of {number(status.budget_cost)}")
    limits += [clean(f"{number(line.limit)} {line.noun}") for line in status.spent]
    within = [f"within {', '.join(limits)}"] if limits else []
    within += [] if status.deadline is None else [until_text(status.deadline, status.now)]
    goal = clean(status.goal or f"{status.direction} {status.objective}")
    return f"{clean(status.name)}: begins, to {goal} {', '.join(within)}"


def failed(failure: TrialView, look: str) -> str:
    """Return what there is to say of the first trial that failed."""
    said = first_line(failure.error).rstrip(".")  # what the error says may be a sentence, and goes on here
    return f"trial {failure.number} failed ({failure.failure}): {said}; all of it: {clean(look)}"


MOST_HINTS = 3
"""So many things that are likely wrong with a space are said as a study begins; the rest is counted."""


def hints(status: Status) -> list[str]:
    """Return what is likely wrong with the space of a study that begins; nothing of one that goes on."""
    if status.n_before:
        return []
    found = list(status.hints or ())
    if status.hints is None and status.space is not None:
        from trimtab.spaces import check  # imported when used: it loads what is known of every family

        found = check(status.space)
    lines = [f"{clean(status.name)}: hint: {clean(text)}" for text in found[:MOST_HINTS]]
    more = len(found) - MOST_HINTS
    return [*lines, f"{clean(status.name)}: {count(more, 'more hint')}: {clean(status.check)}"] if more > 0 else lines


class News:
    """Tells what is said once in a run: how it begins, the first failure, and what it comes to wait for.

    Attributes:
        has_told_need: whether it said what early stopping would need, while there was time to mend it.
    """

    def __init__(self) -> None:
        self._greeted = self._failed = self.has_told_need = False
        self._waits_for = self._finale = ""
        self._warned: set[tuple[str, float, int]] = set()

    def of(self, status: Status, *, only_resumed: bool = False) -> list[str]:
        """Return the lines that are due."""
        lines = []
        if not self._greeted:
            lines += [greeting(status)] if status.n_before or not only_resumed else []
            lines += hints(status)
            if status.learns and not status.n_before:
                lines.append(f"{clean(status.name)}: {clean(status.learns)}")
        self._greeted = True
        if status.failure is not None and not self._failed:
            self._failed = True
            lines.append(f"{clean(status.name)}: {failed(status.failure, status.look)}")
        if status.need and not status.reason and not self.has_told_need:
            self.has_told_need = True
            lines.append(f"{clean(status.name)}: {clean(status.need)}")
        for line, percent in status.warned:
            said = (line.unit, line.limit, percent)
            if said not in self._warned and percent < 100:  # all of it is what ends a study, and says so
                lines.append(f"{clean(status.name)}: {warning(line, percent)}")
            self._warned.add(said)
        if status.finale and status.finale != self._finale:
            lines.append(f"{clean(status.name)}: {clean(status.finale)}")
            self._finale = status.finale
        if status.waits_for and status.waits_for != self._waits_for:
            lines.append(f"{clean(status.name)}: {clean(status.waits_for)}")
        self._waits_for = status.waits_for
        return lines
