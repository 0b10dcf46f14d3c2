"""A model of what is near: a Gaussian process on the rows about a centre, in axes that fit the landscape there.

A quadratic through the rows says along which directions the landscape bends (the idea of derivative-free trust-region
methods: Conn, Scheinberg and Vicente, 2009). The process sees rows along these if that makes the labels likelier, else
along the parameters: its trend, which is quadratic along each axis, is then all of that quadratic, and its lengthscales
say how far the region reaches along each axis, as in TuRBO (Eriksson et al., 2019, arXiv 1910.01739).

Letters: m rows, P numeric parameters of the branch, R one-hot coordinates of its choices, G of these choices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.numerics.gp import N_SCALES, Data, Posterior, fit, neg_log_posterior
from trimtab.numerics.warp import FAR_REACH, warp
from trimtab.optim.local.settings import LocalSettings

RIDGES: Final = (1e-7, 1e-5, 1e-3, 1e-1)
"""Of the quadratic, in its kernel's mean: left-out residuals choose. From nearly exact to nearly flat."""


@dataclass(frozen=True, slots=True)
class Near:
    """Rows of a branch, as the model sees them.

    Attributes:
        u: [m, P] unit places.
        choices: [m, R] one-hot coordinates.
        losses: [m] smaller is better.
        share: [m] factor of the noise variance: 1 / how many results a row is the mean of.
        group: [R] the choice that each coordinate belongs to.
        n_choices: G.
    """

    u: Floats
    choices: Floats
    losses: Floats
    share: Floats
    group: Ints
    n_choices: int

    def take(self, rows: Ints) -> Near:
        return replace(
            self, u=self.u[rows], choices=self.choices[rows], losses=self.losses[rows], share=self.share[rows]
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """Axes, and the hyperparameters that were fitted along them.

    Attributes:
        centre: [P] unit places.
        choices: [R] the centre's choices.
        length: the side of the region, on (geometric) average over the axes.
        axes: [P, P] directions, a column each.
        reach: [P] how much longer the region is along each axis.
        theta: [P + G + 3] hyperparameters.
    """

    centre: Floats
    choices: Floats
    length: float
    axes: Floats
    reach: Floats
    theta: Floats

    def coordinates(self, u: Floats) -> Floats:
        """Return [n, P] of unit places [n, P]: along the axes, in lengths from the centre."""
        w: Floats = (u - self.centre) @ self.axes / self.length
        return w

    def places(self, w: Floats) -> Floats:
        """Return [n, P] the unit places of coordinates [n, P], cut at the edges of the cube."""
        u: Floats = np.clip(self.centre + (w * self.length) @ self.axes.T, 0.0, 1.0)
        return u

    def covariance(self) -> Floats:
        """Return [P, P] the shape of a normal distribution that reaches as far as the region does along each axis."""
        shape: Floats = (self.axes * np.square(self.reach)) @ self.axes.T
        return shape

    def data(self, near: Near) -> Data:
        """Return what is regressed on."""
        p = near.u.shape[1]
        z = np.concatenate([self.coordinates(near.u), near.choices], axis=1)
        group = np.concatenate([np.arange(p), p + near.group])
        return Data(z, _labels(near), group, p + near.n_choices, near.share, np.zeros(len(z)))

    def nearest(self, near: Near, length: float, settings: LocalSettings) -> Near:
        """Return the rows nearest to a region of this side; another choice counts as much as the region's half."""
        p = len(self.centre)
        w = 2.0 * self.coordinates(near.u) / self.reach * (self.length / length)
        distance = np.square(w).mean(axis=1) if p else np.zeros(len(w))
        distance += np.square(near.choices - self.choices).sum(axis=1)
        most = settings.rows + settings.rows_each * p
        n_within = int(np.count_nonzero(distance <= settings.within**2))
        most = min(most, max(n_within, settings.least_rows + settings.least_rows_each * p))
        return near.take(np.sort(np.argsort(distance, kind="stable")[:most]))


def fitted(near: Near, centre: Floats, choices: Floats, length: float, settings: LocalSettings) -> Frame:
    """Return the frame that fits rows about a centre [P], of choices [R]."""
    p = len(centre)
    theta = settings.prior.centre(p + near.n_choices)
    plain = Frame(centre, choices, length, np.eye(p), np.ones(p), theta)
    frame, is_turned = plain, None
    for _ in range(2):  # the second time the nearest are chosen as the first says
        rows = frame.nearest(near, length, settings)
        axes = None if is_turned is False else _quadratic(plain.coordinates(rows.u), _labels(rows), settings.foreseen)
        found = [] if is_turned and axes is not None else [_fit(plain, rows, settings)]
        if axes is not None:
            found.append(_fit(replace(plain, axes=axes), rows, settings))
        frame = min(found, key=lambda each: each[1])[0]
        is_turned = frame.axes is not plain.axes
    return frame


def posterior(frame: Frame, near: Near) -> Posterior:
    """Return the process, conditioned on these rows."""
    return Posterior(frame.data(near), frame.theta)


def _labels(near: Near) -> Floats:
    """Return [m] labels: of what is very far from the best only the order counts."""
    return warp(near.losses, FAR_REACH)


def _fit(frame: Frame, near: Near, settings: LocalSettings) -> tuple[Frame, float]:
    """Return the frame with fitted hyperparameters, and minus the logarithm of how likely the labels are with them."""
    p, data = near.u.shape[1], frame.data(near)
    theta = fit(data, settings.prior, [frame.theta], settings.evaluations)
    log_length = 0.5 * theta[N_SCALES : N_SCALES + p]
    reach = np.exp(log_length - log_length.mean()) if p else np.ones(0)
    reach = np.clip(reach, settings.narrowest, 1.0 / settings.narrowest)
    return replace(frame, theta=theta, reach=reach), neg_log_posterior(theta, data, settings.prior)[0]


def _quadratic(w: Floats, y: Floats, foreseen: float) -> Floats | None:
    """Return [P, P] the axes of the quadratic through labels [m] at [m, P]; None if it does not foresee them.

    It is a kernel regression with (1 + w w')**2, so that there may be fewer rows than coefficients.
    """
    if w.shape[1] < 2:
        return None
    k = np.square(1.0 + w @ w.T)
    k /= float(np.diagonal(k).mean())
    values, vectors = np.linalg.eigh(k)
    values = np.maximum(values, 0.0)
    along = vectors.T @ y
    errors, weights = [], []
    for ridge in RIDGES:
        shrunk = values / (values + ridge)
        left = np.maximum(1.0 - np.square(vectors) @ shrunk, 1e-9)  # 1 - leverage, which rounding may make 0
        errors.append(float(np.square((y - vectors @ (shrunk * along)) / left).mean()))
        weights.append(vectors @ (along / (values + ridge)))
    best = int(np.argmin(errors))
    if not errors[best] < foreseen * float(np.var(y)):
        return None
    hessian = (w.T * weights[best]) @ w
    axes: Floats = np.linalg.eigh((hessian + hessian.T) / 2.0)[1]
    return axes
