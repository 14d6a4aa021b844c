"""Figures as files: what is drawn once, and what is text."""

import re

import pytest
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from beable.report.figures.style import panel_grid, styled
from beable.report.pictures import saved


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
