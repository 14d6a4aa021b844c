r"""Missing numbers of a data set filled by a run, each with a standard deviation.

Of the numbers :math:`y_o` of a row that are there, every member says

.. math:: p(y_m | y_o) = \int p(y_m | z)\, p(z | y_o)\, \mathrm{d}z \approx
    \sum_s w_s\, p(y_m | z_s), \qquad w_s \propto \frac{p(y_o | z_s)\, p(z_s)}{q(z_s)}

with importance samples (Mattei and Frellsen, 2019) whose q is the normal law at the mode of :math:`p(z | y_o)`, found
by Gauss and Newton's steps from the encoder's answer. Members count alike. What they say is weighed against what the
representation expects by a normal law of whole rows, so that numbers of rows that training never saw, hidden for that,
come out best (Wolpert, 1992). The same numbers set the scale of the deviations: 68 % of them lie within one.

A missing class is filled with the most probable one under the same average over members and samples; its probability
is that average.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable.console.records import readable
from beable.datasets.store import Store
from beable.errors import DataError
from beable.representations.gaps import MOST_NUMBERS, mean_there, normal_law
from beable.representations.tables import Table
from beable.streams import generator
from beable.training.data import read
from beable.training.declared import check_declared
from beable.training.run import Run
from beable.vae.distributions import Bernoulli, Noise, Normal
from beable.vae.vae import Rows

FloatArray = NDArray[np.floating]
Fields = dict[str, FloatArray]
Flags = dict[str, NDArray[np.bool_]]
#: samples of the latents, Newton's steps, the longest of them, and half the distance of a difference quotient
SAMPLES, STEPS, LONGEST, HALF = 32, 8, 2.0, 1e-2
#: log deviation of a law that stands for one point, when a prior is asked for its density there
POINT = -12.0
#: rounds in which numbers are hidden, the share of each, most rows that are asked, and the fewest that set a scale
ROUNDS, HIDDEN, MOST_ROWS, FEWEST = 10, 0.1, 256, 30
#: numbers of a round that are held at once
BLOCK_NUMBERS = 20_000_000
WITHIN = 0.6827


@readable
class Imputed(NamedTuple):
    """A data set with nothing missing but masks and rows that failed.

    Args:
        values: each variable that the run learned, (rows, ...), missing numbers filled.
        deviation: standard deviation of each filled number, 0 where a number was there, (rows, ...).
        filled: which numbers were filled.
        weight: of what members say, beside what a normal law of whole rows expects; 1 is members alone.
        scale: what deviations of each variable were multiplied by.
        hidden: how many numbers were hidden to find both.
        error: squared error of these over that of the mean of each variable; NaN where none were hidden.
        probability: of each filled class, 0 where a class was there, (rows), by name of a variable that is one of
            several classes; such variables have no deviation.
        classes: how many classes were hidden beside the numbers.
        right: share of these that were filled with the right class; NaN where none were hidden.
    """

    values: Fields
    deviation: Fields
    filled: Flags
    weight: float
    scale: dict[str, float]
    hidden: int
    error: float
    probability: Fields
    classes: int
    right: float

    def as_json(self) -> dict[str, Any]:
        """Counts and what hidden numbers told, ready for JSON."""
        counts = {name: int(flags.sum()) for name, flags in self.filled.items()}
        told = {"weight": self.weight, "scale": self.scale, "hidden": self.hidden}
        kinds = {"hidden_classes": self.classes, "right": None if np.isnan(self.right) else self.right}
        error = None if np.isnan(self.error) else self.error
        return {"filled": counts, **told, "error": error} | (kinds if self.probability else {})


class _Said(NamedTuple):
    """What is said of rows, each variable (rows, ...).

    Args:
        mean: by members; of classes the most probable.
        variance: of what they say.
        expected: by the normal law.
        probability: of the most probable class, by name of a variable that is one of several.
    """

    mean: Fields
    variance: Fields
    expected: Fields
    probability: Fields


def impute(run: Run, store: Store, *, samples: int = SAMPLES, seed: int = 0) -> Imputed:
    """Fill what is missing of the variables that a run learned.

    Args:
        run: a finished training, on complete rows or on incomplete ones.
        store: the data set to fill, made with ``missing="keep"``.
        samples: of the latents, for each row and member.
        seed: of the samples, and of the choice of numbers that are hidden.

    Raises:
        DataError: nothing is missing.

    Reference: P.-A. Mattei and J. Frellsen, MIWAE, Proc. ICML 97, 4413 (2019).

    >>> import tempfile
    >>> from beable import RunSettings, TrainingSettings, train
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.uniform(-2, 2, size=60)
    >>> table = {name: cause + 0.1 * rng.normal(size=60) for name in "abc"}
    >>> table["b"][7] = np.nan
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/t.zarr", table, missing="keep")
    >>> short = RunSettings(training=TrainingSettings(members=2, steps=5))
    >>> found = impute(train(store, store.path.with_name("run"), short), store, samples=8)
    >>> bool(abs(found.values["b"][7] - cause[7]) < 0.5), int(found.filled["b"].sum())
    (True, 1)
    """
    store = check_declared(run, store)
    good = np.asarray(store.valid_rows)
    snapshots = read(store, run.variables, good, run.conditions)
    gaps = {name: np.isnan(snapshots[name]) & ~_masked(store, name, snapshots[name]) for name in run.variables}
    lacking = np.any([flags.reshape(len(good), -1).any(1) for flags in gaps.values()], axis=0)
    if not lacking.any():
        raise DataError(f"{store.name}: no number of {', '.join(run.variables)} is missing: there is nothing to fill")
    run = copy(run)
    run.representation = copy(run.representation)  # a table's normal law becomes that of all rows
    tried = _tried(run, store, samples, seed)
    _learn_law(run, snapshots)
    some = {name: values[lacking] for name, values in snapshots.items()}
    said = _said(run, some, samples, seed)
    values: Fields = {}
    deviation: Fields = {}
    probability: Fields = {}
    filled: Flags = {}
    for name, flags in gaps.items():
        own = flags[lacking]
        best, spread = _best(said, tried, name)
        parts = np.where(own, best, some[name]), np.where(own, spread, 0.0)
        whole = snapshots[name].astype(np.float64), np.zeros(snapshots[name].shape)
        for place, part in zip(whole, parts, strict=True):
            place[lacking] = part
        values[name], sure = (_placed(store, good, part, np.nan) for part in whole)
        (probability if name in said.probability else deviation)[name] = sure
        filled[name] = _placed(store, good, flags, False)
    numbers = tried.weight, tried.scale, tried.hidden, tried.error
    return Imputed(values, deviation, filled, *numbers, probability, tried.classes, tried.right)


def _best(said: _Said, tried: "_Tried", name: str) -> tuple[FloatArray, FloatArray]:
    """What a variable is filled with, and the deviation of each number or the probability of each class."""
    if name in said.probability:
        return said.mean[name], said.probability[name]
    best = tried.weight * said.mean[name] + (1 - tried.weight) * said.expected[name]
    return best, tried.scale[name] * np.sqrt(said.variance[name])


def _masked(store: Store, name: str, values: FloatArray) -> NDArray[np.bool_]:
    """Places that no row has."""
    found = store.missing.get(name)
    return np.asarray(np.isnan(values).all(axis=0) & bool(found and found.masked))


def _placed(store: Store, good: NDArray[np.int64], part: NDArray[Any], empty: Any) -> NDArray[Any]:
    """Rows that succeeded among all rows."""
    whole = np.full((store.rows, *part.shape[1:]), empty, part.dtype)
    whole[good] = part
    return whole


def _learn_law(run: Run, snapshots: Mapping[str, FloatArray]) -> None:
    """Let a table's normal law be that of all rows at hand, those that training did not see as well."""
    if isinstance(table := run.representation, Table):
        codes = table.codes({name: snapshots[name] for name in run.variables})
        if len(codes) > 2 * codes.shape[1] and 1 < codes.shape[1] <= MOST_NUMBERS:
            law = normal_law(codes)
            table.law = np.stack([law[0], *law[1]])


# Numbers that are hidden


class _Tried(NamedTuple):
    """What hidden numbers tell; see `Imputed`."""

    weight: float
    scale: dict[str, float]
    hidden: int
    error: float
    classes: int
    right: float


def _tried(run: Run, store: Store, samples: int, seed: int) -> _Tried:
    """Hide numbers of rows that training never saw, fill them, and see how far off they are."""
    rows = run.held_rows if store.id == run.metadata["store"] else np.asarray(store.valid_rows)
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    whole = read(store, run.variables, rows, run.conditions)
    rounds = ROUNDS if isinstance(run.representation, Table) else 1
    every = {name: np.concatenate([values] * rounds) for name, values in whole.items()}
    rng = generator(seed, "evaluation")
    gone = {n: ~np.isnan(every[n]) & (rng.random(every[n].shape) < HIDDEN) for n in run.variables}
    shown = {n: np.where(gone[n], np.nan, v) if n in gone else v for n, v in every.items()}
    if isinstance(run.representation, Table) and run.representation.law is None:
        _learn_law(run, {name: values[: len(rows)] for name, values in shown.items()})
    said = _said(run, shown, samples, seed)
    kinds = [(said.mean[n] == every[n])[gone[n]] for n in said.probability]
    right = np.concatenate([*kinds, np.zeros(0, bool)])
    guessed = len(right), float(right.mean()) if len(right) else float("nan")
    hidden = {n: flags for n, flags in gone.items() if n not in said.probability}
    units = {n: float(np.nanstd(every[n] - np.nanmean(every[n]))) or 1.0 for n in hidden}
    parts = [[f[n][hidden[n]] / units[n] for n in hidden] for f in (every, said.mean, said.expected)]
    truth, mean, law = (np.concatenate([*part, np.zeros(0)]) for part in parts)
    if len(truth) < FEWEST:
        return _Tried(1.0, dict.fromkeys(hidden, 1.0), len(truth), float("nan"), *guessed)
    apart = mean - law
    weight = float(np.clip((apart @ (truth - law)) / max(float(apart @ apart), 1e-30), 0.0, 1.0))
    off = {n: np.abs(every[n] - weight * said.mean[n] - (1 - weight) * said.expected[n])[hidden[n]] for n in hidden}
    share = {n: off[n] / np.sqrt(np.maximum(said.variance[n][hidden[n]], np.finfo(float).tiny)) for n in hidden}
    common = float(np.quantile(np.concatenate(list(share.values())), WITHIN))
    scale = {n: float(np.quantile(s, WITHIN)) if len(s) >= FEWEST else common for n, s in share.items()}
    about = [((every[n] - mean_there(every[n], 0))[hidden[n]] / units[n]) ** 2 for n in hidden]
    error = sum(float(((off[n] / units[n]) ** 2).sum()) for n in hidden) / float(np.concatenate(about).sum())
    return _Tried(weight, scale, len(truth), error, *guessed)


# What is said of rows


@torch.no_grad()
def _said(run: Run, snapshots: Mapping[str, FloatArray], samples: int, seed: int) -> _Said:
    """What members say of rows, and what their representation expects, block by block."""
    size = max(1, BLOCK_NUMBERS // (run.representation.width * run.members * max(samples, run.settings.model.latents)))
    count = len(snapshots[run.variables[0]])
    parts = [
        _block(run, {n: v[i : i + size] for n, v in snapshots.items()}, samples, seed) for i in range(0, count, size)
    ]
    return _Said(*({n: np.concatenate([part[k][n] for part in parts]) for n in parts[0][k]} for k in range(4)))


def _block(run: Run, snapshots: Mapping[str, FloatArray], samples: int, seed: int) -> _Said:
    rows, noise = run.rows(snapshots), Noise(seed, run.vae.members, "evaluation")
    locations, weights = _posterior(run, rows, samples, noise)
    shares = (weights / run.members).flatten(0, 1).double().numpy()  # (samples x members, rows)
    mean = _averaged(shares, _decoded(run, locations))
    told = _probabilities(run, shares, locations)
    kinds = {name: found.argmax(1).astype(float) for name, found in told.items()}
    noisy, own = _with_noise(run, locations, noise)
    off = ({n: (np.asarray(v, np.float64) - mean[n]) ** 2 for n, v in made.items()} for made in _decoded(run, noisy))
    variance = {n: v + own.get(n, 0.0) for n, v in _averaged(shares, off).items()}
    law = run.representation.inverse(rows.values[0].numpy())
    expected: Fields = {n: np.asarray(v, np.float64) for n, v in law.items()}
    return _Said(mean | kinds, variance, expected, {n: found.max(1) for n, found in told.items()})


def _probabilities(run: Run, shares: FloatArray, locations: Tensor) -> Fields:
    """Probabilities of the classes of each variable that is one of several, (rows, k)."""
    table = run.representation
    places = table.class_places if isinstance(table, Table) else {}
    each = locations.flatten(0, 1).double()
    found = {n: torch.softmax(each[..., start:stop], -1).numpy() for n, (start, stop) in places.items()}
    return {name: np.einsum("sr,srk->rk", shares, some) for name, some in found.items()}


def _decoded(run: Run, locations: Tensor) -> Iterator[Fields]:
    """Snapshots of decoded codes (samples, members, rows, m), one sample of one member after the other."""
    return (run.representation.inverse(location.numpy()) for location in locations.flatten(0, 1))


def _averaged(shares: FloatArray, made: Iterable[Mapping[str, FloatArray]]) -> Fields:
    """Weighted sum of snapshots, one for each sample of each member."""
    total: Fields = {}
    for share, snapshots in zip(shares, made, strict=True):
        for name, values in snapshots.items():
            part = share.reshape(-1, *[1] * (values.ndim - 1)) * values.astype(np.float64)
            total[name] = total[name] + part if name in total else part
    return total


def _with_noise(run: Run, locations: Tensor, noise: Noise) -> tuple[Tensor, Fields]:
    """Decoded codes with the output's noise on them, or as they are with its variance in physical units beside them."""
    decoder, code = run.vae.decoder, run.representation.code
    if decoder.settings.likelihood == "bernoulli":
        return locations, {}
    deviation = (0.5 * decoder.output_log_variance).exp().expand(-1, decoder.dimension.numel())
    if len(code.shape) == 1 and code.dimension.sum() > code.group.size:  # some outputs have no number of their own
        by_group = deviation.square().mean(0).sqrt().double().numpy()
        cells = run.representation.output_deviation(by_group)
        return locations, {n: np.asarray(v, np.float64) ** 2 for n, v in cells.items()}
    drawn = torch.stack([noise.normal(*locations.shape[2:]) for _ in locations])
    return locations + _of_outputs(run, deviation) * drawn, {}


def _of_outputs(run: Run, shared: Tensor) -> Tensor:
    """What outputs share, (members, groups), for each number of the code, (members, 1, m); 0 for those of classes."""
    decoder = run.vae.decoder
    each = shared[:, decoder.group].unsqueeze(1)
    if not decoder.classes:
        return each
    whole = each.new_zeros(len(each), 1, run.representation.width)
    whole[..., decoder.numbers] = each
    return whole


def _posterior(run: Run, rows: Rows, samples: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """Decoded samples of p(z | y_o), (samples, members, rows, m), and their weights, (samples, members, rows)."""
    decoder = run.vae.decoder
    likelihood = _Likelihood(run, rows)
    z, precision = likelihood.mode(run.vae.encoder(rows.values, rows.conditions).mean)
    root = torch.linalg.cholesky(precision)
    drawn = noise.normal(samples, *z.shape[1:]).transpose(0, 1)
    moved = torch.linalg.solve_triangular(root.mT, drawn.unsqueeze(-1), upper=True).squeeze(-1)
    every = z + moved
    found, scores = [], []
    for point, step in zip(every, drawn, strict=True):
        location = decoder.location(point, rows.conditions)
        prior = -torch.stack(list(_rates(run, point, noise).values())).sum((0, -1))
        scores.append(likelihood.density(location) + prior + 0.5 * step.square().sum(-1))
        found.append(Bernoulli(location).mean if decoder.settings.likelihood == "bernoulli" else location)
    return torch.stack(found), torch.softmax(torch.stack(scores), 0)


def _rates(run: Run, z: Tensor, noise: Noise) -> dict[str, Tensor]:
    """-log p(z) but for a constant: the rate of a law that is next to one point."""
    return run.vae.prior.rate(Normal(z, torch.full_like(z, POINT)), z, run.vae.encoder, noise)


class _Likelihood:
    """The density of what is there of rows as a function of the latents."""

    def __init__(self, run: Run, rows: Rows) -> None:
        self.decoder, self.rows = run.vae.decoder, rows
        self.normal = self.decoder.settings.likelihood == "normal"
        shared = self.decoder.output_log_variance.expand(-1, self.decoder.dimension.numel())
        self.precision = _of_outputs(run, torch.exp(-shared))

    def density(self, location: Tensor) -> Tensor:
        """Log density but for a constant, (members, rows)."""
        return -self.decoder.distortion(self.decoder.around(location), self.rows)

    def mode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Latents of the highest density met on Newton's way from some, under a standard normal law, and its curvature.

        Returns:
            (members, rows, latents) and (members, rows, latents, latents).
        """
        one = torch.eye(z.shape[-1])
        best, least, curvature = z, torch.full(z.shape[:2], torch.inf), one.expand(*z.shape, z.shape[-1]).clone()
        for _ in range(STEPS if self.normal else 1):
            location = self.decoder.location(z, self.rows.conditions)
            cost = 0.5 * z.square().sum(-1) - self.density(location)
            slopes = self._slopes(z, one)
            weighted = slopes * self.precision.unsqueeze(-1)
            precision = slopes.mT @ weighted + one
            pull = (weighted * self.rows.misfit(location).unsqueeze(-1)).sum(-2) - z
            for own, curved in self._of_classes(location, slopes):
                precision, pull = precision + curved, pull + own
            better = cost < least
            best, least = torch.where(better[..., None], z, best), torch.where(better, cost, least)
            curvature = torch.where(better[..., None, None], precision, curvature)
            step = torch.linalg.solve(precision, pull.unsqueeze(-1)).squeeze(-1)
            length = step.norm(dim=-1, keepdim=True)
            z = z + step * (LONGEST / length.clamp(min=LONGEST))
        return best, curvature

    def _of_classes(self, location: Tensor, slopes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Slope of the log probability of each class that is there in the latents, and its expected curvature."""
        seen = self.rows.values if self.rows.gaps is None else self.rows.gaps.target
        for start, stop in self.decoder.classes:
            part, told = slopes[..., start:stop, :], seen[..., start:stop]
            chance = torch.softmax(location[..., start:stop], -1) * told.sum(-1, keepdim=True)
            middle = part.mT @ chance.unsqueeze(-1)
            own = (part.mT @ (told - chance).unsqueeze(-1)).squeeze(-1)
            yield own, part.mT @ (chance.unsqueeze(-1) * part) - middle @ middle.mT

    def _slopes(self, z: Tensor, one: Tensor) -> Tensor:
        """Derivative of what is read of decoded codes, (members, rows, m, latents)."""
        ends = [[self.decoder.location(z + s * HALF * e, self.rows.conditions) for s in (1, -1)] for e in one]
        slopes = torch.stack([(up - down) / (2 * HALF) for up, down in ends], -1)
        if (gaps := self.rows.gaps) is None:
            return slopes
        read: Tensor = slopes * gaps.there.unsqueeze(-1) if gaps.apart else gaps.there @ slopes
        return read
