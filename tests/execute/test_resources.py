"""What a trial may need."""

from __future__ import annotations

import pytest

from trimtab.errors import ExecutorError
from trimtab.execute.protocol import Resources


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cpus": -1}, "Resources(cpus=...) is a number, 0 or more; got -1."),
        ({"gpus": "1"}, "Resources(gpus=...) is a number, 0 or more; got '1'."),
        ({"custom": {"licence": -1}}, "Resources(licence=...) is a number, 0 or more"),
        ({"memory": 0}, "Resources(memory=...) is a number of bytes above 0"),
        ({"memory": "4GB"}, "got '4GB'"),
        ({"nodes": 0.5}, "Resources(nodes=...) is a whole number above 0"),
        ({"limit_s": float("inf")}, "Resources(limit_s=...) is a number of seconds above 0; got inf."),
        ({"limit_s": True}, "got True"),
    ],
)
def test_what_no_trial_can_need(settings, said):
    with pytest.raises(ExecutorError) as caught:
        Resources(**settings)
    assert said in str(caught.value)


def test_what_a_trial_can_need():
    Resources(cpus=0.5, gpus=0.25, memory=1 << 30, custom={"licence": 1}, nodes=1, limit_s=0.1)
