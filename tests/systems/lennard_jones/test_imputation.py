"""Hidden distances: what the mask is worth, and that geometry needs no model where it ties the points."""

import json

import numpy as np
import pytest
import torch

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.systems.lennard_jones.corruptions import block
from beable.systems.lennard_jones.imputation import explain, recover, recover_blocks
from beable.training.run import train
from beable.training.settings import RunSettings
from beable.vae.vae import Rows

BOX, PARTICLES = 10.0, 9
SITES = np.array([(x, y) for x in (1.0, 3.0, 5.0) for y in (1.0, 3.0, 5.0)])


def fluid(rows, seed):
    """Nine particles on a grid that is stretched along each axis: two hidden numbers decide all distances."""
    rng = np.random.default_rng(seed)
    x = SITES * rng.uniform(0.5, 1.6, size=(rows, 1, 2)) + 0.05 * rng.normal(size=(rows, PARTICLES, 2))
    return {"positions": x.astype("f4")}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "fluid.zarr"
    dims = {"positions": ("particle", "dimension")}
    return Store.from_arrays(path, fluid(500, 0), dims=dims, particles="identical")


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """Runs by the form of their matrices, trained when first asked for."""
    folder, runs = tmp_path_factory.mktemp("runs"), {}

    def get(form="triangle", steps=40, likelihood="normal", kind="distances", prior="standard"):
        name = f"{kind}-{form}-{steps}-{likelihood}-{prior}"
        if name not in runs:
            options = {"form": form, "box": BOX, "order": "none"} if kind == "distances" else {}
            settings = {
                "representation": {"kind": kind, **options},
                "model": {"latents": 2, "width": 24, "depth": 1, "likelihood": likelihood, "prior": prior},
                "training": {"members": 2, "steps": steps, "batch": 64, "start": "pca", "records": 4},
            }
            runs[name] = train(store, folder / name, RunSettings.model_validate(settings))
        return runs[name]

    return get


@pytest.fixture(scope="module")
def blocks(trained):
    """Some particles hidden, and all."""
    return recover_blocks(trained(), fluid(30, 1), [(2, 5), (0, PARTICLES)], fluid(300, 2), steps=40)


def rmse(found):
    return {name: r.rmse.max() for name, r in found.found.items()}


@pytest.mark.parametrize("form", ["triangle", "flat", "image"])
def test_a_mask_is_worth_more_than_zeros_and_geometry_more_than_both(trained, blocks, form):
    found = blocks[0]
    if form != "triangle":
        found = recover(trained(form), fluid(15, 1), block(PARTICLES, 2, 5), fluid(300, 2), steps=40)
    error = rmse(found)
    assert list(found.found) == ["zeroed", "latent", "geometry", "mean"]
    assert error["geometry"] < 1e-3
    assert error["latent"] < 0.4 * error["mean"]
    assert error["latent"] < 0.5 * error["zeroed"]
    for name, r in found.found.items():
        assert (r.low <= r.rmse).all(), name
        assert (r.rmse <= r.high).all(), name


def test_known_entries_stay_as_they_were_given_and_errors_are_of_hidden_ones(trained):
    rows, hidden = fluid(20, 1), block(PARTICLES, 0, 4)
    found = recover(trained(), rows, hidden, fluid(300, 2), steps=30)
    assert not found.hidden.diagonal().any()
    for name, r in found.found.items():
        np.testing.assert_allclose(r.matrices[0][:, ~found.hidden], found.truth[:, ~found.hidden], err_msg=name)
        off = (r.matrices[0] - found.truth)[:, found.hidden]
        assert r.rmse[0] == pytest.approx(np.sqrt((off**2).mean()))
        np.testing.assert_allclose(r.by_row[0], np.sqrt((off**2).mean(1)))
    told = json.loads(json.dumps(plain(found), allow_nan=False))
    assert told["pairs"] == 6
    assert told["rmse"]["latent"]["rmse"] == found.found["latent"].rmse.tolist()


def test_where_everything_is_hidden_nothing_is_known(blocks):
    """The twin: without a known entry the latent is the prior's, no better than the mean, and geometry gives up."""
    part, everything = blocks
    assert rmse(part)["latent"] < 0.4 * rmse(part)["mean"]
    assert rmse(everything)["latent"] > 0.9 * rmse(everything)["mean"]
    assert "geometry" not in everything.found
    assert "hide fewer" in everything.why["geometry"]
    json.dumps(plain(everything), allow_nan=False)


def test_noise_on_known_distances_spoils_geometry_first(trained, blocks):
    quiet, noise = blocks[0], {"noise": 0.5, "rng": 1}
    noisy = recover(trained(), fluid(30, 1), block(PARTICLES, 2, 5), fluid(300, 2), steps=40, **noise)
    assert rmse(noisy)["geometry"] > 0.2
    assert rmse(noisy)["latent"] < 0.8 * rmse(noisy)["geometry"]
    assert rmse(quiet)["latent"] > rmse(quiet)["geometry"]


def test_explaining_lowers_the_cost_and_hidden_numbers_do_not_count(trained):
    run = trained()
    values = torch.from_numpy(run.representation.transform(fluid(8, 3)).values).expand(2, -1, -1).clone()
    known = torch.arange(values.shape[2]) % 3 > 0
    rows = Rows(values, torch.zeros(2, 8, 1))
    with torch.no_grad():
        start = run.vae.encoder(values).mean
    found = explain(run.vae, rows, known, 100)

    def cost(z):
        with torch.no_grad():
            p = run.vae.decoder(z)
            misfit = ((values - p.mean) ** 2 * known).sum(2) / p.log_variance.exp()
        return (misfit + (z**2).sum(2)).sum(1) / 2

    assert (cost(found) < cost(start)).all()
    for seed in range(5):
        aside = 0.05 * torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
        assert (cost(found) < cost(found + aside)).all()
    # hidden numbers only set the start, and from another one the same latents are found
    other = torch.where(known, values, values.mean(1, keepdim=True))
    again = explain(run.vae, rows._replace(values=other), known, 100)
    np.testing.assert_allclose(again, found, atol=0.02)
    assert (explain(run.vae, rows._replace(values=other), known | True, 100) - found).abs().max() > 0.05


@pytest.mark.parametrize(("likelihood", "prior"), [("bernoulli", "standard"), ("normal", "hierarchical")])
def test_other_likelihoods_and_priors(trained, likelihood, prior):
    run = trained("image", 20, likelihood, prior=prior)
    found = recover(run, fluid(10, 1), block(PARTICLES, 2, 5), fluid(100, 2), steps=10)
    assert np.isfinite(found.found["latent"].rmse).all()


@pytest.mark.parametrize(
    ("attempt", "error", "match"),
    [
        (lambda get, r: recover(get(kind="coordinates", steps=5), r, block(9, 0, 3), r), UsageError, "distances"),
        (lambda get, r: recover(get(), r, np.zeros((9, 9)), r), DataError, "hides no pair"),
        (lambda get, r: recover(get(), r, np.triu(np.ones((9, 9)), 3), r), DataError, "symmetric"),
        (lambda get, r: recover(get(), r, block(9, 0, 3), r, noise=-1), UsageError, "noise"),
        (lambda get, r: recover(get(), r, block(9, 0, 3), r, steps=0), UsageError, "steps"),
    ],
)
def test_what_cannot_be_meant_is_refused(trained, attempt, error, match):
    with pytest.raises(error, match=match):
        attempt(trained, fluid(5, 0))
