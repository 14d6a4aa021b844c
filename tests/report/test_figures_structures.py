"""Figures of molecules: no floor, no weight, no sigma; a scale in their own unit, names as words."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from beable.datasets.store import Store
from beable.errors import DataError
from beable.report.figures.structures import is_chain, structures
from beable.report.pictures import picture
from beable.report.sections import data_section, letters_of

RNG = np.random.default_rng(5)
CHAIN = np.cumsum(np.ones((3, 12, 3)), axis=1) + 0.1 * RNG.normal(size=(3, 12, 3))
GAS = RNG.uniform(0, 6, (3, 12, 2))
SHOWN = {
    "chain": lambda: structures(CHAIN, "angstrom", titles="abc", below=CHAIN + 0.1),
    "gas in its box": lambda: structures(GAS, "nm", edges=6 * np.eye(2)),
    "one particle": lambda: structures(np.ones((1, 1, 3))),
    "all at one place": lambda: structures(np.ones((2, 5, 2)), "m"),
    "names": lambda: structures(GAS, r"$\frac$", titles=[r"$\frac$", "_x", "x" * 90]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_structures_are_drawn(name):
    assert "<svg" in picture(SHOWN[name]()).markup


def test_only_what_keeps_its_distances_is_joined():
    assert is_chain(CHAIN)
    assert not is_chain(GAS)
    joined = [any(isinstance(c, LineCollection) for c in structures(x).axes[0].collections) for x in (CHAIN, GAS)]
    assert joined == [True, False]


def test_what_no_figure_can_show_is_refused():
    for bad in (np.ones((6, 3, 3)), np.ones((2, 3, 4)), np.full((1, 3, 3), np.nan)):
        with pytest.raises(DataError):
            structures(bad)


def test_a_page_of_molecules_has_a_scale_and_neither_arrow_nor_sigma_nor_formulas(tmp_path):
    factors = {"lid_nmp": np.arange(3.0), "a": np.arange(3.0)}
    store = Store.from_arrays(
        tmp_path / "a.zarr", {"positions": CHAIN}, factors, units={"positions": "angstrom"}, particles="distinct"
    )
    figure = data_section(store, [0, 2]).items[0]
    words = [text.get_text() for axes in figure.figure.axes for text in axes.texts]
    assert any(word.endswith("angstrom") for word in words)
    assert not any("σ" in word or word == "g" for word in words)
    assert "diameter" not in str(figure.caption)
    assert letters_of(store) == [r"\mathrm{lid\_nmp}", "a"]
