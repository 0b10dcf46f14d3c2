"""Linear models of scikit-learn."""

from __future__ import annotations

from trimtab.spaces.entry import CRASHES, SAME, USELESS, Entry, Family, Hazard, one_of, real

_SKLEARN = "scikit-learn"
_NOT_POSITIVE = Hazard("is refused", below=1e-300)
_NO_SHARE = (Hazard("is refused", above=1.0), Hazard("is refused", below=0.0))
_WEIGHT = one_of(
    "class_weight",
    None,
    "balanced",
    default=None,
    priority=3,
    only="classification",
    says="Balanced weights help where classes are rare and each counts the same; they hurt plain accuracy.",
    sources=("sklearn",),
)


def _inverse_strength(low: float = 1e-4, high: float = 1e4, **more: object) -> Entry:
    """Return C, which divides the penalty: small is strong."""
    return real(
        "C",
        low,
        high,
        log=True,
        default=1.0,
        prior=0.2,
        priority=1,
        cost="more",
        says="The inverse of the penalty: small is simple. Powers of ten matter, so search it on a logarithmic scale, "
        "on scaled features.",
        hazards=(_NOT_POSITIVE,),
        interacts=("the scale of the features",),
        sources=("hsu2003", "sklearn-guide"),
        **more,
    )


_L1_RATIO = "The part of the penalty that is L1: 1 selects features, 0 shrinks them all."
_ALPHA_LATE = "The strength of the penalty, relative to the scale of the target. Far too strong gives a constant."

LOGISTIC = Family(
    name="logistic",
    title="Logistic regression",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("LogisticRegression",),
    task="classification",
    about="C matters, and little else, once features are scaled. The solver is a matter of speed, not of quality.",
    mistakes=(
        "C on a linear scale: nine in ten points then lie in the last decade.",
        "Features that are not scaled: the solver does not converge, and one C does not suit all of them.",
        "Solver and penalty as free choices: most pairs are refused, and each failure costs a trial.",
    ),
    essential=(("C",),),
    entries=(
        _inverse_strength(),
        real(
            "l1_ratio",
            0.0,
            1.0,
            default=0.0,
            start=0.5,  # at 0 it is what lbfgs finds
            priority=3,
            when={"solver": ("saga",)},
            since="1.8",
            says=_L1_RATIO,
            sources=("zou2005", "sklearn"),
        ),
        one_of(
            "solver",
            "lbfgs",
            "saga",
            default="lbfgs",
            priority=3,
            since="1.8",
            says="lbfgs has the L2 penalty alone; saga has both, and takes longer to converge.",
            hazards=(
                Hazard("only liblinear and saga have an L1 penalty", given={"penalty": ("l1",)}, equal=("lbfgs",)),
                Hazard("only liblinear and saga have an L1 penalty", given={"penalty": ("l1",)}, equal=("newton-cg",)),
                Hazard("only saga has an elastic net", given={"penalty": ("elasticnet",)}, equal=("lbfgs",)),
                Hazard("only saga has an elastic net", given={"penalty": ("elasticnet",)}, equal=("liblinear",)),
            ),
            sources=("sklearn",),
        ),
        one_of(
            "penalty",
            "l2",
            default="l2",
            held=True,
            priority=5,
            until="1.8",
            says="From scikit-learn 1.8 on l1_ratio says it instead.",
            sources=("sklearn",),
        ),
        _WEIGHT,
    ),
)

LINEAR_SVC = Family(
    name="linear_svc",
    title="Linear support vector machines",
    package=_SKLEARN,
    module="sklearn.svm",
    classes=("LinearSVC",),
    task="classification",
    about="As logistic regression: scale the features and tune C. Large C takes many iterations.",
    mistakes=("C beyond 1000: the solver does not converge, and the result hardly differs.",),
    essential=(("C",),),
    entries=(
        _inverse_strength(1e-4, 1e2),
        one_of(
            "loss",
            "squared_hinge",
            "hinge",
            default="squared_hinge",
            prior=0.5,
            says="The hinge is the loss of textbooks, its square that which converges faster.",
            hazards=(Hazard("the hinge has no L1 penalty", given={"penalty": ("l1",)}, equal=("hinge",)),),
            sources=("sklearn",),
        ),
        _WEIGHT,
    ),
)

LINEAR_SVR = Family(
    name="linear_svr",
    title="Linear support vector regression",
    package=_SKLEARN,
    module="sklearn.svm",
    classes=("LinearSVR",),
    task="regression",
    about="C and epsilon are in the units of the target: scale it, or let them follow its spread.",
    mistakes=("epsilon beyond the spread of the target: no residual counts, and the model is a constant.",),
    essential=(("C",),),
    entries=(
        _inverse_strength(1e-3, 1e2),
        real(
            "epsilon",
            0.0,
            1.0,
            default=0.0,
            priority=2,
            says="Residuals within it do not count; in the units of the target.",
            interacts=("the scale of the target",),
            sources=("sklearn",),
        ),
        one_of(
            "loss",
            "epsilon_insensitive",
            "squared_epsilon_insensitive",
            default="epsilon_insensitive",
            says="The square weighs large residuals more.",
            sources=("sklearn",),
        ),
    ),
)


def _sgd_entries(task: str) -> tuple[Entry, ...]:
    losses = (
        ("hinge", "log_loss", "modified_huber")
        if task == "classification"
        else ("squared_error", "huber", "epsilon_insensitive")
    )
    is_classifier = task == "classification"
    rates = ("optimal", "invscaling", "adaptive")
    return (
        real(
            "alpha",
            1e-6,
            1.0,
            log=True,
            default=1e-4,
            start=1e-3 if is_classifier else SAME,  # what its loss wants is stronger: measured
            prior=0.3,
            priority=1,
            says="The penalty; with the rate 'optimal' it sets the learning rate too, so it has to be above 0.",
            hazards=(
                Hazard("is refused with learning_rate='optimal'", equal=(0.0, 0), how=CRASHES),
                Hazard("is refused", below=0.0),
            ),
            sources=("bottou2012", "sklearn-guide", "measured"),
        ),
        one_of("loss", *losses, default=losses[0], prior=0.5, priority=2, says="Which error counts how much.",
               sources=("sklearn",)),
        one_of("penalty", "l2", "l1", "elasticnet", default="l2", prior=0.5, priority=3,
               says="L1 selects features, L2 shrinks them all.", sources=("zou2005", "sklearn")),
        real("l1_ratio", 0.0, 1.0, default=0.15, priority=4, when={"penalty": ("elasticnet",)}, says=_L1_RATIO,
             hazards=_NO_SHARE, sources=("zou2005", "sklearn")),
        one_of(
            "learning_rate",
            *(rates if is_classifier else rates[1:]),
            default="optimal" if is_classifier else "invscaling",
            prior=0.7,
            priority=3,
            says="How the step shrinks. adaptive keeps it while the loss falls.",
            sources=("bottou2012", "sklearn-guide"),
        ),
        real(
            "eta0",
            1e-4,
            10.0 if is_classifier else 1.0,
            log=True,
            default=0.01,
            prior=0.3 if is_classifier else 0.25,
            priority=2,
            when={"learning_rate": ("invscaling", "adaptive")},
            says="The first step. Nothing with learning_rate='optimal'.",
            hazards=(Hazard("is refused", below=1e-300),
                     Hazard("overflows on features that are not scaled", how="diverges", above=10.0)),
            interacts=("the scale of the features",),
            sources=("bottou2012", "sklearn"),
        ),
        one_of("average", False, True, default=False, start=is_classifier, priority=2,
               says="Averages the weights over the steps, which steadies what a classifier ranks by.",
               sources=("bottou2012", "measured")),
        *((_WEIGHT,) if is_classifier else ()),
    )  # fmt: skip


SGD = Family(
    name="sgd",
    title="Linear models by stochastic gradient descent: classification",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("SGDClassifier",),
    task="classification",
    about="Scale the features; then alpha matters most, and the rate where it is not 'optimal'.",
    mistakes=("eta0 without a condition on learning_rate: with 'optimal' it does nothing.",),
    essential=(("alpha",),),
    entries=_sgd_entries("classification"),
)
SGD_REGRESSION = Family(
    name="sgd_regression",
    title="Linear models by stochastic gradient descent: regression",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("SGDRegressor",),
    task="regression",
    about="Scale features and target; then eta0 and alpha matter.",
    mistakes=("Features that are not scaled: the weights overflow.",),
    essential=(("alpha", "eta0"),),
    entries=_sgd_entries("regression"),
)


def _strength(default: float, low: float, high: float, **more: object) -> Entry:
    return real(
        "alpha",
        low,
        high,
        log=True,
        default=default,
        priority=1,
        says=_ALPHA_LATE,
        hazards=(Hazard("is refused", below=0.0),),
        interacts=("the scale of features and target",),
        sources=("zou2005", "sklearn-guide"),
        **more,
    )


RIDGE = Family(
    name="ridge",
    title="Ridge regression and classification",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("Ridge", "RidgeClassifier"),
    about="alpha alone. The error is flat around its best value and steep far below it.",
    mistakes=("alpha on a linear scale.",),
    essential=(("alpha",),),
    entries=(
        _strength(1.0, 1e-4, 1e4, prior=0.2),
        one_of("class_weight", None, "balanced", default=None, only="classification", says=_WEIGHT.says,
               sources=("sklearn",)),
    ),
)  # fmt: skip
LASSO = Family(
    name="lasso",
    title="Lasso",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("Lasso",),
    task="regression",
    about="alpha alone. Its default of 1 is often too strong: with a target of unit spread every weight is 0 there.",
    mistakes=(
        "alpha at 0: the solver warns and does not converge; use linear regression.",
        "A range that ends above what sets every weight to 0: everything beyond is the same constant.",
    ),
    essential=(("alpha",),),
    entries=(_strength(1.0, 1e-4, 1e1, start=1e-2, prior=0.25, beyond=True),),
)
ELASTIC_NET = Family(
    name="elastic_net",
    title="Elastic net",
    package=_SKLEARN,
    module="sklearn.linear_model",
    classes=("ElasticNet",),
    task="regression",
    about="alpha first, then the mixture. As with the lasso the default of alpha is often too strong.",
    mistakes=("l1_ratio near 0: slow to converge, and ridge regression is exact and fast.",),
    essential=(("alpha",),),
    entries=(
        _strength(1.0, 1e-4, 1e1, start=1e-2, prior=0.25, beyond=True),
        real("l1_ratio", 0.01, 1.0, default=0.5, priority=2, says=_L1_RATIO,
             hazards=(Hazard("is refused", above=1.0), Hazard("is refused", below=0.0),
                      Hazard("does not converge", how=USELESS, below=0.01)),
             sources=("zou2005", "sklearn")),
    ),
)  # fmt: skip

FAMILIES = (LOGISTIC, LINEAR_SVC, LINEAR_SVR, SGD, SGD_REGRESSION, RIDGE, LASSO, ELASTIC_NET)
