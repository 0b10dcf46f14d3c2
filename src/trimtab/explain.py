"""What is answered to a call that cannot be taken, and to a name that is not there: a sentence that says what to write.

Nothing here costs anything before something was misunderstood: a call is tried first, and only a TypeError that its
arguments explain is looked into. What other tools call things is told by `trimtab.habits`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from trimtab.errors import MissingError, UsageError
from trimtab.plugins import did_you_mean

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type[Any])


def explained(called: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function answer wrong arguments with a UsageError; `called` is what the message calls it."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError:
                sentence = refusal(called, function, args, kwargs)
                if sentence is None:
                    raise
                raise UsageError(sentence) from None

        return call

    return wrap


def explained_class(cls: C) -> C:
    """Make a class answer wrong arguments with a UsageError."""
    cls.__init__ = explained(cls.__name__)(cls.__init__)
    return cls


class Explained:
    """A base of objects that answer a name which they have not, and calls of their methods with wrong arguments."""

    __slots__ = ()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name, method in list(vars(cls).items()):
            if not name.startswith("_") and isinstance(method, FunctionType) and not hasattr(method, "__wrapped__"):
                setattr(cls, name, explained(f"{cls.__name__}.{name}")(method))

    if not TYPE_CHECKING:  # else every name would be one for a type checker

        def __getattr__(self, name: str) -> object:
            if name in dir(type(self)):  # it is there, and a property raised an AttributeError of its own
                return object.__getattribute__(self, name)
            raise missing(type(self).__name__, name, dir(type(self)))


def missing(owner: str, name: str, known: Iterable[str]) -> AttributeError:
    """Return the error for a name that `owner` has not; names with an underscore are asked for by programs."""
    if name.startswith("_"):
        return AttributeError(f"{owner!r} has no attribute {name!r}")
    from trimtab.habits import NAMES

    habit = NAMES.get(owner, {}).get(name)
    if habit is not None:
        return MissingError(f"{owner} has no {name}; {habit}.", name=name)
    there = sorted(one for one in known if not one.startswith("_"))
    anything = NAMES.get(owner, {}).get("", "")
    listed = f"it has: {', '.join(there)}" + (f"; {anything}" if anything else "")
    return MissingError(f"{owner} has no {name}{did_you_mean(name, there)}; {listed}.", name=name)


def refusal(
    called: str, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> str | None:
    """Return why a function does not take these arguments; None if it does."""
    import inspect

    from trimtab.habits import ARGUMENTS, POSITIONS

    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        pass
    else:
        return None
    every = {name: one for name, one in signature.parameters.items() if name != "self"}
    places = [name for name, one in every.items() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    known = [name for name, one in every.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    takes_any = any(one.kind is one.VAR_KEYWORD for one in every.values())
    unknown = [name for name in kwargs if name not in known and (name in places or not takes_any)]
    if unknown:
        habits = ARGUMENTS.get(called, {})
        said = [
            f"no {name}=; {habits[name]}" if name in habits else f"no {name}={did_you_mean(name, known)}"
            for name in unknown
        ]
        listed = "" if unknown[0] in habits else f"; there are: {', '.join(known)}"
        return f"{called} takes {'; and '.join(said)}{listed}."
    n_given = len(args) - ("self" in signature.parameters)
    if n_given > len(places) and not any(one.kind is one.VAR_POSITIONAL for one in every.values()):
        shown = f"{' and '.join(places)} by place" if places else "nothing by place"
        habit = POSITIONS.get(called, f"the others go by name: {', '.join(one for one in known if one not in places)}")
        return f"{called} takes {shown}, got {n_given} arguments; {habit}."
    twice = [name for name in places[: max(n_given, 0)] if name in kwargs]
    if twice:
        habit = ARGUMENTS.get(called, {}).get(twice[0], "leave one out")
        return f"{called} got {' and '.join(twice)} by place and by name; {habit}."
    needed = [
        name for name in known[max(n_given, 0) :] if every[name].default is every[name].empty and name not in kwargs
    ]
    habit = POSITIONS.get(called, f"it takes: {', '.join(known)}")
    return f"{called} needs {' and '.join(needed)} as well; {habit}."
