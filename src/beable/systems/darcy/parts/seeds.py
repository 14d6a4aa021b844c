r"""Do the main results hold for data drawn again? Shares of members over data sets of several seeds.

Members that share their data are alike, so that an interval over all members is too narrow. The interval of a share
treats each data set as one draw,

.. math:: \bar p \pm t_{S-1} \, s_p / \sqrt S

with p the share of each of S data sets, s_p their deviation.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from beable.studies.context import Context
from beable.systems.darcy.parts.members import Members, Share, members, share

COVER = 0.975


class OfSeed(NamedTuple):
    """The members of one arm on the data of one seed.

    Args:
        seed: of the data.
        angle: of each member, in degrees.
        disentangled: 1, 0, or −1 where it cannot be told.
        error: relative squared error.
    """

    seed: int
    angle: NDArray[np.float64]
    disentangled: list[int]
    error: NDArray[np.float64]

    @property
    def found(self) -> Share:
        """In how many members each factor is in a latent of its own."""
        return share(self.disentangled)


@dataclass(frozen=True)
class Seeds:
    """Arms over data sets.

    Args:
        arms: by what they have in common, a data set each.
    """

    arms: dict[str, list[OfSeed]]

    def as_json(self) -> dict[str, Any]:
        """Every number; the share of each data set, that of all, and its interval over data sets."""
        return {
            "arms": {
                label: {
                    "seeds": [s._asdict() | {"found": str(s.found)} for s in sets],
                    "share": self.total(label).value,
                    "interval": list(self.clustered(label)),
                    "interval_over_members": list(self.total(label).interval),
                }
                for label, sets in self.arms.items()
            }
        }

    def total(self, label: str) -> Share:
        """The share over all data sets, its interval as if members were draws of their own."""
        return share([a for s in self.arms[label] for a in s.disentangled])

    def clustered(self, label: str) -> tuple[float, float]:
        """95 % interval of the share, data sets being the draws, and never narrower than that over members."""
        over_data = clustered([s.found.value for s in self.arms[label]])
        over_members = self.total(label).interval
        return min(over_data[0], over_members[0]), max(over_data[1], over_members[1])


def clustered(shares: list[float]) -> tuple[float, float]:
    """95 % interval of the mean of shares, within 0 and 1; all of that for fewer than two.

    >>> low, high = clustered([0.4, 0.5, 0.6])
    >>> round(low, 3), round(high, 3)
    (0.252, 0.748)
    """
    p = np.array([x for x in shares if not np.isnan(x)])
    if len(p) < 2:
        return 0.0, 1.0
    reach = float(student.ppf(COVER, len(p) - 1) * p.std(ddof=1) / np.sqrt(len(p)))
    return max(0.0, float(p.mean()) - reach), min(1.0, float(p.mean()) + reach)


def seeds(context: Context) -> Seeds:
    """Members of every arm on the rows that they held out; arms of one label belong together."""
    found: dict[str, list[OfSeed]] = {}
    for arm in context.arms("judged"):
        m = members(context, arm)
        found.setdefault(arm.label.partition(", seed")[0], []).append(_of(m, context.data_of(arm).seed or 0))
    return Seeds(found)


def _of(m: Members, seed: int) -> OfSeed:
    return OfSeed(int(seed), m.angle, m.disentangled, m.error)
