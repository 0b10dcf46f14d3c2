"""Gaussian-process regression with a Matérn-5/2 kernel: fit by maximum a posteriori, predict, and their gradients.

Rasmussen & Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 2.1 and equation 5.9. The squared
distance is r2(z, z') = sum_q w[g(q)] (z_q - z'_q)**2 over Q coordinates in G groups: a group is one parameter, maybe of
several coordinates (a categorical is one-hot, scaled by 1/sqrt 2, so that r2 is w times whether the choices differ).
Differentiating in r2 rather than r leaves no singularity at 0, and needs one n x n x Q product for all lengthscales.

To that kernel a trend is added, t (z . z' + 4 z**2 . z'**2): a quadratic in every coordinate by itself, its weights
normal with variances t and 4 t and integrated out (ibid., section 2.7). Most of what a parameter does it does by
itself, and in many dimensions a bowl is learned from far fewer rows than a Matérn process needs.

Rows may be of something near to the function that is asked about, as losses after a part of the training are. Row i is
then f(z_i) + sum_j a_ij g_j(z_i), of as many more functions g_j as there are columns of `apart`, each a process with
the kernel of f: its product with 1 + a a' is that of the rows, and predictions are of f.

Everything is float64. Letters: n rows, m candidates, Q coordinates, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trimtab.arrays import Floats, Ints

SQRT5 = 5.0**0.5
N_SCALES = 3
"""Hyperparameters before the lengthscales: amplitude, trend, noise."""
NOISE = 2
"""The place of the noise among them."""
PENDING_NOISE = 1e-6
"""The noise variance of rows that are appended, in amplitudes: next to none, so that nothing is to be learned there."""

CHUNK = 128
"""Points are predicted so many at a time: what belongs to them stays in the cache, and no memory is asked for anew."""

JITTERS = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)


@dataclass(frozen=True, slots=True)
class Prior:
    """Penalties, weight * log(value / centre)**2, on amplitude, trend, noise and squared lengthscales, and bounds.

    `weight` is one for all, or one for each of them, [G + 3].

    The defaults are those of Vizier (arXiv 2408.11527, table 1), but for the trend, which it has not, and a higher
    floor of the noise, for the sake of the factorisation.
    """

    weight: float | Floats = 0.01
    amplitude: float = 0.039
    trend: float = 0.01
    length2: float | Floats = 0.5
    noise: float = 0.0039
    amplitude_bounds: tuple[float, float] = (1e-3, 10.0)
    trend_bounds: tuple[float, float] = (1e-6, 10.0)
    length2_bounds: tuple[float, float] = (1e-2, 1e2)
    noise_bounds: tuple[float, float] = (1e-6, 1.0)

    def penalty(self, off: Floats) -> float:
        """Return the penalty of hyperparameters that are `off` the centre, [G + 3] by their logarithms."""
        if isinstance(self.weight, float):
            return self.weight * float(off @ off)  # not of products: so it was, and logs replay to the bit
        return float(self.weight @ (off * off))

    def centre(self, n_groups: int) -> Floats:
        """Return [G + 3] the logarithms of the centres: amplitude, trend, noise, G squared lengthscales."""
        scales = np.array([self.amplitude, self.trend, self.noise])
        centre: Floats = np.log(np.concatenate([scales, np.broadcast_to(self.length2, n_groups)]))
        return centre

    def bounds(self, n_groups: int) -> list[tuple[float, float]]:
        """Return the bounds of the logarithms."""
        pairs = [self.amplitude_bounds, self.trend_bounds, self.noise_bounds, *[self.length2_bounds] * n_groups]
        return [(float(np.log(low)), float(np.log(high))) for low, high in pairs]


@dataclass(frozen=True, slots=True)
class Data:
    """What is regressed on.

    Attributes:
        z: [n, Q] coordinates.
        y: [n] labels, centred.
        group: [Q] the group of each coordinate, 0 to G - 1.
        n_groups: G.
        noise_share: [n] factor of the learned noise variance: 1 / count where repeats were merged.
        known: [n] known noise variance on top.
        lever: [n] of a function that may be in the labels some number of times: its values, times the standard
            deviation of that number, which is normal about 0. Fits integrate it out; posteriors know nothing of it.
        apart: [n, J] how far each row is from the function, in so many ways; None where no row is.
    """

    z: Floats
    y: Floats
    group: Ints
    n_groups: int
    noise_share: Floats
    known: Floats
    lever: Floats | None = None
    apart: Floats | None = None

    def take(self, rows: Ints) -> Data:
        """Return the data of some rows."""
        return Data(
            self.z[rows],
            self.y[rows],
            self.group,
            self.n_groups,
            self.noise_share[rows],
            self.known[rows],
            None if self.lever is None else self.lever[rows],
            None if self.apart is None else self.apart[rows],
        )


def _square_distances(a: Floats, b: Floats) -> Floats:
    """Return [n, m] squared Euclidean distances by one matrix product."""
    r2: Floats = a @ b.T
    r2 *= -2.0
    r2 += np.einsum("nq,nq->n", a, a)[:, None]
    r2 += np.einsum("mq,mq->m", b, b)
    return np.maximum(r2, 0.0, out=r2)


def matern(r2: Floats) -> tuple[Floats, Floats]:
    """Return Matérn-5/2 of r2 and its derivative by r2; what was in r2 is lost.

    They are (1 + s + s**2/3) exp(-s) and -5/6 (1 + s) exp(-s), where s = sqrt(5 r2).
    """
    s = _root(r2)
    slope: Floats = s + 1.0
    value: Floats = s * (1.0 / 3.0)
    value *= s
    value += slope
    decay = np.exp(np.negative(s, out=s), out=s)
    value *= decay
    slope *= decay
    slope *= -5.0 / 6.0
    return value, slope


def matern_value(r2: Floats) -> Floats:
    """Return Matérn-5/2 of r2; what was in r2 is lost."""
    s = _root(r2)
    value: Floats = s * (1.0 / 3.0)
    value += 1.0
    value *= s
    value += 1.0
    value *= np.exp(np.negative(s, out=s), out=s)
    return value


def _root(r2: Floats) -> Floats:
    s: Floats = np.sqrt(r2, out=r2)
    s *= SQRT5
    return s


def basis_of(z: Floats) -> Floats:
    """Return [n, 2 Q] the features of the trend: coordinates and twice their squares."""
    return np.concatenate([z, 2.0 * z * z], axis=1)


def _scaled(z: Floats, log_length2: Floats, group: Ints) -> Floats:
    scaled: Floats = z * np.exp(-0.5 * log_length2)[group]
    return scaled


def neg_log_posterior(theta: Floats, data: Data, prior: Prior) -> tuple[float, Floats]:
    """Return minus the log marginal likelihood plus the penalties, and the gradient by theta.

    Args:
        theta: [G + 3] logarithms of amplitude, trend, noise variance, squared lengthscales.
        data: what is regressed on.
        prior: the penalties.
    """
    value, gradient, _ = slopes(theta, data, prior)
    return value, gradient


def slopes(theta: Floats, data: Data, prior: Prior) -> tuple[float, Floats, Floats]:
    """Return what `neg_log_posterior` does, and the gradient [n, Q] by the coordinates."""
    from scipy.linalg.lapack import dpotrf, dpotri

    amplitude, trend, noise = np.exp(theta[:N_SCALES]).tolist()
    n = len(data.y)
    zs = _scaled(data.z, theta[N_SCALES:], data.group)
    k, slope = matern(_square_distances(zs, zs))
    k *= amplitude
    basis = basis_of(data.z)
    covariance = basis @ basis.T
    covariance *= trend
    factor = None if data.apart is None else 1.0 + data.apart @ data.apart.T
    if factor is not None:
        k *= factor
        covariance *= factor
    covariance += k
    if data.lever is not None:
        covariance += np.outer(data.lever, data.lever)
    covariance.flat[:: n + 1] += noise * data.noise_share + data.known + 1e-8 * amplitude
    chol, info = dpotrf(covariance.T, lower=1, clean=1, overwrite_a=1)  # transposed it is in LAPACK's order: no copy
    if info != 0:
        return np.inf, np.zeros_like(theta), np.zeros_like(data.z)
    log_det = float(np.log(np.diagonal(chol)).sum())
    half, _ = dpotri(chol, lower=1, overwrite_c=1)
    inverse = half + half.T
    inverse.flat[:: n + 1] *= 0.5
    alpha = inverse @ data.y
    value = 0.5 * float(data.y @ alpha) + log_det + 0.5 * n * np.log(2.0 * np.pi)
    w = np.outer(alpha, alpha)
    w -= inverse
    gradient = np.empty_like(theta)
    gradient[0] = -0.5 * (float(np.vdot(w, k)) + 1e-8 * amplitude * float(np.trace(w)))
    by_noise = np.diagonal(w) @ data.noise_share
    if factor is not None:
        w *= factor
    w_basis = w @ basis
    gradient[1] = -0.5 * trend * float(np.einsum("nf,nf->", basis, w_basis))
    gradient[2] = -0.5 * noise * float(by_noise)
    w *= slope
    w *= amplitude
    # sum_ij M_ij (z_i - z_j)**2 = 2 (sum_i (M 1)_i z_i**2 - sum_i z_i (M z)_i), for every coordinate at once
    sums, w_zs = w.sum(axis=1), w @ zs
    per_coordinate = 2.0 * (sums @ (zs * zs) - np.einsum("iq,iq->q", zs, w_zs))
    gradient[N_SCALES:] = 0.5 * np.bincount(data.group, weights=per_coordinate, minlength=data.n_groups)
    # of a pair both the row and the column move, hence no factor of a half
    q = zs.shape[1]
    by_z = -2.0 * _scaled(zs * sums[:, None] - w_zs, theta[N_SCALES:], data.group)
    by_z -= trend * (w_basis[:, :q] + 4.0 * data.z * w_basis[:, q:])
    off = theta - prior.centre(data.n_groups)
    return value + prior.penalty(off), gradient + 2.0 * prior.weight * off, by_z


def fit(data: Data, prior: Prior, starts: list[Floats], max_evaluations: int) -> Floats:
    """Return [G + 3] the best theta that L-BFGS-B finds from any of `starts`."""
    from scipy.optimize import minimize

    bounds = prior.bounds(data.n_groups)
    low, high = np.array(bounds).T
    best, best_value = np.clip(starts[0], low, high), np.inf
    for start in starts:
        found: Any = minimize(
            neg_log_posterior,
            np.clip(start, low, high),
            args=(data, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxfun": max_evaluations, "maxiter": max_evaluations, "ftol": 1e-6, "gtol": 1e-3},
        )
        if found.fun < best_value:
            best, best_value = found.x, float(found.fun)
    return best


class Posterior:
    """A Gaussian process conditioned on data, at given hyperparameters.

    Rows may be appended (fantasies of pending points): that shrinks the variance there and leaves the mean.

    Attributes:
        theta: [G + 3] as fitted.
        amplitude, trend, noise: variances.
        scale: [Q] the inverse lengthscale of each coordinate.
    """

    def __init__(self, data: Data, theta: Floats, chol: Floats | None = None) -> None:
        """Condition on data; `chol` [n, n] is the lower factor of the covariance of the labels, if it is known."""
        self._data = data
        self.theta = theta
        self.amplitude, self.trend, self.noise = np.exp(theta[:N_SCALES]).tolist()
        self.scale = np.exp(-0.5 * theta[N_SCALES:])[data.group]
        self._zs = data.z * self.scale
        self._basis = basis_of(data.z)
        if chol is None:
            noise = self.noise * data.noise_share + data.known
            own = self._kernel(data.z)
            if data.apart is not None:
                own *= 1.0 + data.apart @ data.apart.T
            chol = _cholesky(own, noise, self.amplitude)
        self._chol = chol
        self._alpha = _solve_twice(self._chol, data.y)

    @property
    def n(self) -> int:
        return len(self._zs)

    def condition(self, z: Floats) -> Posterior:
        """Return the posterior with rows [p, Q] appended, told their own means: as if they came out as expected.

        And without noise, so that nothing more is to be learned there (Vizier's pure exploration does so too).
        """
        if not len(z):
            return self
        data = self._data
        told = Data(
            np.vstack([data.z, z]),
            np.append(data.y, self.mean(z)),
            data.group,
            data.n_groups,
            np.append(data.noise_share, np.zeros(len(z))),
            np.append(data.known, np.full(len(z), PENDING_NOISE * self.amplitude)),
            apart=None if data.apart is None else np.vstack([data.apart, np.zeros((len(z), data.apart.shape[1]))]),
        )
        return Posterior(told, self.theta, self._appended(z))

    def of(self, labels: Floats) -> Posterior:
        """Return the posterior of other labels [n] of the same rows."""
        return Posterior(replace(self._data, y=labels), self.theta, self._chol)

    def _appended(self, z: Floats) -> Floats | None:
        """Return the lower factor with rows [p, Q] appended, in O(n**2 p); None where it takes more jitter."""
        from scipy.linalg.blas import dtrsm
        from scipy.linalg.lapack import dpotrf

        n, p = self.n, len(z)
        across = dtrsm(1.0, self._chol, self._kernel(z), lower=1)
        zs, basis = z * self.scale, basis_of(z)
        own = self.amplitude * matern_value(_square_distances(zs, zs)) + self.trend * (basis @ basis.T)
        own.flat[:: p + 1] += (PENDING_NOISE + 1e-8) * self.amplitude
        corner, info = dpotrf(own - across.T @ across, lower=1, clean=1)
        if info != 0:
            return None
        chol: Floats = np.zeros((n + p, n + p), order="F")  # as LAPACK returns it, and takes it without a copy
        chol[:n, :n], chol[n:, :n], chol[n:, n:] = self._chol, across.T, corner
        return chol

    def mean(self, z: Floats) -> Floats:
        """Return [m] posterior means at [m, Q]."""
        mean: Floats = self._kernel(z).T @ self._alpha
        return mean

    def expansion(self) -> tuple[Floats, Floats, Floats]:
        """Return what the mean is a sum of: [n, Q] rows, scaled, [n] what each adds where it is, [2 Q] the trend."""
        return self._zs, self.amplitude * self._alpha, self.trend * (self._basis.T @ self._alpha)

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return [m] means and [m] standard deviations of the latent function at [m, Q]."""
        from scipy.linalg.blas import dtrsm

        mean, variance = np.empty(len(z)), np.empty(len(z))
        for first in range(0, len(z), CHUNK):
            part = slice(first, first + CHUNK)
            k = self._kernel(z[part])
            mean[part] = k.T @ self._alpha
            v = dtrsm(1.0, self._chol, k, lower=1, overwrite_b=1)
            variance[part] = self._variance(basis_of(z[part]), np.einsum("nm,nm->m", v, v))
        return mean, np.sqrt(variance)

    def predict_with_gradient(self, z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return [m] means, [m] standard deviations, and their gradients [m, Q] by the coordinates."""
        value, slope = matern(_square_distances(self._zs, z * self.scale))
        basis = basis_of(z)
        k = self.amplitude * value + self.trend * (self._basis @ basis.T)
        slope *= self.amplitude
        solved = _solve_twice(self._chol, k)
        deviation = np.sqrt(self._variance(basis, np.einsum("nm,nm->m", k, solved)))
        zs = z * self.scale
        # dk_im/dz_mq = 2 slope_im scale_q (zs_mq - zs_iq), and of the trend t (z_iq + 8 z_iq**2 z_mq)
        by_mean, by_variance = slope * self._alpha[:, None], slope * solved
        gradient_mean = 2.0 * self.scale * (zs * by_mean.sum(axis=0)[:, None] - by_mean.T @ self._zs)
        gradient_variance = -4.0 * self.scale * (zs * by_variance.sum(axis=0)[:, None] - by_variance.T @ self._zs)
        weights = self._trend_slope(z, self.trend * (self._basis.T @ self._alpha)[None])
        gradient_mean += weights
        own = self._trend_slope(z, self.trend * basis)
        gradient_variance += 2.0 * (own - self._trend_slope(z, self.trend * (solved.T @ self._basis)))
        return k.T @ self._alpha, deviation, gradient_mean, gradient_variance / (2.0 * deviation)[:, None]

    @staticmethod
    def _trend_slope(z: Floats, weights: Floats) -> Floats:
        """Return [m, Q] the gradient by z of the trend's features times `weights` [m or 1, 2 Q]."""
        q = z.shape[1]
        slope: Floats = weights[:, :q] + 4.0 * z * weights[:, q:]
        return slope

    def _variance(self, basis: Floats, explained: Floats) -> Floats:
        prior = self.amplitude + self.trend * np.einsum("mf,mf->m", basis, basis)
        variance: Floats = np.maximum(prior - explained, 1e-12 * self.amplitude)
        return variance

    def _kernel(self, z: Floats) -> Floats:
        """Return [n, m] the covariances with rows [m, Q], column by column, as LAPACK takes them without a copy."""
        k = matern_value(_square_distances(z * self.scale, self._zs))
        k *= self.amplitude
        trend = basis_of(z) @ self._basis.T
        trend *= self.trend
        k += trend
        return k.T

    def leave_one_out(self) -> Floats:
        """Return [n] the log predictive density of each label given all others (R&W, eq. 5.10-5.12)."""
        inverse = _solve_twice(self._chol, np.eye(self.n))
        precision = np.diagonal(inverse)
        residual = self._alpha / precision
        density: Floats = 0.5 * np.log(precision) - 0.5 * residual**2 * precision - 0.5 * np.log(2.0 * np.pi)
        return density

    def left_out(self) -> tuple[Floats, Floats]:
        """Return [n] by how much each label exceeds what all others let expect, and [n] the deviation of that."""
        precision = np.diagonal(_solve_twice(self._chol, np.eye(self.n)))
        return self._alpha / precision, 1.0 / np.sqrt(precision)

    def covariances(self, z: Floats) -> Floats:
        """Return [n, m] the prior covariances of the labels with the function at [m, Q]."""
        return self._kernel(z)

    def solve(self, labels: Floats) -> Floats:
        """Return [n] the weights that `covariances` takes to means, were the labels [n] these."""
        return _solve_twice(self._chol, labels)


def _cholesky(k: Floats, noise: Floats, amplitude: float) -> Floats:
    """Return the lower factor of k + diag(noise), with as little jitter as it takes."""
    from scipy.linalg.lapack import dpotrf

    n = len(k)
    for jitter in JITTERS:
        covariance = k.copy()
        covariance.flat[:: n + 1] += noise + (jitter + 1e-8) * amplitude
        chol, info = dpotrf(covariance, lower=1, clean=1, overwrite_a=1)
        if info == 0:
            return chol  # type: ignore[no-any-return]  # LAPACK's wrapper is untyped
    covariance = k.copy()
    covariance.flat[:: n + 1] += noise + 1e-2 * amplitude
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _solve_twice(chol: Floats, b: Floats) -> Floats:
    from scipy.linalg.lapack import dpotrs

    return dpotrs(chol, b, lower=1)[0]  # type: ignore[no-any-return]  # LAPACK's wrapper is untyped
