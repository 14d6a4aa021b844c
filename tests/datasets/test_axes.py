"""What axes are taken for: by name, by what is said, by arrays beside; asked about where two readings fit."""

import json

import numpy as np
import pytest

from beable.commands import cli
from beable.commands.imports import import_
from beable.datasets.importing import import_file, taken_for
from beable.datasets.store import Store
from beable.errors import DataError, UsageError

ROWS, X, Y = 20, 16, 12
WAVE = np.random.default_rng(0).normal(size=(ROWS, X, Y)).astype(np.float32)
PAIR = np.stack([WAVE, 100 * WAVE[::-1]], axis=-1)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("axis", [1, 3])
def test_a_short_axis_is_asked_about_and_may_be_components(tmp_path, axis):
    path = npz(tmp_path / "mine.npz", state=np.moveaxis(PAIR, -1, axis))
    with pytest.raises(UsageError) as caught:
        import_file(path, tmp_path / "store.zarr")
    assert "--components state if it holds components, or --dims state=x,y,z" in str(caught.value)
    store = import_file(path, tmp_path / "a.zarr", components=["state"])
    assert store.variables[0].dims == ("component", "x", "y")
    np.testing.assert_array_equal(store.read("state"), np.moveaxis(PAIR, -1, 1))
    grid = import_file(path, tmp_path / "b.zarr", dims={"state": ["x", "y", "z"]})
    assert grid.variables[0].shape == np.moveaxis(PAIR, -1, axis).shape[1:]


@pytest.mark.parametrize("axis", [1, 3])
def test_a_field_beside_shows_which_axis_holds_components(tmp_path, axis):
    path = npz(tmp_path / "mine.npz", flux=np.moveaxis(PAIR, -1, axis), heat=WAVE)
    store = import_file(path, tmp_path / "store.zarr")
    assert {v.name: v.dims for v in store.variables} == {"flux": ("component", "x", "y"), "heat": ("x", "y")}
    np.testing.assert_array_equal(store.read("flux"), np.moveaxis(PAIR, -1, 1))


def test_positions_are_particles_and_other_lists_of_places_are_asked_about(tmp_path):
    places = np.random.default_rng(1).uniform(size=(ROWS, 16, 3))
    store = import_file(npz(tmp_path / "a.npz", position=places), tmp_path / "a.zarr")
    assert store.variables[0].dims == ("particle", "dimension")
    path = npz(tmp_path / "b.npz", ca=places)
    with pytest.raises(UsageError, match="--dims ca=particle,dimension if it holds 16 particles"):
        import_file(path, tmp_path / "b.zarr")
    store = import_file(path, tmp_path / "b.zarr", dims={"ca": ["particle", "dimension"]})
    assert store.variables[0].dims == ("particle", "dimension")


def test_three_axes_without_names_may_be_time_and_two_of_space(tmp_path):
    blocks = WAVE.reshape(4, 5, X, Y)
    path = npz(tmp_path / "mine.npz", u=blocks, v=blocks)
    with pytest.raises(UsageError) as caught:
        import_file(path, tmp_path / "store.zarr")
    assert "--rows run time if 4 x 5 are rows, --rows run if 4 are rows" in str(caught.value)
    store = import_file(path, tmp_path / "a.zarr", rows=["run", "time"])
    np.testing.assert_array_equal(store.read("u"), WAVE)
    assert import_file(path, tmp_path / "b.zarr", rows=["run"]).variables[0].shape == (5, X, Y)
    assert import_file(path, tmp_path / "c.zarr", time="first").rows == 4


def test_a_cube_is_a_field(tmp_path):
    store = import_file(npz(tmp_path / "mine.npz", u=np.ones((4, 9, 9, 9))), tmp_path / "store.zarr")
    assert store.variables[0].dims == ("x", "y", "z")


def test_what_lies_along_one_of_the_axes_of_rows_is_repeated(tmp_path):
    blocks, runs = WAVE.reshape(4, 5, X, Y), np.arange(4.0)
    path = npz(tmp_path / "mine.npz", u=blocks, load=runs, wind=np.arange(5.0) * 2, both=np.arange(20.0).reshape(4, 5))
    store = import_file(path, tmp_path / "a.zarr", rows=["run", "time"], factors=["load", "wind", "both"])
    assert store.factor_values[:, 0].tolist() == np.repeat(runs, 5).tolist()
    assert store.factor_values[:, 1].tolist() == np.tile(np.arange(5.0) * 2, 4).tolist()
    assert store.factor_values[:, 2].tolist() == np.arange(20.0).tolist()


def test_axes_that_are_said_are_believed(tmp_path):
    turned = np.moveaxis(WAVE.reshape(4, 5, X, Y), (0, 1), (3, 1))  # (x, time, y, run)
    path = npz(tmp_path / "mine.npz", u=turned, area=np.ones((X, Y)))
    dims = {"u": ["x", "time", "y", "run"], "area": ["x", "y"]}
    store = import_file(path, tmp_path / "a.zarr", dims=dims, rows=["run", "time"])
    np.testing.assert_array_equal(store.read("u"), WAVE)
    assert store.constants["area"].shape == (X, Y)
    with pytest.raises(
        UsageError, match=r"u: 2 names for the shape .*: name all 4 axes \(--dims u=row,…\), or the 3 after"
    ):
        import_file(path, tmp_path / "b.zarr", dims={"u": ["x", "y"]})
    with pytest.raises(UsageError, match=r"unknown axis of mine\.npz 'sim'"):
        import_file(path, tmp_path / "b.zarr", dims=dims, rows=["sim"])


def test_coordinates_name_axes_of_their_length(tmp_path):
    path = npz(
        tmp_path / "mine.npz", u=WAVE.swapaxes(1, 2), x=np.linspace(0, 1, X), y=np.linspace(0, 2, Y), a=WAVE[:, 0, 0]
    )
    store = import_file(path, tmp_path / "store.zarr", factors=["a"])
    assert [(v.name, v.dims) for v in store.variables] == [("u", ("y", "x"))]
    np.testing.assert_array_equal(store.coordinates["y"][0], np.linspace(0, 2, Y))


def test_columns_named_x_and_y_stay_columns(tmp_path):
    (tmp_path / "mine.csv").write_text("x,y,t\n1,2,3\n2,3,4\n3,4,5\n")
    store = import_file(tmp_path / "mine.csv", tmp_path / "store.zarr")
    assert [v.name for v in store.variables] == ["x", "y", "t"]


def test_places_missing_in_every_row_are_a_mask(tmp_path):
    holed = WAVE.copy()
    holed[:, :3, :4] = np.nan
    path = npz(tmp_path / "mine.npz", u=holed)
    for way in ("refuse", "drop", "keep"):
        store = import_file(path, tmp_path / f"{way}.zarr", missing=way)
        there = store.constants["u_mask"].astype(bool)
        assert (store.missing["u"].masked, store.missing["u"].values, len(store.valid_rows)) == (12, 0, len(WAVE))
        np.testing.assert_array_equal(store.read("u"), np.where(there, WAVE, np.nan))
    holed[4, 9, 9] = np.nan
    path = npz(tmp_path / "more.npz", u=holed)
    with pytest.raises(
        DataError, match=r"1 of 20 rows are not finite .*missing: u 1: .*--missing keep.*--missing drop"
    ):
        import_file(path, tmp_path / "more.zarr")
    assert list(import_file(path, tmp_path / "drop1.zarr", drop_invalid=True).failures) == [4]
    kept = import_file(path, tmp_path / "keep1.zarr", missing="keep")
    assert (kept.failures, tuple(kept.missing["u"])) == ({}, (12, 192, 1, 1))


# Several files


def snapshots(folder, count=12, each=3):
    paths = []
    for i in range(count):
        paths.append(npz(folder / f"snap_{i}.npz", u=WAVE[:each] + i, load=np.full(each, i), mach=np.float64(0.1 * i)))
    return paths


def test_rows_of_several_files_follow_each_other_in_the_order_of_their_numbers(tmp_path):
    paths = snapshots(tmp_path)
    store = import_file(paths[::-1], tmp_path / "a.zarr", factors=["load", "mach"])
    assert (store.rows, store.title) == (36, "Imported from snap_0.npz and 11 more files")
    assert store.factor_values[:, 0].tolist() == np.repeat(np.arange(12), 3).tolist()
    np.testing.assert_allclose(store.factor_values[:, 1], 0.1 * store.factor_values[:, 0])
    np.testing.assert_array_equal(store.read("u")[30:33], WAVE[:3] + 10)
    by_pattern = import_file(str(tmp_path / "snap_*.npz"), tmp_path / "b.zarr", factors=["load", "mach"])
    assert by_pattern.id == store.id
    shown = import_file(paths, tmp_path / "c.zarr")
    assert ([f.name for f in shown.factors], [v.name for v in shown.variables]) == (["mach"], ["u", "load"])


def test_each_file_may_be_a_row(tmp_path):
    for i in range(11):
        npz(tmp_path / f"t{i}.npz", u=WAVE[i], time=np.float64(i / 10))
    with pytest.raises(UsageError, match="--rows file if each file is a row, or --rows row"):
        import_file(str(tmp_path / "t*.npz"), tmp_path / "store.zarr")
    store = import_file(str(tmp_path / "t*.npz"), tmp_path / "store.zarr", rows=["file"])
    np.testing.assert_array_equal(store.read("u"), WAVE[:11])
    np.testing.assert_allclose(store.factor_values[:, 0], np.arange(11) / 10)
    assert import_file(str(tmp_path / "t*.npz"), tmp_path / "rows.zarr", rows=["row"]).rows == 11 * X


def test_files_that_differ_are_refused_by_name(tmp_path):
    paths = snapshots(tmp_path, 2)
    odd = {
        "v in one of": npz(tmp_path / "s3.npz", v=WAVE, load=np.zeros(ROWS)),
        r"u has .* a row, in": npz(tmp_path / "s4.npz", u=WAVE.swapaxes(1, 2), load=np.zeros(ROWS)),
    }
    for words, path in odd.items():
        with pytest.raises(DataError, match=words):
            import_file([*paths, path], tmp_path / "store.zarr")
    with pytest.raises(UsageError, match="named twice"):
        import_file([paths[0], paths[0]], tmp_path / "store.zarr")
    with pytest.raises(UsageError, match="no file matches"):
        import_file(str(tmp_path / "none_*.npz"), tmp_path / "store.zarr")


# The command line


def test_a_dry_run_says_what_everything_is_taken_for_and_makes_nothing(tmp_path, capsys):
    path = npz(tmp_path / "mine.npz", u=WAVE.reshape(4, 5, X, Y), load=np.arange(4.0), gap=np.float64(3))
    import_(path, rows=["run", "time"], factors=["load"], dry_run=True, json=True)
    taken = {t["name"]: t for t in json.loads(capsys.readouterr().out)["taken"]}
    assert {name: t["kind"] for name, t in taken.items()} == {
        "u": "variable", "load": "factor", "gap": "constant", "run": "label", "time": "label",
    }  # fmt: skip
    assert taken["u"]["axes"] == "run (4) rows, time (5) rows, ? (16) axis, ? (12) axis"
    import_(path, rows=["run", "time"], dry_run=True)
    assert "run (4) rows" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["mine.npz"]


def test_the_options_of_the_verb_are_those_of_python(tmp_path, capsys):
    blocks = PAIR.reshape(4, 5, X, Y, 2)
    paths = [str(npz(tmp_path / f"part{i}.npz", state=blocks + i, load=np.arange(4.0))) for i in range(2)]
    words = ["--rows", "run", "time", "--components", "state", "--factors", "load", "-o", str(tmp_path / "a.zarr")]
    assert cli.run(["import", *paths, *words]) == 0
    assert "time" in capsys.readouterr().out
    made = import_file(paths, tmp_path / "b.zarr", rows=["run", "time"], components=["state"], factors=["load"])
    assert made.id == Store.open(tmp_path / "a.zarr").id
    assert made.rows == 40
    assert cli.run(["import", paths[0], "--rows", "run", "time", "--components", "state"]) == 2
    assert "--dry-run" in capsys.readouterr().err


def test_what_parts_are_taken_for_is_the_same_as_what_is_made(tmp_path):
    path = npz(tmp_path / "mine.npz", u=WAVE, load=np.arange(ROWS))
    store = import_file(path, tmp_path / "store.zarr", factors=["load"])
    taken = taken_for(path, factors=["load"])
    assert [t.name for t in taken if t.kind == "variable"] == [v.name for v in store.variables]
    assert [t.name for t in taken if t.kind == "factor"] == [f.name for f in store.factors]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["row", "x"], "u: 2 names for the shape 20 x 6 x 5: name all 3 axes"),
        (["x", "run"], "u: 2 names for the shape 20 x 6 x 5: name all 3 axes"),
        (["row", "x", "x"], "u: two of its axes are named x"),
        (["x", "x"], "u: two of its axes are named x"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(tmp_path, words, told):
    """Two names are those after the rows; one of rows among them would make rows of another axis in silence."""
    path = npz(tmp_path / "mine.npz", u=np.random.default_rng(0).normal(size=(20, 6, 5)))
    with pytest.raises(UsageError, match=told):
        import_file(path, tmp_path / "a.zarr", dims={"u": words})


def test_two_names_are_those_after_the_rows(tmp_path):
    path = npz(tmp_path / "mine.npz", u=np.random.default_rng(0).normal(size=(20, 6, 5)))
    (u,) = import_file(path, tmp_path / "a.zarr", dims={"u": ["y", "z"]}).variables
    assert (u.dims, u.shape) == (("y", "z"), (6, 5))
