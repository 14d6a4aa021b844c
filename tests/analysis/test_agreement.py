"""What members agree on: known answers for members that share axes, a plane, or nothing."""

import numpy as np
import pytest

from beable.analysis.agreement import agreement, chance_of_match
from beable.errors import DataError

STARTS = ["ica", "pca", "random"] * 4
ROWS = 200
SEEDS = range(8)


def turned(z, rng):
    """Codes in a plane turned at random, by the Haar measure."""
    q, r = np.linalg.qr(rng.normal(size=(z.shape[1], z.shape[1])))
    return z @ (q * np.sign(np.diag(r)))


def bent(z, rng):
    """The same latents in another order, with other signs, bent without losing their order."""
    signs = rng.choice([-1.0, 1.0], z.shape[1])
    return (signs * z ** rng.choice([1, 2, 3]))[:, rng.permutation(z.shape[1])]


def members(change, z, rng):
    return [change(z, rng) for _ in STARTS]


def shuffled(z, rng):
    return rng.permutation(z)


@pytest.mark.parametrize("latents", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_members_with_the_same_latents_agree_on_axes(seed, latents):
    rng = np.random.default_rng(seed)
    found = agreement(members(bent, rng.uniform(size=(ROWS, latents)), rng), STARTS)
    assert found.axes.answer is True
    assert found.plane.answer is True
    assert [(s.found, s.compared) for s in found.shared] == [(found.compared[s.member],) * 2 for s in found.shared]
    assert len(found.shared) == latents
    for one in found.shared:
        assert (one.matches[np.arange(len(STARTS)) != one.member] >= 0).all()


@pytest.mark.parametrize("latents", [2, 3])
def test_normal_factors_turned_at_random_share_a_plane_and_no_axes(latents):
    """None of eight seeds may be a yes, and at most two undecided."""
    found = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        found.append(agreement(members(turned, rng.normal(size=(ROWS, latents)), rng), STARTS))
    assert [f.plane.answer for f in found] == [True] * len(SEEDS)
    assert [f.dimensions for f in found] == [latents] * len(SEEDS)
    answers = [f.axes.answer for f in found]
    assert True not in answers
    assert answers.count(False) >= len(SEEDS) - 2
    assert all("the plane is shared" in f.axes.reason for f in found)


def test_shuffled_rows_share_nothing():
    rng = np.random.default_rng(0)
    found = agreement(members(shuffled, rng.uniform(size=(ROWS, 2)), rng), STARTS)
    assert (found.axes.answer, found.plane.answer, found.dimensions) == (False, False, 0)
    assert found.found.max() == 0


def test_members_that_share_a_start_agree_for_nothing():
    """The twin, the same codes from different starts, agrees."""
    z = np.random.default_rng(0).uniform(size=(ROWS, 2))
    same, differ = agreement([z] * 12, ["ica"] * 12), agreement([z] * 12, STARTS)
    assert (same.axes.answer, same.plane.answer, same.supported.answer) == (None, None, None)
    assert "all 12 members share the start 'ica'" in same.axes.reason
    assert "beable agree RUN STORE" in same.axes.reason
    assert same.found.max() == 0
    assert differ.axes.answer is True


def test_random_starts_differ_from_each_other():
    z = np.random.default_rng(0).uniform(size=(ROWS, 2))
    assert agreement([z] * 12, ["random"] * 12).axes.answer is True


def test_two_members_are_too_few_to_tell():
    """Two of two by chance is no evidence: random axes in a plane match in 40 %."""
    z = np.random.default_rng(0).uniform(size=(ROWS, 2))
    assert agreement([z, z], ["ica", "pca"]).axes.answer is None


def test_one_shared_dimension_has_no_axes():
    rng = np.random.default_rng(0)
    z = rng.uniform(size=(ROWS, 1))
    found = agreement([np.hstack([z, rng.normal(size=(ROWS, 1))]) for _ in STARTS], STARTS)
    assert found.dimensions == 1
    assert found.axes.answer is None
    assert (found.supported.answer, found.supported.reason[:24]) == (True, "trainings share 1 (1 to ")


def test_latents_that_carry_nothing_are_left_out():
    rng = np.random.default_rng(0)
    codes = [np.hstack([bent(z, rng), 1e-3 * rng.normal(size=(ROWS, 1))]) for z in [rng.uniform(size=(ROWS, 2))] * 12]
    found = agreement(codes, STARTS, active=np.tile([True, True, False], (12, 1)))
    assert (found.axes.answer, found.dimensions, found.supported.answer) == (True, 2, True)
    assert np.isnan(found.chance[:, 2]).all()


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_chance_of_a_match_is_that_of_random_rotations(dimensions):
    """The closed form against rotations drawn by the Haar measure, within four standard errors."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(20_000, dimensions, dimensions)))[0]
    drawn = (np.abs(q[:, 0]).max(1) >= 0.95).mean()
    exact = chance_of_match(dimensions)
    assert abs(drawn - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)
    assert abs(drawn - chance_of_match(dimensions + 1)) > 4 * np.sqrt(exact * (1 - exact) / 20_000)


@pytest.mark.parametrize(
    ("codes", "starts", "words"),
    [
        (np.zeros((1, 30, 2)), ["ica"], "at least 2 members"),
        (np.zeros((2, 30, 2)), ["ica"], "1 starts for 2 members"),
        (np.zeros((2, 10, 2)), ["ica", "pca"], "at least 20 rows"),
        (np.full((2, 30, 2), np.nan), ["ica", "pca"], "finite codes"),
    ],
)
def test_codes_that_cannot_be_compared_are_refused(codes, starts, words):
    with pytest.raises(DataError, match=words):
        agreement(list(codes), starts)
