"""What is declared is compared where a run meets a data set: converted, put in order, or refused with both sides."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from beable.analysis.evaluation import evaluate
from beable.datasets.generate import generate
from beable.datasets.store import Store
from beable.datasets.units import conversion
from beable.datasets.viewed import converted
from beable.errors import DataError, DataWarning
from beable.simulator import Variable
from beable.systems.lennard_jones.simulator import LennardJones
from beable.training.declared import _change, check_declared, declared, in_unit, kept_coordinates
from beable.training.run import train
from beable.training.settings import RunSettings

ROWS, GRID = 40, (16, 12)
X, Y = np.linspace(0, 1, 16), np.linspace(0, 2, 12)
FEW = {"training": {"members": 2, "steps": 5, "records": 2, "start": "pca"}, "model": {"latents": 2}}


def field(seed=7):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, (2, ROWS, 1, 1))
    x, y = np.meshgrid(X, Y, indexing="ij")
    return a * np.sin(3 * x + y) + 0.5 * b * np.cos(5 * y - x)


class Asked:
    """What a run records, without a training."""

    def __init__(self, store, names, conditions=()):
        shapes = {v.name: list(v.shape) for v in store.variables if v.name in names}
        record = {"store": store.id, "shapes": shapes} | declared(store, names)
        self.metadata = json.loads(json.dumps(record))
        self.variables, self.conditions = list(names), tuple(conditions)


@pytest.fixture
def made(tmp_path):
    """Makes data sets, each in a folder of its own."""

    def make(p, **about):
        number = len(list(tmp_path.iterdir()))
        return Store.from_arrays(tmp_path / f"{number}.zarr", {"p": p}, **about)

    return make


@pytest.mark.parametrize(
    ("given", "wanted", "number", "expected"),
    [
        ("kPa", "Pa", 101.325, 101325.0),
        ("degC", "K", 20.0, 293.15),
        ("degF", "degC", 212.0, 100.0),
        ("km/h", "m s-1", 36.0, 10.0),
        ("g/cm^3", "kg m-3", 1.0, 1000.0),
        ("W m-2 K-1", "W/m**2/K", 3.0, 3.0),
        ("%", "1", 50.0, 0.5),
        ("mm", "um", 1.0, 1000.0),
        ("furlong", "furlong", 2.0, 2.0),
    ],
)
def test_units_are_converted(given, wanted, number, expected):
    assert float(converted(np.array(number), conversion(given, wanted))) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("pair", [("Pa", "K"), ("furlong", "m"), ("m", "m2"), ("Pa", "mm"), ("J/(kg K)", "J")])
def test_units_without_a_way_between_them_are_none(pair):
    assert conversion(*pair) is None


@pytest.fixture(scope="module")
def pascal(tmp_path_factory):
    """A data set in Pa, and a run on it."""
    folder = tmp_path_factory.mktemp("pascal")
    store = Store.from_arrays(folder / "pa.zarr", {"p": 1000 * (101.325 + field())}, units={"p": "Pa"})
    return store, train(store, folder / "run", RunSettings.model_validate(FEW))


def test_a_run_on_pascal_judges_kilopascal_as_it_judges_pascal(pascal, made):
    store, run = pascal
    same = made(101.325 + field(), units={"p": "kPa"})
    met = check_declared(run, same)
    np.testing.assert_array_equal(met.read("p"), store.read("p"))
    assert [v.unit for v in met.variables] == ["Pa"]
    found = [evaluate(run, data, run.held_rows).relative_error for data in (store, met, same)]
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_numbers_without_a_unit_are_not_converted(pascal, made):
    """The twin: numbers in kPa taken for Pa."""
    _, run = pascal
    with pytest.warns(DataWarning, match="unit"):
        assert (evaluate(run, made(101.325 + field()), run.held_rows).relative_error > 0.9).all()


def test_the_data_set_of_the_training_is_taken_as_it_is(pascal):
    store, run = pascal
    assert check_declared(run, store) is store


def test_degrees_are_kelvin_with_another_zero(made):
    kelvin = made(290 + field(), units={"p": "K"})
    met = check_declared(Asked(kelvin, ["p"]), made(290 + field() - 273.15, units={"p": "degC"}))
    np.testing.assert_allclose(met.read("p", [3]), kelvin.read("p", [3]), rtol=1e-13)


def test_units_that_cannot_be_converted_are_refused(made):
    run = Asked(made(field(), units={"p": "Pa"}), ["p"])
    with pytest.raises(DataError, match=r"p is in K here and in Pa in the data of the run.*--units p=Pa"):
        check_declared(run, made(field(1), units={"p": "K"}))


@pytest.mark.parametrize(("learned", "given"), [("Pa", "1"), ("1", "Pa")])
def test_a_unit_that_is_not_declared_is_said(learned, given, made):
    run, other = Asked(made(field(), units={"p": learned}), ["p"]), made(field(1), units={"p": given})
    with pytest.warns(DataWarning, match="p has no unit .* taken to be in Pa"):
        np.testing.assert_array_equal(check_declared(run, other).read("p"), other.read("p"))


def test_swapped_axes_are_put_in_order(made):
    store = made(field(), dims={"p": ("lon", "lat")})
    met = check_declared(Asked(store, ["p"]), made(field().transpose(0, 2, 1), dims={"p": ("lat", "lon")}))
    np.testing.assert_array_equal(met.read("p"), store.read("p"))
    assert met.variables[0].dims == ("lon", "lat")
    assert met.variables[0].shape == GRID


def test_other_axes_are_refused_with_the_option_that_renames_them(made):
    run = Asked(made(field(), dims={"p": ("lon", "lat")}), ["p"])
    with pytest.raises(DataError, match=r"axes are \(x, y\) here and \(lon, lat\) .*--dims p=lon,lat"):
        check_declared(run, made(field(1)))


def test_other_shapes_are_refused(made):
    with pytest.raises(DataError, match=r"shape \(16, 6\) here and \(16, 12\)"):
        check_declared(Asked(made(field()), ["p"]), made(field()[:, :, ::2]))


def axes(x=X, unit="km"):
    return {"coordinates": {"x": (x, unit), "y": (Y, "km")}}


def test_coordinates_are_compared_in_one_unit(made):
    run = Asked(made(field(), **axes()), ["p"])
    met = check_declared(run, made(field(1), **axes(1000 * X, "m")))
    np.testing.assert_allclose(met.coordinates["x"][0], X, rtol=1e-14)
    assert met.coordinates["x"][1] == "km"
    rounded = made(field(1), **axes(X.astype(np.float32)))
    assert check_declared(run, rounded) is rounded


@pytest.mark.parametrize("x", [X + 0.1, 2 * X, X[::-1], X**2])
def test_other_coordinates_are_refused(x, made):
    run = Asked(made(field(), **axes()), ["p"])
    with pytest.raises(DataError, match=r"coordinates of x lie from .* here and from 0 to 1 km in the data of the run"):
        check_declared(run, made(field(1), **axes(x)))


def test_coordinates_that_are_not_declared_are_said(made):
    with pytest.warns(DataWarning) as caught:
        check_declared(Asked(made(field(), **axes()), ["p"]), made(field(1)))
    assert [str(w.message)[:20] for w in caught] == ["x has no coordinates", "y has no coordinates"]


def test_coordinates_that_a_run_keeps_can_be_stored_with_what_it_decodes(made):
    kept = kept_coordinates(Asked(made(field(), **axes()), ["p"]).metadata)
    np.testing.assert_array_equal(kept["x"][0], X)
    assert kept["y"][1] == "km"
    again = made(field(1), coordinates=kept)
    assert check_declared(Asked(made(field(), **axes()), ["p"]), again) is again


def named(store, *names):
    """The data set with names for the components of its variable."""
    vars(store)["variables"] = tuple(replace(v, components=names) for v in store.variables)
    return store


def test_components_are_compared_by_name(made):
    one, two = (made(np.stack([field(seed), field(1)], 1), dims={"p": ("component", "x", "y")}) for seed in (0, 2))
    run = Asked(named(one, "u", "v"), ["p"])
    assert check_declared(run, named(two, "u", "v")) is two
    with pytest.raises(DataError, match="components are u, w here and u, v in the data of the run"):
        check_declared(run, named(two, "u", "w"))


def test_components_in_another_order_are_put_in_order():
    about = {"shapes": {"p": [2, 16, 12]}}
    swapped = Variable("p", ("component", "x", "y"), (2, 16, 12), components=("v", "u"))
    change = _change(swapped, about, {"components": {"p": ["u", "v"]}})
    flow = np.stack([field(0), field(1)], 1)
    np.testing.assert_array_equal(change.of(flow[:, ::-1]), flow)
    assert change.variable(swapped).components == ("u", "v")


def test_particles_of_another_box_are_refused(tmp_path):
    fluid = LennardJones(particles=6, sweeps=10, samples=2, spacing=2, box=(5.0,))
    with ThreadPoolExecutor(1) as executor:
        store = generate(fluid, tmp_path / "fluid.zarr", 2, executor=executor)
    run = Asked(store, ["positions"])
    run.metadata["store"] = "another"
    assert check_declared(run, store) is store
    kept = run.metadata["declared"]["particles"]
    assert kept == {"box": [5.0], "walls": "keep"}
    kept["box"] = [4.0, 5.0]
    assert check_declared(run, store) is store
    kept["box"] = [4.0, 6.0]
    with pytest.raises(DataError, match="box of the particles: 5 here and 4 or 6 in the data of the run"):
        check_declared(run, store)
    kept |= {"box": [5.0], "walls": "mirror"}
    with pytest.raises(DataError, match="walls of the particles: keep here and mirror"):
        check_declared(run, store)
    del kept["walls"]
    assert check_declared(run, store) is store
    run.metadata["shapes"]["positions"] = [7, 2]
    with pytest.raises(DataError, match=r"shape \(6, 2\) here and \(7, 2\)"):
        check_declared(run, store)


def test_conditions_have_units_too(made):
    gravity = np.linspace(0.1, 1, ROWS)
    store = made(field(), factors={"g": gravity}, units={"g": "m s-2"})
    run = Asked(store, ["p"], ["g"])
    met = check_declared(run, made(field(1), factors={"g": 100 * gravity}, units={"g": "cm s-2"}))
    np.testing.assert_allclose(met.factor_values, store.factor_values, rtol=1e-14)
    assert met.factors[0].unit == "m s-2"


def test_a_run_without_a_record_says_what_cannot_be_told(made):
    store = made(field(), units={"p": "Pa"})
    run = Asked(store, ["p"])
    del run.metadata["declared"]
    with pytest.warns(DataWarning, match="keeps no record"):
        met = check_declared(run, made(field() / 1000, units={"p": "kPa"}))
    np.testing.assert_allclose(met.read("p"), store.read("p"), rtol=1e-14)


def test_decoded_numbers_are_given_in_the_unit_that_is_asked_for(made):
    run = Asked(made(field(), units={"p": "kPa"}), ["p"])
    assert in_unit(run, "p", np.array([2.0]), "Pa").tolist() == [2000.0]
    assert in_unit(run, "p", np.array([2.0]), "1").tolist() == [2.0]
    with pytest.raises(DataError, match="p: the run decodes it in kPa, asked for in m"):
        in_unit(run, "p", np.array([2.0]), "m")
