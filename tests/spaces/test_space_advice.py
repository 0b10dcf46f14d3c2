"""Thirty spaces with a typical mistake each, which are told it, and thirty good ones, which are not bothered."""

from __future__ import annotations

import numpy as np
import pytest

import trimtab as tt
from trimtab.spaces.advice import found, remarks

F, I, C, O, given = tt.Float, tt.Int, tt.Categorical, tt.Ordinal, tt.given  # noqa: E741 - a space a line

MISTAKES: dict[str, tuple[tt.Space, str, str]] = {
    # linear where ratios matter
    "svc: C": (tt.Space(C=F(0.001, 1000), gamma=F(1e-4, 1, log=True)), "C", "linear"),
    "svc: gamma": (tt.Space(C=F(0.01, 100, log=True), gamma=F(0.0001, 10)), "gamma", "linear"),
    "network: lr": (tt.Space(lr=F(1e-5, 1e-1), batch_size=O([32, 64, 128])), "lr", "linear"),
    "network: lr from 0": (tt.Space(lr=F(0.0, 0.1), dropout=F(0, 0.5)), "lr", "linear"),
    "lr among strangers": (tt.Space(learning_rate=F(1e-4, 1e-1), beam=I(1, 8), alphabet=I(2, 9)), "learning_rate",
                           "linear"),
    "lightgbm: rate": (tt.Space(learning_rate=F(0.001, 0.3), num_leaves=I(8, 128, log=True)), "learning_rate",
                       "linear"),
    "xgboost: rate": (tt.Space(eta=F(0.01, 0.5), max_depth=I(3, 10), subsample=F(0.5, 1)), "eta", "linear"),
    "adamw: decay": (tt.Space(lr=F(1e-5, 1e-2, log=True), weight_decay=F(1e-5, 1e-1)), "weight_decay", "linear"),
    "mlp: rate": (tt.Space(learning_rate_init=F(1e-4, 0.1), hidden_layer_sizes=I(16, 256)), "learning_rate_init",
                  "linear"),
    "forest inside of a pipeline": (
        tt.Space(svc__C=F(0.01, 100), svc__gamma=F(1e-4, 1, log=True), pca__n_components=F(0.5, 0.99)), "svc__C",
        "linear"),
    # values that crash
    "tree: splits of one": (tt.Space(max_depth=I(2, 20), min_samples_split=I(1, 10)), "min_samples_split", "hazard"),
    "lightgbm: no rows": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), num_leaves=I(8, 64), subsample=F(0.0, 1.0)), "subsample",
        "hazard"),
    "xgboost: no columns": (
        tt.Space(eta=F(0.01, 0.3, log=True), max_depth=I(3, 8), colsample_bytree=F(0, 1)), "colsample_bytree",
        "hazard"),
    "lightgbm: leaves": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), num_leaves=I(8, 200_000, log=True)), "num_leaves", "hazard"),
    "catboost: depth": (tt.Space(learning_rate=F(0.01, 0.3, log=True), depth=I(4, 20), l2_leaf_reg=F(1, 10)), "depth",
                        "hazard"),
    "sgd: momentum of 1": (tt.Space(lr=F(1e-3, 1, log=True), momentum=F(0.5, 1.0)), "momentum", "hazard"),
    "adam: beta of 1": (tt.Space(lr=F(1e-5, 1e-2, log=True), beta_1=F(0.9, 0.99), beta_2=F(0.9, 1.0)), "beta_2",
                        "hazard"),
    "adam: rates that diverge": (tt.Space(lr=F(1e-5, 3.0, log=True), beta_1=F(0.8, 0.95), beta_2=F(0.9, 0.999)), "lr",
                                 "hazard"),
    "logistic: solver and penalty": (
        tt.Space(C=F(1e-3, 1e3, log=True), solver=C(["lbfgs", "saga"]), penalty=C(["l1", "l2"])), "solver", "hazard"),
    "elastic net: a mixture above 1": (tt.Space(alpha=F(1e-4, 1, log=True), l1_ratio=F(0.1, 2.0)), "l1_ratio",
                                       "hazard"),
    "forest: no features": (tt.Space(n_estimators=I(50, 300), max_features=F(0.0, 1.0), min_samples_leaf=I(1, 20)),
                            "max_features", "hazard"),
    # what does nothing
    "svc: degree": (tt.Space(C=F(0.01, 100, log=True), gamma=F(1e-4, 1, log=True), kernel=C(["rbf", "poly"]),
                             degree=I(2, 5)), "degree", "idle"),
    "network: momentum of Adam": (
        tt.Space(optimizer=C(["adam", "sgd"]), lr=F(1e-5, 0.1, log=True), momentum=F(0.5, 0.99)), "momentum", "idle"),
    "sgd: eta0": (tt.Space(alpha=F(1e-6, 1e-2, log=True), learning_rate=C(["optimal", "adaptive"]),
                           eta0=F(1e-3, 1, log=True), penalty=C(["l1", "l2"])), "eta0", "idle"),
    # the default outside
    "lightgbm: leaves far from the default": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), num_leaves=I(512, 4096, log=True), min_child_samples=I(5, 50)),
        "num_leaves", "default"),
    "svc: C far from the default": (tt.Space(C=F(50, 5000, log=True), gamma=F(1e-4, 1, log=True)), "C", "default"),
    "boosting: rate far from the default": (
        tt.Space(learning_rate=F(0.5, 1.0), max_iter=I(50, 300), max_leaf_nodes=I(8, 64)), "learning_rate", "default"),
    # what matters most is missing
    "lightgbm: no rate": (tt.Space(num_leaves=I(8, 128), min_child_samples=I(5, 60), colsample_bytree=F(0.5, 1)), "",
                          "missing"),
    "network: no rate": (tt.Space(batch_size=O([32, 64, 128]), dropout=F(0, 0.5), weight_decay=F(1e-6, 1e-2,
    log=True)), "",
                         "missing"),
    "svc: no gamma": (tt.Space(C=F(0.01, 100, log=True), kernel=C(["poly", "sigmoid"]), coef0=F(-1, 1)), "", "missing"),
}  # fmt: skip

GOOD: dict[str, tt.Space] = {
    "names that say nothing": tt.Space(x=F(0, 1000), y=I(1, 10**6)),
    "ridge, by alpha alone": tt.Space(alpha=F(0.1, 1.0)),
    "lr": tt.Space(lr=F(1e-5, 1e-1, log=True)),
    "lr and layers": tt.Space(lr=F(1e-5, 1e-1, log=True), layers=I(2, 12)),
    "a narrow linear rate": tt.Space(lr=F(0.01, 0.1), dropout=F(0, 0.5)),
    "rates as a list": tt.Space(lr=O([1e-4, 1e-3, 1e-2]), batch_size=O([32, 64])),
    "rates by steps": tt.Space(lr=F(0.001, 0.1, step=0.001), momentum=F(0.8, 0.99)),
    "network, with conditions": tt.Space(
        optimizer=C(["adamw", "sgd"]), lr=F(1e-5, 1e-1, log=True), weight_decay=F(1e-6, 1e-1, log=True),
        momentum=F(0, 0.99, when=given("optimizer") == "sgd"), batch=O([32, 64, 128, 256])),
    "sgd": tt.Space(lr=F(1e-3, 1, log=True), momentum=F(0.8, 0.99), weight_decay=F(1e-6, 1e-2, log=True)),
    "adam": tt.Space(lr=F(1e-5, 1e-2, log=True), beta_1=F(0.8, 0.99), beta_2=F(0.9, 0.999)),
    "fine-tuning": tt.Space(lr=F(1e-6, 1e-4, log=True), epochs=I(1, 5), warmup_ratio=F(0, 0.2), batch_size=O([16, 32])),
    "lora": tt.Space(lr=F(1e-5, 1e-3, log=True), lora_rank=O([4, 8, 16]), lora_alpha=O([16, 32]), lora_dropout=F(0,
    0.1)),
    "transformer": tt.Space(d_model=O([128, 256]), n_heads=O([2, 4]), n_layers=I(2, 8), lr=F(1e-5, 1e-2, log=True)),
    "what is done with a rate": tt.Space(lr_decay=F(0.0, 1.0), lr_gamma=F(0.0, 1.0), eta=F(0, 1), other=I(1, 9)),
    "a training of some epochs": tt.Space(lr=F(1e-4, 0.3, log=True), epochs=I(5, 50), batch_size=O([32, 64])),
    "discounts": tt.Space(gamma=F(0.9, 0.999), lr=F(1e-5, 1e-3, log=True)),
    "parts with rates of their own": tt.Space(encoder_lr=F(1e-5, 1e-2, log=True), dropout=F(0, 0.5),
                                              weight_decay=F(1e-6, 0.1, log=True)),
    "svc": tt.Space(C=F(1e-2, 1e3, log=True), gamma=F(1e-5, 1, log=True)),
    "svc, with conditions": tt.Space(
        kernel=C(["rbf", "linear", "poly"]), C=F(1e-2, 1e3, log=True),
        gamma=F(1e-5, 1, log=True, when=given("kernel") != "linear"), degree=I(2, 5, when=given("kernel") == "poly")),
    "svc inside of a pipeline": tt.Space(svc__C=F(1e-2, 1e3, log=True), svc__gamma=F(1e-5, 1, log=True),
                                         pca__n_components=F(0.5, 0.99)),
    "logistic": tt.Space(C=F(1e-4, 1e4, log=True), class_weight=C([None, "balanced"])),
    "logistic, with a constraint": tt.Space(
        C=F(1e-3, 1e3, log=True), solver=C(["lbfgs", "saga"]), penalty=C(["l1", "l2"]),
        require=["solver == 'saga' or penalty == 'l2'"]),
    "elastic net": tt.Space(alpha=F(1e-4, 10, log=True), l1_ratio=F(0.05, 1)),
    "neighbours": tt.Space(n_neighbors=I(1, 50, log=True), weights=C(["uniform", "distance"]), p=O([1, 2])),
    "tree": tt.Space(max_depth=I(2, 20), min_samples_split=I(2, 20), min_samples_leaf=I(1, 20)),
    "forest": tt.Space(n_estimators=I(50, 500), max_features=F(0.1, 1.0), min_samples_leaf=I(1, 20)),
    "forest, with many trees": tt.Space(n_estimators=I(200, 2000), max_depth=I(4, 32), max_features=F(0.2, 0.9)),
    "boosting on histograms": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), max_iter=I(50, 500), max_leaf_nodes=I(8, 128), l2_regularization=F(1e-6,
        10, log=True)),
    "the example of this project": tt.Space(
        rate=F(0.01, 0.5, log=True), leaves=I(4, 63, log=True), l2=F(1e-3, 10, log=True), features=F(0.1, 1)),
    "lightgbm": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), num_leaves=I(8, 256, log=True), min_child_samples=I(5, 100, log=True),
        feature_fraction=F(0.5, 1), bagging_fraction=F(0.5, 1), lambda_l2=F(1e-3, 10, log=True)),
    "xgboost": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), max_depth=I(3, 10), min_child_weight=F(1, 20, log=True), subsample=F(0.5,
        1),
        colsample_bytree=F(0.5, 1), gamma=F(1e-3, 5, log=True), reg_lambda=F(0.01, 10, log=True)),
    "catboost": tt.Space(learning_rate=F(0.01, 0.3, log=True), depth=I(4, 10), l2_leaf_reg=F(1, 10, log=True)),
    "ppo": tt.Space(
        learning_rate=F(1e-5, 1e-3, log=True), gamma=O([0.98, 0.99, 0.999]), clip_range=F(0.1, 0.3), n_steps=O([512,
        2048]),
        ent_coef=F(1e-5, 0.1, log=True)),
    "mlp": tt.Space(learning_rate_init=F(1e-4, 1e-1, log=True), hidden_layer_sizes=I(16, 256, log=True),
                    alpha=F(1e-6, 1, log=True)),
}  # fmt: skip


# Written after the rules, with names as people write them, before they were tried: 17 of these mistakes were told at
# first sight, and 3 of the good spaces remarked on, two of which were good. Decision 103.

FRESH_MISTAKES: dict[str, tuple[tt.Space, str, str]] = {
    "in capitals": (tt.Space(LR=F(1e-5, 1e-1), WD=F(1e-6, 1e-2, log=True)), "LR", "linear"),
    "with dashes": (tt.Space({"learning-rate": F(1e-4, 0.1), "batch-size": I(16, 256)}), "learning-rate", "linear"),
    "with dots": (tt.Space({"opt.lr": F(1e-6, 1e-2), "opt.weight_decay": F(1e-6, 0.1, log=True)}), "opt.lr", "linear"),
    "eta": (tt.Space(eta=F(0.001, 0.5), max_depth=I(3, 12), gamma=F(0.01, 5, log=True)), "eta", "linear"),
    "initial_lr": (tt.Space(initial_lr=F(1e-5, 0.1), dropout=F(0, 0.5), hidden_dim=I(32, 512, log=True)), "initial_lr",
                   "linear"),
    "C beside max_iter": (tt.Space(C=F(0.0001, 100), max_iter=I(100, 1000)), "C", "linear"),
    "clf__C": (tt.Space(clf__C=F(0.001, 100), clf__gamma=F(1e-4, 1.0, log=True)), "clf__C", "linear"),
    "epsilon of svr": (tt.Space(C=F(0.1, 1000, log=True), gamma=F(1e-4, 1, log=True), epsilon=F(1e-4, 1)), "epsilon",
                       "linear"),
    "alpha of the elastic net": (tt.Space(alpha=F(0.0001, 10), l1_ratio=F(0.1, 1)), "alpha", "linear"),
    "alpha beside fit_intercept": (tt.Space(alpha=F(0.001, 100.0), fit_intercept=C([True, False])), "alpha", "linear"),
    "gamma from 0": (tt.Space(C=F(0.1, 1000, log=True), gamma=F(0, 10)), "gamma", "linear"),
    "splits of one": (tt.Space(n_estimators=I(100, 500), min_samples_split=I(1, 20), max_depth=I(3, 30)),
                      "min_samples_split", "hazard"),
    "leaves of none": (tt.Space(n_estimators=I(100, 500), min_samples_leaf=I(0, 20), max_depth=I(3, 30)),
                       "min_samples_leaf", "hazard"),
    "no neighbours": (tt.Space(n_neighbors=I(0, 30), weights=C(["uniform", "distance"])), "n_neighbors", "hazard"),
    "all dropped": (tt.Space(lr=F(1e-5, 1e-2, log=True), dropout=F(0.0, 1.0), batch_size=O([32, 64])), "dropout",
                    "hazard"),
    "no rows": (tt.Space(learning_rate=F(0.01, 0.3, log=True), max_depth=I(3, 9), subsample=F(0.0, 1.0),
                         n_estimators=I(100, 1000)), "subsample", "hazard"),
    "one leaf": (tt.Space(learning_rate=F(0.01, 0.3, log=True), max_iter=I(50, 500), max_leaf_nodes=I(1, 64)),
                 "max_leaf_nodes", "hazard"),
    "depth of catboost": (tt.Space(learning_rate=F(0.01, 0.3, log=True), depth=I(4, 18), iterations=I(100, 1000)),
                          "depth", "hazard"),
    "rounds without a rate": (tt.Space(n_estimators=I(50, 2000, log=True), num_leaves=I(8, 128, log=True),
                                       reg_alpha=F(1e-3, 10, log=True)), "", "missing"),
    "gamma of a linear kernel": (tt.Space(C=F(0.1, 100, log=True), gamma=C(["scale", "auto"]),
                                          kernel=C(["rbf", "linear"])), "gamma", "idle"),
}  # fmt: skip
FRESH_GOOD: dict[str, tt.Space] = {
    "in capitals": tt.Space(LR=F(1e-5, 1e-1, log=True), WD=F(1e-6, 1e-2, log=True), BATCH=O([32, 64])),
    "with dashes": tt.Space({"learning-rate": F(1e-5, 0.1, log=True), "batch-size": I(16, 256, log=True),
                             "hidden-size": O([64, 128])}),
    "xgboost, by its own names": tt.Space({"eta": F(0.01, 0.3, log=True), "max_depth": I(3, 10),
                                           "lambda": F(1e-3, 10, log=True), "alpha": F(1e-3, 10, log=True)}),
    "xgboost, gamma from 0": tt.Space(
        n_estimators=I(100, 1000), max_depth=I(3, 10), learning_rate=F(0.01, 0.3, log=True), subsample=F(0.5, 1),
        colsample_bytree=F(0.5, 1), min_child_weight=I(1, 10), gamma=F(0, 5)),
    "lightgbm, as in tutorials": tt.Space(
        lambda_l1=F(1e-8, 10, log=True), lambda_l2=F(1e-8, 10, log=True), num_leaves=I(2, 256),
        feature_fraction=F(0.4, 1), bagging_fraction=F(0.4, 1), bagging_freq=I(1, 7), min_child_samples=I(5, 100),
        learning_rate=F(0.01, 0.2, log=True)),
    "fine-tuning, decay from 0": tt.Space(
        learning_rate=F(1e-6, 1e-4, log=True), num_train_epochs=I(1, 5), per_device_train_batch_size=O([4, 8, 16]),
        weight_decay=F(0, 0.3), warmup_ratio=F(0, 0.2)),
    "layers of a tutorial": tt.Space(n_layers=I(1, 3), n_units=I(4, 128, log=True), dropout=F(0.2, 0.5),
                                     lr=F(1e-5, 0.1, log=True), optimizer=C(["Adam", "RMSprop", "SGD"])),
    "units by steps": tt.Space(units=I(32, 512, step=32), activation=C(["relu", "tanh"]),
                               learning_rate=F(1e-4, 1e-2, log=True), dropout=C([True, False])),
    "ppo": tt.Space(lr=F(1e-5, 1e-3, log=True), gamma=F(0.9, 0.9999), gae_lambda=F(0.8, 1.0), clip=F(0.1, 0.4),
                    ent_coef=F(1e-8, 0.1, log=True)),
    "forest": tt.Space(n_estimators=I(100, 1000, log=True), max_depth=I(3, 30), min_samples_leaf=I(1, 20),
                       max_features=C(["sqrt", "log2", None])),
    "forest, as lists": tt.Space(n_estimators=O([100, 200, 500]), max_depth=O([5, 10, 20]),
                                 criterion=C(["gini", "entropy"])),
    "boosting, a narrow rate": tt.Space(learning_rate=F(0.01, 0.2), n_estimators=I(50, 300), max_depth=I(2, 6),
                                        subsample=F(0.6, 1)),
    "C alone": tt.Space(C=F(1e-3, 1e2, log=True)),
    "penalty and solver that go together": tt.Space(C=F(0.01, 10, log=True), penalty=C(["l2"]),
                                                    solver=C(["lbfgs", "liblinear"])),
    "neighbours": tt.Space(n_neighbors=I(3, 25), weights=C(["uniform", "distance"]),
                           metric=C(["euclidean", "manhattan"])),
    "ridge behind polynomials": tt.Space(ridge__alpha=F(1e-3, 1e3, log=True), polynomialfeatures__degree=I(1, 3)),
    "texts": tt.Space(tfidf__min_df=I(1, 10), tfidf__max_df=F(0.5, 1.0), clf__alpha=F(1e-6, 1e-2, log=True)),
    "mlp, widths as texts": tt.Space(hidden_layer_sizes=C(["50", "100", "50-50"]), alpha=F(1e-5, 0.1, log=True),
                                     learning_rate_init=F(1e-4, 1e-2, log=True)),
    "physics": tt.Space(temperature=F(0.001, 1000), pressure=F(1, 1e6), alpha=F(0, 90)),
    "a compiler": tt.Space(opt_level=I(0, 3), unroll=I(1, 64), inline_threshold=I(0, 1000), gamma=F(0, 1)),
    "a database": tt.Space(shared_buffers=I(128, 8192), work_mem=I(1, 512), checkpoint_timeout=I(30, 3600)),
}  # fmt: skip


# Once more, by the habits of other libraries: tried at first sight in two rounds, between which kinds were mended.
# Decision 119.

LATER_MISTAKES: dict[str, tuple[tt.Space, list[tuple[str, str]]]] = {
    "leaves to thousands": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), num_leaves=I(2, 3000), min_child_samples=I(5, 100)),
        [("num_leaves", "linear")],
    ),
    "batches to thousands": (
        tt.Space(lr=F(1e-5, 1e-1, log=True), batch_size=I(8, 1024), weight_decay=F(1e-6, 1e-2, log=True)),
        [("batch_size", "linear")],
    ),
    "decay among strangers": (
        tt.Space(weight_decay=F(1e-6, 1e-2), beam=I(1, 8), n_tokens=I(64, 128)),
        [("weight_decay", "linear")],
    ),
    "leaves among strangers": (
        tt.Space(
            learning_rate=F(0.01, 0.3, log=True),
            num_leaves=I(4, 2048),
            batch_size=O([32, 64]),
            weight_decay=F(1e-6, 0.1, log=True),
        ),
        [("num_leaves", "linear")],
    ),
    "smoothing alone": (tt.Space(var_smoothing=F(1e-11, 1.0)), [("var_smoothing", "linear")]),
    "mlp: alpha": (
        tt.Space(
            learning_rate_init=F(1e-4, 1e-1, log=True), hidden_layer_sizes=I(16, 256, log=True), alpha=F(1e-6, 1.0)
        ),
        [("alpha", "linear")],
    ),
    "catboost: l2": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), depth=I(4, 10), l2_leaf_reg=F(0.01, 100)),
        [("l2_leaf_reg", "linear")],
    ),
    "forest: features": (
        tt.Space(n_estimators=I(100, 500), max_features=F(0.1, 2.0), min_samples_leaf=I(1, 20)),
        [("max_features", "hazard")],
    ),
    "histograms: bins": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), max_iter=I(50, 500), max_bins=I(64, 512)),
        [("max_bins", "hazard")],
    ),
    "neighbours to 500": (
        tt.Space(n_neighbors=I(1, 500), weights=C(["uniform", "distance"])),
        [("n_neighbors", "linear")],
    ),
    "xgboost: subsample to 1.5": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), max_depth=I(3, 9), subsample=F(0.5, 1.5)),
        [("subsample", "hazard")],
    ),
    "svr: epsilon from 0": (
        tt.Space(C=F(0.1, 100, log=True), gamma=F(1e-4, 1, log=True), epsilon=F(-0.1, 1.0)),
        [("epsilon", "hazard")],
    ),
    "sac: tau": (
        tt.Space(learning_rate=F(1e-5, 1e-3, log=True), tau=F(0.0001, 0.1), train_freq=O([1, 8, 64])),
        [("tau", "linear")],
    ),
    "lora: rank": (
        tt.Space(lr=F(1e-5, 1e-3, log=True), lora_rank=I(1, 256), lora_alpha=O([16, 32])),
        [("lora_rank", "linear")],
    ),
    "hidden to 4096": (
        tt.Space(learning_rate=F(1e-5, 1e-2, log=True), hidden_size=I(16, 4096), dropout=F(0, 0.5)),
        [("hidden_size", "linear")],
    ),
    "momentum of 1 in a list": (
        tt.Space(lr=F(1e-3, 1.0, log=True), momentum=C([0.8, 0.9, 1.0]), weight_decay=F(1e-6, 1e-2, log=True)),
        [("momentum", "hazard")],
    ),
    "splits of one alone": (tt.Space(min_samples_split=I(1, 20)), [("min_samples_split", "hazard")]),
    "svc: whole C": (tt.Space(C=I(1, 1000), gamma=F(1e-4, 1, log=True), kernel=C(["rbf", "poly"])), [("C", "linear")]),
    "reg_lambda linear": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), max_depth=I(3, 9), reg_lambda=F(0.001, 100)),
        [("reg_lambda", "linear")],
    ),
    "units to 2000": (tt.Space(units=I(8, 2000), lr=F(1e-5, 1e-2, log=True), dropout=F(0, 0.5)), [("units", "linear")]),
    "bagging from 0": (
        tt.Space(
            learning_rate=F(0.01, 0.2, log=True), num_leaves=I(8, 128), bagging_fraction=F(0, 1), bagging_freq=I(1, 7)
        ),
        [("bagging_fraction", "hazard")],
    ),
    "histograms: leaves": (
        tt.Space(learning_rate=F(0.01, 0.3, log=True), max_iter=I(50, 300), max_leaf_nodes=I(4, 2000)),
        [("max_leaf_nodes", "linear")],
    ),
    "ppo: rate": (
        tt.Space(learning_rate=F(1e-5, 1e-2), gamma=O([0.98, 0.99]), clip_range=F(0.1, 0.3), n_steps=O([512, 2048])),
        [("learning_rate", "linear")],
    ),
    "ppo: entropy": (
        tt.Space(
            learning_rate=F(1e-5, 1e-3, log=True), ent_coef=F(1e-8, 0.1), clip_range=F(0.1, 0.3), gae_lambda=F(0.9, 1)
        ),
        [("ent_coef", "linear")],
    ),
    "catboost: temperature of Bernoulli": (
        tt.Space(
            learning_rate=F(0.01, 0.3, log=True),
            depth=I(4, 10),
            bootstrap_type=C(["Bayesian", "Bernoulli"]),
            bagging_temperature=F(0, 1),
        ),
        [("bagging_temperature", "hazard")],
    ),
    "ridge in a pipeline": (
        tt.Space(ridge__alpha=F(1e-3, 1e3), ridge__fit_intercept=C([True, False])),
        [("ridge__alpha", "linear")],
    ),
    "qda alone": (tt.Space(reg_param=F(-0.1, 1.0), tol=F(1e-5, 1e-3, log=True)), [("reg_param", "hazard")]),
    "warm-up to the end": (
        tt.Space(lr=F(1e-5, 1e-2, log=True), warmup_ratio=F(0, 1), weight_decay=F(1e-4, 0.3, log=True)),
        [("warmup_ratio", "hazard")],
    ),
    "tfidf: features": (
        tt.Space(
            tfidf__max_df=F(0, 1),
            tfidf__min_df=I(1, 5),
            tfidf__sublinear_tf=C([True, False]),
            clf__C=F(0.01, 100, log=True),
        ),
        [("tfidf__max_df", "hazard")],
    ),
    "forest: bag": (
        tt.Space(n_estimators=I(100, 500), max_samples=F(0, 1), max_features=F(0.1, 1)),
        [("max_samples", "hazard")],
    ),
    "svr: epsilon": (
        tt.Space(C=F(0.1, 100, log=True), gamma=C(["scale", "auto"]), epsilon=F(0.01, 0.5)),
        [("epsilon", "linear")],
    ),
    "batches without a rate": (
        tt.Space(batch_size=I(32, 256), weight_decay=F(0, 0.1), epochs=I(5, 50)),
        [("", "missing")],
    ),
}
LATER_GOOD: dict[str, tt.Space] = {
    "lightgbm, no limit of depth": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), max_depth=I(-1, 12), num_leaves=I(8, 256, log=True)
    ),
    "lightgbm, depths listed": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), max_depth=C([-1, 5, 10]), n_estimators=I(50, 500), subsample=F(0.5, 1)
    ),
    "lightgbm, tutorial 2": tt.Space(
        num_leaves=I(20, 150),
        max_depth=I(-1, 30),
        learning_rate=F(0.005, 0.3, log=True),
        n_estimators=I(100, 1000),
        reg_alpha=F(1e-8, 10, log=True),
        reg_lambda=F(1e-8, 10, log=True),
        min_split_gain=F(0, 1),
    ),
    "forest, features counted": tt.Space(n_estimators=I(100, 500), max_features=I(1, 12), min_samples_leaf=I(1, 20)),
    "forest, no limit listed": tt.Space(
        n_estimators=I(100, 500),
        max_depth=C([None, 10, 20, 30]),
        min_samples_split=O([2, 5, 10]),
        min_samples_leaf=O([1, 2, 4]),
        bootstrap=C([True, False]),
    ),
    "xgboost, depth of 0": tt.Space(
        eta=F(0.01, 0.3, log=True), max_depth=I(0, 10), max_leaves=I(0, 255), grow_policy=C(["depthwise", "lossguide"])
    ),
    "xgboost, more names": tt.Space(
        learning_rate=F(0.01, 0.3, log=True),
        max_depth=I(3, 10),
        colsample_bylevel=F(0.5, 1),
        scale_pos_weight=F(1, 10),
        max_delta_step=I(0, 10),
        gamma=F(0, 5),
    ),
    "histograms, bins": tt.Space(
        learning_rate=F(0.01, 0.3, log=True), max_bins=I(32, 255), max_depth=C([None, 3, 6]), max_leaf_nodes=I(8, 64)
    ),
    "pca counted": tt.Space(pca__n_components=I(2, 50), svc__C=F(1e-2, 1e3, log=True), svc__gamma=F(1e-5, 1, log=True)),
    "neighbours, powers": tt.Space(n_neighbors=I(1, 30), p=F(1, 5), metric=C(["minkowski"]), leaf_size=I(10, 60)),
    "boosting, more names": tt.Space(
        learning_rate=F(0.01, 0.3, log=True),
        n_estimators=I(50, 500),
        max_depth=I(2, 8),
        min_samples_split=I(2, 20),
        min_samples_leaf=I(1, 20),
        max_features=C(["sqrt", "log2", None]),
        loss=C(["squared_error", "huber"]),
    ),
    "catboost, bootstraps": tt.Space(
        learning_rate=F(0.01, 0.3, log=True),
        depth=I(4, 10),
        bootstrap_type=C(["Bayesian", "Bernoulli"]),
        bagging_temperature=F(0, 1, when=given("bootstrap_type") == "Bayesian"),
        subsample=F(0.5, 1, when=given("bootstrap_type") == "Bernoulli"),
        colsample_bylevel=F(0.5, 1),
        min_data_in_leaf=I(1, 50),
    ),
    "transformers": tt.Space(
        learning_rate=F(1e-6, 1e-4, log=True),
        gradient_accumulation_steps=O([1, 2, 4]),
        lr_scheduler_type=C(["linear", "cosine"]),
        weight_decay=C([0.0, 0.01, 0.1]),
        adam_beta2=C([0.98, 0.999]),
    ),
    "rl, gae": tt.Space(
        learning_rate=F(1e-5, 1e-3, log=True),
        n_steps=O([128, 512, 2048]),
        gae_lambda=F(0.9, 1.0),
        vf_coef=F(0.2, 1),
        target_kl=F(0.01, 0.1),
    ),
    "mlp, solver": tt.Space(
        hidden_layer_sizes=I(10, 200),
        activation=C(["relu", "tanh", "logistic"]),
        solver=C(["adam", "lbfgs"]),
        alpha=F(1e-6, 1e-1, log=True),
        learning_rate_init=F(1e-4, 1e-1, log=True, when=given("solver") == "adam"),
    ),
    "logistic, solvers": tt.Space(
        C=F(1e-3, 1e3, log=True),
        solver=C(["lbfgs", "liblinear", "newton-cg"]),
        max_iter=I(100, 1000),
        tol=F(1e-5, 1e-3, log=True),
    ),
    "elastic mixture listed": tt.Space(
        alpha=F(1e-4, 10, log=True), l1_ratio=C([0.1, 0.5, 0.9, 1.0]), selection=C(["cyclic", "random"])
    ),
    "writer of a database": tt.Space(flush_ms=I(1, 5000), pool_size=I(1, 64), timeout=F(0.1, 30)),
    "queue": tt.Space(n_workers=I(1, 64), max_batch=I(1, 4096), linger_ms=F(0, 100)),
    "robot arm": tt.Space(stiffness=F(1, 5000), damping=F(0, 1), momentum=F(0, 50), friction=F(0, 1)),
    "chemistry": tt.Space(temperature=F(20, 180), alpha=F(0, 1), beta_1=F(0, 5), beta_2=F(0, 5)),
    "solver of equations": tt.Space(
        tol=F(1e-10, 1e-3, log=True), max_iter=I(10, 10000), depth=I(1, 40), width=I(1, 500)
    ),
    "leaves as shares": tt.Space(
        n_estimators=I(100, 500),
        min_samples_leaf=F(0.001, 0.1),
        min_samples_split=F(0.01, 0.2),
        max_features=C(["sqrt", "log2"]),
    ),
    "forest of counts": tt.Space(max_depth=I(3, 20), max_samples=I(50, 200), max_features=I(2, 10)),
    "trees of xgboost, kaggle": tt.Space(
        eta=F(0.005, 0.3, log=True),
        max_depth=I(3, 12),
        subsample=F(0.4, 1),
        colsample_bytree=F(0.4, 1),
        alpha=F(1e-8, 10, log=True),
    ),
    "kaggle lightgbm": tt.Space(
        learning_rate=F(0.005, 0.1, log=True),
        num_leaves=I(16, 255),
        max_depth=C([-1, 6, 8, 12]),
        min_data_in_leaf=I(10, 200),
        feature_fraction=F(0.4, 1),
        bagging_fraction=F(0.4, 1),
        bagging_freq=C([0, 1, 5]),
        max_bin=I(63, 255),
    ),
    "keras": tt.Space(
        units_1=I(32, 256, step=32), units_2=I(32, 256, step=32), dropout_1=F(0, 0.5), lr=F(1e-4, 1e-2, log=True)
    ),
    "resnet": tt.Space(
        lr=F(0.01, 1, log=True),
        momentum=F(0.8, 0.99),
        nesterov=C([True, False]),
        weight_decay=F(1e-5, 1e-3, log=True),
        label_smoothing=F(0, 0.2),
        batch_size=O([128, 256]),
    ),
    "llm": tt.Space(
        peak_lr=F(1e-4, 1e-2, log=True),
        warmup_steps=I(100, 2000, log=True),
        beta2=F(0.9, 0.99),
        grad_clip=F(0.5, 2),
        d_model=O([256, 512]),
    ),
    "dqn": tt.Space(
        learning_rate=F(1e-5, 1e-3, log=True),
        buffer_size=I(10_000, 1_000_000, log=True),
        exploration_fraction=F(0.05, 0.5),
        target_update_interval=I(100, 10_000, log=True),
        gamma=O([0.95, 0.99]),
        batch_size=O([32, 64]),
    ),
    "svm, listed": tt.Space(
        C=C([0.1, 1, 10, 100]),
        kernel=C(["linear", "rbf"]),
        gamma=C([1e-3, 1e-2, "scale"], when=given("kernel") == "rbf"),
    ),
    "kmeans": tt.Space(n_clusters=I(2, 50), n_init=I(1, 20), init=C(["k-means++", "random"])),
    "umap": tt.Space(n_neighbors=I(2, 200), min_dist=F(0, 1), metric=C(["cosine", "euclidean"])),
    "prophet": tt.Space(
        changepoint_prior_scale=F(0.001, 0.5, log=True),
        seasonality_prior_scale=F(0.01, 10, log=True),
        holidays_prior_scale=F(0.01, 10, log=True),
    ),
    "arima": tt.Space(p=I(0, 5), d=I(0, 2), q=I(0, 5)),
    "hpc": tt.Space(tile=I(1, 1024), threads=I(1, 64), batch_size=I(1, 64), unroll=O([1, 2, 4, 8])),
}


@pytest.mark.parametrize(("space", "said"), LATER_MISTAKES.values(), ids=LATER_MISTAKES)
def test_a_mistake_by_other_habits_is_told(space: tt.Space, said: list[tuple[str, str]]) -> None:
    assert [(remark.name, remark.kind) for remark in found(space)] == said


@pytest.mark.parametrize("space", LATER_GOOD.values(), ids=LATER_GOOD)
def test_a_good_space_by_other_habits_is_met_with_silence(space: tt.Space) -> None:
    assert tt.spaces.check(space) == []


def test_what_to_write_is_said_as_the_space_is_written() -> None:
    wide = LATER_MISTAKES["leaves to thousands"][0]
    assert remarks(wide, "python")[0].endswith("write log=True, from 2.")
    assert remarks(wide, "yaml")[0].endswith("write log: true, from 2.")
    assert remarks(wide, "toml")[0].endswith("write log = true, from 2.")
    idle = tt.Space(optimizer=C(["adam", "sgd", "adamw"]), lr=F(1e-5, 0.1, log=True), beta_2=F(0.9, 0.999))
    assert remarks(idle)[0].endswith("write when=tt.given('optimizer').is_in(['adam', 'adamw']).")
    assert remarks(idle, "yaml")[0].endswith("write when: {optimizer: [adam, adamw]}.")
    assert remarks(idle, "toml")[0].endswith('write when = {optimizer = ["adam", "adamw"]}.')


@pytest.mark.parametrize(("space", "name", "kind"), FRESH_MISTAKES.values(), ids=FRESH_MISTAKES)
def test_a_mistake_under_names_as_people_write_them_is_told(space: tt.Space, name: str, kind: str) -> None:
    assert [(remark.name, remark.kind) for remark in found(space)] == [(name, kind)]


@pytest.mark.parametrize("space", FRESH_GOOD.values(), ids=FRESH_GOOD)
def test_a_good_space_under_such_names_is_met_with_silence(space: tt.Space) -> None:
    assert tt.spaces.check(space) == []


def test_there_are_thirty_of_each() -> None:
    assert len(MISTAKES) >= 30
    assert len(GOOD) >= 30


@pytest.mark.parametrize(("space", "name", "kind"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_and_nothing_else(space: tt.Space, name: str, kind: str) -> None:
    assert [(remark.name, remark.kind) for remark in found(space)] == [(name, kind)]


@pytest.mark.parametrize("space", GOOD.values(), ids=GOOD)
def test_a_good_space_is_met_with_silence(space: tt.Space) -> None:
    assert tt.spaces.check(space) == []


def test_what_is_held_is_not_remarked_on() -> None:
    space = MISTAKES["svc: C"][0]
    assert tt.spaces.check(space)
    assert tt.spaces.check(space.fix(C=1.0)) == []


def test_a_remark_says_what_to_write() -> None:
    (said,) = tt.spaces.check(MISTAKES["svc: C"][0])
    assert said == (
        "C from 0.001 to 1000 is linear: less than 1% of the draws lie below 1, where half of what is worth trying is; "
        "write log=True, from 0.001."
    )
    (said,) = tt.spaces.check(MISTAKES["svc: degree"][0])
    assert said == ("degree does nothing unless kernel is 'poly': write when=tt.given('kernel') == 'poly'.")
    (said,) = tt.spaces.check(MISTAKES["tree: splits of one"][0])
    assert "below 2 is refused: a split needs two rows" in said


def test_parts_under_prefixes_are_looked_at_apart() -> None:
    space = tt.Space(a__C=F(0.001, 1000), a__gamma=F(1e-4, 1, log=True), b__C=F(1e-3, 1e3, log=True))
    assert [remark.name for remark in found(space)] == ["a__C"]


def test_a_large_space_is_looked_at_in_little_time() -> None:
    import time

    space = tt.Space({f"layer_{i}_lr": F(0.0, 1.0) for i in range(500)})
    tt.spaces.check(space)
    begun = time.process_time()
    assert len(tt.spaces.check(space)) == 500
    assert time.process_time() - begun < 1.0
    assert np.isfinite(begun)
