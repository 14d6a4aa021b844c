"""Nearly right files of meshes are read or refused on purpose, though VTK itself ends its process on some of them."""

import foam_case
import numpy as np
import pytest
from mutants import Kind, _imported, surprises

pv = pytest.importorskip("pyvista")
KINDS = ("vti", "vtr", "vts", "vtu", "vtp", "vtk")
SEED, FEW = 17, 8


def honest(folder):
    """One file of each kind, and the parts of a case of OpenFOAM."""
    image = pv.ImageData(dimensions=(4, 5, 1), spacing=(0.5, 0.25, 1))
    image.point_data["heat"], image.cell_data["load"] = np.arange(20.0), np.arange(12.0)
    made = {
        "vtr": image.cast_to_rectilinear_grid(),
        "vts": image.cast_to_structured_grid(),
        "vtu": image.cast_to_unstructured_grid(),
        "vtp": image.extract_surface(algorithm="dataset_surface"),
    }
    for kind in KINDS:
        made.get(kind, image).save(folder / f"x.{kind}")
    case = foam_case.case(folder / "case")
    places = [f"x.{kind}" for kind in KINDS]
    places += [f"case/{part}" for part in ("constant/polyMesh/faces", "constant/polyMesh/owner", "0.5/U")]
    return case, places


def test_mutants_of_meshes_are_refused_on_purpose(tmp_path):
    case, places = honest(tmp_path)
    for place in places:
        whole = (tmp_path / place).read_bytes()
        read = (lambda _: _imported(case)) if place.startswith("case/") else _imported
        assert surprises(Kind(place, whole, place, read), tmp_path, SEED, FEW) == []
        (tmp_path / place).write_bytes(whole)
