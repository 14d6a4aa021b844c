r"""The objective along straight lines through the parameters, and on planes, every term by itself.

Between two sets of parameters, such as an initialisation and a solution, or two solutions,

.. math:: P(\alpha) = (1 - \alpha) P_0 + \alpha P_1

and away from one along random directions d, whose layers, or filters, have the norm of those of the solution (Li et
al. 2018), since a step that is small for one layer may be large for another:

.. math:: P(\alpha) = P_0 + \alpha d, \qquad \|d_l\| = \|P_{0,l}\|

All points see the same rows and the same latent noise (common random numbers), so that differences between points are
those of the parameters; several draws of the noise say how sure they are. Distortions are those of the representation,
as in the history of a run. A closed-form output variance follows the errors at each point, so that along it the
landscape is that of all other parameters at the best variance. Layers that keep running means and variances of their
inputs use those of the rows.

The barrier of a line between two solutions is how far the objective rises above the straight line between its ends
(Frankle et al. 2020),

.. math:: B = \max_\alpha L(\alpha) - (1 - \alpha) L(0) - \alpha L(1)

On a line from an initialisation, which is high and ends in a steep valley, B is large anyway; there one asks for
`Landscape.minima` between the ends, and whether these are over-regularised (`collapse.at_level`).

C. Jacobsen and K. Duraisamy, Frontiers in Physics 10:890910 (2022), equation 27 and figures 6, 8 and 11; H. Li, Z. Xu,
G. Taylor, C. Studer and T. Goldstein, Visualizing the loss landscape of neural nets, NeurIPS (2018); J. Frankle, G. K.
Dziugaite, D. M. Roy and M. Carbin, Linear mode connectivity and the lottery ticket hypothesis, ICML (2020).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable.analysis.solutions import Point, asked, rows_at
from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import UsageError, unknown
from beable.records import plain
from beable.streams import generator
from beable.training.run import Run
from beable.vae.distributions import Noise
from beable.vae.networks import Convolution, Linear
from beable.vae.objectives import Loss, elbo
from beable.vae.vae import VAE, Rows
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
#: what is known of stacked points: terms by name, (draws, points)
Terms = Callable[[Point], dict[str, FloatArray]]
POINTS, DRAWS = 21, 10
#: numbers of parameters, and of rows, that are evaluated at once
AT_ONCE = 20_000_000
#: of a barrier, in the objective's unit, below which it is none
NOTHING, SURE = 0.01, 2.0


class Objective:
    """The terms of a run's objective on rows, at any parameters.

    Args:
        run: a finished training: its networks, its scale.
        snapshots: each variable (rows, ...) by name; held-out rows or training rows.
        beta: β of the total; 1 is the source's loss of a VAE whatever β it was trained with.
        draws: latent samples a row.
        seed: of these.
        double: evaluate in double precision; differences between points are small beside the terms.
    """

    def __init__(
        self,
        run: Run,
        snapshots: Mapping[str, FloatArray],
        *,
        beta: float = 1.0,
        draws: int = DRAWS,
        seed: int = 0,
        double: bool = True,
    ) -> None:
        if draws < 1:
            raise UsageError(f"draws must be at least 1, got {draws}")
        self.run, self.snapshots, self.beta = run, dict(snapshots), beta
        self.draws, self.seed, self.dtype = draws, seed, torch.float64 if double else torch.float32
        self._size = run.rows(self.snapshots).values[0].numel()

    def __call__(self, points: Point) -> dict[str, FloatArray]:
        """Each term in nats a row, and the total as the objective's scale weighs them, (draws, points)."""
        count = len(next(iter(points.values())))
        size = max(self._size, sum(t[0].numel() for t in points.values()))
        parts = [
            self._some({name: t[i : i + max(1, AT_ONCE // size)].to(self.dtype) for name, t in points.items()})
            for i in range(0, count, max(1, AT_ONCE // size))
        ]
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}

    def _some(self, points: Point) -> dict[str, FloatArray]:
        count = len(next(iter(points.values())))
        rows = rows_at(self.run, self.snapshots, count, self.dtype)
        losses = [self._draw(points, rows, count, draw) for draw in range(self.draws)]
        named = {name: [loss.terms[name] for loss in losses] for name in losses[0].terms}
        named |= {"total": [loss.total for loss in losses]}
        return {name: torch.stack(values).numpy() for name, values in named.items()}

    def _draw(self, points: Point, rows: Rows, count: int, draw: int) -> Loss:
        # members of one number draw the same noise
        noise = Noise(self.seed, [0] * count, "evaluation", draw)
        loss: Loss = asked(self.run, points, self._loss, rows, noise)
        return loss

    def _loss(self, vae: VAE, rows: Rows, noise: Noise) -> Loss:
        return elbo(vae, rows, self.beta, noise, scale=self.run.settings.objective.scale)


@readable
class Landscape(NamedTuple):
    """Terms along lines.

    Args:
        places: α, (points).
        samples: each term by name, (draws, lines, points); "total" is the objective.
    """

    places: FloatArray
    samples: dict[str, FloatArray]

    @property
    def terms(self) -> dict[str, FloatArray]:
        """Mean of each term over the draws, (lines, points)."""
        return {name: values.mean(0) for name, values in self.samples.items()}

    def excess(self, term: str = "total") -> FloatArray:
        """How far a term lies above the straight line between the ends, (draws, lines, points)."""
        values = self._of(term)
        share = (self.places - self.places[0]) / (self.places[-1] - self.places[0])
        return np.asarray(values - (1 - share) * values[..., :1] - share * values[..., -1:])

    def barrier(self, term: str = "total") -> FloatArray:
        """The height of the barrier of each line, at least 0, (lines)."""
        return np.asarray(self.excess(term).mean(0).max(-1))

    def has_barrier(self, term: str = "total", margin: float = NOTHING) -> list[Verdict]:
        """Whether a barrier stands on each line.

        Args:
            term: which term.
            margin: a barrier lower than this is none, in the term's unit.
        """
        excess = self.excess(term)
        return [_barrier(excess[:, k], self.places, margin) for k in range(excess.shape[1])]

    def minima(self, term: str = "total") -> NDArray[np.bool_]:
        """Points between the ends that lie surely lower than both neighbours, (lines, points)."""
        steps = np.diff(self._of(term), axis=-1)
        found = np.zeros((*steps.shape[1:-1], len(self.places)), bool)
        found[:, 1:-1] = (_surely(steps) < 0)[:, :-1] & (_surely(steps) > 0)[:, 1:]
        return found

    def rises(self, term: str = "total") -> list[Verdict]:
        """Whether each line rises from its first point, as it does from a local minimum."""
        first = np.diff(self._of(term)[..., :2], axis=-1)[..., 0]
        sign = _surely(first)
        words = [f"the {term} changes by {number(step)} on the first step" for step in first.mean(0)]
        return [Verdict({1: True, -1: False}.get(int(s)), word) for s, word in zip(sign, words, strict=True)]

    def _of(self, term: str) -> FloatArray:
        if term not in self.samples:
            raise unknown("term", term, self.samples)
        return self.samples[term].astype(np.float64)

    def as_json(self) -> dict[str, Any]:
        """Places, means over draws and barriers, ready for JSON."""
        verdicts = [v.as_json() for v in self.has_barrier()]
        return plain({"places": self.places, "terms": self.terms, "barrier": self.barrier(), "has_barrier": verdicts})


def _error(samples: FloatArray) -> FloatArray:
    """Standard error of the mean over draws; infinite of one draw."""
    draws = len(samples)
    spread = samples.std(0, ddof=1) / np.sqrt(draws) if draws > 1 else np.full(samples.shape[1:], np.inf)
    return np.asarray(spread)


def _surely(samples: FloatArray) -> NDArray[np.int64]:
    """Sign of a mean over draws, 0 where two standard errors reach across zero; of one draw, that draw's."""
    mean, error = samples.mean(0), _error(samples) if len(samples) > 1 else 0.0
    rounding = 1e-9 * np.abs(samples).max()
    return np.asarray(np.sign(mean) * (np.abs(mean) > SURE * error + rounding), np.int64)


def _barrier(excess: FloatArray, places: FloatArray, margin: float) -> Verdict:
    """Whether one line, (draws, points), has a barrier."""
    place = int(excess.mean(0).argmax())
    height, reach = float(excess[:, place].mean()), SURE * float(_error(excess)[place])
    if place in (0, len(places) - 1):
        return Verdict(False, "the line lies nowhere above that between its ends")
    words = f"{number(height)} at {number(places[place])}"
    if not np.isfinite(reach):
        return Verdict(None, f"{words} in one draw: give several (draws=)")
    words = f"{words}, give or take {number(reach)}"
    if height - reach > margin:
        return Verdict(True, words)
    return Verdict(False if height + reach <= margin else None, words)


def line(terms: Terms, starts: Sequence[Point], ends: Sequence[Point], places: FloatArray | None = None) -> Landscape:
    """Terms along straight lines between sets of parameters.

    Args:
        terms: what is asked of stacked points, such as an `Objective`.
        starts: where each line begins, α = 0.
        ends: where it ends, α = 1; one for all lines, or one for each.
        places: α, (points); 21 from 0 to 1 by default.

    Raises:
        UsageError: other numbers of starts and ends, or fewer than two places.

    >>> bowl = lambda points: {"total": (points["x"] ** 2).sum(1).numpy()[None]}
    >>> found = line(bowl, [{"x": torch.tensor([-1.0, 0.0])}], [{"x": torch.tensor([1.0, 0.0])}], np.linspace(0, 1, 3))
    >>> found.terms["total"].tolist()
    [[1.0, 0.0, 1.0]]
    """
    if len(ends) not in (1, len(starts)):
        raise UsageError(f"{len(starts)} lines need one end or {len(starts)}, got {len(ends)}")
    last = list(ends) * (len(starts) if len(ends) == 1 else 1)
    where = np.linspace(0, 1, POINTS) if places is None else _places(places)
    ways = [_difference(end, start) for start, end in zip(starts, last, strict=True)]
    return _joined(where, [_along(terms, start, way, where) for start, way in zip(starts, ways, strict=True)])


def around(terms: Terms, point: Point, directions: Sequence[Point], places: FloatArray | None = None) -> Landscape:
    """Terms along lines away from one set of parameters.

    Args:
        terms: what is asked of stacked points, such as an `Objective`.
        point: where α = 0.
        directions: as `random_directions` gives them.
        places: α, (points); 21 from -1 to 1 by default.
    """
    where = np.linspace(-1, 1, POINTS) if places is None else _places(places)
    return _joined(where, [_along(terms, point, way, where) for way in directions])


@readable
class Plane(NamedTuple):
    """Terms on a plane through the parameters.

    Args:
        places: α and β along the two directions, (points).
        terms: mean of each term over the draws, (points, points), the first direction first.
    """

    places: FloatArray
    terms: dict[str, FloatArray]


def plane(terms: Terms, point: Point, directions: tuple[Point, Point], places: FloatArray | None = None) -> Plane:
    """Terms on the plane of two directions.

    Args:
        terms: what is asked of stacked points, such as an `Objective`.
        point: the middle of the plane.
        directions: two of them.
        places: along both, (points); 21 from -1 to 1 by default.
    """
    where = np.linspace(-1, 1, POINTS) if places is None else _places(places)
    first, second = directions
    lines = [_along(terms, _moved(point, first, float(a)), second, where) for a in where]
    return Plane(where, {name: np.stack([part[name].mean(0) for part in lines]) for name in lines[0]})


def _places(places: FloatArray) -> FloatArray:
    where = np.asarray(places, float)
    if where.ndim != 1 or len(where) < 2 or not (np.diff(where) > 0).all():
        raise UsageError(f"places must be at least two rising numbers, got {where.tolist()}")
    return where


def _difference(end: Point, start: Point) -> Point:
    return {name: end[name].double() - start[name].double() for name in start}


def _moved(point: Point, way: Point, far: float) -> Point:
    return {name: point[name].double() + far * way[name].double() for name in point}


def _along(terms: Terms, start: Point, way: Point, places: FloatArray) -> dict[str, FloatArray]:
    far = torch.as_tensor(places, dtype=torch.float64)
    return terms({name: _stepped(start[name].double(), way[name].double(), far) for name in start})


def _stepped(start: Tensor, way: Tensor, far: Tensor) -> Tensor:
    return start + far.view(-1, *[1] * start.ndim) * way


def _joined(places: FloatArray, lines: Sequence[dict[str, FloatArray]]) -> Landscape:
    return Landscape(places, {name: np.stack([part[name] for part in lines], axis=1) for name in lines[0]})


def random_directions(run: Run, point: Point, number: int, *, seed: int = 0, by: str = "layer") -> list[Point]:
    """Random directions whose layers, or filters, have the norm of those of a set of parameters.

    What is no parameter, such as a closed-form variance, stays where it is.

    Args:
        run: whose networks they are.
        point: the parameters.
        number: how many directions.
        seed: of the directions; number k is the same however many there are.
        by: "layer" for every array of numbers by itself, "filter" for all weights that lead to one unit or channel.

    Raises:
        UsageError: another name than these two.

    Source: Li, Xu, Taylor, Studer and Goldstein, NeurIPS (2018), section 4.
    """
    if by not in ("layer", "filter"):
        raise unknown("normalisation", by, ("layer", "filter"))
    moving = {name for name, _ in run.vae.named_parameters()}
    axes = _filter_axes(run.vae) if by == "filter" else {}
    return [_direction(point, moving, axes, generator(seed, "evaluation", k)) for k in range(number)]


def _filter_axes(vae: VAE) -> dict[str, int]:
    """The axis of units or channels of each array of weights, without the axis of members."""
    kinds = {Linear: -1, Convolution: 0}
    return {f"{name}.weight": kinds[type(m)] for name, m in vae.named_modules() if type(m) in kinds}


def _direction(point: Point, moving: set[str], axes: Mapping[str, int], rng: np.random.Generator) -> Point:
    answer = {}
    for name, value in point.items():
        drawn = torch.from_numpy(rng.normal(size=tuple(value.shape)))
        answer[name] = like_norm(drawn, value.double(), axes.get(name)) if name in moving else torch.zeros_like(drawn)
    return answer


def like_norm(direction: Tensor, value: Tensor, axis: int | None = None) -> Tensor:
    """A direction with the norm of a value: the whole of it, or each of its parts along an axis.

    >>> like_norm(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 10.0])).tolist()
    [6.0, 8.0]
    """
    over = [i for i in range(value.ndim) if axis is None or i != axis % value.ndim]
    if not over:
        return direction.sign() * value.abs()
    norm = torch.linalg.vector_norm(direction, dim=over, keepdim=True)
    wanted = torch.linalg.vector_norm(value, dim=over, keepdim=True)
    scale: Tensor = wanted / norm.clamp(min=torch.finfo(direction.dtype).tiny)
    return direction * scale
