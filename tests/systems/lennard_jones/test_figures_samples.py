"""Figures of sets of configurations and of what models make of them: structure, energies, latents, ways back."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from beable.report.figures.style import PALETTE, WIDTH
from beable.systems.lennard_jones.configurations import height_profile, radial_distribution
from beable.systems.lennard_jones.figures.energies import energies, relaxations
from beable.systems.lennard_jones.figures.latents import latent_maps
from beable.systems.lennard_jones.figures.sizes import chain_paces, error_and_rate
from beable.systems.lennard_jones.figures.structure import height_profiles, radial_distributions
from beable.systems.lennard_jones.figures.ways_back import small_boxes, ways_back

RNG = np.random.default_rng(12)
X = RNG.uniform(0, 10, (20, 15, 2))
R = np.linspace(0.5, 6, 12)
G = (R, np.exp(-R), 0.1 * np.exp(-R))
U = RNG.normal(-8, 6, 200)
SWEEPS = np.array([0.0, 1, 5, 20, 100])
TRACES = U[:, None] + 40 * np.exp(-SWEEPS / 5)
Z, LEVELS = RNG.normal(size=(80, 2)), np.repeat([0.1, 0.4, 0.7, 1.0], 20)
FOUR = {f"γ = {g}": {"equilibrium": G, "decoded": G} for g in (0.1, 0.4, 0.7, 1)}

FIGURES = {
    "a reference in one panel": lambda: energies({"a": {"eq": U}, "b": {"decoded": U}}, reference="eq"),
    "many curves": lambda: radial_distributions({f"model {i}": G for i in range(14)}),
    "g(r) beside equilibrium": lambda: radial_distributions(FOUR, reference="equilibrium"),
    "profiles": lambda: height_profiles({"a": {"eq": G}, "b": {"eq": G}}, reference="eq", ideal={"a": G}),
    "ways back": lambda: ways_back(X[:2], {"a": X[:2] + 0.1, "b": X[2:4]}, 10.0),
    "small boxes": lambda: small_boxes(X[:7], 10.0, [f"kind {i}: 97.5 %" for i in range(7)]),
    "maps": lambda: latent_maps({"a": Z, "b": 9 * Z}, LEVELS, "γ", {"a": "20 %", "b": "9 %"}),
    "sizes": lambda: error_and_rate(R, {"β = 1": 1 / R, "λ": 2 / R}, {"β = 1": R, "λ": 2 * R}, last="λ"),
    "paces": lambda: chain_paces(R[:2], {"small": (R[:2], [True, False]), "tuned": (99 * R[:2], [True, True])}),
    "relaxation from overlaps": lambda: relaxations({"a": {"decoded": TRACES * 10.0 ** (9 - SWEEPS)}}, SWEEPS,
                                                    equilibrium={"a": U}),
}  # fmt: skip

#: panels and words as above, where their arrangement is tried
ARRANGED_ALIKE = {
    "g(r)": lambda: radial_distributions({"decoded": radial_distribution(X, 10, R)}),
    "profile": lambda: height_profiles({"decoded": height_profile(X, 10)}, ideal=G),
    "energies": lambda: energies({"equilibrium": U, "decoded": np.append(3 * U, 50 * [np.inf])}),
    "energies by gravity": lambda: energies({"a": {"equilibrium": U, "decoded": U + 9}, "b": {"equilibrium": U}}),
    "relaxation": lambda: relaxations({"decoded": TRACES}, SWEEPS, equilibrium=U),
}

DARKEST = colormaps["YlGnBu"](1.0)

DEGENERATE = {
    "one row": lambda: radial_distributions({"decoded": radial_distribution(X[:1], 10, np.linspace(0.5, 20, 30))}),
    "one bin": lambda: height_profiles({"decoded": height_profile(X, 10, bins=1)}, reference="decoded"),
    "an empty box": lambda: height_profiles({"decoded": (R, 0 * R, 0 * R)}, ideal=(R, 0 * R, 0 * R)),
    "an ideal gas beside nothing else": lambda: height_profiles({"": (R, 0 * R, 0 * R)}, ideal=G),
    "one energy": lambda: energies({"equilibrium": np.ones(1)}),
    "equal energies": lambda: energies({"equilibrium": np.zeros(9), "decoded": np.zeros(9)}),
    "infinite energies": lambda: energies({"equilibrium": np.full(9, np.inf), "decoded": np.full(9, np.inf)}),
    "huge energies": lambda: energies({"equilibrium": U, "decoded": np.full(9, 1e300)}),
    "one time": lambda: relaxations({"decoded": TRACES[:, :1]}, SWEEPS[:1], equilibrium=U),
    "one trace": lambda: relaxations({"decoded": TRACES[:1]}, SWEEPS),
    "infinite at first": lambda: relaxations({"a": np.where(SWEEPS > 1, TRACES, np.inf)}, SWEEPS, equilibrium=U),
    "always infinite": lambda: relaxations({"a": np.full((9, 5), np.inf)}, SWEEPS, equilibrium=U),
    "equilibrium at one energy": lambda: relaxations({"a": TRACES}, SWEEPS, equilibrium=np.zeros(9)),
    "sizes, failed": lambda: error_and_rate(R, {"β = 1": np.nan * R}, {"β = 1": np.nan * R}),
    "paces, failed": lambda: chain_paces(R[:2], {"small": (np.nan * R[:2], [False, False])}),
    "maps of one place": lambda: latent_maps({"a": 0 * Z}, LEVELS, "γ", {"a": "0 %"}),
    "far outside": lambda: small_boxes(np.array([[[5.0, 5.0], [900.0, 5.0]]]), 10.0, [""]),
}


@pytest.mark.parametrize("name", FIGURES | ARRANGED_ALIKE | DEGENERATE)
def test_every_figure_draws_without_a_warning_at_the_page_s_width(name: str) -> None:
    figure = (FIGURES | ARRANGED_ALIKE | DEGENERATE)[name]()
    if name not in FIGURES:
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] <= WIDTH + 1e-9


# what is shown


def test_the_reference_is_an_area_and_the_others_are_lines_in_bands_of_two_errors() -> None:
    axes = radial_distributions({"equilibrium": G, "decoded": G}, reference="equilibrium").axes[0]
    area, band = (c.get_paths()[0].vertices for c in axes.collections)
    assert area[:, 1].min() == 0
    at = band[np.isclose(band[:, 0], R[0])][:, 1]
    assert (at.min(), at.max()) == pytest.approx((0.8 * G[1][0], 1.2 * G[1][0]))


def test_undefined_points_are_left_out_and_undefined_errors_are_no_band() -> None:
    curve = (R, np.where(R > 5, np.nan, 1.0), np.full(len(R), np.nan))
    line = radial_distributions({"a": curve}).axes[0].lines[-1]
    assert line.get_xdata() == pytest.approx(R[R <= 5])


def test_heights_point_upwards() -> None:
    axes = height_profiles({"a": G}).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx(R)
    assert axes.lines[0].get_xdata() == pytest.approx(G[1])


def test_the_ideal_gas_does_not_set_the_scale() -> None:
    axes = height_profiles({"a": G}, ideal=(R, 100 * G[1], 0 * R)).axes[0]
    assert axes.get_xlim()[1] < 2 * G[1].max()


@pytest.mark.parametrize("figure", [radial_distributions, height_profiles])
def test_a_label_keeps_its_colour_in_all_panels(figure) -> None:
    drawn = figure({"a": {"first": G, "second": G}, "b": {"second": G}})
    assert [line.get_color() for line in drawn.axes[0].lines if len(line.get_xdata()) > 2] == list(PALETTE[:2])
    assert drawn.axes[1].lines[-1].get_color() == PALETTE[1]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["first", "second"]


def test_samples_share_bins_and_what_lies_outside_is_said() -> None:
    axes = energies({"equilibrium": U, "decoded": np.concatenate([U, U + 1e6, [-np.inf] * 400])}).axes[0]
    steps = [patch.get_data() for patch in axes.patches if isinstance(patch, StepPatch)]
    assert steps[0].edges == pytest.approx(steps[1].edges)
    assert [data.values.sum() for data in steps] == pytest.approx([1, 0.25])
    assert [text.get_text() for text in axes.texts] == ["← 50 %", "25 % →"]


def test_relaxation_shows_the_median_and_the_middle_half() -> None:
    traces = np.array([0.0, 1, 2, 3, 100])[:, None] + np.zeros(5)
    axes = relaxations({"a": traces}, SWEEPS).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx(2)
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (1, 3)


@pytest.mark.parametrize(("start", "scale"), [(10.0, "linear"), (1e8, "symlog")])
def test_energies_far_above_equilibrium_bend_the_scale(start: float, scale: str) -> None:
    axes = relaxations({"a": U[:, None] + start / (1 + SWEEPS)}, SWEEPS, equilibrium=U).axes[0]
    assert axes.get_yscale() == scale
    assert axes.get_ylim()[0] < np.median(U)


def faces(axes: Axes) -> list[list[float]]:
    """Colours of the particles of a box."""
    return next(c for c in axes.collections if isinstance(c, EllipseCollection)).get_facecolor().tolist()


def test_ways_back_share_one_scale_of_displacements() -> None:
    x = np.array([[[1.0, 1.0], [3.0, 1.0]]])
    one = ways_back(x, {"a": x + 0.5, "b": x + 4.0}, 8.0)
    other = ways_back(x, {"a": x + 0.5, "b": x + 1.0}, 8.0)
    assert faces(one.axes[2]) == faces(other.axes[2]) == [[*DARKEST]] * 2
    assert faces(one.axes[1]) != faces(other.axes[1])


def test_a_level_of_gravity_has_its_colour_in_maps_and_in_curves() -> None:
    curves = [line.get_color() for line in radial_distributions({f"γ = {g}": G for g in range(4)}).axes[0].lines[1:]]
    handles = latent_maps({"a": Z}, LEVELS, "γ", {"a": ""}).legends[0].legend_handles
    assert [to_hex(handle.get_color()).upper() for handle in handles] == [colour.upper() for colour in curves]


def test_paces_of_chains_that_are_too_short_are_hollow() -> None:
    marks = chain_paces(R[:2], {"small": (R[:2], [True, False])}).axes[0].lines[1:]
    assert [mark.get_markerfacecolor() for mark in marks] == [PALETTE[0], "white"]


@pytest.mark.parametrize("word", [r"$\frac$", "_名前", "x" * 300])
def test_names_are_words_whatever_stands_in_them(word: str) -> None:
    for figure in (
        height_profiles({word: {word: G}}, ideal={word: G}),
        energies({word: {word: U}}, label=word),
    ):
        if len(word) < 100:  # only long words could leave no room
            figure.set_layout_engine("none")
        figure.draw_without_rendering()
        assert len(figure.legends[0].get_texts()) > 0
