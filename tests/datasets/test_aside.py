"""Numbers of text files that are put aside: the same data set whether they stay in memory or go to the disk."""

import tempfile

import numpy as np
import pytest

from beable.datasets import aside
from beable.datasets.aside import Aside
from beable.datasets.importing import import_file
from beable.errors import OutputError
from beable.files.json_files import read_json

ROWS = np.random.default_rng(0).normal(size=(211, 5))


def filled(rows=ROWS):
    found = Aside(rows.shape[1])
    for row in rows.tolist():
        found.add(row)
    found.settle()
    return found


@pytest.fixture
def small(monkeypatch):
    """Blocks of seven rows, on disk from the second on."""
    monkeypatch.setattr(aside, "BLOCK", 7 * 8 * ROWS.shape[1])
    monkeypatch.setattr(aside, "MOST_HELD", 300)


@pytest.mark.parametrize(("start", "stop"), [(0, 211), (0, 7), (6, 8), (13, 100), (209, 211), (5, 5), (211, 211)])
def test_any_rows_of_any_column_come_back(small, start, stop):
    held = filled()
    assert (held.block, len(held), held._file._rolled) == (7, 211, True)
    for i in range(ROWS.shape[1]):
        assert np.array_equal(held.column(i)[start:stop], ROWS[start:stop, i])


def test_a_table_on_disk_gives_the_same_data_set_as_one_in_memory(monkeypatch, tmp_path):
    lines = "".join(f"{i},{','.join(f'{x:.5f}' for x in row)},{'NA' if i % 9 else 3}\n" for i, row in enumerate(ROWS))
    (tmp_path / "a.csv").write_text(f",a,b,c,d,e,f\n{lines}")
    asked = {"factors": ["e"], "vectors": {"v": ["a", "b"]}, "missing": "keep", "missing_values": ["-9999"]}
    import_file(tmp_path / "a.csv", tmp_path / "one.zarr", **asked)
    monkeypatch.setattr(aside, "BLOCK", 512)
    monkeypatch.setattr(aside, "MOST_HELD", 300)
    import_file(tmp_path / "a.csv", tmp_path / "two.zarr", **asked)
    one, two = (read_json(tmp_path / f"{name}.zarr" / "manifest.json")["files"] for name in ("one", "two"))
    assert one == two


def test_a_full_disk_is_said_with_its_folder(small, monkeypatch):
    held = Aside(5)

    def full(data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(held, "_file", type("Full", (), {"write": staticmethod(full)})())
    for row in ROWS[:6].tolist():
        held.add(row)
    with pytest.raises(OutputError, match=tempfile.gettempdir()):
        held.add(ROWS[6].tolist())
