"""Which training rows have labels, what these are worth, and which of them a member sees at which step."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable.datasets.store import Store
from beable.errors import DataError
from beable.streams import generator
from beable.training.data import factors
from beable.training.ensemble import rows_at
from beable.vae.labels import LabelBatch
from beable.vae.settings import LabelSettings, ModelSettings
from beable.vae.vae import Rows

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]
_ORDER, _NOISE, _BATCHES = 0, 1, 2  # what is drawn from the stream of labels, the last once for each epoch


class Labels(NamedTuple):
    """The labels of an ensemble, each entry of a list a member's.

    Args:
        names: of the factors, in the order of the latents that they set.
        rows: numbers of the labelled rows in the data set.
        centre, spread: of the factors in their own unit, (members, names): a labelled latent is the factor less its
            centre, over its spread.
    """

    names: tuple[str, ...]
    rows: tuple[Integers, ...]
    centre: FloatArray
    spread: FloatArray

    @property
    def number(self) -> list[int]:
        """Labelled rows of each member."""
        return [len(rows) for rows in self.rows]

    def in_own_unit(self, mean: NDArray[np.floating], std: NDArray[np.floating]) -> tuple[FloatArray, FloatArray]:
        """Labelled latents as factors: means and standard deviations, (members, rows, latents) to (…, names)."""
        count = len(self.names)
        centre, spread = self.centre[:, None], self.spread[:, None]
        return centre + spread * mean[..., :count], spread * std[..., :count]

    def as_json(self) -> dict[str, Any]:
        """What ``run.json`` keeps."""
        rows = [member.tolist() for member in self.rows]
        return {
            "names": list(self.names),
            "rows": rows,
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Labels":
        """What `as_json` gave, again."""
        rows = tuple(np.asarray(member, dtype=np.int64) for member in kept["rows"])
        return cls(tuple(kept["names"]), rows, np.asarray(kept["centre"]), np.asarray(kept["spread"]))


class LabelBatches:
    """Labelled rows for the steps of a training.

    Args:
        labels: which rows, and the unit of their labels.
        places: where the labelled rows of each member stand among the training rows.
        theta: labels in units of their spread, (rows, names) of each member.
        settings: of the labels.
        members: numbers of the members.
        seed: of the training.
    """

    def __init__(
        self,
        labels: Labels,
        places: Sequence[Integers],
        theta: Sequence[FloatArray],
        settings: LabelSettings,
        members: Sequence[int],
        seed: int,
    ) -> None:
        self.labels, self.settings, self.members, self.seed = labels, settings, list(members), seed
        self._places, most = list(places), max(map(len, places))
        self._theta = [torch.from_numpy(values.astype(np.float32)) for values in theta]
        self._size = min(settings.batch or most, most)
        self._orders: dict[tuple[int, int], Integers] = {}
        self._shares: dict[int, Tensor] = {}

    def at(self, step: int, rows: Rows) -> LabelBatch:
        """The batch of a step: all labels of a member where they fit in.

        Args:
            step: of the training.
            rows: training rows, (rows, ...).
        """
        return self._batch([self._take(k, step) for k in range(len(self.members))], rows)

    def spread(self, limit: int, rows: Rows) -> LabelBatch:
        """All labels of each member, or so many, evenly spaced."""
        count = min(limit, max(map(len, self._places)))
        chosen = [np.arange(min(count, len(own))) * len(own) // min(count, len(own)) for own in self._places]
        return self._batch(chosen, rows)

    def _batch(self, chosen: Sequence[Integers], rows: Rows) -> LabelBatch:
        size = max(map(len, chosen))
        filled = [one if len(one) == size else np.resize(one, size) for one in chosen]
        places = np.stack([own[one] for own, one in zip(self._places, filled, strict=True)])
        theta = torch.stack([own[torch.from_numpy(one)] for own, one in zip(self._theta, filled, strict=True)])
        if size not in self._shares:
            self._shares[size] = torch.stack([_mean_of(len(one), size) for one in chosen])
        device = rows.values.device
        there, share = rows_at(rows, torch.from_numpy(places)), self._shares[size].to(device)
        return LabelBatch(there, theta.to(device), share, self.settings.rule, self.settings.weight)

    def _take(self, k: int, step: int) -> Integers:
        count = len(self._places[k])
        if count <= self._size:
            return np.arange(count)
        epoch, place = divmod(step * self._size, count)
        taken = self._order(k, epoch)[place : place + self._size]
        missing = self._size - len(taken)
        return taken if not missing else np.concatenate([taken, self._order(k, epoch + 1)[:missing]])

    def _order(self, k: int, epoch: int) -> Integers:
        if (k, epoch) not in self._orders:
            self._orders.pop((k, epoch - 2), None)
            rng = generator(self.seed, "labels", self.members[k], _BATCHES + epoch)
            self._orders[k, epoch] = rng.permutation(len(self._places[k]))
        return self._orders[k, epoch]


def _mean_of(count: int, size: int) -> Tensor:
    """Weights of rows of which the first ones count and the others are repeated."""
    return (torch.arange(size) < count) / count


def label_batches(
    settings: LabelSettings,
    store: Store,
    train_rows: Integers,
    members: Sequence[int],
    counts: Sequence[int] | None,
    seed: int,
) -> LabelBatches:
    """The labels of an ensemble, drawn from the rows that each member trains on.

    Those of a draw are nested: fewer labels are the first of more.

    Args:
        settings: of the labels.
        store: the data set.
        train_rows: numbers of the training rows in the store.
        members: their numbers.
        counts: how many of the first training rows each member sees; None for all.
        seed: of the training.

    Raises:
        UsageError: a factor that is not in the store, or lists of another length than the members.
        DataError: more labels than rows that can have them, or labels without spread.
    """
    known = factors(store, settings.names, train_rows)
    theta = np.stack([np.asarray(known[name], np.float64) for name in settings.names], axis=1)
    usable = np.flatnonzero(_is_known(settings, store, train_rows))
    numbers, noises = (settings.by_member(name, len(members)) for name in ("number", "noise"))
    places, values = [], []
    for k, member in enumerate(members):
        own = usable[usable < counts[k]] if counts is not None else usable
        number, draw = numbers[k] or len(own), member % settings.draws
        _check_number(settings, int(number), len(own))
        places.append(generator(seed, "labels", draw, _ORDER).permutation(own)[: int(number)])
        noise = generator(seed, "labels", draw, _NOISE).standard_normal((len(own), theta.shape[1]))[: int(number)]
        values.append(_noisy(settings, theta[places[-1]], noise * (noises[k] or 0.0)))
    units = [_unit(settings, own) for own in values]
    labels = Labels(
        settings.names,
        tuple(train_rows[own] for own in places),
        np.stack([centre for centre, _ in units]),
        np.stack([spread for _, spread in units]),
    )
    scaled = [(own - centre) / spread for own, (centre, spread) in zip(values, units, strict=True)]
    return LabelBatches(labels, places, scaled, settings, members, seed)


def few_labels(labels: Labels, model: ModelSettings, numbers: int) -> str | None:
    """What to say where an encoder that sees small numbers as large ones can learn its labels by heart.

    Args:
        labels: of the ensemble.
        model: its settings.
        numbers: how many each row of the code has.
    """
    fewest = min(labels.number)
    if model.scaled is not True or fewest > numbers:
        return None
    return (
        f"{fewest} labelled rows and {numbers} numbers of a row, which the encoder sees each in units of its own size: "
        "it may learn these labels by heart from numbers that hardly vary; set model.scaled = 'alike' "
        "(--set model.scaled=alike) or give more labels"
    )


def _is_known(settings: LabelSettings, store: Store, rows: Integers) -> NDArray[np.bool_]:
    """Which rows have labels that are known."""
    held = np.all([np.isfinite(values) for values in factors(store, settings.names, rows).values()], axis=0)
    if settings.known is None:
        return np.asarray(held)
    return np.asarray(held & (factors(store, [settings.known], rows)[settings.known] > 0))


def _check_number(settings: LabelSettings, number: int, rows: int) -> None:
    if number > rows:
        raise DataError(
            f"{number} labelled rows are asked for, {rows} training rows can have labels: set objective.labels.number "
            f"(--labelled) to at most {rows}"
        )
    if number < settings.least:
        raise DataError(
            f"{number} labelled rows have no spread by which a latent could be scaled: set objective.labels.number "
            f"(--labelled) to at least {settings.least}, or objective.labels.centre and objective.labels.spread"
        )


def _noisy(settings: LabelSettings, theta: FloatArray, noise: FloatArray) -> FloatArray:
    """Labels with noise, that in units of their spread."""
    return theta + noise * _unit(settings, theta)[1] if noise.any() else theta


def _unit(settings: LabelSettings, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centre and spread of factors as far as they are not given, from their labels, (names,) each."""
    centre = theta.mean(0) if settings.centre is None else np.asarray(settings.centre)
    spread = theta.std(0) if settings.spread is None else np.asarray(settings.spread)
    for name, size, value in zip(settings.names, spread, centre, strict=True):
        if not size > 1e-12 * abs(value):
            raise DataError(
                f"{name} is {value:.6g} in all {len(theta)} labelled rows, which gives no spread to scale its latent "
                "by: set objective.labels.number (--labelled) to more, or objective.labels.spread"
            )
    return centre, spread
