"""Small files in the layouts of the field, all of one made-up wake: runs of a Reynolds number and an angle, each with a
few times, velocity and pressure on a grid. Whoever reads them must find the same rows."""

import numpy as np

RUNS, TIMES, X, Y = 5, 6, 12, 10
REYNOLDS, ANGLE = np.linspace(60, 140, RUNS), np.array([-8.0, 3.0, 8.0, -2.0, 5.0])
PLACES = {"x": np.linspace(0, 2, X), "y": np.linspace(-1, 1, Y)}
CLOCK = np.linspace(0, 0.5, TIMES)


def field(seed):
    """Numbers (run, time, x, y) that single precision holds."""
    return np.random.default_rng(seed).normal(size=(RUNS, TIMES, X, Y)).astype(np.float32)


PRESSURE, VX, VY = field(1), field(2), field(3)
VELOCITY = np.stack([VX, VY], axis=-1)
ROWS = {"pressure": PRESSURE.reshape(-1, X, Y), "velocity": np.moveaxis(VELOCITY, -1, 2).reshape(-1, 2, X, Y)}


def well(path):
    """The Well: scalars, t0 and t1 fields, coordinates and what varies along which axis as attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["n_spatial_dims"], file.attrs["dataset_name"], file.attrs["prandtl"] = 2, "wake", 0.7
        places = file.create_group("dimensions")
        places.attrs["spatial_dims"] = ["x", "y"]
        for name, values in {"time": CLOCK, **PLACES}.items():
            places[name] = values.astype("f4")
            places[name].attrs.update(sample_varying=False, time_varying=False)
        scalars = file.create_group("scalars")
        for name, values in {"Re": REYNOLDS, "angle": ANGLE, "gamma": np.array([1.4])}.items():
            scalars[name] = values
            scalars[name].attrs.update(sample_varying=len(values) > 1, time_varying=False)
        _well_field(file, "t0_fields/pressure", PRESSURE, True)
        _well_field(file, "t0_fields/porosity", PRESSURE[0, 0], False)
        _well_field(file, "t1_fields/velocity", VELOCITY, True)
        _well_field(file, "t2_fields/stress", VELOCITY[..., None] * VELOCITY[..., None, :], True)
        file["boundary_conditions/wall/mask"] = np.zeros(X, bool)


def _well_field(file, name, values, varying):
    file[name] = values
    file[name].attrs.update(sample_varying=varying, time_varying=varying, dim_varying=[True, True])


def pdebench_flow(path):
    """PDEBench, compressible flow: an array a variable, with coordinates; t has one time more than the arrays."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["eta"], file.attrs["zeta"] = 1e-8, 1e-8
        file["pressure"], file["Vx"], file["Vy"] = PRESSURE, VX, VY
        file["x-coordinate"], file["y-coordinate"] = PLACES["x"], PLACES["y"]
        file["t-coordinate"] = np.append(CLOCK, 0.6)


def pdebench_tensor(path):
    """PDEBench, one variable named tensor along a line."""
    import h5py

    with h5py.File(path, "w") as file:
        file["tensor"], file["x-coordinate"], file["t-coordinate"] = PRESSURE[..., 0], PLACES["x"], CLOCK


def pdebench_darcy(path):
    """PDEBench, Darcy flow: nu (sample, x, y) and tensor (sample, 1, x, y)."""
    import h5py

    with h5py.File(path, "w") as file:
        file["nu"], file["tensor"] = PRESSURE[:, 0], PRESSURE[:, :1]
        file["x-coordinate"], file["y-coordinate"] = PLACES["x"], PLACES["y"]
        file.attrs["beta"] = 1.0


def pdebench_groups(path):
    """PDEBench, a group a sample with channels last, beside a grid."""
    import h5py

    with h5py.File(path, "w") as file:
        for run in range(RUNS):
            group = file.create_group(f"{run:04d}")
            group["data"] = VELOCITY[run]
            group["grid/x"], group["grid/y"], group["grid/t"] = PLACES["x"], PLACES["y"], CLOCK


def cf(path, engine="h5netcdf", group=None, packed=False):
    """CF: (run, time, y, x) with units, parameters of a run, an area; xarray writes NetCDF or Zarr."""
    import xarray

    turned = {"u": VX, "v": VY, "p": PRESSURE}
    data = {n: (("run", "time", "y", "x"), a.swapaxes(2, 3), {"units": "m s-1"}) for n, a in turned.items()}
    coords = {
        "x": ("x", PLACES["x"], {"units": "m"}),
        "y": ("y", PLACES["y"], {"units": "m"}),
        "time": ("time", CLOCK, {"units": "s"}),
        "reynolds": ("run", REYNOLDS, {"units": "1"}),
        "angle": ("run", ANGLE, {"units": "degree"}),
        "height": ((), 2.5, {"units": "m"}),
    }
    data["area"] = (("y", "x"), np.ones((Y, X)), {"units": "m2"})
    made = xarray.Dataset(data, coords=coords, attrs={"gravity": 9.81, "title": "a wake"})
    if packed:
        made["p"].encoding.update(dtype="i2", scale_factor=0.001, add_offset=1.0, _FillValue=-32768)
    if engine == "zarr2":
        made.to_zarr(path, zarr_format=2, consolidated=False)
    elif engine == "zarr3":
        made.to_zarr(path, zarr_format=3, consolidated=False)
    else:
        made.to_netcdf(path, engine=engine, group=group)
