"""Which trials are better, for engines that need no more than an order: by objectives, and by constraints broken."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.choice import Choice
from trimtab.model.dominance import undominated


def ranks(losses: Floats, excess: Floats, choice: Choice | None = None) -> Ints:
    """Return [n] the ranks of rows, 0 the best, equal where nothing tells them apart.

    One that broke constraints comes after all that met them, in the order of by how much, added up over the constraints
    as ranks, which have no unit. Several objectives are ordered by fronts of non-domination and within a front by
    crowding distance, the lonelier first (Deb et al., NSGA-II, 2002), also measured in ranks.

    Args:
        losses: [n, K] smaller is better.
        excess: [n, C] by how much each constraint is broken, 0 where it is met.
        choice: what is preferred of several objectives, which then has the order; None for all of the front.
    """
    met_all = np.zeros((1, excess.shape[1]))  # so that rank 0 is a constraint that is met, whether or not a row met it
    broken = _dense(np.concatenate([met_all, excess]))[1:].sum(axis=1)
    if losses.shape[1] == 1:
        order = _dense(losses)[:, 0]
        crowding = np.zeros(len(losses))
    else:
        order, crowding = np.zeros(len(losses), dtype=np.int64), np.zeros(len(losses))
        met = np.flatnonzero(broken == 0)
        if choice is None:
            order[met], crowding[met] = _fronts(_dense(losses[met]))
        elif len(met):
            order[met[choice.ranked(losses[met])]] = np.arange(len(met))
    keys = np.stack([broken.astype(np.float64), np.where(broken, 0.0, order), -crowding], axis=1)
    found: Ints = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _dense(values: Floats) -> Ints:
    """Return [n, K] the rank of each value in its column, equal values alike."""
    columns = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros(values.shape, dtype=np.int64)


def _fronts(losses: Ints) -> tuple[Ints, Floats]:
    """Return [n] the number of the front of each row, and its crowding distance within it."""
    front, crowding = np.zeros(len(losses), dtype=np.int64), np.zeros(len(losses))
    left = np.arange(len(losses))
    number = 0
    while len(left):
        best = left[undominated(losses[left])]
        front[best], crowding[best] = number, _crowding(losses[best])
        left = left[~np.isin(left, best)]
        number += 1
    return front, crowding


def _crowding(losses: Ints) -> Floats:
    """Return [n] how far apart the neighbours of each row are, over all columns; infinite at an end."""
    crowding = np.zeros(len(losses))
    for column in losses.T:
        values, place = np.unique(column, return_inverse=True)
        if len(values) > 1:
            padded = np.concatenate([[-np.inf], values.astype(np.float64), [np.inf]])
            crowding += (padded[2:] - padded[:-2])[place.reshape(-1)] / (values[-1] - values[0])
    return crowding
