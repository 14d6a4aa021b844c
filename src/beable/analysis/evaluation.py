r"""What a run is worth on rows that it never saw: errors, rates, and its latents beside the true factors.

Everything is reported by member, so that a reader sees the spread. Errors are relative,
:math:`\sum\|y - y'\|^2 / \sum\|y - \bar y\|^2`, with y' decoded from the posterior mean and the mean taken over the
rows judged.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.agree import Agreed, agreed
from beable.analysis.axes import FEWEST_ROWS as FEWEST_AXES_ROWS
from beable.analysis.collapse import Regularisation, rate_hurts, regularisation
from beable.analysis.labels import LabelErrors, label_errors, rows_to_judge_on
from beable.analysis.levels import level_of
from beable.analysis.overfitting import overfitting
from beable.analysis.reconstructions import ChannelErrors, Errors, Reconstructions
from beable.analysis.residuals import Residuals, residuals
from beable.analysis.slowness import Slowness, slowness
from beable.console.records import readable
from beable.datasets.store import Store
from beable.metrics.columns import constant, discrete_columns
from beable.metrics.context import score_in_context
from beable.metrics.disentanglement import s_d, s_r
from beable.metrics.separation import separation
from beable.records import fields, plain
from beable.streams import generator
from beable.training.data import Prepared, held, read
from beable.training.declared import check_declared
from beable.training.run import Posterior, Run
from beable.training.start import LinearPath
from beable.verdicts import Verdict

FloatArray = NDArray[np.floating]
ROTATIONS = 500
FEWEST_ROWS = 9


@readable
class Disentanglement(NamedTuple):
    """Latents against factors, each list one entry a member.

    Args:
        disentangled: whether each factor is in a latent of its own.
        angle: how far the latents are turned from the factors, root mean square over latents, in degrees; NaN where
            nothing can be told.
        pass_angle: the largest that passes, which ``LUCK`` of random rotations of as many latents keep within.
        known: share of each factor's variance that its own latent tells, (members, factors).
        s_d: the source's score on posterior means; NaN where the rows are too few for it.
        s_d_samples: the same on one sample of the posterior, as the source computes it.
        s_r: the same on correlations, which do not depend on the factors' scales.
        s_d_ceiling: the factors scored against themselves on the same rows.
        s_d_chance: mean score of random rotations of the factors.
        s_d_chance_range: their 5 % and 95 % quantiles.
    """

    disentangled: tuple[Verdict, ...]
    angle: FloatArray
    pass_angle: float
    known: FloatArray
    s_d: FloatArray
    s_d_samples: FloatArray
    s_r: FloatArray
    s_d_ceiling: float
    s_d_chance: float
    s_d_chance_range: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Every number; the answers as words, and their reasons beside them."""
        return plain(fields(self) | answered("disentangled", self.disentangled))


@readable
class Evaluation(NamedTuple):
    """Latents and reconstructions judged on rows.

    Args:
        rows: numbers of the rows judged.
        codes, code_std: posterior means and standard deviations, (members, rows, latents).
        relative_error: of all outputs and rows together, in the units the model was trained in, (members).
        median_row_error: of all outputs of the median row, (members), which no single row makes look better.
        channels: errors of each channel in physical units.
        regularisation: what the latents carry; None without a VAE.
        over_regularised: whether the rate keeps each member from learning; none without a VAE.
        over_fitted: whether each member went on to learn its training rows by heart; none without a VAE. The
            parameters of its best record are kept, so that a yes concerns the training and not the member.
        agreed: what the members agree on without labels; None without a VAE, with few rows, and where not asked for.
        disentanglement: latents against factors; None for data without factors.
        residuals: how far decoded rows violate the simulator's equations; None for data without a simulator, or of
            one without equations.
        labels: errors of the factors that had labels in training; None for a training without labels.
        slow: what the latents remember over the lag; None for a training without one, or for too few rows.
    """

    rows: NDArray[np.int64]
    codes: FloatArray
    code_std: FloatArray
    relative_error: FloatArray
    median_row_error: FloatArray
    channels: ChannelErrors
    regularisation: Regularisation | None
    disentanglement: Disentanglement | None
    over_regularised: tuple[Verdict, ...] = ()
    over_fitted: tuple[Verdict, ...] = ()
    residuals: Residuals | None = None
    agreed: Agreed | None = None
    labels: LabelErrors | None = None
    slow: Slowness | None = None

    @property
    def error_by_channel(self) -> Errors:
        """Relative error of each channel in physical units, all rows together, (members)."""
        return self.channels.pooled

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON; lists hold one number a member."""
        numbers: dict[str, object] = {
            "rows": len(self.rows),
            "test_relative_error": self.relative_error,
            "relative_error_of_median_row": self.median_row_error,
            "relative_error_by_channel": self.channels.pooled,
            "relative_error_of_median_row_by_channel": self.channels.median_row,
            "worst_channel": self.channels.worst,
            "constant_channels": self.channels.constant,
        }
        if (r := self.regularisation) is not None:
            numbers |= fields(r) | {"rate": r.rate_per_latent.sum(1)}
            numbers |= answered("over_regularised", self.over_regularised)
            numbers |= answered("over_fitted", self.over_fitted)
        if (d := self.disentanglement) is not None:
            numbers |= d.as_json()
        if self.residuals is not None:
            numbers["residual"] = self.residuals
        if self.labels is not None:
            numbers["labels"] = self.labels
        if self.agreed is not None:
            numbers["agreed"] = self.agreed
        if self.slow is not None:
            numbers["slow"] = self.slow
        return plain(numbers)


def answered(name: str, verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Answers of members as words, and their reasons beside them."""
    return {name: [v.word for v in verdicts], f"{name}_because": [v.reason for v in verdicts]}


def evaluate(run: Run, store: Store, rows: NDArray[np.int64] | None = None, *, agreement: bool = False) -> Evaluation:
    """Judge a run on rows of a store, by default those it was trained on without seeing them.

    Args:
        run: a finished training.
        store: the data set of the training, or one with the same variables.
        rows: numbers of the rows.
        agreement: also say what the members agree on without labels, where there are rows enough.

    Raises:
        UsageError: the store declares other units, axes or components than the run learned, that cannot be converted.

    >>> import tempfile
    >>> from beable import RunSettings, TrainingSettings, train
    >>> wave = np.sin(np.arange(12) + np.random.default_rng(0).uniform(0, 6, (40, 1)))
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/waves.zarr", {"height": wave})
    >>> run = train(store, store.path.with_name("run"), RunSettings(training=TrainingSettings(members=3, steps=5)))
    >>> found = evaluate(run, store)
    >>> found.relative_error.shape, bool(found.relative_error.max() < 0.1)
    ((3,), True)
    >>> print(found)  # doctest: +ELLIPSIS
    Evaluation
      rows: 11 (0 to 38), shape (10,)
      codes: ..., shape (3, 10, 2)
      code_std: ..., shape (3, 10, 2)
      relative_error: ..., shape (3,)
      median_row_error: ..., shape (3,)
      channels: ChannelErrors
        pooled:
          height: ..., shape (3,)
        median_row:
          height: ..., shape (3,)
        constant: none
      regularisation: Regularisation
        rate_per_latent: ..., shape (3, 2)
        active: 2, shape (3,)
        active_range: 2, shape (3, 2)
        distortion: ..., shape (3,)
        collapsed_level: ...
      over_regularised: 3 no
      over_fitted: 3 cannot be told
    """
    store = check_declared(run, store)
    rows = run.held_rows if rows is None else rows
    snapshots = held(store, run.variables, rows, run.conditions)
    codes = run.encode(snapshots)
    fields = {name: snapshots[name] for name in run.variables}
    coded = run.coded(fields)
    scores = run.score(snapshots)
    noise = generator(0, "evaluation").normal(size=codes.mean.shape)
    found = Reconstructions(coded, run.locations(codes.mean, run.conditions_of(snapshots)), run.representation)
    error = found.relative_error()
    usable = rows_to_judge_on(run, store, rows)
    carried = regularisation(scores.distortion, scores.rate, level_of(run, fields, coded))
    return Evaluation(
        rows,
        codes.mean,
        codes.std,
        error,
        found.median_row_error(),
        found.channel_errors(fields, store.variables, store.coordinates),
        carried,
        _against_factors(run, store, codes, noise, rows, usable),
        _hurt_by_the_rate(run, carried, error),
        tuple(overfitting(run.history, run.best_steps).verdicts),
        residuals(run, store, rows),
        _agreed(run, snapshots) if agreement else None,
        label_errors(run, store, codes, rows, usable),
        slowness(run, store, rows),
    )


def _against_factors(
    run: Run,
    store: Store,
    codes: Posterior,
    noise: FloatArray,
    rows: NDArray[np.int64],
    usable: NDArray[np.bool_],
) -> Disentanglement | None:
    """Latents against factors on the rows of which these are known and were not shown to training as labels."""
    if not usable.any():
        return None
    known, labels = run.conditions, run.settings.objective.labels
    if labels is not None and labels.known is not None:
        known = (*known, labels.known)
    means, samples = codes.mean[:, usable], (codes.mean + codes.std * noise)[:, usable]
    return disentanglement(means, samples, store, rows[usable], known)


def _hurt_by_the_rate(run: Run, carried: Regularisation, error: FloatArray) -> tuple[Verdict, ...]:
    members = zip(carried.active, error, run.training_error, strict=True)
    return tuple(rate_hurts(int(active), float(e), training) for active, e, training in members)


def _agreed(run: Run, snapshots: Mapping[str, FloatArray]) -> Agreed | None:
    """What members agree on; None for too few rows or members."""
    rows = len(next(iter(snapshots.values())))
    return agreed(run, snapshots) if rows >= FEWEST_AXES_ROWS and run.members > 1 else None


def evaluate_linear(linear: Sequence[LinearPath], data: Prepared, store: Store) -> Evaluation:
    """Judge linear paths alone, such as PCA or ICA of bootstrap draws, on held-out rows."""
    values = data.held.values.reshape(len(data.held.values), -1)
    codes = np.stack([(values - path.offset) @ path.forward for path in linear])
    locations = np.stack([z @ path.back + path.offset for z, path in zip(codes, linear, strict=True)])
    found = Reconstructions(data.held, locations, data.representation)
    snapshots = read(store, list(data.shapes), data.held_rows)
    return Evaluation(
        data.held_rows,
        codes,
        np.zeros_like(codes),
        found.relative_error(),
        found.median_row_error(),
        found.channel_errors(snapshots, store.variables, store.coordinates),
        None,
        disentanglement(codes, codes, store, data.held_rows),
    )


def disentanglement(
    means: FloatArray, samples: FloatArray, store: Store, rows: NDArray[np.int64], known: Sequence[str] = ()
) -> Disentanglement | None:
    """Latents (members, rows, latents) against the factors of rows that the model is not conditioned on.

    None without such factors. Rows of which a factor is not known are left out, which the reason says. S_D is NaN where
    fewer than two factors vary or the rows are few.
    """
    asked = [i for i, factor in enumerate(store.factors) if factor.name not in known]
    if not asked:
        return None
    names, theta = [store.factors[i].name for i in asked], store.factor_values[rows][:, asked]
    unknown = _where_unknown(names, theta)
    known_of = np.isfinite(theta).all(axis=1)
    if unknown:
        means, samples, theta = means[:, known_of], samples[:, known_of], theta[known_of]
    if not len(theta):
        nothing = np.full(len(means), np.nan)
        untold = (Verdict(None, unknown),) * len(means)
        return Disentanglement(
            untold, nothing, np.nan, np.full((len(means), len(asked)), np.nan), *_shares(means, samples, theta)
        )
    classes = [bool(store.factors[i].classes) for i in asked]
    discrete = (np.array(classes) | discrete_columns(theta)).tolist() if any(classes) else None
    found = [separation(z, theta, names=names, discrete=discrete) for z in means]
    return Disentanglement(
        tuple(s.verdict._replace(reason=s.verdict.reason + (f"; {unknown}" if unknown else "")) for s in found),
        np.array([s.angle for s in found]),
        float(np.median([s.mark for s in found])),
        np.array([s.known for s in found]),
        *_shares(means, samples, theta[:, np.flatnonzero(~np.array(classes))]),
    )


def _where_unknown(names: Sequence[str], theta: FloatArray) -> str:
    """Which factors are not known in all of the rows (rows, factors); empty where all are."""
    known = np.isfinite(theta).sum(axis=0)
    rows = [
        f"{name} is known in {n} of {len(theta)} rows" for name, n in zip(names, known, strict=True) if n < len(theta)
    ]
    return ", ".join(rows)


def _shares(means: FloatArray, samples: FloatArray, theta: FloatArray) -> tuple[Any, ...]:
    """S_D of means and samples and S_R of factors that are quantities, with ceiling, chance and its range."""
    if len(theta) < FEWEST_ROWS or (~constant(theta)).sum() < 2:
        nothing = np.full(len(means), np.nan)
        return nothing, nothing, nothing, np.nan, np.nan, (np.nan, np.nan)
    context = score_in_context(s_d, means[0], theta, rotations=ROTATIONS, repeats=2, level=0.9)
    return (
        np.array([s_d(z, theta).score for z in means]),
        np.array([s_d(z, theta).score for z in samples]),
        np.array([s_r(z, theta).score for z in means]),
        context.ceiling,
        context.rotation.mean,
        (context.rotation.low, context.rotation.high),
    )
