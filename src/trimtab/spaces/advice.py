"""Where a space that somebody wrote is likely wrong, by what the library knows of the names in it.

A family is recognised by the names of its parameters; where none is, a name alone says little,
and little is said. What is
said is about ranges and scales that are known to be wrong, never about taste: a space that people who know would write
is met with silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from trimtab.space.arguments import short
from trimtab.space.parameter import Categorical, Float, Int, Parameter
from trimtab.space.space import Space
from trimtab.spaces import library, names
from trimtab.spaces.entry import Entry, Family, Hazard
from trimtab.spaces.sizes import At

REACH: Final = 30.0
"""A linear range of real numbers whose ends are so many times apart hardly draws the small ones. By taste: of 0.01 to
0.3, which many write, half of the draws lie above 0.15."""

REACH_WHOLE: Final = 200.0
"""The same of whole numbers, which people write linearly over more than real ones: of 2 to 256 leaves, as in tutorials,
8 % of the draws lie below the middle of the ratios, of 2 to 400 are 7 %. By taste."""

SPAN: Final = 50.0
"""The usual range of what is searched by ratios spans so much at least. By taste: that of rates of boosting does."""

SPAN_WHOLE: Final = 30.0
"""The same of whole numbers: 4 to 128 leaves, 32 to 1024 units."""

FEWEST_STEPS: Final = 4
"""So many values at least, each the same multiple of the one before, are a scale of ratios: 16, 32, 64, 128."""

LEAST: Final = 2
"""So many names of a family make it recognised."""

SHARE: Final = 0.6
"""And so many of the names in the space, those that say nothing of a model left aside."""

ASIDE: Final = frozenset({"seed", "random_state", "n_jobs", "model", "name", "verbose", "fold", "device"})
"""Names that are no hyperparameters of any family."""

COMPANY: Final = frozenset({"max_iter", "tol", "fit_intercept", "intercept_scaling", "warm_start", "cache_size"})
"""Settings that scikit-learn's estimators share, and that are not worth tuning: beside one of them a single name is
that of an estimator. `max_iter` is tuned in some families, and counts there as any other."""


LETTERS: Final = frozenset({"alpha", "beta_1", "beta_2", "beta1", "beta2", "gamma", "epsilon", "eps", "tau"})
"""Letters that every science calls its constants by: they speak for a family only beside another of its names."""

Written: TypeAlias = Literal["python", "yaml", "toml"]
"""How a space was written, and so how what to write instead is said."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is likely wrong.

    Attributes:
        name: of the parameter; empty where one is missing.
        kind: "linear", "default", "hazard", "idle" or "missing".
        text: a sentence.
    """

    name: str
    kind: str
    text: str


def remarks(space: Space, written: Written = "python") -> list[str]:
    """Return the sentences of `found`."""
    return [remark.text for remark in found(space, written)]


def found(space: Space, written: Written = "python") -> list[Remark]:
    """Return what is likely wrong with a space, in the order of its parameters, what is missing last."""
    by_group: dict[str, dict[str, str]] = {}
    for name in space.names:
        prefix, leaf = _split(name)
        by_group.setdefault(prefix, {})[leaf] = name
    remarks: list[Remark] = []
    for leaves in by_group.values():
        known = recognised(leaves)
        remarks += _of_group(space, leaves, known, written)
    order = {name: i for i, name in enumerate(space.names)}
    return sorted(remarks, key=lambda remark: order.get(remark.name, len(order)))


# Which family


def recognised(leaves: Mapping[str, str]) -> list[Family]:
    """Return the families that names speak for, those first whose own names they are; several where they say no more.

    A family whose names are others, which it takes too, counts as well: what is said has to hold for it.
    """
    asked = [leaf for leaf in leaves if leaf.lower() not in ASIDE]
    company = COMPANY.intersection(asked)
    scores: dict[str, tuple[int, int]] = {}
    for leaf in asked:
        for name, entry in _known(leaf).items():
            n, n_own = scores.get(name, (0, 0))
            is_own = leaf == entry.name and entry in library.families()[name].entries
            scores[name] = n + 1, n_own + is_own
    for name, (n, n_own) in scores.items():
        family = library.families()[name]
        if family.package == "scikit-learn":
            there = sum(family.entry(one) is None for one in company)
            scores[name] = n + there, n_own + there
    scores = {name: score for name, score in scores.items() if score[0] >= max(LEAST, SHARE * len(asked))}
    beside = {leaf for leaf in asked if _plain(leaf) not in LETTERS}
    scores = {name: score for name, score in scores.items() if any(name in _known(leaf) for leaf in beside) or company}
    most = max((n for n, _ in scores.values()), default=0)
    best = sorted((name for name, (n, _) in scores.items() if n == most), key=lambda name: -scores[name][1])
    return [library.families()[name] for name in best]


def _entry(family: Family, leaf: str) -> Entry | None:
    return _known(leaf).get(family.name)


def _known(leaf: str) -> Mapping[str, Entry]:
    """Return the entries of a name by their family; a name in other letters is known too, but C is not c."""
    index = _index()
    return index.get(leaf) or (index.get(_plain(leaf), {}) if leaf != "c" else {})


@cache
def _index() -> dict[str, dict[str, Entry]]:
    """Return every entry by its names and by its family."""
    found: dict[str, dict[str, Entry]] = {}
    for family in library.families().values():
        for entry in reversed((*family.entries, *family.also)):  # the first of a name is that which counts
            for name in (entry.name, *entry.aliases):
                found.setdefault(name, {})[family.name] = entry
    return found


def _split(name: str) -> tuple[str, str]:
    """Return the prefix and the rest of `svc__C`, `optimizer.lr`: what a parameter belongs to, and its name there."""
    prefix, sign, leaf = name.rpartition("__") if "__" in name else name.rpartition(".")
    return prefix + sign, leaf


def _plain(name: str) -> str:
    return re.sub(r"[-. ]", "_", name).lower()


# What is wrong


def _of_group(space: Space, leaves: Mapping[str, str], known: list[Family], written: Written) -> Iterator[Remark]:
    for leaf, name in leaves.items():
        entries = [entry for family in known if (entry := _entry(family, leaf)) is not None]
        if not entries and names.is_telling(leaf):
            entries = list(_known(leaf).values())
        parameter = space[name]
        if name in space.fixed or parameter.role == "fixed" or parameter.n_values == 1:
            continue
        yield from _of_parameter(space, leaves, name, parameter, entries, known, written)
    if known:
        yield from _missing(leaves, known)


def _of_parameter(
    space: Space,
    leaves: Mapping[str, str],
    name: str,
    parameter: Parameter,
    entries: list[Entry],
    known: list[Family],
    written: Written,
) -> Iterator[Remark]:
    is_linear = (
        isinstance(parameter, Float | Int)
        and not parameter.log
        and _is_log(name, entries)
        and _is_wide(parameter, entries if known else [])
        and not any(_is_otherwise(parameter, entry) for entry in entries)
        and not _is_from_off(parameter, entries)
    )
    hazard = _hazard(space, leaves, name, entries, but_0=is_linear)
    if hazard is not None:
        yield Remark(name, "hazard", f"{_range(name, parameter)} reaches where it fails: {hazard.sentence()}.")
    if is_linear:
        assert isinstance(parameter, Float | Int)
        low = parameter.low if parameter.low > 0 else _small(parameter, entries)
        yield Remark(
            name,
            "linear",
            f"{_range(name, parameter)} is linear: {_lower_half(parameter, low)} of the draws lie below "
            f"{short(_middle(parameter, low))}, where half of what is worth trying is; write {_LOG[written]}, from "
            f"{short(low)}.",
        )
    elif hazard is None and known and known[0].package and _all_outside(parameter, entries):
        yield Remark(
            name,
            "default",
            f"{_range(name, parameter)} leaves out {short(entries[0].default)}, the default of {known[0].title}, which "
            "is a good first guess.",
        )
    idle = [found for entry in entries if (found := _idle(space, leaves, parameter, entry)) is not None]
    if idle and len(idle) == len(entries):
        parent, values = idle[0]
        yield Remark(
            name,
            "idle",
            f"{name} does nothing unless {parent} is {' or '.join(map(repr, values))}: write "
            f"{_when(parent, values, written)}.",
        )


_LOG: Final[dict[Written, str]] = {"python": "log=True", "yaml": "log: true", "toml": "log = true"}


def _when(parent: str, values: tuple[object, ...], written: Written) -> str:
    """Return the condition that a parent has one of these values, as it is written."""
    if written == "python":
        words = f" == {values[0]!r}" if len(values) == 1 else f".is_in({list(values)!r})"
        return f"when=tt.given({parent!r}){words}"
    listed = [_scalar(value, written) for value in values]
    said = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    return f"when: {{{parent}: {said}}}" if written == "yaml" else f"when = {{{_key(parent)} = {said}}}"


def _scalar(value: object, written: Written) -> str:
    """Return a choice as a study file has it."""
    if (
        written == "yaml"
        and isinstance(value, str)
        and _BARE.fullmatch(value)
        and value.lower() not in ("true", "false", "null")
    ):
        return value
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


_BARE: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
"""Text that needs no quotes; in YAML 1.2 `no` is text, too."""


def _all_outside(parameter: Parameter, entries: list[Entry]) -> bool:
    return bool(entries) and all(_is_outside(parameter, entry) for entry in entries)


def _missing(leaves: Mapping[str, str], known: list[Family]) -> Iterator[Remark]:
    """Yield the most important parameter, where no family that may be meant has it in the space."""
    lacks = [_lack(leaves, family) for family in known]
    if not all(lacks):
        return
    names_of = [lack for lack in lacks if lack]
    if len({lack[0] for lack in names_of}) > 1:
        return
    wanted = names_of[0]
    usual = known[0].entry(wanted[0])
    assert usual is not None
    listed = " or ".join(wanted[:2])
    of_it = f" for {known[0].title}" if len(known) == 1 else ""  # of several nobody knows which it is
    yield Remark(
        "",
        "missing",
        f"{listed}, which matters most{of_it}, is not tuned; {usual.range_text()} is usual.",
    )


def _lack(leaves: Mapping[str, str], family: Family) -> tuple[str, ...]:
    """Return the first group of which a family's space should have one, and this has none; empty where none lacks."""
    for group in family.essential:
        there = {entry.name for leaf in leaves if (entry := _entry(family, leaf)) is not None}
        if not there & set(group) and not _answered(leaves, group):
            return group
    return ()


def _answered(leaves: Mapping[str, str], group: tuple[str, ...]) -> bool:
    """Return whether a name that no family knows may stand for one of the group, as `encoder_lr` does for `lr`."""
    return any(map(names.is_rate, group)) and any(map(names.is_rate, leaves))


def _hazard(space: Space, leaves: Mapping[str, str], name: str, entries: list[Entry], *, but_0: bool) -> Hazard | None:
    """Return the first hazard that a range reaches, by every family that may be meant, or else by the name.

    Args:
        space: the whole space.
        leaves: the names of the parameter's group, by what they are behind their prefix.
        name: of the parameter.
        entries: what the families say of it.
        but_0: whether that 0 fails is said otherwise: by a scale that has no 0.
    """
    by_entry = [_hazards(space[name], entry) for entry in entries] or [
        _BY_ROLE if names.is_rate(_split(name)[1]) else ()
    ]
    parameter = space[name]
    reached = [
        [h for h in hazards if _reached(space, leaves, name, parameter, h) and not (but_0 and _is_of_0(parameter, h))]
        for hazards in by_entry
    ]
    return reached[0][0] if all(reached) else None


def _is_otherwise(parameter: Parameter, entry: Entry) -> bool:
    """Return whether a range counts what the entry says as a share, or is a share of what it counts."""
    if not entry.share:
        return False
    if isinstance(parameter, Categorical):
        numbers = [one for one in parameter.choices if isinstance(one, int | float) and not isinstance(one, bool)]
        return bool(numbers) and any(isinstance(one, int) is not entry.whole for one in numbers)
    return isinstance(parameter, Int) is not entry.whole


def _hazards(parameter: Parameter, entry: Entry) -> tuple[Hazard, ...]:
    """Return the hazards of an entry that hold for a range.

    Of a count those of a share do not, nor the other way round; and what the library's own default is, is meant.
    """
    found = [h for h in entry.hazards if h.given or entry.default is None or entry.default not in h.equal]
    if _is_otherwise(parameter, entry):
        found = [h for h in found if not (h.above or 0) >= 1.0 and not (h.below or 0) >= 1.0]
    return tuple(found)


def _is_of_0(parameter: Parameter, hazard: Hazard) -> bool:
    """Return whether of a range that begins at 0 that end alone fails."""
    if not isinstance(parameter, Float | Int) or parameter.low != 0:
        return False
    return hazard.strikes(0.0) and not hazard.strikes(parameter.high) and not hazard.strikes(parameter.high * 1e-6)


_BY_ROLE: Final = (Hazard("climbs", below=0.0),)


def _reached(space: Space, leaves: Mapping[str, str], name: str, parameter: Parameter, hazard: Hazard) -> bool:
    """Return whether a range, or a choice, reaches where a hazard is."""
    for other, values in hazard.given.items():
        parent = space[leaves[other]] if other in leaves else None
        if not isinstance(parent, Categorical) or not set(values) & set(parent.choices):
            return False
        if parameter.when is not None and leaves[other] in set(parameter.when.names()):
            return False
        if parent.when is not None and name in set(parent.when.names()):
            return False
        if any(leaves[other] in c.names and name in c.names for c in space.constraints):
            return False
    if isinstance(parameter, Categorical):
        return any(hazard.strikes(choice) for choice in parameter.choices)
    assert isinstance(parameter, Float | Int)
    if hazard.given and hazard.above is None and hazard.below is None and not hazard.equal:
        return True
    return any(hazard.strikes(end) for end in (parameter.low, parameter.high)) or any(
        not isinstance(one, bool | str)
        and one is not None
        and parameter.low <= one <= parameter.high
        and _hits(parameter, one)
        for one in hazard.equal
    )


def _hits(parameter: Float | Int, value: float) -> bool:
    """Return whether a value is one that is drawn with a chance above 0, and not merely within the range."""
    return isinstance(parameter, Int) or value in (parameter.low, parameter.high)


def _is_log(name: str, entries: list[Entry]) -> bool:
    """Return whether the scale is usually logarithmic, by every family that may be meant, or else by the name."""
    if entries:
        searched = [entry for entry in entries if entry.is_searched]  # others say nothing of a scale
        return all(entry.log or _is_by_ratios(entry) for entry in searched) and any(map(_spans, searched))
    return names.is_rate(_split(name)[1])


def _spans(entry: Entry) -> bool:
    """Return whether the usual range spans so much that a linear one is a mistake, and not a matter of taste."""
    if entry.choices:
        steps = _numbers(entry.choices)
        return steps[-1] / steps[0] >= SPAN_WHOLE
    low, high = (end.usual if isinstance(end, At) else end for end in entry.ends)
    return low > 0 and high / low >= (SPAN_WHOLE if entry.whole else SPAN)


def _is_by_ratios(entry: Entry) -> bool:
    """Return whether values in order are each the same multiple of the one before, as of batches."""
    steps = _numbers(entry.choices) if entry.ordered else []
    if len(steps) < FEWEST_STEPS or len(steps) < len(entry.choices) or min(steps) <= 0:
        return False
    ratios = [b / a for a, b in pairwise(steps)]
    return max(ratios) < 1.01 * min(ratios)


def _numbers(choices: Iterable[object]) -> list[float]:
    return [float(one) for one in choices if isinstance(one, int | float) and not isinstance(one, bool)]


def _is_wide(parameter: Float | Int, entries: list[Entry]) -> bool:
    """Return whether a linear range spans so many sizes that the small ones are hardly drawn."""
    if parameter.grid is not None and isinstance(parameter, Float):
        return False  # steps are what somebody thought about
    if parameter.low < 0:
        return False
    is_real = isinstance(parameter, Float) or any(map(_is_by_ratios, entries))
    reach = REACH if is_real else REACH_WHOLE
    if parameter.low == 0:
        return isinstance(parameter, Float)
    return parameter.high / parameter.low >= reach * (1 - 1e-9)


def _is_from_off(parameter: Float | Int, entries: list[Entry]) -> bool:
    """Return whether a range begins at a 0 that means "off", which no logarithmic scale has."""
    return parameter.low == 0 and any(not any(h.strikes(0.0) for h in entry.hazards) for entry in entries)


def _small(parameter: Float | Int, entries: list[Entry]) -> float:
    """Return from where to search instead of 0."""
    usual = next((entry.ends[0] for entry in entries if entry.low is not None), None)
    low = float(usual) if isinstance(usual, int | float) and usual > 0 else parameter.high * 1e-4
    return min(low, parameter.high * 1e-2)


def _middle(parameter: Float | Int, low: float) -> float:
    """Return the middle of the range on a logarithmic scale."""
    return float(f"{(low * parameter.high) ** 0.5:.1g}")


def _lower_half(parameter: Float | Int, low: float) -> str:
    share = max(_middle(parameter, low) - parameter.low, 0.0) / (parameter.high - parameter.low)
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"


def _is_outside(parameter: Parameter, entry: Entry) -> bool:
    """Return whether a range leaves out the library's default, where that is a good first guess."""
    default = entry.default
    if (
        entry.beyond
        or _is_otherwise(parameter, entry)
        or not entry.is_numeric
        or isinstance(default, bool)
        or not isinstance(default, int | float)
    ):
        return False
    if isinstance(parameter, Float | Int):
        return not parameter.low <= default <= parameter.high
    if isinstance(parameter, Categorical) and parameter.is_numeric and len(parameter.choices) > 1:
        numbers = [float(choice) for choice in parameter.choices]  # type: ignore[arg-type]
        return not min(numbers) <= default <= max(numbers)
    return False


def _idle(
    space: Space, leaves: Mapping[str, str], parameter: Parameter, entry: Entry
) -> tuple[str, tuple[object, ...]] | None:
    """Return the parent under whose choices alone a parameter does anything, where the space has others too."""
    if parameter.when is not None:
        return None
    for parent_name, values in entry.when.items():
        full = leaves.get(parent_name) or next((leaves[leaf] for leaf in leaves if leaf in _aliases(parent_name)), None)
        if full is None:
            continue
        parent = space[full]
        if not isinstance(parent, Categorical) or full in space.fixed:
            continue
        acting = tuple(c for c in parent.choices if c in values)
        if acting and len(acting) < len(parent.choices):
            return full, acting
    return None


@cache
def _aliases(name: str) -> frozenset[str]:
    """Return the other names of a parameter, by any family."""
    return frozenset(
        alias
        for family in library.families().values()
        for entry in family.entries
        if entry.name == name
        for alias in entry.aliases
    )


def _range(name: str, parameter: Parameter) -> str:
    if isinstance(parameter, Float | Int):
        return f"{name} from {short(parameter.low)} to {short(parameter.high)}"
    return f"{name} of {parameter.range_text().partition('(')[2].rstrip(')')}"
