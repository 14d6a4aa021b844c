"""A look at the data: what sticks out is named with its rows, and sound data give nothing."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from beable.datasets.generate import generate
from beable.datasets.look import HIDES, look, numbered, refuse_hidden
from beable.datasets.store import Store
from beable.errors import DataError
from beable.systems.darcy.simulator import Darcy
from beable.systems.lennard_jones.simulator import LennardJones
from beable.systems.packing.simulator import Packing

ROWS = 80
SOUND = {
    "normal": lambda rng: rng.normal(size=(ROWS, 16, 12)),
    "one number": lambda rng: rng.normal(size=ROWS),
    "table": lambda rng: rng.normal(size=(ROWS, 5)),
    "lognormal": lambda rng: np.exp(rng.normal(size=(ROWS, 6))),
    "heavy tails": lambda rng: rng.standard_t(3, size=(ROWS, 50)),
    "uniform": lambda rng: rng.uniform(size=(ROWS, 20, 9)),
    "huge": lambda rng: 1e200 * rng.normal(size=(ROWS, 16, 12)),
    "smooth in order": lambda rng: np.sin(0.05 * np.arange(ROWS)[:, None] + rng.uniform(0, 6, 20)),
}
SIMULATORS = {
    "darcy": (lambda: Darcy(grid=17), 200),
    "darcy of many modes": (lambda: Darcy(grid=17, modes=30, variance=4.0), 200),
    "darcy correlated": (lambda: Darcy(grid=17, factors="correlated-mixture"), 200),
    "fluid": (lambda: LennardJones(particles=12, box=5.0, sweeps=100, samples=8, spacing=20), 160),
    "powders": (lambda: Packing(median=(1, 2), spread=(0.0, 0.2), min_coarse_spheres=30), 8),
}


def waves(rows=ROWS, seed=7, shape=(16, 12)):
    """A field of two uniform factors."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, (2, rows, 1, 1))
    x, y = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    return a * np.sin(3 * x + 6 * y) + 0.5 * b * np.cos(10 * x + 5 * y)


def seen(folder, **arrays):
    return look(Store.from_arrays(folder / "data.zarr", arrays))


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("seed", range(5))
def test_sound_data_give_nothing(name, seed, tmp_path):
    assert seen(tmp_path, values=SOUND[name](np.random.default_rng(seed))) == []


@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_simulated_data_give_nothing(name, seed, tmp_path):
    make, rows = SIMULATORS[name]
    with ThreadPoolExecutor(1) as executor:
        assert look(generate(make(), tmp_path / "data.zarr", rows, seed=seed, executor=executor)) == []


def test_one_number_names_its_row_and_hides_the_others(tmp_path):
    field = waves()
    field[11, 3, 3] = 1e6
    (found,) = seen(tmp_path, u=field)
    assert (found.kind, found.rows, found.hides) == ("row", (11,), True)
    assert found.line.startswith("u: row 11 sticks out, up to 1.3e+06 times")
    with pytest.raises(DataError, match=r"row 11 sticks out.*--drop-invalid.*single precision loses the other rows"):
        refuse_hidden([found])


def test_a_row_that_hides_nothing_is_named_and_taken(tmp_path):
    field = waves()
    field[[5, 60]] *= 0.1 * HIDES
    (found,) = seen(tmp_path, u=field)
    assert (found.kind, found.rows, found.hides) == ("row", (5, 60), False)
    refuse_hidden([found])


def test_many_rows_are_counted():
    assert numbered(range(46)) == "rows 0, 1, 2, 3, 4 and 41 more"


def test_components_of_other_sizes_are_named(tmp_path):
    field = np.stack([1e5 + 1e3 * waves(), 0.1 * waves(seed=8)], -1)
    kinds = {finding.kind: finding.line for finding in seen(tmp_path, state=field)}
    assert set(kinds) == {"components", "channel"}
    assert "--dims state=x,y,layer" in kinds["components"]
    assert kinds["channel"].startswith("state[1] varies 1.2e+04 times less than state[0]")


def test_an_axis_that_is_named_is_no_guess(tmp_path):
    field = np.stack([waves(), waves(seed=8)], -1)
    store = Store.from_arrays(tmp_path / "data.zarr", {"state": field}, dims={"state": ("x", "y", "layer")})
    assert look(store) == []


def test_constants_are_named(tmp_path):
    found = seen(tmp_path, state=np.stack([waves(), np.full((ROWS, 16, 12), 3.0)], 1), heat=waves(), wall=np.ones(ROWS))
    assert [(f.kind, f.what) for f in found] == [("constant", "state[1]"), ("constant", "wall")]
    assert "no relative error is given for it" in found[0].line
    assert "(variables, --variables)" in found[1].line


def test_rows_of_zeros_are_named(tmp_path):
    field = waves()
    field[[3, 9]] = 0
    found = {f.kind: f.rows for f in seen(tmp_path, u=field)}
    assert found["zero"] == (3, 9)


def test_a_zero_in_a_column_is_a_number_and_a_row_of_zeros_is_not(tmp_path):
    time, heat = np.arange(ROWS) * 1.0, np.cos(np.arange(ROWS))
    assert not seen(tmp_path, time=time, heat=heat)
    heat[0] = 0
    found = [f for f in seen(tmp_path / "other", time=time, heat=heat) if f.kind == "zero"]
    assert [(f.what, f.rows) for f in found] == [("columns", (0,))]


def test_repeated_rows_and_variables_are_named(tmp_path):
    field = waves()
    field[[20, 50]] = field[4]
    found = {f.kind: (f.what, f.rows) for f in seen(tmp_path, u=field, v=field)}
    assert found == {"repeated": ("rows", (20, 50)), "twin": ("v", ())}
    again = field.copy()
    again[33, 0, 0] += 1
    assert {f.kind for f in seen(tmp_path / "other", u=field, v=again)} == {"repeated"}


def test_trajectories_begin_with_jumps(tmp_path):
    """Ten slow trajectories of forty frames; the same frames in any order have no jumps."""
    rng = np.random.default_rng(5)
    pattern, drift = rng.normal(size=(2, 10, 1, 16, 12))
    frames = (pattern + 0.02 * np.arange(40)[:, None, None] * drift).reshape(400, 16, 12)
    (found,) = seen(tmp_path, u=frames)
    assert (found.kind, found.rows) == ("jump", tuple(range(40, 400, 40)))
    assert "rows 40, 80, 120, 160, 200 and 4 more" in found.line
    assert seen(tmp_path / "other", u=rng.permutation(frames)) == []


@pytest.mark.parametrize(("dtype", "kinds"), [("float32", ["precision"]), ("float64", [])])
def test_numbers_that_float32_rounds_away_are_named(dtype, kinds, tmp_path):
    found = seen(tmp_path, p=(1e7 + waves()).astype(dtype))
    assert [f.kind for f in found if f.kind != "repeated"] == kinds


def test_rows_are_seen_in_blocks_as_at_once(tmp_path, monkeypatch):
    field = waves()
    field[11, 3, 3] = 1e3
    field[[20, 50]] = field[4]
    store = Store.from_arrays(tmp_path / "data.zarr", {"u": field}, block=7)
    whole = look(store)
    monkeypatch.setattr("beable.datasets.look.BLOCK_BYTES", 8 * 16 * 12 * 9)
    assert look(store) == whole
    assert [f.rows for f in whole] == [(11,), (20, 50)]
