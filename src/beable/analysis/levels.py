r"""The collapsed level of a run, and which of its members ended there.

See `collapse` for the level. For a Bernoulli likelihood it is the entropy of the mean of each number,

.. math:: D_0 = -\sum_j \bar y_j \log \bar y_j + (1 - \bar y_j) \log(1 - \bar y_j)

and of classes the entropy of their shares is added.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from beable.analysis.collapse import NOTHING_LEARNED, at_level, collapsed_level
from beable.errors import UsageError
from beable.representations.representation import Coded
from beable.training.run import Run
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
DRAWS, SURE = 10, 2.0


def level_of(run: Run, snapshots: Mapping[str, FloatArray], coded: Coded | None = None) -> float:
    """The collapsed level of rows under a run's likelihood, in nats and physical units as `Run.score` has them.

    Args:
        run: a finished training.
        snapshots: each variable (rows, ...) by name.
        coded: the rows as the run's representation codes them, where they are at hand.
    """
    fields = {name: snapshots[name] for name in run.variables}
    return code_level(run, fields, coded) + float(run.log_volume(fields).mean())


def code_level(run: Run, snapshots: Mapping[str, FloatArray], coded: Coded | None = None) -> float:
    """The collapsed level of rows as the history of a run counts distortions, in nats and units of the code.

    Args:
        run, snapshots, coded: as in `level_of`.
    """
    fields = {name: snapshots[name] for name in run.variables}
    coded = run.coded(fields) if coded is None else coded
    values = coded.values.reshape(len(coded.values), -1).astype(np.float64)
    return _level(run, values, coded)


def _level(run: Run, values: FloatArray, coded: Coded) -> float:
    decoder, model = run.vae.decoder, run.settings.model
    if model.likelihood == "bernoulli":
        mean = values.mean(0)
        return float((entr(mean) + entr(1 - mean)).sum())
    unsure = sum(float(entr(values[:, start:stop].mean(0)).sum()) for start, stop in decoder.classes)
    values = values[:, decoder.numbers.numpy()] if decoder.classes else values
    dimension = decoder.dimension.double().numpy()
    by_number = values.var(0)
    if (gaps := coded.gaps) is not None:  # of what is there, and as many outputs as are there of a row on average
        gaps = gaps.of(decoder.numbers.numpy()) if decoder.classes else gaps
        by_number = (gaps.misfit(gaps.centre(values)).astype(np.float64) ** 2).mean(0)
        if gaps.counts.shape[1] == len(dimension):
            dimension = np.maximum(gaps.counts.mean(0, dtype=np.float64), 1e-6)
    energy: FloatArray = np.bincount(decoder.group.numpy(), by_number, len(dimension)).astype(np.float64)
    left = coded.residual_energy.mean(0)
    if left.shape == energy.shape:  # codes with a variance for each grid point leave nothing out
        energy = energy + left
    fixed = model.sigma**2 if model.variance == "fixed" else None
    shared = model.variance in ("closed", "scalar")
    return unsure + collapsed_level(energy, dimension, shared, model.floor, variance=fixed)


def over_regularised(
    run: Run,
    snapshots: Mapping[str, FloatArray],
    *,
    draws: int = DRAWS,
    explained: float = 1 - NOTHING_LEARNED,
) -> list[Verdict]:
    """Whether each member has ended in the over-regularised state of Theorem 1; see `at_level`.

    Args:
        run: a finished training.
        snapshots: rows that it was trained on: the mean and variance of others are not those it has learned.
        draws: samples of the latents a row, two at least.
        explained: share of the variance that sets the margin.

    Source: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), Theorem 1.
    """
    if draws < 2:
        raise UsageError(f"draws must be at least 2, got {draws}")
    scores, level = [run.score(snapshots, seed) for seed in range(draws)], level_of(run, snapshots)
    distortion = np.stack([score.distortion.mean(1) for score in scores]).astype(np.float64)
    reach = SURE * distortion.std(0, ddof=1) / np.sqrt(draws)
    rate = np.stack([score.rate.mean(1).max(1) for score in scores]).mean(0)
    outputs = float(run.representation.code.dimension.sum())
    return [
        at_level(float(d), float(r), level, outputs, reach=float(e), explained=explained)
        for d, r, e in zip(distortion.mean(0), rate, reach, strict=True)
    ]
