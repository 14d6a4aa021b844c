"""Figures as files: what is drawn once, and what is text."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from beable.report.figures.fields import fields, reconstruction
from beable.report.figures.style import legend, panel_grid, style, styled
from beable.report.pictures import cut, saved


@styled
def line(top: float) -> Figure:
    """A line from 0 to 1 and from 0 to this."""
    figure, ((axes,),) = panel_grid(1, 1, 2.0)
    axes.plot([0, 1], [0, top])
    axes.set_xlabel("time")
    return figure


def words(figure: Figure) -> str:
    """All text of the picture, without marks."""
    return re.sub(r"<[^>]*>|\s", "", saved(figure, "svg").decode())


def test_a_figure_is_drawn_once(monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: drawn.append(type(renderer).__name__))
    saved(line(1.0), "svg")
    assert drawn == ["MixedModeRenderer"]


def test_numbers_along_an_axis_are_no_formulas(monkeypatch):
    def refused(self, text, *about):
        raise AssertionError(f"{text} was parsed")

    monkeypatch.setattr(MathTextParser, "_parse_cached", refused)
    assert "0.00.20.40.60.81.0time" in words(line(1.0))
    with pytest.raises(AssertionError, match="was parsed"):  # the power of ten
        saved(line(1e-5), "svg")


def test_a_power_of_ten_beside_an_axis_is_written_as_one():
    said = words(line(1e-5))
    assert "×10−5" in said
    assert "1e" not in said


def test_a_figure_has_the_same_bytes_when_it_is_saved_again():
    figure = line(10_000.0)
    assert saved(figure, "svg") == saved(figure, "svg")


def maps(rows: int, columns: int) -> Figure:
    """What latents do to a field: a row a latent, and one scale for all."""
    arrays = np.random.default_rng(0).normal(size=(columns, rows, 16, 16))
    titles, names, axis = [f"{k} s" for k in range(columns)], [f"z{i}" for i in range(rows)], np.arange(16)
    return fields(list(arrays), titles, ["1"] * columns, axis, axis, rows=names, shared=True)


@styled
def narrow(names: int) -> Figure:
    """A panel of half the width of the page, and a legend of so many names."""
    figure, ((axes,),) = panel_grid(1, 1, 3.0, 3.6)
    legend(figure, {f"model {i}": axes.plot([0, 1], [0, i])[0] for i in range(names)})
    return figure


X, Y = np.linspace(0, 1, 9), np.linspace(0, 1, 7)
FIELD = 1 + np.add.outer(X**2, Y)
WHOLE = {
    "one row of maps": lambda: maps(1, 5),
    "two rows of maps": lambda: maps(2, 5),
    "few maps": lambda: maps(2, 2),
    "many rows of maps": lambda: maps(4, 2),
    "reconstruction": lambda: reconstruction([FIELD], [1.01 * FIELD], ["p"], ["Pa"], X, Y),
    "a long legend": lambda: narrow(14),
}


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_of_a_picture_is_cut(name):
    figure = WHOLE[name]()
    saved(figure, "svg")
    with style():
        assert not cut(figure)


def test_what_reaches_out_of_a_picture_is_noticed():
    figure = line(1.0)
    saved(figure, "svg")
    with style():
        assert not cut(figure)
        figure.axes[0].text(1.5, 0.5, "beside the panel")
        assert cut(figure)
