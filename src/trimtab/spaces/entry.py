"""The form of an entry: what is known of one hyperparameter of one family of models, and of the family.

Entries are data: numbers, texts and names of sources, which pages and spaces are made from. Nothing here,
and no family,
imports the library that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trimtab.space.condition import Choice
from trimtab.spaces.sizes import At, Number

CRASHES: Final = "crashes"
DIVERGES: Final = "diverges"
USELESS: Final = "is of no use"


@dataclass(frozen=True, slots=True)
class Hazard:
    """Where values go wrong, in a form that spaces are compared with.

    Attributes:
        what: what happens there, as the rest of a sentence: "is refused".
        how: `CRASHES`, `DIVERGES` or `USELESS`.
        above: for values above this; below: for values below this; equal: for these values.
        given: and where other parameters have one of these values; empty for always.
    """

    what: str
    how: str = CRASHES
    above: float | None = None
    below: float | None = None
    equal: tuple[Choice, ...] = ()
    given: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)

    def strikes(self, value: Choice) -> bool:
        """Return whether a value is one of those, whatever other parameters are."""
        if any(value is one or (value == one and type(value) is type(one)) for one in self.equal):
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)

    def sentence(self) -> str:
        """Return where it is and what happens: `below 1 is refused`."""
        where = [f"above {self.above:g}"] if self.above is not None else []
        if self.below is not None:
            where.append(f"below {self.below:g}" if self.below >= _NOTHING or self.below <= 0 else "0")
        where += [repr(value) for value in self.equal]
        others = [f"where {name} is {' or '.join(map(repr, values))}" for name, values in self.given.items()]
        return " ".join([" or ".join(where) or "a value", *others, self.what])


_NOTHING: Final = 1e-200
"""A bound below this says "above 0"."""

SAME: Final = "the value of default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one hyperparameter.

    Attributes:
        name: as the library takes it.
        low, high: the range to search, of numbers.
        whole: whether these are whole numbers.
        log: whether ratios matter.
        choices: instead of a range; ordered: whether they are in order.
        default: the library's own default.
        start: what to begin from, where the default is no number or known to be poor; centre of `prior`.
        prior: how far from `start` the best was found to lie, as `Parameter.prior`; None for no belief.
        priority: 1 for what to tune first.
        when: other parameters and the values at which this one does anything.
        held: whether it is not tuned, but needed at `start` for others to work.
        only: the task that it belongs to; empty for all.
        cost: "more" where larger values take longer, "less" where they take less; empty where it does not matter.
        since, until: of the library's versions that have it: from `since`, below `until`.
        says: what it does and what goes wrong, for a page.
        hazards: where it goes wrong.
        interacts: other parameters that its best value depends on.
        aliases: other names of the same.
        share: whether a real number is a share and a whole one a count, so that 1 and 1.0 are not the same setting;
            the entry is about the one that it searches.
        beyond: whether ranges without the default make sense, as where the default turns it off or is only cheap.
        sources: keys of `sources.SOURCES`.
    """

    name: str
    low: Number | None = None
    high: Number | None = None
    whole: bool = False
    log: bool = False
    choices: tuple[Choice, ...] = ()
    ordered: bool = False
    default: Any = None
    start: Number | Choice = SAME
    prior: float | None = None
    priority: int = 3
    when: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    held: bool = False
    only: str = ""
    cost: str = ""
    since: str = ""
    until: str = ""
    says: str = ""
    hazards: tuple[Hazard, ...] = ()
    interacts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    share: bool = False
    beyond: bool = False
    sources: tuple[str, ...] = ()

    @property
    def begins(self) -> Any:
        """What to begin from: a value, or an `At`."""
        return self.default if isinstance(self.start, str) and self.start == SAME else self.start

    @property
    def is_searched(self) -> bool:
        """Whether it has a range: not so what a family takes besides."""
        return bool(self.choices) or self.low is not None

    @property
    def is_numeric(self) -> bool:
        return not self.choices

    @property
    def ends(self) -> tuple[Number, Number]:
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def range_text(self) -> str:
        """Return the range in words: `0.01 to 0.3, logarithmic`."""
        if self.choices:
            return ", ".join(map(repr, self.choices)) + (", in order" if self.ordered else "")
        low, high = (end_text(end) for end in self.ends)
        return f"{low} to {high}" + (", logarithmic" if self.log else "") + (", whole" if self.whole else "")


def end_text(end: Number) -> str:
    """Return an end of a range in words."""
    return f"{end.formula} ({end.usual:g} where that is not known)" if isinstance(end, At) else f"{end:g}"


def taken(
    name: str, says: str, *sources: str, hazards: tuple[Hazard, ...] = (), aliases: tuple[str, ...] = ()
) -> Entry:
    """Return the entry of what is not worth tuning, or only by hand: for `Family.also`."""
    return Entry(name=name, says=says, sources=sources, hazards=hazards, aliases=aliases, beyond=True)


def real(name: str, low: Number, high: Number, **more: Any) -> Entry:
    """Return the entry of a real number."""
    return Entry(name=name, low=low, high=high, **more)


def whole(name: str, low: Number, high: Number, **more: Any) -> Entry:
    """Return the entry of a whole number."""
    return Entry(name=name, low=low, high=high, whole=True, **more)


def one_of(name: str, *choices: Choice, **more: Any) -> Entry:
    """Return the entry of a choice."""
    return Entry(name=name, choices=choices, **more)


def steps(name: str, *choices: Choice, **more: Any) -> Entry:
    """Return the entry of values in order."""
    return Entry(name=name, choices=choices, ordered=True, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is known of one kind of model.

    Attributes:
        name: as `tt.spaces` calls it.
        title: for a page.
        package: that has it, as it is installed; empty for none.
        module: that it is imported from; empty for none.
        classes: the estimators that it is for; several share one family.
        entries: in the order in which to tune them.
        essential: of each of these groups one parameter at least should be tuned.
        also: what the library takes besides, and that is not searched: known where somebody tunes it by hand.
        task: the task that it is for, where it is for one alone.
        about: what matters, for a page.
        mistakes: typical ones, for a page.
        widens: whether it changes the columns that come after it, as a step of a pipeline.
        require: constraints on its parameters.
    """

    name: str
    title: str
    package: str = ""
    module: str = ""
    classes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    essential: tuple[tuple[str, ...], ...] = ()
    also: tuple[Entry, ...] = ()
    task: str = ""
    about: str = ""
    mistakes: tuple[str, ...] = ()
    widens: bool = False
    require: tuple[str, ...] = ()

    def entry(self, name: str) -> Entry | None:
        """Return the entry of a name or an alias, the first there is; None for none."""
        return next((one for one in (*self.entries, *self.also) if name == one.name or name in one.aliases), None)
