"""Darcy flow by order of convergence, by conservation, by symmetry, and against numbers of the source's own data."""

import doctest
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from beable import workers
from beable.errors import DataError, UsageError
from beable.streams import RowStreams
from beable.systems.darcy.finite_differences import FiniteDifferences
from beable.systems.darcy.finite_volumes import Faces, FiniteVolumes, face_fluxes
from beable.systems.darcy.simulator import SCHEMES, TOLERANCE, Darcy
from beable.systems.darcy.square_grid import dual_norm, nodes, volumes, without_mean

PAGE = Path(__file__).parents[3] / "docs" / "darcy.md"

every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def difference(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def simulated(simulator, rows, seed=0):
    streams = RowStreams(seed, 0, rows)
    return simulator.simulate(simulator.draw(streams), streams)


def permeabilities(simulator, rows, seed=0):
    return [simulator.permeability(theta) for theta in simulator.draw(RowStreams(seed, 0, rows))]


def test_the_examples_of_the_page_run():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 5
    assert found.failed == 0


# convergence


def manufactured(n):
    """Permeability, pressure, flux and source of a smooth flow without flow through the edges."""
    x, y, pi = nodes(n)[:, np.newaxis], nodes(n), np.pi
    k = np.exp(0.8 * np.sin(2 * x + 1) * np.cos(3 * y) + 0.5 * x * y)
    log_k_x = 1.6 * np.cos(2 * x + 1) * np.cos(3 * y) + 0.5 * y
    log_k_y = -2.4 * np.sin(2 * x + 1) * np.sin(3 * y) + 0.5 * x
    p = np.cos(pi * x) * np.cos(2 * pi * y)
    p_x = -pi * np.sin(pi * x) * np.cos(2 * pi * y)
    p_y = -2 * pi * np.cos(pi * x) * np.sin(2 * pi * y)
    source = -k * (-5 * pi**2 * p + log_k_x * p_x + log_k_y * p_y)
    return k, p, np.stack([-k * p_x, -k * p_y]), source


def errors(equations, n):
    k, p, u, source = manufactured(n)
    discrete = equations(k, source)
    found = discrete.pressure()
    weights = volumes(n)
    return np.sqrt([np.sum(weights * e**2) for e in (found - without_mean(p), discrete.flux(found) - u)])


@every_scheme
@pytest.mark.parametrize("sizes", [(17, 33, 65), (16, 31, 61)], ids=["odd", "even first"])
def test_pressure_and_flux_converge_with_second_order(scheme, sizes):
    found = np.array([errors(SCHEMES[scheme], n) for n in sizes])
    ratio = np.log([(b - 1) / (a - 1) for a, b in pairwise(sizes)])
    order = np.log(found[:-1] / found[1:]) / ratio[:, np.newaxis]
    assert order.min() >= 1.9
    assert order.max() <= 2.2


# conservation


def through_box(fluxes, box):
    """What leaves the control volumes of the nodes [a, b) x [c, d)."""
    a, b, c, d = box
    faces = Faces(np.pad(fluxes.x, ((1, 1), (0, 0))), np.pad(fluxes.y, ((0, 0), (1, 1))))
    return faces.x[b, c:d].sum() - faces.x[a, c:d].sum() + faces.y[a:b, d].sum() - faces.y[a:b, c].sum()


def worst_box(simulator, permeability):
    """Largest error of the balance over a hundred boxes, as a share of what is injected."""
    fluxes = face_fluxes(permeability, simulator.solve(permeability).pressure)
    injected = simulator.source * volumes(simulator.grid)
    corners = np.random.default_rng(0).integers(0, simulator.grid, (100, 4))
    boxes = [(min(a, b), max(a, b) + 1, min(c, d), max(c, d) + 1) for a, b, c, d in corners]
    enclosed = [injected[a:b, c:d].sum() for a, b, c, d in boxes]
    leaving = [through_box(fluxes, box) for box in boxes]
    return np.abs(np.subtract(leaving, enclosed)).max() / np.abs(injected).sum() * 2


@pytest.mark.parametrize("modes", [2, 100, 1000])
def test_flux_through_any_closed_box_is_the_enclosed_source(modes):
    simulator = Darcy(modes=modes)
    assert max(worst_box(simulator, k) for k in permeabilities(simulator, 3)) < 1e-9


def test_the_source_scheme_fails_the_test_of_the_boxes():
    simulator = Darcy(modes=100, scheme="jacobsen")
    assert worst_box(simulator, permeabilities(simulator, 1)[0]) > 1e-3


def test_the_defect_of_mass_balance_tells_the_schemes_apart():
    defect = {scheme: simulated(Darcy(modes=100, scheme=scheme), 4)["mass_balance_defect"] for scheme in SCHEMES}
    assert defect["conservative"].max() < 1e-9
    assert defect["jacobsen"].min() > 1e-2


@pytest.mark.parametrize("grid", [16, 17, 33, 65])
@pytest.mark.parametrize("edge", ["nodes", "cells"])
def test_sources_add_up_to_zero_and_whole_cells_inject_the_same_on_every_grid(grid, edge):
    source = Darcy(grid=grid, well_edge=edge).source * volumes(grid)
    assert abs(source.sum()) < 1e-15
    reach = 0.125 if edge == "cells" else (np.floor((grid - 1) / 8) + 0.5) / (grid - 1)
    assert source[source > 0].sum() == pytest.approx(10 * reach**2, rel=1e-12)


def test_wells_cover_the_nodes_of_the_source():
    source = Darcy().source
    assert (source[:9, :9] == 10).all()
    assert (source[-9:, -9:] == -10).all()
    assert np.count_nonzero(source) == 2 * 81


# symmetry and scaling


@pytest.mark.numerical
@every_scheme
def test_flow_in_a_homogeneous_medium_has_the_symmetry_of_the_wells(scheme):
    flow = Darcy(scheme=scheme).solve(np.ones((65, 65)))
    scale = abs(flow.pressure).max()
    assert abs(flow.pressure + flow.pressure[::-1, ::-1]).max() < 1e-11 * scale
    assert abs(flow.pressure - flow.pressure.T).max() < 1e-11 * scale
    assert abs(flow.flux[0] - flow.flux[1].T).max() < 1e-11
    assert abs(flow.flux - flow.flux[:, ::-1, ::-1]).max() < 1e-11
    assert flow.pressure[0, 0] > 0 > flow.pressure[-1, -1]
    assert flow.flux.min() > -1e-11


@every_scheme
def test_nothing_flows_through_the_edges_and_pressure_has_mean_zero(scheme):
    simulator = Darcy(modes=20, scheme=scheme)
    flow = simulator.solve(permeabilities(simulator, 1)[0])
    assert not flow.flux[0, [0, -1]].any()
    assert not flow.flux[1, :, [0, -1]].any()
    assert abs(np.sum(flow.pressure * volumes(65))) < 1e-15


@every_scheme
def test_pressure_and_flux_scale_with_the_rate(scheme):
    k = permeabilities(Darcy(modes=10), 1)[0]
    one, two = (Darcy(scheme=scheme, rate=rate).solve(k) for rate in (10.0, 20.0))
    assert difference(two.pressure, 2 * one.pressure) < 1e-11
    assert difference(two.flux, 2 * one.flux) < 1e-11


@every_scheme
def test_pressure_falls_with_permeability_and_flux_does_not_change(scheme):
    simulator = Darcy(scheme=scheme)
    k = permeabilities(Darcy(modes=10), 1)[0]
    one, three = simulator.solve(k), simulator.solve(3 * k)
    assert difference(3 * three.pressure, one.pressure) < 1e-11
    assert difference(three.flux, one.flux) < 1e-11


def test_mean_and_variance_act_on_the_logarithm_of_permeability():
    theta = np.array([0.7, -1.2])
    plain, other = (Darcy(**s).permeability(theta) for s in ({}, {"mean": 0.5, "variance": 4.0}))
    np.testing.assert_allclose(np.log(other), 0.5 + 2 * np.log(plain), rtol=0, atol=1e-13)


# the source's scheme and data


@pytest.mark.numerical
@pytest.mark.parametrize("grid", [8, 13])
def test_the_source_scheme_is_the_least_squares_solution(grid):
    simulator = Darcy(modes=20, grid=grid, length=0.5, scheme="jacobsen")
    k = permeabilities(simulator, 1)[0]
    matrix = FiniteDifferences(k, simulator.source).matrix.toarray()
    matrix = np.vstack([matrix, volumes(grid).ravel()])
    wanted = np.linalg.lstsq(matrix, np.append(simulator.source.ravel(), 0.0))[0].reshape(grid, grid)
    assert difference(simulator.solve(k).pressure, wanted) < 1e-9


@pytest.mark.parametrize(("modes", "least", "most"), [(2, 1e-4, 5e-4), (10, 5e-4, 2.5e-3), (100, 7e-3, 2e-2)])
def test_the_schemes_differ_by_little_and_by_more_for_rough_fields(modes, least, most):
    settings = {"modes": modes, "quadrature": "none"}
    ours, theirs = (simulated(Darcy(scheme=scheme, **settings), 8) for scheme in ("conservative", "jacobsen"))
    found = np.mean([difference(a, b) for a, b in zip(theirs["flux"], ours["flux"], strict=True)])
    assert least < found < most
    assert difference(theirs["pressure"], ours["pressure"]) < most


def test_fields_have_the_scales_of_the_source_data():
    """Over the whole law of both factors, by four nodes of Gauss and Hermite each, so that no draw can be lucky."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    factors = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    found = Darcy(scheme="jacobsen", quadrature="none").simulate(factors, RowStreams(0, 0, 16))

    def mean(values):
        return np.average(values.reshape(16, -1).mean(axis=1), weights=np.outer(weights, weights).ravel())

    def deviation(values):
        return np.sqrt(mean(values**2) - mean(values) ** 2)

    assert deviation(found["pressure"]) == pytest.approx(0.080, abs=0.003)
    assert mean(found["flux"]) == pytest.approx(0.152, abs=0.004)
    assert deviation(found["flux"]) == pytest.approx(0.12, abs=0.005)
    assert found["flux"].min() >= 0


@pytest.mark.parametrize(("orientation", "wanted"), [(0.0, 0.70), (45.0, 1.47), (-45.0, 0.46)])
def test_the_orientation_of_a_pair_changes_which_factor_tells_more(orientation, wanted):
    simulator = Darcy(scheme="jacobsen", quadrature="none", orientation=orientation)

    def effect(factor):
        either = [simulator.solve(simulator.permeability(sign * 1e-3 * np.eye(2)[factor])) for sign in (1, -1)]
        return sum(np.sum((getattr(either[0], name) - getattr(either[1], name)) ** 2) for name in ("pressure", "flux"))

    assert effect(0) / effect(1) == pytest.approx(wanted, abs=0.006)


# failures and residuals


@every_scheme
def test_a_row_that_fails_is_not_a_number_and_its_neighbours_do_not_notice(scheme):
    simulator = Darcy(grid=17, scheme=scheme)
    factors = np.array([[0.5, 1.0], [100.0, -100.0], [1e300, 0.0], [0.5, 1.0]])
    found = simulator.simulate(factors, RowStreams(0, 0, 4))
    for name in ("permeability", "pressure", "flux"):
        assert np.isnan(found[name][[1, 2]]).all()
        assert np.isfinite(found[name][[0, 3]]).all()
        assert found[name][0].tobytes() == found[name][3].tobytes()
    assert not (found["relative_residual"][[1, 2]] <= TOLERANCE).any()
    assert (found["relative_residual"][[0, 3]] <= TOLERANCE).all()


def test_a_row_above_the_tolerance_keeps_the_numbers_that_condemned_it():
    found = Darcy(grid=33).simulate(np.array([[40.0, -40.0]]), RowStreams(0, 0, 1))
    assert np.isnan(found["pressure"]).all()
    assert TOLERANCE < found["relative_residual"][0] < 1


@pytest.mark.parametrize(
    ("first", "settings"),
    [(-400.0, {}), (400.0, {}), (-400.0, {"rate": 1e-9}), (-150.0, {"mean": -50.0, "rate": 1e9})],
    ids=str,
)
def test_a_row_beyond_single_precision_fails(first, settings):
    found = Darcy(grid=17, **settings).simulate(np.array([[first, 0.0]]), RowStreams(0, 0, 1))
    assert all(np.isnan(found[name]).all() for name in ("permeability", "pressure", "flux"))
    assert found["relative_residual"][0] == np.inf


@every_scheme
def test_the_residual_measures_how_far_the_pressure_is_off(scheme):
    simulator = Darcy(modes=10, grid=33, scheme=scheme)
    k = permeabilities(simulator, 1)[0]
    flow = simulator.solve(k)
    found = [
        simulator.residual({"permeability": k, "pressure": (1 + off) * flow.pressure, "flux": (1 + off) * flow.flux})
        for off in (0.0, 0.01, 0.1)
    ]
    assert found[0] < 1e-11
    assert found[1:] == pytest.approx([0.01, 0.1], rel=1e-2)


def test_the_dual_norm_is_the_energy_of_the_flow_that_an_imbalance_drives():
    simulator = Darcy()
    flow = simulator.solve(np.ones((65, 65)))
    source = simulator.source * volumes(65)
    assert dual_norm(source + 3 * volumes(65)) == pytest.approx(dual_norm(source), rel=1e-10)
    assert dual_norm(source) == pytest.approx(np.sqrt(np.sum(source * flow.pressure)), rel=1e-10)


def test_a_source_with_a_mean_is_solved_without_it():
    k, source = np.ones((9, 9)), Darcy(grid=9).source
    np.testing.assert_allclose(
        FiniteVolumes(k, source + 3.0).pressure(), FiniteVolumes(k, source).pressure(), atol=1e-14
    )


@pytest.mark.parametrize(
    "wrong", [np.ones((16, 17)), np.zeros((17, 17)), -np.ones((17, 17)), np.full((17, 17), np.inf)]
)
def test_permeabilities_that_cannot_be_are_refused(wrong):
    with pytest.raises(DataError, match="permeability"):
        Darcy(grid=17).solve(wrong)


def test_a_snapshot_whose_permeability_is_not_positive_is_refused():
    simulator = Darcy(grid=17)
    snapshot = {name: values[0] for name, values in simulated(simulator, 1).items()}
    with pytest.raises(DataError, match="positive"):
        simulator.residual(snapshot | {"permeability": -snapshot["permeability"]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"modes": 0},
        {"modes": 2.5},
        {"modes": True},
        {"modes": 4226},
        {"grid": 2},
        {"grid": "65"},
        {"length": 0.0},
        {"length": float("nan")},
        {"mean": float("inf")},
        {"variance": -1.0},
        {"rate": 0.0},
        {"well": 0.5},
        {"well": -0.1},
        {"orientation": "up"},
        {"quadrature": "simpson"},
        {"scheme": "upwind"},
        {"well_edge": "faces"},
        {"factors": "cauchy"},
        {"width_is": "variance"},
        {"scheme": 3},
        {"factors": None},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError) as refusal:
        Darcy(**wrong)
    assert "\n" not in str(refusal.value)
    assert str(next(iter(wrong.values()))) in str(refusal.value) or "width_is" in str(refusal.value)


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'conservative'"):
        Darcy(scheme="conservativ")
    with pytest.raises(UsageError, match="did you mean 'grid'"):
        Darcy(gridd=33)
    with pytest.raises(UsageError, match="did you mean 'width_is'"):
        Darcy(factors="mixture", width_si="variance")


def test_singular_equations_are_refused():
    with pytest.raises(np.linalg.LinAlgError):
        FiniteDifferences(np.zeros((9, 9)), Darcy(grid=9).source).pressure()


def test_a_row_has_the_same_bytes_in_another_process():
    simulator = Darcy(grid=33, modes=10)
    factors, streams = simulator.draw(RowStreams(1, 0, 2)), RowStreams(1, 0, 2)
    with workers.pool(1) as processes:
        there = processes.submit(simulator.simulate, factors, streams).result()
    here = simulator.simulate(factors, streams)
    assert all(here[name].tobytes() == there[name].tobytes() for name in here)
