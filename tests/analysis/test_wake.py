"""A cylinder wake from its own generator to a run beside POD: the worked case of fluid dynamicists."""

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.analysis.pod import beside_pod, captured, captured_by_modes, determinants, ranked
from beable.commands import cli
from beable.datasets.store import Store
from beable.training.run import train
from beable.training.settings import RunSettings

#: Williamson (1989), 0.212 (1 - 21.2 / Re) for Re = 100 in an unbounded stream
STROUHAL, TOLERANCE = 0.167, 0.05
RUNS, TIMES = 25, 16


def test_latents_are_ranked_by_what_they_add():
    z = np.random.default_rng(0).normal(size=(2, 200, 3))
    sizes = np.array([[1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    mix = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 3)))[0].T
    codes = (z[0] * sizes[0]) @ mix
    order, energy = ranked(lambda some: (some * sizes[:, None]) @ mix, z[[0, 0]], codes, np.zeros(200))
    assert order[0].tolist() == [1, 2, 0]
    assert np.all(np.diff(energy[0]) > 0)
    assert energy[0, -1] == pytest.approx(1)
    assert energy[1, -1] < 0.9  # the other member has the sizes of other latents


def test_energy_of_modes_is_that_of_their_coefficients():
    codes = np.random.default_rng(0).normal(size=(5000, 4)) * [1.0, 3.0, 2.0, 0.0]
    left = np.full(5000, 2.0)
    found = captured_by_modes(codes - codes.mean(0), left, np.array([1.0, 3.0, 2.0, 0.1]))
    assert np.allclose(found, np.array([9, 13, 14, 14]) / 16, atol=0.02)
    whole = captured(codes, left, np.stack([codes, np.broadcast_to(codes.mean(0), codes.shape)]))
    assert np.allclose(whole, [14 / 16, 0], atol=0.02)


def test_determinant_is_that_of_correlations():
    z = np.random.default_rng(0).normal(size=(4000, 3))
    turned = z @ np.array([[1, 0.6, 0], [0, 0.8, 0], [0, 0, 5]])
    still = np.where([True, True, False], z, 1.0)
    assert np.allclose(determinants(np.stack([z, turned, still])), [1, 1 - 0.36, 1], atol=0.03)


@pytest.fixture(scope="module")
def made():
    import wake

    return wake.wakes()


@pytest.mark.slow
def test_the_frequency_of_vortices_is_the_published_one():
    import wake

    assert wake.strouhal(100, (160, 100), 8.0) == pytest.approx(STROUHAL, rel=TOLERANCE)


def imported(path, said=""):
    """The data set that one command makes of a file."""
    output = path.with_name(f"{path.stem.removesuffix('_*')}.zarr")
    assert cli.run(["import", str(path), "-o", str(output), *said.split()]) == 0
    return Store.open(output)


def pressure_of(store):
    """(rows, x, y), whatever the order of the axes and whether it is a component of something."""
    v = next(v for v in store.variables if v.name in ("pressure", "p", "data"))
    values = store.read(v.name)
    if "component" in v.dims:
        values = values.take(-1, v.dims.index("component") + 1)
    axes = [dim for dim in v.dims if dim != "component"]
    return values.transpose(0, *(axes.index(dim) + 1 for dim in ("x", "y")))


def check(store, made):
    assert store.rows == RUNS * TIMES
    assert {dim: len(values) for dim, (values, _) in store.coordinates.items()} == {"x": 100, "y": 60}
    assert np.allclose(store.coordinates["x"][0], made.x)
    assert sorted(f.name for f in store.factors) == ["Re", "angle"]
    known = dict(zip([f.name for f in store.factors], store.factor_values.T, strict=True))
    assert np.array_equal(known["Re"], np.repeat(made.reynolds, TIMES))
    assert np.array_equal(known["angle"], np.repeat(made.angle, TIMES))
    found = pressure_of(store)
    gone = np.isnan(found)
    assert not gone.any() or (gone == made.solid).all()
    assert np.array_equal(np.where(gone, 0, found), made.pressure.reshape(-1, 100, 60))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["well.hdf5", "pdebench.hdf5", "groups.hdf5", "cf.nc", "masked.nc", "flat.npz"])
def test_one_command_for_each_layout_gives_the_same_rows(made, tmp_path, name):
    import wake

    pytest.importorskip("h5py")
    pytest.importorskip("xarray")
    write, said = wake.LAYOUTS[name]
    write(tmp_path / name, made)
    check(imported(tmp_path / name, said), made)


@pytest.mark.slow
def test_a_folder_of_vtk_images_gives_the_same_rows(made, tmp_path, monkeypatch):
    import vtk_stand_in
    import wake

    vtk_stand_in.install(monkeypatch, lambda row: wake.image(made, row))
    for row in range(RUNS * TIMES):
        (tmp_path / f"wake_{row}.vti").touch()
    check(imported(tmp_path / "wake_*.vti"), made)


@pytest.mark.slow
def test_a_masked_solid_and_one_at_rest_give_equal_errors(made, tmp_path):
    import wake

    pytest.importorskip("xarray")
    choice = {"model": {"latents": 5}, "training": {"members": 2, "steps": 600, "group": ["Re", "angle"]}}
    errors = []
    for name, fill in {"masked": np.nan, "at_rest": 0.0}.items():
        wake.flat(tmp_path / f"{name}.nc", made, fill)
        store = imported(tmp_path / f"{name}.nc")
        run = train(store, tmp_path / name, RunSettings.model_validate(choice))
        errors.append(evaluate(run, store, agreement=True).relative_error)
    assert np.allclose(*errors, rtol=0.01)


@pytest.mark.slow
def test_latents_capture_more_than_as_many_modes(made, tmp_path):
    import wake

    wake.npz(tmp_path / "wake.npz", made)
    store = imported(tmp_path / "wake.npz", "--factors Re angle")
    choice = {"model": {"latents": 5}, "training": {"members": 2, "steps": 1500, "group": ["Re", "angle"]}}
    found = beside_pod(train(store, tmp_path / "run", RunSettings.model_validate(choice)), store)
    assert found.energy.min() > found.pod
    assert np.all(found.modes > 5)
    assert np.allclose(found.ranked[:, -1], found.energy, atol=1e-4)
    assert np.all((found.determinant > 0) & (found.determinant <= 1))
