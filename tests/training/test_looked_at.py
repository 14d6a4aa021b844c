"""A training looks at its data first: what it finds is said, kept, or refused by row."""

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.datasets.store import Store
from beable.errors import DataError, DataWarning
from beable.training.run import train
from beable.training.settings import RunSettings

ROWS = 60
FEW, FOUR = (
    RunSettings.model_validate(
        {"training": {"members": 2, "steps": 20, "records": 4, "start": "pca"}, "model": {"latents": n}}
    )
    for n in (2, 4)
)


def waves(seed=7):
    """A field of two uniform factors."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, (2, ROWS, 1, 1))
    x, y = np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 12), indexing="ij")
    return a * np.sin(3 * x + 6 * y) + 0.5 * b * np.cos(10 * x + 5 * y)


def test_a_spike_is_refused_by_its_row_and_not_blamed_on_directions(tmp_path):
    field = waves()
    field[11, 3, 3] = 1e6
    store = Store.from_arrays(tmp_path / "u.zarr", {"u": field})
    with pytest.raises(DataError, match=r"u: row 11 sticks out.*or make it NaN and import again with --drop-invalid"):
        train(store, tmp_path / "run", FEW)
    field[11, 3, 3] = np.nan
    mended = Store.from_arrays(tmp_path / "mended.zarr", {"u": field}, allow_failed=True)
    assert train(mended, tmp_path / "run", FEW).metadata["look"] == []


@pytest.mark.parametrize("rows", [4, 6, 12])
def test_a_few_rows_are_learned_and_what_they_cannot_tell_is_said(tmp_path, rows):
    theta = np.random.default_rng(1).uniform(size=(rows, 2))
    x = np.linspace(0, 6, 300)
    waves = theta[:, :1] * np.sin(x) + theta[:, 1:] * np.cos(2 * x)
    store = Store.from_arrays(tmp_path / "few.zarr", {"u": waves}, {"a": theta[:, 0], "b": theta[:, 1]})
    run = train(
        store,
        tmp_path / "run",
        RunSettings(model={"latents": 1 if rows == 4 else 2}, training={"members": 2, "steps": 5, "records": 2}),
    )
    found = evaluate(run, store)
    assert np.isfinite(found.relative_error).all()
    assert [v.word for v in found.disentanglement.disentangled] == ["cannot be told"] * 2
    assert f"{max(2, rows // 4)} rows: at least 9" in found.disentanglement.disentangled[0].reason


def test_a_smaller_spike_is_said_kept_and_trained_on(tmp_path):
    field = waves()
    field[11, 3, 3] = 1e4
    store = Store.from_arrays(tmp_path / "u.zarr", {"u": field})
    with pytest.warns(DataWarning, match="u: row 11 sticks out"):
        run = train(store, tmp_path / "run", FEW)
    (found,) = run.metadata["look"]
    assert (found["kind"], found["what"], found["rows"], found["number"]) == ("row", "u", [11], 1)


def test_a_component_beside_one_a_million_times_larger_is_learned(tmp_path):
    """Pressure 1e5 and more, velocity 0.04: its error was 1.08, and the error of all together 1e-8."""
    pressure, velocity = 1e5 + 1e3 * waves(), 0.1 * waves(8)
    store = Store.from_arrays(tmp_path / "state.zarr", {"state": np.stack([pressure, velocity], -1)})
    with pytest.warns(DataWarning, match="state"):
        run = train(store, tmp_path / "run", FOUR)
    assert [f["kind"] for f in run.metadata["look"]] == ["components", "channel"]
    errors = evaluate(run, store).error_by_channel
    assert list(errors) == ["state[0]", "state[1]"]
    assert max(e.max() for e in errors.values()) < 1e-3


def test_numbers_to_1e200_are_trained_on(tmp_path):
    store = Store.from_arrays(tmp_path / "n.zarr", {"n": 1e200 * (2 + waves())})
    run = train(store, tmp_path / "run", FEW)
    found = evaluate(run, store)
    assert found.relative_error.max() < 1e-3
    assert found.error_by_channel["n"].max() < 1e-3
