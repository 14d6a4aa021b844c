"""Errors by channel and of the median row: nothing looks better for a row or a channel that is larger than others."""

import numpy as np
import pytest

from beable.analysis.reconstructions import Reconstructions, by_channel
from beable.representations import Modes
from beable.simulator import Variable

ROWS, GRID = 40, (9, 8)


def noise(seed=0, rows=ROWS):
    return np.random.default_rng(seed).normal(size=(rows, *GRID))


def judged(field, decoded, variable=None):
    """Errors of a decoded field, seen through a representation that keeps everything of both."""
    modes = Modes(energy=1.0, scaling="none").fit({"u": np.concatenate([field, decoded])})
    coded = modes.transform({"u": field})
    locations = modes.transform({"u": decoded}).values[None]
    found = Reconstructions(coded, locations, modes)
    dims = ("x", "y", "z")[: field.ndim - 1]
    return found, found.channel_errors({"u": field}, [variable or Variable("u", dims, field.shape[1:])])


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_the_share_that_is_missed(seed):
    field = noise(seed)
    found, channels = judged(field, 0.8 * field)
    expected = 0.04 * (field**2).sum() / ((field - field.mean(0)) ** 2).sum()
    np.testing.assert_allclose(found.relative_error(), expected, rtol=1e-5)
    np.testing.assert_allclose(channels.pooled["u"], expected, rtol=1e-5)
    np.testing.assert_allclose(found.median_row_error(), channels.median_row["u"], rtol=0.02)
    assert 0.8 < channels.median_row["u"][0] / expected < 1.2


@pytest.mark.parametrize("seed", range(5))
def test_a_broken_row_below_the_line_does_not_make_the_median_row_better(seed):
    """A held-out row a thousand times larger, and reconstructed, takes an error of 0.4 down to 1e-5; not the median."""
    field = noise(seed)
    decoded = field + np.sqrt(0.4) * noise(seed + 100)
    field[7] *= 1e3
    decoded[7] = field[7]
    found, channels = judged(field, decoded)
    assert found.relative_error()[0] < 1e-4
    assert channels.pooled["u"][0] < 1e-4
    assert 0.3 < found.median_row_error()[0] < 0.5
    assert 0.3 < channels.median_row["u"][0] < 0.5


@pytest.mark.parametrize("axis", [0, 2])
def test_a_lost_component_is_seen_along_any_axis(axis):
    """A velocity beside a pressure that is a million times larger: 1.0, where all together are 1e-12."""
    pressure, velocity = 1e6 * noise(0), noise(1)
    field, decoded = (np.stack(pair, axis + 1) for pair in ((pressure, velocity), (pressure, 0 * velocity)))
    variable = Variable("state", ("x", "y", "z"), field.shape[1:])
    channels = by_channel({"state": field}, [variable])
    assert [values.shape for values in channels.values()] == [(ROWS, *GRID)] * 2
    np.testing.assert_array_equal(channels["state[1]"], velocity)
    found, _ = judged(field, decoded)
    assert found.relative_error()[0] < 1e-11
    modes = Modes().fit({"state": field})
    coded = modes.transform({"state": field})
    errors = Reconstructions(coded, coded.values[None] * 0 + 1e-9, modes).channel_errors({"state": field}, [variable])
    assert errors.worst in ("state[0]", "state[1]")


def test_the_worst_is_the_worst_by_either_measure():
    field = np.stack([noise(0), noise(1)], 1)
    decoded = np.stack([field[:, 0], 0.5 * field[:, 1]], 1)
    decoded[3, 0] = 40.0
    _, channels = judged(field, decoded, Variable("u", ("component", "x", "y"), (2, *GRID), components=("a", "b")))
    assert channels.pooled["u a"][0] > channels.pooled["u b"][0]
    assert channels.median_row["u a"][0] < 1e-3 < channels.median_row["u b"][0]
    assert channels.worst == "u a"


def test_a_constant_channel_is_named_and_has_no_error():
    field = np.stack([noise(0), np.full((ROWS, *GRID), 3.0)], 1)
    _, channels = judged(field, field, Variable("u", ("component", "x", "y"), (2, *GRID)))
    assert channels.constant == ("u[1]",)
    assert np.isnan(channels.pooled["u[1]"]).all()
    assert channels.worst == "u[0]"


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_numbers_of_any_size_are_judged(size):
    field = noise()
    modes = Modes().fit({"u": size * field})
    coded = modes.transform({"u": size * field})
    found = Reconstructions(coded, 0.9 * coded.values[None], modes)
    errors = found.channel_errors({"u": size * field}, [Variable("u", ("x", "y"), GRID)])
    np.testing.assert_allclose(errors.pooled["u"], 0.01, rtol=1e-3)
