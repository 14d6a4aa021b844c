r"""Fields in the basis of their own leading modes (proper orthogonal decomposition, POD).

.. math:: y = \bar y + \Phi c + \text{rest}, \qquad \Phi^\top \Phi = 1, \qquad r = \|y - \bar y\|^2 - \|c\|^2

:math:`\Phi` holds the leading eigenvectors of the covariance of the training rows. The residual energy r is
computed from the rest itself, not as that difference, which would cancel. Sirovich (1987).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from beable.errors import DataError, UsageError
from beable.representations.fields import Channels, Standardisation, Sums, check_scaling
from beable.representations.gaps import Gaps, Read, filled_by_modes, read_modes
from beable.representations.randomised import Ritz, Span, coefficients_of, directions, ritz
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Passes,
    Representation,
    Shapes,
    Snapshots,
    refuse_larger,
)

#: share of the largest energy below which one is rounding: the eigenvalues of thousands of rows round to 1e-14 of it
RESOLVED = 1e-12
#: rows that are few, as a share, and the energy of their modes, in medians of the rows, beyond which it counts no more
FEW_ROWS, MOST_ENERGY = 0.1, 1e4


def largest(columns: NDArray[np.floating]) -> NDArray[np.intp]:
    """Row of the largest entry of each column, by size; the first of those that rounding may put before each other.

    >>> largest(np.array([[1.0, 0.0], [-2.0, 3.0], [2.0, 1.0]])).tolist()
    [1, 1]
    """
    size = np.abs(columns)
    return np.asarray((size >= (1 - 1e-6) * size.max(axis=0)).argmax(axis=0), np.intp)


def counted(energies: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Energy of each mode as it counts when modes are kept: that of a few rows only up to ``MOST_ENERGY`` other rows.

    One row that is larger than the others by orders of magnitude would otherwise decide alone how many modes are kept.
    A mode belongs to :math:`1/\sum_i v_{ik}^4` rows, which are few up to a share ``FEW_ROWS``.

    Args:
        energies: eigenvalues :math:`\lambda_k` of the covariance of rows, (modes,).
        vectors: orthonormal eigenvectors v, (rows, modes).

    >>> counted(np.array([4.0, 1.0]), np.eye(2)).tolist()
    [4.0, 1.0]
    """
    few = 1 / (vectors**4).sum(0) <= max(1.5, FEW_ROWS * len(vectors))
    others = (vectors[:, ~few] ** 2 * energies[~few]).sum(1)
    most = MOST_ENERGY * float(np.median(others))
    return np.where(few, np.minimum(energies, most), energies) if most > 0 else energies


class Modes(Representation):
    """Coefficients of the leading POD modes of the training rows, with the energy that they leave out.

    Args:
        energy: share of the training rows' energy to keep; it decides the number of modes.
        modes: number of modes by hand instead.
        scaling: "channel" divides each channel, such as a component, by its standard deviation first, "none" keeps raw
            units.
        separate: a basis for each channel (needed for an output variance by channel) instead of one for all.

    >>> rng = np.random.default_rng(0)
    >>> field = (rng.normal(size=(9, 2)) @ rng.normal(size=(2, 25))).reshape(9, 5, 5).astype("float32")
    >>> Modes().fit({"pressure": field}).code.shape
    (2,)
    """

    #: whether modes are in single precision, as the fields are
    _narrow = False
    forgets = "what lies outside the kept modes, whose energy is kept for the likelihood"
    lacking = frozenset({"mean"})

    def __init__(
        self,
        energy: float = 1 - 1e-7,
        modes: int | None = None,
        scaling: Literal["none", "channel"] = "channel",
        separate: bool = False,
    ) -> None:
        check_scaling(scaling)
        if not 0 < energy <= 1:
            raise UsageError(f"the kept energy must lie in (0, 1], got {energy}: 0.999 keeps all but a thousandth")
        if modes is not None and (type(modes) is not int or modes < 1):
            raise UsageError(f"the number of modes must be a whole number of at least 1, got {modes}")
        self.energy, self.modes, self.scaling, self.separate = energy, modes, scaling, separate

    def settings(self) -> dict[str, object]:
        return {"energy": self.energy, "modes": self.modes, "scaling": self.scaling, "separate": self.separate}

    def fit(self, snapshots: Snapshots) -> Self:
        self.channels = Channels({name: values.shape[1:] for name, values in snapshots.items()}, self.components)
        stacked = self.channels.stack(snapshots)
        self._check_rows(len(stacked))
        self.standard = Standardisation.of(stacked, self.scaling, self.channels, apart=self.separate)
        scaled = self.standard.apply(stacked)
        del stacked  # as large as all that follows
        fits = [self._pod(block) for block in self._blocks(self._whole(scaled))]
        self.bases = [basis for basis, _ in fits]
        self.energies = [energies for _, energies in fits]
        return self

    def fit_passes(self, passes: Passes) -> Coded:
        """Modes by a randomised decomposition of all training rows; see `randomised`."""
        self._check_rows(passes.rows)
        self._learn_scales(passes)
        bases = self._spanned(passes)
        found = self._solved(passes, bases)
        kept = [self._kept_above_noise(one, len(basis)) for one, basis in zip(found, bases, strict=True)]
        codes = []
        self.bases, self.energies = [], []
        for one, basis, count in zip(found, bases, kept, strict=True):
            modes = basis @ one.turn[:, :count]
            sign = np.sign(modes[largest(modes), np.arange(count)])
            self.bases.append((modes * sign).astype(basis.dtype))
            self.energies.append(one.energies[:count])
            values, left = one.codes(count)
            codes.append((values * sign, left))
        values, left = (np.concatenate([c[0] for c in codes], axis=1), np.stack([c[1] for c in codes], axis=1))
        return Coded(values.astype(np.float32), left.astype(np.float32))

    def _learn_scales(self, passes: Passes) -> None:
        sums, kinds = Sums(), set()
        for snapshots in passes("scales of the fields"):
            self.channels = Channels({name: values.shape[1:] for name, values in snapshots.items()}, self.components)
            stored = self.channels.stored(snapshots)
            kinds.add(stored.dtype)
            sums.add(stored)
        self.standard = Standardisation.of_moments(
            sums.moments(), sums.rows, self.scaling, self.channels, apart=self.separate
        )
        self._narrow = kinds == {np.dtype(np.float32)} and self.scaling == "channel"

    def _spanned(self, passes: Passes) -> list[FloatArray]:
        """A basis for each group of channels that holds its leading modes, from as many rows as `fit` takes."""
        groups = self.channels.number if self.separate else 1
        outputs = self.channels.number * self.channels.pixels // groups
        columns = directions(passes.rows, outputs, self.modes)
        spans = [Span(outputs, columns, i) for i in range(groups)]
        for snapshots in passes("leading modes, first pass", max(self.fit_rows or 0, 2 * columns)):
            scaled = self.standard.apply(self.channels.stack(snapshots))
            for span, block in zip(spans, self._blocks(scaled), strict=True):
                span.add(block)
        return [span.orthonormal().astype(np.float32 if self._narrow else np.float64) for span in spans]

    def _solved(self, passes: Passes, bases: list[FloatArray]) -> list[Ritz]:
        parts = [
            [coefficients_of(block, basis) for block, basis in zip(self._scaled(snapshots), bases, strict=True)]
            for snapshots in passes("leading modes, second pass")
        ]
        return [ritz([part[i][0] for part in parts], [part[i][1] for part in parts]) for i in range(len(bases))]

    def _scaled(self, snapshots: Snapshots) -> list[FloatArray]:
        stored = self.channels.stored(snapshots)
        scaled = (
            self.standard.apply_narrow(stored) if self._narrow else self.standard.apply(np.asarray(stored, np.float64))
        )
        return self._blocks(scaled)

    def _kept_above_noise(self, found: Ritz, outputs: int) -> int:
        """Modes that leave out no more energy than is allowed, without those that noise alone would give."""
        counts = found.counted(FEW_ROWS, MOST_ENERGY)
        resolvable = int((found.energies > RESOLVED * found.energies[0]).sum())
        if self.modes is not None:
            return self._asked(resolvable)
        beyond = found.left.mean(dtype=np.float64) + np.append(np.cumsum(counts[::-1])[::-1], 0.0)
        enough = int((beyond > (1 - self.energy) * beyond[0]).sum())
        noise = found.above_noise(outputs) if self.energy < 1 else len(counts)
        return max(1, min(enough, resolvable, noise, found.sure(outputs)))

    def _asked(self, resolvable: int) -> int:
        if self.modes is not None and self.modes > resolvable:
            raise DataError(
                f"{self.modes} modes asked, the training rows hold only {resolvable}: lower representation.modes"
            )
        return self.modes or resolvable

    def _check_rows(self, rows: int) -> None:
        wanted = max(2, (self.modes or 1) + 1)
        if rows < wanted:
            raise DataError(
                f"{self.modes or 1} modes need at least {wanted} training rows, got {rows}: give more, or "
                "lower representation.modes"
            )

    def _blocks(self, scaled: NDArray[Any]) -> list[NDArray[Any]]:
        """Groups of channels that share a basis, each (rows, outputs)."""
        rows = len(scaled)
        return [scaled[:, i] for i in range(self.channels.number)] if self.separate else [scaled.reshape(rows, -1)]

    def _whole(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Training rows with 0 in the mask and other missing numbers at what the rows' own modes say."""
        if not np.isnan(scaled).any():
            return scaled
        whole, there = self._unmasked(scaled), self.standard.there
        if np.isnan(whole).any():
            parts = [[i] for i in range(len(there))] if self.separate else [list(range(len(there)))]
            for part in parts:
                cells = np.zeros_like(there)
                cells[part] = there[part]
                whole[:, cells] = filled_by_modes(scaled[:, cells])
        return whole

    def _unmasked(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows with 0 in the mask, in place."""
        there = self.standard.there
        if not there.all():
            scaled[:, ~there] = 0.0
        return scaled

    def _dimensions(self) -> list[int]:
        """Outputs of each block of channels, the mask apart."""
        cells = self.standard.there.sum(1)
        return cells.tolist() if self.separate else [int(cells.sum())]

    def _pod(self, block: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Orthonormal basis (outputs, modes) and the mean energy of each mode, by the method of snapshots."""
        energies, vectors = np.linalg.eigh(block @ block.T / len(block))
        energies, vectors = energies[::-1].clip(0), vectors[:, ::-1]
        kept = self._kept(energies, counted(energies, vectors))
        basis, triangle = np.linalg.qr(block.T @ vectors[:, :kept])
        basis = basis * np.sign(np.diag(triangle))
        return basis * np.sign(basis[largest(basis), np.arange(kept)]), energies[:kept]

    def _kept(self, energies: NDArray[np.float64], counted: NDArray[np.float64]) -> int:
        resolvable = int((energies > RESOLVED * energies[0]).sum())
        if self.modes is not None:
            return self._asked(resolvable)
        share = np.cumsum(counted) / counted.sum()
        return min(int(np.searchsorted(share, self.energy)) + 1, resolvable)

    @property
    def code(self) -> CodeSpec:
        counts = [basis.shape[1] for basis in self.bases]
        group = np.repeat(np.arange(len(counts)), counts)
        dimension = np.array([float(n) for n in self._dimensions()])
        scale = np.sqrt(np.concatenate(self.energies)).astype(np.float32)
        return CodeSpec((sum(counts),), group, dimension, scale, self.channels.pixels, self.standard.log_volume)

    def transform(self, snapshots: Snapshots) -> Coded:
        if self._narrow and not any(np.isnan(snapshots[name]).any() for name in self.channels.shapes):
            pairs = zip(self._scaled(snapshots), self.bases, strict=True)
            found = [coefficients_of(block, basis) for block, basis in pairs]
            return Coded(np.concatenate([c for c, _ in found], axis=1), np.stack([left for _, left in found], axis=1))
        blocks = self._blocks(self._unmasked(self.standard.apply(self.channels.stack(snapshots))))
        if any(np.isnan(block).any() for block in blocks):
            return self._partly(blocks)
        codes = [block @ basis for block, basis in zip(blocks, self.bases, strict=True)]
        rests = [b - c @ basis.T for b, c, basis in zip(blocks, codes, self.bases, strict=True)]
        residual_energy = np.stack([(rest**2).sum(1) for rest in rests], axis=1)
        return Coded(np.concatenate(codes, axis=1).astype(np.float32), residual_energy.astype(np.float32))

    def _partly(self, blocks: Sequence[NDArray[np.float64]]) -> Coded:
        """Codes of rows that lack numbers beside the mask."""
        found = [read_modes(*part) for part in zip(blocks, self.bases, self.energies, strict=True)]
        values = np.concatenate([read.codes for read in found], axis=1).astype(np.float32)
        left = np.stack([read.left for read in found], axis=1).astype(np.float32)
        gone = np.stack([np.isnan(block).sum(1) for block in blocks], axis=1)
        return Coded(values, left, gaps=self._gaps(found, (self._dimensions() - gone).astype(np.float32)))

    def _gaps(self, found: Sequence[Read], counts: NDArray[np.float32]) -> Gaps:
        """What is there, by blocks on the diagonal where each channel has a basis of its own."""
        width = sum(read.there.shape[1] for read in found)
        there, first = np.zeros((len(counts), width, width), np.float32), 0
        for read in found:
            own = slice(first, first + read.there.shape[1])
            there[:, own, own], first = read.there, own.stop
        return Gaps(there, np.concatenate([read.target for read in found], axis=1).astype(np.float32), counts)

    def log_jacobian(self, snapshots: Snapshots) -> FloatArray:
        return self.standard.log_volume_lacking(self.channels.stack(snapshots))

    def output_deviation(self, deviation: FloatArray) -> dict[str, FloatArray]:
        own = deviation if self.separate else np.repeat(deviation, self.channels.number)
        cells = np.broadcast_to((own * self.standard.scale)[:, None], self.standard.mean.shape)
        return self.channels.unstack(cells[None], np.ones(len(own), bool))

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        parts = np.split(values, np.cumsum([basis.shape[1] for basis in self.bases])[:-1], axis=1)
        fields = [part @ basis.T for part, basis in zip(parts, self.bases, strict=True)]
        stacked = np.concatenate(fields, axis=1).reshape(len(values), self.channels.number, self.channels.pixels)
        return self.channels.unstack(self.standard.undo(stacked), self.standard.wide(self._spread()))

    def _spread(self) -> NDArray[np.float64] | None:
        """Standard deviation of each channel where it is not its scale; without bases of their own, of all together."""
        if self.scaling == "channel":
            return None
        pairs = zip(self.energies, self._dimensions(), strict=True)
        return np.sqrt([energies.sum() / outputs for energies, outputs in pairs])

    def state(self) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = {"mean": self.standard.mean, "channel_scale": self.standard.scale}
        arrays |= self.channels.state()
        for i, (basis, energies) in enumerate(zip(self.bases, self.energies, strict=True)):
            arrays |= {f"basis.{i}": basis, f"energies.{i}": energies}
        return arrays

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        channels = Channels.restored(state, shapes)
        blocks, numbers = channels.number if self.separate else 1, channels.number * channels.pixels
        wanted = channels.layout(shapes)
        for i in range(blocks):
            modes = self.modes or len(state[f"energies.{i}"])
            wanted |= {f"basis.{i}": (numbers // blocks, modes), f"energies.{i}": (modes,)}
        return wanted

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self.channels = Channels.restored(state, shapes)
        self.standard = Standardisation(np.asarray(state["mean"]), np.asarray(state["channel_scale"]))
        count = self.channels.number if self.separate else 1
        self.bases = [np.asarray(state[f"basis.{i}"]) for i in range(count)]
        self.energies = [np.asarray(state[f"energies.{i}"]) for i in range(count)]
        self._narrow = self.bases[0].dtype == np.float32
        return self
