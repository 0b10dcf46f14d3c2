"""What comes before a model in scikit-learn: texts, scales, projections, selection, gaps; and its MLP."""

from __future__ import annotations

from trimtab.spaces.entry import DIVERGES, USELESS, Entry, Family, Hazard, one_of, real, steps, taken, whole
from trimtab.spaces.sizes import At

_SKLEARN = "scikit-learn"
_TRUTH = (False, True)

MLP = Family(
    name="mlp",
    title="Multi-layer perceptron of scikit-learn",
    package=_SKLEARN,
    module="sklearn.neural_network",
    classes=("MLPClassifier", "MLPRegressor"),
    about="The learning rate first, then the width; features have to be scaled. One hidden layer is searched: to "
    "search "
    "several, which are a tuple and so no choice, write a function.",
    mistakes=(
        "Features that are not scaled.",
        "The rate, or alpha, on a linear scale.",
        "Two solvers at once: lbfgs has neither rate nor batches.",
    ),
    essential=(("learning_rate_init",),),
    entries=(
        real("learning_rate_init", 1e-4, 1e-1, log=True, default=1e-3, prior=0.25, priority=1,
             says="The step of Adam or SGD.",
             hazards=(Hazard("is refused", below=1e-300), Hazard("diverges: the loss grows", how=DIVERGES, above=1.0)),
             interacts=("batch_size",), sources=("bengio2012", "kingma2015")),
        whole("hidden_layer_sizes", 8, 512, log=True, default=(100,), start=100, prior=0.3, priority=1, cost="more",
              says="The width of the hidden layer.", hazards=(Hazard("is refused", below=1),),
              sources=("bengio2012",)),
        real("alpha", 1e-7, 1e1, log=True, default=1e-4, prior=0.3, priority=2, says="The L2 penalty.",
             hazards=(Hazard("is refused", below=0.0),), sources=("sklearn-guide",)),
        steps("batch_size", 16, 32, 64, 128, 256, default="auto", start=128, priority=2, cost="less",
              says="The default is 200, or all rows if there are fewer.",
              hazards=(Hazard("is refused", below=1),), interacts=("learning_rate_init",),
              sources=("bengio2012",)),
        one_of("activation", "relu", "tanh", default="relu", prior=0.6, priority=3, says="Hardly matters in one layer.",
               sources=("sklearn",)),
        one_of("early_stopping", *_TRUTH, default=False, priority=3,
               says="Holds a tenth of the rows back to stop by: good with many, bad with few.",
               sources=("sklearn-guide",)),
        real("beta_1", 0.8, 0.99, default=0.9, priority=4, says="Momentum of Adam.",
             hazards=(Hazard("is refused", above=0.999999999),), sources=("kingma2015",)),
    ),
    also=(
        taken("solver", "adam; lbfgs, which has neither rate nor batches, where rows are few.", "sklearn-guide"),
        taken("beta_2", "How long squares of gradients are remembered.", "kingma2015",
              hazards=(Hazard("is refused", above=0.999999999),)),
        taken("epsilon", "Keeps steps finite.", "kingma2015", hazards=(Hazard("is refused", below=1e-300),)),
        taken("n_iter_no_change", "How patient it is before it ends.", "sklearn",
              hazards=(Hazard("is refused", below=1),)),
        taken("validation_fraction", "What is held back to stop by.", "sklearn",
              hazards=(Hazard("is refused", below=0.0), Hazard("is refused", above=0.999999999))),
    ),
)  # fmt: skip


def _documents(*more: Entry) -> tuple[Entry, ...]:
    return (
        steps("min_df", 1, 2, 3, 5, default=1, priority=1, cost="less",
              says="Words in fewer texts are left out.",
              hazards=(Hazard("leaves no word, where texts are few", how=USELESS, above=100),), sources=("sklearn",)),
        real("max_df", 0.5, 1.0, share=True, default=1.0, prior=0.5, priority=2, cost="more", beyond=True,
             says="Words in a larger share of the texts are left out.",
             hazards=(Hazard("leaves no word", below=1e-300),),
             sources=("sklearn",)),
        one_of("stop_words", None, "english", default=None, priority=3,
               says="For English alone, and not for everything: its list leaves out words such as 'system'.",
               sources=("sklearn-guide",)),
        *more,
    )  # fmt: skip


TFIDF = Family(
    name="tfidf",
    title="TF-IDF",
    package=_SKLEARN,
    module="sklearn.feature_extraction.text",
    classes=("TfidfVectorizer",),
    about="Which words, and whether their counts are damped. Pairs of words help most, and are ngram_range, a tuple "
    "and "
    "so no choice: set it by hand.",
    mistakes=("max_df as a whole number, which counts texts, in the same range as a share, which does not.",),
    widens=True,
    entries=_documents(
        one_of("sublinear_tf", *_TRUTH, default=False, priority=1, says="1 + log of counts, rather than counts.",
               sources=("salton1988",)),
        one_of("use_idf", True, False, default=True, prior=0.5, priority=2, says="Whether rare words weigh more.",
               sources=("salton1988",)),
        one_of("norm", "l2", "l1", default="l2", prior=0.4, priority=3, says="How long texts are made alike.",
               sources=("salton1988",)),
    ),
)  # fmt: skip
COUNTS = Family(
    name="counts",
    title="Counts of words",
    package=_SKLEARN,
    module="sklearn.feature_extraction.text",
    classes=("CountVectorizer",),
    about="Which words.",
    mistakes=TFIDF.mistakes,
    widens=True,
    entries=_documents(
        one_of("binary", *_TRUTH, default=False, priority=2, says="Whether a word is there, rather than how often.",
               sources=("sklearn",)),
    ),
)  # fmt: skip


def _buckets(high: int) -> Entry:
    powers = tuple(2**power for power in range(10, high + 1, 2))
    return steps("n_features", *powers, default=2**20, start=2 ** (high if high < 20 else 20), priority=1, cost="more",
                 says="How many columns; with few, words share one.",
                 hazards=(Hazard("is refused", below=1), Hazard("runs out of memory", above=2**26)),
                 sources=("weinberger2009",))  # fmt: skip


HASHING = Family(
    name="hashing",
    title="Feature hashing",
    package=_SKLEARN,
    module="sklearn.feature_extraction.text",
    classes=("HashingVectorizer", "FeatureHasher"),
    about="How many columns.",
    mistakes=("Sizes that are no power of two: features share columns unevenly.",),
    widens=True,
    essential=(("n_features",),),
    entries=(
        _buckets(20),
        one_of("alternate_sign", True, False, default=True, priority=3,
               says="Signs make collisions cancel; MultinomialNB and chi2 need counts, without.",
               sources=("weinberger2009",)),
    ),
)  # fmt: skip


def _simple(
    name: str,
    title: str,
    module: str,
    classes: tuple[str, ...],
    about: str,
    *entries: Entry,
    widens: bool = False,
    mistakes: tuple[str, ...] = (),
) -> Family:
    return Family(name=name, title=title, package=_SKLEARN, module=module, classes=classes, about=about,
                  entries=entries,
                  widens=widens, mistakes=mistakes)  # fmt: skip


SCALERS = _simple(
    "scalers", "Scalers without settings", "sklearn.preprocessing",
    ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "OrdinalEncoder"),
    "There is nothing to tune: which scaler it is matters more than its settings.",
)  # fmt: skip
ROBUST_SCALER = _simple(
    "robust_scaler", "Robust scaling", "sklearn.preprocessing", ("RobustScaler",),
    "Nothing that is worth a trial; the quantiles are a tuple, and so no choice.",
    one_of("with_centering", True, False, default=True, priority=4, says="False for sparse columns.",
           sources=("sklearn",)),
)  # fmt: skip
POWER = _simple(
    "power_transformer", "Power transformation", "sklearn.preprocessing", ("PowerTransformer",),
    "Its method 'box-cox' takes positive numbers alone, and is left out.",
    one_of("standardize", True, False, default=True, priority=4, says="False leaves the scale to what follows.",
           sources=("sklearn",)),
    mistakes=("method='box-cox' for features that can be 0: an error.",),
)  # fmt: skip
QUANTILES = _simple(
    "quantile_transformer", "Quantile transformation", "sklearn.preprocessing", ("QuantileTransformer",),
    "What comes out, first: uniform or normal.",
    one_of("output_distribution", "uniform", "normal", default="uniform", priority=2,
           says="normal suits linear models and networks.", sources=("sklearn-guide", "gorishniy2021")),
    steps("n_quantiles", 10, 30, 100, 300, 1000, default=1000, priority=3, cost="more", says="How finely. More than "
    "there are rows is as "
          "many as rows, with a warning.", hazards=(Hazard("is refused", below=1),), sources=("sklearn",)),
)  # fmt: skip
NORMALIZER = _simple(
    "normalizer", "Normalization of rows", "sklearn.preprocessing", ("Normalizer",), "Which length becomes 1.",
    one_of("norm", "l2", "l1", "max", default="l2", says="Which length becomes 1.", sources=("sklearn",)),
)  # fmt: skip
BINS = _simple(
    "bins", "Bins", "sklearn.preprocessing", ("KBinsDiscretizer",), "How many.",
    whole("n_bins", 2, 30, log=True, default=5, prior=0.3, priority=1, cost="more", says="How many.",
          hazards=(Hazard("is refused", below=2),), sources=("sklearn",)),
    one_of("strategy", "quantile", "uniform", default="quantile", prior=0.5, says="As many rows in each, or as wide.",
           sources=("sklearn",)),
    widens=True,
)  # fmt: skip
POLYNOMIAL = _simple(
    "polynomial", "Polynomial features", "sklearn.preprocessing", ("PolynomialFeatures",),
    "Columns grow as features ** degree: scale and penalize what follows.",
    whole("degree", 1, At("min(3, max(2, 20 / features))", 2), default=2, priority=2, cost="more",
          says="Of the products.", hazards=(Hazard("runs out of memory from some ten features on", above=5),
                                            Hazard("is refused", below=0)), sources=("sklearn",)),
    one_of("interaction_only", *_TRUTH, default=False, says="Without squares.", sources=("sklearn",)),
    widens=True,
    mistakes=("Degrees of 4 and more.",),
)  # fmt: skip
SPLINES = _simple(
    "splines", "Splines", "sklearn.preprocessing", ("SplineTransformer",), "How many knots.",
    whole("n_knots", 3, 20, log=True, default=5, prior=0.3, priority=1, cost="more", says="How finely a curve bends.",
          hazards=(Hazard("is refused", below=2),), sources=("sklearn-guide",)),
    whole("degree", 1, 3, default=3, says="Of the pieces.", hazards=(Hazard("is refused", below=0),),
          sources=("sklearn-guide",)),
    widens=True,
)  # fmt: skip
ONE_HOT = _simple(
    "one_hot", "One-hot columns", "sklearn.preprocessing", ("OneHotEncoder",),
    "Whether rare categories share a column. A category that a fold has not is an error unless handle_unknown says "
    "otherwise: set it by hand.",
    steps("min_frequency", 1, 2, 5, 10, 20, default=None, start=1, priority=3, since="1.1", cost="less",
          says="Rarer categories share a column; 1 is none.", sources=("sklearn-guide",)),
    widens=True,
    mistakes=("handle_unknown='error' in a cross-validation.",),
)  # fmt: skip
TARGET_ENCODER = _simple(
    "target_encoder", "Target encoding", "sklearn.preprocessing", ("TargetEncoder",), "How far rare categories are "
    "drawn to the mean.",
    real("smooth", 0.1, 100.0, log=True, default="auto", start=10.0, prior=0.4, priority=2,
         says="Rows that the mean counts as.", hazards=(Hazard("is refused", below=0.0),), sources=("sklearn",)),
)  # fmt: skip
PCA = _simple(
    "pca", "Principal components", "sklearn.decomposition", ("PCA",),
    "How many, said by the share of the variance that is kept, which suits any number of features.",
    real("n_components", 0.5, 0.999, share=True, default=None, start=0.99, prior=0.4, priority=1, cost="more",
         says="The share of the variance that is kept.",
         hazards=(Hazard("is refused: it keeps nothing", below=1e-300),
                  Hazard("is refused: there are no more components than rows or features", above=1e4)),
                  sources=("sklearn-guide",)),
    one_of("whiten", *_TRUTH, default=False, priority=3, says="Whether components are scaled; for kernels and "
                                                         "neighbours.",
           sources=("sklearn-guide",)),
    widens=True,
    mistakes=("More components than a fold has rows: an error.", "Features that are not scaled."),
)  # fmt: skip
SVD = _simple(
    "truncated_svd", "Truncated SVD", "sklearn.decomposition", ("TruncatedSVD",), "How many components.",
    whole("n_components", 2, At("max(2, min(features - 1, 200))", 100), log=True, default=2,
          start=At("max(2, min(features / 2, 50))", 50), prior=0.4, priority=1, cost="more", beyond=True,
          says="The default of 2 is for pictures; texts want a hundred.",
          hazards=(Hazard("is refused: there are no more than features", above=1e5), Hazard("is refused", below=1)),
          sources=("sklearn",)),
    widens=True,
)  # fmt: skip
SELECT_K = _simple(
    "select_k_best", "Selection of the k best", "sklearn.feature_selection", ("SelectKBest",), "How many.",
    whole("k", 1, At("max(1, features)", 30), log=True, default=10, start=At("max(1, min(features, 10))", 10),
          prior=0.5,
          priority=1, cost="more", says="How many features are kept.",
          hazards=(Hazard("is refused", below=0),
                   Hazard("keeps nothing, which what follows refuses", equal=(0,))), sources=("sklearn",)),
    widens=True,
)  # fmt: skip
SELECT_SHARE = _simple(
    "select_percentile", "Selection of a share", "sklearn.feature_selection", ("SelectPercentile",), "How many.",
    real("percentile", 1, 100, log=True, default=10, start=50.0, prior=0.4, priority=1, cost="more", beyond=True,
         says="How many of a hundred features are kept; the default of 10 is few for some dozen.",
         hazards=(Hazard("is refused", above=100),
                  Hazard("keeps nothing, which what follows refuses", below=1e-300)), sources=("sklearn",)),
    widens=True,
)  # fmt: skip
VARIANCE = _simple(
    "variance_threshold", "Selection by variance", "sklearn.feature_selection", ("VarianceThreshold",),
    "Nothing to tune without knowing the scales: the default leaves constants out.",
    widens=True,
    mistakes=("Thresholds above what scaled features have, which is 1: an error.",),
)  # fmt: skip
SELECT_FROM = _simple(
    "select_from_model", "Selection by a model", "sklearn.feature_selection", ("SelectFromModel",),
    "What the model inside thinks important; the threshold is relative to that.",
    one_of("threshold", None, "mean", "median", "0.5*mean", default=None, priority=2,
           says="None is the mean, and next to nothing with an L1 penalty.", sources=("sklearn",)),
    widens=True,
)  # fmt: skip
IMPUTER = _simple(
    "imputer", "Gaps", "sklearn.impute", ("SimpleImputer",),
    "Whether that a value is missing is told, which is often worth more than how it is filled.",
    one_of("strategy", "mean", "median", "most_frequent", default="mean", prior=0.6, priority=3,
           says="mean and median are for numbers alone.",
           hazards=(Hazard("is refused: texts have neither", equal=("mean", "median"), given={"columns": ("text",)}),),
           sources=("sklearn-guide",)),
    one_of("add_indicator", *_TRUTH, default=False, priority=2, says="A column more for each with gaps.",
           sources=("sklearn-guide",)),
    widens=True,
)  # fmt: skip
KNN_IMPUTER = _simple(
    "knn_imputer", "Gaps, by neighbours", "sklearn.impute", ("KNNImputer",), "How many neighbours. Scale first.",
    whole("n_neighbors", 1, 50, log=True, default=5, prior=0.3, priority=2, says="From so many rows.",
          hazards=(Hazard("is refused", below=1),), sources=("troyanskaya2001",)),
    one_of("weights", "uniform", "distance", default="uniform", says="Whether near ones count more.",
           sources=("troyanskaya2001",)),
)  # fmt: skip

FAMILIES = (
    MLP, TFIDF, COUNTS, HASHING, SCALERS, ROBUST_SCALER, POWER, QUANTILES, NORMALIZER, BINS, POLYNOMIAL, SPLINES,
    ONE_HOT, TARGET_ENCODER, PCA, SVD, SELECT_K, SELECT_SHARE, VARIANCE, SELECT_FROM, IMPUTER, KNN_IMPUTER,
)  # fmt: skip
