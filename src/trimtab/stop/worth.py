"""Whether more tuning is worth it: by an exchange rate, or by the chance of a gain that counts.

With an exchange rate a study ends when no further step is expected to be worth what it costs, as in Xie et al., 2025
(arXiv 2507.12453), whose rule looks one step ahead; a search that stands still for a while may still pay, so that steps
of every length are looked at here. Without one it ends when a gain of more than epsilon within what is left of the
budget has a small chance: the probabilistic regret bound of Wilson, 2024 (arXiv 2402.16811), asked
of the search and not of the optimum, which no budget may reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from trimtab.arrays import Floats
from trimtab.checks import is_number
from trimtab.errors import ProblemError
from trimtab.ledger.table import TrialTable
from trimtab.model.settings import MODEL
from trimtab.numerics.arithmetic import quiet
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.stop import exchange as rates
from trimtab.stop import said
from trimtab.stop.budget import Budget
from trimtab.stop.exchange import Exchange, exchange
from trimtab.stop.forecast import Gains, chances, forecast
from trimtab.stop.outlook import Fan, Outlook
from trimtab.stop.path import Path, path
from trimtab.stop.protocol import Verdict
from trimtab.stop.spend import Price, covered, n_over, pace, price

RULE: Final = "worth"

GAIN: Final = 0.05
UNLIKELY: Final = 0.1
LASTING: Final = 0.05
"""A gain of more than so large a share of what the search has brought counts, where nobody says what does; it is not
waited for once it had so small a chance, for so large a part of all results. All three were chosen on the half for
tuning, as those that save two fifths of the trials with no more than a tenth of the stops wrong: decisions 95 and
115."""

LOOKS: Final = 4
"""In so many steps it is looked at how small the chance was."""

COVERAGE: Final = 0.9
"""What intervals are to cover."""

LEAST: Final = 3
LEAST_OF_ALL: Final = 20
"""Times one more than there are parameters, and no less than so many: results that come before a study may end. What is
known after fewer is known of searches in general."""

LEAST_SAVED: Final = 0.1
LEAST_LEFT: Final = 10
"""What is left is at least this share of all, and so many configurations: to end a study a little before its budget
saves nobody anything. So a budget of 30 trials is always used up, and one that is larger may not be."""

FLAT: Final = 40
"""After so many equal results that all others differ has a chance of a fortieth (the rule of succession)."""

GROWTH: Final = 32
"""The odds are looked at after so small a part of all results more, or half of it: what one more result in a thousand
changes is not worth a millisecond of each. By the number of results alone, whatever time they took, so that a study
ends at the same trial wherever it is run. Below so many it is after every one; from 20 to 1,000 results it is looked at
about 170 times, a tenth of a second or two in all."""

TOGETHER: Final = 1024
"""So many results at most are taken for such that came in one batch."""

STEPS: Final = 12
"""Points of the curve of the best value against further spend."""

UNLIMITED: Final = 20
"""Where no budget says how far a study goes, and few configurations are over, so many more are looked at."""


class Purse(Protocol):
    """Knows the budget in force, where it may be changed while a study goes on."""

    def of(self, table: TrialTable) -> Budget: ...


_SAID: WeakKeyDictionary[TrialTable, tuple[Worth, int, Budget | None, Verdict]] = WeakKeyDictionary()
"""What a rule said last of a table, after so many trials: a driver asks again and again until one more is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """End a study when more of it is not worth it; until then say what it would bring.

    Attributes:
        budget: what may be spent, or who knows it; without one, as many configurations again are looked at.
        epsilon: the gain that counts, in the unit of the objective; by default the noise between results of one
            configuration, and no less than a twentieth of what the search has brought so far.
        rate: what an improvement is worth, `0.01 accuracy = 3 gpu_hours`.
        prices: what an hour of a resource costs, {"gpu": 2.5, "cpu": 0.04}.
        cpus, gpus: that one trial uses.
        is_final: whether it may end the study, or only says what it sees.

    Raises:
        ProblemError: epsilon is no number above 0.
    """

    budget: Budget | Purse | None = None
    epsilon: float | None = None
    rate: str | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    cpus: float = 1.0
    gpus: float = 0.0
    is_final: bool = True

    def __post_init__(self) -> None:
        if self.epsilon is not None and (not is_number(self.epsilon) or not 0 < self.epsilon < math.inf):
            raise ProblemError(
                f"epsilon is the gain that counts, a number above 0 in the objective's unit; got {shown(self.epsilon)}."
            )

    @classmethod
    def of_json(cls, said: object, budget: Budget | None) -> Worth:
        """Return the rule whose terms are on record; what cannot be read there counts as not said.

        Args:
            said: see `to_json`; what a stranger or a later version wrote, too.
            budget: what may be spent; its prices are those of the rule.
        """
        terms: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
        epsilon: Any = terms.get("epsilon")
        rate = terms.get("rate")
        return cls(
            budget=budget,
            epsilon=epsilon if is_number(epsilon) and 0 < epsilon < math.inf else None,
            rate=rate if isinstance(rate, str) else None,
            prices={} if budget is None else budget.prices or {},
            cpus=_amount(terms.get("cpus"), 1.0),
            gpus=_amount(terms.get("gpus"), 0.0),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what was said of a gain as it is put on record: {"epsilon": 0.01, "rate": "...", "cpus", "gpus"}.

        What was not said is left out; the budget, which has the prices, is on record itself.
        """
        told = {"epsilon": self.epsilon, "rate": self.rate}
        found: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        return found | ({"cpus": self.cpus, "gpus": self.gpus} if self.rate is not None else {})

    def check(self, problem: Problem) -> None:
        """Check that the rule fits a problem, before anything runs.

        Raises:
            ProblemError: the exchange rate cannot be read, or does not fit.
        """
        if self.rate is not None:
            exchange(self.rate, problem, self.prices, self.gpus)

    def fits(self, problem: Problem) -> bool:
        """Return whether the exchange rate, where there is one, fits a problem."""
        try:
            self.check(problem)
        except ProblemError:
            return False
        return True

    @quiet()
    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return whether going on is worth it, with the odds."""
        if len(problem.objectives) != 1:
            return Verdict(stop=False, reason="", rule=RULE)
        n, least = len(table.order), least_results(problem)
        if n < least or not _is_due(table):
            return Verdict(stop=False, reason="", rule=RULE)
        kept, budget = _SAID.get(table), self._in_force(table)
        if kept is not None and kept[0] is self and kept[1:3] == (n, budget):
            return kept[3]
        said = self._verdict(problem, table, least)
        _SAID[table] = self, n, budget, said
        return said

    def _in_force(self, table: TrialTable) -> Budget | None:
        """Return the budget in force."""
        return self.budget if self.budget is None or isinstance(self.budget, Budget) else self.budget.of(table)

    def _verdict(self, problem: Problem, table: TrialTable, least: int) -> Verdict:
        seen = path(table)
        if seen.n_results < least:
            return Verdict(stop=False, reason="", rule=RULE)
        found = self._outlook(problem, table, seen, has_fan=False)
        verdict = Verdict(
            stop=False,
            reason="",
            rule=RULE,
            expected_gain=found.expected_gain,
            gain_interval=found.gain_interval,
            next_cost=None if found.cost is None or not found.within else found.cost / found.within,
            chance=found.chance,
            epsilon=found.epsilon,
            chance_of_target=found.chance_of_target,
            n=found.n,
            until=found.until,
        )
        is_little = found.within < max(LEAST_LEFT, LEAST_SAVED * (found.n + found.within))
        if not self.is_final or not found.is_left or is_little:
            return verdict
        if _goes_on(table, found, least):
            return verdict
        if seen.is_flat:
            ends = seen.n_results >= max(least, FLAT)
        elif seen.room <= 0.0:
            ends = True
        elif self.rate is not None:
            ends = not found.pays and not self._pays(problem, table, seen.before(seen.n - 1), found.within + 1)
        else:
            ends = self._is_unlikely(seen, found)
        return replace(verdict, stop=True, reason=said.why(found, seen, self.rate)) if ends else verdict

    @quiet()
    def outlook(self, table: TrialTable) -> Outlook:
        """Return what going on would bring and cost, whether or not it is time to end the study."""
        seen = path(table) if len(table.problem.objectives) == 1 else None
        return self._outlook(table.problem, table, seen, has_fan=True)

    def _outlook(self, problem: Problem, table: TrialTable, seen: Path | None, *, has_fan: bool) -> Outlook:
        metric = problem.objectives[0]
        n = n_over(table)
        by = "cost" if problem.cost is not None and np.isfinite(table.cost).any() else "seconds"
        each, each_s = price(table, by), pace(table)
        left = covered(self._in_force(table), table)
        is_left = left >= 1.0 and left < math.inf
        within = int(min(left, 1e9)) if is_left else max(UNLIMITED, n)
        ends = None if left == math.inf else n + int(left)
        n_results = 0 if seen is None else seen.n_results
        is_early = n_results < least_results(problem)
        known = Outlook(metric.name, metric.goal, n, n_results, within, is_left, is_early, ends)
        if each.is_known:
            cost, low, high = each.of(within)
            unit = problem.cost or "cost" if by == "cost" else "s"
            known = replace(known, cost=cost, cost_interval=(low, high), cost_unit=unit)
        if each_s == each_s:
            known = replace(known, seconds=within * each_s, finish_at=table.now + within * each_s)
        if seen is None:
            return said.told(replace(known, unknown="there are several objectives, and no one value is the best"))
        if not seen.n_results:
            return said.told(replace(known, unknown="no trial has a result that counts yet"))
        if seen.is_flat or seen.scale == 0.0:
            best = float(seen.best[-1]) * metric.sign
            return said.told(replace(known, best=best, unknown=_unmeasured(seen, best)))
        return said.told(self._expected(problem, table, seen, known, each if has_fan else None))

    def _expected(self, problem: Problem, table: TrialTable, seen: Path, known: Outlook, each: Price | None) -> Outlook:
        """Return what is known with what is expected; the curve too where what each configuration costs is given."""
        metric, best = problem.objectives[0], float(seen.best[-1])
        steps = np.array([float(known.within)])
        if each is not None:
            steps = np.unique(np.round(np.geomspace(1, known.within, STEPS)))
        gains = forecast(seen, steps)
        low, high = (float(end[-1]) for end in gains.interval(COVERAGE))
        epsilon, reason = self._epsilon(seen)
        target, reached = metric.target, None
        if target is not None:
            short = best - target * metric.sign
            reached = 1.0 if short <= 0.0 else float(chances(seen, np.array([short]), steps[-1:])[0, 0])
        ends = sorted((metric.sign * (best - low), metric.sign * (best - high)))
        return replace(
            known,
            best=best * metric.sign,
            expected_gain=float(gains.expected()[-1]),
            gain_interval=(low, high),
            best_interval=(ends[0], ends[1]),
            epsilon=epsilon,
            reason=reason,
            chance=float(chances(seen, np.array([epsilon]), steps[-1:])[0, 0]),
            target=target,
            chance_of_target=reached,
            pays=None if self.rate is None else self._pays(problem, table, seen, known.within),
            fan=None if each is None else _fan(metric.sign, seen, known, gains, each, metric.target),
        )

    def _epsilon(self, seen: Path) -> tuple[float, str]:
        """Return the gain that counts, and why so much."""
        if self.epsilon is not None:
            return self.epsilon, "as given"
        share = GAIN * seen.scale
        if seen.noise > share:
            return seen.noise, "the noise between results of one configuration"
        return share, f"{GAIN:.0%} of what the search has brought so far"

    def _is_unlikely(self, seen: Path, found: Outlook) -> bool:
        """Return whether a gain that counts is unlikely by now, and was so for some time."""
        if found.chance is None or found.chance >= UNLIKELY:
            return False
        return all(self._was_unlikely(seen.before(n), seen.n + found.within) for n in lasting(seen.n))

    def _was_unlikely(self, before: Path, until: int) -> bool:
        if before.scale == 0.0:
            return False
        epsilon, _ = self._epsilon(before)
        return float(chances(before, np.array([epsilon]), np.array([float(until - before.n)]))[0, 0]) < UNLIKELY

    def _pays(self, problem: Problem, table: TrialTable, seen: Path, within: int) -> bool:
        """Return whether some number of further configurations is expected to be worth what it costs."""
        rate = exchange(self.rate, problem, self.prices, self.gpus)
        each = self._each(rate, table)
        if each != each or seen.scale == 0.0:
            return True  # nobody knows
        steps = np.unique(np.round(np.geomspace(1, within, STEPS)))
        gains = forecast(seen, steps).expected()
        worth: Floats = gains / rate.gain * rate.price
        return bool((worth >= steps * each).any())

    def _each(self, rate: Exchange, table: TrialTable) -> float:
        """Return what one configuration costs, in the unit of a rate; nan where nobody knows."""
        if rate.unit == rates.TRIALS:
            return 1.0
        if rate.unit == rates.WALL:
            return pace(table) / 3600.0
        if rate.unit == rates.COST:
            return price(table, "cost").mean
        return price(table, "seconds").mean / 3600.0 * self._an_hour(rate)

    def _an_hour(self, rate: Exchange) -> float:
        """Return what an hour of a trial costs, in the unit of a rate of work or of money."""
        used = {"cpu": self.cpus, "gpu": self.gpus}
        if rate.unit == rates.MONEY:
            return sum(each * used.get(name, 0.0) for name, each in self.prices.items())
        return {rates.WORKER: 1.0, rates.GPU: self.gpus, rates.CPU: self.cpus}[rate.unit]

    def must_bring(self, problem: Problem, table: TrialTable | None, n: int) -> float:
        """Return the gain for which n configurations are worth what they cost; nan where nobody knows what one costs.

        Args:
            problem: whose objective the rate is of.
            table: trials that cost what the n will cost, of this study or of one like it; None where there are none.
            n: how many.
        """
        rate = exchange(self.rate, problem, self.prices, self.gpus)
        if table is None:
            return n / rate.price * rate.gain if rate.unit == rates.TRIALS else math.nan
        return n * self._each(rate, table) / rate.price * rate.gain

    def must_gain(self, table: TrialTable) -> dict[str, float]:
        """Return by how much the objective must get better for each of the "seconds" or the "cost" that is spent.

        Of wall time each trial takes the share of its seconds that one takes on average: what runs side by side shares
        an hour. Empty without an exchange rate, of several objectives, where nobody knows that share, and in trials, of
        which none is dearer.
        """
        if self.rate is None or len(table.problem.objectives) != 1:
            return {}
        rate = exchange(self.rate, table.problem, self.prices, self.gpus)
        each = rate.gain / rate.price
        if rate.unit == rates.TRIALS:
            return {}
        if rate.unit == rates.COST:
            return {"cost": each}
        if rate.unit == rates.WALL:
            each *= pace(table) / price(table, "seconds").mean / 3600.0
        else:
            each *= self._an_hour(rate) / 3600.0
        return {"seconds": each} if each > 0.0 else {}


def _amount(said: Any, otherwise: float) -> float:
    """Return how much of a resource a trial uses, as it is on record; `otherwise` where that cannot be read."""
    return float(said) if is_number(said) and 0 <= said < math.inf else otherwise


def _unmeasured(seen: Path, best: float) -> str:
    """Return why nobody knows how much the search has brought."""
    if seen.n_results == 1:
        return "there is one result so far"
    if seen.is_flat:
        return f"all results so far are {best:.6g}"
    known = seen.losses[np.isfinite(seen.losses)]
    if (known[: MODEL.n_first] == known.min()).all():
        return f"the first results were all {best:.6g}, and none was better since"
    return "results lie too far apart to be compared"


def _is_due(table: TrialTable) -> bool:
    """Return whether the last results, those that came at once, reached a number at which the odds are looked at.

    Once it was said that the study is to end, they are looked at after every result until it has: what still ran then
    may have changed them.
    """
    before = table.verdict(RULE)
    if before is not None and before.stop:
        return True
    n = len(table.order)
    every = 1 << max(1, n // GROWTH).bit_length() - 1  # a power of two, so that one grid is part of the one before
    latest = table.order[-TOGETHER:]
    ended_at, started_at = table.ended_at[latest], table.started_at[latest]
    # what began when the last one ended came after it, however coarse the clock is
    came = max(1, int(((ended_at == ended_at[-1]) & (started_at < ended_at[-1])).sum()))
    return n // every > (n - came) // every


def lasting(n: int) -> range:
    """Return the numbers of results, before n, at which a gain has to have been unlikely too."""
    since = max(1, math.ceil(LASTING * n))
    return range(n - since, n, max(1, since // LOOKS))


def _goes_on(table: TrialTable, found: Outlook, least: int) -> bool:
    """Return whether the budget was raised after this rule had ended the study.

    Who does that wants to go on: the study is not ended again before so many results as are needed at first.
    """
    ended = (said for _, said in reversed(table.verdicts) if said.rule == RULE and said.stop)
    before = next(ended, None)
    if before is None or before.until is None or before.n is None or found.until is None:
        return False
    return found.until > before.until and found.n < before.n + least


def least_results(problem: Problem) -> int:
    """Return how many results come before anything is said that rests on them."""
    return max(LEAST_OF_ALL, LEAST * (n_free(problem) + 1))


def n_free(problem: Problem) -> int:
    """Return how many parameters are not held at a value."""
    held = problem.space.fixed_row()
    return len(problem.space) if held is None else int(np.isnan(held).sum())


def _fan(sign: float, seen: Path, known: Outlook, gains: Gains, each: Price, target: float | None) -> Fan:
    best = float(seen.best[-1])
    bands = {}
    for name, coverage in (("50", 0.5), ("90", COVERAGE)):
        less, more = gains.interval(coverage)
        ends = np.sort(np.column_stack([sign * (best - less), sign * (best - more)]), axis=1)
        ends = np.vstack([[best * sign, best * sign], ends])
        bands["low" + name], bands["high" + name] = tuple(ends[:, 0].tolist()), tuple(ends[:, 1].tolist())
    steps = np.concatenate([[0.0], gains.k])
    return Fan(
        metric=known.metric,
        goal=known.goal,
        past_n=(*seen.at.tolist(), seen.n),
        past_best=(*(seen.best * sign).tolist(), best * sign),
        n=tuple((seen.n + steps).tolist()),
        cost=tuple((steps * each.mean).tolist()) if each.is_known else (),
        cost_unit=known.cost_unit if each.is_known else "",
        median=(best * sign, *(sign * (best - gains.quantile(0.5))).tolist()),
        target=target,
        limit=known.until,
        **bands,
    )
