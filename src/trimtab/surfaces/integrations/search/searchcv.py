"""The search with cross-validation, as scikit-learn has them: an estimator around another one.

scikit-learn's `BaseSearchCV` brings everything that comes after the search, and its checks; `fit` is our own, since
there candidates do not depend on each other and every fold of each is run.
"""

from __future__ import annotations

import inspect
import numbers
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from typing import Any, Final

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _fit_and_score,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import check_random_state, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

import trimtab as tt
from trimtab.arrays import Bools
from trimtab.errors import ProblemError, SpaceError, StudyError
from trimtab.explain import explained
from trimtab.optim.grid import Grid
from trimtab.surfaces.integrations.search.cells import Cell, Cells
from trimtab.surfaces.integrations.search.given import Given, Searched, searched
from trimtab.surfaces.integrations.search.hooks import Hooks
from trimtab.surfaces.integrations.search.loop import Limits, go_on
from trimtab.surfaces.integrations.search.record import TIMES, Record, fingerprint, opened
from trimtab.surfaces.integrations.search.results import with_races
from trimtab.surfaces.integrations.search.splits import FEWEST_TO_RACE, MANY, Split, Splits
from trimtab.surfaces.integrations.search.steps import Passes, Steps

USUAL: Final = 50
"""Candidates where neither `n_iter` nor `budget` says how many: what an engine needs to leave chance behind."""

MODEL_FREE: Final = ("random", "sobol", "grid")
"""Optimizers that learn nothing from results, so that many candidates can be asked for at once."""


class TrimtabSearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """Search with cross-validation that learns from what it tried, and drops what cannot win between folds.

    An estimator of scikit-learn, in the place of `GridSearchCV`, `RandomizedSearchCV` or `HalvingRandomSearchCV`.

    Args:
        estimator: what is tuned: an estimator, or a pipeline.
        space: what may be tried: a `tt.Space`, a grid ({name: list}), distributions ({name: scipy distribution}),
            ranges ({name: tt.Float(...)}), or a list of such dicts. Names are the estimator's, as `clf__C`; what
            follows an `@` in a name is not passed on. What `tt.spaces.of` knows of the estimator if nothing is given.
        param_distributions: another name of `space`, as it is in RandomizedSearchCV.
        param_grid: another name of `space`, as it is in GridSearchCV.
        n_iter: candidates, in all; None for 50, or for all of a finite grid where these are fewer, or for what
            `budget` allows.
        budget: a number of fits (of one fold each), or `tt.Budget(trials=..., hours=..., deadline=...)`; no candidate
            is begun that could exceed so many fits, or after that time. The final fit is not counted.
        optimizer: what proposes candidates; a plugin's name, or an object. "grid" tries all of a grid in the order of
            GridSearchCV; "random" repeats nothing of a finite grid.
        race: whether candidates are dropped between folds: True, False, or "auto" for wherever there are three splits
            or more, the same ones for all candidates, and `refit` is no function.
        reshuffle: whether each candidate has splits of its own, drawn by `cv` from the seed of its trial: True, False,
            or "auto" for a `cv` that shuffles and has one or two splits, of searches of 100 candidates or more, unless
            `optimizer` is "grid" or `race` is True. The `random_state` of `cv` is not used then, and nothing races.
        steps: trains models by steps and ends candidates on the way: `tt.Fidelity("n_estimators", 10, 300)`, a
            parameter that counts the rounds of an estimator with `warm_start`, or `tt.Fidelity("passes", 1, 50)`,
            passes of its `partial_fit`; None to fit in one go. Folds do not race then.
        choices: with a `tt.Space`: by parameter, {choice: object} for choices that are no text or number, as
            estimators are.
        store: where to keep the study, to be gone on with by the same search: "sqlite:///trimtab.db"; in memory if
            None.
        name: the study's name in the store.
        scoring: as in scikit-learn; so are the next eight.
        n_jobs: fits that run at once.
        refit: whether to fit the best on all data; the name of the score that decides, of several; or a function that
            takes `cv_results_` and returns an index. Of several scores, the search optimizes the one that is named
            here, else the first.
        cv: how to split.
        verbose: how much to print.
        pre_dispatch: how many fits are dispatched ahead.
        random_state: makes the search reproducible.
        error_score: the score of a fit that failed, or "raise".
        return_train_score: whether to score the training parts too.

    Attributes:
        cv_results_: as in scikit-learn, and "n_splits_run". A candidate that was dropped has nan in the splits that
            were not run; its mean is over the others, freed of how hard these are and never above that of the best; it
            is ranked behind all that were not dropped.
        best_estimator_: fitted on all data with the best candidate; with `refit`.
        best_score_: its mean score.
        best_params_: its parameters.
        best_index_: its row in `cv_results_`.
        study_: the study: trials, folds, and what proposed them.
        n_fits_: fits of one fold that were run in all.
        n_splits_: splits of a candidate.
        scorer_, multimetric_, refit_time_, n_features_in_, feature_names_in_, classes_: as in scikit-learn.

    Example:
        ```python
        search = TrimtabSearchCV(SVC(), {"C": tt.Float(1e-3, 1e3, log=True)}, n_iter=30, random_state=0)
        search.fit(x, y)
        print(search.best_params_, search.best_score_)
        ```
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 - scikit-learn wants it so
        **BaseSearchCV._parameter_constraints,
        "space": "no_validation",
        "param_distributions": "no_validation",
        "param_grid": "no_validation",
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "budget": [Interval(numbers.Integral, 1, None, closed="left"), tt.Budget, None],
        "optimizer": "no_validation",
        "race": ["boolean", StrOptions({"auto"})],
        "reshuffle": ["boolean", StrOptions({"auto"})],
        "steps": [tt.Fidelity, None],
        "choices": [dict, None],
        "store": [str, None],
        "name": [str],
        "random_state": ["random_state"],
    }

    @explained("TrimtabSearchCV")
    def __init__(
        self,
        estimator: Any,
        space: Given | None = None,
        *,
        param_distributions: Given | None = None,
        param_grid: Given | None = None,
        n_iter: int | None = None,
        budget: int | tt.Budget | None = None,
        optimizer: Any = "auto",
        race: bool | str = "auto",
        reshuffle: bool | str = "auto",
        steps: tt.Fidelity | None = None,
        choices: Mapping[str, Mapping[str, Any]] | None = None,
        store: str | None = None,
        name: str = "search",
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        self.space = space
        self.param_distributions = param_distributions
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.budget = budget
        self.optimizer = optimizer
        self.race = race
        self.reshuffle = reshuffle
        self.steps = steps
        self.choices = choices
        self.store = store
        self.name = name
        self.random_state = random_state
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> TrimtabSearchCV:  # noqa: N803 - its name in scikit-learn
        """Search, and fit the best candidate on all data.

        Args:
            X: the data, whatever the estimator takes.
            y: the targets.
            params: what goes to the estimator's `fit` (arrays of one value a row are split), to the splitter (`groups`)
                and to the scorers, by scikit-learn's routing.

        Raises:
            SpaceError: there is nothing to search, or not what could be meant.
            ValueError: every fit failed, or what scikit-learn refuses.
            StudyMismatchError: the study of that name in the store is of another search, or of other data.
        """
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)  # noqa: N806 - as above
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        base = clone(self.estimator)
        seed = None if self.random_state is None else int(check_random_state(self.random_state).randint(2**31 - 1))
        found = self._searched(base, X, y, 0 if seed is None else seed)
        splits = self._split(X, y, routed.splitter.split, found)
        steps = None if self.steps is None else Steps.of(self.steps, base, y, _names(found.space))
        limits = self._limits(found, steps, splits)
        cells = Cells(len(splits), self.refit if isinstance(self.refit, str) else None)
        metric, engine = self._metric(scorers), self._engine(found, limits)
        weights = {key: params[key] for key in ("sample_weight",) if params.get(key) is not None}
        if self.verbose and limits.candidates:
            most = "at most " if limits.race or steps is not None or limits.fits or limits.seconds else ""
            n = limits.candidates
            print(f"Fitting {len(splits)} folds for each of {n} candidates, totalling {most}{n * len(splits)} fits")
        n_runs = (limits.candidates or 0) * len(splits) if steps is None else 0  # of steps nobody knows how many
        hooks = Hooks(self, X, y, weights or None, n_runs or None)
        study = opened(
            found.space, metric, len(splits), engine, self.store, self.name, seed, race=limits.race, fidelity=self.steps
        )
        with study if self.store is not None else nullcontext():
            record = Record(study, metric, len(splits), trains=self.return_train_score)
            if self.store is not None:
                record.require_same(fingerprint(splits, y, base))
            workers = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch, return_as="generator")
            with hooks.search(), workers as parallel:
                runner = _Runner(self, parallel, base, X, y, splits, scorers, routed, cells, limits, steps, hooks)
                go_on(record, found, cells, runner, limits)
        self._study = None if self.store is not None else study
        self._conclude(cells, refit_metric, steps)
        if self.refit:
            self._refit(base, X, y, routed.estimator.fit, hooks, steps)
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.n_splits_ = len(splits)
        self.n_fits_ = cells.n_run
        hooks.end()
        return self

    def _split(self, x: Any, y: Any, split_params: Mapping[str, Any], found: Searched) -> Splits:
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        races = self.race != "auto" and bool(self.race) and self.steps is None
        if self.reshuffle == "auto":  # a grid is compared with GridSearchCV's, and folds race that were told to
            is_grid = self.optimizer == "grid" or isinstance(self.optimizer, Grid)
            n = self._candidates(found)
            if n is None and isinstance(self.budget, numbers.Integral):
                n = int(self.budget) // (FEWEST_TO_RACE - 1)
            reshuffle = False if is_grid or races or n is None or n < MANY else "auto"
        else:
            reshuffle = bool(self.reshuffle)
        if reshuffle is True and races:
            raise ProblemError(
                "a race compares candidates on the same splits, and with reshuffle=True each has its own: leave out "
                "one of race=True and reshuffle=True."
            )
        return Splits(cv, (x, y), split_params, reshuffle)

    def _searched(self, base: Any, x: Any, y: Any, seed: int) -> Searched:
        ways = [given for given in (self.space, self.param_distributions, self.param_grid) if given is not None]
        if len(ways) > 1:
            raise SpaceError("say what to search with one of space=, param_distributions=, param_grid=; got several.")
        ways = ways or [tt.spaces.of(base, x, y)]
        ordered = self.optimizer not in MODEL_FREE  # the order of a list is then that of its candidates
        return searched(ways[0], choices=self.choices, now=base.get_params(), ordered=ordered, seed=seed)

    def _engine(self, found: Searched, limits: Limits) -> Any:
        if self.optimizer == "random" and found.is_finite:  # none twice, and in order where all are to be tried
            return Grid(shuffle=limits.candidates != found.space.n_configurations)
        return self.optimizer

    def _metric(self, scorers: Any) -> str:
        """Return the name of the score that is optimized, as the study has it."""
        if isinstance(self.refit, str):
            return self.refit
        return str(next(iter(scorers._scorers))) if hasattr(scorers, "_scorers") else "score"

    def _candidates(self, found: Searched) -> int | None:
        """Return how many candidates there are to be at most; None where nothing says so."""
        n, n_all = self.n_iter, found.space.n_configurations
        if n is None and self.budget is None and self.optimizer != "grid":
            n = USUAL
        if n is not None and n_all is not None and found.is_finite:
            n = min(n, n_all)
        if isinstance(self.budget, tt.Budget):
            n = self.budget.trials if n is None else min(n, self.budget.trials or n)
        return n

    def _limits(self, found: Searched, steps: Steps | None, splits: Splits) -> Limits:
        return Limits(
            candidates=self._candidates(found),
            fits=None if self.budget is None or isinstance(self.budget, tt.Budget) else int(self.budget),
            seconds=_seconds_of(self.budget) if isinstance(self.budget, tt.Budget) else None,
            workers=effective_n_jobs(self.n_jobs),
            # what others reached at a step says whether a candidate goes on, so that few are asked for at once
            learns=self.optimizer not in MODEL_FREE or steps is not None,
            race=self._races(splits) and steps is None,
            keeps=self.store is not None,
            levels=() if steps is None else steps.levels,
        )

    def _races(self, splits: Splits) -> bool:
        if self.race == "auto":  # a function reads results that a race leaves gaps in
            pays = len(splits) >= FEWEST_TO_RACE and not splits.are_own
            return pays and bool(self.refit) and not callable(self.refit)
        return bool(self.race)

    def _conclude(self, cells: Cells, refit_metric: str, steps: Steps | None) -> None:
        """Make `cv_results_` and choose the best."""
        ran = cells.run()
        if not ran:
            raise ValueError("No fits were performed: the budget does not cover one candidate in all splits.")
        _warn_or_raise_about_fit_failures(ran, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(ran, self.error_score)
        first = ran[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        results = self._results(cells, steps)
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.cv_results_ = results

    def _results(self, cells: Cells, steps: Steps | None) -> dict[str, Any]:
        is_run = cells.is_run()
        is_whole: Bools = np.all(is_run, axis=1)
        if steps is not None:
            # a fit that failed ended its candidate, which is none that was stopped
            failed = np.isnan(cells.scores()).any(axis=1)
            is_whole = np.logical_and(is_whole, (cells.levels() == steps.levels[-1]) | failed)
        if is_whole.all():
            made: dict[str, Any] = self._format_results(cells.params, cells.n_splits, cells.filled())
        else:
            with warnings.catch_warnings():  # of nan, which says here that nothing was run
                warnings.filterwarnings("ignore", "One or more of the", UserWarning)
                made = self._format_results(cells.params, cells.n_splits, cells.filled())
            times = {name: np.array([cell[name] for cell in cells.filled()]).reshape(is_run.shape) for name in TIMES}
            made = with_races(made, is_run, is_whole, times)
        if steps is not None:
            made["n_resources"] = cells.levels()
        return made

    def _refit(
        self, base: Any, x: Any, y: Any, fit_params: Mapping[str, Any], hooks: Hooks, steps: Steps | None
    ) -> None:
        # parameters are cloned too, for they may be estimators
        if steps is None:
            best = clone(base).set_params(**clone(self.best_params_, safe=False))
        else:
            best = steps.whole(base, self.best_params_)
        with hooks.refit(best):
            began_at = time.time()
            best.fit(x, **fit_params) if y is None else best.fit(x, y, **fit_params)
            self.refit_time_ = time.time() - began_at
        self.best_estimator_ = best.model if isinstance(best, Passes) else best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    @property
    def study_(self) -> tt.Study:
        """The study of the last `fit`; from the store, where it was given one.

        Raises:
            StudyError: it was kept in memory, and this is a copy.
            AttributeError: nothing was fitted.
        """
        if not hasattr(self, "cv_results_"):
            raise AttributeError(f"this {type(self).__name__} has no study_ before it is fitted.")
        if self._study is None:
            if self.store is None:
                raise StudyError(
                    "the study of this search was kept in memory and did not come along with the copy; give the search "
                    'a store="sqlite:///trimtab.db".'
                )
            self._study = tt.load_study(self.store, self.name)
        return self._study

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_study"} | (
            {"_study": None} if "_study" in state else {}
        )


def _seconds_of(budget: tt.Budget) -> float | None:
    """Return for how long a budget lasts from now on; None for ever.

    Raises:
        SpaceError: it limits what a search does not count.
    """
    counted = ("trials", "hours", "deadline")
    for name in (one.name for one in fields(budget) if one.init and one.name not in counted):
        if getattr(budget, name) is not None:
            raise SpaceError(
                f"a search counts fits, candidates and time, and knows no {name}=: write budget=500, so many fits of "
                "one fold each, or tt.Budget(trials=..., hours=..., deadline=...)."
            )
    times = [3600 * budget.hours] if budget.hours is not None else []
    if budget.until is not None:
        times.append(max(0.0, budget.until - time.time()))
    return min(times, default=None)


class _Runner:
    """Runs cells: what `fit` knows of how, for the loop, which knows of none of it."""

    def __init__(
        self,
        search: TrimtabSearchCV,
        parallel: Any,
        base: Any,
        x: Any,
        y: Any,
        splits: Splits,
        scorers: Any,
        routed: Any,
        cells: Cells,
        limits: Limits,
        steps: Steps | None,
        hooks: Hooks,
    ) -> None:
        self._parallel, self._base, self._x, self._y, self._splits, self._cells = parallel, base, x, y, splits, cells
        self._n_candidates, self._steps, self._hooks = limits.candidates, steps, hooks
        self._drawn: tuple[int, Sequence[Split]] | None = None  # of the candidate that was begun last
        self._models: dict[tuple[int, int], Any] = {}  # of the candidates that are trained by steps now
        self._settings = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
            "return_train_score": search.return_train_score,
            "return_n_test_samples": True,
            "return_times": True,
            "return_parameters": False,
            "return_estimator": steps is not None,
            "error_score": search.error_score,
            "verbose": search.verbose,
        }
        if "caller" in _TAKES:
            self._settings["caller"] = search

    def __call__(self, todo: Sequence[tuple[int, int]], level: int | None) -> Iterator[Cell]:
        n_splits = len(self._splits)
        # made before the first is run: a search must not change while it is pickled for the workers
        told = [self._hooks.cell() for _ in todo]
        cells = self._parallel(
            delayed(_fit_and_score)(
                model,
                self._x,
                self._y,
                train=self._split(candidate, split)[0],
                test=self._split(candidate, split)[1],
                parameters=self._parameters(candidate, level, model),
                split_progress=(split, n_splits),
                candidate_progress=(candidate, self._n_candidates or len(self._cells)),
                **self._settings,
                **of_cell,
            )
            for (candidate, split), of_cell in zip(todo, told, strict=True)
            for model in (self._model(candidate, split),)
        )
        return iter(cells) if level is None else self._kept(todo, cells)

    def _split(self, candidate: int, split: int) -> Split:
        if self._drawn is None or self._drawn[0] != candidate:
            self._drawn = candidate, self._splits.of(self._cells.seeds[candidate])
        return self._drawn[1][split]

    def _model(self, candidate: int, split: int) -> Any:
        if self._steps is None:
            return clone(self._base)
        known = self._models.get((candidate, split))
        return self._steps.begun(self._base, self._cells.params[candidate]) if known is None else known

    def _parameters(self, candidate: int, level: int | None, model: Any) -> dict[str, Any]:
        if self._steps is None or level is None:
            return self._cells.params[candidate]
        return self._steps.at(level, model)

    def _kept(self, todo: Sequence[tuple[int, int]], cells: Iterator[Cell]) -> Iterator[Cell]:
        """Yield cells without their models, which are kept for the next step: those of these candidates alone."""
        models = {}
        for place, cell in zip(todo, cells, strict=True):
            models[place] = cell.pop("estimator")
            yield cell
        self._models = models


_TAKES: Final = frozenset(inspect.signature(_fit_and_score).parameters)
"""What this version of scikit-learn's takes."""


def _names(space: tt.Space) -> frozenset[str]:
    """Return what of the estimator is searched."""
    return frozenset(name.partition("@")[0] for name in space.names)
