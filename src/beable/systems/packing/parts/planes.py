r"""t-SNE of a table and of its reconstructions, with what the pictures leave out.

t-SNE (van der Maaten and Hinton, JMLR 9, 2579 (2008)) spreads any rows over the plane, dust of rounding too: the
spread of the rows comes first. Reconstructions are a smooth function of two latents, and so is the packing fraction
decoded from them: that neighbours have like colours is then a property of any decoder. What they would have to show is
the *true* packing fraction of the rows. The score of a colour is R² of the mean of five neighbours in the plane.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from beable.metrics.columns import distinct
from beable.systems.packing.parts.rows import Floats

NEIGHBOURS, PERPLEXITY, DUST = 5, 30.0, 1e-3


class Plane(NamedTuple):
    """A table on the plane.

    Args:
        beta: of the member that decoded it; None for the table itself.
        points: on the plane, (rows, 2).
        shown: packing fraction of what is shown, (rows).
        truth: packing fraction of the rows in the table, (rows).
        spread: root-mean-square deviation of the scaled columns over that of the table.
        own: R² of the shown packing fraction from neighbours.
        true: R² of the true one.
    """

    beta: float | None
    points: Floats
    shown: Floats
    truth: Floats
    spread: float
    own: float
    true: float

    @property
    def dust(self) -> bool:
        """Whether the rows hardly differ, so that the picture shows nothing."""
        return self.spread < DUST

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        low, high = self.shown.min(), self.shown.max()
        numbers = {"beta": self.beta, "spread": self.spread, "own_r2": self.own, "true_r2": self.true}
        return numbers | {"low": low, "high": high, "dust": self.dust}


def plane(rows: Floats, shown: Floats, truth: Floats, size: float, beta: float | None = None, seed: int = 0) -> Plane:
    """Scaled rows (rows, columns) on the plane.

    Args:
        rows: to be laid out.
        shown, truth: see `Plane`.
        size: root-mean-square deviation of the table's columns.
        beta: see `Plane`.
        seed: of t-SNE.
    """
    from sklearn.manifold import TSNE

    spread = float(np.sqrt(rows.var(0).mean()))
    if np.ptp(rows, axis=0).max() == 0:
        points = np.zeros((len(rows), 2))
    else:
        tsne = TSNE(perplexity=min(PERPLEXITY, len(rows) / 4), init="pca", learning_rate="auto", random_state=seed)
        points = np.asarray(tsne.fit_transform(rows.astype(np.float64)), np.float64)
    return Plane(beta, points, shown, truth, spread / size, neighbours(points, shown), neighbours(points, truth))


def neighbours(points: Floats, values: Floats) -> float:
    """R² of values (rows) by the mean of the nearest other points; NaN for values that are all the same.

    >>> x = np.random.default_rng(0).uniform(size=(200, 2))
    >>> neighbours(x, x[:, 0]) > 0.9
    True
    """
    if distinct(values) == 1:
        return float("nan")
    near = cKDTree(points).query(points, NEIGHBOURS + 1)[1][:, 1:]
    return float(1 - np.square(values - values[near].mean(1)).mean() / values.var())
