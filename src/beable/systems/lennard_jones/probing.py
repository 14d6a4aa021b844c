r"""What each latent does: walk along it, decode, and measure the configurations.

Walks start at the mean of the aggregate posterior :math:`q(z) = \tfrac1N \sum_n q(z|y_n)` and go along the latents, or
along the principal directions of its covariance

.. math:: C = \mathrm{Cov}_n[m_n] + \langle \mathrm{diag}(s_n^2) \rangle_n = V \Lambda V^\top

in steps of the standard deviation of z in that direction, :math:`\sqrt{C_{ii}}` or :math:`\sqrt{\Lambda_i}`; with
other widths one walks where no data are, or does not leave the middle.

A direction matters by the variance that it gives to the decoded code, with z normal along it and still elsewhere. What
it moves is asked twice: of the decoded configurations along the walk, and of the real ones, whose measured quantity is
ranked against their own place along the direction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.errors import DataError, UsageError, unknown
from beable.metrics.columns import Floats, Ints
from beable.records import fields
from beable.representations.distance_geometry import as_positions
from beable.representations.representation import Snapshots
from beable.systems.lennard_jones.anomaly import pair_energies
from beable.systems.lennard_jones.configurations import contacts, gyration
from beable.training.run import Run

STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
FEWEST_ROWS = 10

Quantity = Callable[[Floats], NDArray[Any]]


def mean_height(positions: Floats) -> Floats:
    """Mean of the last coordinate over the particles, (rows,)."""
    height: Floats = positions[..., -1].mean(axis=1)
    return height


def pair_energy(positions: Floats) -> Floats:
    """Lennard-Jones energy of the pairs, (rows,)."""
    energy: Floats = pair_energies(positions).sum(axis=1)
    return energy


#: what is measured: positions (rows, particles, dimensions) to numbers (rows,)
QUANTITIES: dict[str, Quantity] = {
    "height": mean_height,
    "gyration": gyration,
    "contacts": contacts,
    "energy": pair_energy,
}


class Directions(NamedTuple):
    """Where to walk.

    Args:
        centre: mean of the aggregate posterior, (latents,).
        vectors: unit vectors, a row each, (directions, latents).
        deviation: of z along each, (directions,).
    """

    centre: Floats
    vectors: Floats
    deviation: Floats


def _latents(centre: Floats, covariance: Floats) -> Directions:
    return Directions(centre, np.eye(len(centre)), np.sqrt(np.diag(covariance)))


def _principal(centre: Floats, covariance: Floats) -> Directions:
    values, vectors = np.linalg.eigh(covariance)
    return Directions(centre, vectors.T[::-1], np.sqrt(values[::-1].clip(0)))


ALONG: dict[str, Callable[[Floats, Floats], Directions]] = {"latents": _latents, "principal": _principal}


def directions(mean: ArrayLike, std: ArrayLike, along: str = "latents") -> Directions:
    """Directions of one member's aggregate posterior.

    Args:
        mean, std: of the posteriors, (rows, latents).
        along: "latents", or "principal": of largest variance first.

    Raises:
        DataError: shapes, fewer than 10 rows.
        UsageError: unknown choice.

    >>> draw = np.random.default_rng(0).normal(size=(4000, 2)) * [1.0, 3.0]
    >>> found = directions(draw, np.zeros((4000, 2)), "principal")
    >>> found.deviation.round().tolist(), np.abs(found.vectors).round().tolist()
    ([3.0, 1.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    if along not in ALONG:
        raise unknown("direction", along, ALONG)
    m, s = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    if m.ndim != 2 or m.shape != s.shape or len(m) < FEWEST_ROWS:
        raise DataError(
            f"mean and std must be (rows, latents), {FEWEST_ROWS} rows or more, got {m.shape} and {s.shape}"
        )
    covariance = np.atleast_2d(np.cov(m, rowvar=False)) + np.diag((s**2).mean(axis=0))
    return ALONG[along](m.mean(axis=0), covariance)


class Effect(NamedTuple):
    """What one direction does to one quantity.

    Args:
        trend: Spearman's correlation of step and quantity along the walk: ±1 is monotone. 0 where it stays the same.
        span: largest less smallest along the walk, in standard deviations (half the central 68 %) of the real rows.
        association: Spearman's correlation, over the real rows, of their place along the direction and their quantity.
        p: of no association.
    """

    trend: float
    span: float
    association: float
    p: float


@dataclass(frozen=True)
class Traverse:
    """Walks of one member, the direction that moves the code most first.

    Args:
        along: "latents" or "principal".
        number: of each direction among the latents, or among the principal directions, (directions,).
        directions: in this order.
        steps: in standard deviations, (steps,).
        explained: variance of the decoded code along each, over that of the real rows' code, (directions,).
        positions: decoded, (directions, steps, particles, dimensions).
        values: of each quantity, (directions, steps).
        effects: of each quantity, one a direction.
        real: median of each quantity over the real rows.
        origin: decoded from z = 0, (particles, dimensions).
        origin_values: its quantities.
    """

    along: str
    number: Ints
    directions: Directions
    steps: Floats
    explained: Floats
    positions: Floats
    values: Mapping[str, Floats]
    effects: Mapping[str, Sequence[Effect]]
    real: Mapping[str, float]
    origin: Floats
    origin_values: Mapping[str, float]

    def moves(self, quantity: str) -> int:
        """Place, in this order, of the direction along which real rows differ most in a quantity."""
        if quantity not in self.effects:
            raise unknown("quantity", quantity, self.effects)
        return int(np.argmax([abs(e.association) for e in self.effects[quantity]]))

    def as_json(self) -> dict[str, Any]:
        """Every number but the positions, ready for JSON."""
        return {
            **fields(self, "directions", "positions", "origin_values"),
            "deviation": self.directions.deviation,
            "origin": self.origin_values,
        }


def traverse(
    run: Run,
    snapshots: Snapshots,
    *,
    along: str = "latents",
    steps: Sequence[float] = STEPS,
    conditions: Mapping[str, float] | None = None,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> list[Traverse]:
    """Walk along every direction of every member.

    Args:
        run: a finished training on configurations of particles.
        snapshots: real rows, positions among them, for the aggregate posterior and to compare with.
        along: "latents" or "principal".
        steps: in standard deviations, three or more different ones.
        conditions: values by factor for decoded configurations, where the run is conditioned on some.
        quantities: what to measure, by name.

    Raises:
        DataError: few rows, no positions.
        UsageError: too few steps, conditions that are missing or that the run does not have.
    """
    at = np.asarray(sorted({*steps}), dtype=np.float64)
    if len(at) < 3 or not np.isfinite(at).all():
        raise UsageError(f"a walk needs 3 or more different steps, got {list(steps)}")
    told = _told(run, conditions)
    if "positions" not in snapshots:
        raise DataError(f"walks are measured on positions, got {', '.join(snapshots)}: give positions")
    real = {name: _measured(of, as_positions(snapshots["positions"])) for name, of in quantities.items()}
    codes, spread = run.encode(snapshots), _spread(run, snapshots)
    found = [directions(m, s, along) for m, s in zip(codes.mean, codes.std, strict=True)]
    walks = np.stack([_walks(d, at) for d in found])
    every = np.concatenate([walks, np.zeros_like(walks[:, :1])], axis=1)
    known = None if told is None else np.broadcast_to(told, (every.shape[1], len(told)))
    locations = run.locations(every, known)
    return [
        _traverse(run, d, at, along, location, real, (m - d.centre) @ d.vectors.T, spread, quantities)
        for d, location, m in zip(found, locations, codes.mean.astype(np.float64), strict=True)
    ]


def _told(run: Run, conditions: Mapping[str, float] | None) -> Floats | None:
    given = conditions or {}
    if sorted(given) != sorted(run.conditions):
        told, got = ", ".join(run.conditions) or "nothing", ", ".join(given) or "nothing"
        raise UsageError(f"the run is conditioned on {told}: give conditions for that, not for {got}")
    return np.array([given[name] for name in run.conditions], dtype=np.float64) if run.conditions else None


def _measured(of: Quantity, positions: Floats) -> Floats:
    return np.asarray(of(positions), dtype=np.float64)


def _spread(run: Run, snapshots: Snapshots) -> float:
    """Variance of the code, all numbers together."""
    coded = run.representation.transform({name: snapshots[name] for name in run.variables})
    values = coded.values.reshape(len(coded.values), -1).astype(np.float64)
    return float(values.var(axis=0).sum() + coded.residual_energy.mean(axis=0).sum())


def _walks(d: Directions, steps: Floats) -> Floats:
    """Latents of all walks, one after another, (directions * steps, latents)."""
    shift = steps[None, :, None] * (d.deviation[:, None] * d.vectors)[:, None, :]
    return (d.centre + shift).reshape(-1, len(d.centre))


def _traverse(
    run: Run,
    d: Directions,
    steps: Floats,
    along: str,
    location: NDArray[np.floating],
    real: Mapping[str, Floats],
    places: Floats,
    spread: float,
    quantities: Mapping[str, Quantity],
) -> Traverse:
    (decoded,) = run.representation.inverse(location).values()
    positions, origin = decoded[:-1].astype(np.float64), decoded[-1:].astype(np.float64)
    code = location[:-1].astype(np.float64).reshape(len(d.vectors), len(steps), -1)
    explained = _variance(code, steps) / spread
    order = np.argsort(-explained, kind="stable")
    values = {n: _measured(of, positions).reshape(len(order), -1)[order] for n, of in quantities.items()}
    effects = {
        name: [_effect(steps, v, places[:, i], real[name]) for i, v in zip(order, rows, strict=True)]
        for name, rows in values.items()
    }
    return Traverse(
        along,
        order,
        Directions(d.centre, d.vectors[order], d.deviation[order]),
        steps,
        explained[order],
        positions.reshape(len(order), len(steps), *positions.shape[1:])[order],
        values,
        effects,
        {name: float(np.median(column)) for name, column in real.items()},
        origin[0],
        {name: float(_measured(of, origin)[0]) for name, of in quantities.items()},
    )


def _variance(code: Floats, steps: Floats) -> Floats:
    """Variance of the code (directions, steps, m) along each walk, the steps weighed as a normal z takes them."""
    weight = scipy.stats.norm.pdf(steps) * np.gradient(steps)
    weight = weight / weight.sum()
    off = code - np.einsum("s,dsm->dm", weight, code)[:, None]
    variance: Floats = np.einsum("s,dsm->d", weight, off**2)
    return variance


def _effect(steps: Floats, values: Floats, places: Floats, real: Floats) -> Effect:
    low, high = np.quantile(real, scipy.stats.norm.cdf([-1.0, 1.0]))
    unit = max((high - low) / 2, np.finfo(np.float64).tiny)
    trend, _ = _spearman(steps, values)
    return Effect(trend, float(min(np.ptp(values) / unit, np.finfo(np.float64).max)), *_spearman(places, real))


def _spearman(x: Floats, y: Floats) -> tuple[float, float]:
    """Correlation of ranks and its p-value; none where one varies by no more than single precision rounds."""
    if any(np.ptp(a) <= 1e-6 * np.abs(a).max() for a in (x, y)):
        return 0.0, 1.0
    found = scipy.stats.spearmanr(x, y)
    return float(found.statistic), float(found.pvalue)
