"""Models of distance matrices side by side: what the network, the order of the particles and the objective each do."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.records import fields, plain
from beable.representations.distance_geometry import distances_of
from beable.representations.orders import Order
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.lennard_jones.gravity_map import Accuracy, bayes_ceiling, probe
from beable.systems.lennard_jones.matrix_models import decoded, matrices_of
from beable.systems.lennard_jones.parts.rows import fluid, held, trained
from beable.training.run import Run

FloatArray = NDArray[np.floating]
#: the source's error of a distance in σ, after 100 epochs: the root of a mean squared error of 4.35e-4, times √2 L
SOURCE_ERROR = 0.295
#: parameters of encoder and decoder that its slides print
SOURCE_PARAMETERS = (3_627_730, 1_895_151)
#: principal components that its network has latents of, and those that a probe of the matrices gets
COMPONENTS, PROBED = 40, 100
ACTIVE = 0.05


class Line(NamedTuple):
    """One model of matrices, its first training.

    Args:
        label: of the arm.
        order: of the particles.
        start: of the training.
        objective: "λ of the source" or "nats".
        parameters: of encoder and decoder.
        rows: that training saw, each as often as it came.
        cpu_seconds: of a training.
        error: root-mean-square error of a distance on held-out rows, in σ.
        entry_error: of an entry before the two of a pair are averaged.
        asymmetry: root-mean-square difference of the two.
        diagonal: root-mean-square entry of the diagonal.
        spread: of a distance, the error of the mean matrix of training rows in this order.
        linear: error that as many principal components of the same matrices leave.
        rate: nats a row.
        active: latents with more than 0.05 nats.
        gravity: rows whose γ a linear probe tells from the latents.
    """

    label: str
    order: str
    start: str
    objective: str
    parameters: tuple[int, int]
    rows: int
    cpu_seconds: float
    error: float
    entry_error: float
    asymmetry: float
    diagonal: float
    spread: float
    linear: float
    rate: float
    active: int
    gravity: Accuracy


@dataclass(frozen=True)
class Matrices:
    """Models of matrices side by side.

    Args:
        lines: by arm, the best one first among the arms.
        told: rows whose γ a probe tells from the matrices themselves, by order of the particles, then by probe.
        ceiling: what is possible with all heights known.
        best: name of the arm that was to be trained well.
    """

    lines: dict[str, Line]
    told: dict[str, dict[str, Accuracy]]
    ceiling: float
    best: str

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        best = self.lines[self.best]
        told = {order: max(a.score for a in probes.values()) for order, probes in self.told.items()}
        found: dict[str, object] = {
            "arms": self.lines,
            "told": self.told,
            "told_best": told,
            "ceiling": self.ceiling,
            "best": self.best,
            "error": best.error,
            "parameters": {"encoder": best.parameters[0], "decoder": best.parameters[1]},
        }
        return plain(fields(self, "lines", "told") | found)

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its network."""
        return [self._size(), self._order()]

    def _size(self) -> Claim:
        own = self.lines[self.best].parameters
        verdict = REPRODUCED if own == SOURCE_PARAMETERS else DIFFERS
        words = "parameters of encoder and decoder of its convolutional network"
        return Claim("", words, _counts(SOURCE_PARAMETERS), _counts(own), None, verdict, "counted in the trained model")

    def _order(self) -> Claim:
        """That distance matrices need convolutions on matrices sorted from a corner."""
        best = self.lines[self.best]
        others = {n: line for n, line in self.lines.items() if line.order == "origin"}
        nearest = min(others.values(), key=lambda line: line.error, default=best)
        verdict = DIFFERS if best.order != "origin" and best.error < nearest.error else REPRODUCED
        evidence = (
            f"sorted from a corner the best of {len(others)} trainings here errs by {nearest.error:.2f} σ and "
            f"{COMPONENTS} principal components by {nearest.linear:.2f} σ; in the order “{best.order}” "
            f"principal components err by {best.linear:.2f} σ; distances vary by {nearest.spread:.2f} σ and "
            f"{best.spread:.2f} σ in the two orders"
        )
        words = "matrices sorted by the distance from a corner are what a network learns from"
        ours = f"{best.error:.2f} σ in the order “{best.order}”"
        return Claim("", words, f"{SOURCE_ERROR:.2f} σ", ours, None, verdict, evidence)


def _counts(parameters: tuple[int, int]) -> str:
    return " + ".join(f"{n:,}" for n in parameters)


def matrices(context: Context) -> Matrices:
    """Judge every arm, and the matrices themselves, on held-out rows."""
    limit, best = context.option("rows"), context.arm("best")
    arms = [best, *context.arms("others")]
    lines = {arm.name: _line(context, context.run(arm), arm.label) for arm in arms}
    rows = held(context, context.run(best), context.option("probed_rows"))
    orders = dict.fromkeys(line.order for line in lines.values())
    heights = rows["positions"][..., -1].sum(axis=1, dtype=np.float64)
    ceiling = bayes_ceiling(heights, rows["gravity"], fluid(context).temperatures[0])
    ordered = trained(context, context.run(best), limit)["positions"]
    told = {order: _told(order, ordered, rows, context.option("probes")) for order in orders}
    return Matrices(lines, told, ceiling.accuracy.score, best.name)


def _line(context: Context, run: Run, label: str) -> Line:
    rows = held(context, run, context.option("rows"))
    found, settings = decoded(run, rows), run.settings
    rate = run.score(rows).rate[0].mean(axis=0)
    known = trained(context, run, 4 * context.option("rows"))
    codes = run.encode(rows).mean[0]
    return Line(
        label,
        matrices_of(run).order.name,
        settings.training.start,
        "nats" if settings.objective.scale == "nats" else "λ of the source",
        _parameters(run),
        run.metadata["steps"] * (settings.training.batch or len(run.train_rows)),
        run.cpu_seconds / run.members,
        found.error,
        found.entry_error,
        found.asymmetry,
        found.diagonal,
        *_linear_errors(run, known, rows, settings.model.latents),
        float(rate.sum()),
        int((rate > ACTIVE).sum()),
        probe(codes, rows["gravity"]),
    )


def _parameters(run: Run) -> tuple[int, int]:
    encoder, decoder = (
        sum(p.numel() for p in part.parameters()) // run.members for part in (run.vae.encoder, run.vae.decoder)
    )
    return encoder, decoder


def _pairs(order: Order, positions: FloatArray) -> FloatArray:
    ordered = order.apply(positions)
    i, j = np.triu_indices(ordered.shape[1], 1)
    return distances_of(ordered)[:, i, j]


def _linear_errors(
    run: Run, known: dict[str, FloatArray], rows: dict[str, FloatArray], latents: int
) -> tuple[float, float]:
    """Root-mean-square errors of a distance that the mean matrix and principal components leave."""
    order = matrices_of(run).order
    a, b = (_pairs(order, x["positions"]) for x in (known, rows))
    off = b - a.mean(axis=0)
    kept = _directions(a, latents)
    mean, left = (float(np.sqrt(np.square(x).mean())) for x in (off, off - off @ kept @ kept.T))
    return mean, left


def _directions(rows: FloatArray, count: int) -> FloatArray:
    """Leading principal directions, (numbers, count)."""
    values: FloatArray = np.linalg.eigh(np.cov(rows, rowvar=False))[1][:, ::-1][:, :count]
    return values


def _told(name: str, known: FloatArray, rows: dict[str, FloatArray], kinds: list[str]) -> dict[str, Accuracy]:
    """What probes of the matrices themselves tell of γ."""
    order = Order(name).fit(known)
    a, b = _pairs(order, known), _pairs(order, rows["positions"])
    z = (b - a.mean(axis=0)) @ _directions(a, PROBED)
    return {kind: probe(z, rows["gravity"], kind) for kind in kinds}
