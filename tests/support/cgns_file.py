"""Writes CGNS in HDF5 by the mapping of its standard: nodes are groups, arrays have their last axis first."""

import h5py
import numpy as np

KINDS = {"i4": "I4", "f4": "R4", "f8": "R8"}
SOLUTION = "FlowSolution_t"


def node(parent, name, label, data=None):
    """A node, with numbers, a word or words of 32 letters as its data."""
    made, kind = parent.create_group(name, track_order=True), "MT"
    if data is not None:
        words = isinstance(data, str) or (isinstance(data, list) and isinstance(data[0], str))
        values = letters(data) if words else np.asarray(data)
        kind = "C1" if words else KINDS[values.dtype.str[1:]]
        made.create_dataset(" data", data=values)
    made.attrs.update(name=np.array(name, "S33"), label=np.array(label, "S33"), type=np.array(kind, "S3"))
    made.attrs["flags"] = np.array([1], "i4")
    return made


def letters(words):
    if isinstance(words, str):
        return np.frombuffer(words.encode(), "i1")
    return np.stack([np.frombuffer(word.ljust(32).encode(), "i1") for word in words])


def write(path, heat, times, *, structured=True, zones=1, bases=1):
    """Vertices of one or more zones side by side, 0.5 by 0.25 apart, with a scalar and a vector.

    Args:
        path: the file.
        heat: (times, zones, x, y).
        times: of the solutions; one alone is a steady file.
    """
    with h5py.File(path, "w", track_order=True) as file:
        named = {"name": "HDF5 MotherNode", "label": "Root Node of HDF5 File"}
        file.attrs.update({key: np.array(word, "S33") for key, word in named.items()}, type=np.array("MT", "S3"))
        file[" format"] = letters("IEEE_LITTLE_32\0")
        file[" hdf5version"] = letters("HDF5 Version 1.10.6".ljust(33, "\0"))
        node(file, "CGNSLibraryVersion", "CGNSLibraryVersion_t", np.array([3.4], "f4"))
        for number in range(bases):
            base = node(file, f"Base{number}", "CGNSBase_t", np.array([2, 2], "i4"))
            for zone in range(zones):
                _zone(base, zone, heat[:, zone], structured)
            if len(times) > 1:
                clock = node(base, "BaseIterativeData", "BaseIterativeData_t", np.array([len(times)], "i4"))
                node(clock, "TimeValues", "DataArray_t", np.array(times, np.float64))


def _zone(base, number, heat, structured):
    nx, ny = heat.shape[1:]
    x, y = np.meshgrid(0.5 * (np.arange(nx) + number * (nx - 1)), 0.25 * np.arange(ny), indexing="ij")
    cells = (nx - 1) * (ny - 1)
    size = [[nx, ny], [nx - 1, ny - 1], [0, 0]] if structured else [[nx * ny], [cells], [0]]
    zone = node(base, f"Zone{number}", "Zone_t", np.array(size, "i4"))
    node(zone, "ZoneType", "ZoneType_t", "Structured" if structured else "Unstructured")

    def stored(values):
        return values.T if structured else values.T.ravel()

    grid = node(zone, "GridCoordinates", "GridCoordinates_t")
    for axis, places in (("X", x), ("Y", y)):
        node(grid, f"Coordinate{axis}", "DataArray_t", stored(places))
    if not structured:
        n = np.arange(1, nx * ny + 1, dtype="i4").reshape(ny, nx)
        corners = np.stack([n[:-1, :-1], n[:-1, 1:], n[1:, 1:], n[1:, :-1]], axis=-1)
        quads = node(zone, "Quads", "Elements_t", np.array([7, 0], "i4"))
        node(quads, "ElementRange", "IndexRange_t", np.array([1, cells], "i4"))
        node(quads, "ElementConnectivity", "DataArray_t", corners.ravel())
    names = [f"Solution{i}" for i in range(len(heat))]
    for name, values in zip(names, heat, strict=True):
        held = node(zone, name, SOLUTION)
        node(held, "GridLocation", "GridLocation_t", "Vertex")
        for variable, part in (("heat", values), ("VelocityX", 2 * values), ("VelocityY", -values)):
            node(held, variable, "DataArray_t", stored(part))
    if len(names) > 1:
        node(node(zone, "ZoneIterativeData", "ZoneIterativeData_t"), "FlowSolutionPointers", "DataArray_t", names)
