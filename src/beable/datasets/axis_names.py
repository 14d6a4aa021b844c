"""What axes are by their names: rows, times, places, components, bodies."""

import re

ROWS = frozenset(
    {"row", "sample", "run", "simulation", "sim", "trajectory", "trajectorie", "traj", "ensemble", "member", "file"}
    | {"realization", "realisation", "batch", "batche", "case", "snapshot", "record", "observation", "obs", "group"}
    | {"experiment", "trial", "instance", "number"}
)
TIME = frozenset({"time", "t", "timestep", "step", "frame", "date"})
PLACES = frozenset(
    {"x", "y", "z", "r", "lat", "lon", "latitude", "longitude", "lev", "level", "depth", "height", "altitude", "plev"}
    | {"radius", "theta", "phi", "xi", "eta", "xc", "yc"}
)
CHANNELS = frozenset(["component", "channel", "comp", "vector"])
BODIES = frozenset(["particle", "atom", "site", "node", "bead"])
COORDINATE = re.compile(r"[-_ ]?(coordinates?|coords?|axis)$")


def is_row(axis: str) -> bool:
    """Whether an axis holds rows by its name, time included.

    >>> [is_row(axis) for axis in ("run", "n_samples", "time_counter", "x", "row_2")]
    [True, True, True, False, True]
    """
    return bool(words_of(axis) & (ROWS | TIME))


def is_time(axis: str) -> bool:
    """Whether an axis is time by its name."""
    words = words_of(axis)
    return bool(words & TIME) and not words & ROWS


def words_of(axis: str) -> set[str]:
    parts = [part for part in re.split(r"[^a-z]+", axis.lower()) if part]
    return {
        *parts,
        *(part.removesuffix("s") for part in parts),
        *(p.removesuffix("s").removeprefix("n") for p in parts),
    }
