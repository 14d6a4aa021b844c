r"""Leading modes of rows that do not fit into memory, by passes over blocks of them.

A test matrix :math:`\Omega` of a few more columns than modes are wanted is turned towards the leading modes by a pass
over some of the rows, :math:`Q = \mathrm{orth}(X^\top X \Omega)`. A pass over all rows then gives the coefficients
:math:`C = X Q`, what they leave out, and with :math:`C^\top C / n = V \Lambda V^\top` the modes :math:`Q V` and their
energies :math:`\lambda` (Rayleigh and Ritz). Halko, Martinsson and Tropp, SIAM Review 53 (2011).

Sums are taken in double precision, so that the size of a block matters no more than rounding. What the modes leave out
is summed from the rest itself, so that how many of them are kept does not hang on rounding either.

A mode is kept only where its energy is above what noise alone would give its largest mode, the edge of Marchenko and
Pastur (1967) for the variance :math:`\sigma^2` of the rest over n rows of D numbers:

.. math:: \lambda > \sigma^2 \, (1 + \sqrt{D/n})^2 .
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.streams import generator

Floats = NDArray[np.floating]
#: columns of the test matrix beyond the modes that are wanted
MORE = 32
#: most modes that are looked for, and numbers of a basis and of coefficients that fit into memory
MOST_MODES, BASIS_NUMBERS, CODE_NUMBERS, FEWEST = 512, 1 << 25, 1 << 27, 64
#: times more rows than columns from which on the rest tells how large noise is
FEWEST_TIMES = 4
#: how far the largest mode of noise may lie above the edge, which is that of many rows
MARGIN = 1.1


def directions(rows: int, outputs: int, modes: int | None) -> int:
    """How many columns the test matrix has: enough for the modes that are asked for, or for as many as fit.

    >>> directions(15_000, 32_768, None), directions(400, 10**6, None), directions(10**6, 30, None)
    (544, 96, 30)
    """
    fitting = max(FEWEST, min(MOST_MODES, BASIS_NUMBERS // outputs, CODE_NUMBERS // rows))
    return min(rows, outputs, (modes or fitting) + MORE)


class Span:
    """Directions that rows turn towards their leading modes.

    Args:
        outputs: numbers D of a row.
        columns: of the test matrix.
        place: which of several spans it is.
    """

    def __init__(self, outputs: int, columns: int, place: int = 0) -> None:
        self.test: NDArray[np.float64] = generator(0, "modes", place).standard_normal((outputs, columns))
        self.turned: NDArray[np.float64] = np.zeros((outputs, columns))

    def add(self, rows: Floats) -> None:
        """A block of rows (rows, D)."""
        self.turned += rows.T @ (rows @ self.test)

    def orthonormal(self) -> NDArray[np.float64]:
        """Q, (D, columns)."""
        found = self.turned
        del self.turned, self.test  # as large as the answer
        return np.asarray(np.linalg.qr(found)[0])


class Ritz(NamedTuple):
    """What a pass over rows finds in a span.

    Args:
        energies: mean energy of each mode in descending order, (columns).
        turn: V, (columns, columns).
        coefficients: C, (rows, columns).
        left: energy of each row that the span leaves out, (rows).
    """

    energies: NDArray[np.float64]
    turn: NDArray[np.float64]
    coefficients: Floats
    left: Floats

    def codes(self, kept: int) -> tuple[Floats, Floats]:
        """Coefficients of the modes that are kept, (rows, kept), and the energy that they leave out, (rows)."""
        codes = np.empty((len(self.coefficients), kept), self.coefficients.dtype)
        left = np.empty(len(codes), self.left.dtype)
        for at in _slices(len(codes)):
            turned = self.coefficients[at] @ self.turn
            codes[at] = turned[:, :kept]
            left[at] = self.left[at] + (turned[:, kept:] ** 2).sum(1)
        return codes, left

    def counted(self, few_rows: float, most_energy: float) -> NDArray[np.float64]:
        """Energies as they count when modes are kept; see `modes.counted`."""
        size = np.sqrt(len(self.coefficients) * np.where(self.energies > 0, self.energies, np.inf))
        parts = [((self.coefficients[at] @ self.turn / size) ** 4).sum(0) for at in _slices(len(self.coefficients))]
        few = 1 / np.maximum(np.sum(parts, axis=0), np.finfo(np.float64).tiny) <= max(
            1.5, few_rows * len(self.coefficients)
        )
        if not few.any():
            return self.energies
        others = [((self.coefficients[at] @ self.turn[:, ~few]) ** 2).sum(1) for at in _slices(len(self.coefficients))]
        most = most_energy * float(np.median(np.concatenate(others))) / len(self.coefficients)
        return np.where(few, np.minimum(self.energies, most), self.energies) if most > 0 else self.energies

    def sure(self, outputs: int) -> int:
        """How many modes there may be: the last columns of a test matrix are there to make the others exact."""
        rows, columns = map(int, self.coefficients.shape)
        return columns if columns == min(rows, outputs) else columns - MORE

    def above_noise(self, outputs: int) -> int:
        """How many modes stand above the edge of noise, whose variance is that of all that is below the edge."""
        rows, columns = map(int, self.coefficients.shape)
        if columns >= min(rows // FEWEST_TIMES, outputs):  # so many columns hold noise and all
            return columns
        beyond = self.left.mean(dtype=np.float64) + np.append(np.cumsum(self.energies[::-1])[::-1], 0.0)
        kept, above = columns + 1, columns
        while above < kept:
            kept = above
            variance = beyond[kept] / ((1 - kept / rows) * (1 - kept / outputs)) / outputs
            above = int((self.energies[:kept] > MARGIN * variance * (1 + np.sqrt(outputs / rows)) ** 2).sum())
        return kept


def ritz(coefficients: list[Floats], left: list[Floats]) -> Ritz:
    """The modes of coefficients in a span and of what it leaves out, block after block."""
    small = np.sum([c.T.astype(np.float64) @ c for c in coefficients], axis=0)
    c, rest = np.concatenate(coefficients), np.concatenate(left)
    energies, turn = np.linalg.eigh(small / len(c))
    return Ritz(energies[::-1].clip(0), np.ascontiguousarray(turn[:, ::-1]), c, rest)


def coefficients_of(rows: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Coefficients of rows (rows, D) in a basis (D, columns), and the energy of what these leave out, (rows)."""
    codes = rows @ basis
    rest = codes @ basis.T
    np.subtract(rows, rest, out=rest)
    return codes, np.einsum("ij,ij->i", rest, rest)


def _slices(rows: int, size: int = 4096) -> Iterable[slice]:
    return (slice(i, i + size) for i in range(0, rows, size))
