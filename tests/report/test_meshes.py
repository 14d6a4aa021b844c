"""Fields on the nodes or cells of a flat mesh are drawn where these lie."""

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.report.meshes import mesh_of, triangles
from beable.report.planes import planes
from beable.report.sections import data_section

SQUARES = {
    "node_x": np.array([0.0, 1, 2, 0, 1, 2]),
    "node_y": np.array([0.0, 0, 0, 1, 1, 1]),
    "node_z": np.zeros(6),
    "cell_nodes": np.array([0, 1, 4, 3, 1, 2, 5]),
    "cell_ends": np.array([4, 7]),
    "cell_kinds": np.array([9, 5]),
}


def store(path, held=SQUARES, cells=2):
    rng = np.random.default_rng(0)
    arrays = {"T": rng.normal(size=(4, 6)), "u": rng.normal(size=(4, 3, 6)), "q": rng.normal(size=(4, cells))}
    dims = {"T": ("node",), "u": ("component", "node"), "q": ("cell",)}
    return Store.from_arrays(path, arrays, dims=dims, constants=held)


def area(mesh):
    a, b, c = (np.stack([mesh.x, mesh.y], -1)[corner] for corner in mesh.triangles.T)
    (dx, dy), (ex, ey) = (b - a).T, (c - a).T
    return np.abs(dx * ey - dy * ex) / 2


def test_cells_become_triangles_that_cover_them():
    mesh = triangles(SQUARES)
    assert np.bincount(mesh.cells, area(mesh)).tolist() == [1.0, 0.5]


def test_corners_in_the_order_of_an_image_cover_the_cell():
    pixel = SQUARES | {"cell_nodes": np.array([0, 1, 3, 4]), "cell_ends": np.array([4]), "cell_kinds": np.array([8])}
    assert area(triangles(pixel)).sum() == 1.0


def test_a_layer_of_bodies_is_drawn_from_one_side_and_two_layers_are_not():
    x, y, z = np.meshgrid([0.0, 1], [0.0, 1], [0.0, 0.1, 0.2], indexing="ij")
    places = {"node_x": x.ravel(), "node_y": y.ravel(), "node_z": z.ravel()}
    one = np.array([0, 6, 9, 3, 1, 7, 10, 4])
    layer = places | {"cell_nodes": one, "cell_ends": np.array([8]), "cell_kinds": np.array([12])}
    assert area(triangles(layer, thick=True)).sum() == 1.0
    assert triangles(layer) is None
    two = {"cell_nodes": np.r_[one, one + 1], "cell_ends": np.array([8, 16]), "cell_kinds": np.array([12, 12])}
    assert triangles(places | two, thick=True) is None


@pytest.mark.parametrize("wrong", [{"cell_nodes": np.array([0, 1, 4, 9, 1, 2, 5])}, {"cell_ends": np.array([4, 9])}])
def test_a_mesh_that_names_nodes_that_are_not_there_is_not_drawn(wrong):
    assert triangles(SQUARES | wrong) is None


def test_snapshots_are_drawn_on_their_mesh(tmp_path):
    held = store(tmp_path / "a.zarr")
    section = data_section(held, [0, 1])
    assert "on their mesh: T, u, q" in section.items[0].caption
    assert [axes.get_title() for axes in section.items[0].figure.axes[:3]] == ["T", "u", "q"]


def test_a_vector_on_nodes_is_no_field_on_a_plane(tmp_path):
    held = store(tmp_path / "a.zarr")
    assert planes(held, held.variables) == []


def test_without_a_mesh_nothing_is_drawn(tmp_path):
    held = store(tmp_path / "a.zarr", {})
    assert mesh_of(held, list(held.variables)) is None
    assert data_section(held, [0]).items == []


def test_missing_numbers_leave_their_cells_grey(tmp_path):
    arrays = {"q": np.array([[1.0, np.nan], [2.0, np.nan]])}
    held = Store.from_arrays(tmp_path / "a.zarr", arrays, dims={"q": ("cell",)}, constants=SQUARES)
    shapes = data_section(held, [0]).items[0].figure.axes[0].collections[0]
    assert shapes.get_array().tolist() == [1.0, 1.0]  # two triangles of the square, none of the other cell
