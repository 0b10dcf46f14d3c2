"""What going on with a study would bring, and what it would cost: the answer, as data."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.explain import Explained


@dataclass(frozen=True, slots=True)
class Fan:
    """The best value against further spend: a curve with bands.

    Attributes:
        metric, goal: of the objective; "minimize" or "maximize".
        past_n, past_best: the best value so far after so many configurations, wherever it changed, and at the end.
        n: [K] configurations that will be over, ascending, the first of them now.
        cost: [K] what is spent until then in `cost_unit`, expected; empty where nobody knows.
        cost_unit: the cost metric, or "s"; empty where nobody knows.
        median: [K] what the best value is better than with a chance of a half.
        low50, high50, low90, high90: [K] ends of the bands that hold it with 50 and 90 %, low <= high.
        target: the value to reach; None without one.
        limit: configurations at which the budget ends; None where nobody limits them.
    """

    metric: str
    goal: str
    past_n: tuple[int, ...]
    past_best: tuple[float, ...]
    n: tuple[float, ...]
    cost: tuple[float, ...]
    cost_unit: str
    median: tuple[float, ...]
    low50: tuple[float, ...]
    high50: tuple[float, ...]
    low90: tuple[float, ...]
    high90: tuple[float, ...]
    target: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook(Explained):
    """What is to be expected of the next `within` configurations.

    Gains are improvements of the best value, in the objective's own unit, at least 0. Without results that count
    nothing is known: then `unknown` says why, and only what counts trials and time has values.

    Attributes:
        metric, goal: of the objective; "minimize" or "maximize".
        n: configurations that are over.
        n_results: results among them that count: complete, whole, and allowed.
        within: how many more are looked at: those that what is left of the budget buys, what runs included; as many as
            there were where nothing is left.
        is_early: whether there are too few results to end a study by: what is known then is known of any search.
        is_left: whether the budget covers them; until: configurations at which it ends, None where nobody limits them.
        best: the best value so far.
        expected_gain: the mean gain; gain_interval: where it lies with 90 %.
        best_interval: the best value then, likewise, low <= high.
        epsilon: the gain that counts; reason: why so much.
        chance: of a gain of more than epsilon.
        target: the value to reach; None without one.
        chance_of_target: of reaching it, 1 where it is reached; None without one.
        cost: what that is expected to cost, in `cost_unit`; cost_interval: where it lies with 90 %.
        cost_unit: the cost metric, or "s" for the time of trials; empty where nobody knows.
        seconds: wall time until then, at the pace so far; finish_at: when that is, in seconds since the epoch, if it
            goes on now.
        pays: whether some further step is expected to be worth its cost, by the exchange rate; None without one.
        fan: the curve of the best value against further spend; None while nothing is known.
        unknown: why nothing can be said; empty otherwise.
        sentence: all of it for a person, in one sentence.
    """

    metric: str
    goal: str
    n: int
    n_results: int
    within: int
    is_left: bool
    is_early: bool
    until: int | None = None
    best: float | None = None
    expected_gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    best_interval: tuple[float, float] | None = None
    epsilon: float | None = None
    reason: str = ""
    chance: float | None = None
    target: float | None = None
    chance_of_target: float | None = None
    cost: float | None = None
    cost_interval: tuple[float, float] | None = None
    cost_unit: str = ""
    seconds: float | None = None
    finish_at: float | None = None
    pays: bool | None = None
    fan: Fan | None = None
    unknown: str = ""
    sentence: str = ""

    def __repr__(self) -> str:
        return f"<Outlook: {self.sentence or self.unknown}>"
