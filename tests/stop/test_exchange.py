"""What an improvement is worth: sixty texts, each read to the right quantity or refused in one sentence."""

from __future__ import annotations

import pytest

from trimtab.errors import ProblemError
from trimtab.space.parameter import Float
from trimtab.space.problem import Problem, at_most, maximize, minimize
from trimtab.space.space import Space
from trimtab.stop.exchange import exchange

SPACE = Space(x=Float(0, 1))
PROBLEM = Problem(SPACE, (maximize("accuracy"), at_most("latency", 30)), cost="dollars")
PRICES = {"gpu": 2.5, "cpu": 0.04}

RIGHT = [
    ("0.01 accuracy = 3 gpu_hours", (0.01, 3.0, "gpu_hours")),
    ("0.01 accuracy=3 gpu_hours", (0.01, 3.0, "gpu_hours")),
    ("  0.01   accuracy =  3   gpu_hours ", (0.01, 3.0, "gpu_hours")),
    ("0.01 = 3 gpu_hours", (0.01, 3.0, "gpu_hours")),
    ("0.01accuracy = 3gpu_hours", (0.01, 3.0, "gpu_hours")),
    (".01 accuracy = 3. GPU-hours", (0.01, 3.0, "gpu_hours")),
    ("1e-2 accuracy = 3 gpu hours", (0.01, 3.0, "gpu_hours")),
    ("+0.01 accuracy = 3 GPUh", (0.01, 3.0, "gpu_hours")),
    ("0.01 accuracy = 180 gpu_min", (0.01, 3.0, "gpu_hours")),
    ("0.01 accuracy = 10800 gpu_s", (0.01, 3.0, "gpu_hours")),
    ("0.01 accuracy = 1 gpu_day", (0.01, 24.0, "gpu_hours")),
    ("0.01 accuracy = 40 cpu_hours", (0.01, 40.0, "cpu_hours")),
    ("0.01 accuracy = 40 core-hours", (0.01, 40.0, "cpu_hours")),
    ("0.01 accuracy = 2 worker_hours", (0.01, 2.0, "worker_hours")),
    ("0.01 accuracy = 2 hours", (0.01, 2.0, "hours")),
    ("0.01 accuracy = 2 h", (0.01, 2.0, "hours")),
    ("0.01 accuracy = 1 hour", (0.01, 1.0, "hours")),
    ("0.01 accuracy = 90 min", (0.01, 1.5, "hours")),
    ("0.01 accuracy = 90 minutes", (0.01, 1.5, "hours")),
    ("0.01 accuracy = 3600 s", (0.01, 1.0, "hours")),
    ("0.01 accuracy = 2 days", (0.01, 48.0, "hours")),
    ("0.01 accuracy = 2 wall_hours", (0.01, 2.0, "hours")),
    ("0.01 accuracy = 50 trials", (0.01, 50.0, "trials")),
    ("0.01 accuracy = 1 trial", (0.01, 1.0, "trials")),
    ("0.01 accuracy = 50 configurations", (0.01, 50.0, "trials")),
    ("0.01 accuracy = 7.5 cost", (0.01, 7.5, "cost")),
    ("0.01 accuracy = 7.5 dollars", (0.01, 7.5, "cost")),  # the cost metric, before it is money
    ("0.01 accuracy = 7.5 eur", (0.01, 7.5, "money")),
    ("0.01 accuracy = 7.5 EUR", (0.01, 7.5, "money")),
    ("0.01 accuracy = $7.5", (0.01, 7.5, "money")),
    ("0.01 accuracy = 7.5 $", (0.01, 7.5, "money")),
    ("0.01 accuracy = €7.5", (0.01, 7.5, "money")),
    ("0.01 accuracy = 7.5 money", (0.01, 7.5, "money")),
]

WRONG = [
    ("", "two sides"),
    ("0.01 accuracy", "two sides"),
    ("0.01 accuracy =", "two sides"),
    ("= 3 gpu_hours", "two sides"),
    ("0.01 accuracy = 3 gpu_hours = 7 eur", "two sides"),
    ("0.01 accuracy: 3 gpu_hours", "two sides"),
    ("accuracy = 3 gpu_hours", "no number"),
    ("0.01 accuracy = gpu_hours", "no number"),
    ("a little accuracy = 3 gpu_hours", "no number"),
    ("accuracy 0.01 = 3 gpu_hours", "in this order"),
    ("0.01 accuracy = gpu_hours 3", "in this order"),
    ("0.01 accuracy = 3", "3 of what"),
    ("0 accuracy = 3 gpu_hours", "above 0"),
    ("-0.01 accuracy = 3 gpu_hours", "above 0"),
    ("0.01 accuracy = 0 gpu_hours", "above 0"),
    ("0.01 accuracy = 1e999 gpu_hours", "above 0"),
    ("1% accuracy = 3 gpu_hours", "percentage"),
    ("0,01 accuracy = 3 gpu_hours", "decimal point"),
    ("0.01 accuracy = 1,000 trials", "decimal point"),
    ("0.01 loss = 3 gpu_hours", "is not the objective, which is 'accuracy'"),
    ("0.01 Accuracy = 3 gpu_hours", "is not the objective"),
    ("0.01 latency = 3 gpu_hours", "is not the objective"),
    ("3 gpu_hours = 0.01 accuracy", "something spent"),
    ("3 trials = 2 hours", "something spent"),
    ("0.01 accuracy = 0.02 accuracy", "is not spent"),
    ("0.01 accuracy = 3 latency", "is not spent"),
    ("0.01 accuracy = 3 m", "minutes or months"),
    ("0.01 accuracy = 3 gpu_m", "minutes or months"),
    ("0.01 accuracy = 3 tpu_hours", "no unit"),
    ("0.01 accuracy = 3 gpus", "no unit"),
    ("0.01 accuracy = 3 epochs", "no unit"),
    (0.01, "worth is a text"),
    (None, "worth is a text"),
]


def test_there_are_sixty() -> None:
    assert len({text for text, _ in (*RIGHT, *WRONG)}) >= 60


@pytest.mark.parametrize(("text", "means"), RIGHT)
def test_right_texts(text: str, means: tuple[float, float, str]) -> None:
    found = exchange(text, PROBLEM, PRICES, gpus=1)
    assert (found.gain, found.price, found.unit) == pytest.approx(means)
    assert found.text == text
    assert found.worth(2 * found.gain) == pytest.approx(2 * found.price)


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_wrong_texts(text: object, said: str) -> None:
    with pytest.raises(ProblemError, match=said) as caught:
        exchange(text, PROBLEM, PRICES, gpus=1)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_sides_must_fit_the_problem() -> None:
    with pytest.raises(ProblemError, match="trials use no GPU"):
        exchange("0.01 accuracy = 3 gpu_hours", PROBLEM)
    with pytest.raises(ProblemError, match="price table"):
        exchange("0.01 accuracy = 3 eur", PROBLEM)
    with pytest.raises(ProblemError, match="declared as cost"):
        exchange("0.01 loss = 3 cost", Problem(SPACE, (minimize("loss"),)))
    with pytest.raises(ProblemError, match="one objective"):
        exchange("0.01 loss = 3 trials", Problem(SPACE, (minimize("loss"), minimize("size"))))
