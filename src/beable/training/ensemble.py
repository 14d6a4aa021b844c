"""Which rows each member of an ensemble sees at which step: a function of (seed, member, step) and nothing else."""

from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from beable.errors import DataError
from beable.representations.gaps import Gaps
from beable.representations.representation import Coded
from beable.streams import generator
from beable.vae.vae import Rows

Integers = NDArray[np.int64]
FEWEST_HELD = 2  # errors are measured by how far the rows held out are from their mean
FARTHEST = 2.0  # times more, or fewer, rows than were asked for may be held out


def split(
    rows: int, held_out: float, seed: int, shuffle: bool = True, parts: Integers | None = None
) -> tuple[Integers, Integers]:
    """Numbers of the training rows and of the held-out rows, each in ascending order.

    Args:
        rows: number of rows.
        held_out: share of them in (0, 1), two rows at least, or how many if at least 1.
        seed: seed of the training.
        shuffle: draw the held-out rows, or parts, at random; otherwise they are the last ones.
        parts: number of the part, from 0, that each row belongs to, (rows); parts are held out whole, so many that the
            rows come as near to those asked for as the drawn order allows.

    Raises:
        DataError: too few rows or parts on one side, or parts of a size that no choice comes near to what is asked.

    >>> [part.tolist() for part in split(6, 2, seed=0, shuffle=False)]
    [[0, 1, 2, 3], [4, 5]]
    >>> [part.tolist() for part in split(6, 2, seed=0, parts=np.array([0, 1, 2, 0, 1, 2]))]
    [[0, 1, 3, 4], [2, 5]]
    """
    count = max(FEWEST_HELD, round(held_out * rows)) if held_out < 1 else int(held_out)
    if not FEWEST_HELD <= count <= rows - 2:
        raise DataError(
            f"{count} of {rows} rows held out leaves {rows - count} to train on: set training.held_out so "
            f"that at least {FEWEST_HELD} are held out and 2 are kept"
        )
    parts = np.arange(rows) if parts is None else parts
    sizes = np.bincount(parts)
    order = generator(seed, "split").permutation(len(sizes)) if shuffle else np.arange(len(sizes))
    held = np.isin(parts, _nearest(order[::-1], sizes, count))
    return np.flatnonzero(~held), np.flatnonzero(held)


def _nearest(order: Integers, sizes: Integers, count: int) -> Integers:
    """The first parts of an order, leaving out those that would lead away from a number of rows.

    Raises:
        DataError: fewer than two parts, or none of a fitting size.
    """
    if len(sizes) < 2:
        raise DataError(
            "all rows belong together, none can be held out: set training.group (--group) to factors that differ"
        )
    taken, rows = [], 0
    for part in order:
        if rows == count:
            break
        if abs(rows + sizes[part] - count) < abs(rows - count):
            taken.append(part)
            rows += int(sizes[part])
    if rows < FEWEST_HELD or len(taken) == len(sizes) or not count / FARTHEST <= rows <= count * FARTHEST:
        raise DataError(
            f"{len(sizes)} groups or blocks of {sizes.min()} to {sizes.max()} rows: {count} of {sizes.sum()} rows "
            f"cannot be held out, nor a number near it: set training.held_out (--held-out) to {_possible(sizes):.2g}"
        )
    return np.array(taken)


def _possible(sizes: Integers) -> float:
    """The share of rows in the part of middle size."""
    return float(np.sort(sizes)[(len(sizes) - 1) // 2] / sizes.sum())


def blocks_of(rows: int, blocks: int) -> Integers:
    """Number of the block of neighbours that each row belongs to, blocks as equal as they come.

    Raises:
        DataError: fewer rows than blocks.

    >>> blocks_of(7, 3).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """
    if blocks > rows:
        raise DataError(f"{rows} rows cannot be cut into {blocks} blocks: set training.blocks (--blocks) to fewer")
    return np.repeat(np.arange(blocks), [len(part) for part in np.array_split(np.arange(rows), blocks)])


def groups_of(values: NDArray[np.floating]) -> Integers:
    """Number of the group of rows with the same values, (rows, names), groups in the order of their first rows.

    >>> groups_of(np.array([[2.0, 1.0], [0.0, 1.0], [2.0, 1.0]])).tolist()
    [0, 1, 0]
    """
    _, first, number = np.unique(values, axis=0, return_index=True, return_inverse=True)
    groups: Integers = np.argsort(np.argsort(first))[number.ravel()]
    return groups


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
        return rows_at(self.rows, index)

    def everything(self) -> Rows:
        """Every row, the same for all members."""
        return per_member(self.rows, len(self.members))

    def spread(self, limit: int) -> Rows:
        """Evenly spaced rows of those that each member trains on, as many for all; fewer rows of its own are repeated.

        In a file whose neighbours are alike, the first rows would be the same few.
        """
        count = min(limit, max(self.counts))
        index = np.stack([np.arange(count) * own // count for own in self.counts])
        if self._draws is not None:
            index = np.take_along_axis(self._draws, index, axis=1)
        return self.rows.each(lambda t: t[torch.from_numpy(index)])

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
    gaps = None if coded.gaps is None else Gaps(*(torch.from_numpy(np.ascontiguousarray(part)) for part in coded.gaps))
    return Rows(values, torch.from_numpy(coded.residual_energy), conditions, gaps)


def per_member(rows: Rows, members: int) -> Rows:
    """The same rows for every member, without copying."""
    return rows.each(lambda t: t.expand(members, *t.shape))


def spread_rows(rows: Rows, limit: int) -> Rows:
    """Evenly spaced rows of each member, at most so many."""
    every = rows.values.shape[1]
    count = min(limit, every)
    return rows.each(lambda t: t[:, torch.arange(count) * every // count])


def rows_at(rows: Rows, places: Tensor) -> Rows:
    """Rows for each member, (rows, ...) at places (members, count)."""
    return rows.each(lambda t: t[places])


def batched(rows: Rows, size: int) -> Iterator[Rows]:
    """The rows of each member, so many at a time; one block without rows where there are none."""
    for start in range(0, max(rows.values.shape[1], 1), size):
        yield rows.each(itemgetter((slice(None), slice(start, start + size))))
