"""The wake of a cylinder by a lattice Boltzmann method of our own, and the files in which people publish such wakes.

D2Q9 with one relaxation time (Qian, d'Humieres & Lallemand 1992), bounce-back on the cylinder, the free stream on three
edges and a free outflow. Lengths are in diameters, velocities in those of the free stream.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from numba import njit

STEP_X = np.array([0, 1, -1, 0, 0, 1, -1, 1, -1])
STEP_Y = np.array([0, 0, 0, 1, -1, 1, -1, -1, 1])  # 1 and 2, 3 and 4, ... are opposite to each other
WEIGHT = np.array([4 / 9, *[1 / 9] * 4, *[1 / 36] * 4])


class Wakes(NamedTuple):
    """Runs of a Reynolds number and an angle of the free stream, each at a few times.

    Args:
        velocity: (runs, times, x, y, 2).
        pressure: (p - p0) / (rho U^2), (runs, times, x, y).
        reynolds, angle: of the runs, (runs); the angle in degrees.
        x, y: places in diameters from the cylinder.
        time: in diameters over the velocity of the free stream, (times).
        solid: where the cylinder is, (x, y).
    """

    velocity: np.ndarray
    pressure: np.ndarray
    reynolds: np.ndarray
    angle: np.ndarray
    x: np.ndarray
    y: np.ndarray
    time: np.ndarray
    solid: np.ndarray


@njit(fastmath=True)
def equilibrium(i, rho, u, v):
    along = STEP_X[i] * u + STEP_Y[i] * v
    return WEIGHT[i] * rho * (1 + 3 * along + 4.5 * along * along - 1.5 * (u * u + v * v))


@njit(fastmath=True)
def advance(f, g, solid, viscosity, steps, probe):
    """So many steps of populations (x, y, 9) after collision; the transverse velocity at a place after each of them.

    Edges hold the free stream, but for the last x, where what arrives before it goes on.
    """
    n, m = solid.shape
    seen, a = np.zeros(steps), np.zeros(9)
    rate = 1 / (3 * viscosity + 0.5)
    for step in range(steps):
        for x in range(1, n - 1):
            for y in range(1, m - 1):
                rho, u, v = 0.0, 0.0, 0.0
                for i in range(9):
                    a[i] = f[x - STEP_X[i], y - STEP_Y[i], i]
                    rho += a[i]
                    u += STEP_X[i] * a[i]
                    v += STEP_Y[i] * a[i]
                if solid[x, y]:
                    g[x, y, 0] = a[0]
                    for i in range(1, 9, 2):
                        g[x, y, i], g[x, y, i + 1] = a[i + 1], a[i]
                    continue
                u /= rho
                v /= rho
                for i in range(9):
                    g[x, y, i] = a[i] - rate * (a[i] - equilibrium(i, rho, u, v))
                if x == n - 2:
                    g[n - 1, y] = a
                if x == probe[0] and y == probe[1]:
                    seen[step] = v
        f, g = g, f
    return f, g, seen


class Stream:
    """One flow around a cylinder.

    Args:
        reynolds: Reynolds number of the diameter.
        angle: of the free stream, in degrees.
        size: nodes along x and y.
        diameter: of the cylinder in nodes; it stands at a quarter of x, in the middle of y.
        speed: of the free stream, in nodes a step.
    """

    def __init__(self, reynolds, angle=0.0, size=(100, 60), diameter=10.0, speed=0.1):
        self.diameter, self.speed = diameter, speed
        self.viscosity = speed * diameter / reynolds
        turn = np.deg2rad(angle)
        self.u0, self.v0 = speed * np.cos(turn), speed * np.sin(turn)
        self.x, self.y = (np.arange(n) - place for n, place in zip(size, (size[0] / 4, (size[1] - 1) / 2), strict=True))
        self.solid = np.hypot(self.x[:, None], self.y) <= diameter / 2
        self.probe = np.array([size[0] // 4 + int(2.5 * diameter), size[1] // 2])
        kick = self.speed * 0.1 * np.exp(-((self.x - 2 * diameter) ** 2) / diameter**2)[:, None] * np.ones(size)
        kick[:, [0, -1]] = 0  # edges hold the free stream
        self.f = np.stack([equilibrium.py_func(i, np.ones(size), self.u0, self.v0 + kick) for i in range(9)], axis=-1)
        self.g = self.f.copy()

    def run(self, steps):
        """Go on; the transverse velocity behind the cylinder after each step, in velocities of the free stream."""
        self.f, self.g, seen = advance(self.f, self.g, self.solid, self.viscosity, steps, self.probe)
        return seen / self.speed

    def fields(self):
        """Velocity (x, y, 2) and pressure (x, y); at rest within the cylinder."""
        rho = self.f.sum(-1)
        velocity = self.f @ np.stack([STEP_X, STEP_Y], axis=-1) / rho[..., None] / self.speed
        pressure = (rho - 1) / 3 / self.speed**2
        return np.where(self.solid[..., None], 0, velocity), np.where(self.solid, 0, pressure)


def strouhal(reynolds, size, diameter, speed=0.1, times=120):
    """Strouhal number f D / U from the last half of so many diameters over U."""
    stream = Stream(reynolds, 0.0, size, diameter, speed)
    seen = stream.run(int(times * diameter / speed))
    seen = seen[len(seen) // 2 :] - seen[len(seen) // 2 :].mean()
    rises = np.flatnonzero((seen[:-1] < 0) & (seen[1:] >= 0))
    return diameter / speed / np.diff(rises).mean()


def wakes(runs=5, times=16, size=(100, 60), diameter=10.0, speed=0.1, before=60.0):
    """runs x runs wakes of Re 60 to 140 and angles of -8 to 8 degrees, after so many diameters over U."""
    reynolds, angle = (a.ravel() for a in np.meshgrid(np.linspace(60, 140, runs), np.linspace(-8, 8, runs)))
    every = int(0.75 * diameter / speed)
    found = []
    for re, degrees in zip(reynolds, angle, strict=True):
        stream = Stream(re, degrees, size, diameter, speed)
        stream.run(int(before * diameter / speed))
        found.append([(stream.run(every), *stream.fields())[1:] for _ in range(times)])
    velocity, pressure = (np.array([[snap[i] for snap in run] for run in found], np.float32) for i in (0, 1))
    x, y = stream.x / diameter, stream.y / diameter
    clock = np.arange(times) * every * speed / diameter
    return Wakes(velocity, pressure, reynolds, angle, x, y, clock, stream.solid)


def well(path, w):
    """The layout of The Well."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["n_spatial_dims"] = 2
        file.create_group("dimensions").attrs["spatial_dims"] = ["x", "y"]
        for name, values in {"time": w.time, "x": w.x, "y": w.y}.items():
            file[f"dimensions/{name}"] = values.astype("f4")
            file[f"dimensions/{name}"].attrs.update(sample_varying=False, time_varying=False)
        for name, values in {"Re": w.reynolds, "angle": w.angle}.items():
            file[f"scalars/{name}"] = values
            file[f"scalars/{name}"].attrs.update(sample_varying=True, time_varying=False)
        for name, values in {"t0_fields/pressure": w.pressure, "t1_fields/velocity": w.velocity}.items():
            file[name] = values
            file[name].attrs.update(sample_varying=True, time_varying=True, dim_varying=[True, True])


def pdebench(path, w):
    """An array a variable beside coordinates, as PDEBench; parameters of the runs beside them."""
    import h5py

    with h5py.File(path, "w") as file:
        file["pressure"], file["Vx"], file["Vy"] = w.pressure, w.velocity[..., 0], w.velocity[..., 1]
        file["x-coordinate"], file["y-coordinate"], file["t-coordinate"] = w.x, w.y, w.time
        file["Re"], file["angle"] = w.reynolds, w.angle
        for name in ("Re", "angle"):
            file[name].dims[0].label = "sample"


def groups(path, w):
    """A group a run, named by its number, with channels last, beside a grid, as PDEBench; parameters are attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        for i in range(len(w.reynolds)):
            group = file.create_group(f"{i:04d}")
            group["data"] = np.concatenate([w.velocity[i], w.pressure[i, ..., None]], axis=-1)
            group["grid/x"], group["grid/y"], group["grid/t"] = w.x, w.y, w.time
            group.attrs["Re"], group.attrs["angle"] = w.reynolds[i], w.angle[i]


def netcdf(path, w):
    """NetCDF by the CF conventions, with axes (run, time, y, x) and parameters as coordinates of the runs."""
    _netcdf(path, w, ("run", "time"), lambda a: a)


def flat(path, w, fill=np.nan):
    """NetCDF with rows already one axis, parameters as coordinates of them, and nothing, or a number, in the solid."""

    def rows(a):
        return np.where(w.solid.T, np.float32(fill), a.reshape(-1, *a.shape[2:])) if a.ndim == 4 else np.repeat(a, 16)

    _netcdf(path, w, ("sample",), rows)


def _netcdf(path, w, rows, change):
    import xarray

    fields = {"u": w.velocity[..., 0], "v": w.velocity[..., 1], "p": w.pressure}
    turned = {name: ((*rows, "y", "x"), change(np.swapaxes(values, 2, 3))) for name, values in fields.items()}
    known = {"Re": (rows[:1], change(w.reynolds)), "angle": (rows[:1], change(w.angle), {"units": "degree"})}
    places = {"x": w.x, "y": w.y} | ({"time": w.time} if "time" in rows else {})
    xarray.Dataset(turned, places | known).to_netcdf(path)


def npz(path, w):
    """Arrays with the rows first."""
    rows = {"velocity": np.moveaxis(w.velocity, -1, 2), "pressure": w.pressure}
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in rows.items()}
    known = {name: np.repeat(values, len(w.time)) for name, values in (("Re", w.reynolds), ("angle", w.angle))}
    np.savez(path, x=w.x, y=w.y, **flat, **known)


def image(w, row):
    """A snapshot as an even grid of pyvista, whose points hold velocity and pressure, x running fastest."""
    run, time = divmod(row, len(w.time))
    points = {"velocity": w.velocity[run, time].reshape(-1, 2, order="F"), "pressure": w.pressure[run, time].ravel("F")}
    return SimpleNamespace(
        point_data=points, cell_data={}, field_data={"Re": w.reynolds[run : run + 1], "angle": w.angle[run : run + 1]},
        n_points=w.solid.size, n_cells=(w.solid.shape[0] - 1) * (w.solid.shape[1] - 1),
        dimensions=(*w.solid.shape, 1), origin=(w.x[0], w.y[0], 0.0), spacing=(w.x[1] - w.x[0], w.y[1] - w.y[0], 1.0),
    )  # fmt: skip


#: a file of each layout: how it is written, and what is said of it when it is imported
LAYOUTS = {
    "well.hdf5": (well, ""),
    "pdebench.hdf5": (pdebench, ""),
    "groups.hdf5": (groups, ""),
    "cf.nc": (netcdf, "--rows run time"),
    "masked.nc": (flat, ""),
    "flat.npz": (npz, "--factors Re angle"),
}


def main() -> None:
    """Write a file of each layout: python tests/support/wake.py FOLDER."""
    import sys
    from pathlib import Path

    made, folder = wakes(), Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (write, said) in LAYOUTS.items():
        write(folder / name, made)
        print(f"beable import {folder / name} -o {folder / name}.zarr {said}".rstrip())


if __name__ == "__main__":
    main()
