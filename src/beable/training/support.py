r"""A linear map after which the support of the latents is a product, for factors that depend on each other.

Independent components need independent factors. Dependent factors often still come in all combinations, some of them
seldom: then the support of their law is a product of intervals, or of sets of intervals, although the law is none.
Let L be the length of a set and z = W x. Since the support of z lies in the product of those of its coordinates,

.. math:: J_0(W) = \sum_i \log L(\mathrm{supp}\, z_i) - \log|\det W| \;\ge\; \log \mathrm{vol}(\mathrm{supp}\, x)

with equality where the support of z is that product, but for sets of no length. The length of a support is not known
from rows, but exp of the Rényi entropy of a small order α comes near to it, and the less a rare combination counts,
the greater α is. So the basin is sought with α = 1/10 and the map refined with α = 1/2, where it scatters less:

.. math:: J_α(W) = \sum_i \frac{1}{1-α} \log \int p_i(t)^α\, dt - \log|\det W|

with p_i a kernel density of z_i. Normal factors, dependent or not, have no such axes: J is the same for all rotations
of white rows.

Sources: Roth, Ibrahim, Akata, Vincent and Bouchacourt, Disentanglement of correlated factors via Hausdorff factorized
support (ICLR 2023), for the idea; Erdogan, IEEE Trans. Signal Process. 61 (2013), for bounded components that depend
on each other; Vrins, Pham and Verleysen, IEEE Trans. Inf. Theory 53, 1030 (2007), for Rényi entropies.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
SEARCH, REFINE = 0.1, 0.5  # α
BANDWIDTH = 0.1  # of the kernel, in standard deviations
REACH, NODES = 4.0, 201  # of the grid on which densities are computed, in standard deviations
TRIES, DIMENSIONS = 16, 2  # searches for so many latents; fewer for more, of which each takes longer
SHORT, LONG = 25, 100  # steps of a search, and of a refinement
KEPT = 4  # searches that go on to their end
MOST_ROWS = 2048
TINY = 1e-200


class Support(NamedTuple):
    """A map and how it was found.

    Args:
        turn: W, (n, n), columns of unit length on white rows; z = x W.
        level: J of the search there, in nats.
        converged: whether the refinement came to rest.
    """

    turn: FloatArray
    level: float
    converged: bool


def support_turn(white: FloatArray, rng: np.random.Generator, first: FloatArray | None = None) -> Support:
    """The map of white columns after which their support is nearest to a product; not a rotation, unless they are so.

    Args:
        white: x, (rows, n), with unit covariance and mean zero.
        rng: where the searches begin.
        first: one more beginning, (n, n).

    >>> rng = np.random.default_rng(0)
    >>> sign = rng.choice([-1.0, 1.0], (400, 1)) * np.where(rng.random((400, 2)) < [1.0, 0.8], 1.0, -1.0)
    >>> factors = sign + 0.25 * rng.normal(size=(400, 2))  # correlated: 0.6
    >>> found = support_turn(whitened(factors @ [[1.0, 0.5], [0.2, 1.0]]), rng)
    >>> z = whitened(factors @ [[1.0, 0.5], [0.2, 1.0]]) @ found.turn
    >>> bool(np.sort(np.abs(np.corrcoef(z.T, factors.T)[:2, 2:]), axis=1)[:, 1].min() > 0.99)
    True
    """
    rows = white[np.arange(min(len(white), MOST_ROWS)) * len(white) // min(len(white), MOST_ROWS)]
    n = rows.shape[1]
    begun = [] if first is None else [first]
    begun += [np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(_tries(n) - len(begun))]
    short = sorted((_minimum(rows, w, SEARCH, SHORT) for w in begun), key=lambda found: found.level)
    best = min((_minimum(rows, s.turn, SEARCH, LONG) for s in short[:KEPT]), key=lambda found: found.level)
    refined = _minimum(rows, best.turn, REFINE, LONG)
    return refined._replace(level=best.level)


def whitened(values: FloatArray) -> FloatArray:
    """Centred columns with unit covariance."""
    centred = values - values.mean(0)
    energies, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centred.T, bias=True)))
    white: FloatArray = centred @ (vectors / np.sqrt(energies))
    return white


def _tries(latents: int) -> int:
    return max(KEPT, TRIES * DIMENSIONS // max(latents, 1))


def _minimum(white: FloatArray, begin: FloatArray, order: float, steps: int) -> Support:
    """The nearest minimum of J, by L-BFGS."""
    from scipy.optimize import minimize

    n = white.shape[1]
    if n == 1:
        return Support(np.ones((1, 1)), 0.0, True)

    def value(flat: FloatArray) -> tuple[float, FloatArray]:
        level, slope = support_level(white, flat.reshape(n, n), order)
        return level, slope.ravel()

    found = minimize(value, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-9})
    turn = found.x.reshape(n, n)
    return Support(turn / np.linalg.norm(turn, axis=0), float(found.fun), found.nit < steps)


def support_level(x: FloatArray, w: FloatArray, order: float) -> tuple[float, FloatArray]:
    """J of a map in nats, and its gradient (n, n).

    Args:
        x: centred rows, (rows, n).
        w: W, (n, n).
        order: α of the Rényi entropy, not 1.

    >>> x = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
    >>> turned = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    >>> bool(support_level(x, turned, 0.1)[0] > support_level(x, np.eye(2), 0.1)[0] + 0.1)
    True
    """
    sign_free = np.linalg.slogdet(w)[1]
    if not np.isfinite(sign_free):
        return np.inf, np.zeros_like(w)
    z = w.T @ x.T
    scale = np.sqrt((z**2).mean(1, keepdims=True))
    u = z / scale
    entropy, slope = _renyi(u, order)
    along = (slope - u * (slope * u).mean(1, keepdims=True) + u / len(x)) / scale
    level = entropy.sum() + np.log(scale).sum() - sign_free
    return float(level), (along @ x).T - np.linalg.inv(w).T


def _renyi(u: FloatArray, order: float) -> tuple[FloatArray, FloatArray]:
    """Rényi entropy of each standardised row of numbers (n), and its slope with every number (n, rows)."""
    (kernel, step), (n, rows) = _kernel(), u.shape
    at = np.clip((u + REACH) / step, 0, NODES - 1 - 1e-9)
    left = at.astype(np.int64)
    share = (at - left).ravel()
    place = (left + NODES * np.arange(n)[:, None]).ravel()
    counts = np.bincount(place, 1 - share, n * NODES) + np.bincount(place + 1, share, n * NODES)
    density = np.maximum(counts.reshape(n, NODES) @ kernel / rows, TINY)
    powered = density**order
    integral = powered.sum(1) * step
    pull = (powered / density * (order * step / ((1 - order) * integral))[:, None]) @ kernel
    slope = np.diff(pull, axis=1, append=0.0).ravel()[place].reshape(n, rows) / (step * rows)
    return np.log(integral) / (1 - order), np.where(np.abs(u) < REACH, slope, 0.0)


@cache
def _kernel() -> tuple[FloatArray, float]:
    """The normal kernel between nodes (nodes, nodes), and their distance."""
    nodes, step = np.linspace(-REACH, REACH, NODES, retstep=True)
    apart = (nodes[:, None] - nodes) / BANDWIDTH
    return np.exp(-0.5 * apart**2) / (BANDWIDTH * np.sqrt(2 * np.pi)), float(step)
