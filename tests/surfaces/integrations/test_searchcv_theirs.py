"""scikit-learn's own tests of its searches, from the installed package, with ours in the place of theirs.

`GridSearchCV` is ours with optimizer="grid", `RandomizedSearchCV` ours with optimizer="random", neither with a race.
"""

from __future__ import annotations

import inspect

import pytest
from sklearn import model_selection
from sklearn.model_selection import _search

from trimtab.integrations.sklearn import TrimtabSearchCV

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("default")]

NOT_FOR_US = {
    "test_validate_parameter_input": "of ParameterGrid and ParameterSampler",
    "test_parameter_grid": "of ParameterGrid",
    "test_param_sampler": "of ParameterSampler",
    "test_parameters_sampler_replacement": "of ParameterSampler",
    "test_yield_masked_array_for_each_param": "of a function of scikit-learn",
    "test_yield_masked_array_no_runtime_warning": "of a function of scikit-learn",
    "test_custom_run_search": "of classes that write _run_search, and of the attributes of GridSearchCV alone",
    "test__custom_fit_no_run_search": "of classes that write fit",
    "test_grid_search_bad_param_grid": "wants the words of its errors; ours are SpaceErrors, which are ValueErrors",
    "test_empty_cv_iterator_error": "wants the words of its error",
    "test_random_search_bad_cv": "wants the words of its error",
    "test_search_default_iid[RandomizedSearchCV-specialized_params1]": "wants the draws of its own generator",
    "test_search_with_2d_array": "wants the draws of its own generator",
}


def _like(kind: type, **settings: object) -> type:
    """Return a class with the signature of `kind` that searches as ours does."""

    class Search(TrimtabSearchCV):
        def __init__(self, estimator, space, **given):
            super().__init__(estimator, **given, **{_space(kind): space}, **settings)

    source = "\n".join(
        [
            f"def __init__(self, estimator, {_space(kind)}, *, {_options(kind)}):",
            f"    super(Search, self).__init__(estimator, {_space(kind)}={_space(kind)}, {_passed(kind)}, **settings)",
        ]
    )
    names: dict[str, object] = {"Search": Search, "settings": settings, "nan": float("nan")}
    exec(source, names)
    Search.__init__ = names["__init__"]
    Search.__name__ = Search.__qualname__ = kind.__name__
    return Search


def _space(kind: type) -> str:
    return list(inspect.signature(kind).parameters)[1]


def _options(kind: type) -> str:
    return ", ".join(f"{name}={one.default!r}" for name, one in list(inspect.signature(kind).parameters.items())[2:])


def _passed(kind: type) -> str:
    return ", ".join(f"{name}={name}" for name in list(inspect.signature(kind).parameters)[2:])


def _theirs() -> dict[str, object]:
    """Return what their file of tests holds once it was read with our classes."""
    ours = {
        "GridSearchCV": _like(model_selection.GridSearchCV, optimizer="grid", race=False),
        "RandomizedSearchCV": _like(model_selection.RandomizedSearchCV, optimizer="random", race=False),
    }
    kept = {(module, name): getattr(module, name) for module in (model_selection, _search) for name in ours}
    try:
        for module, name in kept:
            setattr(module, name, ours[name])
        from sklearn.model_selection.tests import test_search

        return dict(vars(test_search))
    finally:
        for (module, name), value in kept.items():
            setattr(module, name, value)


globals().update({name: one for name, one in _theirs().items() if not name.startswith("__") and name not in globals()})


@pytest.fixture(autouse=True)
def _for_us(request):
    name = request.node.name
    if name in NOT_FOR_US or name.partition("[")[0] in NOT_FOR_US:
        pytest.skip(NOT_FOR_US.get(name) or NOT_FOR_US[name.partition("[")[0]])
