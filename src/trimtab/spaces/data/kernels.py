"""Support vector machines with kernels, nearest neighbours, naive Bayes and discriminants of scikit-learn."""

from __future__ import annotations

from trimtab.spaces.entry import USELESS, Entry, Family, Hazard, one_of, real, steps, taken, whole
from trimtab.spaces.sizes import At

_SKLEARN = "scikit-learn"


def _svm(**c: object) -> tuple[Entry, ...]:
    return (
        real("C", 1e-2, 1e4, log=True, default=1.0, prior=0.25, priority=1, cost="more",
             says="The inverse of the penalty. Beyond 1e4 the solver takes for ever where classes overlap.",
             hazards=(Hazard("is refused", below=1e-300),
                      Hazard("may not end where classes overlap", how=USELESS, above=1e6)),
             interacts=("gamma: where one grows the other falls", "the scale of the features"),
             sources=("hsu2003", "probst2019", "vanrijn2018"), **c),
        real("gamma", At("max(1e-6, 0.001 / features)", 1e-5), At("min(10.0, 30.0 / features)", 10.0), log=True,
             default="scale", start=At("1 / features", 0.05), prior=0.2, priority=1,
             when={"kernel": ("rbf", "poly", "sigmoid")},
             says="How near two rows have to be to count as alike; the most tunable of all, by Probst et al. The "
             "default, 'scale', is 1 / (features * variance): 1 / features where they are scaled. Beyond some 30 / "
             "features each row is alike to itself alone.",
             hazards=(Hazard("is refused", below=0.0),
                      Hazard("makes all rows alike", how=USELESS, equal=(0, 0.0))),
             interacts=("C", "the scale of the features"),
             sources=("probst2019", "vanrijn2018", "hsu2003")),
        one_of("kernel", "rbf", "linear", "poly", default="rbf", prior=0.3, priority=2,
               says="rbf is rarely far from the best; linear pays where features are many. sigmoid is left out: for "
               "many of its settings it is no kernel, and where it is one, it is near to rbf.",
               sources=("hsu2003", "probst2019")),
        whole("degree", 2, 5, default=3, priority=4, when={"kernel": ("poly",)},
              says="Of the polynomial, and nothing else.", sources=("sklearn",)),
        real("coef0", 0.0, 1.0, default=0.0, start=1.0, prior=0.4, priority=4, when={"kernel": ("poly", "sigmoid")},
             says="The constant inside of polynomial and sigmoid. Above 0 a polynomial has its lower powers too; "
             "near it, nothing but its highest, which are next to nothing where gamma is small. Below, it is no "
             "kernel.",
             sources=("sklearn", "measured")),
        whole("max_iter", 10_000, 10_000_000, log=True, default=-1, start=At("max(100000, 10 * rows)", 100_000),
              held=True, priority=5, beyond=True,
              says="Held, and not tuned: without a bound, which is the default, a polynomial of large gamma and C did "
              "not end within a minute on 80 rows. What is any good has converged long before.",
              hazards=(Hazard("is refused", below=-1), Hazard("fits nothing", how=USELESS, equal=(0,))),
              sources=("sklearn", "measured")),
    )  # fmt: skip


_SVM_MISTAKES = (
    "C and gamma on linear scales: their best values lie decades apart from one data set to the next.",
    "degree without a condition on the kernel: it does nothing unless that is 'poly'.",
    "Features that are not scaled: one gamma does not suit all of them.",
    "max_iter left unbounded beside a polynomial kernel: a trial may not end.",
)
SVC = Family(
    name="svc",
    title="Support vector classification",
    package=_SKLEARN,
    module="sklearn.svm",
    classes=("SVC",),
    task="classification",
    about="C and gamma together, on logarithmic scales, on scaled features. Time grows faster than rows squared.",
    mistakes=_SVM_MISTAKES,
    essential=(("C",), ("gamma",)),
    entries=(
        *_svm(),
        one_of("class_weight", None, "balanced", default=None, says="For rare classes that count as much as others.",
               sources=("sklearn",)),
    ),
)  # fmt: skip
SVR = Family(
    name="svr",
    title="Support vector regression",
    package=_SKLEARN,
    module="sklearn.svm",
    classes=("SVR",),
    task="regression",
    about="C, gamma and epsilon together, on scaled features and a scaled target.",
    mistakes=(*_SVM_MISTAKES, "A target that is not scaled: epsilon and C are in its units."),
    essential=(("C",), ("gamma",)),
    entries=(
        *_svm(),
        real("epsilon", 1e-3, 1.0, log=True, default=0.1, prior=0.3, priority=2, cost="less",
             says="Residuals within it do not count; in the units of the target.",
             hazards=(Hazard("is refused", below=0.0),), interacts=("the scale of the target",),
             sources=("sklearn",)),
    ),
)  # fmt: skip

NEIGHBORS = Family(
    name="neighbors",
    title="Nearest neighbours",
    package=_SKLEARN,
    module="sklearn.neighbors",
    classes=("KNeighborsClassifier", "KNeighborsRegressor"),
    about="How many neighbours, first; by Probst et al. more than the default is often better. Scale the features.",
    mistakes=("More neighbours than there are rows in a fold: an error.", "Features that are not scaled."),
    essential=(("n_neighbors",),),
    entries=(
        whole("n_neighbors", 1, At("max(5, min(rows / 4, 100))", 50), log=True, default=5,
              start=At("max(5, min(sqrt(rows), 30))", 15), prior=0.3, priority=1,
              says="Few follow the noise, many blur it.",
              hazards=(Hazard("is refused", below=1),), sources=("probst2019", "measured")),
        one_of("weights", "uniform", "distance", default="uniform", start="distance", priority=2,
               says="distance lets near neighbours count more, so that more of them do no harm.",
               sources=("sklearn-guide",)),
        steps("p", 1, 2, default=2, priority=3,
              says="1 sums distances along the features, which suits many of them; 2 is Euclid's.",
              hazards=(Hazard("is refused", below=1e-300),), sources=("sklearn",)),
    ),
    also=(
        taken("metric", "p says it, of the usual ones.", "sklearn"),
        taken("algorithm", "A matter of speed: the neighbours are the same.", "sklearn-guide"),
        taken("leaf_size", "A matter of speed: the neighbours are the same.", "sklearn-guide",
              hazards=(Hazard("is refused", below=1),)),
    ),
)  # fmt: skip


def _smoothing(default: float = 1.0) -> Entry:
    return real("alpha", 1e-3, 1e1, log=True, default=default, prior=0.25, priority=1,
                says="Counts that are added to each, so that none is 0. Often better below its default.",
                hazards=(Hazard("gives probabilities of 0, and warnings", how=USELESS, equal=(0, 0.0)),
                         Hazard("is refused", below=0.0)),
                sources=("rennie2003", "sklearn-guide"))  # fmt: skip


GAUSSIAN_NB = Family(
    name="gaussian_nb",
    title="Gaussian naive Bayes",
    package=_SKLEARN,
    module="sklearn.naive_bayes",
    classes=("GaussianNB",),
    task="classification",
    about="Nothing but the smoothing of variances.",
    mistakes=("A linear scale: nine decades are worth trying.",),
    essential=(("var_smoothing",),),
    entries=(
        real("var_smoothing", 1e-11, 1.0, log=True, default=1e-9, prior=0.4, priority=1,
             says="The part of the largest variance that is added to each.",
             hazards=(Hazard("is refused", below=0.0),), sources=("sklearn",)),
    ),
)  # fmt: skip
COUNT_NB = Family(
    name="count_nb",
    title="Naive Bayes for counts and truths",
    package=_SKLEARN,
    module="sklearn.naive_bayes",
    classes=("MultinomialNB", "BernoulliNB"),
    task="classification",
    about="The smoothing, on a logarithmic scale.",
    mistakes=("Negative features: counts have none, and MultinomialNB refuses them.",),
    essential=(("alpha",),),
    entries=(
        _smoothing(),
        one_of("fit_prior", True, False, default=True, says="Whether rare classes are expected to be rare.",
               sources=("sklearn",)),
    ),
)  # fmt: skip
COMPLEMENT_NB = Family(
    name="complement_nb",
    title="Complement naive Bayes",
    package=_SKLEARN,
    module="sklearn.naive_bayes",
    classes=("ComplementNB",),
    task="classification",
    about="For texts in classes of unequal size; the smoothing matters.",
    mistakes=("Negative features: it refuses them.",),
    essential=(("alpha",),),
    entries=(
        _smoothing(),
        one_of("norm", False, True, default=False, says="Whether weights are normalized once more.",
               sources=("rennie2003",)),
    ),
)  # fmt: skip
LDA = Family(
    name="lda",
    title="Linear discriminant analysis",
    package=_SKLEARN,
    module="sklearn.discriminant_analysis",
    classes=("LinearDiscriminantAnalysis",),
    task="classification",
    about="Shrinkage, where rows are few for the features.",
    mistakes=("shrinkage with the solver 'svd', which has none: an error.",),
    essential=(("shrinkage",),),
    entries=(
        one_of("solver", "svd", "lsqr", default="svd", prior=0.7, priority=1,
               says="svd has no shrinkage, lsqr has.",
               sources=("sklearn-guide",)),
        real("shrinkage", 0.0, 1.0, default=None, start=0.1, priority=1, when={"solver": ("lsqr", "eigen")},
             says="How far covariances are drawn to their mean.",
             hazards=(Hazard("is refused", above=1.0), Hazard("is refused", below=0.0)),
             sources=("friedman1989", "sklearn-guide")),
    ),
)  # fmt: skip
QDA = Family(
    name="qda",
    title="Quadratic discriminant analysis",
    package=_SKLEARN,
    module="sklearn.discriminant_analysis",
    classes=("QuadraticDiscriminantAnalysis",),
    task="classification",
    about="The regularization, without which a class with fewer rows than features has no covariance.",
    mistakes=("reg_param held at 0 with few rows a class.",),
    essential=(("reg_param",),),
    entries=(
        real("reg_param", 1e-4, 1.0, log=True, default=0.0, start=1e-2, prior=0.4, priority=1, beyond=True,
             says="How far covariances are drawn to the identity.",
             hazards=(Hazard("is refused", above=1.0), Hazard("is refused", below=0.0),
                      Hazard("is refused, or warned of, where rows are few for the features", equal=(0, 0.0))),
             sources=("friedman1989", "sklearn")),
    ),
)  # fmt: skip

FAMILIES = (SVC, SVR, NEIGHBORS, GAUSSIAN_NB, COUNT_NB, COMPLEMENT_NB, LDA, QDA)
