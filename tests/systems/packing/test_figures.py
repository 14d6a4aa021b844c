"""Figures of packed beds, of the axis of beta and of inverse design: what they show, refuse, and what is exact."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from beable.errors import DataError, UsageError
from beable.report.figures.designs import design_diversity, design_success, design_targets
from beable.report.figures.style import GREY, PALETTE, WIDTH
from beable.systems.packing.figures import raycast, spheres
from beable.systems.packing.figures.beds import (
    close_packing,
    coordination_histogram,
    packing_profiles,
    size_distribution,
)
from beable.systems.packing.figures.beta_axis import beta_axis, rate_spectrum
from beable.systems.packing.figures.cumulative import cumulative_distributions
from beable.systems.packing.figures.embeddings import embeddings
from beable.systems.packing.figures.lighting import SAMPLES, picture
from beable.systems.packing.figures.parity_grid import parity_grid
from beable.systems.packing.figures.raycast import NOTHING, block_of, cast, eye, view_of
from beable.systems.packing.figures.spheres import packing, packings
from beable.systems.packing.figures.trends import quadratic_fit, scores_against

RNG = np.random.default_rng(3)
SIDE = 5.0
X = RNG.uniform([0, 0, 0.5], [SIDE, SIDE, 4.5], (60, 3))
R = RNG.choice([0.25, 0.5], 60)
KIND = (R > 0.3).astype(int)
BED = (X, R, SIDE, KIND)
Z = np.linspace(0.5, 19.5, 20)
FINE, COARSE = np.full(20, 0.3), np.full(20, 0.25)
PROFILE = (Z, FINE + COARSE, {"fine": FINE, "coarse": COARSE})
D = np.geomspace(2, 50, 30)
DENSITY = (D, np.exp(-(np.log(D / 10) ** 2)))
BETA = np.array([0, 0.01, 0.1, 0.3, 1, 4, 15])
RATES = np.maximum(0.5 * np.log(0.3 / np.maximum(BETA, 1e-3)), 0)[:, None, None] * RNG.uniform(0.8, 1.2, (7, 4, 2))
THEORY = (BETA, RATES.mean(1))
PHI = RNG.uniform(0.6, 0.8, 25)
CELL = (PHI, PHI + 0.01 * RNG.normal(size=25), np.full(25, 0.003))
GRID = {"all": {f"{beta:g}": CELL for beta in range(4)}, "top": {"1": CELL}}
XY = RNG.normal(size=(40, 2))
VALUES = RNG.uniform(0.5, 0.8, 40)
SCORES = {"all": (BETA, RNG.random(7)), "top": (BETA, np.append(RNG.random(6), np.nan))}
CHANCE = (BETA, np.full(7, 0.2), np.full(7, 0.6))
TARGET = np.repeat(np.linspace(0.6, 0.75, 5), 4)
MADE = (TARGET, TARGET + 0.01 * RNG.normal(size=20), np.full(20, 0.002))
MIXED = (RNG.dirichlet([1, 1, 1], 12), RNG.uniform(1, 10, 12))
RANGES = np.array([[0.0, 1.0]] * 4)


def against(panels: dict, **kwargs: object) -> Figure:
    return scores_against(panels, x_label="β", y_label="NMI", **kwargs)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spheres, "PIXELS", 24)


FIGURES: dict[str, Callable[[], Figure]] = {
    "packing by size": lambda: packing(X, R, SIDE, unit="um"),
    "packing by component": lambda: packing(X, R, SIDE, component=KIND, names=["fine", "coarse"]),
    "packing cut": lambda: packing(X, R, SIDE, height=2.0),
    "packings": lambda: packings({str(i): BED for i in range(4)}, names=["fine", "coarse"], unit="um"),
    "packings of equal boxes": lambda: packings({"a": BED, "b": (*BED[:3], None)}, alike="boxes", height=0.5),
    "profiles": lambda: packing_profiles({"a": PROFILE, "b": PROFILE}, slabs={"a": (4.0, 16.0)}, reference={"a": 0.64}),
    "profile": lambda: packing_profiles({"a": (Z, FINE, {})}),
    "close packing": lambda: close_packing({"one": CELL, "two": (PHI, PHI - 0.06, None)}),
    "sizes": lambda: size_distribution({"fine": DENSITY, "coarse": (np.array([90.0]), np.array([0.3]))}),
    "sizes of two": lambda: size_distribution({"a": {"fine": DENSITY}, "b": {"fine": DENSITY}}),
    "contacts": lambda: coordination_histogram({"fine": np.array([4, 6, 6]), "coarse": np.array([20, 40])}),
    "contacts of two": lambda: coordination_histogram({"a": {"fine": np.array([4])}, "b": {"fine": np.array([6])}}),
    "beta": lambda: beta_axis(BETA, {"rate": RATES[..., 0]}, y_label="rate", thresholds={"collapse": 0.3}),
    "beta of three": lambda: beta_axis(BETA, {p: {"r": RATES[..., 0]} for p in "abc"}, y_label="r", studied=(0, 15),
                                       thresholds={"a": {"one": 0.3, "two": 0.2}}, y_scale="symlog",
                                       theory={"a": {"r": (BETA, THEORY[1][:, 0])}}),
    "rates": lambda: rate_spectrum(BETA, {"all": RATES}, theory=THEORY, thresholds={"c": 0.3}, studied=(0, 15)),
    "rates of two": lambda: rate_spectrum(BETA[1:], {"a": RATES[1:], "b": RATES[1:]}, theory={"a": THEORY}),
    "parity": lambda: parity_grid(GRID, notes={"all": {"1": "collapsed"}}),
    "one parity": lambda: parity_grid({"all": {"1": CELL}, "top": {"2": (PHI, PHI, None)}}),
    "cumulative": lambda: cumulative_distributions({"all": RNG.normal(size=5000), "top": PHI}),
    "embeddings": lambda: embeddings({str(i): (XY, VALUES) for i in range(5)}, "φ", flags={"3": "collapsed"}),
    "scores": lambda: against({"": SCORES}, x_scale="symlog", bands={"": CHANCE}, references={"": [(0.5, "level")]}),
    "four scores": lambda: against(dict.fromkeys("abcd", SCORES), y_scale="log",
                                   x_scale={"a": "log", "b": "linear", "c": "symlog", "d": "log"}),
    "targets": lambda: design_targets({"latent": MADE, "random": (TARGET, TARGET + 0.2, None)}, 0.01),
    "success": lambda: design_success({"a": (BETA, BETA / 15, 0 * BETA, BETA / 9), "b": (BETA, BETA / 30, None, None)}),
    "diversity": lambda: design_diversity({"a": MIXED, "b": MIXED}, ["x", "y", "z"]),
}  # fmt: skip

#: figures of one panel whose like with several is there
ALIKE = {"profile", "contacts", "sizes", "beta", "rates", "one parity", "scores", "packing by size", "packing cut"}

DEGENERATE: dict[str, Callable[[], Figure]] = {
    "one sphere": lambda: packing(np.array([[0.1, 0.1, 0.5]]), np.array([0.5]), 2.0),
    "sphere as wide as the box": lambda: packing(np.array([[0.1, 0.1, 1.0]]), np.array([1.0]), 2.0),
    "spheres out of the box": lambda: packing(X + np.array([9, -9, 0]), R, SIDE),
    "one component": lambda: packing(X, R, SIDE, component=0 * KIND),
    "one named component": lambda: packing(X, R, SIDE, component=0 * KIND, names=["AP"]),
    "tiny spheres": lambda: packing(1e-9 * X, 1e-9 * R, 1e-9 * SIDE),
    "one layer": lambda: packing_profiles({"a": (Z[:1], FINE[:1], {})}, slabs={"a": (0, 0.1)}),
    "an empty bed": lambda: packing_profiles({"a": (Z, 0 * FINE, {"fine": 0 * FINE})}),
    "equal beds": lambda: close_packing({"a": (np.full(2, 0.6), np.full(2, 0.6), None)}),
    "one size": lambda: size_distribution({"a": (np.ones(1), np.ones(1))}),
    "no contact": lambda: coordination_histogram({"a": np.zeros(4)}),
    "one beta": lambda: beta_axis(np.zeros(1), {"a": np.ones(1)}, y_label="y"),
    "undefined": lambda: beta_axis(BETA, {"a": np.full((7, 3), np.nan)}, y_label="y"),
    "all collapsed": lambda: rate_spectrum(BETA, {"a": 0 * RATES}, theory=(BETA, 0 * THEORY[1])),
    "signs mix": lambda: beta_axis(BETA, {"a": BETA - 1}, y_label="y", y_scale="symlog"),
    "constant cell": lambda: parity_grid({"a": {"1": (np.full(3, 0.6), np.full(3, 0.6), None)}}),
    "one value": lambda: cumulative_distributions({"a": np.ones(1)}),
    "collapsed everywhere": lambda: embeddings({"a": (0 * XY, np.full(40, 0.7))}, "φ"),
    "undefined scores": lambda: against({"": {"a": (BETA, np.full(7, np.nan))}}),
    "scores at 0 on a logarithmic axis": lambda: against({"": {"a": (BETA, BETA)}}, x_scale="log", y_scale="log"),
    "one cell": lambda: against({"": {"a": (np.ones(1), np.ones(1))}}),
    "one target": lambda: design_targets({"a": (np.ones(1), np.ones(1), None)}, 0.01),
    "one design": lambda: design_diversity({"a": (np.array([[1.0, 0, 0]]), np.ones(1))}, ["x", "y", "z"]),
}


@pytest.mark.parametrize("name", FIGURES | DEGENERATE)
def test_every_figure_draws_without_a_warning_at_the_page_s_width(name: str) -> None:
    figure = (FIGURES | DEGENERATE)[name]()
    if name in ALIKE | DEGENERATE.keys():  # the same panels and words as others, whose arrangement is tried there
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] <= WIDTH + 1e-9


NAN = np.nan
WRONG: dict[str, Callable[[], Figure]] = {
    "flat positions": lambda: packing(X[:, :2], R, SIDE),
    "positions that are NaN": lambda: packing(X * NAN, R, SIDE),
    "a radius missing": lambda: packing(X, R[1:], SIDE),
    "a radius of 0": lambda: packing(X, 0 * R, SIDE),
    "a negative box": lambda: packing(X, R, -1.0),
    "a box that is NaN": lambda: packing(X, R, NAN),
    "a height of 0": lambda: packing(X, R, SIDE, height=0.0),
    "a height below all spheres": lambda: packing(X + np.array([0, 0, 9]), R, SIDE, height=1.0),
    "half a component": lambda: packing(X, R, SIDE, component=KIND + 0.5),
    "a negative component": lambda: packing(X, R, SIDE, component=KIND - 1),
    "too few names": lambda: packing(X, R, SIDE, component=KIND, names=["fine"]),
    "five beds": lambda: packings({str(i): BED for i in range(5)}),
    "no bed": lambda: packings({}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(DataError) as refused:
        WRONG[name]()
    assert "\n" not in str(refused.value)


UNKNOWN: dict[str, Callable[[], Figure]] = {
    "spheres": lambda: packings({"a": BED}, alike="sphere"),
    "symlog": lambda: against({"": SCORES}, x_scale="symlg"),
    "log": lambda: beta_axis(BETA, {"a": BETA}, y_label="y", y_scale="lg"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_are_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{name}'"):
        UNKNOWN[name]()


# rays


def by_hand(positions: np.ndarray, radii: np.ndarray, side: float, top: float, view: raycast.View) -> np.ndarray:
    """Number of the first sphere along every ray, from all spheres and images at every one of many steps of w."""
    numbers, nearest = (
        np.full((len(view.down), len(view.across)), NOTHING),
        np.full((len(view.down), len(view.across)), -np.inf),
    )
    right, up, towards = eye()
    rays = view.across[None, :, None] * right + view.down[:, None, None] * up
    for shift in ([0, 0, 0], [side, 0, 0], [0, -side, 0], [side, -side, 0]):
        for number, (centre, r) in enumerate(zip(positions + shift, radii, strict=True)):
            away = centre - rays
            middle = away @ towards
            half = np.sqrt(np.maximum(r**2 - ((away**2).sum(-1) - middle**2), 0))
            leaves = np.min([((side if axis == 0 else 0.0 if axis == 1 else top) - rays[..., axis]) / towards[axis]
                             for axis in range(3)], axis=0)  # fmt: skip
            w = np.minimum(middle + half, leaves)
            met = (half > 0) & (w >= middle - half) & (w > nearest)
            numbers[met], nearest[met] = number, w[met]
    return numbers


def differing(positions: np.ndarray, radii: np.ndarray, top: float) -> float:
    """Share of rays for which the picture and the sum by hand see different spheres."""
    block = block_of(positions, radii, SIDE, top)
    view = view_of(block, 0.08, 0.1, SAMPLES)
    return float((cast(block, view).sphere != by_hand(positions, radii, SIDE, top, view)).mean())


@pytest.mark.parametrize("top", [2.5, np.inf])
def test_every_ray_meets_the_sphere_that_is_first(top: float) -> None:
    assert differing(X, R, top) < 0.001  # rays that graze, in single precision


@pytest.mark.parametrize("broken", ["no images", "no faces", "furthest first"])
def test_the_comparison_by_hand_notices_a_wrong_picture(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "no images":
        monkeypatch.setattr(raycast, "product", lambda *shifts: [(0.0, 0.0)])
    elif broken == "no faces":
        monkeypatch.setattr(raycast.Block, "cut", property(lambda block: np.zeros(len(block.radii), bool)))
    else:
        draw = raycast._draw
        monkeypatch.setattr(raycast, "_draw", lambda *args: draw(*args[:5], np.full_like(args[5], -np.inf)))
    assert differing(X, R, 2.5) > 0.005


def test_the_solid_share_of_a_section_is_that_of_the_discs_in_it() -> None:
    positions = np.array([[1.0, 0.3, 1.0], [3.5, 4.8, 1.2]])  # one each side of the face y = 0
    block = block_of(positions, np.array([0.5, 0.6]), SIDE, np.inf)
    view = view_of(block, 0.006, 0.0, SAMPLES)
    seen = cast(block, view)
    area = seen.section.sum() * view.step**2 / abs(eye()[2, 1])
    assert area == pytest.approx(np.pi * (0.5**2 - 0.3**2 + 0.6**2 - 0.2**2), rel=0.01)


def test_normals_are_those_of_spheres_and_faces() -> None:
    seen = cast(block := block_of(X, R, SIDE, 2.5), view_of(block, 0.05, 0.1, SAMPLES))
    assert np.linalg.norm(seen.normal, axis=-1) == pytest.approx(1, abs=2e-3)
    found = np.unique((seen.normal[seen.section] @ eye().astype(np.float32)).round(3), axis=0)
    assert {tuple(np.abs(face)) for face in found} <= {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_the_floor_is_white_away_from_the_bed_and_shaded_beside_it() -> None:
    block = block_of(np.array([[2.5, 2.5, 0.5]]), np.array([0.5]), SIDE, np.inf)
    shown = picture(block, view_of(block, 0.05, 3.0, SAMPLES), np.array([[0.0, 0.4, 0.7]]))
    assert (shown[0] == 255).all()
    assert 100 < shown[..., 2].min() < 250


def test_crevices_are_darker_than_what_stands_free() -> None:
    blue = np.full((3, 3), 0.5)
    free, hidden = np.array([[2.5, 2.5, 0.5]] * 3), np.array([[2.5, 2.5, 0.5], [3.5, 2.5, 0.5], [2.5, 1.5, 0.5]])
    brightness = []
    for positions in (free, hidden):
        block = block_of(positions, np.full(3, 0.5), SIDE, np.inf)
        view = view_of(block, 0.02, 0.1, SAMPLES)
        seen = cast(block, view).sphere[::SAMPLES, ::SAMPLES]
        brightness.append(picture(block, view, blue)[(seen == 0) if positions is hidden else (seen >= 0)].mean())
    assert brightness[1] < 0.97 * brightness[0]


@pytest.mark.slow
def test_twenty_thousand_spheres_take_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    places = np.random.default_rng(0).uniform(0, 24, (20_000, 3))
    start = time.process_time()
    packing(places, np.full(20_000, 0.5), 24.0)
    assert time.process_time() - start < 6


# what is shown


def test_components_keep_the_colours_of_their_place() -> None:
    figure = packing(X, R, SIDE, component=KIND, names=["fine", "coarse"])
    balls = figure.legends[0].legend_handles
    assert [ball.get_color() for ball in balls] == list(PALETTE[:2])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fine", "coarse"]


def test_sizes_have_a_bar_with_their_unit() -> None:
    assert packing(X, R, SIDE, unit="um").axes[1].get_xlabel() == "diameter (µm)"
    assert len(packing(X, 0 * R + 0.5, SIDE).axes) == 1


@pytest.mark.parametrize(("alike", "ratio"), [("spheres", 2.0), ("boxes", 1.0)])
def test_beds_are_drawn_at_the_common_scale(alike: str, ratio: float) -> None:
    wide = np.concatenate([X + np.array(shift) for shift in ((0, 0, 0), (5, 0, 0), (0, 5, 0), (5, 5, 5))])
    two = {"small": (X, R, SIDE, None), "large": (wide, np.tile(R, 4), 2 * SIDE, None)}
    small, large = (axes.images[0].get_array().shape[1] for axes in packings(two, alike=alike).axes[:2])
    assert large / small == pytest.approx(ratio, rel=0.12)


def test_a_ruler_has_a_round_length_and_its_unit() -> None:
    (label,) = packing(X, R, SIDE, unit="um").axes[0].texts
    assert label.get_text() == "1 µm"


def test_the_slab_s_mean_is_that_of_its_layers() -> None:
    phi = np.where((Z > 4) & (Z < 16), 0.6, 0.1)
    (said,) = packing_profiles({"a": (Z, phi, {})}, slabs={"a": (4.0, 16.0)}).axes[0].texts
    assert said.get_text() == "φ = 0.600"


def test_components_of_a_profile_stand_beside_each_other() -> None:
    axes = packing_profiles({"a": PROFILE}).axes[0]
    ends = [area.get_paths()[0].vertices[:, 0] for area in axes.collections[:2]]
    assert [(end.min(), end.max()) for end in ends] == [(0, 0.3), (0.3, 0.55)]


def test_a_median_line_has_gaps_where_no_member_has_a_number() -> None:
    values = np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan], [1, 1], [1, 1], [1, 1], [1, 1]])
    line = beta_axis(BETA, {"a": values}, y_label="y").axes[0].lines[-1]
    assert line.get_ydata()[:4] == pytest.approx([2, 5, np.nan, 1], nan_ok=True)


def test_beta_0_has_a_place_and_thresholds_have_names() -> None:
    axes = rate_spectrum(BETA, {"all": RATES}, thresholds={"2λ₁": 0.15}).axes[0]
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]
    assert 0 in axes.get_xticks()
    assert axes.texts[0].get_text() == "2λ₁ = 0.15"
    assert -0.15 < axes.get_ylim()[0] < 0


def test_latents_are_sorted_by_their_rate() -> None:
    swapped = np.where(np.arange(4)[:, None] % 2, RATES[..., ::-1], RATES)
    first, second = (
        line.get_ydata() for line in rate_spectrum(BETA, {"a": swapped}).axes[0].lines if line.get_linewidth() == 1.4
    )
    assert (first >= second).all()


def test_parity_says_how_far_and_all_cells_share_their_axes() -> None:
    worse = (PHI, PHI[::-1] + 3 * (PHI - PHI.mean()), None)
    figure = parity_grid({"a": {"1": (PHI, PHI, None), "2": worse}})
    assert figure.axes[0].texts[0].get_text() == "R² 1.00"
    assert float(figure.axes[1].texts[0].get_text()[3:].replace("−", "-")) < 0.9
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() == figure.axes[1].get_ylim()


def test_other_trainings_stand_behind_and_limits_are_those_of_all_figures() -> None:
    cells, far = {"a": {"1": (PHI, PHI, None)}}, PHI + 0.2
    figure = parity_grid(cells, others={"a": {"1": [(far, PHI, None)]}})
    assert figure.axes[0].get_xlim()[1] > far.max()
    assert [line.get_xdata().max() for line in figure.axes[0].lines if line.get_color() == GREY] == [far.max()]
    same = parity_grid(cells, limits=figure.axes[0].get_xlim())
    assert same.axes[0].get_xlim() == figure.axes[0].get_xlim()
    assert parity_grid(cells).axes[0].get_xlim() != figure.axes[0].get_xlim()


def test_five_tables_stand_in_two_rows_of_the_same_scales() -> None:
    figure = rate_spectrum(BETA, dict.fromkeys("abcde", RATES), studied=(0.5, 10.0))
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == list("abcde")
    assert len({axes.get_ylim() for axes in shown}) == len({axes.get_xlim() for axes in shown}) == 1
    assert [bool(axes.get_ylabel()) for axes in shown] == [True, False, False, True, False]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "β of Hall & Sparks"


def test_panels_of_embeddings_share_their_colours_and_say_where_nothing_differs() -> None:
    figure = embeddings({"data": (XY, VALUES), "flat": (XY, 0.65 + 1e-8 * VALUES)}, "φ")
    assert figure.axes[1].texts[0].get_text() == "0.65 in all rows"
    flat = figure.axes[1].collections[0].get_facecolors()
    assert np.ptp(flat, axis=0).max() < 1e-6
    assert np.ptp(figure.axes[0].collections[0].get_facecolors(), axis=0).max() > 0.3


@pytest.mark.parametrize("coefficients", [(2.0, -1.0, 3.0), (0.0, 1e4, -5.0), (1e-6, 0.0, 1.0)])
def test_a_parabola_is_found_again(coefficients: tuple[float, float, float]) -> None:
    fit = quadratic_fit(BETA, np.polyval(coefficients, BETA))
    assert fit is not None
    assert np.polyval(fit.coefficients, BETA) == pytest.approx(np.polyval(coefficients, BETA), rel=1e-9)
    assert fit.r2 == pytest.approx(1)


def test_a_parabola_explains_little_of_noise() -> None:
    draw = np.random.default_rng(0)
    fits = [quadratic_fit(np.arange(50.0), draw.normal(size=50)) for _ in range(50)]
    assert np.mean([fit.r2 for fit in fits if fit is not None]) == pytest.approx(2 / 49, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_no_parabola_goes_through_two_places_or_one_score(seed: int) -> None:
    """Whatever rounding makes of them: the fit would be of rounding."""
    draw = np.random.default_rng(seed)
    rounding = 1e-15 * draw.normal(size=20)
    two = np.where(np.arange(20) < 10, 0.1, 0.7) + rounding
    assert quadratic_fit(two, draw.normal(size=20)) is None
    assert quadratic_fit(np.arange(20.0), 0.1 + 1e-2 * rounding) is None
    assert quadratic_fit(np.append(two, 0.5), draw.normal(size=21)) is not None


def test_undefined_scores_are_counted() -> None:
    texts = [text.get_text() for text in against({"": SCORES}).axes[0].texts]
    assert "1 not defined" in texts


def test_shares_within_the_tolerance_are_counted_and_far_designs_become_arrows() -> None:
    target = np.array([0.6, 0.7, 0.7, 0.8])
    figure = design_targets({"a": (target, target + np.array([0, 0.01, 0.02, 0.3]), None)}, 0.0101)
    assert figure.legends[0].get_texts()[1].get_text() == "a: 50 % of 4"
    (arrows,) = [line for line in figure.axes[1].lines if line.get_marker() == "^"]
    assert len(arrows.get_xdata()) == 1


def test_pure_components_are_corners() -> None:
    axes = design_diversity({"a": (np.eye(3), np.array([1.0, 2.0, 3.0]))}, ["x", "y", "z"]).axes[0]
    assert np.asarray(axes.collections[-1].get_offsets()) == pytest.approx(
        np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    )


def test_sizes_end_with_a_step_where_they_are_cut() -> None:
    line = size_distribution({"a": DENSITY}).axes[0].lines[0]
    assert line.get_ydata()[[0, -1]].tolist() == [0, 0]
    assert line.get_xdata()[[0, -1]] == pytest.approx(D[[0, -1]])
