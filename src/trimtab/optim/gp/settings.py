"""Every constant of the engine, with its reason; those of its models are in `trimtab.model.settings`."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.model.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ModelSettings):
    """What proposals are made with.

    No option of the engine, and so nothing in a log, leads here: a study is replayed with these. `has_` are switches
    that benchmarks/regret/ablate.py turns off one by one.
    """

    # Constraints on outcomes

    keep_margin: float = 1.0
    """What is proposed should keep constraints though they were so many deviations worse than is expected: at a bound,
    where the best is more often than not, as many proposals would else be broken as kept, and gain nothing. Measured:
    decision 40."""

    keep_more: float = 16.0
    keep_share: float = 0.05
    keep_rows: int = 20
    """And by so many deviations more for the share, beyond the second, of so many latest results that broke it: by its
    record, a model is surer of it than it may be. Measured: decision 99."""

    # Standing still

    has_bold_turns: bool = True
    """Whether a search that stands still explores more."""

    idle: int = 8
    bold_every: int = 3
    """When so many trials brought nothing better, every third proposal is bold. By taste: decision 15."""

    boldness: float = 3.0
    """A bold proposal has the largest mean + 3 deviations: GP-UCB (Srinivas et al., 2010, algorithm 1) with a beta of
    9, about what theorem 1 has for a hundred trials."""

    bold_scale: float = 10.0
    """Labels, which span 1, in the unit of log expected improvement, to which chances and priors are added. By
    taste."""

    stopped_rows: int = 100
    """Of configurations that were stopped early without a result so many are kept away from, the latest: each costs
    O(rows) a prediction."""

    # Plateaus

    likely: float = 0.9
    """While all results are equal, a point that works with at least this chance is as good as any other. By taste."""

    n_spread: int = 64
    """And it is found among so many random ones. By taste."""

    # Replicates

    has_replicates: bool = True
    """Whether the leader is run again where results are noisy."""

    replicate_from: int = 15
    """Complete rows before the first repeat: before, the leader changes too often to be worth one. By taste."""

    replicate_every: int = 3
    """At most one trial of so many is a repeat. By taste."""

    replicate_most: int = 2
    replicate_each: int = 30
    """A leader is run again while it ran at most twice, and once more for every so many rows: a long log may ask
    for more certainty. By taste."""

    n_leaders: int = 5
    """The lead is the distance to the fifth best: the second may be a neighbour of the first. By taste."""

    material_noise: float = 0.25
    """Noise matters when its deviation is more than this share of the lead. By taste."""

    known_from: int = 3
    """So many repeats tell the noise better than the model does: one lucky pair does not. By taste."""

    # Second looks

    has_second_looks: bool = True
    """Whether what the rest does not explain runs again."""

    look_from: int = 10
    """Complete rows before the first. By taste."""

    look_every: int = 3
    """At most one trial of so many is one. By taste."""

    look_most: int = 2
    """While so many repeats have agreed, no result is doubted any more. By taste."""

    look_runs: int = 4
    """And a configuration has at most so many runs: of three the middle one is right if one is wrong, and two are
    wrong now and then. By taste."""

    look_share: float = 0.25
    """Bad ones run again where the rest foretells one of this share of best labels. By taste."""

    look_several: int = 3
    """Or, until results are known to be off, the better half for so many of them at once. By taste; decision 109."""

    look_gain: float = 3.0
    """And what takes the lead by so many times what the next best had gained runs again at once, whatever repeats said.
    Measured: decision 124."""

    # Steps

    has_steps: bool = True
    """Whether nothing is looked for on a step that is known: measured, decision 44."""

    step_reach: float = 2.0
    """Within so many times what two neighbours on it are apart: what still lands on it makes it twice as wide."""

    step_rows: int = 200
    """Of configurations whose loss repeats so many are looked at, the latest: each costs O(rows)."""

    has_novelty: bool = True
    """Whether an improvement counts by the chance that a result is new, where results repeat to the bit: measured,
    decision 108."""

    novel_from: int = 3
    """So many repeats tell how far steps reach. By taste."""

    # A model that foresees nothing

    has_guard: bool = True
    """Whether some trials go where no model leads while it foresees no better than a constant: measured, decision
    105."""

    guard_rows: int = 20
    """Its record is of so many results, the latest, and begins with as many: after fewer, fits look better than they
    are. Measured: decision 105."""

    guard_every: int = 3
    """And all but every third trial are such. An odd number: every second point of a Sobol sequence is of one half of
    the space. Measured: decision 105."""

    # Budgets of cost and time

    thrift: float = 0.5
    """The power of its cost by which improvement is divided while a budget of cost is untouched; 0 minds neither cost
    nor time. Measured: decision 96."""

    has_index: bool = True
    index_every: int = 2
    """Where there is an exchange rate every second row is scored by the index of Pandora's box, and the others by
    improvement per that power of the price, which makes something of what the index found. Measured: decision 107."""

    # Stages: decisions 9, 13 and 14

    stages_from: int = 13
    """Spaces of fewer parameters are searched whole."""

    trials_each: int = 3
    """A parameter joins for every so many trials."""

    patience: int = 2
    """And one for every so many trials without an improvement: measured, decision 14."""

    noted: float = 0.1
    """And those along which the model spreads by so large a part of the largest spread: measured, decision 14."""

    n_levels: int = 9
    """Along a parameter the spread is looked at in so many places. By taste."""

    n_tasted: int = 6
    """So many of those that wait vary in every second proposal: measured, decision 14."""

    unimportant: float = 40.0
    """The squared lengthscale, in unit ranges, that is expected of parameters that are not among the first. By
    taste."""

    # The trust region: Google Vizier's (arXiv 2408.11527), whose numbers the next four are

    has_trust_region: bool = True
    """Whether proposals keep near what was tried while rows are few."""

    trust_radius: float = 0.2
    trust_growth: float = 0.3
    trust_rows_each: int = 5
    """The radius is 0.2 + 0.3 * n / (5 * (P + 1)) of each parameter's range."""

    trust_everywhere: float = 0.5
    """At this radius the region is all of the space."""

    trust_from: int = 20
    """In spaces where so many free numeric parameters are active at once: measured, decision 13."""

    outside: float = 1e3
    """What a point outside loses: more than points inside differ by, so that of points outside the nearest is best."""

    # The search

    exhaustive: int = 2048
    """In a space of at most so many configurations every one is looked at: decision 15."""

    n_candidates: int = 1024
    """Drawn for each proposal, half as many past `fit_rows`, where one costs O(rows**2): an ask takes a tenth of a
    second."""

    n_centres: int = 5
    """Half of them lie near one of so many best rows. By taste."""

    near: float = 0.1
    very_near: float = 0.02
    """At normal distances of these deviations, in unit ranges, half of them each. By taste."""

    n_resampled: float = 1.5
    """So many choices are drawn anew in each, on average. By taste."""

    n_refined: int = 8
    refine_steps: int = 15
    """So many of the best are climbed from, in so many steps. By taste: more of either changed little."""

    refine_step: float = 0.08
    refine_first: float = 0.2
    refine_second: float = 0.1
    """Adam (Kingma & Ba, 2015, algorithm 1): its step in lengthscales, or in unit ranges where these are longer, and
    1 - beta1 and 1 - beta2, which are larger than there since so few steps are taken."""

    polish_evaluations: int = 40
    """Where constraints may bind, the best and the leader are climbed from by L-BFGS-B, in so many evaluations at most:
    measured, decision 40."""

    front_steps: int = 8
    front_evaluations: int = 12
    """With several objectives fewer steps are taken, from half as many candidates, and the best alone is climbed from
    after that: what an ask can pay."""

    n_choices: int = 32
    """Of a categorical so many choices are looked at from one row; climbing passes the others."""

    n_local: int = 2
    n_rounds: int = 4
    """The neighbours of so many best rows are looked at, so often at most. By taste."""
