r"""The rate as a function of the angle by which two latents are turned, with its prior.

Turn latents i and j of a trained VAE by an angle φ and let the decoder turn back: of the objective only the rate
changes. For a posterior N(μ, diag s²) of each row and a normal prior with variances v it has a closed form,

.. math::
    R(\varphi) = \tfrac12 \Big\langle \sum_i \frac{(A S A^\top)_{ii} + (A \mu)_i^2}{v_i} - n
        + \sum_i \log v_i - \log\det S \Big\rangle_{rows},

which is flat where all variances are equal, since a rotation leaves the sum of squares. With the second moments
:math:`m_i = \langle \mu_i^2 + s_i^2 \rangle` of two latents that are not correlated

.. math:: R(\varphi) - R(0) = \tfrac12 \Big(\frac{1}{v_j} - \frac{1}{v_i}\Big) (m_i - m_j) \sin^2 \varphi .

Other priors are asked at samples of the latents, the same ones at every angle. Where the rate has a minimum, training
may rest: the source's explanation of its latents at 45°. `rotation_test` asks of every pair whether axes are held; here
is the curve of one pair, finely, in nats, and where its minima are.

C. Jacobsen and K. Duraisamy, Frontiers in Physics 10:890910 (2022), section 5.2 and figures 18 and 22.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import find_peaks

from beable.analysis.rotation import DRAWS, NEAR, NOTHING, ROWS, SURE, turn_matrix, turned_normal, turned_rate
from beable.console.numbers import number
from beable.console.records import readable
from beable.errors import UsageError
from beable.records import fields, plain
from beable.training.run import Run
from beable.vae.distributions import Noise
from beable.vae.priors import Gaussian
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
STEP = 3.0


@readable
class RotationCurve(NamedTuple):
    """The rate of each member at angles.

    Args:
        pair: the two latents that are turned.
        angles: degrees, rising, over a full turn, (angles).
        rate: of all latents, mean over rows in nats, (members, angles).
        error: standard error over rows of its difference from the rate at 0, (members, angles).
    """

    pair: tuple[int, int]
    angles: FloatArray
    rate: FloatArray
    error: FloatArray

    @property
    def flat(self) -> list[Verdict]:
        """Whether the rate of each member is the same at every angle, so that the prior knows no axes."""
        return [_flat(rate, error) for rate, error in zip(self.rate, self.error, strict=True)]

    def minima(self, member: int) -> FloatArray:
        """Angles of the local minima of a member that are surely deeper than their surroundings, degrees."""
        threshold = max(NOTHING, SURE * float(self.error[member].max()))
        return self.angles[_valleys(self.rate[member], threshold)]

    @property
    def turned_minimum(self) -> list[Verdict]:
        """Whether the rate of each member has a minimum more than 20 degrees away from the axes."""
        return [self._turned_minimum(k) for k in range(len(self.rate))]

    def _turned_minimum(self, member: int) -> Verdict:
        surely, perhaps = _away(self.minima(member)), _away(self.angles[_valleys(self.rate[member], NOTHING)])
        if surely.size:
            return Verdict(True, f"at {', '.join(f'{angle:g}' for angle in surely)} degrees")
        if perhaps.size:
            words = f"{number(SURE * float(self.error[member].max()))} nats"
            return Verdict(None, f"that at {perhaps[0]:g} degrees is not deeper than {words}, two standard errors")
        return Verdict(False, "no minimum away from the axes")

    def as_json(self) -> dict[str, Any]:
        """Every number and answer, ready for JSON."""
        told = {name: [v.as_json() for v in getattr(self, name)] for name in ("flat", "turned_minimum")}
        return dict(plain(fields(self) | told))


def rotation_curve(
    run: Run,
    snapshots: Mapping[str, FloatArray],
    pair: tuple[int, int] = (0, 1),
    *,
    step: float = STEP,
    draws: int = DRAWS,
    seed: int = 0,
) -> RotationCurve:
    """The rate of each member when two latents are turned.

    Args:
        run: a finished training.
        snapshots: each variable (rows, ...) by name; the first 512 rows are taken.
        pair: the two latents, from 0.
        step: between angles, degrees; the nearest one that 180 is a multiple of is taken.
        draws: samples of the latents a row, where the rate has no closed form.
        seed: of these.

    Raises:
        UsageError: latents that the run does not have, or a step that is not between 0 and 45.
        DataError: variables that are missing.

    Source: Jacobsen and Duraisamy, Frontiers in Physics 10:890910 (2022), figures 18 and 22.
    """
    latents = run.settings.model.latents
    if len(set(pair)) != 2 or not all(0 <= i < latents for i in pair):
        raise UsageError(f"pair must be two of the latents 0 to {latents - 1}, got {pair}")
    if not 0 < step <= 45:
        raise UsageError(f"step must be above 0 and at most 45 degrees, got {step:g}")
    few = {name: values[:ROWS] for name, values in snapshots.items()}
    angles = np.linspace(-180.0, 180.0, 2 * round(180 / step) + 1)
    rates = _rates(run, few, pair, angles, draws, seed)
    change = rates - rates[..., [int(np.abs(angles).argmin())], :]
    return RotationCurve(pair, angles, rates.mean(-1), change.std(-1) / np.sqrt(rates.shape[-1]))


@torch.no_grad()
def _rates(
    run: Run, snapshots: Mapping[str, FloatArray], pair: tuple[int, int], angles: FloatArray, draws: int, seed: int
) -> FloatArray:
    """The rate of every row, (members, angles, rows)."""
    if isinstance(run.vae.prior, Gaussian):
        codes = run.encode(snapshots)
        variances = np.exp(2 * run.vae.prior.log_std.double().numpy())
        return np.stack([gaussian_rate(codes.mean, codes.std, variances, pair, float(a)) for a in angles], axis=1)
    rows = run.rows(snapshots)
    q = run.vae.encoder(rows.values, rows.conditions)
    samples = [q.sample(Noise(seed, run.vae.members, "evaluation", draw)) for draw in range(draws)]
    answer = np.zeros((run.members, len(angles), q.mean.shape[1]))
    for j, angle in enumerate(angles):
        turn = turn_matrix(q.mean.shape[-1], pair, float(angle))
        turned = turned_normal(q, turn)
        rates = [turned_rate(run, q, turned, z @ turn.T, seed, draw) for draw, z in enumerate(samples)]
        answer[:, j] = torch.stack(rates).mean(0).numpy()
    return answer


def gaussian_rate(
    mean: FloatArray, std: FloatArray, variances: FloatArray, pair: tuple[int, int], angle: float
) -> FloatArray:
    """Relative entropy of turned posteriors to a normal prior, in closed form, in nats, (...).

    Args:
        mean, std: μ and s of each posterior, (..., latents).
        variances: v of the prior, broadcastable to them.
        pair: the two latents that are turned.
        angle: φ, degrees.

    >>> mean, std = np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])
    >>> [gaussian_rate(mean, std, np.array([1.0, 4.0]), (0, 1), angle).round(4).tolist() for angle in (0.0, 90.0)]
    [[0.8181], [0.4431]]
    """
    m, s, v = (np.asarray(x, np.float64) for x in (mean, std, variances))
    turn = turn_matrix(m.shape[-1], pair, angle, torch.float64).numpy()
    second = (s**2) @ (turn**2).T + (m @ turn.T) ** 2
    return np.asarray(0.5 * (second / v - 1 + np.log(v) - 2 * np.log(s)).sum(-1))


def _flat(rate: FloatArray, error: FloatArray) -> Verdict:
    span, reach = float(np.ptp(rate)), SURE * float(error.max())
    words = f"it changes by {number(span)} nats over the angles"
    if span < NOTHING:
        return Verdict(True, words)
    return Verdict(False if span > reach else None, f"{words}, give or take {number(reach)}")


def _valleys(rate: FloatArray, depth: float) -> NDArray[np.int64]:
    """Places of local minima of a curve over a full turn, whose last angle is its first one again."""
    once = -np.asarray(rate[:-1], np.float64)
    found, _ = find_peaks(np.tile(once, 3), prominence=depth)
    return np.asarray(sorted({int(i) - len(once) for i in found if len(once) <= i < 2 * len(once)}), np.int64)


def _away(angles: FloatArray) -> FloatArray:
    """Those away from the axes; a quarter of a turn leads from axes to axes."""
    off = np.abs((angles + 45) % 90 - 45)
    return angles[off >= NEAR]
