"""How far an import is: how much of a table is read, and then how many rows are written."""

import numpy as np
import pytest

from beable.console.progress import Teller, before
from beable.datasets import columns
from beable.datasets.importing import import_as, wish_of
from beable.datasets.store import Store


class Told(Teller):
    """Keeps what it is told."""

    def __init__(self):
        self.steps, self.words = [], []

    def __call__(self, done, total):
        self.steps.append((done, total))

    def begin(self, words):
        self.words.append(words)


def test_a_table_tells_what_is_read_and_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "TOLD_LINES", 10)
    path, teller = tmp_path / "long.csv", Told()
    path.write_text("a,b\n" + "".join(f"{i}.5,{i}.25\n" for i in range(60)))
    import_as(path, tmp_path / "long.zarr", wish_of(), {}, progress=teller)
    assert all(words.startswith("reading long.csv: ") for words in teller.words)
    shares = [int(words.split(": ")[1].split(" ")[0]) for words in teller.words]
    assert shares == sorted(shares)
    assert 70 < shares[-1] <= 100
    assert teller.steps == [(60, 60)]


def test_blocks_of_arrays_are_told_as_they_are_written(tmp_path):
    told = []
    Store.from_arrays(tmp_path / "a.zarr", {"u": np.ones((7, 3))}, block=2, progress=lambda *rows: told.append(rows))
    assert told == [(2, 7), (4, 7), (6, 7), (7, 7)]


@pytest.mark.parametrize(
    ("done", "words"),
    [(0, "reading: 0 %"), (1, "reading: 1 %"), (25, "reading: 25 %, 30.0 s left"), (100, "reading: 100 %")],
)
def test_time_is_left_only_where_it_can_be_told(done, words):
    seconds, teller = iter([0.0, 10.0]), Told()
    before(teller, "reading", lambda: next(seconds))(done, 100)
    assert teller.words == [words]
