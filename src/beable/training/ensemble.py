"""Which rows each member of an ensemble sees at which step: a function of (seed, member, step) and nothing else."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable.errors import DataError
from beable.representations.representation import Coded
from beable.streams import generator
from beable.vae.vae import Rows


def split(rows: int, held_out: float, seed: int, shuffle: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the training rows and of the held-out rows, each in ascending order.

    Args:
        rows: number of rows.
        held_out: share of them in (0, 1), or how many if at least 1.
        seed: seed of the training.
        shuffle: draw the held-out rows at random; otherwise they are the last ones.

    >>> [part.tolist() for part in split(6, 2, seed=0, shuffle=False)]
    [[0, 1, 2, 3], [4, 5]]
    """
    count = round(held_out * rows) if held_out < 1 else int(held_out)
    if not 1 <= count <= rows - 2:
        raise DataError(
            f"{count} of {rows} rows held out leaves {rows - count} to train on: set training.held_out so "
            "that at least 1 is held out and 2 are kept"
        )
    order = generator(seed, "split").permutation(rows) if shuffle else np.arange(rows)
    return np.sort(order[: rows - count]), np.sort(order[rows - count :])


def drawn(rows: int, rng: np.random.Generator, size: int | None = None) -> NDArray[np.int64]:
    """A bootstrap draw: numbers of rows with replacement, as many as there are rows unless ``size`` is given."""
    return rng.integers(rows, size=rows if size is None else size)


class Batches:
    """Batches of coded rows, each member in its own order.

    Member k goes through random permutations of its rows, one after the other, ``size`` rows at a time.

    Args:
        coded: training rows.
        members: numbers of the members.
        size: rows in a batch; None takes all rows in every step.
        seed: seed of the training.
        counts: how many of the first rows each member trains on; None for all.
        bootstrap: whether a member trains on a bootstrap draw of these, the one that its linear start is made of.
    """

    def __init__(
        self,
        coded: Coded,
        members: Sequence[int],
        size: int | None,
        seed: int,
        counts: Sequence[int] | None = None,
        bootstrap: bool = False,
    ) -> None:
        self.rows = as_tensors(coded)
        self.members, self.seed = list(members), seed
        rows = len(self.rows.values)
        self.counts = [rows] * len(self.members) if counts is None else list(counts)
        if len(self.counts) != len(self.members) or not all(1 <= n <= rows for n in self.counts):
            raise DataError(
                f"rows by member {self.counts}: give training.rows one number from 1 to {rows} for each of "
                f"{len(members)} members"
            )
        self.size = min(size or rows, min(self.counts))
        self.full = self.size == rows and not bootstrap
        self._draws = self._bootstrap(rows) if bootstrap else None
        self._orders: dict[tuple[int, int], NDArray[np.int64]] = {}

    def at(self, step: int) -> Rows:
        """The batch of a step, (members, size, ...)."""
        if self.full:
            return self.everything()
        index = torch.from_numpy(np.stack([self._take(k, step) for k in range(len(self.members))]))
        return _each(self.rows, lambda t: t[index])

    def everything(self, limit: int | None = None) -> Rows:
        """The first rows, the same for all members unless each has a draw of its own; every row without a limit."""
        if self._draws is not None:
            index = torch.from_numpy(self._draws[:, :limit])
            return _each(self.rows, lambda t: t[index])
        return per_member(_each(self.rows, lambda t: t[:limit]), len(self.members))

    def _take(self, k: int, step: int) -> NDArray[np.int64]:
        count, first = self.counts[k], step * self.size
        epoch, place = divmod(first, count)
        taken = self._order(k, epoch)[place : place + self.size]
        missing = self.size - len(taken)
        taken = taken if not missing else np.concatenate([taken, self._order(k, epoch + 1)[:missing]])
        return taken if self._draws is None else self._draws[k, taken]

    def _bootstrap(self, rows: int) -> NDArray[np.int64]:
        """The draw of each member, (members, rows)."""
        rngs = [generator(self.seed, "start", k) for k in self.members]
        return np.stack([drawn(count, rng, rows) for count, rng in zip(self.counts, rngs, strict=True)])

    def _order(self, k: int, epoch: int) -> NDArray[np.int64]:
        if (k, epoch) not in self._orders:
            self._orders.pop((k, epoch - 2), None)
            order = generator(self.seed, "order", self.members[k], epoch).permutation(self.counts[k])
            self._orders[k, epoch] = order
        return self._orders[k, epoch]


def as_tensors(coded: Coded) -> Rows:
    """Coded rows as tensors, values flattened to (rows, m)."""
    conditions = None if coded.conditions is None else torch.from_numpy(coded.conditions)
    values = torch.from_numpy(coded.values.reshape(len(coded.values), -1))
    return Rows(values, torch.from_numpy(coded.residual_energy), conditions)


def per_member(rows: Rows, members: int) -> Rows:
    """The same rows for every member, without copying."""
    return _each(rows, lambda t: t.expand(members, *t.shape))


def first_rows(rows: Rows, limit: int) -> Rows:
    """The first rows of each member."""
    return _each(rows, lambda t: t[:, :limit])


def batched(rows: Rows, size: int) -> Iterator[Rows]:
    """The rows of each member, so many at a time; one block without rows where there are none."""
    for start in range(0, max(rows.values.shape[1], 1), size):
        yield _each(rows, itemgetter((slice(None), slice(start, start + size))))


def _each(rows: Rows, change: Callable[[Tensor], Tensor]) -> Rows:
    conditions = None if rows.conditions is None else change(rows.conditions)
    return Rows(change(rows.values), change(rows.residual_energy), conditions)
