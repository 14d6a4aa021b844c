"""Files of VTK, by pyvista where it is installed, and by a stand-in with the part of its interface that is used."""

import numpy as np
import pytest
import vtk_stand_in
from vtk_stand_in import FLOW, HEAT, grid, series

from beable.datasets.importing import import_file
from beable.errors import DataError


@pytest.fixture
def stand_in(monkeypatch):
    vtk_stand_in.install(monkeypatch)


def check_grid(store):
    assert store.rows == 3
    assert np.array_equal(store.read("heat"), HEAT)
    assert np.array_equal(store.read("flow"), np.moveaxis(FLOW, -1, 1))
    assert [v.dims for v in store.variables] == [("x", "y"), ("component", "x", "y")]
    assert store.coordinates["x"][0].tolist() == [1.0, 1.5, 2.0, 2.5]


def test_files_of_one_grid_are_rows_and_their_numbers_factors(stand_in, tmp_path):
    for i in range(3):
        (tmp_path / f"wake_{i}.vti").touch()
    store = import_file(tmp_path / "wake_*.vti", tmp_path / "store.zarr")
    check_grid(store)
    assert store.factors[0].name == "load"
    assert store.factor_values[:, 0].tolist() == [0, 1, 2]


def test_times_of_a_series_are_rows(stand_in, tmp_path):
    series(tmp_path / "wake.pvd")
    check_grid(import_file(tmp_path / "wake.pvd", tmp_path / "store.zarr"))
    last = import_file(tmp_path / "wake.pvd", tmp_path / "two.zarr", time="every=2", factors=["time"])
    assert np.array_equal(last.read("heat"), HEAT[::2])
    assert last.factor_values[:, 0].tolist() == [0.0, 1.5]


def test_a_mesh_without_order_has_its_cells_as_an_axis(stand_in, tmp_path):
    for i in range(3):
        (tmp_path / f"wake_{i}.vtu").touch()
    store = import_file(tmp_path / "wake_*.vtu", tmp_path / "store.zarr")
    assert store.variables[0].dims == ("cell",)
    assert np.array_equal(store.read("heat"), HEAT.reshape(3, -1))


def test_pyvista_itself_writes_what_is_read(tmp_path):
    pyvista = pytest.importorskip("pyvista")
    for i in range(3):
        image = pyvista.ImageData(dimensions=(4, 5, 1), origin=(1, 0, 0), spacing=(0.5, 0.25, 1))
        image.point_data["heat"], image.point_data["flow"] = grid(i).point_data.values()
        image.save(tmp_path / f"wake_{i}.vti")
        image.cast_to_unstructured_grid().save(tmp_path / f"mesh_{i}.vtu")
    check_grid(import_file(tmp_path / "wake_*.vti", tmp_path / "store.zarr"))
    assert import_file(tmp_path / "mesh_*.vtu", tmp_path / "mesh.zarr").variables[0].dims[-1] == "node"


def case_of(folder, boundary=""):
    """The folder of a case of OpenFOAM."""
    for part in ("constant/polyMesh", "system", "0", "0.5"):
        (folder / part).mkdir(parents=True)
    (folder / "0.5" / "U").write_text(f'boundaryField\n{{\n#include "inlet"\n{boundary}\n}}\n')
    (folder / "case.foam").touch()
    return folder / "case.foam"


def test_a_case_that_stays_in_its_folder_is_read(stand_in, tmp_path):
    (case := case_of(tmp_path / "case")).with_name("log").symlink_to("/dev/null")  # of no part that is read
    assert import_file(case, tmp_path / "store.zarr").rows == 3


@pytest.mark.parametrize("name", ["/etc/passwd", "$HOME/secret", "../../elsewhere", "~/secret"])
def test_a_case_that_asks_for_a_file_elsewhere_is_refused(stand_in, tmp_path, name):
    case = case_of(tmp_path / "case", f'#includeIfPresent  "{name}"')
    with pytest.raises(DataError, match=r"0\.5/U asks for the file"):
        import_file(case, tmp_path / "store.zarr")


def test_a_case_with_a_link_out_of_it_is_refused(stand_in, tmp_path):
    case, secret = case_of(tmp_path / "case"), tmp_path / "secret"
    secret.write_text("271828")
    case.with_name("constant").joinpath("points").symlink_to(secret)
    with pytest.raises(DataError, match="points is a link out of the folder"):
        import_file(case, tmp_path / "store.zarr")
    case.with_name("constant").joinpath("points").unlink()
    case.with_name("1").symlink_to(tmp_path)
    with pytest.raises(DataError, match="its part '1' leads out of its folder"):
        import_file(case, tmp_path / "store.zarr")
