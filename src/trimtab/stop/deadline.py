"""Deadlines as people say them: a time of day, a date with a time, or a `datetime`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from trimtab.checks import is_time
from trimtab.errors import ProblemError
from trimtab.space.condition import shown

TIME_OF_DAY: Final = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
DATE: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([+-][0-9]{2}:?[0-9]{2}|Z)?)?"
)


def moment_of(deadline: object, now: datetime | None = None) -> float:
    """Return a deadline in seconds since the epoch.

    A time without a zone is local. A time of day, as "07:00", is the next one that comes.

    Args:
        deadline: "07:00", "2026-12-01 07:00", "2026-12-01T07:00:00+01:00", or a `datetime`.
        now: from when on the next one counts; the present if None.

    Raises:
        ProblemError: it is no such time.
    """
    if isinstance(deadline, datetime):
        return _seconds(deadline, deadline)
    if not isinstance(deadline, str):
        raise ProblemError(_expected(deadline))
    text = deadline.strip()
    if re.fullmatch(TIME_OF_DAY, text):
        now = now or datetime.now().astimezone()
        hour, minute, *second = map(int, text.split(":"))
        due = now.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
        return _seconds(due if due > now else due + timedelta(days=1), deadline)
    if not re.fullmatch(DATE, text):
        raise ProblemError(_expected(deadline))
    try:
        return _seconds(datetime.fromisoformat(text), deadline)
    except ValueError:
        raise ProblemError(_expected(deadline)) from None


def _seconds(due: datetime, said: object) -> float:
    try:
        at = due.timestamp()
    except (OverflowError, OSError, ValueError):
        at = float("nan")
    if not is_time(at):
        raise ProblemError(_expected(said))
    return at


def _expected(said: object) -> str:
    return f'Budget(deadline=...) is a time such as "07:00", "2026-12-01 07:00" or a datetime; got {shown(said)}.'
