"""The table of Hall & Sparks (2023): what its rows are, the three subsets, and one line for what cannot be."""

import os
from pathlib import Path

import numpy as np
import pytest

from beable.commands.imports import import_
from beable.datasets.store import Store
from beable.errors import BeableError, DataError, OutputError, UsageError
from beable.systems.packing.hall_sparks_table import (
    COLUMNS,
    SUBSETS,
    default_rows,
    import_packing_table,
    is_packing_table,
    read_packing_table,
    subset,
    top_threshold,
)

PUBLIC = Path(
    os.environ.get("PACKING_TABLE", Path(__file__).resolve().parents[4] / "shared" / "data" / "packing-fraction.csv")
)
HEADER = ["Run", "ID", *(c for i in range(3) for c in (COLUMNS[i], COLUMNS[3 + i])), *COLUMNS[6:]]
DESIGNS, DECODED = 30, 6


def rows_of(seed=0):
    """Designs on a grid, then what an auto-encoder might have made of them, the last twice."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([20, 40, 60, 80, 100], size=(DESIGNS, 3))
    shares = np.array([[0.2239, 0.597, 0.1791], [0.274, 0.4966, 0.2295]])[rng.integers(0, 2, DESIGNS)]
    phi = np.round(np.linspace(0.5, 0.8, DESIGNS), 3)
    designs = [
        [i + 1, i, s[0], 1, s[1], 150, s[2], 300, *f, p]
        for i, (s, f, p) in enumerate(zip(sizes, shares, phi, strict=True))
    ]
    decoded = [
        [20000 + i, 13330 + i, 119.45 + i, 756.9, 100.6, 785.3, 99.8, 764.4, 0.32, 0.39, 0.2962 - 0.01 * i, 0.686]
        for i in range(DECODED - 1)
    ]
    return [*designs, *decoded, [20005, 13335, *decoded[-1][2:]]]


def write(path, rows, header=HEADER, mark="\ufeff"):
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
    path.write_text(mark + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "packings.csv", rows_of())


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_what_they_are_called(tmp_path, mark):
    rows = rows_of()
    found = read_packing_table(write(tmp_path / "mine.csv", rows, mark=mark))
    given = np.array(rows)
    np.testing.assert_array_equal(found.identifier, given[:, 1])
    np.testing.assert_array_equal(found.mean_size, given[:, [2, 4, 6]])
    np.testing.assert_array_equal(found.size_deviation, given[:, [3, 5, 7]])
    np.testing.assert_array_equal(found.mass_fraction, given[:, 8:11])
    np.testing.assert_array_equal(found.packing_fraction, given[:, 11])


def test_columns_may_stand_in_any_order(tmp_path, table):
    order = np.random.default_rng(0).permutation(len(HEADER))
    other = write(tmp_path / "other.csv", [[row[i] for i in order] for row in rows_of()], [HEADER[i] for i in order])
    for one, two in zip(read_packing_table(table), read_packing_table(other), strict=True):
        np.testing.assert_array_equal(one, two)


def without_identifiers(rows):
    return [row[2:] for row in rows], HEADER[2:]


def identifiers_twice(rows):
    return [[row[0], 0, *row[2:]] for row in rows], HEADER


def identifiers_blank(rows):
    return [[row[0], "", *row[2:]] for row in rows], HEADER


@pytest.mark.parametrize("lose", [without_identifiers, identifiers_twice, identifiers_blank])
def test_decoded_rows_are_found_by_identifier_and_where_it_is_lost_by_the_grid(tmp_path, table, lose):
    kept = read_packing_table(table)
    lost = read_packing_table(write(tmp_path / "lost.csv", *lose(rows_of())))
    assert (lost.identifier == -1).all()
    for found in (kept, lost):
        assert np.flatnonzero(found.decoded).tolist() == list(range(DESIGNS, DESIGNS + DECODED))
        assert np.flatnonzero(found.duplicate).tolist() == [DESIGNS + DECODED - 1]
        assert np.flatnonzero(found.unnormalised).tolist() == list(range(DESIGNS, DESIGNS + DECODED))


def test_a_repeat_with_another_answer_is_no_duplicate(tmp_path):
    rows = rows_of()[:DESIGNS]
    rows.append([99, 99, *rows[0][2:11], 0.777])
    assert not read_packing_table(write(tmp_path / "mine.csv", rows)).duplicate.any()


# Subsets

PHI = np.clip(np.random.default_rng(0).normal(0.68, 0.047, size=5000), 0.5, 0.83)


def test_the_gaussian_subset_is_every_row():
    np.testing.assert_array_equal(subset(PHI, "gaussian", 0), np.arange(5000))
    few = subset(PHI, "gaussian", 0, rows=1000)
    assert len(np.unique(few)) == 1000
    assert PHI[few].std() == pytest.approx(PHI.std(), rel=0.1)


def counts(phi, chosen, bins=20):
    return np.histogram(phi[chosen], bins, (phi.min(), phi.max()))[0]


def test_bins_give_equally_many_rows_or_all_they_have():
    there = counts(PHI, slice(None))
    chosen = subset(PHI, "uniform", 0, rows=20 * there.min())
    assert set(counts(PHI, chosen)) == {there.min()}
    more = counts(PHI, subset(PHI, "uniform", 0, rows=603))
    assert more.sum() == 603
    assert ((more == there) | (more >= more.max() - 1)).all()
    assert len(set(counts(PHI, subset(PHI, "gaussian", 0, rows=603)))) > 10  # chance does not do that


def test_the_top_is_taken_among_the_densest():
    threshold = np.sort(PHI)[-round(5000 * 826 / 14765)]
    chosen = subset(PHI, "top", 0)
    assert len(chosen) == round(5000 * 500 / 14765)
    assert PHI[chosen].min() >= threshold == top_threshold(PHI)
    assert not np.array_equal(chosen, np.sort(np.argsort(PHI)[-len(chosen) :]))
    assert len(subset(PHI, "top", 0, rows=100, threshold=0.7)) == 100


@pytest.mark.parametrize("kind", SUBSETS)
def test_subsets_are_seeded_distinct_and_in_order(kind):
    one, two, other = (subset(PHI, kind, seed, rows=150) for seed in (1, np.random.default_rng(1), 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    assert (np.diff(one) > 0).all()
    assert len(one) == 150


@pytest.mark.parametrize("kind", SUBSETS)
@pytest.mark.parametrize("rows", [1, 2, 19, 300])
def test_small_and_constant_data_have_subsets(kind, rows):
    for phi in (PHI[:rows], np.full(rows, 0.64)):
        assert len(subset(phi, kind, 0)) == default_rows(kind, rows)


@pytest.mark.parametrize(
    ("kind", "options", "error", "words"),
    [
        ("unifrom", {}, UsageError, "did you mean 'uniform'"),
        ("uniform", {"bins": 0}, UsageError, "bins of a subset"),
        ("uniform", {"rows": 0}, UsageError, "rows of a subset"),
        ("uniform", {"rows": 6000}, DataError, "6000 rows asked for, 5000 there"),
        ("top", {"rows": 400, "threshold": 0.81}, DataError, "at least 0.81: ask for fewer, or give a lower threshold"),
    ],
)
def test_subsets_that_cannot_be_are_refused(kind, options, error, words):
    with pytest.raises(error, match=words):
        subset(PHI, kind, 0, **options)


def test_packing_fractions_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="nan in row 1"):
        subset([0.5, np.nan], "top", 0)
    with pytest.raises(DataError, match="at least one row"):
        subset([], "top", 0)


# The store


def test_flagged_rows_are_left_out_and_counted(tmp_path, table):
    store = import_packing_table(table, tmp_path / "store.zarr")
    assert store.rows == DESIGNS
    assert store.assessment["left_out"] == DECODED
    assert store.assessment["flagged"] == {"decoded": DECODED, "duplicate": 1, "unnormalised": DECODED}
    assert f"{DESIGNS} of {DESIGNS + DECODED} rows" in store.title
    assert f"{DECODED} left out" in store.title
    assert store.verify() == []
    given = np.array(rows_of())[:DESIGNS]
    np.testing.assert_array_equal(store.read("mean_size"), given[:, [2, 4, 6]])
    np.testing.assert_array_equal(store.read("packing_fraction"), given[:, 11])
    np.testing.assert_array_equal(store.factor_values, given[:, [2, 4, 6, 3, 5, 7, 8, 9, 10]])
    assert [v.name for v in store.variables if not v.diagnostic] == [
        "mean_size", "size_deviation", "mass_fraction", "packing_fraction",
    ]  # fmt: skip
    assert store.factors[4].name == "size_deviation_2"


def test_flagged_rows_are_kept_with_their_flags(tmp_path, table):
    store = import_packing_table(table, tmp_path / "store.zarr", keep_flagged=True, units={"mean_size": "mm"})
    assert store.rows == DESIGNS + DECODED
    np.testing.assert_array_equal(np.flatnonzero(store.read("decoded")), np.arange(DESIGNS, DESIGNS + DECODED))
    assert store.read("duplicate").sum() == 1
    assert store.read("identifier")[-1] == 13335
    assert store.variables[0].unit == "mm"


def test_a_subset_is_stored_and_seeded(tmp_path, table):
    stores = [
        import_packing_table(table, tmp_path / f"{i}.zarr", subset="uniform", rows=12, seed=s)
        for i, s in enumerate((3, 3, 4))
    ]
    assert [s.rows for s in stores] == [12] * 3
    assert stores[0].id == stores[1].id != stores[2].id


def test_the_verb_knows_the_table_by_its_header(tmp_path, table, capsys):
    import_(table, output=tmp_path / "store.zarr", set=["kind=top", "rows=2", "seed=5"])
    told = capsys.readouterr().out
    assert "left_out: 6" in told
    assert "decoded: 6" in told
    assert Store.open(tmp_path / "store.zarr").rows == 2
    import_(table, output=tmp_path / "plain.zarr", factors=["Run", "ID"])
    assert len(Store.open(tmp_path / "plain.zarr").variables) == 10


def test_options_of_the_table_are_refused_for_other_files(tmp_path, table):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n3,4\n")
    assert is_packing_table(table)
    assert not is_packing_table(other)
    for file, more in ((other, {}), (table, {"variables": ["ID"]})):
        with pytest.raises(UsageError, match="--config and --set are for recognised files"):
            import_(file, output=tmp_path / "store.zarr", set=["kind=top"], **more)
    with pytest.raises(UsageError, match=r"unknown setting of a table of packings .* did you mean 'kind'"):
        import_(table, output=tmp_path / "store.zarr", set=["kid=top"])


# What is refused


@pytest.mark.parametrize("data", [b"a,\xff\xfe\n1,2\n", b"\xff\xfea\0,\0", b""])
def test_the_verb_refuses_what_is_no_text_in_one_line(tmp_path, data):
    (tmp_path / "mine.csv").write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be read as \.csv") as caught:
        import_(tmp_path / "mine.csv", output=tmp_path / "store.zarr")
    assert "\n" not in str(caught.value)


def entry(row, column, value):
    """The table with one entry changed."""

    def change(rows):
        rows[row][HEADER.index(column)] = value
        return rows, HEADER

    return change


def no_column(rows):
    return [row[:-1] for row in rows], HEADER[:-1]


SIZE = "Mean_Particle_Size_#2"
BAD = {
    "no column": (no_column, "no column Packing_Fraction"),
    "not finite": (entry(3, "Packing_Fraction", "nan"), r"Packing_Fraction is 'nan' in row 3 \(line 5\)"),
    "infinite": (entry(4, SIZE, "inf"), r"Size_#2 is 'inf' in row 4 \(line 6\)"),
    "words": (entry(5, SIZE, "big"), r"Size_#2 is 'big' in row 5 \(line 7\)"),
    "empty": (entry(6, SIZE, ""), r"Size_#2 is '' in row 6 \(line 8\)"),
    "zero size": (entry(7, SIZE, 0), r"Size_#2 is 0 in row 7 \(line 9\), a size is above 0"),
    "negative deviation": (entry(8, "SD_of_Particle_#1", -1), "Particle_#1 is -1 in row 8"),
    "negative share": (entry(9, "Particle_#3_Mass_Fraction", -0.1), "Mass_Fraction is -0.1 in row 9"),
    "full": (entry(1, "Packing_Fraction", 1), r"Packing_Fraction is 1 in row 1 \(line 3\)"),
    "failed run": (entry(2, "Packing_Fraction", 0), r"Packing_Fraction is 0 in row 2"),
    "short row": (lambda rows: ([*rows[:2], rows[2][:-1]], HEADER), r"row 2 \(line 4\) has 11 entries, the header 12"),
    "no rows": (lambda rows: ([], HEADER), "no rows under the header"),
    "flagged": (lambda rows: (rows[DESIGNS:], HEADER), "every row is flagged"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_cannot_be_is_refused_in_one_line(tmp_path, case):
    change, words = BAD[case]
    path = write(tmp_path / "mine.csv", *change(rows_of()))
    with pytest.raises(DataError, match=words) as caught:
        import_packing_table(path, tmp_path / "store.zarr")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store.zarr").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subset": "botom"}, "known: gaussian, top, uniform"),
        ({"seed": -1}, "seed must be"),
        ({"rows": 0}, "rows of a subset"),
        ({"units": {"size": "m"}}, "unknown variable 'size'"),
    ],
)
def test_choices_are_checked(tmp_path, table, options, words):
    with pytest.raises(BeableError, match=words):
        import_packing_table(table, tmp_path / "store.zarr", **options)
    assert not (tmp_path / "store.zarr").exists()


def test_paths_are_checked(tmp_path, table):
    with pytest.raises(UsageError, match="no such file"):
        read_packing_table(tmp_path / "none.csv")
    with pytest.raises(OutputError, match="exists already"):
        import_packing_table(table, tmp_path)


# The public file


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public table is not here")
def test_the_public_table_is_that_of_the_paper():
    found = read_packing_table(PUBLIC)
    phi = found.packing_fraction
    assert (len(phi), phi.min(), phi.max()) == (14765, 0.507, 0.826)
    flags = (found.decoded, found.duplicate, found.duplicate & ~found.decoded, found.unnormalised & ~found.decoded)
    assert [int(f.sum()) for f in flags] == [1435, 294, 0, 0]
    np.testing.assert_array_equal((found.mean_size % 1 != 0).any(1), found.decoded)  # both rules find the same rows
    assert top_threshold(phi) == 0.75
    chosen = {kind: subset(phi, kind, 0) for kind in SUBSETS}
    assert {kind: len(rows) for kind, rows in chosen.items()} == {"gaussian": 14765, "uniform": 600, "top": 500}
    assert counts(phi, chosen["uniform"]).tolist() == [30] * 20
    assert phi[chosen["top"]].min() == 0.75
    assert not found.decoded[chosen["top"]].any()


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public table is not here")
@pytest.mark.parametrize("kind", SUBSETS)
@pytest.mark.parametrize("keep", [False, True])
def test_subsets_of_the_public_table_are_of_the_papers_size(tmp_path, kind, keep):
    store = import_packing_table(PUBLIC, tmp_path / "store.zarr", subset=kind, keep_flagged=keep)
    assert store.rows == {"gaussian": 14765 if keep else 13330, "uniform": 600, "top": 500}[kind]
    assert store.assessment["left_out"] == (0 if keep else 1435)
    phi = store.read("packing_fraction")
    assert (phi.min() == 0.75) if kind == "top" else (phi.min(), phi.max()) == (0.507, 0.826)
