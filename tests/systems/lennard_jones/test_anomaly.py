"""Odd configurations are told from ordinary ones by the right score, and ordinary ones are not."""

import json

import numpy as np
import pytest

from beable.analysis.anomaly import FITTED, Detectors, RatePlane, anomaly_table, nearest, row_scores, separation
from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.records import plain
from beable.systems.lennard_jones.anomaly import attribution, displacement_curve, pair_energies, particle_errors
from beable.systems.lennard_jones.anomaly import detectors as fit_detectors
from beable.systems.lennard_jones.corruptions import moved, uniform
from beable.systems.lennard_jones.simulator import pair_energy
from beable.training.run import train
from beable.training.settings import RunSettings

ROWS, BOX, GAMMA = 600, 10.0, (0.3, 1.0)
SITES = np.array([(x, y) for x in (2.0, 5.0, 8.0) for y in (1.0, 3.0, 5.0)])


def fluid(rows, seed, gamma=GAMMA):
    """Nine particles around sites, lower and less spread out the stronger gravity, in no order."""
    rng = np.random.default_rng(seed)
    gravity = rng.choice(np.atleast_1d(gamma), rows)
    height = np.exp(-0.5 * gravity) * (1 + 0.05 * rng.normal(size=rows))
    x = SITES + 0.4 * height[:, None, None] * rng.normal(size=(rows, *SITES.shape))
    x[..., 1] *= height[:, None]
    return {"positions": shuffled(x.clip(0, BOX), rng), "gravity": gravity}


def shuffled(x, rng):
    order = rng.permuted(np.broadcast_to(np.arange(x.shape[1]), x.shape[:2]), axis=1)
    return np.take_along_axis(x, order[..., None], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rows = fluid(ROWS, 0)
    path = tmp_path_factory.mktemp("data") / "fluid.zarr"
    dims = {"positions": ("particle", "dimension")}
    return Store.from_arrays(path, {"positions": rows["positions"]}, {"gravity": rows["gravity"]}, dims=dims)


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """Runs by what they learned from, trained when first asked for."""
    folder, runs = tmp_path_factory.mktemp("runs"), {}

    def get(kind="coordinates", steps=100, start="pca", **model):
        name = "-".join(map(str, [kind, steps, start, *model.values()])).translate(str.maketrans("'(), ", "-----"))
        if name not in runs:
            options = {"box": BOX, "form": "triangle"} if kind == "distances" else {}
            settings = {
                "representation": {"kind": kind, **options},
                "model": {"latents": 3, "width": 16, "depth": 1, **model},
                "training": {"members": 2, "steps": steps, "batch": 64, "start": start, "held_out": 0.2, "records": 4},
            }
            runs[name] = train(store, folder / name, RunSettings.model_validate(settings))
        return runs[name]

    return get


@pytest.fixture(scope="module")
def detectors(trained):
    return fit_detectors(trained(), fluid(400, 1))


# The score


def test_the_same_row_always_gets_the_same_score(trained):
    run, rows = trained(), fluid(50, 2)
    one, two = row_scores(run, rows), row_scores(run, rows)
    np.testing.assert_array_equal(one.loss, two.loss)
    alone = row_scores(run, {name: values[7:8] for name, values in rows.items()})
    np.testing.assert_allclose(alone.loss[:, 0], one.loss[:, 7], rtol=1e-5)
    sampled = [run.score(rows, seed=seed).distortion for seed in (0, 1)]
    assert (sampled[0] != sampled[1]).all()  # the sampled score is not the same twice


def test_the_score_is_distortion_at_the_mean_and_the_rate_in_closed_form(trained):
    run, rows = trained(), fluid(50, 2)
    found = row_scores(run, rows)
    np.testing.assert_allclose(found.rate, run.score(rows).rate.sum(2), rtol=1e-4)
    sampled = np.mean([run.score(rows, seed=seed).distortion.mean(1) for seed in range(5)], axis=0)
    assert (found.distortion.mean(1) < sampled).all()
    decoded = [member["positions"] for member in run.decode(run.encode(rows).mean)]
    off = np.array(decoded) - run.representation.canonical({"positions": rows["positions"]})["positions"]
    np.testing.assert_allclose(found.error, np.sqrt((off**2).mean((2, 3))), rtol=1e-4)
    np.testing.assert_array_equal(found.loss, found.distortion + found.rate)


@pytest.mark.parametrize("prior", ["mixture", "hierarchical"])
def test_priors_without_a_closed_form_are_deterministic_too(trained, prior):
    run, rows = trained(steps=20, prior=prior), fluid(20, 2)
    one, part = row_scores(run, rows), row_scores(run, {n: v[5:9] for n, v in rows.items()})
    np.testing.assert_allclose(one.rate[:, 5:9], part.rate, rtol=1e-4, atol=1e-4)
    assert np.isfinite(one.loss).all()


def test_errors_of_distances_are_those_of_a_pair(trained):
    run, rows = trained("distances"), fluid(40, 2)
    locations = run.locations(run.encode(rows).mean)
    truth = run.representation.matrices(run.representation.transform({"positions": rows["positions"]}).values)
    off = np.array([run.representation.matrices(x) for x in locations]) - truth
    upper = np.triu_indices(len(SITES), 1)
    expected = np.sqrt((off[..., upper[0], upper[1]] ** 2).mean(2))
    np.testing.assert_allclose(row_scores(run, rows).error, expected, rtol=1e-3)


def test_a_wrong_claim_is_anomalous(trained):
    run, rows = trained(steps=120, start="random", latents=1, linear=False, conditions=("gravity",)), fluid(300, 3)
    wrong = {**rows, "gravity": np.where(rows["gravity"] == GAMMA[0], GAMMA[1], GAMMA[0])}
    assert separation(row_scores(run, rows).loss, row_scores(run, wrong).loss).auc.score > 0.8


# Baselines


def test_energies_of_particles_add_up_to_that_of_the_simulator():
    x = np.random.default_rng(0).uniform(0, BOX, size=(20, 9, 2))
    expected = [pair_energy(row, cutoff=3.0) for row in x]
    np.testing.assert_allclose(pair_energies(x).sum(1), expected, rtol=1e-9)
    assert np.isfinite(pair_energies(np.zeros((1, 3, 2))).sum())  # for those who rank


def test_the_nearest_claim():
    assert nearest(np.array([0.1, 0.4]), np.array([0.2, 0.3, 9.0])).tolist() == [0, 1, 1]


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_the_plane_weighs_by_the_covariance_and_never_by_rounding(seed):
    rng = np.random.default_rng(seed)
    ordinary, claims = rng.normal(size=(300, 2)) @ [[3.0, 1.0], [0.0, 0.2]] + [50, 4], np.zeros(300)
    off = ordinary - ordinary.mean(0)
    expected = np.sqrt(np.einsum("ri,ij,rj->r", off, np.linalg.inv(np.cov(ordinary.T)), off))
    np.testing.assert_allclose(RatePlane.of(ordinary, claims).distance(ordinary, claims), expected, rtol=1e-9)
    collapsed = np.column_stack([ordinary[:, 0], 40 + 2e-6 * rng.normal(size=300)])
    alone = np.abs(off[:, 0]) / ordinary[:, 0].std(ddof=1)
    np.testing.assert_allclose(RatePlane.of(collapsed, claims).distance(collapsed, claims), alone, rtol=1e-9)
    tied = np.column_stack([ordinary[:, 0], 2 * ordinary[:, 0]]) * (1 + 6e-8 * rng.normal(size=(300, 2)))
    np.testing.assert_allclose(RatePlane.of(tied, claims).distance(tied, claims), alone, atol=0.01)


# The table


def test_every_score_against_every_kind(detectors):
    normal, other = fluid(250, 4), fluid(250, 5)
    shifted = moved(other["positions"], 2.0, particles=3, box=BOX, rng=0)
    odd = {
        "ordinary": other,
        "uniform": {"positions": uniform(250, 9, 2, BOX).astype("f4"), "gravity": other["gravity"]},
        "moved": {**other, "positions": shifted.positions.astype("f4")},
        "strong": fluid(250, 6, gamma=3.0),
    }
    table = anomaly_table(detectors, normal, odd)
    auc = {kind: {name: s.auc for name, s in by_score.items()} for kind, by_score in table.found.items()}
    for name, found in auc["ordinary"].items():  # the twin: where nothing is odd nothing is found
        assert found.low - 0.03 < 0.5 < found.high + 0.03, name
    for name in ("distortion", "loss", "residual", "mahalanobis", "pca_error"):
        assert auc["uniform"][name].low > 0.9, name
    for name in ("distortion", "residual"):
        assert auc["moved"][name].low > 0.8, name
    assert auc["strong"]["distortion"].high < 0.1  # denser than the training is easier to decode
    assert auc["strong"]["distortion_two_sided"].low > 0.7
    assert auc["strong"]["height_two_sided"].low > 0.95
    assert table.best("strong", among=("distortion", "height_two_sided")) == "height_two_sided"
    told = json.loads(json.dumps(plain(table), allow_nan=False))
    assert told["auc"]["moved"]["loss"]["members"] == table.found["moved"]["loss"].members.tolist()
    assert told["rows"] == dict.fromkeys(["normal", *odd], 250)


def test_two_sides_are_judged_within_the_claim(trained, detectors, monkeypatch):
    """Rows with the height of another gravity are odd only to those who know what is claimed."""
    monkeypatch.delitem(FITTED, "isolation_forest")  # not asked for, and the dearest to fit
    knowing = fit_detectors(trained(), fluid(400, 1), claim="gravity")
    normal, other = fluid(250, 4), fluid(250, 5)
    lying = {**other, "gravity": np.where(other["gravity"] == GAMMA[0], GAMMA[1], GAMMA[0])}
    blind, told = (anomaly_table(d, normal, {"lying": lying}).found["lying"] for d in (detectors, knowing))
    for name in ("height_two_sided", "typicality"):
        assert told[name].auc.low > 0.75, name
        assert blind[name].auc.low < 0.5 < blind[name].auc.high, name
    with pytest.raises(DataError, match="give gravity too"):
        knowing.scores({"positions": other["positions"]})


def test_further_is_easier_to_see(detectors):
    curve = displacement_curve(detectors, fluid(200, 4), fluid(200, 5), [2.0, 0.01, 0.7], particles=3, box=BOX)
    assert curve.sizes.tolist() == [0.01, 0.7, 2.0]
    for name in ("distortion", "residual", "mahalanobis"):
        low, _, high = (a.score for a in curve.auc[name])
        assert abs(low - 0.5) < 0.1, name
        assert high > 0.8, name
    assert json.loads(json.dumps(plain(curve), allow_nan=False))["auc"]["loss"]["auc"][2] > 0.8


def test_other_baselines_can_be_given(trained, monkeypatch):
    monkeypatch.delitem(FITTED, "isolation_forest")
    wide = {"width": lambda rows: np.ptp(rows["positions"][..., 0], axis=1).astype(float)}
    found = Detectors.fit(trained(), fluid(100, 1), physical=wide, two_sided=["width"]).scores(fluid(5, 2))
    assert found["width"].shape == found["width_two_sided"].shape == (1, 5)
    assert "energy" not in found
    assert "energy" not in Detectors.fit(trained(), fluid(100, 1)).scores(fluid(5, 2))


# Attribution


@pytest.mark.parametrize("kind", ["coordinates", "distances"])
def test_the_moved_particle_is_found(trained, kind):
    rows = fluid(200, 7)
    shifted = moved(rows["positions"], 2.0, particles=2, rng=1)
    odd = {**rows, "positions": shifted.positions.astype("f4")}
    found = attribution(trained(kind), odd, shifted.moved)
    np.testing.assert_allclose(found.share.sum(axis=2), 1.0)
    assert found.chance == pytest.approx(2 / 9)
    assert found.model.low > 1.5 * found.chance
    chance = attribution(trained(kind), odd, np.random.default_rng(0).permuted(shifted.moved, axis=1))
    assert chance.model.low - 0.03 < chance.chance < chance.model.high + 0.03  # the twin: other particles are moved
    json.dumps(plain(found), allow_nan=False)


@pytest.mark.parametrize("kind", ["coordinates", "distances"])
def test_the_error_goes_with_the_particle_whatever_its_label(trained, kind):
    rows = fluid(30, 8)
    turned = {**rows, "positions": rows["positions"][:, ::-1]}
    one, two = (particle_errors(trained(kind), r) for r in (rows, turned))
    np.testing.assert_allclose(one, two[:, :, ::-1], rtol=1e-4, atol=1e-6)
    assert np.abs(one - two).max() > 0.01


@pytest.mark.parametrize(
    ("attempt", "error", "match"),
    [
        (lambda d, r: anomaly_table(d, r, {}), UsageError, "one or more kinds"),
        (lambda d, r: anomaly_table(d, r, {"normal": r}), UsageError, "'normal'"),
        (lambda d, r: attribution(d.run, r, np.ones((5, 9))), DataError, "not all"),
        (lambda d, r: attribution(d.run, r, np.eye(5, 9)[:, :8]), DataError, "particles"),
        (lambda d, r: attribution(d.run, {"pressure": r["positions"]}, np.eye(5, 9)), DataError, "give positions"),
    ],
)
def test_what_cannot_be_meant_is_refused(detectors, attempt, error, match):
    with pytest.raises(error, match=match):
        attempt(detectors, fluid(5, 0))
