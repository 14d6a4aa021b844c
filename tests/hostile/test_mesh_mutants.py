"""Nearly right files of meshes, on some of which their library ends its process: read, or refused in one line."""

import numpy as np
import pytest

from beable.datasets.importing import import_file
from beable.errors import BeableError

pyvista = pytest.importorskip("pyvista")
cgns_file = pytest.importorskip("cgns_file")

MUTANTS, LONGEST = 12, 40
HEIGHTS = np.random.default_rng(0).normal(size=(3, 1, 4, 5))


def image(path):
    grid = pyvista.ImageData(dimensions=(4, 5, 2))
    grid.point_data["p"] = np.arange(40.0)
    grid.save(path)


def unstructured(path):
    mesh = pyvista.ImageData(dimensions=(3, 3, 3)).cast_to_unstructured_grid()
    mesh.cell_data["p"] = np.arange(8.0)
    mesh.save(path)


KINDS = {
    "image.vti": image,
    "image.vtk": image,
    "mesh.vtu": unstructured,
    "mesh.vtk": unstructured,
    "surface.vtp": lambda path: pyvista.Sphere(theta_resolution=6, phi_resolution=6).elevation().save(path),
    "steps.cgns": lambda path: cgns_file.write(path, HEIGHTS, [0, 0.5, 1.5]),
}


def mutant(whole, rng):
    """A file cut short or not, with some bytes of it changed."""
    data = bytearray(whole)
    data = data[: rng.integers(len(data) // 4, len(data))] if rng.integers(3) == 0 else data
    for place in rng.integers(len(data), size=rng.integers(1, LONGEST)):
        data[place] = rng.integers(256)
    return bytes(data)


def refusal(path, out):
    """Why a file is refused; empty for one that is read."""
    try:
        import_file(path, out)
    except BeableError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_mutants_of_meshes_are_read_or_refused(tmp_path, name):
    honest = tmp_path / name
    KINDS[name](honest)
    import_file(honest, tmp_path / "honest.zarr")
    whole, said = honest.read_bytes(), []
    for number in range(MUTANTS):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(mutant(whole, np.random.default_rng(number)))
        said.append(refusal(path, tmp_path / f"{number}.zarr"))
    assert not any("\n" in line for line in said)
    assert sum(map(bool, said)) > MUTANTS // 4
