r"""Powders: components with sizes and fractions, and the spheres that a deposition draws from them.

Users weigh: a component is described by mass, a deposition drops spheres by number. A component whose mass is lognormal
in diameter, with median d and spread s (standard deviation of ln d), has a lognormal number too, with the median

.. math:: d_N = d \, e^{-3 s^2},

in the same window :math:`|\ln (D / d)| \le c s`: weighting by :math:`D^k` shifts a lognormal by :math:`k s^2` and
leaves its shape (Hatch and Choate 1929). Fractions of components follow the same way: with densities ρ, and
:math:`\langle D^{-3} \rangle` averaged over the mass of a component,

.. math:: v_i \propto m_i / \rho_i, \qquad n_i \propto v_i \langle D^{-3} \rangle_i .

All moments of the truncated lognormal are in closed form. Diameters are in any unit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from beable import checks as settings
from beable.errors import BeableError, UsageError, unknown

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Given = TypeVar("Given")
Made = TypeVar("Made")

FRACTIONS = ("mass_fraction", "volume_fraction", "number_fraction")
#: relative error of a sum of fractions that is still taken for rounding
ROUNDING = 1e-6
#: at the default truncation, this spread is a ratio of 160,000 between the ends of one component
WIDEST_SPREAD, TRUNCATIONS = 3.0, (0.1, 10.0)
#: cubes of diameters in this range, and ratios of them, are within double precision
SMALLEST_DIAMETER, LARGEST_DIAMETER = 1e-50, 1e50
#: powers of the diameter by which mass is weighted to give a distribution by mass or by number
BY_MASS, BY_NUMBER = 0, -3


@dataclass(frozen=True)
class Component:
    """One powder of a mixture, as its user describes it; checked when a `Powder` is made of it.

    Exactly one kind of fraction, and sizes by a lognormal or by a histogram.

    Args:
        mass_fraction, volume_fraction, number_fraction: share of the mixture; a powder of one component needs none.
        density: ρ, in any unit; needed only to convert mass fractions of several components.
        median: d, diameter below which half of the component's mass lies.
        spread: s, standard deviation of ln D by mass; 0 for one size.
        truncation: c, sizes lie within :math:`d e^{-c s}` and :math:`d e^{c s}`.
        diameters: of a histogram, (classes).
        mass_shares: of its classes, (classes), with sum 1.
        name: for legends.
    """

    mass_fraction: float | None = None
    volume_fraction: float | None = None
    number_fraction: float | None = None
    density: float | None = None
    median: float | None = None
    spread: float = 0.0
    truncation: float = 2.0
    diameters: Sequence[float] | Floats | None = None
    mass_shares: Sequence[float] | Floats | None = None
    name: str = ""

    @classmethod
    def of(cls, described: "Component | Mapping[str, object]") -> "Component":
        """A component from a dictionary of its arguments.

        Raises:
            UsageError: a key that is no argument, or something that is no dictionary.

        >>> Component.of({"median": 20, "spread": 0.3}).truncation
        2.0
        """
        if isinstance(described, Component):
            return described
        if not isinstance(described, Mapping):
            raise UsageError(f"a dictionary such as {{'median': 20, 'spread': 0.3}} is needed, not {described!r}")
        known = [field.name for field in fields(cls)]
        for key in described:
            if key not in known:
                raise unknown("key of a component", str(key), known)
        return cls(**described)  # type: ignore[arg-type]

    @property
    def sizes(self) -> "Lognormal | Histogram":
        """The distribution of diameters.

        Raises:
            UsageError: invalid sizes.
        """
        listed = self.diameters is not None or self.mass_shares is not None
        if listed and (self.median is not None or self.spread != 0):
            raise UsageError("give either median and spread, or diameters and mass_shares, not both")
        if not listed:
            return _lognormal(self)
        if self.diameters is None or self.mass_shares is None:
            missing = "diameters" if self.diameters is None else "mass_shares"
            raise UsageError(f"{missing} are missing: a histogram needs both")
        return Histogram.of(self.diameters, self.mass_shares)


class Lognormal(NamedTuple):
    """Diameters whose mass is a truncated lognormal; letters as in `Component`."""

    median: float
    spread: float
    truncation: float

    @property
    def smallest(self) -> float:
        """Diameter at the lower cut."""
        return self.median * math.exp(-self.truncation * self.spread)

    @property
    def largest(self) -> float:
        """Diameter at the upper cut."""
        return self.median * math.exp(self.truncation * self.spread)

    def _window(self, power: int) -> tuple[float, float]:
        """Ends of the window in standard deviations from the centre of what is weighted by a power."""
        return -self.truncation - power * self.spread, self.truncation - power * self.spread

    def mean_power(self, power: int) -> float:
        r"""Mean over the mass, :math:`\langle D^k\rangle = d^k e^{k^2s^2/2} (Φ(c - ks) - Φ(-c - ks)) / (2Φ(c) - 1)`."""
        low, high = self._window(-abs(power))
        inside = float((ndtr(-low) - ndtr(-high)) / (ndtr(self.truncation) - ndtr(-self.truncation)))
        return self.median**power * math.exp((power * self.spread) ** 2 / 2) * inside

    def above(self, diameter: float, power: int) -> float:
        """Share at or above a diameter, by mass or by number."""
        low, high = self._window(power)
        z = math.log(diameter / self.median) / self.spread - power * self.spread
        return float((ndtr(-min(max(z, low), high)) - ndtr(-high)) / (ndtr(-low) - ndtr(-high)))

    def quantiles(self, below: Floats, power: int) -> Floats:
        """Diameters with the given shares below them; the mirrored tail is the one without cancellation."""
        low, high = self._window(power)
        z = -ndtri((1 - below) * ndtr(-low) + below * ndtr(-high))
        sizes = self.median * np.exp(self.spread * (z + power * self.spread))
        return np.asarray(np.clip(sizes, self.smallest, self.largest))

    def classes(self, count: int) -> "Histogram":
        """Classes of equal width in ln D, each with its exact share of the mass."""
        edges = np.linspace(-self.truncation, self.truncation, count + 1)
        shares = np.diff(ndtr(edges))
        return Histogram(self.median * np.exp(self.spread * (edges[1:] + edges[:-1]) / 2), shares / shares.sum())


class Histogram(NamedTuple):
    """Diameters (classes), rising, and their shares of the mass (classes)."""

    diameters: Floats
    shares: Floats

    @classmethod
    def of(cls, diameters: ArrayLike, shares: ArrayLike, name: str = "mass_shares") -> "Histogram":
        """A histogram in any order; classes without a share are left out.

        Args:
            diameters: D, (classes).
            shares: of them, with sum 1, (classes).
            name: of the shares, for errors.

        Raises:
            DataError: values that are no finite numbers.
            UsageError: shapes, diameters that are not positive, shares that are negative or do not sum to 1.
        """
        sizes, parts = settings.array("diameters", diameters), settings.array(name, shares)
        if sizes.ndim != 1 or sizes.shape != parts.shape or not len(sizes):
            raise UsageError(
                f"diameters and {name} must be two lists of one length, not of shapes {sizes.shape} and {parts.shape}"
            )
        for k in np.flatnonzero((sizes < SMALLEST_DIAMETER) | (sizes > LARGEST_DIAMETER)):
            _size(f"diameter {k + 1} of {len(sizes)}", float(sizes[k]))
        return _sorted(sizes, _summing(name, parts))

    @property
    def smallest(self) -> float:
        """Smallest diameter that has mass."""
        return float(self.diameters[0])

    @property
    def largest(self) -> float:
        """Largest diameter that has mass."""
        return float(self.diameters[-1])

    def mean_power(self, power: int) -> float:
        r"""Average over the mass, :math:`\langle D^k \rangle`."""
        return float(self.shares @ self.diameters ** float(power))

    def _weights(self, power: int) -> Floats:
        weights = self.shares * (self.diameters / self.largest) ** power
        return np.asarray(weights / weights.sum())

    def above(self, diameter: float, power: int) -> float:
        """Share at or above a diameter, by mass or by number."""
        return float(self._weights(power)[self.diameters >= diameter].sum())

    def quantiles(self, below: Floats, power: int) -> Floats:
        """Diameters with the given shares below them."""
        ends = np.cumsum(self._weights(power))[:-1]
        return np.asarray(self.diameters[np.searchsorted(ends, below, side="right")])

    def classes(self, count: int) -> "Histogram":
        """As it is, whatever the count."""
        return self


class Draw(NamedTuple):
    """Spheres in the order of their release.

    Args:
        radii: (sphere).
        component: index of the component of each, (sphere).
    """

    radii: Floats
    component: Ints


class Coarse(NamedTuple):
    """The coarse end of a powder.

    Args:
        diameter: from which on a sphere belongs to it.
        number_fraction: share of all spheres.
        volume_share: share of all volume; more than asked for where many spheres have just this diameter.
    """

    diameter: float
    number_fraction: float
    volume_share: float


class Powder:
    r"""A mixture of components, with its fractions by number, volume and mass.

    Args:
        components: `Component` or dictionaries of its arguments; any number.

    Attributes:
        sizes: distribution of diameters of each component.
        number_fractions, volume_fractions: of the components, (components).
        smallest, largest: diameters of the whole powder, components without a share left out.
        mean_volume: of a sphere, :math:`\frac{π}{6} \langle D^3 \rangle` by number.

    Raises:
        UsageError: invalid sizes, fractions or densities, with the component, counted from 1.

    Reference: Hatch and Choate, J. Franklin Inst. 207, 369 (1929), for the conversions.

    >>> powder = Powder([{"volume_fraction": 0.5, "median": 1}, {"volume_fraction": 0.5, "median": 2}])
    >>> powder.number_fractions.round(3).tolist()
    [0.889, 0.111]
    """

    def __init__(self, components: Sequence[Component | Mapping[str, object]]) -> None:
        listed = [components] if isinstance(components, (Component, Mapping)) else list(components)
        if not listed:
            raise UsageError("a powder needs at least one component")
        self.components = tuple(_each(Component.of, listed))
        self.sizes = tuple(_each(_sizes, self.components))
        self._densities = _each(_density, self.components)
        cubes = np.array([sizes.mean_power(-3) for sizes in self.sizes])
        kind = _kind(self.components)
        self.volume_fractions = self._volumes(kind, _fractions(kind, self.components), cubes)
        numbers = self.volume_fractions * (cubes / cubes.max())
        self.number_fractions: Floats = numbers / numbers.sum()
        self.mean_volume = math.pi / 6 / float(self.volume_fractions @ cubes)
        present = [s for s, share in zip(self.sizes, self.volume_fractions, strict=True) if share > 0]
        self.smallest, self.largest = min(s.smallest for s in present), max(s.largest for s in present)

    def _volumes(self, kind: str, shares: Floats, cubes: Floats) -> Floats:
        if kind == "number_fraction":
            shares = shares * (cubes.min() / cubes)
        if kind == "mass_fraction" and len(shares) > 1:
            shares = shares / self.densities
        return np.asarray(shares / shares.sum())

    @property
    def densities(self) -> Floats:
        """Densities of the components, (components).

        Raises:
            UsageError: one is missing.
        """
        for k, density in enumerate(self._densities, start=1):
            if density is None:
                raise UsageError(
                    f"component {k}: density is missing, and mass and volume fractions of a mixture differ by it: "
                    "give every component one, or volume fractions"
                )
        return np.array(self._densities, dtype=np.float64)

    @property
    def mass_fractions(self) -> Floats:
        """Mass fractions of the components, (components).

        Raises:
            UsageError: a density is missing, with several components.
        """
        if len(self.components) == 1:
            return np.ones(1)
        masses = self.volume_fractions * self.densities
        return np.asarray(masses / masses.sum())

    def draw(self, spheres: int, rng: int | np.random.Generator) -> Draw:
        r"""Spheres in random order.

        Each component gets its exact share of them, rounded by the largest remainders, and its sizes are quantiles
        of its number distribution, one from each stratum: :math:`D_i = F^{-1}((i + U_i)/n)`. Totals of the sizes then
        scatter far less than those of independent draws.

        Args:
            spheres: number of spheres.
            rng: seed or generator.

        Raises:
            UsageError: no spheres.

        >>> mixture = [{"volume_fraction": 0.5, "median": 1}, {"volume_fraction": 0.5, "median": 2}]
        >>> np.bincount(Powder(mixture).draw(100, rng=0).component).tolist()
        [89, 11]
        """
        source = np.random.default_rng(rng)
        counts = _rounded(self.number_fractions, settings.count("spheres", spheres, least=1))
        shares = [(np.arange(n) + source.random(n)) / max(n, 1) for n in counts]
        diameters = [sizes.quantiles(u, BY_NUMBER) for sizes, u in zip(self.sizes, shares, strict=True)]
        order = source.permutation(spheres)
        owners = np.repeat(np.arange(len(counts)), counts)
        return Draw(np.concatenate(diameters)[order] / 2, owners[order])

    def volume_classes(self, count: int = 64) -> Histogram:
        """The whole powder as a histogram by volume, for estimates that need nothing else.

        Args:
            count: classes of each lognormal component, equally wide in ln D; histograms keep their own.

        >>> Powder([{"median": 1, "spread": 0.3}]).volume_classes(4).shares.round(3).tolist()
        [0.142, 0.358, 0.358, 0.142]
        """
        parts = [sizes.classes(settings.count("count", count, least=1)) for sizes in self.sizes]
        shares = [part.shares * share for part, share in zip(parts, self.volume_fractions, strict=True)]
        return _sorted(np.concatenate([part.diameters for part in parts]), np.concatenate(shares))

    def above(self, diameter: float, power: int) -> float:
        """Share of spheres at or above a diameter, by volume (`BY_MASS`) or by number (`BY_NUMBER`)."""
        fractions = self.number_fractions if power == BY_NUMBER else self.volume_fractions
        return float(sum(f * sizes.above(diameter, power) for f, sizes in zip(fractions, self.sizes, strict=True)))

    def coarse(self, share: float = 0.2) -> Coarse:
        """The coarsest spheres, which together have at least a given share of the volume.

        How rare they are says how many spheres a meaningful run needs.

        Args:
            share: of the volume, above 0 and at most 1.

        Raises:
            UsageError: another share.

        >>> mixture = [{"volume_fraction": 0.7, "median": 10}, {"volume_fraction": 0.3, "median": 1}]
        >>> Powder(mixture).coarse().diameter
        10.0
        """
        if not 0 < settings.number("share", share) <= 1:
            raise UsageError(f"share must be above 0 and at most 1, not {share}")
        diameter = self._coarse_from(share)
        return Coarse(diameter, self.above(diameter, BY_NUMBER), self.above(diameter, BY_MASS))

    def _coarse_from(self, share: float) -> float:
        """Largest diameter with so much volume at or above it, by bisection between the steps of the distribution."""
        steps = [s.diameters for s in self.sizes if isinstance(s, Histogram)]
        marks = np.unique(np.concatenate([[self.smallest, self.largest], *steps])).tolist()
        least = share * (1 - 1e-9)
        inside = max(d for d in marks if self.above(d, BY_MASS) >= least)
        outside = min((d for d in marks if d > inside), default=inside)
        while outside > inside * (1 + 1e-12):
            middle = math.sqrt(inside * outside)
            inside, outside = (middle, outside) if self.above(middle, BY_MASS) >= least else (inside, middle)
        return float(inside)


def lognormal_classes(
    median: float, spread: float, classes: int = 33, mass_fraction: float | None = None, density: float | None = None
) -> Component:
    r"""A component by the size rule of Baird, Hall and Sparks, for comparison with their simulations.

    Sizes lie on an equally spaced grid of n between the quantiles 1/n and 1 - 1/n of a lognormal, those within d/4 and
    4d are kept, and n grows until so many are. The mass of each is proportional to the lognormal *density* there:

    .. math:: m_j \propto \exp\bigl(-\ln^2(D_j / d) / 2 s^2\bigr) / D_j .

    Args:
        median: d; theirs is a radius, which changes nothing but the scale.
        spread: s, above 0 and at most 1, where their rule ends.
        classes: sizes to keep.
        mass_fraction, density: see `Component`.

    Raises:
        UsageError: another median, spread or number.

    Reference: Baird, Hall and Sparks (2022), doi 10.26434/chemrxiv-2022-nz2w8.

    >>> len(lognormal_classes(20, 0.5).diameters)
    33
    """
    middle, wanted = _size("median", median), settings.count("classes", classes, least=2)
    if not 0 < settings.number("spread", spread) <= 1:
        raise UsageError(f"spread must be above 0 and at most 1 in this rule, not {spread}")
    grid, points = _grid(spread, wanted), wanted
    while len(grid) < wanted:
        points += 1
        grid = _grid(spread, points)
    shares = np.exp(-((np.log(grid) / spread) ** 2) / 2) / grid
    return Component(mass_fraction, density=density, diameters=middle * grid, mass_shares=shares / shares.sum())


def _grid(spread: float, points: int) -> Floats:
    tail = -float(ndtri(1 / points))
    grid = np.linspace(math.exp(-spread * tail), math.exp(spread * tail), points)
    return grid[(grid > 1 / 4) & (grid < 4)]


def rosin_rammler(
    size: float,
    exponent: float,
    classes: int = 40,
    mass_fraction: float | None = None,
    density: float | None = None,
) -> Component:
    r"""A component ground by a mill, with a mass :math:`1 - \exp[-(D/D')^q]` below D, from its 2nd to 98th percentile.

    Args:
        size: D', diameter below which 1 - 1/e of the mass lies.
        exponent: q, at least 0.5: the larger, the narrower.
        classes: equally wide in ln D, each with its exact share.
        mass_fraction, density: see `Component`.

    Raises:
        UsageError: another size, exponent or number.

    Reference: Rosin and Rammler, J. Inst. Fuel 7, 29 (1933).

    >>> ground = Powder([rosin_rammler(50, 1.2)])
    >>> round(ground.largest / ground.smallest)
    72
    """
    scale, count = _size("size", size), settings.count("classes", classes, least=2)
    if settings.number("exponent", exponent) < 0.5:
        raise UsageError(f"exponent must be at least 0.5, not {exponent}: the powder would have no meaningful sizes")
    low, high = ((-math.log1p(-below)) ** (1 / exponent) for below in (0.02, 0.98))
    edges = np.geomspace(low, high, count + 1)
    shares = -np.diff(np.exp(-(edges**exponent)))
    middles = scale * np.sqrt(edges[1:] * edges[:-1])
    return Component(mass_fraction, density=density, diameters=middles, mass_shares=shares / shares.sum())


def _each(work: Callable[[Given], Made], items: Sequence[Given]) -> list[Made]:
    """What comes of each component; an error names the component, counted from 1."""
    made = []
    for k, item in enumerate(items, start=1):
        try:
            made.append(work(item))
        except BeableError as error:
            raise type(error)(f"component {k}: {error}") from error
    return made


def _size(name: str, value: object) -> float:
    """A diameter whose cube is a number too."""
    size = settings.positive(name, value)
    if not SMALLEST_DIAMETER <= size <= LARGEST_DIAMETER:
        raise UsageError(f"{name} must lie between {SMALLEST_DIAMETER:g} and {LARGEST_DIAMETER:g}, not {size:g}")
    return size


def _sizes(component: Component) -> Lognormal | Histogram:
    return component.sizes


def _lognormal(component: Component) -> Lognormal | Histogram:
    """A lognormal of mass, or one size."""
    if component.median is None:
        raise UsageError("sizes are missing: give median (and spread), or diameters and mass_shares")
    median, truncation = _size("median", component.median), settings.number("truncation", component.truncation)
    spread = settings.number("spread", component.spread)
    if not 0 <= spread <= WIDEST_SPREAD:
        raise UsageError(
            f"spread must lie between 0 and {WIDEST_SPREAD:g}, not {spread:g}: it is the standard deviation of ln D, "
            "0 for one size and seldom above 1"
        )
    if not TRUNCATIONS[0] <= truncation <= TRUNCATIONS[1]:
        raise UsageError(
            f"truncation must lie between {TRUNCATIONS[0]:g} and {TRUNCATIONS[1]:g} spreads, not {truncation:g}"
        )
    return Lognormal(median, spread, truncation) if spread else Histogram(np.array([median]), np.ones(1))


def _sorted(diameters: Floats, shares: Floats) -> Histogram:
    """By rising diameter, without the classes that have no share."""
    order = np.argsort(diameters, kind="stable")
    order = order[shares[order] > 0]
    return Histogram(diameters[order], shares[order])


def _summing(name: str, shares: Floats) -> Floats:
    """Shares with sum 1, or the error that they are negative or do not sum to it."""
    if (shares < 0).any():
        worst = int(np.argmin(shares))
        raise UsageError(f"{name} must not be negative; number {worst + 1} is {shares[worst]:g}")
    total = float(shares.sum())
    if abs(total - 1) > ROUNDING:
        advice = f": divide each by {total:.8g}" if total > 0 else ""
        raise UsageError(f"{name} must sum to 1, not {total:.8g}{advice}")
    return shares / total


def _density(component: Component) -> float | None:
    return None if component.density is None else settings.positive("density", component.density)


def _given(component: Component) -> str:
    """The kind of fraction that a component has, "" for none."""
    kinds = [kind for kind in FRACTIONS if getattr(component, kind) is not None]
    if len(kinds) > 1:
        raise UsageError(f"give one kind of fraction, not {' and '.join(kinds)}")
    for kind in kinds:
        if settings.number(kind, getattr(component, kind)) < 0:
            raise UsageError(f"{kind} must not be negative, not {getattr(component, kind)}")
    return kinds[0] if kinds else ""


def _kind(components: Sequence[Component]) -> str:
    """The kind of fraction that all components have."""
    kinds = _each(_given, components)
    if len(kinds) == 1:
        return kinds[0]
    for k, kind in enumerate(kinds, start=1):
        if not kind:
            raise UsageError(f"component {k}: its share is missing: give one of {', '.join(FRACTIONS)}")
        if kind != kinds[0]:
            raise UsageError(f"component {k}: {kind} where component 1 has {kinds[0]}: give one kind throughout")
    return kinds[0]


def _fractions(kind: str, components: Sequence[Component]) -> Floats:
    if not kind:
        return np.ones(1)
    shares = np.array([getattr(component, kind) for component in components], dtype=np.float64)
    return _summing(f"{kind}s of the components", shares)


def _rounded(shares: Floats, total: int) -> Ints:
    """Whole numbers with a given sum, by the largest remainders."""
    exact = shares * total
    counts = np.floor(exact).astype(np.intp)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts
