"""A data set as a run learned it: the same rows with other units, another order of axes or of components."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.datasets.store import Store
from beable.datasets.units import Conversion
from beable.simulator import Factor, Variable

FloatArray = NDArray[np.floating]


def converted(values: NDArray[Any], by: Conversion) -> FloatArray:
    """Numbers in another unit, in float64; as they are where the unit is the same.

    >>> converted(np.array([1.5]), Conversion(1000.0, 1.0, 0.0)).tolist()
    [1500.0]
    """
    if by == Conversion(1.0, 1.0, 0.0):
        return values
    return np.asarray(values.astype(np.float64) * by.over / by.under + by.shift)


class Change(NamedTuple):
    """What becomes of a variable.

    Args:
        unit: the unit that its numbers are given in.
        by: the map to that unit.
        axes: for each axis of one row as it is given, the axis as it is stored.
        components: order of the components as it is given; None where it stays.
        along: the axis of one row as it is stored along which they lie.
        names: names of the components then.
        classes: names of the classes as they are given.
        codes: number of each stored class among them; None where it stays.
    """

    unit: str
    by: Conversion
    axes: tuple[int, ...]
    components: tuple[int, ...] | None
    along: int
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()
    codes: tuple[float, ...] | None = None

    def of(self, values: NDArray[Any]) -> FloatArray:
        """Rows of the variable, changed."""
        if self.codes is not None:
            known = np.isfinite(values)
            return np.where(known, np.array(self.codes)[np.where(known, values, 0).astype(int)], np.nan)
        order = self.components
        ordered = values if order is None else np.take(values, order, axis=self.along + 1)
        return converted(np.transpose(ordered, (0, *(axis + 1 for axis in self.axes))), self.by)

    def variable(self, stored: Variable) -> Variable:
        """The description of what `of` gives."""
        dims, shape = tuple(stored.dims[i] for i in self.axes), tuple(stored.shape[i] for i in self.axes)
        return replace(stored, dims=dims, shape=shape, unit=self.unit, components=self.names, classes=self.classes)


class ViewedStore(Store):
    """A complete data set in other units and orders; see `changed`."""

    changes: Mapping[str, Change] = {}
    #: unit and conversion of factors and of coordinates, by name
    units: Mapping[str, tuple[str, Conversion]] = {}

    @classmethod
    def changed(cls, store: Store, changes: Mapping[str, Change], units: Mapping[str, tuple[str, Conversion]]) -> Self:
        """A data set with some of its variables changed, and factors and coordinates in other units.

        Args:
            store: as it is.
            changes: by variable.
            units: unit and the map to it, by name of a factor or of a dimension with coordinates.
        """
        view = cls.open(store.path)
        assert isinstance(view, cls)
        view.changes, view.units = changes, units
        return view

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        stored = super().variables
        return tuple(self.changes[v.name].variable(v) if v.name in self.changes else v for v in stored)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        return tuple(self._factor(f) for f in super().factors)

    def _factor(self, factor: Factor) -> Factor:
        if factor.name not in self.units:
            return factor
        unit, by = self.units[factor.name]
        low, high = (float(converted(np.array(bound), by)) for bound in (factor.low, factor.high))
        return replace(factor, unit=unit, low=low, high=high)

    @cached_property
    def factor_values(self) -> FloatArray:
        stored = super().factor_values
        columns = [self._column(f, stored[:, i]) for i, f in enumerate(self.factors)]
        return np.stack(columns, axis=1) if columns else stored

    def _column(self, factor: Factor, values: FloatArray) -> FloatArray:
        return converted(values, self.units[factor.name][1]) if factor.name in self.units else values

    @cached_property
    def coordinates(self) -> dict[str, tuple[FloatArray, str]]:
        stored = super().coordinates
        changed = {dim: self.units[dim] for dim in stored if dim in self.units}
        return stored | {dim: (converted(stored[dim][0], by), unit) for dim, (unit, by) in changed.items()}

    def read(self, name: str, rows: ArrayLike | slice | None = None) -> NDArray[Any]:
        values = super().read(name, rows)
        return self.changes[name].of(values) if name in self.changes else values
