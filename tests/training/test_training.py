"""Members are independent, starts keep their promise, schedules and batches are functions of the step."""

from functools import cache

import numpy as np
import pytest
import torch

from beable.errors import DataError, DivergedError, UsageError
from beable.representations import Coded, CodeSpec, make
from beable.streams import generator
from beable.training.ensemble import Batches, as_tensors, drawn, per_member, split, spread_rows
from beable.training.fit import Fit
from beable.training.settings import TrainingSettings
from beable.training.start import STARTS, ica_path, initialise, linear_starts
from beable.vae.distributions import Noise
from beable.vae.networks import ACTIVATIONS, MLP, Conv, ConvUp, PointSet, Pyramid
from beable.vae.settings import Constant, ModelSettings, ObjectiveSettings, Ramp
from beable.vae.vae import VAE

LATENTS = 2


def independent(rows=256, seed=0):
    """Two independent bimodal factors mixed into six numbers, bent a little, and the factors."""
    rng = np.random.default_rng(seed)
    theta = rng.choice([-1.0, 1.0], (rows, LATENTS)) + 0.25 * rng.normal(size=(rows, LATENTS))
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(6, LATENTS)))[0] * [3.0, 2.9]
    values = theta @ turn.T + 0.05 * (theta**2) @ turn[::-1].T
    return Coded(values.astype(np.float32), np.full((rows, 1), 1e-3, np.float32)), theta


def code_of(coded):
    m = coded.values.shape[1]
    return CodeSpec((m,), np.zeros(m, np.int64), np.array([100.0]), coded.values.std(0), 50, 0.0)


def fitted(members=(0,), model=None, objective=None, held=64, **settings):
    coded, _ = independent()
    t = TrainingSettings(members=len(members), **({"steps": 60, "batch": 64, "records": 5} | settings))
    vae = VAE(code_of(coded), ModelSettings(width=8, **(model or {})), Noise(t.seed, members, "start", 1))
    initialise(vae, linear_starts(t.start, coded.values, LATENTS, members, t.seed))
    fit = Fit(
        vae,
        Batches(coded, members, t.batch, t.seed, t.rows),
        per_member(as_tensors(Coded(*(a[:held] for a in coded[:2]))), len(members)),
        objective or ObjectiveSettings(),
        t,
    )
    return fit


PRIORS = ["standard", "hierarchical", "mixture", "vamp"]


@pytest.fixture
def brief(monkeypatch):
    """A search for a product of supports that begins at few places."""
    monkeypatch.setattr("beable.training.support.TRIES", 1)
    monkeypatch.setattr("beable.training.support.KEPT", 1)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("prior", "start"),
    [*((prior, "ica") for prior in PRIORS), *(("mixture", start) for start in STARTS if start != "ica")],
)
def test_a_member_of_an_ensemble_is_what_it_is_alone(prior, start):
    together, alone = (fitted(members, {"prior": prior}, start=start, steps=6) for members in ((0, 1, 2), (1,)))
    together.run()
    alone.run()
    for a, b in zip(together.parameters, alone.parameters, strict=True):
        torch.testing.assert_close(a[1:2], b, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(together.parameters[0][0], together.parameters[0][1])


def test_every_scalar_may_differ_by_member():
    """Each is as it is alone; alone with any one scalar of the other, the twin, it is not."""

    def run(members, beta, **each):
        each = {"start": "random", "steps": 6} | each
        fit = fitted(members, objective=ObjectiveSettings(beta=Constant(beta=beta)), **each)
        fit.run()
        return fit.parameters

    def same(k, *own):
        pairs = zip(together, run((k,), **dict(zip(scalars, own, strict=True))), strict=True)
        return all(torch.allclose(a[k : k + 1], b, rtol=2e-3, atol=2e-4) for a, b in pairs)

    scalars = {"beta": (1.0, 50.0), "learning_rate": (1e-3, 3e-3), "rows": (64, 256)}
    together = run((0, 1), **scalars)
    rows = [(value,) for value in scalars["rows"]]
    own, other = zip(scalars["beta"], scalars["learning_rate"], rows, strict=True)
    assert same(0, *own)
    assert same(1, *other)
    for i in range(len(own)):
        assert not same(0, *own[:i], other[i], *own[i + 1 :])


@pytest.mark.numerical
@pytest.mark.parametrize("name", ["conv", "conv-up", "points", *ACTIVATIONS])
def test_stacked_networks_are_single_networks_beside_each_other(name):
    shape = (2, 9, 8)

    def network(members):
        noise = Noise(0, members, "start")
        if name == "points":
            return PointSet(2, [8, 8], 5, noise, known=1)
        if name == "conv":
            return Conv(Pyramid(shape, (3, 4)), 5, noise)
        return ConvUp(5, Pyramid(shape, (4, 3)), noise) if name == "conv-up" else MLP([5, 7, 3], noise, name)

    features = {"conv": 144, "points": 7}.get(name, 5)
    x = Noise(1, (0, 1, 2)).normal(11, features)
    torch.testing.assert_close(network((0, 1, 2))(x)[2:], network((2,))(x[2:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shuffled", ["points", "numbers"])
def test_a_point_set_does_not_see_the_order_of_its_points(shuffled):
    """Shuffling single numbers instead of points is noticed."""
    net = PointSet(2, [8], 3, Noise(0, (0, 1), "start"), known=1)
    x = Noise(1, (0, 1)).normal(4, 11)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(0))
    points = x[..., :10].unflatten(-1, (5, 2))
    moved = points[:, :, order] if shuffled == "points" else points.flatten(2).roll(1, -1).unflatten(-1, (5, 2))
    same = torch.allclose(net(x), net(torch.cat([moved.flatten(2), x[..., 10:]], -1)), atol=1e-6)
    assert same == (shuffled == "points")


SOURCE_NETWORKS = {
    "dense, 30 particles in 3-D": ((90,), {"latents": 2, "hidden": (60, 45, 22), "activation": "relu"}, 9309, 9351),
    "convolutions on distance matrices": (
        (1, 30, 30),
        {
            "latents": 40,
            "network": "conv",
            "channels": (60, 50),
            "decoder_channels": (50, 50, 60),
            "stride": 1,
            "head": (),
        },
        3_627_730,
        1_895_151,
    ),
}


@pytest.mark.parametrize("name", SOURCE_NETWORKS)
def test_the_networks_of_the_lennard_jones_study_have_the_sources_numbers_of_parameters(name):
    shape, settings, encoder, decoder = SOURCE_NETWORKS[name]
    m = int(np.prod(shape))
    code = CodeSpec(shape, np.zeros(m, np.int64), np.array([float(m)]), np.ones(m, np.float32), m, 0.0)
    model = ModelSettings(linear=False, likelihood="bernoulli", **settings)
    vae = VAE(code, model, Noise(0, (0,), "start"))
    counts = [sum(p.numel() for p in part.network.parameters()) for part in (vae.encoder, vae.decoder)]
    assert counts == [encoder, decoder]


def test_a_model_that_is_told_a_factor_needs_no_latent_for_it():
    """The same rows without the factor cost the rate that carries it."""
    rng = np.random.default_rng(0)
    told = rng.normal(size=(512, 1)).astype(np.float32)
    values = (told @ [[1.0, -1.0, 0.5]] + 0.1 * rng.normal(size=(512, 3))).astype(np.float32)
    rates = {}
    for conditions in ((), ("known",)):
        coded = Coded(values, np.zeros((512, 1), np.float32), told if conditions else None)
        model = ModelSettings(latents=1, conditions=conditions, variance="fixed", sigma=0.3, width=16)
        vae = VAE(code_of(Coded(values, coded.residual_energy)), model, Noise(0, (0, 1), "start", 1))
        vae.fit_scaler(as_tensors(coded).conditions)
        t = TrainingSettings(members=2, steps=80, batch=64, start="random", learning_rate=5e-2, records=1)
        fit = Fit(vae, Batches(coded, (0, 1), 64, 0), per_member(as_tensors(coded), 2), ObjectiveSettings(), t)
        fit.run()
        rates[conditions] = fit.history.terms["held/rate/z"][-1].max()
    assert rates["known",] < 0.5 < 1.5 < rates[()]


def test_a_model_that_is_told_a_factor_asks_for_it():
    vae = VAE(code_of(independent()[0]), ModelSettings(conditions=("gravity",)), Noise(0, (0,), "start"))
    with pytest.raises(UsageError, match="conditioned on gravity: give a value"):
        vae.decoder.location(torch.zeros(1, 3, 2))


@pytest.mark.parametrize("likelihood", ["normal", "bernoulli"])
def test_a_convolutional_vae_trains_on_fields(likelihood):
    rng = np.random.default_rng(0)
    field = rng.uniform(size=(32, 1, 1)) * np.ones((1, 9, 9))
    fields = make("fields", scaling="none", centre=likelihood == "normal").fit({"grid": field})
    coded = fields.transform({"grid": field})
    model = ModelSettings(latents=1, network="conv", channels=(4, 8), likelihood=likelihood)
    vae = VAE(fields.code, model, Noise(0, (0, 1), "start", 1))
    settings = TrainingSettings(members=2, steps=20, batch=32, start="random", learning_rate=0.02, records=1)
    held = per_member(as_tensors(coded), 2)
    fit = Fit(vae, Batches(coded, (0, 1), 32, 0), held, ObjectiveSettings(), settings)
    before = fit.first_record()["held/distortion"]
    fit.run()
    assert (fit.history.terms["held/distortion"][-1] < before - 1).all()  # records have the same noise


@pytest.mark.numerical
def test_the_ica_start_finds_independent_axes_and_training_keeps_them():
    _, theta = independent()
    fit = fitted(range(3), start="ica", steps=40)
    before = fit.vae.encoder(fit.held.values).mean.detach().numpy()
    fit.run()
    after = fit.vae.encoder(fit.held.values).mean.detach().numpy()
    for z in (*before, *after):
        correlation = np.abs(np.corrcoef(z.T, theta[:64].T)[:2, 2:])
        assert sorted(correlation.argmax(1)) == [0, 1]
        assert correlation.max(1).min() > 0.97
    assert not np.allclose(before[0], before[1], atol=1e-3)


def test_random_starts_leave_axes_to_luck():
    _, theta = independent()
    fit = fitted(range(8), start="random", steps=20)
    fit.run()
    z = fit.vae.encoder(fit.held.values).mean.detach().numpy()
    best = [np.abs(np.corrcoef(k.T, theta[:64].T)[:2, 2:]).max(1).min() for k in z]
    assert min(best) < 0.9


@pytest.mark.numerical
def test_ica_of_white_data_keeps_every_direction():
    """Data that are white to the last bit, in which an own whitening may lose a column to a sign of zero."""
    rng = np.random.default_rng(0)
    half = rng.choice([-1.0, 1.0], (128, 2)) + 0.25 * rng.normal(size=(128, 2))
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    white = np.concatenate([half * s for s in signs])
    white /= white.std(0)
    z = white @ ica_path(white, 2, rng).forward
    np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(2), atol=1e-8)


@pytest.mark.numerical
@pytest.mark.parametrize("start", ["pca", "ica"])
def test_a_linear_path_and_its_way_back_are_inverse(start):
    coded, _ = independent()
    (path,) = linear_starts(start, coded.values, LATENTS, [0], 0)
    np.testing.assert_allclose(path.back @ path.forward, np.eye(LATENTS), atol=1e-6)


def test_more_latents_than_directions_are_refused():
    coded, _ = independent()
    with pytest.raises(DataError, match=r"there are fewer: lower model\.latents"):
        linear_starts("pca", coded.values[:, :1], LATENTS, [0], 0)


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("start", ["pca", "ica"])
def test_rounding_is_no_direction(start, seed):
    """Two factors in six numbers are two directions, in single precision too."""
    rng = np.random.default_rng(seed)
    values = (rng.uniform(size=(200, 2)) @ rng.normal(size=(2, 6))).astype(np.float32)
    assert linear_starts(start, values, 2, [0], seed)
    with pytest.raises(DataError, match=r"there are fewer: lower model\.latents"):
        linear_starts(start, values, 3, [0], seed)


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_turn_a_latent_whose_effects_are_alike(seed):
    rng = np.random.default_rng(seed)
    values = np.outer(rng.normal(size=50), [1.0, -1.0, 0.5]) * (1 + 1e-15 * rng.normal(size=(50, 3)))
    (path,) = linear_starts("pca", values, 1, [0], seed)
    assert (np.sign(path.back) == [[1, -1, 1]]).all()


def test_a_start_needs_a_linear_path():
    with pytest.raises(UsageError, match="linear = true"):
        fitted(model={"linear": False})
    assert fitted(model={"linear": False}, start="random").step == 0


def test_batches_are_permutations_of_each_members_rows():
    coded, _ = independent(rows=10)
    batches = Batches(coded, (0, 1), 4, seed=0, counts=(10, 6))
    seen = [batches.at(step).values for step in range(5)]
    for k, count in ((0, 10), (1, 6)):
        first = torch.cat([b[k] for b in seen])[:count]
        assert torch.equal(first.sort(0).values, batches.rows.values[:count].sort(0).values)
    again = Batches(coded, (1,), 4, seed=0, counts=(6,)).at(3).values[0]
    assert torch.equal(again, seen[3][1])


def test_all_rows_at_once_are_not_copied():
    coded, _ = independent(rows=10)
    batch = Batches(coded, (0, 1), None, seed=0).at(0)
    assert batch.values.shape == (2, 10, 6)
    assert batch.values.stride(0) == 0


def test_split_parts_the_rows():
    train, held = split(100, 0.25, seed=0)
    assert sorted([*train, *held]) == list(range(100))
    assert len(held) == 25
    assert list(held) != list(range(75, 100))
    with pytest.raises(DataError, match="leaves 1 to train on"):
        split(10, 9, seed=0)


def test_two_rows_at_least_are_held_out_for_an_error_to_have_a_yardstick():
    assert [len(split(rows, 0.25, seed=0)[1]) for rows in (4, 5, 6, 12)] == [2, 2, 2, 3]
    for rows, held in ((3, 0.25), (10, 1)):
        with pytest.raises(DataError, match="at least 2 are held out and 2 are kept"):
            split(rows, held, seed=0)
    with pytest.raises(DataError, match="cannot be held out"):
        split(13, 2, seed=0, shuffle=False, parts=np.repeat([0, 1, 2], [6, 6, 1]))


def test_a_loss_that_is_no_number_is_caught_at_its_step():
    @torch.no_grad()
    def spoil(fit):
        if fit.step == 3:
            fit.vae.decoder.network.layers[0].weight[1, 0, 0] = torch.nan

    with pytest.raises(DivergedError, match=r"member 1: the loss is not finite at step 3 \(distortion = nan"):
        fitted((0, 1)).run(save=spoil)


def test_gradients_are_clipped_by_member():
    free, tight = fitted((0, 1), steps=1), fitted((0, 1), steps=1, clip=1e-9)
    for fit in (free, tight):
        fit.run()
    norms = [
        torch.stack([p.grad.flatten(1).square().sum(1) for p in f.parameters]).sum(0).sqrt() / 100
        for f in (free, tight)
    ]
    assert (norms[0] > 1e-9).all()
    torch.testing.assert_close(norms[1], torch.full((2,), 1e-9), rtol=1e-3, atol=0)


def held_loss(fit):
    return torch.stack(fit.history.terms["held/distortion"]) + torch.stack(fit.history.terms["train/rate/z"])


@cache
def learning_by_heart(patience, members=(0, 1)):
    """A wide network on a dozen rows of pure noise, judged on rows of their own; it soon loses patience."""
    rng = np.random.default_rng(0)
    rows = [Coded(rng.normal(size=(n, 6)).astype(np.float32), np.full((n, 1), 1e-3, np.float32)) for n in (12, 64)]
    t = TrainingSettings(members=len(members), steps=100, records=50, batch=None, patience=patience, learning_rate=2e-2)
    vae = VAE(code_of(rows[0]), ModelSettings(width=32, depth=1), Noise(0, members, "start", 1))
    batches, held = Batches(rows[0], members, None, 0), per_member(as_tensors(rows[1]), len(members))
    fit = Fit(vae, batches, held, ObjectiveSettings(), t)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.training.fit.FEWEST_PATIENT_STEPS", 20)
        fit.run()
    return fit


@pytest.mark.parametrize("patience", [10, None])
def test_the_best_is_kept_with_patience_and_without(patience):
    fit = learning_by_heart(patience)
    assert (fit.step < 100) == (patience is not None)
    for kept, p in zip(fit.best.parameters, fit.parameters, strict=True):
        torch.testing.assert_close(p, kept, rtol=0, atol=0)
    assert max(fit.kept_steps()) < fit.step
    if patience is None:  # the last parameters are much worse than those kept
        torch.testing.assert_close(fit.best.loss, held_loss(fit).min(0).values)
        assert (held_loss(fit)[-1] > fit.best.loss + 1).all()


def test_a_member_loses_patience_on_its_own():
    """What another member still learns changes nothing for it."""
    together, alone = learning_by_heart(10, (0, 1)), learning_by_heart(10, (1,))
    assert together.kept_steps()[1:] == alone.kept_steps()


def test_a_training_at_rest_goes_to_its_last_step(monkeypatch):
    """Its held-out rows are training rows, so nothing is learned by heart however long it waits for a better record."""
    monkeypatch.setattr("beable.training.fit.FEWEST_PATIENT_STEPS", 20)
    at_rest = {"steps": 80, "records": 40, "patience": 3, "learning_rate": 0.05, "decay": "none", "start": "pca"}
    fit, waited = fitted((0,), **at_rest), []
    fit.run(save=lambda fit: waited.append(len(fit.history.steps) - int(fit.best.records[0])))
    assert fit.step == 80
    assert max(waited) * fit.settings.record_every >= 20


@pytest.mark.parametrize("phase", [0, 15])
def test_records_under_another_beta_are_not_compared(phase):
    """While beta rises the loss rises; the lowest one, at the first record, has hardly any rate in it."""
    rising = ObjectiveSettings(beta=Ramp(beta=50.0, steps=20), reconstruction_steps=phase)
    fit = fitted((0, 1), objective=rising, steps=50, records=10, start="pca")
    fit.run()
    assert min(fit.kept_steps()) >= phase + 20


def test_a_training_that_ends_before_the_rate_counts_keeps_its_last_parameters():
    fit = fitted((0,), objective=ObjectiveSettings(reconstruction_steps=100), steps=20, start="pca")
    last = []
    fit.run(save=lambda fit: last.append([p.detach().clone() for p in fit.parameters]))
    assert fit.kept_steps() == [20]
    for before, p in zip(last[-1], fit.parameters, strict=True):
        assert torch.equal(before, p)


def test_records_are_made_on_rows_from_all_over_the_file():
    """Each member on rows of its own; the first rows, the twin, may be one trajectory."""
    coded = Coded(np.arange(1000, dtype=np.float32)[:, None], np.zeros((1000, 1), np.float32))
    rows = Batches(coded, (0, 1), 64, 0, (1000, 50)).spread(100).values[..., 0]
    assert rows[0].tolist() == list(range(0, 1000, 10))
    assert rows[1].tolist() == [i for i in range(50) for _ in range(2)]
    held = spread_rows(per_member(as_tensors(coded), 2), 100).values[0, :, 0]
    assert held.tolist() == rows[0].tolist()


def test_the_first_phase_is_reconstruction_alone():
    fit = fitted((0,), {"prior": "hierarchical"}, ObjectiveSettings(reconstruction_steps=10), steps=20, start="pca")
    before, untouched = [p.detach().clone() for p in fit.vae.prior.parameters()], []

    def compare(fit):
        untouched.append(all(torch.equal(a, b) for a, b in zip(before, fit.vae.prior.parameters(), strict=True)))

    fit.run(save=compare)
    assert untouched == [True] * 10 + [False] * 10
    assert float(fit.history.terms["beta"][0][0]) == 0
    assert float(fit.history.terms["beta"][-1][0]) == 1


def test_drawing_leaves_the_global_streams_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fitted((0,), steps=5).run()
    assert torch.equal(torch_state, torch.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()  # noqa: NPY002


# Different starts, and rows of one's own


def test_mixed_members_start_as_those_of_one_start_do():
    coded, _ = independent()
    mixed = linear_starts("mixed", coded.values, LATENTS, range(6), 0)
    for start, at in (("ica", (0, 3)), ("pca", (1, 4))):
        alone = linear_starts(start, coded.values, LATENTS, at, 0)
        for k, path in zip(at, alone, strict=True):
            np.testing.assert_array_equal(mixed[k].forward, path.forward)
    assert [mixed[2], mixed[5]] == [None, None]


def test_random_members_of_a_mixed_ensemble_keep_their_weights():
    """Those with a linear path, the twins, do not."""
    mixed, random = (fitted((0, 1, 2), start=start) for start in ("mixed", "random"))
    kept = [
        torch.equal(a, b)
        for a, b in zip(mixed.vae.encoder.linear.weight, random.vae.encoder.linear.weight, strict=True)
    ]
    assert kept == [False, False, True]


def few_rows():
    """Four rows in two directions: one draw of eleven has a single row, or two that are the same."""
    return np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize("start", ["pca", "ica"])
def test_a_draw_with_too_few_directions_is_drawn_again(start):
    """Of 200 first draws some have one direction, which was blamed on the data; the data have two."""
    codes = few_rows()
    draws = [codes[drawn(4, generator(0, "start", k))] for k in range(200)]
    poor = [k for k, draw in enumerate(draws) if np.linalg.matrix_rank(draw - draw.mean(0)) < 2]
    assert poor
    assert all(path is not None for path in linear_starts(start, codes, 2, poor[:5], 0))
    with pytest.raises(DataError, match=r"there are fewer: lower model\.latents"):
        linear_starts(start, codes[:2], 2, [0], 0)


def test_bootstrap_members_see_rows_of_their_own_and_no_others():
    coded, _ = independent(rows=40)
    mine, whole = (Batches(coded, [0, 1], 8, 0, bootstrap=b) for b in (True, False))
    seen = [set(mine.at(step).values[0, :, 0].tolist()) for step in range(5)]
    drawn_rows = coded.values[drawn(40, generator(0, "start", 0)), 0].tolist()
    assert set().union(*seen) == set(drawn_rows)
    assert len(set(drawn_rows)) < 32 < len(set(coded.values[:, 0].tolist()))
    assert not torch.equal(mine.spread(len(coded.values)).values[0], mine.everything().values[1])
    assert torch.equal(whole.spread(len(coded.values)).values[0], whole.everything().values[1])
    assert set(mine.spread(len(coded.values)).values[0, :, 0].tolist()) == set(drawn_rows)


def test_bootstrap_rows_of_a_member_do_not_depend_on_the_others():
    coded, _ = independent(rows=40)
    together, alone = Batches(coded, [0, 1], 8, 0, bootstrap=True), Batches(coded, [1], 8, 0, bootstrap=True)
    for step in range(7):
        assert torch.equal(together.at(step).values[1], alone.at(step).values[0])


def test_bootstrap_draws_from_the_rows_that_a_member_has():
    coded, _ = independent(rows=40)
    batches = Batches(coded, [0, 1], 8, 0, counts=[10, 40], bootstrap=True)
    first = set(coded.values[:10, 0].tolist())
    assert all(set(batches.at(step).values[0, :, 0].tolist()) <= first for step in range(6))
    assert set(batches.spread(len(coded.values)).values[0, :, 0].tolist()) <= first


RIVALS = [
    ({}, {"regulariser": {"kind": "total-correlation"}}),
    ({}, {"regulariser": {"kind": "factor", "width": 8}}),
    ({}, {"regulariser": {"kind": "hausdorff"}}),
    ({"quantised": 6}, {"beta": {"kind": "constant", "beta": 0.0}}),
]


@pytest.mark.parametrize(("model", "objective"), RIVALS)
def test_a_rivals_member_is_what_it_is_alone_and_its_term_is_in_the_history(model, objective):
    chosen = ObjectiveSettings.model_validate(objective)
    together, alone = (
        fitted(members, model, chosen, steps=5, weight_decay=0.1, start="pca") for members in ((0, 1), (1,))
    )
    together.run()
    alone.run()
    for a, b in zip(together.parameters, alone.parameters, strict=True):
        torch.testing.assert_close(a[1:2], b, rtol=1e-3, atol=1e-4)
    term = "quantisation" if model else together.regulariser.term
    assert len(together.history.terms[f"held/{term}"]) == len(together.history.steps)
