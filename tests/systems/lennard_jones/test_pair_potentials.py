"""Pair potentials by their minima and limits, the user's own by what can be imported, and what is refused."""

import importlib
import math

import numpy as np
import pytest
from numba import njit
from scipy import optimize

from beable.errors import UsageError
from beable.systems.lennard_jones.pair_potentials import NEAREST2, OF_THE_USER, POTENTIALS, Bonds, pair_potential

SOURCE = """
import math
from numba import njit

def soft(r2):
    return math.exp(-r2)

@njit
def compiled(r2):
    return math.exp(-r2)

def hard_discs(r2):
    return math.inf if r2 < 1 else 0.0

def of_the_textbook(r2):
    return 4 * (r2**-6 - r2**-3)

def undefined_within(r2):
    return math.log(r2 - 0.02)

def raising(r2):
    if r2 < 0.1:
        raise ValueError("too near")
    return 1 / r2

def unknown_word(r2):
    return depth / r2

def two_numbers(r2):
    return r2, r2

@njit
def two_arguments(r2, depth):
    return depth / r2

number = 3
inner = (lambda: lambda r2: r2)()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "potentials_of_a_user.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("potentials_of_a_user")


def at(name, r):
    return float(pair_potential(name).energy(np.array(float(r) ** 2)))


@pytest.mark.parametrize(("name", "minimum"), [("lennard-jones", 2 ** (1 / 6)), ("fake", 2**0.5)])
def test_minimum_and_zero(name, minimum):
    found = optimize.minimize_scalar(lambda r: at(name, r), bounds=(0.9, 3), method="bounded", options={"xatol": 1e-9})
    assert found.x == pytest.approx(minimum, abs=1e-6)
    assert found.fun == pytest.approx(-1, abs=1e-12)
    assert at(name, 1) == 0
    assert at(name, 0) == np.inf
    assert at(name, 1e-155) == np.inf
    assert -1e-2 < at(name, 1e3) <= 0


@pytest.mark.parametrize(("name", "power"), [("lennard-jones", 6), ("fake", 2)])
def test_potential_is_that_of_the_formula(name, power):
    r = np.linspace(0.5, 5, 100)
    assert pair_potential(name).energy(r**2) == pytest.approx(4 * (r ** (-2 * power) - r**-power), rel=1e-12, abs=1e-13)


def test_free_particles_have_no_energy():
    assert not pair_potential("none").energy(np.array([0.0, 1.0])).any()


@pytest.mark.parametrize("name", ["soft", "compiled"])
def test_a_function_and_its_name_are_the_same_potential(module, name):
    by_name, by_function = pair_potential(f"potentials_of_a_user:{name}"), pair_potential(getattr(module, name))
    assert by_name.name == by_function.name == f"potentials_of_a_user:{name}"
    assert by_name.exponent == OF_THE_USER
    assert by_name is by_function  # one kernel for both
    assert by_name.pair(0.5) == pytest.approx(math.exp(-0.5), rel=1e-12)
    r2 = np.array([[0.1, 1.0], [2.0, 3.0]])
    assert by_name.energy(r2) == pytest.approx(np.exp(-r2), rel=1e-12)


def test_coinciding_particles_have_a_very_high_energy_with_a_power_that_python_cannot_take_of_zero(module):
    potential = pair_potential(module.of_the_textbook)
    assert potential.energy(np.zeros(3)).min() > 1e70
    assert potential.energy(np.array([1.2])) == pytest.approx(pair_potential("lennard-jones").energy(np.array([1.2])))


def test_infinite_potentials_are_potentials(module):
    assert pair_potential(module.hard_discs).energy(np.array([0.5, 1.5])).tolist() == [np.inf, 0.0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("undefined_within", f"not a number at r² = {NEAREST2:g}"),
        ("raising", "too near"),
        ("unknown_word", "'depth' is not defined"),
        ("two_numbers", "float64 x 2"),
        ("two_arguments", "potentials_of_a_user:two_arguments"),
        ("inner", "put it at the top of a module"),
        ("number", "not 3"),
        ("missing", "has no attribute 'missing'"),
    ],
)
def test_potentials_that_cannot_be_used_are_refused_in_one_line(module, name, words):
    with pytest.raises(UsageError, match="potential") as caught:
        pair_potential(f"potentials_of_a_user:{name}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_are_not_known():
    with pytest.raises(UsageError, match="did you mean 'lennard-jones'"):
        pair_potential("lennard jones")
    with pytest.raises(UsageError, match="No module named 'nowhere_at_all'"):
        pair_potential("nowhere_at_all:u")
    with pytest.raises(UsageError, match="put it at the top of a module"):
        pair_potential(njit(lambda r2: r2))
    with pytest.raises(UsageError, match="not 7"):
        pair_potential(7)
    assert set(POTENTIALS) == {"lennard-jones", "fake", "none"}


# bonds


def test_bond_has_the_length_of_kremer_and_grest_and_cannot_break():
    bonds = Bonds()
    rest = optimize.minimize_scalar(lambda r: float(bonds.energy(np.array(r * r))), bounds=(0.8, 1.4), method="bounded")
    assert rest.x == pytest.approx(0.9609, abs=1e-4)
    assert np.isinf(bonds.energy(np.array([1.5, 1.6, 9.0]) ** 2)).all()
    assert float(bonds.energy(np.array(0.0))) == np.inf


def test_bond_is_a_spring_where_the_core_has_ended():
    bonds, r2 = Bonds(stiffness=2.0, length=2.0), np.array([1.3, 1.9]) ** 2
    assert bonds.energy(r2) == pytest.approx(-4 * np.log(1 - r2 / 4), rel=1e-12)
    within = np.array([1.0])
    assert bonds.energy(within) == pytest.approx(-4 * np.log(3 / 4) + 1, rel=1e-12)
