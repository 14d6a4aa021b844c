"""Figures of curves: lines where the numbers are, gaps where none are, and what does not fit is refused."""

import numpy as np
import pytest

from beable.errors import DataError
from beable.report.figures.curves import curves, reconstructed_curves
from beable.report.figures.fields import fields, reconstruction

X = np.linspace(0, 2, 21)
TWO = np.stack([np.sin(X), np.cos(X)])


def test_lines_are_the_numbers_at_their_places():
    figure = curves([TWO, 2 * TWO], ["a", "b"], ["Pa", "1"], X, ["early", "late"], x_label="t (s)")
    for axes, factor in zip(figure.axes, (1, 2), strict=True):
        for line, values in zip(axes.lines, factor * TWO, strict=True):
            assert np.array_equal(line.get_xdata(), X)
            assert np.array_equal(line.get_ydata(), values)
        assert axes.get_xlabel() == "t (s)"
    assert [axes.get_ylabel() for axes in figure.axes] == ["Pa", ""]
    assert [text.get_text() for text in figure.legends[0].texts] == ["early", "late"]


def test_steps_have_colours_from_end_to_end_and_a_dark_middle():
    figure = curves([np.ones((5, 21))], ["z"], ["1"], X, list("abcde"), ordered=True)
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert len(set(colours)) == 5
    assert colours[2] == "#22262B"


def test_an_error_has_its_share_of_the_truth():
    holes = np.where(X > 1, np.nan, X + 1)
    figure = reconstructed_curves([X + 1, holes], [1.1 * (X + 1), 1.5 * holes], ["a", "b"], ["1", "1"], X)
    assert [axes.get_title("right") for axes in figure.axes[2:]] == ["10 %", "50 %"]


@pytest.mark.parametrize(("x", "scale"), [(np.geomspace(1, 1e3, 9), "log"), (np.linspace(1, 1e3, 9), "linear")])
def test_an_axis_is_logarithmic_where_its_places_are_even_so(x, scale):
    assert curves([np.ones((1, 9))], ["a"], ["1"], x, ["row"]).axes[0].get_xscale() == scale


def test_more_panels_than_a_row_has_leave_none_without_an_axis_below():
    figure = curves([TWO] * 4, list("abcd"), ["1"] * 4, X, ["r", "s"], x_label="x")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown] == ["", "x", "x", "x"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: curves([], [], [], X, []),
        lambda: curves([TWO], ["a", "b"], ["1"], X, ["r", "s"]),
        lambda: curves([TWO], ["a"], ["1"], X, ["r"]),
        lambda: curves([TWO], ["a"], ["1"], X[:-1], ["r", "s"]),
        lambda: curves([np.full((2, 21), np.inf)], ["a"], ["1"], X, ["r", "s"]),
        lambda: curves([np.full((2, 21), np.nan)], ["a"], ["1"], X, ["r", "s"]),
        lambda: reconstructed_curves([X * np.nan], [X], ["a"], ["1"], X),
        lambda: reconstructed_curves([X], [X[:-1]], ["a"], ["1"], X),
        lambda: reconstructed_curves([X], [X], ["a", "b"], ["1", "1"], X),
    ],
)
def test_what_does_not_fit_is_refused(draw):
    with pytest.raises(DataError):
        draw()


def test_what_is_wholly_missing_is_an_empty_panel():
    nothing = np.full(21, np.nan)
    figure = reconstructed_curves([X, nothing], [X, X], ["a", "b"], ["1", "1"], X)
    assert [axes.get_title("right") for axes in figure.axes[2:]] == ["0 %", "missing"]
    plane = np.full((4, 3), np.nan)
    there = np.ones((4, 3))
    figure = reconstruction([there, plane], [there, there], ["p", "q"], ["Pa", "Pa"], X[:4], X[:3])
    assert [axes.texts[0].get_text() for axes in figure.axes if axes.texts] == ["0 %", "missing"]
    for scale in ("linear", "log", "signed"):
        fields([there[None], plane[None]], ["p", "q"], ["Pa", "Pa"], X[:4], X[:3], scales=["linear", scale])
