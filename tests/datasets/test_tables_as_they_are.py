"""Tables as solvers, spreadsheets and people write them, each read as it is meant, or refused with what settles it."""

import re
import subprocess
import sys
import zipfile
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from beable.datasets.columns import Reading
from beable.datasets.dialects import Numbers, TableFormat, table_format
from beable.datasets.importing import import_file, taken_for
from beable.datasets.look import look
from beable.datasets.readers import columns
from beable.datasets.store import Store
from beable.errors import BeableError, DataError, UsageError

ROWS = 12
A, B = np.random.default_rng(3).uniform(-1, 1, (2, ROWS))
NUMBERS = np.round(np.column_stack([10 + A, 300 + 20 * B + 5 * A, A * B, 2 * B - A]), 4)


def table(head, separator=",", form="{:.4f}", before="", after="", swap=("", "")):
    lines = [before + separator.join(form.format(x) for x in row) + after for row in NUMBERS]
    return head + "".join(line.replace(*swap) + "\n" if swap[0] else line + "\n" for line in lines)


def counted(head, **more):
    lines = table("", **more).splitlines()
    return head + "".join(f"{i},{line}\n" for i, line in enumerate(lines))


def read(tmp_path, name, text, form=()):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with columns(path, Reading(table_format(form))) as contents:
        return contents


# name of the file: text, names of the columns of NUMBERS, their units, what is said, further columns, --table-format
READ = {
    "trailing.csv": (counted("time,p,T,q,w,\n", after=","), "p T q w", {}, "at the end of each line"),
    "continental.csv": (table("p;T;q;w\n", ";", swap=(".", ",")), "p T q w", {}, "decimal commas"),
    "devc.csv": (counted("s,kPa,C,C,kW\nTime,P1,TC1,TC2,HRR\n"), "P1 TC1 TC2 HRR", {"HRR": "kW"}, "units in line 1"),
    "below.csv": (counted("Time,P1,TC1,TC2,HRR\ns,kPa,C,C,kW\n"), "P1 TC1 TC2 HRR", {"P1": "kPa"}, "units in line 2"),
    "savetxt.csv": (table("# p,T,q,w\n"), "p T q w", {}, ""),
    "preamble.csv": (table("# solver 3.1\n# case: cavity\np,T,q,w\n"), "p T q w", {}, "names in line 3"),
    "plain.csv": (table("Solver 3.1\n\nRe,100,,\np,T,q,w\n"), "p T q w", {}, "2 lines above the names left out"),
    "probes.dat": (
        table("# Probe 0 (0.1 0 0)\n# Probe 1 (0.2 0 0)\n#  p  T q  w\n", "   ", before="  "),
        "p T q w",
        {},
        "blanks between entries",
    ),
    "two.txt": (table("#  p   T   q  w\n#  Pa  K  1  W\n", "  "), "p T q w", {"T": "K", "q": "1"}, "units in line 2"),
    "latin1.csv": (
        table("p (µPa),T (°C),q,w\n").encode("latin-1"), "p T q w", {"p": "µPa", "T": "°C"}, "Latin-1"
    ),
    "wide.csv": (table("p [kPa],T,q,w\n").encode("utf-16"), "p T q w", {"p": "kPa"}, "UTF-16"),
    "narrow.csv": (table("p [kPa],T,q,w\n").encode("utf-16-le"), "p T q w", {"p": "kPa"}, "UTF-16-LE"),
    "marked.csv": (("\ufeff" + table("p,T,q,w\n")).encode(), "p T q w", {}, ""),
    "fortran.csv": (table("p,T,q,w\n", form="{:.8e}", swap=("e", "D")), "p T q w", {}, "those of Fortran"),
    "latin.csv": (table("Größe [-],Ærø,łuk,T\n"), "Grosse Aero luk T", {"Grosse": ""}, "Größe [-] is Grosse"),
    "greek.csv": (table("φ,ΔT,温度,压力\n"), "phi DeltaT column_3 column_4", {}, "φ is phi"),
    "headings.csv": (
        table("flow [m/s],T (K),p / kPa,alcohol (vol %)\n"),
        "flow T p alcohol",
        {"flow": "m/s", "T": "K", "p": "kPa", "alcohol": "vol %"},
        "",
    ),
    "inlet.csv": (table("p (inlet),T (K),T (degC),a/b\n"), "p__inlet_ T__K_ T__degC_ a_b", {"T__K_": "K"}, ""),
    "warpx.txt": (table("#[0]step() [1]time(s) [2]x(m) [3]w\n", " "), "step time x w", {"time": "s", "x": "m"}, ""),
    "pandas_index.csv": (counted(",p,T,q,w\n"), "p T q w", {}, ""),
    "bars.csv": (table("p|T|q|w\n", "|"), "p T q w", {}, "bar between entries"),
    "excel.csv": (table("sep=;\np;T;q;w\n", ";"), "p T q w", {}, "semicolon"),
    "quoted.csv": (table('"p, at inlet",T,q,w\n'), "p__at_inlet T q w", {}, ""),
    "minus.csv": (table("p,T,q,w\n", swap=("-", "\u2212")), "p T q w", {}, ""),
    "end.csv": (table("p,T,q,w\n") + "# end of file\n", "p T q w", {}, ""),
    "swiss.csv": (table("p;T;q;w\n", ";") + "1'000.5;1;1;1\n", None, {}, "apostrophe between groups"),
    "german.csv": (table("p;T;q;w\n", ";", swap=(".", ",")) + "1.000,5;1;1;1\n", None, {}, "point between groups"),
    "blank.csv": (table("p;T;q;w\n", ";") + "1\u00a0000.5;1;1;1\n", None, {}, "blank between groups"),
    "none.txt": (table("", " "), "column_1 column_2 column_3 column_4", {}, "no line of names", "header=none"),
    "years.csv": (table("1.0,2.0,3.0,4.0\n"), "column_1_0 column_2_0 column_3_0 column_4_0", {}, "", "header=1"),
    "twice.csv": (table("p,p,q,w\n"), "p p_2 q w", {}, "of one name are numbered", "duplicates=number"),
    "taken.csv": (table("p,p_2,p,w\n"), "p p_2 p_3 w", {}, "of one name are numbered", "duplicates=number"),
    "said.csv": (table("a,b,c,d\nx,y,z,u\np,T,q,w\n"), "p T q w", {}, "", "header=3"),
    "gbk.csv": (table("温度,T,q,w\n").encode("gbk"), "column_1 T q w", {}, "gbk, as said", "encoding=gbk"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_is_meant(tmp_path, name):
    text, names, units, said, *form = READ[name]
    contents = read(tmp_path, name, text, form)
    assert not contents.broken
    assert said in "; ".join(contents.notes)
    if names is None:
        assert contents.sources["p"].load()[-1] == 1000.5
        return
    held = {n: s for n, s in contents.sources.items() if n in names.split()}
    assert list(held) == names.split()
    found = np.column_stack([s.load() for s in held.values()])
    assert np.array_equal(found, NUMBERS)
    assert {n: held[n].unit for n in units} == units
    assert all(not s.bad for s in held.values())


REFUSED = {
    "points": ("a;b\n1.234;2\n12.500;3\n", "numbers such as 1.234 .* decimal=point, or thousands=point", ()),
    "two ways": ("a;b\n1,234;2,345\n1,111;3,222\n", "can be read in two ways: say --table-format decimal=comma", ()),
    "no names": ("1,2\n3,4\n5,6\n", "line 1 holds numbers.*header=none if it has none, or header=1", ()),
    "three lines": ("a,b\nx,y\nfoo,bar\n1,2\n3,4\n5,6\n", "lines 1 to 3 hold words.*header=1 units=2", ()),
    "other alphabet": ("темп,b\n1,2\n3,4\n".encode("cp1251"), "no UTF-8.*--table-format encoding=", ()),
    "one name twice": ("a,b,a\n1,2,3\n2,3,4\n", r"named 'a' \(columns 1, 3\).*duplicates=number", ()),
    "no such line": ("a,b\n1,2\n", "no line 9 among its first 2", ("header=9",)),
    "bytes": (bytes(range(256)) * 4, "cannot be read as .csv", ()),
    "no rows": ("a,b\n", "no rows under the header", ()),
    "nothing": ("\n\n", "no rows under the header", ()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_with_the_option_that_settles_it(tmp_path, name):
    text, words, form = REFUSED[name]
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, "a.csv", text, form)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "form", "first"),
    [
        ("a;b\n1,234;2\n1,111;3\n", "decimal=comma", 1.234),
        ("a;b\n1,234;2\n1,111;3\n", "thousands=comma", 1234.0),
        ("p\n1,5\n2,5\n", "decimal=comma", 1.5),
        ("a;b\n1.234;2\n12.500;3\n", "decimal=point", 1.234),
        ("a;b\n1.234;2\n12.500;3\n", "thousands=point", 1234.0),
        ("a;b\n1.234;2\n0.500;3\n", "separator=;", 1.234),
    ],
)
def test_the_option_of_a_refusal_settles_it(tmp_path, text, form, first):
    assert next(iter(read(tmp_path, "a.csv", text, [form]).sources.values())).load()[0] == first


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("seperator=;", "did you mean 'separator'"),
        ("separator=x", "give comma, semicolon"),
        ("decimal=dot", "give point or comma"),
        ("header=first", "number of a line"),
        ("encoding=latin-99", "is not known"),
        ("duplicates=drop", "refuse or number"),
        ("header", "give a name and a value"),
    ],
)
def test_a_format_that_cannot_be_is_refused(word, words):
    with pytest.raises(UsageError, match=words):
        table_format([word])


def test_no_format_is_for_tables_alone(tmp_path):
    np.savez(tmp_path / "a.npz", u=NUMBERS)
    with pytest.raises(UsageError, match="leave out --table-format"):
        import_file(tmp_path / "a.npz", tmp_path / "a.zarr", table=TableFormat(header=1))


def test_rows_that_are_too_short_are_refused_or_kept_out(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n4,5\n6,8\n")
    with pytest.raises(DataError, match=r"row 1 \(line 3\) has 1 entries, the header 2: .*--drop-invalid"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr")
    store = import_file(tmp_path / "a.csv", tmp_path / "a.zarr", missing="drop")
    assert store.valid_rows.tolist() == [0, 2, 3]


# What becomes of columns


CARS = "Unnamed: 0,Name,day,mpg,weight (kg),Origin,Fuel,turbo,cylinders\n" + "".join(
    f"{i},car {i},2020-01-0{i + 1},{18 + i},{1500 + i * i},{('USA', 'Japan')[i % 2]},{('petrol', 'diesel', '')[i % 3]},"
    f"{i % 2 == 0},{4 + 2 * (i % 3)}\n"
    for i in range(9)
)


@pytest.fixture
def cars(tmp_path):
    (tmp_path / "cars.csv").write_text(CARS)
    return tmp_path / "cars.csv"


def test_words_are_asked_about_in_one_line(cars, tmp_path):
    with pytest.raises(
        DataError, match=r"Name is 'car 0' in row 0.*so do Origin, Fuel.*--exclude Name Origin Fuel\), comp"
    ):
        import_file(cars, tmp_path / "a.zarr")


def test_words_become_classes_with_their_names(cars, tmp_path):
    wish = {"exclude": ["Name", "Fuel"], "factors": ["Origin"], "classes": ["cylinders"]}
    store = import_file(cars, tmp_path / "a.zarr", **wish)
    assert {v.name: (v.unit, v.classes) for v in store.variables} == {
        "mpg": ("1", ()),
        "weight": ("kg", ()),
        "turbo": ("1", ()),
        "cylinders": ("1", ("4", "6", "8")),
    }
    assert [(f.name, f.classes) for f in store.factors] == [("Origin", ("Japan", "USA"))]
    assert store.factor_values[:3, 0].tolist() == [1, 0, 1]
    assert store.read("cylinders")[:4].tolist() == [0, 1, 2, 0]
    assert store.read("turbo")[:2].tolist() == [1, 0]
    assert store.info()["taken_for"] == {"cylinders": "one of 3 classes: 4, 6, 8"}
    left = {t.name: t.why for t in taken_for(cars, **wish) if t.kind in ("left out", "label")}
    assert left["Name"] == "excluded, as said"
    assert "numbers the rows" in left["Unnamed__0"]
    assert "days since 1970" in left["day"]


def test_classes_are_flags_for_other_programs(cars, tmp_path):
    import json

    import_file(cars, tmp_path / "a.zarr", variables=["mpg"], classes=["Origin"])
    about = json.loads((tmp_path / "a.zarr" / "Origin" / "zarr.json").read_text())["attributes"]
    assert about["flag_values"] == [0, 1]
    assert about["flag_meanings"] == "Japan USA"


def test_an_empty_class_is_missing(cars, tmp_path):
    with pytest.raises(DataError, match="Fuel is '' in row 2"):
        import_file(cars, tmp_path / "a.zarr", variables=["mpg"], factors=["Fuel"])
    store = import_file(cars, tmp_path / "a.zarr", variables=["mpg"], factors=["Fuel"], drop_invalid=True)
    assert store.valid_rows.tolist() == [0, 1, 3, 4, 6, 7]
    assert store.factors[0].classes == ("diesel", "petrol")


def test_dates_and_row_numbers_are_there_when_they_are_named(cars, tmp_path):
    store = import_file(cars, tmp_path / "a.zarr", variables=["mpg"], factors=["day", "Unnamed: 0"])
    assert store.factor_values[1].tolist() == [18263, 1]
    assert store.factors[0].unit == "days since 1970-01-01"


def test_too_many_classes_are_no_classes(tmp_path):
    (tmp_path / "a.csv").write_text("p,id\n" + "".join(f"{i},name {i}\n" for i in range(70)))
    with pytest.raises(DataError, match=r"70 different values in 70 rows, classes are at most 64.*--exclude id"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr", factors=["id"])


@pytest.mark.parametrize("sign", ["", "#N/A", "-nan", "unknown"])
def test_a_class_that_is_missing_is_kept_whatever_stands_for_it(tmp_path, sign):
    (tmp_path / "a.csv").write_text(f"p,kind\n1,gas\n2,{sign}\n3,ice\n")
    wish = {"missing_values": ["unknown"], "missing": "keep"}
    for place in ("factors", "classes"):
        store = import_file(tmp_path / "a.csv", tmp_path / f"{place}.zarr", **{place: ["kind"]}, **wish)
        found = store.factor_values[:, 0] if place == "factors" else store.read("kind")
        np.testing.assert_array_equal(found, [0, np.nan, 1])


@pytest.mark.parametrize("word", ["inf", "-Infinity", "+INF"])
def test_an_infinity_is_a_number_that_went_wrong_and_no_word(tmp_path, word):
    (tmp_path / "a.csv").write_text(f"p,T\n1,2\n2,{word}\n3,4\n")
    for missing in ("refuse", "keep"):
        with pytest.raises(
            DataError, match=r"T is '.*' in row 1 \(line 3\), a finite number .*--drop-invalid"
        ) as caught:
            import_file(tmp_path / "a.csv", tmp_path / "a.zarr", missing=missing)
        assert ("--missing keep" in str(caught.value)) == (missing == "refuse")
    assert import_file(tmp_path / "a.csv", tmp_path / "a.zarr", missing="drop").valid_rows.tolist() == [0, 2]


def test_words_of_an_archive_are_classes_too(tmp_path):
    phase = np.where(A > 0, "gas", "liquid")
    np.savez(tmp_path / "a.npz", u=NUMBERS, phase=phase, solver=np.arange(ROWS) % 3)
    wish = {"dims": {"u": ["x"]}, "factors": ["phase", "solver"], "classes": ["solver"]}
    store = import_file(tmp_path / "a.npz", tmp_path / "a.zarr", **wish)
    assert [f.classes for f in store.factors] == [("gas", "liquid"), ("0", "1", "2")]
    assert np.array_equal(store.factor_values[:, 0], phase == "liquid")


def test_classes_of_several_files_are_numbered_alike(tmp_path):
    (tmp_path / "a1.csv").write_text("p,kind\n1,solid\n2,gas\n")
    (tmp_path / "a2.csv").write_text("p,kind\n3,liquid\n4,solid\n")
    store = import_file(str(tmp_path / "a*.csv"), tmp_path / "a.zarr", factors=["kind"])
    assert store.factors[0].classes == ("gas", "liquid", "solid")
    assert store.factor_values[:, 0].tolist() == [2, 0, 1, 2]


def test_columns_become_a_vector_with_names_and_unit(tmp_path):
    (tmp_path / "a.csv").write_text(table("p [kPa],a [%],b [%],c [%]\n"))
    store = import_file(tmp_path / "a.csv", tmp_path / "a.zarr", vectors={"shares": ["a", "b", "c"]})
    vector = store.variables[-1]
    assert (vector.name, vector.shape, vector.components, vector.unit) == ("shares", (3,), ("a", "b", "c"), "%")
    assert np.array_equal(store.read("shares"), NUMBERS[:, 1:])
    with pytest.raises(DataError, match="differ in their units"):
        import_file(tmp_path / "a.csv", tmp_path / "b.zarr", vectors={"v": ["p", "a"]})


def test_what_is_missing_is_suspected_and_taken_when_it_is_said(tmp_path, capsys):
    from beable.commands.imports import import_

    values = NUMBERS.copy()
    values[::4, 1] = -9999
    (tmp_path / "a.csv").write_text("p,T\n" + "".join(f"{p},{t:.6g}\n" for p, t in values[:, :2]))
    import_(tmp_path / "a.csv", output=tmp_path / "a.zarr")
    assert "T: -9999 in 3 of 12 rows lies apart" in capsys.readouterr().out
    assert Store.open(tmp_path / "a.zarr").read("T").min() == -9999
    store = import_file(tmp_path / "a.csv", tmp_path / "b.zarr", missing_values=[-9999], drop_invalid=True)
    assert len(store.failures) == 3
    (tmp_path / "a.csv").write_text(table("p,T,q,w\n") + "failed,1,2,3\n")
    with pytest.raises(BeableError, match="'failed' in row 12"):
        import_file(tmp_path / "a.csv", tmp_path / "c.zarr")
    assert (
        len(import_file(tmp_path / "a.csv", tmp_path / "c.zarr", missing_values=["failed"], missing="drop").failures)
        == 1
    )


def test_numbers_that_stand_for_missing_ones_are_counted_in_every_row(tmp_path):
    (tmp_path / "a.csv").write_text("p,T\n1,-999\n2,3\n,-999\n4,5\n")
    with columns(tmp_path / "a.csv", Reading(missing=frozenset({"-999"}))) as contents:
        notes = "; ".join(contents.notes)
    assert "1 empty entry ('') in p" in notes
    assert "-999 stands for a missing value, as said: 2 times in T" in notes


def test_signs_of_an_empty_entry_are_said(tmp_path):
    contents = read(tmp_path, "a.csv", "a,b\n1,NA\n-,2\n3,?\n4,n/a\n5,NaN\n6,null\n7,8\n8,9\n")
    assert any("6 empty entries ('-', '?', 'NA', 'NaN', 'n/a', 'null')" in note for note in contents.notes)
    assert np.isnan(contents.sources["b"].load()).sum() == 5


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx"])
def test_tables_of_other_programs(tmp_path, suffix):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip({".parquet": "pyarrow", ".xlsx": "openpyxl"}[suffix])
    data = pandas.DataFrame({"p [kPa]": NUMBERS[:, 0], "n": np.arange(ROWS) ** 2, "kind": ["a", "b"] * (ROWS // 2)})
    data["day"], data["ok"] = pandas.date_range("2020-01-01", periods=ROWS), data["n"] > 4
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        data.to_parquet(path)
        form = None
    else:
        with pandas.ExcelWriter(path) as book:
            data.to_excel(book, sheet_name="runs")
            data.to_excel(book, sheet_name="others", index=False)
        with pytest.raises(UsageError, match=r"2 sheets \(runs, others\): say which, --table-format sheet=NAME"):
            import_file(path, tmp_path / "a.zarr")
        form = TableFormat(sheet="runs")
    store = import_file(path, tmp_path / "a.zarr", factors=["kind", "day"], table=form)
    assert {v.name: v.unit for v in store.variables} == {"p": "kPa", "n": "1", "ok": "1"}
    assert np.array_equal(store.read("p"), NUMBERS[:, 0])
    assert store.factors[0].classes == ("a", "b")
    assert store.factor_values[1].tolist() == [1, 18263]


def test_a_small_parquet_file_needs_little_memory_in_a_process_of_its_own(tmp_path):
    """Arrow asks for 1 GB at once by default, more than such a file may take, and then it waited for ever."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"p": np.arange(40.0), "q": np.arange(40.0) ** 2}).to_parquet(tmp_path / "a.parquet")
    words = [
        sys.executable,
        "-P",
        "-m",
        "beable",
        "import",
        str(tmp_path / "a.parquet"),
        "-o",
        str(tmp_path / "a.zarr"),
    ]
    done = subprocess.run(words, capture_output=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert Store.open(tmp_path / "a.zarr").rows == 40


def test_an_entry_that_says_that_there_is_no_value_makes_no_comment_of_its_row(tmp_path):
    contents = read(tmp_path, "a.csv", "a,b\n1,2\n#N/A,3\n#DIV/0!,5\n# by hand\n6,7\n8,9\n")
    np.testing.assert_array_equal(contents.sources["b"].load(), [2, 3, 5, 7, 9])
    assert "1 line that begins with # left out, from line 5 on" in contents.notes


def test_percent_signs_are_taken_off_and_said(tmp_path):
    contents = read(tmp_path, "a.csv", "a,share\n1,12%\n2,\n3,7.5%\n")
    np.testing.assert_array_equal(contents.sources["share"].load(), [12, np.nan, 7.5])
    assert (contents.sources["share"].unit, contents.sources["share"].bad) == ("%", "'' in row 1 (line 3)")
    assert "percent signs taken off in share" in contents.notes


def test_the_entry_that_is_named_is_the_one_that_is_empty(tmp_path):
    assert read(tmp_path, "a.csv", "on,b\ntrue,2\n,3\nfalse,5\n").sources["on"].bad == "'' in row 1 (line 3)"


def test_a_column_without_name_and_entries_is_left_out_and_one_with_a_name_may_be(tmp_path):
    (tmp_path / "a.csv").write_text("a,,c,d\n1,,3,\n2,,5,\n3,,9,\n")
    with pytest.raises(DataError, match=r"d is '' in row 0 .*leave the array out \(exclude, --exclude\)"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr")
    store = import_file(tmp_path / "a.csv", tmp_path / "a.zarr", exclude=["d"])
    assert [v.name for v in store.variables] == ["a", "c"]
    kept = import_file(tmp_path / "a.csv", tmp_path / "b.zarr", missing="keep")
    assert [finding.line for finding in look(kept)] == [
        "d has no number in any row: leave it out (variables, --variables)"
    ]


def test_a_vector_takes_the_name_of_no_other_column(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,T\n1,2,3\n4,5,6\n")
    with pytest.raises(UsageError, match=r"an array is named T already: .*\(--vector\)"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr", vectors={"T": ["a", "b"]})
    store = import_file(tmp_path / "a.csv", tmp_path / "a.zarr", vectors={"a": ["a", "b"]})
    assert {v.name: v.shape for v in store.variables} == {"T": (), "a": (2,)}


def test_words_among_numbers_may_stand_for_missing_ones(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\nbroken,3\n4,5\n")
    with pytest.raises(DataError, match=r"or say which words .*\(missing_values, --missing-values\)"):
        import_file(tmp_path / "a.csv", tmp_path / "a.zarr")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_every_door_reads_the_same_content_alike(tmp_path, suffix):
    """Decimal numbers, dates without a time, numbers that were written as text."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip({".parquet": "pyarrow", ".xlsx": "openpyxl"}.get(suffix, "csv"))
    days = [date(2020, 1, i + 1) for i in range(3)]
    data = pandas.DataFrame({"dec": [*map(Decimal, ("1.25", "2.5", "3"))], "day": days, "text": ["1.5", "2.5", "NA"]})
    path = tmp_path / f"a{suffix}"
    {".csv": data.to_csv, ".xlsx": data.to_excel}.get(suffix, data.to_parquet)(path, index=False)
    store = import_file(path, tmp_path / "a.zarr", missing="keep")
    assert [v.name for v in store.variables] == ["dec", "text"]
    np.testing.assert_array_equal(store.read("dec"), [1.25, 2.5, 3])
    np.testing.assert_array_equal(store.read("text"), [1.5, 2.5, np.nan])
    store = import_file(path, tmp_path / "b.zarr", variables=["dec"], factors=["day"])
    assert store.factor_values[:, 0].tolist() == [18262, 18263, 18264]
    assert store.factors[0].unit == "days since 1970-01-01"


def test_lists_in_a_frame_and_lines_above_its_names_are_refused_by_what_they_are(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pytest.importorskip("openpyxl")
    pandas.DataFrame({"k": [[1, 2], [3, 4]], "x": [1.0, 2.0]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"k holds lists, such as \[1 2\]: leave it out .*--exclude.*--vector"):
        import_file(tmp_path / "a.parquet", tmp_path / "a.zarr")
    assert import_file(tmp_path / "a.parquet", tmp_path / "b.zarr", exclude=["k"]).rows == 2
    lines = pandas.DataFrame([["My data", "x"], ["p", "q"], [1, 2], [2, 3], [3, 5]])
    lines.to_excel(tmp_path / "a.xlsx", index=False, header=False)
    with pytest.raises(DataError, match=r"lines 1 and 2 hold words: .*header=2, or header=1 units=2") as caught:
        import_file(tmp_path / "a.xlsx", tmp_path / "a.zarr")
    assert caught.value.__notes__ == ["In Python --table-format is table={...}."]
    store = import_file(tmp_path / "a.xlsx", tmp_path / "a.zarr", table={"header": 2})
    assert [v.name for v in store.variables] == ["p", "q"]


def test_names_of_two_levels_are_joined(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({("a", "p"): [1.0, 2.0], ("b", "q"): [3.0, 5.0]}).to_parquet(tmp_path / "a.parquet")
    assert [v.name for v in import_file(tmp_path / "a.parquet", tmp_path / "a.zarr").variables] == ["a_p", "b_q"]


def test_columns_of_one_name_are_refused_in_a_workbook_too(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("pandas")
    book = openpyxl.Workbook()
    for line in (["first", None, "second", None], ["p", "q", "p", "q"], *([i, i**2, -i, 2 * i] for i in range(9))):
        book.active.append(line)
    book.active.merge_cells("A1:B1")
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"two columns are named 'p': .*duplicates=number"):
        import_file(tmp_path / "a.xlsx", tmp_path / "a.zarr", table={"header": 2})
    store = import_file(tmp_path / "a.xlsx", tmp_path / "b.zarr", table={"header": 2, "duplicates": "number"})
    assert len(store.variables) == 4


def test_names_of_rows_of_a_frame_are_said_to_be_left_out(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"p": [1.0, 2.0]}, index=["first", "second"]).to_parquet(tmp_path / "a.parquet")
    assert "left out" in "; ".join(t.why for t in taken_for(tmp_path / "a.parquet") if t.kind == "read as")


def test_a_frame_is_taken_with_its_names(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"flow [m/s]": NUMBERS[:, 0], "kind": ["a", "b"] * (ROWS // 2)})
    store = Store.from_arrays(tmp_path / "a.zarr", frame[["flow [m/s]"]], frame[["kind"]])
    assert [(v.name, v.unit, v.long_name) for v in store.variables] == [("flow", "m/s", "")]
    assert store.factors[0].classes == ("a", "b")


@pytest.mark.parametrize("name", ["a{}", "a"])
def test_too_many_columns_are_refused_before_their_entries_are_looked_at(tmp_path, monkeypatch, name):
    """Of a line some entries are looked at, so that it is known what stands between them."""
    looked = []
    real = Numbers.is_number
    monkeypatch.setattr(Numbers, "is_number", lambda self, cell: looked.append(1) or real(self, cell))
    text = ",".join(name.format(i) for i in range(30_000)) + "\n" + ",".join(["1"] * 30_000) + "\n"
    with pytest.raises(DataError, match="30,000 columns, where at most 10,000 can be taken"):
        read(tmp_path, "many.csv", text)
    assert len(looked) <= 2 * 10_000


def test_formulas_that_were_never_computed_are_named_and_computed_empty_ones_are_missing(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in (["a", "b"], *([float(i), f"=A{i + 2}*2"] for i in range(5))):
        book.active.append(line)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="cell B2 holds a formula whose value was never stored: open the workbook in"):
        import_file(tmp_path / "a.xlsx", tmp_path / "a.zarr")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            held = re.sub(rb"(<c r=.B([3-6]).)(><f>.*?</f>)<v */?>(</v>)?", rb"\1\3<v>\2</v>", old.read(name))
            new.writestr(name, re.sub(rb"(<c r=.B2.)(><f>.*?</f>)<v */?>(</v>)?", rb'\1 t="str"\2<v></v>', held))
    assert np.array_equal(
        import_file(tmp_path / "b.xlsx", tmp_path / "b.zarr", missing="keep").read("b"), [np.nan, 3, 4, 5, 6], True
    )
