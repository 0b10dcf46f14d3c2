"""Events: what can happen to a study, for ever.

The log of a study is a sequence of records (sequence number, time, event); everything else is a fold over it. Rules of
the format, which a test holds against the journals of every released version:

* a kind is never renamed or removed, a field is never renamed, removed or given another meaning;
* a field is only ever added, with a default that means what its absence meant before;
* the first record of every log is `Created`, whose `version` is the format's.

`x` is a row of the space in the parameters' own units (`Space.encode`), `nan` where a parameter is inactive. Numbers
that JSON cannot say travel as strings ("nan", "inf", "-inf") or, in rows, as null for nan.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

FORMAT_VERSION = 1

FAILURE_KINDS = ("exception", "oom", "timeout", "nan", "lost", "killed")


class Origin(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who proposed a configuration, and why: `by` an engine's name or "user", `why` one clause for a person."""

    by: str
    why: str = ""


class Created(msgspec.Struct, frozen=True, omit_defaults=True, tag="created", tag_field="kind"):
    """The study begins. `problem` is `Problem.to_json()`, the engines are {"name": ..., **options}.

    `id` tells the study's files from those of an earlier study of its name.
    """

    version: int
    name: str
    problem: dict[str, Any]
    seed: int
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    provenance: dict[str, Any] = {}
    id: str = ""


class Opened(msgspec.Struct, frozen=True, omit_defaults=True, tag="opened", tag_field="kind"):
    """A driver came (again): who runs, from which code, with which settings."""

    provenance: dict[str, Any] = {}
    optimizer: dict[str, Any] | None = None
    """The engine from here on, where it differs from the one before."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, tag="asked", tag_field="kind", gc=False):
    """A trial was proposed: from the log up to `head`, the row `x`.

    `given` is the row of values that were fixed beforehand (nan where free), None when nothing was.
    `parent` is the number of the trial whose line of descent this one continues.
    """

    number: int
    x: tuple[float | None, ...]
    head: int
    origin: Origin
    fidelity: tuple[float, ...] = ()
    parent: int | None = None
    given: tuple[float | None, ...] | None = None


class Started(msgspec.Struct, frozen=True, omit_defaults=True, tag="started", tag_field="kind", gc=False):
    """A worker took the trial. `lease_s` is how long it may be silent; None means for ever (ask/tell)."""

    number: int
    worker: str
    attempt: int = 1
    lease_s: float | None = None


class Reported(msgspec.Struct, frozen=True, omit_defaults=True, tag="reported", tag_field="kind", gc=False):
    """The trial said how it does at `step`."""

    number: int
    step: float
    values: dict[str, float | str]
    attempt: int = 1


class Told(msgspec.Struct, frozen=True, omit_defaults=True, tag="told", tag_field="kind", gc=False):
    """The trial is complete. `values` holds every metric that was returned, declared or not; all are finite."""

    number: int
    values: dict[str, float]
    attempt: int = 1
    seconds: float | None = None
    cost: float | None = None


class Stopped(msgspec.Struct, frozen=True, omit_defaults=True, tag="stopped", tag_field="kind", gc=False):
    """The trial was ended early by a verdict (or a person); its reports stand."""

    number: int
    reason: str
    attempt: int = 1
    values: dict[str, float] = {}
    seconds: float | None = None
    cost: float | None = None


class Failed(msgspec.Struct, frozen=True, omit_defaults=True, tag="failed", tag_field="kind", gc=False):
    """The attempt failed. With `again`, the trial waits for another attempt; without, it is over."""

    number: int
    failure: str
    """One of `FAILURE_KINDS`."""
    error: str = ""
    attempt: int = 1
    again: bool = False
    seconds: float | None = None
    cost: float | None = None


class Noted(msgspec.Struct, frozen=True, omit_defaults=True, tag="noted", tag_field="kind"):
    """Somebody wrote something down, about a trial or (number None) about the study. `value` is any JSON value."""

    key: str
    value: Any
    number: int | None = None


class Grown(msgspec.Struct, frozen=True, omit_defaults=True, tag="grown", tag_field="kind"):
    """The space got one more parameter, the last column from here on; earlier rows have it inactive."""

    name: str
    parameter: dict[str, Any]


class Assessed(msgspec.Struct, frozen=True, omit_defaults=True, tag="assessed", tag_field="kind"):
    """A verdict on the whole study: whether to go on, and what going on would bring."""

    stop: bool
    reason: str
    rule: str = ""
    expected_gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    next_cost: float | None = None


Event: TypeAlias = Created | Opened | Asked | Started | Reported | Told | Stopped | Failed | Noted | Grown | Assessed


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line of the log. `seq` counts from 1 without gaps; `at` is seconds since the epoch, by the store's clock.

    `link` chains it to those before it (see `trimtab.ledger.chain`); logs from before there were links have none.
    """

    seq: int
    at: float
    event: Event
    link: str = ""
