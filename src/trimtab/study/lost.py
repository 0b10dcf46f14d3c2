"""Trials whose worker is gone, or says nothing any more: how that is found out, and what is put on record."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import Final, cast

from trimtab.checks import as_whole, is_whole
from trimtab.clock import LogClock
from trimtab.errors import LateResultError, TrialError
from trimtab.execute.guardian import kill_abandoned
from trimtab.ledger.event import Failed
from trimtab.ledger.table import RUNNING, STATES, TrialTable, no_such_trial
from trimtab.study import owner

PARTIAL: Final = (
    "several workers ran its folds, and it returned what only one that runs all of them can tell; one does so now"
)
"""Why an attempt is run again that was divided before anybody knew what its objective returns."""


def overdue(
    table: TrialTable,
    worker: str,
    kept: Container[tuple[int, int]],
    clock: LogClock,
    leases: Callable[[], Mapping[tuple[int, int], float]],
) -> dict[int, str]:
    """Return the running trials whose worker will not come back, each with the reason.

    Whoever holds a trial and is silent past its lease loses it, this process's own threads too. What a driver here
    keeps alive is out of question: that driver knows better, also after it was suspended for longer than a lease.

    Args:
        table: how the trials stand.
        worker: this process's name.
        kept: (trial number, attempt) of what a driver here vouches for.
        clock: the time in the log.
        leases: reads until when each attempt is held; called when that is in question.
    """
    now = clock.now()
    renewed: Mapping[tuple[int, int], float] | None = None
    gone: dict[str, bool] = {worker: False}
    lost: dict[int, str] = {}
    for row in table.running:
        lease_s = float(table.lease_s[row])
        if math.isnan(lease_s):  # held for ever
            continue
        holder, attempt = table.worker(row), int(table.attempt[row])
        if holder not in gone:
            gone[holder] = owner.is_gone(holder)
            if gone[holder]:
                kill_abandoned()  # what its trials had started
        if gone[holder]:
            lost[row] = f"its driver {holder} is gone"
        elif now > table.started_at[row] + lease_s and (row, attempt) not in kept and clock.has_run_evenly_for(lease_s):
            renewed = leases() if renewed is None else renewed
            if now > renewed.get((row, attempt), 0.0):
                lost[row] = f"{holder} was silent for more than {lease_s:g} s"
    return lost


def is_running(table: TrialTable, number: int, attempt: int) -> bool:
    """Return whether that attempt at a trial still runs, as far as the log was read."""
    return bool(table.state[number] == RUNNING and table.attempt[number] == attempt)


def require_running(table: TrialTable, number: int, attempt: int | None = None) -> int:
    """Return `number` if that trial runs, in that attempt.

    Raises:
        TrialError: it does not run.
        LateResultError: another attempt took over.
    """
    number = cast("int", as_whole(number))
    if not is_whole(number) or not 0 <= number < len(table):
        raise TrialError(no_such_trial(number, len(table)))
    state, tried = int(table.state[number]), int(table.attempt[number])
    if attempt is not None and attempt != tried:
        raise LateResultError(
            f"attempt {attempt} at trial {number} was given up for lost and attempt {tried} took over; "
            "its result is not taken."
        )
    if state != RUNNING:
        hint = "a trial is told once." if state > RUNNING else "ask() hands it out first."
        raise TrialError(f"trial {number} is {STATES[state]}; {hint}")
    return number


def must_run_whole(table: TrialTable, number: int) -> bool:
    """Return whether one attempt is to run all folds of a trial, whatever attempts before it reported."""
    return PARTIAL in table.error(number)


def why_lost(table: TrialTable, number: int, reason: str) -> str:
    """Return why the present attempt at a trial was lost, as it is put on record.

    That one attempt is to run all its folds (`must_run_whole`) holds for the next one too.
    """
    is_known = not must_run_whole(table, number) or PARTIAL in reason
    return reason if is_known else f"{reason or 'it was lost'}; before, {PARTIAL}"


def lose(table: TrialTable, number: int, reason: str, *, blame: str = "", retries: int | None = None) -> Failed:
    """Return the event that the present attempt at a trial was lost.

    It is not the trial's fault until it happens again and again, in whatever run: then the trial has failed.

    Args:
        table: how the trials stand.
        number: which one.
        reason: what happened, without a full stop.
        blame: what ended with the attempt, "worker" or "driver"; empty if the trial cannot be to blame.
        retries: how many such losses in a row are borne; without end if None.
    """
    attempt, n_lost = int(table.attempt[number]), table.n_lost_if_now(number)
    reason = why_lost(table, number, reason)
    if not blame or retries is None or n_lost <= retries:
        return Failed(number, "lost", reason, attempt, again=True, blame=blame)
    so_often = f"{reason}; so ended {n_lost} attempt{'s' if n_lost > 1 else ''}"
    return Failed(number, "killed", so_often, attempt, blame=blame)
