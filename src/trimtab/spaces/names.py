"""Names that everybody gives to the same parameters, and how much each matters: for spaces that were written by hand.

The one place for this: the engine orders its stages by it, and hand-written spaces are compared with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Role:
    """What a parameter is by its name.

    Attributes:
        says: what it is, for a person.
        pattern: of names, in lower case with `_` for `-` and `.`.
        is_log: whether ratios matter.
    """

    says: str
    pattern: str
    is_log: bool


ROLES: Final = (
    Role("a learning rate", r"lr|learning_?rate|eta|step_?size|.*_lr|lr_.*|.*learning_rate.*", is_log=True),
    Role("a batch size", r"batch(_?size)?|.*batch_?size.*", is_log=True),
    Role(
        "a depth, or a number of rounds or leaves",
        r"(max_?|n_?|num_?)?(depth|layers)|num_?leaves|max_leaf_nodes|n_?estimators|num_?(trees|rounds)",
        is_log=False,
    ),
    Role(
        "a width",
        r"width|(n_?|num_?|max_?)?(units|hidden|channels|filters|heads).*|hidden_.*|d_?model",
        is_log=False,
    ),
    Role(
        "a strength of regularization, a momentum or a size of leaves",
        r"weight_?decay|wd|c|gamma|alpha|l2|reg_lambda|lambda|momentum|beta_?1|warm_?up.*|max_features|min_child_weight"
        r"|min_samples_leaf",
        is_log=False,
    ),
    Role(
        "a share that is left out, or a weaker regularization",
        r".*dropout.*|label_?smoothing|subsample|colsample.*|l1|reg_alpha",
        is_log=False,
    ),
)
"""The most important first: van Rijn & Hutter, 2018, and Probst et al., 2019."""

N_FIRST: Final = 3
"""Names of so many roles are tuned from the start: rates, batch sizes, depths. By taste."""

_RATE: Final = re.compile(r"(.*_)?(lr|learning_?rate)(_?(0|init|base|max|peak))?")

_PATTERNS: Final = tuple(re.compile(role.pattern) for role in ROLES)


TELLING: Final = frozenset(
    {"batch_size", "train_batch_size", "weight_decay", "label_smoothing", "dropout", "dropout_rate", "warmup_ratio",
     "hidden_size", "hidden_dim", "hidden_units", "lora_rank", "lora_r", "learning_rate_init", "num_leaves",
     "max_leaf_nodes", "min_samples_split", "min_samples_leaf", "min_child_samples", "min_child_weight",
     "colsample_bytree", "feature_fraction", "bagging_fraction", "reg_lambda", "reg_alpha", "lambda_l1", "lambda_l2",
     "l2_leaf_reg", "l1_ratio", "ccp_alpha", "var_smoothing", "n_neighbors", "gae_lambda", "max_grad_norm"}
)  # fmt: skip
"""Names that are hardly given to anything else, so that one of them says what it is in any company. Not so `alpha`,
`gamma`, `depth` or `max_depth`, which others have too, and with other ranges."""


def is_telling(name: str) -> bool:
    """Return whether a name says what it is beside names that say nothing."""
    return _plain(name) in TELLING


def is_rate(name: str) -> bool:
    """Return whether a name is that of a learning rate itself, and not of what is done with one, as `lr_decay`."""
    return _RATE.fullmatch(_plain(name)) is not None


def rank(name: str) -> int | None:
    """Return how early a parameter of this name is tuned, 0 for first; None for a name that says nothing."""
    plain = _plain(name)
    return next((i for i, pattern in enumerate(_PATTERNS) if pattern.fullmatch(plain)), None)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
