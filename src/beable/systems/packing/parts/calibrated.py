"""What a VAE with a calibrated likelihood achieves on the same table, beside the one of squared error and large β.

An output variance that is learned, or follows the errors, sets the exchange rate of error and rate by the data instead
of by hand, and each column may have its own (Rybkin, Daniilidis and Levine, ICML 2021). Judged on held-out rows: does
the decoded packing fraction agree with that of the row, and with that of the inputs decoded beside it; and do rows that
are decoded from the prior agree with themselves?

Two things make a model fail that last test however well it reconstructs. A variance for each column can shrink to
nothing for one of them (Heywood, Proc. R. Soc. A 134, 486 (1931), in factor analysis): a latent that is the packing
fraction itself costs as many nats as it saves, and says nothing of the powder. And a decoded powder is the *mean* of
those that share its latents; of three components in any order that is one of three like components, whose packing
fraction is always the same. R² about what hardly varies is hugely negative: `CalibratedArm.spread` tells by how little
it varies.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy

from beable.analysis.collapse import ACTIVE_NATS
from beable.metrics.agreement import parity
from beable.records import plain
from beable.streams import generator
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.systems.packing.parts.cells import ParityCell, by_function, by_simulator, summary
from beable.systems.packing.parts.ensembles import Members, decoded, drawn_rows, first
from beable.systems.packing.parts.oracles import Forest, oracle_of
from beable.systems.packing.parts.rows import SIZES, FloatArray, Floats, read_rows, size_names, some, target
from beable.training.run import Run


class CalibratedArm(NamedTuple):
    """One arm on held-out rows and on samples of its prior.

    Args:
        label: of the arm.
        latents: of its model.
        rate: of each latent in nats, (members, latents).
        elbo: evidence lower bound of a row in nats, (members); of arms with other coordinates only if their densities
            are of the same numbers.
        r2_of_row: of the decoded packing fraction about that of the row, (members).
        r2_of_oracle: about what the surrogate makes of the decoded inputs, (members).
        r2_of_draws: the same of rows drawn around the decoded ones with the model's output variance, (members).
        spread: deviation of what the surrogate makes of decoded inputs, over that of the rows, (members).
        surrogate_r2: how far to trust that.
        reconstructed, generated: cells of held-out rows and of samples of the prior, by the surrogate, a cell a member.
        resimulated, regenerated: the same by the simulator, of the first member; none for a table from elsewhere.
        distance: Kolmogorov–Smirnov distance of decoded packing fractions of the prior to those of the rows, (members).
        truth: packing fractions of held-out rows, (rows).
        decoded: the same as each member decodes them, (members, rows).
        drawn: packing fractions of the first member's prior, (rows).
    """

    label: str
    latents: int
    rate: Floats
    elbo: Floats
    r2_of_row: Floats
    r2_of_oracle: Floats
    r2_of_draws: Floats
    spread: Floats
    surrogate_r2: float
    reconstructed: list[ParityCell]
    generated: list[ParityCell]
    resimulated: list[ParityCell]
    regenerated: list[ParityCell]
    distance: Floats
    truth: Floats
    decoded: Floats
    drawn: Floats

    @property
    def shown(self) -> list[int]:
        """The member nearest the median R² about the row, and the worst; all of one or two, the better first."""
        order = np.argsort(-self.r2_of_row)
        if len(order) < 3:
            return [int(k) for k in order]
        return [int(np.abs(self.r2_of_row - np.median(self.r2_of_row)).argmin()), int(order[-1])]

    def as_json(self) -> dict[str, Any]:
        """Medians over members, and cells."""
        each = {
            "rate": self.rate.sum(1),
            "active": (self.rate > ACTIVE_NATS).sum(1),
            "elbo": self.elbo,
            "r2_of_row": self.r2_of_row,
            "r2_of_oracle": self.r2_of_oracle,
            "r2_of_draws": self.r2_of_draws,
            "spread": self.spread,
            "distance": self.distance,
        }
        cells = {name: summary(getattr(self, name)) for name in CELLS}
        return (
            {"label": self.label, "latents": self.latents, "members": len(self.elbo)}
            | {name: float(np.median(values)) for name, values in each.items()}
            | {"r2_of_row_low": float(self.r2_of_row.min()), "r2_of_row_high": float(self.r2_of_row.max())}
            | {"shown": [{"member": k + 1, "r2_of_row": float(self.r2_of_row[k])} for k in self.shown]}
            | {"surrogate_r2": self.surrogate_r2, "rates": np.sort(np.median(self.rate, axis=0))[::-1].tolist()}
            | cells
        )


CELLS = ("reconstructed", "generated", "resimulated", "regenerated")


@dataclass(frozen=True)
class Calibrated:
    """Arms beside each other.

    Args:
        arms: by name.
    """

    arms: dict[str, CalibratedArm]

    @property
    def best(self) -> str:
        """Name of the arm whose median R² about the row is highest."""
        return max(self.arms, key=lambda name: float(np.median(self.arms[name].r2_of_row)))

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        return plain({"arms": self.arms, "best": self.best})


def calibrated(context: Context) -> Calibrated:
    """Every arm on its held-out rows.

    Options of the part: rows (judged), picked (rows of a cell), recomputed (of these by the simulator, 0 for none),
    repeats (permutations), trees (of the surrogates).
    """
    oracles: dict[str, Forest] = {}
    return Calibrated({arm.name: _arm(context, arm, oracles) for arm in context.arms("judged")})


def _arm(context: Context, arm: Arm, oracles: dict[str, Forest]) -> CalibratedArm:
    run, seed = context.run(arm), context.study.data.seed
    rows = read_rows(context.data_of(arm), some(run.held_rows, context.option("rows"), seed))
    oracle = oracle_of(context, arm, oracles)
    scores, truth = run.score(rows, seed), target(rows)
    z, prior = run.encode(rows).mean, run.sample(len(truth), seed)
    made, generated, around = decoded(run, z), decoded(run, prior), drawn_rows(run, z, seed)
    packs = np.array([oracle.predict(d.inputs) for d in made])
    cells = [_cells(context, run, latents, oracle) for latents in (z, prior)]
    return CalibratedArm(
        arm.label,
        run.settings.model.latents,
        np.asarray(scores.rate.mean(1), np.float64),
        np.asarray(-scores.distortion.mean(1) - scores.rate.sum(2).mean(1), np.float64),
        np.array([parity(truth, d.packing_fraction).score for d in made]),
        np.array([_about(truly, d.packing_fraction) for truly, d in zip(packs, made, strict=True)]),
        np.array([_about(oracle.predict(d.inputs), d.packing_fraction) for d in around]),
        packs.std(1) / truth.std(),
        oracle.trust.r2,
        cells[0][0],
        cells[1][0],
        cells[0][1],
        cells[1][1],
        np.array([float(scipy.stats.ks_2samp(d.packing_fraction, truth).statistic) for d in generated]),
        truth,
        np.array([d.packing_fraction for d in made]),
        generated[0].packing_fraction,
    )


def _about(truth: Floats, predicted: Floats) -> float:
    """R² about what an oracle says; NaN where that is always the same."""
    return parity(truth, predicted).score if np.ptp(truth) > 0 else float("nan")


def _cells(context: Context, run: Run, z: FloatArray, oracle: Forest) -> tuple[list[ParityCell], list[ParityCell]]:
    """Some of the rows of latents, the same for all members, by the surrogate and by the simulator."""
    seed, repeats = context.study.data.seed, context.option("repeats")
    count, few = context.option("picked"), context.option("recomputed")
    picks = np.sort(generator(seed, "evaluation").permutation(z.shape[1])[:count])
    rows = decoded(run, z[:, picks])
    members = Members(np.ones(run.members), np.arange(run.members))
    own = size_names(run.variables) == SIZES[0] and few > 0
    again = by_simulator(context.simulator, first(rows, few), members, seed + 2, repeats) if own else []
    return by_function(oracle.predict, rows, members, repeats), again
