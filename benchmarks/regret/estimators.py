"""Models of scikit-learn with the parameters that are tuned, each on one of its own data sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from task import Params

from spaces import Parameter, integer, pick, real


@dataclass(frozen=True)
class Live:
    """One training.

    Attributes:
        data: the data set, and how many of its rows are used at most.
        loss: "error", "log", "brier" or "rmse".
        chance: the loss of what does not fit at all, for trainings that overflow.
        space: the parameters.
        model: (parameters, random state) -> estimator.
        seconds: parameters -> run-time.
    """

    data: tuple[str, int]
    loss: str
    chance: float
    space: tuple[Parameter, ...]
    model: Callable[[Params, int], Any]
    seconds: Callable[[Params], float]


SCALERS = pick("scaler", ["none", "standard", "minmax"], "none")


def _scaler(params: Params) -> Any:
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    return {"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}[params["scaler"]]


def _chain(*steps: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*steps)


def _svm(params: Params, state: int) -> Any:
    from sklearn.svm import SVC

    kernel = SVC(
        C=params["C"],
        gamma=params["gamma"],
        kernel=params["kernel"],
        coef0=params["coef0"],
        degree=params["degree"],
        random_state=state,
    )
    return _chain(_scaler(params), kernel)


def _forest(params: Params, state: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**params, random_state=state)


def _boosting(params: Params, state: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(**params, early_stopping=False, random_state=state)


def _mlp(params: Params, state: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    sizes = (params["units"],) * params["layers"]
    rest = {key: value for key, value in params.items() if key not in ("units", "layers", "scaler")}
    net = MLPClassifier(sizes, **rest, solver="sgd", max_iter=12, tol=0.0, random_state=state)
    return _chain(_scaler(params), net)


def _neighbours(params: Params, state: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier

    reduce = PCA(params["components"], whiten=params["whiten"], svd_solver="full", random_state=state)
    near = KNeighborsClassifier(params["neighbors"], weights=params["weights"], metric=params["metric"])
    return _chain(_scaler(params), reduce, near)


def _linear(params: Params, state: int) -> Any:
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import SGDClassifier

    keep = SelectKBest(k=params["features"])
    line = SGDClassifier(
        loss=params["loss"],
        penalty="elasticnet",
        alpha=params["alpha"],
        l1_ratio=params["l1_ratio"],
        learning_rate=params["schedule"],
        eta0=params["eta0"],
        power_t=0.5,
        average=params["average"],
        max_iter=20,
        tol=None,
        random_state=state,
    )
    return _chain(_scaler(params), keep, line)


def _pipeline(params: Params, state: int) -> Any:
    from sklearn.decomposition import PCA

    model = {"logistic": _logistic, "svm": _tree_svm, "forest": _tree_forest, "neighbors": _tree_neighbours}
    reduce = "passthrough"
    if params["reduce"] == "pca":
        reduce = PCA(params["components"], svd_solver="full", random_state=state)
    return _chain(_scaler(params), reduce, model[params["model"]](params, state))


def _logistic(params: Params, state: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    ratio = {"l1": 1.0, "l2": 0.0}[params["logistic_penalty"]]
    return LogisticRegression(C=params["logistic_C"], l1_ratio=ratio, solver="saga", max_iter=15, random_state=state)


def _tree_svm(params: Params, state: int) -> Any:
    from sklearn.svm import SVC

    named = {key.removeprefix("svm_"): value for key, value in params.items() if key.startswith("svm_")}
    return SVC(**named, random_state=state)


def _tree_forest(params: Params, state: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    named = {key.removeprefix("forest_"): value for key, value in params.items() if key.startswith("forest_")}
    return ExtraTreesClassifier(**named, random_state=state)


def _tree_neighbours(params: Params, state: int) -> Any:  # noqa: ARG001
    from sklearn.neighbors import KNeighborsClassifier

    named = {key.removeprefix("near_"): value for key, value in params.items() if key.startswith("near_")}
    return KNeighborsClassifier(**named)


LIVE: dict[str, Live] = {
    "sklearn/svm-digits": Live(
        ("digits", 700),
        "error",
        0.9,
        (
            SCALERS,
            real("C", 1e-2, 1e3, 1.0, log=True),
            real("gamma", 1e-5, 1.0, 1e-2, log=True),
            pick("kernel", ["rbf", "poly", "sigmoid"], "rbf"),
            real("coef0", 0.0, 2.0, 0.0),
            integer("degree", 2, 5, 3),
        ),
        _svm,
        lambda p: 5.0 + 20.0 / (1.0 + p["C"]),
    ),
    "sklearn/forest-breast_cancer": Live(
        ("breast_cancer", 569),
        "log",
        math.log(2),
        (
            integer("n_estimators", 3, 40, 20, log=True),
            integer("max_depth", 1, 20, 10),
            real("max_features", 0.03, 1.0, 0.18, log=True),
            integer("min_samples_leaf", 1, 30, 3, log=True),
            real("ccp_alpha", 1e-5, 0.1, 1e-3, log=True),
            pick("criterion", ["gini", "entropy"], "gini"),
            pick("bootstrap", [True, False], True),
        ),
        _forest,
        lambda p: p["n_estimators"] * (0.5 + 0.1 * p["max_depth"] * p["max_features"]),
    ),
    "sklearn/boosting-diabetes": Live(
        ("diabetes", 442),
        "rmse",
        80.0,
        (
            real("learning_rate", 5e-3, 1.0, 0.1, log=True),
            integer("max_iter", 5, 60, 30, log=True),
            integer("max_leaf_nodes", 2, 31, 15, log=True),
            integer("min_samples_leaf", 2, 80, 20, log=True),
            real("l2_regularization", 1e-4, 1e3, 1e-2, log=True),
            real("max_features", 0.1, 1.0, 1.0),
            integer("max_bins", 4, 255, 64, log=True),
        ),
        _boosting,
        lambda p: 1.0 + 0.03 * p["max_iter"] * p["max_leaf_nodes"],
    ),
    "sklearn/mlp-digits": Live(
        ("digits", 500),
        "error",
        0.9,
        (
            SCALERS,
            integer("units", 4, 64, 16, log=True),
            integer("layers", 1, 3, 1),
            pick("activation", ["relu", "tanh", "logistic"], "relu"),
            real("alpha", 1e-6, 10.0, 1e-4, log=True),
            integer("batch_size", 8, 128, 64, log=True),
            real("learning_rate_init", 1e-4, 1.0, 1e-3, log=True),
            real("momentum", 0.0, 0.99, 0.9),
        ),
        _mlp,
        lambda p: 200.0 / p["batch_size"] * p["layers"] * (1.0 + p["units"] / 64),
    ),
    "sklearn/knn-wine": Live(
        ("wine", 178),
        "brier",
        1.0,
        (
            SCALERS,
            integer("components", 1, 13, 7),
            pick("whiten", [False, True], False),
            integer("neighbors", 1, 60, 5, log=True),
            pick("weights", ["uniform", "distance"], "uniform"),
            pick("metric", ["manhattan", "euclidean", "chebyshev", "cosine"], "euclidean"),
        ),
        _neighbours,
        lambda p: 1.0 + 0.1 * p["components"],
    ),
    "sklearn/linear-breast_cancer": Live(
        ("breast_cancer", 569),
        "error",
        0.5,
        (
            SCALERS,
            integer("features", 2, 30, 15),
            pick("loss", ["hinge", "log_loss", "modified_huber", "squared_hinge"], "hinge"),
            real("alpha", 1e-6, 1.0, 1e-4, log=True),
            real("l1_ratio", 0.0, 1.0, 0.15),
            pick("schedule", ["constant", "invscaling", "adaptive"], "invscaling"),
            real("eta0", 1e-5, 1.0, 1e-2, log=True),
            pick("average", [False, True], False),
        ),
        _linear,
        lambda p: 2.0 + 0.1 * p["features"],
    ),
    "tree/pipeline-digits": Live(
        ("digits", 500),
        "error",
        0.9,
        (
            SCALERS,
            pick("reduce", ["none", "pca"], "none"),
            integer("components", 2, 60, 20, log=True, reduce="pca"),
            pick("model", ["logistic", "svm", "forest", "neighbors"], "logistic"),
            real("logistic_C", 1e-5, 1e3, 1.0, log=True, model="logistic"),
            pick("logistic_penalty", ["l1", "l2"], "l2", model="logistic"),
            real("svm_C", 1e-3, 1e3, 1.0, log=True, model="svm"),
            pick("svm_kernel", ["linear", "rbf", "poly"], "rbf", model="svm"),
            real("svm_gamma", 1e-6, 10.0, 1e-2, log=True, svm_kernel=["rbf", "poly"]),
            integer("svm_degree", 2, 5, 3, svm_kernel="poly"),
            integer("forest_n_estimators", 3, 30, 15, log=True, model="forest"),
            integer("forest_max_depth", 1, 20, 10, model="forest"),
            real("forest_max_features", 0.02, 1.0, 0.125, log=True, model="forest"),
            integer("near_n_neighbors", 1, 60, 5, log=True, model="neighbors"),
            pick("near_weights", ["uniform", "distance"], "uniform", model="neighbors"),
            pick("near_metric", ["manhattan", "euclidean", "chebyshev", "cosine"], "euclidean", model="neighbors"),
        ),
        _pipeline,
        lambda p: {"logistic": 20.0, "svm": 15.0, "forest": 10.0, "neighbors": 5.0}[p["model"]],
    ),
}
