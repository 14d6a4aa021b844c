"""What arrays are taken for where nobody named their dimensions: chosen by rule, said with the other reading."""

import json

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.importing import import_file
from beable.datasets.readings import readings
from beable.datasets.store import Store
from beable.simulator import Variable

ROWS = 12
SHAPES = {"sizes": (3,), "phi": (), "positions": (6, 2), "heat": (5, 4), "curve": (40,), "mix": (4,)}


def arrays(*names):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(ROWS, *SHAPES[name])) for name in names}


CASES = [
    (("sizes", "phi"), "sizes", ("component",), "3 numbers that lie on no grid; for a field", "sizes=x"),
    (("sizes", "mix", "phi"), "mix", ("mix_component",), "4 numbers that lie on no grid; for a field", "mix=mix_x"),
    (
        ("positions",),
        "positions",
        ("particle", "dimension"),
        "positions of 6 particles in 2 dimensions",
        "positions=x,y",
    ),
    (("positions", "phi"), "positions", ("particle", "dimension"), "positions of 6 particles", "positions=x,y"),
    (("sizes",), "sizes", ("x",), "a field on x (3); for numbers that lie on no grid", "sizes=component"),
    (("curve", "phi"), "curve", ("x",), "a field on x (40)", ""),
    (("heat", "phi"), "heat", ("x", "y"), "a field on x (5), y (4)", ""),
]


@pytest.mark.parametrize(("names", "name", "dims", "words", "otherwise"), CASES)
def test_what_is_chosen_is_said_with_the_other_reading(tmp_path, names, name, dims, words, otherwise):
    store = Store.from_arrays(tmp_path / "data.zarr", arrays(*names))
    assert {v.name: v.dims for v in store.variables}[name] == dims
    said = store.info()["taken_for"][name]
    assert said.startswith(words)
    assert said.endswith(f"(--dims {otherwise})" if otherwise else words)


@pytest.mark.parametrize(("names", "name", "dims", "words", "otherwise"), CASES)
def test_an_imported_file_is_taken_for_the_same(tmp_path, names, name, dims, words, otherwise, capsys):
    np.savez(tmp_path / "mine.npz", **arrays(*names))
    made = Store.from_arrays(tmp_path / "data.zarr", arrays(*names))
    assert cli.run(f"import {tmp_path}/mine.npz -o {tmp_path}/mine.zarr".split()) == 0
    assert f"  {name}: {words}" in capsys.readouterr().out
    imported = Store.open(tmp_path / "mine.zarr")
    assert imported.variables == made.variables
    assert imported.info()["taken_for"] == made.info()["taken_for"]


@pytest.mark.parametrize("names", [case[0] for case in CASES if case[4]])
def test_the_other_reading_that_is_named_can_be_had(tmp_path, names, capsys):
    """As an option of the command line and as an argument in Python, and to the same data set."""
    np.savez(tmp_path / "mine.npz", **arrays(*names))
    said = import_file(tmp_path / "mine.npz", tmp_path / "first.zarr").info()["taken_for"]
    options = {n: s.split("--dims ")[1].rstrip(")") for n, s in said.items() if "--dims" in s}
    words = ["import", f"{tmp_path}/mine.npz", "-o", f"{tmp_path}/other.zarr", "--json", "--dims", *options.values()]
    assert cli.run(words) == 0
    assert json.loads(capsys.readouterr().out)["taken_for"].keys() == said.keys()
    other = Store.open(tmp_path / "other.zarr")
    for name, option in options.items():
        dims = tuple(option.split("=")[1].split(","))
        assert {v.name: v.dims for v in other.variables}[name] == dims
        alone = Store.from_arrays(tmp_path / f"{name}.zarr", arrays(name), dims={name: dims})
        assert alone.variables[0].dims == dims


def test_what_has_coordinates_lies_on_a_grid(tmp_path):
    grid = {"x": (np.linspace(0, 1, 3), "m")}
    store = Store.from_arrays(tmp_path / "data.zarr", arrays("sizes", "phi"), coordinates=grid)
    assert store.variables[0].dims == ("x",)


def test_dimensions_given_for_one_array_leave_room_for_the_others(tmp_path):
    store = Store.from_arrays(tmp_path / "data.zarr", arrays("sizes", "curve"), dims={"sizes": ("x",)})
    assert [v.dims for v in store.variables] == [("x",), ("curve_x",)]


def test_data_of_a_simulator_are_not_guessed():
    sizes = Variable("sizes", ("component",), (3,))
    assert readings([sizes], chosen=False) == {"sizes": "3 numbers that lie on no grid"}
    assert "--dims" in readings([sizes], chosen=True)["sizes"]
