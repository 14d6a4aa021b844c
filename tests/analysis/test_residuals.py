"""Residuals of decoded rows: small where a model is right, and none where nothing can be said."""

import json

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.analysis.residuals import MOST, residuals
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.errors import DataWarning
from beable.report.sections import reconstruction_section
from beable.systems.darcy.simulator import Darcy
from beable.systems.lennard_jones.simulator import LennardJones
from beable.training.run import RunSettings, train

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return generate(
        Darcy(modes=2, grid=9, factors="normal"), tmp_path_factory.mktemp("data") / "darcy.zarr", rows=80, workers=1
    )


def trained(store, path, steps=300, **settings):
    given = {
        "representation": {"kind": "modes", "energy": 0.99999},
        "model": {"latents": 2, "width": 16, "depth": 1},
        "training": {"members": 2, "steps": steps, "batch": 32, "held_out": 20, "start": "pca", "records": 10},
    } | settings
    return train(store, path, RunSettings.model_validate(given))


@pytest.fixture(scope="module")
def flow(store, tmp_path_factory):
    """A run on pressure and flux, which leaves the permeability out, as the study does."""
    return trained(store, tmp_path_factory.mktemp("runs") / "flow", variables=["pressure", "flux"])


def test_rows_obey_the_equations_and_reconstructions_nearly(store, flow):
    found = residuals(flow, store, flow.held_rows)
    assert found.rows == min(MOST, len(flow.held_rows))
    assert found.data < 1e-5
    assert found.reconstruction.shape == (2,)
    assert (found.reconstruction > 1e-3).all()
    assert (found.reconstruction < 0.6).all()
    assert found.samples is None  # a sampled pressure has no permeability


def test_a_model_that_answers_with_the_mean_has_a_larger_residual(store, flow, tmp_path):
    """The twin that must differ: all rows decoded from one latent."""
    collapsed = trained(store, tmp_path / "run", 100, variables=["pressure", "flux"],
                        objective={"beta": {"kind": "constant", "beta": 1e6}})  # fmt: skip
    worse, found = (residuals(run, store, run.held_rows).reconstruction for run in (collapsed, flow))
    assert worse.min() > 1.5 * found.max()


def test_samples_have_a_residual_where_all_variables_are_learned(store, tmp_path):
    run = trained(store, tmp_path / "run", 50, variables=["permeability", "pressure", "flux"])
    found = residuals(run, store, run.held_rows)
    assert found.samples.shape == found.reconstruction.shape == (2,)
    assert (found.samples > found.data).all()


def test_an_evaluation_and_a_report_hold_the_residuals(store, flow):
    evaluation = evaluate(flow, store)
    numbers = evaluation.as_json()["residual"]
    json.dumps(numbers, allow_nan=False)
    assert numbers["reconstruction"] == evaluation.residuals.reconstruction.tolist()
    assert numbers["samples"] is None
    section = reconstruction_section(flow, store, evaluation)
    (table,) = (item for fold in section.folds for item in fold.items if "residual" in getattr(item, "columns", ()))
    assert [row[0] for row in table.rows] == ["held-out rows", "their reconstructions", "samples of the prior"]
    assert table.rows[2][1] == "–"


def test_data_without_a_simulator_or_equations_have_none(store, flow, tmp_path, monkeypatch):
    arrays = {name: store.read(name, np.arange(80)) for name in ("pressure", "flux")}
    with pytest.warns(DataWarning, match="has no coordinates here"):
        assert residuals(flow, Store.from_arrays(tmp_path / "mine.zarr", arrays), flow.held_rows) is None
    monkeypatch.setattr(Darcy, "residual", lambda self, snapshot: float("nan"))
    assert residuals(flow, store, flow.held_rows) is None


@pytest.mark.filterwarnings("ignore:.*repeat an earlier row", "ignore:held-out rows are no strangers")
def test_decoded_particles_have_no_stored_energy(tmp_path):
    fluid = LennardJones(particles=4, box=4.0, temperature=1.0, gravity=[0.1, 0.7], sweeps=5, samples=40, spacing=1)
    store = generate(fluid, tmp_path / "fluid.zarr", rows=40, workers=1)
    run = trained(store, tmp_path / "run", 20, variables=["positions"], representation={"kind": "coordinates"})
    found = residuals(run, store, run.held_rows)
    assert found.data < 1e-5
    assert (found.reconstruction, found.samples) == (None, None)
