r"""How far may a latent be trusted to be a factor, where no factors are known?

.. math:: \mathrm{trust} = \frac{1}{1 + e^{-(w_0 + \sum_f w_f x_f)}}

with a few numbers x that need no labels: how near a latent lies to an independent component of its member's codes and
how steady that component is, the dependence that is left between components, how many members of other starts found
the latent beyond chance, and how strongly the objective holds its axes. The weights w are fitted to trainings on flows
whose factors are known, and judged on laws of the factors that the fit has not seen, by the study `trust`.

A member is trusted as far as its least trusted active latent, and a run as far as its members are on average: the
share of them that is expected to hold one factor in each latent. Where the axes of the factors cannot be told, as for
independent normal factors, trust is low for a member that is right by luck too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from beable.analysis.agreement import Agreement
from beable.analysis.axes import Axes
from beable.analysis.rotation import Rotation
from beable.console.records import readable
from beable.errors import DataError
from beable.metrics.columns import Floats
from beable.records import fields, plain
from beable.verdicts import Verdict

#: what trust is made of, in the order of the weights
FEATURES = ("alignment", "dependence", "found", "held")
SIGNS = (1, -1, 1, 1)
#: angle in degrees at which the alignment is zero, and the least that rows allow to be told
UNIT_ANGLE, LEAST_ANGLE = 8.0, 1.0
SURE, MOST_HELD = 0.01, 5.0
STEADY, LOOSE = 8.0, 14.0


class Weights(NamedTuple):
    """The weights of the logistic function.

    Args:
        constant: w_0.
        of: w, in the order of ``FEATURES``.
    """

    constant: float
    of: tuple[float, ...]


#: as `beable study run trust --preset quick` fits them on all its laws: the last row of weights on its page
WEIGHTS = Weights(1.15, (2.95, 0.0, 0.11, 1.41))


@readable
class Trust(NamedTuple):
    """How far latents may be trusted to be factors.

    Args:
        latents: probability that each latent is a factor, (members, latents); 0 for one that is not active, NaN where
            nothing can be told.
        members: that each latent of a member is one, (members).
        run: share of the members expected to be so; None where nothing can be told.
        low, high: 95 % interval of that share over members drawn again.
        identified: whether the codes have axes of their own at all.
        features: what trust was made of, (members, latents, features).
    """

    latents: Floats
    members: Floats
    run: float | None
    low: float | None
    high: float | None
    identified: Verdict
    features: Floats

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        kept = {name: value for name, value in fields(self).items() if name != "features"}
        return dict(plain(kept | {"identified": self.identified.as_json()}))


def features(axes: Sequence[Axes], agreement: Agreement, rotation: Rotation) -> Floats:
    """What trust is made of, (members, latents, features); NaN for a latent without axes to compare it with.

    Args:
        axes: of each member's codes.
        agreement: of the members.
        rotation: what the objective prefers.
    """
    each = [_of_codes(a) for a in axes]
    share = agreement.found / np.maximum(agreement.compared, 1)[:, None]
    found = np.where(agreement.compared[:, None] > 0, share - np.nan_to_num(agreement.chance, nan=1.0), 0.0)
    held = np.clip(rotation.least, -MOST_HELD, MOST_HELD) / MOST_HELD
    return np.concatenate([np.stack(each), found[..., None], held[..., None]], axis=-1)


def _of_codes(axes: Axes) -> Floats:
    """Alignment and dependence of each latent, (latents, 2)."""
    off = np.hypot(axes.angle, axes.wobble)
    alignment = -np.log(np.maximum(off, LEAST_ANGLE) / UNIT_ANGLE)
    dependence = np.where(axes.surprise < SURE, axes.dependence, 0.0)
    return np.stack([alignment, np.where(np.isnan(alignment), np.nan, dependence)], axis=-1)


def fitted(made_of: ArrayLike, truth: ArrayLike) -> Weights:
    """The weights that fit known truth best, by logistic regression with a normal prior of deviation 1 on each.

    A weight has the sign that its number has by meaning, or is zero: dependence never makes trust larger.

    Args:
        made_of: features, (latents of all members, features).
        truth: whether each is a factor, (latents of all members,).

    Raises:
        DataError: only factors, or none.
    """
    x, y = np.asarray(made_of, np.float64), np.asarray(truth, bool)
    if y.all() or not y.any():
        raise DataError("latents that are factors and latents that are none are both needed: add laws of the factors")
    x = np.column_stack([np.ones(len(x)), x])
    bounds = [(None, None), *((0.0, None) if sign > 0 else (None, 0.0) for sign in SIGNS)]
    found = scipy.optimize.minimize(_misfit, np.zeros(x.shape[1]), (x, y), jac=True, bounds=bounds, method="L-BFGS-B")
    constant, *of = (float(w) for w in found.x)
    return Weights(constant, tuple(of))


def _misfit(w: Floats, x: Floats, y: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Negative log posterior of weights, the constant first and free, and its gradient."""
    score, slope = x @ w, np.append(0.0, w[1:])
    value = np.logaddexp(0.0, np.where(y, -score, score)).sum() + 0.5 * slope @ slope
    return float(value), x.T @ (1 / (1 + np.exp(-score)) - y) + slope


def probability(made_of: ArrayLike, weights: Weights = WEIGHTS) -> Floats:
    """Trust in each latent, (...), of features (..., features).

    >>> made_of = np.zeros((2, len(FEATURES)))
    >>> made_of[0, 0], made_of[1, 0] = 1.5, -1.5
    >>> near, far = probability(made_of)
    >>> bool(near > 0.9 > 0.1 > far)
    True
    """
    x = np.asarray(made_of, np.float64)
    answer: Floats = 1 / (1 + np.exp(-(weights.constant + x @ np.array(weights.of))))
    return answer


def of_members(latents: Floats, active: NDArray[np.bool_]) -> Floats:
    """Trust in members, (members): that in the least trusted active latent; NaN without two active ones."""
    told = np.where(active & ~np.isnan(latents), latents, np.inf).min(-1)
    return np.where((active & ~np.isnan(latents)).sum(-1) > 1, told, np.nan)


def trust(axes: Sequence[Axes], agreement: Agreement, rotation: Rotation, weights: Weights = WEIGHTS) -> Trust:
    """How far the latents of a run may be trusted to be factors.

    Args:
        axes: of each member's codes, by `beable.analysis.axes.independent_axes`.
        agreement: by `beable.analysis.agreement.agreement`.
        rotation: by `beable.analysis.rotation.rotation_test`.
        weights: of the logistic function.
    """
    made_of = features(axes, agreement, rotation)
    latents = np.where(agreement.active, probability(made_of, weights), 0.0)
    members = of_members(latents, agreement.active)
    run, low, high = _share(members)
    return Trust(latents, members, run, low, high, _identified(axes), made_of)


def _share(members: Floats) -> tuple[float | None, float | None, float | None]:
    """Mean over members, and its interval over members drawn again."""
    told = members[~np.isnan(members)]
    if not len(told):
        return None, None, None
    draws = np.random.default_rng(0).choice(told, (999, len(told))).mean(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(told.mean()), float(low), float(high)


def _identified(axes: Sequence[Axes]) -> Verdict:
    """Whether the codes have axes of their own: components that stay when rows are drawn again, and are independent."""
    told = [a for a in axes if not np.isnan(a.wobble).all()]
    if not told:
        return Verdict(None, "fewer than two latents are active: there are no axes to tell apart")
    wobble = float(np.median([np.nanmax(a.wobble) for a in told]))
    depends = float(np.mean([np.nanmin(a.surprise) < SURE for a in told]))
    dependence = float(np.median([np.nanmax(a.dependence) for a in told]))
    words = f"independent components of the codes move by {wobble:.2g} degrees when rows are drawn again"
    if wobble > LOOSE:
        return Verdict(False, f"{words}: as those of normal factors do, whose axes nothing shows")
    if depends > 0.5 and dependence > 0.3:
        return Verdict(False, f"{words}, but depend on each other by {dependence:.2g}: the factors are not independent")
    if wobble < STEADY and depends <= 0.5:
        return Verdict(True, words)
    return Verdict(None, f"{words} and depend on each other by {dependence:.2g}: more rows would tell")
