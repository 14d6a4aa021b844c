"""Large data sets are fitted and judged block by block, with the errors of small ones."""

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.datasets.store import Store
from beable.representations.representation import Representation
from beable.training import blocks
from beable.training.blocks import StoredRows, StorePasses, in_blocks, rows_in_block, stored
from beable.training.run import train
from beable.training.settings import RunSettings

pytestmark = pytest.mark.usefixtures("few_draws")

SETTINGS = RunSettings.model_validate(
    {"model": {"latents": 2}, "training": {"members": 2, "steps": 30, "records": 3, "start": "pca"}}
)


class Notes:
    """What is told while passes go on."""

    def __init__(self):
        self.words = []

    def begin(self, words):
        self.words.append(words)

    note = begin


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    x, z = np.linspace(0, 1, 10), np.random.default_rng(0).normal(size=(90, 2))
    field = np.einsum("r,xy->rxy", z[:, 0], np.outer(x, x)) + np.einsum("r,xy->rxy", z[:, 1], np.outer(x**2, 1 - x))
    return Store.from_arrays(tmp_path_factory.mktemp("blocks") / "heat.zarr", {"heat": field.astype("f4")})


def test_rows_of_a_store_are_read_when_they_are_asked_for(store, monkeypatch):
    assert isinstance(stored(store, ["heat"], np.arange(5))["heat"], np.ndarray)
    monkeypatch.setattr(Representation, "whole_bytes", 800 * 20)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 800 * 16)
    rows = stored(store, ["heat"], np.arange(3, 83))
    assert isinstance(rows["heat"], StoredRows)
    assert rows["heat"].shape == (80, 10, 10)
    assert np.array_equal(rows["heat"][::7], store.read("heat", np.arange(3, 83, 7)))
    found = [part["heat"] for part in in_blocks(rows)]
    assert [len(part) for part in found] == [rows_in_block(store, ["heat"])] * 5
    assert np.array_equal(np.concatenate(found), np.asarray(rows["heat"]))


def test_passes_say_how_far_they_have_come(store, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 800 * 32)
    said = Notes()
    passes = StorePasses(store, ["heat"], np.arange(90), said)
    assert [len(part["heat"]) for part in passes("scales")] == [32, 32, 26]
    assert said.words == ["scales", "scales: 32 of 90 rows", "scales: 64 of 90 rows", "scales: 90 of 90 rows"]
    assert [len(part["heat"]) for part in passes("few", 30)] == [30]


def test_a_run_of_blocks_is_as_good_as_a_run_of_all_rows(store, tmp_path, monkeypatch):
    whole = evaluate(train(store, tmp_path / "whole", SETTINGS), store).relative_error
    monkeypatch.setattr(Representation, "whole_bytes", 1000)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 800 * 16)
    run = train(store, tmp_path / "blocks", SETTINGS)
    assert run.representation.bases[0].dtype == np.float32
    assert np.allclose(evaluate(run, store).relative_error, whole, atol=0.02)
