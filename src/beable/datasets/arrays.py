"""From arrays in memory to snapshots: number formats that can be stored, names for dimensions, the same rows in all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.datasets.layout import DTYPES, PARTICLES, Plan, block_rows_at_once
from beable.datasets.readings import axes_of, is_particles
from beable.datasets.sources import LazyRows, are_exact, exact
from beable.errors import DataError, UsageError, unknown
from beable.simulator import Factor, Variable

Array = NDArray[Any]
Rows = Array | LazyRows


class Snapshots(NamedTuple):
    """Arrays ready for a store.

    Args:
        plan: what the store will hold.
        variables: each variable (rows, ...) by name.
        values: factors (rows, factors).
    """

    plan: Plan
    variables: dict[str, Rows]
    values: NDArray[np.float64]


def snapshots_of(
    arrays: Mapping[str, ArrayLike | LazyRows],
    factors: Mapping[str, ArrayLike],
    *,
    units: Mapping[str, str],
    dims: Mapping[str, Sequence[str]],
    coordinates: Mapping[str, tuple[ArrayLike, str]],
    symbols: Mapping[str, str],
    title: str,
    constants: Mapping[str, ArrayLike] | None = None,
    classes: Mapping[str, Sequence[str]] | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
    long_names: Mapping[str, str] | None = None,
    particles: str = "",
    diagnostics: Sequence[str] = (),
    block: int | None,
) -> Snapshots:
    """The plan of a store for these arrays, and the arrays in the form that it stores.

    Args:
        arrays: each variable (rows, ...), by name.
        factors: known factors (rows,), by name.
        units: of variables and factors.
        dims: names of a variable's dimensions after the rows.
        coordinates: values and unit by name of dimension.
        symbols: letters of the factors.
        title: one line.
        constants: arrays common to all rows, by name.
        classes: names of what the values 0, 1, … of a variable or factor stand for.
        components: names of the components of a variable.
        long_names: what stands on a colour bar.
        particles: "distinct", "identical", or "" where nothing is said.
        diagnostics: names of arrays that are never learned from.
        block: rows in a block; None chooses.

    Raises:
        DataError: arrays that cannot be snapshots.
        UsageError: names that do not fit together.
    """
    numbers = {name: _rows_of_numbers(name, array) for name, array in arrays.items()}
    causes = {name: _numbers(name, array).astype(np.float64) for name, array in factors.items()}
    rows = _rows(numbers, causes)
    kinds, told = classes or {}, long_names or {}
    for name in (*units, *symbols, *dims, *diagnostics, *kinds, *(components or {})):
        if name not in {**numbers, **causes}:
            raise unknown("variable or factor", name, {**numbers, **causes})
    variables = _variables(
        numbers, dims, units, {dim: int(np.size(values)) for dim, (values, _) in coordinates.items()}
    )
    variables = tuple(
        replace(
            v,
            long_name=told.get(v.name, ""),
            components=tuple((components or {}).get(v.name, ())),
            classes=_classes(v.name, numbers[v.name], kinds),
        )
        for v in _declared(variables, particles, diagnostics)
    )
    named = tuple(
        Factor(n, symbols.get(n, n), units.get(n, "1"), classes=_classes(n, a, kinds)) for n, a in causes.items()
    )
    axes = {dim: (_numbers(dim, values).astype(np.float64), unit) for dim, (values, unit) in coordinates.items()}
    size = block_rows_at_once(variables, rows) if block is None else block
    plan = Plan(title, rows, size, variables, named, axes, _constants(constants or {}))
    values = np.stack(list(causes.values()), axis=1) if causes else np.empty((rows, 0))
    return Snapshots(plan, numbers, values)


def _classes(name: str, values: Rows, given: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names of the classes of a variable or factor, whose values are their places among them."""
    names = tuple(map(str, given.get(name, ())))
    if names and (values.ndim != 1 or not np.isin(_finite(np.asarray(values)), np.arange(len(names))).all()):
        raise DataError(f"{name}: values that are no whole numbers from 0 to {len(names) - 1}: one for each class")
    return names


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]


def _declared(variables: tuple[Variable, ...], particles: str, diagnostics: Sequence[str]) -> tuple[Variable, ...]:
    """Variables with what is said of their particles, and with those that are diagnostics."""
    kept = tuple(replace(v, diagnostic=v.name in diagnostics) for v in variables)
    if not particles:
        return kept
    if particles not in PARTICLES:
        raise unknown("kind of particles", particles, PARTICLES)
    if not any(map(is_particles, kept)):
        raise UsageError(
            f"particles are said to be {particles}, and no array holds positions of particles: name its dimensions, "
            "such as dims={'positions': ('particle', 'dimension')} (--dims positions=particle,dimension)"
        )
    return tuple(replace(v, particles=particles) if is_particles(v) else v for v in kept)


def _rows_of_numbers(name: str, array: "ArrayLike | LazyRows") -> Rows:
    """Rows of real floating-point numbers, equal to those given."""
    if not isinstance(array, LazyRows):
        return _numbers(name, array)
    _refuse_kind(name, array.dtype)
    if array.dtype.kind == "f":
        dtype = np.dtype(f"float{max(32, 8 * array.dtype.itemsize)}")
    else:
        dtype = np.result_type(*{_numbers(name, piece).dtype for piece in array.pieces()})
    return array.changed(lambda piece: piece.astype(dtype, copy=False), dtype)


def _refuse_kind(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise DataError(f"{name}: {dtype} numbers where real ones of at most 64 bits are expected: convert them")


def _numbers(name: str, array: ArrayLike) -> Array:
    """Real floating-point numbers, equal to those given."""
    given = np.asarray(array)
    _refuse_kind(name, given.dtype)
    if given.dtype.kind == "f":
        return given.astype(f"float{max(32, 8 * given.dtype.itemsize)}", copy=False)
    return exact(name, given, np.float32 if are_exact(given, np.float32) else np.float64)


def _constants(given: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Constants in number formats that can be stored, under names that can be."""
    arrays = {name: np.asarray(array) for name, array in given.items()}
    for name, array in arrays.items():
        if array.dtype.kind == "U" and array.size:
            _check_words(name, array)
        elif array.dtype.name not in DTYPES or not array.size:
            raise DataError(f"constant {name}: {array.dtype} of shape {array.shape}: give one of {', '.join(DTYPES)}")
    return arrays


def _check_words(name: str, words: Array) -> None:
    """Refuse words that an attribute with blanks between them cannot hold."""
    bad = next((word for word in words.ravel().tolist() if not word.isprintable() or not word or " " in word), None)
    if bad is not None:
        raise DataError(f"constant {name}: {bad!r} is not one word without blanks: rename it")


def _rows(variables: Mapping[str, Rows], factors: Mapping[str, Array]) -> int:
    """Number of rows, the same in all arrays."""
    if not variables:
        raise DataError("no arrays: give at least one variable (rows, ...)")
    for name, array in {**variables, **factors}.items():
        if not array.ndim or not array.size:
            raise DataError(f"{name}: shape {array.shape}: at least one row and one number a row are expected")
    for name, array in factors.items():
        if array.ndim != 1:
            raise DataError(f"factor {name}: shape {array.shape}: one number a row is expected")
    counts = {name: len(array) for name, array in {**variables, **factors}.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise DataError(f"the arrays differ in their number of rows ({listed}): give the same rows in each")
    return next(iter(counts.values()))


def _variables(
    arrays: Mapping[str, Rows],
    dims: Mapping[str, Sequence[str]],
    units: Mapping[str, str],
    coordinates: Mapping[str, int],
) -> tuple[Variable, ...]:
    shapes = {name: array.shape[1:] for name, array in arrays.items()}
    names = _dims(shapes, {name: tuple(given) for name, given in dims.items()}, coordinates)
    return tuple(
        Variable(name, names[name], shapes[name], units.get(name, "1"), dtype=array.dtype.name)
        for name, array in arrays.items()
    )


def _dims(
    shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[str, ...]], coordinates: Mapping[str, int]
) -> dict[str, tuple[str, ...]]:
    """Names of all dimensions, those that nobody named included.

    >>> _dims({"pressure": (9, 7), "flux": (2, 9, 7), "wall": (5,)}, {}, {})
    {'pressure': ('x', 'y'), 'flux': ('component', 'x', 'y'), 'wall': ('wall_x',)}
    """
    lengths = {dim: n for name, dims in given.items() for dim, n in zip(dims, shapes[name], strict=False)}
    names = dict(given)
    for name, shape in shapes.items():
        if name in given:
            continue
        axes = axes_of(name, shape, shapes.values(), coordinates)
        if len(shape) > len(axes):
            raise UsageError(
                f"{name}: name its {len(shape)} dimensions after the rows: dims={{{name!r}: (...)}} (--dims {name}=...)"
            )
        names[name] = tuple(_dim(axis, n, name, lengths) for axis, n in zip(axes, shape, strict=False))
    return names


def _dim(axis: str, length: int, name: str, lengths: dict[str, int]) -> str:
    """The axis, or the variable's own if the axis has another length already."""
    dim = axis if lengths.get(axis, length) == length else f"{name}_{axis}"
    lengths[dim] = length
    return dim
