"""Walks through the latents find what moves what, and say nothing of what does not."""

import json

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.systems.lennard_jones.probing import QUANTITIES, directions, traverse
from beable.training.run import train
from beable.training.settings import RunSettings

SITES = np.array([(x, y) for x in (2.0, 5.0, 8.0) for y in (1.0, 3.0, 5.0)])


def fluid(rows, seed):
    """Nine particles; one hidden number raises them all, another, of less effect, widens the columns."""
    rng = np.random.default_rng(seed)
    up, wide = rng.normal(size=(2, rows))
    x = SITES + 0.1 * rng.normal(size=(rows, 9, 2))
    x[..., 1] += 1.2 + 0.4 * up[:, None]
    x[..., 0] += 0.1 * wide[:, None] * (x[..., 0] - 5)
    return {"positions": x.astype("f4"), "gravity": rng.choice([0.1, 1.0], rows)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, runs = tmp_path_factory.mktemp("probing"), {}
    rows = fluid(500, 0)
    dims = {"positions": ("particle", "dimension")}
    known = {"gravity": rows["gravity"]}
    store = Store.from_arrays(folder / "fluid.zarr", {"positions": rows["positions"]}, known, dims=dims)

    def get(steps=100, conditions=()):
        name = f"run-{steps}-{len(conditions)}"
        if name not in runs:
            settings = {
                "representation": {"kind": "coordinates", "order": "none"},
                "model": {"latents": 3, "width": 16, "depth": 1, "conditions": conditions},
                "training": {"members": 2, "steps": steps, "batch": 64, "start": "pca", "records": 4},
            }
            runs[name] = train(store, folder / name, RunSettings.model_validate(settings))
        return runs[name]

    return get


@pytest.mark.numerical
def test_widths_of_principal_directions_are_roots_of_eigenvalues():
    """Not those of the diagonal: two correlated latents have one wide and one narrow direction."""
    draw = np.random.default_rng(0).normal(size=(20_000, 2))
    mean = draw @ np.linalg.cholesky([[1.0, 0.8], [0.8, 1.0]]).T
    std = np.full_like(mean, 0.3)
    found = directions(mean, std, "principal")
    np.testing.assert_allclose(found.deviation, np.sqrt([1.8 + 0.09, 0.2 + 0.09]), rtol=0.02)
    np.testing.assert_allclose(np.abs(found.vectors), np.full((2, 2), 0.5**0.5), atol=0.02)
    along = (mean + std * np.random.default_rng(1).normal(size=mean.shape) - found.centre) @ found.vectors.T
    np.testing.assert_allclose(along.std(0), found.deviation, rtol=0.02)
    diagonal = directions(mean, std).deviation
    np.testing.assert_allclose(diagonal, np.sqrt([1.09, 1.09]), rtol=0.02)
    assert np.abs(diagonal / along.std(0) - 1).min() > 0.2  # the diagonal as a width of principal directions


@pytest.mark.parametrize("along", ["latents", "principal"])
def test_the_direction_that_moves_the_height_is_found_and_comes_first(trained, along):
    rows = fluid(300, 1)
    for walk in traverse(trained(), rows, along=along):
        assert sorted(walk.number) == [0, 1, 2]
        assert (np.diff(walk.explained) <= 0).all()
        assert walk.explained.sum() < 1.1
        if along == "latents":
            assert walk.moves("height") == 0
            effect = walk.effects["height"][0]
            assert abs(effect.association) > 0.95
            assert abs(effect.trend) == pytest.approx(1)
            assert effect.span == pytest.approx(6, rel=0.25)  # six deviations from end to end
            assert max(e.span for e in walk.effects["height"][1:]) < 2


def test_walks_go_through_the_middle_and_are_measured_as_decoded(trained):
    run, rows = trained(), fluid(300, 1)
    walk = traverse(run, rows, steps=[2, -2, 0])[1]
    assert walk.steps.tolist() == [-2, 0, 2]
    assert walk.positions.shape == (3, 3, 9, 2)
    np.testing.assert_allclose(walk.positions[0, 1], walk.positions[2, 1], atol=1e-5)
    for name, of in QUANTITIES.items():
        np.testing.assert_allclose(walk.values[name][1], of(walk.positions[1]), rtol=1e-6)
    zero = list(run.decode(np.zeros((2, 1, 3))))[1]["positions"][0]
    np.testing.assert_allclose(walk.origin, zero, atol=1e-5)
    place = walk.directions
    end = place.centre + 2 * place.deviation[0] * place.vectors[0]
    decoded = list(run.decode(np.broadcast_to(end, (2, 1, 3))))[1]["positions"][0]
    np.testing.assert_allclose(walk.positions[0, 2], decoded, atol=1e-5)
    json.dumps(plain(walk), allow_nan=False)


def test_what_no_latent_knows_is_moved_by_none(trained):
    rng = np.random.default_rng(0)
    luck = {"luck": lambda x: rng.normal(size=len(x)), "still": lambda x: np.ones(len(x))}
    luck["still but for rounding"] = lambda x: 1 + 1e-8 * rng.normal(size=len(x))
    walk = traverse(trained(), fluid(300, 1), quantities=luck)[0]
    assert all(abs(e.association) < 0.2 and e.p > 0.001 for e in walk.effects["luck"])
    assert {(e.trend, e.span, e.association) for e in walk.effects["still"]} == {(0.0, 0.0, 0.0)}
    assert {(e.trend, e.association) for e in walk.effects["still but for rounding"]} == {(0.0, 0.0)}
    json.dumps(plain(walk), allow_nan=False)


def test_models_that_are_told_something_are_walked_at_a_condition(trained):
    run, rows = trained(60, ("gravity",)), fluid(100, 1)
    one, two = (traverse(run, rows, conditions={"gravity": g})[0] for g in (0.1, 1.0))
    assert np.abs(one.positions - two.positions).max() > 0
    with pytest.raises(UsageError, match="conditioned on gravity"):
        traverse(run, rows)
    with pytest.raises(UsageError, match="conditioned on nothing"):
        traverse(trained(), rows, conditions={"gravity": 1.0})


@pytest.mark.parametrize(
    ("attempt", "error", "match"),
    [
        (lambda run, rows: traverse(run, rows, along="lattents"), UsageError, "did you mean 'latents'"),
        (lambda run, rows: traverse(run, rows, steps=[1, 1, 2]), UsageError, "3 or more"),
        (lambda run, rows: traverse(run, {"heat": rows["positions"]}), DataError, "give positions"),
        (lambda run, rows: traverse(run, rows)[0].moves("hight"), UsageError, "did you mean 'height'"),
        (lambda run, rows: directions(np.zeros((3, 2)), np.zeros((3, 2))), DataError, "10 rows"),
    ],
)
def test_what_cannot_be_meant_is_refused(trained, attempt, error, match):
    with pytest.raises(error, match=match):
        attempt(trained(), fluid(30, 0))
