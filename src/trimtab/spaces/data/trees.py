"""Trees, forests and boosted trees of scikit-learn."""

from __future__ import annotations

from trimtab.spaces.entry import DIVERGES, USELESS, Entry, Family, Hazard, one_of, real, taken, whole
from trimtab.spaces.sizes import At

_SKLEARN = "scikit-learn"
_SHARE = (Hazard("is refused", below=1e-300),)
_AT_MOST_ALL = (*_SHARE, Hazard("is refused: as a real number it is a share", above=1.0))

LEAF = Hazard("is refused", below=1)
SPLIT = Hazard("is refused: a split needs two rows", below=2)


def leaf_size(default: int = 1, prior: float | None = 0.3, priority: int = 1) -> Entry:
    """Return the least number of rows in a leaf."""
    return whole("min_samples_leaf", 1, At("max(4, min(rows / 20, 100))", 50), log=True, default=default, prior=prior,
                 priority=priority, cost="less",
                 says="The least number of rows in a leaf: 1 fits the noise. What matters most in a forest, by van "
                 "Rijn "
                 "and Hutter.",
                 hazards=(LEAF,), aliases=("min_samples_per_leaf",), share=True,
                 sources=("vanrijn2018", "probst2019rf"))  # fmt: skip


def depth(
    low: int,
    high: int,
    default: int | None,
    start: int | At,
    *,
    prior: float | None = None,
    priority: int = 3,
    only: str | None = None,
) -> Entry:
    """Return the depth of a tree; None is said by one that no tree reaches."""
    return whole("max_depth", low, high, log=True, default=default, start=start, prior=prior, priority=priority,
                 cost="more", says="Deeper trees fit more, and more of the noise.", beyond=default is None, only=only,
                 hazards=(Hazard("is refused", equal=(0,)), Hazard("is refused", below=1)),
                 sources=("sklearn-guide",))  # fmt: skip


_SPLIT_SIZE = whole("min_samples_split", 2, At("max(4, min(rows / 10, 100))", 50), log=True, default=2, prior=0.3,
                    priority=3, cost="less", says="The least number of rows that are split further.", hazards=(SPLIT,),
                    share=True,
                    interacts=("min_samples_leaf, which does nearly the same",), sources=("sklearn",))  # fmt: skip
_CRITERION = one_of("criterion", "gini", "entropy", "log_loss", default="gini", priority=4, only="classification",
                    says="Hardly matters.", sources=("vanrijn2018",))  # fmt: skip
_BALANCED = one_of("class_weight", None, "balanced", default=None, only="classification", priority=4,
                   says="For rare classes that count as much as others.", sources=("sklearn",))  # fmt: skip

_NO_PART = Hazard("is refused", below=0.0)
_LEAVES = taken(
    "max_leaf_nodes",
    "Leaves, the best first; a limit of depth is none then.",
    "sklearn",
    hazards=(Hazard("is refused", below=2),),
)
_LESS = (
    taken("min_weight_fraction_leaf", "The size of leaves, by weights.", "sklearn",
          hazards=(_NO_PART, Hazard("is refused", above=0.5))),
    taken("min_impurity_decrease", "In the units of the impurity: pruning does the same.", "sklearn",
          hazards=(_NO_PART,)),
)  # fmt: skip


def _own_leaf(task: str, start: At, says: str) -> Entry:
    """Return the least number of rows in a leaf of a tree that stands alone."""
    return whole("min_samples_leaf", 1, At("max(4, min(rows / 4, 200))", 200), log=True, default=1, start=start,
                 prior=0.4, priority=1, cost="less", beyond=True, only=task,
                 says="The least number of rows in a leaf. 1, the default, fits the noise: one tree by itself wants "
                 f"more than those of a forest do. {says}",
                 hazards=(LEAF,), aliases=("min_samples_per_leaf",), share=True,
                 sources=("vanrijn2018", "measured"))  # fmt: skip


TREE = Family(
    name="tree",
    title="Decision trees",
    package=_SKLEARN,
    module="sklearn.tree",
    classes=("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
    about="How large the tree may grow: by leaf size, depth, or pruning; one of them is enough.",
    mistakes=("min_samples_split from 1: an error.", "Several limits of size at once: they do the same."),
    essential=(("min_samples_leaf", "max_depth", "ccp_alpha", "max_leaf_nodes", "min_samples_split"),),
    entries=(
        _own_leaf("classification", At("max(1, min(rows / 12, 20))", 20), "Probabilities of few rows are 0 or 1, and "
                  "logarithmic losses of those that are wrong have no bound: 20 rows and more."),
        _own_leaf("regression", At("max(1, min(rows / 30, 8))", 8), "A mean of some 8 rows is good enough."),
        depth(1, 30, None, At("max(3, log(rows) - 1)", 8), prior=0.5, priority=1, only="classification"),
        depth(1, 30, None, At("max(4, 2 * log(rows) - 1)", 16), prior=0.5, priority=1, only="regression"),
        _SPLIT_SIZE,
        real("ccp_alpha", 1e-6, 0.1, log=True, default=0.0, start=3e-3, prior=0.5, priority=2, beyond=True, cost="less",
             says="Prunes what is worth less; in the units of the impurity.",
             hazards=(Hazard("is refused", below=0.0),), sources=("sklearn-guide",)),
        _CRITERION,
        _BALANCED,
    ),
    also=(
        taken("max_features", "For forests: one tree by itself looks at all.", "sklearn", hazards=_SHARE),
        taken("splitter", "random is for ensembles.", "sklearn"),
        _LEAVES, *_LESS,
    ),
)  # fmt: skip


def _forest(*, bootstrap: bool) -> tuple[Entry, ...]:
    shares = real(
        "max_features", At("max(0.02, min(0.3, 1 / features))", 0.1), 1.0, log=True, default="sqrt",
        start=At("min(1.0, 1 / sqrt(features))", 0.3), prior=0.3, priority=1, cost="more", only="classification",
        says="The share of features that a split looks at. What is most worth tuning in a forest, by Probst et al.",
        hazards=_AT_MOST_ALL, share=True, beyond=True, sources=("probst2019", "probst2019rf", "breiman2001"),
    )  # fmt: skip
    for_numbers = real(
        "max_features", At("max(0.02, min(0.3, 1 / features))", 0.1), 1.0, log=True, default=1.0, prior=0.4, priority=1,
        cost="more", only="regression", says=shares.says, hazards=_AT_MOST_ALL, share=True, beyond=True,
        sources=shares.sources,
    )  # fmt: skip
    drawn = real(
        "max_samples", 0.2, 1.0, default=None, start=1.0, prior=0.5, priority=2, cost="more",
        says="The share of rows that a tree is grown on.", hazards=_AT_MOST_ALL, share=True,
        interacts=("min_samples_leaf",), sources=("probst2019rf",),
    )  # fmt: skip
    return (
        shares,
        for_numbers,
        leaf_size(),
        *((drawn,) if bootstrap else ()),
        whole("n_estimators", 50, At("max(100, min(500, 2e7 * budget_s / rows))", 500), log=True, default=100,
              prior=0.4, priority=3, cost="more", beyond=True,
              says="More trees never hurt but by their time: set it as high as can be paid, and tune the rest.",
              hazards=(Hazard("is refused", below=1),), sources=("probst2019rf",)),
        _SPLIT_SIZE,
        depth(2, 64, None, 64, priority=5),
        _CRITERION,
        _BALANCED,
    )  # fmt: skip


_FOREST_MISTAKES = (
    "n_estimators as what matters most: more trees are never worse, only slower.",
    "max_depth alone: what is worth tuning is max_features, and the size of leaves.",
)
_FOREST_ALSO = (
    taken("bootstrap", "Whether rows are drawn, or all are there; as the kind of forest has it.", "sklearn-guide"),
    taken("ccp_alpha", "Prunes; a forest wants its trees whole.", "sklearn-guide", hazards=(_NO_PART,)),
    _LEAVES,
    *_LESS,
)
FOREST = Family(
    name="forest",
    title="Random forests",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("RandomForestClassifier", "RandomForestRegressor"),
    about="Good as they are, and little to gain; of that little most comes from max_features and the size of leaves.",
    mistakes=_FOREST_MISTAKES,
    essential=(("max_features", "min_samples_leaf", "max_depth", "min_samples_split", "max_samples"),),
    entries=_forest(bootstrap=True),
    also=_FOREST_ALSO,
)
EXTRA_TREES = Family(
    name="extra_trees",
    title="Extremely randomized trees",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("ExtraTreesClassifier", "ExtraTreesRegressor"),
    about="As random forests, and faster; with many features that say nothing, a larger max_features pays.",
    mistakes=_FOREST_MISTAKES,
    essential=(("max_features", "min_samples_leaf", "max_depth", "min_samples_split"),),
    entries=tuple(entry for entry in _forest(bootstrap=False)),
    also=_FOREST_ALSO,
)

RATE_HAZARDS = (
    Hazard("learns nothing", how=USELESS, below=1e-300),
    Hazard("diverges: the loss grows from round to round", how=DIVERGES, above=1.0),
)
_RATE_SAYS = (
    "How much each round adds. Smaller is better as long as there are rounds enough: halve it, and twice as many are "
    "needed."
)


def rate(name: str, low: float, high: float, default: float, **more: object) -> Entry:
    """Return the learning rate of a boosting."""
    return real(name, low, high, log=True, default=default, priority=1, says=_RATE_SAYS, hazards=RATE_HAZARDS,
                **{"prior": 0.25, "interacts": ("the number of rounds",), **more})  # fmt: skip


def rounds(name: str, default: int, **more: object) -> Entry:
    """Return the number of rounds of a boosting."""
    return whole(name, 50, At("max(100, min(1000, 2e8 * budget_s / (rows * features)))", 500), log=True,
                 default=default,
                 beyond=True, cost="more",
                 says="With early stopping: as many as can be paid. Without: tune it with the rate.",
                 hazards=(Hazard("is refused", below=1),),
                 **{"prior": 0.3, "priority": 2, "interacts": ("the learning rate",), **more})  # fmt: skip


GRADIENT_BOOSTING = Family(
    name="gradient_boosting",
    title="Gradient boosting (GradientBoosting)",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("GradientBoostingClassifier", "GradientBoostingRegressor"),
    about="Rate and rounds together, then depth. Slow from some ten thousand rows on: HistGradientBoosting is not.",
    mistakes=(
        "The rate on a linear scale.",
        "Rounds without the rate, or the rate without rounds: each is best for a value of the other.",
        "subsample from 0: an error.",
    ),
    essential=(("learning_rate",),),
    entries=(
        rate("learning_rate", 0.01, 0.5, 0.1, sources=("friedman2001", "sklearn-guide")),
        rounds("n_estimators", 100, sources=("friedman2001", "sklearn-guide")),
        whole("max_depth", 1, 10, default=3, prior=0.25, priority=1, cost="more",
              says="How many features may act together.",
              hazards=(Hazard("is refused", below=1),), sources=("friedman2001", "vanrijn2018")),
        real("subsample", 0.3, 1.0, default=1.0, start=1.0, prior=0.5, priority=2, cost="more", beyond=True,
             says="The share of rows of each round; below 1 it is noise that helps.",
             hazards=_AT_MOST_ALL, sources=("friedman2002",)),
        leaf_size(1, prior=0.4, priority=2),
        real("max_features", At("max(0.02, min(0.3, 1 / features))", 0.1), 1.0, log=True, default=None, start=1.0,
             prior=0.5, cost="more", beyond=True, says="The share of features that a split looks at.",
             hazards=_AT_MOST_ALL, share=True, sources=("sklearn-guide",)),
    ),
    also=(
        taken("loss", "What is wanted of the model, and no matter of tuning.", "sklearn"),
        taken("criterion", "Hardly matters.", "sklearn"),
        _SPLIT_SIZE, _LEAVES, *_LESS,
    ),
)  # fmt: skip
HIST_GRADIENT_BOOSTING = Family(
    name="hist_gradient_boosting",
    title="Gradient boosting on histograms (HistGradientBoosting)",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    about="Rate and rounds, then the size of trees: leaves, and rows in them. Above 10,000 rows it stops early itself.",
    mistakes=(
        "The rate on a linear scale.",
        "More bins than 255: an error.",
        "l2_regularization on a linear scale: from nothing to 1 is where it acts.",
    ),
    essential=(("learning_rate",),),
    entries=(
        rate("learning_rate", 0.01, 0.5, 0.1, sources=("friedman2001", "sklearn-guide")),
        whole("max_leaf_nodes", 4, At("max(63, min(rows / 10, 255))", 128), log=True, default=31, prior=0.25,
              priority=1,
              cost="more", says="The size of a tree: what makes it fit more, and more of the noise.",
              hazards=(Hazard("is refused", below=2),), sources=("sklearn-guide", "ke2017")),
        rounds("max_iter", 100, sources=("friedman2001", "sklearn-guide")),
        whole("min_samples_leaf", 2, At("max(40, min(rows / 20, 200))", 100), log=True, default=20, prior=0.25,
              priority=2, cost="less", says="The least number of rows in a leaf; 20 is much for some hundred rows.",
              hazards=(LEAF,), sources=("sklearn-guide",)),
        real("l2_regularization", 1e-6, 1e2, log=True, default=0.0, start=1e-6, prior=0.5, beyond=True,
             says="Draws the leaves to 0; 1e-6 is none.", hazards=(Hazard("is refused", below=0.0),),
             sources=("sklearn",)),
        real("max_features", At("max(0.1, min(0.3, 1 / features))", 0.2), 1.0, default=1.0, prior=0.5, since="1.4",
             beyond=True, says="The share of features that a split looks at.", hazards=_AT_MOST_ALL,
             sources=("sklearn",)),
        one_of("class_weight", None, "balanced", default=None, only="classification", priority=4, since="1.2",
               says="For rare classes that count as much as others.", sources=("sklearn",)),
    ),
    also=(
        taken("max_depth", "None is no limit; leaves are what a tree grows by.", "sklearn",
              hazards=(Hazard("is refused", below=1),)),
        taken("max_bins", "How finely numbers are split; fewer are faster, and hardly worse.", "sklearn",
              hazards=(Hazard("is refused", above=255), Hazard("is refused", below=2))),
        taken("loss", "What is wanted of the model, and no matter of tuning.", "sklearn"),
        taken("early_stopping", "Instead of tuning the rounds, where rows are many.", "sklearn-guide"),
    ),
)  # fmt: skip
ADABOOST = Family(
    name="adaboost",
    title="AdaBoost",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("AdaBoostClassifier", "AdaBoostRegressor"),
    about="The depth of the tree inside matters most, by van Rijn and Hutter (tune it as estimator__max_depth), "
    "then the "
    "rate.",
    mistakes=("The stump inside left as it is: deeper trees are what helps.",),
    essential=(("learning_rate",),),
    entries=(
        real("learning_rate", 0.01, 2.0, log=True, default=1.0, prior=0.3, priority=1, says=_RATE_SAYS,
             interacts=("n_estimators",), hazards=(Hazard("is refused", below=1e-300),),
             sources=("vanrijn2018",)),
        whole("n_estimators", 25, At("max(100, min(500, 2e7 * budget_s / rows))", 500), log=True, default=50,
              prior=0.3, priority=2, cost="more", beyond=True,
              says="Rounds.", interacts=("learning_rate",), hazards=(Hazard("is refused", below=1),),
              sources=("vanrijn2018",)),
    ),
)  # fmt: skip
BAGGING = Family(
    name="bagging",
    title="Bagging",
    package=_SKLEARN,
    module="sklearn.ensemble",
    classes=("BaggingClassifier", "BaggingRegressor"),
    about="How different the models are: by rows, by features.",
    mistakes=("The model inside left as it is.",),
    entries=(
        real("max_features", 0.2, 1.0, default=1.0, prior=0.5, priority=2, hazards=_AT_MOST_ALL, share=True,
             says="The share of features of each model.", sources=("sklearn-guide",)),
        whole("n_estimators", 10, At("max(50, min(200, 2e7 * budget_s / rows))", 200), log=True, default=10,
              priority=3, cost="more", beyond=True,
              says="More never hurt but by their time.", hazards=(Hazard("is refused", below=1),),
              sources=("sklearn-guide",)),
    ),
)  # fmt: skip

FAMILIES = (TREE, FOREST, EXTRA_TREES, GRADIENT_BOOSTING, HIST_GRADIENT_BOOSTING, ADABOOST, BAGGING)
