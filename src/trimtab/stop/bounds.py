"""How good a metric can be at all, where its name says so: no accuracy is above 1, and no error below 0.

A forecast that promises an accuracy of 1.01 is believed in nothing else. Names are all that is known of a metric, so
only those are listed that mean one thing wherever people tune models; what is on record must agree (an `error` that was
negative is none of these), and any other name has no bound.
"""

from __future__ import annotations

import math
import re
from typing import Final

SHARES: Final = re.compile(
    r"acc|accuracy|ap|auc|auprc|auroc|average_precision|dice|f1|f1_score|hit_rate|iou|jaccard|kappa|map|mcc|mrr|ndcg"
    r"|precision|r2|r2_score|recall|roc_auc|sensitivity|specificity|top1|top5"
)
"""At most 1; or 100, where they are given in percent."""

DISTANCES: Final = re.compile(
    r"brier|cer|cross_entropy|crossentropy|err|error|latency|log_loss|logloss|mae|mape|misclassification|mse|msle|regret"
    r"|rmse|rmsle|rmspe|smape|wer"
)
"""Never below 0."""

_LOSSES: Final = re.compile(r"loss|cost|penalty|risk")
"""As a rule never below 0: one that is above 0 in all results is taken for such, and one that comes to 0 for no end."""

_PERCENT: Final = re.compile(r"pct|perc|percent|percentage")
"""Words that say that a share is given in percent."""

_AROUND: Final = re.compile(
    r"avg|balanced|cv|dev|eval|holdout|macro|mean|micro|ms|out|rate|s|score|std|test|top|train|val|valid|validation"
    r"|weighted|pct|perc|percent|percentage"
)
"""Words that say where or how a metric was measured, and nothing of what it is."""

_SCIKIT: Final = re.compile(
    r"(?P<sign>neg_)?(mean|median|max|root_mean)_(squared_(log_)?|absolute_(percentage_)?)?error"
)
"""scikit-learn's names of errors, which its scorers turn around."""


def floor_of(name: str, sign: float, best: float, told: float = math.nan) -> float:
    """Return the least loss that a metric can have, -inf where nobody knows.

    Args:
        name: of the metric.
        sign: 1 where it is minimised, -1 where it is maximised: a loss is the metric times its sign.
        best: the least loss on record.
        told: the largest number that is known of the metric beside: its target, or a result that does not count. An
            accuracy of 0.8 may be in percent, and is where somebody wants 95.
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    scikit = _SCIKIT.fullmatch("_".join(words))
    if scikit and (sign < 0.0) == bool(scikit["sign"]):
        return 0.0 if best >= 0.0 else -math.inf
    if words[:1] == ["neg"]:
        return -math.inf
    if sign < 0.0 and _is_one_of(words, SHARES):
        largest = -best if told != told else max(-best, told)
        ends = (100.0,) if any(map(_PERCENT.fullmatch, words)) or "%" in name else (1.0, 100.0)
        return next((-most for most in ends if largest <= most), -math.inf)
    if sign > 0.0 and _is_one_of(words, DISTANCES) and best >= 0.0:
        return 0.0
    if sign > 0.0 and _is_one_of(words, _LOSSES) and best > 0.0:
        return 0.0
    return -math.inf


def _is_one_of(words: list[str], names: re.Pattern[str]) -> bool:
    left = [word for word in words if not _AROUND.fullmatch(word)] or words
    return any(names.fullmatch("_".join(some)) for some in (words, left, left[-1:]))
