"""Numbers that are missing from a data set: masks, rows that are refused, dropped or kept, and what is said of it."""

import numpy as np
import pytest

from beable.datasets.importing import import_file
from beable.datasets.look import look
from beable.datasets.store import Store, verify
from beable.errors import DataError, UsageError

RNG = np.random.default_rng(0)
FIELD = RNG.normal(size=(12, 5, 4))
SOLID = np.zeros((5, 4), bool)
SOLID[1:3, 2:] = True


def made(folder, name="s", factors=None, **arrays):
    ways = {key: arrays.pop(key) for key in ("missing", "allow_failed") if key in arrays}
    return Store.from_arrays(folder / f"{name}.zarr", arrays, factors, block=5, **ways)


def gappy():
    values = np.where(SOLID, np.nan, FIELD)
    values[3, 0, 0] = values[7, 0, 1] = values[7, 4, 3] = np.nan
    return values


def test_a_mask_needs_no_word_and_no_row_fails(tmp_path):
    store = made(tmp_path, u=np.where(SOLID, np.nan, FIELD))
    assert (store.failures, tuple(store.missing["u"])) == ({}, (4, 20, 0, 0))
    np.testing.assert_array_equal(store.constants["u_mask"], ~SOLID)
    assert "u: mask: 4 of 20 cells are missing in every row" in repr(store)
    assert verify(store.path) == []
    assert look(store) == []


def test_a_whole_data_set_says_nothing_of_missing_numbers(tmp_path):
    store = made(tmp_path, u=FIELD, missing="keep")
    assert (store.missing, dict(store.constants)) == ({}, {})
    assert store.id == made(tmp_path, "again", u=FIELD).id


def test_a_constant_of_the_name_of_a_mask_is_left_as_it_is(tmp_path):
    area = np.arange(3.0)
    holed = {"u": np.where(SOLID, np.nan, FIELD)}
    store = Store.from_arrays(tmp_path / "s.zarr", holed, constants={"u_mask": area})
    np.testing.assert_array_equal(store.constants["u_mask"], area)
    assert store.missing["u"].masked == 4


def test_rows_that_lack_numbers_are_refused_in_a_line_that_names_both_ways(tmp_path):
    words = (
        r"2 of 12 rows are not finite \(row 3: not finite: u; .*numbers missing: u 3: .*--missing keep.*--missing drop"
    )
    with pytest.raises(DataError, match=words):
        made(tmp_path, u=gappy())
    assert list(tmp_path.iterdir()) == []


def test_rows_that_lack_numbers_are_dropped_or_kept(tmp_path):
    dropped = made(tmp_path, "a", u=gappy(), missing="drop")
    assert list(dropped.failures) == [3, 7]
    assert dropped.id == made(tmp_path, "b", u=gappy(), allow_failed=True).id
    kept = made(tmp_path, "c", u=gappy(), missing="keep")
    assert (kept.failures, tuple(kept.missing["u"])) == ({}, (4, 20, 3, 2))
    np.testing.assert_array_equal(kept.read("u"), gappy())
    assert kept.info()["missing"]["u"] == {"masked": 4, "places": 20, "values": 3, "rows": 2}
    assert "u: 3 of 192 numbers are missing, in 2 rows" in repr(kept)
    assert [finding.kind for finding in look(kept)] == []


def test_an_infinity_is_no_missing_number(tmp_path):
    bad = gappy()
    bad[5, 4, 0] = np.inf
    with pytest.raises(DataError, match=r"1 of 12 rows are not finite \(row 5: not finite: u\): mend them"):
        made(tmp_path, u=bad, missing="keep")
    store = made(tmp_path, u=bad, missing="keep", allow_failed=True)
    assert (list(store.failures), store.missing["u"].values) == ([5], 3)


def test_a_row_without_a_number_is_left_out_by_name(tmp_path):
    a, b = RNG.normal(size=(2, 12))
    a[[2, 4]], b[[4, 6]] = np.nan, np.nan
    store = made(tmp_path, a=a, b=b, missing="keep")
    assert store.failures == {4: "no number is there"}
    assert (store.missing["a"].values, store.missing["b"].values) == (1, 1)


def test_a_factor_may_be_known_for_some_rows(tmp_path):
    known = np.where(np.arange(12) % 4, np.nan, np.arange(12.0))
    with pytest.raises(DataError, match="numbers missing: factors 9"):
        made(tmp_path, factors={"a": known}, u=FIELD)
    store = made(tmp_path, factors={"a": known}, u=FIELD, missing="keep")
    assert (len(store.valid_rows), store.missing["factors"].values) == (12, 9)


def test_particles_that_are_missing_in_some_rows_are_refused_with_the_reason(tmp_path):
    position = RNG.uniform(size=(6, 4, 2))
    position[2, 3] = np.nan
    words = "position: 3 to 4 particles a row, 1 of 6 rows lack some: .*different numbers of particles"
    with pytest.raises(DataError, match=words):
        made(tmp_path, position=position, missing="keep")
    assert list(made(tmp_path, position=position, missing="drop").failures) == [2]


def test_empty_entries_of_a_text_file_are_missing_and_words_are_not(tmp_path):
    (tmp_path / "mine.csv").write_text("p,q\n1,2\n,3\n3,NA\n4,6\n")
    with pytest.raises(DataError, match=r"p is '' in row 1 .*--missing keep.*--missing drop"):
        import_file(tmp_path / "mine.csv", tmp_path / "s.zarr")
    store = import_file(tmp_path / "mine.csv", tmp_path / "s.zarr", missing="keep")
    np.testing.assert_array_equal(store.read("p"), np.array([1, np.nan, 3, 4]))
    (tmp_path / "words.csv").write_text("p,q\n1,2\nmuch,3\n")
    with pytest.raises(DataError, match="p is 'much' in row 1"):
        import_file(tmp_path / "words.csv", tmp_path / "w.zarr", missing="keep")


def test_another_way_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown way with missing numbers 'guess': known: drop, keep, refuse"):
        made(tmp_path, u=gappy(), missing="guess")
