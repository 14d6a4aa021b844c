"""Pages of data of which whole variables are missing in some rows."""

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.datasets.store import Store
from beable.report.sections import data_section, reconstruction_section
from beable.training.run import train
from beable.training.settings import RunSettings

SETTINGS = {
    "model": {"latents": 1, "width": 8},
    "training": {"members": 2, "steps": 4, "records": 2, "held_out": 12, "start": "pca"},
}


@pytest.fixture(scope="module", params=[(9,), (6, 5)], ids=["curves", "fields"])
def judged(request, tmp_path_factory):
    """Two variables, of which one is there in every fourth row only."""
    folder, rng = tmp_path_factory.mktemp("missing"), np.random.default_rng(0)
    cause = rng.normal(size=(48, *[1] * len(request.param)))
    shape, dims = np.sin(np.arange(np.prod(request.param))).reshape(request.param), ("x", "y")[: len(request.param)]
    u, v = (cause * shape + 0.1 * rng.normal(size=(48, *request.param)) for _ in range(2))
    v[np.arange(48) % 4 != 1] = np.nan
    store = Store.from_arrays(folder / "a.zarr", {"u": u, "v": v}, dims={"u": dims, "v": dims}, missing="keep")
    run = train(store, folder / "run", RunSettings.model_validate(SETTINGS))
    return run, store, evaluate(run, store)


@pytest.mark.filterwarnings("ignore::UserWarning")  # so short a training learns nothing
def test_a_row_with_numbers_of_every_variable_is_shown(judged):
    run, store, evaluation = judged
    section = reconstruction_section(run, store, evaluation)
    first = next(int(row) for row in evaluation.rows if row % 4 == 1)
    assert f"Row {first}, the first of those held out" in section.items[0].caption
    assert "missing" not in section.items[0].alt


def test_rows_that_lack_a_variable_are_shown_without_it(judged):
    _, store, _ = judged
    (figure,) = data_section(store, [0, 2]).items
    assert figure.alt.endswith("v missing.")
