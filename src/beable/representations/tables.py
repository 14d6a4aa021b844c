r"""Rows of named numbers, each read on the scale on which its errors are alike: as it is, as logarithm, between bounds,
or as shares of a whole.

A table's row y, scalars and short vectors, becomes :math:`t(y)` column by column and the code :math:`c = (t - o)/s`
with an offset and a scale of each column. What depends on the row in the change of variables is the log Jacobian:

.. math:: -\log p(y) = -\log p(c) + \sum \log s + \log J(y), \qquad
    J(y) = \prod \left|\frac{\mathrm{d}y}{\mathrm{d}t}\right|

with :math:`\mathrm{d}y/\mathrm{d}t = y` for a logarithm, :math:`(y - a)(b - y)/(b - a)` between bounds, and
:math:`\sqrt k \prod_i x_i` for k shares in isometric log-ratios (Egozcue et al., 2003), their density being that with
respect to Lebesgue measure on the first k - 1 shares.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, NamedTuple, Self

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import expit, softmax

from beable.errors import DataError, UsageError, unknown
from beable.representations.gaps import (
    MOST_NUMBERS,
    Gaps,
    by_number,
    counted,
    expected,
    mean_there,
    normal_law,
)
from beable.representations.representation import (
    Coded,
    CodeSpec,
    FloatArray,
    Passes,
    Representation,
    Shapes,
    Snapshots,
    refuse_larger,
    rows_of,
)

Floats = NDArray[np.float64]
SCALINGS = ("deviation", "range", "maximum", "overall", "none")
SIMPLICES = ("ilr", "closed", "rescale", "none")
CONSTANTS = ("refuse", "keep")
GROUPS = ("column", "variable", "all")
SUM_TOLERANCE = 1e-3


class Plain:
    """A variable of k numbers as they are: the coordinates t are the numbers."""

    #: size of a coordinate with which its rounding compares, if it is smaller itself: 1 for logarithms
    unit = 0.0

    def __init__(self, name: str, width: int) -> None:
        self.name, self.width = name, width

    @property
    def names(self) -> list[str]:
        """A name for each coordinate."""
        return [self.name] if self.width == 1 else [f"{self.name}[{i}]" for i in range(self.width)]

    def settle(self, values: Floats) -> Floats:
        """Numbers (rows, k) that have coordinates; refuses those that have none."""
        return values

    def decodable(self, values: Floats) -> Floats:
        """Settled numbers as they come back from a code."""
        return values

    def apply(self, values: Floats) -> Floats:
        """Settled numbers to coordinates."""
        return values

    def undo(self, coordinates: Floats) -> Floats:
        """Coordinates to numbers."""
        return coordinates

    def log_jacobian(self, values: Floats) -> Floats:
        """Log |dy/dt| of settled numbers, (rows)."""
        return np.zeros(len(values))

    def refuse(self, values: Floats, bad: NDArray[np.bool_], advice: str) -> None:
        """Name the first number that is bad."""
        if bad.any():
            row, column = np.argwhere(bad)[0]
            label = self.name if values.shape[1] == 1 else f"{self.name}[{column}]"
            raise DataError(f"{label} is {values[row, column]:.6g} in row {row}: {advice}")


class Logarithm(Plain):
    """t = ln y."""

    unit = 1.0

    def settle(self, values: Floats) -> Floats:
        self.refuse(
            values, values <= 0, "a logarithm needs a number above 0: mend the row or take it out of representation.log"
        )
        return values

    def apply(self, values: Floats) -> Floats:
        return np.log(values)

    def undo(self, coordinates: Floats) -> Floats:
        with np.errstate(over="ignore"):  # a code that no row has is infinite
            return np.exp(coordinates)

    def log_jacobian(self, values: Floats) -> Floats:
        return np.asarray(np.nansum(np.log(values), axis=1))


class Between(Plain):
    """t = ln (y - a) - ln (b - y) between bounds a and b."""

    unit = 1.0

    def __init__(self, name: str, width: int, low: float, high: float) -> None:
        super().__init__(name, width)
        self.low, self.high = low, high

    def settle(self, values: Floats) -> Floats:
        advice = f"it must lie inside ({self.low:g}, {self.high:g}): mend the row or widen it in representation.bounded"
        self.refuse(values, (values <= self.low) | (values >= self.high), advice)
        return values

    def apply(self, values: Floats) -> Floats:
        return np.log(values - self.low) - np.log(self.high - values)

    def undo(self, coordinates: Floats) -> Floats:
        return np.asarray(self.low + (self.high - self.low) * expit(coordinates))

    def log_jacobian(self, values: Floats) -> Floats:
        spans = np.log(values - self.low) + np.log(self.high - values) - np.log(self.high - self.low)
        return np.asarray(np.nansum(spans, axis=1))


class Shares(Plain):
    """Shares of a whole, coded as they are; decoded ones are cut at 0 and, if asked, divided by their sum."""

    def __init__(self, name: str, width: int, rescaled: bool) -> None:
        super().__init__(name, width)
        self.rescaled = rescaled

    def settle(self, values: Floats) -> Floats:
        self.refuse(values, values < 0, "a share of a whole is not negative: mend the row")
        return values

    def decodable(self, values: Floats) -> Floats:
        return self.undo(values)

    def undo(self, coordinates: Floats) -> Floats:
        return _closed(np.maximum(coordinates, 0)) if self.rescaled else coordinates


class LogRatios(Plain):
    """Shares of a whole in k - 1 isometric log-ratios.

    A share below the smallest that is told from none is put there, and the others give way in proportion, so that
    their ratios stay (multiplicative replacement; Martín-Fernández et al., 2003).
    """

    unit = 1.0

    def __init__(self, name: str, width: int, smallest: float, closed: bool = False) -> None:
        if width < 2:
            raise DataError(
                f"{name} holds one number a row: shares of a whole are at least two: take it out of "
                "representation.composition"
            )
        if smallest * width >= 1:
            raise DataError(f"{name} holds {width} shares: set representation.smallest below {1 / width:.3g}")
        super().__init__(name, width)
        self.smallest, self.basis = smallest, np.asarray(scipy.linalg.helmert(width))
        self.closed = closed

    @property
    def names(self) -> list[str]:
        return [f"{self.name} (ilr {i + 1})" for i in range(self.width - 1)]

    def settle(self, values: Floats) -> Floats:
        self.refuse(values, values < 0, "a share of a whole is not negative: mend the row")
        sums = values.sum(1)
        bad = np.flatnonzero(sums <= 0 if self.closed else np.abs(sums - 1) > SUM_TOLERANCE)
        if bad.size:
            raise DataError(
                f"{self.name} sums to {sums[bad[0]]:.6g} in row {bad[0]}: shares of a whole sum to 1 within "
                f"{SUM_TOLERANCE:g}: mend the row, leave it out, or set representation.simplex = 'closed', which "
                "divides each row by its sum"
            )
        return self._detected(values / sums[:, None])

    def _detected(self, shares: Floats) -> Floats:
        absent = shares < self.smallest
        others = np.where(absent, 0, shares)
        left = 1 - self.smallest * absent.sum(1, keepdims=True)
        return np.where(absent, self.smallest, others * left / others.sum(1, keepdims=True))

    def apply(self, values: Floats) -> Floats:
        return np.asarray(np.einsum("rk,mk->rm", np.log(values), self.basis))

    def undo(self, coordinates: Floats) -> Floats:
        return np.asarray(softmax(np.einsum("rm,mk->rk", coordinates, self.basis), axis=1))

    def log_jacobian(self, values: Floats) -> Floats:
        return np.asarray(np.log(values).sum(1) + 0.5 * np.log(self.width))


class OneOf(Plain):
    """One of k classes, numbered from 0 on, in k coordinates of which that of the class is 1 and the others 0.

    They are decoded as probabilities, and the most probable class comes back. The coordinates have no scale.
    """

    def __init__(self, name: str, width: int, count: int) -> None:
        if width > 1:
            raise DataError(
                f"{name} holds {width} numbers a row: classes are one: take it out of representation.classes"
            )
        super().__init__(name, width)
        self.count = count

    @property
    def names(self) -> list[str]:
        return [f"{self.name}={i}" for i in range(self.count)]

    def settle(self, values: Floats) -> Floats:
        bad = np.isfinite(values) & ~np.isin(values, np.arange(self.count))
        self.refuse(values, bad, f"classes are whole numbers from 0 to {self.count - 1}: mend the row")
        return values

    def apply(self, values: Floats) -> Floats:
        return np.asarray(values == np.arange(self.count), np.float64)

    def undo(self, coordinates: Floats) -> Floats:
        return np.asarray(coordinates.argmax(axis=1)[:, None], np.float64)


def _closed(shares: Floats) -> Floats:
    """Shares divided by their sum; equal ones where all are 0."""
    sums = shares.sum(1, keepdims=True)
    return np.where(sums > 0, shares / np.where(sums > 0, sums, 1), 1 / shares.shape[1])


class Table(Representation):
    """Rows of named scalars () and short vectors (k), each on a scale of its own.

    Args:
        scaling: "deviation" (less the mean, over the standard deviation), "range" (to [0, 1]), "maximum" (over the
            largest absolute value) or "none", of each column; "overall" (over the largest absolute value of all).
        log: names of variables that are taken as logarithms, with commas between.
        composition: names of vectors that are shares of a whole, with commas between.
        simplex: how shares are coded: "ilr" (k - 1 isometric log-ratios, with a density on the simplex), "closed" (the
            same of rows with any sum, each divided by it, so that decoded ones sum to 1), "rescale"
            (as they are, divided by their sum after decoding, as Hall & Sparks, 2023) or "none". Without "ilr" the
            density is that of k numbers that are free of each other.
        bounded: bounds of variables that are taken as log-odds between them, such as "porosity=0:1".
        classes: variables that are one of k classes, numbered from 0 on, such as "phase=3": k numbers of the code of
            which one is 1, with a categorical likelihood.
        constant: "refuse" columns that are the same in all training rows, or "keep" them out of the code and decode
            their value.
        smallest: share of a whole that is told from none, for "ilr".
        groups: numbers with an output variance of their own: each "column", each "variable" or "all".

    References: Egozcue et al. (2003) for log-ratios; Hall & Sparks (2023) for "rescale".

    >>> shares = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])
    >>> rows = {"size": np.array([1.0, 10.0, 100.0]), "mass_fraction": shares}
    >>> table = Table(log="size", composition="mass_fraction").fit(rows)
    >>> table.code.shape
    (3,)
    >>> table.inverse(table.transform(rows).values)["size"].round(3).tolist()
    [1.0, 10.0, 100.0]
    """

    #: ends of a range are single rows, and evenly spaced rows of a design are no fair sample of it
    fit_rows = None
    #: mean (first row) and covariance of codes, where training rows lack some numbers
    law: Floats | None = None
    whole_bytes = 1 << 26

    def __init__(
        self,
        scaling: Literal["deviation", "range", "maximum", "overall", "none"] = "deviation",
        log: str = "",
        composition: str = "",
        simplex: Literal["ilr", "closed", "rescale", "none"] = "ilr",
        bounded: str = "",
        classes: str = "",
        constant: Literal["refuse", "keep"] = "refuse",
        smallest: float = 1e-4,
        groups: Literal["column", "variable", "all"] = "column",
    ) -> None:
        _check_choice("scaling", scaling, SCALINGS)
        _check_choice("simplex", simplex, SIMPLICES)
        _check_choice("treatment of constant columns", constant, CONSTANTS)
        _check_choice("groups of a table", groups, GROUPS)
        if not 0 < smallest < 0.5:
            raise UsageError(f"representation.smallest must lie in (0, 0.5), got {smallest}")
        self.scaling, self.log, self.composition, self.simplex = scaling, log, composition, simplex
        self.bounded, self.constant, self.smallest, self.groups = bounded, constant, smallest, groups
        self.classes = classes
        self._logs, self._compositions, self._bounds = _names(log), _names(composition), _bounds(bounded)
        self._counts = _counts(classes)
        _check_once([*self._logs, *self._compositions, *self._bounds, *self._counts])
        self.forgets = self._forgotten()

    def _forgotten(self) -> str:
        parts = []
        if self._compositions and self.simplex in ("ilr", "closed"):
            parts.append(f"shares below {self.smallest:g}, which become {self.smallest:g}")
        if self._compositions and self.simplex in ("closed", "rescale"):
            parts.append("the sum of the shares, which becomes 1")
        if self.constant == "keep":
            parts.append("columns that are the same in all training rows")
        return " and ".join(parts) or "nothing"

    def settings(self) -> dict[str, object]:
        return {
            "scaling": self.scaling,
            "log": self.log,
            "composition": self.composition,
            "simplex": self.simplex,
            "bounded": self.bounded,
            "constant": self.constant,
            "smallest": self.smallest,
            "groups": self.groups,
        } | ({"classes": self.classes} if self.classes else {})

    def fit(self, snapshots: Snapshots) -> Self:
        self._lay_out({name: values.shape[1:] for name, values in snapshots.items()})
        coordinates = self._coordinates(self._settled(snapshots))
        self._settle_scales(_summary(coordinates), coordinates[0])
        scaled = self._scaled(coordinates)
        self._size = np.sqrt(mean_there(scaled**2, 0))
        partly = np.isnan(scaled).any() and scaled.shape[1] <= MOST_NUMBERS
        self.law = np.stack([(law := normal_law(scaled))[0], *law[1]]) if partly else None
        return self

    def fit_passes(self, passes: Passes) -> None:
        blocks, firsts = [], []
        for snapshots in passes("scales of the columns"):
            self._lay_out({name: values.shape[1:] for name, values in snapshots.items()})
            coordinates = self._coordinates(self._settled(snapshots))
            blocks.append(_summary(coordinates))
            firsts.append(coordinates[0])
        whole = _together(blocks)
        self._settle_scales(whole, firsts[0])
        kept = self._varies
        self._size = np.hypot(whole.deviation, whole.mean - self.offset)[kept] / self.scale[kept]

    def _settle_scales(self, whole: "_Summary", first: Floats) -> None:
        constant = self._constant(whole)
        self.offset, self.scale = _affine(whole, self.scaling)
        self.offset[self._is_class], self.scale[self._is_class] = 0.0, 1.0
        self._check_constant(constant, whole.rows)
        first = np.where(np.isnan(first), whole.low, first)
        self.offset[constant], self.scale[constant] = first[constant], 0.0  # no scale: no part of the code

    def _constant(self, whole: "_Summary") -> NDArray[np.bool_]:
        """Columns that never change but for rounding."""
        units = np.array([column.unit for column in self.columns.values() for _ in column.names])
        self._refuse_nothing(np.isnan(whole.low), whole.rows)
        size = np.maximum(np.abs(whole.low), np.abs(whole.high))
        still = np.asarray(whole.high - whole.low <= 1e-12 * np.maximum(size, units))
        for start, stop in self._blocks:
            still[start:stop] = still[start:stop].all()
        return still

    def _refuse_nothing(self, nothing: NDArray[np.bool_], rows: int) -> None:
        """Refuse columns of which no training row has a number."""
        if nothing.any():
            names = ", ".join(np.array([n for c in self.columns.values() for n in c.names])[nothing])
            raise DataError(f"{names} is missing in all {rows} training rows: leave it out of variables")

    @property
    def _blocks(self) -> list[tuple[int, int]]:
        """Where the coordinates of classes begin and end."""
        ends = np.cumsum([len(column.names) for column in self.columns.values()]).tolist()
        spans = zip(self.columns.values(), [0, *ends], ends, strict=False)
        return [(start, stop) for column, start, stop in spans if isinstance(column, OneOf)]

    @property
    def class_places(self) -> dict[str, tuple[int, int]]:
        """Where the code of each variable of classes begins and ends, of those that vary."""
        names = [name for name, column in self.columns.items() if isinstance(column, OneOf)]
        coded = [name for name, (start, _) in zip(names, self._blocks, strict=True) if self._varies[start]]
        return dict(zip(coded, self.code.classes, strict=True))

    @property
    def _is_class(self) -> NDArray[np.bool_]:
        found = np.zeros(sum(len(column.names) for column in self.columns.values()), bool)
        for start, stop in self._blocks:
            found[start:stop] = True
        return found

    def _check_constant(self, constant: NDArray[np.bool_], rows: int) -> None:
        if constant.all() or (constant.any() and self.constant == "refuse"):
            names = ", ".join(np.array([n for c in self.columns.values() for n in c.names])[constant])
            way = "" if constant.all() else ", or set representation.constant = 'keep'"
            raise DataError(
                f"{names} is the same in all {rows} training rows and has nothing to learn: "
                f"leave it out of variables{way}"
            )

    def _lay_out(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """A scale of measurement for each variable."""
        if not shapes:
            raise DataError("no variable to represent: name at least one in variables")
        for name in (*self._logs, *self._compositions, *self._bounds, *self._counts):
            if name not in shapes:
                raise unknown("variable", name, shapes)
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        for name, shape in self.shapes.items():
            if len(shape) > 1 or not prod(shape):
                raise DataError(
                    f"{name} has shape {shape} a row: a table holds numbers () and vectors (k,): leave it "
                    "out of variables"
                )
        self.columns = {name: self._column(name, prod(shape)) for name, shape in self.shapes.items()}

    def _column(self, name: str, width: int) -> Plain:
        if name in self._logs:
            return Logarithm(name, width)
        if name in self._counts:
            return OneOf(name, width, self._counts[name])
        if name in self._bounds:
            return Between(name, width, *self._bounds[name])
        if name not in self._compositions:
            return Plain(name, width)
        if self.simplex in ("ilr", "closed"):
            return LogRatios(name, width, self.smallest, closed=self.simplex == "closed")
        return Shares(name, width, rescaled=self.simplex == "rescale")

    def _settled(self, snapshots: Snapshots) -> dict[str, Floats]:
        """Each variable (rows, k), checked."""
        found = {name: snapshots[name].shape[1:] for name in self.shapes if name in snapshots}
        if found != self.shapes:
            raise DataError(f"expected variables {self.shapes}, got {found}: give what the model was trained on")
        if any(not len(snapshots[name]) for name in self.shapes):
            raise DataError("a table without rows: give at least one")
        rows = rows_of({name: snapshots[name] for name in self.shapes}, missing=True)
        flat = {name: np.asarray(snapshots[name], np.float64).reshape(rows, -1) for name in self.shapes}
        return {name: column.settle(flat[name]) for name, column in self.columns.items()}

    def _coordinates(self, settled: Mapping[str, Floats]) -> Floats:
        """t of all variables beside each other, (rows, columns)."""
        return np.concatenate([column.apply(settled[name]) for name, column in self.columns.items()], axis=1)

    @property
    def _varies(self) -> NDArray[np.bool_]:
        return self.scale > 0

    def codes(self, snapshots: Snapshots) -> Floats:
        """What `transform` rounds to single precision, (rows, m)."""
        return self._scaled(self._coordinates(self._settled(snapshots)))

    def _scaled(self, coordinates: Floats) -> Floats:
        kept = self._varies
        return np.asarray((coordinates[:, kept] - self.offset[kept]) / self.scale[kept])

    @property
    def code(self) -> CodeSpec:
        scale = self.scale[self._varies]
        numbers = ~self._is_class[self._varies]
        group = np.zeros(scale.size, np.int64)
        group[numbers], dimension = np.unique(self._groups()[numbers], return_inverse=True, return_counts=True)[1:]
        size, places = self._size.astype(np.float32), np.cumsum(self._varies) - 1
        classes = tuple((int(places[a]), int(places[b - 1]) + 1) for a, b in self._blocks if self._varies[a])
        return CodeSpec((scale.size,), group, dimension.astype(float), size, 1, float(np.log(scale).sum()), classes)

    def _groups(self) -> NDArray[np.int64]:
        """The group of each number of the code, not yet counted from 0."""
        widths = [len(column.names) for column in self.columns.values()]
        every = np.arange(sum(widths))
        number = {"column": every, "variable": np.repeat(np.arange(len(widths)), widths), "all": 0 * every}
        return np.asarray(number[self.groups][self._varies])

    def canonical(self, snapshots: Snapshots) -> dict[str, FloatArray]:
        """The rows with shares as they can be decoded: summing to one, none below the smallest."""
        settled = self._settled(snapshots)
        return {n: self.columns[n].decodable(v).reshape(-1, *self.shapes[n]) for n, v in settled.items()}

    def log_jacobian(self, snapshots: Snapshots) -> Floats:
        """Log J(y), the part of the log volume that depends on the row, (rows).

        Args:
            snapshots: rows in physical units.
        """
        settled, ends = self._settled(snapshots), np.cumsum([len(column.names) for column in self.columns.values()])
        varies = [part.any() for part in np.split(self._varies, ends[:-1])]
        coded = [item for item, kept in zip(self.columns.items(), varies, strict=True) if kept]
        total = np.asarray(sum(np.nan_to_num(column.log_jacobian(settled[name])) for name, column in coded))
        gone = np.isnan(self._scaled(self._coordinates(settled)))
        return total - gone @ np.log(self.scale[self._varies]) if gone.any() else total

    def transform(self, snapshots: Snapshots) -> Coded:
        found, code = self.codes(snapshots), self.code
        there = ~np.isnan(found)
        values = (found if there.all() else self.expected(found)).astype(np.float32)
        gaps = None if there.all() else self._gaps(values, there, code)
        return Coded(values, np.zeros((len(values), len(code.dimension)), np.float32), gaps=gaps)

    def _gaps(self, values: NDArray[np.float32], there: NDArray[np.bool_], code: CodeSpec) -> Gaps:
        """What is there; numbers are counted, classes are not."""
        found = by_number(values, there, code.group)
        if not code.classes:
            return found
        numbers = ~self._is_class[self._varies]
        counts = counted(there[:, numbers], code.group[numbers]) if numbers.any() else found.counts[:, :0]
        return found._replace(counts=counts)

    def expected(self, codes: Floats) -> Floats:
        """Codes (rows, m) with missing numbers at their mean given the others, or at 0 where that was not learned."""
        there = ~np.isnan(codes)
        if self.law is None:
            return np.where(there, codes, 0.0)
        return np.asarray(self.law[0] + expected(codes - self.law[0], there, self.law[1:])[0])

    def inverse(self, values: FloatArray) -> dict[str, FloatArray]:
        """Rows of codes (rows, m), in physical units and in double precision."""
        code = np.asarray(values, np.float64).reshape(-1, int(self._varies.sum()))
        coordinates = np.repeat(self.offset[None], len(code), axis=0)
        coordinates[:, self._varies] += code * self.scale[self._varies]
        ends = np.cumsum([len(column.names) for column in self.columns.values()])[:-1]
        parts = zip(self.columns.items(), np.split(coordinates, ends, axis=1), strict=True)
        return {name: column.undo(part).reshape(-1, *self.shapes[name]) for (name, column), part in parts}

    def state(self) -> dict[str, FloatArray]:
        fitted = {"offset": self.offset, "scale": self.scale, "size": self._size}
        return fitted if self.law is None else fitted | {"law": self.law}

    def layout(self, state: Mapping[str, FloatArray], shapes: Shapes) -> dict[str, tuple[int, ...]]:
        refuse_larger(shapes, state)
        self._lay_out(shapes)
        columns = sum(len(column.names) for column in self.columns.values())
        numbers = int((np.asarray(state["scale"]) > 0).sum())
        law: dict[str, tuple[int, ...]] = {"law": (numbers + 1, numbers)} if "law" in state else {}
        return law | {"offset": (columns,), "scale": (columns,), "size": (numbers,)}

    def restore(self, state: Mapping[str, FloatArray], shapes: Mapping[str, Sequence[int]]) -> Self:
        self._lay_out(shapes)
        self.offset, self.scale, self._size = (np.asarray(state[n], np.float64) for n in ("offset", "scale", "size"))
        self.law = np.asarray(state["law"], np.float64) if "law" in state else None
        return self


class _Summary(NamedTuple):
    """What scales are made of: number of rows; mean, standard deviation, least and largest of each column.

    Of a column these are of the numbers that are there, NaN where none is.
    """

    rows: int
    mean: Floats
    deviation: Floats
    low: Floats
    high: Floats


def _summary(coordinates: Floats) -> _Summary:
    """The summary of rows (rows, columns)."""
    mean = mean_there(coordinates, 0)
    whole = not np.isnan(coordinates).any()
    deviation = coordinates.std(0) if whole else np.sqrt(mean_there((coordinates - mean) ** 2, 0))
    low, high = np.fmin.reduce(coordinates, axis=0), np.fmax.reduce(coordinates, axis=0)
    return _Summary(len(coordinates), mean, deviation, low, high)


def _together(blocks: Sequence[_Summary]) -> _Summary:
    """The summary of the rows of all blocks; their squares are taken about the mean of all."""
    weights = np.array([block.rows for block in blocks]) / sum(block.rows for block in blocks)
    mean = np.einsum("b,bc->c", weights, np.stack([block.mean for block in blocks]))
    spread = np.stack([np.hypot(block.deviation, block.mean - mean) for block in blocks])
    deviation = np.sqrt(np.einsum("b,bc->c", weights, spread**2))
    low, high = np.min([block.low for block in blocks], axis=0), np.max([block.high for block in blocks], axis=0)
    return _Summary(sum(block.rows for block in blocks), mean, deviation, low, high)


def _affine(whole: _Summary, scaling: str) -> tuple[Floats, Floats]:
    """Offset and scale of each column of training rows."""
    nothing, one = np.zeros(len(whole.mean)), np.ones(len(whole.mean))
    if scaling == "deviation":
        return whole.mean.copy(), whole.deviation.copy()
    if scaling == "range":
        return whole.low.copy(), whole.high - whole.low
    largest = np.fmax(np.abs(whole.low), np.abs(whole.high))
    if scaling == "overall":
        return nothing, one * largest.max()
    return nothing, largest if scaling == "maximum" else one


def _check_choice(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise unknown(kind, str(name), known)


def _names(text: str) -> list[str]:
    """Names with commas between.

    >>> _names("median, spread")
    ['median', 'spread']
    """
    return [name for name in (part.strip() for part in text.split(",")) if name]


def _bounds(text: str) -> dict[str, tuple[float, float]]:
    """Bounds by name.

    >>> _bounds("porosity=0:1")
    {'porosity': (0.0, 1.0)}
    """
    return dict(map(_bound, _names(text)))


def _bound(text: str) -> tuple[str, tuple[float, float]]:
    name, _, span = text.partition("=")
    low, _, high = span.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = (np.nan, np.nan)
    if not (name.strip() and np.isfinite(bounds).all() and bounds[0] < bounds[1]):
        raise UsageError(f"bounds {text!r}: give a name and two numbers that rise, such as porosity=0:1")
    return name.strip(), bounds


def _counts(text: str) -> dict[str, int]:
    """Numbers of classes by name.

    >>> _counts("phase=3, solver=2")
    {'phase': 3, 'solver': 2}
    """
    found = {}
    for part in _names(text):
        name, _, count = part.partition("=")
        if not name.strip() or not count.strip().isdigit() or int(count) < 1:
            raise UsageError(f"classes {part!r}: give a name and how many classes there are, such as phase=3")
        found[name.strip()] = int(count)
    return found


def _check_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"{twice[0]} is named twice in log, composition, bounded and classes: a variable has one scale"
        )
