"""Layouts of published data sets, known by the names and attributes in their files.

The Well (Ohana et al. 2024), PDEBench (Takamoto et al. 2022) and the files of Jacobsen & Duraisamy (2022).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from beable.datasets.exodus import exodus, is_exodus
from beable.datasets.labelled import Labelled, is_number
from beable.datasets.names import plain
from beable.datasets.sources import Contents, Source, fixed, ranged

JACOBSEN = frozenset({"generative_params", "permeability", "output"})
WELL, PDEBENCH = "The Well", "PDEBench"
SPATIAL = ("x", "y", "z")
COORDINATES = ("x-coordinate", "y-coordinate", "z-coordinate")
FLOW = frozenset({"velocity", "particles", "t"})


def published(held: Labelled) -> Contents | None:
    """The contents of a file in a published layout; None for any other file."""
    for recognised, read in LAYOUTS:
        if recognised(held):
            found = read(held)
            if found is not None:
                return found
    return None


def _is_jacobsen(held: Labelled) -> bool:
    return held.sources.keys() >= JACOBSEN


def _jacobsen(held: Labelled) -> Contents | None:
    r"""The files of Jacobsen & Duraisamy (2022) in the order of axes used here.

    Their images hold the field at :math:`(x_1, x_2)` = (a, n-1-b) in pixel [a, b]; the channels of ``output`` are
    p, u_1, u_2.
    """
    theta, permeability, output = (held.sources[n] for n in ("generative_params", "permeability", "output"))
    rows, n = (*output.shape, 0)[0], (*output.shape, 0)[-2 if len(output.shape) > 1 else 0]
    if output.shape != (rows, 3, n, n) or permeability.shape != (rows, 1, n, n) or theta.shape[:1] != (rows,):
        return None
    grid, axes = (rows, n, n), ("row", *SPATIAL[:2])
    channels, same = ranged(output.load), {0: 0}
    sources = {
        "permeability": replace(
            permeability, shape=grid, load=ranged(permeability.load).then(lambda a: a[:, 0, :, ::-1], same), axes=axes
        ),
        "pressure": replace(output, shape=grid, load=channels.then(lambda a: a[:, 0, :, ::-1], same), axes=axes),
        "flux": replace(
            output,
            shape=(rows, 2, n, n),
            load=channels.then(lambda a: a[:, 1:, :, ::-1], same),
            axes=("row", "component", *SPATIAL[:2]),
        ),
        "theta": replace(theta, axes=("row", "factor")[: len(theta.shape)], role="factor"),
    }
    places = {axis: fixed(np.linspace(0, 1, n), (axis,), unit="1") for axis in SPATIAL[:2]}
    return Contents(sources | places, left=held.left, layout="Jacobsen & Duraisamy", rows=("row",))


# The Well


def _is_well(held: Labelled) -> bool:
    fields = any(name.startswith(("t0_fields/", "t1_fields/", "t2_fields/")) for name in held.sources)
    return fields and is_number(held.groups.get("", {}).get("n_spatial_dims"))


def _well(held: Labelled) -> Contents:
    count = int(held.groups[""]["n_spatial_dims"])
    names = np.atleast_1d(held.groups.get("dimensions", {}).get("spatial_dims", np.array(SPATIAL[:count])))
    spatial = tuple(str(n.decode() if isinstance(n, bytes) else n) for n in names)[:count]
    sources: dict[str, Source] = {}
    left, aliases = dict(held.left), dict[str, str]()
    for name, source in held.sources.items():
        group, _, word = name.partition("/")
        aliases |= {name: word, plain(name): word} if word else {}
        if group in ("t0_fields", "t1_fields", "t2_fields"):
            sources[word] = _well_field(source, int(group[1]), spatial, held.attributes[name])
        elif group == "scalars":
            sources[word] = _well_scalar(source, held.attributes[name])
        elif group == "dimensions":
            sources[word] = _well_dimension(word, source, held.attributes[name])
        else:
            left[name] = "of no meaning to a data set: boundary conditions and the like"
    aliases = {name: word for name, word in aliases.items() if word in sources}
    return Contents(sources, left=left, layout=WELL, time="time", rows=_well_rows(sources), aliases=aliases)


def _well_rows(sources: Mapping[str, Source]) -> tuple[str, ...]:
    return tuple(axis for axis in ("trajectory", "time") if any(axis in (s.axes or ()) for s in sources.values()))


def _varies(attributes: Mapping[str, Any], key: str) -> bool:
    return bool(attributes.get(key, True))


def _well_field(source: Source, order: int, spatial: Sequence[str], attributes: Mapping[str, Any]) -> Source:
    """A field (trajectory, time, places, components); an axis along which it does not vary may be missing."""
    varying = np.atleast_1d(attributes.get("dim_varying", np.ones(len(spatial), bool)))
    head = [
        a
        for a in ("trajectory", "time")
        if _varies(attributes, {"trajectory": "sample", "time": "time"}[a] + "_varying")
    ]
    whole = ("trajectory", "time", *spatial)
    short = (*head, *(d for d, v in zip(spatial, varying, strict=False) if v))
    places = whole if len(source.shape) - order == len(whole) else short
    if order == 2:
        kept = {i: i for i in range(len(source.shape) - 2)}
        shape = (*source.shape[:-2], source.shape[-2] * source.shape[-1])
        load = ranged(source.load).then(lambda a: a.reshape(*a.shape[:-2], shape[-1]), kept)
        source = replace(source, shape=shape, load=load, said="tensor, as its components")
    return replace(source, axes=(*places, *(("component",) if order else ())))


def _well_scalar(source: Source, attributes: Mapping[str, Any]) -> Source:
    head = tuple(
        a for a, key in (("trajectory", "sample_varying"), ("time", "time_varying")) if attributes.get(key, False)
    )
    if len(head) != len(source.shape):
        load = source.load
        return replace(source, shape=(), axes=(), load=lambda: load().reshape(())) if source.shape == (1,) else source
    return replace(source, axes=head, role="factor")


def _well_dimension(word: str, source: Source, attributes: Mapping[str, Any]) -> Source:
    """Coordinates, as labels where they differ between trajectories or times."""
    varying = {"trajectory": "sample_varying", "time": "time_varying"}
    head = [axis for axis, key in varying.items() if attributes.get(key, False) and axis != word]
    head = head if len(head) == len(source.shape) - 1 else ["trajectory", "time"][: len(source.shape) - 1]
    return replace(source, axes=(*head, word), role="label" if head else source.role)


# PDEBench


def _is_pdebench(held: Labelled) -> bool:
    names = held.sources.keys()
    grid = "x-coordinate" in names and any(len(s.shape) > 2 for s in held.sources.values())
    return (
        grid
        or {"data", "grid/x"} <= names
        or (names >= FLOW and held.sources["t"].shape == held.sources["velocity"].shape[:2])
    )


def _pdebench(held: Labelled) -> Contents | None:
    names = held.sources.keys()
    if "x-coordinate" in names:
        return _pdebench_arrays(held)
    return _pdebench_groups(held) if "grid/x" in names else _pdebench_flow(held)


def _pdebench_arrays(held: Labelled) -> Contents:
    """Arrays (sample, time, x, …), or (sample, x, …) where nothing changes with time, beside coordinates."""
    places = [(name[0], held.sources[name]) for name in COORDINATES if name in held.sources]
    lengths = [c.shape[0] for _, c in places]
    spatial = tuple(axis for axis, _ in places)
    sources: dict[str, Source] = {axis: replace(c, axes=(axis,)) for axis, c in places}
    for name, source in held.sources.items():
        if name in (*COORDINATES, "t-coordinate"):
            continue
        axes = _axes_of_grid(source.shape, spatial, lengths)
        sources[name] = source if axes is None else replace(source, axes=axes)
    if "t-coordinate" in held.sources:
        sources["time"] = _clock(held.sources["t-coordinate"], sources)
    return _pde(held, sources)


def _clock(times: Source, sources: Mapping[str, Source]) -> Source:
    """The times of the arrays; some files hold one more."""
    counts = [s.shape[1] for s in sources.values() if "time" in (s.axes or ())]
    if counts and times.shape == (counts[0] + 1,):
        load = times.load
        times = replace(times, shape=(counts[0],), load=lambda: load()[:-1])
    return replace(times, axes=("time",))


def _axes_of_grid(shape: Sequence[int], spatial: tuple[str, ...], lengths: Sequence[int]) -> tuple[str, ...] | None:
    count = len(spatial)
    head = {count + 1: ("sample",), count + 2: ("sample", "time")}.get(len(shape))
    return (*head, *spatial) if head and list(shape[len(head) :]) == list(lengths) else None


def _pdebench_groups(held: Labelled) -> Contents | None:
    """Groups that were joined: data (sample, time, x, …, channel) beside a grid."""
    data = held.sources["data"]
    spatial = tuple(axis for axis in SPATIAL if f"grid/{axis}" in held.sources)
    lengths = [held.sources[f"grid/{axis}"].shape[-1] for axis in spatial]
    if list(data.shape[2:-1]) != lengths:
        return None
    sources = {n: s for n, s in held.sources.items() if not n.startswith("grid/") and n != "data"}
    grids = {axis: held.sources[f"grid/{axis}"] for axis in spatial}
    sources |= {axis: replace(grid, axes=(axis,)) for axis, grid in grids.items() if len(grid.shape) == 1}
    if "grid/t" in held.sources and len(held.sources["grid/t"].shape) == 1:
        sources["time"] = replace(held.sources["grid/t"], axes=("time",))
    sources["data"] = replace(data, axes=((data.axes or ("",))[0] or "sample", "time", *spatial, "component"))
    return _pde(held, sources)


def _pdebench_flow(held: Labelled) -> Contents | None:
    """Incompressible flow: velocity and particles (sample, time, x, y, channel), t (sample, time), a force."""
    sources = dict(held.sources)
    velocity = sources["velocity"]
    if len(velocity.shape) != 5:
        return None
    for name in ("velocity", "particles"):
        sources[name] = replace(sources[name], axes=("sample", "time", "x", "y", "component"))
    if "force" in sources and len(sources["force"].shape) == 4:
        sources["force"] = _steady(replace(sources["force"], axes=("sample", "x", "y", "component")))
    times = sources.pop("t").load()
    if np.all(times == times[:1]):
        sources["time"] = fixed(times[0], ("time",))
    else:
        sources["t"] = fixed(times, ("sample", "time"), role="label")
    return _pde(held, sources)


def _steady(source: Source) -> Source:
    """The field of one sample, where those of all samples are the same."""
    values = source.load()
    if not np.all(values == values[:1]):
        return source
    return replace(fixed(values[0], (source.axes or ())[1:], unit=source.unit), said="the same in all samples")


def _pde(held: Labelled, sources: dict[str, Source]) -> Contents:
    for name, source in sources.items():
        if source.axes in (("sample",), ("sample", "time")) and source.role == "variable":
            sources[name] = replace(source, role="factor")
    used = {axis for s in sources.values() for axis in s.axes or ()}
    first = next((s.axes[0] for s in sources.values() if s.axes and "time" in s.axes[1:2]), "sample")
    rows = tuple(axis for axis in (first, "time") if axis in used)
    return Contents(sources, left=held.left, layout=PDEBENCH, time="time" if "time" in rows else "", rows=rows)


LAYOUTS: Sequence[tuple[Callable[[Labelled], bool], Callable[[Labelled], Contents | None]]] = (
    (_is_jacobsen, _jacobsen),
    (_is_well, _well),
    (_is_pdebench, _pdebench),
    (is_exodus, exodus),
)
