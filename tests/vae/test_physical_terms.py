"""Prices on decoded particles: overlaps, walls, and moments of training rows that samples of the prior must match."""

import math

import numpy as np
import pytest
import torch

from beable.datasets.store import Store
from beable.errors import UsageError
from beable.representations import make
from beable.representations.scaling import Affine
from beable.training.run import Run, train
from beable.training.settings import RunSettings
from beable.vae.distributions import Noise
from beable.vae.physical_terms import (
    HEIGHT_STEP,
    HEIGHT_WIDTH,
    LEAST_SPREAD,
    MOST_LEVELS,
    PAIR_CENTRES,
    PAIR_WIDTHS,
    Moments,
    ParticlePenalty,
    particle_penalty,
    soft_counts,
)
from beable.vae.settings import ModelSettings, ParticleTerms
from beable.vae.vae import VAE, Rows

BOX, PARTICLES, LEVELS = 5.0, 6, (0.1, 1.0)


def gas(rows=200, dimensions=2, seed=0):
    """Particles anywhere in the box, the lower the stronger the gravity of their row: positions, gravity."""
    rng = np.random.default_rng(seed)
    gravity = np.tile(LEVELS, rows)[:rows]
    positions = rng.uniform(0.2, BOX - 0.2, (rows, PARTICLES, dimensions))
    positions[..., -1] *= 1 - 0.5 * gravity[:, None]
    return positions.astype(np.float32), gravity.astype(np.float32)


def penalty(particles=PARTICLES, **choices):
    """On codes that are positions."""
    return ParticlePenalty(ParticleTerms(box=BOX, **choices), Affine(np.zeros(2 * particles), np.ones(2 * particles)))


def price(*positions, **choices):
    """P of one configuration."""
    return float(penalty(len(positions), **choices)(torch.tensor(positions).reshape(1, 1, -1)))


# P


@pytest.mark.parametrize(
    ("distance", "core", "expected"), [(0.4, 1.0, 0.36), (0.9, 1.0, 0.01), (0.9, 0.8, 0.0), (1.5, 1, 0)]
)
def test_two_particles_pay_for_what_is_missing_to_the_core(distance, core, expected):
    found = price((2.0, 2.0), (2.0 + 0.6 * distance, 2.0 + 0.8 * distance), core=core, core_weight=7.0)
    assert found == pytest.approx(7 * expected, abs=1e-5)


@pytest.mark.parametrize(("axis", "place"), [(0, -0.3), (1, -0.3), (0, BOX + 0.3), (1, BOX + 0.3)])
@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_a_particle_outside_pays_for_how_far_and_for_the_margin(axis, place, margin):
    positions = [[2.0, 2.0], [4.0, 4.0]]
    positions[0][axis] = place
    assert price(*positions, wall_weight=11.0, margin=margin) == pytest.approx(11 * (0.3 + margin) ** 2, rel=1e-4)


def test_within_the_margin_a_particle_pays_and_beyond_it_none():
    assert price((0.02, 2.0), (4.0, 4.0), wall_weight=100.0, margin=0.05) == pytest.approx(100 * 0.03**2, rel=1e-4)
    assert price((0.05, 2.0), (4.0, 4.0), margin=0.05) == pytest.approx(0, abs=1e-9)
    assert price((0.02, 2.0), (4.0, 4.0), margin=0.0) == 0


def test_every_pair_and_every_wall_counts_once():
    x = np.concatenate([gas(4)[0], gas(4, seed=1)[0] * 1.3 - 1.0])
    expected = []
    for row in x.astype(float):
        pairs = [math.dist(a, b) for i, a in enumerate(row) for b in row[:i]]
        walls = [max(0, 0.05 - c) ** 2 + max(0, c - BOX + 0.05) ** 2 for c in row.flat]
        expected.append(30 * sum(max(0, 1 - r) ** 2 for r in pairs) + 400 * sum(walls))
    found = penalty()(torch.from_numpy(x).flatten(1)[None])
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


def test_the_gradient_pushes_overlapping_particles_apart_and_others_back_in():
    x = torch.tensor([[[2.0, 2.0, 2.5, 2.0, -0.4, 4.0, 4.0, BOX + 0.2]]], requires_grad=True)
    (push,) = torch.autograd.grad(-penalty(4)(x).sum(), x)
    left, right, west, north = push.reshape(4, 2).tolist()
    assert left[0] < 0 < right[0]
    assert left[1] == right[1] == 0
    assert west[0] > 0 == west[1]
    assert north[1] < 0 == north[0]


def test_two_particles_at_one_place_have_a_finite_gradient():
    x = torch.full((1, 1, 4), 2.0, requires_grad=True)
    (push,) = torch.autograd.grad(penalty(2)(x).sum(), x)
    assert torch.isfinite(push).all()


def test_codes_are_taken_to_positions_first():
    positions, _ = gas()
    coordinates = make("coordinates").fit({"positions": positions})
    made = particle_penalty(ParticleTerms(box=BOX), coordinates)
    codes = torch.from_numpy(coordinates.transform({"positions": positions}).values)[None]
    np.testing.assert_allclose(made.positions(codes)[0], coordinates.ordered(positions), atol=1e-5)
    ours = penalty()(torch.from_numpy(positions).flatten(1)[None])
    np.testing.assert_allclose(made(codes), ours, rtol=1e-3, atol=1e-3)


# Soft counts and M


@pytest.mark.parametrize("dimensions", [2, 3])
def test_soft_counts_are_those_of_a_plain_loop(dimensions):
    x, _ = gas(5, dimensions)
    x[0, 1] = x[0, 0] + 0.01
    heights = np.arange(-HEIGHT_STEP, BOX + HEIGHT_STEP + 1e-9, HEIGHT_STEP)
    found = soft_counts(torch.from_numpy(x), BOX)
    assert found.shape == (5, len(PAIR_CENTRES) + len(heights))
    for row, counts in zip(x.astype(float), found, strict=True):
        pairs = np.array([math.dist(a, b) for i, a in enumerate(row) for b in row[:i]])
        near = pairs[pairs < 2.3]
        expected = [np.exp(-(((near - c) / w) ** 2) / 2).sum() for c, w in zip(PAIR_CENTRES, PAIR_WIDTHS, strict=True)]
        expected += [np.exp(-(((row[:, -1] - c) / HEIGHT_WIDTH) ** 2) / 2).sum() for c in heights]
        np.testing.assert_allclose(counts, expected, atol=2e-4)


def test_soft_counts_let_gradients_through():
    x = torch.tensor([[[1.0, 1.0], [1.95, 1.0]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(soft_counts(x, BOX)[0, PAIR_CENTRES.index(1.1)], x)
    assert gradient[0, 1, 0] > 0 > gradient[0, 0, 0]


def test_moments_are_those_of_each_level():
    positions, gravity = gas()
    moments = Moments.of(torch.from_numpy(positions), torch.from_numpy(gravity)[:, None], BOX)
    assert moments.levels.flatten().tolist() == pytest.approx(list(LEVELS))
    for i, level in enumerate(LEVELS):
        mine = torch.from_numpy(positions[gravity == np.float32(level)])
        counts, heights = soft_counts(mine, BOX), mine[..., -1].mean(1)
        np.testing.assert_allclose(moments.mean[i], counts.mean(0), rtol=1e-5)
        np.testing.assert_allclose(moments.spread[i], counts.std(0, correction=0) + LEAST_SPREAD, rtol=1e-5)
        np.testing.assert_allclose(moments.height[i], heights.mean(), rtol=1e-5)
        np.testing.assert_allclose(moments.height_spread[i], heights.std(correction=0), rtol=1e-5)


def test_a_condition_belongs_to_the_nearest_level():
    positions, gravity = gas()
    moments = Moments.of(torch.from_numpy(positions), torch.from_numpy(gravity)[:, None], BOX)
    asked = torch.tensor([[[0.1], [1.0], [0.5], [0.6], [-3.0], [9.0]]])
    assert moments.level(asked).tolist() == [[0, 1, 0, 1, 0, 1]]


def test_more_levels_than_their_moments_can_tell_apart_are_refused():
    positions = torch.from_numpy(gas(MOST_LEVELS + 1)[0])
    conditions = torch.arange(MOST_LEVELS + 1.0)[:, None]
    assert len(Moments.of(positions[:-1], conditions[:-1], BOX).levels) == MOST_LEVELS
    with pytest.raises(UsageError, match=f"at most {MOST_LEVELS} distinct values .* got {MOST_LEVELS + 1}") as caught:
        Moments.of(positions, conditions, BOX)
    assert "\n" not in str(caught.value)


@pytest.fixture
def settled():
    """A penalty that knows the moments of its rows, with those rows."""
    positions, gravity = gas()
    rows = Rows(torch.from_numpy(positions).flatten(1), torch.zeros(200, 1), torch.from_numpy(gravity)[:, None])
    made = penalty()
    made.fit(rows)
    return made, rows.values, rows.conditions


def mismatch(made, *locations, conditions):
    """M of sets of rows, one a member."""
    return made.mismatch(torch.stack(locations), conditions.expand(len(locations), *conditions.shape)).tolist()


def test_training_rows_match_themselves_and_others_do_not(settled):
    made, rows, conditions = settled
    higher = rows + torch.tensor([0.0, 0.5]).repeat(PARTICLES)
    denser = BOX / 2 + (rows - BOX / 2) / 2
    swapped = rows.roll(1, 0)
    fresh = torch.from_numpy(gas(seed=1)[0]).flatten(1)
    own, new, *others = mismatch(made, rows, fresh, higher, denser, swapped, conditions=conditions)
    assert own < 1e-6
    assert new < 1.0
    assert min(others) > 10 * new


def test_rows_that_are_all_alike_do_not_match_though_their_mean_does(settled):
    made, rows, conditions = settled
    heights = rows.reshape(200, PARTICLES, 2)[..., 1].mean(1)
    level = made.moments.level(conditions)
    still = rows.reshape(200, PARTICLES, 2).clone()
    still[..., 1] += (made.moments.height[level] - heights)[:, None]
    (found,) = mismatch(made, still.flatten(1), conditions=conditions)
    assert found > 10 * 0.5 * 0.99, "the variance of the mean height alone costs w_h / 2"


def test_members_do_not_see_each_other(settled):
    made, rows, conditions = settled
    one, two = rows.clone().requires_grad_(), (rows + 0.3).requires_grad_()
    together = made.mismatch(torch.stack([one, two]), conditions.expand(2, *conditions.shape))
    alone = [made.mismatch(x[None], conditions[None])[0] for x in (one, two)]
    np.testing.assert_allclose(together.detach(), torch.stack(alone).detach(), rtol=1e-4, atol=1e-6)
    one_from_two, from_itself = torch.autograd.grad(together[1], (one, two))
    assert not one_from_two.any()
    assert from_itself.any()


def test_levels_count_by_their_share_of_the_rows(settled):
    made, rows, conditions = settled
    first = (made.moments.level(conditions) == 0)[:, None]
    spoilt = torch.where(first, rows + torch.tensor([0.0, 0.5]).repeat(PARTICLES), rows)
    (half,) = mismatch(made, spoilt, conditions=conditions)
    (whole,) = mismatch(made, spoilt[first[:, 0]], conditions=conditions[first[:, 0]])
    assert half == pytest.approx(whole / 2, rel=1e-3)


# In an objective


def small_vae(members=2, **settings):
    positions, gravity = gas(40)
    coordinates = make("coordinates").fit({"positions": positions})
    model = ModelSettings(latents=2, width=8, conditions=("gravity",), **settings)
    vae = VAE(coordinates.code, model, Noise(0, range(members), "start", 1))
    values = torch.from_numpy(coordinates.transform({"positions": positions}).values)
    rows = Rows(values, torch.zeros(40, 1), torch.from_numpy(gravity)[:, None])
    vae.fit_scaler(rows.conditions)
    return vae, coordinates, rows


def of_batch(vae, made, rows, location, moment=True, moved=0.0):
    batch = Rows(*(None if t is None else t.expand(2, *t.shape) for t in rows))
    before = vae.decoder.location
    vae.decoder.location = lambda z, known: before(z, known) + moved
    found = made.of_batch(vae, location, batch, Noise(1, range(2)), moment)
    vae.decoder.location = before
    return found


@torch.no_grad()
def test_posterior_and_prior_both_pay():
    vae, coordinates, rows = small_vae()
    made = particle_penalty(ParticleTerms(box=BOX, matching=0), coordinates)
    location = rows.values.expand(2, -1, -1)
    near = of_batch(vae, made, rows, location)["penalty"]
    far = 100 * torch.ones(12)
    for changed in (
        of_batch(vae, made, rows, location + torch.stack([far * 0, far])[:, None])["penalty"],
        of_batch(vae, made, rows, location, moved=torch.stack([far * 0, far])[:, None])["penalty"],
    ):
        assert changed[0] == near[0]
        assert changed[1] > 100 * near[1]
    sampled = vae.decoder.location(
        vae.prior.sample(40, Noise(1, range(2)), vae.encoder), rows.conditions.expand(2, -1, -1)
    )
    np.testing.assert_allclose(near, torch.cat([made(location), made(sampled)], 1).mean(1), rtol=1e-5)


@torch.no_grad()
def test_samples_are_matched_at_the_conditions_of_the_batch():
    vae, coordinates, rows = small_vae()
    made = particle_penalty(ParticleTerms(box=BOX, rows=16, matching=3.0), coordinates)
    made.fit(rows)
    location = rows.values.expand(2, -1, -1)
    terms = of_batch(vae, made, rows, location)
    assert list(terms) == ["penalty", "mismatch"]
    known = rows.conditions[:16].expand(2, -1, -1)
    sampled = vae.decoder.location(vae.prior.sample(16, Noise(1, range(2)), vae.encoder), known)
    np.testing.assert_allclose(terms["mismatch"], 3 * made.mismatch(sampled, known), rtol=1e-5)
    assert list(of_batch(vae, made, rows, location, moment=False)) == ["penalty"]


def test_without_matching_no_moments_are_taken():
    positions, _ = gas(MOST_LEVELS + 5)
    made = penalty(matching=0)
    conditions = torch.arange(MOST_LEVELS + 5.0)[:, None]
    made.fit(Rows(torch.from_numpy(positions).flatten(1), torch.zeros(1), conditions))
    assert made.moments is None


@pytest.mark.parametrize(
    ("ramp", "step", "weight"), [(0.3, 0, 0), (0.3, 15, 0.5), (0.3, 30, 1), (0.3, 99, 1), (0, 0, 1), (1, 50, 0.5)]
)
def test_the_weight_rises_over_the_first_part_of_a_training(ramp, step, weight):
    assert ParticleTerms(box=BOX, ramp=ramp).weight(step, 100) == pytest.approx(weight)


@pytest.mark.parametrize(
    "settings", [{"box": -1}, {"box": math.nan}, {"rows": 0}, {"every": 0}, {"ramp": 2}, {"cores": 1}, {}]
)
def test_choices_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ValueError, match="1 validation error"):
        ParticleTerms(**({"box": BOX} | settings if settings else {}))


OTHERS = {"density": {"cells": 4, "box": BOX}, "joint": {"box": BOX}}


@pytest.mark.parametrize("kind", OTHERS)
def test_codes_that_are_not_positions_are_refused(kind):
    fitted = make(kind, **OTHERS[kind]).fit({"positions": gas(30)[0]})
    assert particle_penalty(None, fitted) is None
    with pytest.raises(UsageError, match=r"set representation\.kind = 'coordinates'") as caught:
        particle_penalty(ParticleTerms(box=BOX), fitted)
    assert "\n" not in str(caught.value)


def test_modes_of_a_field_are_refused():
    rng = np.random.default_rng(0)
    modes = make("modes", modes=4).fit({"heat": rng.normal(size=(30, 4, 4)).astype(np.float32)})
    with pytest.raises(UsageError, match=r"objective\.particles needs positions"):
        particle_penalty(ParticleTerms(box=BOX), modes)


# Training


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    positions, gravity = gas(64)
    path = tmp_path_factory.mktemp("data") / "gas.zarr"
    return Store.from_arrays(
        path, {"positions": positions}, {"gravity": gravity}, dims={"positions": ["particle", "dimension"]}
    )


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """The folder of a training that nobody interrupted."""
    path = tmp_path_factory.mktemp("whole") / "run"
    train(store, path, settings())
    return path


def settings(steps=12, **particles):
    return RunSettings.model_validate(
        {
            "representation": {"kind": "coordinates"},
            "model": {"latents": 2, "width": 8, "conditions": ("gravity",)},
            "objective": {"particles": {"box": BOX, **particles}},
            "training": {"members": 2, "steps": steps, "records": 4, "batch": 16, "start": "pca"},
        }
    )


class Killed(Exception):
    """The end of a process, in this one."""


def test_an_interrupted_training_ends_with_the_same_bits(store, whole, tmp_path):
    def stop_at(step):
        def progress(done, total):
            if done == step:
                raise Killed

        return progress

    for step in (4, 9):
        with pytest.raises(Killed):
            train(store, tmp_path / "pieces", settings(), progress=stop_at(step), save_every=0.0)
        assert list((tmp_path / "pieces" / "checkpoints").glob("step-*"))
    done = []
    pieces = train(store, tmp_path / "pieces", settings(), progress=lambda now, total: done.append(now))
    assert done[0] == 10, "taken up after the last whole checkpoint"
    assert pieces.id == Run.load(whole).id
    for name in ("history.safetensors", "run.json"):
        assert (whole / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    assert train(store, tmp_path / "other", settings(core_weight=31.0)).id != pieces.id


def test_the_terms_are_recorded(store, whole, tmp_path):
    run = Run.load(whole)
    for part in ("train", "held"):
        for term in ("distortion", "penalty", "mismatch"):
            values = run.history[f"{part}/{term}"]
            assert values.shape == (len(run.history["step"]), 2)
            assert np.isfinite(values).all()
            assert (values[-1] > 0).all() or term == "distortion"
    unmatched = train(store, tmp_path / "unmatched", settings(matching=0))
    assert "train/mismatch" not in unmatched.history
    assert "train/penalty" in unmatched.history
    assert run.settings.objective.particles == ParticleTerms(box=BOX)


def test_what_is_paid_for_becomes_less(store, tmp_path):
    def left(weight):
        run = train(store, tmp_path / f"{weight}", settings(40, core_weight=weight, wall_weight=weight, matching=0))
        return run.history["train/penalty"][-1] / weight

    assert (left(100.0) < 0.8 * left(1e-6)).all()


# What it refuses


@pytest.mark.parametrize(
    ("kind", "options", "shape"),
    [
        ("coordinates", {"polar": True}, (6, 2)),
        ("distances", {"form": "triangle", "box": BOX}, (5, 2)),  # ten distances, like five particles in the plane
        ("coordinates", {}, (6, 3)),  # eighteen numbers, like nine particles in the plane
    ],
)
def test_codes_that_are_not_positions_in_the_plane_are_refused(kind, options, shape):
    points = np.random.default_rng(0).uniform(0, BOX, (64, *shape)).astype(np.float32)
    fitted = make(kind, **options).fit({"positions": points})
    with pytest.raises(UsageError, match=r"set representation\.kind = 'coordinates'"):
        particle_penalty(ParticleTerms(box=BOX), fitted)


def test_a_model_that_is_told_nothing_has_one_level(tmp_path):
    positions = gas(64)[0]
    assert Moments.of(torch.from_numpy(positions), torch.zeros(64, 0), BOX).mean.shape[0] == 1
    store = Store.from_arrays(tmp_path / "gas", {"positions": positions}, dims={"positions": ["particle", "dimension"]})
    settings = {
        "representation": {"kind": "coordinates"},
        "model": {"latents": 2, "width": 8},
        "objective": {"particles": {"box": BOX}},
        "training": {"members": 1, "steps": 5, "batch": 16, "start": "pca"},
    }
    assert "train/mismatch" in train(store, tmp_path / "run", RunSettings.model_validate(settings)).history
