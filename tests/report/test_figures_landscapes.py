"""Figures of landscapes, ways of trainings and laws: what they show, and what they refuse."""

import numpy as np
import pytest

from beable.errors import DataError
from beable.report.figures.landscapes import landscape_lines, rotation_curves
from beable.report.figures.laws import law_against_angle, law_against_scatter
from beable.report.figures.paths import losses_and_beta, paths_in_the_plane

RNG = np.random.default_rng(0)
ALPHA = np.linspace(0, 1, 11)
LINES = (ALPHA - RNG.uniform(size=(12, 1))) ** 2
ANGLES = np.linspace(-180, 180, 25)
STEPS = np.arange(0.0, 500, 10)
LOSS = 1000 * np.exp(-STEPS[:, None] / 20) * np.ones(3) - 9
THETA = RNG.normal(size=(40, 2))


FIGURES = {
    "lines": lambda: landscape_lines(ALPHA, {"total": LINES, "a": LINES}, ends=("start", "solution")),
    "one flat line": lambda: landscape_lines(ALPHA, {"total": np.ones((1, 11))}, levels={"total": 0.5}),
    "clipped": lambda: landscape_lines(ALPHA, {"total": 1e6 * LINES}, highest=1000),
    "rotations": lambda: rotation_curves(ANGLES, {"standard": np.ones((4, 25)), "other": np.sin(ANGLES / 50)[None]}),
    "losses": lambda: losses_and_beta(STEPS, {"VAE": LOSS}, np.geomspace(1e-9, 1, 50)[:, None], phases={"rate": 200}),
    "no rate yet": lambda: losses_and_beta(STEPS, {"VAE": LOSS}, np.zeros((50, 1))),
    "ways": lambda: paths_in_the_plane({"good": (LOSS[:, 0] + 9, LOSS[:, 1]), "bad": (STEPS, STEPS)}),
    "a way that rests": lambda: paths_in_the_plane({"good": (np.ones(5), np.ones(5))}, points=(STEPS, -STEPS)),
    "law": lambda: law_against_angle({"standard": (np.arange(5.0), np.arange(5.0)), "other": (np.ones(1), np.ones(1))}),
    "scatter": lambda: scatter(2),
}


def scatter(models):
    matching = np.tile([0, -1], (models, 1))
    return law_against_scatter([THETA] * models, THETA, np.arange(0.0, models), matching, ["\\theta_1", "\\theta_2"])


ALIKE = ("one flat line", "clipped", "no rate yet", "a way that rests")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_without_a_warning(name):
    figure = FIGURES[name]()
    if name in ALIKE:  # the same panels and words as others, whose arrangement is tried there
        figure.set_layout_engine("none")
    figure.draw_without_rendering()


def test_every_line_is_drawn_and_their_median():
    axes = FIGURES["lines"]().axes[0]
    assert len(axes.lines) == 13
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), np.median(LINES, axis=0))
    assert FIGURES["clipped"]().axes[0].lines[0].get_ydata().max() <= 1000


def test_losses_are_cut_where_a_rate_is_huge():
    low, high = FIGURES["losses"]().axes[0].get_ylim()
    assert low < LOSS.min()
    assert high < LOSS.max()
    assert losses_and_beta(STEPS, {"VAE": LOSS}, np.ones((50, 1)), cut=False).axes[0].get_ylim()[1] > LOSS.max()


def test_models_stand_by_rising_law():
    titles = [axes.get_title() for axes in scatter(7).axes[:6]]
    assert titles == [f"$S_{{KL}}$ = {k}" for k in (0, 1, 2, 4, 5, 6)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: landscape_lines(ALPHA, {"total": LINES[:, :3]}),
        lambda: landscape_lines(ALPHA, {"total": np.full((1, 11), np.nan)}),
        lambda: rotation_curves(ANGLES, {"a": np.ones((2, 3))}),
        lambda: losses_and_beta(STEPS, {"VAE": LOSS[:3]}, np.ones((50, 1))),
        lambda: paths_in_the_plane({"a": (STEPS, STEPS[:3])}),
        lambda: law_against_scatter([THETA], THETA, np.ones(1), np.zeros((1, 3), int), ["a", "b"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(draw):
    with pytest.raises(DataError):
        draw()
