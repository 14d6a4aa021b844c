"""The loss at β = 1 along lines through the parameters (figures 6, 8 and 11 of Jacobsen & Duraisamy)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.analysis.landscapes import Landscape, Objective, around, line, random_directions
from beable.analysis.levels import code_level
from beable.analysis.solutions import Point, codes_at, matched, solution, starting_points
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.metrics.disentanglement import s_d
from beable.metrics.separation import separation
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.claims_of_lines import how_many, of_all
from beable.training.data import read
from beable.training.run import Run
from beable.vae.objectives import weights
from beable.verdicts import Verdict

Floats = NDArray[np.float64]
STARTS, UNTRAINED_SEED = 10, 10_000
DRAWS_OF_DIRECTIONS = 2
HIGHEST = 1000.0
NEAR_LEVEL = 0.05  # of the distance from the level of Theorem 1 to the solution, within which a minimum is of that kind
MATCHINGS = ("none", "permutation", "rotation")


@dataclass(frozen=True)
class Landscapes:
    """Lines of the loss, in the objective's scale (per pixel).

    Args:
        from_starts: from first weights that were never trained to one solution.
        level: of Theorem 1, the loss of a decoder that gives mean and variance of the rows.
        loss: of the solution.
        places: α along random directions.
        directions: mean loss along them, (directions, points).
        minima: minima that lie surely lower than both neighbours, but for the middle, of each direction.
        least: whether each direction rises from the solution on both sides.
        between: lines between two solutions, the latents of one laid along those of the other in each way.
        ends: losses of the two.
        angles: how far the latents of the two are off their factors, degrees.
        s_d: S_D on the rows along each of those lines, (points).
    """

    from_starts: Landscape
    level: float
    loss: float
    places: Floats
    directions: Floats
    minima: NDArray[np.int64]
    least: NDArray[np.bool_]
    between: dict[str, Landscape]
    ends: NDArray[np.floating]
    angles: Floats
    s_d: dict[str, Floats]

    def as_json(self) -> dict[str, Any]:
        """Levels, barriers, minima."""
        barriers = {how: float(found.barrier()[0]) for how, found in self.between.items()}
        return dict(
            plain(
                {
                    "level": self.level,
                    "loss": self.loss,
                    "minima_from_starts": self.minima_from_starts.tolist(),
                    "over_regularised_minima": self.over_regularised_minima.tolist(),
                    "directions": len(self.directions),
                    "directions_with_a_minimum": int((self.minima > 0).sum()),
                    "directions_that_rise": int(self.least.sum()),
                    "barrier": barriers,
                    "ends": self.ends,
                    "angles": self.angles,
                }
            )
        )

    @property
    def minima_from_starts(self) -> NDArray[np.int64]:
        """Minima between the ends of each line from first weights."""
        return np.asarray(self.from_starts.minima().sum(-1), np.int64)

    @property
    def over_regularised_minima(self) -> NDArray[np.int64]:
        """Those of them at the level of Theorem 1."""
        near = np.abs(self.from_starts.terms["total"] - self.level) < NEAR_LEVEL * abs(self.level - self.loss)
        return np.asarray((self.from_starts.minima() & near).sum(-1), np.int64)

    @property
    def barriers(self) -> dict[str, Verdict]:
        """Whether a barrier stands between the two solutions, by how their latents were laid along each other."""
        return {how: found.has_barrier()[0] for how, found in self.between.items()}

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its figures 6, 8 and 11."""
        return [_from_starts(self), _no_minima(self), _barrier(self), _losses(self)]


def _from_starts(a: Landscapes) -> Claim:
    lines = len(a.minima_from_starts)
    at_level = [Verdict(bool(n), "") for n in a.over_regularised_minima]
    passed = int((a.minima_from_starts > 0).sum())
    why = (
        f"{passed} of {lines} lines have a minimum before the solution, {how_many(at_level)} one at the level of "
        f"Theorem 1, {number(a.level)} nats a pixel; the solution lies at {number(a.loss)}"
    )
    words = "a barrier of over-regularised minima stands on each of 10 lines from first weights (figure 6)"
    return Claim("6", words, "10 of 10", how_many(at_level), None, of_all(at_level), why)


def _no_minima(a: Landscapes) -> Claim:
    few, with_minimum = len(a.minima), int((a.minima > 0).sum())
    why = f"{int(a.least.sum())} of {few} directions rise from the solution, {with_minimum} pass another minimum"
    words = "no local minima near a solution along 1,000 random directions (figure 8)"
    verdict = REPRODUCED if not with_minimum and a.least.all() else DIFFERS
    return Claim("8", words, "0 of 1,000", f"{with_minimum} of {few}", None, verdict, why)


def _barrier(a: Landscapes) -> Claim:
    heights = ", ".join(f"{_how(how)} {number(float(found.barrier()[0]))}" for how, found in a.between.items())
    raw = a.barriers["none"].answer
    gone = raw and any(v.answer is False for v in a.barriers.values())
    more = "it is one of the names of the latents, and goes when they are laid along each other" if gone else ""
    words = "a barrier stands between a disentangled and an entangled solution (figure 11)"
    verdict = UNTOLD if raw is None else REPRODUCED if raw else DIFFERS
    why = f"barrier in nats a pixel: {heights}" + (f"; {more}" if more else "")
    return Claim("11", words, "yes", a.barriers["none"].word, None, verdict, why)


def _how(how: str) -> str:
    return {"none": "as trained", "permutation": "swapped and mirrored", "rotation": "turned"}[how]


def _losses(a: Landscapes) -> Claim:
    """The source's two losses differ by 0.08 nats a pixel, the disentangled one being lower."""
    lower = a.ends[0] < a.ends[1]
    ours = f"{number(a.ends[0])} and {number(a.ends[1])}"
    why = (
        f"our losses belong to latents {number(a.angles[0])}° and {number(a.angles[1])}° off their factors; their "
        f"difference is {number(a.ends[1] - a.ends[0])}"
    )
    words = "the disentangled solution has the lower loss, -9.50 against -9.42 nats a pixel (figure 11)"
    return Claim("11", words, "-9.50 and -9.42", ours, None, REPRODUCED if lower else DIFFERS, why)


def landscapes(context: Context) -> Landscapes:
    """Lines from first weights, away from a solution, and between the two solutions that differ most in angle."""
    arm = context.arm("trained")
    run, store = context.run(arm), context.data_of(arm)
    snapshots = read(store, run.variables, run.train_rows, run.conditions)
    angles = _angles(run, store)
    best, worst = int(np.argmin(angles)), int(np.argmax(angles))
    points = [solution(run, k) for k in (best, worst)]
    terms = Objective(run, snapshots)
    starts = starting_points(run, store, seed=UNTRAINED_SEED, start="random", members=STARTS)
    places, losses, minima, least = _directions(context, run, points[0], snapshots)
    between = {how: _between(run, points, snapshots, how, terms) for how in MATCHINGS}
    ends = between["none"][0].terms["total"][0, [0, -1]]
    return Landscapes(
        line(terms, starts, [points[0]]),
        _level(run, snapshots),
        float(ends[0]),
        places,
        losses,
        minima,
        least,
        {how: found for how, (found, _) in between.items()},
        ends,
        angles[[best, worst]],
        {how: _scores(run, store, found, ways) for how, (found, ways) in between.items()},
    )


def _angles(run: Run, store: Store) -> Floats:
    """How far the latents of each member are off their factors on held-out rows, degrees; 90 where none is found."""
    snapshots = read(store, run.variables, run.held_rows, run.conditions)
    factors = store.factor_values[run.held_rows]
    found = [separation(z, factors).angle for z in run.encode(snapshots).mean]
    return np.array([90.0 if np.isnan(angle) else angle for angle in found], np.float64)


def _level(run: Run, snapshots: Any) -> float:
    return weights(run.vae, run.settings.objective.scale).distortion * code_level(run, snapshots)


def _directions(context: Context, run: Run, point: Point, snapshots: Any) -> tuple[Any, Any, Any, Any]:
    """Places, mean losses, minima and whether the solution is the least of its neighbours, by direction."""
    terms = Objective(run, snapshots, draws=DRAWS_OF_DIRECTIONS)
    count = context.option("directions")
    found = around(terms, point, random_directions(run, point, count))
    middle = len(found.places) // 2
    minima, total = found.minima(), found.terms["total"]
    least = (total[:, middle] <= total[:, middle - 1]) & (total[:, middle] <= total[:, middle + 1])
    minima[:, middle - 1 : middle + 2] = False
    return found.places, np.minimum(total, HIGHEST), minima.sum(-1), least


def _between(
    run: Run, points: list[Point], snapshots: Any, how: str, terms: Objective
) -> tuple[Landscape, tuple[Point, Point]]:
    """The line from the first to the second, the second's latents laid along those of the first."""
    end = matched(run, points[0], points[1], snapshots, how).point
    return line(terms, [points[0]], [end]), (points[0], end)


def _scores(run: Run, store: Store, found: Landscape, ends: tuple[Point, Point]) -> Floats:
    """S_D of posterior means on training rows at each place of a line."""
    snapshots = read(store, run.variables, run.train_rows, run.conditions)
    first, last = ends
    way = [{name: (1 - a) * first[name] + a * last[name] for name in first} for a in map(float, found.places)]
    factors = store.factor_values[run.train_rows]
    return np.array([s_d(z, factors).score for z in codes_at(run, way, snapshots)])
