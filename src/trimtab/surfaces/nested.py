"""Nested cross-validation: how good a whole search is, told on data that it never saw.

The best score of a search is the largest of many, and luck is part of it. Here the search itself is what is
cross-validated: it runs anew on the training part of every outer split, and what it comes up with is scored on the part
that was held out. scikit-learn is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.arrays import Floats
from trimtab.checks import is_number
from trimtab.errors import ProblemError
from trimtab.explain import explained
from trimtab.surfaces.integrations.needed import needed


@dataclass(frozen=True, eq=False)
class NestedScore:
    """How good a search is, and what it chose.

    Attributes:
        scores: [K] of each outer split, the score of what the search chose, on the part that it never saw.
        inner: [K] what the search itself said of it: its best mean over the inner splits; nan where it says nothing.
        mean: of the scores.
        low: the lower end of the interval of the mean.
        high: the upper end.
        confidence: of the interval.
        chosen: [K] the parameters that each search chose; empty where it has no `best_params_`.
        searches: [K] the fitted searches.
    """

    scores: Floats
    inner: Floats
    mean: float
    low: float
    high: float
    confidence: float
    chosen: tuple[dict[str, Any], ...]
    searches: tuple[Any, ...]

    @property
    def optimism(self) -> float:
        """How much better the searches found themselves than they were, in the mean."""
        return float((self.inner - self.scores).mean())

    def __repr__(self) -> str:
        said = f"{self.mean:.4g}, {self.confidence:.0%} from {self.low:.4g} to {self.high:.4g}"
        lines = [f"<NestedScore {said}; the searches said {self.inner.mean():.4g}"]
        for score, inner, params in zip(self.scores, self.inner, self.chosen, strict=True):
            lines.append(f"  {score:.4g} (said {inner:.4g}) with {params}")
        return "\n".join(lines) + ">"


@explained("nested_score")
def nested_score(
    search: Any,
    X: Any,  # noqa: N803 - its name in scikit-learn
    y: Any = None,
    *,
    cv: Any = 5,
    scoring: Any = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    confidence: float = 0.9,
) -> NestedScore:
    """Cross-validate a whole search: `TrimtabSearchCV`, or any other estimator that chooses for itself.

    The interval is Student's, of the mean over outer splits, with the variance that overlapping training parts call
    for: (1/K + n_test/n_train) times that between splits (Nadeau and Bengio, "Inference for the generalization error",
    Machine Learning 52, 2003). It is about the procedure, not about the one model that a last search on all data gives.

    Args:
        search: what is scored; it is copied, and stays as it is. One with a store keeps a study for each outer split,
            under its name and the split's number.
        X: the data.
        y: the targets.
        cv: how to split outside: a number of splits, or a splitter.
        scoring: how to score what was held out; as the search scores if None.
        params: what goes to the search's `fit`: arrays of one value a row are split, and `groups` goes to the outer
            splitter as well.
        n_jobs: outer splits that are run at once.
        confidence: of the interval.

    Raises:
        ProblemError: the confidence is none.
        ValueError: what scikit-learn refuses.
        MissingLibraryError: scikit-learn is not installed.
    """
    needed("sklearn", "scikit-learn")
    from scipy.special import stdtrit
    from sklearn.base import is_classifier
    from sklearn.model_selection import check_cv
    from sklearn.utils import indexable
    from sklearn.utils.parallel import Parallel, delayed
    from sklearn.utils.validation import _check_method_params, _num_samples

    from trimtab.surfaces.integrations.search.leaks import warn_of_leaks

    if not is_number(confidence) or not 0.0 < confidence < 1.0:
        raise ProblemError(f"confidence is a number between 0 and 1, as 0.9, got {confidence!r}.")
    X, y = indexable(X, y)  # noqa: N806 - as above
    given = _check_method_params(X, params=dict(params or {}))
    splits = list(check_cv(cv, y, classifier=is_classifier(search)).split(X, y, given.get("groups")))
    warn_of_leaks(splits, _num_samples(X))
    done = Parallel(n_jobs=n_jobs)(
        delayed(_score)(_copy(search, number), X, y, train, test, scoring, given)
        for number, (train, test) in enumerate(splits)
    )
    searches = tuple(one for one, _ in done)
    scores = np.array([score for _, score in done])
    n_train, n_test = (np.mean([len(part[side]) for part in splits]) for side in (0, 1))
    spread = np.sqrt((1.0 / len(scores) + n_test / n_train) * scores.var(ddof=1)) if len(scores) > 1 else np.inf
    reach = float(stdtrit(max(len(scores) - 1, 1), 0.5 + confidence / 2.0) * spread)
    mean = float(scores.mean())
    return NestedScore(
        scores=scores,
        inner=np.array([float(getattr(one, "best_score_", np.nan)) for one in searches]),
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        confidence=float(confidence),
        chosen=tuple(dict(getattr(one, "best_params_", {})) for one in searches),
        searches=searches,
    )


def _copy(search: Any, number: int) -> Any:
    from sklearn.base import clone

    copy = clone(search)
    if getattr(copy, "store", None) is not None and hasattr(copy, "name"):
        copy.set_params(name=f"{copy.name}-{number}")
    return copy


def _score(search: Any, x: Any, y: Any, train: Any, test: Any, scoring: Any, params: Any) -> tuple[Any, float]:
    from sklearn.metrics import check_scoring
    from sklearn.utils.metaestimators import _safe_split
    from sklearn.utils.validation import _check_method_params

    x_train, y_train = _safe_split(search, x, y, train)
    x_test, y_test = _safe_split(search, x, y, test, train)
    of_train = _check_method_params(x, params=params, indices=train)
    search.fit(x_train, **of_train) if y_train is None else search.fit(x_train, y_train, **of_train)
    score = check_scoring(search, scoring)
    return search, float(score(search, x_test, y_test))
