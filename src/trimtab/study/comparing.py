"""Two studies, or the values of a parameter of one, beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from trimtab.analysis.compare import Comparison, compared, side_of, sides_of
from trimtab.errors import ProblemError
from trimtab.explain import explained
from trimtab.ledger.table import TrialTable
from trimtab.space.condition import shown
from trimtab.space.space import Space
from trimtab.study.arms import MOST_ARMS, scientific
from trimtab.study.evidence import NOTE
from trimtab.study.study import Study


@explained("compare")
def compare(a: Study, b: Study | None = None, *, by: str | None = None) -> Comparison:
    """Compare two studies, or the values of one parameter within a study: which is better, and by how much.

    What is compared is the best of the first objective that was found, at equal numbers of configurations. The interval
    says what nine of ten further studies of this size would give. Of two studies what each ran itself counts: the
    trials that `refine` brought along are those of an earlier study.

    Args:
        a: a study.
        b: another with the same first objective; or none, and then
        by: the parameter of `a` whose values are compared; its one scientific parameter if None.

    Returns:
        the sides, the best first, their differences with intervals, and the answer in a sentence.

    Raises:
        ProblemError: the studies have other objectives, or there is no parameter to compare by.

    Example:
        ```python
        space = tt.Space(lr=tt.Float(1e-5, 1e-1, log=True), act=tt.Categorical(["relu", "gelu"], role="scientific"))
        print(tt.compare(tt.tune(train, space, minimize="loss", budget=60)))
        ```
    """
    for study in (a, b):
        if study is not None and not isinstance(study, Study):
            raise ProblemError(
                f"compare takes studies, as tt.load_study(store, name) returns them; got {shown(study)}."
            )
    if b is None:
        return _within(a, by)
    if by is not None:
        raise ProblemError("compare takes two studies, or one and by=; got both.")
    one, other = a.problem, b.problem
    if (one.objectives[0].name, one.objectives[0].goal) != (other.objectives[0].name, other.objectives[0].goal):
        raise ProblemError(
            f"{a.name!r} is to {one.objectives[0].goal} {one.objectives[0].name!r}, and {b.name!r} to "
            f"{other.objectives[0].goal} {other.objectives[0].name!r}: only what has one meaning can be compared."
        )
    names = (a.name, b.name) if a.name != b.name else (f"{a.name} (first)", f"{b.name} (second)")
    tables = a.table.frozen(), b.table.frozen()
    sides = [
        side_of(problem, table, name, np.flatnonzero(~table.is_evidence))
        for problem, table, name in zip((one, other), tables, names, strict=True)
    ]
    caveats = [*_brought(tables[0], names[0], b), *_brought(tables[1], names[1], a)]
    if len(sides[0].losses) != len(sides[1].losses):
        caveats.append("They ran different numbers of configurations; the difference is that of equal numbers.")
    changes = a.space.differences(b.space)
    if changes:
        caveats.append(f"Their spaces differ: {'; '.join(changes[:3])}{'; and more' if len(changes) > 3 else ''}.")
    if one.fidelities != other.fidelities:
        caveats.append("Their fidelities differ.")
    return compared(one, sides, caveats)


def _brought(table: TrialTable, name: str, other: Study) -> Iterator[str]:
    """Yield what is to be said of trials that a study began with: they were run elsewhere, maybe in the other."""
    counts = Counter(
        (note.get("id"), note.get("study"))
        for row in np.flatnonzero(table.is_evidence).tolist()
        if isinstance(note := table.trial(row).notes.get(NOTE), dict)
    )
    for (ident, study), n in counts.items():
        is_same = ident == other.session.ledger.created.id
        where = "the other's own, the same ones" if is_same else f"those of {study}"
        are = "is" if n == 1 else "are"
        yield f"{n} of the trials of {name} {are} {where}: it began with them, and they do not count."


def _within(study: Study, by: str | None) -> Comparison:
    table = study.table.frozen()
    space = table.space
    if by is None:
        names = [space.names[i] for i in scientific(space).tolist()]
        if len(names) != 1:
            there = f"there are {len(names)}: {', '.join(names)}" if names else "there is none"
            raise ProblemError(
                f"compare needs another study, or by= with a parameter whose values are compared; of parameters with "
                f'role="scientific" {there}.'
            )
        by = names[0]
    if by not in space:
        space.column(by)  # raises, and says what there is
    n_values = space[by].n_values
    if n_values is None or n_values > MOST_ARMS:
        raise ProblemError(f"by={by!r} has too many values to compare them one by one; it is {space[by]!r}.")
    sides = sides_of(table.problem, table, by)
    caveats = []
    if len({len(side.losses) for side in sides}) > 1 and space[by].role != "scientific":
        caveats.append(
            f'{by} was searched, not compared, so its values have unequal shares; role="scientific" gives each as many.'
        )
    if space.fixed:
        caveats.append(f"Held throughout: {_held(space)}.")
    return compared(table.problem, sides, caveats)


def _held(space: Space) -> str:
    return ", ".join(f"{name}={value}" for name, value in space.fixed.items())
