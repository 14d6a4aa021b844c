"""What the dimensions of an array are taken for where nobody named them, and how to choose otherwise.

A shape allows several readings: (rows, 3) may be a field on three points or three numbers without a grid, (rows, 40, 2)
a picture of 40 x 2 pixels or 40 particles in the plane. One is chosen, and said with the other.
"""

from collections.abc import Collection, Mapping, Sequence

from beable.errors import listed
from beable.simulator import Variable

AXES = ("x", "y", "z")
NUMBERS, PARTICLES = ("component",), ("particle", "dimension")
SHORT = 16
POSITIONS = ("position", "positions")
SPACE = (2, 3)
#: an axis of 2 to 4 entries beside axes of at least so many is taken for components where nobody named it
FEW, LONG = (2, 3, 4), 8

Shape = tuple[int, ...]


def axes_of(name: str, shape: Shape, shapes: Collection[Shape], coordinates: Mapping[str, int]) -> tuple[str, ...]:
    """Names for the dimensions of an array, as many as it may have.

    Short vectors beside numbers are numbers of a table, an array named position or positions with 2 or 3 numbers at
    the end holds particles, a first dimension before the grid of another array holds components; the rest are axes of
    a grid, and so is every dimension that has coordinates.

    Args:
        name: of the array.
        shape: of one row.
        shapes: of one row of all arrays.
        coordinates: number of coordinates by name of dimension.

    >>> axes_of("sizes", (3,), [(3,), ()], {}), axes_of("positions", (40, 2), [(40, 2)], {})
    (('component',), ('particle', 'dimension'))
    >>> axes_of("sizes", (3,), [(3,), ()], {"x": 3})
    ('x', 'y', 'z')
    """
    grid = any(coordinates.get(axis) == n for axis, n in zip(AXES, shape, strict=False))
    grid = grid or any(f"{name}_{axis}" in coordinates for axis in AXES)
    if not grid and len(shape) == 1 and shape[0] <= SHORT and () in shapes:
        return NUMBERS
    if not grid and len(shape) == 2 and shape[1] in SPACE and name.lower() in POSITIONS:
        return PARTICLES
    return (*NUMBERS, *AXES) if len(shape) > 1 and shape[1:] in shapes else AXES


def is_number(variable: Variable) -> bool:
    """Whether a variable is a number, or a few of them that lie on no grid."""
    return variable.dims in ((), NUMBERS, (f"{variable.name}_{NUMBERS[0]}",))


def is_particles(variable: Variable) -> bool:
    """Whether a variable holds positions of particles."""
    return PARTICLES[0] in variable.dims


def taken_for(variable: Variable) -> str:
    """What a model takes a variable for.

    >>> taken_for(Variable("flux", ("component", "x", "y"), (2, 9, 7)))
    'a field of 2 components on x (9), y (7)'
    >>> taken_for(Variable("sizes", ("component",), (3,)))
    '3 numbers that lie on no grid'
    """
    if variable.classes:
        return f"one of {len(variable.classes)} classes: {listed(variable.classes)}"
    if is_particles(variable):
        kind = f"{variable.particles} " if variable.particles else ""
        return f"positions of {variable.shape[0]} {kind}particles in {variable.shape[-1]} dimensions"
    if is_number(variable):
        return f"{variable.shape[0]} numbers that lie on no grid" if variable.shape else "one number"
    vector = variable.dims[0].endswith(NUMBERS[0])
    grid = list(zip(variable.dims, variable.shape, strict=True))[vector:]
    parts = f" of {variable.shape[0]} components" if vector else ""
    return f"a field{parts} on {', '.join(f'{dim} ({n})' for dim, n in grid)}"


def other_reading(variable: Variable) -> str:
    """How another reading of the same shape is asked for; empty where there is none.

    >>> other_reading(Variable("sizes", ("component",), (3,)))
    "for a field give dims={'sizes': ('x',)} (--dims sizes=x)"
    >>> other_reading(Variable("heat", ("x", "y"), (9, 7)))
    ''
    """
    words, dims = _other(variable)
    name, own = variable.name, f"{variable.name}_"
    if variable.dims and variable.dims[0].startswith(own):  # another array has this dimension with another length
        dims = tuple(own + dim for dim in dims)
    return f"for {words} give dims={{{name!r}: {dims}}} (--dims {name}={','.join(dims)})" if dims else ""


def _other(variable: Variable) -> tuple[str, tuple[str, ...]]:
    count, shape = len(variable.shape), variable.shape
    if variable.particles:
        return "", ()
    if count and (is_particles(variable) or is_number(variable)):
        return "a field", AXES[:count]
    if count == 1 and shape[0] <= SHORT:
        return "numbers that lie on no grid", NUMBERS
    if count == 2 and shape[1] in SPACE:
        return "particles", PARTICLES
    if count > 1 and shape[0] in SPACE and variable.dims[0].endswith(AXES):
        return "a vector field", (*NUMBERS, *AXES[: count - 1])
    return "", ()


def readings(variables: Sequence[Variable], chosen: bool) -> dict[str, str]:
    """What arrays are taken for, single numbers apart, with the other reading where it could have been chosen."""
    others = {v.name: other_reading(v) if chosen else "" for v in variables}
    shown = [v for v in variables if (v.shape or v.classes) and not v.diagnostic]
    return {v.name: "; ".join(filter(None, (taken_for(v), others[v.name]))) for v in shown}


def component_axes(variables: Sequence[Variable], coordinates: Collection[str]) -> dict[str, int]:
    """The axis of one row along which the components of each field lie, for those that have one.

    A dimension named component is one. So is, where the others then share a grid, the only axis of 2 to 4 entries
    beside longer ones that nobody named and that has no coordinates: see `guessed`.

    Args:
        variables: those that are learned together.
        coordinates: names of the dimensions that have coordinates.

    >>> component_axes([Variable("state", ("x", "y", "z"), (16, 12, 2)), Variable("heat", ("x", "y"), (16, 12))], [])
    {'state': 2}
    >>> component_axes([Variable("state", ("x", "y", "z"), (16, 12, 2))], ["z"])
    {}
    """
    named = {v.name: v.dims.index(axis) for v in variables for axis in _component_names(v) if len(v.shape) > 1}
    guesses = named | {v.name: axis for v in variables if (axis := _short_axis(v, coordinates)) is not None}
    grids = {tuple(n for i, n in enumerate(v.shape) if guesses.get(v.name) != i) for v in variables}
    return guesses if len(grids) == 1 else named


def guessed(variables: Sequence[Variable], coordinates: Collection[str]) -> dict[str, int]:
    """Those of `component_axes` that no name tells."""
    axes = component_axes(variables, coordinates)
    return {v.name: axes[v.name] for v in variables if v.name in axes and not _component_names(v)}


def component_names(variable: Variable, axis: int) -> list[str]:
    """Names of the components along an axis of a variable: those that it declares, or numbers.

    >>> component_names(Variable("state", ("x", "y", "z"), (16, 12, 2)), 2)
    ['state[0]', 'state[1]']
    """
    if variable.components:
        return [f"{variable.name} {c}" for c in variable.components]
    return [f"{variable.name}[{i}]" for i in range(variable.shape[axis])]


def _component_names(variable: Variable) -> list[str]:
    """The dimension that is named after components, if there is one."""
    if is_particles(variable):
        return []
    return [dim for dim in variable.dims if dim in (NUMBERS[0], f"{variable.name}_{NUMBERS[0]}")][:1]


def _short_axis(variable: Variable, coordinates: Collection[str]) -> int | None:
    short = [i for i, n in enumerate(variable.shape) if n < LONG]
    unnamed = {*AXES, *(f"{variable.name}_{axis}" for axis in AXES)}
    if len(short) != 1 or len(variable.shape) < 2 or not unnamed.issuperset(variable.dims):
        return None
    dim, length = variable.dims[short[0]], variable.shape[short[0]]
    return short[0] if length in FEW and dim not in coordinates else None
