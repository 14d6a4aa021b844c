"""What the leading directions of a model of distance matrices decode to, and what samples along them are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beable.records import fields, plain
from beable.representations.distance_geometry import classical_scaling
from beable.streams import generator
from beable.studies.claims import DIFFERS, REPRODUCED, Claim
from beable.studies.context import Context
from beable.systems.lennard_jones.configurations import smallest_distance
from beable.systems.lennard_jones.matrix_models import decoded, matrices_of
from beable.systems.lennard_jones.parts.rows import fluid, held
from beable.systems.lennard_jones.probing import Directions, directions
from beable.training.run import Run

FloatArray = NDArray[np.floating]
LEADING, REACH, SHOWN = 5, 2.0, 4
WALK = (-2.0, -1.0, 0.0, 1.0, 2.0)
CORE = 0.8
#: share of a distance's spread below which a matrix has no features of its own
FEATURELESS = 0.25
#: cosine of two changes from which on their patterns are alike
ALIKE = 0.5


@dataclass(frozen=True)
class Patterns:
    """Matrices that latents of one model decode to, all in σ, of its first training.

    Args:
        label: of the arm.
        latents: their number.
        origin: decoded from z = 0, (N, N).
        mean: mean matrix of held-out rows.
        spread: root-mean-square deviation of a distance from that mean over the rows.
        changes: from −2 to 2 standard deviations along each of the leading principal directions, (5, N, N).
        size: root-mean-square change of a distance along each, (5,).
        share: of the variance of the latents along each, (5,).
        cosine: the largest of two of the changes.
        walk: matrices along the first of them, (steps, N, N).
        samples: decoded from random places along the leading directions, (4, N, N).
        apart: share of such samples whose points by classical scaling are free of overlap.
        third: median third eigenvalue over the second one of such samples, and of decoded rows.
    """

    label: str
    latents: int
    origin: FloatArray
    mean: FloatArray
    spread: float
    changes: FloatArray
    size: FloatArray
    share: FloatArray
    cosine: float
    walk: FloatArray
    samples: FloatArray
    apart: float
    third: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Every number but the matrices."""
        bare = fields(self, "origin", "mean", "changes", "walk", "samples", "third")
        about = {"third": list(self.third), "leading": LEADING, "steps": list(WALK), "together": self.share.sum()}
        return plain(bare | {"origin_off": self.origin_off} | about)

    @property
    def origin_off(self) -> float:
        """Root-mean-square difference of a distance at z = 0 from the mean matrix."""
        return _rms(self.origin - self.mean)

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its forty latents."""
        return [self._featureless(), self._different(), self._samples()]

    def _featureless(self) -> Claim:
        share = self.origin_off / self.spread
        verdict = REPRODUCED if share < FEATURELESS else DIFFERS
        evidence = (
            f"z = 0 decodes to the mean matrix within {self.origin_off:.2f} σ; rows deviate from it by "
            f"{self.spread:.2f} σ"
        )
        return Claim(
            "", "0 in latent space is featureless", "a picture", f"{share:.2f} of the spread", None, verdict, evidence
        )

    def _different(self) -> Claim:
        verdict = REPRODUCED if self.cosine < ALIKE else DIFFERS
        evidence = f"the largest cosine of two of the {LEADING} changes is {self.cosine:.2f}"
        words = "each of the five most relevant dimensions encodes a different pattern"
        return Claim("", words, "pictures", f"{self.cosine:.2f}", None, verdict, evidence)

    def _samples(self) -> Claim:
        verdict = REPRODUCED if self.apart < 0.5 else DIFFERS
        evidence = (
            f"the {LEADING} directions have {100 * float(self.share.sum()):.0f} % of the variance of {self.latents} "
            f"latents; of the samples {100 * self.apart:.0f} % are free of overlap"
        )
        words = "samples along the first dimensions show no pattern of a configuration"
        return Claim("", words, "no pattern", f"{100 * self.apart:.0f} % valid", None, verdict, evidence)


def _rms(matrix: FloatArray) -> float:
    return float(np.sqrt(np.square(matrix[np.triu_indices(len(matrix), 1)]).mean()))


def patterns(context: Context) -> Patterns:
    """Walk along the leading directions of one arm's latents and decode."""
    arm = context.arm("probed")
    run, count = context.run(arm), context.option("samples")
    rows = held(context, run, context.option("rows"))
    codes = run.encode(rows)
    d = directions(codes.mean[0], codes.std[0], "principal")
    found, axes = decoded(run, rows), d.vectors[:LEADING] * d.deviation[:LEADING, None]
    mean = found.truth.mean(axis=0)
    drawn = generator(context.study.data.seed, "evaluation").normal(size=(count, LEADING)) @ axes
    samples = _decoded(run, d.centre + drawn)
    changes = _decoded(run, d.centre + REACH * axes) - _decoded(run, d.centre - REACH * axes)
    scaled = classical_scaling(samples, fluid(context).dimensions)
    of_rows = classical_scaling(found.made, fluid(context).dimensions)
    return Patterns(
        arm.label,
        run.settings.model.latents,
        _decoded(run, np.zeros((1, len(d.centre))))[0],
        mean,
        float(np.mean([_rms(m - mean) ** 2 for m in found.truth]) ** 0.5),
        changes,
        np.array([_rms(change) for change in changes]),
        _share(d),
        _largest_cosine(changes),
        _decoded(run, d.centre + np.outer(WALK, axes[0])),
        samples[:SHOWN],
        float((smallest_distance(scaled.positions) > CORE).mean()),
        (float(np.median(scaled.third_ratio)), float(np.median(of_rows.third_ratio))),
    )


def _decoded(run: Run, z: FloatArray) -> FloatArray:
    """Matrices of latents (rows, latents) by the first member."""
    every = np.repeat(z[None].astype(np.float32), run.members, axis=0)
    return matrices_of(run).matrices(run.locations(every)[0])


def _share(d: Directions) -> FloatArray:
    variances = d.deviation**2
    return np.asarray(variances[:LEADING] / variances.sum())


def _largest_cosine(changes: FloatArray) -> float:
    flat = changes.reshape(len(changes), -1)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.finfo(float).tiny)
    cosines = np.abs(unit @ unit.T) - np.eye(len(unit))
    return float(cosines.max())
