"""Rows that lack numbers: what codes and likelihood count is what is there, exactly, and nothing where all is there."""

import numpy as np
import pytest
import torch

from beable.errors import DataError
from beable.representations import make
from beable.representations.gaps import expected, filled_by_modes, joined, normal_law
from beable.training.ensemble import as_tensors, per_member
from beable.vae.distributions import LOG_2PI, Noise
from beable.vae.settings import ModelSettings
from beable.vae.vae import VAE

RNG = np.random.default_rng(3)
PLACE = np.linspace(0, 1, 7)
SOLID = np.zeros((7, 6), bool)
SOLID[2:4, 1:3] = True


def field(rows=30):
    a, b, c = RNG.normal(size=(3, rows, 1, 1))
    x, y = PLACE[:, None], np.linspace(0, 1, 6)
    return a * np.sin(3 * x + y) + 0.5 * b * np.cos(4 * y - x) + 0.2 * c * x * y + 0.01 * RNG.normal(size=(rows, 7, 6))


def holes(values, share=0.15):
    return np.where(SOLID | (RNG.random(values.shape) < share), np.nan, values)


KINDS = [("modes", {}), ("modes", {"modes": 2}), ("modes", {"separate": True}), ("fields", {})]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_distance_of_what_is_there_from_any_decoded_field_is_exact(kind, options):
    snapshots = {"u": holes(field()), "v": holes(2 + 3 * field())}
    fitted = make(kind, **options).fit(snapshots)
    coded, code = fitted.transform(snapshots), fitted.code
    assert np.isfinite(coded.values).all()
    other = RNG.normal(size=(30, fitted.width)) * code.scale
    decoded = fitted.inverse(other)
    scale = fitted.standard.scale
    off = [((snapshots[n] - decoded[n]) / s).reshape(30, -1) ** 2 for n, s in zip("uv", scale, strict=True)]
    truth = np.nansum(np.concatenate(off, axis=1), axis=1)
    found = (coded.gaps.misfit(other) ** 2).sum(1) + coded.residual_energy.sum(1)
    np.testing.assert_allclose(found, truth, rtol=2e-4)
    there = sum(np.isfinite(v).reshape(30, -1).sum(1) for v in snapshots.values())
    np.testing.assert_array_equal(coded.gaps.counts.sum(1), there)
    np.testing.assert_array_equal(np.isnan(decoded["u"]), np.broadcast_to(SOLID, (30, 7, 6)))
    volume = code.log_volume + fitted.log_jacobian(snapshots)
    own = [np.isfinite(snapshots[n]).reshape(30, -1).sum(1) * np.log(s) for n, s in zip("uv", scale, strict=True)]
    np.testing.assert_allclose(volume, sum(own), rtol=1e-9)


def test_a_mask_gives_the_modes_of_the_field_without_these_places():
    whole = field()
    masked = make("modes").fit({"u": np.where(SOLID, np.nan, whole)})
    alone = make("modes").fit({"u": whole[:, ~SOLID]})
    rows = {"u": np.where(SOLID, np.nan, whole)}
    one, two = masked.transform(rows), alone.transform({"u": whole[:, ~SOLID]})
    assert one.gaps is None
    assert masked.code.dimension.tolist() == alone.code.dimension.tolist()
    np.testing.assert_allclose(np.abs(one.values), np.abs(two.values), atol=1e-5)
    assert masked.code.log_volume == pytest.approx(alone.code.log_volume)
    again = make("modes").restore(masked.state(), {"u": (7, 6)})
    np.testing.assert_array_equal(again.inverse(one.values)["u"], masked.inverse(one.values)["u"])


def test_numbers_in_a_mask_that_training_never_saw_count_nowhere():
    whole = field()
    fitted = make("modes").fit({"u": np.where(SOLID, np.nan, whole)})
    one, two = (fitted.transform({"u": np.where(SOLID, x, whole)}) for x in (np.nan, 99.0))
    np.testing.assert_array_equal(one.values, two.values)


def test_missing_cells_are_filled_by_as_many_modes_as_predict_hidden_ones():
    truth = field(60).reshape(60, -1)
    truth = truth - truth.mean(0)
    gone = RNG.random(truth.shape) < 0.2
    filled = filled_by_modes(np.where(gone, np.nan, truth))
    np.testing.assert_array_equal(filled[~gone], truth[~gone])
    share = ((filled - truth)[gone] ** 2).sum() / (truth[gone] ** 2).sum()
    assert share < 0.01  # the noise alone is 0.0004
    noise = RNG.normal(size=(60, 42))  # nothing predicts the missing numbers of these
    none = filled_by_modes(np.where(gone, np.nan, noise))
    assert ((none - noise)[gone] ** 2).sum() < 1.2 * (noise[gone] ** 2).sum()


def table(rows=80):
    cause = RNG.normal(size=(rows, 2))
    return cause @ RNG.normal(size=(2, 5)) + 0.3 * RNG.normal(size=(rows, 5))


def test_a_normal_law_is_found_from_incomplete_rows():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(1500, 2))
    whole = cause @ np.array([[1.0, 0.5, -0.5, 0.2], [0.0, 0.8, 0.6, -0.9]]) + 0.3 * rng.normal(size=(1500, 4))
    gone = rng.random(whole.shape) < 0.2
    mean, covariance = normal_law(np.where(gone, np.nan, whole))
    np.testing.assert_allclose(covariance, np.cov(whole.T), atol=0.08)
    filled, _ = expected(whole - mean, ~gone, covariance)
    error = ((filled + mean - whole)[gone] ** 2).sum() / (whole[gone] ** 2).sum()
    by_pairs = np.cov(np.where(gone, 0, whole).T)  # the twin, which takes zeros for numbers, is off
    assert error < 0.45
    assert np.abs(by_pairs - np.cov(whole.T)).max() > 0.2


def test_a_table_codes_what_is_there_and_expects_the_rest():
    whole = np.exp(0.3 * table())
    shown = np.where(RNG.random(whole.shape) < 0.1, np.nan, whole)
    snapshots = {f"c{i}": column for i, column in enumerate(shown.T)}
    fitted = make("table", log="c0,c1").fit(snapshots)
    coded = fitted.transform(snapshots)
    assert np.isfinite(coded.values).all()
    np.testing.assert_array_equal(coded.gaps.there, ~np.isnan(shown))
    back = np.stack(list(fitted.inverse(coded.values).values()), 1)
    np.testing.assert_allclose(back[~np.isnan(shown)], shown[~np.isnan(shown)], rtol=1e-5)
    again = make("table", log="c0,c1").restore(fitted.state(), {f"c{i}": () for i in range(5)})
    np.testing.assert_array_equal(again.transform(snapshots).values, coded.values)
    jacobian = np.nansum(np.log(shown[:, :2]), axis=1) - np.isnan(shown) @ np.log(fitted.scale)
    np.testing.assert_allclose(fitted.log_jacobian(snapshots), jacobian)
    with pytest.raises(DataError, match="c1 is missing in all 80 training rows"):
        make("table").fit(snapshots | {"c1": np.full(80, np.nan)})


@pytest.mark.parametrize("variance", ["closed", "closed-channel", "fixed"])
def test_the_likelihood_of_a_row_is_that_of_its_numbers(variance):
    whole = table()
    shown = whole.copy()
    shown[::4, 1], shown[1::4, 3] = np.nan, np.nan
    fitted = make("table").fit({f"c{i}": column for i, column in enumerate(shown.T)})
    coded = fitted.transform({f"c{i}": column for i, column in enumerate(shown.T)})
    vae = VAE(fitted.code, ModelSettings(variance=variance), Noise(0, [0, 1], "start"))
    rows = per_member(as_tensors(coded), 2)
    location = vae.decoder.location(torch.from_numpy(RNG.normal(size=(2, 80, 2)).astype("f4")))
    p = vae.decoder.around(location, rows)
    found = vae.decoder.distortion(p, rows).detach().numpy()
    there = ~np.isnan(shown)
    square = np.where(there, (coded.values - location.detach().numpy()) ** 2, 0)
    if variance == "fixed":
        sigma2 = np.ones((2, 5))
    elif variance == "closed":
        sigma2 = np.repeat(square.sum((1, 2), keepdims=True)[:, 0] / there.sum(), 5, axis=1)
    else:
        sigma2 = square.sum(1) / there.sum(0)
    each = 0.5 * (square / sigma2[:, None] + LOG_2PI + np.log(sigma2)[:, None]) * there
    np.testing.assert_allclose(found, each.sum(2), rtol=1e-4)


def test_gaps_that_hide_nothing_change_no_number():
    snapshots = {f"c{i}": column for i, column in enumerate(table().T)}
    fitted = make("table").fit(snapshots)
    coded = fitted.transform(snapshots)
    assert coded.gaps is None
    assert set(fitted.state()) == {"offset", "scale", "size"}
    shown = coded._replace(gaps=joined([coded.values], [None], fitted.code.dimension))
    assert shown.gaps is None
    some = fitted.transform({name: np.where(np.arange(80) == 0, np.nan, v) for name, v in snapshots.items()})
    gaps = joined([coded.values, some.values], [None, some.gaps], fitted.code.dimension)
    vae = VAE(fitted.code, ModelSettings(variance="fixed"), Noise(0, [0], "start"))
    rows = [per_member(as_tensors(c), 1) for c in (coded, coded._replace(gaps=type(gaps)(*(p[:80] for p in gaps))))]
    p = vae.decoder(torch.zeros(1, 80, 2))
    plain, counted = (vae.decoder.distortion(p, r).detach().numpy() for r in rows)
    np.testing.assert_allclose(plain, counted, rtol=1e-5)
