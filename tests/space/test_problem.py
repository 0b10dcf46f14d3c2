from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

from trimtab.errors import ProblemError, SpaceError
from trimtab.space.parameter import Int
from trimtab.space.problem import Fidelity, Metric, Problem, at_least, at_most, maximize, minimize
from trimtab.space.space import Space

SPACE = Space(x=Int(0, 9))


def test_a_problem_says_what_is_wanted():
    problem = Problem(
        SPACE,
        (minimize("loss", target=0.1), at_most("latency", 30), maximize("accuracy"), at_least("recall", 0.9)),
        (Fidelity("epoch", 1, 81, log=True),),
        folds=5,
        cost="dollars",
    )
    assert [metric.name for metric in problem.objectives] == ["loss", "accuracy"]
    assert [metric.name for metric in problem.constraints] == ["latency", "recall"]
    assert problem.metric_names == ("loss", "latency", "accuracy", "recall")
    assert problem.signs.tolist() == [1, 1, -1, -1]
    assert not problem.signs.flags.writeable
    assert [str(metric) for metric in problem.metrics] == [
        "minimize loss to 0.1",
        "latency <= 30",
        "maximize accuracy",
        "recall >= 0.9",
    ]
    again = Problem.from_json(json.loads(json.dumps(problem.to_json())))
    assert again == problem
    assert problem.differences(again) == []
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_a_constraint_may_be_kept_with_a_confidence() -> None:
    sure = at_most("ms", 30, confidence=0.95)
    assert str(sure) == "ms <= 30 with a confidence of 0.95"
    assert sure.margin == pytest.approx(1.6449, abs=1e-4)
    assert at_most("ms", 30).margin == 0.0
    problem = Problem(SPACE, (minimize("loss"), sure))
    assert problem.to_json()["metrics"][1] == {"name": "ms", "goal": "at_most", "bound": 30, "confidence": 0.95}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    assert "confidence" not in at_most("ms", 30).to_json(), "a log of before reads, and is written, the same"


def test_an_objective_may_come_with_its_standard_error():
    metrics = (minimize("loss", error="loss_se"), at_most("latency", 30), maximize("f1", target=0.9, error="f1_se"))
    problem = Problem(SPACE, metrics)
    assert problem.errors == ((0, "loss_se"), (2, "f1_se"))
    assert [str(metric) for metric in problem.objectives] == ["minimize loss ± loss_se", "maximize f1 ± f1_se to 0.9"]
    assert problem.metrics[0].to_json() == {"name": "loss", "goal": "minimize", "error": "loss_se"}
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    before = Problem(SPACE, (minimize("loss"), *metrics[1:]))
    assert before.differences(problem) == ["metric loss: was minimize loss, is now minimize loss ± loss_se"]


def test_the_smallest_problem():
    problem = Problem(SPACE, [minimize("loss")])
    assert problem.metrics == (minimize("loss"),)
    assert problem.to_json() == {"space": SPACE.to_json(), "metrics": [{"name": "loss", "goal": "minimize"}]}
    assert Problem(SPACE, minimize("loss")) == problem


LOSS = [minimize("loss")]
WRITTEN = SPACE.to_json()
BAD = [
    (lambda: Metric("loss", "min"), "expects goal to be one of minimize, maximize, at_most, at_least, got 'min' (of"),
    (lambda: Metric("loss", "minimise"), "(did you mean 'minimize'?)"),
    (lambda: Metric("loss", None), "expects goal to be one of"),
    (lambda: minimize(""), "the name of a metric is a text that is not empty, got ''"),
    (lambda: minimize(None), "the name of a metric is a text that is not empty, got None"),
    (lambda: minimize("a\ud800"), "the name of a metric is a text"),
    (lambda: Metric("loss", "minimize", bound=3), "metric 'loss' is an objective and has no bound"),
    (lambda: Metric("loss", "at_most", 3, target=3), "metric 'loss' is a constraint and has no target"),
    (lambda: Metric("loss", "at_most"), "metric 'loss' is a constraint and needs a bound, such as at_most('loss', 30)"),
    (lambda: at_most("loss", math.nan), "metric 'loss' expects bound to be finite, got nan."),
    (lambda: at_most("loss", 10**400), "metric 'loss' expects bound to be finite, got 1000"),
    (lambda: at_most("loss", True), "metric 'loss' expects bound to be a number, got True."),
    (lambda: minimize("loss", target="low"), "metric 'loss' expects target to be a number, got 'low' (of type str)."),
    (lambda: minimize("loss", target=-math.inf), "metric 'loss' expects target to be finite, got -inf."),
    (lambda: Metric("loss", "at_most", 3, error="e"), "metric 'loss' is a constraint; error= is for objectives."),
    (lambda: Metric("loss", "minimize", confidence=0.9), "is an objective; confidence= is for constraints"),
    (lambda: at_most("ms", 3, confidence=0.5), "expects confidence to be a probability between 0.5 and 1, got 0.5"),
    (lambda: at_most("ms", 3, confidence=95), "expects confidence to be a probability between 0.5 and 1, got 95"),
    (lambda: at_least("ms", 3, confidence="high"), "metric 'ms' expects confidence to be a number, got 'high'"),
    (lambda: minimize("loss", error=""), "the name of a standard error is a text that is not empty, got ''"),
    (lambda: minimize("loss", error=0.1), "the name of a standard error is a text that is not empty, got 0.1"),
    (lambda: Problem(SPACE, [minimize("a", error="e"), maximize("b", error="e")]), "the standard error 'e' is named"),
    (lambda: Problem(SPACE, [minimize("a", error="a")]), "'a' is the standard error of 'a' and something else as well"),
    (lambda: Problem(SPACE, [minimize("a", error="c")], cost="c"), "'c' is the standard error of 'a' and something"),
    (lambda: Fidelity("epoch", 5, 1), "fidelity 'epoch' needs low <= high, got low=5 and high=1."),
    (lambda: Fidelity("epoch", -1, 1), "fidelity 'epoch' needs low >= 0, got low=-1."),
    (lambda: Fidelity("epoch", 0, 1, log=True), "fidelity 'epoch' needs low > 0 with log=True, got low=0."),
    (lambda: Fidelity("epoch", 0, math.inf), "fidelity 'epoch' expects high to be finite, got inf."),
    (lambda: Fidelity("epoch", 0, 1, log="yes"), "fidelity 'epoch' expects log= to be True or False"),
    (lambda: Fidelity("", 0, 1), "the name of a fidelity is a text"),
    (lambda: Problem({"x": 1}, LOSS), "a problem expects a Space, such as Space(lr=Float(0, 1)), got {'x': 1}"),
    (lambda: Problem(SPACE, []), "a problem needs an objective: minimize('loss') or maximize('accuracy')."),
    (lambda: Problem(SPACE, [at_most("loss", 3)]), "a problem needs an objective"),
    (lambda: Problem(SPACE, ["loss"]), "a problem expects metrics such as minimize('loss'), got 'loss' (of type str)."),
    (lambda: Problem(SPACE, [minimize("loss"), at_most("loss", 3)]), "the metric 'loss' is named twice"),
    (lambda: Problem(SPACE, LOSS, [Fidelity("x", 1, 2)]), "'x' is a parameter and a fidelity"),
    (lambda: Problem(SPACE, LOSS, [Fidelity("e", 1, 2)] * 2), "the fidelity 'e' is named twice"),
    (lambda: Problem(SPACE, LOSS, ["epoch"]), "a problem expects fidelities such as Fidelity('epoch', 1, 81)"),
    (lambda: Problem(SPACE, LOSS, folds=0), "folds to be a whole number of at least 1, or None, got 0."),
    (lambda: Problem(SPACE, LOSS, folds=2.5), "folds to be a whole number of at least 1, or None, got 2.5."),
    (lambda: Problem(SPACE, LOSS, folds=True), "folds to be a whole number of at least 1, or None, got True."),
    (lambda: Problem(SPACE, LOSS, cost=3), "the name of a cost metric is a text that is not empty, got 3"),
    (lambda: Problem.from_json([]), "a problem is an object with space, metrics, got [] (of type list)."),
    (lambda: Problem.from_json({"space": WRITTEN}), "a problem needs 'metrics'."),
    (lambda: Problem.from_json({"space": {}, "metrics": [], "fold": 3}), "'fold' (of type str) (did you mean"),
    (lambda: Problem.from_json({"space": WRITTEN, "metrics": "loss"}), "a problem expects metrics to be a list"),
    (lambda: Problem.from_json({"space": WRITTEN, "metrics": [{"name": "a"}]}), "metric 0 needs 'goal'."),
    (lambda: Problem.from_json({"space": WRITTEN, "metrics": [{"name": "a", "gaol": 1}]}), "0 has no option 'gaol'"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:70] for _, message in BAD])
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(ProblemError) as caught:
        make()
    assert message in str(caught.value)


def test_a_problem_with_a_space_that_cannot_be_read():
    with pytest.raises(SpaceError, match="a space is written"):
        Problem.from_json({"space": 3, "metrics": [{"name": "a", "goal": "minimize"}]})


def test_differences_are_sentences():
    was = Problem(SPACE, [minimize("loss"), at_most("ms", 30)], [Fidelity("epoch", 1, 9)], folds=5)
    now = Problem(Space(x=Int(0, 8)), [maximize("loss"), minimize("size")], [Fidelity("epoch", 1, 27)], cost="eur")
    assert was.differences(now) == [
        "x: was Int(0, 9), is now Int(0, 8)",
        "metric loss: was minimize loss, is now maximize loss",
        "metric ms: was ms <= 30, is gone",
        "metric size: is new, minimize size",
        "fidelity epoch: was 1 to 9, is now 1 to 27",
        "folds: was 5, is now None",
        "cost: was None, is now 'eur'",
    ]
    a, b = Problem(SPACE, [minimize("a"), minimize("b")]), Problem(SPACE, [minimize("b"), minimize("a")])
    assert a.differences(b) == ["the order of the metrics was a, b, is now b, a"]


def test_numbers_of_numpy_are_taken():
    assert at_most("ms", np.float32(0.5)) == at_most("ms", 0.5)
    assert json.dumps(Fidelity("epoch", np.int64(1), np.int64(9)).to_json())
    assert Problem(SPACE, [minimize("a")], folds=np.int64(5)).folds == 5
