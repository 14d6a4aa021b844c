r"""Independent proposals and how often Metropolis accepts them, from weights of both sides alone.

A generator draws y with a density g that is known. In a chain that leaves π as it is a proposal is accepted with
probability

.. math:: \min\Big(1, \frac{w(y)}{w(x)}\Big), \quad w = \frac{\pi}{g}, \qquad
    a = E_{x \sim \pi,\, y \sim g} \min\Big(1, \frac{w(y)}{w(x)}\Big)

so that acceptance in equilibrium is a mean over pairs of rows of π and draws of g, and no chain need be run. It is at
most the square of the overlap,

.. math:: a = \iint \min\big(\pi(x) g(y), \pi(y) g(x)\big) \le \Big(\int \sqrt{\pi g}\Big)^2,

because the smaller of two numbers is at most the root of their product. Where particles make errors of their own the
overlap is a product over them, and a falls exponentially with their number.

A VAE's density of positions alone is an integral. With its latents beside them it is known, p(z) p(x|z), and the
encoder makes the target one of both, π(x) q(z|x), as in `latent_moves`.
"""

from dataclasses import dataclass
from time import process_time
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from beable.analysis.aggregate_flow import fit_flow
from beable.errors import DataError
from beable.metrics.columns import Floats
from beable.representations.orders import Order
from beable.representations.representation import FloatArray
from beable.systems.lennard_jones.latent_moves import LatentModel, LogDensity, Ordering, in_order

TRANSFORMS, WIDTHS = 5, (128, 128)
#: rows that decide a template
FITTED = 2048
#: standard errors of an interval at 95 %, and draws that it takes to see one in a hundred at that level
SIGMAS, FEWEST = 1.96, 3.0


class Acceptance(NamedTuple):
    """How often independent proposals are accepted in equilibrium.

    Args:
        mean: a.
        low, high: interval at 95 %, over draws.
        valid: draws of a weight above 0.
        effective: effective share of weighted draws, (Σw)²/(n Σw²).
    """

    mean: float
    low: float
    high: float
    valid: float
    effective: float


def acceptance(of_rows: ArrayLike, of_draws: ArrayLike) -> Acceptance:
    """Acceptance of independent proposals.

    Args:
        of_rows: log w of rows of π up to a constant, (rows,).
        of_draws: log w of draws of g up to the same constant, (draws,); minus infinity where π is 0.

    Raises:
        DataError: fewer than 2 of either, NaN, plus infinity, or a row of π where its own density is 0.

    >>> acceptance(np.zeros(5), np.log([1.0, 1.0, 0.5, 0.0001]))._replace(effective=0).mean  # doctest: +ELLIPSIS
    0.625...
    """
    old, new = (np.asarray(values, np.float64) for values in (of_rows, of_draws))
    if min(old.size, new.size) < 2 or not np.isfinite(old).all() or np.isnan(new).any() or (new == np.inf).any():
        raise DataError("weights must be at least 2 finite logarithms of rows, and of draws these or minus infinity")
    each = _each(old, new)
    error = float(each.std(ddof=1) / np.sqrt(len(each)))
    mean = float(each.mean())
    low, high = max(0.0, mean - SIGMAS * error), min(1.0, max(mean + SIGMAS * error, FEWEST / len(each)))
    weights = np.exp(new - new.max()) if np.isfinite(new).any() else np.zeros(len(new))
    total = float(np.square(weights).sum())
    effective = float(weights.sum() ** 2 / total / len(new)) if total else 0.0
    return Acceptance(mean, low, high, float(np.isfinite(new).mean()), effective)


def _each(old: Floats, new: Floats) -> Floats:
    """Mean over rows of the acceptance of each draw: the share of smaller weights, and the rest of the ratio."""
    ascending = np.sort(old)
    smaller = np.searchsorted(ascending, new, side="right")
    inverse = np.append(np.logaddexp.accumulate(-ascending[::-1])[::-1], -np.inf)
    with np.errstate(invalid="ignore"):
        above = np.exp(new + inverse[smaller])
    return np.asarray((smaller + np.where(np.isfinite(new), above, 0.0)) / len(old))


@dataclass(frozen=True)
class Proposals:
    """Weights of a generator.

    Args:
        of_rows, of_draws: log w, up to one constant.
        per_second: draws a CPU second, their weights with them.
    """

    of_rows: Floats
    of_draws: Floats
    per_second: float


def of_model(
    model: LatentModel, log_target: LogDensity, rows: Floats, count: int, rng: np.random.Generator, order: Ordering
) -> Proposals:
    """Draws of a VAE's prior and decoder, weighed together with their latents.

    Args:
        model: the VAE.
        log_target: log π of positions, (rows, m) to (rows,).
        rows: of π, in order, (rows, m).
        count: draws.
        rng: where random numbers come from.
        order: puts identical particles in order.
    """

    def weight(x: Floats, z: Floats, centre: Floats) -> Floats:
        log_density = _allowed(log_target, x, order)
        some = np.isfinite(log_density)
        known = model.log_prior(z[some]) + model.log_likelihood(x[some], centre[some])
        log_density[some] += model.log_posterior(z[some], x[some]) - known
        return log_density

    z = model.draw_latents(rows, rng)
    of_rows = weight(rows, z, model.decode(z))
    started = process_time()
    drawn = rng.normal(size=(count, model.latents))
    centre = model.decode(drawn)
    of_draws = weight(model.draw(centre, rng), drawn, centre)
    return Proposals(of_rows, of_draws, count / (process_time() - started))


def of_flow(
    log_target: LogDensity,
    known: Floats,
    rows: Floats,
    count: int,
    rng: np.random.Generator,
    order: Ordering,
    *,
    steps: int,
    seed: int = 0,
) -> Proposals:
    """Draws of a normalising flow of ordered positions, whose density is exact; it needs the extra "flows" (zuko).

    Args:
        log_target, rows, count, rng, order: as for `of_model`.
        known: rows that the flow learns, in order, (rows, m).
        steps: of its training.
        seed: of its weights and batches.
    """
    centre, spread = known.mean(axis=0), known.std(axis=0)
    scaled, without = (known - centre) / spread, np.zeros_like(known)
    flow = fit_flow(scaled, without, steps=steps, seed=seed, transforms=TRANSFORMS, widths=WIDTHS, passes=2)

    def weight(x: Floats, u: Floats) -> Floats:
        return np.asarray(_allowed(log_target, x, order) - flow.log_prob(u))

    of_rows = weight(rows, (rows - centre) / spread)
    started = process_time()
    u = flow.sample(count, rng=rng)
    of_draws = weight(u * spread + centre, u)
    return Proposals(of_rows, of_draws, count / (process_time() - started))


def _allowed(log_target: LogDensity, x: Floats, order: Ordering) -> Floats:
    """log π of ordered positions; minus infinity out of order."""
    log_density = log_target(x)
    some = np.isfinite(log_density)
    if some.any():
        log_density[some] = np.where(in_order(x[some], order), log_density[some], -np.inf)
    return log_density


def assigned(positions: FloatArray) -> tuple[Floats, Ordering]:
    """Configurations in the order of a template that is fitted to them, as rows (rows, m), and that order."""
    order, shape = Order("assignment").fit(positions[:FITTED]), positions.shape[1:]

    def sort(x: Floats) -> Floats:
        return np.asarray(order.apply(x.reshape(-1, *shape)), np.float64).reshape(len(x), -1)

    return sort(np.asarray(positions, np.float64).reshape(len(positions), -1)), sort
