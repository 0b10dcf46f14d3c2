"""Whether a result that the rest does not explain should be looked at again.

Most are true: an objective has cliffs. So before two runs of one configuration were ever torn apart, few are doubted,
and none after repeats have agreed, but for one that takes the lead by far more than all others gained: its second run
is the next trial. Where they were torn, whatever would be among the best but for its result is run again.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Bools
from trimtab.model.keys import keys_of
from trimtab.model.labels import Labelled
from trimtab.model.observations import Observations
from trimtab.model.outliers import fences, typical
from trimtab.optim.gp.outlook import Outlook
from trimtab.optim.gp.replicate import Replicate
from trimtab.optim.gp.settings import Settings


def second_look(observations: Observations, outlook: Outlook, number: int, settings: Settings) -> Replicate | None:
    """Return the configuration that trial `number` should run again; None if there is none.

    Args:
        observations: what is on record, of one objective.
        outlook: what the process says.
        number: of the trial that is asked for.
        settings: the constants.
    """
    n, seen = len(observations), outlook.seen
    if n < settings.look_from or observations.fidelity.rows.shape[1]:
        return None
    is_spoilt = observations.is_spoilt(n)
    claimed = _claimed(observations, seen, settings) if observations.is_plain and not is_spoilt else None
    if claimed is not None:
        return claimed
    if number % settings.look_every != 1:
        return None
    if not is_spoilt and n - observations.x.n >= settings.look_most:
        return None
    losses = observations.losses.view[:, 0]
    low, high = fences(losses)
    once = typical(losses, observations.config.view)
    once, counts = once[seen.rows], np.bincount(observations.config.view)[seen.rows]
    may = (counts < settings.look_runs if is_spoilt else counts == 1) & ~_has_ended(observations, seen)
    good = np.flatnonzero(may & (once < low))
    if len(good):
        at = int(good[np.argmin(once[good])])
        return Replicate(seen.x[at], int(seen.rows[at]), "looks again: too good beside all others to be believed")
    residual, _ = outlook.first.posterior.left_out()
    foretold = seen.labels - residual[: len(seen)]
    is_far = may & (once > high)
    doubted = is_far & (foretold >= np.quantile(seen.labels, 1.0 - settings.look_share))
    if not doubted.any() and not is_spoilt:  # while what is off counts, little is foretold to be good
        doubted = is_far & (foretold >= np.median(seen.labels))
        doubted &= np.count_nonzero(doubted) >= settings.look_several
    if not doubted.any():
        return None
    at = int(np.argmax(np.where(doubted, foretold, -np.inf)))
    return Replicate(seen.x[at], int(seen.rows[at]), "looks again: far worse than what is near it foretells")


def _claimed(observations: Observations, seen: Labelled, settings: Settings) -> Replicate | None:
    """Return the leader, if it ran once and is better than the second by much more than that gained on a random trial.

    One result that is off downwards is the best for ever: no later one comes near, and with such a lead it is not
    confirmed as a leader that may be lucky. An objective that has a least value takes such a step seldom, since each
    leaves a fraction of what there was to gain.
    """
    losses = observations.mean_losses()[seen.rows]
    if len(losses) < 2:
        return None
    at = int(np.argmin(losses))
    second = float(np.delete(losses, at).min())
    usual = float(np.median(observations.losses.view[: observations.settings.n_first, 0]))
    with np.errstate(over="ignore"):
        is_usual = second - losses[at] <= settings.look_gain * (usual - second)
    if is_usual or seen.counts[at] > 1 or _has_ended(observations, seen)[at]:
        return None
    why = "looks again: better than the next by far more than that one gained"
    return Replicate(seen.x[at], int(seen.rows[at]), why)


def _has_ended(observations: Observations, seen: Labelled) -> Bools:
    """Return [c] which configurations ran again and failed, or were stopped: a third run would, too, and for ever."""
    found = np.zeros(len(seen), dtype=bool)
    for column in (observations.failed, observations.stopped):
        if column.n:
            ended = set(keys_of(column.view))
            found |= [key in ended for key in keys_of(seen.x)]
    return found
