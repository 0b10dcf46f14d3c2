"""Every constant of the models, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trimtab.numerics.gp import Prior

_OBJECTIVE: Final = Prior(weight=0.1, amplitude=0.1, noise=0.001, length2=1.0)
_METRIC: Final = Prior(weight=0.1, amplitude=0.1, noise=0.0001, length2=1.0, noise_bounds=(1e-8, 1.0))
_FAILURES: Final = Prior(amplitude=1.0, length2=0.5, noise=0.02, noise_bounds=(0.005, 0.2), weight=0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What the models of the objective and of failures are made with."""

    # What counts as an improvement

    material: float = 0.01
    """The best result so far improves when it gains more than this part of the way from the median of the first
    results: a search that polishes the last digits stands still. Measured: decision 16."""

    n_first: int = 16
    """Of so many first results the median says what results are like without a search. By taste."""

    # Labels

    rho: float = 0.05
    """The share of the sum in the augmented Chebyshev norm of several objectives: ParEGO (Knowles, 2006, eq. 2)."""

    # Several metrics: see `model.processes`

    most_objectives: int = 4
    """Of more objectives than so many one label is made: the boxes of a hypervolume are too many then."""

    front_most: tuple[int, ...] = (64, 48, 24)
    """And of two, three, four objectives a front has at most so many points: measured, boxes of so many cost an ask
    some 10 ms."""

    reference_gap: float = 0.1
    """What a front is worth is measured from its worst values, less so much of their range: the reference point of
    qNEHVI in BoTorch (Daulton et al., 2021, arXiv 2105.08195)."""

    least_range: float = 0.3
    """That range is at least the standard deviation of labels: a front begins as one point."""

    kept_rows_each: int = 500
    """Posteriors of several metrics are conditioned on at most so many rows each: what an ask can pay."""

    far_off: float = 2.0
    """A constraint that was always met is not modelled if the nearest value to the bound is farther from it than so
    many times the range of the values. By taste."""

    # Fidelities: see `model.fidelities`

    carried_weight: float = 5.0
    """A slope of 1 is believed as much as so many configurations: measured, decision 32."""

    carried_pairs: int = 15
    """So many configurations seen at two fidelities are enough for a line between them: measured, decision 32."""

    carried_rows: int = 100
    """And no more than so many are looked at, the latest: what an ask can pay."""

    apart: float = 0.1
    """How far the lowest fidelity is from a whole run has a variance of so many amplitudes: measured, decision 111."""

    below_least: int = 5
    below_rows: int = 50
    """What configurations gave below where they got furthest is told from so many rows on, and the latest so many: the
    first by taste, the second what an ask can pay."""

    # Hyperparameters

    prior: Prior = _OBJECTIVE
    """Vizier's penalties (arXiv 2408.11527, table 1), ten times as firm, around a smoother and less noisy objective.
    Lengthscales do not grow with the number of parameters (Hvarfner et al., 2024, arXiv 2402.02229): in 10 to 25
    dimensions longer ones were worse after 25 trials, and not reliably better after 100 (decision 8)."""

    metric_prior: Prior = _METRIC
    """The same for one metric among several, but that less noise may be seen: where a constraint binds, the best lies
    at its bound, and is found as exactly as the model knows where that is."""

    exact_noise: float = 1e-6
    exact_noise_bounds: tuple[float, float] = (1e-7, 1e-5)
    """The noise where repeats gave the same to the bit: what looks like noise is detail. The least with which a
    factorisation in float64 is sound."""

    fit_rows: int = 300
    """Hyperparameters are fitted on at most so many rows: a fit costs O(rows**3), and an ask should take a tenth of a
    second."""

    anew_rows: int = 150
    """A fit that starts anew, which takes the most evaluations and is done for every choice of warps, is on so many:
    decision 16."""

    kept_rows: int = 1000
    """The posterior is conditioned on at most so many rows, the best and the latest: as many as a tenth of a
    second allows."""

    warm: int = 15
    cold: int = 40
    """Evaluations of the likelihood from the fit before, and from each fixed start. By taste: more changed nothing."""

    long_length2: float = 4.0
    """The squared lengthscale of the second fixed start, where the first may end in noise. By taste."""

    # Input warps

    has_input_warps: bool = True
    """Whether inputs may be warped: decision 11."""

    warped_from: int = 20
    """Input warps, and other output warps than the usual one, are looked at from so many rows on: decision 11."""

    warp_gain: float = 2.0
    """And input warps are kept where the log densities of left-out labels sum to so much more with them."""

    # Earlier studies: see `model.past`

    past_rows: int = 50
    """Of an earlier study so many configurations are taken over, the best and some spread over the rest: what a
    prediction can pay, and a first record can hold."""

    past_weight: float = 1.0
    """Before there are results, earlier studies are believed as if so many had spoken for them."""

    past_least: float = 0.1
    """One that is believed less than so far is not believed at all."""

    past_power: float = 2.0
    """The better of two studies weighs more than in proportion."""

    past_spread: float = 0.5
    past_steepest: float = 2.0
    """Labels rise as what is expected does times a factor, which is normal about 1 with such a standard deviation; and
    no more than so many times as steeply, nor the other way."""

    past_amplitude: float = 0.06
    """What is left of labels, once what earlier studies expect is taken off, varies at least so much, in squares: where
    nothing was tried they may be wrong, however right they were elsewhere. Measured: decision 89."""

    past_doubt: float = 0.0
    past_doubt_from: int = 6
    past_doubt_often: int = 40
    """Results that are left out must not be foreseen better without earlier studies, by a sum of log densities of more
    than so much; looked at from so many results on, at each of them up to so many, then at each doubling."""

    past_hold: float = 0.3
    """Lengthscales and noise are those of earlier studies, give or take a factor of 3.6 in squares: penalties are so
    many times the square of the logarithm. What differs between studies varies as fast as they do. Measured: decision
    117."""

    past_hold_rows: float = 10.0
    """And before any row of such a study this many speak for what is likeliest of all objectives. By taste."""

    past_least_noise: float = 1e-4
    """Of an earlier study whose noise is less, so much is taken: by taste, that of results that look exact."""

    portfolio_most: int = 3
    portfolio_each: int = 10
    """At most so many trials begin the study, chosen among so many of the best of each earlier one."""

    portfolio_gain: float = 0.02
    """One more is tried if it does so much better, in labels that span 1, on the average over the studies."""

    # Failures

    failure_prior: Prior = _FAILURES
    """Labels are +1 and -1, and little noise lets a single failure be believed. By taste."""

    failure_rows: int = 150
    """Of each class so many rows are looked at, the latest, for the sake of what an ask costs."""

    failure_evaluations: int = 12
    """Evaluations of the likelihood of a kind of failure. By taste."""

    caution: float = 2.0
    """What a failed trial costs: expected improvement is multiplied by the chance of success to this power. CARBS
    (arXiv 2306.08055, section 3.4) has 1; by taste."""

    bearable: float = 0.06
    n_latest: int = 30
    """When more than this share of so many latest trials failed, only safe points are looked for. By taste: of a
    hundred trials less than ten should be lost."""

    safe: float = 0.97
    """A chance of success that makes a point safe. By taste."""

    strict: float = 100.0
    """So much more does a point that is not safe lose then: more than points differ by in expected improvement."""


MODEL: Final = ModelSettings()
"""What is used where nothing else is said."""
