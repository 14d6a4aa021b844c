"""Files that people published as troublesome, each read as it is meant or refused in one line."""

import json

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.store import Store

h5py = pytest.importorskip("h5py")
xarray = pytest.importorskip("xarray")
ROWS, X, Y = 20, 16, 12
A, B = np.random.default_rng(7).uniform(-1, 1, (2, ROWS))
PLACE = np.add.outer(np.linspace(0, 3, X), np.linspace(0, 6, Y))
WAVE = A[:, None, None] * np.sin(PLACE) + 0.5 * B[:, None, None] * np.cos(2 * PLACE)
LAND = np.zeros((X, Y), bool)
LAND[:5, :4] = LAND[10:, 9:] = True


def land(folder):
    """Packed sea surface temperature; land is fill in every row, time has no limit."""
    sea = np.where(LAND, np.nan, 15 + 5 * WAVE)
    coords = {"lat": np.linspace(-40, 40, X), "lon": np.linspace(0, 110, Y)}
    data = xarray.Dataset({"sst": (("time", "lat", "lon"), sea, {"units": "degC"})}, coords)
    packing = {"dtype": "i2", "scale_factor": 0.001, "add_offset": 10.0, "_FillValue": -32768, "zlib": True}
    path = folder / "sst.nc"
    data.to_netcdf(path, engine="h5netcdf", unlimited_dims=["time"], encoding={"sst": packing})
    return path


def packed(folder, hole=False):
    counts = np.rint((290 + 5 * WAVE - 273.15) / 0.01).astype("i2")
    counts[3, 4:6, 5] = -32767 if hole else counts[3, 4:6, 5]
    with h5py.File(folder / "packed.h5", "w") as file:
        file.create_dataset("surface_temperature", data=counts, chunks=(5, X, Y), compression="gzip").attrs.update(
            units="K", scale_factor=np.float32(0.01), add_offset=np.float32(273.15), _FillValue=np.int16(-32767)
        )
    return folder / "packed.h5"


def flow(folder):
    """Incompressible flow of PDEBench: (simulation, time, x, y, channel) beside t and a constant force."""
    parts = WAVE.reshape(4, 5, X, Y)
    with h5py.File(folder / "ns_incom.h5", "w") as file:
        file["velocity"] = np.stack([parts, 0.3 * np.roll(parts, 2, 2)], -1).astype("f4")
        file["particles"] = np.abs(parts)[..., None].astype("f4")
        file["force"] = np.broadcast_to(np.sin(PLACE)[None, :, :, None], (4, X, Y, 2)).astype("f4")
        file["t"] = np.broadcast_to(np.linspace(0, 1, 5), (4, 5)).astype("f4")
    return folder / "ns_incom.h5"


def groups(folder, with_time):
    with h5py.File(folder / "groups.h5", "w") as file:
        for i in range(ROWS // 5 if with_time else ROWS):
            group = file.create_group(f"{i:04d}" if with_time else f"run_{i}")
            if with_time:
                group["data"] = WAVE[5 * i : 5 * i + 5, ..., None].astype("f4")
                group["grid/x"], group["grid/y"] = np.linspace(0, 1, X), np.linspace(0, 1, Y)
            else:
                group["u"] = WAVE[i].astype("f4")
            group.attrs["Du" if with_time else "viscosity"] = A[i]
    return folder / "groups.h5"


def ensemble(folder):
    data = xarray.Dataset({"u": (("sample", "x", "y"), WAVE.astype("f4"), {"units": "m/s"})})
    data = data.assign_coords(viscosity=("sample", A), amplitude=("sample", B))
    data.to_netcdf(folder / "ensemble.nc", engine="h5netcdf")
    return folder / "ensemble.nc"


def static(folder):
    fields = {"u": (("time", "x", "y"), WAVE.astype("f4")), "area": (("x", "y"), np.ones((X, Y), "f4"))}
    xarray.Dataset(fields).to_netcdf(folder / "static.nc", engine="h5netcdf")
    return folder / "static.nc"


def grouped(folder):
    data = xarray.Dataset({"u": (("sample", "x", "y"), WAVE.astype("f4"), {"units": "m/s"})})
    data.to_netcdf(folder / "grouped.nc", engine="h5netcdf", group="fields")
    return folder / "grouped.nc"


def plain_zarr(version):
    def write(folder):
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(folder / "plain.zarr", mode="w", zarr_format=version)
        group.create_array("u", shape=WAVE.shape, chunks=(5, X, Y), dtype="f4")[:] = WAVE
        group.create_array("a", shape=A.shape, dtype="f8")[:] = A
        return folder / "plain.zarr"

    return write


def channels(axis, dead=False):
    def write(folder):
        parts = [1e5 + 1e3 * WAVE, 0 * WAVE if dead else 0.1 * WAVE[::-1]]
        np.savez(folder / "state.npz", state=np.stack(parts, axis), a=A, b=B)
        return folder / "state.npz"

    return write


def wrapped(folder):
    np.savez(folder / "wrapped.npz", position=np.random.default_rng(9).uniform(0, 6, (ROWS, 16, 2)))
    return folder / "wrapped.npz"


def ragged(folder):
    """Frames of 7, 5 and 6 particles, the rest of their places empty."""
    position = np.random.default_rng(9).uniform(0, 6, (ROWS, 7, 2))
    position[1::2, 5:], position[2::2, 6:] = np.nan, np.nan
    np.savez(folder / "ragged.npz", position=position)
    return folder / "ragged.npz"


def partly_known(folder):
    """A factor that is known for every fifth row."""
    np.savez(folder / "partly.npz", u=WAVE, a=np.where(np.arange(ROWS) % 5, np.nan, A), b=B)
    return folder / "partly.npz"


def waves(folder):
    np.savez(folder / "psi.npz", psi=WAVE * np.exp(1j * WAVE), a=A)
    return folder / "psi.npz"


def probes(folder):
    with h5py.File(folder / "probes.h5", "w") as file:
        probe = np.zeros(50, dtype=[("t", "f8"), ("p", "f4"), ("n", "i4")])
        probe["t"], probe["p"], probe["n"] = np.arange(50) / 8, np.sin(np.arange(50)), np.arange(50) % 7
        file["probe"] = probe
    return folder / "probes.h5"


def several(folder):
    for i in range(4):
        with h5py.File(folder / f"snap_{i}.h5", "w") as file:
            file["u"] = WAVE[5 * i : 5 * i + 5].astype("f4")
    layout = h5py.VirtualLayout((ROWS, X, Y), "f4")
    for i in range(4):
        layout[5 * i : 5 * i + 5] = h5py.VirtualSource(f"snap_{i}.h5", "u", (5, X, Y))
    with h5py.File(folder / "meta.h5", "w") as file:
        file.create_virtual_dataset("u", layout)
    return folder / "snap_*.h5"


def linked(folder):
    return several(folder).parent / "meta.h5"


PAIR = ["--components", "state", "--factors", "a", "b"]
FIELD = ("x", "y"), (X, Y)
TWO = ("component", "x", "y"), (2, X, Y)
READ = {
    "F22 structured": (probes, [], 50, dict.fromkeys(("probe_t", "probe_p", "probe_n"), ((), ())), "1", []),
    "F1 land": (land, [], ROWS, {"sst": (("lat", "lon"), (X, Y))}, "degC", []),
    "F2 packed": (packed, [], ROWS, {"surface_temperature": FIELD}, "K", []),
    "F2 two entries missing, kept": (
        lambda f: packed(f, hole=True),
        ["--missing", "keep"],
        ROWS,
        {"surface_temperature": FIELD},
        "K",
        [],
    ),
    "F3 a group a run": (lambda f: groups(f, False), [], ROWS, {"u": FIELD}, "1", ["viscosity"]),
    "F3 a group a sample": (lambda f: groups(f, True), [], ROWS, {"data": FIELD}, "1", ["Du"]),
    "F4 simulation and time": (flow, [], ROWS, {"particles": FIELD, "velocity": TWO}, "1", []),
    "F4 in own words": (
        flow,
        ["--rows", "sim", "time", "--components", "velocity", "force", "--factors", "t"],
        ROWS,
        {"force": TWO, "particles": FIELD, "velocity": TWO},
        "1",
        ["t"],
    ),
    "F5 channels first": (
        channels(1),
        PAIR,
        ROWS,
        {"state": TWO},
        "1",
        ["a", "b"],
    ),
    "F5 channels last": (
        channels(-1),
        PAIR,
        ROWS,
        {"state": TWO},
        "1",
        ["a", "b"],
    ),
    "F6 zarr 2": (plain_zarr(2), ["--factors", "a"], ROWS, {"u": FIELD}, "1", ["a"]),
    "F6 zarr 3": (plain_zarr(3), ["--factors", "a"], ROWS, {"u": FIELD}, "1", ["a"]),
    "F7 groups": (grouped, [], ROWS, {"fields_u": FIELD}, "m/s", []),
    "F8 parameters": (ensemble, [], ROWS, {"u": FIELD}, "m/s", ["amplitude", "viscosity"]),
    "F8 parameters by name": (ensemble, ["--factors", "viscosity"], ROWS, {"u": FIELD}, "m/s", ["viscosity"]),
    "F8 static": (static, [], ROWS, {"u": FIELD}, "1", []),
    "F15 particles": (wrapped, [], ROWS, {"position": (("particle", "dimension"), (16, 2))}, "1", []),
    "F24 a factor of some rows": (
        partly_known,
        ["--factors", "a", "b", "--missing", "keep"],
        ROWS,
        {"u": FIELD},
        "1",
        ["a", "b"],
    ),
    "F23 several files": (several, [], ROWS, {"u": FIELD}, "1", []),
}
REFUSED = {
    "F2 two entries missing": (lambda f: packed(f, hole=True), [], 3, "1 of 20 rows are not finite (row 3"),
    "F16 ragged": (ragged, ["--missing", "keep"], 3, "5 to 7 particles a row, 19 of 20 rows lack some"),
    "F24 a factor of some rows": (partly_known, ["--factors", "a", "b"], 3, "numbers missing: factors 16: "),
    "F5 channels first": (channels(1), ["--factors", "a", "b"], 2, "--components state if it holds components"),
    "F5 channels last": (channels(-1), ["--factors", "a", "b"], 2, "--dims state=x,y,z if it is an axis of the grid"),
    "F5 a channel of zeros": (channels(1, dead=True), ["--factors", "a"], 2, "state has an axis of 2 beside 16 x 12"),
    "F22 complex": (waves, ["--factors", "a"], 3, "give its real and imaginary parts as two arrays"),
    "F23 links": (linked, [], 3, "takes its numbers from another file (snap_0.h5 snap_1.h5 snap_2.h5 snap_3.h5)"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_a_file_of_the_field_is_read_as_it_is_meant(tmp_path, capsys, case):
    write, words, rows, shapes, unit, factors = READ[case]
    assert cli.run(["import", str(write(tmp_path)), "-o", str(tmp_path / "store.zarr"), *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    store = Store.open(tmp_path / "store.zarr")
    assert (told["rows"], told["good"], store.rows) == (rows, rows, rows)
    assert {v.name: (v.dims, v.shape) for v in store.variables} == shapes
    assert {v.unit for v in store.variables} == {unit}
    assert [f.name for f in store.factors] == factors
    if case == "F22 structured":
        np.testing.assert_array_equal(store.read("probe_n"), np.arange(50) % 7)
    if case.startswith(("F3", "F6", "F7", "F8", "F23")):
        np.testing.assert_allclose(store.read(store.variables[0].name), WAVE.astype("f4"))
    known = {"viscosity": A, "amplitude": B, "a": A, "b": B, "Du": np.repeat(A[:4], 5)}
    for name, values in zip(factors, store.factor_values.T, strict=True):
        if name in known and "some rows" in case:
            np.testing.assert_array_equal(values[::5], known[name][::5])
        elif name in known:
            np.testing.assert_array_equal(values, known[name])


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_of_the_field_is_refused_in_one_line_that_says_what_to_do(tmp_path, capsys, case):
    write, words, code, said = REFUSED[case]
    assert cli.run(["import", str(write(tmp_path)), "-o", str(tmp_path / "store.zarr"), *words]) == code
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in line
    assert "check the file" not in line
    assert not (tmp_path / "store.zarr").exists()


def test_packed_numbers_are_kelvin_and_the_same_as_in_netcdf(tmp_path):
    path = packed(tmp_path)
    path.with_suffix(".nc").write_bytes(path.read_bytes())
    for suffix in (".h5", ".nc"):
        assert cli.run(["import", str(path.with_suffix(suffix)), "-o", str(tmp_path / f"s{suffix}"), "--json"]) == 0
    stores = [Store.open(tmp_path / f"s{suffix}").read("surface_temperature") for suffix in (".h5", ".nc")]
    np.testing.assert_array_equal(*stores)
    np.testing.assert_allclose(stores[0], 290 + 5 * WAVE, atol=0.006)


def test_what_is_constant_is_kept_beside_the_rows(tmp_path):
    for write, name in ((flow, "force"), (static, "area")):
        assert cli.run(["import", str(write(tmp_path)), "-o", str(tmp_path / name), "--json"]) == 0
        assert name in Store.open(tmp_path / name).constants
