"""Anomalous configurations: which score notices which, how small a displacement is noticed, which particle it was."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from beable.analysis.anomaly import AnomalyTable, anomaly_table, row_scores
from beable.records import plain
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.lennard_jones.anomaly import (
    Attribution,
    DisplacementCurve,
    attribution,
    detectors,
    displacement_curve,
)
from beable.systems.lennard_jones.corruptions import SOURCE_BLOCKS, moved, source_size, uniform
from beable.systems.lennard_jones.imputation import Missing, recover_blocks
from beable.systems.lennard_jones.parts.rows import first, fluid, held, trained
from beable.training.run import Run

FloatArray = NDArray[np.floating]
SIGNIFICANT = 0.05
PICTURE_STEPS = 100
#: standard deviations above the mean error of ordinary rows from which on a row is flagged
FLAGGED = 5.0
SIZES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.83)
#: where the histograms of the source have their peaks, in σ: root-mean-square errors times √2 L
SOURCE_PEAKS = {
    "ordinary": 0.25,
    "γ = 3": 0.21,
    "fake potential": 0.33,
    "uniform": 0.78,
    "four particles moved": 0.64,
}
#: who makes a score; each of its kind is judged alike
FAMILY = {
    "model": ("distortion", "rate", "loss", "residual", "typicality", "distortion_two_sided", "rate_two_sided"),
    "baseline": ("mahalanobis", "isolation_forest", "pca_error", "neighbours", "mixture"),
    "physics": ("energy", "overlap", "energy_two_sided", "height_two_sided"),
}
CURVES = ("distortion", "rate", "loss", "residual", "energy", "mahalanobis")


class Chosen(NamedTuple):
    """One score for all kinds of odd rows.

    Args:
        score: its name.
        mean, least: of its AUC over the kinds.
        hardest: the kind of the least.
    """

    score: str
    mean: float
    least: float
    hardest: str


class Pictures(NamedTuple):
    """One matrix with hidden blocks, and who finds what, in σ.

    Args:
        truth: (N, N).
        hidden: mask of each block, by block (first, length), (N, N).
        found: by block and method, known entries as they were, (N, N).
    """

    truth: FloatArray
    hidden: dict[tuple[int, int], NDArray[np.bool_]]
    found: dict[tuple[int, int], dict[str, FloatArray]]


@dataclass(frozen=True)
class Anomaly:
    """Tables of every arm.

    Args:
        tables: scores against kinds of anomalous rows, by arm.
        curve: of the main arm, the first of the tables, against the size of a displacement.
        attribution: of the main arm, on the source's displacements.
        labels: of the arms.
        missing: hidden blocks of distance matrices, by block (first, length), of the arm that learns distances.
        shown: one configuration of each kind.
        moved: which particles of the shown displaced one were moved.
        share: of the distortion, by each of its particles.
        box: L.
        errors: root-mean-square error of each row's distances in σ, by kind, of the model of matrices.
        maps: rows on the two principal components of ordinary ones' latents, by model and kind, (rows, 2).
        pictures: of hidden blocks, by the network of the source.
    """

    tables: dict[str, AnomalyTable]
    curve: DisplacementCurve
    attribution: Attribution
    labels: dict[str, str]
    missing: dict[tuple[int, int], Missing]
    shown: dict[str, FloatArray]
    moved: NDArray[np.bool_]
    share: FloatArray
    box: float
    errors: dict[str, FloatArray]
    maps: dict[str, dict[str, FloatArray]]
    pictures: Pictures

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        hidden = {f"{first}+{length}": m for (first, length), m in self.missing.items()}
        found: dict[str, object] = {
            "arms": self.tables,
            "curve": self.curve,
            "attribution": self.attribution,
            "missing": hidden,
            "main": self.main,
            "energy_better": self.energy_better,
            "worth": self.worth,
            "errors": {name: float(np.median(e)) for name, e in self.errors.items()},
            "spread": {name: self.spread(name) for name in self.errors},
            "flagged": self.flagged,
            "flagged_from": FLAGGED,
        }
        return plain(found)

    @property
    def worth(self) -> dict[str, Chosen]:
        """By family, the score with the largest mean AUC over the kinds of odd rows of the main arm."""
        found = self.tables[self.main].found
        by_score = {
            name: {kind: scores[name].auc.score for kind, scores in found.items()}
            for name in next(iter(found.values()))
        }
        return {family: _chosen({n: by_score[n] for n in names if n in by_score}) for family, names in FAMILY.items()}

    def spread(self, kind: str) -> float:
        """Width of the middle 80 % of the errors of a kind, in σ."""
        low, high = np.quantile(self.errors[kind], [0.1, 0.9])
        return float(high - low)

    @property
    def flagged(self) -> dict[str, float]:
        """Share of rows of a kind whose error is above the mean of ordinary ones by five standard deviations."""
        usual = self.errors["ordinary"]
        level = usual.mean() + FLAGGED * usual.std()
        return {name: float((e > level).mean()) for name, e in self.errors.items()}

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its histograms of the error, and of its latent maps."""
        words = {
            "γ = 3": ("γ = 3, never seen, has a lower error", False),
            "fake potential": ("the softer potential has a larger error", True),
            "uniform": ("uniform points have a larger error", True),
            "four particles moved": ("four displaced particles have a larger error", True),
        }
        return [self._peak(kind, *said) for kind, said in words.items()] + [self._wide()]

    def _peak(self, kind: str, words: str, larger: bool) -> Claim:
        own, usual = np.median(self.errors[kind]), np.median(self.errors["ordinary"])
        p = float(mannwhitneyu(self.errors[kind], self.errors["ordinary"]).pvalue)
        found = UNTOLD if p > SIGNIFICANT else REPRODUCED if (own > usual) == larger else DIFFERS
        source = f"{SOURCE_PEAKS[kind]:.2f} σ against {SOURCE_PEAKS['ordinary']:.2f}"
        evidence = f"medians over {len(self.errors[kind])} rows, p = {p:.1g} by ranks"
        return Claim("", f"histograms: {words}", source, f"{own:.2f} σ against {usual:.2f}", None, found, evidence)

    def _wide(self) -> Claim:
        own, usual = self.spread("uniform"), self.spread("ordinary")
        found = REPRODUCED if own > 2 * usual else DIFFERS
        evidence = "widths of the middle 80 % of the rows"
        words = "histograms: the errors of uniform points are all over the place"
        return Claim("", words, "0.4 to 2.8 σ", f"{own:.2f} σ wide against {usual:.2f}", None, found, evidence)

    @property
    def main(self) -> str:
        """Name of the main arm."""
        return next(iter(self.tables))

    @property
    def energy_better(self) -> int:
        """For how many kinds the energy has a larger AUC than the main arm's distortion."""
        kinds = self.tables[self.main].found.values()
        return sum(by_score["energy"].auc.score > by_score["distortion"].auc.score for by_score in kinds)


def _chosen(by_score: dict[str, dict[str, float]]) -> Chosen:
    best = max(by_score, key=lambda name: float(np.mean(list(by_score[name].values()))))
    auc = by_score[best]
    hardest = min(auc, key=lambda kind: auc[kind])
    return Chosen(best, float(np.mean(list(auc.values()))), auc[hardest], hardest)


def anomaly(context: Context) -> Anomaly:
    """Scores by all arms; displacements and attribution by the main one, hidden blocks by that of matrices."""
    system, limit = fluid(context), context.option("rows")
    box, seed = system.boxes[0], context.study.data.seed
    judged = [context.arm("main"), *context.arms("others")]
    runs = {arm.name: context.run(arm) for arm in judged}
    main = runs[context.arm("main").name]
    normal, others = held(context, main, limit), held(context, main, limit, last=True)
    shifted = moved(others["positions"], source_size(box, system.dimensions), rng=seed)
    displaced = {**others, "positions": shifted.positions.astype(np.float32)}
    anomalous = {
        "γ = 3": first(context.dataset("unseen"), limit),
        "fake potential": first(context.dataset("fake"), limit),
        "uniform": {
            "positions": uniform(limit, system.particles, system.dimensions, box, seed).astype(np.float32),
            "gravity": others["gravity"][:limit],
        },
        "four particles moved": displaced,
    }
    images, kinds = context.run(context.arm("images")), {"ordinary": normal, **anomalous}
    tables, fitted = {}, {}
    for name, run in runs.items():
        fitted[name] = detectors(run, trained(context, run, limit))
        tables[name] = anomaly_table(fitted[name], normal, anomalous)
    curve = displacement_curve(fitted[context.arm("main").name], normal, others, SIZES, seed=seed)
    found = attribution(main, displaced, shifted.moved)
    return Anomaly(
        tables,
        curve,
        found,
        {arm.name: arm.label for arm in judged} | {"matrices": context.arm("images").label},
        _missing(context, context.run(context.arm("matrices"))),
        {"ordinary": normal["positions"][0]} | {kind: rows["positions"][0] for kind, rows in anomalous.items()},
        shifted.moved[0],
        found.share.mean(0)[0],
        box,
        {name: row_scores(images, rows).error[0] for name, rows in kinds.items()},
        {arm.label: _map(context.run(arm), kinds) for arm in (context.arm("main"), context.arm("images"))},
        _pictures(images, {name: x[:1] for name, x in normal.items()}, trained(context, images, 1000)),
    )


def _map(run: Run, kinds: dict[str, dict[str, FloatArray]]) -> dict[str, FloatArray]:
    """Latents of the first member on the principal components of ordinary rows, in units of these rows' spread."""
    codes = {name: run.encode(rows).mean[0].astype(np.float64) for name, rows in kinds.items()}
    centre = codes["ordinary"].mean(axis=0)
    _, s, v = np.linalg.svd(codes["ordinary"] - centre, full_matrices=False)
    unit = float(np.sqrt(np.square(s[:2]).mean() / len(codes["ordinary"])))
    return {name: (z - centre) @ v[:2].T / unit for name, z in codes.items()}


def _pictures(run: Run, rows: dict[str, FloatArray], ordinary: dict[str, FloatArray]) -> Pictures:
    """One row's matrix with the blocks of the source hidden."""
    found = dict(
        zip(SOURCE_BLOCKS, recover_blocks(run, rows, SOURCE_BLOCKS, ordinary, steps=PICTURE_STEPS), strict=True)
    )
    return Pictures(
        found[SOURCE_BLOCKS[0]].truth[0],
        {b: m.hidden for b, m in found.items()},
        {b: {name: r.matrices[0, 0] for name, r in m.found.items()} for b, m in found.items()},
    )


def _missing(context: Context, run: Run) -> dict[tuple[int, int], Missing]:
    """The source's blocks, taken from distance matrices."""
    rows = held(context, run, context.option("hidden_rows"))
    found = recover_blocks(run, rows, SOURCE_BLOCKS, trained(context, run, 4000))
    return dict(zip(SOURCE_BLOCKS, found, strict=True))
