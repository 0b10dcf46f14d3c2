"""Several models at once: which one it is, and the space of each where it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.errors import ParamsError, SpaceError
from trimtab.plugins import did_you_mean
from trimtab.space import vary
from trimtab.space.condition import given, shown
from trimtab.space.parameter import Categorical
from trimtab.space.record import Made
from trimtab.space.space import Space
from trimtab.spaces.recognise import space_of
from trimtab.spaces.sizes import Sizes


def chosen(candidates: Mapping[str, Any], x: Any, y: Any, sizes: Sizes, *, name: str) -> Space:
    """Return the space of a choice between candidates: estimators, or spaces.

    Raises:
        SpaceError: fewer than two, or one that is neither.
    """
    _check(candidates)
    whole = Made({name: Categorical(tuple(candidates), priority=1)}, (), {})
    for label, candidate in candidates.items():
        space = candidate if isinstance(candidate, Space) else space_of(candidate, x, y, sizes)
        prefix = f"{label}__"
        branch = vary.under(vary.renamed(space._made(), lambda one, prefix=prefix: prefix + one), given(name) == label)  # type: ignore[misc]
        if name in branch.parameters:
            raise SpaceError(f"{name!r} is what the choice is called, and a parameter of {label}: say another name=.")
        whole = vary.joined(whole, branch)
    return Space(whole.parameters, require=whole.require, fixed=whole.fixed)


def made(candidates: Mapping[str, Any], params: Mapping[str, Any], *, name: str) -> Any:
    """Return the candidate that a configuration chooses, a fresh copy, set as the configuration says.

    Raises:
        ParamsError: the configuration names no candidate.
    """
    label = params.get(name)
    if not isinstance(label, str) or label not in candidates:
        near = did_you_mean(str(label), candidates)
        raise ParamsError(f"{name} must be one of {', '.join(map(repr, candidates))}, got {shown(label)}{near}.")
    from sklearn.base import clone  # imported when used: who has estimators has it

    prefix = f"{label}__"
    settings = {key[len(prefix) :]: value for key, value in params.items() if key.startswith(prefix)}
    return clone(candidates[label]).set_params(**settings)


def _check(candidates: object) -> None:
    if not isinstance(candidates, Mapping) or len(candidates) < 2:
        raise SpaceError(
            "choice expects two candidates or more by name, such as {'svc': SVC(), 'forest': "
            f"RandomForestClassifier()}}, got {shown(candidates)}."
        )
    for label in candidates:
        if not isinstance(label, str) or not label or "__" in label:
            raise SpaceError(f"the name of a candidate is a text without '__', got {shown(label)}.")
