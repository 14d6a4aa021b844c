"""Laws of every simulator: to be listed in EXAMPLES is to be tested."""

import json
import pickle
from contextlib import suppress
from functools import cache, partial
from itertools import product
from typing import get_args, get_origin

import numpy as np
import pytest

from beable.errors import BeableError, DataError, UsageError
from beable.settings import bare, members
from beable.streams import RowStreams
from beable.system import SYSTEMS
from beable.systems.darcy.simulator import Darcy
from beable.systems.lennard_jones.settings import SOURCE_PROTOCOL
from beable.systems.lennard_jones.simulator import LennardJones
from beable.systems.packing.simulator import Packing

ROWS = 5
#: rows are functions of their factors alone; other seeds draw other factors; no two rows have the same factors
PURE, SEEDED, DISTINCT = "pure", "seeded", "distinct"
#: sizes may be nearly alike, so that a row may pass with the mixture of another
MIXED = "mixed"
#: the packing fraction is measured in a bed that is not stored: another row's may pass, one beyond its limits does not
MEASURED = "measured"


class Example:
    """A simulator, and what is true of it besides what is true of all."""

    def __init__(self, make, *traits):
        self.make, self.traits = make, frozenset(traits)

    def __call__(self):
        return self.make()


EXAMPLES = {
    "darcy": Example(lambda: Darcy(grid=17), PURE, SEEDED, DISTINCT),
    "darcy even": Example(
        lambda: Darcy(grid=16, modes=6, factors="mixture", width_is="variance", orientation=30.0),
        PURE,
        SEEDED,
        DISTINCT,
    ),
    "darcy jacobsen": Example(
        lambda: Darcy(grid=17, scheme="jacobsen", factors="correlated-mixture", quadrature="none"),
        PURE,
        SEEDED,
        DISTINCT,
    ),
    "darcy otherwise": Example(
        lambda: Darcy(
            grid=17,
            length=0.3,
            mean=0.5,
            variance=2.0,
            rate=3.0,
            well=0.2,
            well_edge="cells",
            factors="uniform",
            low=-1.0,
        ),
        PURE,
        SEEDED,
        DISTINCT,
    ),
    "fluid": Example(lambda: LennardJones(particles=6, box=4.0, sweeps=40, samples=2, spacing=5)),
    "fluid restarted": Example(lambda: LennardJones(particles=6, box=4.0, **(SOURCE_PROTOCOL | {"sweeps": 30}))),
    "fluid in 3-D": Example(
        lambda: LennardJones(
            particles=8,
            dimensions=3,
            box=(3.0, 4.0),
            temperature=(0.75, 2.0),
            gravity={"low": 0.1, "high": 1.0},
            potential="fake",
            cutoff=None,
            walls="mirror",
            moves="random",
            sweeps=20,
            samples=3,
            spacing=4,
            start="lattice",
        ),
        SEEDED,
    ),
    "periodic fluid": Example(
        lambda: LennardJones(
            particles=12, box=6.0, gravity=0.0, cutoff=2.5, shift=True, walls="periodic", sweeps=20, spacing=4, step=0.3
        )
    ),
    "ideal gas": Example(
        lambda: LennardJones(particles=40, box=2.0, potential="none", walls="reject", sweeps=10, spacing=2)
    ),
    "polymer": Example(
        lambda: LennardJones(particles=9, box=6.0, bonds={"stiffness": 30.0}, sweeps=30, samples=1, spacing=3)
    ),
    "darcy table": Example(
        lambda: Darcy(grid=9, factors="table", table=[[0.1 * i, -1.0] for i in range(20)]), PURE, DISTINCT
    ),
    "powders": Example(
        lambda: Packing(median=(1, 2), spread=(0.0, 0.2), min_coarse_spheres=30), SEEDED, DISTINCT, MIXED, MEASURED
    ),
    "powders of two densities": Example(
        lambda: Packing(
            components=2,
            median=(1, 5),
            spread=(0.0, 0.5),
            densities=(1.0, 4.0),
            truncation=1.5,
            min_coarse_spheres=30,
            sampling="uniform",
        ),
        SEEDED,
        DISTINCT,
        MIXED,
        MEASURED,
    ),
    "powders of a table": Example(
        lambda: Packing(
            components=2,
            min_coarse_spheres=30,
            sampling="table",
            table=[[20, 0.08 * i, 30 + 10 * i, 0.0, 0.3 + 0.05 * i, 0.7 - 0.05 * i] for i in range(8)],
        ),
        DISTINCT,
        MIXED,
        MEASURED,
    ),
}

every = pytest.mark.parametrize("name", EXAMPLES)


def each(trait):
    """The examples that have a trait."""
    return pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if trait in example.traits])


def streams(start=0, rows=ROWS, seed=7):
    return RowStreams(seed, start, rows)


def snapshots(simulator, rows=ROWS):
    return simulator.simulate(simulator.draw(streams(rows=rows)), streams(rows=rows))


@cache
def simulated(name):
    """The rows of an example, which no test may change."""
    found = snapshots(EXAMPLES[name]())
    for values in found.values():
        values.flags.writeable = False
    return found


def row(arrays, i):
    return {name: values[i] for name, values in arrays.items()}


def same_bytes(a, b):
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_every_simulator_has_an_example():
    assert {EXAMPLES[name]().name for name in EXAMPLES} == set(SYSTEMS)


@every
def test_arrays_are_as_declared(name):
    simulator = EXAMPLES[name]()
    found = simulated(name)
    assert list(found) == [variable.name for variable in simulator.variables]
    for variable in simulator.variables:
        assert found[variable.name].shape == (ROWS, *variable.shape)
        assert found[variable.name].dtype == variable.dtype
        assert np.isfinite(found[variable.name]).all()


@every
def test_what_is_declared_can_be_labelled(name):
    simulator = EXAMPLES[name]()
    for variable in simulator.variables:
        assert len(variable.dims) == len(variable.shape)
        assert variable.unit
        assert variable.long_name
        for dim, length in zip(variable.dims, variable.shape, strict=True):
            labels = variable.components if dim == "component" else simulator.coordinates.get(dim, (range(length),))[0]
            assert len(labels) == length
    names = [part.name for part in (*simulator.variables, *simulator.factors)]
    assert len(set(names)) == len(names)
    assert all(part == part.lower() for part in names)
    assert any(variable.diagnostic for variable in simulator.variables)


@every
def test_a_row_does_not_depend_on_the_rows_beside_it(name):
    simulator = EXAMPLES[name]()
    factors, together = simulator.draw(streams()), simulated(name)
    for i in range(ROWS):
        alone = simulator.simulate(factors[i : i + 1], streams(i, 1))
        assert same_bytes(row(alone, 0), row(together, i))


@each(PURE)
def test_a_row_belongs_to_its_factors_alone(name):
    simulator = EXAMPLES[name]()
    factors, together = simulator.draw(streams()), simulated(name)
    backwards = simulator.simulate(factors[::-1], streams())
    assert all(same_bytes(row(backwards, ROWS - 1 - i), row(together, i)) for i in range(ROWS))


@every
def test_a_draw_depends_on_seed_and_row_alone(name):
    simulator = EXAMPLES[name]()
    whole = simulator.draw(streams())
    assert whole.shape == (ROWS, len(simulator.factors))
    assert simulator.draw(streams(3, 2)).tobytes() == whole[3:].tobytes()


@each(DISTINCT)
def test_no_two_rows_are_drawn_alike(name):
    assert len(np.unique(EXAMPLES[name]().draw(streams()), axis=0)) == ROWS


@each(SEEDED)
def test_another_seed_draws_other_factors(name):
    simulator = EXAMPLES[name]()
    assert not np.allclose(simulator.draw(streams(seed=8)), simulator.draw(streams()))


@every
def test_draws_lie_in_the_declared_range(name):
    simulator = EXAMPLES[name]()
    whole = simulator.draw(streams())
    for i, factor in enumerate(simulator.factors):
        assert (whole[:, i] >= factor.low).all()
        assert (whole[:, i] <= factor.high).all()


@every
def test_settings_and_pickles_give_the_same_simulator(name):
    simulator = EXAMPLES[name]()
    settings = json.loads(json.dumps(simulator.settings.model_dump(mode="json"), allow_nan=False))
    assert type(simulator.settings).model_validate_json(simulator.settings.model_dump_json()) == simulator.settings
    for other in (type(simulator)(**settings), pickle.loads(pickle.dumps(simulator))):
        assert other.settings == simulator.settings
        assert same_bytes(other.constants(), simulator.constants())
        assert same_bytes(snapshots(other), simulated(name))


@every
def test_constants_are_finite_and_repeat(name):
    first, again = EXAMPLES[name]().constants(), EXAMPLES[name]().constants()
    assert same_bytes(first, again)
    assert all(np.isfinite(values).all() for values in first.values())


@every
def test_the_residual_is_small_for_a_snapshot_and_large_for_a_wrong_one(name):
    simulator = EXAMPLES[name]()
    found = simulated(name)
    free = {"packing_fraction"} if MEASURED in EXAMPLES[name].traits else set()
    fields = [v.name for v in simulator.variables if not v.diagnostic and v.name not in free]
    assert max(simulator.residual(row(found, i)) for i in range(ROWS)) < 1e-5
    for field in fields:
        wrong = [simulator.residual(row(found, i) | {field: found[field][i - 1]}) for i in range(ROWS)]
        assert max(wrong) > 1e-3
        assert MIXED in EXAMPLES[name].traits or wrong[1] > 1e-3


@each(MEASURED)
@pytest.mark.parametrize(("share", "seen"), [(0.75, True), (0.81, False), (0.99, False), (1.05, True)])
def test_a_measured_fraction_lies_between_loose_and_close_packing(name, share, seen):
    simulator = EXAMPLES[name]()
    found = row(simulated(name), 0)
    moved = found | {"packing_fraction": share * found["close_packing"]}
    assert (simulator.residual(moved) > 1e-3) == seen


@every
def test_no_rows_give_empty_arrays(name):
    simulator = EXAMPLES[name]()
    assert simulator.draw(streams(rows=0)).shape == (0, len(simulator.factors))
    assert all(len(values) == 0 for values in snapshots(simulator, rows=0).values())


@every
def test_factors_of_the_wrong_shape_or_not_finite_are_refused(name):
    simulator = EXAMPLES[name]()
    factors = simulator.draw(streams())
    damaged = factors.copy()
    damaged[2, 0] = np.nan
    for wrong in (factors[0], factors[:, :-1], factors[None], damaged):
        with pytest.raises(DataError):
            simulator.simulate(wrong, streams())
    with pytest.raises(DataError, match="2, 0"):
        simulator.simulate(damaged, streams())


@every
def test_snapshots_of_the_wrong_shape_or_not_finite_are_refused(name):
    simulator = EXAMPLES[name]()
    found = row(simulated(name), 0)
    for field in (variable.name for variable in simulator.variables if not variable.diagnostic):
        without = {other: values for other, values in found.items() if other != field}
        cut = np.asarray(found[field])[..., :-1] if np.ndim(found[field]) else np.zeros(2)
        for wrong in (without, found | {field: cut}, found | {field: found[field] * np.nan}):
            with pytest.raises(DataError, match=field):
                simulator.residual(wrong)


@every
def test_an_unknown_setting_is_refused(name):
    simulator = EXAMPLES[name]()
    with pytest.raises(UsageError, match="colour"):
        type(simulator)(**simulator.settings.model_dump(), colour="blue")


# What cannot be meant

#: of any setting or factor that is a number
ABSURD = (-1e300, -1e18, 1e-300, 1e-30, 1e30, 1e300)
#: small simulators of every system, and what is looked at of what they accept: beds of spheres take too long
SMALL = {
    "darcy": (lambda **given: Darcy(**({"grid": 9} | given)), ("permeability", "pressure", "flux")),
    "lennard-jones": (
        lambda **given: LennardJones(**({"particles": 4, "box": 4.0, "sweeps": 4, "samples": 2, "spacing": 1} | given)),
        ("positions",),
    ),
    "packing": (lambda **given: Packing(**({"median": (1, 2), "spread": (0.0, 0.2)} | given)), ()),
}


def numbers_of(model, at=()):
    """Settings that are numbers, whole ones or lists of them: dotted names and a small value of the same kind."""
    for name, about in model.model_fields.items():
        for hint in members(about.annotation, *about.metadata):
            kind = bare(hint)
            if getattr(kind, "model_fields", None):
                yield from numbers_of(kind, (*at, name))
            elif kind in (int, float) or (get_origin(kind) is tuple and bare(get_args(kind)[0]) is float):
                yield (*at, name), kind


def tree_of(names, value):
    return {names[0]: tree_of(names[1:], value)} if names else value


@pytest.mark.parametrize("system", SYSTEMS)
def test_settings_that_cannot_be_meant_are_refused_or_harmless(system):
    """Refused in one line; or every row fails its own checks, or obeys its equations and differs from the next."""
    make, fields = SMALL[system]
    names, wrong = list(numbers_of(SYSTEMS.settings(system))), []
    assert len(names) >= 6
    for (path, kind), value in product(names, ABSURD):
        given = int(value) or -1 if kind is int else value
        one = partial(make, **tree_of(path, given))
        with np.errstate(all="ignore"):
            wrong += [f"{path} = {given:g}: {why}" for why in judged(one, fields)]
    assert wrong == []


def judged(make, fields):
    """What is wrong with a simulator of an absurd setting; nothing if it is refused."""
    try:
        simulator = make()
        found = snapshots(simulator, rows=2) if fields else {}
    except BeableError as error:
        return ["more than one line"] if "\n" in str(error) else []
    good = [i for i in range(2) if fields and all(np.isfinite(found[name][i]).all() for name in fields)]
    wrong = [f"row {i} violates its equations" for i in good if not simulator.residual(row(found, i)) < 1e-5]
    wrong += [f"{name} is zero" for name in fields if good and not any(found[name][i].any() for i in good)]
    if len(good) == 2 and all(np.array_equal(*found[name]) for name in fields):
        wrong.append("nothing differs between rows")
    return wrong


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("value", [-1e300, 1e30, 1e300])
def test_factors_that_cannot_be_meant_are_refused_or_fail_their_rows(system, value):
    simulator = SMALL[system][0]()
    drawn = simulator.draw(streams(rows=2))
    for i in range(drawn.shape[1]):
        values = drawn.copy()
        values[:, i] = value
        with np.errstate(all="ignore"), suppress(BeableError):
            found = simulator.simulate(values, streams(rows=2))
            assert np.isnan(found[simulator.variables[0].name]).all()


def test_a_setting_that_leaves_nothing_is_seen(monkeypatch):
    """The twin: without its bound an injection of nothing gives a pressure of zero."""
    make, fields = SMALL["darcy"]

    def weak():
        made = make()
        made.settings = made.settings.model_copy(update={"rate": 1e-60})
        return made

    assert any("pressure is zero" in why for why in judged(weak, fields))
