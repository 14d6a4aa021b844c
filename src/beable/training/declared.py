"""What a data set declares beside its numbers, kept with a run and compared wherever the run meets a data set.

Units are converted where a table knows both, axes and components are put into the order that was learned; what differs
and cannot be converted is refused with both sides named, and what one side does not declare is said.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from beable.datasets.layout import VERSION
from beable.datasets.readings import component_axes, is_particles
from beable.datasets.store import Store
from beable.datasets.units import Conversion, conversion
from beable.datasets.viewed import Change, ViewedStore, converted
from beable.errors import DataError, DataWarning, listed
from beable.simulator import Factor, Variable

FloatArray = NDArray[np.floating]
UNDECLARED = "1"
#: coordinates that are kept with a run, evenly spaced where there are more
MOST_KEPT = 4096
#: coordinates differ from this share of their range on, beside the rounding of float32
ALIKE = 1e-5
#: settings of a simulator of particles that a run cannot do without
OF_PARTICLES = ("box", "walls")
#: constants that name particles
WORDS = ("atom_names", "elements", "atom_types", "residue_names", "residue_numbers", "chains")


class Learned(Protocol):
    """What is asked of a run: its record, and the names of what it learned from and is conditioned on."""

    metadata: Mapping[str, Any]

    @property
    def variables(self) -> list[str]: ...

    @property
    def conditions(self) -> tuple[str, ...]: ...


def declared(store: Store, names: Sequence[str]) -> dict[str, Any]:
    """What a store declares of these variables, ready for JSON; axes and units also serve those who store decoded rows.

    Args:
        store: the data set of a training.
        names: the variables that are learned from.
    """
    variables = {v.name: v for v in store.variables}
    chosen = [variables[name] for name in names]
    used = {dim for v in chosen for dim in v.dims}
    return {
        "dims": {v.name: list(v.dims) for v in chosen},
        "units": {v.name: v.unit for v in chosen},
        "declared": {
            "store_version": VERSION,
            "components": {v.name: list(v.components) for v in chosen if v.components},
            **({"classes": classes} if (classes := {v.name: list(v.classes) for v in chosen if v.classes}) else {}),
            "coordinates": {dim: _kept(*found) for dim, found in store.coordinates.items() if dim in used},
            "factor_units": {f.name: f.unit for f in store.factors},
            "particles": _box(store, chosen),
        }
        | (
            {"factor_classes": kinds}
            if (kinds := {f.name: list(f.classes) for f in store.factors if f.classes})
            else {}
        )
        | ({"words": words} if (words := words_of(store, chosen)) else {}),
    }


def _kept(values: FloatArray, unit: str) -> dict[str, Any]:
    return {"unit": unit, "length": len(values), "values": _few(values).tolist()}


def _few(values: FloatArray) -> FloatArray:
    """All of the coordinates, or so many of them evenly spaced."""
    places = np.linspace(0, len(values) - 1, min(len(values), MOST_KEPT)).round().astype(int)
    return np.asarray(values[places], np.float64)


def _box(store: Store, variables: Sequence[Variable]) -> dict[str, Any]:
    """Box and walls where a simulator of particles declares them."""
    if not any(map(is_particles, variables)):
        return {}
    found = {name: store.settings[name] for name in OF_PARTICLES if name in store.settings}
    said = [v.particles for v in variables if v.particles]
    return found | ({"identity": said[0]} if said else {})


def words_of(store: Store, variables: Sequence[Variable]) -> dict[str, list[Any]]:
    """Names and numbers of particles and residues that a data set has, by name."""
    counts = {v.shape[0] for v in variables if is_particles(v)}
    held = {name: store.constants[name] for name in WORDS if counts and name in store.constants}
    return {name: values.tolist() for name, values in held.items() if {values.size} == counts}


def kept_coordinates(about: Mapping[str, Any]) -> dict[str, tuple[FloatArray, str]]:
    """Coordinates that a run keeps in full, by name of dimension, as `Store.from_arrays` takes them.

    Args:
        about: the run's metadata.
    """
    known = about.get("declared", {}).get("coordinates", {})
    full = {dim: c for dim, c in known.items() if c["length"] == len(c["values"])}
    return {dim: (np.array(c["values"]), c["unit"]) for dim, c in full.items()}


def check_declared(run: Learned, store: Store) -> Store:
    """The data set as the run learned its kind: units, order of axes and of components are those of the training.

    Args:
        run: a finished training.
        store: the data set that it meets.

    Returns:
        The store itself where nothing differs.

    Raises:
        DataError: units that cannot be converted, other axes, shapes, coordinates, components, box or walls.

    Warns:
        DataWarning: something that one side does not declare, and that is taken to be the same.
    """
    if store.id == run.metadata["store"]:
        return store
    about = run.metadata
    if "declared" not in about:
        _say("the run keeps no record of what its data declared beside units and axes: taken to be the same here")
    known = about.get("declared", {})
    variables = [v for v in store.variables if v.name in run.variables]
    changes = {v.name: _change(v, about, known) for v in variables}
    _compare_box(known.get("particles", {}), _box(store, variables))
    _compare_words(known.get("words", {}), words_of(store, variables))
    _compare_conditions(run, known, store)
    units = _coordinate_units(known.get("coordinates", {}), store, changes) | _factor_units(run, known, store)
    if all(_idle(change, v) for change, v in zip(changes.values(), variables, strict=True)) and not units:
        return store
    return ViewedStore.changed(store, changes, units)


def in_unit(run: Learned, name: str, values: FloatArray, wanted: str) -> FloatArray:
    """Decoded numbers of a variable in a unit; as they are where one of the units is not declared.

    Args:
        run: a finished training.
        name: of the variable.
        values: as the run decodes them.
        wanted: the unit.

    Raises:
        DataError: a unit that cannot be converted.
    """
    given = run.metadata.get("units", {}).get(name, wanted)
    by = conversion(given, wanted)
    if by is None and UNDECLARED not in (given, wanted):
        raise DataError(f"{name}: the run decodes it in {given}, asked for in {wanted}: give a run on data in {wanted}")
    return values if by is None else converted(values, by)


def _idle(change: Change, variable: Variable) -> bool:
    return change.variable(variable) == variable


def _say(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=1)  # one place for all callers, so that it is said once


def _change(variable: Variable, about: Mapping[str, Any], known: Mapping[str, Any]) -> Change:
    """What makes a variable what the run learned."""
    name = variable.name
    axes = _axes(variable, tuple(about.get("dims", {}).get(name, variable.dims)))
    shape, learned = tuple(variable.shape[axis] for axis in axes), tuple(about["shapes"][name])
    if shape != learned:
        raise DataError(
            f"{name}: a row has shape {shape} here and {learned} in the data of the run: "
            "give what the model was trained on"
        )
    unit, by = _unit(name, variable.unit, about.get("units", {}).get(name, variable.unit))
    order, names = _components(variable, tuple(known.get("components", {}).get(name, ())))
    along = component_axes([variable], ()).get(name, 0)
    return Change(
        unit, by, axes, order, along, names, *_classes(variable, tuple(known.get("classes", {}).get(name, ())))
    )


def _axes(variable: Variable, wanted: tuple[str, ...]) -> tuple[int, ...]:
    """For each axis of the run, the axis here."""
    name, dims = variable.name, variable.dims
    if sorted(dims) != sorted(wanted):
        here, there = (f"({', '.join(axes)})" for axes in (dims, wanted))
        raise DataError(
            f"{name}: its axes are {here} here and {there} in the data of the run: if they are the same, import it "
            f"with --dims {name}={','.join(wanted)} (dims={{{name!r}: {wanted}}})"
        )
    return tuple(dims.index(dim) for dim in wanted)


def _unit(name: str, given: str, wanted: str) -> tuple[str, Conversion]:
    """The unit that was learned, and the map to it."""
    found = conversion(given, wanted)
    if found is not None:
        return wanted, found
    if UNDECLARED in (given, wanted):
        here, known = ("here", wanted) if given == UNDECLARED else ("in the data of the run", given)
        _say(
            f"{name} has no unit {here}: taken to be in {known}; if it is not, import it with units "
            f"(--units {name}=UNIT)"
        )
        return wanted, Conversion(1.0, 1.0, 0.0)
    raise DataError(
        f"{name} is in {given} here and in {wanted} in the data of the run, and there is no way from one to the other: "
        f"give it in {wanted} (units, --units {name}={wanted})"
    )


def _components(variable: Variable, wanted: tuple[str, ...]) -> tuple[tuple[int, ...] | None, tuple[str, ...]]:
    """The order that was learned, and the names in it."""
    given = variable.components
    if given == wanted or not given or not wanted:
        return None, given or wanted
    if sorted(given) != sorted(wanted):
        raise DataError(
            f"{variable.name}: its components are {', '.join(given)} here and {', '.join(wanted)} in the data of the "
            "run: give the same ones"
        )
    return tuple(given.index(component) for component in wanted), wanted


def _classes(variable: Variable, wanted: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[float, ...] | None]:
    """Names of the classes as they were learned, and the place among them of each class here."""
    given = variable.classes
    if given == wanted:
        return wanted, None
    if new := [name for name in given if name not in wanted] or (not given and ["no names"]):
        raise DataError(
            f"{variable.name}: its classes are {listed(new)} here and {listed(wanted)} in the data of the run: give "
            "data of classes that were learned"
        )
    return wanted, tuple(float(wanted.index(name)) for name in given)


def _compare_box(known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse particles of another box or behind other walls; a box may be one of several that were learned.

    Arrays of a user's own have no way to declare them, so that what is missing is not spoken of.
    """
    for name in sorted(known.keys() & given.keys()):
        here, there = _several(given[name]), _several(known[name])
        if not set(here) <= set(there):
            raise DataError(
                f"{name} of the particles: {_words(here)} here and {_words(there)} in the data of the run: "
                f"give data of the same {name}"
            )


def _compare_words(known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse particles of other names."""
    for name in sorted(known.keys() & given.keys()):
        if list(known[name]) != list(given[name]):
            at = next(i for i, (a, b) in enumerate(zip(given[name], known[name], strict=False)) if a != b)
            raise DataError(
                f"{name}: particle {at} is {given[name][at]} here and {known[name][at]} in the data of the run: give "
                "the same particles in the same order"
            )


def _compare_conditions(run: Learned, known: Mapping[str, Any], store: Store) -> None:
    """Refuse factors that a model is conditioned on and whose numbers stand for other classes."""
    learned = known.get("factor_classes", {})
    for f in store.factors:
        wanted = tuple(learned.get(f.name, ()))
        if f.name in run.conditions and wanted and f.classes != wanted:
            here, there = listed(f.classes) if f.classes else "no classes", listed(wanted)
            raise DataError(
                f"{f.name}: 0, 1, … stand for {here} here and for {there} in the data of the run, which is conditioned "
                "on it: give the same classes in the same order"
            )


def told_factors(about: Mapping[str, Any], names: Sequence[str]) -> list[Factor]:
    """Factors as the data of a run declared them.

    Args:
        about: the run's metadata.
        names: of the factors.
    """
    units, classes = (about.get("declared", {}).get(part, {}) for part in ("factor_units", "factor_classes"))
    return [Factor(n, n, units.get(n, UNDECLARED), classes=tuple(classes.get(n, ()))) for n in names]


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _words(values: Sequence[Any]) -> str:
    return " or ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _coordinate_units(
    known: Mapping[str, Any], store: Store, changes: Mapping[str, Change]
) -> dict[str, tuple[str, Conversion]]:
    """Units of coordinates that differ, after the coordinates were found to be the same."""
    used = {dim for v in store.variables if v.name in changes for dim in v.dims}
    found = {}
    for dim in sorted(used):
        if dim in known and dim in store.coordinates:
            unit, by = _unit(f"coordinate {dim}", store.coordinates[dim][1], known[dim]["unit"])
            _compare(dim, converted(_few(store.coordinates[dim][0]), by), np.array(known[dim]["values"]), unit)
            if unit != store.coordinates[dim][1]:
                found[dim] = unit, by
        elif dim in known:
            _say(f"{dim} has no coordinates here: taken to be those of the data of the run")
    return found


def _compare(dim: str, here: FloatArray, there: FloatArray, unit: str) -> None:
    """Refuse coordinates that differ by more than rounding."""
    off = ALIKE * float(np.ptp(there)) + float(np.finfo(np.float32).eps) * float(np.abs(there).max())
    if here.shape == there.shape and np.abs(here - there).max() <= off:
        return
    ranges = [f"from {values[0]:g} to {values[-1]:g} {unit}" for values in (here, there)]
    raise DataError(
        f"coordinates of {dim} lie {ranges[0]} here and {ranges[1]} in the data of the run, and are not the same: "
        "interpolate the data to those coordinates"
    )


def _factor_units(run: Learned, known: Mapping[str, Any], store: Store) -> dict[str, tuple[str, Conversion]]:
    """Units of the factors that a model is conditioned on, where they differ."""
    given = {f.name: f.unit for f in store.factors}
    there = known.get("factor_units", {})
    pairs = {name: _unit(name, given[name], there[name]) for name in run.conditions if name in given and name in there}
    return {name: found for name, found in pairs.items() if found[0] != given[name]}
