"""Events: what can happen to a study, for ever.

The log of a study is a sequence of records (sequence number, time, event); everything else is a fold over it. Rules of
the format, which a test holds against the journals of every released version:

* a kind is never renamed or removed, a field is never renamed, removed or given another meaning;
* a field is only ever added, with a default that means what its absence meant before;
* the first record of every log is `Created`, whose `version` is the format's.

`x` is a row of the space in the parameters' own units (`Space.encode`), `nan` where a parameter is inactive. Numbers
that JSON cannot say travel as strings ("nan", "inf", "-inf") or, in rows, as null for nan.

A log may come from a stranger, so the types are as narrow as what is ever written; what a type cannot say, `ledger.py`
checks against the records before.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

FORMAT_VERSION = 1

LOST = "lost"
"""The kind of failure that says nothing of the trial: its worker is gone."""

EVIDENCE = "evidence"
"""Who proposed what an earlier study ran: such trials come with the study's first records, and nobody proposed them
here. No optimizer bears this name."""

FINALIZE = "finalize"
"""Who proposed the runs again with which a study ends, and the note that says what they are."""

FAILURE_KINDS = ("exception", "oom", "timeout", "nan", LOST, "killed")

Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""The number of a trial or of an attempt: the table keeps attempts in 32 bits, and memory ends before trials do."""
Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A sequence number: up to where every JSON reader counts exactly."""
Spoken: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(nan|-?inf)\Z")]
"""A number that JSON cannot say."""
Ident: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]*\Z", max_length=64)]
"""A study's own mark; it becomes part of a folder's name, so it holds nothing that leads elsewhere."""


class Origin(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who proposed a configuration, and why: `by` an engine, "user" or `EVIDENCE`; `why` one clause for a person."""

    by: str
    why: str = ""


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a study took from an earlier one that it learns from: all that its engine will ever need of it.

    `x` are rows of this study's space as it began, null where a value is inactive or not known; `losses` theirs, of
    which smaller is better and only the order and rough distances count, null where the trial failed; `trials` the
    numbers that they had there. `theta` is what was fitted to them, in logarithms. `metric` is the metric that was
    read, `n_over` how many trials were over there, `left_out` how many did not fit, by the parameter that they did not
    fit. `remark` says in a clause what is not as one would expect. `renamed` has which of its parameters are called
    otherwise here, old names first; `gone` those that are none here, by their names there; `new` those of here that it
    had not.
    """

    study: str
    id: Ident = ""
    metric: str = ""
    n_over: Whole = 0
    x: tuple[tuple[float | None, ...], ...] = ()
    losses: tuple[float | None, ...] = ()
    trials: tuple[Whole, ...] = ()
    theta: tuple[float, ...] = ()
    left_out: dict[str, Whole] = {}
    remark: str = ""
    renamed: dict[str, str] = {}
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


class Created(msgspec.Struct, frozen=True, omit_defaults=True, tag="created", tag_field="kind"):
    """The study begins. `problem` is `Problem.to_json()`, the engines are {"name": ..., **options}.

    `id` tells the study's files from those of an earlier study of its name. `exact_ends` says that the ends of
    logarithmic ranges are their bounds to the bit; in older logs they are off by a rounding error.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    name: str
    problem: dict[str, Any]
    seed: int
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    provenance: dict[str, Any] = {}
    id: Ident = ""
    exact_ends: bool = False
    in_arms: bool = False
    """Whether the values of scientific parameters take turns, each with its share of the configurations."""
    learn_from: tuple[str, ...] = ()
    """The studies that it was to learn from, as its user named them."""
    past: tuple[Past, ...] = ()
    """And what it took from each."""
    portfolio: tuple[tuple[Whole, Whole], ...] = ()
    """What is tried first of what did well there: (which of `past`, which of its rows)."""


class Opened(msgspec.Struct, frozen=True, omit_defaults=True, tag="opened", tag_field="kind"):
    """A driver came (again): who runs, from which code, with which settings."""

    provenance: dict[str, Any] = {}
    optimizer: dict[str, Any] | None = None
    """The engine from here on, where it differs from the one before."""


class Remaining(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is left of a budget: trials, seconds, cost; None where there is no such limit.

    `units` holds what is left of every other limit, by its name: "epoch", "gpu_hours", "money". `must_gain` says, where
    there is an exchange rate, by how much the objective must get better for each of the "seconds" or the "cost" spent.
    """

    trials: Whole | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    cost: float | None = None
    units: dict[str, float] = {}
    must_gain: dict[str, float] = {}


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, tag="asked", tag_field="kind", gc=False):
    """A trial was proposed: from the log up to `head`, the row `x`.

    `given` is the row of values that were fixed beforehand (nan where free), None when nothing was.
    `parent` is the number of the trial whose line of descent this one continues.
    `remaining` is what the engine and the scheduler were told of the budget, None when they were told nothing.
    """

    number: Whole
    x: tuple[float | None, ...]
    head: Seq
    origin: Origin
    fidelity: tuple[float, ...] = ()
    parent: Whole | None = None
    given: tuple[float | None, ...] | None = None
    remaining: Remaining | None = None


class Started(msgspec.Struct, frozen=True, omit_defaults=True, tag="started", tag_field="kind", gc=False):
    """A worker took the trial. `lease_s` is how long it may be silent; None means for ever (ask/tell).

    Said again of an attempt that runs, with a `handle`: what the executor calls it, and who looks after it now.
    `begins` is the step that its checkpoint holds, from which it goes on; None where there was none.
    `resources` is what it takes, by name ("cpu", "gpu" and others); one cpu where nothing is said.
    """

    number: Whole
    worker: str
    attempt: Whole = 1
    lease_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    handle: str = ""
    begins: float | None = None
    resources: dict[str, Annotated[float, msgspec.Meta(ge=0)]] = {}


class Reported(msgspec.Struct, frozen=True, omit_defaults=True, tag="reported", tag_field="kind", gc=False):
    """The trial said how it does at `step`: in one of its folds, counted from 0, or (fold None) as a whole."""

    number: Whole
    step: float
    values: dict[str, float | Spoken]
    attempt: Whole = 1
    fold: Whole | None = None


class Judged(msgspec.Struct, frozen=True, omit_defaults=True, tag="judged", tag_field="kind", gc=False):
    """The scheduler wants the attempt to end, because of what the report of record `seq` said."""

    number: Whole
    reason: str
    seq: Seq
    attempt: Whole = 1


class Told(msgspec.Struct, frozen=True, omit_defaults=True, tag="told", tag_field="kind", gc=False):
    """The trial is complete. `values` holds every metric that was returned, declared or not; all are finite."""

    number: Whole
    values: dict[str, float]
    attempt: Whole = 1
    seconds: float | None = None
    cost: float | None = None


class Stopped(msgspec.Struct, frozen=True, omit_defaults=True, tag="stopped", tag_field="kind", gc=False):
    """The trial was ended early by a verdict (or a person); its reports stand."""

    number: Whole
    reason: str
    attempt: Whole = 1
    values: dict[str, float] = {}
    seconds: float | None = None
    cost: float | None = None


class Failed(msgspec.Struct, frozen=True, omit_defaults=True, tag="failed", tag_field="kind", gc=False):
    """The attempt failed. With `again`, the trial waits for another attempt; without, it is over."""

    number: Whole
    failure: str
    """One of `FAILURE_KINDS`."""
    error: str = ""
    attempt: Whole = 1
    again: bool = False
    seconds: float | None = None
    cost: float | None = None
    blame: str = ""
    """What ended with the attempt, where the trial may be to blame: its "worker", or the whole "driver". Such losses
    count, over all runs; others (Ctrl-C, and all that were put on record before there was this field) do not."""


class Returned(msgspec.Struct, frozen=True, omit_defaults=True, tag="returned", tag_field="kind", gc=False):
    """The attempt was given back before it began: the trial waits as if it had not been handed out."""

    number: int
    reason: str = ""
    attempt: int = 1


class Noted(msgspec.Struct, frozen=True, omit_defaults=True, tag="noted", tag_field="kind"):
    """Somebody wrote something down, about a trial or (number None) about the study. `value` is any JSON value."""

    key: str
    value: Any
    number: Whole | None = None


class Grown(msgspec.Struct, frozen=True, omit_defaults=True, tag="grown", tag_field="kind"):
    """The space got one more parameter, the last column from here on; earlier rows have it inactive."""

    name: str
    parameter: dict[str, Any]


class Extended(msgspec.Struct, frozen=True, omit_defaults=True, tag="extended", tag_field="kind"):
    """A running trial gained values, of parameters that the space has learned since: its row is now `x`.

    They were proposed from the log up to `head`, with the values that it has as given ones.
    """

    number: Whole
    x: tuple[float | None, ...]
    head: Seq
    origin: Origin
    attempt: Whole = 1


class Assessed(msgspec.Struct, frozen=True, omit_defaults=True, tag="assessed", tag_field="kind"):
    """A verdict on the whole study: whether to go on, and what going on would bring.

    `chance` is that of a gain of more than `epsilon`; `n` configurations were over then, of `until` that the budget
    covers. None where the rule does not say.
    """

    stop: bool
    reason: str
    rule: str = ""
    expected_gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    next_cost: float | None = None
    epsilon: float | None = None
    chance: float | None = None
    chance_of_target: float | None = None
    n: int | None = None
    until: int | None = None


Event: TypeAlias = (
    Created
    | Opened
    | Asked
    | Started
    | Reported
    | Judged
    | Told
    | Stopped
    | Failed
    | Returned
    | Noted
    | Grown
    | Extended
    | Assessed
)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line of the log. `seq` counts from 1 without gaps; `at` is seconds since the epoch, by the store's clock.

    `link` chains it to those before it (see `trimtab.ledger.chain`); logs from before there were links have none.
    """

    seq: Seq
    at: float
    event: Event
    link: str = ""
