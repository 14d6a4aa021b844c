"""Each row of the table of formats on the page about one's own data has a command; here it is run."""

import re
import shlex
import warnings
from pathlib import Path

import cgns_file
import field_files as files
import numpy as np
import pytest
import vtk_stand_in

from beable.commands import cli
from beable.datasets.store import Store
from beable.datasets.structures import write_frames

pytest.importorskip("h5py")
pytest.importorskip("xarray")
PAGE = (Path(__file__).parents[2] / "docs" / "your-data.md").read_text()
TABLE = PAGE[PAGE.index("| file | what is read |") :].split("\n\n")[0].splitlines()[2:]
COMMANDS = [re.findall(r"`(beable import [^`]+)`", line) for line in TABLE]
ALL = files.RUNS * files.TIMES


def waves(path):
    np.savez(path, height=files.PRESSURE[0], amplitudes=np.ones((files.TIMES, 2)))


def parts(path):
    for i in range(3):
        np.savez(path.with_name(path.name.replace("*", str(i))), p=files.PRESSURE[i])


def steps(path):
    for i in range(3):
        np.savez(path.with_name(path.name.replace("*", str(i))), p=files.PRESSURE[i, 0], time=float(i))


def packed(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["p"] = np.rint(1000 * files.PRESSURE[:, 0]).astype("i2")
        file["p"].attrs["scale_factor"] = 0.001


def runs(path):
    import h5py

    with h5py.File(path, "w") as file:
        for i, values in enumerate(files.PRESSURE[:, 0]):
            file[f"run_{i}/p"] = values
            file[f"run_{i}"].attrs["reynolds"] = files.REYNOLDS[i]


def kle2(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["generative_params"], file["permeability"] = np.arange(6.0).reshape(3, 2), np.ones((3, 1, 5, 5))
        file["output"] = np.random.default_rng(0).normal(size=(3, 3, 5, 5))


ROWS = [(10 + i, 300 - i * i, i % 3) for i in range(6)]


def lines(head, separator=",", after=""):
    """Writes a table of text: its head, then six rows."""
    body = "".join(separator.join(map(str, row)) + after + "\n" for row in ROWS)
    return lambda path: path.write_text(head + body)


def continental(path):
    path.write_text("p;T\n" + "".join(f"{p},5;{t},25\n" for p, t, _ in ROWS))


def cars(path):
    words = "".join(
        f"car {i},{p},{('USA', 'Japan')[i % 2]},{('petrol', 'diesel')[k % 2]}\n" for i, (p, _, k) in enumerate(ROWS)
    )
    path.write_text("Name,mpg,Origin,Fuel\n" + words)


def frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(ROWS, columns=["p [kPa]", "T", "k"])


def spectra(path):
    path.write_text("dose,400,550,700\n" + "".join(f"{i},{p},{t},{k}\n" for i, (p, t, k) in enumerate(ROWS)))


def patterns(path):
    for i in range(3):
        path.with_name(path.name.replace("*", str(i))).write_text("angle [deg],counts\n10,1\n11,5\n12,2\n")


def parquet(path):
    pytest.importorskip("pyarrow")
    frame().to_parquet(path)


def workbook(path):
    pytest.importorskip("openpyxl")
    frame().to_excel(path, sheet_name="runs", index=False)


PARTICLES = np.cumsum(np.ones((files.TIMES, 5, 3)), axis=1) + 0.1 * files.PRESSURE[0, :, :5, :3]
NAMES = {"atom_names": ["N", "CA", "C", "CA", "O"]}


def protein(path):
    """A structure that names the particles, and a trajectory of them in another file."""
    mda = pytest.importorskip("MDAnalysis")
    write_frames(path, PARTICLES[:1], NAMES, "angstrom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements and of a box that are not there
        universe = mda.Universe(str(path))
        universe.load_new(PARTICLES.astype("f4"), order="fac")
        with mda.Writer(str(path.with_name("traj.dcd")), 5) as writer:
            for _ in universe.trajectory:
                writer.write(universe.atoms)


def models(path):
    pytest.importorskip("MDAnalysis")
    write_frames(path, PARTICLES, NAMES, "angstrom")


def fluid(path):
    pytest.importorskip("ase")
    write_frames(path, PARTICLES, {"elements": ["Ar"] * 5}, "angstrom", 20 * np.eye(3))


def dump(path):
    pytest.importorskip("MDAnalysis")
    box = "ITEM: BOX BOUNDS pp pp pp\n0 20\n0 20\n0 20\n"
    head = f"ITEM: TIMESTEP\n{{}}\nITEM: NUMBER OF ATOMS\n5\n{box}ITEM: ATOMS id type x y z\n"
    lines = [f"{5 - j} 1 {' '.join(map(str, x[4 - j]))}" for x in PARTICLES[:1] for j in range(5)]
    path.write_text("".join(head.format(i) + "\n".join(lines) + "\n" for i in range(files.TIMES)))


def argon(path):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_group("h5md")
        file["particles/argon/position/value"] = PARTICLES


def empty(path):
    for i in range(3):
        path.with_name(path.name.replace("*", str(i))).touch()


def pieces(path):
    for i in range(3):
        path.with_name(path.name.replace("*", str(i))).write_text("<VTKFile/>")


def steps_of_hdf(path):
    import h5py

    for i in range(3):
        h5py.File(path.with_name(path.name.replace("*", str(i))), "w").close()


def case(path):
    (path.parent / "0").mkdir()
    path.touch()


def plate(path):
    import xarray

    names = ("variable",), np.array(["heat"], "S33"), {}, {"char_dim_name": "len_name"}
    data = {"time_whole": ("time_step", np.arange(3.0)), "name_nod_var": names}
    data["vals_nod_var1"] = ("time_step", "num_nodes"), files.PRESSURE[0, :3, :, 0]
    xarray.Dataset(data, attrs={"api_version": np.float32(5.1)}).to_netcdf(path, engine="scipy")


def wing(path):
    pytest.importorskip("pyvista")
    cgns_file.write(path, files.PRESSURE[0, :3, None, :, :], [0.0, 0.5, 1.0])


MADE = {
    "continental.csv": (continental, 6),
    "probes.dat": (lines("# probes of the inlet\n#  p  T  k\n#  Pa  K  1\n", "  "), 6),
    "savetxt.txt": (lines("", " "), 6),
    "gaps.csv": (lines("p,T,k\n-9999,2,3\n1,NA,3\n"), 8),
    "cars.csv": (cars, 6),
    "rocks.csv": (lines("SiO2,TiO2,Al2O3\n"), 6),
    "spectra.csv": (spectra, 6),
    "pattern_*.csv": (patterns, 3),
    "rocks.parquet": (parquet, 6),
    "runs.xlsx": (workbook, 6),
    "top.pdb": (protein, files.TIMES // 2),
    "models.pdb": (models, files.TIMES),
    "fluid.extxyz": (fluid, files.TIMES),
    "run.lammpstrj": (dump, files.TIMES),
    "argon.h5md": (argon, files.TIMES),
    "waves.npz": (waves, files.TIMES),
    "height.npy": (lambda path: np.save(path, files.PRESSURE[0]), files.TIMES),
    "table.csv": (lambda path: path.write_text("p,T\n1,2\n2,5\n3,3\n"), 3),
    "packed.h5": (packed, files.RUNS),
    "runs.h5": (runs, files.RUNS),
    "wake.nc": (files.cf, ALL),
    "wake.zarr": (lambda path: files.cf(path, engine="zarr3"), files.RUNS),
    "wake_well.hdf5": (files.well, ALL),
    "flow_pde.hdf5": (files.pdebench_flow, ALL // 2),
    "darcy_pde.hdf5": (files.pdebench_darcy, files.RUNS),
    "groups_pde.h5": (files.pdebench_groups, ALL),
    "kle2.hdf5": (kle2, 3),
    "part_*.npz": (parts, 3 * files.TIMES),
    "step_*.npz": (steps, 3),
    "plate.exo": (plate, 3),
    "wake_*.vti": (empty, 3),
    "wake_*.pvtu": (pieces, 3),
    "wake_*.vtkhdf": (steps_of_hdf, 3),
    "case.foam": (case, 3),
    "wing.cgns": (wing, 3),
    "wake.pvd": (vtk_stand_in.series, 2),
}


def test_every_row_has_a_command_and_every_file_a_writer():
    assert [line for line, found in zip(TABLE, COMMANDS, strict=True) if len(found) != 1] == []
    assert {found[0].split()[2] for found in COMMANDS} == set(MADE)


@pytest.mark.filterwarnings("ignore::beable.errors.DataWarning")  # frames that drift as a whole
@pytest.mark.parametrize("command", [found[0] for found in COMMANDS])
def test_the_command_of_a_row_makes_the_data_set(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    name = command.split()[2]
    write, rows = MADE[name]
    if name.endswith((".vti", ".pvd", ".pvtu", ".vtkhdf", ".foam")):
        vtk_stand_in.install(monkeypatch)
    write(tmp_path / name)
    assert cli.run(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    assert Store.open(tmp_path / "a.zarr").rows == rows
