r"""Are the samples of a fluid under gravity in equilibrium? Identities that any such fluid obeys decide, without
reference numbers.

The law is p ∝ exp(−U/T) with U = U_pair + γ Σy, hard walls at y = 0 and y = L, whatever the pair potential.

*Force balance.* Momentum is not created: the walls carry the weight, so the density n(y) of particles per unit height
obeys n(0) − n(L) = Nγ/T.

*Slope.* Two sets that differ in γ alone have

.. math:: \log \frac{p(Y|\gamma_2)}{p(Y|\gamma_1)} = \text{constant} - \frac{\gamma_2 - \gamma_1}{T} Y,
   \qquad Y = \sum y,

and two that differ in T alone have the same of U, with the slope −(1/T₂ − 1/T₁). The slope is fitted by logistic
regression of the set on Y.

*Exchange.* Where each row has a γ or T of its own, two rows i and j with bᵢ = γᵢ/Tᵢ would have been as likely with
their settings exchanged but for the factor exp(s),

.. math:: s = -(b_i - b_j)(Y_i - Y_j) - (1/T_i - 1/T_j)(U^\mathrm{pair}_i - U^\mathrm{pair}_j),

so that the settings are found as they are with the probability 1/(1 + exp(−k s)), k = 1. k is fitted.

*Drift.* The mean energy late in a run is that of earlier on.

A sampler that is stopped too soon, or whose moves break the balance, violates them. Rows of one chain are not
independent: all errors are those of means over chains, or over blocks of long chains where chains are few. Passing is
no proof: it says that nothing speaks against equilibrium within the stated errors.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy import special

from beable.checks import array
from beable.errors import DataError
from beable.systems.lennard_jones.autocorrelation import autocorrelation

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: family-wise chance that a set in equilibrium is refused, shared among all its tests by Bonferroni's rule
LEVEL = 1e-3
#: a check speaks for a level only if its standard error is below this share of what it measures, and a drift only if
#: its standard error is below this share of the standard deviation of the energy
SHARP, SHARP_DRIFT = 0.05, 0.1
#: height of the strip at a wall from which the density there is extrapolated, in σ
STRIP = 0.5
#: nodes and weights of integrals over the strip
QUADRATURE = leggauss(40)
#: particles in the strip that a cubic polynomial needs
ENOUGH = 1000
#: chains, or blocks of chains, that errors are taken from: fewest, and wanted
FEWEST, WANTED = 8, 32
#: length of a block in integrated autocorrelation times
BLOCK = 5


class Check(NamedTuple):
    """A measured number against its exact value.

    Args:
        name: what was measured.
        value: measured.
        error: its standard error.
        expected: exact.
        z: (value − expected) / error.
        p: two-sided, Student's t with the number of independent chains or blocks less one or two.
        sharp: whether the error is small enough for the check to mean something when passed.
        levels: names of the levels it is of.
    """

    name: str
    value: float
    error: float
    expected: float
    z: float
    p: float
    sharp: bool
    levels: tuple[str, ...] = ()


class Level(NamedTuple):
    """The numbers of one setting of the factors.

    Args:
        gravity, temperature, box: γ, T, L; means where small levels are taken together.
        rows: finite rows.
        chains: different chains among them.
        samples: independent samples they are worth, the lesser of energy and Σy.
        energy, energy_error: mean U and its standard error.
        height, height_error: mean y of a particle and its standard error, in σ.
    """

    gravity: float
    temperature: float
    box: float
    rows: int
    chains: int
    samples: float
    energy: float
    energy_error: float
    height: float
    height_error: float


class Verdict(NamedTuple):
    """What a set of samples says about itself.

    Args:
        equilibrated: True: all checks passed, and at each level one of them is sharp; False: a check failed; None: it
            cannot be told.
        reasons: one line each: the checks that failed, or why it cannot be told; empty when equilibrated.
        levels: the numbers of each setting of the factors.
        checks: all checks made.
        threshold: p below which a check fails.
    """

    equilibrated: bool | None
    reasons: tuple[str, ...]
    levels: tuple[Level, ...]
    checks: tuple[Check, ...]
    threshold: float


def verdict(
    positions: ArrayLike,
    energy: ArrayLike,
    *,
    gravity: ArrayLike,
    temperature: ArrayLike,
    box: ArrayLike,
    early_energy: ArrayLike | None = None,
    chain: ArrayLike | None = None,
    hard_walls: bool = True,
) -> Verdict:
    r"""Judge a whole set, which may hold several γ, T and L.

    Each level is checked by force balance and drift, and neighbouring levels by their slope. Levels with too few rows,
    such as those of a γ drawn from a range, are taken together and checked by exchange instead. A check fails if its p
    is below 0.001 divided by the number of checks.

    Args:
        positions: (rows, particles, dimensions), the last dimension pointing up, in σ; rows with NaN are left out.
        energy: U, (rows,), in ε.
        gravity, temperature, box: γ, T, L: one number, or (rows,).
        early_energy: U of the same chain at an earlier time that should have settled too, (rows,), NaN where there is
            none; None: the first half of each chain is compared with the second.
        chain: which rows come from one chain, in order of time, (rows,); None: all rows are independent.
        hard_walls: whether y ends at hard walls; False skips force balance.

    Raises:
        DataError: shapes that do not fit.

    Reference: M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013), for the slope.

    >>> rng = np.random.default_rng(0)
    >>> free = scipy.stats.truncexpon(10, scale=1.0).rvs((4000, 5, 2), random_state=rng)
    >>> found = verdict(free, free[..., 1].sum(axis=1), gravity=1.0, temperature=1.0, box=10.0)
    >>> found.equilibrated, [check.name for check in found.checks]
    (True, ['n(0) − n(L)'])
    """
    groups = _groups(positions, energy, (gravity, temperature, box), early_energy, chain)
    usable = [g for g in groups if g.independent >= FEWEST]
    checks = [check for g in usable for check in g.checks(hard_walls)] + list(_slopes(usable))
    threshold = LEVEL / max(1, len(checks))
    failed = tuple(_failure(check) for check in checks if check.p < threshold)
    unknown = tuple(_silence(groups, usable, checks))
    answer = False if failed else None if unknown else True
    return Verdict(answer, failed or unknown, tuple(g.numbers() for g in usable), tuple(checks), threshold)


def _failure(check: Check) -> str:
    measured = f"{check.value:.4g} ± {check.error:.2g}, not {check.expected:.4g} (z = {check.z:.1f})"
    return f"{' to '.join(check.levels)}: {check.name} is {measured}"


def _silence(groups: "list[_Group]", usable: "list[_Group]", checks: list[Check]) -> Iterator[str]:
    """Why nothing can be said, a line for each kind of reason."""
    if not groups:
        yield "there are no finite rows"
    for g in (g for g in groups if g.independent < FEWEST):
        yield f"{g.name}: {g.independent} independent chains or blocks of chains, at least {FEWEST} are needed"
    vague = [g.name for g in usable if not any(c.sharp and g.name in c.levels for c in checks)]
    if vague:
        yield f"no check is sharp enough to judge {'; '.join(vague[:4])}{' ...' if len(vague) > 4 else ''}"


def wall_sum_rule(
    positions: ArrayLike, gravity: ArrayLike, temperature: ArrayLike, box: float, *, clusters: ArrayLike | None = None
) -> Check:
    r"""Force balance at the walls, :math:`n(0) - n(L) = N \gamma / T`.

    The density at a wall is extrapolated by local likelihood: within a strip of at most 0.5 σ the heights t obey
    n(t) = exp(a₀ + a₁t + a₂t² + a₃t³), fitted by maximum likelihood, which has no bias from bins. The strip is
    narrower where the density falls fast. A strip with fewer than 1,000 particles gets a polynomial of lower degree,
    which is enough for a thin ceiling; where both have as few, nothing is said.

    Args:
        positions: (rows, particles, dimensions), the last dimension pointing up, in σ.
        gravity, temperature: γ and T, one number or (rows,).
        box: L.
        clusters: which rows belong together, (rows,); None: all rows are independent.

    Returns:
        The check; with fewer than 1,000 particles near either wall its value is NaN with an infinite error.

    Raises:
        DataError: wrong shape, not finite, fewer than two clusters.

    Reference: N. L. Hjort and M. C. Jones, Ann. Statist. 24, 1619 (1996), for local likelihood.

    >>> y = scipy.stats.truncexpon(8, scale=0.5).rvs((2000, 10, 1), random_state=0)
    >>> check = wall_sum_rule(y, gravity=2.0, temperature=1.0, box=4.0)
    >>> check.expected, abs(check.z) < 3
    (20.0, True)
    """
    y = array("positions", positions)
    if y.ndim != 3:
        raise DataError(f"positions must be (rows, particles, dimensions), got shape {y.shape}")
    heights = y[..., -1]
    groups = _numbered(np.arange(len(y)) if clusters is None else np.asarray(clusters))
    weight = heights.shape[1] * _column("γ", gravity, len(y)) / _column("T", temperature, len(y))
    expected = float(weight.mean())
    floor, ceiling = _contact(heights, box), _contact(box - heights, box)
    if max(floor.particles, ceiling.particles) < ENOUGH:
        return _check("n(0) − n(L)", np.nan, np.inf, expected, 1, 0.0)
    error = _error(floor.density * floor.influence - ceiling.density * ceiling.influence - weight, groups)
    return _check(
        "n(0) − n(L)",
        floor.density - ceiling.density,
        error,
        expected,
        int(groups.max()),
        floor.density + ceiling.density,
    )


class _Contact(NamedTuple):
    """Density at a wall, per unit height and row, each row's relative influence on it (rows,), particles it is from."""

    density: float
    influence: Floats
    particles: int


def _contact(distance: Floats, box: float) -> _Contact:
    """Density at distance 0."""
    h = min(STRIP, box / 4)
    row, t = _strip(distance, h)
    if len(t) >= ENOUGH and 3 * t.mean() < 1:
        h *= 3 * float(t.mean())
        row, t = _strip(distance, h)
    if not len(t):
        return _Contact(0.0, np.zeros(len(distance)), 0)
    degree = 3 if len(t) >= ENOUGH else 1 if 10 * len(t) >= ENOUGH else 0
    fit = _local_likelihood(t, degree)
    share = np.bincount(row, 1 - (_powers(t, degree) - fit.mean[:, None]).T @ fit.pull, len(distance))
    rate = len(t) / len(distance)
    return _Contact(rate / h * fit.edge, share / rate - 1, len(t))


def _strip(distance: Floats, h: float) -> tuple[Ints, Floats]:
    """Rows of the particles nearer than h, and their distance in units of h."""
    near = distance < h
    return np.nonzero(near)[0], distance[near] / h


class _Fit(NamedTuple):
    """Density of t in [0, 1] at t = 0, mean of its powers, and the influence of a power on the log of the density."""

    edge: float
    mean: Floats
    pull: Floats


def _local_likelihood(t: Floats, degree: int) -> _Fit:
    """Maximum likelihood of p(t) ∝ exp(Σ a_k t^k) on [0, 1], k = 1 ... degree."""
    if degree == 0:
        return _Fit(1.0, np.zeros(0), np.zeros(0))
    x, weight = QUADRATURE
    basis, weight, seen = _powers((x + 1) / 2, degree), weight / 2, _powers(t, degree).mean(axis=1)

    def moments(a: Floats) -> tuple[float, Floats, Floats]:
        density = weight * np.exp(a @ basis)
        total = float(density.sum())
        mean: Floats = basis @ density / total
        covariance: Floats = (basis * density) @ basis.T / total - np.outer(mean, mean)
        return total, mean, covariance

    def loss(a: Floats) -> tuple[float, Floats]:
        total, mean, _ = moments(a)
        return np.log(total) - float(a @ seen), mean - seen

    found = scipy.optimize.minimize(
        loss, np.zeros(degree), jac=True, hess=lambda a: moments(a)[2], method="trust-exact"
    )
    total, mean, covariance = moments(found.x)
    return _Fit(1 / total, mean, np.linalg.solve(covariance, mean).astype(np.float64))


def _powers(t: Floats, degree: int) -> Floats:
    return t ** np.arange(1, degree + 1)[:, None]


def slope_test(
    first: ArrayLike,
    second: ArrayLike,
    expected: float,
    *,
    clusters: tuple[ArrayLike, ArrayLike] | None = None,
) -> Check:
    r"""Fitted slope of :math:`\log p_2(Y) / p_1(Y)` against the exact one.

    Args:
        first: Y of the first set, (rows,).
        second: Y of the second set, (rows of its own,).
        expected: −(γ₂ − γ₁)/T for Y = Σy at one T; −(1/T₂ − 1/T₁) for Y = U at one γ.
        clusters: which rows belong together, in the first and in the second set; None: all are independent.

    Returns:
        The check; where the sets hardly overlap, its slope is NaN with an infinite error.

    Raises:
        DataError: not one-dimensional, not finite, fewer than 3 rows.

    Reference: M. R. Shirts, J. Chem. Theory Comput. 9, 909 (2013), maximum likelihood; errors by the sandwich of
    K.-Y. Liang and S. L. Zeger, Biometrika 73, 13 (1986).

    >>> rng = np.random.default_rng(0)
    >>> slope_test(rng.normal(0, 2, 5000), rng.normal(1, 2, 5000), expected=0.25).p > 0.01
    True
    """
    y1, y2 = array("the first set", first), array("the second set", second)
    if y1.ndim != 1 or y2.ndim != 1 or min(len(y1), len(y2)) < 3:
        raise DataError(f"two columns of at least 3 rows are needed, got shapes {y1.shape} and {y2.shape}")
    a, b = (np.arange(len(y)) for y in (y1, y2)) if clusters is None else map(np.asarray, clusters)
    groups = np.concatenate([_numbered(a), _numbered(b) + _numbered(a).max() + 1])
    y, label = np.concatenate([y1, y2]), np.repeat([0.0, 1.0], [len(y1), len(y2)])
    scale = y.std()
    if min(y1.max(), y2.max()) <= max(y1.min(), y2.min()):
        return _check("slope", np.nan, np.inf, expected, 1, 0.0)
    x = np.column_stack([np.ones(len(y)), (y - y.mean()) / scale])
    coefficients = _logistic(x, label)
    chance = special.expit(x @ coefficients)
    information = (x.T * (chance * (1 - chance))) @ x
    if information[0, 0] < FEWEST:
        return _check("slope", np.nan, np.inf, expected, 1, 0.0)
    influence = (x * (label - chance)[:, None]) @ np.linalg.inv(information)[1]
    error = _error(influence * len(y), groups)
    slope = coefficients[1] / scale
    return _check("slope", slope, error / scale, expected, int(groups.max()) - 1, abs(expected))


def _logistic(x: Floats, label: Floats) -> Floats:
    """Coefficients of logistic regression by maximum likelihood."""

    def loss(a: Floats) -> tuple[float, Floats]:
        u = x @ a
        return float((np.logaddexp(0, u) - label * u).mean()), x.T @ (special.expit(u) - label) / len(u)

    def curvature(a: Floats) -> Floats:
        p = special.expit(x @ a)
        matrix: Floats = (x.T * (p * (1 - p))) @ x / len(p)
        return matrix

    found: Floats = scipy.optimize.minimize(loss, np.zeros(2), jac=True, hess=curvature, method="trust-exact").x
    return found


def _check(name: str, value: float, error: float, expected: float, freedom: int, size: float) -> Check:
    if not np.isfinite(error):
        return Check(name, value, error, expected, 0.0, 1.0, False)
    off, error = float(value - expected), float(error)
    z = off / error if error > 0 else float(np.copysign(np.inf, off)) if off else 0.0
    p = 2 * float(special.stdtr(freedom, -abs(z)))
    return Check(name, float(value), error, float(expected), z, p, bool(error <= SHARP * size))


def _numbered(groups: NDArray[np.generic]) -> Ints:
    numbers: Ints = np.unique(groups, return_inverse=True)[1].astype(np.intp)
    return numbers


def _error(values: Floats, groups: Ints) -> float:
    """Standard error of the mean of values (rows,) whose groups are independent, not their rows."""
    sums = np.bincount(groups, values - values.mean())
    if len(sums) < 2:
        raise DataError("all rows belong to one chain: errors need two or more")
    return float(np.sqrt(np.square(sums).sum() * len(sums) / (len(sums) - 1)) / len(values))


class _Group(NamedTuple):
    """The rows of one level, or of several with few rows each; those of a chain in order of time."""

    gravity: Floats
    temperature: Floats
    box: float
    positions: Floats
    energy: Floats
    early: Floats | None
    chain: Ints
    clusters: Ints

    @property
    def name(self) -> str:
        return f"γ {_range(self.gravity)}, T {_range(self.temperature)}, L {self.box:g}"

    @property
    def varied(self) -> bool:
        """Whether it is several levels."""
        return bool(np.ptp(self.gravity) > 0 or np.ptp(self.temperature) > 0)

    @property
    def independent(self) -> int:
        """Chains, or blocks of chains."""
        return int(self.clusters.max()) + 1

    @property
    def sums(self) -> Floats:
        """Y = Σy."""
        y: Floats = self.positions[..., -1].sum(axis=1)
        return y

    def checks(self, hard_walls: bool) -> Iterator[Check]:
        """Force balance, drift and exchange."""
        if hard_walls and self.gravity.any():
            rule = wall_sum_rule(self.positions, self.gravity, self.temperature, self.box, clusters=self.clusters)
            yield rule._replace(levels=(self.name,))
        drift = self.halves() if self.early is None else _Drift(self.energy - self.early, self.chain)
        groups = _numbered(drift.groups[np.isfinite(drift.values)])
        if groups.max(initial=-1) + 1 >= FEWEST:
            d = drift.values[np.isfinite(drift.values)]
            error, spread = _error(d, groups), float(self.energy.std()) * SHARP_DRIFT / SHARP
            drifted = _check("drift of the energy", d.mean(), error, 0.0, int(groups.max()), spread)
            yield drifted._replace(levels=(self.name,))
        if self.varied:
            yield self.exchange()._replace(levels=(self.name,))

    def exchange(self) -> Check:
        """k of rows that exchange γ and T with those of another chain, at the distance in γ/T that says most."""
        rows = _by_chain(self.chain)
        order = np.argsort((self.gravity / self.temperature)[rows[:, 0]], kind="stable")
        rows = rows[order]
        distances = [2**n for n in range(len(rows).bit_length() - 1)]
        signs = [self._log_ratios(rows, h) for h in distances]
        return _exchanged(max(signs, key=_information))

    def _log_ratios(self, rows: Ints, distance: int) -> Floats:
        """s of chains in disjoint pairs that lie so many places apart, (pairs, times)."""
        whole = len(rows) - len(rows) % (2 * distance)
        pairs = rows[:whole].reshape(-1, 2, distance, rows.shape[1])
        i, j = (pairs[:, side].reshape(-1, rows.shape[1]) for side in (0, 1))
        b, y, pair = self.gravity / self.temperature, self.sums, self.energy - self.gravity * self.sums
        change = (b[i] - b[j]) * (y[i] - y[j]) + (1 / self.temperature[i] - 1 / self.temperature[j]) * (
            pair[i] - pair[j]
        )
        s: Floats = -change
        return s

    def halves(self) -> "_Drift":
        """Mean energy of the second half of each chain less that of the first; NaN for chains of one row."""
        position, length = _places(self.chain)
        late, early = 2 * position >= length, 2 * position < length - length % 2
        sums = [np.bincount(self.chain, self.energy * half) for half in (late, early)]
        counts = [np.bincount(self.chain, half) for half in (late, early)]
        with np.errstate(invalid="ignore"):
            values = sums[0] / counts[0] - sums[1] / counts[1]
        return _Drift(values, np.arange(len(values)))

    def numbers(self) -> Level:
        """Means with their errors."""
        y = self.sums / self.positions.shape[1]
        means = (self.energy.mean(), _error(self.energy, self.clusters), y.mean(), _error(y, self.clusters))
        samples = len(y) / max(_memory(self.energy, self.chain), _memory(y, self.chain))
        chains = int(self.chain.max()) + 1
        g, t = (float(f.mean() if self.varied else f[0]) for f in (self.gravity, self.temperature))
        return Level(g, t, self.box, len(y), chains, samples, *map(float, means))


class _Drift(NamedTuple):
    values: Floats
    groups: Ints


def _information(s: Floats) -> float:
    """Fisher's information on k = 1; it does not depend on the signs of s, which are what is tested."""
    return float((s**2 * special.expit(s) * special.expit(-s)).sum())


def _exchanged(s: Floats) -> Check:
    """k by maximum likelihood of 1/(1 + exp(−k s)), with s (pairs, times)."""

    def score(k: float) -> float:
        return float((s * special.expit(-k * s)).sum())

    if _information(s) < FEWEST or score(-9.0) * score(9.0) >= 0:
        return _check("exchange of settings", np.nan, np.inf, 1.0, 1, 0.0)
    k = scipy.optimize.brentq(score, -9.0, 9.0)
    influence = s * special.expit(-k * s) / (s**2 * special.expit(k * s) * special.expit(-k * s)).mean()
    pairs = np.repeat(np.arange(len(s)), s.shape[1])
    return _check("exchange of settings", k, _error(influence.ravel(), pairs), 1.0, len(s) - 1, 1.0)


def _range(values: Floats) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:.3g} to {high:.3g}"


def _groups(
    positions: ArrayLike,
    energy: ArrayLike,
    factors: tuple[ArrayLike, ArrayLike, ArrayLike],
    early: ArrayLike | None,
    chain: ArrayLike | None,
) -> list[_Group]:
    """The finite rows by level, in ascending order of γ, T and L, then the rows of small levels by box."""
    x, u = np.asarray(positions, dtype=np.float64), np.asarray(energy, dtype=np.float64)
    if x.ndim != 3 or u.shape != x.shape[:1]:
        raise DataError(f"positions (rows, particles, dimensions) and energy (rows,) do not fit: {x.shape}, {u.shape}")
    values = np.column_stack([_column(name, f, len(u)) for name, f in zip(("γ", "T", "L"), factors, strict=True)])
    before = None if early is None else _column("early energy", early, len(u))
    chains = np.arange(len(u)) if chain is None else _column("chain", chain, len(u))

    def group(rows: Ints) -> _Group:
        members = _numbered(chains[rows])
        clusters = _clusters(members, u[rows], x[rows][..., -1].sum(axis=1))
        g, t, box = values[rows].T
        return _Group(
            g, t, float(box[0]), x[rows], u[rows], None if before is None else before[rows], members, clusters
        )

    whole = np.flatnonzero(np.isfinite(x).all(axis=(1, 2)) & np.isfinite(u) & np.isfinite(values).all(axis=1))
    _, level, counts = np.unique(values[whole], axis=0, return_inverse=True, return_counts=True)
    found = ((k, group(whole[level.ravel() == k])) for k in np.flatnonzero(counts >= FEWEST))
    judged = {k: g for k, g in found if g.independent >= FEWEST}
    rest = whole[~np.isin(level.ravel(), list(judged))]
    return [*judged.values()] + [group(rest[values[rest, 2] == box]) for box in np.unique(values[rest, 2])]


def _column(name: str, values: ArrayLike, rows: int) -> Floats:
    column = np.asarray(values, dtype=np.float64)
    if column.shape not in ((), (rows,)):
        raise DataError(f"{name} must be one number or one for each of {rows} rows, got shape {column.shape}")
    return np.broadcast_to(column, (rows,))


def _places(chain: Ints) -> tuple[Ints, Ints]:
    """Place of each row within its chain, and the length of that chain."""
    lengths = np.bincount(chain)
    order = np.argsort(chain, kind="stable")
    places = np.empty_like(chain)
    places[order] = np.arange(len(chain)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return places, lengths[chain]


def _clusters(chain: Ints, *series: Floats) -> Ints:
    """The chains, or, where they are few, blocks of them that are long against their memory."""
    count = int(chain.max()) + 1
    if count >= WANTED // 2:
        return chain
    places, lengths = _places(chain)
    memory = max(_memory(x, chain) for x in series)
    blocks = np.clip(lengths / (BLOCK * memory), 1, -(-WANTED // count)).astype(np.intp)
    return _numbered(chain * WANTED + places * blocks // lengths)


def _memory(series: Floats, chain: Ints) -> float:
    """τ in rows; 1 where chains are too short to show it."""
    shortest = int(np.bincount(chain).min())
    if shortest < 4 or np.ptp(series) == 0:
        return 1.0
    return autocorrelation(series[_by_chain(chain)]).time


def _by_chain(chain: Ints) -> Ints:
    """Row numbers (chains, times), as many times as the shortest chain has."""
    places, _ = _places(chain)
    shortest = int(np.bincount(chain).min())
    order = np.lexsort((places, chain))
    return order[places[order] < shortest].reshape(-1, shortest)


def _slopes(groups: list[_Group]) -> Iterator[Check]:
    """Slopes of Y between neighbouring γ at one T, and of U between neighbouring T at one γ, in one box."""
    levels = [(g.gravity[0], g.temperature[0], g.box, g) for g in groups if not g.varied]
    for (g, t, box, a), (g2, t2, box2, b) in pairwise(sorted(levels, key=lambda level: (level[2], level[1], level[0]))):
        if (t, box) == (t2, box2):
            check = slope_test(a.sums, b.sums, -(g2 - g) / t, clusters=(a.clusters, b.clusters))
            yield check._replace(name="slope in Σy", levels=(a.name, b.name))
    for (g, t, box, a), (g2, t2, box2, b) in pairwise(sorted(levels, key=lambda level: (level[2], level[0], level[1]))):
        if (g, box) == (g2, box2):
            check = slope_test(a.energy, b.energy, 1 / t - 1 / t2, clusters=(a.clusters, b.clusters))
            yield check._replace(name="slope in U", levels=(a.name, b.name))
