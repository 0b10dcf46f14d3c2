"""Spaces that know the model: what to tune first, over which range, for the models that people train.

    tt.spaces.of(estimator, X, y)                    the space of an estimator, with the names that set_params takes
    tt.spaces.lightgbm(task="binary", rows=50_000)   a family by its name
    tt.spaces.choice({"svc": SVC(), "forest": RandomForestClassifier()}, X, y)
    tt.spaces.about("lightgbm")                      what is known of it: what matters, typical mistakes, sources
    tt.spaces.check(space)                           where a space that somebody wrote is likely wrong

Each returns a `tt.Space`, which can be narrowed, widened, held, joined, prefixed and printed as code. No library is
imported for any of it, nor need it be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trimtab.explain import explained

if TYPE_CHECKING:
    from trimtab.space.space import Space

__all__ = ["about", "check", "choice", "families", "made", "of"]


@explained("of")
def of(
    estimator: Any,
    X: Any = None,  # noqa: N803 - as scikit-learn calls it
    y: Any = None,
    *,
    budget_s: float | None = None,
) -> Space:
    """Return the space of an estimator: what to tune of it, and of what it is put together from.

    Pipelines, column transformers, unions, stacking, voting and whatever else holds estimators are looked into; names
    are those that `set_params` takes. The space begins from how the estimator is set. A setting that was chosen and
    that the parameter cannot be, such as a tuple or a function, stays as it is; so does everything else that is no
    parameter of the space.

    Args:
        estimator: with `get_params` and `set_params`, as scikit-learn's; LightGBM, XGBoost and CatBoost have such.
        X: the data, whose rows and columns some ranges follow.
        y: the targets, whose classes count.
        budget_s: seconds that one trial may take, which bounds rounds and trees.

    Raises:
        SpaceError: no estimator, or one of which nothing to tune is known.

    Example:
        ```python
        model = make_pipeline(StandardScaler(), SVC())
        study = tt.tune(train, tt.spaces.of(model, X, y), maximize="accuracy", budget=50)
        ```
    """
    from trimtab.spaces.recognise import space_of
    from trimtab.spaces.sizes import Sizes

    return space_of(estimator, X, y, Sizes(budget_s=budget_s))


@explained("choice")
def choice(
    candidates: Mapping[str, Any],
    X: Any = None,  # noqa: N803 - as scikit-learn calls it
    y: Any = None,
    *,
    name: str = "model",
    budget_s: float | None = None,
) -> Space:
    """Return one space of several models: which it is, and the parameters of each where it is chosen.

    Args:
        candidates: estimators or spaces by name; a name becomes the prefix of its parameters.
        X: see `of`; so are `y` and `budget_s`.
        y: see there.
        name: of the parameter that chooses.
        budget_s: see there.

    Raises:
        SpaceError: fewer than two candidates, or one of which nothing to tune is known.
    """
    from trimtab.spaces.choose import chosen
    from trimtab.spaces.sizes import Sizes

    return chosen(candidates, X, y, Sizes(budget_s=budget_s), name=name)


@explained("made")
def made(candidates: Mapping[str, Any], params: Mapping[str, Any], *, name: str = "model") -> Any:
    """Return a fresh copy of the candidate that a configuration of `choice` names, set as it says.

    Args:
        candidates: estimators by name, those that `choice` was given.
        params: a configuration, as `trial.params`.
        name: of the parameter that chooses.

    Raises:
        ParamsError: the configuration names no candidate.
    """
    from trimtab.spaces.choose import made as made_one

    return made_one(candidates, params, name=name)


def families() -> tuple[str, ...]:
    """Return the names of all families; each is a function here, `tt.spaces.lightgbm()`."""
    from trimtab.spaces.library import families as all_of_them

    return tuple(all_of_them())


def about(family: str) -> str:
    """Return what is known of a family, as a page of Markdown.

    Raises:
        SpaceError: there is no such family.
    """
    from trimtab.spaces.library import family as found
    from trimtab.spaces.page import page

    return page(found(family))


def check(space: Space) -> list[str]:
    """Return where a space is likely wrong, a sentence each: none for one that is as people who know would write it.

    It is compared by the names of its parameters with the families of the library. Told are a linear scale where a
    logarithmic one is usual, a range without the library's default, values that are known to crash, a parameter that
    does nothing, and the most important one if it is missing.
    """
    from trimtab.errors import SpaceError
    from trimtab.space.condition import shown
    from trimtab.space.space import Space
    from trimtab.spaces.advice import remarks

    if not isinstance(space, Space):
        raise SpaceError(
            f"check expects a space, such as tt.Space(lr=tt.Float(1e-5, 1e-1, log=True)), got {shown(space)}."
        )
    return remarks(space)


def _family(name: str) -> Callable[..., Space]:
    @explained(name)
    def space(
        *,
        task: str | None = None,
        rows: int | None = None,
        features: int | None = None,
        classes: int | None = None,
        budget_s: float | None = None,
    ) -> Space:
        from trimtab.errors import SpaceError
        from trimtab.spaces.build import space as built
        from trimtab.spaces.library import family
        from trimtab.spaces.sizes import Sizes

        sizes = Sizes(task, rows, features, classes, budget_s)
        of = family(name).task
        if of and sizes.task and of != sizes.task:
            raise SpaceError(f"{name} is for {of}, and task={task!r} is none; see tt.spaces.families().")
        found = built(family(name), sizes)
        if found is None:
            raise SpaceError(f"there is nothing to tune of {name}: {family(name).about}")
        return found

    space.__name__ = space.__qualname__ = name
    space.__doc__ = f"Return the space of {name}, for a task of these sizes; see tt.spaces.about({name!r})."
    return space


_PARTS = frozenset(
    ("advice", "build", "choose", "data", "entry", "library", "names", "page", "recognise", "sizes", "sources")
)
"""Modules of this package: `from trimtab.spaces import build` asks for a name before it looks for a module."""

if TYPE_CHECKING:

    def __getattr__(name: str) -> Callable[..., Space]:
        """Return a family, by its name."""
        raise NotImplementedError

else:

    def __getattr__(name: str) -> object:
        if not name.startswith("_") and name not in _PARTS:
            from trimtab.spaces.library import families as found

            if name in found():
                globals()[name] = _family(name)  # the same one each time, so that it can be pickled
                return globals()[name]
            from trimtab.explain import missing

            raise missing("trimtab.spaces", name, [*__all__, *found()])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
