"""What a search for powders pays for being asked more: different powders, cheap ones, and a second outcome at once."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from beable.console.numbers import number
from beable.design.calls import AGAIN, Make, Task, calling
from beable.design.outcomes import Outcome, Target
from beable.design.search import Designs, find_designs
from beable.design.space import Range
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.packing.simulator import Packing


class Searched(NamedTuple):
    """All calls of some searches for the same.

    Args:
        asked: the number that was changed: weight of distance, or limit of the cost.
        proposed, hits: powders that the searches proposed, and those of them that do what was asked for.
        distance: mean distance of a powder found from the nearest other, factors as ranks; NaN below two.
        cost: least and greatest of the powders found; NaN without any.
    """

    asked: float
    proposed: int
    hits: int
    distance: float
    cost: tuple[float, float]

    @property
    def share(self) -> float:
        """Of the proposed powders that hit; NaN without any."""
        return self.hits / self.proposed if self.proposed else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return plain(self._asdict() | {"share": self.share})


class Both(NamedTuple):
    """Two outcomes asked for at once.

    Args:
        words: what is asked for.
        hits, proposed: powders that do both, of those that a search for both proposed.
        alone, of_alone: powders that do both, of those that a search for the first outcome found.
        random, of_random: powders that do both, of random ones.
    """

    words: str
    hits: int
    proposed: int
    alone: int
    of_alone: int
    random: int
    of_random: int


@dataclass(frozen=True)
class Limits:
    """Every search.

    Args:
        target: packing fraction that is asked for, and how far from it is near enough.
        calls: of each search.
        seeds: searches of each diversity.
        diversity: by the weight of distance.
        prices: of a mass of each component, coarsest first.
        costs: by the limit of the cost of a mass of the powder.
        both: a second outcome at once.
    """

    target: tuple[float, float]
    calls: int
    seeds: int
    diversity: list[Searched]
    prices: tuple[float, ...]
    costs: list[Searched]
    both: Both

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        kept = {name: getattr(self, name) for name in ("target", "calls", "seeds", "diversity", "prices", "costs")}
        return dict(plain(kept | {"both": self.both._asdict()}))

    @property
    def claims(self) -> list[Claim]:
        """What Hall and Sparks expect of two requirements at once."""
        words = "there is a composition that satisfies two sets of requirements (1.2)"
        b = self.both
        why = (
            f"{b.words}: {b.hits} of {b.proposed} proposed powders, simulated; {b.random} of {b.of_random} random ones"
        )
        ours = f"{number(100 * b.hits / max(b.proposed, 1))} % of proposals"
        return [Claim("1.2", words, "yes", ours, None, REPRODUCED if b.hits else DIFFERS, why)]


def design_limits(context: Context) -> Limits:
    """Options of the part: target, tolerance, calls (of each search), seeds, min_coarse_spheres, diversities, prices
    (of the components), limits (of the cost), second (an outcome), within (its range)."""
    get = context.option
    simulator = Packing(**context.study.data.settings | {"min_coarse_spheres": get("min_coarse_spheres")})
    middle, tolerance, prices = get("target"), get("tolerance"), tuple(map(float, get("prices")))
    aim = Target.around(Outcome.of(simulator, "packing_fraction"), middle, tolerance)
    low, high = map(float, get("within"))
    with calling(simulator, 1) as make:
        search = _Search(simulator, get("calls"), make)
        diverse = [
            _searched(float(d), [search.designs(aim, seed, d) for seed in range(get("seeds"))], prices)
            for d in get("diversities")
        ]
        apart = _coarse_to_fine(simulator)
        costs = [
            _searched(float(c), [search.designs(aim, 0, None, apart | {_cost(prices): (-np.inf, float(c))})], prices)
            for c in get("limits")
        ]
        both = _both(search, aim, Target(Outcome.of(simulator, get("second")), low, high))
    return Limits((middle, tolerance), get("calls"), get("seeds"), diverse, prices, costs, both)


class _Search(NamedTuple):
    """Searches of one simulator with so many calls each."""

    simulator: Packing
    calls: int
    make: Make

    def designs(
        self,
        aim: Target,
        seed: int,
        diversity: float | None = None,
        constraints: dict[str, Range] | None = None,
        method: str = "search",
    ) -> Designs:
        """All calls of one search."""
        more = {} if diversity is None else {"diversity": float(diversity)}
        options: dict[str, Any] = {"designs": None, "calls": self.calls, "make": self.make, "method": method} | more
        return find_designs(self.simulator, aim, constraints=constraints, seed=seed, **options)


def _searched(asked: float, found: list[Designs], prices: tuple[float, ...]) -> Searched:
    proposed = np.concatenate([d.proposed for d in found])
    hits = np.concatenate([d.found for d in found])
    spent = np.concatenate([d.values[d.found, -len(prices) :] @ np.array(prices) for d in found])
    ends = (float(spent.min()), float(spent.max())) if len(spent) else (float("nan"), float("nan"))
    distance = np.array([d.distance() for d in found])
    seen = distance[np.isfinite(distance)]
    mean = float(seen.mean()) if len(seen) else float("nan")
    return Searched(asked, int(proposed.sum()), int((hits & proposed).sum()), mean, ends)


def _cost(prices: tuple[float, ...]) -> str:
    """The price of a mass of the powder as a constraint names it."""
    return " + ".join(f"{price:g}*mass_fraction_{i}" for i, price in enumerate(prices, 1))


def _coarse_to_fine(simulator: Packing) -> dict[str, Range]:
    """A third of the range of sizes for each component, coarsest first, so that each has a price of its own."""
    low, high = simulator.median
    ends = low * (high / low) ** (np.arange(simulator.components + 1) / simulator.components)
    falling = ends[::-1]
    return {f"median_{i + 1}": (float(falling[i + 1]), float(falling[i])) for i in range(simulator.components)}


def _both(search: _Search, first: Target, second: Target) -> Both:
    aim = Target.all_of([first, second])
    joint = search.designs(aim, 0)
    alone, random = (search.designs(first, 0), search.designs(aim, 0, method="random"))
    second_of = _second_of(search, alone, second)
    return Both(
        str(aim),
        int((joint.found & joint.proposed).sum()),
        int(joint.proposed.sum()),
        int(second.holds(second_of).sum()),
        int(alone.found.sum()),
        int(random.found.sum()),
        len(random),
    )


def _second_of(search: _Search, alone: Designs, second: Target) -> np.ndarray[Any, Any]:
    """The second outcome of powders that were found for the first, simulated again."""

    rows = np.flatnonzero(alone.found)
    tasks = [Task(int(call), alone.values[call], AGAIN + int(call), 0, second) for call in rows]
    answers = dict(search.make(tasks))
    return np.array([second.numbers(answers[int(call)].parts[None])[0] for call in rows])
