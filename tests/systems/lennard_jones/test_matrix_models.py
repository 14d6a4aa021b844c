"""What a model of matrices decodes: both entries of each pair, their mean, and the diagonal."""

import numpy as np
import pytest

from beable.representations.particles import DistanceMatrix
from beable.systems.lennard_jones.anomaly import pair_energies
from beable.systems.lennard_jones.matrix_models import Decoded, entries

GAS = np.random.default_rng(0).uniform(0, 10, size=(40, 6, 2)).astype(np.float32)


@pytest.mark.parametrize("scaling", ["diagonal", "deviation", "none"])
@pytest.mark.parametrize("form", ["image", "flat", "triangle"])
def test_entries_are_in_sigma_whatever_the_code(form, scaling):
    matrices = DistanceMatrix(form=form, scaling=scaling, box=10.0).fit({"positions": GAS})
    values = matrices.transform({"positions": GAS}).values
    np.testing.assert_allclose(entries(matrices, values), matrices.matrices(values), atol=1e-4)


def test_the_mean_of_two_entries_errs_less_by_a_quarter_of_the_square_of_their_difference():
    rng, truth = np.random.default_rng(1), np.zeros((200, 6, 6))
    made = rng.normal(size=truth.shape)
    found = Decoded(truth, (made + made.swapaxes(1, 2)) / 2, made)
    assert found.entry_error**2 - found.asymmetry**2 / 4 == pytest.approx(found.error**2)
    assert found.asymmetry == pytest.approx(2**0.5, rel=0.05)
    assert found.diagonal == pytest.approx(1.0, rel=0.1)


def test_pairs_nearer_than_a_core_count_nothing():
    pair = [[[0.0, 0.0], [0.9, 0.0], [2.1, 0.0]]]
    far = [[[0.0, 0.0], [9.0, 0.0], [2.1, 0.0]]]
    without = pair_energies(pair, core=1.0).sum()
    assert without == pytest.approx(pair_energies(far).sum() + pair_energies([[[0, 0], [1.2, 0]]]).sum())
    assert pair_energies(pair).sum() > without
