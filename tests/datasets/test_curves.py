"""Columns that are one curve a row, and tables that are a row each."""

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.curves import LOOKS_LIKE_ONE, curves_seen, places_of, spans
from beable.datasets.importing import import_file, taken_for
from beable.datasets.look import look
from beable.datasets.sources import fixed
from beable.datasets.store import Store
from beable.errors import DataError, UsageError

PLACES = [400.0, 412.5, 430.0, 455.5]
VALUES = np.random.default_rng(0).normal(size=(6, len(PLACES)))
TABLE = {"header": 1}


def write(path, names, values=VALUES):
    """A table of text with a factor before the curve and a number behind it."""
    lines = [f"dose,{','.join(names)},mass"]
    lines += [f"{i},{','.join(map(repr, row.tolist()))},{i * i}" for i, row in enumerate(values)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "names",
    [
        ["400", "412.50", "430", "455.5"],
        ["I_400", "I_412.5", "I_430", "I_455.5"],
        ["H2 at 400 nm", "H2 at 412.5 nm", "H2 at 430 nm", "H2 at 455.5 nm"],
        ["4e2", "4.125e2", "4.3e+2", "4.555e2"],
    ],
)
def test_columns_become_one_curve_on_the_numbers_in_their_names(tmp_path, names):
    path = write(tmp_path / "a.csv", names)
    curves = {"intensity(wavelength [nm])": (names[0], names[-1])}
    store = import_file(path, tmp_path / "a.zarr", factors=["dose"], curves=curves, table=TABLE)
    assert {v.name: (v.dims, v.shape) for v in store.variables} == {
        "intensity": (("wavelength",), (4,)),
        "mass": ((), ()),
    }
    assert np.array_equal(store.read("intensity"), VALUES)
    values, unit = store.coordinates["wavelength"]
    assert values.tolist() == PLACES
    assert unit == "nm"


def test_the_unit_of_a_name_that_is_a_number_is_that_of_the_axis(tmp_path):
    path = write(tmp_path / "a.csv", ["400 [nm]", "410 [nm]", "420 [nm]", "430 [nm]"])
    store = import_file(path, tmp_path / "a.zarr", curves={"u(w)": ("400", "430")}, table=TABLE)
    assert store.coordinates["w"][1] == "nm"
    assert next(v.unit for v in store.variables if v.name == "u") == "1"
    path = write(tmp_path / "b.csv", ["u1 [Pa]", "u2 [Pa]", "u3 [Pa]", "u4 [Pa]"])
    store = import_file(path, tmp_path / "b.zarr", curves={"u(w)": ("u1", "u4")})
    assert store.coordinates["w"][1] == "1"
    assert next(v.unit for v in store.variables if v.name == "u") == "Pa"


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["u1", "u3", "u2", "u4"], ["u1", "u2", "v3", "u4"]])
def test_names_that_are_no_places_give_no_coordinate_and_it_is_said(tmp_path, names):
    path = write(tmp_path / "a.csv", names)
    curves = {"u(w)": (names[0], names[-1])}
    assert "w" not in import_file(path, tmp_path / "a.zarr", curves=curves).coordinates
    assert next(t.why for t in taken_for(path, curves=curves) if t.name == "u").endswith("are no places on an axis")


def test_a_curve_over_time_is_no_rows(tmp_path):
    path = write(tmp_path / "a.csv", ["t=0", "t=1", "t=2", "t=3"])
    store = import_file(path, tmp_path / "a.zarr", curves={"u(t [s])": ("t=0", "t=3")})
    assert (store.rows, store.coordinates["t"][1]) == (6, "s")


def test_missing_numbers_of_a_curve_are_refused_or_kept(tmp_path):
    holes = VALUES.copy()
    holes[2, 1] = np.nan
    path = write(tmp_path / "a.csv", ["u1", "u2", "u3", "u4"], holes)
    curves = {"u": ("u1", "u4")}
    with pytest.raises(DataError, match="u is"):
        import_file(path, tmp_path / "a.zarr", curves=curves)
    store = import_file(path, tmp_path / "a.zarr", curves=curves, missing="keep")
    assert np.array_equal(store.read("u"), holes, equal_nan=True)


@pytest.mark.parametrize(
    ("curves", "why"),
    [
        ({"u(w": ("u1", "u4")}, "give its name, its axis"),
        ({"u(w)": ("u1",)}, "give its name, its axis"),
        ({"u(w)": ("u1", "u9")}, "unknown column"),
        ({"u(w)": ("u4", "u1")}, "u1 does not stand behind u4"),
        ({"u(w)": ("u1", "u1")}, "u1 does not stand behind u1"),
        ({"mass(w)": ("u1", "u4")}, "a column is named mass already"),
        ({"u(mass)": ("u1", "u4")}, "a column is named mass already"),
        ({"u(w)": ("dose", "u4")}, "dose stands among the columns of u and is asked for by itself"),
        ({"u(w)": ("u1", "u2"), "u(v)": ("u3", "u4")}, "stands there twice"),
        ({"u(w)": ("u1", "u4"), "v": ("u2", "u3")}, "unknown column"),
    ],
)
def test_what_makes_no_curve_is_refused_in_one_line(tmp_path, curves, why):
    path = write(tmp_path / "a.csv", ["u1", "u2", "u3", "u4"])
    with pytest.raises(UsageError, match=why):
        import_file(path, tmp_path / "a.zarr", factors=["dose"], curves=curves)
    assert not (tmp_path / "a.zarr").exists()


def test_words_make_no_curve(tmp_path):
    (tmp_path / "a.csv").write_text("u1,u2\n1,a\n2,3\n")
    with pytest.raises(DataError, match="u2 is no column of numbers, so that it can be no part of u"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr", curves={"u": ("u1", "u2")})


def test_columns_that_look_like_a_curve_are_said_and_not_joined(tmp_path, capsys):
    wide = np.random.default_rng(1).normal(size=(3, LOOKS_LIKE_ONE))
    path = write(tmp_path / "a.csv", [f"u {k / 2}" for k in range(LOOKS_LIKE_ONE)], wide)
    assert cli.run(["import", str(path), "-o", str(tmp_path / "a.zarr")]) == 0
    option = "--curve 'NAME(AXIS)=u 0.0..u 7.5'"
    assert f"16 columns, u 0.0 to u 7.5, as a number each; if they are one curve a row, say {option}" in (
        " ".join(capsys.readouterr().out.split())
    )
    said = option.replace("--curve ", "").strip("'").replace("NAME(AXIS)", "u(x)")
    assert cli.run(["import", str(path), "-o", str(tmp_path / "b.zarr"), "--curve", said]) == 0
    assert "as a number each" not in capsys.readouterr().out


def test_a_factor_among_columns_parts_what_looks_like_a_curve():
    columns = {f"u{k}": fixed(np.ones(3)) for k in range(LOOKS_LIKE_ONE)}
    assert len(list(curves_seen(columns, columns))) == 1
    assert list(curves_seen(columns, [name for name in columns if name != "u7"])) == []
    assert list(curves_seen(dict(list(columns.items())[1:]), columns)) == []


def test_a_hyphen_is_no_sign():
    assert places_of(["T-10", "T-20"]).tolist() == [10.0, 20.0]
    assert places_of(["-10", "0", "10"]).tolist() == [-10.0, 0.0, 10.0]
    assert places_of(["z = -1.5", "z = 1.5"]).tolist() == [-1.5, 1.5]
    assert spans({"u": ("a", "b")})["u"].axis == "x"


def test_each_of_several_tables_is_a_row_whose_axis_is_the_column_that_is_named(tmp_path):
    for k in range(3):
        (tmp_path / f"p{k}.csv").write_text(f"angle [deg],counts\n10,{k}\n11,5\n12,{k + 2}\n")
    files = str(tmp_path / "p*.csv")
    store = import_file(files, tmp_path / "a.zarr", rows=["file"], dims={"counts": ["angle"]})
    assert [(v.name, v.dims) for v in store.variables] == [("counts", ("angle",))]
    assert store.read("counts").tolist() == [[0, 5, 2], [1, 5, 3], [2, 5, 4]]
    assert store.coordinates["angle"][0].tolist() == [10, 11, 12]
    plain = import_file(files, tmp_path / "b.zarr", rows=["file"])
    assert [(v.name, v.shape) for v in plain.variables] == [("angle", (3,)), ("counts", (3,))]
    assert any("--dims counts=angle" in finding.line for finding in look(plain))
    assert import_file(files, tmp_path / "c.zarr").rows == 9


def test_tables_of_other_lengths_or_places_are_not_rows_of_one_set(tmp_path):
    (tmp_path / "p0.csv").write_text("angle,counts\n10,1\n11,5\n12,2\n")
    (tmp_path / "p1.csv").write_text("angle,counts\n10,1\n11,5\n")
    with pytest.raises(DataError, match=r"counts has \(2,\) a row, in p0.csv \(3,\)"):
        import_file(str(tmp_path / "p*.csv"), tmp_path / "a.zarr", rows=["file"], dims={"counts": ["angle"]})
    (tmp_path / "p1.csv").write_text("angle,counts\n10,1\n11,5\n13,2\n")
    with pytest.raises(DataError, match=r"its coordinate angle is not that of p0\.csv"):
        import_file(str(tmp_path / "p*.csv"), tmp_path / "a.zarr", rows=["file"], dims={"counts": ["angle"]})


def test_patterns_without_names_are_rows_as_well(tmp_path):
    for k in range(3):
        (tmp_path / f"p{k}.xy").write_text("".join(f"{angle:.2f} {k + angle}\n" for angle in (10, 11, 12, 13)))
    words = ["--rows", "file", "--table-format", "header=none", "--dims", "column_2=column_1"]
    paths = sorted(map(str, tmp_path.glob("p*.xy")))
    assert cli.run(["import", *paths, "-o", str(tmp_path / "a.zarr"), *words]) == 0
    store = Store.open(tmp_path / "a.zarr")
    assert store.read("column_2")[1].tolist() == [11, 12, 13, 14]
    assert store.coordinates["column_1"][0].tolist() == [10, 11, 12, 13]
