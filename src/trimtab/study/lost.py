"""Trials whose worker is gone, or says nothing any more: how that is found out, and what is put on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from trimtab.execute.guardian import kill_abandoned
from trimtab.ledger.event import Failed
from trimtab.ledger.table import RUNNING, TrialTable
from trimtab.study import owner

if TYPE_CHECKING:
    from trimtab.study.session import Session


def reap(session: Session, retries: int | None) -> list[int]:
    """Put trials back in line whose worker will not come back; see `Session.reap`, which holds the lock."""
    table = session.table
    held = [row for row in table.running if table.lease_s[row] == table.lease_s[row]]
    lost = _overdue(session, held) if held else {}
    if lost:
        attempts = {row: int(table.attempt[row]) for row in lost}
        session.commit(
            lambda: [
                lose(table, n, why, blame="driver", retries=retries)
                for n, why in lost.items()
                if is_running(table, n, attempts[n])
            ]
        )
    return list(lost)


def _overdue(session: Session, rows: Iterable[int]) -> dict[int, str]:
    """Return, of the running `rows`, those whose worker will not come back, each with the reason.

    Whoever holds a trial and is silent past its lease loses it, this process's own threads too. What a driver here
    keeps alive is out of question: that driver knows better, also after it was suspended for longer than a lease.
    """
    table, now = session.table, session.clock.now()
    renewed: Mapping[tuple[int, int], float] | None = None
    gone: dict[str, bool] = {session.worker: False}
    lost: dict[int, str] = {}
    for row in rows:
        worker, attempt, lease_s = table.worker(row), int(table.attempt[row]), float(table.lease_s[row])
        if worker not in gone:
            gone[worker] = owner.is_gone(worker)
            if gone[worker]:
                kill_abandoned()  # what its trials had started
        if gone[worker]:
            lost[row] = f"its driver {worker} is gone"
        elif now > table.started_at[row] + lease_s and _may_judge(session, row, attempt, lease_s):
            renewed = session.journal.leases() if renewed is None else renewed
            if now > renewed.get((row, attempt), 0.0):
                lost[row] = f"{worker} was silent for more than {lease_s:g} s"
    return lost


def _may_judge(session: Session, row: int, attempt: int, lease_s: float) -> bool:
    """Return whether it is for this process to say that a trial's holder is silent."""
    return (row, attempt) not in session.kept and session.clock.has_run_evenly_for(lease_s)


def is_running(table: TrialTable, number: int, attempt: int) -> bool:
    """Return whether that attempt at a trial still runs, as far as the log was read."""
    return bool(table.state[number] == RUNNING and table.attempt[number] == attempt)


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
    if not blame or retries is None or n_lost <= retries:
        return Failed(number, "lost", reason, attempt, again=True, blame=blame)
    so_often = f"{reason}; so ended {n_lost} attempt{'s' if n_lost > 1 else ''}"
    return Failed(number, "killed", so_often, attempt, blame=blame)
