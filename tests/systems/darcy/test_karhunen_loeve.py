"""Modes of the exponential covariance: eigenvalues, symmetry, and conventions that rounding cannot turn."""

from functools import cache

import numpy as np
import pytest

from beable.errors import UsageError
from beable.systems.darcy.karhunen_loeve import QUADRATURES, karhunen_loeve
from beable.systems.darcy.square_grid import nodes

every_quadrature = pytest.mark.parametrize("quadrature", QUADRATURES)


@cache
def thousand(n, quadrature):
    """Modes on a fine grid, which take most of a second."""
    return karhunen_loeve(1000, n, 0.1, quadrature)


def weights(n, quadrature):
    one = QUADRATURES[quadrature](n)
    return np.multiply.outer(one, one).ravel()


def covariance(n, length):
    x = np.stack(np.meshgrid(nodes(n), nodes(n), indexing="ij"), axis=-1).reshape(-1, 2)
    return np.exp(-np.linalg.norm(x[:, np.newaxis] - x, axis=-1) / length)


@pytest.mark.parametrize(
    ("quadrature", "wanted"),
    [
        ("none", [0.0508, 0.0398, 0.0398, 0.0319, 0.0281, 0.0281, 0.0233, 0.0233]),
        ("trapezoid", [0.0521, 0.0406, 0.0406, 0.0324]),
    ],
)
def test_leading_eigenvalues_are_those_of_the_source(quadrature, wanted):
    found = thousand(65, quadrature).eigenvalues[: len(wanted)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5.1e-5)


def test_modes_keep_the_energy_that_the_source_keeps():
    energy = np.cumsum(thousand(65, "none").eigenvalues)
    found = [energy[p - 1] for p in (2, 3, 10, 50, 100, 500, 1000)]
    np.testing.assert_allclose(found, [0.0905, 0.130, 0.303, 0.608, 0.715, 0.875, 0.918], rtol=0, atol=6e-4)


@pytest.mark.numerical
@every_quadrature
@pytest.mark.parametrize("n", [8, 9, 20])
def test_modes_solve_the_eigenproblem_of_the_whole_matrix(n, quadrature):
    kle, w, k = karhunen_loeve(n * n, n, 0.3, quadrature), weights(n, quadrature), covariance(n, 0.3)
    modes = kle.modes.reshape(n * n, n * n)
    np.testing.assert_allclose((k * w) @ modes.T, modes.T * kle.eigenvalues, atol=1e-13)
    np.testing.assert_allclose((modes * w) @ modes.T, np.eye(n * n), atol=1e-12)
    whole = np.linalg.eigvalsh(np.sqrt(w)[:, np.newaxis] * k * np.sqrt(w))[::-1]
    np.testing.assert_allclose(kle.eigenvalues, whole, atol=1e-14)


@every_quadrature
def test_all_modes_together_give_the_covariance_back(quadrature):
    kle = karhunen_loeve(81, 9, 0.3, quadrature)
    modes = kle.modes.reshape(81, 81)
    np.testing.assert_allclose((modes.T * kle.eigenvalues) @ modes, covariance(9, 0.3), atol=1e-12)


def test_a_field_is_the_weighted_sum_of_its_modes():
    kle, theta = karhunen_loeve(5, 17, 0.1), np.arange(5.0)
    wanted = sum(np.sqrt(kle.eigenvalues[i]) * theta[i] * kle.modes[i] for i in range(5))
    np.testing.assert_allclose(kle.field(theta), wanted, atol=1e-14)


@every_quadrature
def test_modes_are_the_same_bits_whatever_number_is_asked_for(quadrature):
    many, few = (karhunen_loeve(p, 33, 0.1, quadrature) for p in (200, 7))
    assert few.modes.tobytes() == many.modes[:7].tobytes()
    assert few.eigenvalues.tobytes() == many.eigenvalues[:7].tobytes()


@every_quadrature
def test_every_mode_has_its_symmetry_and_of_a_pair_the_one_odd_in_x_comes_first(quadrature):
    kle = thousand(65, quadrature)
    found = kle.symmetry[:300]
    np.testing.assert_allclose(found, found.round(), atol=1e-12)
    firsts = np.flatnonzero((found.round() == [-1, 1, 0]).all(axis=1))
    assert len(firsts) > 50
    np.testing.assert_array_equal(found[firsts + 1].round(), np.tile([1, -1, 0], (len(firsts), 1)))
    np.testing.assert_array_equal(kle.modes[firsts + 1], kle.modes[firsts].swapaxes(1, 2))
    np.testing.assert_array_equal(kle.eigenvalues[firsts + 1], kle.eigenvalues[firsts])


@every_quadrature
@pytest.mark.parametrize("n", [32, 65])
def test_signs_are_fixed_by_values_far_above_rounding(n, quadrature):
    kle = thousand(n, quadrature)
    skew = kle.symmetry[:, 2] < -0.5
    at_corner = np.where(skew, kle.modes[:, 1, 0], kle.modes[:, 0, 0])
    assert at_corner.min() > 1e-4


def test_signs_and_order_do_not_change_with_the_grid():
    coarse, fine = karhunen_loeve(4, 17, 0.3).modes, karhunen_loeve(4, 33, 0.3).modes
    np.testing.assert_allclose(fine[:, ::2, ::2], coarse, atol=0.05)


def test_orientation_turns_pairs_and_nothing_else():
    axes, diagonal = karhunen_loeve(4, 33, 0.1), karhunen_loeve(4, 33, 0.1, orientation=45.0)
    np.testing.assert_allclose(diagonal.symmetry[[1, 2]], [[0, 0, 1], [0, 0, -1]], atol=1e-12)
    assert diagonal.modes[[0, 3]].tobytes() == axes.modes[[0, 3]].tobytes()
    np.testing.assert_allclose((diagonal.modes[1:3] ** 2).sum(0), (axes.modes[1:3] ** 2).sum(0), atol=1e-12)
    along = diagonal.modes[1].diagonal()
    assert abs(along[0] - along[-1]) > 0.5
    assert abs(np.ptp(diagonal.modes[2].diagonal())) < 1e-12


def test_modes_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        karhunen_loeve(2, 9, 0.1).modes[0] = 0


@pytest.mark.parametrize("wrong", [{"modes": 0}, {"modes": 82}, {"quadrature": "simpson"}])
def test_modes_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError):
        karhunen_loeve(**({"modes": 2, "grid": 9, "length": 0.1} | wrong))
