"""Files that pyvista and VTK write, and cases of OpenFOAM: what of them becomes rows, and what is refused."""

import json

import cgns_file
import foam_case
import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.importing import import_file, taken_for
from beable.errors import BeableError, DataError, UsageError

pv = pytest.importorskip("pyvista")
HEAT = np.random.default_rng(0).normal(size=(3, 4, 5))  # rows, x, y
FLOW = np.random.default_rng(1).normal(size=(3, 4, 5, 3))


def image(row, size=(4, 5, 1), **more):
    """An even grid whose points hold a scalar and a vector."""
    made = pv.ImageData(dimensions=size, origin=(1, 0, 0), spacing=(0.5, 0.25, 1), **more)
    made.point_data["heat"] = HEAT[row].ravel(order="F")
    made.point_data["flow"] = FLOW[row].reshape(20, 3, order="F")
    return made


def mesh(row):
    return image(row).cast_to_unstructured_grid()


def surface(row):
    return image(row).extract_surface(algorithm="dataset_surface")


MADE = {
    "vti": image,
    "vtr": lambda row: image(row).cast_to_rectilinear_grid(),
    "vts": lambda row: image(row).cast_to_structured_grid(),
    "vtu": mesh,
    "vtp": surface,
    "vtk": image,
}


def saved(folder, kind, make=None, count=3):
    """Files of a kind, one a row, and the pattern that names them."""
    for row in range(count):
        (make or MADE[kind])(row).save(folder / f"wake_{row}.{kind}")
    return folder / f"wake_*.{kind}"


def imported(path, folder, **said):
    return import_file(path, folder / "store.zarr", **said)


def left(path, **said):
    """Why each part that is left out is left, by name."""
    return {t.name: t.why for t in taken_for(path, **said) if t.kind == "left out"}


@pytest.mark.parametrize("kind", ["vti", "vtr", "vts", "vtk"])
def test_a_grid_of_straight_lines_has_axes_with_coordinates(tmp_path, kind):
    store = imported(saved(tmp_path, kind), tmp_path)
    assert np.array_equal(store.read("heat"), HEAT)
    assert np.array_equal(store.read("flow"), np.moveaxis(FLOW, -1, 1))
    assert store.coordinates["x"][0].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert store.coordinates["y"][0].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("kind", ["vtu", "vtp"])
def test_a_mesh_keeps_where_its_nodes_lie_and_what_joins_them(tmp_path, kind):
    store = imported(saved(tmp_path, kind), tmp_path)
    order = np.lexsort([store.constants["node_x"], store.constants["node_y"]])
    assert np.array_equal(store.read("heat")[:, order], HEAT.reshape(3, 20, order="F"))
    assert np.unique(store.constants["node_x"]).tolist() == [1.0, 1.5, 2.0, 2.5]
    assert len(store.constants["cell_ends"]) == 12
    assert store.constants["cell_nodes"].max() == 19


def test_an_extent_that_begins_elsewhere_moves_the_coordinates(tmp_path):
    def moved(row):
        made = pv.ImageData(spacing=(0.5, 0.25, 1), origin=(1, 0, 0))
        made.extent = (2, 5, 0, 4, 0, 0)
        made.point_data["heat"] = HEAT[row].ravel(order="F")
        return made

    store = imported(saved(tmp_path, "vti", moved), tmp_path)
    assert store.coordinates["x"][0].tolist() == [2.0, 2.5, 3.0, 3.5]


def test_a_turned_image_has_no_coordinates_along_its_axes(tmp_path):
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    store = imported(saved(tmp_path, "vti", lambda row: image(row, direction_matrix=turned)), tmp_path)
    assert not store.coordinates
    assert store.constants["node_x"].shape == (4, 5)
    assert store.constants["node_x"][0, 4] == 0.0
    assert store.constants["node_y"][3, 0] == 1.5


def test_a_curved_grid_keeps_where_its_points_lie(tmp_path):
    def curved(row):
        made = MADE["vts"](row)
        made.points = made.points + 0.1 * np.sin(3 * made.points[:, [1, 0, 2]])
        return made

    store = imported(saved(tmp_path, "vts", curved), tmp_path)
    assert np.array_equal(store.read("heat"), HEAT)
    assert not store.coordinates
    assert store.constants["node_y"].shape == (4, 5)


# What VTK notes down for itself


BOOKS = ("vtkOriginalPointIds", "vtkValidPointMask", "GlobalPointIds", "PedigreeIds")


def test_books_of_vtk_are_no_variables(tmp_path):
    def noted(row):
        made = mesh(row)
        for name in BOOKS:
            made.point_data[name] = np.ones(20, int)
        made.cell_data["vtkGhostType"] = np.full(12, 1, np.uint8)  # stands twice, which is ordinary
        return made

    path = saved(tmp_path, "vtu", noted)
    assert sorted(v.name for v in imported(path, tmp_path).variables) == ["flow", "heat"]
    assert {f"point {name}" for name in BOOKS} | {"cell vtkGhostType"} <= {*left(path)}


def test_hidden_points_and_cells_are_missing(tmp_path):
    def hidden(row):
        made = mesh(row)
        made.cell_data["load"], made.cell_data["kind"] = np.arange(12.0), np.arange(12)
        made.point_data["vtkGhostType"] = np.array([2, 1] + [0] * 18, np.uint8)
        made.point_data["vtkValidPointMask"] = np.array([1] * 19 + [0], np.int8)
        made.cell_data["vtkGhostType"] = np.array([0] * 11 + [32], np.uint8)
        return made

    store = imported(saved(tmp_path, "vtu", hidden), tmp_path)
    assert np.flatnonzero(np.isnan(store.read("heat")[0])).tolist() == [0, 19]
    assert np.flatnonzero(np.isnan(store.read("load")[0])).tolist() == [11]
    assert np.flatnonzero(np.isnan(store.read("kind")[0])).tolist() == [11]
    assert store.constants["heat_mask"].tolist() == [0, *[1] * 18, 0]


def test_what_a_filter_did_not_find_is_missing(tmp_path):
    def sampled(row):
        return pv.ImageData(dimensions=(6, 5, 1), origin=(1, 0, 0), spacing=(0.5, 0.25, 1)).sample(image(row))

    store = imported(saved(tmp_path, "vti", sampled), tmp_path)
    assert np.isnan(store.read("heat")[:, 4:]).all()
    assert np.allclose(store.read("heat")[:, :4], HEAT)


# One mesh


def moved_by(step, only=2):
    def make(row):
        made = mesh(row)
        made.points = made.points + (step if row == only else 0)
        return made

    return make


def renumbered(row):
    made = mesh(row)
    cells = made.cells.reshape(-1, 5).copy()
    cells[0, 1:] = np.roll(cells[0, 1:], row)
    cells = cells[:, [0, 1, 3, 2, 4]] if row == 1 else cells
    other = pv.UnstructuredGrid(cells.ravel(), made.celltypes, made.points)
    other.point_data["heat"] = made.point_data["heat"]
    return other


def smaller(row):
    return mesh(row) if row < 2 else mesh(row).extract_cells(range(11))


DIFFERENT = {
    "its nodes lie elsewhere": moved_by(0.01),
    "other corners make its cells": renumbered,
    "it has 19 instead of 20 nodes": smaller,
}


@pytest.mark.parametrize("why", DIFFERENT)
def test_files_of_another_mesh_are_refused_by_name(tmp_path, why):
    name = "wake_1" if why.startswith("other") else "wake_2"
    with pytest.raises(DataError, match=rf"{name}\.vtu: {why} than in wake_0\.vtu: rows are of one mesh: bring"):
        imported(saved(tmp_path, "vtu", DIFFERENT[why]), tmp_path)


@pytest.mark.parametrize("why", DIFFERENT)
def test_times_of_another_mesh_are_refused_by_name(tmp_path, why):
    saved(tmp_path, "vtu", DIFFERENT[why])
    name = "wake_1" if why.startswith("other") else "wake_2"
    with pytest.raises(DataError, match=rf"run\.pvd: {name}\.vtu: {why} than at the first time: rows are of one mesh"):
        imported(listed(tmp_path), tmp_path)


def test_places_that_were_rounded_are_the_same(tmp_path):
    assert imported(saved(tmp_path, "vtu", moved_by(1e-8)), tmp_path).rows == 3
    assert import_file(listed(tmp_path), tmp_path / "series.zarr").rows == 3


def test_grids_that_were_rounded_are_the_same_and_moved_ones_are_not(tmp_path):
    def rounded(row):
        made = image(row)
        made.origin = (1 + row * 1e-9, 0, 0)
        return made

    assert imported(saved(tmp_path, "vti", rounded), tmp_path).rows == 3
    moved = image(2)
    moved.origin = (1.1, 0, 0)
    moved.save(tmp_path / "wake_2.vti")
    with pytest.raises(DataError, match=r"wake_2\.vti: its coordinate x is not that of wake_0\.vti"):
        import_file(tmp_path / "wake_*.vti", tmp_path / "other.zarr")
    with pytest.raises(DataError, match=r"wake_2\.vti: its grid lies elsewhere"):
        import_file(listed(tmp_path, "vti"), tmp_path / "other.zarr")


# Lists of files


def listed(folder, kind="vtu", count=3):
    """A list of the files with their times."""
    sets = "".join(f'<DataSet timestep="{0.5 * i}" part="0" file="wake_{i}.{kind}"/>' for i in range(count))
    (folder / "run.pvd").write_text(f'<VTKFile type="Collection"><Collection>{sets}</Collection></VTKFile>')
    return folder / "run.pvd"


def series(folder, kind="vtu", names=None):
    """The list as ParaView writes it."""
    names = names or [f"wake_{i}.{kind}" for i in range(3)]
    files = [{"name": name, "time": 0.5 * i} for i, name in enumerate(names)]
    path = folder / f"run.{kind}.series"
    path.write_text(json.dumps({"file-series-version": "1.0", "files": files}))
    return path


@pytest.mark.parametrize("kind", ["vti", "vtu", "vtk"])
@pytest.mark.parametrize("write", [listed, series])
def test_times_of_a_list_are_rows(tmp_path, kind, write):
    saved(tmp_path, kind)
    store = imported(write(tmp_path, kind), tmp_path, factors=["time"], time="every=2", variables=["heat"])
    assert store.factor_values[:, 0].tolist() == [0.0, 1.0]
    assert np.array_equal(
        store.read("heat").reshape(2, -1), HEAT[::2].reshape(2, -1, order="C" if kind != "vtu" else "F")
    )


@pytest.mark.parametrize("name", ["../wake_0.vtu", "/etc/hostname.vtu", "sub/../../wake_0.vtu"])
def test_parts_elsewhere_are_refused(tmp_path, name):
    folder = tmp_path / "in"
    folder.mkdir()
    for row in range(2):
        mesh(row).save(tmp_path / f"wake_{row}.vtu")
        mesh(row).save(folder / f"wake_{row}.vtu")
    attribute = name.replace(".", "&#46;")  # as XML may write it
    sets = f'<DataSet timestep="0" file="wake_0.vtu"/><DataSet timestep="1" file="{attribute}"/>'
    (folder / "a.pvd").write_text(f"<VTKFile><Collection>{sets}</Collection></VTKFile>")
    (folder / "b.vtm").write_text(f'<VTKFile type="vtkMultiBlockDataSet"><DataSet file="{attribute}"/></VTKFile>')
    (folder / "c.pvtu").write_text(f'<VTKFile type="PUnstructuredGrid"><Piece Source="{attribute}"/></VTKFile>')
    (folder / "d.pvd").write_text('<VTKFile><Collection><DataSet file="b.vtm"/></Collection></VTKFile>')
    series(folder, names=[name]).rename(folder / "e.vtu.series")
    for path in sorted(folder.glob("[a-e].*")):
        with pytest.raises(DataError, match="lies outside its folder: copy it there"):
            import_file(path, tmp_path / "store.zarr")


@pytest.mark.parametrize("name", ["a.pvd", "notes.txt", "case.foam", "secret.3ds"])
def test_parts_of_another_kind_are_refused(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "run.pvd").write_text(f'<VTKFile><Collection><DataSet file="{name}"/></Collection></VTKFile>')
    with pytest.raises(DataError, match=f"its part '{name}' is of no kind that is read there"):
        imported(tmp_path / "run.pvd", tmp_path)


def test_a_list_that_names_itself_is_refused(tmp_path):
    (tmp_path / "a.vtm").write_text('<VTKFile type="vtkMultiBlockDataSet"><DataSet file="a.vtm"/></VTKFile>')
    with pytest.raises(DataError, match="names itself among its parts"):
        imported(tmp_path / "a.vtm", tmp_path)
    (tmp_path / "b.vtm").write_text('<VTKFile type="vtkMultiBlockDataSet"><DataSet file="gone.vtu"/></VTKFile>')
    with pytest.raises(UsageError, match=r"b\.vtm: its part 'gone\.vtu' is not there: copy it to"):
        imported(tmp_path / "b.vtm", tmp_path)


@pytest.mark.parametrize(
    "text", ["", "no xml", "<VTKFile/>", '<VTKFile><DataSet timestep="x" file="a.vtu"/></VTKFile>']
)
def test_a_list_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "run.pvd").write_text(text)
    (tmp_path / "run.vtu.series").write_text(text)
    for name in ("run.pvd", "run.vtu.series"):
        with pytest.raises(DataError, match=r"is no list of files|names no times"):
            imported(tmp_path / name, tmp_path)


def test_blocks_are_one_mesh_and_what_some_lack_is_said(tmp_path):
    def blocks(row):
        beside = mesh(row).translate((5, 0, 0))
        beside.point_data["odd"] = np.zeros(20)
        return pv.MultiBlock({"a": mesh(row), "b": pv.MultiBlock({"c": beside, "none": None})})

    path = saved(tmp_path, "vtm", blocks)
    store = imported(path, tmp_path)
    assert np.array_equal(store.read("heat"), np.tile(HEAT.reshape(3, -1, order="F"), 2))
    assert left(path)["point odd"] == "in some of the blocks only"


PIECES = {
    "pvti": ("ImageData", image),
    "pvtr": ("RectilinearGrid", MADE["vtr"]),
    "pvts": ("StructuredGrid", MADE["vts"]),
    "pvtu": ("UnstructuredGrid", mesh),
    "pvtp": ("PolyData", surface),
}


@pytest.mark.parametrize("kind", PIECES)
def test_files_in_pieces_are_read_as_one(tmp_path, kind):
    from vtkmodules import vtkIOParallelXML

    name, make = PIECES[kind]
    pieces = 2 if kind in ("pvtu", "pvtp") else 1
    for row in range(3):
        writer = getattr(vtkIOParallelXML, f"vtkXMLP{name}Writer")()
        writer.SetFileName(str(tmp_path / f"wake_{row}.{kind}"))
        writer.SetInputData(make(row))
        writer.SetNumberOfPieces(pieces)
        writer.SetEndPiece(pieces - 1)
        writer.Write()
    store = imported(tmp_path / f"wake_*.{kind}", tmp_path)
    assert store.rows == 3
    assert set(np.round(store.read("heat")[1].ravel(), 9)) == set(np.round(HEAT[1].ravel(), 9))
    dims = next(v.dims for v in store.variables if v.name == "heat")
    assert dims == (("x", "y") if pieces == 1 else ("node",))


# VTKHDF


def hdf(path, made):
    from vtkmodules.vtkIOHDF import vtkHDFWriter

    writer = vtkHDFWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(made)
    assert writer.Write()


def test_files_of_vtkhdf_are_rows(tmp_path):
    pytest.importorskip("h5py")
    for row in range(3):
        hdf(tmp_path / f"wake_{row}.vtkhdf", mesh(row))
    assert np.array_equal(imported(tmp_path / "wake_*.vtkhdf", tmp_path).read("heat"), HEAT.reshape(3, -1, order="F"))


def steps(path):
    """A file of VTKHDF with three steps of one mesh."""
    import h5py

    hdf(path, mesh(0))
    with h5py.File(path, "r+") as file:
        root = file["VTKHDF"]
        del root["PointData/heat"]
        root["PointData/heat"] = HEAT.reshape(3, -1, order="F").ravel()
        del root["PointData/flow"]
        held = root.require_group("Steps")
        held.attrs["NSteps"] = 3
        held["Values"] = [0.0, 0.5, 1.5]
        held["PartOffsets"], held["NumberOfParts"] = np.zeros(3, int), np.ones(3, int)
        held["PointOffsets"] = np.zeros(3, int)
        held["CellOffsets"], held["ConnectivityIdOffsets"] = np.zeros((3, 1), int), np.zeros((3, 1), int)
        held["PointDataOffsets/heat"] = 20 * np.arange(3)


def test_steps_of_vtkhdf_are_rows(tmp_path):
    pytest.importorskip("h5py")
    steps(tmp_path / "run.vtkhdf")
    store = imported(tmp_path / "run.vtkhdf", tmp_path, factors=["time"])
    assert np.array_equal(store.read("heat"), HEAT.reshape(3, -1, order="F"))
    assert store.factor_values[:, 0].tolist() == [0.0, 0.5, 1.5]


@pytest.mark.parametrize("way", ["link", "external", "virtual"])
def test_numbers_of_another_file_are_refused(tmp_path, way):
    h5py = pytest.importorskip("h5py")
    hdf(tmp_path / "run.vtkhdf", mesh(0))
    hdf(tmp_path / "other.vtkhdf", mesh(1))
    with h5py.File(tmp_path / "run.vtkhdf", "r+") as file:
        held = file["VTKHDF/PointData"]
        del held["heat"]
        if way == "link":
            held["heat"] = h5py.ExternalLink("other.vtkhdf", "VTKHDF/PointData/heat")
        elif way == "external":
            held.create_dataset("heat", (20,), "f8", external=[(str(tmp_path / "other.vtkhdf"), 0, 160)])
        else:
            layout = h5py.VirtualLayout((20,), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.vtkhdf"), "VTKHDF/PointData/heat", (20,))
            held.create_virtual_dataset("heat", layout)
    with pytest.raises(DataError, match="VTKHDF/PointData/heat takes its numbers from"):
        imported(tmp_path / "run.vtkhdf", tmp_path)


# CGNS

TIMES = [0.0, 0.5, 1.5]


@pytest.mark.parametrize("structured", [True, False])
def test_times_of_cgns_are_rows(tmp_path, structured):
    cgns_file.write(tmp_path / "wing.cgns", HEAT[:, None], TIMES, structured=structured)
    store = imported(tmp_path / "wing.cgns", tmp_path, factors=["time"])
    heat = HEAT if structured else HEAT.transpose(0, 2, 1).reshape(3, -1)
    assert np.array_equal(store.read("heat"), heat)
    assert np.array_equal(store.read("Velocity"), np.stack([2 * heat, -heat, 0 * heat], axis=1))
    assert store.factor_values[:, 0].tolist() == TIMES
    assert {v.name for v in store.variables} == {"heat", "Velocity"}
    if structured:
        assert store.coordinates["x"][0].tolist() == [0.0, 0.5, 1.0, 1.5]
    else:
        assert len(store.constants["cell_ends"]) == 12


def test_zones_of_cgns_are_one_mesh_and_steady_files_rows(tmp_path):
    for row in range(3):
        cgns_file.write(tmp_path / f"wing_{row}.cgns", np.stack([HEAT[row], -HEAT[row]])[None], [0.0], zones=2)
    store = imported(tmp_path / "wing_*.cgns", tmp_path)
    assert sorted(np.unique(store.read("heat")[1])) == sorted(np.unique([HEAT[1], -HEAT[1]]))
    assert store.rows == 3


def test_cgns_that_says_two_things_or_takes_numbers_from_elsewhere_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    cgns_file.write(tmp_path / "two.cgns", HEAT[:, None], TIMES, bases=2)
    with pytest.raises(DataError, match=r"holds 2 bases \(Base0, Base1\): write the one that is meant alone"):
        imported(tmp_path / "two.cgns", tmp_path)
    (tmp_path / "old.cgns").write_bytes(b"@(#)ADF Database Version A02011>" + bytes(4096))
    with pytest.raises(DataError, match="is no HDF5 file, in which CGNS is read: convert an older one with adf2hdf"):
        imported(tmp_path / "old.cgns", tmp_path)
    cgns_file.write(tmp_path / "wing.cgns", HEAT[:, None], TIMES)
    with h5py.File(tmp_path / "wing.cgns", "r+") as file:
        del file["Base0/Zone0/Solution0/heat"]
        file["Base0/Zone0/Solution0/heat"] = h5py.ExternalLink("two.cgns", "Base0/Zone0/Solution0/heat")
    with pytest.raises(DataError, match="takes its numbers from"):
        imported(tmp_path / "wing.cgns", tmp_path)


# OpenFOAM


@pytest.mark.parametrize("processors", [0, 2])
def test_times_of_a_case_of_openfoam_are_rows(tmp_path, processors):
    store = imported(foam_case.case(tmp_path / "case", processors), tmp_path, factors=["time"])
    assert store.factor_values[:, 0].tolist() == [0.0, 0.5, 1.0]
    parts = [foam_case.PRESSURE + 100 * i for i in range(max(processors, 1))]
    assert np.array_equal(store.read("p"), np.concatenate(parts, axis=1))
    assert np.allclose(store.read("U")[:, :, :4], np.moveaxis(foam_case.VELOCITY, -1, 1))
    assert store.constants["cell_x"][:4].tolist() == [0.25, 0.75, 0.25, 0.75]


def test_a_field_that_a_time_of_a_case_lacks_is_named(tmp_path):
    case = foam_case.case(tmp_path / "case")
    (case.parent / "1" / "U").unlink()
    with pytest.raises(DataError, match=r"case\.foam: time 1: U is missing there, or has another shape .* --exclude U"):
        imported(case, tmp_path)
    assert import_file(case, tmp_path / "other.zarr", exclude=["U"]).variables[0].name == "p"


def test_a_case_without_times_is_refused(tmp_path):
    (tmp_path / "case.foam").touch()
    with pytest.raises(DataError, match=r"case\.foam: cannot be read as \.foam"):
        imported(tmp_path / "case.foam", tmp_path)


# Arrays of all kinds


def test_arrays_of_all_kinds(tmp_path):
    def many(row):
        made = image(row)
        made.point_data["stress"] = np.arange(180.0).reshape(20, 9) + row
        made.point_data["count"] = np.arange(20) + row
        made.point_data["solid"] = np.arange(20) > row
        made.point_data["gaps"] = np.where(np.arange(20) == 3, np.nan, row + 1.0)
        made.point_data["p (Pa)"] = np.arange(20.0) * row
        made.point_data["words"] = [f"point {i}" for i in range(20)]
        made.cell_data["heat"] = np.arange(12.0) + row
        made.field_data["units"], made.field_data["TimeValue"] = ["K"], [0.5 * row]
        made.field_data["empty"] = np.zeros(0)
        made.cell_data["x"] = np.arange(12.0) * (row + 1)
        return made

    path = saved(tmp_path, "vti", many)
    store = imported(path, tmp_path)
    names = {v.name: v.shape for v in store.variables}
    assert names["stress"] == (9, 4, 5)
    assert names["cell_heat"] == names["cell_x"] == (3, 4)
    assert {"count", "solid", "gaps", "p__Pa_"} <= names.keys()
    assert np.array_equal(store.read("count")[1], (np.arange(20) + 1).reshape(4, 5, order="F"))
    assert np.array_equal(store.read("cell_x")[2], 3 * np.arange(12.0).reshape(3, 4, order="F"))
    assert store.factors[0].name == "TimeValue"
    why = left(path)
    assert (why["point words"], why["units"], why["empty"]) == ("words", "words of the file", "data of the file, empty")


def test_complex_numbers_are_refused_in_one_line(tmp_path):
    def wave(row):
        made = image(row)
        made.point_data["wave"] = np.exp(1j * np.arange(20))
        return made

    path = saved(tmp_path, "vti", wave)
    with pytest.raises(DataError, match="wave holds complex128, not real numbers: give its real and imaginary parts"):
        imported(path, tmp_path)
    assert import_file(path, tmp_path / "other.zarr", exclude=["wave"]).rows == 3


@pytest.mark.parametrize("size", [(4, 1, 5), (1, 4, 5), (4, 5, 1)])
def test_axes_of_one_point_are_left_out_wherever_they_stand(tmp_path, size):
    store = imported(saved(tmp_path, "vti", lambda row: image(row, size)), tmp_path)
    kept = [name for name, n in zip("xyz", size, strict=True) if n > 1]
    assert store.variables[0].dims == tuple(kept)
    assert np.array_equal(store.read("heat"), HEAT)


def test_a_body_has_three_axes_and_cells_their_own(tmp_path):
    def body(row):
        made = pv.ImageData(dimensions=(3, 4, 5))
        made.point_data["p"], made.cell_data["T"] = np.arange(60.0) + row, np.arange(24.0) + row
        return made

    store = imported(saved(tmp_path, "vti", body), tmp_path)
    assert {v.name: v.dims for v in store.variables} == {"p": ("x", "y", "z"), "T": ("xc", "yc", "zc")}
    assert store.coordinates["zc"][0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert store.read("p")[0, 1, 0, 0] == 1


EMPTY = {
    "holds a mesh without points": lambda _: pv.PolyData(),
    "holds a mesh of 8 points without numbers on it": lambda _: pv.ImageData(dimensions=(2, 2, 2)),
}


@pytest.mark.parametrize("why", EMPTY)
def test_an_empty_mesh_is_refused_in_one_line(tmp_path, why):
    kind = "vtp" if "without points" in why else "vti"
    with pytest.raises(DataError, match=rf"wake_0\.{kind}: {why}"):
        imported(saved(tmp_path, kind, EMPTY[why]), tmp_path)


def test_mixed_cells_keep_their_corners(tmp_path):
    def mixed(row):
        points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0.5, 0]], float)
        made = pv.PolyData(points, faces=[4, 0, 1, 2, 3, 3, 1, 4, 2])
        made.cell_data["T"] = [1.0 + row, 2.0]
        return made

    store = imported(saved(tmp_path, "vtp", mixed), tmp_path)
    assert store.constants["cell_nodes"].tolist() == [0, 1, 2, 3, 1, 4, 2]
    assert store.constants["cell_ends"].tolist() == [4, 7]
    assert store.constants["cell_kinds"].tolist() == [9, 5]


# The command


def test_the_command_says_what_is_taken_and_is_quiet_beside_it(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, "vtp")
    assert cli.run(["import", "wake_0.vtp", "--dry-run"]) == 0
    assert "vtkOriginalPointIds" in capfd.readouterr().out
    for name in ("wake_1.vtp", "wake_2.vtp"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:700])
    assert cli.run(["import", "wake_1.vtp", "-o", "a.zarr"]) == 3
    told = capfd.readouterr()
    assert told.err.count("\n") == 1, told.err
    assert told.err.startswith("beable: wake_1.vtp: cannot be read as .vtp")


def test_a_file_that_ends_the_library_is_refused(tmp_path):
    image(0).save(tmp_path / "wake.vti")
    whole = (tmp_path / "wake.vti").read_bytes()
    extent = b"0 100000 0 100000 0 0"
    (tmp_path / "wake.vti").write_bytes(whole.replace(b"0 3 0 4 0 0", extent))
    with pytest.raises(
        DataError, match=r"wake\.vti: the library that reads \.vti files ended on it \(SIGABRT\)"
    ) as info:
        imported(tmp_path / "wake.vti", tmp_path)
    assert "--max-memory" in str(info.value)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("make", [image, mesh])
def test_a_legacy_file_that_is_cut_short_is_refused(tmp_path, make, binary):
    make(0).save(tmp_path / "wake.vtk", binary=binary)
    whole = (tmp_path / "wake.vtk").read_bytes()
    assert imported(tmp_path / "wake.vtk", tmp_path).rows == 1
    begin, end = whole.index(b"20 double") + 60, whole.rindex(b"METADATA") if b"METADATA" in whole else len(whole)
    for at in np.linspace(begin, end - 20, 6).astype(int):
        (tmp_path / "cut.vtk").write_bytes(whole[:at])
        with pytest.raises(BeableError):
            import_file(tmp_path / "cut.vtk", tmp_path / "cut.zarr", variables=["heat", "flow"])


def test_axes_can_be_named(tmp_path):
    saved(tmp_path, "vtu")
    store = imported(listed(tmp_path), tmp_path, dims={"heat": ["node"]}, variables=["heat"], time="rows")
    assert store.variables[0].dims == ("node",)
    with pytest.raises(BeableError, match=r"axis of run\.pvd"):
        import_file(listed(tmp_path), tmp_path / "other.zarr", rows=["colour"])
