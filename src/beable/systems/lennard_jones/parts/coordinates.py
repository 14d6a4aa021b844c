"""Coordinates by networks: one that reads matrices (deck 4), and a second head of the decoder (deck 5).

Beside them stand classical scaling and stress majorisation of the same matrices, true ones and decoded ones, in the
order of the source and in that of a template.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.superposed import align
from beable.errors import UsageError
from beable.records import fields, plain
from beable.representations.distance_geometry import classical_scaling, distances_of, refine
from beable.representations.joint import Joint
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import gyration, smallest_distance
from beable.systems.lennard_jones.coordinate_network import CoordinateNetwork, fit_network
from beable.systems.lennard_jones.matrix_models import decoded, matrices_of
from beable.systems.lennard_jones.parts.rows import fluid, held, trained
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
CORE = 0.8
SHOWN = 2
#: radius of gyration over the true one below which particles are called bunched together
BUNCHED = 0.95
SCALING, SMACOF, NETWORK, EITHER, HEAD = (
    "classical scaling", "SMACOF", "network", "network, either mirror image", "second head",
)  # fmt: skip


class Judged(NamedTuple):
    """Coordinates beside the true ones, particle by particle.

    Args:
        shape: distance of a particle from its place after the best rotation, reflection and shift, root mean square of
            a row, median over rows, in σ.
        placed: the same without any, over all rows; None where geometry has to choose place and turn.
        gyration: radius of gyration over the true one, mean over rows.
        apart: share of rows with all distances above 0.8 σ.
    """

    shape: float
    placed: float | None
    gyration: float
    apart: float


class Line(NamedTuple):
    """One way from matrices to coordinates.

    Args:
        order: of the particles.
        way: its name.
        decoded: of matrices that a model decoded; of a second head, what it answers.
        true: of the matrices themselves; None for a second head.
    """

    order: str
    way: str
    decoded: Judged
    true: Judged | None


@dataclass(frozen=True)
class CoordinateWays:
    """Every way in every order, on held-out rows.

    Args:
        lines: of them.
        mean: shape error of the mean configuration, by order.
        trained_rows, steps: of the networks that read matrices.
        originals: rows shown, (shown, particles, dimensions).
        shown: the same rows by way, of decoded matrices in the order of the source, turned onto the originals.
        box: L.
    """

    lines: list[Line]
    mean: dict[str, float]
    trained_rows: int
    steps: int
    originals: FloatArray
    shown: dict[str, FloatArray]
    box: float

    def as_json(self) -> dict[str, Any]:
        """Every number but those of the rows shown."""
        better: object = {name: self.better(name) for name in (NETWORK, EITHER, HEAD)}
        return plain(fields(self, "originals", "shown", "box") | {"better": better, "orders": list(self.mean)})

    def line(self, order: str, way: str) -> Line:
        """The line of an order and a way."""
        return next(line for line in self.lines if (line.order, line.way) == (order, way))

    def better(self, way: str) -> Verdict:
        """Whether a way errs less in shape than stress majorisation of decoded matrices, in every order."""
        pairs = {
            order: (self.line(order, way).decoded.shape, self.line(order, SMACOF).decoded.shape) for order in self.mean
        }
        wins = sum(one < other for one, other in pairs.values())
        answer = True if wins == len(pairs) else False if not wins else None
        said = "; ".join(f"{order}: {one:.2f} σ, SMACOF {other:.2f} σ" for order, (one, other) in pairs.items())
        return Verdict(answer, said)

    @property
    def claims(self) -> list[Claim]:
        """What decks 4 and 5 say of the two ways."""
        return [self._bunched(), self._diminished(), self._joint()]

    @property
    def _order(self) -> str:
        return next(iter(self.mean))

    def _bunched(self) -> Claim:
        line = self.line(self._order, NETWORK)
        verdict = REPRODUCED if line.decoded.gyration < BUNCHED else DIFFERS
        true = line.true.gyration if line.true else np.nan
        words = "coordinates by a network that reads matrices: it bunches everything together"
        ours = f"{line.decoded.gyration:.2f} of the radius of gyration"
        evidence = f"of true matrices {true:.2f}; decoded ones in the order “{line.order}”"
        return Claim("", words, "shown", ours, None, verdict, evidence)

    def _diminished(self) -> Claim:
        network, scaling = (self.line(self._order, way).decoded for way in (NETWORK, SCALING))
        nearer = abs(scaling.gyration - 1) < abs(network.gyration - 1)
        words = "by Gram's matrix and a turn that tendency is diminished"
        ours = f"{scaling.gyration:.2f} against {network.gyration:.2f}"
        evidence = f"shape errors {scaling.shape:.2f} σ and {network.shape:.2f} σ"
        return Claim("", words, "shown", ours, None, REPRODUCED if nearer else DIFFERS, evidence)

    def _joint(self) -> Claim:
        head, best = (self.line(self._order, way).decoded for way in (HEAD, SMACOF))
        words = "one encoder, a joint loss of matrix and coordinates: coordinates without geometry"
        ours = f"{head.shape:.2f} σ, matrices by SMACOF {best.shape:.2f} σ"
        verdict = REPRODUCED if head.shape < best.shape else DIFFERS
        return Claim("", words, "announced", ours, None, verdict, f"order “{self._order}”; {self.better(HEAD).reason}")


def coordinate_ways(context: Context) -> CoordinateWays:
    """Every way in the orders of the arms that decode matrices, each beside the arm with a second head."""
    matrices, heads = ([context.run(arm) for arm in context.arms(role)] for role in ("matrices", "heads"))
    lines, mean, box = list[Line](), dict[str, float](), fluid(context).boxes[0]
    shown = dict[str, FloatArray]()
    for run, head in zip(matrices, heads, strict=True):
        rows, name = held(context, run, context.option("rows")), matrices_of(run).order.name
        truth = matrices_of(run).order.apply(rows["positions"]).astype(np.float64)
        known = _known(context, run)
        middle = np.broadcast_to(known.mean(axis=0), truth.shape)
        mean[name] = float(np.median(align(middle, truth).error))
        networks = _networks(context, known, box)
        made, true = (_ways(networks, m, known.shape[2]) for m in (decoded(run, rows).made, distances_of(truth)))
        found = {way: (_judged(x, truth, way), _judged(true[way], truth, way)) for way, x in made.items()}
        lines += [Line(name, way, *pair) for way, pair in found.items()]
        answer, own = _head(head, rows, name)
        lines.append(Line(name, HEAD, _judged(answer, own, HEAD), None))
        if not shown:
            first = slice(SHOWN)
            shown |= {way: align(x[first], truth[first]).positions for way, x in made.items() if way != EITHER}
            shown[HEAD] = align(answer[first], own[first]).positions
            originals = truth[first]
    return CoordinateWays(lines, mean, len(known), context.option("steps"), originals, shown, box)


def _known(context: Context, run: Run) -> FloatArray:
    """Training rows in the order of a run."""
    rows = trained(context, run, context.option("trained_rows"))
    return matrices_of(run).order.apply(rows["positions"]).astype(np.float64)


def _networks(context: Context, known: FloatArray, box: float) -> dict[str, CoordinateNetwork]:
    """Networks that read matrices, trained on those of training rows."""
    steps, seed = context.option("steps"), context.study.data.seed
    mirrors = ((NETWORK, None), (EITHER, box))
    return {name: fit_network(known, mirror=mirror, steps=steps, seed=seed) for name, mirror in mirrors}


def _ways(networks: dict[str, CoordinateNetwork], matrices: FloatArray, dimensions: int) -> dict[str, FloatArray]:
    """Coordinates of matrices by every way."""
    scaled = classical_scaling(matrices, dimensions).positions
    read = {name: network(matrices) for name, network in networks.items()}
    return {SCALING: scaled, SMACOF: refine(matrices, scaled).positions, **read}


def _head(run: Run, rows: dict[str, FloatArray], order: str) -> tuple[FloatArray, FloatArray]:
    """What a second head answers, and the true coordinates in its order."""
    joint = run.representation
    if not isinstance(joint, Joint) or joint.encoded != "distances" or joint.coordinates.order.name != order:
        raise UsageError(f"this needs a run on 'joint' in the order {order!r} whose encoder sees distances alone")
    values = run.locations(run.encode(rows).mean, run.conditions_of(rows))[0]
    truth = next(iter(joint.canonical(rows).values()))
    return joint.both(values).positions.astype(np.float64), truth.astype(np.float64)


def _judged(positions: FloatArray, truth: FloatArray, way: str) -> Judged:
    free = way in (SCALING, SMACOF)
    return Judged(
        float(np.median(align(positions, truth).error)),
        None if free else float(np.sqrt(np.square(positions - truth).sum(axis=2).mean())),
        float((gyration(positions) / gyration(truth)).mean()),
        float((smallest_distance(positions) > CORE).mean()),
    )
