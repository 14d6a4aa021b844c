"""Each row of the table of formats on the page about one's own data has a command; here it is run."""

import re
from pathlib import Path

import field_files as files
import numpy as np
import pytest
import vtk_stand_in

from beable import cli
from beable.datasets.store import Store

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


def empty(path):
    for i in range(3):
        path.with_name(path.name.replace("*", str(i))).touch()


MADE = {
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
    "wake_*.vti": (empty, 3),
    "wake.pvd": (empty, 2),
}


def test_every_row_has_a_command_and_every_file_a_writer():
    assert [line for line, found in zip(TABLE, COMMANDS, strict=True) if len(found) != 1] == []
    assert {found[0].split()[2] for found in COMMANDS} == set(MADE)


@pytest.mark.parametrize("command", [found[0] for found in COMMANDS])
def test_the_command_of_a_row_makes_the_data_set(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    name = command.split()[2]
    write, rows = MADE[name]
    if name.endswith((".vti", ".pvd")):
        vtk_stand_in.install(monkeypatch)
    write(tmp_path / name)
    assert cli.run(command.split()[1:]) == 0, capsys.readouterr().err
    assert Store.open(tmp_path / "a.zarr").rows == rows
