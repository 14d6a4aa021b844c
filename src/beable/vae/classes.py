r"""Outputs that are one of k classes, coded as one of k numbers, beside outputs that are numbers.

The decoder says k numbers l of each such output; its likelihood is that of a categorical variable,

.. math:: -\log p(y | l) = \log \sum_j e^{l_j} - l_y .

A row whose class is missing, coded as k zeros, says nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from beable.representations.gaps import Gaps
from beable.vae.distributions import GroupedNormal

#: first number of a class's code and the number after its last
Blocks = Sequence[tuple[int, int]]


def numbers_of(width: int, blocks: Blocks) -> list[int]:
    """Places of a code of so many numbers that belong to no class.

    >>> numbers_of(5, [(1, 4)])
    [0, 4]
    """
    taken = {place for start, stop in blocks for place in range(start, stop)}
    return [place for place in range(width) if place not in taken]


def shares(location: Tensor, blocks: Blocks) -> Tensor:
    """What is decoded, with the probabilities of classes in place of their logits, (members, rows, m).

    >>> shares(torch.tensor([[[2.0, 0.0, 0.0]]]), [(1, 3)]).tolist()
    [[[2.0, 0.5, 0.5]]]
    """
    found = location.clone() if blocks else location
    for start, stop in blocks:
        found[..., start:stop] = torch.softmax(location[..., start:stop], -1)
    return found


@dataclass(frozen=True)
class WithClasses(GroupedNormal):
    """A normal likelihood of the numbers of a code and a categorical one of its classes.

    Args:
        mean: location of all m numbers, logits where these belong to a class, (members, rows, m).
        log_variance, group, dimension: of the numbers that belong to no class, as of `GroupedNormal`.
        blocks: where classes lie among the m.
        numbers: places of the numbers that belong to no class.

    >>> p = WithClasses(torch.zeros(1, 1, 2), torch.zeros(1, 0), torch.zeros(0, dtype=torch.long), torch.zeros(0),
    ...     ((0, 2),), torch.zeros(0, dtype=torch.long))
    >>> p.log_prob(torch.tensor([[[1.0, 0.0]]]), torch.zeros(1, 1, 0)).exp().tolist()
    [[0.5]]
    """

    blocks: Blocks
    numbers: Tensor

    @property
    def _plain(self) -> GroupedNormal:
        """The likelihood of the numbers alone."""
        return GroupedNormal(self.mean[..., self.numbers], self.log_variance, self.group, self.dimension)

    def energy(self, values: Tensor, residual_energy: Tensor) -> Tensor:
        return self._plain.energy(values[..., self.numbers], residual_energy)

    def log_prob(self, values: Tensor, residual_energy: Tensor) -> Tensor:
        return super().log_prob(values, residual_energy) + self._of_classes(values)

    def log_prob_there(self, gaps: Gaps, residual_energy: Tensor) -> Tensor:
        return self._plain.log_prob_there(gaps.of(self.numbers), residual_energy) + self._of_classes(gaps.target)

    def _of_classes(self, values: Tensor) -> Tensor:
        """Log probability of the classes of each row, (members, rows)."""
        told = self.mean.new_zeros(())
        for start, stop in self.blocks:
            told = told + (values[..., start:stop] * torch.log_softmax(self.mean[..., start:stop], -1)).sum(-1)
        return told
