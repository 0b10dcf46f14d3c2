"""Models that are trained by steps: further rounds of a warm start, or further passes of `partial_fit`.

A candidate's models of all splits go through the same steps side by side; after each the mean of their scores is
reported, so that the scheduler can end the candidate.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

import trimtab as tt
from trimtab.errors import SpaceError
from trimtab.plugins import did_you_mean
from trimtab.schedule.rungs import ladder
from trimtab.space.condition import shown

ETA: Final = 3
"""The factor from one step at which models are scored to the next: that of the default scheduler's rungs."""


class Passes(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model whose `fit` makes further passes over the data with its `partial_fit`, and that is the model else.

    Args:
        model: what is trained.
        n_passes: how many it has had in all after the next `fit`.
        classes: all there are, of a classifier; None of others.
    """

    def __init__(self, model: Any, n_passes: int = 1, classes: Any = None) -> None:
        self.model = model
        self.n_passes = n_passes
        self.classes = classes

    def fit(self, X: Any, y: Any = None, **params: Any) -> Passes:  # noqa: N803 - its name in scikit-learn
        """Go on to `n_passes`."""
        if self.classes is not None:
            params = {**params, "classes": self.classes}
        for _ in range(getattr(self, "_n_made", 0), self.n_passes):
            self.model.partial_fit(X, **params) if y is None else self.model.partial_fit(X, y, **params)
        self._n_made = self.n_passes
        return self

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.model)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "model" not in vars(self):
            raise AttributeError(name)
        return getattr(self.model, name)


@dataclass(frozen=True, slots=True)
class Steps:
    """How models are trained by steps.

    Attributes:
        fidelity: what is counted, and how far it goes.
        levels: the steps after which models are scored, the last one included.
        is_passes: whether passes of `partial_fit` are counted, and no parameter of the estimator.
        classes: all classes that `partial_fit` is to be told of; None where it is not.
    """

    fidelity: tt.Fidelity
    levels: tuple[int, ...]
    is_passes: bool
    classes: Any

    @classmethod
    def of(cls, given: tt.Fidelity, model: Any, y: Any, names: Collection[str]) -> Steps:
        """Return the steps of a model.

        Args:
            given: the parameter that counts rounds, as "n_estimators", else any name for passes of `partial_fit`.
            model: the estimator that is tuned.
            y: the targets.
            names: what is searched, by the estimator's names.

        Raises:
            SpaceError: these are no steps, or the model cannot go on.
        """
        name, low, high = given.name, given.low, given.high
        if low != int(low) or high != int(high) or low < 1:
            raise SpaceError(f"steps= counts whole steps from 1 on, got {shown(low)} to {shown(high)}.")
        if name in names:
            raise SpaceError(f"steps= counts {name}, which is searched too: leave it out of the space.")
        levels = tuple(map(int, ladder(given, ETA)))
        params = model.get_params()
        if name in params:
            if _warm_start(name) not in params:
                raise SpaceError(
                    f"steps= counts {name}, and the estimator has no {_warm_start(name)} to go on with: it would begin "
                    "anew at each step. Leave steps= out."
                )
            copies = _copying(model, name)
            if copies:
                raise SpaceError(
                    f"steps= counts {name} of a model that {copies} copies before it fits: it would begin anew at each "
                    "step. Leave steps= out."
                )
            return cls(given, levels, is_passes=False, classes=None)
        if not hasattr(model, "partial_fit"):
            warm = [one for one in params if _warm_start(one) in params and one.rpartition("__")[2] in _ROUNDS]
            counts = [one for one in warm if not _copying(model, one)]
            hint = f"; {' and '.join(counts)} can be counted" if counts else did_you_mean(name, list(params))
            raise SpaceError(
                f"steps= counts {name!r}, which is no parameter of {type(model).__name__}, and it has no partial_fit "
                f"to be trained with pass by pass{hint}."
            )
        takes = "classes" in inspect.signature(model.partial_fit).parameters
        return cls(given, levels, is_passes=True, classes=np.unique(y) if takes else None)

    def begun(self, base: Any, params: Mapping[str, Any]) -> Any:
        """Return a candidate's model of one split, before its first step; what it is made of is its own."""
        own = clone(dict(params), safe=False)  # parameters may be estimators
        model = clone(base).set_params(**own)
        if self.is_passes:
            return Passes(model, classes=self.classes)
        return model.set_params(**{_warm_start(self.fidelity.name): True})

    def at(self, level: int, model: Any) -> dict[str, Any]:
        """Return what to set on such a model, which is at the step before, so that its next `fit` goes on to that."""
        if self.is_passes:
            return {"n_passes": level}
        before = max((one for one in self.levels if one < level), default=0)
        return {self.fidelity.name: level - before if _adds(model, self.fidelity.name) else level}

    def whole(self, base: Any, params: Mapping[str, Any]) -> Any:
        """Return a model whose `fit` trains to the last step."""
        last = self.levels[-1]
        if self.is_passes:
            return self.begun(base, params).set_params(n_passes=last)
        return clone(base).set_params(**clone(dict(params), safe=False), **{self.fidelity.name: last})


_ROUNDS: Final = ("n_estimators", "max_iter")
"""What scikit-learn's models with a warm start call their rounds."""


def _warm_start(name: str) -> str:
    """Return the parameter that makes the model go on which has the parameter `name`."""
    owner, _, _ = name.rpartition("__")
    return f"{owner}__warm_start" if owner else "warm_start"


def _adds(model: Any, name: str) -> bool:
    """Return whether a warm start runs so many rounds more, as most with `max_iter` do, and not up to so many."""
    owner, _, counts = name.rpartition("__")
    part = model.get_params()[owner] if owner else model
    return counts == "max_iter" and not isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor)


def _copying(model: Any, name: str) -> str:
    """Return what fits a copy of the part of a model that has the parameter `name`; empty where nothing does.

    By scikit-learn's convention whatever is made of estimators does, but a pipeline: that only where it caches.
    """
    params, owner = model.get_params(), ""
    for part in name.split("__")[:-1]:
        whole = params[owner] if owner else model
        is_last = isinstance(whole, Pipeline) and whole.steps[-1][0] == part
        if not isinstance(whole, Pipeline) or (whole.memory is not None and not is_last):
            return type(whole).__name__
        owner = f"{owner}__{part}" if owner else part
    return ""
