"""The ceiling is that of an ideal gas, where it is known, and latents are held against it."""

import json

import numpy as np
import pytest

from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.systems.lennard_jones.gravity_map import (
    PROBES,
    Accuracy,
    bayes_ceiling,
    clustering,
    gamma_map,
    principal,
    probe,
    trend,
)
from beable.training.run import train
from beable.training.settings import RunSettings

PARTICLES, BOX, T = 12, 10.0, 0.75
GAMMA = np.array([0.1, 0.4, 1.0])


def gas(rows, seed, gamma=GAMMA):
    """Ideal gas in a box with a floor: heights are exponential, cut off at the lid."""
    rng = np.random.default_rng(seed)
    g = rng.choice(gamma, rows)
    share = rng.random((rows, PARTICLES)) * -np.expm1(-g * BOX / T)[:, None]
    y = -np.log1p(-share) * (T / g)[:, None]
    x = np.stack([rng.uniform(0, BOX, y.shape), y], axis=-1)
    return {"positions": x.astype("f4")}, g


def log_weights(gamma):
    """−N log of the partition function of one particle, the first zero."""
    f = -PARTICLES * np.log(T / gamma * -np.expm1(-gamma * BOX / T))
    return f - f[0]


def best_accuracy(rows):
    snapshots, g = gas(rows, 99)
    y = snapshots["positions"][..., 1].sum(1)
    choice = (log_weights(GAMMA) - np.outer(y, GAMMA) / T).argmax(1)
    return (GAMMA[choice] == g).mean()


def sums(seed):
    snapshots, g = gas(2500, seed)
    return snapshots["positions"][..., 1].sum(1).astype(float), g


@pytest.fixture(scope="module")
def heights():
    return sums(0)


@pytest.mark.numerical
def test_the_ceiling_of_an_ideal_gas_is_the_exact_one():
    """Of 2,500 rows the expected accuracy is off by 0.0035; an interval of 95 % misses one time in twenty."""
    truth, cuts = best_accuracy(200_000), T * np.diff(log_weights(GAMMA)) / np.diff(GAMMA)
    every = [bayes_ceiling(*sums(seed), T) for seed in range(5)]
    assert sum(found.accuracy.low < truth < found.accuracy.high for found in every) >= 4
    off = [found.expected - truth for found in every]
    assert np.abs(off).max() < 0.015
    assert abs(np.mean(off)) < 0.007
    for found in every:
        np.testing.assert_allclose(found.log_weight, log_weights(GAMMA), atol=0.25)
        np.testing.assert_allclose(found.thresholds, cuts, rtol=0.02)


@pytest.mark.parametrize("wrong", [0.4, 1.5])
def test_another_temperature_is_noticed(heights, wrong):
    found = bayes_ceiling(*heights, wrong)
    assert not found.accuracy.low < found.expected < found.accuracy.high


def test_labels_that_say_nothing_give_chance(heights):
    y, g = heights
    found = bayes_ceiling(y, np.random.default_rng(0).permutation(g), T)
    assert found.accuracy.score < 0.40
    assert found.expected - found.accuracy.score > 0.2


@pytest.mark.parametrize("kind", PROBES)
def test_no_probe_beats_the_ceiling_and_the_best_code_reaches_it(heights, kind):
    y, g = (column[:1000] for column in heights)
    code = np.column_stack([y, np.random.default_rng(0).normal(size=len(y))])
    found, ceiling = probe(code, g, kind, folds=2), bayes_ceiling(y, g, T)
    assert ceiling.accuracy.score - 0.04 < found.score < ceiling.accuracy.score + 0.02
    luck = probe(code[:500], np.random.default_rng(1).permutation(g[:500]), kind, folds=2)
    assert luck.low < 0.36


def test_a_probe_that_saw_the_answers_would_beat_it(heights):
    """Why probes are judged on rows that they were not fitted to; both beyond the luck of their rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    y, g = heights
    code, gamma = np.column_stack([y, np.random.default_rng(0).normal(size=(len(y), 9))])[:300], g[:300]
    label, best = (10 * gamma).astype(int), bayes_ceiling(*heights, T).accuracy
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(code, label)
    assert Accuracy.of(model.predict(code) == label).low > best.high
    assert probe(code, gamma, "boosting", folds=2).low < best.high


def test_isotropic_latents_explain_one_part_in_n_each():
    z = np.random.default_rng(0).normal(size=(5000, 40))
    found = principal(z)
    assert found.isotropic == 1 / 40
    assert found.share == pytest.approx([1 / 40, 1 / 40], rel=0.3)
    wide = principal(z * np.r_[9.0, np.ones(39)])
    assert wide.share[0] > 0.5
    assert np.abs(np.corrcoef(wide.coordinates[:, 0], z[:, 0])[0, 1]) > 0.99


@pytest.mark.numerical
def test_the_trend_follows_the_direction_of_gamma(heights):
    y, g = heights
    rng = np.random.default_rng(0)
    code = rng.normal(size=(len(y), 5))
    code[:, 3] = -(y - y.mean()) / y.std()
    found = trend(code, g, y / PARTICLES)
    assert abs(found.direction[3]) > 0.99
    assert found.correlation < -0.95  # towards larger γ particles lie lower
    assert (np.diff(found.height) < 0).all()
    assert len(found.along) == len(y) // 2
    luck = trend(rng.normal(size=code.shape), g, y / PARTICLES)
    assert abs(luck.correlation) < 0.1
    assert luck.p > 0.001


def test_clusters_are_those_of_gamma_where_it_leaves_gaps():
    g = np.random.default_rng(0).choice(GAMMA, 300)
    z = np.column_stack([30 * g, np.random.default_rng(1).normal(size=300)])
    assert clustering(z, g).score > 0.95
    luck = clustering(z, np.random.default_rng(2).permutation(g))
    assert abs(luck.score) < 0.05
    assert luck.p > 0.01


def test_the_map_of_a_run(tmp_path):
    snapshots, g = gas(1200, 0)
    dims = {"positions": ("particle", "dimension")}
    store = Store.from_arrays(tmp_path / "gas.zarr", snapshots, {"gravity": g}, dims=dims)
    settings = {
        "representation": {"kind": "coordinates", "order": "height"},
        "model": {"latents": 3, "width": 16, "depth": 1},
        "training": {"members": 2, "steps": 60, "batch": 128, "start": "pca", "held_out": 0.5, "records": 4},
    }
    run = train(store, tmp_path / "run", RunSettings.model_validate(settings))
    held = {"positions": store.read("positions", run.held_rows)}
    found = gamma_map(run, held, g[run.held_rows], T, kinds=["logistic", "neighbours"])
    low, high = found.ceiling.accuracy.low, found.ceiling.accuracy.high
    for accuracy in found.probes["logistic"]:
        assert low - 0.06 < accuracy.score < high
    for t in found.trend:
        assert t.correlation < -0.8
    told = json.loads(json.dumps(plain(found), allow_nan=False))
    assert told["chance"] == found.chance < 0.4
    assert len(told["probes"]["neighbours"]) == 2
    luck = gamma_map(run, held, np.random.default_rng(0).permutation(g[run.held_rows]), T, kinds=["logistic"])
    assert max(a.score for a in luck.probes["logistic"]) < 0.42


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda y, g: bayes_ceiling(y, g[:-1], T), DataError),
        (lambda y, g: bayes_ceiling(y, g * 0, T), DataError),
        (lambda y, g: bayes_ceiling(y, y, T), DataError),
        (lambda y, g: bayes_ceiling(y[:9], g[:9], T), DataError),
        (lambda y, g: bayes_ceiling(y * np.nan, g, T), DataError),
        (lambda y, g: bayes_ceiling(y, g, 0.0), UsageError),
        (lambda y, g: probe(y[:, None], g, "forrest"), UsageError),
        (lambda y, g: gamma_map(None, {"heat": y}, g, T), UsageError),
    ],
)
def test_what_cannot_be_meant_is_refused(heights, attempt, error):
    with pytest.raises(error):
        attempt(*heights)
