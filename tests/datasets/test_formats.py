"""Arrays that are no real number an entry: records, dates and words by themselves, alike whatever the suffix."""

import h5py
import numpy as np
import pytest

from beable.datasets.importing import import_file, taken_for
from beable.errors import DataError

ROWS = 12
RECORDS = np.zeros(ROWS, dtype=[("p", "f8"), ("at", [("x", "f4"), ("v", "f4", (3,))]), ("kind", "S4")])
RECORDS["p"], RECORDS["at"]["x"] = np.linspace(0, 1, ROWS), np.arange(ROWS) ** 2
RECORDS["at"]["v"] = np.random.default_rng(0).normal(size=(ROWS, 3))
RECORDS["kind"] = ["gas", "ice"] * (ROWS // 2)
FIELD = np.random.default_rng(1).normal(size=(ROWS, 5, 4))


def of_numpy(path, **arrays):
    np.savez(path, **arrays)


def of_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values


WRITERS = {"a.npz": of_numpy, "a.h5": of_hdf5}


@pytest.mark.parametrize("name", WRITERS)
def test_fields_of_records_are_arrays(tmp_path, name):
    WRITERS[name](tmp_path / name, probe=RECORDS)
    store = import_file(tmp_path / name, tmp_path / "a.zarr", factors=["kind"])
    assert {v.name: v.shape for v in store.variables} == {"probe_p": (), "probe_at_x": (), "probe_at_v": (3,)}
    np.testing.assert_array_equal(store.read("probe_at_v", [7, 2]), RECORDS["at"]["v"][[7, 2]])
    np.testing.assert_array_equal(store.read("probe_p"), RECORDS["p"])
    assert store.factors[0].classes == ("gas", "ice")
    with pytest.raises(DataError, match=r"probe_kind holds words|probe/kind holds words"):
        import_file(tmp_path / name, tmp_path / "b.zarr")


def test_dates_are_labels_and_factors_when_they_are_named(tmp_path):
    days = np.datetime64("2024-01-01") + np.arange(ROWS)
    np.savez(tmp_path / "a.npz", u=FIELD, when=days.astype("M8[s]"))
    assert [v.name for v in import_file(tmp_path / "a.npz", tmp_path / "a.zarr").variables] == ["u"]
    store = import_file(tmp_path / "a.npz", tmp_path / "b.zarr", factors=["when"])
    assert store.factor_values[:2, 0].tolist() == [19723, 19724]
    assert store.factors[0].unit == "days since 1970-01-01"


@pytest.mark.parametrize("name", WRITERS)
def test_a_word_by_itself_is_left_out_and_said(tmp_path, name):
    WRITERS[name](tmp_path / name, u=FIELD, note=np.array(b"solver 3"), dt=np.array(0.1))
    store = import_file(tmp_path / name, tmp_path / "a.zarr")
    assert [v.name for v in store.variables] == ["u"]
    assert store.constants["dt"] == 0.1
    assert [t.why for t in taken_for(tmp_path / name) if t.name == "note"] == ["words, no numbers"]


def test_words_of_groups_are_classes_when_they_are_named(tmp_path):
    """A word in each group is like an attribute of it, of whatever length; one that all groups share says nothing."""
    kinds = ["gas", "liquid"] * (ROWS // 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for i, kind in enumerate(kinds):
            group = file.create_group(f"run_{i}")
            group["u"], group["phase"], group["solver"] = FIELD[i], kind, "third"
            group["state"] = np.bytes_(kind)
    store = import_file(tmp_path / "a.h5", tmp_path / "a.zarr")
    assert [v.name for v in store.variables] == ["u"]
    assert not store.factors
    store = import_file(tmp_path / "a.h5", tmp_path / "b.zarr", factors=["phase", "state"])
    assert [f.classes for f in store.factors] == [("gas", "liquid")] * 2
    assert store.factor_values[:, 1].tolist() == [0, 1] * (ROWS // 2)
    told = {t.name: t.why for t in taken_for(tmp_path / "a.h5")}
    assert told["solver"] == f"words, no numbers, in {ROWS} groups"
    assert "name it in factors" in told["phase"]
