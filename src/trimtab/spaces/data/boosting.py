"""XGBoost, LightGBM and CatBoost, by the names of their scikit-learn interfaces and those of their own."""

from __future__ import annotations

from trimtab.spaces.data.trees import rate, rounds
from trimtab.spaces.entry import CRASHES, USELESS, Entry, Family, Hazard, real, taken, whole
from trimtab.spaces.sizes import At

_NEGATIVE = Hazard("is refused", below=0.0)


def _share(name: str, says: str, **more: object) -> Entry:
    return real(name, 0.4, 1.0, default=1.0, prior=0.4, cost="more", beyond=True, says=says,
                hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0)),
                **more)  # fmt: skip


def _penalty(name: str, default: float, says: str, **more: object) -> Entry:
    start = default or 1e-3
    return real(name, 1e-3, 1e2, log=True, default=default, start=start, prior=0.4, says=says, hazards=(_NEGATIVE,),
                beyond=True, **more)  # fmt: skip


XGBOOST = Family(
    name="xgboost",
    title="XGBoost",
    package="xgboost",
    module="xgboost",
    classes=("XGBClassifier", "XGBRegressor", "XGBRanker"),
    about="The rate with the rounds, then depth and the weight of leaves, then the shares of rows and columns. The "
    "default rate of 0.3 is large: most data want a third of it, and more rounds.",
    mistakes=(
        "The rate on a linear scale.",
        "Depths of 12 and more: slow, and rarely better.",
        "subsample or colsample_bytree from 0: an error.",
        "gamma, lambda and alpha all at once on linear scales from 0: three words for one thing.",
    ),
    essential=(("learning_rate",),),
    entries=(
        rate("learning_rate", 0.01, 0.5, 0.3, start=0.1, prior=0.2, aliases=("eta",), beyond=True,
             sources=("probst2019", "xgboost-parameters", "flaml")),
        whole("max_depth", 2, 10, default=6, prior=0.25, priority=1, cost="more",
              says="How many features may act together. Time and memory double with each level.",
              hazards=(Hazard("runs out of memory", above=30), _NEGATIVE), interacts=("min_child_weight",),
              sources=("xgboost-parameters", "probst2019")),
        rounds("n_estimators", 100, aliases=("num_boost_round", "nrounds", "num_round"),
               sources=("probst2019", "xgboost-parameters")),
        real("min_child_weight", 0.1, At("max(10.0, min(rows / 20, 100.0))", 30.0), log=True, default=1.0, prior=0.25,
             priority=2, cost="less", says="The least weight of a leaf: of a regression the number of rows in it.",
             hazards=(_NEGATIVE,), interacts=("max_depth",), sources=("xgboost-parameters", "flaml")),
        _share("subsample", "The share of rows of each round.", priority=2, aliases=("bagging_fraction",),
               sources=("probst2019", "xgboost-parameters")),
        _share("colsample_bytree", "The share of features of each tree.", priority=2,
               sources=("probst2019", "xgboost-parameters")),
        _penalty("reg_lambda", 1.0, "Draws the leaves to 0.", aliases=("lambda", "l2"), sources=("xgboost-parameters",
        )),
        _penalty("reg_alpha", 0.0, "Sets small leaves to 0; 0.001 is next to nothing.", priority=4,
                 aliases=("alpha", "l1"), sources=("xgboost-parameters",)),
        _penalty("gamma", 0.0, "The gain that a split has to bring, in the units of the loss.", priority=4,
                 aliases=("min_split_loss",), sources=("xgboost-parameters",)),
    ),
    also=(
        *(taken(name, f"The share of features of each {of}.", "xgboost-parameters",
                hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0)))
          for name, of in (("colsample_bylevel", "level"), ("colsample_bynode", "split"))),
        taken("max_leaves", "0 is no limit.", "xgboost-parameters", hazards=(_NEGATIVE,)),
        taken("grow_policy", "lossguide grows leaf by leaf, as LightGBM does.", "xgboost-parameters"),
        taken("max_delta_step", "For classes that are very unequal.", "xgboost-parameters", hazards=(_NEGATIVE,)),
        taken("scale_pos_weight", "For rare classes that count as much as others.", "xgboost-parameters",
              hazards=(_NEGATIVE,)),
        taken("max_bin", "How finely numbers are split.", "xgboost-parameters",
              hazards=(Hazard("is refused", below=2),)),
        taken("tree_method", "hist is fast, and as good.", "xgboost-parameters"),
        taken("booster", "gbtree, or dart, which is slow.", "xgboost-parameters"),
    ),
)  # fmt: skip

XGBOOST_FOREST = Family(
    name="xgboost_forest",
    title="Random forests of XGBoost",
    package="xgboost",
    module="xgboost",
    classes=("XGBRFClassifier", "XGBRFRegressor"),
    about="One round of many trees, whose rate is 1: what is worth tuning is their size, and what each sees.",
    mistakes=("The rate tuned: there is one round.",),
    essential=(("max_depth", "colsample_bynode", "min_child_weight", "subsample"),),
    entries=(
        whole("max_depth", 2, 16, default=6, prior=0.3, priority=1, cost="more", says="Forests want deeper trees than "
              "boosting does.", hazards=(Hazard("runs out of memory", above=30), _NEGATIVE),
              sources=("xgboost-parameters", "probst2019rf")),
        real("colsample_bynode", 0.2, 1.0, default=0.8, prior=0.4, priority=1, cost="more",
             says="The share of features that a split looks at.",
             hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0)),
             sources=("xgboost-parameters", "probst2019rf")),
        real("subsample", 0.3, 1.0, default=0.8, prior=0.4, priority=2, cost="more",
             says="The share of rows that a tree is grown on.",
             hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0)),
             sources=("xgboost-parameters", "probst2019rf")),
        real("min_child_weight", 0.1, At("max(10.0, min(rows / 20, 100.0))", 30.0), log=True, default=1.0, prior=0.3,
             priority=2, cost="less", says="The least weight of a leaf.", hazards=(_NEGATIVE,),
             sources=("xgboost-parameters",)),
    ),
)  # fmt: skip

LIGHTGBM = Family(
    name="lightgbm",
    title="LightGBM",
    package="lightgbm",
    module="lightgbm",
    classes=("LGBMClassifier", "LGBMRegressor", "LGBMRanker"),
    about="The rate with the rounds, then the number of leaves and the rows in each; those two together keep a tree "
    "that "
    "grows leaf by leaf from fitting the noise.",
    mistakes=(
        "subsample without subsample_freq: no row is left out, whatever it says.",
        "max_depth tuned, and num_leaves left: it is the leaves that a tree grows by.",
        "The rate on a linear scale.",
        "More than 131,072 leaves: an error.",
    ),
    essential=(("learning_rate",),),
    entries=(
        rate("learning_rate", 0.01, 0.5, 0.1, aliases=("eta", "shrinkage_rate"), sources=("lightgbm-tuning", "ke2017")),
        whole("num_leaves", 4, At("max(63, min(rows / 10, 255))", 128), log=True, default=31, prior=0.25, priority=1,
              cost="more", says="The size of a tree, and what it fits of the noise. Below 2 ** max_depth.",
              hazards=(Hazard("is refused", below=2), Hazard("is refused", above=131072)),
              interacts=("min_child_samples",), aliases=("max_leaves", "num_leaf", "max_leaf_nodes"),
              sources=("lightgbm-tuning",)),
        rounds("n_estimators", 100, aliases=("num_iterations", "num_boost_round", "num_trees", "n_iter"),
               sources=("lightgbm-tuning",)),
        whole("min_child_samples", 2, At("max(40, min(rows / 20, 200))", 100), log=True, default=20, prior=0.25,
              priority=2, cost="less", says="The least number of rows in a leaf; hundreds where rows are many.",
              hazards=(_NEGATIVE,), interacts=("num_leaves",), aliases=("min_data_in_leaf", "min_data"),
              sources=("lightgbm-tuning",)),
        _share("subsample", "The share of rows of a round; needs subsample_freq above 0.", priority=2,
               aliases=("bagging_fraction",), sources=("lightgbm-tuning",)),
        whole("subsample_freq", 0, 10, default=0, start=1, held=True, priority=5, aliases=("bagging_freq",),
              beyond=True,
              says="Held at 1: with its default of 0 subsample does nothing.", hazards=(
                  Hazard("makes subsample do nothing", how=USELESS, equal=(0,)),),
              sources=("lightgbm-tuning",)),
        _share("colsample_bytree", "The share of features of each tree.", priority=2, aliases=("feature_fraction",),
               sources=("lightgbm-tuning",)),
        _penalty("reg_lambda", 0.0, "Draws the leaves to 0; 0.001 is next to nothing.",
                 aliases=("lambda_l2", "l2_regularization"), sources=("lightgbm-tuning",)),
        _penalty("reg_alpha", 0.0, "Sets small leaves to 0; 0.001 is next to nothing.", priority=4,
                 aliases=("lambda_l1", "l1_regularization"), sources=("lightgbm-tuning",)),
    ),
    also=(
        taken("max_depth", "0 or less is no limit; leaves are what a tree grows by.", "lightgbm-tuning"),
        taken("min_split_gain", "The gain that a split has to bring.", "lightgbm-tuning", hazards=(_NEGATIVE,),
              aliases=("min_gain_to_split",)),
        taken("min_child_weight", "The least weight of a leaf; min_child_samples says it in rows.", "lightgbm-tuning",
              hazards=(_NEGATIVE,), aliases=("min_sum_hessian_in_leaf",)),
        taken("max_bin", "How finely numbers are split.", "lightgbm-tuning", hazards=(Hazard("is refused", below=2),)),
        taken("path_smooth", "Draws small leaves to the nodes above them.", "lightgbm-tuning", hazards=(_NEGATIVE,)),
        taken("scale_pos_weight", "For rare classes that count as much as others.", "lightgbm-tuning",
              hazards=(Hazard("is refused", below=1e-300),)),
        taken("boosting_type", "gbdt; dart is slow, and goss is for many rows.", "lightgbm-tuning",
              aliases=("boosting",)),
        taken("feature_fraction_bynode", "The share of features of each split.", "lightgbm-tuning",
              hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0))),
        taken("extra_trees", "Splits at random, of which there are fewer to fit the noise by.", "lightgbm-tuning"),
        taken("cat_smooth", "Of categories: how far rare ones are drawn to the mean.", "lightgbm-tuning",
              hazards=(_NEGATIVE,)),
        taken("cat_l2", "Of categories: a penalty.", "lightgbm-tuning", hazards=(_NEGATIVE,)),
    ),
)  # fmt: skip

CATBOOST = Family(
    name="catboost",
    title="CatBoost",
    package="catboost",
    module="catboost",
    classes=("CatBoostClassifier", "CatBoostRegressor"),
    about="Good as it is. The rate with the rounds, then depth and l2_leaf_reg.",
    mistakes=(
        "Depths above 16: an error; above 10: slow, and rarely better.",
        "One-hot columns: it takes categories as they are, and does better with them.",
        "Two names of one parameter at once, as depth and max_depth: an error.",
    ),
    essential=(("learning_rate", "depth"),),
    entries=(
        rate("learning_rate", 0.01, 0.3, None, start=0.05, aliases=("eta",), beyond=True,  # type: ignore[arg-type]
             sources=("catboost-tuning", "prokhorenkova2018")),
        whole("depth", 4, 10, default=6, start=6, prior=0.25, priority=1, cost="more", aliases=("max_depth",),
              says="From 6 to 10 is what its authors advise; the time doubles with each level.",
              hazards=(Hazard("is refused", above=16),), sources=("catboost-tuning",)),
        rounds("iterations", 1000, start=500, aliases=("n_estimators", "num_boost_round", "num_trees"),
               sources=("catboost-tuning",)),
        real("l2_leaf_reg", 0.1, 30.0, log=True, default=3.0, start=3.0, prior=0.3, priority=2,
             aliases=("reg_lambda",), says="Draws the leaves to 0.", hazards=(_NEGATIVE,),
             sources=("catboost-tuning",)),
        real("random_strength", 0.1, 10.0, log=True, default=1.0, start=1.0, prior=0.4, says="Noise in the scores of "
             "splits, which keeps them from fitting that of the data.", hazards=(_NEGATIVE,),
             sources=("catboost-tuning",)),
        real("bagging_temperature", 0.0, 3.0, default=1.0, start=1.0, prior=0.4, priority=3,
             says="How unequal the weights of rows are drawn; of the Bayesian bootstrap alone.",
             hazards=(_NEGATIVE, Hazard("is refused: other bootstraps have none", how=CRASHES,
                                        given={"bootstrap_type": ("Bernoulli", "MVS", "Poisson", "No")})),
             sources=("catboost-tuning",)),
        whole("border_count", 32, 254, log=True, default=254, start=254, priority=4, cost="more", aliases=("max_bin",),
              says="How finely numbers are split.",
              hazards=(Hazard("is refused", above=65535), Hazard("is refused", below=1)),
              sources=("catboost-tuning",)),
    ),
    also=(
        taken("bootstrap_type", "How rows are drawn, or weighed.", "catboost-tuning"),
        taken("subsample", "The share of rows; of Bernoulli, MVS and Poisson alone.", "catboost-tuning",
              hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0),
                       Hazard("is refused: the Bayesian bootstrap has none", given={"bootstrap_type": ("Bayesian",)})),
              aliases=("bagging_fraction",)),
        taken("colsample_bylevel", "The share of features of each split.", "catboost-tuning",
              hazards=(Hazard("is refused", below=1e-300), Hazard("is refused", above=1.0)), aliases=("rsm",)),
        taken("min_data_in_leaf", "Of trees that are not symmetric alone.", "catboost-tuning"),
        taken("max_leaves", "Of the policy Lossguide alone.", "catboost-tuning"),
        taken("grow_policy", "SymmetricTree is fast, and harder to overfit.", "catboost-tuning"),
        taken("one_hot_max_size", "Categories of so few values become columns.", "catboost-tuning"),
        taken("leaf_estimation_iterations", "Steps within a leaf.", "catboost-tuning",
              hazards=(Hazard("is refused", below=1),)),
        taken("scale_pos_weight", "For rare classes that count as much as others.", "catboost-tuning",
              hazards=(_NEGATIVE,)),
    ),
)  # fmt: skip

FAMILIES = (XGBOOST, XGBOOST_FOREST, LIGHTGBM, CATBOOST)
