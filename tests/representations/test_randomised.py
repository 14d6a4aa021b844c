"""Modes of rows that are read block by block: those of all rows at once, whatever the blocks, and none of noise."""

import numpy as np
import pytest

from beable.errors import DataError
from beable.representations.fields import Fields
from beable.representations.modes import Modes
from beable.representations.randomised import directions
from beable.representations.tables import Table

RNG = np.random.default_rng(0)
ROWS, SIDE = 400, 12
X = np.linspace(0, 1, SIDE)
SHAPES = np.stack([np.outer(np.sin((i + 1) * 3 * X), np.cos(i * 4 * X + 1)) for i in range(4)])
CLEAN = np.einsum("ri,ixy->rxy", RNG.normal(size=(ROWS, 4)) * [3, 2, 1, 0.5], SHAPES) + 5


class Blocks:
    """Rows in memory, given out block by block."""

    def __init__(self, snapshots, size):
        self.snapshots, self.size = snapshots, size
        self.rows = len(next(iter(snapshots.values())))

    def __call__(self, words, most=None):
        some = {n: v[:: -(-self.rows // (most or self.rows))] for n, v in self.snapshots.items()}
        count = len(next(iter(some.values())))
        for i in range(0, count, self.size):
            yield {name: values[i : i + self.size] for name, values in some.items()}


def snapshots(kind, noise=0.0):
    field = CLEAN + noise * np.random.default_rng(1).normal(size=CLEAN.shape)
    return {"p": field.astype(kind), "q": (100 * field**2).astype(kind)}


@pytest.mark.parametrize(("kind", "separate"), [("f4", False), ("f8", False), ("f4", True)])
def test_blocks_find_the_modes_of_all_rows(kind, separate):
    rows = snapshots(kind)
    whole, blocks = Modes(separate=separate).fit(rows), Modes(separate=separate)
    coded = blocks.fit_passes(Blocks(rows, 37))
    for one, two, e, f in zip(whole.bases, blocks.bases, whole.energies, blocks.energies, strict=True):
        assert one.shape == two.shape
        assert np.allclose(np.einsum("ij,ij->j", one[:, :3], two[:, :3]), 1, atol=1e-5)
        assert np.allclose(e[:3], f[:3], rtol=1e-5)
    assert np.allclose(blocks.transform(rows).values, coded.values, atol=1e-3)
    again = blocks.inverse(coded.values)["q"]
    assert np.linalg.norm(again - rows["q"]) < 1e-3 * np.linalg.norm(rows["q"] - rows["q"].mean(0))


def test_the_size_of_a_block_does_not_matter():
    rows = snapshots("f4", noise=0.1)
    one, two = Modes(energy=0.99), Modes(energy=0.99)
    a, b = one.fit_passes(Blocks(rows, 400)), two.fit_passes(Blocks(rows, 7))
    assert a.values.shape == b.values.shape
    assert np.allclose(a.values[:, :4], b.values[:, :4], atol=1e-2)
    assert np.allclose(a.residual_energy, b.residual_energy, rtol=1e-2)


def test_energy_is_kept_or_left():
    rows = snapshots("f4", noise=0.3)
    modes = Modes()
    coded = modes.fit_passes(Blocks(rows, 50))
    scaled = modes.standard.apply(modes.channels.stack(rows)).reshape(ROWS, -1)
    total = (coded.values.astype(float) ** 2).sum(1) + coded.residual_energy.sum(1)
    assert np.allclose(total, (scaled**2).sum(1), rtol=1e-4)


def test_modes_of_noise_are_left_out(monkeypatch):
    monkeypatch.setattr("beable.representations.randomised.MOST_MODES", 20)
    monkeypatch.setattr("beable.representations.randomised.FEWEST", 20)
    kept = [Modes(energy=energy).fit_passes(Blocks(snapshots("f4", 0.3), 64)).values.shape[1] for energy in (1e-7, 1.0)]
    rows = {"p": snapshots("f4", 0.3)["p"]}
    assert 4 <= Modes().fit_passes(Blocks(rows, 64)).values.shape[1] <= 6
    assert kept[0] == 1
    assert kept[1] == 20


def test_modes_that_are_asked_for_are_given():
    rows = snapshots("f8")
    asked = Modes(modes=3)
    assert asked.fit_passes(Blocks(rows, 50)).values.shape == (ROWS, 3)
    with pytest.raises(DataError, match="hold only"):
        Modes(modes=60).fit_passes(Blocks(rows, 50))


def test_columns_of_the_test_matrix_fit_into_memory():
    assert directions(10**6, 10**6, None) == 96
    assert directions(10, 10**6, None) == 10


def test_scales_of_blocks_are_those_of_all_rows():
    rows = snapshots("f4") | {"c": np.full((ROWS, 2, SIDE, SIDE), 0.1) * np.array([1, 0])[:, None, None]}
    whole, blocks = Modes().fit(rows | {"c": rows["c"] + CLEAN[:, None] * [[[1]], [[0]]]}), Modes()
    blocks.fit_passes(Blocks(rows | {"c": rows["c"] + CLEAN[:, None] * [[[1]], [[0]]]}, 37))
    assert np.allclose(whole.standard.mean, blocks.standard.mean)
    assert np.allclose(whole.standard.scale, blocks.standard.scale)
    fields, parts = Fields().fit(snapshots("f8")), Fields()
    parts.fit_passes(Blocks(snapshots("f8"), 37))
    assert np.allclose(fields.code.scale, parts.code.scale)
    assert np.allclose(fields.standard.mean, parts.standard.mean)


def test_numbers_of_any_size_have_scales():
    rows = {"p": CLEAN * 1e200}
    whole, blocks = Fields().fit(rows), Fields()
    blocks.fit_passes(Blocks(rows, 37))
    assert np.allclose(whole.standard.scale / 1e200, blocks.standard.scale / 1e200)


@pytest.mark.parametrize("scaling", ["deviation", "range", "maximum", "none"])
def test_tables_of_blocks_are_those_of_all_rows(scaling):
    rows = {"a": RNG.normal(size=(ROWS, 3)) + 1e3, "b": np.ones(ROWS)}
    whole, blocks = (Table(scaling=scaling, constant="keep") for _ in range(2))
    whole.fit(rows)
    blocks.fit_passes(Blocks(rows, 37))
    assert np.allclose(whole.offset, blocks.offset)
    assert np.allclose(whole.scale, blocks.scale)
    assert np.allclose(whole.code.scale, blocks.code.scale)
    with pytest.raises(DataError, match="b is the same in all 400 training rows"):
        Table(scaling=scaling).fit_passes(Blocks(rows, 37))
